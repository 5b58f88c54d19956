// SPDX-License-Identifier: Apache-2.0
//! Steps that attach devices and their processes, and those that move interrupt files.

use driver::{ApiError, GuestDirectory, MemoryFile, MsiTarget, MsiWindow, Target};
use scenario::{Attachment, Detachment, Domain, Mrif, MsiMap, MsiSwitch, MsiUnmap, ProcessDirectory};

use super::domains::process_mode;
use super::{Fault, Player};

impl Player<'_> {
    pub(super) fn attach(&mut self, step: &Attachment) -> Result<(), Fault> {
        let (target, device) = (self.target(&step.domain)?, self.device(&step.device)?);
        match &step.process {
            None => self.call(|driver, bench| driver.attach(bench, device, target)),
            Some(process) => {
                let process = process.0 as u32;
                if let Some(directory) = self.guest_directory(device)? {
                    let Some((_, table)) = self.made(&step.domain)?.guest else {
                        return Err(ApiError::Invalid("a guest's process needs a guest's page table").into());
                    };
                    return self.call(|driver, bench| driver.guest_attach_process(bench, directory, process, table));
                }
                self.call(|driver, bench| driver.attach_process(bench, device, process, target))
            }
        }
    }

    pub(super) fn replace(&mut self, step: &Attachment) -> Result<(), Fault> {
        let (target, device) = (self.target(&step.domain)?, self.device(&step.device)?);
        match &step.process {
            None => self.call(|driver, bench| driver.replace(bench, device, target)),
            Some(process) => {
                let process = process.0 as u32;
                self.call(|driver, bench| driver.replace_process(bench, device, process, target))
            }
        }
    }

    pub(super) fn detach(&mut self, step: &Detachment) -> Result<(), Fault> {
        let device = self.device(&step.device)?;
        match &step.process {
            None => self.call(|driver, bench| driver.detach(bench, device)),
            Some(process) => {
                let process = process.0 as u32;
                if let Some(directory) = self.guest_directory(device)? {
                    return self.call(|driver, bench| driver.guest_detach_process(bench, directory, process));
                }
                self.call(|driver, bench| driver.detach_process(bench, device, process))
            }
        }
    }

    /// The process directory of the guest that a device belongs to, if it has one.
    fn guest_directory(&self, device: driver::Device) -> Result<Option<GuestDirectory>, Fault> {
        match self.driver.target(device)? {
            Some(Target::Domain(domain)) => Ok(self.driver.directory_of(domain)?),
            _ => Ok(None),
        }
    }

    pub(super) fn enable_processes(
        &mut self,
        device: driver::Device,
        directory: ProcessDirectory,
    ) -> Result<(), Fault> {
        let mode = process_mode(directory);
        self.call(|driver, bench| driver.enable_processes(bench, device, mode))
    }

    /// Interrupt files as the driver wants them.
    pub(super) fn window(domain: &Domain) -> Option<MsiWindow> {
        let window = domain.msi.as_ref()?;
        Some(MsiWindow { address: window.address.0, files: window.files.value })
    }

    /// Leads the interrupt files of a new domain to their pages.
    pub(super) fn map_files(&mut self, name: &str, domain: &Domain) -> Result<(), Fault> {
        let Some(window) = domain.msi.as_ref().filter(|window| !window.unmapped) else { return Ok(()) };
        let made = self.made(name)?;
        let first = self.backing.files(name, window);
        for file in 0..window.files.value {
            let page = first + (u64::from(file) << 12);
            self.call(|driver, bench| driver.msi_map(bench, made.domain, file, page))
                .map_err(|fault| fault.at(window.place))?;
        }
        Ok(())
    }

    pub(super) fn msi_map(&mut self, step: &MsiMap) -> Result<(), Fault> {
        let (domain, file, target) = (self.made(&step.domain)?.domain, step.file.value, target(step));
        self.call(|driver, bench| driver.msi_map(bench, domain, file, target))
    }

    pub(super) fn msi_move(&mut self, step: &MsiMap) -> Result<(), Fault> {
        let (domain, file, target) = (self.made(&step.domain)?.domain, step.file.value, target(step));
        self.call(|driver, bench| driver.msi_move(bench, domain, file, target))
    }

    pub(super) fn msi_unmap(&mut self, step: &MsiUnmap) -> Result<(), Fault> {
        let (domain, file) = (self.made(&step.domain)?.domain, step.file.value);
        self.call(|driver, bench| driver.msi_unmap(bench, domain, file))
    }

    pub(super) fn msi_switch(&mut self, step: &MsiSwitch) -> Result<(), Fault> {
        let (domain, on) = (self.made(&step.domain)?.domain, step.on);
        self.call(|driver, bench| driver.msi_switch(bench, domain, on))
    }

    /// Detaches everything of a device that has processes, and takes its directory away.
    pub(super) fn give_up_processes(&mut self, device: driver::Device) -> Result<(), ApiError> {
        for process in self.driver.attached_processes(device)? {
            self.driver.detach_process(self.bench, device, process)?;
        }
        if self.driver.has_processes(device)? {
            self.driver.disable_processes(self.bench, device)?;
        }
        Ok(())
    }
}

/// Where an interrupt file is led.
fn target(step: &MsiMap) -> MsiTarget {
    match &step.mrif {
        Some(Mrif { address, notice, nid }) => {
            // One that has no room for the register is too large for the driver as well.
            let nid = u16::try_from(nid.0).unwrap_or(u16::MAX);
            MsiTarget::Memory(MemoryFile { address: address.0, notice: notice.0, nid })
        }
        None => MsiTarget::Page(step.to.as_ref().map_or(0, |to| to.0)),
    }
}
