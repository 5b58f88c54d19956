// SPDX-License-Identifier: Apache-2.0
//! Shapes of DMA transactions: what AXI allows, in the words of scenarios.

use schemars::JsonSchema;
use serde::Deserialize;

/// How the addresses of a burst's beats go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BurstKind {
    /// They ascend
    #[default]
    Incr,
    /// All beats are at one address
    Fixed,
    /// They ascend to the end of an aligned block, and go on at its beginning
    Wrap,
}

/// Which bursts a stream makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shapes {
    /// Ascending bursts of whole doublewords
    #[default]
    Doublewords,
    /// All that AXI allows: INCR, FIXED and WRAP, beats of 1 to 8 bytes, from any address
    Any,
}
