// SPDX-License-Identifier: Apache-2.0
//! What software promised: the other verdict.
//!
//! Each operation of the driver is bracketed. Once one has returned, what it replaced must be used no more. While some
//! run, a request must come out as by memory at rest before, between or after them, every word of the same moment; where
//! one of them may refuse, a refusal is right as well. The device is never to blame for what is found here: it was
//! explained by values that it may use. Of all explanations the one that is kindest to software counts.

use events::{Cycle, Operation, Promise};
use golden::{Outcome, Request, Spa, WordRef};
use rustc_hash::FxHashMap;

use super::choice::{Choice, named_root};
use super::explain::Explanation;
use super::faults::Key;
use super::history::Histories;
use super::operations::{Bracket, Keeping, Moments, Operations};
use super::slips::{Slip, Slips};
use super::usable::Facts;
use super::value::{is_invalid, narrow};
use super::window::Window;

/// A request that has been explained, and how.
#[derive(Clone, Debug)]
pub struct Served {
    /// The request
    pub request: Request,
    /// When it was with the device
    pub window: Window,
    /// The explanation by which the device was cleared
    pub explanation: Explanation,
    /// It came to memory that had been freed
    pub freed: Option<Broken>,
    /// Where it was refused
    pub refused: Option<Refused>,
}

/// A request that was refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// Which
    pub key: Key,
    /// By its record; else any fault may have been the reason
    pub is_cause_known: bool,
}

impl Served {
    /// The two come out the same for the device that asked, as far as it is known how this request came out.
    pub fn same(&self, one: &Outcome, two: &Outcome) -> bool {
        match (one, two, self.refused) {
            (Outcome::Fault(_), Outcome::Fault(_), Some(Refused { is_cause_known: false, .. })) => true,
            _ => same(one, two),
        }
    }
}

/// A value that was used although software had put another one in its place.
#[derive(Clone, Debug)]
pub struct StaleUse {
    /// The read that used it
    pub choice: Choice,
    /// When software changed what had led to it: the word itself, or the context that names its tree
    pub changed: Cycle,
    /// The request
    pub served: Served,
}

impl StaleUse {
    /// Those among the reads of a request, and when software changed what had led to each.
    pub fn among<'a>(served: &'a Served, facts: Facts<'a>) -> impl Iterator<Item = (Choice, Cycle)> + 'a {
        let changes = StaleUse::changes(&served.explanation.choices, facts, |choice| choice.stale);
        changes.filter(|(_, changed)| *changed < served.window.offered)
    }

    /// Those of these reads that are not as software has left memory, and when it changed each: the word itself, where that
    /// `counts`; a pointer that had led to what was found by its tags; or the root of its tree.
    pub fn changes<'a>(
        reads: &'a [Choice],
        facts: Facts<'a>,
        counts: impl Fn(&Choice) -> bool + 'a,
    ) -> impl Iterator<Item = (Choice, Cycle)> + 'a {
        let overwritten = move |word: &WordRef, value: u64| {
            let history = facts.histories.word(word.addr)?;
            let whole = history.values().filter(|whole| narrow(word, *whole) == value);
            whole.filter_map(|whole| history.overwritten(whole)).max()
        };
        reads.iter().flat_map(move |choice| {
            let itself = if counts(choice) { overwritten(&choice.word, choice.value) } else { None };
            let unlinked =
                choice.recalled.and_then(|place| facts.tagged.on_the_way(&choice.word, &place, &overwritten));
            let context = named_root(reads, &choice.word.role).filter(|context| context.value != choice.root);
            let uprooted = context.and_then(|context| overwritten(&context.word, choice.root));
            [itself, unlinked, uprooted].into_iter().flatten().map(|changed| (*choice, changed))
        })
    }

    /// Of the same word and value, after the same change.
    pub fn is_like(&self, choice: &Choice, changed: Cycle) -> bool {
        let key = |choice: &Choice| (choice.word.addr, choice.value, choice.word.tags.gscid, choice.word.tags.pscid);
        self.changed == changed && key(&self.choice) == key(choice)
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
        /// What software left out
        missing: String,
    },
    /// A request came to memory that software had freed.
    Freed {
        /// Where
        addr: Spa,
        /// Since when it is free
        since: Cycle,
        /// The table that lies there; none: it is where the request leads to
        table: Option<Choice>,
        /// What software left out
        missing: String,
    },
    /// A value was used that software had changed and never invalidated.
    NeverInvalidated {
        /// The use
        choice: Choice,
        /// When it was changed
        changed: Cycle,
        /// What software left out
        missing: String,
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

/// A read that used what an operation had retired.
#[derive(Clone, Debug)]
pub struct Retired {
    /// The read
    pub choice: Choice,
    /// The operation
    pub operation: String,
    /// When it had changed what had led to the read
    pub changed: Cycle,
    /// When it returned
    pub returned: Cycle,
}

/// An operation that put another value in the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Overwriter {
    /// When
    changed: Cycle,
    returned: Cycle,
    /// Its place among the names
    name: u32,
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
    /// Words that operations with a promise stored to: when each returned, and which it was
    promised: FxHashMap<u64, Vec<(Cycle, u32)>>,
    names: Vec<String>,
    reconfigurations: u64,
    hitless: Hitless,
    /// For tests of the oracle
    pub(super) slips: Slips,
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
            for addr in bracket.words() {
                self.promised.entry(addr).or_default().push((now, name));
            }
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

    /// Memory at rest around the operations that a request overlaps. What an operation had retired before the first of
    /// them began is not kept any more: where memory holds it anew in between, that is what was used.
    pub fn moments(&self, window: Window, histories: &Histories) -> Moments {
        let mut moments = self.operations.moments(window, histories);
        moments.returned_before(|addr, first| {
            let returns = self.promised.get(&addr)?;
            let behind = returns.partition_point(|(returned, _)| *returned <= first);
            returns[..behind].last().map(|(returned, _)| *returned)
        });
        moments
    }

    /// Whether operations that a request overlaps were shown to it half done.
    pub fn torn(&self, served: &Served, reads: &[Choice], around: &Around<'_>) -> Option<Broken> {
        let Around { moments, at_rest, facts } = *around;
        let outcome = &served.explanation.outcome;
        let is_right = at_rest.outcomes.iter().any(|right| served.same(outcome, right))
            || moments.fit(reads, Keeping { facts, window: served.window });
        if is_right || self.slips.has(Slip::TornIsFine) {
            return None;
        }
        let words = || reads.iter().map(|choice| choice.word.addr.0 & !7).chain(at_rest.words.iter().copied());
        let matter = |bracket: &&Bracket| bracket.operation.promise.is_kept_meanwhile() && bracket.stored_to(words());
        let mut involved = self.operations.overlapped(served.window).filter(matter);
        let first = involved.next()?;
        let is_hitless = |bracket: &Bracket| bracket.operation.promise == Promise::Hitless;
        let hitless = match self.slips.has(Slip::HitlessIfAny) {
            true => is_hitless(first) || involved.any(is_hitless),
            false => is_hitless(first) && involved.all(is_hitless),
        };
        let may_refuse = !hitless && !self.slips.has(Slip::RefusalIsTorn) || self.slips.has(Slip::RefusalIsFine);
        if may_refuse && matches!(outcome, Outcome::Fault(_)) {
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
    pub fn retired(&self, choices: &[Choice], facts: Facts<'_>, window: Window) -> Option<Retired> {
        let Facts { histories, tagged, .. } = facts;
        if self.slips.has(Slip::StaleIsFine) {
            return None;
        }
        choices.iter().find_map(|choice| {
            // What memory held when the request was offered may be used for it if the device looked at once.
            let start = self.slips.retired_before(window, is_invalid(&choice.word.role, choice.value));
            // The word itself may hold it anew until the request ends.
            let overwritten = self.overwriter(&choice.word, choice.value, histories, start, window.end);
            let unlinked = || {
                let place = choice.recalled.filter(|_| !self.slips.has(Slip::PointerNotRetired))?;
                let overwritten = |word: &WordRef, value| self.overwriter(word, value, histories, start, start);
                tagged.on_the_way(&choice.word, &place, &overwritten)
            };
            let uprooted = || {
                let context = named_root(choices, &choice.word.role).filter(|context| context.value != choice.root)?;
                if self.slips.has(Slip::RootNotRetired) {
                    return None;
                }
                self.overwriter(&context.word, choice.root, histories, start, start)
            };
            let Overwriter { changed, returned, name } = overwritten.or_else(unlinked).or_else(uprooted)?;
            Some(Retired { choice: *choice, operation: self.names[name as usize].clone(), changed, returned })
        })
    }

    /// An operation had taken this value out of the word itself before the request was accepted.
    pub fn is_retired(&self, word: &WordRef, value: u64, histories: &Histories, window: Window) -> bool {
        let start = self.slips.retired_before(window, is_invalid(&word.role, value));
        self.overwriter(word, value, histories, start, window.end).is_some()
    }

    /// The last operation with a promise that stored to a word and had returned by `start`, if memory had held `value` in
    /// this word before, and has not since, up to `end`.
    ///
    /// Software returns from an operation before the bus shows what comes in that cycle. A store takes a cycle before the
    /// operation can return. So what memory still held in the cycle of the return is what the operation left there, though
    /// the next one may have begun in that very cycle: "the IOMMU may use the old value or the new value of the entry"
    /// while that one runs (section "Guidelines for invalidations").
    fn overwriter(
        &self,
        word: &WordRef,
        value: u64,
        histories: &Histories,
        start: Cycle,
        end: Cycle,
    ) -> Option<Overwriter> {
        let returns = self.promised.get(&(word.addr.0 & !7))?;
        let &(returned, name) = returns.iter().rev().find(|(returned, _)| *returned <= start)?;
        let history = histories.word(word.addr)?;
        let held_ever = |whole: u64| narrow(word, whole) == value;
        let held_since = |whole: u64| held_ever(whole) && history.held_between(whole, returned, end);
        let changed =
            history.values().filter(|&whole| held_ever(whole)).filter_map(|whole| history.last_held(whole)).max()?;
        (!history.values().any(held_since)).then_some(Overwriter { changed, returned, name })
    }
}

/// What was around a request: the moments at which memory was at rest, and how it would have come out by each.
pub struct Around<'a> {
    /// The moments
    pub moments: &'a Moments,
    /// How it would have come out
    pub at_rest: &'a AtRest,
    /// What memory held, what was invalidated, and what led where
    pub facts: Facts<'a>,
}

#[cfg(test)]
mod tests {
    use events::Agent;
    use golden::{Access, Cause, DeviceId, Iova, Role, Tags, Translation};

    use super::super::choice::{Parent, Place};
    use super::super::invalidation::Invalidations;
    use super::super::tagged::Tagged;
    use super::*;

    /// No commands, and no entries that are found by their tags.
    #[derive(Default)]
    struct Empty {
        invalidations: Invalidations,
        tagged: Tagged,
    }

    impl Empty {
        fn facts<'a>(&'a self, histories: &'a Histories) -> Facts<'a> {
            Facts { histories, invalidations: &self.invalidations, tagged: &self.tagged }
        }
    }

    fn to(value: u64) -> Outcome {
        Outcome::Translated(Translation::identity(value))
    }

    fn refused() -> Outcome {
        Outcome::Fault(golden::Fault {
            cause: Cause::DdtInvalid,
            iotval: 0,
            iotval2: 0,
            ttyp: golden::Ttyp::UntranslatedRead,
            device: DeviceId(1),
            process: None,
            privileged: false,
            reported: true,
            response: golden::Response::UnsupportedRequest,
        })
    }

    fn choice(role: Role, addr: u64, value: u64, root: u64) -> Choice {
        let tags = Tags { device: DeviceId(1), process: None, gscid: None, pscid: None, iova: Iova(0x1000), gpa: None };
        Choice { word: WordRef { addr: Spa(addr), bytes: 8, role, tags }, value, stale: false, root, recalled: None }
    }

    const CONTEXT: Role = Role::DeviceContext { index: 3 };

    fn served(outcome: Outcome, reads: Vec<Choice>, window: Window) -> Served {
        let explanation = Explanation {
            outcome,
            choices: reads,
            roots: Vec::new(),
            msi_table: None,
            stale: false,
            other_root: false,
        };
        let request = Request::untranslated(DeviceId(1), Access::Read, Iova(0x1000));
        Served { request, window, explanation, freed: None, refused: None }
    }

    /// An operation that begins in cycle 90, stores `new` over `old` at 0x100 in cycle 100 and returns in cycle 110.
    fn after_store(promise: Promise, old: u64, new: u64) -> (Software, Histories) {
        let (mut software, mut histories) = (Software::default(), Histories::default());
        software.begin(Operation { name: "replace".to_owned(), promise, reconfiguration: true }, 90);
        software.operations.stored(0x100, 100);
        histories.stored(Agent::Cpu, Spa(0x100), old, new, 100);
        assert!(software.end(true, 110).is_empty());
        (software, histories)
    }

    /// What is found of a request that ran from cycle 95 to 105 and came out so, by this value at 0x100.
    fn torn(promise: Promise, outcome: Outcome, value: u64) -> Option<(bool, String)> {
        let ((software, histories), empty) = (after_store(promise, 0xA, 0xB), Empty::default());
        let window = Window::new(95, 105);
        let served = served(outcome, vec![choice(CONTEXT, 0x100, value, 0)], window);
        let moments = software.moments(window, &histories);
        let at_rest = AtRest { outcomes: vec![to(0xA), to(0xB)], words: vec![0x100] };
        let around = Around { moments: &moments, at_rest: &at_rest, facts: empty.facts(&histories) };
        match software.torn(&served, &served.explanation.choices, &around) {
            Some(Broken::Torn { operation, hitless, .. }) => Some((hitless, operation)),
            _ => None,
        }
    }

    #[test]
    fn a_request_beside_an_operation_comes_out_by_memory_at_rest() {
        for outcome in [to(0xA), to(0xB)] {
            assert_eq!(torn(Promise::Hitless, outcome, 0xC), None);
        }
        assert_eq!(torn(Promise::Hitless, to(0xC), 0xB), None, "something else than the operation led there");
        assert_eq!(torn(Promise::Hitless, to(0xC), 0xC), Some((true, "replace".to_owned())));
        assert_eq!(torn(Promise::Hitless, refused(), 0xC), Some((true, "replace".to_owned())));
        assert_eq!(torn(Promise::Whole, refused(), 0xC), None, "it may refuse");
        assert_eq!(torn(Promise::Whole, to(0xC), 0xC), Some((false, "replace".to_owned())));
        assert_eq!(torn(Promise::Effective, to(0xC), 0xC), None, "nothing is promised for meanwhile");
        assert_eq!(torn(Promise::Nothing, to(0xC), 0xC), None);
    }

    #[test]
    fn what_an_operation_left_is_not_retired_by_it_though_the_next_one_follows_at_once() {
        let ((mut software, mut histories), empty) = (after_store(Promise::Effective, 0xA, 0xB), Empty::default());
        // The next operation begins in the cycle in which the first one returned, and stores in it.
        software.begin(Operation::default(), 110);
        software.operations.stored(0x100, 110);
        histories.stored(Agent::Cpu, Spa(0x100), 0xB, 0xC, 111);
        let used = |value| {
            let context = choice(CONTEXT, 0x100, value, 0);
            software.retired(&[Choice { stale: true, ..context }], empty.facts(&histories), Window::new(112, 120))
        };
        assert!(used(0xB).is_none(), "the second operation has not returned");
        assert_eq!(used(0xA).map(|retired| retired.returned), Some(110));
    }

    #[test]
    fn a_tree_whose_root_was_taken_out_of_the_context_is_retired() {
        let ((software, histories), empty) = (after_store(Promise::Effective, 0xA, 0xB), Empty::default());
        let context = choice(CONTEXT, 0x100, 0xB, 0);
        let leaf = |root| choice(Role::FirstStage { level: 0 }, 0x900, 0xDF, root);
        let retired =
            |root, start| software.retired(&[context, leaf(root)], empty.facts(&histories), Window::new(start, 200));
        assert_eq!(retired(0xA, 111).map(|retired| retired.returned), Some(110));
        assert!(retired(0xA, 110).is_some(), "what software does in a cycle comes first");
        assert!(retired(0xA, 109).is_none(), "the request was there before the operation returned");
        assert!(retired(0xB, 111).is_none(), "the new tree");
        assert!(retired(0xC, 111).is_none(), "a tree that this context never named was not retired by the operation");
    }

    #[test]
    fn an_entry_below_an_overwritten_pointer_is_retired() {
        let ((software, histories), empty) = (after_store(Promise::Effective, 0x2001, 0x3001), Empty::default());
        let place = |value| Place {
            addr: Spa(0x900),
            bytes: 8,
            pscid: None,
            global: false,
            root: 0xA,
            parent: Parent::Pointer { addr: Spa(0x100), level: 1, value },
            napot: false,
            reached: Some(50),
        };
        let context = choice(CONTEXT, 0x700, 0xA, 0);
        let leaf = choice(Role::FirstStage { level: 0 }, 0x900, 0xDF, 0xA);
        let retired = |recalled| {
            software.retired(&[context, Choice { recalled, ..leaf }], empty.facts(&histories), Window::new(111, 200))
        };
        assert!(retired(None).is_none());
        assert!(retired(Some(place(0x3001))).is_none());
        assert_eq!(retired(Some(place(0x2001))).map(|retired| retired.returned), Some(110));
    }

    #[test]
    fn an_invalid_entry_may_be_used_since_the_offer() {
        let ((software, histories), empty) = (after_store(Promise::Effective, 0, 0x21), Empty::default());
        let used = |window| {
            let context = choice(Role::DeviceContext { index: 0 }, 0x100, 0, 0);
            software.retired(&[Choice { stale: true, ..context }], empty.facts(&histories), window)
        };
        assert!(used(Window { offered: 99, ..Window::new(112, 120) }).is_none());
        assert!(used(Window::new(112, 120)).is_some());
    }

    #[test]
    fn a_stale_use_says_when_software_changed_what_led_to_it() {
        let ((_, histories), empty) = (after_store(Promise::Nothing, 0xA, 0xB), Empty::default());
        let stale = Choice { stale: true, ..choice(CONTEXT, 0x100, 0xA, 0) };
        let uses = |read, start| {
            let served = served(to(0), vec![read], Window::new(start, 300));
            StaleUse::among(&served, empty.facts(&histories)).map(|(_, changed)| changed).collect::<Vec<_>>()
        };
        assert_eq!(uses(stale, 200), [100]);
        assert!(uses(stale, 100).is_empty(), "it was changed after the request had come");
        assert!(uses(choice(CONTEXT, 0x100, 0xB, 0), 200).is_empty());
    }
}
