// SPDX-License-Identifier: Apache-2.0
//! The journal of `lockstep run`: where it is, when it goes, and what is said of one that was left behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::args::Before;
use super::error::CommandError;
use super::options::Options;
use super::output;
use crate::runner::{Job, Journal, JournalError, Played};

/// Journals that nobody named.
const FOLDER: &str = "target/journals";

/// The journal that was asked for, or one of its own.
///
/// # Errors
/// [`CommandError::Journal`]. A journal that nobody asked for is done without, and that is said.
pub fn open(before: &Before) -> Result<Option<Journal>, CommandError> {
    if let Some(path) = &before.resume {
        return Ok(Some(Journal::resume(path)?));
    }
    if let Some(path) = &before.journal {
        return Ok(Some(Journal::begin(path)?));
    }
    tell_left();
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let path = Path::new(FOLDER).join(format!("{}-{}.jsonl", began.as_secs(), std::process::id()));
    match Journal::begin(&path) {
        Ok(journal) => Ok(Some(journal)),
        Err(error) => {
            output::stderr(&format!("warning: {error}: results are not safe before the end of this command\n"));
            Ok(None)
        }
    }
}

/// Nobody comes back to one that is older.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// What did not end has left its journal: the newest one is named until somebody resumes or removes it.
fn tell_left() {
    let Ok(entries) = std::fs::read_dir(FOLDER) else { return };
    let age = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok().and_then(|at| at.elapsed().ok());
    let mut left: Vec<(Duration, PathBuf)> =
        entries.flatten().filter_map(|entry| Some((age(&entry.path())?, entry.path()))).collect();
    left.sort();
    let mut told = false;
    for (age, path) in left {
        // Reading one costs time, and one note is enough.
        if told && age < KEPT {
            continue;
        }
        match Journal::resume(&path) {
            // One that is in use is of a command that goes on.
            Err(JournalError::InUse { .. }) => {}
            Ok(journal) if !journal.is_empty() && age < KEPT => {
                let (path, count) = (path.display(), journal.len());
                told = true;
                output::stderr(&format!(
                    "note: a command that did not end has left {count} results: repeat it with --resume {path}, or \
                     remove that file\n"
                ));
            }
            // Empty, too old, or of another build of lockstep.
            _ => remove(&path),
        }
    }
}

fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// What became of a job, if the journal knows.
pub fn known(options: &Options, job: &Job) -> Option<Played> {
    options.journal.as_ref().and_then(|journal| journal.known(job))
}

/// Writes down what became of a job. If that fails it is said, and the results stay where they are.
pub fn note(options: &Options, job: &Job, played: &Played) {
    if let Some(Err(error)) = options.journal.as_ref().map(|journal| journal.note(job, played)) {
        output::stderr(&format!(
            "warning: {error}: from here on results are not safe before the end of this command\n"
        ));
    }
}

/// The command has ended. `all`: every run was played, and every result is written; then a journal that nobody named goes.
pub fn close(options: &Options, before: &Before, all: bool) {
    let Some(journal) = &options.journal else { return };
    let path = journal.path();
    if all {
        if before.journal.is_none() && path.starts_with(FOLDER) {
            remove(path);
        } else {
            // Should this fail, the next command with this journal asks for its removal, and nothing is lost.
            let _ = journal.end();
        }
        return;
    }
    let path = path.display();
    output::stderr(&format!(
        "what has been played is in {path}: the same command with --resume {path} plays the rest\n"
    ));
}
