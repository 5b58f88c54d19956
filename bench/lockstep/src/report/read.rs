// SPDX-License-Identifier: Apache-2.0
//! Results of before: the JSON document, read back.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;

use super::document::{Document, FORMAT};
use super::result::{Report, Times};
use crate::runner::NoResults;

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
    let document: Document<'_> = serde_json::from_str(json).map_err(NoResults::from)?;
    let Document { summary, times, .. } = document;
    let mut runs = document.runs.into_owned();
    for (run, time) in runs.iter_mut().zip(&times.runs) {
        run.seconds = time.seconds;
    }
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Ok(Report {
        device: document.device.into_owned(),
        base_seed: document.base_seed,
        runs,
        interrupted: summary.interrupted,
        left_out: summary.left_out,
        origin: document.origin.into_owned(),
        since: document.since.map(Cow::into_owned),
        waivers_file: document.waivers_file.map(Cow::into_owned),
        waivers: document.waivers.into_owned(),
        part: document.shard.map(Cow::into_owned),
        times: Times { build: seconds(times.build_seconds), play: seconds(times.play_seconds) },
    })
}
