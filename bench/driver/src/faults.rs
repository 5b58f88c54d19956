// SPDX-License-Identifier: Apache-2.0
//! The fault queue: records that the IOMMU writes and software takes out.

use super::format::{FAULT_RECORD_BYTES, FaultRecord, register as reg};
use super::record_queue::{Found, RecordQueue, Registers};

/// Doublewords of a record.
const WORDS: usize = FAULT_RECORD_BYTES as usize / 8;

/// Where it has its registers.
pub(super) const REGISTERS: Registers = Registers {
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
