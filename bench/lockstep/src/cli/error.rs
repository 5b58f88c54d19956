// SPDX-License-Identifier: Apache-2.0
//! Why a command was not carried out.

use std::io;
use std::path::PathBuf;

use hdl::DescriptionError;
use vectors::{BadFile, NoWalk};

use super::args::{Colour, OUR_RTL, SCENARIOS};
use super::device::DeviceError;
use super::home::MISSING;
use super::options::colour;
use super::output::WriteError;
use crate::runner::{JournalError, SelectError};
use crate::waivers::ReadError;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The scenarios
    #[error("{}", message(.0))]
    Select(#[from] SelectError),
    /// A file of waivers
    #[error("{}", waivers_message(.0))]
    Waivers(#[from] ReadError),
    /// The device under test
    #[error("{}", device_message(.0))]
    Device(#[from] DeviceError),
    /// A result file
    #[error("error: {0}")]
    Write(#[from] WriteError),
    /// A file of cases
    #[error("error: {0}")]
    Cases(#[from] BadFile),
    /// A translation that does not exist
    #[error("error: {0}")]
    Walk(#[from] NoWalk),
    /// A trace
    #[error("error: {path}: {what}", path = .path.display())]
    Trace {
        /// The file
        path: PathBuf,
        /// What is wrong with it
        what: String,
    },
    /// A journal of results
    #[error("error: {0}")]
    Journal(#[from] JournalError),
    /// A setting that does not fit
    #[error("error: {0}")]
    Setting(String),
    /// A program cannot be started, a thread, a handler of signals
    #[error("error: cannot {what}: {error}")]
    System {
        /// What failed
        what: &'static str,
        /// Why
        error: String,
    },
}

/// And what to do where our RTL is missing.
fn device_message(error: &DeviceError) -> String {
    match error {
        DeviceError::Description(DescriptionError::Read { file, .. }) if file.as_os_str() == OUR_RTL => {
            format!("error: {error}; {MISSING}")
        }
        _ => format!("error: {error}"),
    }
}

/// Why nothing was selected. Diagnostics bring their own layout.
pub(super) fn message(error: &SelectError) -> String {
    match error {
        SelectError::Wrong(diagnostics) => diagnostics.render(colour(Colour::Auto, &io::stderr())),
        SelectError::Unreadable { path, error }
            if path.as_os_str() == SCENARIOS && error.kind() == io::ErrorKind::NotFound =>
        {
            format!("error: cannot read {}: {error}; {MISSING}", path.display())
        }
        other => format!("error: {other}"),
    }
}

/// The same for a file of waivers.
fn waivers_message(error: &ReadError) -> String {
    match error {
        ReadError::Wrong(diagnostics) => diagnostics.render(colour(Colour::Auto, &io::stderr())),
        ReadError::Unreadable { .. } => format!("error: {error}"),
    }
}
