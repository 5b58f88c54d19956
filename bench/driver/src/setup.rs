// SPDX-License-Identifier: Apache-2.0
//! Finding the IOMMU, setting it up, and giving it up.

use events::{Operation, Promise};

use super::alloc::{Allocator, Ledger};
use super::directory::Directory;
use super::driver::{Driver, Parts};
use super::error::ApiError;
use super::faults::{self, FaultQueue};
use super::format::{Capabilities, Command, Invalidation, Stage, ppn_at_10, register as reg};
use super::machine::Machine;
use super::options::{Options, Resources};
use super::page_requests::{self, PageQueue};
use super::queue::{CommandQueue, disable_queue, wait_for};

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
        match result {
            Ok(parts) => Ok(Driver::over(parts, alloc, options)),
            Err(error) => Err((error, alloc.ledger())),
        }
    }

    fn set_up(
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        resources: &Resources,
        options: Options,
    ) -> Result<Parts, ApiError> {
        let sizes = [resources.command_queue_log2, resources.fault_queue_log2, resources.page_queue_log2];
        if sizes.iter().any(|log2| !(1..=16).contains(log2)) || !(1..=3).contains(&resources.directory_levels) {
            return Err(ApiError::Invalid("queue size or levels of the device directory"));
        }
        let caps = Capabilities(machine.read_register(reg::CAPABILITIES, 8)?);
        if caps.version() >> 4 != 1 {
            return Err(ApiError::NoDevice("unknown version"));
        }
        quiesce(machine, caps, &options)?;
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
        if caps.qos_ids() {
            // "The iommu_qosid register should be initialized by software before changing the mode to allow DMA."
            machine.write_register(reg::IOMMU_QOSID, 4, 0)?;
            machine.read_register(reg::IOMMU_QOSID, 4)?;
        }
        if caps.has_counters() {
            // Nobody reads them here. "It is desirable to conditionally inhibit it to reduce energy consumption."
            machine.write_register(reg::IOCOUNTINH, 4, 0xffff_ffff)?;
        }

        let enable = reg::QUEUE_ENABLE | interrupts;
        let mut commands = CommandQueue::enable(machine, alloc, &options, resources.command_queue_log2, enable)?;
        let log2 = resources.fault_queue_log2;
        let faults = match FaultQueue::enable(machine, alloc, &options, faults::REGISTERS, log2, enable) {
            Ok(faults) => faults,
            Err(error) => {
                commands.disable(machine, alloc, &options)?;
                return Err(error);
            }
        };
        let pages = match caps.ats() {
            true => {
                let log2 = resources.page_queue_log2;
                PageQueue::enable(machine, alloc, &options, page_requests::REGISTERS, log2, enable).map(Some)
            }
            false => Ok(None),
        };
        let pages = match pages {
            Ok(pages) => pages,
            Err(error) => {
                faults.disable(machine, alloc, &options)?;
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
            Ok(directory) => Ok((caps, commands, faults, pages, directory)),
            Err(error) => {
                if let Some(pages) = pages {
                    pages.disable(machine, alloc, &options)?;
                }
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
        if let Some(pages) = self.pages {
            pages.disable(machine, &mut self.alloc, &self.options)?;
        }
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
}

/// Invalidations of all that an IOMMU with these capabilities can cache.
fn everything(caps: Capabilities) -> Vec<Invalidation> {
    let mut all = vec![Invalidation::Ddt { device: None }, Invalidation::Vma { gscid: None, pscid: None, addr: None }];
    if caps.largest(Stage::Second).is_some() {
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
fn quiesce(machine: &mut dyn Machine, caps: Capabilities, options: &Options) -> Result<(), ApiError> {
    if machine.read_register(reg::DDTP, 8)? & reg::DDTP_MODE != reg::DDTP_OFF {
        quiesce_directory(machine, options)?;
    }
    let pages = caps.ats().then_some(reg::PQCSR);
    for csr in [reg::CQCSR, reg::FQCSR].into_iter().chain(pages) {
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
