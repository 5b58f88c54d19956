// SPDX-License-Identifier: Apache-2.0
//! What became of each waiver.

use chrono::NaiveDate;
use serde::{Serialize, Serializer};

use super::file::{Waiver, Waivers};
use crate::runner::RunReport;

/// What became of a waiver in a regression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Something fell under it.
    Used,
    /// Nothing did, although it held.
    Unused,
    /// Its last day is over: it did not hold.
    Expired,
}

/// A waiver, and how often it was used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaiverUse {
    /// What it says
    #[serde(serialize_with = "shown")]
    pub waiver: Waiver,
    /// What became of it
    pub state: State,
    /// Runs in which something fell under it
    pub runs: usize,
    /// How often, over all runs
    pub count: u64,
}

fn shown<S: Serializer>(waiver: &Waiver, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::json!({
        "line": waiver.line,
        "rule": waiver.pattern.rule,
        "detail": waiver.pattern.detail,
        "structure": waiver.pattern.structure,
        "command": waiver.pattern.command,
        "scenarios": waiver.scenarios,
        "seeds": waiver.seeds,
        "reason": waiver.reason,
        "link": waiver.link,
        "until": waiver.until.map(|day| day.to_string()),
    })
    .serialize(serializer)
}

/// What became of each waiver of a file on this day.
pub fn uses(waivers: &Waivers, runs: &[RunReport], day: NaiveDate) -> Vec<WaiverUse> {
    let of = |at: usize, waiver: &Waiver| {
        let mine = |run: &&RunReport| run.waived.iter().any(|use_| use_.waiver == at);
        let counts = runs.iter().flat_map(|run| &run.waived).filter(|use_| use_.waiver == at).map(|use_| use_.count);
        let (runs, count) = (runs.iter().filter(mine).count(), counts.sum());
        let state = match () {
            () if runs > 0 => State::Used,
            () if waiver.is_expired(day) => State::Expired,
            () => State::Unused,
        };
        WaiverUse { waiver: waiver.clone(), state, runs, count }
    };
    waivers.all.iter().enumerate().map(|(at, waiver)| of(at, waiver)).collect()
}
