// SPDX-License-Identifier: Apache-2.0
//! What a scenario needs that not every IOMMU has.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A feature of the IOMMU without which a scenario cannot be played. The `capabilities` strap offers it then. A device
/// that lacks it is replaced by the model, and the run is counted apart.
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
    /// Performance monitoring: HPM
    Hpm,
    /// Translation by way of registers: DBG
    Dbg,
    /// Translations of the two stages are cached apart, so that an invalidation of one stage spares the other. No
    /// register says so; the model does it
    SplitCaches,
}

impl Requirement {
    /// Its bits in `capabilities`; none for what no register tells.
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
            Requirement::SplitCaches => 0,
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
            Requirement::Hpm => "hpm",
            Requirement::Dbg => "dbg",
            Requirement::SplitCaches => "split-caches",
        }
    }

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
