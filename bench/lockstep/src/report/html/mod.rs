// SPDX-License-Identifier: Apache-2.0
//! For people with a browser: one file, which asks no network for anything.
//!
//! What is read without JavaScript is here as HTML: how it went, the kinds of failure with their evidence, a line for each
//! scenario. The table of all runs is made by `page.js` from data in the page, since thousands of runs as HTML would be too
//! much for a file and for a browser.

mod data;
mod evidence;
mod failures;
mod head;
mod picture;
mod runs;
mod scenarios;
mod waived;
mod words;

use maud::{DOCTYPE, PreEscaped, html as markup};

use self::evidence::Shelf;
use super::kinds;
use super::result::Report;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The report as an HTML document. The same report gives the same document, to the byte.
pub fn html(report: &Report) -> String {
    let buckets = kinds::buckets(report);
    let names = failures::names(&buckets);
    // What comes first has room first.
    let mut shelf = Shelf::new();
    let failures = failures::section(&buckets, &names, report.since.as_ref(), &mut shelf);
    let data = data::of(report, &buckets, &names, &mut shelf);
    // Whoever slips a script into a name or a reason cannot know this, since it depends on all of it: only ours is carried out.
    let nonce = blake3::hash(data.as_bytes()).to_hex().to_string();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    );
    let document = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content="lockstep";
                title { (head::title(report)) }
                style nonce=(nonce) { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "To the results" }
                (head::header(report))
                (head::navigation(report, buckets.len()))
                main id="main" tabindex="-1" {
                    (head::summary(report))
                    (failures)
                    (scenarios::section(report))
                    (runs::section(report))
                    (scenarios::performance(report))
                    (waived::section(report))
                    (head::origin(report))
                }
                footer { p { "Made by lockstep " (env!("CARGO_PKG_VERSION")) ". Nothing in this page is loaded from elsewhere." } }
                (shelf.render())
                script type="application/json" id="data" { (PreEscaped(data)) }
                script nonce=(nonce) { (PreEscaped(SCRIPT)) }
            }
        }
    };
    let mut text = document.into_string();
    text.push('\n');
    text
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
