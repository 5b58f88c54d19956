// SPDX-License-Identifier: Apache-2.0
//! What is new since another regression.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::runner::Verdict;

/// What is new, and what is gone, since other results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Since {
    /// The file of those results, as it was named
    pub results: String,
    /// Runs in both
    pub compared: usize,
    /// Kinds of failure that were not there
    pub new: Vec<KindSince>,
    /// Kinds that are not there any more
    pub gone: Vec<KindSince>,
    /// Names of runs that passed and fail
    pub newly_failed: Vec<String>,
    /// Names of runs that failed and pass
    pub newly_passed: Vec<String>,
}

/// A kind of failure that is in one regression only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KindSince {
    /// In words, without addresses, names and numbers
    pub what: String,
    /// How its runs are judged
    pub verdict: Verdict,
    /// In how many runs it is, or was
    pub runs: usize,
}
