// SPDX-License-Identifier: Apache-2.0
//! `lockstep merge`: the results of several machines as those of one.

use super::args::Merge;
use super::error::CommandError;
use super::result_files::ResultFiles;
use super::results;
use crate::report::{self, ExitCode};

/// Puts parts of a regression together, and says what one machine would have said.
///
/// # Errors
/// [`CommandError`]: a file that cannot be read or written, parts that do not fit together or are missing.
pub fn run(merge: &Merge, colours: bool) -> Result<ExitCode, CommandError> {
    let mut parts = Vec::new();
    for path in &merge.parts {
        parts.push((path.display().to_string(), results::read(path, report::read_results)?));
    }
    let report = report::merge(parts, merge.partial).map_err(|error| CommandError::Setting(error.to_string()))?;
    let files = ResultFiles::open(&merge.results)?;
    let text = format!("{}\n{}", report::failures(&report, colours), report::summary(&report, colours));
    files.print(text.trim_start_matches('\n'));
    files.write(&report)
}
