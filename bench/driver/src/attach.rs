// SPDX-License-Identifier: Apache-2.0
//! Devices are added and removed, attached and detached.

use events::{Named, Operation, Promise, QosIds};
use golden::DeviceId;

use super::carry_out::Part;
use super::device_state::DeviceState;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Context, FaultRecord};
use super::handles::{Device, Seat, Target};
use super::machine::Machine;
use super::plan::{Plan, Step};

impl Driver {
    /// Adds a device with its IDs. It stays refused until it is attached.
    ///
    /// # Errors
    /// EINVAL for no ID, or one that is too wide for the device directory; EBUSY for an ID that another device has;
    /// ENOMEM.
    pub fn add_device(&mut self, machine: &mut dyn Machine, name: &str, ids: &[DeviceId]) -> Result<Device, ApiError> {
        if ids.is_empty() || !ids.iter().all(|&id| self.directory.admits(id)) {
            return Err(ApiError::Invalid("device IDs"));
        }
        let taken = |id: &DeviceId| self.devices.values().any(|d| d.ids.contains(id));
        if ids.iter().enumerate().any(|(i, id)| taken(id) || ids[..i].contains(id)) {
            return Err(ApiError::Busy("device ID"));
        }
        self.alloc.object()?;
        let made = self.directory.make(machine, &mut self.alloc, ids);
        made.inspect_err(|_| self.alloc.free_object())?;
        let device = self.next_id();
        let state = DeviceState {
            name: name.into(),
            ids: ids.to_vec(),
            current: None,
            ats: None,
            qos: QosIds::default(),
            context: Context::BLOCKED,
            deferred: Vec::new(),
            processes: None,
        };
        self.devices.insert(device, state);
        machine.named(name, Named::Device(ids.to_vec()));
        Ok(Device(device))
    }

    /// Removes a device. The directory keeps its tables.
    ///
    /// # Errors
    /// ENOENT; EBUSY while it is attached or has a process directory.
    pub fn remove_device(&mut self, device: Device) -> Result<(), ApiError> {
        let state = self.device(device)?;
        if state.current.is_some() || !state.deferred.is_empty() || state.processes.is_some() {
            return Err(ApiError::Busy("device is attached, or has a process directory"));
        }
        self.devices.remove(&device.0);
        self.alloc.free_object();
        Ok(())
    }

    /// What a device is attached to.
    ///
    /// # Errors
    /// ENOENT
    pub fn target(&self, device: Device) -> Result<Option<Target>, ApiError> {
        self.target_of(Seat::of(device))
    }

    /// The device that a fault record is about; `None` for an event of the IOMMU itself, or an ID that nobody added.
    pub fn device_of(&self, record: &FaultRecord) -> Option<Device> {
        let own = |id: &DeviceId| record.ttyp != 0 && id.0 == record.device;
        self.devices.iter().find(|(_, d)| d.ids.iter().any(own)).map(|(&id, _)| Device(id))
    }

    /// Attaches a device that is not attached.
    ///
    /// # Errors
    /// ENOENT; EBUSY if it is attached; EINVAL for a domain with a second stage on a device with a process directory;
    /// ENOMEM; ETIMEDOUT or EIO if the command queue fails.
    pub fn attach(&mut self, machine: &mut dyn Machine, device: Device, target: Target) -> Result<(), ApiError> {
        let name = format!("attach {}: {}", self.device_name(device), self.target_name(Some(target)));
        let operation = Operation { name, promise: Promise::Whole, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            if driver.device(device)?.current.is_some() {
                return Err(ApiError::Busy("device is attached"));
            }
            driver.switch(machine, Seat::of(device), Some(target))
        })
    }

    /// Puts something else in the place of what a device is attached to. If the two contexts allow it, no request of
    /// the device is refused or mistranslated meanwhile.
    ///
    /// # Errors
    /// ENOENT; EINVAL if the device is not attached; ENOMEM, ENOSPC; and then nothing has changed. ETIMEDOUT or EIO
    /// if the command queue fails: then both targets stay in use until another change succeeds.
    pub fn replace(&mut self, machine: &mut dyn Machine, device: Device, target: Target) -> Result<(), ApiError> {
        let from = self.devices.get(&device.0).and_then(|d| d.current);
        let names = (self.device_name(device), self.target_name(from), self.target_name(Some(target)));
        let name = format!("replace {}: {} -> {}", names.0, names.1, names.2);
        // The promise is that of the API, whatever the policy makes of it.
        let promise = if self.is_hitless(Seat::of(device), target) { Promise::Hitless } else { Promise::Effective };
        let operation = Operation { name, promise, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            if driver.device(device)?.current.is_none() {
                return Err(ApiError::Invalid("device is not attached"));
            }
            driver.switch(machine, Seat::of(device), Some(target))
        })
    }

    /// Detaches a device: its traffic is refused. When this returns, nothing that it used before is used any more.
    ///
    /// # Errors
    /// ENOENT; EINVAL if it is not attached; ETIMEDOUT or EIO if the command queue fails, and then what it was
    /// attached to stays in use.
    pub fn detach(&mut self, machine: &mut dyn Machine, device: Device) -> Result<(), ApiError> {
        let from = self.devices.get(&device.0).and_then(|d| d.current);
        let name = format!("detach {}: {}", self.device_name(device), self.target_name(from));
        let operation = Operation { name, promise: Promise::Whole, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            if driver.device(device)?.current.is_none() {
                return Err(ApiError::Invalid("device is not attached"));
            }
            driver.switch(machine, Seat::of(device), None)
        })
    }

    /// The plan that would bring the context of a device to a target now, flushes included. It changes nothing. A device
    /// with a process directory mostly changes a process's context instead.
    ///
    /// # Errors
    /// ENOENT
    pub fn plan(&self, device: Device, target: Target) -> Result<Plan, ApiError> {
        let to = self.context_for(device, Some(target))?;
        let from = self.device(device)?.context;
        let mut plan = self.device_plan(from, to, self.spare_pscid(device.0, target.domain(), &to));
        let flushes = self.flushes(device, &Part::Device { from, to });
        if !flushes.is_empty() {
            plan.steps.push(Step::Flush(flushes));
        }
        Ok(plan)
    }
}
