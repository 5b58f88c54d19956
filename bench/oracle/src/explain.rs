// SPDX-License-Identifier: Apache-2.0
//! The search for an explanation: the golden walk, replayed over what the device may have used (MODEL.md, "The device").

use events::{Direction, DmaRequest};
use golden::{Access, Config, Fault, Kind, MsiTable, Outcome, Request, Tags};

use super::Oracle;
use super::choice::Choice;
use super::chooser::{Chooser, Only, Reach};
use super::dma::Transaction;
use super::roots::Root;
use super::search::Search;
use super::slips::Slip;
use super::usable::Knowledge;
use super::view::Peek;
use super::window::Window;

/// Once an explanation by stale values is found, this many further combinations are tried for one without.
const TRIES_FOR_FRESH: u32 = 4096;

/// An outcome that the device may have come to, and what it must have used.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The outcome
    pub outcome: Outcome,
    /// The reads that gave it
    pub choices: Vec<Choice>,
    /// The configured roots under which tables were walked
    pub roots: Vec<Root>,
    /// The MSI page table that its context names, where there is a second stage
    pub msi_table: Option<(Tags, MsiTable)>,
    /// One of the reads took a value that memory no longer held, or a root is not the configured one
    pub stale: bool,
    /// A root is not the configured one
    pub other_root: bool,
}

impl Explanation {
    fn of(outcome: &Outcome, chooser: &Chooser<'_>) -> Self {
        Explanation {
            outcome: *outcome,
            choices: chooser.choices().to_vec(),
            roots: chooser.roots().to_vec(),
            msi_table: chooser.msi_page_table(),
            stale: chooser.is_stale(),
            other_root: chooser.used_other_root(),
        }
    }
}

/// A DMA transaction as the golden model wants it.
pub fn request_of(transaction: &Transaction) -> Request {
    request_of_dma(&transaction.request)
}

/// What a device asks by DMA, as the golden model wants it.
pub fn request_of_dma(dma: &DmaRequest) -> Request {
    Request {
        device: dma.device,
        process: dma.process,
        privileged: dma.privileged,
        access: match (dma.direction, dma.instruction) {
            (Direction::Write, _) => Access::Write,
            (Direction::Read, true) => Access::Execute,
            (Direction::Read, false) => Access::Read,
        },
        kind: if dma.translated { Kind::Translated } else { Kind::Untranslated },
        iova: dma.iova,
    }
}

/// The whole process of translating a request.
pub(super) fn walk(request: &Request) -> impl Fn(&Config, &mut Chooser<'_>) -> Option<Outcome> {
    move |config, words| {
        // "The IOMMU may update the Accessed (A) and/or Dirty (D) bits" (chapter "Debug support").
        if request.kind == Kind::Debug {
            words.spare_updates();
        }
        match golden::translate(config, words, request) {
            Outcome::Unavailable => None,
            Outcome::Translated(_) if words.is_deferred() => None,
            outcome => Some(outcome),
        }
    }
}

/// What `find` finds in a state by the choices of the implementation that the device is thought to have made, or by making
/// some of them otherwise: in so many ways at most. Then the device is thought to do so.
fn by_choices<S, T>(
    state: &mut S,
    search_of: impl Fn(&mut S) -> &mut Search,
    others: usize,
    mut find: impl FnMut(&mut S) -> Option<T>,
) -> Option<T> {
    let search = search_of(state);
    let made = search.choices;
    let others = if search.slips.has(Slip::ChoicesBound) { 0 } else { others };
    for choices in made.all().take(others.saturating_add(1)) {
        search_of(state).choices = choices;
        if let Some(found) = find(state) {
            return Some(found);
        }
    }
    search_of(state).choices = made;
    None
}

impl Oracle {
    /// As [`Search::by_any_choice`], where more has to be known than what the search goes by.
    pub(super) fn by_any_choice<T>(&mut self, find: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        by_choices(self, |oracle| &mut oracle.search, usize::MAX, find)
    }
}

impl Search {
    /// The first explanation of an outcome that `accept` takes; one without stale values where there is one.
    pub(super) fn explain(
        &mut self,
        request: &Request,
        window: Window,
        accept: impl Fn(&Outcome, &Chooser<'_>) -> bool,
    ) -> Option<Explanation> {
        self.by_any_choice(|search| search.explain_within(&Reach::ALL, request, window, &accept))
    }

    /// What is found by the choices of the implementation that the device is thought to have made, or by making one of
    /// them otherwise; then the device is thought to do so.
    fn by_any_choice<T>(&mut self, find: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        by_choices(self, |search| search, usize::MAX, find)
    }

    /// As [`Self::explain`], with one choice made otherwise at most: for what is asked often.
    pub(super) fn explain_by_one_choice(
        &mut self,
        request: &Request,
        window: Window,
        accept: impl Fn(&Outcome, &Chooser<'_>) -> bool,
    ) -> Option<Explanation> {
        let others = self.choices.free();
        by_choices(self, |search| search, others, |search| search.explain_within(&Reach::ALL, request, window, &accept))
    }

    /// As [`Self::explain`], no further than these.
    pub(super) fn explain_within(
        &mut self,
        reaches: &[Reach],
        request: &Request,
        window: Window,
        accept: impl Fn(&Outcome, &Chooser<'_>) -> bool,
    ) -> Option<Explanation> {
        let found = self.first_explanation(reaches, request, window, &accept);
        // Entries that no request was translated by are looked for only where nothing else explains it.
        if found.is_none() && reaches.contains(&Reach::Global) && self.find_speculative(request, window) {
            return self.first_explanation(&Reach::BY_TAGS, request, window, &accept);
        }
        found
    }

    /// As [`Self::explain`], and where nothing explains it, with words that nobody had touched.
    pub(super) fn explain_at_last(
        &mut self,
        request: &Request,
        window: Window,
        accept: impl Fn(&Outcome, &Chooser<'_>) -> bool,
    ) -> Option<Explanation> {
        loop {
            let found = self.explain(request, window, &accept);
            if found.is_some() || !self.look_up_unknown() {
                return found;
            }
        }
    }

    /// As [`Self::explain_refusal`], and where nothing explains it, with words that nobody had touched.
    pub(super) fn explain_refusal_at_last(
        &mut self,
        request: &Request,
        window: Window,
        accept: impl Fn(&Fault) -> bool,
    ) -> Vec<(Fault, Explanation)> {
        loop {
            let found = self.explain_refusal(request, window, &accept);
            if !found.is_empty() || !self.look_up_unknown() {
                return found;
            }
        }
    }

    /// Looks in memory for words that walks asked for and that nobody had touched. Whether there were any.
    pub(super) fn look_up_unknown(&mut self) -> bool {
        let unknown = self.buffers.take_unknown();
        for &addr in &unknown {
            self.histories.untouched(addr, self.memory.peek(addr));
        }
        !unknown.is_empty()
    }

    fn first_explanation(
        &mut self,
        reaches: &[Reach],
        request: &Request,
        window: Window,
        accept: impl Fn(&Outcome, &Chooser<'_>) -> bool,
    ) -> Option<Explanation> {
        let mut found = None;
        for &reach in reaches {
            self.replay(window, reach, u32::MAX, walk(request), |outcome, chooser, tries| {
                if !accept(outcome, chooser) {
                    return found.is_some() && tries > TRIES_FOR_FRESH;
                }
                let stale = chooser.is_stale();
                if found.is_none() || !stale {
                    found = Some(Explanation::of(outcome, chooser));
                }
                !stale || tries > TRIES_FOR_FRESH
            });
            if found.is_some() {
                break;
            }
        }
        found
    }

    /// The faults that explain a refusal and that `accept` takes, each with its freshest explanation first found. Beyond
    /// the plain walk not all of them: whether there is one that leaves a certain record is asked for when that record
    /// comes.
    pub(super) fn explain_refusal(
        &mut self,
        request: &Request,
        window: Window,
        accept: impl Fn(&Fault) -> bool,
    ) -> Vec<(Fault, Explanation)> {
        let some = |found: Vec<_>| if found.is_empty() { None } else { Some(found) };
        let found = self.by_any_choice(|search| {
            let found = some(search.nearest_refusals(&Reach::ALL, request, window, &accept));
            if found.is_none() && search.find_speculative(request, window) {
                return some(search.nearest_refusals(&Reach::BY_TAGS, request, window, &accept));
            }
            found
        });
        found.unwrap_or_default()
    }

    fn nearest_refusals(
        &mut self,
        reaches: &[Reach],
        request: &Request,
        window: Window,
        accept: impl Fn(&Fault) -> bool,
    ) -> Vec<(Fault, Explanation)> {
        let mut found: Vec<(Fault, Explanation)> = Vec::new();
        for &reach in reaches {
            self.replay(window, reach, u32::MAX, walk(request), |outcome, chooser, tries| {
                let enough = |found: usize| reach != Reach::Plain && tries > TRIES_FOR_FRESH && found > 0;
                let fault = match outcome {
                    Outcome::Fault(fault) if accept(fault) => fault,
                    _ => return enough(found.len()),
                };
                match found.iter_mut().find(|(known, _)| known == fault) {
                    None => found.push((*fault, Explanation::of(outcome, chooser))),
                    Some((_, known)) if known.stale && !chooser.is_stale() => {
                        *known = Explanation::of(outcome, chooser)
                    }
                    Some(_) => {}
                }
                enough(found.len())
            });
            if !found.is_empty() {
                break;
            }
        }
        found.sort_by_key(|(_, explanation)| explanation.stale);
        found
    }

    /// Replays a walk over every combination within a reach, `limit` of them at most, until `visit` says that it has seen
    /// enough. A walk gives nothing where a word is not available.
    pub(super) fn replay<T>(
        &mut self,
        window: Window,
        reach: Reach,
        limit: u32,
        walk: impl FnMut(&Config, &mut Chooser<'_>) -> Option<T>,
        visit: impl FnMut(&T, &Chooser<'_>, u32) -> bool,
    ) {
        self.replay_only(None, window, reach, limit, walk, visit);
    }

    /// The same with these values of words only; none: with all of them.
    pub(super) fn replay_only<T>(
        &mut self,
        only: Option<&Only<'_>>,
        window: Window,
        reach: Reach,
        limit: u32,
        mut walk: impl FnMut(&Config, &mut Chooser<'_>) -> Option<T>,
        mut visit: impl FnMut(&T, &Chooser<'_>, u32) -> bool,
    ) {
        let mut config = self.config();
        let mut tries = 0;
        for ddtp in self.configuration.ddtp_choices(window.start, window.end) {
            config.ddtp = ddtp;
            let known = Knowledge {
                histories: &self.histories,
                invalidations: &self.invalidations,
                roots: &self.roots,
                tagged: &self.tagged,
                updates: &self.updates,
                requesters: &self.requesters,
                errors_corrupt: self.choices.now().port_error_is_corruption,
                slips: self.slips,
            };
            let mut chooser = Chooser::new(known, window, reach, &mut self.buffers).only(only);
            while tries < limit && chooser.next() {
                tries += 1;
                if let Some(outcome) = walk(&config, &mut chooser)
                    && chooser.is_consistent()
                    && visit(&outcome, &chooser, tries)
                {
                    return;
                }
            }
        }
    }
}
