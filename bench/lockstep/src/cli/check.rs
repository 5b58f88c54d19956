// SPDX-License-Identifier: Apache-2.0
//! `lockstep check`: what is wrong with scenarios, before anybody plays them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use scenario::{Diagnostics, Requirement};

use super::args::{Check, DeviceArgs, Dut};
use super::error::CommandError;
use super::{device, output};
use crate::report::ExitCode;
use crate::runner::{self, Device, Loaded, Plan, SelectError, Selected};

/// Checks files: each alone, that no two name their scenarios alike, and what an RTL lacks that they need.
///
/// # Errors
/// [`CommandError`]: a folder cannot be read, the RTL does not build.
pub fn run(check: &Check, colours: bool) -> Result<ExitCode, CommandError> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in &check.files {
        if path.is_dir() { paths.extend(runner::files(path)?) } else { paths.push(path.clone()) }
    }
    let rtl = check.rtl.as_ref().map(|rtl| device::build(&DeviceArgs { dut: Dut::Rtl, rtl: rtl.clone() }, None));
    let rtl = rtl.transpose()?;
    let mut code = if paths.is_empty() { ExitCode::Nothing } else { ExitCode::Passed };
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in paths {
        let result = runner::load(&path).and_then(|loaded| is_new(&mut names, &path, loaded));
        match result {
            Ok(loaded) => told(&path, loaded, rtl.as_ref(), colours)?,
            Err(error) => {
                code = ExitCode::Usage;
                match error {
                    SelectError::Wrong(diagnostics) => output::stdout(&diagnostics.render(colours)),
                    other => output::stderr(&format!("error: {other}\n")),
                }
            }
        }
    }
    Ok(code)
}

/// No file before has a scenario of this name; the same file may be given twice.
fn is_new(names: &mut BTreeMap<String, PathBuf>, path: &Path, loaded: Loaded) -> Result<Loaded, SelectError> {
    let name = &loaded.scenario.name.value;
    let same = |a: &Path, b: &Path| a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a));
    match names.get(name) {
        Some(first) if !same(first, path) => {
            Err(SelectError::Twice { name: name.clone(), first: first.clone(), second: path.to_owned() })
        }
        _ => {
            names.insert(name.clone(), path.to_owned());
            Ok(loaded)
        }
    }
}

fn told(path: &Path, loaded: Loaded, rtl: Option<&Device>, colours: bool) -> Result<(), CommandError> {
    let variants = loaded.scenario.variants();
    let noun = if variants.len() == 1 { "variant" } else { "variants" };
    let warnings = loaded.scenario.warnings();
    let fate = if warnings.is_empty() { "good" } else { "good, but read the warning" };
    let (file, name, count) = (path.display(), loaded.scenario.name.clone(), variants.len());
    let warnings = Diagnostics::new(&file.to_string(), &loaded.text, warnings).render(colours);
    let lacking = rtl.map(|rtl| lacking(rtl, Selected { loaded, variants })).transpose()?.unwrap_or_default();
    output::stdout(&format!("{file}: {fate}: {name}, {count} {noun}{lacking}\n{warnings}"));
    Ok(())
}

/// How many variants the model plays in place of an RTL, and for lack of what.
fn lacking(rtl: &Device, selected: Selected) -> Result<String, CommandError> {
    let plan = Plan { base: 1, seeds: Some(1), replay: None, policy: None, device: rtl.clone(), fail_alloc: None };
    let jobs = plan.jobs(&[selected]).map_err(|problem| CommandError::Setting(problem.message))?;
    let without = jobs.iter().filter(|planned| !planned.stands_in_for.is_empty()).count();
    let needed: BTreeSet<Requirement> = jobs.iter().flat_map(|planned| planned.stands_in_for.iter().copied()).collect();
    let needed: Vec<String> = needed.iter().map(ToString::to_string).collect();
    Ok(match without {
        0 => String::new(),
        _ => format!("; the RTL lacks {}: {without} not applicable", needed.join(", ")),
    })
}
