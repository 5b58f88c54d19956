// SPDX-License-Identifier: Apache-2.0
//! A journal of results: what became of a job is written down as soon as it has ended, so that nothing that ends the
//! process costs a finished result. A line of JSON each; the last one may be cut short.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use testbench::End;

use super::job::{Device, Job, Reply};
use super::pool::Played;

/// The first line: whose results these are. Another build of lockstep may judge otherwise.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    /// Format of the journal
    journal: u32,
    /// Version of lockstep
    lockstep: String,
    /// Size of the program, and when it was built: nanoseconds since 1970
    program: (u64, u128),
}

/// The format that is written.
const FORMAT: u32 = 1;

/// What became of a job.
#[derive(Serialize, Deserialize)]
struct Line {
    /// Which job, by all that its result depends on
    job: String,
    /// For people
    run: String,
    played: Played,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written
    #[error("cannot use the journal {path}: {error}", path = .path.display())]
    File {
        /// Which
        path: PathBuf,
        /// Why
        error: io::Error,
    },
    /// It is none
    #[error("{path} is no journal of lockstep: {what}", path = .path.display())]
    Format {
        /// Which
        path: PathBuf,
        /// What is wrong
        what: String,
    },
    /// Another process is writing it
    #[error("{path} is in use: another lockstep is still playing", path = .path.display())]
    InUse {
        /// Which
        path: PathBuf,
    },
    /// Another build of lockstep has written it
    #[error("{path} is of another build of lockstep, which may judge otherwise: play everything anew", path = .path.display())]
    OtherBuild {
        /// Which
        path: PathBuf,
    },
}

/// A journal that is open. It is locked until it is dropped.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    known: FxHashMap<String, Played>,
    file: Mutex<io::Result<File>>,
}

impl Journal {
    /// An empty one; what was in the file is lost.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn begin(path: &Path) -> Result<Journal, JournalError> {
        let at = |error| JournalError::File { path: path.to_owned(), error };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(at)?;
        }
        let mut file = opened(path, true)?;
        file.set_len(0).map_err(at)?;
        let mut line = serde_json::to_string(&head().map_err(at)?).map_err(|error| at(error.into()))?;
        line.push('\n');
        file.write_all(line.as_bytes()).map_err(at)?;
        Ok(Journal { path: path.to_owned(), known: FxHashMap::default(), file: Mutex::new(Ok(file)) })
    }

    /// One that is there, to which more is added.
    ///
    /// # Errors
    /// [`JournalError`]
    pub fn resume(path: &Path) -> Result<Journal, JournalError> {
        let at = |error| JournalError::File { path: path.to_owned(), error };
        let mut file = opened(path, false)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(at)?;
        // A line that was cut short is of a run that had not been written down: it goes.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        file.set_len(whole as u64).map_err(at)?;
        let wrong = |what: String| JournalError::Format { path: path.to_owned(), what };
        let mut lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate();
        let Some((_, first)) = lines.next() else { return Err(wrong("it is empty".to_owned())) };
        let written: Head = serde_json::from_slice(first).map_err(|error| wrong(format!("line 1: {error}")))?;
        if written != head().map_err(at)? {
            return Err(JournalError::OtherBuild { path: path.to_owned() });
        }
        let mut known = FxHashMap::default();
        for (number, line) in lines {
            let line: Line =
                serde_json::from_slice(line).map_err(|error| wrong(format!("line {}: {error}", number + 1)))?;
            known.insert(line.job, line.played);
        }
        Ok(Journal { path: path.to_owned(), known, file: Mutex::new(Ok(file)) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many results it had when it was opened.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// It had none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What became of a job, if that is known from before.
    pub fn known(&self, job: &Job) -> Option<Played> {
        if self.known.is_empty() { None } else { self.known.get(&key(job)).cloned() }
    }

    /// Writes down what became of a job. What was stopped from outside is to be played again, and is not written down.
    ///
    /// # Errors
    /// The journal cannot be written. This is said once: from then on nothing is written.
    pub fn note(&self, job: &Job, played: &Played) -> Result<(), JournalError> {
        let Ok(mut file) = self.file.lock() else { return Ok(()) };
        let (Ok(open), false) = (&mut *file, is_stopped(played)) else { return Ok(()) };
        let run = format!("{}{} {:#010x}", job.scenario, job.variant, job.seed);
        let line = Line { job: key(job), run, played: played.clone() };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            open.write_all(&text)
        });
        let Err(error) = written else { return Ok(()) };
        *file = Err(io::Error::from(error.kind()));
        Err(JournalError::File { path: self.path.clone(), error })
    }
}

/// The file, locked.
fn opened(path: &Path, create: bool) -> Result<File, JournalError> {
    let at = |error| JournalError::File { path: path.to_owned(), error };
    let file = OpenOptions::new().read(true).append(true).create(create).open(path).map_err(at)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: path.to_owned() }),
        // Not every file system has locks.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(at(error)),
    }
}

fn head() -> io::Result<Head> {
    let program = std::env::current_exe()?.metadata()?;
    let built = program.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Head {
        journal: FORMAT,
        lockstep: env!("CARGO_PKG_VERSION").to_owned(),
        program: (program.len(), built.as_nanos()),
    })
}

/// All that the result of a job depends on. The folder of a device's library is named after what it was built from: where
/// that folder is does not matter.
fn key(job: &Job) -> String {
    let mut job = Job { waves: None, record: None, timeout: None, ..job.clone() };
    if let Device::Rtl { library, .. } = &mut job.device {
        let parts: Vec<_> = library.components().rev().take(2).collect();
        *library = parts.into_iter().rev().collect();
    }
    let text = serde_json::to_string(&job).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Nothing is known of the device: it ran out of time on the wall clock, or its worker was killed, or not started.
fn is_stopped(played: &Played) -> bool {
    match played {
        Played::Killed { .. } | Played::TimedOut { .. } | Played::Replied(Reply::Failed { .. }) => true,
        Played::Replied(Reply::Played { outcome, .. }) => matches!(outcome.end, End::OutOfTime { .. }),
        Played::Crashed { .. } => false,
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
