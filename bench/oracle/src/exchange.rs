// SPDX-License-Identifier: Apache-2.0
//! Judging updates of A and D bits (section "IOMMU updating of PTE accessed (A) and dirty (D) updates"): each is atomic,
//! and is what some request needs.
//!
//! The oracle lets no walk pass an entry that needs an update: what the device learns by its own atomic counts as read
//! from there on, so a translation without its update is one that nothing explains.

use events::Cycle;
use golden::{Config, Pte, Read, Request, Role, Stage, Tags, Update, WordRef, Words};

use super::Oracle;
use super::chooser::{Chooser, Reach};
use super::evidence::update_line;
use super::explain::{request_of, request_of_dma};
use super::history::Histories;
use super::rule::{Rule, Violation};
use super::updates::Exchange;
use super::window::Window;

const A: u64 = 1 << 6;
const D: u64 = 1 << 7;

/// A walk that looks for one update.
struct Claim<'a, 'b> {
    chooser: &'a mut Chooser<'b>,
    wanted: Exchange,
    /// Of which kind of word it is, once it has been found
    found: Option<Role>,
}

impl Words for Claim<'_, '_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let read = self.chooser.read(word);
        if let Read::Value(value) = read
            && self.chooser.updates(Stage::Second)
            && may_be_dirty(word, value)
        {
            self.look(word, DIRTY.iter().any(|dirty| self.is_wanted(word, value, value | dirty)));
        }
        read
    }

    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        if may_be_dirty(word, old) {
            self.look(word, DIRTY.iter().any(|dirty| self.is_wanted(word, old, new | dirty)));
        }
        // An entry that was found by its tags lies where it had been read.
        let recalled = self.chooser.choices().iter().rev().find(|c| c.word.role == word.role && c.recalled.is_some());
        let addr = recalled.map_or(word.addr, |choice| choice.word.addr);
        if (Exchange { addr, bytes: word.bytes, old, new }) == self.wanted {
            self.found = Some(word.role);
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
    fn look(&mut self, word: &WordRef, is_it: bool) {
        if is_it {
            self.found = Some(word.role);
        }
    }

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
                    || self.search.updates.is_enabled() && is_speculation(exchange, &self.search.histories)
                    || self.update_owed(exchange, now, u32::MAX)
                    || self.find_speculative_of_waiting(now) && self.update_owed(exchange, now, u32::MAX))
    }

    /// Those that wait for their translation, up to now.
    pub(super) fn waiting_requests(&self, now: Cycle) -> Vec<(Request, Window)> {
        let dma = self.transactions.live().iter().filter(|transaction| transaction.translated().is_none());
        let dma = dma.map(|transaction| (request_of(transaction), Window::until(transaction, now)));
        let offers = self.transactions.offers().iter();
        let offers = offers.map(|(request, since)| (request_of_dma(request), Window::offered(*since, now)));
        dma.chain(offers).chain(self.translation_requests.waiting(now)).chain(self.debug.waiting(now)).collect()
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
                let mut claim = Claim { chooser, wanted: *exchange, found: None };
                golden::translate(config, &mut claim, &request);
                claim.found
            };
            Reach::ALL.into_iter().any(|reach| {
                let mut owed = None;
                self.search.replay(window, reach, limit, claims, |role, _, _| {
                    owed = Some(*role);
                    true
                });
                if let Some(role) = owed {
                    self.cover_update(&role, exchange.old, exchange.new);
                }
                owed.is_some()
            })
        })
    }

    /// A read beat that answers an atomic: the device knows from it what memory held, and what it holds now.
    pub(super) fn exchanged(&mut self, exchange: &Exchange, found: u64, resp: u8, sampled: Cycle, now: Cycle) {
        self.file_answered(exchange, found, resp, now);
        if resp > 1 {
            self.search.updates.refused(*exchange, resp, sampled);
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
    use golden::Spa;

    use super::*;

    const PTE: Spa = Spa(0x8000_0018);
    /// V, R, W, U; a page number
    const LEAF: u64 = 0x0408_0017;

    fn exchange(old: u64, new: u64) -> Exchange {
        Exchange { addr: PTE, bytes: 8, old, new }
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
}
