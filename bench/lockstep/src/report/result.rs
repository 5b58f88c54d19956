// SPDX-License-Identifier: Apache-2.0
//! The one type of results.

use std::collections::BTreeMap;
use std::time::Duration;

use scenario::Requirement;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::since::Since;
use crate::runner::{RunReport, Shard, Verdict};
use crate::waivers::WaiverUse;

/// Wall-clock times; they differ from run to run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// Building and loading the device under test
    pub build: Duration,
    /// Playing all runs
    pub play: Duration,
}

/// The part of a regression that a report is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Which
    pub shard: Shard,
    /// The same for all parts that fit together
    pub plan: String,
    /// How many runs the whole has
    pub all: usize,
    /// How many of them this part has
    pub own: usize,
    /// Not everything was asked for: a waiver without a use may have one in the rest
    pub is_selection: bool,
    /// The place of each run in the whole
    pub places: Vec<usize>,
}

/// All that a regression found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The device under test: `model`, or the name of the RTL description
    pub device: String,
    /// Base seed
    pub base_seed: u64,
    /// Runs in order: scenario, variant, seed
    pub runs: Vec<RunReport>,
    /// Runs that were not played or not finished since the user interrupted
    pub interrupted: usize,
    /// Runs that were not played since the device under test lacks this: nothing is left that it could play
    pub left_out: BTreeMap<Requirement, usize>,
    /// The file of waivers
    pub waivers_file: Option<String>,
    /// What they came of
    pub origin: Origin,
    /// What is new since other results, if there are others
    pub since: Option<Since>,
    /// What became of each waiver
    pub waivers: Vec<WaiverUse>,
    /// It is a part of one
    pub part: Option<Part>,
    /// Times
    pub times: Times,
}

/// Exit codes of `lockstep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All runs passed.
    Passed = 0,
    /// A run failed.
    Failed = 1,
    /// Bad usage, a mistake in a scenario, RTL that does not build, an output file that cannot be written.
    Usage = 2,
    /// The device under test crashed or hung.
    Crashed = 3,
    /// Nothing ran.
    Nothing = 4,
    /// A run was stopped from outside: its worker was killed, or its time on the wall clock was over.
    Stopped = 5,
    /// An internal error of lockstep.
    Internal = 70,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        (code as u8).into()
    }
}

impl Report {
    /// What the process exits with. The worst counts: crash before failure, failure before a file that is no scenario, and
    /// that before what was stopped from outside.
    pub fn exit_code(&self) -> ExitCode {
        let any = |test: fn(&RunReport) -> bool| self.runs.iter().any(test);
        if any(|run| !run.passed && matches!(run.verdict, Verdict::Hung | Verdict::Crashed)) {
            ExitCode::Crashed
        } else if any(|run| !run.passed && !run.verdict.is_stopped() && run.mistakes.is_empty()) {
            ExitCode::Failed
        } else if any(|run| !run.mistakes.is_empty()) {
            ExitCode::Usage
        } else if any(|run| !run.passed) {
            ExitCode::Stopped
        } else if self.interrupted > 0 {
            ExitCode::Interrupted
        } else if self.runs.is_empty() && !self.is_empty_part() {
            ExitCode::Nothing
        } else {
            ExitCode::Passed
        }
    }

    /// There are more parts than runs, and this one has none.
    fn is_empty_part(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.own == 0 && part.all > 0)
    }

    /// Number of runs that passed.
    pub fn passed(&self) -> usize {
        self.runs.iter().filter(|run| run.passed).count()
    }

    /// Runs that the model played in place of the device under test.
    pub fn stand_ins(&self) -> Vec<&RunReport> {
        self.runs.iter().filter(|run| !run.stands_in_for.is_empty()).collect()
    }

    /// How many of these runs there are for each feature that the device under test lacks.
    pub fn lacking(&self) -> BTreeMap<Requirement, usize> {
        let mut counts = BTreeMap::new();
        for needed in self.runs.iter().flat_map(|run| &run.stands_in_for) {
            *counts.entry(*needed).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
#[path = "result_tests.rs"]
mod tests;
