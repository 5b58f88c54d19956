// SPDX-License-Identifier: Apache-2.0
//! What is waived: a line for each waiver.

use super::result::Report;
use super::table::grouped;
use crate::waivers::{State, WaiverUse};

/// A line for each waiver of a report: what became of it, what it waives, why.
pub(super) fn lines(report: &Report) -> String {
    let mut text = String::new();
    for waiver in &report.waivers {
        text += &line(waiver);
        text.push('\n');
    }
    text
}

/// One of them.
pub(super) fn line(use_: &WaiverUse) -> String {
    let WaiverUse { waiver, state, runs, count } = use_;
    let pattern = &waiver.pattern;
    let parts = [&pattern.detail, &pattern.structure, &pattern.command].into_iter().flatten();
    let what = parts.fold(pattern.rule.clone(), |text, part| text + ", " + part);
    let became = match state {
        State::Used => {
            let noun = if *runs == 1 { "run" } else { "runs" };
            format!("waived {} times in {runs} {noun}", grouped(*count))
        }
        State::Unused => "unused waiver: nothing falls under it any more".to_owned(),
        State::Expired => {
            let until = waiver.until.map(|day| format!(" ({day} was its last day)")).unwrap_or_default();
            format!("expired waiver{until}: it did not hold")
        }
    };
    let link = waiver.link.as_ref().map(|link| format!(", {link}")).unwrap_or_default();
    format!("{became}: {what}: {}{link} (line {})", waiver.reason, waiver.line)
}
