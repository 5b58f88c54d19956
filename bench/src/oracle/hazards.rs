//! Judging software: the device is cleared, and the explanation is looked for that is kindest to software.

use golden::{Kind, Outcome, Request, Role};

use super::Oracle;
use super::chooser::{Choice, Chooser, Reach};
use super::evidence;
use super::explain::{Explanation, walk};
use super::judge::structure;
use super::operations::Moments;
use super::rule::Rule;
use super::software::{Around, AtRest, Broken, Served, same};
use super::usable::Window;
use super::view::{Peek, View};
use crate::testbench::{Blame, Finding};

/// Where the first explanation accuses software, this many others are tried within each reach.
const TRIES_FOR_KIND: u32 = 4096;

/// Which tree a page-table entry was found in.
fn tree(choice: &Choice) -> String {
    match choice.word.role {
        Role::FirstStage { .. } | Role::SecondStage { .. } => format!(", in the tree of {:#018x}", choice.root),
        _ => String::new(),
    }
}

/// The same to whoever asked. What a translation request is told has more to it than an address.
fn answers_alike(request: &Request, one: &Outcome, two: &Outcome) -> bool {
    let is_alike = match (one, two) {
        (Outcome::Translated(one), Outcome::Translated(two)) => one.target == two.target,
        (one, two) => one == two,
    };
    is_alike && if matches!(request.kind, Kind::Ats { .. }) { one == two } else { same(one, two) }
}

impl Oracle {
    /// A request has been explained. Now, or when the operation that is under way has ended, software is judged.
    pub(super) fn look_at_software(
        &mut self,
        request: &Request,
        explanation: &Explanation,
        window: Window,
        memory: &dyn Peek,
    ) {
        let is_busy = self.software.operations.is_busy();
        if is_busy || explanation.stale || self.software.operations.overlapped(window).next().is_some() {
            let served = Served { request: *request, window, explanation: explanation.clone() };
            if is_busy {
                self.software.undecided.push(served);
            } else {
                self.judge_software(&served, memory);
            }
        }
    }

    pub(super) fn judge_software(&mut self, served: &Served, memory: &dyn Peek) {
        let moments = self.software.operations.moments(served.window, &self.histories);
        let at_rest = self.at_rest_around(served, &moments, memory);
        self.software.count(served.window, &served.explanation.outcome, &at_rest);
        let around = Around { moments: &moments, at_rest: &at_rest, histories: &self.histories };
        let reads = &served.explanation.choices;
        let Some(broken) = self
            .software
            .retired(reads, &self.histories, served.window)
            .or_else(|| self.software.torn(served, reads, &around))
        else {
            return;
        };
        if !self.is_explained_kindly(served, &moments, &at_rest) {
            self.hazard(broken, served, memory);
        }
    }

    /// How the request would have come out by memory at rest, at each of these moments.
    fn at_rest_around(&self, served: &Served, moments: &Moments, memory: &dyn Peek) -> AtRest {
        let config = self.config();
        let mut at_rest = AtRest::default();
        for &cycle in &moments.cycles {
            let mut view = View::at(memory, &self.histories, cycle);
            at_rest.outcomes.push(golden::translate(&config, &mut view, &served.request));
            at_rest.words.append(&mut view.looked_at);
        }
        at_rest
    }

    /// Whether something else explains the outcome, by which software has kept its promises.
    fn is_explained_kindly(&mut self, served: &Served, moments: &Moments, at_rest: &AtRest) -> bool {
        let software = std::mem::take(&mut self.software);
        let mut found = false;
        for reach in Reach::ALL {
            let visit = |outcome: &Outcome, chooser: &Chooser<'_>, tries: u32| {
                let around = Around { moments, at_rest, histories: chooser.histories() };
                found = answers_alike(&served.request, outcome, &served.explanation.outcome)
                    && software.is_kept(served, chooser.choices(), &around);
                found || tries > TRIES_FOR_KIND
            };
            self.replay(served.window, reach, TRIES_FOR_KIND, walk(&served.request), visit);
            if found {
                break;
            }
        }
        self.software = software;
        found
    }

    fn hazard(&mut self, broken: Broken, served: &Served, memory: &dyn Peek) {
        self.figures.hazards += 1;
        if self.hazard.is_some() {
            return;
        }
        let Served { request, window, explanation } = served;
        let config = self.config();
        let text =
            evidence::walk(&config, request, *window, &self.histories, &self.invalidations, memory, &self.time_line);
        let outcome = &explanation.outcome;
        let (rule, detail, right, wrong) = match broken {
            Broken::Stale { choice, operation, returned } => (
                Rule::StaleAfterOperation,
                structure(&choice.word.role).to_owned(),
                format!("`{operation}` returned in cycle {returned}: what it replaced is used no more"),
                format!(
                    "{} at {:#x} was used as {:#018x}{}",
                    choice.word.role,
                    choice.word.addr,
                    choice.value,
                    tree(&choice)
                ),
            ),
            Broken::Torn { operation, hitless, old, new } => (
                if hitless { Rule::NotHitless } else { Rule::MixedState },
                match outcome {
                    Outcome::Fault(fault) => format!("cause {}", fault.cause.code()),
                    _ => "translation".to_owned(),
                },
                format!(
                    "`{operation}` {}: {} or {}",
                    if hitless { "is hitless" } else { "shows the old state, the new one, or a refusal" },
                    evidence::outcome_line(&old),
                    evidence::outcome_line(&new)
                ),
                evidence::outcome_line(outcome),
            ),
        };
        self.hazard = Some(Finding {
            blame: Blame::SoftwareHazard,
            rule: rule.key().to_owned(),
            detail,
            section: rule.section().to_owned(),
            right,
            wrong,
            cycle: window.end,
            evidence: text,
        });
    }
}
