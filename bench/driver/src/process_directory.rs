// SPDX-License-Identifier: Apache-2.0
//! A process directory: one to three levels of tables, in memory of the host or of a guest, made as processes come.

use std::collections::BTreeMap;

use super::error::ApiError;
use super::format::{ProcessMode, ppn_at_10};
use super::machine::Machine;
use super::table::{TableMemory, take_all};

/// Bits of a process ID below a table of the lowest level: 256 contexts of 16 bytes.
const LEAF_BITS: u32 = 8;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ProcessDirectory {
    mode: ProcessMode,
    /// Tables by level (0 holds contexts) and by the part of the process ID above them
    tables: BTreeMap<(u8, u32), u64>,
    root: u64,
}

impl ProcessDirectory {
    pub(super) fn new(
        machine: &mut dyn Machine,
        memory: &mut dyn TableMemory,
        mode: ProcessMode,
    ) -> Result<ProcessDirectory, ApiError> {
        let root = memory.take(machine, 1)?;
        Ok(ProcessDirectory { mode, tables: BTreeMap::from([((mode.levels() - 1, 0), root)]), root })
    }

    pub(super) fn free(self, machine: &mut dyn Machine, memory: &mut dyn TableMemory) -> Result<(), ApiError> {
        for table in self.tables.into_values() {
            memory.give(machine, table, 1)?;
        }
        Ok(())
    }

    /// `pdtp`
    pub(super) fn pdtp(&self) -> u64 {
        self.mode.pdtp(self.root)
    }

    pub(super) fn root(&self) -> u64 {
        self.root
    }

    pub(super) fn admits(&self, process: u32) -> bool {
        process >> self.mode.bits() == 0
    }

    fn key(level: u8, process: u32) -> (u8, u32) {
        (level, (u64::from(process) >> (LEAF_BITS + 9 * u32::from(level))) as u32)
    }

    fn table(&self, level: u8, process: u32) -> Result<u64, ApiError> {
        let missing = ApiError::NoSuchObject { kind: "process directory entry", id: process };
        self.tables.get(&Self::key(level, process)).copied().ok_or(missing)
    }

    /// Makes the tables down to a process's context, all of them or none; cleared, and linked from below. Nothing is
    /// invalidated: entries with V clear may not be cached.
    pub(super) fn make(
        &mut self,
        machine: &mut dyn Machine,
        memory: &mut dyn TableMemory,
        process: u32,
    ) -> Result<(), ApiError> {
        let missing: Vec<u8> =
            (0..self.mode.levels()).filter(|&level| !self.tables.contains_key(&Self::key(level, process))).collect();
        let fresh = take_all(machine, memory, missing.len())?;
        for (&level, page) in missing.iter().zip(fresh) {
            self.tables.insert(Self::key(level, process), page);
        }
        for level in missing {
            let (page, upper) = (self.table(level, process)?, self.table(level + 1, process)?);
            let index = u64::from(process) >> (LEAF_BITS + 9 * u32::from(level)) & 0x1ff;
            machine.store(memory.locate(upper + 8 * index)?, ppn_at_10(page) | 1)?;
        }
        Ok(())
    }

    /// Where a process's context lies, as the memory of the directory numbers its addresses.
    pub(super) fn context_at(&self, process: u32) -> Result<u64, ApiError> {
        let table = self.table(0, process)?;
        Ok(table + 16 * u64::from(process & ((1 << LEAF_BITS) - 1)))
    }
}
