// SPDX-License-Identifier: Apache-2.0
//! Numbers as they are typed.

use scenario::parse_u64;

/// The seed of a run.
///
/// # Errors
/// What is wrong with it.
pub fn run_seed(text: &str) -> Result<u32, String> {
    match parse_u64(text) {
        Ok(0) => Err("the seed of a run is never 0".to_owned()),
        Ok(seed) => seed.try_into().map_err(|_| "the seed of a run has 32 bits".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
