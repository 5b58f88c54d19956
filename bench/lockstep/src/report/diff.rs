// SPDX-License-Identifier: Apache-2.0
//! Two regressions beside each other: what is new, what is fixed, and what has moved.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::kinds::{Bucket, buckets};
use super::measured::{FIGURES, Measured, by_scenario};
use super::result::Report;
use super::since::{KindSince, Since};
use crate::runner::{RunReport, Verdict};

/// A kind of failure in one regression or in both.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct KindChange {
    /// In words, without addresses, names and numbers
    pub what: String,
    /// How its runs are judged
    pub verdict: Verdict,
    /// In how many runs it was
    pub old: usize,
    /// In how many it is
    pub new: usize,
    /// The run that shows it soonest: the new one, if it is there
    pub example: String,
    /// The command that plays that run
    pub reproduce: String,
}

/// A run that passed in one regression and failed in the other.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RunChange {
    /// Its name
    pub id: String,
    /// How it was judged
    pub old: Verdict,
    /// How it is judged
    pub new: Verdict,
    /// The command that plays it
    pub reproduce: String,
}

/// A figure of a scenario's variant that moved by more than its noise.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Moved {
    /// Scenario and variant
    pub scenario: String,
    /// Which figure
    pub figure: &'static str,
    /// Mean of the runs that were
    pub old: f64,
    /// Mean of the runs that are
    pub new: f64,
    /// So far two such means may lie apart by chance
    pub noise: f64,
}

/// Two regressions beside each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Diff {
    /// Runs in both
    pub compared: usize,
    /// Kinds of failure that were not there
    pub new: Vec<KindChange>,
    /// Kinds that are not there any more
    pub fixed: Vec<KindChange>,
    /// Kinds that are in another number of runs
    pub changed: Vec<KindChange>,
    /// Runs that passed and fail
    pub newly_failed: Vec<RunChange>,
    /// Runs that failed and pass
    pub newly_passed: Vec<RunChange>,
    /// Runs that are not there any more
    pub only_old: Vec<String>,
    /// Runs that were not there
    pub only_new: Vec<String>,
    /// Figures that moved
    pub moved: Vec<Moved>,
}

/// Compares two regressions.
pub fn diff(old: &Report, new: &Report) -> Diff {
    let mut diff = Diff::default();
    kinds(&buckets(old), &buckets(new), &mut diff);
    let (was, is) = (by_id(old), by_id(new));
    let missing = |from: &BTreeMap<&str, &RunReport>, of: &BTreeMap<&str, &RunReport>| {
        of.keys().filter(|id| !from.contains_key(*id)).map(|id| (*id).to_owned()).collect()
    };
    (diff.only_old, diff.only_new) = (missing(&is, &was), missing(&was, &is));
    for run in &new.runs {
        let Some(before) = was.get(run.id.as_str()) else { continue };
        diff.compared += 1;
        let change = || RunChange {
            id: run.id.clone(),
            old: before.verdict,
            new: run.verdict,
            reproduce: run.reproduce.clone(),
        };
        match (before.passed, run.passed) {
            (true, false) => diff.newly_failed.push(change()),
            (false, true) => diff.newly_passed.push(change()),
            _ => {}
        }
    }
    diff.moved = moved(old, new);
    diff
}

fn by_id(report: &Report) -> BTreeMap<&str, &RunReport> {
    report.runs.iter().map(|run| (run.id.as_str(), run)).collect()
}

impl Diff {
    /// Something fails that did not.
    pub fn is_worse(&self) -> bool {
        !self.new.is_empty() || !self.newly_failed.is_empty()
    }

    /// What a report keeps of it. `results` is what the old results are called.
    pub fn since(&self, results: String) -> Since {
        let kinds = |all: &[KindChange]| {
            let kind = |one: &KindChange| KindSince {
                what: one.what.clone(),
                verdict: one.verdict,
                runs: one.old.max(one.new),
            };
            all.iter().map(kind).collect()
        };
        let names = |all: &[RunChange]| all.iter().map(|run| run.id.clone()).collect();
        Since {
            results,
            compared: self.compared,
            new: kinds(&self.new),
            gone: kinds(&self.fixed),
            newly_failed: names(&self.newly_failed),
            newly_passed: names(&self.newly_passed),
        }
    }

    /// Nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Diff { compared: self.compared, ..Diff::default() }
    }
}

fn kinds(old: &[Bucket<'_>], new: &[Bucket<'_>], diff: &mut Diff) {
    let same = |one: &Bucket<'_>, other: &Bucket<'_>| {
        one.what == other.what && one.kind == other.kind && one.verdict == other.verdict
    };
    let change = |bucket: &Bucket<'_>, old: usize, new: usize| KindChange {
        what: bucket.what.clone(),
        verdict: bucket.verdict,
        old,
        new,
        example: bucket.smallest.id.clone(),
        reproduce: bucket.smallest.reproduce.clone(),
    };
    for bucket in new {
        let (count, before) = (bucket.runs.len(), old.iter().find(|before| same(before, bucket)));
        match before.map_or(0, |before| before.runs.len()) {
            0 => diff.new.push(change(bucket, 0, count)),
            before if before != count => diff.changed.push(change(bucket, before, count)),
            _ => {}
        }
    }
    let gone = old.iter().filter(|before| !new.iter().any(|bucket| same(before, bucket)));
    diff.fixed.extend(gone.map(|before| change(before, before.runs.len(), 0)));
}

/// Less than this part of a figure is never told.
const LEAST: f64 = 0.01;

fn moved(old: &Report, new: &Report) -> Vec<Moved> {
    let (was, is) = (by_scenario(old), by_scenario(new));
    let mut moved = Vec::new();
    for (scenario, runs) in &is {
        let Some(before) = was.get(scenario) else { continue };
        for (figure, of) in FIGURES {
            let measured = |runs: &[&RunReport]| Measured::of(&runs.iter().map(|run| of(run)).collect::<Vec<_>>());
            let (old, new) = (measured(before), measured(runs));
            // The same seeds on the same device give the same figures: then nothing is noise.
            let noise = 2.0 * (old.error.powi(2) + new.error.powi(2)).sqrt();
            let apart = (new.mean - old.mean).abs();
            if apart > noise && apart > LEAST * old.mean.abs().max(new.mean.abs()) {
                moved.push(Moved { scenario: scenario.clone(), figure, old: old.mean, new: new.mean, noise });
            }
        }
    }
    moved
}
