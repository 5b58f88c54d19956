// SPDX-License-Identifier: Apache-2.0
//! `lockstep run --rerun-failed`: what failed in results from before is played again.

use std::path::Path;

use scenario::Problem;
use serde::Deserialize;

use super::error::CommandError;
use crate::runner::{Plan, Planned, Selected};

/// A run in results from before.
#[derive(Clone, Debug, Deserialize)]
pub struct Again {
    scenario: String,
    variant: String,
    index: Option<u32>,
    seed: u32,
    passed: bool,
    #[serde(default)]
    fail_alloc: Option<u64>,
}

#[derive(Deserialize)]
struct Results {
    runs: Vec<Again>,
}

/// The runs that failed in what `lockstep run --json` has written; `-` is stdin.
///
/// # Errors
/// [`CommandError::Setting`]: these are no results.
pub fn failed(path: &Path) -> Result<Vec<Again>, CommandError> {
    let wrong = |error: String| CommandError::Setting(format!("{}: {error}", path.display()));
    let text = match path == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let results: Results = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("these are no results of `lockstep run --json`: {error}")))?;
    // What failed where an allocation did is played by --fail-alloc.
    Ok(results.runs.into_iter().filter(|run| !run.passed && run.fail_alloc.is_none()).collect())
}

/// Jobs for these runs, as far as they are among what was selected, in the order of the results.
///
/// # Errors
/// [`Problem`]: as for [`Plan::jobs`].
pub fn jobs(again: &[Again], plan: &Plan, selected: &[Selected]) -> Result<Vec<Planned>, Problem> {
    let mut jobs = Vec::new();
    for run in again {
        let one = selected.iter().find(|one| one.loaded.scenario.name.value == run.scenario);
        let Some(one) = one else { continue };
        let variants = one.variants.iter().filter(|variant| variant.to_string() == run.variant).cloned().collect();
        let only = Selected { loaded: one.loaded.clone(), variants };
        let mut own = Plan { replay: Some(run.seed), ..plan.clone() }.jobs(&[only])?;
        own.iter_mut().for_each(|planned| planned.job.index = run.index);
        jobs.append(&mut own);
    }
    Ok(jobs)
}
