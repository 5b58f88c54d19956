// SPDX-License-Identifier: Apache-2.0
//! Writing where the reader may be gone: `lockstep run | head` is no reason to fail.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

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

/// Where a file of results has this name, it goes to stdout.
pub fn is_stdout(path: Option<&Path>) -> bool {
    path == Some(Path::new("-"))
}

/// What prints a text for people: on stdout, unless one of these files of results goes there.
pub fn beside(files: &[Option<&Path>]) -> fn(&str) {
    if files.iter().any(|path| is_stdout(*path)) { stderr } else { stdout }
}

/// Prints a message.
pub fn stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A result file that is still to be written. It takes the place of an older one in one step, and only when all of it is on
/// the disk.
#[derive(Debug)]
pub struct Reserved {
    path: PathBuf,
    /// None where nothing can be replaced: stdout, a pipe, a device
    new: Option<NamedTempFile>,
}

impl Reserved {
    /// Makes sure that the file can be written, before there is anything to write.
    ///
    /// # Errors
    /// [`WriteError`]: no such folder, no right to write.
    pub fn open(path: &Path) -> Result<Reserved, WriteError> {
        let failed = |error| WriteError { path: path.to_owned(), error };
        let is_special = is_stdout(Some(path)) || path.metadata().is_ok_and(|there| !there.is_file());
        if is_special {
            if path.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            return Ok(Reserved { path: path.to_owned(), new: None });
        }
        // A link stays one.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let new = Builder::new()
            .prefix(".lockstep-")
            // As any other new file has it, less what the umask takes.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|error| WriteError { path: path.clone(), error: without_path(&error) })?;
        Ok(Reserved { path, new: Some(new) })
    }

    /// Writes it, to its last byte.
    ///
    /// # Errors
    /// [`WriteError`]: the disk is full. What was there before is still there.
    pub fn write(self, text: &str) -> Result<(), WriteError> {
        let Reserved { path, new } = self;
        let write = || match new {
            Some(mut new) => {
                new.write_all(text.as_bytes())?;
                // A full disk may show only here.
                new.as_file().sync_all()?;
                new.persist(&path).map(drop).map_err(|error| error.error)
            }
            None if is_stdout(Some(&path)) => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(text.as_bytes())?;
                stdout.flush()
            }
            None => File::create(&path)?.write_all(text.as_bytes()),
        };
        write().map_err(|error| WriteError { path: path.clone(), error: without_path(&error) })
    }
}

/// The error alone: of a temporary file nobody wants to read.
fn without_path(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Writes a result file, to its last byte; `-` is stdout.
///
/// # Errors
/// [`WriteError`]: no such folder, no right to write, the disk is full.
pub fn file(path: &Path, text: &str) -> Result<(), WriteError> {
    Reserved::open(path)?.write(text)
}
