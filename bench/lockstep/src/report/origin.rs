// SPDX-License-Identifier: Apache-2.0
//! What results came of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What results came of, beside scenarios and seeds. None of it depends on the machine or the day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// Version of lockstep
    pub lockstep: String,
    /// The command that plays all of it again; empty if it is not known
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The RTL, if the device is one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtl: Option<RtlOrigin>,
}

/// Which RTL it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RtlOrigin {
    /// As its description names it
    pub name: String,
    /// A hash of its sources and of what the description makes of them
    pub sources: String,
    /// Version of the Verilator that translated it
    pub verilator: String,
    /// Parameters and macros that the description gives Verilator
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}
