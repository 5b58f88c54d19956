// SPDX-License-Identifier: Apache-2.0
//! Interrupt files of guests, and the steps that move them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::errno::Errno;
use super::scalar::Number;

/// Guest physical pages of a nest parent that are interrupt files: a power of two of them, on a multiple of their size.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MsiWindow {
    /// First guest physical address
    pub address: At<Number>,
    /// How many files
    pub files: At<u32>,
    /// Physical address of the page of the first one, the others follow. Default: fresh memory
    pub to: Option<At<Number>>,
    /// They lead nowhere until `msi-map` says where
    #[serde(default)]
    pub unmapped: bool,
}

impl MsiWindow {
    /// Bytes that it covers.
    pub fn bytes(&self) -> u64 {
        u64::from(self.files.value) << 12
    }
}

/// An interrupt file that is led to a page, or to a file in memory: one of both.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MsiMap {
    /// The nest parent
    pub domain: At<String>,
    /// Which file, from 0
    pub file: At<u32>,
    /// Physical address of the page
    pub to: Option<At<Number>>,
    /// Or where it is in memory
    pub mrif: Option<Mrif>,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}

/// A memory-resident interrupt file: pairs of a pending and an enable bit for 2048 identities, 64 pairs in 16 bytes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mrif {
    /// Its physical address, on a multiple of 512: MRIF Address
    pub address: At<Number>,
    /// Physical address of the page of the notice, to which NID is written each time: NPPN
    pub notice: At<Number>,
    /// The identity that is written there, 0 to 0x7ff: NID
    pub nid: At<Number>,
}

/// An interrupt file that leads nowhere any more.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MsiUnmap {
    /// The nest parent
    pub domain: At<String>,
    /// Which file, from 0
    pub file: At<u32>,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}

/// An MSI page table that is switched on or off for all devices of a guest.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MsiSwitch {
    /// The nest parent
    pub domain: At<String>,
    /// On or off
    pub on: bool,
    /// The call must fail with this error, and change nothing
    pub fails: Option<At<Errno>>,
}
