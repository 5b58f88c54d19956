// SPDX-License-Identifier: Apache-2.0
//! Writing where the reader may be gone: `lockstep run | head` is no reason to fail.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A result file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {error}", path = .path.display())]
pub struct WriteError {
    path: PathBuf,
    error: io::Error,
}

/// Prints text for people.
pub fn stdout(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints a message.
pub fn stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a result file, to its last byte; `-` is stdout.
///
/// # Errors
/// [`WriteError`]: no such folder, no right to write, the disk is full.
pub fn file(path: &Path, text: &str) -> Result<(), WriteError> {
    let write = || {
        if path == Path::new("-") {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            return stdout.flush();
        }
        let mut file = File::create(path)?;
        file.write_all(text.as_bytes())?;
        // A full disk may show only here. What is no file (/dev/full, a pipe) cannot be synchronised.
        match file.sync_all() {
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error),
            _ => Ok(()),
        }
    };
    write().map_err(|error| WriteError { path: path.to_owned(), error })
}
