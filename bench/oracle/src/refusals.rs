// SPDX-License-Identifier: Apache-2.0
//! Refused requests: what explains a refusal, and what it says of software.
//!
//! The bus shows that a request was refused; for which fault, its record says. So software is judged once the record has
//! come, and where none comes (the queue is off or full, DTF, a merged record) by whichever fault is kindest to software.
//! Which record is whose is a matching (`doubts.rs`), and later records can change it. So whoever accuses software by its
//! record is heard again when the machine is at rest: there the record must be of nobody who leaves software in peace.

use events::{Burst, Cycle};
use golden::{Fault, FaultRecord, Outcome, Request};

use super::Oracle;
use super::chooser::{Chooser, Reach};
use super::dma::Transaction;
use super::evidence::Answer;
use super::explain::{Explanation, request_of};
use super::faults::{Came, Key, Kind, Origin, Owed, describe};
use super::rule::{Rule, Violation};
use super::software::Served;
use super::window::Window;
use crate::Finding;

/// So many accusations are heard again, in the order in which they came.
const HEARD: usize = 64;

/// A refused request whose record has not come.
#[derive(Debug)]
struct Waiting {
    key: Key,
    request: Request,
    found: Vec<(Fault, Explanation)>,
}

/// A refused request that accuses software.
#[derive(Debug)]
struct Accusing {
    key: Key,
    request: Request,
    explanation: Explanation,
    finding: Finding,
}

/// Refused requests by which software has still to be judged.
#[derive(Debug, Default)]
pub struct Refusals {
    waiting: Vec<Waiting>,
    accusing: Vec<Accusing>,
}

/// What there was to judge software by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByRecord {
    /// A record, and what explains it.
    Looked,
    /// A record that no walk explains: an interrupt file does.
    Unexplained,
    /// No record.
    None,
}

impl Refusals {
    /// When the oldest one by which software has still to be judged was offered.
    pub fn oldest_offer(&self) -> Option<Cycle> {
        let waiting = self.waiting.iter().map(|waiting| waiting.key.1.offered);
        waiting.chain(self.accusing.iter().map(|accusing| accusing.key.1.offered)).min()
    }

    /// What software is accused of, before that has been heard again.
    pub fn first_accusation(&self) -> Option<&Finding> {
        self.accusing.first().map(|accusing| &accusing.finding)
    }

    /// Whether one more accusation is worth its evidence.
    pub fn listens(&self) -> bool {
        self.accusing.len() < HEARD
    }

    /// Software is accused by this request.
    pub fn accuse(&mut self, key: Key, served: &Served, finding: Finding) {
        let (request, explanation) = (served.request, served.explanation.clone());
        self.accusing.push(Accusing { key, request, explanation, finding });
    }

    fn is_waiting(&self, key: Key) -> bool {
        self.waiting.iter().any(|waiting| waiting.key == key)
    }

    fn is_accusing(&self, key: Key) -> bool {
        self.accusing.iter().any(|accusing| accusing.key == key)
    }
}

impl Oracle {
    /// A request was refused.
    pub(super) fn refused(&mut self, transaction: &Transaction, now: Cycle) -> Result<(), Violation> {
        self.figures.translations_compared += 1;
        let request = request_of(transaction);
        let window = Window::until(transaction, now);
        let mut found = self.search.explain_refusal_at_last(&request, window, |_| true);
        // A fault explains it, and perhaps an interrupt file does as well; else only that is left.
        let by_file = match found.is_empty() {
            true => self.by_any_choice(|oracle| oracle.refused_by_file(&Reach::ALL, transaction, now)),
            false => self.refused_by_file(&Reach::NEAR, transaction, now),
        };
        found.extend(by_file.into_iter().flatten());
        if found.is_empty() {
            let record = self.record_of(&request, window);
            let violation = self.unexplained_refusal(transaction.request.burst, &request, window, record);
            return match self.holds(transaction.request.burst, request, window, violation) {
                Some(violation) => Err(violation),
                None => Ok(()),
            };
        }
        self.refusal_explained((Origin::Transaction(transaction.ticket), window), request, found);
        Ok(())
    }

    /// The record of a refused request that nothing explains, if it has come already.
    fn record_of(&self, request: &Request, window: Window) -> Option<FaultRecord> {
        let is_of = |came: &Came| {
            let same_page = came.record.iotval >> 12 == request.iova.0 >> 12;
            came.cycle >= window.offered && came.record.head.did() == request.device.0 && same_page
        };
        self.faults.unexplained().find(is_of).map(|came| came.record)
    }

    /// Nothing explains a refusal. Its record tells why the device refused, if it has come already.
    pub(super) fn unexplained_refusal(
        &mut self,
        burst: Burst,
        request: &Request,
        window: Window,
        record: Option<FaultRecord>,
    ) -> Violation {
        let line = match &record {
            Some(record) => format!("refused: {}", describe(record)),
            None => "refused; its record has not come yet".to_owned(),
        };
        let is_it = |outcome: &Outcome| match outcome {
            Outcome::Fault(fault) => record.is_none_or(|record| fault.record() == record),
            _ => false,
        };
        let answer = Answer { line, is_it: &is_it, to: None, burst: Some(burst) };
        let violation = self.unexplained(Rule::Refusal, request, window, &answer);
        // Without a record any fault may have been the reason: what the evidence guesses is not certain enough for the kind.
        let follows_from = violation.follows_from.filter(|_| record.is_some());
        // Bugs of many kinds refuse what is to be translated: the cause that the device gives tells them apart.
        let detail = match &record {
            Some(record) => format!("{}, with cause {}", violation.detail, record.head.cause()),
            None => violation.detail,
        };
        Violation { follows_from, detail, ..violation }
    }

    /// The device is cleared: these faults explain a refusal. Software is judged as soon as it is known which of them it
    /// was.
    pub(super) fn refusal_explained(&mut self, key: Key, request: Request, found: Vec<(Fault, Explanation)>) {
        let (origin, window) = key;
        let possible = found.iter().map(|(fault, _)| *fault).collect();
        let owed = Owed { origin, request: Some(request), window, possible, may_be_lost: false, optional: false };
        let paid = self.faults.refused(owed);
        self.learn(&found[paid.unwrap_or(0)].1, window);
        self.cover_explanation(&request, &found[paid.unwrap_or(0)].1, window);
        match paid {
            Some(which) => self.look_at_refusal(key, &request, &found[which].1, true),
            None if !found.iter().any(|(_, explanation)| self.says_something_of_software(explanation, window)) => {}
            None if self.faults.is_lossy(key) => self.look_at_refusal(key, &request, &found[0].1, false),
            None => self.refusals.waiting.push(Waiting { key, request, found }),
        }
    }

    /// Records have come: what the requests that left them say of software. `before` are the payments of before.
    pub(super) fn records_came(&mut self, before: usize) {
        if self.refusals.waiting.is_empty() {
            return;
        }
        for (key, record) in self.faults.paid_since(before) {
            let Some(at) = self.refusals.waiting.iter().position(|waiting| waiting.key == key) else { continue };
            let Waiting { request, found, .. } = self.refusals.waiting.remove(at);
            if let Some((_, explanation)) = found.iter().find(|(fault, _)| self.faults.leaves(fault, &record)) {
                self.look_at_refusal(key, &request, explanation, true);
            }
        }
    }

    /// Looks for unlikely explanations of refusals, where records call for them. Only at rest: before, a record may be of
    /// a request that has not been answered.
    pub(super) fn settle_doubts(&mut self) {
        while let Some(doubt) = self.faults.doubt() {
            let leaves_it = |outcome: &Outcome, chooser: &Chooser<'_>| match outcome {
                Outcome::Fault(fault) => doubt.is_left_by(fault) && (doubt.kind == Kind::Any || !chooser.is_stale()),
                _ => false,
            };
            // What is fresh lies where the walk comes by.
            let explanation = match doubt.kind {
                Kind::Fresh => self.search.explain_within(&Reach::NEAR, &doubt.request, doubt.window, leaves_it),
                Kind::Any => self.search.explain_by_one_choice(&doubt.request, doubt.window, leaves_it),
            };
            let fault = explanation.as_ref().and_then(|explanation| match &explanation.outcome {
                Outcome::Fault(fault) => Some(fault),
                _ => None,
            });
            self.faults.settle_doubt(&doubt, fault);
            if let Some(explanation) = explanation {
                self.learn(&explanation, doubt.window);
                if !self.refusals.is_waiting(doubt.key()) {
                    self.look_at_refusal(doubt.key(), &doubt.request, &explanation, true);
                }
            }
        }
    }

    /// Looks for unlikely explanations of refusals whose records are missing: by a fault that needs none, such as one that
    /// another record stands for as well. Ends at the first one that has none, for which the device is to blame.
    pub(super) fn settle_losses(&mut self, excused: Cycle) {
        while let Some((at, request, window)) = self.faults.lost(excused) {
            let silent = |outcome: &Outcome, _: &Chooser<'_>| match outcome {
                Outcome::Fault(fault) => self.faults.needs_no_record(window, fault),
                _ => false,
            };
            let explanation = self.search.explain(&request, window, silent);
            if explanation.is_none() {
                return;
            }
            self.faults.forgive(at);
        }
    }

    /// At rest, when it is known which record is whose as far as that can be known.
    pub(super) fn judge_refusals(&mut self) {
        for Waiting { key, request, found } in std::mem::take(&mut self.refusals.waiting) {
            if self.look_by_record(key, &request) != ByRecord::Looked {
                self.look_at_refusal(key, &request, &found[0].1, false);
            }
        }
        let mut heard: Vec<Key> = Vec::new();
        // Hearing one can make others accuse.
        while self.hazard.is_none() && !self.refusals.accusing.is_empty() {
            for accusing in std::mem::take(&mut self.refusals.accusing) {
                if self.hazard.is_some() {
                    break;
                }
                if heard.contains(&accusing.key) || self.still_accuses(&accusing) {
                    self.hazard = Some(accusing.finding);
                } else {
                    self.figures.hazards -= 1;
                }
                heard.push(accusing.key);
            }
        }
        self.refusals.accusing.clear();
    }

    /// Whether a request accuses software as well if the record by which it does may be of somebody else.
    fn still_accuses(&mut self, accusing: &Accusing) -> bool {
        let Accusing { key, request, explanation, .. } = accusing;
        let taken = self.faults.take_back(*key);
        self.settle_doubts();
        if let Some(possible) = taken
            && self.faults.give_back(*key, possible)
        {
            self.settle_doubts();
        }
        if !self.refusals.is_accusing(*key) {
            match self.look_by_record(*key, request) {
                ByRecord::Looked => {}
                ByRecord::Unexplained => return true,
                ByRecord::None => self.look_at_refusal(*key, request, explanation, false),
            }
        }
        let before = self.refusals.accusing.len();
        self.refusals.accusing.retain(|accusing| accusing.key != *key);
        let again = before - self.refusals.accusing.len() + usize::from(self.hazard.is_some());
        // An accusation counts as one, however often it is heard.
        self.figures.hazards -= again as u64;
        again > 0
    }

    /// Judges software by the record that a refused request has left.
    fn look_by_record(&mut self, key: Key, request: &Request) -> ByRecord {
        let Some(record) = self.faults.left_by(key) else { return ByRecord::None };
        let faults = &self.faults;
        let explanation = self.search.explain_by_one_choice(request, key.1, |outcome, _| match outcome {
            Outcome::Fault(fault) => faults.leaves(fault, &record),
            _ => false,
        });
        let Some(explanation) = explanation else { return ByRecord::Unexplained };
        self.look_at_refusal(key, request, &explanation, true);
        ByRecord::Looked
    }
}
