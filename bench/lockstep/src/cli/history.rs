// SPDX-License-Identifier: Apache-2.0
//! `lockstep history`: regressions over time.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use super::args::HistoryArgs;
use super::error::CommandError;
use super::{output, results};
use crate::report::{self, ExitCode, History, HistoryError, Report};

/// Adds results to a history, and shows what it has.
///
/// # Errors
/// [`CommandError`]
pub fn run(args: &HistoryArgs) -> Result<ExitCode, CommandError> {
    for path in &args.add {
        let report = results::read(path, report::read_results)?;
        add(&args.file, &report, args.label.as_deref())?;
    }
    let failed = failed(&args.file);
    let history = History::open(&args.file).map_err(&failed)?;
    let entries = history.entries(args.device.as_deref()).map_err(&failed)?;
    let print = output::beside(&[args.json.as_deref(), args.svg.as_deref()]);
    print(&report::history_text(&entries));
    if let Some(path) = &args.json {
        let mut text = serde_json::to_string_pretty(&entries).unwrap_or_default();
        text.push('\n');
        output::file(path, &text)?;
    }
    if let Some(path) = &args.svg {
        let mut figures = Vec::new();
        for name in report::figures() {
            figures.push((name, history.points(name, args.scenario.as_deref()).map_err(&failed)?));
        }
        let svg = report::history_plot(&entries, &figures).map_err(|error| CommandError::Setting(error.to_string()))?;
        output::file(path, &svg)?;
    }
    Ok(ExitCode::Passed)
}

/// Makes sure that a history can be used, before there is anything to add.
///
/// # Errors
/// [`CommandError::Setting`]
pub fn check(file: &Path) -> Result<(), CommandError> {
    History::create(file).map(drop).map_err(failed(file))
}

/// Adds the results of a regression to a history, which is made if it is not there.
///
/// # Errors
/// [`CommandError::Setting`]
pub fn add(file: &Path, report: &Report, label: Option<&str>) -> Result<(), CommandError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let label = label.map_or_else(commit, str::to_owned);
    let mut history = History::create(file).map_err(failed(file))?;
    history.add(report, &label, now as i64).map_err(failed(file))?;
    Ok(())
}

fn failed(file: &Path) -> impl Fn(HistoryError) -> CommandError {
    move |error| CommandError::Setting(format!("cannot use the history {}: {error}", file.display()))
}

/// The commit of the current folder, if it is of a repository.
fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}
