// SPDX-License-Identifier: Apache-2.0
//! The room for the table of all runs: `page.js` fills it.

use maud::{Markup, html};

use super::super::result::Report;
use super::words::count;
use crate::runner::Verdict;

/// What `result` in the address of the page may be, in words.
const RESULTS: [(&str, &str); 6] = [
    ("", "all"),
    ("failed", "failed"),
    ("passed", "passed"),
    ("stand-in", "not applicable: played by the model"),
    ("waived", "went past what is waived"),
    ("not-shown", "show nothing"),
];

/// The form that searches, and the table.
pub(super) fn section(report: &Report) -> Markup {
    html! {
        section id="runs" aria-labelledby="runs-title" {
            h2 id="runs-title" { "Runs" }
            noscript {
                p {
                    "The table of " (count(report.runs.len(), "run")) " is made by JavaScript, which is off. All else in this \
                     page is read without; the file of results that goes with it (--json) has each run."
                }
            }
            form.filter role="search" aria-label="Search in runs" hidden {
                label { "Text" input type="search" name="q" autocomplete="off" placeholder="scenario, kind, seed …"; }
                label {
                    "Result"
                    select name="result" { @for (value, words) in RESULTS { option value=(value) { (words) } } }
                }
                label {
                    "Verdict"
                    select name="verdict" {
                        option value="" { "any" }
                        @for verdict in Verdict::ALL { option value=(verdict.name()) { (verdict.name()) } }
                    }
                }
                label { "Scenario" select name="scenario" { option value="" { "any" } } }
                label { "Kind of failure" select name="kind" { option value="" { "any" } } }
                button type="reset" { "Show all" }
            }
            p id="found" role="status" aria-live="polite" {}
            div id="table" {}
        }
    }
}
