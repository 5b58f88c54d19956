// SPDX-License-Identifier: Apache-2.0
//! The registers of a queue that the model writes, and where its next record goes: of the fault queue, and of the
//! page-request queue.

use golden::{Fqcsr, QueueBase};

/// An index of a queue as its register keeps it.
pub(super) const fn wrap(base: QueueBase, index: u32) -> u32 {
    index & (base.entries() - 1) as u32
}

/// Why a record is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The queue is off, or has met a memory fault.
    Off,
    /// The queue is full, or has been since software looked.
    Full,
}

/// How the queue deals with its errors: what is true here is a habit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errors {
    /// A full queue is written all the same
    pub full_ignored: bool,
    /// An overflow does not set the status bit
    pub overflow_hidden: bool,
    /// The status bit of an overflow keeps no record out where there is room
    pub overflow_forgotten: bool,
    /// The status bit of a memory fault keeps no record out
    pub fault_forgotten: bool,
}

/// Base, indices, control and status.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordQueue {
    pub base: QueueBase,
    pub head: u32,
    pub tail: u32,
    /// `fqcsr`, or `pqcsr`, which differs in names only
    pub csr: Fqcsr,
}

impl RecordQueue {
    pub(super) const fn new() -> Self {
        Self { base: QueueBase(0), head: 0, tail: 0, csr: Fqcsr(0) }
    }

    pub(super) fn write_base(&mut self, base: u64) {
        self.base = QueueBase(base);
        self.head = wrap(self.base, self.head);
        self.tail = wrap(self.base, self.tail);
    }

    pub(super) fn write_head(&mut self, head: u32) {
        self.head = wrap(self.base, head);
    }

    pub(super) fn write_csr(&mut self, new: u32) {
        let (was, new) = (self.csr, Fqcsr(new));
        let mut csr = was
            .with_fqen(new.fqen())
            .with_fie(new.fie())
            .with_fqmf(was.fqmf() && !new.fqmf())
            .with_fqof(was.fqof() && !new.fqof());
        if new.fqen() && !was.fqen() {
            self.tail = 0;
            csr = csr.with_fqmf(false).with_fqof(false);
        }
        self.csr = csr.with_busy(csr.fqen() != csr.fqon());
    }

    /// Follows the enable: on at once, off when no record is on its way.
    pub(super) fn switch(&mut self, writing: bool) {
        if self.csr.busy() && (self.csr.fqen() || !writing) {
            self.csr = self.csr.with_fqon(self.csr.fqen()).with_busy(false);
        }
    }

    /// Where the next record of so many bytes goes, where addresses have `pas` bits.
    pub(super) fn place(&mut self, bytes: u64, pas: u32, errors: Errors) -> Result<u64, Lost> {
        let csr = self.csr;
        if !csr.fqon() || !csr.fqen() || csr.fqmf() && !errors.fault_forgotten {
            return Err(Lost::Off);
        }
        if csr.fqof() && !errors.full_ignored && !errors.overflow_forgotten {
            return Err(Lost::Full);
        }
        if wrap(self.base, self.tail + 1) == self.head && !errors.full_ignored {
            self.csr = csr.with_fqof(!errors.overflow_hidden);
            return Err(Lost::Full);
        }
        let addr = self.base.base() + u64::from(self.tail) * bytes;
        if addr >> pas != 0 {
            self.refused();
            return Err(Lost::Off);
        }
        Ok(addr)
    }

    /// The record is in memory.
    pub(super) fn advance(&mut self) {
        self.tail = wrap(self.base, self.tail + 1);
    }

    /// Memory has refused the record.
    pub(super) fn refused(&mut self) {
        self.csr = self.csr.with_fqmf(true);
    }

    /// An interrupt is due, with this news or without.
    pub(super) fn interrupts(&self, new_record: bool) -> bool {
        self.csr.fie() && (self.csr.fqmf() || self.csr.fqof() || new_record)
    }
}
