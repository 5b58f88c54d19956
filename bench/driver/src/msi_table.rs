// SPDX-License-Identifier: Apache-2.0
//! MSI page tables: where the interrupt files of a guest are, told to the IOMMU page by page, so that a device's MSI
//! reaches them without an exit of the guest. A table belongs to a nest parent and serves all nested domains on it.

use std::collections::BTreeMap;

use golden::Spa;

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{Context, PAGE, Scheme, ppn_at_10};
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

/// Where an interrupt file of a guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsiTarget {
    /// In an interrupt controller: the page of its registers
    Page(u64),
    /// In memory
    Memory(MemoryFile),
}

/// An interrupt file in memory: 2048 pairs of a pending and an enable bit, 64 pairs in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFile {
    /// Its first byte, on a multiple of 512
    pub address: u64,
    /// The page that is written to when an MSI has been stored
    pub notice: u64,
    /// What is written there: an interrupt identity of 11 bits
    pub nid: u16,
}

impl From<u64> for MsiTarget {
    fn from(page: u64) -> Self {
        MsiTarget::Page(page)
    }
}

/// Bytes of an interrupt file in memory, and what it is aligned to.
const FILE: u64 = 512;
/// Identities that a notice may have.
const IDENTITIES: u16 = 1 << 11;

impl MsiTarget {
    /// The doublewords of its entry. The second one counts only for a file in memory.
    pub(super) const fn entry(self) -> [u64; 2] {
        // `V`, and `M`: 3 is basic translate mode, 1 is MRIF mode
        const BASIC: u64 = 1 | 3 << 1;
        const MRIF: u64 = 1 | 1 << 1;
        match self {
            MsiTarget::Page(page) => [ppn_at_10(page) | BASIC, 0],
            MsiTarget::Memory(MemoryFile { address, notice, nid }) => {
                let nid = nid as u64;
                [((address / FILE) << 7) | MRIF, ppn_at_10(notice) | nid & 0x3ff | (nid >> 10 & 1) << 60]
            }
        }
    }

    /// Whether an entry can say so on a machine with addresses of so many bits.
    pub(super) fn check(self, physical_bits: u32) -> Result<(), ApiError> {
        let within = |addr: u64, bytes: u64| match addr.checked_shr(physical_bits) {
            Some(0) | None => Ok(()),
            Some(_) => Err(ApiError::OutOfRange { addr, bytes }),
        };
        match self {
            MsiTarget::Page(page) | MsiTarget::Memory(MemoryFile { notice: page, .. })
                if !page.is_multiple_of(PAGE) =>
            {
                Err(ApiError::Invalid("alignment of an interrupt file or a notice"))
            }
            MsiTarget::Memory(file) if !file.address.is_multiple_of(FILE) => {
                Err(ApiError::Invalid("alignment of an interrupt file in memory"))
            }
            MsiTarget::Memory(file) if file.nid >= IDENTITIES => {
                Err(ApiError::OutOfRange { addr: file.nid.into(), bytes: 1 })
            }
            MsiTarget::Page(page) => within(page, PAGE),
            MsiTarget::Memory(file) => within(file.address, FILE).and_then(|()| within(file.notice, PAGE)),
        }
    }
}

/// The MSI page table of a nest parent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MsiTable {
    pub(super) window: MsiWindow,
    table: Spa,
    /// Entries that are valid: where each file is
    pub(super) entries: BTreeMap<u32, MsiTarget>,
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
