// SPDX-License-Identifier: Apache-2.0
//! What whoever asks for a translation must see.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a device sees of its transaction, or software of the translation that it asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// Either; the oracle judges it all the same
    #[default]
    Any,
    /// It is done
    Ok,
    /// It is refused
    Fault,
}
