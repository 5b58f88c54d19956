// SPDX-License-Identifier: Apache-2.0
//! Updates of A and D bits by the device (section "IOMMU updating of PTE accessed (A) and dirty (D) updates"): each is
//! atomic, and is what some request needs.
//!
//! The oracle lets no walk pass an entry that needs an update: what the device learns by its own atomic counts as read
//! from there on, so a translation without its update is one that nothing explains.

use events::{ATOMIC_COMPARE, Burst, Cycle};
use golden::{Config, Pte, Read, Request, Role, Spa, Stage, Tags, Tc, Update, WordRef, Words};

use super::Oracle;
use super::chooser::{Choice, Chooser, Reach};
use super::evidence::update_line;
use super::explain::{request_of, request_of_dma};
use super::history::Histories;
use super::rule::{Rule, Violation};
use super::usable::Window;

const A: u64 = 1 << 6;
const D: u64 = 1 << 7;

/// A word that is to change from one value to another, if memory holds the first. Values are images of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Address, aligned to the word
    pub addr: Spa,
    /// 4 or 8
    pub bytes: u8,
    /// Compare value
    pub old: u64,
    /// Swap value
    pub new: u64,
}

impl Exchange {
    /// What an AtomicCompare asks for (IHI 0022H E1.1): whichever half of the block the address points to is the word.
    /// In the lower half the compare value comes first; in the upper half the swap value does. None for a size that no
    /// structure in memory has.
    pub fn of(addr: Spa, burst: Burst, atop: u8, beats: &[(u64, u8)]) -> Option<Exchange> {
        let (bytes, first, second) = match (atop, burst.size, beats) {
            (ATOMIC_COMPARE, 3, &[(pair, _)]) => (4, pair & 0xFFFF_FFFF, pair >> 32),
            (ATOMIC_COMPARE, 3, &[(first, _), (second, _)]) => (8, first, second),
            _ => return None,
        };
        let upper = addr.0 & u64::from(bytes) != 0;
        let (old, new) = if upper { (second, first) } else { (first, second) };
        Some(Exchange { addr, bytes, old, new })
    }

    /// The doubleword after it, where memory held this one; none: the compare fails.
    pub fn applied(&self, found: u64) -> Option<u64> {
        if self.bytes == 8 {
            return (found == self.old).then_some(self.new);
        }
        let shift = 8 * (self.addr.0 & 4);
        let mask = 0xFFFF_FFFF << shift;
        (found & mask == self.old << shift).then_some(found & !mask | self.new << shift)
    }
}

/// An atomic that memory refused.
#[derive(Clone, Copy, Debug)]
struct Refused {
    exchange: Exchange,
    /// When memory last did
    sampled: Cycle,
}

/// Atomics of the device.
#[derive(Debug, Default)]
pub struct Updates {
    open: Vec<(u8, Exchange)>,
    refused: Vec<Refused>,
    /// Some request went through a context that lets the device update A and D bits
    enabled: bool,
}

impl Updates {
    /// The device handed an atomic over.
    pub fn sent(&mut self, id: u8, exchange: Exchange) {
        self.open.push((id, exchange));
    }

    /// A read beat with this ID: the atomic that it answers, if it does.
    pub fn answered(&mut self, id: u8) -> Option<Exchange> {
        let at = self.open.iter().position(|(of, _)| *of == id)?;
        Some(self.open.swap_remove(at).1)
    }

    /// Memory refused it.
    pub fn refused(&mut self, exchange: Exchange, sampled: Cycle) {
        match self.refused.iter_mut().find(|known| known.exchange == exchange) {
            Some(known) => known.sampled = known.sampled.max(sampled),
            None => self.refused.push(Refused { exchange, sampled }),
        }
    }

    /// A walk of some request made these reads.
    pub fn note(&mut self, choices: &[Choice]) {
        let enables = |value: u64| Tc(value).sade() || Tc(value).gade();
        let mut contexts = choices.iter().filter(|c| c.word.role == Role::DeviceContext { index: 0 });
        // Whatever the byte order is.
        self.enabled |= contexts.any(|context| enables(context.value) || enables(context.value.swap_bytes()));
    }

    /// Memory has refused an update of this word before.
    pub fn has_refused(&self, addr: Spa) -> bool {
        self.refused.iter().any(|known| known.exchange.addr == addr)
    }

    /// Whether a request in this window may have met the refusal of an update. Like any answer with an error it is of
    /// no use to requests that come later.
    pub fn was_refused(&self, word: &WordRef, old: u64, new: u64, window: Window) -> bool {
        self.refused.iter().any(|known| {
            let Exchange { addr, old: compare, new: swap, .. } = known.exchange;
            (addr, compare, swap) == (word.addr, old, new) && known.sampled >= window.offered
        })
    }
}

/// A walk that looks for one update.
struct Claim<'a, 'b> {
    chooser: &'a mut Chooser<'b>,
    wanted: Exchange,
    found: bool,
}

impl Words for Claim<'_, '_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let read = self.chooser.read(word);
        if let Read::Value(value) = read
            && self.chooser.updates(Stage::Second)
            && may_be_dirty(word, value)
        {
            self.found |= DIRTY.iter().any(|dirty| self.is_wanted(word, value, value | dirty));
        }
        read
    }

    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        if may_be_dirty(word, old) {
            self.found |= DIRTY.iter().any(|dirty| self.is_wanted(word, old, new | dirty));
        }
        // An entry that was found by its tags lies where it had been read.
        let recalled = self.chooser.choices().iter().rev().find(|c| c.word.role == word.role && c.recalled.is_some());
        let addr = recalled.map_or(word.addr, |choice| choice.word.addr);
        if (Exchange { addr, bytes: word.bytes, old, new }) == self.wanted {
            self.found = true;
            return Update::Unavailable;
        }
        self.chooser.compare_exchange(word, old, new)
    }

    fn table_root(&mut self, stage: Stage, tags: &Tags, configured: u64) -> u64 {
        self.chooser.table_root(stage, tags, configured)
    }

    fn msi_table(&mut self, tags: &Tags, configured: golden::MsiTable) -> golden::MsiTable {
        self.chooser.msi_table(tags, configured)
    }

    fn recall(&mut self, stage: Stage, purpose: golden::Purpose, tags: &Tags) -> Option<(u8, u64)> {
        self.chooser.recall(stage, purpose, tags)
    }
}

/// D in a page-table entry of either byte order, of 8 bytes or 4.
const DIRTY: [u64; 3] = [D, D << 56, D << 24];

/// "Updates to the D bit in G-stage PTEs may be performed by an implicit access to a VS-stage PTE, if the G-stage PTE
/// provides write permission" (Privileged specification, "Two-Stage Address Translation").
fn may_be_dirty(word: &WordRef, value: u64) -> bool {
    let is_writable = |value: u64| Pte(value).v() && Pte(value).is_leaf() && Pte(value).w() && value & D == 0;
    let swapped = if word.bytes == 4 { u64::from((value as u32).swap_bytes()) } else { value.swap_bytes() };
    let is_implicit = matches!(word.role, Role::SecondStage { purpose: golden::Purpose::FirstStage { .. }, .. });
    is_implicit && (is_writable(value) || is_writable(swapped))
}

impl Claim<'_, '_> {
    fn is_wanted(&self, word: &WordRef, old: u64, new: u64) -> bool {
        (Exchange { addr: word.addr, bytes: word.bytes, old, new }) == self.wanted
    }
}

/// "Updates of the A bit may be performed as a result of speculation, even if the associated memory access ultimately is
/// not performed" (Privileged specification, "Addressing and Memory Protection"): A alone, in a leaf that some access
/// may use, and that the device has read.
fn is_speculation(exchange: &Exchange, histories: &Histories) -> bool {
    let swapped = |value: u64| match exchange.bytes {
        4 => u64::from((value as u32).swap_bytes()),
        _ => value.swap_bytes(),
    };
    let sets_accessed = |old: u64, new: u64| {
        let pte = Pte(old);
        new == old | A && !pte.a() && pte.v() && pte.is_leaf() && (pte.r() || !pte.w())
    };
    let was_read = histories
        .word(exchange.addr)
        .is_some_and(|history| history.sightings().iter().any(|s| s.resp == 0 && exchange.applied(s.value).is_some()));
    was_read
        && (sets_accessed(exchange.old, exchange.new) || sets_accessed(swapped(exchange.old), swapped(exchange.new)))
}

impl Oracle {
    /// The device handed an atomic over.
    pub(super) fn exchange(&mut self, id: u8, exchange: Exchange, now: Cycle) -> Result<(), Violation> {
        self.search.updates.sent(id, exchange);
        let is_needed = |oracle: &mut Oracle| oracle.is_needed(&exchange, now).then_some(());
        if self.by_any_choice(is_needed).is_some() || self.is_store_of_another(&exchange, now) {
            return Ok(());
        }
        let Exchange { addr, old, new, .. } = exchange;
        let (needed, evidence) = self.needed_of(addr, now);
        let right = needed.unwrap_or_else(|| {
            "an update of A and D bits, or of an interrupt file, that a request in the device's hands needs".to_owned()
        });
        Err(Violation { evidence, ..Violation::new(Rule::Update, what(old, new), right, update_line(addr, old, new)) })
    }

    /// Whether some request needs this atomic.
    fn is_needed(&mut self, exchange: &Exchange, now: Cycle) -> bool {
        // Nearly always a walk over what memory holds tells.
        self.is_store_of_msi(exchange, now)
            || self.search.configuration.caps.amo_hwad()
                && (self.update_owed(exchange, now, 16)
                    || self.search.updates.enabled && is_speculation(exchange, &self.search.histories)
                    || self.update_owed(exchange, now, u32::MAX)
                    || self.find_speculative_of_waiting(now) && self.update_owed(exchange, now, u32::MAX))
    }

    /// Those that wait for their translation, up to now.
    pub(super) fn waiting_requests(&self, now: Cycle) -> Vec<(Request, Window)> {
        let dma = self.transactions.live().iter().filter(|transaction| transaction.translated().is_none());
        let dma = dma.map(|transaction| (request_of(transaction), Window::until(transaction, now)));
        let offers = self.transactions.offers().iter();
        let offers = offers.map(|(request, since)| (request_of_dma(request), Window::offered(*since, now)));
        dma.chain(offers).chain(self.translation_requests.waiting(now)).collect()
    }

    fn find_speculative_of_waiting(&mut self, now: Cycle) -> bool {
        let waiting = self.waiting_requests(now);
        waiting.iter().fold(false, |news, (request, window)| self.search.find_speculative(request, *window) || news)
    }

    /// Whether a request that waits for its translation has a usable walk that makes this very update, among the first
    /// so many within each reach.
    fn update_owed(&mut self, exchange: &Exchange, now: Cycle, limit: u32) -> bool {
        self.waiting_requests(now).into_iter().any(|(request, window)| {
            let claims = |config: &Config, chooser: &mut Chooser<'_>| {
                chooser.claim(exchange.addr);
                let mut claim = Claim { chooser, wanted: *exchange, found: false };
                golden::translate(config, &mut claim, &request);
                claim.found.then_some(())
            };
            Reach::ALL.into_iter().any(|reach| {
                let mut owed = false;
                self.search.replay(window, reach, limit, claims, |(), _, _| {
                    owed = true;
                    true
                });
                owed
            })
        })
    }

    /// A read beat that answers an atomic: the device knows from it what memory held, and what it holds now.
    pub(super) fn exchanged(&mut self, exchange: &Exchange, found: u64, resp: u8, sampled: Cycle, now: Cycle) {
        self.file_answered(exchange, found, resp, now);
        if resp > 1 {
            self.search.updates.refused(*exchange, sampled);
            return;
        }
        self.search.histories.sighted(exchange.addr, found, resp, sampled, now);
        if let Some(new) = exchange.applied(found) {
            self.search.histories.sighted(exchange.addr, new, resp, sampled + 1, now);
        }
    }
}

/// Which bits change, for the bucket.
fn what(old: u64, new: u64) -> &'static str {
    match old ^ new {
        A => "A",
        0x80 => "D",
        0xC0 => "A and D",
        _ => "other bits",
    }
}

#[cfg(test)]
mod tests {
    use golden::{DeviceId, Iova};

    use super::*;

    const PTE: Spa = Spa(0x8000_0018);
    /// V, R, W, U; a page number
    const LEAF: u64 = 0x0408_0017;

    fn exchange(old: u64, new: u64) -> Exchange {
        Exchange { addr: PTE, bytes: 8, old, new }
    }

    fn word() -> WordRef {
        let tags = Tags { device: DeviceId(1), process: None, gscid: None, pscid: None, iova: Iova(0x1000), gpa: None };
        WordRef { addr: PTE, bytes: 8, role: Role::FirstStage { level: 0 }, tags }
    }

    #[test]
    fn the_half_of_the_block_tells_which_value_comes_first() {
        let burst = |len| Burst { len, size: 3, kind: 1 };
        let of =
            |addr, beats: &[(u64, u8)]| Exchange::of(Spa(addr), burst(beats.len() as u8 - 1), ATOMIC_COMPARE, beats);
        let lower = of(0x1000, &[(1, 0xFF), (2, 0xFF)]);
        assert_eq!(lower, Some(Exchange { addr: Spa(0x1000), bytes: 8, old: 1, new: 2 }));
        let upper = of(0x1008, &[(2, 0xFF), (1, 0xFF)]);
        assert_eq!(upper, Some(Exchange { addr: Spa(0x1008), bytes: 8, old: 1, new: 2 }));
        let narrow = of(0x1004, &[(2 | 1 << 32, 0xFF)]);
        assert_eq!(narrow, Some(Exchange { addr: Spa(0x1004), bytes: 4, old: 1, new: 2 }));
        assert_eq!(Exchange::of(Spa(0x1000), Burst { size: 1, ..burst(0) }, ATOMIC_COMPARE, &[(0, 3)]), None);
    }

    #[test]
    fn an_exchange_changes_its_word_where_the_compare_holds() {
        assert_eq!(exchange(1, 2).applied(1), Some(2));
        assert_eq!(exchange(1, 2).applied(3), None);
        let upper = Exchange { addr: Spa(0x1004), bytes: 4, old: 1, new: 2 };
        assert_eq!(upper.applied(0x1_0000_0007), Some(0x2_0000_0007));
        assert_eq!(upper.applied(0x2_0000_0001), None);
    }

    #[test]
    fn speculation_sets_a_alone_in_a_leaf_that_was_read() {
        let mut histories = Histories::default();
        for value in [LEAF, LEAF & !1, LEAF & !2, 0x0408_0001] {
            histories.sighted(PTE, value, 0, 10, 12);
        }
        let allowed = |old, new| is_speculation(&exchange(old, new), &histories);
        assert!(allowed(LEAF, LEAF | A));
        assert!(!allowed(LEAF, LEAF | A | D), "D is never speculative");
        assert!(!allowed(LEAF, LEAF | A | 1 << 8), "nor is anything else");
        assert!(!allowed(LEAF | 1 << 9, LEAF | 1 << 9 | A), "it has never read this value");
        assert!(!allowed(LEAF & !1, LEAF & !1 | A), "V is 0");
        assert!(!allowed(LEAF & !2, LEAF & !2 | A), "W without R is reserved");
        assert!(!allowed(0x0408_0001, 0x0408_0041), "A is reserved in a pointer");
    }

    #[test]
    fn a_refusal_counts_for_the_requests_that_were_there() {
        let mut updates = Updates::default();
        updates.refused(exchange(LEAF, LEAF | A), 100);
        // One that had left memory before may come back later.
        updates.refused(exchange(LEAF, LEAF | A), 90);
        let met = |new, start| updates.was_refused(&word(), LEAF, new, Window::new(start, 200));
        assert!(met(LEAF | A, 50));
        assert!(met(LEAF | A, 100));
        assert!(!met(LEAF | A, 101), "it is no entry that could be cached");
        assert!(!met(LEAF | A | D, 50), "another update");
    }

    #[test]
    fn an_answer_belongs_to_the_atomic_with_its_id() {
        let mut updates = Updates::default();
        updates.sent(0x80, exchange(1, 2));
        assert_eq!(updates.answered(0x81), None);
        assert_eq!(updates.answered(0x80), Some(exchange(1, 2)));
        assert_eq!(updates.answered(0x80), None);
    }
}
