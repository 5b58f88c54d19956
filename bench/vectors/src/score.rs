// SPDX-License-Identifier: Apache-2.0
//! Runs cases and counts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::case::Case;
use super::compare::{Difference, compare};
use super::model::Model;
use super::needs::{Blame, IN_MEMORY, NO_ATS_PORTS};
use super::subject::{Device, Lost, Observed, Subject};

/// What became of one class, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Cases
    pub cases: u64,
    /// Operations, those without a score included
    pub operations: u64,
    /// Operations that were compared with their answer
    pub scored: u64,
    /// … that are translations
    pub translations: u64,
    /// … that agree
    pub agreed: u64,
    /// Operations that the subject cannot carry out, or whose answer depends on what it lacks. Those for which the
    /// specification leaves a choice are counted neither here nor as scored.
    pub skipped: u64,
}

/// An operation that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Case
    pub case: u64,
    /// Operation, from 0
    pub operation: usize,
    /// What it is
    pub action: String,
    /// Field by field
    pub differences: Vec<Difference>,
}

/// What became of a file of cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scores {
    /// By class
    pub classes: BTreeMap<String, Score>,
    /// The operations that do not agree, by class
    pub mismatches: BTreeMap<String, Vec<Mismatch>>,
    /// Skipped operations by reason
    pub skipped: BTreeMap<String, u64>,
}

impl Scores {
    /// All classes together.
    #[must_use]
    pub fn total(&self) -> Score {
        self.classes.values().fold(Score::default(), |sum, score| Score {
            cases: sum.cases + score.cases,
            operations: sum.operations + score.operations,
            scored: sum.scored + score.scored,
            translations: sum.translations + score.translations,
            agreed: sum.agreed + score.agreed,
            skipped: sum.skipped + score.skipped,
        })
    }

    /// Runs a case on the model.
    pub fn run_on_model(&mut self, case: &Case) {
        let mut model = Model::new(case);
        self.class(case).cases += 1;
        for (at, op) in case.ops.iter().enumerate() {
            let observed = model.act(&op.action);
            self.judge(case, at, observed);
        }
    }

    /// Runs a case on a device that has been set up for it, or was lost on the way.
    pub fn run_on_device(&mut self, case: &Case, device: Result<impl Device, Lost>) {
        self.class(case).cases += 1;
        let mut device = match device {
            Ok(device) => device,
            Err(lost) => return self.lost(case, 0, lost),
        };
        let mut blame = Blame::new(case, device.profile());
        let mut shadow = Model::with(case, device.profile());
        for (at, op) in case.ops.iter().enumerate() {
            if op.action.is_ats_message() {
                self.skip(case, at, NO_ATS_PORTS.to_owned());
                continue;
            }
            // The shadow first: the device must go through all operations, to be in the right state for the next one.
            let applies = match shadow.act(&op.action) {
                Ok(observed) => compare(op, &observed.on_bus()).is_empty(),
                Err(_) => false,
            };
            match device.act(&op.action) {
                Err(lost) => return self.lost(case, at, lost),
                Ok(_) if applies && op.expected.mrif == Some(1) => self.skip(case, at, IN_MEMORY.to_owned()),
                Ok(observed) if applies => self.judge(case, at, Ok(observed)),
                Ok(_) => {
                    let reason = if is_scored(case, at) { blame.reason(at) } else { String::new() };
                    self.skip(case, at, reason);
                }
            }
        }
    }

    fn class(&mut self, case: &Case) -> &mut Score {
        if !self.classes.contains_key(&case.class) {
            self.classes.insert(case.class.clone(), Score::default());
        }
        self.classes.entry(case.class.clone()).or_default()
    }

    fn skip(&mut self, case: &Case, at: usize, reason: String) {
        self.class(case).operations += 1;
        if is_scored(case, at) {
            self.class(case).skipped += 1;
            *self.skipped.entry(reason).or_default() += 1;
        }
    }

    /// The device is lost in an operation: that is a mismatch, whatever was asked; the rest is skipped.
    fn lost(&mut self, case: &Case, at: usize, lost: Lost) {
        if !is_scored(case, at) {
            // Nothing may make a device hang, be it tagged or not.
            self.count(case, at);
        }
        self.judge(case, at, Err(lost));
        for later in at + 1..case.ops.len() {
            self.skip(case, later, "the device was lost in an earlier operation of the case".to_owned());
        }
    }

    fn count(&mut self, case: &Case, at: usize) {
        let translation = case.ops.get(at).is_some_and(|op| op.action.is_translation());
        let score = self.class(case);
        score.scored += 1;
        score.translations += u64::from(translation);
    }

    fn judge(&mut self, case: &Case, at: usize, observed: Result<Observed, Lost>) {
        self.class(case).operations += 1;
        let action = case.ops.get(at).map_or("set-up".to_owned(), |op| op.action.to_string());
        let differences = match (observed, case.ops.get(at)) {
            (Err(Lost(reason)), _) => {
                vec![Difference { field: "device".to_owned(), expected: "an answer".to_owned(), came: reason }]
            }
            (Ok(_), _) if !is_scored(case, at) => return,
            (Ok(observed), Some(op)) => compare(op, &observed),
            (Ok(_), None) => Vec::new(),
        };
        if is_scored(case, at) {
            self.count(case, at);
        }
        if differences.is_empty() {
            self.class(case).agreed += 1;
        } else {
            let mismatch = Mismatch { case: case.id, operation: at, action, differences };
            self.mismatches.entry(case.class.clone()).or_default().push(mismatch);
        }
    }
}

/// The operation has one right answer.
fn is_scored(case: &Case, at: usize) -> bool {
    !case.ambiguous && case.ops.get(at).is_some_and(|op| !op.ambiguous)
}
