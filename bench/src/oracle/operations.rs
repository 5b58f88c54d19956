//! Software's operations in the order in which it made them: which of them a request overlaps, and what memory held
//! between them.

use golden::{Role, WordRef};
use rustc_hash::{FxHashMap, FxHashSet};

use super::chooser::Choice;
use super::history::Histories;
use super::usable::{Window, narrow};
use crate::bus::Cycle;
use crate::driver::{Operation, Promise};

/// A and D in a page-table entry of either byte order: the device sets them as it likes.
const ACCESSED_DIRTY: u64 = 0xC0 | 0xC0 << 56;

/// An operation, from its beginning until no request overlaps it any more.
#[derive(Debug)]
pub struct Bracket {
    /// What it is called and what it promised; nothing, if it failed
    pub operation: Operation,
    began: Cycle,
    ended: Option<Cycle>,
    /// Doublewords that it stored to
    words: FxHashSet<u64>,
}

impl Bracket {
    fn overlaps(&self, window: Window) -> bool {
        self.began <= window.end && self.ended.is_none_or(|ended| window.offered <= ended)
    }

    /// The doublewords that it stored to.
    pub fn words(&self) -> impl Iterator<Item = u64> + '_ {
        self.words.iter().copied()
    }

    /// It stored to one of these.
    pub fn stored_to(&self, mut words: impl Iterator<Item = u64>) -> bool {
        words.any(|word| self.words.contains(&word))
    }
}

/// Operations that requests in flight may overlap, and stores outside of all of them.
#[derive(Debug, Default)]
pub struct Operations {
    depth: u32,
    /// In their order; only the last one may be under way
    brackets: Vec<Bracket>,
    loose: Vec<(Cycle, u64)>,
}

/// Memory at rest before, between and after the operations that a request overlaps.
#[derive(Debug, Default)]
pub struct Moments {
    /// When
    pub cycles: Vec<Cycle>,
    /// What each doubleword that they stored to held at each of them
    held: FxHashMap<u64, Vec<u64>>,
}

impl Moments {
    /// There is one of which all words are that these operations stored to.
    pub fn fit(&self, choices: &[Choice]) -> bool {
        (0..self.cycles.len()).any(|at| choices.iter().all(|choice| self.agrees(choice, at)))
    }

    fn agrees(&self, choice: &Choice, at: usize) -> bool {
        self.held.get(&(choice.word.addr.0 & !7)).is_none_or(|held| is_same(&choice.word, choice.value, held[at]))
    }
}

fn is_same(word: &WordRef, value: u64, held: u64) -> bool {
    let ignored = match word.role {
        Role::FirstStage { .. } | Role::SecondStage { .. } => ACCESSED_DIRTY,
        _ => 0,
    };
    (narrow(word, held) ^ value) & !ignored == 0
}

impl Operations {
    /// An operation begins. Within another one it is a part of that.
    pub fn begin(&mut self, operation: Operation, now: Cycle) {
        self.depth += 1;
        if self.depth == 1 {
            self.brackets.push(Bracket { operation, began: now, ended: None, words: FxHashSet::default() });
        }
    }

    /// The operation that began last ends. Returns the outermost one, once that has ended; a failed one promises nothing.
    pub fn end(&mut self, done: bool, now: Cycle) -> Option<&Bracket> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 {
            return None;
        }
        let bracket = self.brackets.last_mut().filter(|bracket| bracket.ended.is_none())?;
        bracket.ended = Some(now);
        if !done {
            bracket.operation.promise = Promise::Nothing;
            bracket.operation.reconfiguration = false;
        }
        Some(bracket)
    }

    /// One is under way.
    pub fn is_busy(&self) -> bool {
        self.depth > 0
    }

    /// Software stores a doubleword.
    pub fn stored(&mut self, addr: u64, now: Cycle) {
        match self.brackets.last_mut().filter(|bracket| bracket.ended.is_none()) {
            Some(bracket) => {
                bracket.words.insert(addr);
            }
            None => self.loose.push((now, addr)),
        }
    }

    /// Those that a request overlaps.
    pub fn overlapped(&self, window: Window) -> impl Iterator<Item = &Bracket> {
        self.brackets.iter().filter(move |bracket| bracket.overlaps(window))
    }

    /// Memory at rest around the operations that a request overlaps. A word that something else stored to meanwhile may be
    /// anything.
    pub fn moments(&self, window: Window, histories: &Histories) -> Moments {
        let mut moments = Moments::default();
        for bracket in self.overlapped(window) {
            for cycle in [Some(bracket.began), bracket.ended].into_iter().flatten() {
                if moments.cycles.last() != Some(&cycle) {
                    moments.cycles.push(cycle);
                }
            }
        }
        let Some(&first) = moments.cycles.first() else { return moments };
        let (promised, other): (Vec<_>, Vec<_>) =
            self.overlapped(window).partition(|bracket| bracket.operation.promise != Promise::Nothing);
        let stored_apart = |addr: u64| {
            other.iter().any(|bracket| bracket.words.contains(&addr))
                || self.loose.iter().any(|&(cycle, word)| word == addr && cycle >= first && cycle <= window.end)
        };
        for &addr in promised.iter().flat_map(|bracket| &bracket.words) {
            let Some(history) = histories.word(golden::Spa(addr)) else { continue };
            if moments.held.contains_key(&addr) || stored_apart(addr) {
                continue;
            }
            let held = moments.cycles.iter().map(|&cycle| history.at(cycle).unwrap_or_default()).collect();
            moments.held.insert(addr, held);
        }
        moments
    }

    /// Forgets what no request overlaps any more: `oldest` is when the oldest one in flight was offered.
    pub fn forget(&mut self, oldest: Cycle) {
        if self.brackets.is_empty() && self.loose.is_empty() {
            return;
        }
        self.brackets.retain(|bracket| bracket.ended.is_none_or(|ended| oldest <= ended));
        self.loose.retain(|&(cycle, _)| oldest <= cycle);
    }
}
