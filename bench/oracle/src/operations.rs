// SPDX-License-Identifier: Apache-2.0
//! Software's operations in the order in which it made them: which of them a request overlaps, and what memory held
//! between them.

use events::{Cycle, Operation, Promise};
use golden::{Role, WordRef};
use rustc_hash::{FxHashMap, FxHashSet};

use super::choice::{Choice, named_root};
use super::history::Histories;
use super::invalidation::Globality;
use super::slips::{Slip, Slips};
use super::usable::Facts;
use super::value::{is_invalid, narrow};
use super::window::Window;

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
    /// What software does in a cycle comes before what the bus shows in it: a request that shows in the cycle in which an
    /// operation returns comes after it.
    fn overlaps(&self, window: Window) -> bool {
        self.began <= window.end && self.ended.is_none_or(|ended| window.offered < ended)
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
    /// For tests of the oracle
    pub(super) slips: Slips,
}

/// Memory at rest before, between and after the operations that a request overlaps.
#[derive(Debug, Default)]
pub struct Moments {
    /// When
    pub cycles: Vec<Cycle>,
    /// Each doubleword that they stored to
    held: FxHashMap<u64, Held>,
    slips: Slips,
}

/// A doubleword that operations stored to.
#[derive(Debug, Default)]
struct Held {
    /// What it held at each of the moments
    at: Vec<u64>,
    /// When the last operation that stored to it before the first of them had returned: what it had retired is not kept
    returned: Option<Cycle>,
}

/// What is known of values that a device may have kept since before the operations that a request overlaps.
#[derive(Clone, Copy)]
pub struct Keeping<'a> {
    /// What memory held, what was invalidated, and what led where
    pub facts: Facts<'a>,
    /// When the request was with the device
    pub window: Window,
}

impl Moments {
    /// There is one of which all words are that these operations stored to.
    pub fn fit(&self, choices: &[Choice], keeping: Keeping<'_>) -> bool {
        let fits = |choice: &Choice, at: usize| {
            self.agrees(&choice.word, choice.value, at, keeping) && self.led(choices, choice, at, keeping)
        };
        let mut moments = 0..self.cycles.len();
        if self.slips.has(Slip::MomentsMixed) {
            return choices.iter().all(|choice| moments.clone().any(|at| fits(choice, at)));
        }
        moments.any(|at| choices.iter().all(|choice| fits(choice, at)))
    }

    /// Says of each doubleword when the last operation that stored to it before the first moment had returned.
    pub fn returned_before(&mut self, returned: impl Fn(u64, Cycle) -> Option<Cycle>) {
        let Some(&first) = self.cycles.first() else { return };
        for (&addr, held) in &mut self.held {
            held.returned = returned(addr, first);
        }
    }

    /// The word held this value at one of the moments, or these operations did not store to it. Or the device has kept the
    /// value of before: that is none of theirs.
    pub fn agrees(&self, word: &WordRef, value: u64, at: usize, keeping: Keeping<'_>) -> bool {
        let Some(held) = self.held.get(&(word.addr.0 & !7)) else { return true };
        is_same(word, value, held.at[at])
            || self.gone(held, word, value, keeping).is_some_and(|gone| {
                let Keeping { facts: Facts { histories, invalidations, .. }, window } = keeping;
                let cutoff = invalidations.cutoff(word, value, Globality::default(), window);
                let was_read = histories.word(word.addr).is_some_and(|history| {
                    let mut seen = history.sightings().iter().filter(|seen| narrow(word, seen.value) == value);
                    seen.any(|seen| seen.first <= self.cycles[0])
                });
                was_read && !is_invalid(&word.role, value) && cutoff.is_none_or(|command| command.fetched <= gone)
            })
    }

    /// When memory last held a value that had gone before these operations began, and that it holds at none of the
    /// moments.
    fn gone(&self, held: &Held, word: &WordRef, value: u64, keeping: Keeping<'_>) -> Option<Cycle> {
        if self.slips.has(Slip::NothingOfBefore) || held.at.iter().any(|whole| is_same(word, value, *whole)) {
            return None;
        }
        let (history, first) = (keeping.facts.histories.word(word.addr)?, self.cycles[0]);
        let is_kept = |whole: &u64| {
            is_same(word, value, *whole)
                && held.returned.is_none_or(|returned| history.held_between(*whole, returned, first))
        };
        history.values().filter(is_kept).filter_map(|whole| history.last_held_by(whole, first)).max()
    }

    /// An entry that was found by its tags hangs below a root and pointers, which are of the same moment; or which had gone
    /// before these operations began, and had still led to the entry since that was last invalidated.
    fn led(&self, choices: &[Choice], choice: &Choice, at: usize, keeping: Keeping<'_>) -> bool {
        if self.slips.has(Slip::WaysMixed) {
            return true;
        }
        let Keeping { facts: Facts { invalidations, tagged, .. }, window } = keeping;
        let was_there = |word: &WordRef, value: u64| {
            let Some(held) = self.held.get(&(word.addr.0 & !7)) else { return true };
            is_same(word, value, held.at[at])
                || self.gone(held, word, value, keeping).is_some_and(|gone| {
                    let cutoff = invalidations.cutoff(&choice.word, choice.value, Globality::default(), window);
                    let led_until = invalidations.usable_until(word, value, gone);
                    cutoff.is_none_or(|command| command.fetched <= led_until)
                })
        };
        let root = named_root(choices, &choice.word.role).is_none_or(|context| was_there(&context.word, choice.root));
        let is_gone = |word: &WordRef, value: u64| (!was_there(word, value)).then_some(());
        root && choice.recalled.is_none_or(|place| tagged.on_the_way(&choice.word, &place, &is_gone).is_none())
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
        let window = self.slips.overlap(window);
        // They end in the order in which they begin.
        let ended = |bracket: &Bracket| bracket.ended.is_some_and(|ended| ended <= window.offered);
        let first = self.brackets.partition_point(ended);
        self.brackets[first..].iter().take_while(move |bracket| bracket.overlaps(window))
    }

    /// Memory at rest around the operations that a request overlaps. A word that something else stored to meanwhile may be
    /// anything.
    pub fn moments(&self, window: Window, histories: &Histories) -> Moments {
        let mut moments = Moments { slips: self.slips, ..Moments::default() };
        for bracket in self.overlapped(window) {
            for cycle in [Some(bracket.began), bracket.ended].into_iter().flatten() {
                if moments.cycles.last() != Some(&cycle) {
                    moments.cycles.push(cycle);
                }
            }
        }
        self.slips.moments(&mut moments.cycles);
        let Some(&first) = moments.cycles.first() else { return moments };
        let (promised, other): (Vec<_>, Vec<_>) =
            self.overlapped(window).partition(|bracket| bracket.operation.promise.is_kept_meanwhile());
        let loose = &self.loose[self.loose.partition_point(|&(cycle, _)| cycle < first)..];
        let loose: FxHashSet<u64> =
            loose.iter().take_while(|&&(cycle, _)| cycle <= window.end).map(|&(_, word)| word).collect();
        let stored_apart =
            |addr: u64| loose.contains(&addr) || other.iter().any(|bracket| bracket.words.contains(&addr));
        for &addr in promised.iter().flat_map(|bracket| &bracket.words) {
            let Some(history) = histories.word(golden::Spa(addr)) else { continue };
            if moments.held.contains_key(&addr) || stored_apart(addr) {
                continue;
            }
            let at = moments.cycles.iter().map(|&cycle| history.at(cycle).unwrap_or_default()).collect();
            moments.held.insert(addr, Held { at, returned: None });
        }
        moments
    }

    /// Forgets what no request overlaps any more: `oldest` is when the oldest one in flight was offered.
    pub fn forget(&mut self, oldest: Cycle) {
        if self.brackets.is_empty() && self.loose.is_empty() {
            return;
        }
        self.brackets
            .drain(..self.brackets.partition_point(|bracket| bracket.ended.is_some_and(|ended| ended < oldest)));
        self.loose.drain(..self.loose.partition_point(|&(cycle, _)| cycle < oldest));
    }
}

#[cfg(test)]
mod tests {
    use events::Agent;
    use golden::{DeviceId, Iova, Spa, Tags};

    use super::super::invalidation::Invalidations;
    use super::super::tagged::Tagged;
    use super::*;

    const FSC: u64 = 0x118;
    const TA: u64 = 0x110;

    fn operation(promise: Promise) -> Operation {
        Operation { name: "replace".to_owned(), promise, reconfiguration: true }
    }

    fn read(addr: u64, value: u64) -> Choice {
        let tags = Tags { device: DeviceId(1), process: None, gscid: None, pscid: None, iova: Iova(0x1000), gpa: None };
        let word = WordRef { addr: Spa(addr), bytes: 8, role: Role::DeviceContext { index: 3 }, tags };
        Choice { word, value, stale: false, root: 0, recalled: None }
    }

    /// Two operations, the second right behind the first; each changes both words of a context, one after the other.
    fn two(promise: Promise) -> (Operations, Histories) {
        let (mut operations, mut histories) = (Operations::default(), Histories::default());
        for (began, old, new) in [(100, 0xA, 0xB), (110, 0xB, 0xC)] {
            operations.begin(operation(promise), began);
            for (addr, cycle) in [(TA, began), (FSC, began + 4)] {
                operations.stored(addr, cycle);
                histories.stored(Agent::Cpu, Spa(addr), old, new, cycle);
            }
            assert!(operations.end(true, began + 10).is_some());
        }
        (operations, histories)
    }

    fn fits(operations: &Operations, histories: &Histories, window: Window, ta: u64, fsc: u64) -> bool {
        let facts = Facts { histories, invalidations: &Invalidations::default(), tagged: &Tagged::default() };
        operations.moments(window, histories).fit(&[read(TA, ta), read(FSC, fsc)], Keeping { facts, window })
    }

    #[test]
    fn every_word_is_of_the_same_moment_at_rest() {
        let (operations, histories) = two(Promise::Hitless);
        let both = Window::new(105, 115);
        for (ta, fsc, fit) in
            [(0xA, 0xA, true), (0xB, 0xB, true), (0xC, 0xC, true), (0xB, 0xA, false), (0xC, 0xB, false)]
        {
            assert_eq!(fits(&operations, &histories, both, ta, fsc), fit, "{ta:x} {fsc:x}");
        }
        let second = Window::new(110, 115);
        assert!(!fits(&operations, &histories, second, 0xA, 0xA), "the first operation is over");
        assert!(fits(&operations, &histories, Window { offered: 109, ..second }, 0xA, 0xA), "but not at the offer");
        assert!(operations.moments(Window::new(121, 130), &histories).cycles.is_empty());
    }

    #[test]
    fn what_the_device_kept_of_before_is_none_of_theirs() {
        let (mut operations, mut histories) = (Operations::default(), Histories::default());
        histories.sighted(Spa(FSC), 0xA, 0, 10, 10);
        histories.stored(Agent::Cpu, Spa(FSC), 0xA, 0xB, 50);
        operations.begin(operation(Promise::Hitless), 100);
        for (cycle, old, new) in [(101, 0xB, 0xA), (105, 0xA, 0xC)] {
            operations.stored(FSC, cycle);
            histories.stored(Agent::Cpu, Spa(FSC), old, new, cycle);
        }
        assert!(operations.end(true, 110).is_some());
        let window = Window::new(102, 104);
        let mut moments = operations.moments(window, &histories);
        let fits = |moments: &Moments, value| {
            let (invalidations, tagged) = (&Invalidations::default(), &Tagged::default());
            let facts = Facts { histories: &histories, invalidations, tagged };
            moments.fit(&[read(FSC, value)], Keeping { facts, window })
        };
        assert!(fits(&moments, 0xA) && fits(&moments, 0xB) && fits(&moments, 0xC));
        moments.returned_before(|_, _| Some(60));
        assert!(!fits(&moments, 0xA), "an earlier operation had retired it");
    }

    #[test]
    fn what_something_else_stores_to_meanwhile_may_be_anything() {
        let (mut operations, histories) = two(Promise::Hitless);
        operations.stored(TA, 120);
        assert!(fits(&operations, &histories, Window::new(105, 125), 0xC, 0xA), "TA is out of the question");
        assert!(!fits(&operations, &histories, Window::new(105, 119), 0xC, 0xA), "that came later");
        let (operations, histories) = two(Promise::Nothing);
        assert!(fits(&operations, &histories, Window::new(105, 115), 0xB, 0xA), "nothing was promised");
    }

    #[test]
    fn a_failed_operation_promises_nothing_and_a_part_is_no_operation() {
        let mut operations = Operations::default();
        operations.begin(operation(Promise::Hitless), 100);
        operations.begin(operation(Promise::Effective), 101);
        assert!(operations.end(true, 102).is_none(), "a part of the first");
        assert!(operations.is_busy());
        let failed = operations.end(false, 103).expect("the outermost");
        assert_eq!((failed.operation.promise, failed.operation.reconfiguration), (Promise::Nothing, false));
        operations.forget(104);
        assert_eq!(operations.overlapped(Window::new(100, 200)).count(), 0);
    }
}
