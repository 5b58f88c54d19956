// SPDX-License-Identifier: Apache-2.0
//! The store of finished builds, shared by threads and processes.

use std::fs::{File, Metadata, TryLockError};
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
        let store = Self(folder);
        store.sweep();
        Ok(store)
    }

    /// Takes away what builds have left that were killed: they hold no lock any more.
    fn sweep(&self) {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        for entry in entries {
            let path = entry.path();
            let is_left = path.extension().is_some_and(|ending| ending == "part" || ending == "lock");
            if !is_left {
                continue;
            }
            // Whoever builds this has the lock, and whoever comes next takes the folder away itself.
            let lock = path.with_extension("lock");
            if let Ok(Some(_lock)) = Lock::try_take(&lock) {
                let _ = std::fs::remove_dir_all(path.with_extension("part"));
            }
        }
    }

    /// The finished folder `name`, and whether `make` had to run for it. `waiting` is called if somebody else is at it.
    ///
    /// `make` works in a folder beside, which takes the name when it is done: a build that is interrupted leaves
    /// nothing that could be mistaken for a finished one.
    pub(crate) fn provide(
        &self,
        name: &str,
        waiting: impl FnOnce(),
        make: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<(PathBuf, bool), BuildError> {
        let done = self.0.join(name);
        if done.is_dir() {
            return Ok((done, false));
        }
        let path = self.0.join(format!("{name}.lock"));
        let unlocked = |source| BuildError::Write { file: path.clone(), source };
        let _lock = match Lock::try_take(&path).map_err(unlocked)? {
            Some(lock) => lock,
            None => {
                waiting();
                Lock::take(&path).map_err(unlocked)?
            }
        };
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
    /// Nothing if somebody has it.
    fn try_take(path: &'p Path) -> std::io::Result<Option<Self>> {
        let file = File::options().create(true).append(true).open(path)?;
        match file.try_lock() {
            Ok(()) if Self::is_of(&file, path) => Ok(Some(Self { path, _file: file })),
            // Its owner has just removed the file.
            Ok(()) => Self::take(path).map(Some),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The file is still the one under this name.
    fn is_of(file: &File, path: &Path) -> bool {
        let id = |meta: Metadata| (meta.dev(), meta.ino());
        std::fs::metadata(path).is_ok_and(|meta| file.metadata().is_ok_and(|own| id(own) == id(meta)))
    }

    fn take(path: &'p Path) -> std::io::Result<Self> {
        loop {
            let file = File::options().create(true).append(true).open(path)?;
            file.lock()?;
            // The last owner removed its file: whoever comes now locks a new one, and so must we.
            if Self::is_of(&file, path) {
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
        let failed = store.provide(
            "x",
            || (),
            |folder| {
                write(&folder.join("half"), "done")?;
                Err(BuildError::NoSources { name: "x".to_owned() })
            },
        );
        assert!(failed.is_err());
        let (folder, fresh) = store.provide("x", || (), |folder| write(&folder.join("all"), "done")).expect("a folder");
        assert!(fresh && folder.join("all").is_file() && !folder.join("half").exists());
        let (_, fresh) = store.provide("x", || (), |_| panic!("made twice")).expect("a folder");
        assert!(!fresh);
        let left: Vec<_> = std::fs::read_dir(root.path().join("duts")).expect("a store").flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn what_a_killed_build_left_is_taken_away_and_what_is_being_built_is_not() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(root.path()).expect("a store");
        let half = |name: &str| {
            let folder = store.0.join(format!("{name}.part"));
            std::fs::create_dir(&folder).and_then(|()| std::fs::write(folder.join("half"), "done")).expect("a folder");
            folder
        };
        let (left, mine) = (half("left"), half("mine"));
        let path = store.0.join("mine.lock");
        let lock = Lock::take(&path).expect("a lock");
        Store::open(root.path()).expect("a store");
        assert!(!left.exists() && mine.exists());
        assert!(Lock::try_take(&path).expect("no error").is_none());
        drop(lock);
        Store::open(root.path()).expect("a store");
        assert!(!mine.exists() && !path.exists());
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
