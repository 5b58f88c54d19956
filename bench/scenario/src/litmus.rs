// SPDX-License-Identifier: Apache-2.0
//! Litmus tests: small programs with a question, and the answer of the specification.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;

/// What makes a scenario a litmus test: the description asks whether something may be seen, and this answers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Litmus {
    /// What the specification says
    pub answer: LitmusAnswer,
    /// Where it says so
    pub section: At<String>,
    /// What a device with this illegal habit (`lockstep habits`) shows is forbidden, and has to be found
    #[serde(default)]
    pub habit: Option<At<String>>,
}

/// Whether something may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LitmusAnswer {
    /// A legal device may show it, and another one need not
    Allowed,
    /// No legal device shows it
    Forbidden,
}

impl fmt::Display for LitmusAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LitmusAnswer::Allowed => "allowed",
            LitmusAnswer::Forbidden => "forbidden",
        })
    }
}
