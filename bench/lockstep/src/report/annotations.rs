// SPDX-License-Identifier: Apache-2.0
//! For GitHub Actions: annotations on the run's page, and on the lines of scenarios and waivers.

use std::path::Path;

use super::result::Report;
use super::terminal::explain;
use crate::waivers::State;

/// GitHub shows no more of a kind.
const MOST: usize = 10;

/// A workflow command for each run that failed, one of each scenario first; and one for each waiver.
pub fn annotations(report: &Report) -> String {
    let mut text = String::new();
    let failed = || report.runs.iter().filter(|run| !run.passed);
    let mut seen: Vec<&str> = Vec::new();
    let (first, more): (Vec<_>, Vec<_>) = failed().partition(|run| {
        let is_first = !seen.contains(&run.scenario.as_str());
        seen.push(&run.scenario);
        is_first
    });
    for run in first.into_iter().chain(more).take(MOST) {
        let place = place(&run.file, run.line as usize);
        let title = property(&format!("{}: {}", run.id, run.verdict));
        text.push_str(&format!("::error {place}title={title}::{}\n", data(&explain(run))));
    }
    for waiver in super::waived::told(report) {
        let level = match waiver.state {
            State::Used => "notice",
            State::Unused | State::Expired => "warning",
        };
        let place = place(report.waivers_file.as_deref().unwrap_or_default(), waiver.waiver.line);
        text.push_str(&format!("::{level} {place}title=waiver::{}\n", data(&super::waived::line(waiver))));
    }
    text
}

/// Where it belongs, if that is a file of the repository.
fn place(file: &str, line: usize) -> String {
    if file.is_empty() || line == 0 || Path::new(file).is_absolute() {
        return String::new();
    }
    format!("file={},line={line},", property(file))
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
