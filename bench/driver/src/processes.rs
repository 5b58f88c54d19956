// SPDX-License-Identifier: Apache-2.0
//! Processes of a device: each process ID has a first stage of its own, by way of a process directory.
//!
//! Once a device has a process directory, its own requests, which have no process ID, use process 0 (`tc.DPE`), so that
//! a change of its domain is a change of that process's context; on identity they go past the directory.

use std::collections::BTreeMap;

use events::{Operation, Promise};
use golden::Spa;

use super::carry_out::Part;
use super::device_state::Processes;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Context, ProcessMode};
use super::handles::{Device, Seat, Target};
use super::host_memory::HostMemory;
use super::machine::Machine;
use super::process_directory::ProcessDirectory;

impl Driver {
    /// Gives a device a process directory, so that its processes can be attached. Requests without a process ID are not
    /// disturbed.
    ///
    /// # Errors
    /// ENOENT; EOPNOTSUPP if the IOMMU has no directories of this width; EBUSY if the device has one already, or is
    /// attached to a domain; ENOMEM; ETIMEDOUT or EIO if the command queue fails.
    pub fn enable_processes(
        &mut self,
        machine: &mut dyn Machine,
        device: Device,
        mode: ProcessMode,
    ) -> Result<(), ApiError> {
        let name = format!("enable processes of {}", self.device_name(device));
        let operation = Operation { name, promise: Promise::Effective, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            let state = driver.device(device)?;
            if state.processes.is_some() || matches!(state.current, Some(Target::Domain(_))) {
                return Err(ApiError::Busy("device has a process directory, or a domain"));
            }
            if !driver.caps.process_directory(mode) {
                return Err(ApiError::Unsupported("process directory of this width"));
            }
            let (from, default) = (state.context, state.current != Some(Target::Identity));
            let memory = &mut HostMemory(&mut driver.alloc);
            let mut directory = ProcessDirectory::new(machine, memory, mode)?;
            if let Err(error) = directory.make(machine, memory, 0) {
                directory.free(machine, memory)?;
                return Err(error);
            }
            let to = Context::IDENTITY.with_process_directory(directory.pdtp(), default);
            let to = driver.device(device)?.as_own(to);
            let processes = Processes { directory, contexts: BTreeMap::new(), bound: BTreeMap::new() };
            driver.device_mut(device)?.processes = Some(processes);
            driver.carry_out_all(machine, device, &[Part::Device { from, to }], None)?;
            driver.make_good(device)
        })
    }

    /// Takes a device's process directory away again.
    ///
    /// # Errors
    /// ENOENT; EINVAL if it has none; EBUSY while a process, or the device, is attached to a domain; ETIMEDOUT or EIO if
    /// the command queue fails, and then the directory stays.
    pub fn disable_processes(&mut self, machine: &mut dyn Machine, device: Device) -> Result<(), ApiError> {
        let name = format!("disable processes of {}", self.device_name(device));
        let operation = Operation { name, promise: Promise::Effective, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            let (state, processes) = (driver.device(device)?, driver.processes(device)?);
            if !processes.bound.is_empty() || matches!(state.current, Some(Target::Domain(_))) {
                return Err(ApiError::Busy("a process, or the device itself, is attached"));
            }
            let identity = state.current == Some(Target::Identity);
            let to = state.as_own(if identity { Context::IDENTITY } else { Context::BLOCKED });
            let from = state.context;
            driver.carry_out_all(machine, device, &[Part::Device { from, to }], None)?;
            driver.make_good(device)?;
            match driver.device_mut(device)?.processes.take() {
                Some(processes) => processes.directory.free(machine, &mut HostMemory(&mut driver.alloc)),
                None => Ok(()),
            }
        })
    }

    /// Attaches a process that is not attached.
    ///
    /// # Errors
    /// ENOENT; EINVAL if the device has no process directory, for process 0, which is the device itself, for an ID that
    /// is too wide, and for a domain with a second stage; EBUSY if it is attached; ENOMEM; ETIMEDOUT or EIO if the
    /// command queue fails.
    pub fn attach_process(
        &mut self,
        machine: &mut dyn Machine,
        device: Device,
        process: u32,
        target: Target,
    ) -> Result<(), ApiError> {
        let name = format!("attach {}: {}", self.seat_name(device, process), self.target_name(Some(target)));
        let operation = Operation { name, promise: Promise::Effective, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            let processes = driver.processes(device)?;
            if process == 0 || !processes.directory.admits(process) {
                return Err(ApiError::Invalid("process ID"));
            }
            if processes.bound.contains_key(&process) {
                return Err(ApiError::Busy("process is attached"));
            }
            driver.switch(machine, Seat { device: device.0, process: Some(process) }, Some(target))
        })
    }

    /// Puts something else in the place of what a process is attached to: hitless, unless it was or becomes blocked.
    ///
    /// # Errors
    /// ENOENT; EINVAL if it is not attached, or for a domain with a second stage; ENOMEM, ENOSPC; and then nothing has
    /// changed. ETIMEDOUT or EIO as for a device.
    pub fn replace_process(
        &mut self,
        machine: &mut dyn Machine,
        device: Device,
        process: u32,
        target: Target,
    ) -> Result<(), ApiError> {
        let from = self.process_target(device, process).ok().flatten();
        let names = (self.seat_name(device, process), self.target_name(from), self.target_name(Some(target)));
        let name = format!("replace {}: {} -> {}", names.0, names.1, names.2);
        let seat = Seat { device: device.0, process: Some(process) };
        let promise = if self.is_hitless(seat, target) { Promise::Hitless } else { Promise::Effective };
        let operation = Operation { name, promise, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            if driver.process_target(device, process)?.is_none() {
                return Err(NOT_ATTACHED);
            }
            driver.switch(machine, seat, Some(target))
        })
    }

    /// Detaches a process: its traffic is refused with cause 266.
    ///
    /// # Errors
    /// ENOENT; EINVAL if it is not attached; ETIMEDOUT or EIO as for a device.
    pub fn detach_process(&mut self, machine: &mut dyn Machine, device: Device, process: u32) -> Result<(), ApiError> {
        let from = self.process_target(device, process).ok().flatten();
        let name = format!("detach {}: {}", self.seat_name(device, process), self.target_name(from));
        let operation = Operation { name, promise: Promise::Effective, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            if driver.process_target(device, process)?.is_none() {
                return Err(NOT_ATTACHED);
            }
            driver.switch(machine, Seat { device: device.0, process: Some(process) }, None)
        })
    }

    /// What a process is attached to.
    ///
    /// # Errors
    /// ENOENT; EINVAL if the device has no process directory.
    pub fn process_target(&self, device: Device, process: u32) -> Result<Option<Target>, ApiError> {
        self.target_of(Seat { device: device.0, process: Some(process) })
    }

    /// The processes of a device that are attached, in order.
    ///
    /// # Errors
    /// ENOENT
    pub fn attached_processes(&self, device: Device) -> Result<Vec<u32>, ApiError> {
        Ok(self.device(device)?.processes.as_ref().map_or_else(Vec::new, |own| own.bound.keys().copied().collect()))
    }

    /// Whether a device has a process directory.
    ///
    /// # Errors
    /// ENOENT
    pub fn has_processes(&self, device: Device) -> Result<bool, ApiError> {
        Ok(self.device(device)?.processes.is_some())
    }

    /// Where the context of a process lies.
    ///
    /// # Errors
    /// ENOENT if it was never attached; EINVAL if the device has no process directory.
    pub fn process_context_at(&self, device: Device, process: u32) -> Result<Spa, ApiError> {
        self.processes(device)?.directory.context_at(process).map(Spa)
    }

    fn seat_name(&self, device: Device, process: u32) -> String {
        format!("{}/{process:#x}", self.device_name(device))
    }
}

const NOT_ATTACHED: ApiError = ApiError::Invalid("process is not attached");
