// SPDX-License-Identifier: Apache-2.0
//! The device under test is built once, before the workers start.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdl::{
    BuildError, BuildOptions, Description, DescriptionError, Library, LintReport, Rtl, VERILATOR_VERSION, Watch,
};
use oracle::Bound;
use scenario::{Offer, did_you_mean};
use serde::de::DeserializeOwned;

use super::args::{DeviceArgs, Dut};
use super::home::ours;
use super::progress::Building;
use crate::report::RtlOrigin;
use crate::runner::{Device, EVERYTHING};

impl DeviceArgs {
    /// As reports name it.
    pub(super) fn name(&self) -> String {
        match self.dut {
            Dut::Model => "the model".to_owned(),
            Dut::Liberties => "the model with liberties".to_owned(),
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

/// Where libraries are kept, in the current folder; Verilator may be in the checkout.
const TARGET: &str = "target";

/// The folder with Verilator. A folder for libraries in the current one need not have it.
fn tools() -> PathBuf {
    let venv = ours(&format!("{TARGET}/venv"));
    venv.parent().map_or_else(|| TARGET.into(), Path::to_path_buf)
}

fn options(workers: Option<usize>) -> BuildOptions {
    let mut options = BuildOptions { tools: tools(), ..BuildOptions::new(TARGET) };
    options.verilator.jobs = workers.and_then(NonZeroUsize::new);
    options
}

/// Builds the device under test, if it is not built already, with so many compilers at a time. It is kept below `target` in
/// the current folder.
///
/// # Errors
/// [`DeviceError`]
pub fn build(args: &DeviceArgs, workers: Option<usize>) -> Result<Device, DeviceError> {
    built(args, options(workers))
}

fn built(args: &DeviceArgs, options: BuildOptions) -> Result<Device, DeviceError> {
    match args.dut {
        Dut::Model => Ok(Device::Model),
        Dut::Liberties => Ok(Device::Liberties),
        Dut::Rtl => built_of(&args.rtl, &Description::read(&args.rtl)?, &options),
    }
}

fn built_of(file: &Path, description: &Description, options: &BuildOptions) -> Result<Device, DeviceError> {
    let building = Arc::new(Building::new(&description.name));
    let told = Arc::clone(&building);
    let library = Rtl::build_watched(description, options, Watch::new(move |phase| told.at(phase)));
    building.finish(library.as_ref().is_ok_and(Library::fresh));
    let library = library?;
    tracing::info!(library = %library.file().display(), fresh = library.fresh(), "RTL built");
    if !library.warnings().is_empty() {
        tracing::info!("Verilator:\n{}", library.warnings());
    }
    let choices = bound(file, description)?;
    let Offer { capabilities, follows_strap } = offer(library.file(), description.capabilities);
    Ok(Device::Rtl { library: library.file().to_owned(), capabilities, follows_strap, choices })
}

/// An RTL that was built, and what its description says of it.
pub struct Built {
    /// The device
    pub device: Device,
    /// As people call it
    pub name: String,
    /// Translations that it keeps
    pub translations: Option<u32>,
    /// File with what is known to be wrong with it
    pub waivers: Option<PathBuf>,
}

/// Builds an RTL with these parameters in place of those of its description.
///
/// # Errors
/// [`DeviceError`]
pub fn build_with(file: &Path, parameters: &[(String, String)], workers: Option<usize>) -> Result<Built, DeviceError> {
    let mut description = Description::read(file)?;
    description.design.parameters.extend(parameters.iter().cloned());
    let device = built_of(file, &description, &options(workers))?;
    let translations = description.translations();
    Ok(Built { device, name: description.name, translations, waivers: description.waivers })
}

/// Which RTL it is, if it is one.
///
/// # Errors
/// [`DeviceError`]
pub fn origin(args: &DeviceArgs) -> Result<Option<RtlOrigin>, DeviceError> {
    if args.dut.is_model() {
        return Ok(None);
    }
    let description = Description::read(&args.rtl)?;
    let design = &description.design;
    let parameters = design.parameters.iter().map(|(name, value)| format!("-G{name}={value}"));
    let defines = design.defines.iter().map(|(name, value)| match value {
        Some(value) => format!("-D{name}={value}"),
        None => format!("-D{name}"),
    });
    Ok(Some(RtlOrigin {
        name: description.name.clone(),
        sources: Rtl::sources(&description)?,
        verilator: VERILATOR_VERSION.to_owned(),
        options: parameters.chain(defines).collect(),
    }))
}

/// The file with what is waived of the device, if its description names one.
///
/// # Errors
/// [`DeviceError::Description`]
pub fn waivers(args: &DeviceArgs) -> Result<Option<PathBuf>, DeviceError> {
    match args.dut {
        Dut::Model | Dut::Liberties => Ok(None),
        Dut::Rtl => Ok(Description::read(&args.rtl)?.waivers),
    }
}

/// How long a device may take to tell what it offers.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a device offers: what its register says after reset. Where it does not answer, what its description says; what is
/// wrong with it the runs will tell.
fn offer(library: &Path, described: Option<u64>) -> Offer {
    let offer = match ask(library, described.unwrap_or(EVERYTHING)) {
        Ok(offer) => offer,
        Err(why) => {
            tracing::warn!("the device does not tell its capabilities: {why}");
            return Offer::up_to(described.unwrap_or(u64::MAX));
        }
    };
    let Offer { capabilities, follows_strap } = offer;
    if let Some(described) = described.filter(|described| described & !capabilities != 0) {
        tracing::warn!("its description says capabilities {described:#x}, and the register reads {capabilities:#x}");
    }
    if !follows_strap {
        tracing::info!("the device ignores its strap: it always has {capabilities:#x}");
    }
    offer
}

/// Asks it, behind this strap.
///
/// # Errors
/// Why it does not answer.
pub fn ask(library: &Path, strap: u64) -> Result<Offer, String> {
    in_process::<Result<Offer, String>>(&["offer", &library.display().to_string(), &format!("{strap:#x}")])?
}

/// What this program says when it is called so, in a process of its own, since a device may crash or hang.
///
/// # Errors
/// It says nothing.
pub fn in_process<T: DeserializeOwned>(arguments: &[&str]) -> Result<T, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} s", PATIENCE.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let mut answer = String::new();
    let read = child.stdout.take().map(|mut stdout| stdout.read_to_string(&mut answer));
    match read {
        Some(Ok(_)) if status.success() => serde_json::from_str(&answer).map_err(|error| error.to_string()),
        _ => Err(format!("the process that asks it ended with {status}")),
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
pub fn build_with_waves(args: &DeviceArgs, workers: Option<usize>) -> Result<Device, DeviceError> {
    built(args, options(workers).waves())
}

/// Checks an RTL with all of Verilator's warnings on.
///
/// # Errors
/// [`DeviceError`]
pub fn lint(description: &Path) -> Result<(), DeviceError> {
    Ok(Rtl::lint(&Description::read(description)?, &options(None))?)
}
