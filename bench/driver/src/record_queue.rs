// SPDX-License-Identifier: Apache-2.0
//! A queue of records that the IOMMU writes and software takes out: the fault queue and the page-request queue.

use golden::Spa;

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{PAGE, register as reg};
use super::machine::Machine;
use super::options::Options;
use super::queue::{disable_queue, enable_queue, wait_for};

/// How often errors or the interrupt may come again without a record before the rest is left to the next look. Records
/// that find no memory set the error at once again, and so does an IOMMU that does not clear it.
const IDLE_LOOKS: u32 = 16;

/// Where a queue has its registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    /// Base
    pub(super) base: u16,
    /// Head, which is software's
    pub(super) head: u16,
    /// Tail, which is the IOMMU's
    pub(super) tail: u16,
    /// Control and status
    pub(super) csr: u16,
    /// Its bit of `ipsr`
    pub(super) pending: u64,
    /// For messages: `fqcsr.busy`
    pub(super) busy: &'static str,
}

/// What was found in a queue whose records have so many doublewords.
#[derive(Clone, Debug)]
pub(super) struct Found<const WORDS: usize> {
    /// Records, oldest first
    pub(super) records: Vec<[u64; WORDS]>,
    /// Records were lost since the queue was full
    pub(super) overflow: bool,
    /// Records were lost since a store to the queue failed
    pub(super) memory_fault: bool,
}

/// A queue that is on, with records of so many doublewords.
#[derive(Clone, Debug)]
pub(super) struct RecordQueue<const WORDS: usize> {
    registers: Registers,
    base: Spa,
    log2: u8,
    /// What its control register was enabled with
    enable: u64,
    head: u64,
}

impl<const WORDS: usize> RecordQueue<WORDS> {
    const RECORD_BYTES: u64 = 8 * WORDS as u64;

    /// Both indices are 0: the queue was switched on anew.
    pub(super) fn restarted(&mut self) {
        self.head = 0;
    }

    fn pages(log2: u8) -> u64 {
        (Self::RECORD_BYTES << log2).div_ceil(PAGE)
    }

    pub(super) fn enable(
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        options: &Options,
        registers: Registers,
        log2: u8,
        enable: u64,
    ) -> Result<Self, ApiError> {
        let pages = Self::pages(log2);
        let base = alloc.pages(machine, pages, pages * PAGE)?;
        enable_queue(machine, options, [registers.base, registers.head, registers.csr], base, log2, enable)?;
        Ok(RecordQueue { registers, base, log2, enable, head: 0 })
    }

    pub(super) fn disable(
        self,
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        options: &Options,
    ) -> Result<(), ApiError> {
        disable_queue(machine, options, self.registers.csr)?;
        alloc.free_pages(machine, self.base, Self::pages(self.log2))
    }

    /// Takes out all records, then clears the errors: in this order, since a full queue would overflow again at
    /// once. Ends after one look at a queue that is empty with nothing pending, and in any case after a bounded number
    /// of looks.
    pub(super) fn drain(&mut self, machine: &mut dyn Machine, options: &Options) -> Result<Found<WORDS>, ApiError> {
        let mut found = Found { records: Vec::new(), overflow: false, memory_fault: false };
        let Registers { csr, pending, .. } = self.registers;
        let mask = (1u64 << self.log2) - 1;
        let mut idle = 0;
        loop {
            let tail = machine.read_register(self.registers.tail, 4)? & mask;
            let fresh = self.head != tail;
            while self.head != tail {
                let at = self.base.0 + self.head * Self::RECORD_BYTES;
                let mut words = [0; WORDS];
                for (i, word) in words.iter_mut().enumerate() {
                    *word = machine.load(Spa(at + 8 * i as u64))?;
                }
                found.records.push(words);
                self.head = (self.head + 1) & mask;
            }
            if fresh {
                machine.write_register(self.registers.head, 4, self.head)?;
                machine.wait(options.handler_pause)?;
            }
            let errors = machine.read_register(csr, 4)? & (reg::QUEUE_OVERFLOW | reg::QUEUE_MEMORY_FAULT);
            if errors != 0 {
                found.overflow |= errors & reg::QUEUE_OVERFLOW != 0;
                found.memory_fault |= errors & reg::QUEUE_MEMORY_FAULT != 0;
                machine.write_register(csr, 4, self.enable | errors)?;
                wait_for(machine, options, self.registers.busy, |m| {
                    Ok(m.read_register(csr, 4)? & reg::QUEUE_BUSY == 0)
                })?;
            }
            let pending = machine.read_register(reg::IPSR, 4)? & pending;
            if pending != 0 {
                machine.write_register(reg::IPSR, 4, pending)?;
            }
            idle += u32::from(!fresh);
            let quiet = !fresh && errors == 0 && pending == 0;
            // Under a steady flow this would never be empty; one pass over a full queue is enough for one call.
            if quiet || idle == IDLE_LOOKS || found.records.len() as u64 > mask {
                return Ok(found);
            }
        }
    }
}
