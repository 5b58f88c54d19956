// SPDX-License-Identifier: Apache-2.0
//! Page requests of devices: the queue in which they come, and the responses of software (section
//! "Page-Request-Queue (PQ)").

use golden::DeviceId;

use super::alloc::Allocator;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Command, PAGE_REQUEST_BYTES, PageRequestRecord, register as reg};
use super::machine::Machine;
use super::options::Options;
use super::record_queue::{Found, RecordQueue, Registers};

/// Doublewords of a record.
const WORDS: usize = PAGE_REQUEST_BYTES as usize / 8;

const REGISTERS: Registers = Registers {
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

/// Switches the page-request queue on.
pub(super) fn enable(
    machine: &mut dyn Machine,
    alloc: &mut Allocator,
    options: &Options,
    log2: u8,
    enable: u64,
) -> Result<PageQueue, ApiError> {
    PageQueue::enable(machine, alloc, options, REGISTERS, log2, enable)
}

impl Driver {
    /// Takes all records out of the page-request queue and clears its errors.
    ///
    /// # Errors
    /// EOPNOTSUPP if the IOMMU has no ATS; ETIMEDOUT if `pqcsr` stays busy.
    pub fn drain_page_requests(&mut self, machine: &mut dyn Machine) -> Result<PageRequests, ApiError> {
        let queue = self.pages.as_mut().ok_or(ApiError::Unsupported("page requests"))?;
        Ok(queue.drain(machine, &self.options)?.into())
    }

    /// Somebody has switched the page-request queue off and on again by its register: both of its indices are 0.
    pub fn page_requests_restarted(&mut self) {
        if let Some(queue) = &mut self.pages {
            queue.restarted();
        }
    }

    /// Sends a Page Request Group Response to a device by `ATS.PRGR`, without a fence. `code` is 0 for Success, 1 for
    /// Invalid Request, 15 for Response Failure; a PASID goes with it where the device wants one (`PRPR`).
    ///
    /// # Errors
    /// EOPNOTSUPP if the IOMMU has no ATS; ETIMEDOUT or EIO if the command queue is full and stays so.
    pub fn page_response(
        &mut self,
        machine: &mut dyn Machine,
        device: DeviceId,
        process: Option<u32>,
        group: u16,
        code: u8,
    ) -> Result<(), ApiError> {
        if !self.caps.ats() {
            return Err(ApiError::Unsupported("page requests"));
        }
        self.command(machine, Command::page_response(device.0, process, group, code))
    }
}
