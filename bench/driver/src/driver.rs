// SPDX-License-Identifier: Apache-2.0
//! The driver itself: all that it notes, look-ups in that, and what every operation needs: a flush, and a word to the
//! machine of what software is at.

use std::collections::BTreeMap;

use events::Operation;
use golden::DeviceId;

use super::alloc::Allocator;
use super::device_state::{DeviceState, Processes};
use super::directory::Directory;
use super::domain_state::{DomainState, Kind, Paging, Tag};
use super::error::ApiError;
use super::faults::FaultQueue;
use super::format::{Capabilities, Command, Invalidation};
use super::guest_memory::GuestState;
use super::handles::{Device, Domain, Seat, Target};
use super::machine::Machine;
use super::options::Options;
use super::page_requests::PageQueue;
use super::queue::CommandQueue;
use super::quirk::Quirk;

/// The driver of one IOMMU. It keeps no hold on the machine, which is lent to it call by call.
#[derive(Clone, Debug)]
pub struct Driver {
    pub(super) caps: Capabilities,
    pub(super) options: Options,
    pub(super) alloc: Allocator,
    pub(super) commands: CommandQueue,
    pub(super) faults: FaultQueue,
    /// Where the IOMMU has ATS
    pub(super) pages: Option<PageQueue>,
    pub(super) directory: Directory,
    pub(super) devices: BTreeMap<u32, DeviceState>,
    pub(super) domains: BTreeMap<u32, DomainState>,
    pub(super) guests: BTreeMap<u32, GuestState>,
    /// The number of the next handle
    next: u32,
}

/// What a probe makes.
pub(super) type Parts = (Capabilities, CommandQueue, FaultQueue, Option<PageQueue>, Directory);

impl Driver {
    /// A driver of an IOMMU that has been set up, with nothing added to it yet.
    pub(super) fn over(
        (caps, commands, faults, pages, directory): Parts,
        alloc: Allocator,
        options: Options,
    ) -> Driver {
        Driver {
            caps,
            options,
            alloc,
            commands,
            faults,
            pages,
            directory,
            devices: BTreeMap::new(),
            domains: BTreeMap::new(),
            guests: BTreeMap::new(),
            next: 1,
        }
    }

    /// Sends invalidations and a fence, and waits. What devices keep goes last, when the IOMMU can give them nothing old
    /// any more.
    pub(super) fn flush(&mut self, machine: &mut dyn Machine, list: &[Invalidation]) -> Result<(), ApiError> {
        let quirks = self.options.quirks;
        let (own, of_devices): (Vec<Invalidation>, Vec<_>) =
            list.iter().partition(|i| !matches!(i, Invalidation::Ats { .. }));
        let commands: Vec<Command> = own
            .into_iter()
            .filter(|i| !(quirks.has(Quirk::SkipGvma) && matches!(i, Invalidation::Gvma { .. })))
            .map(|i| match i {
                Invalidation::Vma { pscid, addr, .. } if quirks.has(Quirk::FlushWithoutGv) => {
                    Invalidation::Vma { gscid: None, pscid, addr }.command()
                }
                other => other.command(),
            })
            .collect();
        if !commands.is_empty() {
            self.commands.complete(machine, &self.options, &commands)?;
        }
        if of_devices.is_empty() || quirks.has(Quirk::SkipAtsInvalidation) {
            return Ok(());
        }
        let commands: Vec<Command> = of_devices.into_iter().map(Invalidation::command).collect();
        self.commands.complete(machine, &self.options, &commands)
    }

    pub(super) fn next_id(&mut self) -> u32 {
        let id = self.next;
        self.next += 1;
        id
    }

    /// Runs an operation between `begin` and `end`, so that the machine knows what software is at.
    pub(super) fn operation<T>(
        &mut self,
        machine: &mut dyn Machine,
        operation: Operation,
        body: impl FnOnce(&mut Driver, &mut dyn Machine) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        machine.begin(operation);
        let result = body(self, machine);
        machine.end(result.is_ok());
        result
    }

    pub(super) fn device(&self, device: Device) -> Result<&DeviceState, ApiError> {
        self.devices.get(&device.0).ok_or(ApiError::NoSuchObject { kind: "device", id: device.0 })
    }

    pub(super) fn device_mut(&mut self, device: Device) -> Result<&mut DeviceState, ApiError> {
        self.devices.get_mut(&device.0).ok_or(ApiError::NoSuchObject { kind: "device", id: device.0 })
    }

    pub(super) fn device_name(&self, device: Device) -> String {
        self.devices.get(&device.0).map_or_else(|| format!("#{}", device.0), |d| d.name.clone())
    }

    pub(super) fn processes(&self, device: Device) -> Result<&Processes, ApiError> {
        self.device(device)?.processes.as_ref().ok_or(NO_DIRECTORY)
    }

    /// IDs of a device.
    pub(super) fn ids(&self, device: Device) -> Result<Vec<DeviceId>, ApiError> {
        Ok(self.device(device)?.ids.clone())
    }

    /// What a device or a process is attached to.
    pub(super) fn target_of(&self, seat: Seat) -> Result<Option<Target>, ApiError> {
        let device = Device(seat.device);
        match seat.process {
            None => Ok(self.device(device)?.current),
            Some(process) => Ok(self.processes(device)?.bound.get(&process).copied()),
        }
    }

    pub(super) fn target_name(&self, target: Option<Target>) -> String {
        match target {
            None => "nothing".into(),
            Some(Target::Blocked) => "blocked".into(),
            Some(Target::Identity) => "identity".into(),
            Some(Target::Domain(Domain(id))) => {
                self.domains.get(&id).map_or_else(|| format!("#{id}"), |d| d.name.clone())
            }
        }
    }

    pub(super) fn state(&self, id: u32) -> Result<&DomainState, ApiError> {
        self.domains.get(&id).ok_or(ApiError::NoSuchObject { kind: "domain", id })
    }

    pub(super) fn state_mut(&mut self, id: u32) -> Result<&mut DomainState, ApiError> {
        self.domains.get_mut(&id).ok_or(ApiError::NoSuchObject { kind: "domain", id })
    }

    pub(super) fn domain(&self, domain: Domain) -> Result<&DomainState, ApiError> {
        self.state(domain.0)
    }

    pub(super) fn domain_name(&self, domain: Domain) -> String {
        self.domains.get(&domain.0).map_or_else(|| format!("#{}", domain.0), |d| d.name.clone())
    }

    pub(super) fn paging(&self, id: u32) -> Result<&Paging, ApiError> {
        match &self.state(id)?.kind {
            Kind::Paging(p) => Ok(p),
            Kind::Nested(_) => Err(ApiError::Invalid("a nested domain has no mappings of its own")),
        }
    }

    pub(super) fn paging_mut(&mut self, id: u32) -> Result<&mut Paging, ApiError> {
        match &mut self.state_mut(id)?.kind {
            Kind::Paging(p) => Ok(p),
            Kind::Nested(_) => Err(ApiError::Invalid("a nested domain has no mappings of its own")),
        }
    }

    pub(super) fn gscid_of(&self, parent: u32) -> Result<u16, ApiError> {
        match &self.state(parent)?.kind {
            Kind::Paging(p) => match p.tag {
                Tag::Gscid(gscid) => Ok(gscid),
                Tag::Pscid(_) => Err(ApiError::Invalid("parent is no nest parent")),
            },
            Kind::Nested(_) => Err(ApiError::Invalid("parent is no nest parent")),
        }
    }
}

const NO_DIRECTORY: ApiError = ApiError::Invalid("device has no process directory");
