// SPDX-License-Identifier: Apache-2.0
//! Entries of a file of waivers for what a regression found.

use std::fmt::Write as _;

use oracle::{Blame, Divergence, Finding, Kind};
use serde::Deserialize;

use crate::runner::NoResults;

/// The part of a JSON document of results that matters here.
#[derive(Deserialize)]
struct Results {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    id: String,
    #[serde(default)]
    verdict: String,
    violation: Option<Finding>,
    #[serde(default)]
    divergences: Vec<Divergence>,
    reproduce: String,
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
    let results: Results = serde_json::from_str(json)?;
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
                    if first.cycle < found.first.cycle {
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
    let beyond = results.runs.iter().filter(|run| matches!(&*run.verdict, "hung" | "crashed")).count();
    if beyond > 0 {
        let _ = writeln!(text, "# Runs that hung or crashed: {beyond}. No waiver goes past that.");
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

    fn finding(detail: &str, cycle: u64) -> serde_json::Value {
        serde_json::json!({
            "blame": "dut-violation", "rule": "translation", "detail": detail, "structure": "first-stage-pte",
            "command": "IOTINVAL.VMA", "section": "a section", "right": "a", "wrong": "b", "cycle": cycle, "evidence": "",
        })
    }

    fn run(id: &str, verdict: &str, finding: serde_json::Value) -> serde_json::Value {
        serde_json::json!({ "id": id, "verdict": verdict, "violation": finding, "reproduce": "lockstep run" })
    }

    #[test]
    fn each_kind_is_proposed_once_with_its_smallest_example() {
        let dut = "dut-violation";
        let runs =
            [run("a#0", dut, finding("x", 9)), run("b#0", dut, finding("y: z", 8)), run("c#0", dut, finding("x", 7))];
        let text = proposal(&serde_json::json!({ "runs": runs }).to_string()).expect("results");
        assert!(text.starts_with("waivers:\n  # 2 runs, the shortest of them c#0: cycle 7\n"), "{text}");
        assert!(text.contains("    detail: \"y: z\"\n    structure: \"first-stage-pte\"\n"), "{text}");
        assert_eq!(text.matches("  - rule: translation\n").count(), 2);
        let none = serde_json::json!({ "runs": [run("a#0", "pass", serde_json::Value::Null)] }).to_string();
        assert_eq!(proposal(&none).expect("results"), "waivers: []\n");
        let hung = serde_json::json!({ "runs": [run("a#0", "hung", finding("x", 9))] }).to_string();
        assert!(
            proposal(&hung).expect("results").ends_with("# Runs that hung or crashed: 1. No waiver goes past that.\n")
        );
        assert!(proposal("{}").expect_err("none").to_string().contains("lockstep run --json"));
    }
}
