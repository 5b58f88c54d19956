// SPDX-License-Identifier: Apache-2.0
//! What memory held when, and what the device read of it: rules D1 to D3 of MODEL.md.
//!
//! A *sighting* is a value that the device read by an implicit access. Every store gives its doubleword a history of
//! values that memory held, with the cycles between which it held them. A value can explain something only if it was
//! sighted, and if memory held it late enough; how late is for [`super::invalidations`] to say.

use events::{Agent, Cycle};
use golden::Spa;
use rustc_hash::FxHashMap;

use super::slips::{Slip, Slips};

/// A value that the device has read from a doubleword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The value
    pub value: u64,
    /// Cycle in which it was first delivered to the device
    pub first: Cycle,
    /// Cycle in which it first left memory
    pub first_sampled: Cycle,
    /// Cycle in which it last left memory
    pub last_sampled: Cycle,
    /// The read was answered with an error: `RRESP` of the beat, 0 for none
    pub resp: u8,
}

/// A stretch of time during which memory held one value; it ends where the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    value: u64,
    from: Cycle,
    /// The device itself put it there, and knows
    known: bool,
}

/// One doubleword of a structure in memory.
#[derive(Clone, Debug, Default)]
pub struct Word {
    sightings: Vec<Sighting>,
    held: Vec<Held>,
}

impl Word {
    /// Every distinct value that the device read, in the order of its first delivery.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// Every read so far was answered with an error.
    pub fn only_errors(&self) -> bool {
        self.sightings.iter().all(|seen| seen.resp != 0)
    }

    /// The value that memory holds now.
    pub fn current(&self) -> Option<u64> {
        self.held.last().map(|held| held.value)
    }

    /// The value that memory held at the beginning of `cycle`.
    pub fn at(&self, cycle: Cycle) -> Option<u64> {
        self.held.iter().rev().find(|held| held.from <= cycle).map(|held| held.value)
    }

    /// Whether memory held `value` at some moment from `from` to `to`, both included.
    pub fn held_between(&self, value: u64, from: Cycle, to: Cycle) -> bool {
        let mut until = Cycle::MAX;
        for held in self.held.iter().rev() {
            if held.from <= to && held.value == value && until >= from {
                return true;
            }
            if held.from <= from {
                return false;
            }
            until = held.from - 1;
        }
        false
    }

    /// When somebody other than the device itself last put another value in the place of this one, which memory does not
    /// hold any more.
    pub fn overwritten(&self, value: u64) -> Option<Cycle> {
        let at = self.held.iter().rposition(|held| held.value == value)?;
        self.held.get(at + 1).filter(|next| !next.known).map(|next| next.from - 1)
    }

    /// Every value that memory has held, the newest last; one may occur more than once.
    pub fn values(&self) -> impl Iterator<Item = u64> + '_ {
        self.held.iter().map(|held| held.value)
    }

    /// The last cycle of every value that memory has held and holds no longer at that place of its history.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = Cycle> + '_ {
        self.held.iter().skip(1).map(|held| held.from - 1)
    }

    /// The first cycle of each stretch of time in which memory held `value`.
    pub fn begun_to_hold(&self, value: u64) -> impl Iterator<Item = Cycle> + '_ {
        self.held.iter().filter(move |held| held.value == value).map(|held| held.from)
    }

    /// The last cycle up to this one in which memory held `value`.
    pub fn last_held_by(&self, value: u64, cycle: Cycle) -> Option<Cycle> {
        let mut until = cycle;
        for held in self.held.iter().rev().filter(|held| held.from <= cycle) {
            if held.value == value {
                return Some(until);
            }
            until = held.from.saturating_sub(1);
        }
        None
    }

    /// The last cycle in which memory held `value`, `Cycle::MAX` while it still does.
    pub fn last_held(&self, value: u64) -> Option<Cycle> {
        self.last_held_by(value, Cycle::MAX)
    }
}

/// The histories of all doublewords that matter: those that software or the device stored to, and those that the
/// device read.
#[derive(Debug, Default)]
pub struct Histories {
    words: FxHashMap<u64, Word>,
    /// For tests of the oracle
    pub(super) slips: Slips,
}

impl Histories {
    /// The doubleword that contains `addr`.
    pub fn word(&self, addr: Spa) -> Option<&Word> {
        self.words.get(&(addr.0 & !7))
    }

    /// Every doubleword that has a history, and its address.
    pub fn all(&self) -> impl Iterator<Item = (u64, &Word)> {
        self.words.iter().map(|(at, word)| (*at, word))
    }

    /// Nobody has stored here or read it since reset: memory has held this value from the beginning.
    pub fn untouched(&mut self, addr: Spa, value: u64) {
        let word = self.words.entry(addr.0 & !7).or_default();
        if word.held.is_empty() {
            word.held.push(Held { value, from: 0, known: false });
        }
    }

    /// The device has read a beat. `sampled` is when the value left memory, `now` when the device got it. What comes
    /// with an error response is no value, whatever the data lines show. Returns whether it is the first read of this
    /// doubleword.
    pub fn sighted(&mut self, addr: Spa, value: u64, resp: u8, sampled: Cycle, now: Cycle) -> bool {
        let word = self.words.entry(addr.0 & !7).or_default();
        let (value, resp) = if resp > 1 { (0, resp) } else { (value, 0) };
        if word.held.is_empty() && resp == 0 {
            // Nobody has stored here since reset, so memory held this value from the beginning.
            word.held.push(Held { value, from: 0, known: false });
        }
        let is_first = word.sightings.is_empty();
        match word.sightings.iter_mut().find(|seen| seen.value == value && seen.resp == resp) {
            Some(seen) => seen.last_sampled = seen.last_sampled.max(sampled),
            None => {
                let (first, first_sampled, last_sampled) = (now, sampled, sampled);
                word.sightings.push(Sighting { value, first, first_sampled, last_sampled, resp });
            }
        }
        is_first
    }

    /// A store became visible at the end of cycle `now`.
    ///
    /// DMA may overwrite any amount of memory; a doubleword that nobody but devices ever touched is not worth a
    /// history, so their stores are recorded only where one has begun.
    pub fn stored(&mut self, agent: Agent, addr: Spa, old: u64, new: u64, now: Cycle) {
        let key = addr.0 & !7;
        let word = match agent {
            Agent::Dma => match self.words.get_mut(&key) {
                Some(word) => word,
                None => return,
            },
            Agent::Cpu | Agent::Iommu => self.words.entry(key).or_default(),
        };
        if word.held.is_empty() {
            word.held.push(Held { value: old, from: 0, known: false });
        }
        if word.current() != Some(new) {
            let from = now + if self.slips.has(Slip::StoreSeenLate) { 2 } else { 1 };
            match word.held.last_mut() {
                // Two stores in one cycle: nobody can have seen the value between, unless it was the device's own.
                Some(held) if held.from == from && !held.known => held.value = new,
                _ => word.held.push(Held { value: new, from, known: agent == Agent::Iommu }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: Spa = Spa(0x8000_0010);

    fn a_b_a() -> Histories {
        let mut histories = Histories::default();
        histories.stored(Agent::Cpu, WORD, 0, 0xA, 10);
        histories.stored(Agent::Cpu, WORD, 0xA, 0xB, 20);
        histories.stored(Agent::Cpu, WORD, 0xB, 0xA, 30);
        histories
    }

    #[test]
    fn a_store_is_visible_from_the_next_cycle() {
        let histories = a_b_a();
        let word = histories.word(WORD).unwrap();
        assert_eq!(word.at(10), Some(0));
        assert_eq!(word.at(11), Some(0xA));
        assert_eq!(word.at(20), Some(0xA));
        assert_eq!(word.at(21), Some(0xB));
    }

    #[test]
    fn a_value_counts_while_memory_holds_it() {
        let histories = a_b_a();
        let word = histories.word(WORD).unwrap();
        assert!(word.held_between(0xB, 0, 100));
        assert!(word.held_between(0xB, 30, 100), "overwritten in cycle 30: still seen in it");
        assert!(!word.held_between(0xB, 31, 100));
        assert!(!word.held_between(0xB, 0, 20));
        assert!(word.held_between(0xA, 31, 31));
        assert!(word.held_between(0xA, 25, 100));
        assert!(!word.held_between(0xA, 21, 30));
        assert!(word.held_between(0, 0, 5));
        assert!(!word.held_between(0, 11, 50));
        assert_eq!(word.last_held(0xB), Some(30));
        assert_eq!(word.last_held(0xA), Some(Cycle::MAX));
    }

    #[test]
    fn dma_does_not_begin_a_history() {
        let mut histories = Histories::default();
        histories.stored(Agent::Dma, WORD, 1, 2, 5);
        assert!(histories.word(WORD).is_none());
        histories.sighted(WORD, 2, 0, 6, 9);
        histories.stored(Agent::Dma, WORD, 2, 3, 12);
        assert_eq!(histories.word(WORD).unwrap().current(), Some(3));
    }

    #[test]
    fn one_sighting_a_value() {
        let mut histories = Histories::default();
        histories.sighted(WORD, 7, 0, 6, 9);
        histories.sighted(WORD, 7, 0, 16, 19);
        let seen = histories.word(WORD).unwrap().sightings();
        assert_eq!(seen, [Sighting { value: 7, first: 9, first_sampled: 6, last_sampled: 16, resp: 0 }]);
    }
}
