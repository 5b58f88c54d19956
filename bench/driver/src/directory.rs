// SPDX-License-Identifier: Apache-2.0
//! The device directory: one to three levels of tables, made as devices come.

use std::collections::BTreeMap;

use golden::{DeviceId, Spa};

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{Context, PAGE, ppn_at_10};
use super::host_memory::HostMemory;
use super::machine::Machine;
use super::table::take_all;

#[derive(Clone, Debug)]
pub(super) struct Directory {
    levels: u8,
    extended: bool,
    /// Tables by level (0 holds contexts) and by the part of the device ID above them.
    tables: BTreeMap<(u8, u32), Spa>,
}

impl Directory {
    pub(super) fn new(
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        levels: u8,
        extended: bool,
    ) -> Result<Directory, ApiError> {
        let root = alloc.pages(machine, 1, PAGE)?;
        Ok(Directory { levels, extended, tables: BTreeMap::from([((levels - 1, 0), root)]) })
    }

    pub(super) fn root(&self) -> Option<Spa> {
        self.tables.get(&(self.levels - 1, 0)).copied()
    }

    pub(super) fn free(self, machine: &mut dyn Machine, alloc: &mut Allocator) -> Result<(), ApiError> {
        for table in self.tables.into_values() {
            alloc.free_pages(machine, table, 1)?;
        }
        Ok(())
    }

    /// Its tables, for whoever compares books.
    pub(super) fn tables(&self) -> &BTreeMap<(u8, u32), Spa> {
        &self.tables
    }

    /// Words of a context in memory.
    pub(super) fn words(&self) -> usize {
        if self.extended { 8 } else { 4 }
    }

    /// Bits of the device ID below a table of this level.
    fn shift(&self, level: u8) -> u32 {
        let leaf = if self.extended { 6 } else { 7 };
        match level {
            0 => 0,
            1 => leaf,
            _ => leaf + 9,
        }
    }

    /// Bits of the device ID that are looked up in a table of this level or below.
    fn above(&self, level: u8) -> u32 {
        if level == 2 { 24 } else { self.shift(level + 1) }
    }

    pub(super) fn admits(&self, device: DeviceId) -> bool {
        device.0 >> self.above(self.levels - 1) == 0
    }

    /// Makes the tables down to the contexts of devices, all of them or none. They are cleared, and linked from below,
    /// so that what is reachable is always whole; and nothing cached has to be invalidated, since entries with V clear
    /// may not be cached.
    pub(super) fn make(
        &mut self,
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        devices: &[DeviceId],
    ) -> Result<(), ApiError> {
        if !devices.iter().all(|&device| self.admits(device)) {
            return Err(ApiError::Invalid("device ID wider than the device directory"));
        }
        let mut missing: Vec<(u8, DeviceId)> = Vec::new();
        for &device in devices {
            for level in 0..self.levels - 1 {
                let key = self.key(level, device);
                if !self.tables.contains_key(&key) && !missing.iter().any(|&(l, d)| self.key(l, d) == key) {
                    missing.push((level, device));
                }
            }
        }
        let fresh = take_all(machine, &mut HostMemory(alloc), missing.len())?;
        for (&(level, device), page) in missing.iter().zip(fresh) {
            self.tables.insert(self.key(level, device), Spa(page));
        }
        for &(level, device) in &missing {
            let (page, upper) = (self.table(level, device)?, self.table(level + 1, device)?);
            let mask = (1 << (self.above(level + 1) - self.above(level))) - 1;
            let index = device.0 >> self.above(level) & mask;
            machine.store(Spa(upper.0 + 8 * u64::from(index)), ppn_at_10(page.0) | 1)?;
        }
        Ok(())
    }

    fn key(&self, level: u8, device: DeviceId) -> (u8, u32) {
        (level, device.0 >> self.above(level))
    }

    fn table(&self, level: u8, device: DeviceId) -> Result<Spa, ApiError> {
        let missing = ApiError::NoSuchObject { kind: "device directory entry", id: device.0 };
        self.tables.get(&self.key(level, device)).copied().ok_or(missing)
    }

    /// Where a device's context lies.
    pub(super) fn context_at(&self, device: DeviceId) -> Result<Spa, ApiError> {
        let table = self.table(0, device)?;
        let index = device.0 & ((1 << self.above(0)) - 1);
        Ok(Spa(table.0 + u64::from(index) * 8 * self.words() as u64))
    }

    /// Reads a device's context from memory.
    pub(super) fn read(&self, machine: &mut dyn Machine, device: DeviceId) -> Result<Context, ApiError> {
        let at = self.context_at(device)?;
        let mut context = Context::default();
        for (i, word) in context.0.iter_mut().take(self.words()).enumerate() {
            *word = machine.load(Spa(at.0 + 8 * i as u64))?;
        }
        Ok(context)
    }
}
