// SPDX-License-Identifier: Apache-2.0
//! What `lockstep explore` and `lockstep shrink` have in common: the device, its waivers, workers, and how a scenario is
//! played again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::error::CommandError;
use super::explore_args::Hunting;
use super::options::{device_arguments, quoted};
use super::{commands, device, interruption, play};
use crate::explore::Player;
use crate::runner::{Device, Pool};
use crate::waivers::{Waivers, today};

/// All that a hunt needs.
pub struct Ready {
    device: Device,
    pool: Pool,
    waivers: Waivers,
    /// Runs at a time
    pub threads: ThreadPool,
    /// The arguments that choose the device
    arguments: String,
}

impl Hunting {
    /// Builds the device and starts threads.
    ///
    /// # Errors
    /// [`CommandError`]
    pub fn ready(&self) -> Result<Ready, CommandError> {
        let waivers = commands::waivers(self.waivers.as_deref(), self.strict, &self.device)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.jobs.map_or(cores, |jobs| jobs as usize);
        let threads = ThreadPoolBuilder::new()
            .num_threads(workers)
            .build()
            .map_err(|error| CommandError::System { what: "start threads", error: error.to_string() })?;
        let pool = play::pool("worker", workers, Duration::from_secs(self.timeout))?;
        let device = device::build(&self.device, Some(workers))?;
        interruption::catch()?;
        Ok(Ready { device, pool, waivers, threads, arguments: self.arguments() })
    }

    fn arguments(&self) -> String {
        let mut arguments = device_arguments(&self.device);
        if let Some(file) = &self.waivers {
            arguments.push_str(&format!(" --waivers {}", quoted(&file.display().to_string())));
        }
        arguments.push_str(if self.strict { " --strict" } else { "" });
        arguments
    }
}

impl Ready {
    /// The device under test.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// What plays programs. What is waived for some scenarios alone says nothing of programs.
    pub fn player(&self) -> Player<'_> {
        let places = self.waivers.for_trace(today());
        Player {
            pool: &self.pool,
            lenience: self.waivers.lenience(&places, 0),
            waivers: places,
            stop: &interruption::STOP,
        }
    }

    /// The command that plays a file, with this seed if it needs one. On the model it is no mistake of the device.
    pub fn command(&self, file: &Path, on_model: bool, seed: Option<u32>) -> String {
        let file = quoted(&file.display().to_string());
        let replay = seed.map(|seed| format!(" --replay {seed:#010x}")).unwrap_or_default();
        let arguments = if on_model { " --dut liberties" } else { &self.arguments };
        format!("lockstep run {file}{replay}{arguments}")
    }
}

/// Where a scenario of this name goes.
pub fn scenario_file(folder: &Path, slug: &str) -> PathBuf {
    folder.join(format!("{slug}.yaml"))
}
