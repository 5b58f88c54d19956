// SPDX-License-Identifier: Apache-2.0
//! Interrupt files of a guest that are led to pages, moved and taken away, and MSI page tables that are switched on and off.

use events::{Operation, Promise};
use golden::Spa;

use super::domain_state::Kind;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Invalidation, PAGE, ppn_at_10};
use super::handles::{Device, Domain, Seat};
use super::machine::Machine;
use super::msi_table::MsiTable;
use super::quirk::Quirk;

/// `V`, and `M` = 3: the entry leads to a page as a PTE does (basic translate mode).
const BASIC: u64 = 1 | 3 << 1;

impl Driver {
    /// Leads an interrupt file of a guest to a page. Nothing is flushed: entries with V clear may not be cached.
    ///
    /// # Errors
    /// ENOENT; EINVAL if the domain has no MSI page table, or for a page that is not aligned; ERANGE for a file or a
    /// page that does not exist; EEXIST.
    pub fn msi_map(&mut self, machine: &mut dyn Machine, domain: Domain, file: u32, page: u64) -> Result<(), ApiError> {
        let name = format!("map MSI {}: file {file}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Effective, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            driver.check_page(page)?;
            let table = driver.msi_table(domain, file)?;
            if table.entries.contains_key(&file) {
                return Err(ApiError::Exists { iova: table.window.address + u64::from(file) * PAGE, bytes: PAGE });
            }
            let at = table.entry_at(file);
            table.entries.insert(file, page);
            // Its second doubleword counts only in the other mode; V comes last.
            machine.store(Spa(at.0 + 8), 0)?;
            Ok(machine.store(at, ppn_at_10(page) | BASIC)?)
        })
    }

    /// Leads an interrupt file elsewhere, as when a virtual processor moves: each MSI meanwhile goes to the old page or
    /// to the new one, and when this returns, to the new one.
    ///
    /// # Errors
    /// As for [`Driver::msi_map`]; ENOENT if it leads nowhere; ETIMEDOUT or EIO if the flush fails.
    pub fn msi_move(
        &mut self,
        machine: &mut dyn Machine,
        domain: Domain,
        file: u32,
        page: u64,
    ) -> Result<(), ApiError> {
        let name = format!("move MSI {}: file {file}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Hitless, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            driver.check_page(page)?;
            let table = driver.msi_table(domain, file)?;
            let at = table.entry_at(file);
            match table.entries.get_mut(&file) {
                Some(own) => *own = page,
                None => return Err(ApiError::NotMapped { iova: table.window.address, bytes: PAGE }),
            }
            machine.store(at, ppn_at_10(page) | BASIC)?;
            driver.flush_msi(machine, domain, file)
        })
    }

    /// Leads an interrupt file nowhere: when this returns, its MSIs are refused with cause 262.
    ///
    /// # Errors
    /// As for [`Driver::msi_move`].
    pub fn msi_unmap(&mut self, machine: &mut dyn Machine, domain: Domain, file: u32) -> Result<(), ApiError> {
        let name = format!("unmap MSI {}: file {file}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Effective, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            let table = driver.msi_table(domain, file)?;
            let at = table.entry_at(file);
            if table.entries.remove(&file).is_none() {
                return Err(ApiError::NotMapped { iova: table.window.address, bytes: PAGE });
            }
            machine.store(at, 0)?;
            driver.flush_msi(machine, domain, file)
        })
    }

    /// Switches the MSI page table of a nest parent on or off, for all devices that are attached to it or to a nested
    /// domain on it. Where it is off, the addresses of interrupt files are addresses like others.
    ///
    /// # Errors
    /// ENOENT; EINVAL if the domain has no MSI page table; ETIMEDOUT or EIO if the command queue fails: some devices may
    /// have changed then, and a second call makes it good.
    pub fn msi_switch(&mut self, machine: &mut dyn Machine, domain: Domain, on: bool) -> Result<(), ApiError> {
        let word = if on { "on" } else { "off" };
        let name = format!("switch MSI {word}: {}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Hitless, reconfiguration: true };
        self.operation(machine, operation, |driver, machine| {
            driver.msi_table(domain, 0)?.on = on;
            let family = driver.paging(domain.0)?.children.iter().copied().chain([domain.0]);
            let bonds = family.filter_map(|id| driver.domains.get(&id)).flat_map(|own| own.bonds.iter().copied());
            let seats: Vec<Seat> = bonds.collect();
            for seat in seats {
                let target = driver.device(Device(seat.device))?.current;
                driver.switch(machine, seat, target)?;
            }
            Ok(())
        })
    }

    /// Section "Changing MSI page table entry".
    fn flush_msi(&mut self, machine: &mut dyn Machine, domain: Domain, file: u32) -> Result<(), ApiError> {
        let gscid = Some(self.gscid_of(domain.0)?);
        let address = self.msi_table(domain, file)?.window.address + u64::from(file) * PAGE;
        if !self.domain(domain)?.tagged || self.options.quirks.has(Quirk::SkipMsiFlush) {
            return Ok(());
        }
        let mut list = vec![Invalidation::Gvma { gscid, addr: Some(address) }];
        list.extend(self.forget_range(domain.0, address, address + (PAGE - 1)));
        self.flush(machine, &list)
    }

    fn msi_table(&mut self, domain: Domain, file: u32) -> Result<&mut MsiTable, ApiError> {
        match &mut self.state_mut(domain.0)?.kind {
            Kind::Paging(paging) => {
                let table = paging.msi.as_mut().ok_or(ApiError::Invalid("domain without MSI page table"))?;
                if file >= table.window.files {
                    return Err(ApiError::OutOfRange { addr: file.into(), bytes: 1 });
                }
                Ok(table)
            }
            Kind::Nested(_) => Err(ApiError::Invalid("the MSI page table is the parent's")),
        }
    }

    fn check_page(&self, page: u64) -> Result<(), ApiError> {
        if !page.is_multiple_of(PAGE) {
            return Err(ApiError::Invalid("alignment of an interrupt file"));
        }
        match page.checked_shr(self.caps.physical_bits()) {
            Some(0) | None => Ok(()),
            Some(_) => Err(ApiError::OutOfRange { addr: page, bytes: PAGE }),
        }
    }
}
