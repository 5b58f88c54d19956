// SPDX-License-Identifier: Apache-2.0
//! The fault queue: records that the IOMMU writes and software takes out.

use golden::Spa;

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{FAULT_RECORD_BYTES, FaultRecord, PAGE, register as reg};
use super::machine::Machine;
use super::options::Options;
use super::queue::{disable_queue, enable_queue, wait_for};

/// How often errors or the interrupt may come again without a record before the rest is left to the next look. Faults
/// that find no memory set `fqmf` at once again, and so does an IOMMU that does not clear it.
const IDLE_LOOKS: u32 = 16;

/// What was found in the fault queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Records, oldest first
    pub records: Vec<FaultRecord>,
    /// Records were lost since the queue was full (`fqof`)
    pub overflow: bool,
    /// Records were lost since a store to the queue failed (`fqmf`)
    pub memory_fault: bool,
}

#[derive(Clone, Debug)]
pub(super) struct FaultQueue {
    base: Spa,
    log2: u8,
    /// What `fqcsr` was enabled with
    enable: u64,
    head: u64,
}

impl FaultQueue {
    /// Both indices are 0: the queue was switched on anew.
    pub fn restarted(&mut self) {
        self.head = 0;
    }

    fn pages(log2: u8) -> u64 {
        (FAULT_RECORD_BYTES << log2).div_ceil(PAGE)
    }

    pub(super) fn enable(
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        options: &Options,
        log2: u8,
        enable: u64,
    ) -> Result<FaultQueue, ApiError> {
        let pages = FaultQueue::pages(log2);
        let base = alloc.pages(machine, pages, pages * PAGE)?;
        enable_queue(machine, options, [reg::FQB, reg::FQH, reg::FQCSR], base, log2, enable)?;
        Ok(FaultQueue { base, log2, enable, head: 0 })
    }

    pub(super) fn disable(
        self,
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        options: &Options,
    ) -> Result<(), ApiError> {
        disable_queue(machine, options, reg::FQCSR)?;
        alloc.free_pages(machine, self.base, FaultQueue::pages(self.log2))
    }

    /// Takes out all records, then clears the errors: in this order, since a full queue would overflow again at
    /// once. Ends after one look at a queue that is empty with nothing pending, and in any case after a bounded number
    /// of looks.
    pub(super) fn drain(&mut self, machine: &mut dyn Machine, options: &Options) -> Result<Faults, ApiError> {
        let mut found = Faults::default();
        let mask = (1u64 << self.log2) - 1;
        let mut idle = 0;
        loop {
            let tail = machine.read_register(reg::FQT, 4)? & mask;
            let fresh = self.head != tail;
            while self.head != tail {
                let at = self.base.0 + self.head * FAULT_RECORD_BYTES;
                let mut words = [0; 4];
                for (i, word) in words.iter_mut().enumerate() {
                    *word = machine.load(Spa(at + 8 * i as u64))?;
                }
                found.records.push(FaultRecord::decode(words));
                self.head = (self.head + 1) & mask;
            }
            if fresh {
                machine.write_register(reg::FQH, 4, self.head)?;
                machine.wait(options.handler_pause)?;
            }
            let errors = machine.read_register(reg::FQCSR, 4)? & (reg::FQCSR_FQOF | reg::QUEUE_MEMORY_FAULT);
            if errors != 0 {
                found.overflow |= errors & reg::FQCSR_FQOF != 0;
                found.memory_fault |= errors & reg::QUEUE_MEMORY_FAULT != 0;
                machine.write_register(reg::FQCSR, 4, self.enable | errors)?;
                wait_for(machine, options, "fqcsr.busy", |m| {
                    Ok(m.read_register(reg::FQCSR, 4)? & reg::QUEUE_BUSY == 0)
                })?;
            }
            let pending = machine.read_register(reg::IPSR, 4)? & reg::IPSR_FIP;
            if pending != 0 {
                machine.write_register(reg::IPSR, 4, pending)?;
            }
            idle += u32::from(!fresh);
            let quiet = !fresh && errors == 0 && pending == 0;
            // Under steady faults this would never be empty; one pass over a full queue is enough for one call.
            if quiet || idle == IDLE_LOOKS || found.records.len() as u64 > mask {
                return Ok(found);
            }
        }
    }
}
