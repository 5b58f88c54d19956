// SPDX-License-Identifier: Apache-2.0
//! The machine that a scenario asks for: the IOMMU and the memory around it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::requirement::Requirement;
use super::scalar::{Number, Size, Span};

/// The IOMMU: what its `capabilities` strap says, and how software sets it up.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Iommu {
    /// Features that the `capabilities` strap offers; default: all that the first release of the RTL has. What
    /// other features imply (Sv48 implies Sv39) is added.
    pub features: Option<Vec<At<Feature>>>,
    /// `capabilities.PAS`: width of a physical address
    #[schemars(with = "Option<u8>")]
    pub physical_bits: Option<At<u8>>,
    /// Levels of the device directory
    pub directory: At<Directory>,
    /// Format of a device context: `base` has 32 bytes, `extended` has 64 (and needs `capabilities.MSI_FLAT`). Where the
    /// scenario does not say, it is `base`; a device that has extended contexts whatever its strap says plays it with these
    #[schemars(with = "Option<ContextFormat>")]
    pub context: Option<At<ContextFormat>>,
    /// Bounds in cycles, after which the device under test counts as hung
    pub bounds: Bounds,
}

impl Iommu {
    /// Format of a device context that the strap asks for.
    pub fn format(&self) -> ContextFormat {
        self.context.map_or(ContextFormat::Base, |format| format.value)
    }

    /// Device contexts have 64 bytes.
    pub fn is_extended(&self) -> bool {
        self.format() == ContextFormat::Extended
    }

    /// The value of the `capabilities` strap.
    pub fn capabilities(&self) -> u64 {
        const VERSION: u64 = 0x10;
        let pas = u64::from(self.physical_bits.as_ref().map_or(DEFAULT_PHYSICAL_BITS, |bits| bits.value));
        let context = match self.format() {
            ContextFormat::Base => 0,
            ContextFormat::Extended => 1 << 22,
        };
        let features = match &self.features {
            Some(list) => list.iter().fold(0, |bits, feature| bits | feature.bits()),
            None => Feature::FIRST_LIGHT.iter().fold(0, |bits, feature| bits | feature.bits()),
        };
        VERSION | IGS_WSI | (pas & 0x3f) << 32 | context | features
    }
}

/// `capabilities.IGS`: how interrupts come; by wire, by message and by wire.
pub(super) const IGS: u64 = 0b11 << 28;
pub(super) const IGS_WSI: u64 = 1 << 28;
pub(super) const IGS_BOTH: u64 = 2 << 28;

/// `capabilities.PAS` where the scenario does not say.
pub const DEFAULT_PHYSICAL_BITS: u8 = 56;

/// A bit of the `capabilities` register, by its name in the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// First stage Sv39
    Sv39,
    /// First stage Sv48, and Sv39
    Sv48,
    /// First stage Sv57, Sv48 and Sv39
    Sv57,
    /// Second stage Sv39x4
    Sv39x4,
    /// Second stage Sv48x4, and Sv39x4
    Sv48x4,
    /// Second stage Sv57x4, Sv48x4 and Sv39x4
    Sv57x4,
    /// Page-based memory types
    Svpbmt,
    /// Bits 60 and 59 of a PTE are software's
    Svrsw60t59b,
    /// Invalidation of non-leaf entries
    Nl,
    /// Invalidation of address ranges
    S,
}

impl Feature {
    /// What the strap offers by default.
    pub const FIRST_LIGHT: [Feature; 6] =
        [Feature::Sv57, Feature::Sv57x4, Feature::Svpbmt, Feature::Svrsw60t59b, Feature::Nl, Feature::S];

    /// Its bits in `capabilities`, with those that it implies.
    pub const fn bits(self) -> u64 {
        match self {
            Feature::Sv39 => Requirement::Sv39.bits(),
            Feature::Sv48 => Requirement::Sv48.bits() | Feature::Sv39.bits(),
            Feature::Sv57 => Requirement::Sv57.bits() | Feature::Sv48.bits(),
            Feature::Sv39x4 => Requirement::Sv39x4.bits(),
            Feature::Sv48x4 => Requirement::Sv48x4.bits() | Feature::Sv39x4.bits(),
            Feature::Sv57x4 => Requirement::Sv57x4.bits() | Feature::Sv48x4.bits(),
            Feature::Svpbmt => Requirement::Svpbmt.bits(),
            Feature::Svrsw60t59b => Requirement::Svrsw60t59b.bits(),
            Feature::Nl => Requirement::Nl.bits(),
            Feature::S => Requirement::S.bits(),
        }
    }
}

/// Levels of the device directory table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Directory {
    /// `1LVL`: device IDs of 7 bits (base format) or 6 bits (extended)
    #[serde(rename = "1-level")]
    One,
    /// `2LVL`: 16 or 15 bits
    #[serde(rename = "2-level")]
    Two,
    /// `3LVL`: 24 bits
    #[default]
    #[serde(rename = "3-level")]
    Three,
}

impl Directory {
    /// How many levels.
    pub const fn levels(self) -> u8 {
        match self {
            Directory::One => 1,
            Directory::Two => 2,
            Directory::Three => 3,
        }
    }

    /// How many bits of a device ID it can hold.
    pub const fn device_id_bits(self, context: ContextFormat) -> u32 {
        match (self, context) {
            (Directory::One, ContextFormat::Base) => 7,
            (Directory::One, ContextFormat::Extended) => 6,
            (Directory::Two, ContextFormat::Base) => 16,
            (Directory::Two, ContextFormat::Extended) => 15,
            (Directory::Three, _) => 24,
        }
    }
}

/// Format of a device context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContextFormat {
    /// 32 bytes
    #[default]
    Base,
    /// 64 bytes, with the MSI fields
    Extended,
}

/// Bounds in cycles, after which the device under test counts as hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Bounds {
    /// From the acceptance of a DMA transaction to its response; a stream that was stopped may wait as long for each
    /// next acceptance or response
    pub request: u32,
    /// From the doorbell of a command to the completion of its fence
    pub command: u32,
    /// From a register access to its response
    pub register: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { request: 50_000, command: 100_000, register: 1_000 }
    }
}

/// The memory behind the fabric.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Memory {
    /// How memory answers the implicit accesses on `ptw_*`: tables, contexts, queues
    pub page_tables: Timing,
    /// How memory answers translated DMA on `mem_*`
    pub dma: Timing,
    /// Ranges that answer with an error
    pub faults: Vec<FaultRange>,
}

/// How memory answers on a port. All of it is drawn from the run's seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Timing {
    /// Cycles from the address handshake to the first beat of the answer
    pub latency: Span,
    /// Answers with different AXI IDs overtake each other
    pub reorder: bool,
    /// Percentage of cycles in which a channel is not ready, or a beat of data is held back
    #[schemars(range(max = 90))]
    pub stall: At<u8>,
    /// A channel becomes ready only when it is asked: after `valid`, as AXI allows
    pub ready_after_valid: bool,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { latency: Span::new(2, 20), reorder: true, stall: At::from(10), ready_after_valid: false }
    }
}

impl Eq for At<u8> {}

/// A range of physical memory that answers with an error.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultRange {
    /// First physical address
    pub address: At<Number>,
    /// Bytes
    pub size: At<Size>,
    /// Which accesses
    #[serde(default)]
    pub on: Access,
    /// What comes back
    #[serde(default)]
    pub answer: Answer,
    /// Which port
    #[serde(default)]
    pub port: Port,
}

/// Accesses that a fault range refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reads only
    Read,
    /// Writes only
    Write,
    /// Both
    #[default]
    Any,
}

/// How a fault range answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The slave reports an error
    #[default]
    Slverr,
    /// Nobody answers at this address
    Decerr,
    /// The data is corrupt
    Poison,
}

/// A port of the device under test towards memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// Translated DMA
    Mem,
    /// Implicit accesses
    Ptw,
    /// Both
    #[default]
    Any,
}
