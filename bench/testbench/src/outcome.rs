//! What a run on the test bench came to.

use oracle::{Figures, Finding};
use serde::{Deserialize, Serialize};

use super::series::Series;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Everything that a run gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutcome {
    /// How it ended
    pub end: End,
    /// Counts
    pub figures: Figures,
    /// The violation that stopped the run, if any
    pub violation: Option<Finding>,
    /// The first software hazard, if any
    pub hazard: Option<Finding>,
    /// DMA over time, if it was asked for
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Box<Series>>,
}
