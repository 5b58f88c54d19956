// SPDX-License-Identifier: Apache-2.0
//! The driver itself: finding the IOMMU, setting it up, giving it up, and the raw operations that scenarios need.

use std::collections::BTreeMap;

use events::{Operation, Promise};
use golden::{DeviceId, Spa};

use super::alloc::{Allocator, Ledger};
use super::attach::DeviceState;
use super::directory::Directory;
use super::domain::DomainState;
use super::error::ApiError;
use super::faults::{FaultQueue, Faults};
use super::format::{Capabilities, Command, Context, Invalidation, Scheme, Stage, ppn_at_10, register as reg};
use super::guest::GuestState;
use super::machine::Machine;
use super::options::{Options, Resources};
use super::queue::{CommandFault, CommandQueue, disable_queue, wait_for};

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
    };
}

handle! {
    /// A device that was added to a driver.
    Device
}
handle! {
    /// A domain of a driver, paging or nested.
    Domain
}
handle! {
    /// Guest memory in which a guest keeps its page tables.
    Guest
}
handle! {
    /// A first-stage page table that a guest made.
    GuestTable
}

/// The driver of one IOMMU. It keeps no hold on the machine, which is lent to it call by call.
#[derive(Clone, Debug)]
pub struct Driver {
    pub(super) caps: Capabilities,
    pub(super) options: Options,
    pub(super) alloc: Allocator,
    pub(super) commands: CommandQueue,
    pub(super) faults: FaultQueue,
    pub(super) directory: Directory,
    pub(super) devices: BTreeMap<u32, DeviceState>,
    pub(super) domains: BTreeMap<u32, DomainState>,
    pub(super) guests: BTreeMap<u32, GuestState>,
    next: u32,
}

/// What `hw_info` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HwInfo {
    /// `capabilities`
    pub capabilities: Capabilities,
    /// `fctl` as the driver left it
    pub fctl: u64,
    /// Bytes of a device context
    pub context_bytes: usize,
}

impl Driver {
    /// Sets the IOMMU up as the software guidelines say ("Guidelines for initialization"): features, interrupt
    /// vectors, command queue, fault queue, device directory. All devices are refused until they are attached.
    ///
    /// # Errors
    /// ENODEV for a version or a feature that this driver cannot work with, ENOMEM, ETIMEDOUT, EINVAL for resources
    /// that make no sense.
    pub fn probe(machine: &mut dyn Machine, resources: &Resources, options: Options) -> Result<Driver, ApiError> {
        Driver::probe_or_leave(machine, resources, options).map_err(|(error, _)| error)
    }

    /// As [`Driver::probe`]. With an error comes what it left in the ledger, which is nothing unless something leaked.
    ///
    /// # Errors
    /// As [`Driver::probe`].
    pub fn probe_or_leave(
        machine: &mut dyn Machine,
        resources: &Resources,
        options: Options,
    ) -> Result<Driver, (ApiError, Ledger)> {
        let pool = resources.pool.start.0..resources.pool.end.0;
        let (pscids, gscids) = (resources.pscids.clone(), resources.gscids.clone());
        let mut alloc = Allocator::new(pool, pscids, gscids, options.poison, options.fail_allocation);
        machine.begin(Operation { name: "probe".into(), promise: Promise::Nothing, reconfiguration: false });
        let result = Driver::set_up(machine, &mut alloc, resources, options);
        machine.end(result.is_ok());
        let (caps, commands, faults, directory) = result.map_err(|error| (error, alloc.ledger()))?;
        Ok(Driver {
            caps,
            options,
            alloc,
            commands,
            faults,
            directory,
            devices: BTreeMap::new(),
            domains: BTreeMap::new(),
            guests: BTreeMap::new(),
            next: 1,
        })
    }

    fn set_up(
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        resources: &Resources,
        options: Options,
    ) -> Result<Parts, ApiError> {
        let sizes = [resources.command_queue_log2, resources.fault_queue_log2];
        if sizes.iter().any(|log2| !(1..=16).contains(log2)) || !(1..=3).contains(&resources.directory_levels) {
            return Err(ApiError::Invalid("queue size or levels of the device directory"));
        }
        let caps = Capabilities(machine.read_register(reg::CAPABILITIES, 8)?);
        if caps.version() >> 4 != 1 {
            return Err(ApiError::NoDevice("unknown version"));
        }
        quiesce(machine, &options)?;
        let wired = caps.wired_interrupts();
        let fctl = machine.read_register(reg::FCTL, 4)?;
        let wanted = fctl & !(reg::FCTL_BE | reg::FCTL_GXL | reg::FCTL_WSI) | if wired { reg::FCTL_WSI } else { 0 };
        machine.write_register(reg::FCTL, 4, wanted)?;
        let fctl = machine.read_register(reg::FCTL, 4)?;
        if fctl & (reg::FCTL_BE | reg::FCTL_GXL) != 0 {
            return Err(ApiError::NoDevice("big-endian or 32-bit guest addresses only"));
        }
        // Without wires, interrupts would be messages that nobody has given an address to.
        let interrupts = if wired && fctl & reg::FCTL_WSI != 0 { reg::QUEUE_INTERRUPT } else { 0 };
        set_vectors(machine)?;

        let enable = reg::QUEUE_ENABLE | interrupts;
        let mut commands = CommandQueue::enable(machine, alloc, &options, resources.command_queue_log2, enable)?;
        let faults = match FaultQueue::enable(machine, alloc, &options, resources.fault_queue_log2, enable) {
            Ok(faults) => faults,
            Err(error) => {
                commands.disable(machine, alloc, &options)?;
                return Err(error);
            }
        };
        let made = Directory::new(machine, alloc, resources.directory_levels, caps.msi_flat()).and_then(|directory| {
            // Whoever had the IOMMU before may have left anything in its caches.
            let all: Vec<Command> = everything(caps).into_iter().map(Invalidation::command).collect();
            let begun = commands.complete(machine, &options, &all);
            match begun.and_then(|()| enable_directory(machine, &options, &directory, resources.directory_levels)) {
                Ok(()) => Ok(directory),
                Err(error) => {
                    quiesce_directory(machine, &options)?;
                    directory.free(machine, alloc)?;
                    Err(error)
                }
            }
        });
        match made {
            Ok(directory) => Ok((caps, commands, faults, directory)),
            Err(error) => {
                faults.disable(machine, alloc, &options)?;
                commands.disable(machine, alloc, &options)?;
                Err(error)
            }
        }
    }

    fn flush_everything(&mut self, machine: &mut dyn Machine) -> Result<(), ApiError> {
        self.flush(machine, &everything(self.caps))
    }

    /// Gives the IOMMU up: all traffic refused, queues off, memory freed. Returns what is left in the ledger, which
    /// is nothing unless something leaked.
    ///
    /// # Errors
    /// EBUSY while there are devices, domains or guests; ETIMEDOUT.
    pub fn shutdown(mut self, machine: &mut dyn Machine) -> Result<Ledger, ApiError> {
        if !self.devices.is_empty() || !self.domains.is_empty() || !self.guests.is_empty() {
            return Err(ApiError::Busy("devices, domains or guests remain"));
        }
        quiesce_directory(machine, &self.options)?;
        self.flush_everything(machine)?;
        self.commands.disable(machine, &mut self.alloc, &self.options)?;
        self.faults.disable(machine, &mut self.alloc, &self.options)?;
        self.directory.free(machine, &mut self.alloc)?;
        Ok(self.alloc.ledger())
    }

    /// What the IOMMU is.
    ///
    /// # Errors
    /// None but [`ApiError::Halted`].
    pub fn hw_info(&self, machine: &mut dyn Machine) -> Result<HwInfo, ApiError> {
        Ok(HwInfo {
            capabilities: self.caps,
            fctl: machine.read_register(reg::FCTL, 4)?,
            context_bytes: self.directory.words() * 8,
        })
    }

    /// What is outstanding now.
    pub fn ledger(&self) -> Ledger {
        self.alloc.ledger()
    }

    /// Allocations tried so far, of any kind.
    pub fn allocations(&self) -> u64 {
        self.alloc.attempts()
    }

    /// Lets the `nth` allocation from now fail (1 is the next one), once; `None` lets none fail.
    pub fn fail_allocation(&mut self, nth: Option<u64>) {
        self.alloc.fail_in(nth);
    }

    /// In how many allocations one is to fail, as [`Driver::fail_allocation`] asked for.
    pub fn failing_in(&self) -> Option<u64> {
        self.alloc.failing_in()
    }

    /// Whether the allocation of [`Options::fail_allocation`] has failed by now.
    pub fn allocation_failed(&self) -> bool {
        self.alloc.failed()
    }

    /// Whether nothing holds the page with this address: it is in the pool, and free.
    pub fn is_free(&self, addr: Spa) -> bool {
        self.alloc.is_free(addr.0)
    }

    /// Whether an address belongs to the command queue, or is where its fences store their numbers.
    pub fn is_command_queue(&self, addr: Spa) -> bool {
        self.commands.owns(addr)
    }

    /// Stores a word of a device's context in memory as it is, synchronises nothing, and does not note it.
    ///
    /// # Errors
    /// ENOENT if no device with this ID was added; EINVAL for a word that the format does not have.
    pub fn set_context_word(
        &mut self,
        machine: &mut dyn Machine,
        id: DeviceId,
        word: usize,
        value: u64,
    ) -> Result<(), ApiError> {
        if word >= self.directory.words() {
            return Err(ApiError::Invalid("word of a device context"));
        }
        let at = self.directory.context_at(id)?;
        Ok(machine.store(Spa(at.0 + 8 * word as u64), value)?)
    }

    /// Commands sent so far, fences included.
    pub fn commands_sent(&self) -> u64 {
        self.commands.sent()
    }

    /// Policies, bounds and bugs.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Changes them, from the next call on.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Takes all records out of the fault queue and clears its errors.
    ///
    /// # Errors
    /// ETIMEDOUT if `fqcsr` stays busy.
    pub fn drain_faults(&mut self, machine: &mut dyn Machine) -> Result<Faults, ApiError> {
        self.faults.drain(machine, &self.options)
    }

    /// Sends an invalidation, without a fence: when it takes effect is open.
    ///
    /// # Errors
    /// ETIMEDOUT or EIO if the command queue is full and stays so.
    pub fn invalidate(&mut self, machine: &mut dyn Machine, invalidation: Invalidation) -> Result<(), ApiError> {
        self.command(machine, invalidation.command())
    }

    /// Sends any command, legal or not, without a fence.
    ///
    /// # Errors
    /// As for [`Driver::invalidate`].
    pub fn command(&mut self, machine: &mut dyn Machine, command: Command) -> Result<(), ApiError> {
        self.commands.send(machine, &self.options, &[command])
    }

    /// Sends a fence and waits for it.
    ///
    /// # Errors
    /// ETIMEDOUT if it does not complete within the bound, EIO if the queue has stopped.
    pub fn fence(&mut self, machine: &mut dyn Machine) -> Result<(), ApiError> {
        self.commands.complete(machine, &self.options, &[])
    }

    /// Sets a stopped command queue going again and says what had stopped it; `None` if it was not stopped.
    ///
    /// # Errors
    /// ETIMEDOUT if it does not run again.
    pub fn recover(&mut self, machine: &mut dyn Machine) -> Result<Option<CommandFault>, ApiError> {
        self.commands.recover(machine, &self.options)
    }

    /// The context of a device ID as it stands in memory.
    ///
    /// # Errors
    /// ENOENT if no device with this ID was added.
    pub fn read_context(&self, machine: &mut dyn Machine, id: DeviceId) -> Result<Context, ApiError> {
        self.directory.read(machine, id)
    }

    /// Where the contexts of all devices and processes lie, and how many doublewords each has.
    pub fn contexts(&self) -> Vec<(Spa, u64)> {
        let words = self.directory.words() as u64;
        let ids = self.devices.values().flat_map(|device| &device.ids);
        let devices = ids.filter_map(|&id| self.directory.context_at(id).ok()).map(|at| (at, words));
        let processes = self.devices.values().filter_map(|device| device.processes.as_ref());
        let contexts = processes.flat_map(|own| own.contexts.keys().map(|&id| own.directory.context_at(id)));
        devices.chain(contexts.filter_map(Result::ok).map(|at| (at, 2))).collect()
    }

    /// Where the context of a device ID lies.
    ///
    /// # Errors
    /// ENOENT if no device with this ID was added.
    pub fn context_at(&self, id: DeviceId) -> Result<Spa, ApiError> {
        self.directory.context_at(id)
    }

    /// Sends invalidations and a fence, and waits.
    pub(super) fn flush(&mut self, machine: &mut dyn Machine, list: &[Invalidation]) -> Result<(), ApiError> {
        let quirks = self.options.quirks;
        let commands: Vec<Command> = list
            .iter()
            .filter(|i| !(quirks.skip_gvma && matches!(i, Invalidation::Gvma { .. })))
            .map(|&i| match i {
                Invalidation::Vma { pscid, addr, .. } if quirks.flush_without_gv => {
                    Invalidation::Vma { gscid: None, pscid, addr }.command()
                }
                other => other.command(),
            })
            .collect();
        if commands.is_empty() {
            return Ok(());
        }
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
}

/// What a probe makes.
type Parts = (Capabilities, CommandQueue, FaultQueue, Directory);

/// Invalidations of all that an IOMMU with these capabilities can cache.
fn everything(caps: Capabilities) -> Vec<Invalidation> {
    let mut all = vec![Invalidation::Ddt { device: None }, Invalidation::Vma { gscid: None, pscid: None, addr: None }];
    if Scheme::largest(Stage::Second, caps).is_some() {
        all.push(Invalidation::Gvma { gscid: None, addr: None });
    }
    all
}

fn enable_directory(
    machine: &mut dyn Machine,
    options: &Options,
    directory: &Directory,
    levels: u8,
) -> Result<(), ApiError> {
    let Some(root) = directory.root() else { return Err(ApiError::CorruptTable) };
    let mode = reg::DDTP_1LVL + u64::from(levels) - 1;
    machine.write_register(reg::DDTP, 8, ppn_at_10(root.0) | mode)?;
    wait_for(machine, options, "ddtp.busy", |m| Ok(m.read_register(reg::DDTP, 8)? & reg::DDTP_BUSY == 0))?;
    if machine.read_register(reg::DDTP, 8)? & reg::DDTP_MODE != mode {
        return Err(ApiError::NoDevice("levels of the device directory not supported"));
    }
    Ok(())
}

/// Refuses all traffic, and waits until the IOMMU has let go of its device directory.
fn quiesce_directory(machine: &mut dyn Machine, options: &Options) -> Result<(), ApiError> {
    let ddtp = machine.read_register(reg::DDTP, 8)?;
    machine.write_register(reg::DDTP, 8, ddtp & !(reg::DDTP_MODE | reg::DDTP_BUSY) | reg::DDTP_OFF)?;
    wait_for(machine, options, "ddtp.busy", |m| Ok(m.read_register(reg::DDTP, 8)? & reg::DDTP_BUSY == 0))
}

/// Brings an IOMMU that somebody left running to rest.
fn quiesce(machine: &mut dyn Machine, options: &Options) -> Result<(), ApiError> {
    if machine.read_register(reg::DDTP, 8)? & reg::DDTP_MODE != reg::DDTP_OFF {
        quiesce_directory(machine, options)?;
    }
    for csr in [reg::CQCSR, reg::FQCSR] {
        if machine.read_register(csr, 4)? & (reg::QUEUE_ENABLE | reg::QUEUE_ON) != 0 {
            disable_queue(machine, options, csr)?;
        }
    }
    Ok(())
}

/// Gives each cause a vector of its own, as far as there are vectors.
fn set_vectors(machine: &mut dyn Machine) -> Result<(), ApiError> {
    machine.write_register(reg::ICVEC, 8, 0xffff)?;
    let writable = machine.read_register(reg::ICVEC, 8)? & 0xffff;
    // civ 0, fiv 1, pmiv 2, piv 3
    machine.write_register(reg::ICVEC, 8, 0x3210 & writable)?;
    Ok(())
}
