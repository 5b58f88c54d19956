// SPDX-License-Identifier: Apache-2.0
//! For programs: one JSON document.

use serde_json::{Value, json as object};

use super::kinds;
use super::result::Report;
use super::table::rate;
use crate::runner::Verdict;

/// The format of results.
pub(super) const FORMAT: u32 = 1;

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

fn document(report: &Report) -> Value {
    let verdicts: serde_json::Map<String, Value> = Verdict::ALL
        .into_iter()
        .map(|verdict| (key(verdict), report.runs.iter().filter(|run| run.verdict == verdict).count().into()))
        .collect();
    let times: Vec<Value> = report
        .runs
        .iter()
        .map(|run| object!({ "id": run.id, "seconds": run.seconds, "cycles_per_second": rate(run.figures.cycles, run.seconds) }))
        .collect();
    let mut document = object!({
        "format": FORMAT,
        "lockstep": env!("CARGO_PKG_VERSION"),
        "device": report.device,
        "base_seed": report.base_seed,
        "origin": report.origin,
        "since": report.since,
        "summary": {
            "runs": report.runs.len(),
            "passed": report.passed(),
            "failed": report.runs.len() - report.passed(),
            "interrupted": report.interrupted,
            "not_shown": report.runs.iter().filter(|run| run.not_shown.is_some()).count(),
            "left_out": report.left_out,
            "stood_in_by_model": {
                "runs": report.stand_ins().len(),
                "passed": report.stand_ins().iter().filter(|run| run.passed).count(),
                "lacking": report.lacking(),
            },
            "exit_code": report.exit_code() as u8,
            "verdicts": verdicts,
        },
        "kinds": kinds::json(report),
        "waivers": report.waivers,
        "runs": report.runs,
        "times": {
            "build_seconds": report.times.build.as_secs_f64(),
            "play_seconds": report.times.play.as_secs_f64(),
            "runs": times,
        },
    });
    if let Some(file) = &report.waivers_file {
        document["waivers_file"] = file.as_str().into();
    }
    if let Some(part) = &report.part {
        document["shard"] = object!(part);
    }
    document
}

fn key(verdict: Verdict) -> String {
    match serde_json::to_value(verdict) {
        Ok(Value::String(key)) => key,
        _ => verdict.to_string(),
    }
}
