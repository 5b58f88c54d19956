// SPDX-License-Identifier: Apache-2.0
//! The queue in which page requests of devices come (section "Page-Request-Queue (PQ)").

use super::format::{PAGE_REQUEST_BYTES, PageRequestRecord, register as reg};
use super::record_queue::{Found, RecordQueue, Registers};

/// Doublewords of a record.
const WORDS: usize = PAGE_REQUEST_BYTES as usize / 8;

/// Where it has its registers.
pub(super) const REGISTERS: Registers = Registers {
    base: reg::PQB,
    head: reg::PQH,
    tail: reg::PQT,
    csr: reg::PQCSR,
    pending: reg::IPSR_PIP,
    busy: "pqcsr.busy",
};

/// The page-request queue.
pub(super) type PageQueue = RecordQueue<WORDS>;

/// What was found in the page-request queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequests {
    /// Records, oldest first
    pub records: Vec<PageRequestRecord>,
    /// Requests were lost since the queue was full (`pqof`)
    pub overflow: bool,
    /// Requests were lost since a store to the queue failed (`pqmf`)
    pub memory_fault: bool,
}

impl From<Found<WORDS>> for PageRequests {
    fn from(found: Found<WORDS>) -> PageRequests {
        let Found { records, overflow, memory_fault } = found;
        let records = records.into_iter().map(PageRequestRecord::decode).collect();
        PageRequests { records, overflow, memory_fault }
    }
}
