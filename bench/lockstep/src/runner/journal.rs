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

/// The last line of a command that ended: its results are where it wrote them.
const ENDED: &str = r#"{"ended":true}"#;

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
    /// It has results of a command that did not end, which a new one would lose
    #[error(
        "{path} has {count} results of a command that did not end: --resume {path} goes on with it; to begin anew, \
         remove that file",
        path = .path.display()
    )]
    HasResults {
        /// Which
        path: PathBuf,
        /// How many
        count: usize,
    },
    /// Another build of lockstep has written it
    #[error("{path} is of another build of lockstep, which may judge otherwise: remove it, and play everything anew", path = .path.display())]
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
    /// An empty one. A journal of a command that ended may be in its place; it goes.
    ///
    /// # Errors
    /// [`JournalError`]: among them a file that holds anything else, which is left as it is.
    pub fn begin(path: &Path) -> Result<Journal, JournalError> {
        let at = |error| JournalError::File { path: path.to_owned(), error };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(at)?;
        }
        let mut file = opened(path, true)?;
        let before = Contents::read(&mut file, path)?;
        if !before.ended && !before.known.is_empty() {
            return Err(JournalError::HasResults { path: path.to_owned(), count: before.known.len() });
        }
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
        let contents = Contents::read(&mut file, path)?;
        if contents.is_empty {
            return Err(JournalError::Format { path: path.to_owned(), what: "it is empty".to_owned() });
        }
        // A line that was cut short is of a run that had not been written down: it goes. So does the end: it goes on.
        file.set_len(contents.whole).map_err(at)?;
        Ok(Journal { path: path.to_owned(), known: contents.known, file: Mutex::new(Ok(file)) })
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
        if is_stopped(played) {
            return Ok(());
        }
        let run = format!("{}{} {:#010x}", job.scenario, job.variant, job.seed);
        let line = Line { job: key(job), run, played: played.clone() };
        let text = serde_json::to_string(&line).map_err(io::Error::from);
        self.write(&mut file, text)
    }

    /// Writes down that the command has ended: nobody has to resume it.
    ///
    /// # Errors
    /// The journal cannot be written, and that has not been said yet.
    pub fn end(&self) -> Result<(), JournalError> {
        let Ok(mut file) = self.file.lock() else { return Ok(()) };
        self.write(&mut file, Ok(ENDED.to_owned()))
    }

    fn write(&self, file: &mut io::Result<File>, text: io::Result<String>) -> Result<(), JournalError> {
        let Ok(open) = file else { return Ok(()) };
        let Err(error) = text.and_then(|text| open.write_all(format!("{text}\n").as_bytes())) else { return Ok(()) };
        *file = Err(io::Error::from(error.kind()));
        Err(JournalError::File { path: self.path.clone(), error })
    }
}

/// What is in a journal.
struct Contents {
    known: FxHashMap<String, Played>,
    /// The command has ended
    ended: bool,
    /// There is no first line
    is_empty: bool,
    /// How many bytes its whole lines have, without the one that says that the command has ended
    whole: u64,
}

impl Contents {
    fn read(file: &mut File, path: &Path) -> Result<Contents, JournalError> {
        let at = |error| JournalError::File { path: path.to_owned(), error };
        let wrong = |what: String| JournalError::Format { path: path.to_owned(), what };
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(at)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let mut contents = Contents { known: FxHashMap::default(), ended: false, is_empty: true, whole: whole as u64 };
        // A first line that was cut short is of a command that had played nothing, or of no journal at all.
        let lines = if whole == 0 { &text[..] } else { &text[..whole] };
        let mut lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate();
        let Some((_, first)) = lines.next() else { return Ok(contents) };
        let written: Head = serde_json::from_slice(first).map_err(|error| wrong(format!("line 1: {error}")))?;
        if written != head().map_err(at)? {
            return Err(JournalError::OtherBuild { path: path.to_owned() });
        }
        contents.is_empty = false;
        for (number, line) in lines {
            contents.ended = line == ENDED.as_bytes();
            if contents.ended {
                contents.whole -= ENDED.len() as u64 + 1;
                continue;
            }
            let line: Line =
                serde_json::from_slice(line).map_err(|error| wrong(format!("line {}: {error}", number + 1)))?;
            contents.known.insert(line.job, line.played);
        }
        Ok(contents)
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
pub(super) fn key(job: &Job) -> String {
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
