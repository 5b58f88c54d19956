// SPDX-License-Identifier: Apache-2.0
//! `lockstep diff`: two regressions beside each other.

use super::args::DiffArgs;
use super::error::CommandError;
use super::{output, results};
use crate::report::{self, ExitCode, Named};

/// Compares results, and says what differs. Exits with 1 if something fails that did not.
///
/// # Errors
/// [`CommandError`]
pub fn run(args: &DiffArgs) -> Result<ExitCode, CommandError> {
    let [old, new] = [&args.old, &args.new].map(|path| results::read(path, report::read_results));
    let (old, new) = (old?, new?);
    let diff = report::diff(&old, &new);
    let print = output::beside(&[args.json.as_deref(), args.markdown.as_deref(), args.html.as_deref()]);
    print(&report::diff_text(&diff));
    if let Some(path) = &args.json {
        let mut text = serde_json::to_string_pretty(&diff).unwrap_or_default();
        text.push('\n');
        output::file(path, &text)?;
    }
    if let Some(path) = &args.markdown {
        output::file(path, &report::diff_markdown(&diff))?;
    }
    if let Some(path) = &args.html {
        let [before, now] = [&args.old, &args.new].map(|path| path.display().to_string());
        let (before, now) = (Named { file: &before, report: &old }, Named { file: &now, report: &new });
        output::file(path, &report::diff_html(before, now, &diff))?;
    }
    Ok(if diff.is_worse() { ExitCode::Failed } else { ExitCode::Passed })
}
