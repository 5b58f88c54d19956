// SPDX-License-Identifier: Apache-2.0
//! What is waived: a line for each waiver.

use super::result::Report;
use super::table::grouped;
use crate::waivers::{State, WaiverUse};

/// A line for each waiver of a report: what became of it, what it waives, why.
pub(super) fn lines(report: &Report) -> String {
    let mut text = String::new();
    for waiver in told(report) {
        text += &line(waiver);
        text.push('\n');
    }
    text
}

/// Those of which something is said. What a part of a regression has no use for may have one in another.
pub(super) fn told(report: &Report) -> impl Iterator<Item = &WaiverUse> {
    report.waivers.iter().filter(|used| report.part.is_none() || used.state != State::Unused)
}

/// One of them.
pub(super) fn line(use_: &WaiverUse) -> String {
    let noun = if use_.runs == 1 { "run" } else { "runs" };
    use_.line(&format!("waived {} times in {} {noun}", grouped(use_.count), use_.runs))
}
