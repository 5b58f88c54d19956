// SPDX-License-Identifier: Apache-2.0
//! Compares what an operation did with what a case expects, field by field.

use golden::{Fault, Message, MessageKind, Outcome, Response, Target, TrResponse, Translation};
use serde::Serialize;

use super::case::Op;
use super::expected::{Debug, Expected, Status};
use super::subject::{Answer, BusAnswer, Observed};

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which field
    pub field: String,
    /// What the case expects
    pub expected: String,
    /// What came
    pub came: String,
}

/// The differences to the answer that is expected, or none if one of the allowed answers came. What cannot be seen of
/// an operation is not compared.
#[must_use]
pub fn compare(op: &Op, observed: &Observed) -> Vec<Difference> {
    let first = Differences::to(&op.expected, observed);
    match &op.alternative {
        Some(other) if !first.is_empty() && Differences::to(other, observed).is_empty() => Vec::new(),
        _ => first,
    }
}

/// Of iotval and iotval2, bits 63:12 and 1:0 count.
const VISIBLE: u64 = !0xffc;

struct Differences(Vec<Difference>);

impl Differences {
    fn to(expected: &Expected, observed: &Observed) -> Vec<Difference> {
        let mut found = Self(Vec::new());
        match &observed.answer {
            None => {}
            Some(Answer::Full(outcome)) => found.outcome(expected, outcome),
            Some(Answer::Bus(answer)) => found.bus(expected, answer),
        }
        if let Some(value) = observed.value {
            found.number("value", expected.value, value);
        }
        if let (Some(expected), Some(response)) = (&expected.debug, observed.debug) {
            found.debug(expected, response);
        }
        let records = |rows: &[Vec<u64>]| {
            let visible = |row: &Vec<u64>| vec![row[0], row[1], row[2] & VISIBLE, row[3] & VISIBLE];
            let mut rows: Vec<_> = rows.iter().map(visible).collect();
            // Identical faults may be merged.
            rows.dedup();
            rows
        };
        found.rows("fault records", &records(&expected.fault_records), &records(&observed.fault_records));
        found.rows("page requests", &expected.page_requests, &observed.page_requests);
        let set = |rows: &[Vec<u64>]| {
            let mut rows = rows.to_vec();
            rows.sort_unstable();
            rows.dedup();
            rows
        };
        found.rows("writes", &set(&expected.writes), &set(&observed.writes));
        if let Some(messages) = &observed.messages {
            let rows = |rows: Vec<Vec<u64>>| rows;
            let expected_rows = rows(expected.messages.iter().map(super::expected::Message::row).collect());
            found.rows("messages", &expected_rows, &rows(messages.sent.iter().map(row).collect()));
            let sync = expected.sync.as_deref().unwrap_or_default();
            found.words("sync", sync, &messages.ordered);
        }
        for offset in super::subject::WATCHED {
            let [expected, came] = [&expected.registers, &observed.registers]
                .map(|all| all.get(&offset).map_or("unchanged".to_owned(), |value| format!("{value:#x}")));
            found.words(&format!("register {offset} ({})", register(offset)), &expected, &came);
        }
        found.0
    }

    fn words(&mut self, field: &str, expected: &str, came: &str) {
        if expected != came {
            let (expected, came) = (expected.to_owned(), came.to_owned());
            self.0.push(Difference { field: field.to_owned(), expected, came });
        }
    }

    /// A field that may be absent, which is: do not care.
    fn number(&mut self, field: &str, expected: Option<u64>, came: u64) {
        if let Some(expected) = expected {
            self.words(field, &format!("{expected:#x}"), &format!("{came:#x}"));
        }
    }

    fn rows(&mut self, field: &str, expected: &[Vec<u64>], came: &[Vec<u64>]) {
        let text = |rows: &[Vec<u64>]| match rows {
            [] => "none".to_owned(),
            rows => rows
                .iter()
                .map(|row| format!("{row:#x?}").split_whitespace().collect::<String>())
                .collect::<Vec<_>>()
                .join(" "),
        };
        self.words(field, &text(expected), &text(came));
    }

    fn outcome(&mut self, expected: &Expected, outcome: &Outcome) {
        let (status, what) = match outcome {
            Outcome::Translated(t) => (Some(Status::Ok), format!("ok, {:#x}", t.spa)),
            Outcome::Fault(fault) => {
                (Some(status_of(fault)), format!("{:?}, cause {}", status_of(fault), fault.cause.code()))
            }
            Outcome::Unavailable => (None, "nothing".to_owned()),
        };
        if status != expected.status {
            return self.words("status", &status_text(expected), &what.to_lowercase());
        }
        match outcome {
            Outcome::Fault(fault) => self.number("cause", expected.cause.map(u64::from), fault.cause.code().into()),
            Outcome::Translated(translation) => self.translation(expected, translation),
            Outcome::Unavailable => {}
        }
    }

    fn translation(&mut self, expected: &Expected, came: &Translation) {
        let mrif = match came.target {
            Target::Mrif(mrif) => Some(mrif),
            _ => None,
        };
        let permissions = came.permissions;
        self.number("r", expected.r, permissions.read.into());
        self.number("w", expected.w, permissions.write.into());
        self.number("x", expected.x, permissions.execute.into());
        self.number("u", expected.u, came.untranslated_only.into());
        self.number("g", expected.g, came.global.into());
        self.number("priv", expected.privileged, came.privileged.into());
        self.number("denied_by", expected.denied_by, came.denied_by.map_or(0, |cause| cause.code().into()));
        self.number("msi", expected.msi, (came.target != Target::Memory).into());
        self.number("mrif", expected.mrif, mrif.is_some().into());
        match mrif {
            Some(mrif) => {
                self.number("mrif_addr", expected.mrif_addr, mrif.addr.0);
                self.number("notice_pa", expected.notice_pa, mrif.notice.0);
                self.number("nid", expected.nid, mrif.nid.into());
            }
            None => self.number("pa", expected.pa, came.spa.0),
        }
        self.number("pbmt", expected.pbmt, came.pbmt as u64);
        self.size(expected.size, came.size_log2);
    }

    /// 2^48 stands for unconstrained; a NAPOT page may show as 4 KiB.
    fn size(&mut self, expected: Option<u64>, came_log2: u8) {
        let came = 1u64 << came_log2.min(48);
        let expected = expected.map(|expected| expected.min(1 << 48));
        if (expected, came) != (Some(0x1000), 0x1_0000) {
            self.number("size", expected, came);
        }
    }

    fn bus(&mut self, expected: &Expected, came: &BusAnswer) {
        let translated: Vec<_> = came.translated.iter().map(|(addr, pbmt)| format!("{addr:#x}, pbmt {pbmt}")).collect();
        let refused = if came.refused { "refused" } else { "ok" };
        let text = match translated.as_slice() {
            [] => refused.to_owned(),
            all => format!("{refused}, on mem_*: {}", all.join("; ")),
        };
        match (expected.status == Some(Status::Ok), came.refused, came.translated.as_slice()) {
            (true, false, &[(addr, pbmt)]) => {
                self.number("pa", expected.pa, addr);
                self.number("pbmt", expected.pbmt, pbmt.into());
            }
            (false, true, []) => {}
            _ => self.words("status", &status_text(expected), &text),
        }
    }

    fn debug(&mut self, expected: &Debug, came: TrResponse) {
        self.number("debug fault", Some(expected.fault), came.fault().into());
        let (false, Some(pa)) = (came.fault(), expected.pa) else { return };
        let size_log2 = if came.s() { 13 + came.ppn().trailing_ones() as u8 } else { 12 };
        let base = |addr: u64| addr >> size_log2.min(63) << size_log2.min(63);
        self.number("debug pbmt", expected.pbmt, came.pbmt().into());
        self.number("debug pa", Some(base(pa)), base(came.ppn() << 12));
        // "An implementation is allowed to … report a translation size that is smaller" (`tr_response`).
        if expected.size.is_none_or(|most| most >> size_log2.min(63) == 0) {
            self.size(expected.size, size_log2);
        }
    }
}

fn status_of(fault: &Fault) -> Status {
    match fault.response {
        Response::UnsupportedRequest => Status::Ur,
        Response::CompleterAbort => Status::Ca,
    }
}

fn status_text(expected: &Expected) -> String {
    match (expected.status, expected.pa, expected.cause) {
        (None, ..) => "nothing".to_owned(),
        (Some(Status::Ok), Some(pa), _) => format!("ok, {pa:#x}"),
        (Some(Status::Ok), None, _) => "ok".to_owned(),
        (Some(status), _, Some(cause)) => format!("{status:?}, cause {cause}").to_lowercase(),
        (Some(status), _, None) => format!("{status:?}").to_lowercase(),
    }
}

fn row(message: &Message) -> Vec<u64> {
    let (code, tag) = match message.kind {
        MessageKind::InvalidationRequest { itag } => (1, itag.into()),
        MessageKind::PageGroupResponse => (5, 0),
    };
    let (pv, pid) = message.process.map_or((0, 0), |process| (1, process.0.into()));
    let (dsv, dseg) = message.segment.map_or((0, 0), |segment| (1, segment.into()));
    vec![code, tag, message.rid.into(), pv, pid, dsv, dseg, message.payload]
}

const fn register(offset: u16) -> &'static str {
    match offset {
        golden::offset::CQH => "cqh",
        golden::offset::CQCSR => "cqcsr",
        golden::offset::FQCSR => "fqcsr",
        golden::offset::PQCSR => "pqcsr",
        _ => "ipsr",
    }
}
