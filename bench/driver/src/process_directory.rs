// SPDX-License-Identifier: Apache-2.0
//! A process directory: one to three levels of tables in memory of the host, made as processes come.

use std::collections::BTreeMap;

use golden::Spa;

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{PAGE, ProcessMode, ppn_at_10};
use super::machine::Machine;

/// Bits of a process ID below a table of the lowest level: 256 contexts of 16 bytes.
const LEAF_BITS: u32 = 8;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ProcessDirectory {
    mode: ProcessMode,
    /// Tables by level (0 holds contexts) and by the part of the process ID above them
    tables: BTreeMap<(u8, u32), Spa>,
    root: Spa,
}

impl ProcessDirectory {
    pub(super) fn new(
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        mode: ProcessMode,
    ) -> Result<ProcessDirectory, ApiError> {
        let root = alloc.pages(machine, 1, PAGE)?;
        Ok(ProcessDirectory { mode, tables: BTreeMap::from([((mode.levels() - 1, 0), root)]), root })
    }

    pub(super) fn free(self, machine: &mut dyn Machine, alloc: &mut Allocator) -> Result<(), ApiError> {
        for table in self.tables.into_values() {
            alloc.free_pages(machine, table, 1)?;
        }
        Ok(())
    }

    /// `pdtp`
    pub(super) fn pdtp(&self) -> u64 {
        self.mode.pdtp(self.root.0)
    }

    pub(super) fn admits(&self, process: u32) -> bool {
        process >> self.mode.bits() == 0
    }

    fn key(level: u8, process: u32) -> (u8, u32) {
        (level, (u64::from(process) >> (LEAF_BITS + 9 * u32::from(level))) as u32)
    }

    fn table(&self, level: u8, process: u32) -> Result<Spa, ApiError> {
        let missing = ApiError::NoSuchObject { kind: "process directory entry", id: process };
        self.tables.get(&Self::key(level, process)).copied().ok_or(missing)
    }

    /// Makes the tables down to a process's context, all of them or none; cleared, and linked from below. Nothing is
    /// invalidated: entries with V clear may not be cached.
    pub(super) fn make(
        &mut self,
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        process: u32,
    ) -> Result<(), ApiError> {
        let missing: Vec<u8> =
            (0..self.mode.levels()).filter(|&level| !self.tables.contains_key(&Self::key(level, process))).collect();
        let fresh = alloc.tables(machine, missing.len())?;
        for (&level, page) in missing.iter().zip(fresh) {
            self.tables.insert(Self::key(level, process), page);
        }
        for level in missing {
            let (page, upper) = (self.table(level, process)?, self.table(level + 1, process)?);
            let index = u64::from(process) >> (LEAF_BITS + 9 * u32::from(level)) & 0x1ff;
            machine.store(Spa(upper.0 + 8 * index), ppn_at_10(page.0) | 1)?;
        }
        Ok(())
    }

    /// Where a process's context lies.
    pub(super) fn context_at(&self, process: u32) -> Result<Spa, ApiError> {
        let table = self.table(0, process)?;
        Ok(Spa(table.0 + 16 * u64::from(process & ((1 << LEAF_BITS) - 1))))
    }
}
