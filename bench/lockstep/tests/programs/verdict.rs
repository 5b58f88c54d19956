// SPDX-License-Identifier: Apache-2.0
//! What came of programs that owe a step: counts, and what is wrong.

use std::collections::BTreeMap;

use super::play::Played;

/// What came of one program without one step.
#[derive(Debug)]
pub struct Verdict {
    pub seed: u64,
    /// What was left out, and how
    pub what: String,
    /// Of which operation
    pub op: String,
    /// The watcher saw something stale being used, or memory that had been given up
    pub stale: Option<String>,
    /// The rule that was broken, and what the hazard says
    pub hazard: Option<(String, String)>,
    /// The step that was left out is named
    pub named: bool,
    /// Somebody else was blamed, or the run ended otherwise
    pub wrong: Option<String>,
}

impl Verdict {
    /// `is_named`: whether the text of a hazard names the step.
    pub fn of(seed: u64, what: String, op: String, played: &Played, is_named: impl Fn(&str) -> bool) -> Verdict {
        let hazard = played.outcome.hazard.as_ref().map(|found| (found.rule.clone(), found.right.clone()));
        let named = hazard.as_ref().is_some_and(|(_, right)| is_named(right));
        let wrong = match (&played.outcome.violation, &played.wrong) {
            (Some(found), _) => Some(format!("{:?} {}: {}", found.blame, found.rule, found.right)),
            (None, Some(wrong)) => Some(wrong.clone()),
            (None, None) if !played.is_finished() => Some(format!("{:?}", played.outcome.end)),
            (None, None) => None,
        };
        let stale = played.stale.first().or(played.late.first()).cloned();
        Verdict { seed, what, op, stale, hazard, named, wrong }
    }
}

/// Counts of many, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Summary {
    programs: usize,
    stale: usize,
    blamed: usize,
    named: usize,
    /// Blamed though the watcher saw nothing stale: it looks at requests between operations only
    besides: usize,
    /// Not blamed, or the wrong one
    pub wrong: Vec<String>,
    /// Blamed, and something else is said to be missing, or nothing
    pub unnamed: Vec<String>,
    table: BTreeMap<String, [usize; 4]>,
}

impl Summary {
    pub fn of(all: &[Verdict]) -> Summary {
        let mut summary = Summary { programs: all.len(), ..Summary::default() };
        for verdict in all {
            summary.count(verdict);
        }
        summary
    }

    fn count(&mut self, verdict: &Verdict) {
        let Verdict { seed, what, op, stale, hazard, named, wrong } = verdict;
        let text = format!("seed {seed}, {what} of {op}");
        if let Some(wrong) = wrong {
            self.wrong.push(format!("{text}: {wrong}"));
        }
        let counts = self.table.entry(what.clone()).or_default();
        counts[0] += 1;
        match (stale, hazard) {
            (Some(_), Some((rule, right))) => {
                self.stale += 1;
                self.blamed += 1;
                counts[1] += 1;
                counts[2] += 1;
                self.named += usize::from(*named);
                counts[3] += usize::from(*named);
                if !named {
                    self.unnamed.push(format!("{text}: {rule}: {right}"));
                }
            }
            (Some(stale), None) => {
                self.stale += 1;
                counts[1] += 1;
                if wrong.is_none() {
                    self.wrong.push(format!("{text}: not blamed: {stale}"));
                }
            }
            (None, Some(_)) => self.besides += 1,
            (None, None) => {}
        }
    }

    pub fn print(&self) {
        let Summary { programs, stale, blamed, named, besides, .. } = self;
        println!(
            "{programs} programs: stale {stale}, of these blamed {blamed}, step named {named}; blamed besides {besides}"
        );
        for (what, [all, stale, blamed, named]) in &self.table {
            println!("  {what}: {all} programs, stale {stale}, blamed {blamed}, named {named}");
        }
        self.wrong.iter().for_each(|text| println!("  WRONG {text}"));
        self.unnamed.iter().for_each(|text| println!("  UNNAMED {text}"));
    }
}
