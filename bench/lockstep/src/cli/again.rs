// SPDX-License-Identifier: Apache-2.0
//! `lockstep run --rerun-failed`: what failed in results from before is played again.

use std::path::Path;

use super::error::CommandError;
use crate::runner::Again;

/// The runs that failed in what `lockstep run --json` has written; `-` is stdin.
///
/// # Errors
/// [`CommandError::Setting`]: these are no results.
pub fn failed(path: &Path) -> Result<Vec<Again>, CommandError> {
    let wrong = |error: String| CommandError::Setting(format!("{}: {error}", path.display()));
    let text = match path == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| wrong(format!("cannot be read: {error}")))?;
    Again::failed(&text).map_err(|error| wrong(format!("these are no results of `lockstep run --json`: {error}")))
}
