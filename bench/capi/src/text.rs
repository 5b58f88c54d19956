// SPDX-License-Identifier: Apache-2.0

//! Texts for people and programs.

use std::ffi::CString;
use std::fmt::Write as _;

use oracle::{Blame, Figures, Finding};

/// A text without the byte 0, which would end it.
pub fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// A finding for people, over several lines.
pub fn evidence(finding: &Finding) -> String {
    let whose = match finding.blame {
        Blame::DutViolation => "DUT VIOLATION",
        Blame::SoftwareHazard => "software hazard",
    };
    let Finding { rule, detail, section, right, wrong, cycle, evidence, .. } = finding;
    let mut text = format!("{whose}: {rule}");
    if !detail.is_empty() {
        let _ = write!(text, " ({detail})");
    }
    let _ = write!(text, " in cycle {cycle}\n  right: {right}\n  wrong: {wrong}\n  see:   {section}\n{evidence}");
    text
}

/// A number of the figures by its name; a group of numbers counts as its sum.
pub fn figure(figures: &Figures, name: &str) -> Option<u64> {
    let all = serde_json::to_value(figures).ok()?;
    match all.get(name)? {
        serde_json::Value::Object(group) => Some(group.values().filter_map(serde_json::Value::as_u64).sum()),
        number => number.as_u64(),
    }
}
