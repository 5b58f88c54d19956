// SPDX-License-Identifier: Apache-2.0
//! The evidence of a divergence: the shortest text from which an engineer can tell what happened. What explains most
//! comes first. It is made when something has been found, and never before.

mod accesses;
mod around;
mod follows;
mod look_up;
mod names;
mod past;
mod record;
mod say;
mod time_line;
mod update;

use std::fmt::Write as _;

use golden::{Fault, Outcome, Request, Spa, Step};

pub use accesses::Accesses;
pub use names::Names;
pub use say::{answer_line, command_line, either_line, outcome_line, request_line, success_line, translated_line};
pub use time_line::TimeLine;
pub use update::update_line;

use events::{Burst, Cycle};
use follows::Reason;
use past::Past;

use super::Oracle;
use super::choice::Choice;
use super::dma::{burst_line, response_line};
use super::explain::Explanation;
use super::faults::Came;
use super::invalidation::Globality;
use super::picture::{Asked, Entry, Picture, Seen};
use super::rule::{Rule, Violation};
use super::search::Search;
use super::software::{Broken, Served};
use super::usable::{Struck, judge};
use super::value::narrow;
use super::view::View;
use super::window::Window;

/// The answer to a request that nothing explains.
pub struct Answer<'a> {
    /// In one line
    pub line: String,
    /// Whether an outcome would have been answered so
    pub is_it: &'a dyn Fn(&Outcome) -> bool,
    /// Where it leads, if it leads anywhere
    pub to: Option<Spa>,
    /// The shape of the DMA that it answers: many bugs show for bursts of one shape only
    pub burst: Option<Burst>,
}

impl Answer<'_> {
    /// How it differs from what is right, without an address.
    fn differs(&self, right: Option<&Outcome>, leads_to: Option<u64>) -> String {
        match (self.to, right) {
            (Some(to), Some(Outcome::Translated(_))) if Some(to.0 >> 12) != leads_to => "another address".to_owned(),
            (Some(_), Some(Outcome::Translated(_))) => "right address, wrong attributes".to_owned(),
            (Some(_), Some(Outcome::Fault(fault))) => format!("translated despite cause {}", fault.cause.code()),
            (Some(_), _) => "translated".to_owned(),
            (None, Some(Outcome::Translated(_))) => "refused".to_owned(),
            (None, Some(Outcome::Fault(fault))) => format!("refused otherwise than by cause {}", fault.cause.code()),
            (None, _) => "refused, which nothing explains".to_owned(),
        }
    }
}

/// The page to which an outcome leads.
fn page_of(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Translated(translation) => Some(translation.spa.0 >> 12),
        _ => None,
    }
}

impl Oracle {
    /// A request was answered in a way that nothing explains.
    pub(super) fn unexplained(
        &mut self,
        rule: Rule,
        request: &Request,
        window: Window,
        came: &Answer<'_>,
    ) -> Violation {
        self.unexplained_with(rule, request, window, came).0
    }

    /// The same, and the fault that it should have come to, if that is right.
    pub(super) fn unexplained_with(
        &mut self,
        rule: Rule,
        request: &Request,
        window: Window,
        came: &Answer<'_>,
    ) -> (Violation, Option<Fault>) {
        // What it should have been: the outcome that needs the freshest values.
        let (right, base, right_outcome) = match self.search.explain(request, window, |_, _| true) {
            Some(Explanation { outcome, choices, .. }) => (answer_line(request, &outcome), choices, Some(outcome)),
            None => (self.after_updates(request, window), Vec::new(), None),
        };
        let leads_to = right_outcome.as_ref().and_then(page_of);
        let detail = came.differs(right_outcome.as_ref(), leads_to);
        let reason = self.reason(request, window, &base, came.is_it);
        let follows_from = reason.as_ref().and_then(|reason| reason.from).map(Box::new);
        let (mut text, used) = reason.map(|reason| (reason.text, reason.used)).unwrap_or_default();
        // Where the address is right it says nothing.
        if let Some(addr) = came.to.filter(|addr| Some(addr.0 >> 12) != leads_to) {
            text += &self.with_past(request, window, |past| self.look_up(past, addr));
            if let Some(since) = self.freed.since(addr) {
                let _ = writeln!(text, "{addr:#x} is free since cycle {since}");
            }
        }
        let (story, picture) = self.story(request, window, &came.line);
        let picture = Some(Box::new(Picture { used, ..picture }));
        text += &match came.burst {
            Some(burst) => story.replacen('\n', &format!(", {}\n", burst_line(burst)), 1),
            None => story,
        };
        let violation = Violation {
            evidence: text,
            follows_from,
            picture,
            ..Violation::new(rule, detail, right, came.line.as_str())
        };
        let fault = right_outcome.and_then(|outcome| match outcome {
            Outcome::Fault(fault) => Some(fault),
            _ => None,
        });
        (violation, fault)
    }

    /// From what an answer follows.
    fn reason(
        &self,
        request: &Request,
        window: Window,
        base: &[Choice],
        is_it: &dyn Fn(&Outcome) -> bool,
    ) -> Option<Reason> {
        self.with_past(request, window, |past: &Past<'_>| follows::follows(past, base, is_it, &self.names))
    }

    fn with_past<T>(&self, request: &Request, window: Window, look: impl FnOnce(&Past<'_>) -> T) -> T {
        let Search { histories, invalidations, roots, tagged, memory, .. } = &self.search;
        look(&Past { config: &self.search.config(), request, window, histories, invalidations, roots, tagged, memory })
    }

    /// By what a request was answered that software let through; whose the address is that it came to, if that was free.
    pub(super) fn hazard_story(&self, served: &Served, broken: &Broken) -> (String, Picture) {
        let Served { request, window, explanation, .. } = served;
        let moments = self.software.operations.moments(*window, &self.search.histories).cycles;
        let lines = |past: &Past<'_>| {
            let mut lines: Vec<String> = Vec::new();
            for choice in &explanation.choices {
                let line = match broken {
                    Broken::Torn { .. } => follows::between(past, choice, &moments, &self.names),
                    _ => choice.stale.then(|| follows::kept(past, choice, &self.names)),
                };
                lines.extend(line.filter(|line| !lines.contains(line)));
            }
            if let Broken::Freed { addr, table: None, .. } = broken {
                lines.push(self.look_up(past, *addr));
            }
            lines.concat()
        };
        let used = |past: &Past<'_>| follows::used(past, &explanation.choices, &self.names);
        let (story, picture) = self.story(request, *window, &answer_line(request, &explanation.outcome));
        let picture = Picture { used: self.with_past(request, *window, used), ..picture };
        (self.with_past(request, *window, lines) + &story, picture)
    }

    /// [`Self::walk`], and what happened last.
    pub(super) fn story(&self, request: &Request, window: Window, result: &str) -> (String, Picture) {
        let (mut out, picture) = self.drawn_walk(request, window, result);
        self.time_line.render(&self.names, &mut out);
        let moments = self.time_line.moments(&self.names);
        (out + say::CONVENTION + "\n", Picture { moments, ..picture })
    }

    /// A request, what came of it, and the golden walk with what the device read of each word.
    pub(super) fn walk(&self, request: &Request, window: Window, result: &str) -> String {
        self.drawn_walk(request, window, result).0
    }

    /// [`Self::walk`], and the same as data.
    fn drawn_walk(&self, request: &Request, window: Window, result: &str) -> (String, Picture) {
        let mut out = format!("request: {}\n", say::request_line(request, &self.names));
        let Window { offered, start, end, .. } = window;
        let _ = writeln!(out, "  offered in cycle {offered}, accepted in {start}, answered in {end}: {result}");
        let mut steps: Vec<Step> = Vec::new();
        let outcome =
            golden::translate_traced(&self.search.config(), &mut View::now(&self.search.memory), request, &mut steps);
        let _ = writeln!(out, "golden walk over memory as it is now: {}", answer_line(request, &outcome));
        let mut memory: Vec<Entry> = Vec::new();
        // The last step says the same again.
        steps.truncate(steps.len().saturating_sub(1));
        let mut told: Vec<Spa> = Vec::new();
        for step in &steps {
            let _ = writeln!(out, "{}", format!("  {step}").trim_end());
            let Step::Read { word, value } = step else {
                if let Some(last) = memory.last_mut() {
                    last.then = step.to_string().trim().to_owned();
                }
                continue;
            };
            memory.push(Entry::of(word, *value));
            let mut note = |usable: bool, what: String| {
                let _ = writeln!(out, "      {what}");
                if let Some(last) = memory.last_mut() {
                    last.seen.push(Seen { usable, what });
                }
            };
            if told.contains(&word.addr) {
                continue;
            }
            told.push(word.addr);
            let sightings = self.search.histories.word(word.addr).map(|history| (history, history.sightings()));
            let Some((history, sightings)) = sightings.filter(|(_, seen)| !seen.is_empty()) else {
                note(false, "the device never read it".to_owned());
                continue;
            };
            if matches!(sightings, [seen] if narrow(word, seen.value) == *value) {
                continue;
            }
            for seen in sightings {
                if seen.resp != 0 {
                    let (answer, cycle) = (response_line(seen.resp), seen.first_sampled);
                    note(false, format!("read in cycle {cycle}: answered {answer}, which is no value"));
                    continue;
                }
                let judged = judge(history, word, seen, &self.search.invalidations, Globality::default(), window);
                let verdict = match &judged {
                    Ok(()) => "may be used".to_owned(),
                    Err(Struck::Later) => "struck: read after the request had ended".to_owned(),
                    Err(Struck::Invalid) => {
                        "struck: V is 0, which is not cached, and memory held something else".to_owned()
                    }
                    Err(Struck::Invalidated { fetched, command }) => {
                        format!("struck: overwritten, and {command} (fetched in cycle {fetched}) had completed")
                    }
                };
                let held = match history.last_held(seen.value) {
                    Some(Cycle::MAX) => "memory holds it".to_owned(),
                    Some(last) => format!("memory held it until cycle {last}"),
                    None => "memory never held it".to_owned(),
                };
                let (value, first) = (narrow(word, seen.value), seen.first_sampled);
                let last = match seen.last_sampled {
                    last if last == first => String::new(),
                    last => format!(", last in {last}"),
                };
                note(judged.is_ok(), format!("read {value:#018x} in cycle {first}{last}; {held}; {verdict}"));
            }
        }
        let asked = Asked {
            what: say::request_line(request, &self.names),
            offered: window.offered,
            accepted: window.start,
            answered: window.end,
        };
        let picture = Picture {
            request: Some(asked),
            memory,
            right: answer_line(request, &outcome),
            came: result.to_owned(),
            ..Picture::default()
        };
        (out, picture)
    }

    /// Adds to a violation what an engineer wants to see beside it, unless it has that already.
    pub(crate) fn with_evidence(&self, mut violation: Violation, now: Cycle) -> Violation {
        match violation.rule {
            // Their request is shown.
            Rule::Translation | Rule::Refusal | Rule::AtsCompletion | Rule::DebugTranslation => return violation,
            Rule::FaultRecord => self.add_record(&mut violation),
            Rule::FaultLost => self.add_lost(&mut violation),
            _ => {}
        }
        let around = self.around(&violation, now);
        violation.evidence += &around;
        self.time_line.render(&self.names, &mut violation.evidence);
        violation.evidence += say::CONVENTION;
        violation.evidence.push('\n');
        violation.picture.get_or_insert_default().moments = self.time_line.moments(&self.names);
        violation
    }

    /// A record that nothing explains, beside the nearest that is owed.
    fn add_record(&self, violation: &mut Violation) {
        let is_of = |came: &Came| violation.detail == super::faults::detail(&came.record);
        let Some(came) = self.faults.unexplained().next().filter(is_of) else { return };
        let (text, nearest) = self.wrong_record(&came);
        violation.evidence += &text;
        let Some((record, owed)) = nearest.filter(|(record, _)| *record != came.record) else { return };
        violation.right = super::faults::describe(&record);
        violation.wrong = super::faults::describe(&came.record);
        violation.detail = record::difference(&came.record, &record);
        let Some(request) = &owed.request else { return };
        let (walk, picture) = self.drawn_walk(request, owed.window, "refused");
        let picture = violation.picture.insert(Box::new(picture));
        let is_it = |outcome: &Outcome| matches!(outcome, Outcome::Fault(fault) if fault.record() == came.record);
        if let Some(reason) = self.reason(request, owed.window, &[], &is_it) {
            violation.evidence.insert_str(0, &reason.text);
            violation.follows_from = reason.from.map(Box::new);
            picture.used = reason.used;
            picture.came = super::faults::describe(&came.record);
        }
        violation.evidence += &walk;
    }

    /// A refused request whose record never came.
    fn add_lost(&self, violation: &mut Violation) {
        let Some(owed) = self.faults.missing(self.interrupts.excused()) else { return };
        let Some(request) = &owed.request else { return };
        let (walk, picture) = self.drawn_walk(request, owed.window, "refused, and no record has come");
        violation.evidence += &walk;
        violation.picture = Some(Box::new(picture));
    }
}
