// SPDX-License-Identifier: Apache-2.0
//! `lockstep vectors` and `lockstep walk`.

use std::path::Path;

use boundary::Dut;
use hdl::Library;

use super::args::{self, DeviceArgs, On, Walk};
use super::error::CommandError;
use super::{device, output};
use crate::cases::{self, Rtl};
use crate::report::ExitCode;
use crate::runner::Device;

/// Runs cases and scores them.
///
/// # Errors
/// [`CommandError`]
pub fn score(args: &args::Vectors) -> Result<ExitCode, CommandError> {
    let mut all = vectors::read(&args.file)?;
    if let Some(class) = &args.class {
        all.retain(|case| case.class == *class);
    }
    let mut scores = vectors::Scores::default();
    match args.on {
        On::Model => all.iter().for_each(|case| scores.run_on_model(case)),
        On::Rtl if all.is_empty() => {}
        On::Rtl => {
            let library = library(&args.rtl)?;
            for case in &all {
                scores.run_on_device(case, Rtl::new(case, instance(&library, case.id)?, case.id));
            }
        }
    }
    let json = cases::json(&scores, args.on.name());
    output::beside(&[args.json.as_deref()])(&cases::text(&scores));
    if let Some(path) = &args.json {
        output::file(path, &json)?;
    }
    let total = scores.total();
    Ok(match () {
        () if !scores.mismatches.is_empty() => ExitCode::Failed,
        () if total.scored == 0 => ExitCode::Nothing,
        () => ExitCode::Passed,
    })
}

/// Prints a translation step by step.
///
/// # Errors
/// [`CommandError`]
pub fn walk(args: &Walk) -> Result<ExitCode, CommandError> {
    let cases = vectors::read(&args.case.file)?;
    let walk = vectors::Walk::of(&cases, args.case.case, args.case.op)?;
    output::stdout(&if args.json { walk.json() } else { walk.text() });
    Ok(ExitCode::Passed)
}

fn library(rtl: &Path) -> Result<Library, CommandError> {
    let args = DeviceArgs { dut: args::Dut::Rtl, rtl: rtl.to_owned() };
    match device::build(&args, None)? {
        Device::Rtl { library, .. } => Library::open(&library).map_err(load),
        Device::Model | Device::Liberties | Device::Illegal { .. } => {
            Err(CommandError::Setting("the model has no RTL".to_owned()))
        }
    }
}

fn instance(library: &Library, seed: u64) -> Result<Box<dyn Dut>, CommandError> {
    Ok(Box::new(library.instance(seed).map_err(load)?))
}

fn load(error: hdl::LoadError) -> CommandError {
    CommandError::System { what: "load the RTL", error: error.to_string() }
}
