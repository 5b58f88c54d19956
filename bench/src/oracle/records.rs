//! A queue in memory that the device under test writes, entry by entry: the fault queue, and the page-request queue.

use super::dma::lanes;
use super::registers::Ring;
use super::rule::{Rule, Violation};

/// A doubleword that is written in one or several pieces.
#[derive(Clone, Copy, Debug, Default)]
struct Partial {
    value: u64,
    strobes: u8,
}

impl Partial {
    fn write(&mut self, value: u64, strobes: u8) {
        let mask = lanes(strobes);
        self.value = self.value & !mask | value & mask;
        self.strobes |= strobes;
    }

    fn is_whole(&self) -> bool {
        self.strobes == 0xFF
    }
}

/// The entries of the queue, each of so many doublewords.
#[derive(Debug, Default)]
pub struct Records<const WORDS: usize> {
    slots: Vec<[Partial; WORDS]>,
    tail: u32,
    known_tail: u32,
}

impl<const WORDS: usize> Records<WORDS> {
    /// Software switched the queue on: it begins at 0.
    pub fn on(&mut self, ring: Ring) {
        self.slots.clear();
        self.slots.resize(ring.entries as usize, [Partial::default(); WORDS]);
        self.tail = 0;
        self.known_tail = 0;
    }

    /// There is no room for another entry.
    pub fn is_full(&self, ring: Ring, head: u32) -> bool {
        ring.entries == 0 || ring.after(self.tail) == head
    }

    /// Software read the tail; memory has not answered the write of the entry at `unanswered` yet, nor of those behind it:
    /// whoever sees the tail must see what is before it. Returns how many entries are in memory that it does not show yet.
    ///
    /// # Errors
    /// The furthest index that it may have.
    pub fn tail_read(&mut self, ring: Ring, tail: u32, unanswered: Option<u32>) -> Result<u32, u32> {
        let furthest = unanswered.unwrap_or(self.tail);
        let ahead = |index: u32| ring.wrap(index.wrapping_sub(self.known_tail));
        if ahead(tail) > ahead(furthest) {
            return Err(furthest);
        }
        self.known_tail = ring.wrap(tail);
        Ok(ring.wrap(self.tail.wrapping_sub(self.known_tail)))
    }

    /// The device wrote doublewords of an entry, of which these `needed` ones make it whole. Returns it if it is by now.
    ///
    /// # Errors
    /// `rule` is broken: it is not the next entry, or there is no room.
    pub fn written(
        &mut self,
        rule: Rule,
        ring: Ring,
        head: u32,
        index: u32,
        words: impl Iterator<Item = (usize, u64, u8)>,
        needed: &[usize],
    ) -> Result<Option<[u64; WORDS]>, Violation> {
        if index != self.tail {
            let (right, wrong) = (format!("entry {}", self.tail), format!("entry {index}"));
            return Err(Violation::new(rule, "index", right, wrong));
        }
        if self.is_full(ring, head) {
            let wrong = format!("a record in entry {index}");
            return Err(Violation::new(rule, "full", "nothing: the queue is full", wrong));
        }
        let Some(slot) = self.slots.get_mut(index as usize) else { return Ok(None) };
        for (word, value, strobes) in words {
            slot[word % WORDS].write(value, strobes);
        }
        if !needed.iter().all(|&word| slot[word].is_whole()) {
            return Ok(None);
        }
        let words = slot.map(|partial| partial.value);
        *slot = [Partial::default(); WORDS];
        self.tail = ring.after(self.tail);
        Ok(Some(words))
    }

    /// Memory refused the newest entry: its place is free again.
    pub fn refused(&mut self, ring: Ring) {
        self.tail = ring.wrap(self.tail.wrapping_sub(1));
    }
}
