// SPDX-License-Identifier: Apache-2.0
//! Results of before: the JSON document, read back.

use std::collections::BTreeMap;
use std::time::Duration;

use scenario::Requirement;
use serde::Deserialize;

use super::json::FORMAT;
use super::origin::Origin;
use super::result::{Part, Report, Times};
use super::since::Since;
use crate::runner::{NoResults, RunReport};
use crate::waivers::WaiverUse;

/// The document, without what follows from the rest of it.
#[derive(Deserialize)]
struct Document {
    device: String,
    base_seed: u64,
    #[serde(default)]
    origin: Origin,
    since: Option<Since>,
    #[serde(default)]
    summary: Summary,
    waivers_file: Option<String>,
    #[serde(default)]
    waivers: Vec<WaiverUse>,
    runs: Vec<RunReport>,
    shard: Option<Part>,
    #[serde(default)]
    times: Wall,
}

#[derive(Default, Deserialize)]
struct Summary {
    #[serde(default)]
    interrupted: usize,
    #[serde(default)]
    left_out: BTreeMap<Requirement, usize>,
}

#[derive(Default, Deserialize)]
struct Wall {
    #[serde(default)]
    build_seconds: f64,
    #[serde(default)]
    play_seconds: f64,
    #[serde(default)]
    runs: Vec<RunTime>,
}

#[derive(Deserialize)]
struct RunTime {
    seconds: f64,
}

/// What is looked at first.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// These results cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadResults {
    /// No results of `lockstep run --json`
    #[error(transparent)]
    Format(#[from] NoResults),
    /// They are of another version of lockstep
    #[error("these results have format {0}, and this lockstep reads format {FORMAT}")]
    Version(u32),
}

/// Reads what `lockstep run --json` has written.
///
/// # Errors
/// [`BadResults`]
pub fn read(json: &str) -> Result<Report, BadResults> {
    let Head { format } = serde_json::from_str(json).map_err(NoResults::from)?;
    if format != FORMAT {
        return Err(BadResults::Version(format));
    }
    let Document { device, base_seed, origin, since, summary, waivers_file, waivers, mut runs, shard, times } =
        serde_json::from_str(json).map_err(NoResults::from)?;
    for (run, time) in runs.iter_mut().zip(&times.runs) {
        run.seconds = time.seconds;
    }
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Ok(Report {
        device,
        base_seed,
        runs,
        interrupted: summary.interrupted,
        left_out: summary.left_out,
        origin,
        since,
        waivers_file,
        waivers,
        part: shard,
        times: Times { build: seconds(times.build_seconds), play: seconds(times.play_seconds) },
    })
}
