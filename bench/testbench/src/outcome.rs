// SPDX-License-Identifier: Apache-2.0
//! What a run on the test bench came to.

use oracle::{Coverage, Divergence, Figures, Finding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::series::Series;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum End {
    /// All steps were played and the machine came to rest.
    Finished,
    /// The oracle found a DUT violation and stopped the run.
    Violation,
    /// The device stopped itself: an assertion or `$fatal`.
    Stopped {
        /// Source file
        file: String,
        /// Line
        line: u32,
        /// Message
        message: String,
    },
    /// A bound ran out.
    Hung {
        /// Who waits for whom
        waiting: String,
    },
    /// It was given up: it took longer on the wall clock than it may. That says nothing of the device.
    OutOfTime {
        /// How long it may take
        seconds: u64,
        /// How far it had come
        cycle: u64,
    },
    /// Software gave up: an API call failed that the scenario did not expect to fail.
    Software {
        /// Which, and why
        error: String,
    },
}

impl End {
    /// In a word, and in a sentence if there is more to say.
    pub fn said(&self) -> (&'static str, String) {
        match self {
            End::Finished => ("finished", String::new()),
            End::Violation => ("violation", String::new()),
            End::Stopped { file, line, message } => ("stopped", format!("{file}:{line}: {message}")),
            End::Hung { waiting } => ("hung", waiting.clone()),
            End::OutOfTime { seconds, cycle } => {
                ("out-of-time", format!("given up in cycle {cycle}: {seconds} s on the wall clock were over"))
            }
            End::Software { error } => ("software", error.clone()),
        }
    }
}

/// Everything that a run gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutcome {
    /// How it ended
    pub end: End,
    /// Counts
    pub figures: Figures,
    /// The violation that stopped the run, or the first one that it went past and that is not waived
    pub violation: Option<Finding>,
    /// What the device must not have done and the run went past, each kind once
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub divergences: Vec<Divergence>,
    /// The first software hazard, if any
    pub hazard: Option<Finding>,
    /// What had ended the run before the violation was found by a last look: a hang, or software that gave up
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed: Option<String>,
    /// Why its trace is not whole, if it was asked for and is not
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<String>,
    /// What it has tried
    #[serde(default, skip_serializing_if = "Coverage::is_empty")]
    pub coverage: Coverage,
    /// DMA over time, if it was asked for
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Box<Series>>,
}

impl RunOutcome {
    /// A run that ended so, and in which nothing was found.
    pub fn of(end: End, figures: Figures) -> Self {
        RunOutcome {
            end,
            figures,
            violation: None,
            divergences: Vec::new(),
            hazard: None,
            noticed: None,
            unrecorded: None,
            coverage: Coverage::default(),
            series: None,
        }
    }
}
