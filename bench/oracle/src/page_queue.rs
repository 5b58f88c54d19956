// SPDX-License-Identifier: Apache-2.0
//! The page-request queue in memory: which records came, and since when page requests may be lost (section
//! "Page-Request-Queue").

use events::Cycle;
use golden::{Pqcsr, QueueBase};

use super::record_queue::RecordQueue;
use super::ring::Ring;
use super::rule::{Rule, Violation};

/// A state of the queue in which page requests are lost, and when it may last have been in it.
#[derive(Clone, Copy, Debug, Default)]
struct Lossy {
    now: bool,
    last: Option<Cycle>,
}

impl Lossy {
    fn set(&mut self, lossy: bool, now: Cycle) {
        if self.now || lossy {
            self.last = Some(now);
        }
        self.now = lossy;
    }

    fn since(&self, start: Cycle) -> bool {
        self.now || self.last.is_some_and(|last| last >= start)
    }
}

/// `pqcsr` as software has read it, by an access that was accepted in this cycle.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The value
    pub csr: Pqcsr,
    /// When the access was accepted
    pub accepted: Cycle,
}

/// Records received.
#[derive(Debug, Default)]
pub struct PageQueue {
    queue: RecordQueue<2>,
    /// Off, or with a memory fault: Response Failure
    off: Lossy,
    /// Full, or with an overflow: Success
    full: Lossy,
    /// When a write of a record last met a memory fault
    failed: Option<Cycle>,
    records: u64,
}

impl PageQueue {
    /// After reset the queue is off.
    pub fn new() -> Self {
        PageQueue { off: Lossy { now: true, last: Some(0) }, ..PageQueue::default() }
    }

    /// Where the queue lies.
    pub fn ring(&self) -> Ring {
        self.queue.ring()
    }

    /// Software writes `pqb`.
    pub fn base_written(&mut self, base: QueueBase) {
        self.queue.base_written(base);
    }

    /// Software writes `pqh`.
    pub fn head_written(&mut self, head: u32) {
        self.queue.head_written(head);
    }

    /// Software begins to write `pqcsr`. Whether it switches the queue on: until software has seen `pqon`, the queue may
    /// be off.
    pub fn csr_written(&mut self, csr: Pqcsr, now: Cycle) -> bool {
        let is_on = self.queue.enable_written(csr.pqen());
        if is_on {
            self.off.set(true, now);
            self.full.set(false, now);
        }
        self.queue.errors_cleared(csr.pqof(), csr.pqmf());
        is_on
    }

    /// Room or the switch of the queue changed. Once it may have overflowed it may be in error until software has seen
    /// it without; `seen` is what software has just read of `pqcsr`.
    pub fn update(&mut self, seen: Option<Seen>, now: Cycle) {
        let full = self.queue.is_full();
        self.queue.look_for_room();
        let (off, overflow) = match seen {
            // What came about after the access was accepted need not show in it.
            Some(seen) => (
                !seen.csr.pqon() || seen.csr.pqmf() || self.failed.is_some_and(|at| at >= seen.accepted),
                seen.csr.pqof(),
            ),
            None => (self.off.now, self.full.now),
        };
        self.off.set(off || !self.queue.is_enabled(), now);
        self.full.set(overflow || full, now);
    }

    /// The device wrote doublewords of a record that is not the next one, or for which there is no room. Returns the record
    /// if it is whole by now.
    pub fn adopt(&mut self, index: u32, words: impl Iterator<Item = (usize, u64, u8)>) -> Option<[u64; 2]> {
        let whole = self.queue.adopt(index, words, &[0, 1]);
        self.records += u64::from(whole.is_some());
        whole
    }

    /// Software has read `pqcsr`. See [`RecordQueue::errors_seen`].
    pub fn errors_seen(&mut self, csr: Pqcsr) -> Result<(), Violation> {
        self.queue.errors_seen(Rule::PageRequest, csr.pqof(), csr.pqmf())
    }

    /// A page request since this cycle may have found the queue off or in error.
    pub fn may_be_off(&self, start: Cycle) -> bool {
        self.off.since(start)
    }

    /// A page request since this cycle may have found the queue full.
    pub fn may_be_full(&self, start: Cycle) -> bool {
        self.full.since(start)
    }

    /// When the queue may last have overflowed; now, if it is full.
    pub fn last_full(&self) -> Option<Cycle> {
        if self.full.now { Some(Cycle::MAX) } else { self.full.last }
    }

    /// Software read `pqt`. Returns how many records are in memory that it does not show yet.
    ///
    /// # Errors
    /// The furthest index that it may have.
    pub fn tail_read(&mut self, tail: u32, unanswered: Option<u32>) -> Result<u32, u32> {
        self.queue.tail_read(tail, unanswered)
    }

    /// The device wrote doublewords into the queue's memory. Returns the record that became whole by it.
    pub fn written(
        &mut self,
        index: u32,
        words: impl Iterator<Item = (usize, u64, u8)>,
    ) -> Result<Option<[u64; 2]>, Violation> {
        let whole = self.queue.written(Rule::PageRequest, index, words, &[0, 1])?;
        self.records += u64::from(whole.is_some());
        Ok(whole)
    }

    /// The write of the newest record met a memory fault (`pqmf`): it is discarded, and so are all that follow.
    pub fn write_failed(&mut self, now: Cycle) {
        self.off.set(true, now);
        self.failed = Some(now);
        self.queue.refused();
        self.records = self.records.saturating_sub(1);
    }

    /// Records so far.
    pub fn records(&self) -> u64 {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(accepted: Cycle) -> Option<Seen> {
        Some(Seen { csr: Pqcsr(3 | 1 << 16), accepted })
    }

    fn working() -> PageQueue {
        let mut queue = PageQueue::new();
        queue.base_written(QueueBase(0).with_ppn(2).with_log2sz_minus1(1));
        queue.csr_written(Pqcsr(0).with_pqen(true), 5);
        queue.update(on(8), 10);
        queue
    }

    fn write(queue: &mut PageQueue, index: u32) -> Result<Option<[u64; 2]>, Violation> {
        queue.written(index, [(0, 7, 0xFF), (1, 8, 0xFF)].into_iter())
    }

    #[test]
    fn records_come_in_order_and_never_into_a_full_queue() {
        let mut queue = working();
        assert_eq!(write(&mut queue, 1).unwrap_err().detail, "index");
        assert_eq!(queue.written(0, [(0, 7, 0xFF)].into_iter()), Ok(None), "half of it");
        assert_eq!(write(&mut queue, 0), Ok(Some([7, 8])));
        assert_eq!((queue.tail_read(2, None), queue.tail_read(0, None)), (Err(1), Ok(1)));
        write(&mut queue, 1).unwrap();
        write(&mut queue, 2).unwrap();
        assert_eq!(write(&mut queue, 3).unwrap_err().detail, "full");
        assert_eq!(queue.records(), 3);
    }

    #[test]
    fn what_is_lost_is_lost_while_the_queue_is_off_or_full() {
        let mut queue = working();
        assert!(queue.may_be_off(10) && !queue.may_be_off(11) && !queue.may_be_full(6));
        (0..3).for_each(|index| assert!(write(&mut queue, index).is_ok()));
        queue.update(None, 20);
        assert!(queue.may_be_full(1000) && !queue.may_be_off(1000));
        queue.head_written(2);
        queue.update(None, 30);
        assert!(queue.may_be_full(1000), "pqof may be set");
        queue.update(on(38), 40);
        assert!(queue.may_be_full(40) && !queue.may_be_full(41));
        queue.write_failed(50);
        assert!(queue.may_be_off(1000), "pqmf may be set");
        queue.update(on(49), 51);
        assert!(queue.may_be_off(1000), "and need not show in what was asked before");
        assert_eq!(write(&mut queue, 2), Ok(Some([7, 8])), "its entry is free again");
    }
}
