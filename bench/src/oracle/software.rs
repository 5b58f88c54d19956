//! What software promised: the other verdict.
//!
//! An operation of the driver is bracketed. Once it has returned, what it replaced must be used no more; while a
//! hitless one runs, every request must be translated by the old state or by the new one, whole. The device is never
//! to blame for what is found here: it was explained by values that it may use.

use golden::{Outcome, Read, Request, Role, Spa, Update, WordRef, Words};
use rustc_hash::FxHashMap;

use super::chooser::Choice;
use super::history::Histories;
use super::tagged::Parent;
use super::usable::narrow;
use crate::bus::Cycle;
use crate::driver::{Operation, Promise};

/// Memory as it is, by doubleword.
pub trait Peek {
    /// The aligned doubleword at `addr`.
    fn peek(&self, addr: Spa) -> u64;
}

/// The words of a walk as memory holds them now, or as it did before an operation began or when it had ended.
pub struct View<'a> {
    memory: &'a dyn Peek,
    overlay: Option<&'a FxHashMap<u64, u64>>,
}

impl<'a> View<'a> {
    /// As memory is now.
    pub fn now(memory: &'a dyn Peek) -> Self {
        View { memory, overlay: None }
    }
}

impl Words for View<'_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let addr = word.addr.0 & !7;
        let over = self.overlay.and_then(|overlay| overlay.get(&addr).copied());
        Read::Value(narrow(word, over.unwrap_or_else(|| self.memory.peek(Spa(addr)))))
    }

    fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
        Update::Done
    }
}

/// A request that ran while an operation did, and how it came out.
#[derive(Clone, Debug)]
struct Overlap {
    request: Request,
    outcome: Outcome,
    end: Cycle,
    old: Outcome,
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

/// How a walk over some view of memory comes out.
pub type Walk<'a> = &'a dyn Fn(&mut View<'_>, &Request) -> Outcome;

/// An operation of the driver, from its beginning until no request overlaps it any more.
#[derive(Debug)]
struct Bracket {
    operation: Operation,
    began: Cycle,
    ended: Option<Cycle>,
    /// What each doubleword held before the operation first stored to it
    before: FxHashMap<u64, u64>,
    /// What each of them held when the operation returned
    after: FxHashMap<u64, u64>,
    overlaps: Vec<Overlap>,
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
    /// A request came out neither as before a hitless operation nor as after it.
    NotHitless {
        /// The request
        request: Request,
        /// When it ended
        end: Cycle,
        /// The operation
        operation: String,
        /// What came
        outcome: Outcome,
        /// As before
        old: Outcome,
        /// As after
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

/// Software's operations and their promises.
#[derive(Debug, Default)]
pub struct Software {
    depth: u32,
    current: Option<Bracket>,
    ending: Vec<Bracket>,
    /// Words that an operation with a promise stored to: when it returned, and which it was
    promised: FxHashMap<u64, (Cycle, u32)>,
    names: Vec<String>,
    reconfigurations: u64,
    hitless: Hitless,
}

/// Two outcomes are the same for a device: the same address and memory type, or the same cause.
fn same(a: &Outcome, b: &Outcome) -> bool {
    match (a, b) {
        (Outcome::Translated(a), Outcome::Translated(b)) => a.spa == b.spa && a.pbmt == b.pbmt,
        (Outcome::Fault(a), Outcome::Fault(b)) => a.cause == b.cause,
        _ => false,
    }
}

impl Software {
    /// An operation begins.
    pub fn begin(&mut self, operation: Operation, now: Cycle) {
        self.depth += 1;
        if self.depth == 1 {
            self.current = Some(Bracket {
                operation,
                began: now,
                ended: None,
                before: FxHashMap::default(),
                after: FxHashMap::default(),
                overlaps: Vec::new(),
            });
        }
    }

    /// The operation that began last ends. A hitless one is judged now, for the requests that have ended meanwhile.
    pub fn end(&mut self, done: bool, now: Cycle, memory: &dyn Peek, walk: Walk<'_>, mut broken: impl FnMut(Broken)) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 {
            return;
        }
        let Some(mut bracket) = self.current.take() else { return };
        if !done {
            return;
        }
        if bracket.operation.reconfiguration {
            self.reconfigurations += 1;
        }
        if bracket.operation.promise != Promise::Nothing {
            let name = self.names.len() as u32;
            self.names.push(bracket.operation.name.clone());
            for &addr in bracket.before.keys() {
                self.promised.insert(addr, (now, name));
            }
        }
        if bracket.operation.promise != Promise::Hitless {
            return;
        }
        bracket.after = bracket.before.keys().map(|&addr| (addr, memory.peek(Spa(addr)))).collect();
        for overlap in std::mem::take(&mut bracket.overlaps) {
            let new = walk(&mut View::now(memory), &overlap.request);
            if !self.hitless.note(&overlap.outcome, &overlap.old, &new) {
                broken(Broken::NotHitless {
                    request: overlap.request,
                    end: overlap.end,
                    operation: bracket.operation.name.clone(),
                    outcome: overlap.outcome,
                    old: overlap.old,
                    new,
                });
            }
        }
        bracket.ended = Some(now);
        self.ending.push(bracket);
    }

    /// Software stored a doubleword.
    pub fn stored(&mut self, addr: Spa, old: u64) {
        if let Some(bracket) = &mut self.current {
            bracket.before.entry(addr.0 & !7).or_insert(old);
        }
    }

    /// Operations that finished and changed a device's configuration.
    pub fn reconfigurations(&self) -> u64 {
        self.reconfigurations
    }

    /// How requests during hitless operations came out.
    pub fn hitless(&self) -> Hitless {
        self.hitless
    }

    /// The first of these reads that used what an operation had retired before the request was accepted in `start`: a
    /// word that it had overwritten, an entry to which an overwritten pointer had led, or a tree whose root it had taken
    /// out of the context.
    pub fn retired(&self, choices: &[Choice], histories: &Histories, start: Cycle) -> Option<Broken> {
        choices.iter().find_map(|choice| {
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
        let held_since = |whole: u64| narrow(word, whole) == value && history.held_between(whole, returned, start);
        (returned < start && !history.values().any(held_since)).then_some((returned, name))
    }

    /// A request has ended. Where it ran beside hitless operations it must have come out as before or after one of
    /// them; what the running one leads to is known when it returns.
    pub fn ended(
        &mut self,
        request: &Request,
        outcome: &Outcome,
        (start, end): (Cycle, Cycle),
        memory: &dyn Peek,
        walk: Walk<'_>,
    ) -> Option<Broken> {
        let mut verdict = None;
        for bracket in self.ending.iter().filter(|b| b.ended.is_some_and(|ended| start <= ended) && end >= b.began) {
            let old = walk(&mut View { memory, overlay: Some(&bracket.before) }, request);
            let new = walk(&mut View { memory, overlay: Some(&bracket.after) }, request);
            if self.hitless.note(outcome, &old, &new) {
                return None;
            }
            let operation = bracket.operation.name.clone();
            verdict = Some(Broken::NotHitless { request: *request, end, operation, outcome: *outcome, old, new });
        }
        match &mut self.current {
            Some(bracket) if bracket.operation.promise == Promise::Hitless && end >= bracket.began => {
                let old = walk(&mut View { memory, overlay: Some(&bracket.before) }, request);
                bracket.overlaps.push(Overlap { request: *request, outcome: *outcome, end, old });
                None
            }
            _ => verdict,
        }
    }

    /// Forgets operations that no request overlaps any more: `oldest` is when the oldest one in flight was accepted.
    pub fn forget(&mut self, oldest: Cycle) {
        self.ending.retain(|bracket| bracket.ended.is_some_and(|ended| oldest <= ended));
    }
}

impl Hitless {
    /// Counts a request; false when it came out neither way.
    fn note(&mut self, outcome: &Outcome, old: &Outcome, new: &Outcome) -> bool {
        match (same(outcome, old), same(outcome, new)) {
            (true, false) => self.old += 1,
            (false, true) => self.new += 1,
            (true, true) => {}
            (false, false) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use golden::{Access, DeviceId, Iova, Translation};

    use super::super::tagged::Place;
    use super::*;

    struct OneWord(u64);

    impl Peek for OneWord {
        fn peek(&self, _: Spa) -> u64 {
            self.0
        }
    }

    /// A walk of one word: the word is the translation.
    fn walk(view: &mut View<'_>, request: &Request) -> Outcome {
        let tags = golden::Tags {
            device: request.device,
            process: None,
            gscid: None,
            pscid: None,
            iova: request.iova,
            gpa: None,
        };
        let role = golden::Role::FirstStage { level: 0 };
        match view.read(&WordRef { addr: Spa(0x100), bytes: 8, role, tags }) {
            Read::Value(value) => to(value),
            _ => Outcome::Unavailable,
        }
    }

    fn to(value: u64) -> Outcome {
        Outcome::Translated(Translation::identity(value))
    }

    fn request() -> Request {
        Request::untranslated(DeviceId(1), Access::Read, Iova(0x1000))
    }

    fn operation(promise: Promise) -> Operation {
        Operation { name: "replace".to_owned(), promise, reconfiguration: true }
    }

    #[test]
    fn old_or_new_is_hitless_and_anything_else_is_not() {
        let mut software = Software::default();
        software.begin(operation(Promise::Hitless), 100);
        for (outcome, end) in [(0xA, 101), (0xC, 105), (0xB, 109)] {
            software.stored(Spa(0x100), 0xA);
            let memory = OneWord(if end < 105 { 0xA } else { 0xB });
            assert!(software.ended(&request(), &to(outcome), (100, end), &memory, &walk).is_none());
        }
        let mut broken = Vec::new();
        software.end(true, 110, &OneWord(0xB), &walk, |b| broken.push(b));
        assert_eq!(software.hitless(), Hitless { old: 1, new: 1 });
        assert!(matches!(&broken[..], [Broken::NotHitless { end: 105, .. }]));
        assert_eq!(software.reconfigurations(), 1);
    }

    #[test]
    fn a_request_that_outlasts_the_operation_is_still_judged() {
        let mut software = Software::default();
        software.begin(operation(Promise::Hitless), 100);
        software.stored(Spa(0x100), 0xA);
        software.end(true, 110, &OneWord(0xB), &walk, |_| unreachable!());
        // Meanwhile something else was stored: what counts is what the operation left.
        let memory = OneWord(0xD);
        assert!(software.ended(&request(), &to(0xA), (105, 120), &memory, &walk).is_none());
        assert!(software.ended(&request(), &to(0xB), (105, 120), &memory, &walk).is_none());
        assert!(software.ended(&request(), &to(0xC), (105, 120), &memory, &walk).is_some());
        assert!(software.ended(&request(), &to(0xC), (111, 120), &memory, &walk).is_none(), "it began afterwards");
        software.forget(111);
        assert!(software.ended(&request(), &to(0xC), (105, 120), &memory, &walk).is_none());
    }

    #[test]
    fn a_failed_operation_promises_nothing() {
        let mut software = Software::default();
        software.begin(operation(Promise::Hitless), 100);
        software.stored(Spa(0x100), 0xA);
        software.end(false, 110, &OneWord(0xB), &walk, |_| unreachable!());
        assert_eq!(software.reconfigurations(), 0);
        assert!(software.ended(&request(), &to(0xC), (105, 120), &OneWord(0xB), &walk).is_none());
    }

    fn choice(role: Role, addr: u64, value: u64, root: u64) -> Choice {
        let tags = golden::Tags {
            device: DeviceId(1),
            process: None,
            gscid: None,
            pscid: None,
            iova: Iova(0x1000),
            gpa: None,
        };
        Choice { word: WordRef { addr: Spa(addr), bytes: 8, role, tags }, value, stale: false, root, recalled: None }
    }

    /// An operation stores `new` over `old` at 0x100 in cycle 100 and returns in cycle 110.
    fn after_store(old: u64, new: u64) -> (Software, Histories) {
        let (mut software, mut histories) = (Software::default(), Histories::default());
        software.begin(operation(Promise::Effective), 90);
        software.stored(Spa(0x100), old);
        histories.stored(crate::bus::Agent::Cpu, Spa(0x100), old, new, 100);
        software.end(true, 110, &OneWord(new), &walk, |_| unreachable!());
        (software, histories)
    }

    #[test]
    fn what_an_operation_left_is_not_retired_by_it_though_the_next_one_follows_at_once() {
        let (mut software, mut histories) = after_store(0xA, 0xB);
        // The next operation begins in the cycle in which the first one returned, and stores in it.
        software.begin(operation(Promise::Effective), 110);
        software.stored(Spa(0x100), 0xB);
        histories.stored(crate::bus::Agent::Cpu, Spa(0x100), 0xB, 0xC, 111);
        let used = |value| {
            let context = choice(Role::DeviceContext { index: 3 }, 0x100, value, 0);
            software.retired(&[Choice { stale: true, ..context }], &histories, 112)
        };
        assert!(used(0xB).is_none(), "the second operation has not returned");
        assert!(matches!(used(0xA), Some(Broken::Stale { returned: 110, .. })));
    }

    #[test]
    fn a_tree_whose_root_was_taken_out_of_the_context_is_retired() {
        let (software, histories) = after_store(0xA, 0xB);
        let context = choice(Role::DeviceContext { index: 3 }, 0x100, 0xB, 0);
        let leaf = |root| choice(Role::FirstStage { level: 0 }, 0x900, 0xDF, root);
        let retired = |root, start| software.retired(&[context, leaf(root)], &histories, start);
        assert!(matches!(retired(0xA, 111), Some(Broken::Stale { returned: 110, .. })));
        assert!(retired(0xA, 110).is_none(), "the request was there before the operation returned");
        assert!(retired(0xB, 111).is_none(), "the new tree");
        assert!(matches!(retired(0xC, 111), Some(Broken::Stale { .. })), "a tree that this context never named");
    }

    #[test]
    fn an_entry_below_an_overwritten_pointer_is_retired() {
        let (software, histories) = after_store(0x2001, 0x3001);
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
        let context = choice(Role::DeviceContext { index: 3 }, 0x700, 0xA, 0);
        let leaf = choice(Role::FirstStage { level: 0 }, 0x900, 0xDF, 0xA);
        let retired = |recalled| software.retired(&[context, Choice { recalled, ..leaf }], &histories, 111);
        assert!(retired(None).is_none());
        assert!(retired(Some(place(0x3001))).is_none());
        assert!(matches!(retired(Some(place(0x2001))), Some(Broken::Stale { returned: 110, .. })));
    }
}
