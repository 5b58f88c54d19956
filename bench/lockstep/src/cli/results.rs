// SPDX-License-Identifier: Apache-2.0
//! Results of before, as `lockstep run --json` has written them.

use std::fmt::Display;
use std::path::Path;

use super::error::CommandError;

/// Reads a file of results, and what is wanted of it; `-` is stdin.
///
/// # Errors
/// [`CommandError::Setting`]: it cannot be read, or has no results.
pub fn read<T, E: Display>(path: &Path, of: impl FnOnce(&str) -> Result<T, E>) -> Result<T, CommandError> {
    let text = match path == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let unreadable = |error| CommandError::Setting(format!("cannot read {}: {error}", path.display()));
    of(&text.map_err(unreadable)?).map_err(|error| CommandError::Setting(format!("{}: {error}", path.display())))
}
