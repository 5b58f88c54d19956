// SPDX-License-Identifier: Apache-2.0
//! A queue in memory that the device under test writes, entry by entry: the fault queue, and the page-request queue.
//! Where it lies, its head and its switch are software's, its tail is the device's.

use golden::QueueBase;

use super::dma::lanes;
use super::ring::Ring;
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

/// Software wrote an enable: whether that switches on what was off.
pub(super) fn switched_on(enabled: &mut bool, on: bool) -> bool {
    let was = std::mem::replace(enabled, on);
    on && !was
}

/// A queue whose entries have so many doublewords.
#[derive(Debug, Default)]
pub struct RecordQueue<const WORDS: usize> {
    ring: Ring,
    /// As software last wrote it
    head: u32,
    enabled: bool,
    /// Entries that it had when it was switched on; 0 before
    entries: u64,
    /// Entries that are not whole yet: hardly ever more than one
    partial: Vec<(u32, [Partial; WORDS])>,
    tail: u32,
    known_tail: u32,
    /// Software has seen that the queue had overflowed, with this head: what was under way fits before it, and no more is
    /// recorded
    frozen: Option<u32>,
    /// Software has seen that memory had refused an entry
    refusal_seen: bool,
    /// The head with which the queue was last full: only then can it have overflowed
    full_at: Option<u32>,
    /// The first entry since then for which there was room only because software had made some
    beyond: Option<u32>,
}

impl<const WORDS: usize> RecordQueue<WORDS> {
    /// Where it lies.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// Software has switched it on.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Software writes `fqb` or `pqb`.
    pub fn base_written(&mut self, base: QueueBase) {
        self.ring = Ring::new(base, 8 * WORDS as u32);
    }

    /// Software writes `fqh` or `pqh`.
    pub fn head_written(&mut self, head: u32) {
        self.head = self.ring.wrap(head);
    }

    /// Software writes `fqen` or `pqen`. Whether that switches the queue on: "changing fqen from 0 to 1 sets the fqt register
    /// and the fqcsr bits fqof and fqmf to 0". The head is software's, and stays as it last wrote it.
    pub fn enable_written(&mut self, enable: bool) -> bool {
        let is_on = switched_on(&mut self.enabled, enable);
        if is_on {
            self.entries = self.ring.entries;
            self.partial.clear();
            self.tail = 0;
            self.known_tail = 0;
            self.errors_cleared(true, true);
        }
        is_on
    }

    /// Software moved the head, or an entry came: the queue may have overflowed if it is full by now.
    pub fn look_for_room(&mut self) {
        if self.is_full() {
            self.full_at = Some(self.head);
            self.beyond = None;
        }
    }

    /// Software has seen an overflow of the queue, or a memory fault: "no more" records until it has
    /// cleared them, whatever room there is by then. What it has not seen there is not.
    ///
    /// # Errors
    /// `rule` is broken: a record came after the overflow.
    pub fn errors_seen(&mut self, rule: Rule, overflow: bool, memory_fault: bool) -> Result<(), Violation> {
        let beyond = self.beyond.take_if(|_| overflow);
        self.errors_cleared(!overflow, !memory_fault);
        if overflow {
            // Software may have made room before it looked.
            self.frozen.get_or_insert(self.full_at.unwrap_or(self.head));
        }
        self.refusal_seen |= memory_fault;
        let Some(index) = beyond else { return Ok(()) };
        let wrong = format!("a record in entry {index}, once software had made room");
        Err(Violation::new(rule, "overflow", "no record until software has cleared the overflow", wrong))
    }

    /// Software begins to clear an overflow of the queue, or a memory fault.
    pub fn errors_cleared(&mut self, overflow: bool, memory_fault: bool) {
        if overflow {
            (self.frozen, self.full_at, self.beyond) = (None, None, None);
        }
        self.refusal_seen &= !memory_fault;
    }

    /// There is no room for another entry.
    pub fn is_full(&self) -> bool {
        self.is_full_at(self.head)
    }

    fn is_full_at(&self, head: u32) -> bool {
        self.ring.entries == 0 || self.ring.after(self.tail) == head
    }

    /// Software read the tail; memory has not answered the write of the entry at `unanswered` yet, nor of those behind it:
    /// whoever sees the tail must see what is before it. Returns how many entries are in memory that it does not show yet.
    ///
    /// # Errors
    /// The furthest index that it may have.
    pub fn tail_read(&mut self, tail: u32, unanswered: Option<u32>) -> Result<u32, u32> {
        let ring = self.ring;
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
        index: u32,
        words: impl Iterator<Item = (usize, u64, u8)>,
        needed: &[usize],
    ) -> Result<Option<[u64; WORDS]>, Violation> {
        let is_beyond = self.full_at.is_some_and(|head| self.is_full_at(head));
        if index != self.tail {
            let (right, wrong) = (format!("entry {}", self.tail), format!("entry {index}"));
            return Err(Violation::new(rule, "index", right, wrong));
        }
        if self.refusal_seen {
            let wrong = format!("a record in entry {index}");
            return Err(Violation::new(rule, "memory fault", "no record until software has cleared the fault", wrong));
        }
        if self.is_full_at(self.frozen.unwrap_or(self.head)) {
            let wrong = format!("a record in entry {index}");
            return Err(Violation::new(rule, "full", "nothing: the queue is full", wrong));
        }
        Ok(self.put(index, words, needed, is_beyond))
    }

    /// The device wrote doublewords of an entry that is not the next one, or for which there is no room: the queue goes on
    /// there. Returns the entry if it is whole by now.
    pub fn adopt(
        &mut self,
        index: u32,
        words: impl Iterator<Item = (usize, u64, u8)>,
        needed: &[usize],
    ) -> Option<[u64; WORDS]> {
        self.tail = index;
        self.errors_cleared(true, true);
        self.put(index, words, needed, false)
    }

    /// Doublewords of the next entry, for which there may be room only because software has made some. Returns it if it is
    /// whole by now: then the tail moves on.
    fn put(
        &mut self,
        index: u32,
        words: impl Iterator<Item = (usize, u64, u8)>,
        needed: &[usize],
        is_beyond: bool,
    ) -> Option<[u64; WORDS]> {
        if u64::from(index) >= self.entries {
            return None;
        }
        let at = self.partial.iter().position(|(of, _)| *of == index);
        let mut slot = at.map_or([Partial::default(); WORDS], |at| self.partial.swap_remove(at).1);
        for (word, value, strobes) in words {
            slot[word % WORDS].write(value, strobes);
        }
        if !needed.iter().all(|&word| slot[word].is_whole()) {
            self.partial.push((index, slot));
            return None;
        }
        if is_beyond {
            self.beyond.get_or_insert(index);
        }
        self.tail = self.ring.after(self.tail);
        self.look_for_room();
        Some(slot.map(|partial| partial.value))
    }

    /// Memory refused the newest entry: its place is free again.
    pub fn refused(&mut self) {
        self.tail = self.ring.wrap(self.tail.wrapping_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use golden::Spa;

    use super::*;

    const RING: Ring = Ring { base: Spa(0x2000), entries: 4, entry_bytes: 16 };

    /// It has just been switched on.
    fn on(ring: Ring) -> RecordQueue<2> {
        let mut queue = RecordQueue { ring, ..RecordQueue::default() };
        assert!(queue.enable_written(true) && !queue.enable_written(true));
        queue
    }

    fn written(records: &mut RecordQueue<2>, head: u32, index: u32) -> Result<(), Violation> {
        records.head_written(head);
        let words = [(0, 0, 0xFF), (1, 0, 0xFF)].into_iter();
        records.written(Rule::FaultRecord, index, words, &[0, 1]).map(|_| ())
    }

    /// Three entries with the head at 0: the queue is full.
    fn full() -> RecordQueue<2> {
        let mut records = on(RING);
        (0..3).for_each(|index| written(&mut records, 0, index).expect("there is room"));
        records
    }

    fn seen(records: &mut RecordQueue<2>, overflow: bool, memory_fault: bool) -> Result<(), Violation> {
        records.head_written(2);
        records.errors_seen(Rule::FaultRecord, overflow, memory_fault)
    }

    #[test]
    fn nothing_is_recorded_between_the_overflow_and_its_end() {
        let mut records = full();
        written(&mut records, 2, 3).expect("it has not overflowed as far as anybody knows");
        assert_eq!(seen(&mut records, true, false).unwrap_err().detail, "overflow");
        let mut records = full();
        written(&mut records, 2, 3).unwrap();
        assert!(seen(&mut records, false, false).is_ok(), "it had not");
        let mut records = full();
        seen(&mut records, true, false).unwrap();
        assert_eq!(written(&mut records, 2, 3).unwrap_err().detail, "full", "it came after the overflow");
        records.errors_cleared(false, true);
        assert!(written(&mut records, 2, 3).is_err(), "that was another error");
        records.errors_cleared(true, false);
        assert!(written(&mut records, 2, 3).is_ok());
    }

    #[test]
    fn a_queue_that_is_switched_on_anew_has_the_head_of_before() {
        let mut records = on(RING);
        written(&mut records, 0, 0).expect("there is room");
        records.head_written(1);
        records.enable_written(false);
        assert!(records.enable_written(true));
        assert!(records.is_full(), "the tail is 0, and the head 1");
        assert_eq!(written(&mut records, 1, 0).unwrap_err().detail, "full");
        assert!(written(&mut records, 0, 0).is_ok(), "software has moved the head back");
    }

    #[test]
    fn a_queue_that_is_full_again_may_have_overflowed_since() {
        let mut records = full();
        written(&mut records, 1, 3).unwrap();
        assert!(seen(&mut records, true, false).is_ok(), "the room that software had made was used up");
    }

    #[test]
    fn nothing_is_recorded_between_a_memory_fault_and_its_end() {
        let mut records = full();
        records.refused();
        seen(&mut records, false, true).unwrap();
        assert_eq!(written(&mut records, 0, 2).unwrap_err().detail, "memory fault");
        records.errors_cleared(true, false);
        assert!(written(&mut records, 0, 2).is_err());
        records.errors_cleared(false, true);
        assert!(written(&mut records, 0, 2).is_ok());
    }

    #[test]
    fn a_queue_of_2_to_the_32_costs_what_is_written_to_it() {
        let write = |records: &mut RecordQueue<2>, index: u32, word: usize| {
            records.written(Rule::FaultRecord, index, [(word, 7, 0xFF)].into_iter(), &[0, 1])
        };
        let mut records = on(Ring { entries: 1 << 32, ..RING });
        assert_eq!(write(&mut records, 0, 1), Ok(None));
        assert_eq!(records.partial.len(), 1);
        assert_eq!(write(&mut records, 0, 0), Ok(Some([7, 7])));
        assert!(records.partial.is_empty());
        assert_eq!(records.tail_read(2, None), Err(1));
        records.tail = u32::MAX - 1;
        assert!(!records.is_full());
        assert_eq!(write(&mut records, u32::MAX - 1, 0), Ok(None));
        assert!(write(&mut records, u32::MAX - 1, 1).is_ok());
        assert!(records.is_full(), "one entry stays free");
    }
}
