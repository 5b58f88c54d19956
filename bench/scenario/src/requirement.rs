// SPDX-License-Identifier: Apache-2.0
//! What a scenario needs that not every IOMMU has.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::domain::Mode;

/// A feature of the IOMMU without which a scenario cannot be played. The `capabilities` strap offers it then. A device
/// that lacks it is replaced by the model, and the run is counted apart. What a scenario does tells of some of them: it
/// need not name the paging modes of its domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Process directories: PD8, PD17 and PD20
    Pdt,
    /// MSI page tables: MSI_FLAT
    Msi,
    /// Memory-resident interrupt files: MSI_MRIF
    Mrif,
    /// Hardware updates of A and D: AMO_HWAD
    Hwad,
    /// Address translation services: ATS
    Ats,
    /// Guest physical addresses for translation requests: T2GPA
    T2gpa,
    /// Interrupts of the IOMMU itself by message: IGS is 0 or 2
    Messages,
    /// Performance monitoring: HPM
    Hpm,
    /// Translation by way of registers: DBG
    Dbg,
    /// QoS identifiers: QOSID
    Qosid,
    /// Translations of the two stages are cached apart, so that an invalidation of one stage spares the other. No
    /// register says so; the model does it
    SplitCaches,
    /// First stage Sv39
    Sv39,
    /// First stage Sv48
    Sv48,
    /// First stage Sv57
    Sv57,
    /// Second stage Sv39x4
    Sv39x4,
    /// Second stage Sv48x4
    Sv48x4,
    /// Second stage Sv57x4
    Sv57x4,
    /// Page-based memory types
    Svpbmt,
    /// Bits 60 and 59 of a PTE are software's
    Svrsw60t59b,
    /// Invalidation of non-leaf entries
    Nl,
    /// Invalidation of address ranges
    S,
    /// Physical addresses as wide as the scenario says: PAS
    PhysicalBits,
    /// The device has no more than the scenario's strap offers. One that ignores its strap and has more would play
    /// something else: contexts of the other format, a command that is legal after all
    Strap,
}

impl Requirement {
    /// Its bits in `capabilities`; none for what no bit by itself tells.
    pub const fn bits(self) -> u64 {
        match self {
            Requirement::Pdt => 0b111 << 38,
            Requirement::Msi => 1 << 22,
            Requirement::Mrif => 1 << 23,
            Requirement::Hwad => 1 << 24,
            Requirement::Ats => 1 << 25,
            Requirement::T2gpa => 1 << 26,
            Requirement::Hpm => 1 << 30,
            Requirement::Dbg => 1 << 31,
            Requirement::Qosid => 1 << 41,
            Requirement::SplitCaches | Requirement::Messages | Requirement::PhysicalBits | Requirement::Strap => 0,
            Requirement::Sv39 => 1 << 9,
            Requirement::Sv48 => 1 << 10,
            Requirement::Sv57 => 1 << 11,
            Requirement::Svrsw60t59b => 1 << 14,
            Requirement::Svpbmt => 1 << 15,
            Requirement::Sv39x4 => 1 << 17,
            Requirement::Sv48x4 => 1 << 18,
            Requirement::Sv57x4 => 1 << 19,
            Requirement::Nl => 1 << 42,
            Requirement::S => 1 << 43,
        }
    }

    /// What the strap offers where it is needed: an IOMMU may store into interrupt files by atomics alone.
    pub const fn offered(self) -> u64 {
        const AMO_MRIF: u64 = 1 << 21;
        match self {
            Requirement::Mrif => self.bits() | AMO_MRIF,
            _ => self.bits(),
        }
    }

    /// Its name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Requirement::Pdt => "pdt",
            Requirement::Msi => "msi",
            Requirement::Mrif => "mrif",
            Requirement::Hwad => "hwad",
            Requirement::Ats => "ats",
            Requirement::T2gpa => "t2gpa",
            Requirement::Messages => "messages",
            Requirement::Hpm => "hpm",
            Requirement::Dbg => "dbg",
            Requirement::Qosid => "qosid",
            Requirement::SplitCaches => "split-caches",
            Requirement::Sv39 => "sv39",
            Requirement::Sv48 => "sv48",
            Requirement::Sv57 => "sv57",
            Requirement::Sv39x4 => "sv39x4",
            Requirement::Sv48x4 => "sv48x4",
            Requirement::Sv57x4 => "sv57x4",
            Requirement::Svpbmt => "svpbmt",
            Requirement::Svrsw60t59b => "svrsw60t59b",
            Requirement::Nl => "nl",
            Requirement::S => "s",
            Requirement::PhysicalBits => "physical-bits",
            Requirement::Strap => "strap",
        }
    }

    /// What a domain of this mode needs.
    pub const fn of_mode(mode: Mode) -> Self {
        match mode {
            Mode::Sv39 => Requirement::Sv39,
            Mode::Sv48 => Requirement::Sv48,
            Mode::Sv57 => Requirement::Sv57,
            Mode::Sv39x4 => Requirement::Sv39x4,
            Mode::Sv48x4 => Requirement::Sv48x4,
            Mode::Sv57x4 => Requirement::Sv57x4,
        }
    }

    /// All of them.
    pub const ALL: [Requirement; 23] = [
        Requirement::Pdt,
        Requirement::Msi,
        Requirement::Mrif,
        Requirement::Hwad,
        Requirement::Ats,
        Requirement::T2gpa,
        Requirement::Messages,
        Requirement::Hpm,
        Requirement::Dbg,
        Requirement::Qosid,
        Requirement::SplitCaches,
        Requirement::Sv39,
        Requirement::Sv48,
        Requirement::Sv57,
        Requirement::Sv39x4,
        Requirement::Sv48x4,
        Requirement::Sv57x4,
        Requirement::Svpbmt,
        Requirement::Svrsw60t59b,
        Requirement::Nl,
        Requirement::S,
        Requirement::PhysicalBits,
        Requirement::Strap,
    ];

    /// Those that one bit of `capabilities` tells, and that a scenario's strap offers or does not.
    pub const OF_STRAP: [Requirement; 10] = [
        Requirement::Sv39,
        Requirement::Sv48,
        Requirement::Sv57,
        Requirement::Sv39x4,
        Requirement::Sv48x4,
        Requirement::Sv57x4,
        Requirement::Svpbmt,
        Requirement::Svrsw60t59b,
        Requirement::Nl,
        Requirement::S,
    ];

    /// A device with these `capabilities` is known to have it.
    pub const fn met_by(self, capabilities: u64) -> bool {
        self.bits() != 0 && capabilities & self.bits() == self.bits()
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
