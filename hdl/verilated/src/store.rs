// SPDX-License-Identifier: Apache-2.0
//! The store of finished builds, shared by threads and processes.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::BuildError;

/// A folder of finished things, each under the name of its hash.
pub(crate) struct Store(PathBuf);

impl Store {
    pub(crate) fn open(root: &Path) -> Result<Self, BuildError> {
        let folder = root.join("duts");
        let fail = |source| BuildError::Write { file: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(fail)?;
        // The compilers run in other folders.
        let folder = folder.canonicalize().map_err(fail)?;
        Ok(Self(folder))
    }

    /// The finished folder `name`, and whether `make` had to run for it.
    ///
    /// `make` works in a folder beside, which takes the name when it is done: a build that is interrupted leaves
    /// nothing that could be mistaken for a finished one.
    pub(crate) fn provide(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<(PathBuf, bool), BuildError> {
        let done = self.0.join(name);
        if done.is_dir() {
            return Ok((done, false));
        }
        let path = self.0.join(format!("{name}.lock"));
        let _lock = Lock::take(&path).map_err(|source| BuildError::Write { file: path.clone(), source })?;
        if done.is_dir() {
            return Ok((done, false));
        }
        let work = self.0.join(format!("{name}.part"));
        let fail = |source| BuildError::Write { file: work.clone(), source };
        if work.exists() {
            std::fs::remove_dir_all(&work).map_err(fail)?;
        }
        std::fs::create_dir(&work).map_err(fail)?;
        let result = make(&work).and_then(|()| std::fs::rename(&work, &done).map_err(fail));
        if result.is_err() {
            let _ = std::fs::remove_dir_all(&work);
        }
        result.map(|()| (done, true))
    }
}

/// A lock on a name. It belongs to an open file, so it holds between threads as between processes, and goes away
/// with its owner however that ends.
struct Lock<'p> {
    path: &'p Path,
    _file: File,
}

impl<'p> Lock<'p> {
    fn take(path: &'p Path) -> std::io::Result<Self> {
        loop {
            let file = File::options().create(true).append(true).open(path)?;
            file.lock()?;
            // The last owner removed its file: whoever comes now locks a new one, and so must we.
            let id = |meta: Metadata| (meta.dev(), meta.ino());
            if std::fs::metadata(path).is_ok_and(|meta| file.metadata().is_ok_and(|own| id(own) == id(meta))) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path);
    }
}

pub(crate) fn write(file: &Path, text: &str) -> Result<(), BuildError> {
    std::fs::write(file, text).map_err(|source| BuildError::Write { file: file.to_owned(), source })
}

pub(crate) fn read(file: &Path) -> Result<String, BuildError> {
    std::fs::read_to_string(file).map_err(|source| BuildError::Source { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    #[test]
    fn a_failed_make_leaves_nothing() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(root.path()).expect("a store");
        let failed = store.provide("x", |folder| {
            write(&folder.join("half"), "done")?;
            Err(BuildError::NoSources { name: "x".to_owned() })
        });
        assert!(failed.is_err());
        let (folder, fresh) = store.provide("x", |folder| write(&folder.join("all"), "done")).expect("a folder");
        assert!(fresh && folder.join("all").is_file() && !folder.join("half").exists());
        let (_, fresh) = store.provide("x", |_| panic!("made twice")).expect("a folder");
        assert!(!fresh);
        let left: Vec<_> = std::fs::read_dir(root.path().join("duts")).expect("a store").flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_name_has_one_owner_at_a_time() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("x.lock");
        let owners = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _lock = Lock::take(&path).expect("a lock");
                        assert_eq!(owners.fetch_add(1, SeqCst), 0);
                        std::thread::yield_now();
                        assert_eq!(owners.fetch_sub(1, SeqCst), 1);
                    }
                });
            }
        });
        assert!(!path.exists());
    }
}
