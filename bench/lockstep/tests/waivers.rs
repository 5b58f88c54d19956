// SPDX-License-Identifier: Apache-2.0
//! What is known to be wrong with a device is gone past, counted, and told from what is not.

use std::path::{Path, PathBuf};

use lockstep::report::{Report, annotations, failures, json, junit, summary};
use lockstep::runner::{Device, Plan, Planned, Played, RunReport, Selected, Verdict, judge, load, serve};
use lockstep::waivers::{State, Waivers, proposal, today, uses};
use testbench::End;

/// Each run of a scenario on a device with this habit.
fn planned(scenario: &str, habit: &str) -> Vec<Planned> {
    let path = format!("{}/../../scenarios/{scenario}.yaml", env!("CARGO_MANIFEST_DIR"));
    let loaded = load(path.as_ref()).expect("a good scenario");
    let variants = loaded.scenario.variants();
    let device = Device::Illegal { habit: habit.to_owned() };
    let plan = Plan { base: 1, seeds: Some(1), replay: None, policy: None, device, fail_alloc: None };
    plan.jobs(&[Selected { loaded, variants }]).expect("good settings")
}

/// Plays it as a worker would.
fn played(mut planned: Planned, waivers: &Waivers, keep_going: usize) -> RunReport {
    planned.waivers = waivers.for_run(&planned.job.scenario, planned.job.seed, today());
    planned.job.lenience = waivers.lenience(&planned.waivers, keep_going);
    let job = serde_json::to_string(&planned.job).expect("a job");
    let reply = serde_json::from_str(&serve(&job)).expect("a reply");
    judge(&planned, Played::Replied(reply), format!("lockstep run {}", planned.selector))
}

fn report(runs: Vec<RunReport>, waivers: &Waivers) -> Report {
    let waivers = uses(waivers, &runs, today());
    Report { device: "a device".to_owned(), runs, waivers, ..Report::default() }
}

/// A file of waivers in a folder of its own.
fn written(name: &str, text: &str) -> (PathBuf, Waivers) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("known.yaml");
    std::fs::write(&file, text).expect("a file");
    let waivers = Waivers::read(&file).unwrap_or_else(|error| panic!("{error}"));
    (file, waivers)
}

#[test]
fn what_was_found_is_proposed_waived_and_counted() {
    let none = Waivers::default();
    let strict = played(planned("litmus/unmap-inval", "VmaIgnored").swap_remove(0), &none, 0);
    assert_eq!((strict.verdict, strict.divergences.len()), (Verdict::DutViolation, 0));

    let runs = planned("litmus/unmap-inval", "VmaIgnored").into_iter().map(|one| played(one, &none, 100)).collect();
    let found = report(runs, &none);
    assert!(found.runs.iter().all(|run| !run.passed && !run.divergences.is_empty()));
    let text = proposal(&json(&found)).expect("results");
    assert!(text.contains("command: \"IOTINVAL.VMA\""), "{text}");

    // Nobody but a person can say why.
    let unsaid = Waivers::read(&written("proposed", "waivers: []").0);
    assert!(unsaid.is_ok());
    let (_, waivers) = written("proposed", &text.replace("reason: \"\"", "reason: known"));
    let runs: Vec<_> =
        planned("litmus/unmap-inval", "VmaIgnored").into_iter().map(|one| played(one, &waivers, 0)).collect();
    assert!(runs.iter().all(|run| run.passed && run.verdict != Verdict::DutViolation), "{runs:?}");
    assert!(runs.iter().any(|run| !run.waived.is_empty()));
    let waived = report(runs, &waivers);
    assert!(waived.waivers.iter().all(|waiver| waiver.state == State::Used && waiver.count > 0));
    let told = summary(&waived, false);
    assert!(told.contains("waived ") && told.contains(": known"), "{told}");
    assert!(junit(&waived).expect("XML").contains("name=\"waived\""));
    assert!(annotations(&waived).contains("::notice title=waiver::"));
    assert!(json(&waived).contains("\"state\": \"used\""));
}

#[test]
fn a_waiver_holds_where_it_says_and_as_long_as_it_says() {
    let entry = |more: &str| format!("waivers:\n  - {{ rule: translation, reason: known{more} }}\n");
    let run = |name: &str, more: &str| {
        let (_, waivers) = written(name, &entry(more));
        let run = played(planned("litmus/unmap-inval", "VmaIgnored").swap_remove(0), &waivers, 0);
        let passed = run.passed;
        (passed, report(vec![run], &waivers).waivers[0].state)
    };
    assert_eq!(run("everywhere", ""), (true, State::Used));
    assert_eq!(run("here", ", scenarios: [litmus]"), (true, State::Used));
    assert_eq!(run("elsewhere", ", scenarios: [lit, nested]"), (false, State::Unused));
    assert_eq!(run("other-seed", ", seeds: [1]"), (false, State::Unused));
    assert_eq!(run("over", ", until: 2020-01-01"), (false, State::Expired));
    assert_eq!(run("other", ", command: IOTINVAL.GVMA"), (false, State::Unused));
}

#[test]
fn what_is_not_waived_still_fails_beside_what_is() {
    // This one refuses what it must not refuse, and the records of it are waived.
    let (_, waivers) = written("beside", "waivers:\n  - { rule: fault-record, reason: known }\n");
    let run = played(planned("litmus/unmap-inval", "VmaIgnored").swap_remove(0), &waivers, 0);
    assert_eq!((run.passed, run.verdict), (false, Verdict::DutViolation));
}

#[test]
fn the_last_line_counts_runs_that_passed_and_ended_early() {
    let text = "waivers:\n  - { rule: translation, reason: known }\n";
    let (_, waivers) = written("ended-early", text);
    let runs: Vec<RunReport> = ["litmus/unmap-inval", "invalidate/stale-window"]
        .into_iter()
        .flat_map(|scenario| planned(scenario, "VmaIgnored"))
        .map(|one| played(one, &waivers, 0))
        .collect();
    // In both something was waived, but only the first has a step that says what comes of it.
    assert!(runs.iter().all(|run| run.passed && !run.waived.is_empty()), "{runs:?}");
    let early: Vec<&str> = runs.iter().filter(|run| run.end != Some(End::Finished)).map(|run| &*run.scenario).collect();
    assert_eq!((early.as_slice(), runs.len()), (&["litmus.unmap-inval"][..], 2));
    let told = summary(&report(runs.clone(), &waivers), false);
    let last = told.lines().last().expect("a line");
    assert!(last.starts_with("2 of 2 runs passed on a device; 1 that passed ended early, at a step that"), "{told}");
    let finished = runs.into_iter().filter(|run| run.end == Some(End::Finished)).collect();
    assert!(!summary(&report(finished, &waivers), false).contains("ended early"));
    // One that is not waived ends early as well, and does not pass: it is none of these.
    let none = Waivers::default();
    let failed = played(planned("litmus/unmap-inval", "VmaIgnored").swap_remove(0), &none, 20);
    assert!(!failed.passed && failed.end != Some(End::Finished), "{failed:?}");
    assert!(!summary(&report(vec![failed], &none), false).contains("ended early"));
}

#[test]
fn one_cause_is_one_line_whatever_scenario_shows_it() {
    let none = Waivers::default();
    let scenarios = ["faults/page-tables", "faults/contexts", "faults/memory"];
    let runs = scenarios.iter().flat_map(|scenario| planned(scenario, "RefusalOkay"));
    let all = report(runs.map(|one| played(one, &none, 0)).collect(), &none);
    let failed = all.runs.iter().filter(|run| run.verdict == Verdict::DutViolation).count();
    assert!(failed >= 3, "{failed}");
    let document: serde_json::Value = serde_json::from_str(&json(&all)).expect("JSON");
    let kinds = document["kinds"].as_array().expect("a list");
    let of_device: Vec<_> = kinds.iter().filter(|kind| kind["verdict"] == "dut-violation").collect();
    assert_eq!(of_device.len(), 1, "{of_device:?}");
    let counted: u64 = of_device.iter().filter_map(|kind| kind["runs"].as_u64()).sum();
    assert_eq!(counted as usize, failed, "a run that stops at once shows one kind");
    assert!(failures(&all, false).contains("more of this kind"));
}

/// The kinds that a device shows in the first variant of a scenario, when every divergence is gone past.
fn kinds(scenario: &str, habit: &str) -> Vec<String> {
    let run = played(planned(scenario, habit).swap_remove(0), &Waivers::default(), 1000);
    assert!(!run.divergences.is_empty(), "{run:?}");
    let kinds = run.divergences.iter().map(|found| format!("{} {}", found.first.rule, found.first.detail));
    kinds.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// What a device does behind a wrong `cqh` is followed from there on, and is no divergence of its own.
#[test]
fn a_wrong_head_is_one_kind() {
    for scenario in ["verdict/abort-before-illegal", "litmus/abort-fenced", "faults/commands"] {
        assert_eq!(kinds(scenario, "HeadPassesIllegal"), ["register cqh"], "{scenario}");
    }
    for scenario in ["verdict/abort-before-illegal", "faults/commands"] {
        let expected = ["command-illegal cqcsr.cmd_ill never comes", "register cqh"];
        assert!(kinds(scenario, "IllegalSkipped").iter().all(|kind| expected.contains(&&**kind)), "{scenario}");
    }
}

#[test]
fn a_wrong_store_of_a_fence_is_one_kind() {
    let scenario = "faults/fence-stores";
    assert_eq!(kinds(scenario, "FenceStoreWrongData"), ["fence-write data"]);
}

#[test]
fn the_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/waivers.schema.json");
    let written = std::fs::read_to_string(path).expect("it is there");
    assert!(written == lockstep::waivers::schema(), "run `make schema`");
}
