// SPDX-License-Identifier: Apache-2.0
//! For GitHub Actions: annotations on the run's page.

use super::result::Report;
use super::terminal::explain;

/// A workflow command for each run that failed, at most ten: GitHub shows no more.
pub fn annotations(report: &Report) -> String {
    let mut text = String::new();
    for run in report.runs.iter().filter(|run| !run.passed).take(10) {
        let title = property(&format!("{}: {}", run.id, run.verdict));
        text.push_str(&format!("::error title={title}::{}\n", data(&explain(run))));
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
