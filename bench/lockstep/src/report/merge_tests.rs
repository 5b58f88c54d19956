// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use scenario::Requirement;

use super::*;
use crate::report::{ExitCode, Times, json, read_results};
use crate::runner::{RunReport, Shard};
use crate::waivers::Waivers;

fn run(id: &str, seconds: f64) -> RunReport {
    let mut run: RunReport = serde_json::from_value(serde_json::json!({
        "id": id, "scenario": "a", "variant": "", "index": 0, "seed": 1, "policy": "rfc", "flush": "all",
        "verdict": "pass", "passed": true, "unmet": [], "end": null, "figures": oracle::Figures::default(),
        "violation": null, "hazard": null, "crash": null, "reproduce": "lockstep run a",
    }))
    .expect("a run");
    run.seconds = seconds;
    run
}

/// Two waivers; a part uses the second one so often.
fn uses(count: u64) -> Vec<WaiverUse> {
    let text = "waivers:\n  - { rule: translation, reason: r }\n  - { rule: refusal, reason: r, until: 2030-01-02, link: l }\n";
    let waivers = Waivers::parse("w.yaml".as_ref(), text).expect("waivers");
    let used = |(at, waiver): (usize, _)| WaiverUse {
        waiver,
        state: if at == 1 && count > 0 { State::Used } else { State::Unused },
        runs: usize::from(at == 1 && count > 0),
        count: if at == 1 { count } else { 0 },
    };
    waivers.all.into_iter().enumerate().map(used).collect()
}

/// A part of five runs: those at these places.
fn part(index: u32, of: u32, places: &[usize], waived: u64) -> (String, Report) {
    let report = Report {
        device: "iommu".to_owned(),
        base_seed: 7,
        runs: places.iter().map(|at| run(&format!("a#{at}"), *at as f64)).collect(),
        waivers: uses(waived),
        left_out: [(Requirement::Pdt, places.len())].into(),
        part: Some(Part {
            shard: Shard { index, of },
            plan: "p".to_owned(),
            all: 5,
            own: places.len(),
            is_selection: false,
            places: places.to_vec(),
        }),
        times: Times { build: Duration::from_secs(1), play: Duration::from_secs(u64::from(index)) },
        ..Report::default()
    };
    (format!("{index}.json"), report)
}

fn ids(report: &Report) -> Vec<&str> {
    report.runs.iter().map(|run| run.id.as_str()).collect()
}

#[test]
fn parts_in_any_order_make_the_whole_in_its_order() {
    let whole = merge(vec![part(2, 2, &[1, 3], 4), part(1, 2, &[0, 2, 4], 3)], false).expect("a whole");
    assert_eq!(ids(&whole), ["a#0", "a#1", "a#2", "a#3", "a#4"]);
    assert_eq!((whole.device.as_str(), whole.base_seed, whole.interrupted), ("iommu", 7, 0));
    assert_eq!(whole.part, None);
    assert_eq!(whole.left_out, [(Requirement::Pdt, 5)].into());
    let waived: Vec<_> = whole.waivers.iter().map(|used| (used.state, used.runs, used.count)).collect();
    assert_eq!(waived, [(State::Unused, 0, 0), (State::Used, 2, 7)]);
    assert_eq!(whole.times.play, Duration::from_secs(2), "the parts were played at the same time");
}

#[test]
fn what_is_missing_is_an_error_or_interrupted() {
    let parts = || vec![part(1, 3, &[0, 3], 0), part(3, 3, &[2], 0)];
    let error = merge(parts(), false).expect_err("a part is missing");
    assert_eq!(error, MergeError::Missing(vec!["2/3".to_owned()]));
    assert!(error.to_string().starts_with("a part is missing: 2/3; --partial"), "{error}");
    let whole = merge(parts(), true).expect("as far as it is there");
    assert_eq!((ids(&whole), whole.interrupted), (vec!["a#0", "a#2", "a#3"], 2));
    assert_eq!(whole.exit_code(), ExitCode::Interrupted);
    assert!(whole.waivers.is_empty(), "the rest may have a use for them");
    // A part that was interrupted itself tells of its own.
    let (name, mut cut) = part(2, 3, &[1], 0);
    (cut.interrupted, cut.part.as_mut().expect("a part").own) = (1, 2);
    let whole = merge(vec![part(1, 3, &[0, 3], 0), (name, cut), part(3, 3, &[2], 0)], false).expect("all parts");
    assert_eq!(whole.interrupted, 1);
}

#[test]
fn what_does_not_fit_together_is_said() {
    let mut other = part(2, 2, &[1], 0);
    other.1.part.as_mut().expect("a part").plan = "q".to_owned();
    let error = merge(vec![part(1, 2, &[0], 0), other], false).expect_err("another plan");
    assert_eq!(error, MergeError::Strangers("1.json".to_owned(), "2.json".to_owned()));
    let error = merge(vec![part(1, 2, &[0], 0), part(1, 2, &[0], 0)], true).expect_err("twice");
    assert_eq!(error, MergeError::Twice("1.json".to_owned(), "1.json".to_owned()));
    let whole = ("w.json".to_owned(), Report::default());
    let error = merge(vec![whole.clone(), part(1, 2, &[0], 0)], true).expect_err("no part");
    assert_eq!(error, MergeError::Whole("w.json".to_owned()));
    assert_eq!(merge(vec![whole.clone()], false), Ok(whole.1), "one alone is whole already");
}

#[test]
fn what_is_read_back_is_what_was_written() {
    for (_, report) in [part(2, 2, &[1, 3], 4), part(1, 2, &[], 0)] {
        let text = json(&report);
        let read = read_results(&text).expect("results");
        assert_eq!(read, report);
        assert_eq!(json(&read), text);
    }
    let whole = Report { part: None, interrupted: 3, ..part(1, 1, &[0], 1).1 };
    assert_eq!(read_results(&json(&whole)).expect("results"), whole);
    assert!(!json(&whole).contains("\"shard\""));
    let error = read_results(&json(&whole).replacen("\"format\": 1", "\"format\": 9", 1)).expect_err("another format");
    assert!(error.to_string().contains("format 9"), "{error}");
}

#[test]
fn a_part_without_runs_is_no_failure() {
    let (_, empty) = part(5, 5, &[], 0);
    assert_eq!(empty.exit_code(), ExitCode::Passed);
    assert_eq!(Report::default().exit_code(), ExitCode::Nothing);
}
