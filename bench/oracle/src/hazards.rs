// SPDX-License-Identifier: Apache-2.0
//! Judging software: the device is cleared, and the explanation is looked for that is kindest to software.

use events::Cycle;
use golden::{Config, Kind, Outcome, Request, Role, Spa, Stage, WordRef};

use super::Oracle;
use super::choice::Choice;
use super::chooser::{Chooser, Reach};
use super::evidence::{self, Names};
use super::explain::{Explanation, walk};
use super::faults::Key;
use super::history::{Histories, Word};
use super::operations::{Keeping, Moments};
use super::rule::Rule;
use super::slips::Slip;
use super::software::{Around, AtRest, Broken, Refused, Retired, Served, StaleUse};
use super::usable::Knowledge;
use super::value::{narrow, structure};
use super::view::View;
use super::window::Window;
use crate::{Blame, Finding};

/// Where the first explanation accuses software, this many others are tried within each reach.
const TRIES_FOR_KIND: u32 = 4096;

/// So many once software is accused: what comes then changes a figure alone.
const TRIES_ONCE_ACCUSED: u32 = 128;

/// And this many before the first accusation of a run.
const TRIES_BEFORE_ACCUSATION: u32 = 1 << 14;

/// What the explanation that is kindest to software says of it.
enum Kindest {
    /// It has kept all promises.
    Kept,
    /// A table was read in memory that had been freed.
    Freed,
    /// Nothing stale is needed, and an operation showed itself half done.
    Torn(Box<Broken>),
    /// A value that an operation had retired is needed.
    Stale,
}

/// How the explanation that is kindest to software is looked for.
#[derive(Clone, Copy)]
struct Way {
    /// By memory as it was at this moment at rest; none: by whatever is not retired
    rest: Option<usize>,
    reach: Reach,
    /// Page-table entries that are read are as memory holds them, so that those found by their tags are come to
    only_fresh: bool,
    tries: u32,
}

impl Way {
    /// Each moment at rest by itself, and then whatever is not retired: so that few combinations are left.
    fn all(rests: usize, reaches: &'static [Reach], only_fresh: bool, tries: u32) -> impl Iterator<Item = Way> {
        let rests = (0..rests).map(Some).chain([None]);
        rests.flat_map(move |rest| reaches.iter().map(move |&reach| Way { rest, reach, only_fresh, tries }))
    }
}

/// It is no page-table entry, or one that memory held while the request was with the device.
fn is_fresh(word: &WordRef, value: u64, histories: &Histories, window: Window) -> bool {
    let held = |history: &Word| {
        let mut like = history.values().filter(|whole| narrow(word, *whole) == value);
        like.any(|whole| history.held_between(whole, window.offered, window.end))
    };
    !matches!(word.role, Role::FirstStage { .. } | Role::SecondStage { .. })
        || histories.word(word.addr).is_some_and(held)
}

/// Which tree a page-table entry was found in.
fn tree(choice: &Choice, names: &Names) -> String {
    let Choice { word, root, .. } = choice;
    let stage = match word.role {
        Role::FirstStage { .. } => Stage::First,
        Role::SecondStage { .. } => Stage::Second,
        _ => return String::new(),
    };
    let whose = names.tags(stage, word.tags.gscid, word.tags.pscid, Some(*root));
    format!(", in the tree of {root:#018x}, {whose}")
}

fn used_as(choice: &Choice, names: &Names) -> String {
    let Choice { word, value, .. } = choice;
    format!("{} @ {:#x} was used as {value:#018x}{}", word.role, word.addr, tree(choice, names))
}

/// The same to whoever asked. What a translation request is told has more to it than an address.
fn answers_alike(served: &Served, one: &Outcome) -> bool {
    let two = &served.explanation.outcome;
    let is_alike = match (one, two) {
        (Outcome::Translated(one), Outcome::Translated(two)) => one.target == two.target,
        (Outcome::Fault(_), Outcome::Fault(_)) => true,
        _ => false,
    };
    let is_ats = matches!(served.request.kind, Kind::Ats { .. });
    is_alike && if is_ats && served.refused.is_none() { one == two } else { served.same(one, two) }
}

impl Oracle {
    /// A request has been explained. Now, or when the operation that is under way has ended, software is judged.
    pub(super) fn look_at_software(&mut self, request: &Request, explanation: &Explanation, window: Window) {
        self.look(request, explanation, window, None);
    }

    /// The same for a request that was refused.
    pub(super) fn look_at_refusal(
        &mut self,
        key: Key,
        request: &Request,
        explanation: &Explanation,
        is_cause_known: bool,
    ) {
        self.look(request, explanation, key.1, Some(Refused { key, is_cause_known }));
    }

    /// By this explanation software may be to blame, or operations beside the request show in it.
    pub(super) fn says_something_of_software(&self, explanation: &Explanation, window: Window) -> bool {
        self.is_of_operations(explanation, window) || self.reached_freed(explanation, window).is_some()
    }

    /// The same, as far as operations and what they changed go.
    fn is_of_operations(&self, explanation: &Explanation, window: Window) -> bool {
        let operations = &self.software.operations;
        operations.is_busy() || explanation.stale || operations.overlapped(window).next().is_some()
    }

    fn look(&mut self, request: &Request, explanation: &Explanation, window: Window, refused: Option<Refused>) {
        let freed = self.reached_freed(explanation, window);
        if freed.is_none() && !self.is_of_operations(explanation, window) {
            return;
        }
        let served = Served { request: *request, window, explanation: explanation.clone(), freed, refused };
        if explanation.stale {
            self.note_stale_uses(&served);
        }
        if self.software.operations.is_busy() && !self.slips.has(Slip::JudgedTooEarly) {
            self.software.undecided.push(served);
        } else {
            self.judge_software(&served);
        }
    }

    pub(super) fn judge_software(&mut self, served: &Served) {
        let moments = self.software.moments(served.window, &self.search.histories);
        let at_rest = self.at_rest_around(served, &moments);
        self.software.count(served.window, &served.explanation.outcome, &at_rest);
        let facts = self.search.facts();
        let around = Around { moments: &moments, at_rest: &at_rest, facts };
        let reads = &served.explanation.choices;
        let retired = self.software.retired(reads, facts, served.window);
        let torn = if retired.is_none() { self.software.torn(served, reads, &around) } else { None };
        let through_table = matches!(&served.freed, Some(Broken::Freed { table: Some(_), .. }));
        let is_accused = retired.is_some() || torn.is_some() || through_table;
        let broken = match if is_accused { self.kindest(served, &moments, &at_rest) } else { Kindest::Kept } {
            Kindest::Kept => served.freed.clone().filter(|_| !through_table),
            Kindest::Freed => served.freed.clone(),
            // What is stale can be done without.
            Kindest::Torn(other) => torn.or(Some(*other)),
            Kindest::Stale => {
                let stale = retired.map(|Retired { choice, operation, changed, returned }| {
                    let missing = self.missing(&choice, changed, served.window, None);
                    Broken::Stale { choice, operation, returned, missing }
                });
                stale.or(torn).or_else(|| served.freed.clone())
            }
        };
        if let Some(broken) = broken {
            self.hazard(broken, served);
        }
    }

    /// How the request would have come out by memory and registers at rest, at each of these moments.
    fn at_rest_around(&self, served: &Served, moments: &Moments) -> AtRest {
        let mut at_rest = AtRest::default();
        for &cycle in &moments.cycles {
            for config in &self.configs_at_rest(cycle) {
                let mut view = match self.slips.has(Slip::RestIsNow) {
                    true => View::now(&self.search.memory),
                    false => View::at(&self.search.memory, &self.search.histories, cycle),
                };
                at_rest.outcomes.push(golden::translate(config, &mut view, &served.request));
                at_rest.words.append(&mut view.looked_at);
            }
        }
        at_rest
    }

    /// Each configuration that software may count on at a moment at rest.
    pub(super) fn configs_at_rest(&self, cycle: Cycle) -> Vec<Config> {
        if self.slips.has(Slip::RegistersAreNow) { vec![self.search.config()] } else { self.search.configs_at(cycle) }
    }

    /// Which promises software has kept by the explanation that is kindest to it. A first accusation is made only after a
    /// wide search. Those that come after it change a figure alone, and there can be thousands of them.
    fn kindest(&mut self, served: &Served, moments: &Moments, at_rest: &AtRest) -> Kindest {
        if self.slips.has(Slip::FirstIsKindest) {
            return Kindest::Stale;
        }
        let rests = moments.cycles.len();
        let mut kindest = Kindest::Stale;
        let tries = if self.first_hazard().is_some() { TRIES_ONCE_ACCUSED } else { TRIES_FOR_KIND };
        let narrow = Way::all(rests, &Reach::ALL, false, tries);
        self.look_for_kinder(served, moments, at_rest, narrow, &mut kindest);
        if self.first_hazard().is_some() || matches!(kindest, Kindest::Kept) {
            return kindest;
        }
        let wide = |reaches| {
            let all = move |only_fresh| Way::all(rests, reaches, only_fresh, TRIES_BEFORE_ACCUSATION);
            all(true).chain(all(false))
        };
        self.look_for_kinder(served, moments, at_rest, wide(&Reach::ALL), &mut kindest);
        if !matches!(kindest, Kindest::Kept) && self.search.find_speculative(&served.request, served.window) {
            self.look_for_kinder(served, moments, at_rest, wide(&Reach::BY_TAGS), &mut kindest);
        }
        kindest
    }

    /// Looks in these ways for an explanation that is kinder to software than the kindest one so far.
    fn look_for_kinder(
        &mut self,
        served: &Served,
        moments: &Moments,
        at_rest: &AtRest,
        ways: impl Iterator<Item = Way>,
        kindest: &mut Kindest,
    ) {
        let (software, freed) = (&self.software, &self.freed);
        for Way { rest, reach, only_fresh, tries: most } in ways {
            let fits = |known: &Knowledge<'_>, word: &WordRef, value: u64| {
                let keeping = Keeping { facts: known.facts(), window: served.window };
                (!only_fresh || is_fresh(word, value, known.histories, served.window))
                    && rest.is_none_or(|at| moments.agrees(word, value, at, keeping))
                    && !software.is_retired(word, value, known.histories, served.window)
            };
            let visit = |outcome: &Outcome, chooser: &Chooser<'_>, tries: u32| {
                let facts = chooser.known().facts();
                let around = Around { moments, at_rest, facts };
                let reads = chooser.choices();
                if answers_alike(served, outcome) && software.retired(reads, facts, served.window).is_none() {
                    match software.torn(served, reads, &around) {
                        None if freed.table_among(reads, served.window.offered).is_some() => *kindest = Kindest::Freed,
                        None => *kindest = Kindest::Kept,
                        Some(torn) if matches!(kindest, Kindest::Stale) => *kindest = Kindest::Torn(Box::new(torn)),
                        Some(_) => {}
                    }
                }
                matches!(kindest, Kindest::Kept) || tries > most
            };
            self.search.replay_only(Some(&fits), served.window, reach, most, walk(&served.request), visit);
            if matches!(kindest, Kindest::Kept) {
                return;
            }
        }
    }

    /// What a request came to that software had freed before: its data, or a table that is walked anew.
    fn reached_freed(&self, explanation: &Explanation, window: Window) -> Option<Broken> {
        let Explanation { outcome, choices: reads, .. } = explanation;
        if self.freed.is_empty() || self.slips.has(Slip::FreedIsFine) {
            return None;
        }
        let since = |addr: Spa, before: Cycle| self.freed.since(addr).filter(|since| *since <= before);
        // What led there may have been taken out while the request was on its way.
        let missing = |since: Cycle, what: &str| {
            let gone = StaleUse::changes(reads, self.search.facts(), |_| true).find(|(_, changed)| *changed <= since);
            match gone {
                Some((choice, changed)) => self.missing(&choice, changed, window, Some(since)),
                None => format!("missing: {what} is taken out, and invalidated, before that"),
            }
        };
        if let (Outcome::Translated(translation), Some(_)) = (outcome, window.shown)
            && let Some(since) = since(translation.spa, self.slips.freed_before(window))
        {
            let missing = missing(since, "the mapping");
            return Some(Broken::Freed { addr: translation.spa, since, table: None, missing });
        }
        let (table, since) = self.freed.table_among(reads, window.offered)?;
        let missing = missing(since, "what points to this table");
        Some(Broken::Freed { addr: table.word.addr, since, table: Some(*table), missing })
    }

    /// Keeps uses of what software had changed: whether an invalidation follows is known at the end. One that came and
    /// may have been aborted is no use once software has seen a fence complete.
    fn note_stale_uses(&mut self, served: &Served) {
        for (choice, changed) in StaleUse::among(served, self.search.facts()).collect::<Vec<_>>() {
            if self.stale_uses.iter().any(|known| known.is_like(&choice, changed)) {
                continue;
            }
            let stale = StaleUse { choice, changed, served: served.clone() };
            if self.search.invalidations.may_be_lost(
                &stale.choice.word,
                stale.choice.value,
                stale.changed,
                served.window,
            ) {
                self.never_invalidated(&stale);
            }
            self.stale_uses.push(stale);
        }
    }

    /// At rest: what was changed and used has been invalidated.
    pub(super) fn judge_stale_uses(&mut self) {
        for stale in std::mem::take(&mut self.stale_uses) {
            let StaleUse { choice, changed, served } = &stale;
            let is_fine = self.slips.has(Slip::UntoldIsFine)
                || self.search.invalidations.has_followed(&choice.word, choice.value, *changed);
            if !is_fine && !self.is_told(served) {
                self.never_invalidated(&stale);
            }
        }
    }

    /// Whether something else explains the outcome, in which software has invalidated whatever it had changed.
    fn is_told(&mut self, served: &Served) -> bool {
        self.is_told_within(served, &Reach::ALL)
            || self.first_hazard().is_none()
                && self.search.find_speculative(&served.request, served.window)
                && self.is_told_within(served, &Reach::BY_TAGS)
    }

    fn is_told_within(&mut self, served: &Served, reaches: &[Reach]) -> bool {
        let mut found = false;
        for &reach in reaches {
            let visit = |outcome: &Outcome, chooser: &Chooser<'_>, tries: u32| {
                let facts = chooser.known().facts();
                let told = |(choice, changed): (Choice, Cycle)| {
                    changed >= served.window.offered
                        || facts.invalidations.has_followed(&choice.word, choice.value, changed)
                };
                found = answers_alike(served, outcome)
                    && StaleUse::changes(chooser.choices(), facts, |choice| choice.stale).all(told);
                found || tries > TRIES_FOR_KIND
            };
            self.search.replay(served.window, reach, TRIES_FOR_KIND, walk(&served.request), visit);
            if found {
                break;
            }
        }
        found
    }

    fn never_invalidated(&mut self, stale: &StaleUse) {
        let StaleUse { choice, changed, served } = stale;
        let missing = self.missing(choice, *changed, served.window, None);
        self.hazard(Broken::NeverInvalidated { choice: *choice, changed: *changed, missing }, served);
    }

    /// The step that software left out or did wrong, after it had changed what led to this read.
    fn missing(&self, choice: &Choice, changed: Cycle, window: Window, given_up: Option<Cycle>) -> String {
        let config = self.search.config();
        let waiting = self.commands.handed_over(&config, &self.search.memory);
        self.search.invalidations.missing(&choice.word, choice.value, changed, window, given_up, waiting)
    }

    pub(super) fn hazard(&mut self, broken: Broken, served: &Served) {
        self.figures.hazards += 1;
        if self.hazard.is_some() {
            return;
        }
        match (served.refused, &broken) {
            // What was never told stays so, whoever used it.
            (
                Some(Refused { key, is_cause_known: true }),
                Broken::Stale { .. } | Broken::Torn { .. } | Broken::Freed { .. },
            ) => {
                if self.refusals.listens() {
                    let finding = self.finding(broken, served);
                    self.refusals.accuse(key, served, finding);
                }
            }
            _ => self.hazard = Some(self.finding(broken, served)),
        }
    }

    fn finding(&self, broken: Broken, served: &Served) -> Finding {
        let Served { window, explanation, .. } = served;
        let outcome = &explanation.outcome;
        let (text, picture) = self.hazard_story(served, &broken);
        let (rule, detail, right, wrong) = match broken {
            Broken::Stale { choice, operation, returned, missing } => (
                Rule::StaleAfterOperation,
                structure(&choice.word.role).to_owned(),
                format!("`{operation}` returned in cycle {returned}: what it replaced is used no more; {missing}"),
                used_as(&choice, &self.names),
            ),
            Broken::Freed { addr, since, table, missing } => (
                Rule::UseAfterFree,
                table.map_or("data", |choice| structure(&choice.word.role)).to_owned(),
                format!("no access to {addr:#x}, which software freed in cycle {since}; {missing}"),
                match &table {
                    Some(choice) => used_as(choice, &self.names),
                    None => evidence::outcome_line(outcome),
                },
            ),
            Broken::NeverInvalidated { choice, changed, missing } => (
                Rule::NeverInvalidated,
                structure(&choice.word.role).to_owned(),
                format!("what software changed in cycle {changed} is invalidated; {missing}"),
                used_as(&choice, &self.names),
            ),
            Broken::Torn { operation, hitless, old, new } => (
                if hitless { Rule::NotHitless } else { Rule::MixedState },
                match outcome {
                    Outcome::Fault(fault) => format!("cause {}", fault.cause.code()),
                    _ => "translation".to_owned(),
                },
                format!(
                    "`{operation}` {}: {}",
                    if hitless { "is hitless" } else { "shows the old state, the new one, or a refusal" },
                    evidence::either_line(&old, &new)
                ),
                evidence::outcome_line(outcome),
            ),
        };
        Finding {
            blame: Blame::SoftwareHazard,
            rule: rule.key().to_owned(),
            detail,
            structure: None,
            command: None,
            section: rule.section().to_owned(),
            right,
            wrong,
            cycle: window.end,
            evidence: text,
            picture: Some(Box::new(picture)),
        }
    }
}
