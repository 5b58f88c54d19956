//! One cache: entries of one structure, found by tags, and by address unless the tags are enough.

use golden::{Role, WordRef};

use super::covers::Held;
use super::dice::Dice;

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

/// A cache.
#[derive(Clone, Debug)]
pub(super) struct Bank {
    capacity: usize,
    entries: Vec<Entry>,
}

/// Lowest address bit that a PTE at this level resolves.
pub(super) fn shift(level: u8, bytes: u8) -> u32 {
    12 + u32::from(level) * if bytes == 4 { 10 } else { 9 }
}

/// Both words are answered by one entry. `tagged`: wherever they lie.
pub(super) fn same(a: &WordRef, b: &WordRef, tagged: bool) -> bool {
    let (x, y) = (&a.tags, &b.tags);
    // Of a context, the address of its first doubleword.
    let at = |word: &WordRef| match word.role {
        Role::DeviceContext { index } | Role::ProcessContext { index } | Role::MsiPte { index } => {
            word.addr.0.wrapping_sub(8 * u64::from(index))
        }
        _ => word.addr.0,
    };
    // Which part of the device directory a non-leaf entry stands for, only its address tells.
    let by_address = !tagged || matches!(a.role, Role::DdtEntry { .. });
    if a.bytes != b.bytes || by_address && at(a) != at(b) {
        return false;
    }
    match (a.role, b.role) {
        (Role::DdtEntry { level: l }, Role::DdtEntry { level: m }) => l == m,
        (Role::DeviceContext { .. }, Role::DeviceContext { .. }) => x.device == y.device,
        (Role::PdtEntry { level: l }, Role::PdtEntry { level: m }) => {
            let index = |tags: &golden::Tags| tags.process.map_or(0, |p| p.0 >> (9 * u32::from(l) - 1));
            l == m && x.device == y.device && index(x) == index(y)
        }
        (Role::ProcessContext { .. }, Role::ProcessContext { .. }) => x.device == y.device && x.process == y.process,
        (Role::FirstStage { level: l }, Role::FirstStage { level: m }) => {
            let span = shift(l, a.bytes);
            l == m && x.gscid == y.gscid && x.pscid == y.pscid && x.iova.0 >> span == y.iova.0 >> span
        }
        (Role::SecondStage { level: l, .. }, Role::SecondStage { level: m, .. }) => {
            let span = shift(l, a.bytes);
            let page = |tags: &golden::Tags| tags.gpa.map(|gpa| gpa.0 >> span);
            l == m && x.gscid == y.gscid && page(x) == page(y)
        }
        (Role::MsiPte { .. }, Role::MsiPte { .. }) => {
            let page = |tags: &golden::Tags| tags.gpa.map(|gpa| gpa.0 >> 12);
            x.gscid == y.gscid && page(x) == page(y)
        }
        _ => false,
    }
}

impl Bank {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Vec::with_capacity(capacity) }
    }

    pub(super) fn find(&self, word: &WordRef, tagged: bool) -> Option<&Entry> {
        self.entries.iter().find(|entry| same(&entry.held.word, word, tagged))
    }

    pub(super) fn find_mut(&mut self, word: &WordRef, tagged: bool) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| same(&entry.held.word, word, tagged))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Takes an entry in, in place of the one with its tags, or of any other where there is no room.
    pub(super) fn insert(&mut self, entry: Entry, tagged: bool, dice: &mut Dice, evict_percent: u8) {
        if self.capacity == 0 {
            return;
        }
        if let Some(old) = self.find_mut(&entry.held.word, tagged) {
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
