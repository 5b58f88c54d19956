// SPDX-License-Identifier: Apache-2.0
//! A fault record beside the nearest one that is owed, field by field.

use std::fmt::Write as _;

use golden::{DeviceId, FaultRecord, Spa};

use super::super::Oracle;
use super::super::faults::{Came, Owed};
use super::names::Names;

/// What a record says of one thing.
struct Field {
    name: &'static str,
    came: String,
    right: String,
    differs: bool,
}

fn transaction(ttyp: u8) -> &'static str {
    match ttyp {
        0 => "none",
        1 => "untranslated read for execute",
        2 => "untranslated read",
        3 => "untranslated write",
        5 => "translated read for execute",
        6 => "translated read",
        7 => "translated write",
        8 => "translation request",
        9 => "message",
        _ => "reserved",
    }
}

/// Every field of two records, in the order of the specification. A page offset of 0 may stand for any.
fn fields(came: &FaultRecord, right: &FaultRecord, names: &Names) -> [Field; 8] {
    let field = |name, show: &dyn Fn(&FaultRecord) -> String| {
        let (came, right) = (show(came), show(right));
        Field { name, differs: came != right, came, right }
    };
    let address = |name, get: fn(&FaultRecord) -> u64, offset: u64| {
        let (came, right) = (get(came), get(right));
        let differs = came != right && came != right & !offset;
        Field { name, came: format!("{came:#x}"), right: format!("{right:#x}"), differs }
    };
    let of_process = |record: &FaultRecord, show: String| if record.head.pv() { show } else { "-".to_owned() };
    [
        field("CAUSE", &|r| format!("{} ({})", r.head.cause(), r.cause().map_or("reserved", golden::Cause::name))),
        field("TTYP", &|r| format!("{} ({})", r.head.ttyp(), transaction(r.head.ttyp()))),
        field("DID", &|r| names.device(DeviceId(r.head.did())).replacen("device ", "", 1)),
        field("PV", &|r| u8::from(r.head.pv()).to_string()),
        field("PID", &|r| of_process(r, format!("{:#x}", r.head.pid()))),
        field("PRIV", &|r| of_process(r, u8::from(r.head.privileged()).to_string())),
        address("iotval", |r| r.iotval, 0xFFF),
        address("iotval2", |r| r.iotval2, 0xFFC),
    ]
}

fn distance(came: &FaultRecord, right: &FaultRecord) -> usize {
    fields(came, right, &Names::default()).iter().filter(|field| field.differs).count()
}

/// Which fields differ, for the kind: `cause 13, right 12`, `cause 13: iotval2`.
pub fn difference(came: &FaultRecord, right: &FaultRecord) -> String {
    let mut text = format!("cause {}", came.head.cause());
    if came.head.cause() != right.head.cause() {
        let _ = write!(text, ", right {}", right.head.cause());
    }
    let others: Vec<&str> = fields(came, right, &Names::default())
        .into_iter()
        .filter(|field| field.differs && field.name != "CAUSE")
        .map(|field| field.name)
        .collect();
    if !others.is_empty() {
        let _ = write!(text, ": {}", others.join(", "));
    }
    text
}

/// The two records side by side.
pub fn beside(came: &FaultRecord, right: &FaultRecord, names: &Names) -> String {
    let fields = fields(came, right, names);
    let width = fields.iter().map(|field| field.came.len()).max().unwrap_or(0).max(12);
    let other = fields.iter().map(|field| field.right.len()).max().unwrap_or(0);
    let mut text = format!("            {:width$}  the nearest that is right\n", "the device's");
    for Field { name, came, right, differs } in fields {
        let mark = if differs { "  <- differs" } else { "" };
        let line = format!("  {name:<8}  {came:width$}  {right:other$}{mark}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

impl Oracle {
    /// What is known of a record that no refused request explains: it beside the nearest that one owes or has left, and of
    /// which request that is. The second part is that record, and who owes it.
    pub(super) fn wrong_record(&self, came: &Came) -> (String, Option<(FaultRecord, &Owed)>) {
        let Came { record, index, cycle } = came;
        let at = Spa(self.faults.ring().base.0 + u64::from(*index) * 32);
        let mut text = format!("the record came into entry {index} of the fault queue, at {at:#x}, in cycle {cycle}\n");
        // No record is of a request that came after it.
        let refused = self.faults.refusals().filter(|(owed, _)| owed.window.offered <= *cycle);
        let all = refused.flat_map(|(owed, left)| owed.possible.iter().map(move |fault| (owed, left, fault.record())));
        let is_near =
            |right: &FaultRecord| right.head.did() == record.head.did() || right.iotval >> 12 == record.iotval >> 12;
        // One that has left its record owes no other, but for a record that came twice: that weighs as a field that differs.
        // Of equals the one of the same cause counts, then the one that was refused last before.
        let far = |(owed, left, right): &(&Owed, Option<Came>, FaultRecord)| {
            let distance = distance(record, right);
            let is_of_another = record.head.cause() != right.head.cause();
            let far = distance + usize::from(left.is_some() && distance > 0);
            (far, is_of_another, owed.window.end.abs_diff(*cycle))
        };
        let Some((owed, left, right)) = all.filter(|(.., right)| is_near(right)).min_by_key(far) else {
            let _ = writeln!(text, "no refused request is of {}", self.names.device(DeviceId(record.head.did())));
            return (text, None);
        };
        if distance(record, &right) > 0 {
            text.push_str(&beside(record, &right, &self.names));
        }
        let what = owed.request.map(|request| super::say::request_line(&request, &self.names));
        let what = what.map(|line| format!(", a {line}")).unwrap_or_default();
        let _ = writeln!(text, "the nearest is of {}{what}, refused in cycle {}", owed.origin, owed.window.end);
        if let Some(Came { index, cycle, .. }) = left {
            let _ = writeln!(
                text,
                "{} has left its record in entry {index}, in cycle {cycle}, and owes no other",
                owed.origin
            );
        }
        (text, Some((right, owed)))
    }
}

#[cfg(test)]
mod tests {
    use events::Named;
    use golden::{Cause, Fault, ProcessId, Response, Ttyp};

    use super::*;

    fn fault() -> Fault {
        Fault {
            cause: Cause::ReadGuestPageFault,
            iotval: 0x1000_0008,
            iotval2: 0x3000_0001,
            ttyp: Ttyp::UntranslatedRead,
            device: DeviceId(0x12),
            process: None,
            privileged: false,
            reported: true,
            response: Response::UnsupportedRequest,
        }
    }

    #[test]
    fn fields_that_differ_are_marked() {
        let mut names = Names::default();
        names.named("nic", &Named::Device(vec![DeviceId(0x12)]));
        let (cause, process) = (Cause::InstructionGuestPageFault, Some(ProcessId(3)));
        let came = Fault { cause, process, iotval: 0x1000_0000, ..fault() }.record();
        insta::assert_snapshot!(beside(&came, &fault().record(), &names));
        assert_eq!(distance(&came, &fault().record()), 4, "the page offset need not be provided");
    }

    #[test]
    fn equal_records_have_no_marks() {
        assert!(!beside(&fault().record(), &fault().record(), &Names::default()).contains("differs"));
    }
}
