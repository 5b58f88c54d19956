// SPDX-License-Identifier: Apache-2.0
//! Devices that keep translations of their own: what of ATS is enabled for them, how they are made to forget, and how their
//! page requests are answered.
//!
//! Whoever changes a translation invalidates first what the IOMMU keeps, and then what the devices do, with a fence in
//! between: "software must first invalidate the IOATC before sending invalidations to the DevATC" (section "Device Address
//! Translation Cache invalidations").

use events::QosIds;
use golden::DeviceId;

use super::carry_out::Part;
use super::device_state::{Ats, DeviceState};
use super::domain_state::Kind;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Command, Context, Invalidation, Untranslated};
use super::handles::{Device, Target};
use super::machine::Machine;

impl DeviceState {
    /// A context with what this device itself brings: what of ATS is enabled for it, and its QoS IDs.
    pub(super) fn as_own(&self, context: Context) -> Context {
        context.with_control(self.ats.map_or(0, Ats::control)).with_qos_ids(self.qos)
    }

    /// Makes the device forget what it keeps of a range: for a process, or for requests without a process ID. Where
    /// these use process 0 of a directory, what it keeps under that goes as well.
    fn forget(&self, process: Option<u32>, global: bool, range: Untranslated, list: &mut Vec<Invalidation>) {
        if self.ats.is_none() {
            return;
        }
        let zero = (process.is_none() && self.processes.is_some()).then_some(0);
        for id in &self.ids {
            for process in std::iter::once(process).chain(zero.map(Some)) {
                let global = global && process.is_some();
                list.push(Invalidation::Ats { device: id.0, process, global, range });
            }
        }
    }

    /// Makes the device forget what it keeps of a range for any process: those of a guest the host does not know.
    fn forget_processes(&self, range: Untranslated, list: &mut Vec<Invalidation>) {
        self.forget(Some(0), true, range, list);
    }
}

impl Driver {
    /// Says what of ATS is enabled for a device, or that nothing is, from its next attach on.
    ///
    /// "If the device-context for the device is already valid then first mark the device-context as invalid" (section
    /// "Guidelines for enabling and disabling ATS and/or PRI"): so the device must be detached.
    ///
    /// # Errors
    /// ENOENT; EBUSY while it is attached or has a process directory; EOPNOTSUPP for what the IOMMU lacks; EINVAL for
    /// PRPR without page requests.
    pub fn set_ats(&mut self, device: Device, ats: Option<Ats>) -> Result<(), ApiError> {
        let state = self.device(device)?;
        if state.current.is_some() || state.processes.is_some() || !state.deferred.is_empty() {
            return Err(ApiError::Busy("device is attached, or has a process directory"));
        }
        if let Some(wanted) = ats {
            if !self.caps.ats() {
                return Err(ApiError::Unsupported("ATS"));
            }
            if wanted.guest_addresses && !self.caps.t2gpa() {
                return Err(ApiError::Unsupported("T2GPA"));
            }
            if wanted.response_pasid && !wanted.page_requests {
                return Err(ApiError::Invalid("PRPR without page requests"));
            }
        }
        self.device_mut(device)?.ats = ats;
        Ok(())
    }

    /// Sets the QoS IDs of a device's accesses to memory, and of the walks for them, from its next attach on.
    ///
    /// # Errors
    /// ENOENT; EBUSY while it is attached or has a process directory; EOPNOTSUPP without QoS IDs; EINVAL for IDs of more
    /// than 12 bits.
    pub fn set_qos_ids(&mut self, device: Device, ids: QosIds) -> Result<(), ApiError> {
        let state = self.device(device)?;
        if state.current.is_some() || state.processes.is_some() || !state.deferred.is_empty() {
            return Err(ApiError::Busy("device is attached, or has a process directory"));
        }
        if !self.caps.qos_ids() {
            return Err(ApiError::Unsupported("QoS IDs"));
        }
        if ids.rcid >> 12 != 0 || ids.mcid >> 12 != 0 {
            return Err(ApiError::Invalid("QoS IDs of more than 12 bits"));
        }
        self.device_mut(device)?.qos = ids;
        Ok(())
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

    /// The context with which this device is attached to a target.
    pub(super) fn context_for(&self, device: Device, target: Option<Target>) -> Result<Context, ApiError> {
        Ok(self.device(device)?.as_own(self.target_context(target)?))
    }

    /// What the devices that use a domain must forget after its page table has changed in a range. Through a guest's
    /// table nobody knows where that shows.
    pub(super) fn forget_range(&self, domain: u32, first: u64, last: u64) -> Vec<Invalidation> {
        let mut list = Vec::new();
        let Some(state) = self.domains.get(&domain) else { return list };
        let Kind::Paging(paging) = &state.kind else {
            self.forget_in(domain, true, Untranslated::ALL, &mut list);
            return list;
        };
        self.forget_in(domain, paging.global, Untranslated::covering(first, last), &mut list);
        for &nested in &paging.children {
            self.forget_in(nested, true, Untranslated::ALL, &mut list);
        }
        list
    }

    fn forget_in(&self, domain: u32, global: bool, range: Untranslated, list: &mut Vec<Invalidation>) {
        let Some(state) = self.domains.get(&domain) else { return };
        let has_processes = matches!(&state.kind, Kind::Nested(own) if own.user.has_process_directory());
        for seat in &state.bonds {
            if let Some(device) = self.devices.get(&seat.device) {
                device.forget(seat.process, global, range, list);
                if has_processes {
                    device.forget_processes(range, list);
                }
            }
        }
    }

    /// What a device must forget after an entry of a directory has changed that led to its translations.
    pub(super) fn forget_all(&self, device: Device, part: &Part) -> Vec<Invalidation> {
        let mut list = Vec::new();
        if let Ok(state) = self.device(device) {
            match part {
                Part::Device { from, .. } if from.has_ats() => {
                    state.forget(None, true, Untranslated::ALL, &mut list);
                    if state.processes.is_none() && from.has_process_directory() {
                        state.forget_processes(Untranslated::ALL, &mut list);
                    }
                }
                Part::Process { process, from, .. } if from.valid() => {
                    // Process 0 is the device itself.
                    let process = Some(*process).filter(|&process| process != 0);
                    state.forget(process, false, Untranslated::ALL, &mut list);
                }
                _ => {}
            }
        }
        list
    }
}
