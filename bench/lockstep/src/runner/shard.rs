// SPDX-License-Identifier: Apache-2.0
//! A regression in parts, one for each machine. Every machine deals the same jobs by the same costs, so that each knows its
//! own part without asking anybody.

use std::fmt;
use std::str::FromStr;

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::again::NoResults;
use super::job::Planned;
use super::journal;

/// Which part of how many: `2/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// Which, from 1
    pub index: u32,
    /// Of how many
    pub of: u32,
}

/// More parts than this are a mistake in typing.
const MOST: u32 = 10_000;

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong = || "a part and the number of parts, such as 2/8".to_owned();
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let (index, of): (u32, u32) = (index.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
        match () {
            () if index == 0 => Err("parts are counted from 1".to_owned()),
            () if index > of => Err(format!("there is no part {index} of {of}")),
            () if of > MOST => Err(format!("at most {MOST} parts")),
            () => Ok(Shard { index, of }),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// What runs have cost before, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    runs: FxHashMap<String, f64>,
    /// What is taken for a run that is not known: the mean of those that are
    other: f64,
}

#[derive(Deserialize)]
struct Results {
    runs: Vec<Named>,
    times: Times,
}

#[derive(Deserialize)]
struct Named {
    scenario: String,
    variant: String,
}

#[derive(Deserialize)]
struct Times {
    runs: Vec<Time>,
}

#[derive(Deserialize)]
struct Time {
    seconds: f64,
}

impl Costs {
    /// The costs in the JSON of a regression: of each variant of a scenario, the mean of its runs.
    ///
    /// # Errors
    /// [`NoResults`]
    pub fn measured(json: &str) -> Result<Costs, NoResults> {
        let results: Results = serde_json::from_str(json)?;
        let mut sums: FxHashMap<String, (f64, u32)> = FxHashMap::default();
        for (run, time) in results.runs.iter().zip(&results.times.runs) {
            let (seconds, count) = sums.entry(format!("{}{}", run.scenario, run.variant)).or_default();
            *seconds += time.seconds;
            *count += 1;
        }
        let runs: FxHashMap<String, f64> =
            sums.into_iter().map(|(name, (seconds, count))| (name, seconds / f64::from(count))).collect();
        let known = results.times.runs.len().max(1) as f64;
        let other = results.times.runs.iter().map(|time| time.seconds).sum::<f64>() / known;
        Ok(Costs { runs, other })
    }

    fn of(&self, planned: &Planned) -> f64 {
        let name = format!("{}{}", planned.job.scenario, planned.job.variant);
        self.runs.get(&name).copied().unwrap_or(self.other)
    }
}

/// To which part each job belongs, from 1. What costs most is dealt first, each job to the part that has least to do; where
/// nothing is known of costs, jobs are dealt in turn.
pub fn deal(jobs: &[Planned], of: u32, costs: &Costs) -> Vec<u32> {
    let cost: Vec<f64> = jobs.iter().map(|planned| costs.of(planned)).collect();
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    // A stable order: equal costs stay in the order of the jobs.
    order.sort_by(|a, b| cost[*b].total_cmp(&cost[*a]));
    let mut loads = vec![(0.0f64, 0usize); of as usize];
    let mut parts = vec![0; jobs.len()];
    for at in order {
        let least = (0..loads.len())
            .min_by(|a, b| loads[*a].0.total_cmp(&loads[*b].0).then(loads[*a].1.cmp(&loads[*b].1)))
            .unwrap_or(0);
        loads[least].0 += cost[at];
        loads[least].1 += 1;
        parts[at] = least as u32 + 1;
    }
    parts
}

/// What all parts of a regression have in common: a hash of all that its results depend on.
pub fn fingerprint(jobs: &[Planned], of: u32, parts: &[u32]) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(&of.to_le_bytes());
    for (planned, part) in jobs.iter().zip(parts) {
        hash.update(journal::key(&planned.job).as_bytes());
        hash.update(&part.to_le_bytes());
    }
    hash.finalize().to_hex().to_string()
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
