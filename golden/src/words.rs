// SPDX-License-Identifier: Apache-2.0
//! Where a walk gets its words from: memory, a bus, or the choice points of an oracle.

use crate::{DeviceId, Gpa, Gscid, Iova, Msiptp, ProcessId, Pscid, Spa};

/// Where the guest address of a table comes from. A context may hold such a pointer translated: the second-stage words
/// that translated it are then dropped by IODIR, not by IOTINVAL.GVMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pointer {
    /// A field of the device context (`fsc`: `iosatp.PPN` or `pdtp.PPN`)
    DeviceContext,
    /// `fsc.PPN` of the process context
    ProcessContext,
    /// A non-leaf entry of the process directory
    ProcessDirectory,
    /// A first-stage PTE
    Pte,
}

/// What the second stage is translating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The address that the device wants to access
    Final,
    /// The address of a first-stage PTE at this level
    FirstStage {
        /// Level of the PTE, 0 = 4 KiB
        level: u8,
        /// Who holds the pointer to its table
        pointer: Pointer,
    },
    /// The address of an entry of the process directory at this level
    ProcessDirectory {
        /// Level of the entry, 0 = process context
        level: u8,
        /// Who holds the pointer to its table
        pointer: Pointer,
    },
}

/// Which structure a word belongs to. Levels count as in the specification: 0 is the leaf (4 KiB, or the context).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Non-leaf entry of the device directory
    DdtEntry {
        /// 1 or 2
        level: u8,
    },
    /// Doubleword of a device context
    DeviceContext {
        /// 0 to 3 in base format, 0 to 7 in extended format
        index: u8,
    },
    /// Non-leaf entry of a process directory
    PdtEntry {
        /// 1 or 2
        level: u8,
    },
    /// Doubleword of a process context
    ProcessContext {
        /// 0 or 1
        index: u8,
    },
    /// First-stage PTE
    FirstStage {
        /// Level, 0 = 4 KiB
        level: u8,
    },
    /// Second-stage PTE
    SecondStage {
        /// Level, 0 = 4 KiB
        level: u8,
        /// What for
        purpose: Purpose,
    },
    /// Doubleword of an MSI PTE
    MsiPte {
        /// 0 or 1
        index: u8,
    },
    /// Interrupt-pending or interrupt-enable word of a memory-resident interrupt file
    Mrif,
}

/// The identifiers that invalidation commands compare, as far as the walk knows them when it reads the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tags {
    /// `device_id` of the request
    pub device: DeviceId,
    /// The process whose context is used; 0 where DPE supplies it; none where no process directory is consulted
    pub process: Option<ProcessId>,
    /// GSCID; none while the device context is being located, and when the second stage is Bare
    pub gscid: Option<Gscid>,
    /// PSCID; none until it is known, and when the first stage is Bare
    pub pscid: Option<Pscid>,
    /// The address of the request
    pub iova: Iova,
    /// The guest physical address under translation: for second-stage and MSI PTEs only
    pub gpa: Option<Gpa>,
}

/// A word of an in-memory structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WordRef {
    /// Where
    pub addr: Spa,
    /// 8, or 4 for PTEs of Sv32 and Sv32x4
    pub bytes: u8,
    /// What it is
    pub role: Role,
    /// Whose it is
    pub tags: Tags,
}

/// Answer to a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// The word as a little-endian image of memory; the walk swaps where `fctl.BE` or `DC.tc.SBE` says so.
    Value(u64),
    /// The access violates PMA or PMP.
    AccessFault,
    /// The data is poisoned.
    Corrupt,
    /// Not known (yet): ends the walk with [`crate::Outcome::Unavailable`].
    Unavailable,
}

/// Answer to a compare-and-exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Update {
    /// Memory held the old value and holds the new one now.
    Done,
    /// Memory held something else; the walk reads again.
    Changed,
    /// The access violates PMA or PMP.
    AccessFault,
    /// The data is poisoned.
    Corrupt,
    /// Not known (yet).
    Unavailable,
}

/// Which of the two stages of address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// I/O virtual to guest physical (or supervisor physical) address
    First,
    /// Guest physical to supervisor physical address
    Second,
}

/// Where the virtual interrupt files of a guest are, and the table that translates their addresses: fields of the
/// device context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MsiTable {
    /// `msiptp`
    pub msiptp: Msiptp,
    /// `msi_addr_mask`
    pub mask: u64,
    /// `msi_addr_pattern`
    pub pattern: u64,
}

/// Source of the words of a walk.
///
/// A walk reads words one by one, in a fixed order; the words of a larger entry (device context, process context, MSI
/// PTE) in ascending order. An implementation must answer a repeated read in the same way for a walk to be
/// reproducible.
pub trait Words {
    /// Reads a word.
    fn read(&mut self, word: &WordRef) -> Read;

    /// Replaces `old` by `new` if memory holds `old`, atomically: an update of A and D bits. Values are little-endian
    /// images of memory, as for [`Words::read`].
    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update;

    /// The root under which the tables of a stage are walked: `fsc` or `iohgatp` as a register-wide value, not Bare.
    ///
    /// `configured` is what the contexts say, and the answer of an IOMMU without caches. Cached translations are tagged
    /// by GSCID and PSCID and not by their root, so that one that has caches may still use an earlier root of the same
    /// tags (section "Caching in-memory data structures"); an oracle overrides this.
    #[inline(always)]
    fn table_root(&mut self, stage: Stage, tags: &Tags, configured: u64) -> u64 {
        let _ = (stage, tags);
        configured
    }

    /// The MSI page table by which a guest physical address is looked at, if there is a second stage.
    ///
    /// As for [`Words::table_root`]: what is cached of MSI page tables is tagged by GSCID and GPA, and a whole
    /// translation by the tags of its page, so that it may stem from what the contexts said earlier.
    #[inline(always)]
    fn msi_table(&mut self, tags: &Tags, configured: MsiTable) -> MsiTable {
        let _ = tags;
        configured
    }

    /// A page-table entry that is used without being read: the level at which it stands and its image in memory. The
    /// walk of this stage goes on from there, and neither looks for its table nor translates where that lies.
    ///
    /// An IOMMU without caches has none. One that has caches finds entries by their tags and the address, wherever
    /// their table lies by now (section "Caching in-memory data structures"); an oracle overrides this. `purpose` is
    /// what a second stage is asked for.
    #[inline(always)]
    fn recall(&mut self, stage: Stage, purpose: Purpose, tags: &Tags) -> Option<(u8, u64)> {
        let _ = (stage, purpose, tags);
        None
    }
}
