// SPDX-License-Identifier: Apache-2.0
//! Whether traces are judged as the runs were that left them.

use std::path::Path;

use lockstep::runner::{TRACE, file_of_run};
use rayon::prelude::*;
use serde_json::Value;

use crate::command::{lockstep, text};

/// What the driver counts, and no trace has.
const OF_THE_DRIVER: [&str; 2] = ["allocations", "failed_allocations"];

/// Judges each trace in a folder, and compares with the run in a result of `lockstep run --json`, to the byte. An error
/// says where they differ.
pub fn judged_alike(folder: &Path, runs: &[Value]) -> Result<(), String> {
    runs.par_iter().try_for_each(|run| {
        let word = |key: &str| run[key].as_str().unwrap_or("");
        let seed = run["seed"].as_u64().ok_or("a run without a seed")? as u32;
        let file = file_of_run(folder, word("scenario"), word("variant"), seed, TRACE).display().to_string();
        let output = lockstep(&["judge", "--json", &file]);
        let judged: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| format!("{file}: {error}: {}", text(&output)))?;
        for what in ["violation", "hazard", "figures"] {
            let mut of_run = run[what].clone();
            let mut of_trace = judged[what].clone();
            for figures in [&mut of_run, &mut of_trace] {
                if let Some(figures) = figures.as_object_mut().filter(|_| what == "figures") {
                    OF_THE_DRIVER.iter().for_each(|name| drop(figures.remove(*name)));
                }
            }
            if of_run != of_trace {
                return Err(format!("{file}: {what}\n  of the run:   {of_run}\n  of the trace: {of_trace}"));
            }
        }
        Ok(())
    })
}
