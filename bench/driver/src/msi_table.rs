// SPDX-License-Identifier: Apache-2.0
//! MSI page tables: where the interrupt files of a guest are, told to the IOMMU page by page, so that a device's MSI
//! reaches them without an exit of the guest. A table belongs to a nest parent and serves all nested domains on it.

use std::collections::BTreeMap;

use golden::Spa;

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{Context, PAGE, Scheme};
use super::machine::Machine;

/// Bytes of an entry.
const ENTRY: u64 = 16;

/// Guest physical pages that are interrupt files: a power of two of them, on a multiple of their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsiWindow {
    /// First address
    pub address: u64,
    /// How many files
    pub files: u32,
}

impl MsiWindow {
    /// Bytes that it covers.
    pub const fn bytes(self) -> u64 {
        self.files as u64 * PAGE
    }

    /// Whether hardware can recognise it in a second stage of this scheme.
    pub(super) fn check(self, scheme: Scheme) -> Result<(), ApiError> {
        if !self.files.is_power_of_two() || !self.address.is_multiple_of(self.bytes()) {
            return Err(ApiError::Invalid("number or alignment of interrupt files"));
        }
        let last = self.address + (self.bytes() - 1);
        if scheme.translates(last) {
            Ok(())
        } else {
            Err(ApiError::OutOfRange { addr: self.address, bytes: self.bytes() })
        }
    }
}

/// The MSI page table of a nest parent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MsiTable {
    pub(super) window: MsiWindow,
    table: Spa,
    /// Entries that are valid: the page of each file
    pub(super) entries: BTreeMap<u32, u64>,
    /// Contexts point to it
    pub(super) on: bool,
}

impl MsiTable {
    pub(super) fn new(
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        scheme: Scheme,
        window: MsiWindow,
    ) -> Result<MsiTable, ApiError> {
        window.check(scheme)?;
        let pages = MsiTable::pages(window);
        // The address of an entry is the table's with the number of the file in it, not added to it.
        let table = alloc.pages(machine, pages, pages.next_power_of_two() * PAGE)?;
        Ok(MsiTable { window, table, entries: BTreeMap::new(), on: true })
    }

    fn pages(window: MsiWindow) -> u64 {
        (u64::from(window.files) * ENTRY).div_ceil(PAGE)
    }

    pub(super) fn free(self, machine: &mut dyn Machine, alloc: &mut Allocator) -> Result<(), ApiError> {
        alloc.free_pages(machine, self.table, MsiTable::pages(self.window))
    }

    /// A context of the second stage that the table goes with.
    pub(super) fn in_context(&self, context: Context) -> Context {
        if !self.on {
            return context;
        }
        let pattern = self.window.address / PAGE;
        context.with_msi_table(self.table.0, u64::from(self.window.files - 1), pattern)
    }

    pub(super) fn entry_at(&self, file: u32) -> Spa {
        Spa(self.table.0 + ENTRY * u64::from(file))
    }
}
