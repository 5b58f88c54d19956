// SPDX-License-Identifier: Apache-2.0
//! For GitHub Actions: annotations on the run's page.

use super::result::Report;
use super::terminal::explain;
use crate::waivers::State;

/// A workflow command for each run that failed, at most ten, since GitHub shows no more; and one for each waiver.
pub fn annotations(report: &Report) -> String {
    let mut text = String::new();
    for run in report.runs.iter().filter(|run| !run.passed).take(10) {
        let title = property(&format!("{}: {}", run.id, run.verdict));
        text.push_str(&format!("::error title={title}::{}\n", data(&explain(run))));
    }
    for waiver in &report.waivers {
        let (level, what) = match waiver.state {
            State::Used => ("notice", super::waived::line(waiver)),
            State::Unused | State::Expired => ("warning", super::waived::line(waiver)),
        };
        text.push_str(&format!("::{level} title=waiver::{}\n", data(&what)));
    }
    text
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
