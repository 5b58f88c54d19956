// SPDX-License-Identifier: Apache-2.0
//! What is waived: a line for each waiver.

use super::result::Report;
use super::table::grouped;
use crate::waivers::WaiverUse;

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
    let noun = if use_.runs == 1 { "run" } else { "runs" };
    use_.line(&format!("waived {} times in {} {noun}", grouped(use_.count), use_.runs))
}
