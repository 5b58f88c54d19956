// SPDX-License-Identifier: Apache-2.0
//! Interrupt files of a guest that are led to pages, moved and taken away, and MSI page tables that are switched on and off.

use std::ops::Range;

use events::{Operation, Promise};
use golden::Spa;

use super::domain_state::Kind;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Invalidation, PAGE};
use super::handles::{Device, Domain, Seat};
use super::machine::Machine;
use super::msi_table::{MsiTable, MsiTarget};
use super::options::{FlushPolicy, Policy};
use super::quirk::Quirk;

impl Driver {
    /// Leads an interrupt file of a guest to a page, or to a file in memory. For a page nothing is flushed: entries with V
    /// clear may not be cached.
    ///
    /// # Errors
    /// ENOENT; EINVAL if the domain has no MSI page table, or for an address that is not aligned; ERANGE for a file, an
    /// address or an identity that does not exist; EEXIST; EOPNOTSUPP if no interrupt file can be in memory; for one that
    /// shall be, ETIMEDOUT or EIO if the flush fails.
    pub fn msi_map(
        &mut self,
        machine: &mut dyn Machine,
        domain: Domain,
        file: u32,
        target: impl Into<MsiTarget>,
    ) -> Result<(), ApiError> {
        let target = target.into();
        let name = format!("map MSI {}: file {file}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Effective, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            driver.check_target(target)?;
            let table = driver.msi_table(domain, file)?;
            if table.entries.contains_key(&file) {
                return Err(ApiError::Exists { iova: table.window.address + u64::from(file) * PAGE, bytes: PAGE });
            }
            let at = table.entry_at(file);
            table.entries.insert(file, target);
            let [first, second] = target.entry();
            machine.store(Spa(at.0 + 8), second)?;
            if let MsiTarget::Memory(_) = target {
                // The rest of an entry may be cached though its V was clear.
                driver.flush_msi(machine, domain, file..file + 1)?;
            }
            // V comes last.
            Ok(machine.store(at, first)?)
        })
    }

    /// Leads an interrupt file elsewhere, as when a virtual processor moves: each MSI meanwhile goes to the old place or
    /// to the new one, and when this returns, to the new one. From one file in memory to another one with another notice
    /// no store leads, so that MSIs are refused in between. Which MSIs a file in memory has got, its owner finds there
    /// behind a fence with PW.
    ///
    /// # Errors
    /// As for [`Driver::msi_map`]; ENOENT if it leads nowhere; ETIMEDOUT or EIO if the flush fails.
    pub fn msi_move(
        &mut self,
        machine: &mut dyn Machine,
        domain: Domain,
        file: u32,
        target: impl Into<MsiTarget>,
    ) -> Result<(), ApiError> {
        let target = target.into();
        let name = format!("move MSI {}: file {file}", self.domain_name(domain));
        let old = self.msi_table(domain, file).ok().and_then(|table| table.entries.get(&file).copied());
        let way = Way::between(old, target);
        let promise = if way == Way::ThroughNothing { Promise::Whole } else { Promise::Hitless };
        let operation = Operation { name, promise, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            driver.check_target(target)?;
            let table = driver.msi_table(domain, file)?;
            let at = table.entry_at(file);
            match table.entries.get_mut(&file) {
                Some(own) => *own = target,
                None => return Err(ApiError::NotMapped { iova: table.window.address, bytes: PAGE }),
            }
            let [first, second] = target.entry();
            match way {
                Way::First => machine.store(at, first)?,
                Way::Second => machine.store(Spa(at.0 + 8), second)?,
                Way::SecondAhead => {
                    // It counts only with the new first one, and with that one it is the new one.
                    machine.store(Spa(at.0 + 8), second)?;
                    driver.flush_msi(machine, domain, file..file + 1)?;
                    machine.store(at, first)?;
                }
                Way::ThroughNothing => {
                    machine.store(at, 0)?;
                    driver.flush_msi(machine, domain, file..file + 1)?;
                    machine.store(Spa(at.0 + 8), second)?;
                    // What was read of it while V was clear.
                    driver.flush_msi(machine, domain, file..file + 1)?;
                    machine.store(at, first)?;
                }
            }
            driver.flush_msi(machine, domain, file..file + 1)
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
            driver.flush_msi(machine, domain, file..file + 1)
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
            // Only now does no context name the old table any more. Under the same GSCID what was translated by it, or past
            // it, serves all of these devices. The other flush policy has flushed all of the GSCID with each context.
            if driver.options.flush == FlushPolicy::Tags && driver.options.policy != Policy::Rfc {
                let files = driver.msi_table(domain, 0)?.window.files;
                driver.flush_msi(machine, domain, 0..files)?;
            }
            Ok(())
        })
    }

    /// Where the entry of an interrupt file lies.
    ///
    /// # Errors
    /// ENOENT; EINVAL if the domain has no MSI page table; ERANGE for a file that does not exist.
    pub fn msi_entry_at(&mut self, domain: Domain, file: u32) -> Result<Spa, ApiError> {
        Ok(self.msi_table(domain, file)?.entry_at(file))
    }

    /// Sections "Changing MSI page table entry" and "Changing device directory table entry": for these interrupt files.
    fn flush_msi(&mut self, machine: &mut dyn Machine, domain: Domain, files: Range<u32>) -> Result<(), ApiError> {
        let gscid = Some(self.gscid_of(domain.0)?);
        let window = self.msi_table(domain, 0)?.window.address;
        if !self.domain(domain)?.tagged || self.options.quirks.has(Quirk::SkipMsiFlush) {
            return Ok(());
        }
        let addresses = files.clone().map(|file| window + u64::from(file) * PAGE);
        let mut list: Vec<Invalidation> = match files.len() <= self.options.page_flushes {
            true => addresses.map(|addr| Invalidation::Gvma { gscid, addr: Some(addr) }).collect(),
            false => vec![Invalidation::Gvma { gscid, addr: None }],
        };
        let (first, end) = (window + u64::from(files.start) * PAGE, window + u64::from(files.end) * PAGE);
        list.extend(self.forget_range(domain.0, first, end - 1));
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

    fn check_target(&self, target: MsiTarget) -> Result<(), ApiError> {
        if matches!(target, MsiTarget::Memory(_)) && !self.caps.msi_mrif() {
            return Err(ApiError::Unsupported("an interrupt file in memory"));
        }
        target.check(self.caps.physical_bits())
    }
}

/// The stores that lead from an entry to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Of the first doubleword
    First,
    /// Of the second one
    Second,
    /// Of the second one, which did not count, and then of the first one
    SecondAhead,
    /// V is cleared meanwhile
    ThroughNothing,
}

impl Way {
    fn between(old: Option<MsiTarget>, new: MsiTarget) -> Way {
        let (Some(MsiTarget::Memory(_)), MsiTarget::Memory(_)) = (old, new) else {
            return if matches!(new, MsiTarget::Memory(_)) { Way::SecondAhead } else { Way::First };
        };
        let [first, second] = new.entry();
        match old.map(MsiTarget::entry) {
            Some([_, own]) if own == second => Way::First,
            Some([own, _]) if own == first => Way::Second,
            _ => Way::ThroughNothing,
        }
    }
}
