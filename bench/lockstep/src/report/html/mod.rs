// SPDX-License-Identifier: Apache-2.0
//! For people with a browser: one file, which asks no network for anything.
//!
//! What is read without JavaScript is here as HTML: how it went, the kinds of failure with their evidence, a line for each
//! scenario. The table of all runs is made by `page.js` from data in the page, since thousands of runs as HTML would be too
//! much for a file and for a browser.

mod compared;
mod data;
mod evidence;
mod failures;
mod frame;
mod head;
mod moved;
mod picture;
mod runs;
mod scenarios;
mod waived;
mod words;

use maud::html as markup;

use self::evidence::Shelf;
use self::frame::Page;
use super::kinds;
use super::result::Report;

pub use self::compared::{Named, diff_html};

const SCRIPT: &str = concat!(include_str!("common.js"), include_str!("page.js"));

/// The report as an HTML document. The same report gives the same document, to the byte.
pub fn html(report: &Report) -> String {
    let buckets = kinds::buckets(report);
    let names = failures::names(&buckets);
    // What comes first has room first.
    let mut shelf = Shelf::new();
    let failures = failures::section(&buckets, &names, report.since.as_ref(), &mut shelf);
    let data = data::of(report, &buckets, &names, &mut shelf);
    let main = markup! {
        (head::summary(report))
        (failures)
        (scenarios::section(report))
        (runs::section(report))
        (scenarios::performance(report))
        (waived::section(report))
        (head::origin(report))
    };
    frame::render(&Page {
        title: head::title(report),
        skip: "To the results",
        header: head::header(report),
        navigation: head::navigation(report, buckets.len()),
        main,
        shelf: shelf.render(),
        data: Some(data),
        script: SCRIPT,
    })
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
