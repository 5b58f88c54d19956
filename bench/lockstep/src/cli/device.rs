// SPDX-License-Identifier: Apache-2.0
//! The device under test is built once, before the workers start.

use std::path::{Path, PathBuf};

use hdl::{BuildError, BuildOptions, Description, DescriptionError, LintReport, Rtl};
use oracle::Bound;
use scenario::did_you_mean;

use super::args::{DeviceArgs, Dut};
use crate::runner::Device;

impl DeviceArgs {
    /// As reports name it.
    pub(super) fn name(&self) -> String {
        match self.dut {
            Dut::Model => "the model".to_owned(),
            Dut::Rtl => self.rtl.display().to_string(),
        }
    }
}

/// The device under test is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Its description
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// Its sources: the compiler's own message, with file and line
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A choice that nobody knows
    #[error("{}: `{name}` under `choices` is no choice that the specification leaves open{}", .file.display(), .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
    Choice {
        /// The description
        file: PathBuf,
        /// The key
        name: String,
        /// What might be meant
        hint: Option<String>,
    },
    /// Warnings about its sources
    #[error(transparent)]
    Lint(#[from] LintReport),
}

/// Where libraries are kept, in the current folder.
const TARGET: &str = "target";

/// Builds the device under test, if it is not built already. It is kept below `target` in the current folder.
///
/// # Errors
/// [`DeviceError`]
pub fn build(args: &DeviceArgs) -> Result<Device, DeviceError> {
    built(args, BuildOptions::new(TARGET))
}

fn built(args: &DeviceArgs, options: BuildOptions) -> Result<Device, DeviceError> {
    match args.dut {
        Dut::Model => Ok(Device::Model),
        Dut::Rtl => {
            let description = Description::read(&args.rtl)?;
            let library = Rtl::build(&description, &options)?;
            tracing::info!(library = %library.file().display(), fresh = library.fresh(), "RTL built");
            if !library.warnings().is_empty() {
                tracing::info!("Verilator:\n{}", library.warnings());
            }
            let capabilities = description.capabilities.unwrap_or(u64::MAX);
            let choices = bound(&args.rtl, &description)?;
            Ok(Device::Rtl { library: library.file().to_owned(), capabilities, choices })
        }
    }
}

/// The choices that a description binds.
fn bound(file: &Path, description: &Description) -> Result<Bound, DeviceError> {
    let mut bound = Bound::FREE;
    for (name, &value) in &description.choices {
        if !bound.bind(name, value) {
            let hint = did_you_mean(name, Bound::NAMES);
            return Err(DeviceError::Choice { file: file.to_owned(), name: name.clone(), hint });
        }
    }
    Ok(bound)
}

/// As [`build`], able to write waves.
///
/// # Errors
/// [`DeviceError`]; the model has no waves, and stays as it is.
pub fn build_with_waves(args: &DeviceArgs) -> Result<Device, DeviceError> {
    built(args, BuildOptions::new(TARGET).waves())
}

/// Checks an RTL with all of Verilator's warnings on.
///
/// # Errors
/// [`DeviceError`]
pub fn lint(description: &Path) -> Result<(), DeviceError> {
    Ok(Rtl::lint(&Description::read(description)?, &BuildOptions::new(TARGET))?)
}
