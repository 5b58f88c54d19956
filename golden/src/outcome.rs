// SPDX-License-Identifier: Apache-2.0
//! What comes of a request.

use crate::{Cause, Fault, Gscid, Pscid, Spa};

/// Page-based memory type (Svpbmt), resolved between the stages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Pbmt {
    /// As the physical memory attributes say
    #[default]
    Pma = 0,
    /// Non-cacheable, idempotent, weakly ordered main memory
    Nc = 1,
    /// Non-cacheable, non-idempotent, strongly ordered I/O
    Io = 2,
}

/// Permissions that a translation grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions {
    /// Read
    pub read: bool,
    /// Write
    pub write: bool,
    /// Execute
    pub execute: bool,
}

/// A memory-resident interrupt file that an MSI goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mrif {
    /// Address of the MRIF, a multiple of 512
    pub addr: Spa,
    /// Address of the notice MSI
    pub notice: Spa,
    /// Data of the notice MSI, 11 bits
    pub nid: u16,
}

/// Where a translated address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Ordinary memory
    Memory,
    /// An interrupt file, by an MSI PTE in basic mode
    Msi,
    /// A memory-resident interrupt file, by an MSI PTE in MRIF mode; the physical address is meaningless
    Mrif(Mrif),
}

/// A translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Translation {
    /// Where the access goes, with the page offset. For an ATS request under T2GPA: a guest physical address.
    pub spa: Spa,
    /// log2 of the largest naturally aligned range around the address for which the same translation holds; 64 when
    /// nothing limits it (Bare).
    pub size_log2: u8,
    /// Memory type
    pub pbmt: Pbmt,
    /// What both stages grant. For an ATS request: what its completion grants.
    pub permissions: Permissions,
    /// What it leads to
    pub target: Target,
    /// ATS: the mapping is global
    pub global: bool,
    /// ATS: only untranslated requests may use the address
    pub untranslated_only: bool,
    /// ATS: Priv field of the completion
    pub privileged: bool,
    /// ATS: a completion without permissions, and why; no fault is recorded
    pub denied_by: Option<Cause>,
    /// Tag of the second stage; none when Bare
    pub gscid: Option<Gscid>,
    /// Tag of the first stage; none when Bare
    pub pscid: Option<Pscid>,
    /// Resource control ID of the device
    pub rcid: u16,
    /// Monitoring counter ID of the device
    pub mcid: u16,
}

impl Translation {
    /// An address that nothing translates and nothing protects.
    #[must_use]
    #[inline]
    pub const fn identity(addr: u64) -> Self {
        Self {
            spa: Spa(addr),
            size_log2: 64,
            pbmt: Pbmt::Pma,
            permissions: Permissions { read: true, write: true, execute: true },
            target: Target::Memory,
            global: false,
            untranslated_only: false,
            privileged: false,
            denied_by: None,
            gscid: None,
            pscid: None,
            rcid: 0,
            mcid: 0,
        }
    }
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It goes through.
    Translated(Translation),
    /// It is refused.
    Fault(Fault),
    /// A word was not available: nothing is known.
    Unavailable,
}
