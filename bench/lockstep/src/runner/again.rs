// SPDX-License-Identifier: Apache-2.0
//! Runs of before, played again.

use std::path::Path;

use scenario::Problem;
use serde::Deserialize;

use super::job::{Plan, Planned};
use super::select::Selected;

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

/// These are no results.
#[derive(Debug, thiserror::Error)]
#[error("these are no results of `lockstep run --json`: {0}")]
pub struct NoResults(#[from] serde_json::Error);

#[derive(Deserialize)]
struct Results {
    runs: Vec<Again>,
}

impl Again {
    /// The runs that failed in the JSON of a regression. What failed where an allocation did is not among them: it is played
    /// by failing allocations.
    ///
    /// # Errors
    /// [`NoResults`]
    pub fn failed(json: &str) -> Result<Vec<Again>, NoResults> {
        let results: Results = serde_json::from_str(json)?;
        Ok(results.runs.into_iter().filter(|run| !run.passed && run.fail_alloc.is_none()).collect())
    }

    /// It stood for a file that was no scenario.
    pub fn is_of_file(&self, path: &Path) -> bool {
        self.scenario == path.display().to_string()
    }

    /// Jobs for these runs, as far as they are among what was selected, in the order of the results.
    ///
    /// # Errors
    /// [`Problem`]: as for [`Plan::jobs`].
    pub fn jobs(again: &[Again], plan: &Plan, selected: &[Selected]) -> Result<Vec<Planned>, Problem> {
        let mut jobs = Vec::new();
        for run in again {
            let one = selected.iter().find(|one| one.loaded.scenario.name.value == run.scenario);
            let Some(one) = one else {
                // It was no scenario then. Now that it is one, all of it is played.
                let mended = selected.iter().find(|one| run.is_of_file(&one.loaded.path));
                jobs.append(&mut plan.jobs(mended.map(std::slice::from_ref).unwrap_or_default())?);
                continue;
            };
            let variants = one.variants.iter().filter(|variant| variant.to_string() == run.variant).cloned().collect();
            let only = Selected { loaded: one.loaded.clone(), variants };
            let mut own = Plan { replay: Some(run.seed), ..plan.clone() }.jobs(&[only])?;
            own.iter_mut().for_each(|planned| planned.job.index = run.index);
            jobs.append(&mut own);
        }
        Ok(jobs)
    }
}
