// SPDX-License-Identifier: Apache-2.0
//! How soon each illegal habit is caught.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{CacheConfig, Habit, ModelConfig};
use serde::Serialize;
use testbench::End;

use super::scene::Scene;
use super::world::play_in;

/// How often software changes something in a run.
const STEPS: u32 = 60;

/// Catches after which a hunt ends: enough for a median.
const ENOUGH: usize = 5;

/// A habit was caught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Catch {
    /// Seed of the run
    pub seed: u64,
    /// The rule that caught it, as the oracle names it; `bound` if the device never came to an end
    pub rule: String,
    /// DMA transactions since the catch before, over all runs in which it was not caught
    pub transactions: u64,
}

/// What came of the hunt for one habit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hunt {
    /// The habit
    pub habit: &'static str,
    /// What it does
    pub sentence: &'static str,
    /// Runs played
    pub runs: u64,
    /// How often it was caught
    pub catches: Vec<Catch>,
    /// DMA transactions in all runs
    pub transactions: u64,
    /// Seeds of runs in which the same device without the habit was blamed as well: they prove nothing
    pub unsound: Vec<u64>,
}

impl Hunt {
    /// It was caught.
    #[must_use]
    pub fn caught(&self) -> bool {
        !self.catches.is_empty()
    }

    /// The median of the DMA transactions to a catch; none if it was not caught.
    #[must_use]
    pub fn median(&self) -> Option<u64> {
        let mut all: Vec<u64> = self.catches.iter().map(|catch| catch.transactions).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    }

    /// The rules that caught it, the most frequent one first.
    #[must_use]
    pub fn rules(&self) -> Vec<&str> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for catch in &self.catches {
            *counts.entry(&catch.rule).or_default() += 1;
        }
        let mut rules: Vec<_> = counts.into_iter().collect();
        rules.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        rules.into_iter().map(|(rule, _)| rule).collect()
    }
}

/// Caches in which a habit shows: all of them large, combined as well, or of random sizes. Nothing is dropped without
/// need, since that would hide a habit.
fn caches(seed: u64) -> CacheConfig {
    let caches = match seed % 3 {
        0 => CacheConfig::large(),
        1 => CacheConfig::combined(),
        _ => CacheConfig { evict_percent: 0, overkill_percent: 0, lazy_context: false, ..CacheConfig::happy(seed) },
    };
    CacheConfig { merge: seed.is_multiple_of(2) || caches.merge, ..caches }
}

/// Caches and liberties without which a habit cannot show.
fn suited(habit: Habit, caches: CacheConfig) -> CacheConfig {
    let caches = CacheConfig { tagged: habit.needs_tags(), ..caches };
    match habit {
        Habit::KeyedSparesInvalidations => CacheConfig { keyed: 64, ..caches },
        Habit::FrontSparesInvalidations => CacheConfig { results: 128, front: 32, ..caches },
        Habit::DdtSparesPointers => CacheConfig { held_pointers: true, ..caches },
        // It shows where many walks read the same words at a time.
        Habit::MergesBlindly => CacheConfig { merge: true, walkers: 16, ..CacheConfig::none() },
        Habit::AbortsFenced => CacheConfig { abort_pending: true, ..caches },
        _ => caches,
    }
}

/// Runs a model with this habit until it has been caught often enough, on at most `seeds` seeds. Nothing comes of it
/// once `stop` is true.
///
/// # Errors
/// [`boundary::Stopped`]: never by a model.
pub fn hunt(habit: Habit, seeds: u64, stop: &AtomicBool) -> Result<Option<Hunt>, boundary::Stopped> {
    let mut hunt = Hunt {
        habit: habit.name(),
        sentence: habit.sentence(),
        runs: 0,
        catches: Vec::new(),
        transactions: 0,
        unsound: Vec::new(),
    };
    let scene = Scene::of(habit);
    let mut since = 0;
    for seed in 0..seeds {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if hunt.catches.len() == ENOUGH {
            break;
        }
        let caches = suited(habit, caches(seed));
        let legal = ModelConfig { caches, ..ModelConfig::plain(seed) };
        let outcome = play_in(scene, ModelConfig { habit: Some(habit), ..legal }, seed, STEPS)?;
        hunt.runs += 1;
        hunt.transactions += outcome.figures.dma_transactions;
        since += outcome.figures.dma_transactions;
        let rule = match (outcome.end, outcome.violation) {
            (End::Violation, Some(finding)) => finding.rule,
            (End::Hung { .. }, _) => "bound".to_owned(),
            _ => continue,
        };
        if play_in(scene, legal, seed, STEPS)?.end == End::Finished {
            hunt.catches.push(Catch { seed, rule, transactions: since });
            since = 0;
        } else {
            hunt.unsound.push(seed);
        }
    }
    Ok(Some(hunt))
}

/// The table for people.
#[must_use]
pub fn markdown(hunts: &[Hunt], seeds: u64) -> String {
    let caught = hunts.iter().filter(|hunt| hunt.caught()).count();
    let mut text = format!(
        "# Illegal habits, and what catches them\n\n\
         Written by `lockstep habits --seeds {seeds}`. The model with one illegal habit at a time plays random worlds: \
         six requesters stream through device directory, process directory, MSI page table, two guests and a host, \
         while software changes words, invalidates them and fences. What a device does wrong in a feature of its own \
         is hunted in worlds that use it. A catch counts only if the same device without the habit passes the same \
         run. The median is that of the DMA transactions from one catch to the next, over \
         up to {ENOUGH} catches.\n\n\
         {caught} of {} habits were caught.\n\n\
         | habit | what it does | caught by | DMA transactions, median | runs |\n|---|---|---|--:|--:|\n",
        hunts.len()
    );
    for hunt in hunts {
        let rules: Vec<String> = hunt.rules().iter().map(|rule| format!("`{rule}`")).collect();
        let (rules, median) = match hunt.median() {
            Some(median) => (rules.join(", "), median.to_string()),
            None => ("**not caught**".to_owned(), format!("more than {}", hunt.transactions)),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {} | {rules} | {median} | {} |", hunt.habit, hunt.sentence.trim(), hunt.runs);
    }
    text
}

/// The same as JSON.
#[must_use]
pub fn json(hunts: &[Hunt]) -> String {
    serde_json::to_string_pretty(hunts).unwrap_or_default() + "\n"
}
