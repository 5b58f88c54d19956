// SPDX-License-Identifier: Apache-2.0
//! Memory in which a guest keeps its page tables, and what the driver notes of it.

use std::collections::{BTreeMap, BTreeSet};

use golden::Spa;

use super::alloc::{Allocator, FreeList, fill};
use super::error::ApiError;
use super::format::PAGE;
use super::handles::GuestTable;
use super::machine::Machine;
use super::process_directory::ProcessDirectory;
use super::table::{PageTable, TableMemory};

/// Memory of the host in which a guest keeps its tables, at guest physical addresses.
#[derive(Clone, Debug)]
pub(super) struct GuestMemory {
    pub(super) gpa: u64,
    pub(super) bytes: u64,
    pub(super) spa: u64,
    free: FreeList,
    /// Pages that were used: they are cleared when they are taken again
    soiled: BTreeSet<u64>,
}

/// A first-stage table of a guest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TableState {
    pub(super) table: PageTable,
    pub(super) pscid: u32,
    /// Tables that were unlinked, but whose flush failed
    pub(super) quarantine: Vec<u64>,
}

/// A process directory of a guest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DirectoryState {
    pub(super) directory: ProcessDirectory,
    /// Those that have a first stage, and the table of each
    pub(super) processes: BTreeMap<u32, GuestTable>,
}

/// What is free in a guest's memory, its tables, and its process directories.
pub(super) type GuestBooks = (FreeList, BTreeMap<u32, TableState>, BTreeMap<u32, DirectoryState>);

/// A guest, as the driver notes it.
#[derive(Clone, Debug)]
pub(super) struct GuestState {
    pub(super) parent: u32,
    pub(super) memory: GuestMemory,
    pub(super) tables: BTreeMap<u32, TableState>,
    pub(super) directories: BTreeMap<u32, DirectoryState>,
}

/// Guest memory as the home of tables.
pub(super) struct GuestPages<'a> {
    pub(super) alloc: &'a mut Allocator,
    pub(super) memory: &'a mut GuestMemory,
}

impl GuestMemory {
    /// Memory that holds nothing yet.
    pub(super) fn new(gpa: u64, bytes: u64, spa: Spa) -> GuestMemory {
        GuestMemory { gpa, bytes, spa: spa.0, free: FreeList::new(gpa, bytes), soiled: BTreeSet::new() }
    }
}

impl GuestState {
    /// What its pages hold counts for nothing: they are cleared when they are taken.
    pub(super) fn books(&self) -> GuestBooks {
        (self.memory.free.clone(), self.tables.clone(), self.directories.clone())
    }
}

impl TableMemory for GuestPages<'_> {
    fn take(&mut self, machine: &mut dyn Machine, pages: u64) -> Result<u64, ApiError> {
        self.alloc.guest_page(true)?;
        let Some(page) = self.memory.free.take(pages * PAGE, pages * PAGE) else {
            self.alloc.guest_page(false)?;
            return Err(ApiError::NoMemory);
        };
        if self.memory.soiled.remove(&page) {
            fill(machine, self.locate(page)?, 0)?;
        }
        Ok(page)
    }

    fn give(&mut self, _: &mut dyn Machine, addr: u64, pages: u64) -> Result<(), ApiError> {
        self.alloc.guest_page(false)?;
        self.memory.soiled.insert(addr);
        self.memory.free.give(addr, pages * PAGE);
        Ok(())
    }

    fn locate(&self, addr: u64) -> Result<Spa, ApiError> {
        match addr.checked_sub(self.memory.gpa) {
            Some(offset) if offset < self.memory.bytes => Ok(Spa(self.memory.spa + offset)),
            _ => Err(ApiError::CorruptTable),
        }
    }
}
