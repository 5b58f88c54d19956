//! What software promised: the other verdict.
//!
//! Each operation of the driver is bracketed. Once one has returned, what it replaced must be used no more. While some
//! run, a request must come out as by memory at rest before, between or after them, every word of the same moment; where
//! one of them may refuse, a refusal is right as well. The device is never to blame for what is found here: it was
//! explained by values that it may use. Of all explanations the one that is kindest to software counts.

use golden::{Outcome, Request, Role, WordRef};
use rustc_hash::FxHashMap;

use super::chooser::Choice;
use super::explain::Explanation;
use super::history::Histories;
use super::operations::{Bracket, Moments, Operations};
use super::tagged::Parent;
use super::usable::{Window, is_invalid, narrow};
use crate::bus::Cycle;
use crate::driver::{Operation, Promise};

/// A request that has been explained, and how.
#[derive(Clone, Debug)]
pub struct Served {
    /// The request
    pub request: Request,
    /// When it was with the device
    pub window: Window,
    /// The explanation by which the device was cleared
    pub explanation: Explanation,
}

/// The word of a context that names the root of the tree which a page-table entry belongs to.
fn named_root<'a>(choices: &'a [Choice], entry: &Role) -> Option<&'a Choice> {
    let find = |role: Role| choices.iter().find(|choice| choice.word.role == role);
    match entry {
        Role::FirstStage { .. } => {
            find(Role::ProcessContext { index: 1 }).or_else(|| find(Role::DeviceContext { index: 3 }))
        }
        Role::SecondStage { .. } => find(Role::DeviceContext { index: 1 }),
        _ => None,
    }
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub enum Broken {
    /// A value that an operation had retired was the only explanation.
    Stale {
        /// The read that used it
        choice: Choice,
        /// The operation, and when it returned
        operation: String,
        /// When it returned
        returned: Cycle,
    },
    /// A request came out as by no state of memory at rest around the operations that it overlaps.
    Torn {
        /// One of them that it depends on
        operation: String,
        /// All that it depends on are hitless
        hitless: bool,
        /// By memory before the first of them
        old: Outcome,
        /// By memory after the last
        new: Outcome,
    },
}

/// How requests during hitless operations came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hitless {
    /// As before, where before and after differ
    pub old: u64,
    /// As after
    pub new: u64,
}

/// How the request comes out by memory as it was at rest, at each moment; and which words that depends on.
#[derive(Debug, Default)]
pub struct AtRest {
    /// In the order of the moments
    pub outcomes: Vec<Outcome>,
    /// The doublewords that these walks looked at
    pub words: Vec<u64>,
}

/// Software's operations and their promises.
#[derive(Debug, Default)]
pub struct Software {
    /// Those that requests in flight may overlap
    pub operations: Operations,
    /// Requests that ended while an operation was under way
    pub undecided: Vec<Served>,
    /// Words that an operation with a promise stored to: when it returned, and which it was
    promised: FxHashMap<u64, (Cycle, u32)>,
    names: Vec<String>,
    reconfigurations: u64,
    hitless: Hitless,
}

/// Two outcomes are the same for a device: the same address and memory type, or the same cause.
pub fn same(a: &Outcome, b: &Outcome) -> bool {
    match (a, b) {
        (Outcome::Translated(a), Outcome::Translated(b)) => a.spa == b.spa && a.pbmt == b.pbmt,
        (Outcome::Fault(a), Outcome::Fault(b)) => a.cause == b.cause,
        _ => false,
    }
}

impl Software {
    /// An operation begins.
    pub fn begin(&mut self, operation: Operation, now: Cycle) {
        self.operations.begin(operation, now);
    }

    /// The operation that began last ends. Returns the requests that can be judged now.
    pub fn end(&mut self, done: bool, now: Cycle) -> Vec<Served> {
        let Some(bracket) = self.operations.end(done, now) else { return Vec::new() };
        self.reconfigurations += u64::from(bracket.operation.reconfiguration);
        if bracket.operation.promise != Promise::Nothing {
            let name = self.names.len() as u32;
            self.names.push(bracket.operation.name.clone());
            self.promised.extend(bracket.words().map(|addr| (addr, (now, name))));
        }
        std::mem::take(&mut self.undecided)
    }

    /// Operations that finished and changed a device's configuration.
    pub fn reconfigurations(&self) -> u64 {
        self.reconfigurations
    }

    /// How requests during hitless operations came out.
    pub fn hitless(&self) -> Hitless {
        self.hitless
    }

    /// Forgets operations that no request overlaps any more: `oldest` is when the oldest one in flight was offered.
    pub fn forget(&mut self, oldest: Cycle) {
        let undecided = self.undecided.iter().map(|served| served.window.offered).min();
        self.operations.forget(undecided.map_or(oldest, |undecided| undecided.min(oldest)));
    }

    /// Counts a request that came out as before hitless operations or as after them.
    pub fn count(&mut self, window: Window, outcome: &Outcome, at_rest: &AtRest) {
        let is_hitless = |bracket: &Bracket| bracket.operation.promise == Promise::Hitless;
        let ([old, ..], [.., new]) = (&at_rest.outcomes[..], &at_rest.outcomes[..]) else { return };
        if self.operations.overlapped(window).any(is_hitless) {
            match (same(outcome, old), same(outcome, new)) {
                (true, false) => self.hitless.old += 1,
                (false, true) => self.hitless.new += 1,
                _ => {}
            }
        }
    }

    /// Whether these reads keep all promises, for a request with this outcome.
    pub fn is_kept(&self, served: &Served, reads: &[Choice], around: &Around<'_>) -> bool {
        self.retired(reads, around.histories, served.window).is_none() && self.torn(served, reads, around).is_none()
    }

    /// Whether operations that a request overlaps were shown to it half done.
    pub fn torn(&self, served: &Served, reads: &[Choice], around: &Around<'_>) -> Option<Broken> {
        let Around { moments, at_rest, .. } = around;
        let outcome = &served.explanation.outcome;
        if at_rest.outcomes.iter().any(|right| same(outcome, right)) || moments.fit(reads) {
            return None;
        }
        let words = || reads.iter().map(|choice| choice.word.addr.0 & !7).chain(at_rest.words.iter().copied());
        let matter = |bracket: &&Bracket| bracket.operation.promise != Promise::Nothing && bracket.stored_to(words());
        let mut involved = self.operations.overlapped(served.window).filter(matter);
        let first = involved.next()?;
        let is_hitless = |bracket: &Bracket| bracket.operation.promise == Promise::Hitless;
        let hitless = is_hitless(first) && involved.all(is_hitless);
        if !hitless && matches!(outcome, Outcome::Fault(_)) {
            return None;
        }
        let unknown = Outcome::Unavailable;
        let (old, new) = (at_rest.outcomes.first(), at_rest.outcomes.last());
        let operation = first.operation.name.clone();
        Some(Broken::Torn { operation, hitless, old: *old.unwrap_or(&unknown), new: *new.unwrap_or(&unknown) })
    }

    /// The first of these reads that used what an operation had retired before the request was accepted: a word that it
    /// had overwritten, an entry to which an overwritten pointer had led, or a tree whose root it had taken out of the
    /// context.
    pub fn retired(&self, choices: &[Choice], histories: &Histories, window: Window) -> Option<Broken> {
        choices.iter().find_map(|choice| {
            // What memory held when the request was offered may be used for it if the device looked at once.
            let start = if is_invalid(&choice.word.role, choice.value) { window.offered } else { window.start };
            let overwritten =
                if choice.stale { self.overwriter(&choice.word, choice.value, histories, start) } else { None };
            let unlinked = || match choice.recalled?.parent {
                Parent::Pointer { addr, value, .. } => {
                    self.overwriter(&WordRef { addr, ..choice.word }, value, histories, start)
                }
                Parent::Root => None,
            };
            let uprooted = || {
                let context = named_root(choices, &choice.word.role).filter(|context| context.value != choice.root)?;
                self.overwriter(&context.word, choice.root, histories, start)
            };
            let (returned, name) = overwritten.or_else(unlinked).or_else(uprooted)?;
            Some(Broken::Stale { choice: *choice, operation: self.names[name as usize].clone(), returned })
        })
    }

    /// The operation with a promise that stored to a word last, if it had returned before `start` and memory has not
    /// held `value` in this word since.
    ///
    /// A store takes a cycle before the operation can return. So what memory still held in the cycle of the return is
    /// what the operation left there, though the next one may have begun in that very cycle: "the IOMMU may use the old
    /// value or the new value of the entry" while that one runs (section "Guidelines for invalidations").
    fn overwriter(&self, word: &WordRef, value: u64, histories: &Histories, start: Cycle) -> Option<(Cycle, u32)> {
        let &(returned, name) = self.promised.get(&(word.addr.0 & !7))?;
        let history = histories.word(word.addr)?;
        let held_ever = |whole: u64| narrow(word, whole) == value;
        let held_since = |whole: u64| narrow(word, whole) == value && history.held_between(whole, returned, start);
        (returned < start && history.values().any(held_ever) && !history.values().any(held_since)).then_some((returned, name))
    }
}

/// What was around a request: the moments at which memory was at rest, and how it would have come out by each.
pub struct Around<'a> {
    /// The moments
    pub moments: &'a Moments,
    /// How it would have come out
    pub at_rest: &'a AtRest,
    /// What memory held when
    pub histories: &'a Histories,
}
