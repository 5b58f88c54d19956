// SPDX-License-Identifier: Apache-2.0
//! An ideal cache of whole translations: what it would have missed of the same requests in the same order.
//!
//! It is fully associative and answers at once. It throws out what was used longest ago, or (Belady) what will be used
//! latest; the latter needs to know the future, and no cache of that size misses less.

use std::collections::{BTreeMap, BTreeSet};

/// A translation by device and place: all requests that one entry serves have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub device: u32,
    /// First address
    pub start: u64,
    pub size_log2: u32,
}

impl Key {
    /// That of an address in a translation of this size.
    pub(super) fn of(device: u32, addr: u64, size_log2: u32) -> Key {
        let start = u64::MAX.checked_shl(size_log2).map_or(0, |mask| addr & mask);
        Key { device, start, size_log2 }
    }
}

/// What a cache sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A request. One without a key is refused, and nothing is kept of it.
    Use(Option<Key>),
    /// All is invalidated
    Forget,
}

/// For each use in order, whether it is missed by a cache of this many entries that throws out what was used longest ago.
pub(super) fn least_recent(acts: &[Act], entries: usize) -> Vec<bool> {
    // The newest last.
    let mut held: Vec<Key> = Vec::new();
    let mut missed = Vec::new();
    for act in acts {
        match act {
            Act::Forget => held.clear(),
            Act::Use(None) => missed.push(true),
            Act::Use(Some(key)) => {
                let at = held.iter().position(|own| own == key);
                missed.push(at.is_none());
                if let Some(at) = at {
                    held.remove(at);
                } else if held.len() >= entries.max(1) {
                    held.remove(0);
                }
                held.push(*key);
            }
        }
    }
    missed
}

/// The same for one that throws out what is used latest, or never again before all is invalidated.
pub(super) fn belady(acts: &[Act], entries: usize) -> Vec<bool> {
    let next = next_uses(acts);
    let mut held: BTreeMap<Key, usize> = BTreeMap::new();
    // The same by the next use, which no two have in common but the keys that have none.
    let mut by_use: BTreeSet<(usize, Key)> = BTreeSet::new();
    let mut missed = Vec::new();
    for (at, act) in acts.iter().enumerate() {
        match act {
            Act::Forget => {
                held.clear();
                by_use.clear();
            }
            Act::Use(None) => missed.push(true),
            Act::Use(Some(key)) => {
                let before = held.insert(*key, next[at]);
                missed.push(before.is_none());
                if let Some(before) = before {
                    by_use.remove(&(before, *key));
                }
                by_use.insert((next[at], *key));
                if held.len() > entries.max(1)
                    && let Some((_, latest)) = by_use.pop_last()
                {
                    held.remove(&latest);
                }
            }
        }
    }
    missed
}

/// For each act, where its key is used next; beyond the end where it is not.
fn next_uses(acts: &[Act]) -> Vec<usize> {
    let mut next = vec![usize::MAX; acts.len()];
    let mut later: BTreeMap<Key, usize> = BTreeMap::new();
    for (at, act) in acts.iter().enumerate().rev() {
        match act {
            Act::Forget => later.clear(),
            Act::Use(None) => {}
            Act::Use(Some(key)) => next[at] = later.insert(*key, at).unwrap_or(usize::MAX),
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(all: &[u64]) -> Vec<Act> {
        all.iter().map(|&page| Act::Use(Some(Key::of(1, page << 12, 12)))).collect()
    }

    fn misses(missed: &[bool]) -> usize {
        missed.iter().filter(|&&missed| missed).count()
    }

    #[test]
    fn a_round_that_is_one_too_long_defeats_the_one_and_not_the_other() {
        let acts = pages(&[1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
        assert_eq!(misses(&least_recent(&acts, 3)), 12);
        // By hand: 1 2 3 miss, 4 goes past, 1 2 hit, 3 is kept or 4: 4 misses of the first round, then every third.
        assert_eq!(misses(&belady(&acts, 3)), 6);
        assert_eq!((misses(&least_recent(&acts, 4)), misses(&belady(&acts, 4))), (4, 4));
    }

    #[test]
    fn what_is_used_is_kept_longest() {
        let acts = pages(&[1, 2, 1, 3, 1, 2]);
        assert_eq!(least_recent(&acts, 2), [true, true, false, true, false, true]);
    }

    #[test]
    fn nothing_outlives_an_invalidation_and_nothing_is_kept_of_a_refusal() {
        let mut acts = pages(&[1, 1]);
        acts.insert(1, Act::Forget);
        acts.extend([Act::Use(None), Act::Use(None)]);
        for missed in [least_recent(&acts, 8), belady(&acts, 8)] {
            assert_eq!(missed, [true; 4]);
        }
    }

    #[test]
    fn belady_never_misses_more() {
        let mut at = 7_u64;
        let mut random = || {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (at >> 33) % 12
        };
        let acts = pages(&std::iter::repeat_with(&mut random).take(600).collect::<Vec<u64>>());
        for entries in 1..=12 {
            assert!(misses(&belady(&acts, entries)) <= misses(&least_recent(&acts, entries)), "{entries}");
        }
    }

    #[test]
    fn one_large_translation_serves_many_pages_and_one_without_a_limit_all() {
        assert_eq!(Key::of(1, 0x20_1000, 21), Key::of(1, 0x3f_f000, 21));
        assert_ne!(Key::of(1, 0x20_1000, 21), Key::of(1, 0x40_0000, 21));
        assert_eq!(Key::of(1, u64::MAX, 64), Key::of(1, 0, 64));
        assert_ne!(Key::of(1, 0, 64), Key::of(2, 0, 64));
    }
}
