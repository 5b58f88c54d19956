// SPDX-License-Identifier: Apache-2.0
//! One cache: entries of one structure, found by tags, and by address unless the tags are enough.

use golden::{Role, WordRef};

use super::covers::Held;
use super::dice::Dice;
use super::habit::{Habit, Nature};

/// An entry: one word, or the doublewords of a context.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The first word, and whose it is
    pub held: Held,
    /// All doublewords, in host order
    pub words: [u64; 8],
    /// Second-stage words that translated the pointer of this context
    pub pointers: Vec<Held>,
}

impl Entry {
    pub(super) fn new(held: Held, words: [u64; 8]) -> Self {
        Self { held, words, pointers: Vec::new() }
    }
}

/// How entries are told apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    /// By tags alone, wherever they lie
    pub tagged: bool,
    /// What a comparison of tags leaves out
    pub nature: Nature,
}

impl Match {
    const EXACT: Self = Self { tagged: false, nature: Nature(None) };
    const BY_TAGS: Self = Self { tagged: true, nature: Nature(None) };

    /// The entry answers for this word.
    fn answers(self, held: &Held, word: &WordRef) -> bool {
        matches(&held.word, word, self, self.free_bits(held))
    }

    fn lacks(self, habit: Habit) -> bool {
        self.tagged && self.nature.has(habit)
    }

    /// Bits of the page number that are not looked at. Found by its tags, a NAPOT entry answers for all its pages:
    /// "implicit reads of NAPOT page table entries may create address-translation cache entries" for any of them
    /// (Svnapot).
    fn free_bits(self, held: &Held) -> u32 {
        match held.napot_bits() {
            bits if bits > 0 && self.tagged => bits + u32::from(self.nature.has(Habit::NapotTooWide)),
            _ => u32::from(self.lacks(Habit::TagsLackPageBit)),
        }
    }
}

/// A cache.
#[derive(Clone, Debug)]
pub(super) struct Bank {
    capacity: usize,
    how: Match,
    entries: Vec<Entry>,
}

/// Lowest address bit that a PTE at this level resolves.
pub(super) fn shift(level: u8, bytes: u8) -> u32 {
    12 + u32::from(level) * if bytes == 4 { 10 } else { 9 }
}

/// Both are the same word, for the same use.
pub(super) fn same(a: &WordRef, b: &WordRef) -> bool {
    matches(a, b, Match::EXACT, 0)
}

/// Both words are answered by one entry. So many bits of a page number are `free`.
fn matches(a: &WordRef, b: &WordRef, how: Match, free: u32) -> bool {
    let (x, y) = (&a.tags, &b.tags);
    // Of a context, the address of its first doubleword.
    let at = |word: &WordRef| match word.role {
        Role::DeviceContext { index } | Role::ProcessContext { index } | Role::MsiPte { index } => {
            word.addr.0.wrapping_sub(8 * u64::from(index))
        }
        _ => word.addr.0,
    };
    // Which part of the device directory a non-leaf entry stands for, only its address tells.
    let by_address = !how.tagged || matches!(a.role, Role::DdtEntry { .. });
    if a.bytes != b.bytes || by_address && at(a) != at(b) {
        return false;
    }
    let same_guest = x.gscid == y.gscid || how.lacks(Habit::TagsLackGscid);
    let same_process = x.pscid == y.pscid || how.lacks(Habit::TagsLackPscid);
    match (a.role, b.role) {
        (Role::DdtEntry { level: l }, Role::DdtEntry { level: m }) => l == m,
        (Role::DeviceContext { .. }, Role::DeviceContext { .. }) => x.device == y.device,
        (Role::PdtEntry { level: l }, Role::PdtEntry { level: m }) => {
            let index = |tags: &golden::Tags| tags.process.map_or(0, |p| p.0 >> (9 * u32::from(l) - 1));
            l == m && x.device == y.device && index(x) == index(y)
        }
        (Role::ProcessContext { .. }, Role::ProcessContext { .. }) => x.device == y.device && x.process == y.process,
        (Role::FirstStage { level: l }, Role::FirstStage { level: m }) => {
            let span = shift(l, a.bytes) + free;
            l == m && same_guest && same_process && x.iova.0 >> span == y.iova.0 >> span
        }
        (Role::SecondStage { level: l, .. }, Role::SecondStage { level: m, .. }) => {
            let span = shift(l, a.bytes) + free;
            let page = |tags: &golden::Tags| tags.gpa.map(|gpa| gpa.0 >> span);
            l == m && same_guest && page(x) == page(y)
        }
        (Role::MsiPte { .. }, Role::MsiPte { .. }) => {
            let page = |tags: &golden::Tags| tags.gpa.map(|gpa| gpa.0 >> 12);
            x.gscid == y.gscid && page(x) == page(y)
        }
        _ => false,
    }
}

impl Bank {
    pub(super) fn new(capacity: usize, how: Match) -> Self {
        Self { capacity, how, entries: Vec::with_capacity(capacity) }
    }

    pub(super) fn find(&self, word: &WordRef) -> Option<&Entry> {
        self.entries.iter().find(|entry| self.how.answers(&entry.held, word))
    }

    fn find_mut(&mut self, word: &WordRef) -> Option<&mut Entry> {
        let how = self.how;
        self.entries.iter_mut().find(|entry| how.answers(&entry.held, word))
    }

    /// The entry with these tags, wherever it lies.
    pub(super) fn wherever(&mut self, word: &WordRef) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| Match::BY_TAGS.answers(&entry.held, word))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Takes an entry in, in place of the one with its tags, or of any other where there is no room.
    pub(super) fn insert(&mut self, entry: Entry, dice: &mut Dice, evict_percent: u8) {
        if self.capacity == 0 {
            return;
        }
        if let Some(old) = self.find_mut(&entry.held.word) {
            *old = entry;
            return;
        }
        if self.entries.len() == self.capacity || !self.entries.is_empty() && dice.percent(evict_percent) {
            let victim = dice.below(self.entries.len());
            self.entries.swap_remove(victim);
        }
        self.entries.push(entry);
    }

    /// Drops what `covered` says; `dropped` sees it go.
    pub(super) fn drop_if(&mut self, mut covered: impl FnMut(&Entry) -> bool, mut dropped: impl FnMut(Entry)) {
        let mut at = 0;
        while at < self.entries.len() {
            if covered(&self.entries[at]) {
                dropped(self.entries.swap_remove(at));
            } else {
                at += 1;
            }
        }
    }
}
