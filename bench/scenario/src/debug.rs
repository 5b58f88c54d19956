// SPDX-License-Identifier: Apache-2.0
//! Translations that software asks for itself, by way of registers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::causes::Causes;
use super::errno::Errno;
use super::scalar::{Number, Size};

/// What `tr_response` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// Either; the oracle judges it all the same
    #[default]
    Any,
    /// A translation
    Ok,
    /// A fault
    Fault,
}

/// A translation that software asks the IOMMU for by `tr_req_iova` and `tr_req_ctl`, in the name of a device. The step
/// waits for the answer.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DebugTranslate {
    /// In the name of this device
    pub device: Option<At<String>>,
    /// Or of a device_id that no device of the scenario has
    pub device_id: Option<At<Number>>,
    /// The process_id, if there is one (PV and PID)
    pub process: Option<At<Number>>,
    /// Supervisor privilege, which means something only with a process_id
    #[serde(default)]
    pub privileged: bool,
    /// For execution; NW goes with it
    #[serde(default)]
    pub execute: bool,
    /// For reads alone (NW); without it write permission is asked for as well
    #[serde(default)]
    pub no_write: bool,
    /// Which address
    pub address: At<Number>,
    /// What `tr_response` must say
    #[serde(default)]
    pub expect: Answered,
    /// The physical address that it must lead to
    pub to: Option<At<Number>>,
    /// The largest range that it may show: a power of two of bytes, at least 4K. An IOMMU may always show less
    pub size: Option<At<Size>>,
    /// The cause that the fault record must have, or a list of those that it may have
    pub cause: Option<At<Causes>>,
    /// The call must fail with this error: EOPNOTSUPP where there is no such interface
    pub fails: Option<At<Errno>>,
}
