// SPDX-License-Identifier: Apache-2.0
//! What a translation depends on, besides memory and the request.

use crate::{Capabilities, Ddtp, Fctl};

/// Version of the specification. They differ where a later one calls a setting reserved that an earlier one allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SpecVersion {
    /// 1.0.0, June 2023
    V1_0_0,
    /// 20260222
    #[default]
    V20260222,
}

/// What the specification leaves to the implementation, where a translation can tell the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choices {
    /// `fctl.GXL` is writable: with GXL = 0, `DC.tc.SXL` may then be 0 or 1 ("Device-context configuration checks").
    pub gxl_writable: bool,
    /// `fctl.BE` is writable: `DC.tc.SBE` may then be 0 or 1.
    pub be_writable: bool,
    /// Width of `RCID` in bits; a wider value in `DC.ta` is misconfigured.
    pub rcid_bits: u8,
    /// Width of `MCID` in bits.
    pub mcid_bits: u8,
    /// A device context with `iohgatp.MODE` Bare and `msiptp.MODE` not Off is misconfigured: a recommendation of
    /// 20260222, allowed by 1.0.0.
    pub reject_msi_without_second_stage: bool,
    /// Bits of `msi_addr_mask` and `msi_addr_pattern` at and above MGPAW are reserved (since 20250828).
    pub reject_wide_msi_address: bool,
    /// A translated address that does not fit `capabilities.PAS` is an access fault of the IOMMU itself. When false the
    /// address is handed on and memory refuses it.
    pub check_output_width: bool,
    /// The addresses in a context are checked when the context is located: "Some implementations may verify the validity of
    /// the addresses - e.g. the supervisor physical address is not wider than that supported as determined by
    /// capabilities.PAS, etc. at the time of locating the DC". When false, the access that needs one fails.
    pub check_context_addresses: bool,
    /// The Global field of an ATS completion "is set to the value determined from the first-stage page tables"; where the
    /// first stage is Bare there are none, and the text does not say what then. When true, the answer is 1.
    pub bare_first_stage_is_global: bool,
}

impl Choices {
    /// The choices that the newest text recommends, for a version.
    #[must_use]
    pub const fn recommended(version: SpecVersion) -> Self {
        let newest = matches!(version, SpecVersion::V20260222);
        Self {
            gxl_writable: false,
            be_writable: false,
            rcid_bits: 12,
            mcid_bits: 12,
            reject_msi_without_second_stage: newest,
            reject_wide_msi_address: newest,
            check_output_width: true,
            check_context_addresses: false,
            bare_first_stage_is_global: false,
        }
    }
}

/// Snapshot of everything outside memory that a walk depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// `capabilities`
    pub caps: Capabilities,
    /// `fctl`
    pub fctl: Fctl,
    /// `ddtp`
    pub ddtp: Ddtp,
    /// Version of the specification
    pub version: SpecVersion,
    /// What the implementation chose
    pub choices: Choices,
}

impl Config {
    /// The newest version of the specification, with its recommended choices.
    #[must_use]
    pub const fn new(caps: Capabilities, fctl: Fctl, ddtp: Ddtp) -> Self {
        let version = SpecVersion::V20260222;
        Self { caps, fctl, ddtp, version, choices: Choices::recommended(version) }
    }
}
