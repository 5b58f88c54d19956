// SPDX-License-Identifier: Apache-2.0
//! What the driver notes of each device: its context, its processes, and the changes that failed halfway.

use std::collections::BTreeMap;

use events::QosIds;
use golden::DeviceId;

use super::format::{Context, Invalidation, ProcessContext, TC_EN_ATS, TC_EN_PRI, TC_PRPR, TC_T2GPA};
use super::handles::{Seat, Target};
use super::process_directory::ProcessDirectory;

/// What of ATS is enabled for a device (section "Device-context fields").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ats {
    /// It may ask for pages (`EN_PRI`)
    pub page_requests: bool,
    /// Responses that the IOMMU makes by itself have a PASID, if the page request had one (`PRPR`)
    pub response_pasid: bool,
    /// Where it has a second stage, its translations are guest physical addresses (`T2GPA`)
    pub guest_addresses: bool,
}

impl Ats {
    /// Its bits of `tc`.
    pub(super) const fn control(self) -> u64 {
        TC_EN_ATS
            | if self.page_requests { TC_EN_PRI } else { 0 }
            | if self.response_pasid { TC_PRPR } else { 0 }
            | if self.guest_addresses { TC_T2GPA } else { 0 }
    }
}

/// A device, as the driver notes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DeviceState {
    pub(super) name: String,
    pub(super) ids: Vec<DeviceId>,
    pub(super) current: Option<Target>,
    /// What of ATS is enabled for it, if anything is
    pub(super) ats: Option<Ats>,
    /// The QoS IDs of its accesses to memory
    pub(super) qos: QosIds,
    /// The context in memory, the same for all IDs
    pub(super) context: Context,
    /// Changes that failed halfway
    pub(super) deferred: Vec<DeferredRelease>,
    /// Its processes, once it has a directory for them
    pub(super) processes: Option<Processes>,
}

/// What a change that failed halfway may have left in the IOMMU.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DeferredRelease {
    /// A bond that must not go
    pub(super) bond: Option<(Seat, u32)>,
    /// Tags that are still to be flushed
    pub(super) flushes: Vec<Invalidation>,
    /// A PSCID that was on loan, likewise
    pub(super) scratch: Option<u32>,
}

/// What a device with a process directory has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Processes {
    pub(super) directory: ProcessDirectory,
    /// The contexts in memory that were ever stored
    pub(super) contexts: BTreeMap<u32, ProcessContext>,
    /// What processes are attached to; the device itself is not among them
    pub(super) bound: BTreeMap<u32, Target>,
}

impl Processes {
    pub(super) fn context(&self, process: u32) -> ProcessContext {
        self.contexts.get(&process).copied().unwrap_or(ProcessContext::BLOCKED)
    }
}
