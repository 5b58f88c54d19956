// SPDX-License-Identifier: Apache-2.0
//! Files that belong to a run: its traces and waves are named after it.

use std::path::{Path, PathBuf};

use crate::runner::{Job, RunReport};

/// What the name of a trace ends in.
const EXTENSION: &str = ".trace.gz";

/// The trace of a job in this folder.
pub fn trace_of(folder: &Path, job: &Job) -> PathBuf {
    file_of(folder, &job.scenario, &job.variant.to_string(), job.seed, EXTENSION)
}

/// The trace of a run in this folder.
pub fn trace_of_run(folder: &Path, run: &RunReport) -> PathBuf {
    file_of(folder, &run.scenario, &run.variant, run.seed, EXTENSION)
}

/// A file name that every file system takes.
pub fn file_of(folder: &Path, scenario: &str, variant: &str, seed: u32, end: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.=+".contains(c) { c } else { '_' };
    let id: String = format!("{scenario}{variant}-{seed:08x}").chars().map(plain).collect();
    folder.join(id + end)
}

/// A job is that of a run.
pub fn is_of(job: &Job, run: &RunReport) -> bool {
    job.scenario == run.scenario && job.seed == run.seed && job.variant.to_string() == run.variant
}
