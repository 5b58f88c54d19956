// SPDX-License-Identifier: Apache-2.0
//! Files that belong to a run: its traces and waves are named after it.

use std::path::{Path, PathBuf};

use super::error::CommandError;
use crate::runner::{Job, RunReport, TRACE, file_of_run};

/// The trace of a job in this folder.
pub fn trace_of(folder: &Path, job: &Job) -> PathBuf {
    file_of_run(folder, &job.scenario, &job.variant.to_string(), job.seed, TRACE)
}

/// The trace of a run in this folder.
pub fn trace_of_run(folder: &Path, run: &RunReport) -> PathBuf {
    file_of_run(folder, &run.scenario, &run.variant, run.seed, TRACE)
}

/// A job is that of a run.
pub fn is_of(job: &Job, run: &RunReport) -> bool {
    job.scenario == run.scenario && job.seed == run.seed && job.variant.to_string() == run.variant
}

/// Makes a folder for what runs leave.
///
/// # Errors
/// [`CommandError::Setting`]
pub fn make_folder(folder: &Path) -> Result<(), CommandError> {
    std::fs::create_dir_all(folder)
        .map_err(|error| CommandError::Setting(format!("cannot make the folder {}: {error}", folder.display())))
}
