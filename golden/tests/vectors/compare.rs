//! Compares what an operation did with what a case expects, field by field.

use golden::{Kind, Outcome, Request, Response, Target, TrResponse, Translation};
use serde_json::Value;

use super::case::{Action, Op, number};
use super::subject::{Observed, is_msi, message_code};

/// A field that differs.
pub struct Difference {
    pub field: String,
    pub expected: String,
    pub found: String,
}

/// Differences of one field after the other.
struct Differences(Vec<Difference>);

impl Differences {
    fn check<T: PartialEq + std::fmt::LowerHex>(&mut self, field: &str, expected: T, found: T) {
        if expected != found {
            self.note(field, format!("{expected:#x}"), format!("{found:#x}"));
        }
    }

    fn note(&mut self, field: &str, expected: String, found: String) {
        self.0.push(Difference { field: field.to_owned(), expected, found });
    }
}

/// The differences to the closest of the allowed answers; none: the operation agrees.
pub fn compare(op: &Op, observed: &Observed) -> Vec<Difference> {
    let first = against(&op.action, &op.expected, observed);
    match &op.alternative {
        Some(alternative) if !first.is_empty() && against(&op.action, alternative, observed).is_empty() => Vec::new(),
        _ => first,
    }
}

fn against(action: &Action, expected: &Value, observed: &Observed) -> Vec<Difference> {
    let mut differences = Differences(Vec::new());
    if let (Action::Translate(request), Some(outcome)) = (action, &observed.outcome) {
        translation(&mut differences, request, expected, outcome);
    }
    if let (Some(value), Some(found)) = (expected.get("val"), observed.value) {
        differences.check("value", number(value), found);
    }
    if let (Some(expected), Some(found)) = (expected.get("dbg"), observed.debug) {
        debug(&mut differences, expected, found);
    }
    fault_records(&mut differences, &expected["fq"], &observed.fault_records);
    lists(
        &mut differences,
        "page request",
        &rows(&expected["pq"]),
        &observed.page_requests.iter().map(|r| r.to_vec()).collect::<Vec<_>>(),
    );

    let mut writes: Vec<_> = observed.writes.iter().map(|w| vec![w.0, w.1.into(), w.2]).collect();
    let mut wanted = rows(&expected["mw"]);
    writes.sort_unstable();
    writes.dedup();
    wanted.sort_unstable();
    wanted.dedup();
    lists(&mut differences, "write", &wanted, &writes);

    let messages: Vec<_> = observed
        .messages
        .iter()
        .map(|message| {
            let (code, tag) = message_code(message);
            let (pv, pid) = message.process.map_or((0, 0), |process| (1, u64::from(process.0)));
            let (dsv, dseg) = message.segment.map_or((0, 0), |segment| (1, u64::from(segment)));
            vec![code, tag, message.rid.into(), pv, pid, dsv, dseg, message.payload]
        })
        .collect();
    let wanted: Vec<Vec<u64>> = expected["msg"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| ["code", "tag", "rid", "pv", "pid", "dsv", "dseg", "payload"].map(|k| number(&m[k])).to_vec())
        .collect();
    lists(&mut differences, "message", &wanted, &messages);

    let ordered = expected["sync"].as_str().unwrap_or("");
    if ordered != observed.ordered.join("") {
        differences.note("sync", ordered.to_owned(), observed.ordered.join(""));
    }

    let found: Vec<_> = observed.registers.iter().map(|(at, value)| vec![u64::from(*at), *value]).collect();
    let mut wanted: Vec<Vec<u64>> = expected["regs"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(at, value)| vec![at.parse().expect("offset"), number(value)])
        .collect();
    wanted.sort_unstable();
    lists(&mut differences, "register", &wanted, &found);
    differences.0
}

fn rows(value: &Value) -> Vec<Vec<u64>> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| row.as_array().into_iter().flatten().map(number).collect())
        .collect()
}

fn lists(differences: &mut Differences, field: &str, expected: &[Vec<u64>], found: &[Vec<u64>]) {
    if expected != found {
        differences.note(field, format!("{expected:x?}"), format!("{found:x?}"));
    }
}

/// Of iotval and iotval2, bits 63:12 and 1:0 count; identical records may be merged.
fn fault_records(differences: &mut Differences, expected: &Value, found: &[[u64; 4]]) {
    let visible = |row: &[u64]| vec![row[0], row[1], row[2] & !0xffc, row[3] & !0xffc];
    let mut expected: Vec<_> = rows(expected).iter().map(|row| visible(row)).collect();
    let mut found: Vec<_> = found.iter().map(|row| visible(row)).collect();
    expected.dedup();
    found.dedup();
    lists(differences, "fault record", &expected, &found);
}

fn status(request: &Request, outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Translated(_) => "ok",
        Outcome::Fault(fault) if fault.response == Response::CompleterAbort => "ca",
        Outcome::Fault(_) => "ur",
        Outcome::Unavailable => {
            let _ = request;
            "unavailable"
        }
    }
}

fn translation(differences: &mut Differences, request: &Request, expected: &Value, outcome: &Outcome) {
    let wanted = expected["st"].as_str().expect("status");
    let found = status(request, outcome);
    if wanted != found {
        differences.note("status", format!("{wanted}, {expected}"), format!("{found}, {outcome:x?}"));
        return;
    }
    match outcome {
        Outcome::Fault(fault) => {
            differences.check("cause", number(&expected["cause"]), fault.cause.code().into());
        }
        Outcome::Translated(translation) => success(differences, request, expected, translation),
        Outcome::Unavailable => {}
    }
}

fn success(differences: &mut Differences, request: &Request, expected: &Value, found: &Translation) {
    if let Kind::Ats { .. } = request.kind {
        let p = found.permissions;
        for (field, bit) in [
            ("r", p.read),
            ("w", p.write),
            ("x", p.execute),
            ("u", found.untranslated_only),
            ("g", found.global),
            ("priv", found.privileged),
        ] {
            if let Some(value) = expected.get(field) {
                differences.check(field, number(value), bit.into());
            }
        }
        if let Some(cause) = expected.get("denied_by") {
            differences.check("denied_by", number(cause), found.denied_by.map_or(0, |cause| cause.code().into()));
        }
    }
    if expected.get("pa").is_some() && !matches!(found.target, Target::Mrif(_)) {
        differences.check("pa", number(&expected["pa"]), found.spa.0);
    }
    if let Some(size) = expected.get("sz") {
        check_size(differences, number(size), found.size_log2);
    }
    if let Some(pbmt) = expected.get("pbmt") {
        differences.check("pbmt", number(pbmt), found.pbmt as u64);
    }
    if let Some(msi) = expected.get("msi") {
        differences.check("msi", number(msi), is_msi(found.target).into());
    }
    let mrif = match found.target {
        Target::Mrif(mrif) => Some(mrif),
        _ => None,
    };
    if let Some(value) = expected.get("mrif") {
        differences.check("mrif", number(value), mrif.is_some().into());
    }
    for (field, value) in [
        ("mrif_addr", mrif.map(|mrif| mrif.addr.0)),
        ("notice_pa", mrif.map(|mrif| mrif.notice.0)),
        ("nid", mrif.map(|mrif| mrif.nid.into())),
    ] {
        if let (Some(expected), Some(found)) = (expected.get(field), value) {
            differences.check(field, number(expected), found);
        }
    }
}

/// 2^48 stands for unconstrained; a NAPOT page may show as 4 KiB.
fn check_size(differences: &mut Differences, expected: u64, found_log2: u8) {
    let found = 1u64 << found_log2.min(48);
    if expected.min(1 << 48) != found && !(expected == 0x1000 && found == 0x1_0000) {
        differences.check("size", expected, found);
    }
}

fn debug(differences: &mut Differences, expected: &Value, found: TrResponse) {
    differences.check("debug fault", number(&expected["fault"]), found.fault().into());
    if found.fault() || expected.get("pa").is_none() {
        return;
    }
    let size_log2 = if found.s() { 13 + found.ppn().trailing_ones() as u8 } else { 12 };
    let base = |addr: u64| addr >> size_log2.min(63) << size_log2.min(63);
    differences.check("debug pbmt", number(&expected["pbmt"]), found.pbmt().into());
    differences.check("debug pa", base(number(&expected["pa"])), base(found.ppn() << 12));
    check_size(differences, number(&expected["sz"]), size_log2);
}
