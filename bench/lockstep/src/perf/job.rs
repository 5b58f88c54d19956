// SPDX-License-Identifier: Apache-2.0
//! One measurement: what a worker process is told, and what it answers.

use std::path::PathBuf;
use std::time::Duration;

use oracle::Lenience;
use serde::{Deserialize, Serialize};
use testbench::RunOutcome;

use super::figures::Measured;
use crate::runner::Device;

/// Under which conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setting {
    /// Cycles from the acceptance of a read on `ptw_*` to its first beat
    pub latency: u32,
    /// The same on `mem_*`, where DMA goes
    pub dma_latency: u32,
    /// Requesters that ask at the same time
    pub streams: u8,
    /// Devices that they are, with a context each
    pub devices: u8,
    /// Requests that each has under way
    pub outstanding: u8,
    /// Requests that are measured, all streams together
    pub requests: u32,
    /// Translations that the ideal cache holds
    pub entries: u32,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Name of the case
    pub case: String,
    /// Under which conditions
    pub setting: Setting,
    /// The device
    pub device: Device,
    /// A trace of the run goes there
    pub record: Option<PathBuf>,
    /// The speed of the golden walk is measured as well
    pub golden: bool,
    /// What is waived of the device
    #[serde(default)]
    pub lenience: Lenience,
    /// Wall-clock bound
    pub timeout: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reply")]
pub enum Reply {
    /// Figures
    Measured {
        /// They are a function of job and device
        measured: Box<Measured>,
        /// Wall-clock seconds of the run
        seconds: f64,
        /// Wall-clock seconds of the cycles in which was measured
        measured_seconds: f64,
        /// Translations of the golden walk in a second of wall-clock time, if it was asked for
        golden: Option<f64>,
    },
    /// The device lacks what the case is about
    Lacks {
        /// What that is
        what: String,
    },
    /// The run did not come to its end, or the device did what it must not
    Wrong {
        /// What came of it
        outcome: Box<RunOutcome>,
    },
    /// It was not played
    Failed {
        /// Why
        reason: String,
    },
}
