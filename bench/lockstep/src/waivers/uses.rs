// SPDX-License-Identifier: Apache-2.0
//! What became of each waiver in a regression.

use ::waivers::{NaiveDate, Use, WaiverUse, Waivers};

use crate::runner::RunReport;

/// What became of each waiver of a file on this day.
pub fn uses(waivers: &Waivers, runs: &[RunReport], day: NaiveDate) -> Vec<WaiverUse> {
    let used = |run: &RunReport| run.waived.iter().map(|one| Use { waiver: one.waiver, count: one.count }).collect();
    waivers.uses(&runs.iter().map(used).collect::<Vec<_>>(), day)
}
