// SPDX-License-Identifier: Apache-2.0
//! Memory that breaks while a scenario runs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::machine::{Access, Answer, Port};
use super::scalar::{Number, Size};

/// Memory that answers with an error from now on: a context, an entry of a page table or of an MSI page table, or any range.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BreakMemory {
    /// The context of this device
    pub context_of: Option<At<String>>,
    /// … or of this process of it, which has been attached
    pub process: Option<At<Number>>,
    /// Or an entry of the page table of this domain
    pub entry_of: Option<At<String>>,
    /// … for this address
    pub iova: Option<At<Number>>,
    /// … of this level: 0 stands for 4 KiB
    #[schemars(with = "Option<u8>", range(max = 4))]
    pub level: Option<At<u8>>,
    /// Or an entry of the MSI page table of this nest parent
    pub msi_entry_of: Option<At<String>>,
    /// … for this interrupt file, from 0
    pub file: Option<At<u32>>,
    /// Or what lies at this physical address
    pub address: Option<At<Number>>,
    /// … so many bytes
    pub size: Option<At<Size>>,
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

/// All memory answers as it should, also where the scenario's `memory` has faults; it has no operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MendMemory {}

/// Changes bits of an entry of an MSI page table in memory, behind the driver's back; no invalidation.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetMsi {
    /// The nest parent
    pub domain: At<String>,
    /// Which file, from 0
    pub file: At<u32>,
    /// The doubleword: 0 or 1
    #[serde(default)]
    #[schemars(with = "u8", range(max = 1))]
    pub word: At<u8>,
    /// Bits that change
    pub flip: At<Number>,
}
