// SPDX-License-Identifier: Apache-2.0
//! For programs: one JSON document. Its keys stand in alphabetical order.

use serde_json::Value;

use super::document::Document;
use super::kinds;
use super::perf::Perf;
use super::perf_document::PerfDocument;
use super::result::Report;

/// The report as a JSON document with a newline at its end. Everything that depends on the machine or the day is in
/// `times`: without it, two regressions with the same seed and device give the same document, whatever `-j` was.
pub fn json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(&document(report)).unwrap_or_default();
    text.push('\n');
    text
}

/// As [`json`], on one line.
pub fn compact(report: &Report) -> String {
    let mut text = document(report).to_string();
    text.push('\n');
    text
}

/// What `lockstep perf` found, as a JSON document. What depends on the machine or the day is in `times`.
pub fn perf_json(perf: &Perf) -> String {
    let document = serde_json::to_value(PerfDocument::of(perf)).unwrap_or_default();
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn document(report: &Report) -> Value {
    serde_json::to_value(Document::of(report, kinds::documents(report))).unwrap_or_default()
}
