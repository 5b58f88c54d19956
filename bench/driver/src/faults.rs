// SPDX-License-Identifier: Apache-2.0
//! The fault queue: records that the IOMMU writes and software takes out.

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{FAULT_RECORD_BYTES, FaultRecord, register as reg};
use super::machine::Machine;
use super::options::Options;
use super::record_queue::{Found, RecordQueue, Registers};

/// Doublewords of a record.
const WORDS: usize = FAULT_RECORD_BYTES as usize / 8;

const REGISTERS: Registers = Registers {
    base: reg::FQB,
    head: reg::FQH,
    tail: reg::FQT,
    csr: reg::FQCSR,
    pending: reg::IPSR_FIP,
    busy: "fqcsr.busy",
};

/// The fault queue.
pub(super) type FaultQueue = RecordQueue<WORDS>;

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

impl From<Found<WORDS>> for Faults {
    fn from(found: Found<WORDS>) -> Faults {
        let Found { records, overflow, memory_fault } = found;
        Faults { records: records.into_iter().map(FaultRecord::decode).collect(), overflow, memory_fault }
    }
}

/// Switches the fault queue on.
pub(super) fn enable(
    machine: &mut dyn Machine,
    alloc: &mut Allocator,
    options: &Options,
    log2: u8,
    enable: u64,
) -> Result<FaultQueue, ApiError> {
    FaultQueue::enable(machine, alloc, options, REGISTERS, log2, enable)
}
