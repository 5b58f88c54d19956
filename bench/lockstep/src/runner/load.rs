// SPDX-License-Identifier: Apache-2.0
//! Scenario files: where they are, and what is in them.

use std::path::{Path, PathBuf};

use scenario::{Diagnostics, Scenario};

/// A scenario with the text that it was read from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file
    pub path: PathBuf,
    /// Its text
    pub text: String,
    /// What it says
    pub scenario: Scenario,
    /// It was asked for by its path, not by its name
    pub by_path: bool,
}

/// Why nothing could be selected.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// A scenario has mistakes
    #[error("{0}")]
    Wrong(Box<Diagnostics>),
    /// A file or folder cannot be read
    #[error("cannot read {path}: {error}", path = .path.display())]
    Unreadable {
        /// Which
        path: PathBuf,
        /// Why
        error: std::io::Error,
    },
    /// A selector matches nothing
    #[error("no scenario matches `{selector}`{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
    Unknown {
        /// The selector
        selector: String,
        /// What there is
        help: Option<String>,
    },
    /// Text in brackets that is no list of settings
    #[error("`{0}` is no selector: write `name[axis=value,axis=value]`")]
    Syntax(String),
    /// Two files have a scenario of the same name
    #[error("{first} and {second} both name their scenario `{name}`", first = .first.display(), second = .second.display())]
    Twice {
        /// The name
        name: String,
        /// One file
        first: PathBuf,
        /// The other
        second: PathBuf,
    },
}

/// Reads and checks one scenario file.
///
/// # Errors
/// [`SelectError::Unreadable`] or [`SelectError::Wrong`].
pub fn load(path: &Path) -> Result<Loaded, SelectError> {
    let unreadable = |error| SelectError::Unreadable { path: path.to_owned(), error };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let name = path.display().to_string();
    let scenario = scenario::parse(&name, &text).map_err(|wrong| SelectError::Wrong(Box::new(wrong)))?;
    Ok(Loaded { path: path.to_owned(), text, scenario, by_path: false })
}

/// All scenario files below a folder, sorted by path.
///
/// # Errors
/// [`SelectError::Unreadable`] for a folder that cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, SelectError> {
    let unreadable = |error| SelectError::Unreadable { path: folder.to_owned(), error };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            paths.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Two paths lead to one file.
pub(super) fn is_same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}
