// SPDX-License-Identifier: Apache-2.0
//! Whole translations, from IOVA to physical address, each with the words that it rests on.

use events::QosIds;

use super::covers::Held;
use super::dice::Dice;

/// A translation.
#[derive(Clone, Debug)]
pub(super) struct Entry<K> {
    key: K,
    /// Physical page
    pub spa: u64,
    /// Memory type
    pub pbmt: u8,
    /// QoS IDs
    pub ids: QosIds,
    /// Words that it was come to by
    pub rests_on: Vec<Held>,
}

/// The cache.
#[derive(Clone, Debug)]
pub(super) struct Results<K> {
    capacity: usize,
    entries: Vec<Entry<K>>,
    spare: Vec<Vec<Held>>,
}

impl<K: PartialEq> Results<K> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Vec::with_capacity(capacity), spare: Vec::with_capacity(capacity) }
    }

    pub(super) fn clear(&mut self) {
        self.spare.extend(self.entries.drain(..).map(|entry| entry.rests_on));
    }

    /// What is found by this key.
    pub(super) fn find(&self, key: &K) -> Option<&Entry<K>> {
        self.entries.iter().find(|entry| entry.key == *key)
    }

    /// It keeps anything.
    pub(super) fn is_there(&self) -> bool {
        self.capacity > 0
    }

    /// Takes a translation in.
    #[expect(clippy::too_many_arguments, reason = "a translation, what it rests on, and chance")]
    pub(super) fn insert(
        &mut self,
        key: K,
        spa: u64,
        pbmt: u8,
        ids: QosIds,
        rests_on: impl Iterator<Item = Held>,
        dice: &mut Dice,
        evict_percent: u8,
    ) {
        let old = self.entries.iter().position(|entry| entry.key == key).or_else(|| {
            let full = self.entries.len() == self.capacity || !self.entries.is_empty() && dice.percent(evict_percent);
            full.then(|| dice.below(self.entries.len()))
        });
        if let Some(old) = old {
            self.remove(old);
        }
        let mut words = self.spare.pop().unwrap_or_default();
        words.clear();
        words.extend(rests_on);
        self.entries.push(Entry { key, spa: spa & !0xfff, pbmt, ids, rests_on: words });
    }

    fn remove(&mut self, at: usize) {
        let entry = self.entries.swap_remove(at);
        self.spare.push(entry.rests_on);
    }

    /// Drops each translation that rests on a word for which `covered` says so.
    pub(super) fn drop_if(&mut self, covered: impl Fn(&Held) -> bool) {
        let mut at = 0;
        while at < self.entries.len() {
            if self.entries[at].rests_on.iter().any(&covered) {
                self.remove(at);
            } else {
                at += 1;
            }
        }
    }
}
