// SPDX-License-Identifier: Apache-2.0
//! Tests of the judgement and of the renderings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use oracle::{Blame, Figures, Finding};
use scenario::{Requirement, parse};
use testbench::{End, RunOutcome};

use super::{ExitCode, Report, Times};
use crate::report::{annotations, compact, failures, json, junit, policies, summary};
use crate::runner::{Device, Loaded, Plan, Planned, Played, Reply, RunReport, Selected, Verdict, judge};

/// Two variants, two seeds each.
fn planned() -> Vec<Planned> {
    let text = "name: a.b\nseeds: 2\nmatrix: { policy: [sequenced, rfc] }\ndevices: { nic: { id: 1 } }\n\
                steps: [ dma: { device: nic, read: 0x1000 } ]\nexpect:\n  - { device-faults: 0 }\n  \
                - { when: { policy: [rfc] }, verdict: software-hazard, faults: { 258: { min: 1 } } }\n";
    let scenario = parse("a.yaml", text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let variants = scenario.variants();
    let loaded = Loaded { path: PathBuf::from("a.yaml"), text: text.to_owned(), scenario, by_path: false };
    let plan = Plan { base: 1, seeds: None, replay: None, policy: None, device: Device::Model, fail_alloc: None };
    plan.jobs(&[Selected { loaded, variants }]).expect("good settings")
}

fn outcome() -> RunOutcome {
    let figures = Figures {
        dma_transactions: 1200,
        translations_compared: 1200,
        invalidations_compared: 7,
        reconfigurations: 3,
        commands: BTreeMap::from([("IOFENCE.C".to_owned(), 9), ("IODIR.INVAL_DDT".to_owned(), 5)]),
        cycles: 1_234_567,
        ..Figures::default()
    };
    RunOutcome::of(End::Finished, figures)
}

fn finding(blame: Blame) -> Finding {
    Finding {
        blame,
        rule: "translation".into(),
        detail: "leaf".into(),
        structure: None,
        command: None,
        section: "Caching".into(),
        right: "0x9000_0040".into(),
        wrong: "0x9000_1040".into(),
        cycle: 77,
        evidence: "request: read, DID 1\nwalk: level 0".into(),
        picture: None,
    }
}

fn judged(index: usize, played: Played) -> RunReport {
    judge(&planned()[index], played, "lockstep run a.b --replay 0x1".into())
}

fn replied(outcome: RunOutcome) -> Played {
    Played::Replied(Reply::Played { outcome: Box::new(outcome), seconds: 0.5 })
}

fn hazard() -> RunOutcome {
    let mut outcome = outcome();
    outcome.hazard = Some(finding(Blame::SoftwareHazard));
    outcome.figures.hazards = 2;
    outcome.figures.device_faults = 4;
    outcome.figures.fault_records = BTreeMap::from([(258, 4)]);
    outcome
}

fn violation() -> RunOutcome {
    RunOutcome { end: End::Violation, violation: Some(finding(Blame::DutViolation)), ..outcome() }
}

fn report(runs: Vec<RunReport>) -> Report {
    let times = Times { build: Duration::from_secs(3), play: Duration::from_secs(2) };
    Report {
        part: None,
        waivers_file: None,
        device: "the model".into(),
        base_seed: 1,
        runs,
        interrupted: 0,
        left_out: BTreeMap::new(),
        waivers: Vec::new(),
        times,
        ..Report::default()
    }
}

#[test]
fn a_run_passes_by_its_own_expectation_only() {
    assert!(judged(0, replied(outcome())).passed);
    let run = judged(0, replied(hazard()));
    assert_eq!((run.verdict, run.passed), (Verdict::SoftwareHazard, false));
    assert_eq!(run.unmet.iter().map(|unmet| unmet.what.as_str()).collect::<Vec<_>>(), ["verdict", "device faults"]);
    assert!(judged(2, replied(hazard())).passed, "rfc is expected to be hazardous");
    let run = judged(2, replied(outcome()));
    assert_eq!(run.unmet[1].to_string(), "fault records with cause 258: wanted at least 1, got 0");
}

#[test]
fn comparing_nothing_fails() {
    let mut nothing = outcome();
    nothing.figures.translations_compared = 0;
    let run = judged(0, replied(nothing));
    assert_eq!((run.passed, run.unmet[0].what.as_str()), (false, "translations compared"));
}

#[test]
fn a_violation_is_never_expected() {
    for index in [0, 2] {
        let run = judged(index, replied(violation()));
        assert_eq!((run.verdict, run.passed, run.unmet.len()), (Verdict::DutViolation, false, 1));
    }
}

#[test]
fn exit_codes_tell_the_worst() {
    let pass = || judged(0, replied(outcome()));
    let fail = || judged(0, replied(violation()));
    let hung = || judged(0, replied(RunOutcome { end: End::Hung { waiting: "dev_r".into() }, ..outcome() }));
    let late = || judged(0, Played::TimedOut { seconds: 600, stderr: String::new() });
    let out_of_time = RunOutcome { end: End::OutOfTime { seconds: 600, cycle: 77 }, ..outcome() };
    let killed = || judged(0, Played::Killed { reason: "signal 9".into(), stderr: String::new() });
    let crashed = || judged(0, Played::Crashed { reason: "signal 11".into(), stderr: "boom".into() });
    let code = |runs: Vec<RunReport>| report(runs).exit_code();
    assert_eq!(code(vec![pass(), pass()]), ExitCode::Passed);
    assert_eq!(code(vec![pass(), fail()]), ExitCode::Failed);
    assert_eq!(code(vec![fail(), hung(), pass()]), ExitCode::Crashed);
    for stopped in [late(), killed(), judged(0, replied(out_of_time))] {
        assert!(stopped.verdict.is_stopped() && !stopped.passed);
        assert_eq!(code(vec![pass(), stopped.clone()]), ExitCode::Stopped, "nothing is known of the device");
        assert_eq!(code(vec![stopped.clone(), fail()]), ExitCode::Failed);
        assert_eq!(code(vec![stopped, hung()]), ExitCode::Crashed);
    }
    assert_eq!(code(vec![crashed()]), ExitCode::Crashed);
    assert_eq!(code(vec![]), ExitCode::Nothing);
    assert_eq!(Report { interrupted: 1, ..report(vec![pass()]) }.exit_code(), ExitCode::Interrupted);
    assert_eq!(Report { interrupted: 1, ..report(vec![fail()]) }.exit_code(), ExitCode::Failed);
}

#[test]
fn json_differs_in_times_only() {
    let mut report = report(vec![judged(0, replied(outcome())), judged(2, replied(hazard()))]);
    let without_times = |report: &Report| {
        let mut document: serde_json::Value = serde_json::from_str(&json(report)).expect("JSON");
        assert!(document.as_object_mut().expect("object").remove("times").is_some());
        document
    };
    let before = without_times(&report);
    assert_eq!(before["runs"][0]["figures"]["dma_transactions"], 1200);
    assert_eq!(before["summary"]["verdicts"]["software-hazard"], 1);
    report.times.play = Duration::from_secs(99);
    report.runs[0].seconds = 42.0;
    assert_eq!(before, without_times(&report));
    assert_eq!(compact(&report).lines().count(), 1);
}

#[test]
fn a_failure_shows_right_wrong_evidence_and_how_to_reproduce_it() {
    let text = failures(&report(vec![judged(0, replied(violation())), judged(1, replied(violation()))]), false);
    insta::assert_snapshot!(text, @r"

    FAIL a.b[policy=sequenced]#0: DUT violation
      verdict: wanted pass, got DUT violation
      DUT violation in cycle 77: translation (leaf); Caching
        right = 0x9000_0040
        wrong = 0x9000_1040
        request: read, DID 1
        walk: level 0
      reproduce: lockstep run a.b --replay 0x1
      and 1 more of this kind, the first of them a.b[policy=sequenced]#1
    ");
}

#[test]
fn a_crash_shows_what_was_said_last() {
    let crashed =
        judged(0, Played::Crashed { reason: "the worker ended with signal: 11".into(), stderr: "boom\n".into() });
    let text = failures(&report(vec![crashed]), false);
    assert!(text.contains("crashed") && text.contains("signal: 11") && text.contains("| boom"), "{text}");
}

#[test]
fn the_summary_has_a_line_for_each_variant() {
    let runs = vec![
        judged(0, replied(outcome())),
        judged(1, replied(violation())),
        judged(2, replied(hazard())),
        judged(3, replied(hazard())),
    ];
    insta::assert_snapshot!(summary(&report(runs), false));
}

#[test]
fn what_the_model_played_in_place_of_the_device_is_counted_apart() {
    let mut other = judged(2, replied(hazard()));
    other.stands_in_for = vec![Requirement::Pdt];
    let mut report = report(vec![judged(0, replied(outcome())), other]);
    report.device = "hdl/iommu.yaml".into();
    let text = summary(&report, false);
    assert!(text.contains("on the model, since hdl/iommu.yaml lacks pdt (1 runs):"), "{text}");
    assert!(text.contains("1 of 1 runs passed on hdl/iommu.yaml, 1 of 1 on the model in its place"), "{text}");
    assert_eq!(text.matches("a.b[policy=rfc]").count(), 1, "in one of the two tables: {text}");
    let document: serde_json::Value = serde_json::from_str(&json(&report)).expect("JSON");
    let apart = serde_json::json!({ "runs": 1, "passed": 1, "lacking": { "pdt": 1 } });
    assert_eq!(document["summary"]["stood_in_by_model"], apart);
    assert_eq!(document["runs"][1]["stands_in_for"], serde_json::json!(["pdt"]));
}

#[test]
fn what_is_not_played_fails() {
    let run = judged(0, Played::Replied(Reply::Failed { reason: "no device here has ats".into() }));
    assert_eq!((run.verdict, run.passed), (Verdict::NotPlayed, false));
    assert_eq!(report(vec![run]).exit_code(), ExitCode::Failed);
}

#[test]
fn an_allocation_that_was_to_fail_and_did_not_is_told() {
    let mut planned = planned().remove(0);
    planned.job.fail_alloc = Some(4);
    let judge = |failed| {
        let mut played = outcome();
        played.figures.failed_allocations = failed;
        judge(&planned, replied(played), String::new())
    };
    assert!(judge(1).passed && judge(1).id.ends_with("#0/alloc-4"));
    assert_eq!(judge(0).unmet[0].to_string(), "failures of allocation 4: wanted 1, got 0");
}

#[test]
fn policies_stand_side_by_side() {
    let runs = vec![judged(0, replied(outcome())), judged(2, replied(hazard()))];
    insta::assert_snapshot!(policies(&report(runs), false));
}

#[test]
fn junit_tells_failures_from_errors() {
    let hung = judged(1, Played::TimedOut { seconds: 600, stderr: String::new() });
    let xml = junit(&report(vec![judged(0, replied(outcome())), hung, judged(2, replied(violation()))])).expect("XML");
    assert!(xml.contains(r#"tests="3""#) && xml.contains(r#"failures="1""#) && xml.contains(r#"errors="1""#), "{xml}");
    assert!(xml.contains("right = 0x9000_0040"));
}

#[test]
fn annotations_are_one_line_each() {
    let text = annotations(&report(vec![judged(0, replied(violation())), judged(2, replied(hazard()))]));
    assert_eq!(text.lines().count(), 1);
    assert!(
        text.starts_with("::error file=a.yaml,line=1,title=a.b[policy=sequenced]#0%3A DUT violation::FAIL "),
        "{text}"
    );
    assert!(text.contains("%0A    right = "));
}

#[test]
fn a_run_in_which_all_was_refused_passes_only_where_faults_are_expected() {
    let mut refused = outcome();
    refused.figures.device_faults = refused.figures.dma_transactions;
    let mut planned = planned().swap_remove(0);
    planned.expectation = scenario::Expectation::default();
    let judge = |planned: &Planned, outcome: &RunOutcome| judge(planned, replied(outcome.clone()), String::new());
    let run = judge(&planned, &refused);
    assert_eq!((run.passed, run.verdict), (false, Verdict::Pass));
    assert!(run.unmet[0].to_string().contains("got 0 of 1200"), "{:?}", run.unmet);
    let mut one_done = refused.clone();
    one_done.figures.device_faults -= 1;
    assert!(judge(&planned, &one_done).passed);
    planned.faults_are_expected = true;
    assert!(judge(&planned, &refused).passed);
}

#[test]
fn a_device_that_keeps_nothing_need_not_show_what_keeping_does() {
    let mut planned = planned().swap_remove(0);
    let stale_used = Some(scenario::Limit { min: 1, max: u64::MAX });
    let judge = |planned: &Planned, outcome: RunOutcome| judge(planned, replied(outcome), String::new());
    for verdict in [scenario::ExpectedVerdict::SoftwareHazard, scenario::ExpectedVerdict::Pass] {
        let because = Some("unmap".to_owned());
        planned.expectation = scenario::Expectation { verdict, stale_used, because, ..Default::default() };
        let mut run = judge(&planned, outcome());
        assert!(run.passed && run.not_shown.is_some());
        assert!(summary(&report(vec![run.clone()]), false).contains("1 show nothing"));
        run.must_show();
        assert!(!run.passed && run.unmet[0].what == "stale values used");
    }
    // One that keeps something has to show it, and a scenario that needs nothing stale is not excused.
    let mut kept = outcome();
    kept.figures.stale_used.insert("first-stage-pte".to_owned(), 3);
    assert!(!judge(&planned, kept.clone()).passed);
    planned.expectation.verdict = scenario::ExpectedVerdict::SoftwareHazard;
    assert!(judge(&planned, kept).not_shown.is_some(), "it kept something else");
    planned.expectation.stale_used = None;
    assert!(!judge(&planned, outcome()).passed);
}

#[test]
fn what_the_model_played_in_place_of_the_device_is_skipped_in_junit() {
    let mut run = judged(0, replied(outcome()));
    run.stands_in_for = vec![Requirement::Pdt];
    let xml = junit(&report(vec![run.clone()])).expect("XML");
    assert!(xml.contains("<skipped message=\"played on the model: the device under test lacks pdt\""), "{xml}");
    run.passed = false;
    let xml = junit(&report(vec![run])).expect("XML");
    assert!(xml.contains("<failure") && !xml.contains("<skipped"), "{xml}");
}

#[test]
fn where_only_the_model_could_play_nothing_ran() {
    let left_out = BTreeMap::from([(Requirement::Pdt, 4)]);
    let report = Report { left_out, ..report(Vec::new()) };
    assert_eq!(report.exit_code(), ExitCode::Nothing);
    let shown = summary(&report, false);
    assert!(shown.contains("nothing ran on the model, which lacks pdt (4 runs); --stand-in"), "{shown}");
}
