// SPDX-License-Identifier: Apache-2.0
//! Entries of a file of waivers for what a regression found.

use std::fmt::Write as _;

use oracle::{Blame, Divergence, Finding, Kind};
use serde::Deserialize;

/// These results say nothing that could be waived.
#[derive(Debug, thiserror::Error)]
pub enum NoResults {
    /// No results of `lockstep run --json`
    #[error("these are no results of `lockstep run --json`: {0}")]
    Format(String),
}

/// The part of a JSON document of results that matters here.
#[derive(Deserialize)]
struct Results {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    id: String,
    violation: Option<Finding>,
    #[serde(default)]
    divergences: Vec<Divergence>,
    figures: Figures,
    reproduce: String,
}

#[derive(Deserialize)]
struct Figures {
    cycles: u64,
}

/// A kind that was found, with its smallest example.
struct Found<'a> {
    kind: Kind,
    runs: usize,
    first: &'a Finding,
    smallest: &'a Run,
}

/// An entry for each kind of divergence in the results of `lockstep run --json`, the most frequent one first, each
/// with its smallest example. Nobody but its author can say why it is waived: `reason` is left to be filled in.
///
/// # Errors
/// [`NoResults`]
pub fn proposal(json: &str) -> Result<String, NoResults> {
    let results: Results = serde_json::from_str(json).map_err(|error| NoResults::Format(error.to_string()))?;
    let mut found: Vec<Found<'_>> = Vec::new();
    for run in &results.runs {
        let unwaived = run.divergences.iter().filter(|divergence| divergence.waiver.is_none());
        let mut kinds: Vec<Kind> = Vec::new();
        for first in run.violation.iter().chain(unwaived.map(|divergence| &divergence.first)) {
            let kind = first.kind();
            if first.blame != Blame::DutViolation || kinds.contains(&kind) {
                continue;
            }
            kinds.push(kind.clone());
            match found.iter_mut().find(|found| found.kind == kind) {
                Some(found) => {
                    found.runs += 1;
                    if run.figures.cycles < found.smallest.figures.cycles {
                        (found.first, found.smallest) = (first, run);
                    }
                }
                None => found.push(Found { kind, runs: 1, first, smallest: run }),
            }
        }
    }
    found.sort_by_key(|found| std::cmp::Reverse(found.runs));
    let mut text = String::from("waivers:\n");
    for found in &found {
        entry(found, &mut text);
    }
    if found.is_empty() {
        text = "waivers: []\n".to_owned();
    }
    Ok(text)
}

fn entry(found: &Found<'_>, text: &mut String) {
    let Found { kind, runs, first, smallest } = found;
    let noun = if *runs == 1 { "run" } else { "runs" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  # {runs} {noun}, the shortest of them {}: cycle {}", smallest.id, first.cycle);
    for (name, what) in [("right", &first.right), ("wrong", &first.wrong), ("section", &first.section)] {
        let _ = writeln!(text, "  # {name}: {}", what.lines().next().unwrap_or_default());
    }
    let _ = writeln!(text, "  # {}", smallest.reproduce);
    let _ = writeln!(text, "  - rule: {}", kind.rule);
    for (key, value) in
        [("detail", Some(&kind.detail)), ("structure", kind.structure.as_ref()), ("command", kind.command.as_ref())]
    {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(text, "    {key}: {}", quoted(value));
        }
    }
    text.push_str("    reason: \"\"\n");
}

/// A text as YAML takes it, whatever is in it: JSON is YAML. A star would stand for any text.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(detail: &str) -> serde_json::Value {
        serde_json::json!({
            "blame": "dut-violation", "rule": "translation", "detail": detail, "structure": "first-stage-pte",
            "command": "IOTINVAL.VMA", "section": "a section", "right": "a", "wrong": "b", "cycle": 7, "evidence": "",
        })
    }

    fn run(id: &str, cycles: u64, finding: serde_json::Value) -> serde_json::Value {
        serde_json::json!({ "id": id, "violation": finding, "figures": { "cycles": cycles }, "reproduce": "lockstep run" })
    }

    #[test]
    fn each_kind_is_proposed_once_with_its_smallest_example() {
        let runs = [run("a#0", 90, finding("x")), run("b#0", 50, finding("y: z")), run("c#0", 40, finding("x"))];
        let text = proposal(&serde_json::json!({ "runs": runs }).to_string()).expect("results");
        assert!(text.starts_with("waivers:\n  # 2 runs, the shortest of them c#0: cycle 7\n"), "{text}");
        assert!(text.contains("    detail: \"y: z\"\n    structure: \"first-stage-pte\"\n"), "{text}");
        assert_eq!(text.matches("  - rule: translation\n").count(), 2);
        let none = serde_json::json!({ "runs": [run("a#0", 1, serde_json::Value::Null)] }).to_string();
        assert_eq!(proposal(&none).expect("results"), "waivers: []\n");
        assert!(proposal("{}").expect_err("none").to_string().contains("lockstep run --json"));
    }
}
