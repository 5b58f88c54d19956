// SPDX-License-Identifier: Apache-2.0
//! Steps that look closely: the API in its own words, what lies in a device context, what happened since a mark.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::{At, Named};
use super::errno::Errno;
use super::expect::Limit;
use super::invalidate::Iotinval;
use super::scalar::{Number, Size};

/// Asks for a domain in the words of the API, as user space may, sensible or not. What is not given follows from the
/// domain's entry. Its mappings are made when it is there; if it is refused, nothing is left.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Alloc {
    /// The domain; it is `late`, or was freed
    pub domain: At<String>,
    /// Flags: 1 asks for a nest parent, 2 for dirty tracking
    pub flags: Option<At<Number>>,
    /// The parent that is named
    pub parent: Option<At<String>>,
    /// Type of the data: 0 none, 1 a RISC-V device context
    pub data_type: Option<At<u32>>,
    /// No paging mode is asked for: the largest that the IOMMU has
    #[serde(default)]
    pub largest: bool,
    /// Words of the guest's device context instead of its own, from word 0: `tc`, `iohgatp`, `ta`, `fsc`, …
    #[serde(default)]
    pub words: BTreeMap<ContextWord, At<Number>>,
    /// Length of the guest's device context; zeros are added, or the rest is cut off
    pub bytes: Option<At<Size>>,
    /// The last byte of it
    pub last_byte: Option<At<u8>>,
    /// Where user space wants events: a physical address
    pub event: Option<At<Number>>,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}

/// A word of a device context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContextWord {
    /// Translation control
    Tc,
    /// Second stage
    Iohgatp,
    /// Translation attributes: PSCID
    Ta,
    /// First stage
    Fsc,
    /// MSI page table, extended format
    Msiptp,
    /// MSI address mask, extended format
    MsiAddrMask,
    /// MSI address pattern, extended format
    MsiAddrPattern,
    /// Reserved, extended format
    Reserved,
}

impl ContextWord {
    /// Its index in a device context.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its index in a process context, if that has such a word.
    pub const fn of_process(self) -> Option<usize> {
        match self {
            ContextWord::Ta => Some(0),
            ContextWord::Fsc => Some(1),
            _ => None,
        }
    }
}

/// What a device context in memory must be.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectContext {
    /// Whose
    pub device: At<String>,
    /// `tc.V`
    pub valid: Option<bool>,
    /// `fsc.MODE`
    pub first_stage: Option<At<StageMode>>,
    /// `iohgatp.MODE`
    pub second_stage: Option<At<StageMode>>,
    /// `iohgatp` is that of this domain: mode, GSCID and root
    pub second_stage_of: Option<At<String>>,
    /// `fsc` is that of this nested domain's guest: mode and root
    pub first_stage_of: Option<At<String>>,
    /// The root of the second stage lies on a multiple of this
    pub root_alignment: Option<At<Size>>,
    /// Equal to the context of this device, but for tags and roots
    pub like: Option<At<String>>,
}

/// Mode of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StageMode {
    /// No translation
    Bare,
    /// 39 bits (41 in the second stage)
    Sv39,
    /// 48 bits (50)
    Sv48,
    /// 57 bits (59)
    Sv57,
}

impl StageMode {
    /// The encoding in `fsc.MODE` and `iohgatp.MODE`.
    pub const fn bits(self) -> u64 {
        match self {
            StageMode::Bare => 0,
            StageMode::Sv39 => 8,
            StageMode::Sv48 => 9,
            StageMode::Sv57 => 10,
        }
    }
}

/// Changes a word of a device context, or of a process context, in memory, behind the driver's back; no invalidation.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetContext {
    /// Whose
    pub device: At<String>,
    /// The context of this process of it, which has been attached; default: of the device
    pub process: Option<At<Number>>,
    /// Which word; a process context has `ta` and `fsc`
    pub word: ContextWord,
    /// Bits that change
    pub flip: At<Number>,
}

/// Invalidations that a guest asks for.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserInvalidate {
    /// The guest's domain
    pub domain: At<String>,
    /// In this order
    pub commands: Vec<At<UserCommand>>,
    /// How many must be carried out; default: all
    pub done: Option<At<u32>>,
    /// The call must fail with this error
    pub fails: Option<At<Errno>>,
}

/// A command as a guest writes it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UserCommand {
    /// IOTINVAL.VMA; a guest names no GSCID
    Vma(Iotinval),
    /// Two doublewords, whatever they mean
    Words([Number; 2]),
}

/// What must have happened since a mark, and nothing else.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Since {
    /// The mark
    pub mark: At<String>,
    /// Commands that the device fetched, by mnemonic
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Limit>")]
    pub commands: Named<Limit>,
    /// Allocations that were tried, of any kind
    pub allocations: Option<Limit>,
    /// Physical pages that were taken, less those that were given back
    pub pages: Option<i64>,
    /// Guest pages that hold page tables, likewise
    pub guest_pages: Option<i64>,
    /// PSCIDs, likewise
    pub pscids: Option<i64>,
    /// GSCIDs, likewise
    pub gscids: Option<i64>,
    /// Heap objects, likewise: domains, devices, a bond for each device on a domain
    pub objects: Option<i64>,
    /// Stores by software to anything but the device contexts and the command queue
    pub stores: Option<Limit>,
    /// Implicit reads by the device, in pages that are free now
    pub reads_of_freed: Option<Limit>,
}

/// What memory must hold.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectMemory {
    /// First physical address
    pub address: At<Number>,
    /// Bytes
    pub size: At<Size>,
    /// Every doubleword of it
    pub value: At<Number>,
}
