// SPDX-License-Identifier: Apache-2.0
//! Invalidation commands, as steps name their operands.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::scalar::{Number, Size};

/// One invalidation command.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Invalidate {
    /// IOTINVAL.VMA
    Vma(Iotinval),
    /// IOTINVAL.GVMA
    Gvma(Iotinval),
    /// IODIR.INVAL_DDT
    Ddt(Iodir),
    /// IODIR.INVAL_PDT
    Pdt(Process),
    /// ATS.INVAL: what a device keeps
    Ats(AtsInval),
}

/// A process of a device.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Process {
    /// The device
    pub device: At<String>,
    /// Its process_id
    pub process: At<Number>,
}

/// Operands of ATS.INVAL. Without an address: all of them.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AtsInval {
    /// The device that is asked
    pub device: At<String>,
    /// PASID; default: what was asked for without one
    pub process: Option<At<Number>>,
    /// G: of all PASIDs (needs a process)
    #[serde(default)]
    pub global: bool,
    /// Untranslated address
    pub address: Option<At<Number>>,
    /// Bytes: a power of two, 4K or more, to which the address is aligned. Default: 4K
    pub size: Option<At<Size>>,
}

/// Operands of IOTINVAL. An operand that is not given is not valid (GV, PSCV or AV = 0).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Iotinval {
    /// GSCID of this domain (of a nested domain: of its parent)
    pub gscid_of: Option<At<String>>,
    /// Or a GSCID
    pub gscid: Option<At<Number>>,
    /// PSCID of this domain
    pub pscid_of: Option<At<String>>,
    /// Or a PSCID
    pub pscid: Option<At<Number>>,
    /// Address
    pub address: Option<At<Number>>,
}

/// Operands of IODIR.INVAL_DDT. Neither: all device contexts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Iodir {
    /// This device's context
    pub device: Option<At<String>>,
    /// Or a device_id
    pub device_id: Option<At<Number>>,
}
