// SPDX-License-Identifier: Apache-2.0
//! Two regressions beside each other: what got worse is named, and nothing else.

mod command;

use std::path::{Path, PathBuf};

use command::{lockstep, text};
use lockstep::report::{Diff, Report, diff, diff_markdown, diff_text, html, json, read_results};
use lockstep::runner::{Device, Plan, Played, RunReport, Verdict, judge, load, serve};

/// Each run of a scenario on the model, or on one with a habit, with seeds of this base.
fn played(scenario: &str, habit: Option<&str>, base: u64, seeds: u32) -> Vec<RunReport> {
    let path = format!("{}/../../scenarios/{scenario}.yaml", env!("CARGO_MANIFEST_DIR"));
    let loaded = load(path.as_ref()).expect("a good scenario");
    let variants = loaded.scenario.variants();
    let device = habit.map_or(Device::Model, |habit| Device::Illegal { habit: habit.to_owned() });
    let plan = Plan { base, seeds: Some(seeds), replay: None, policy: None, device, fail_alloc: None };
    let jobs = plan.jobs(&[lockstep::runner::Selected { loaded, variants }]).expect("good settings");
    let play = |planned: lockstep::runner::Planned| {
        let reply =
            serde_json::from_str(&serve(&serde_json::to_string(&planned.job).expect("a job"))).expect("a reply");
        judge(&planned, Played::Replied(reply), format!("lockstep run {}", planned.selector))
    };
    jobs.into_iter().map(play).collect()
}

/// Results as they come back from a file.
fn results(runs: Vec<RunReport>) -> Report {
    let report = Report { device: "a device".to_owned(), base_seed: 1, runs, ..Report::default() };
    read_results(&json(&report)).expect("results")
}

const SCENARIOS: [&str; 3] = ["faults/device-ids", "litmus/unmap-inval", "invalidate/fences"];

/// Some scenarios, one of them on a device that ignores IOTINVAL.VMA.
fn regression(with_bug: bool) -> Report {
    let habit = |scenario: &str| Some("VmaIgnored").filter(|_| with_bug && scenario == "litmus/unmap-inval");
    results(SCENARIOS.iter().flat_map(|scenario| played(scenario, habit(scenario), 1, 2)).collect())
}

#[test]
fn a_regression_is_named_and_nothing_else() {
    let (good, bad) = (regression(false), regression(true));
    let worse = diff(&good, &bad);
    assert!(worse.is_worse() && worse.fixed.is_empty() && worse.changed.is_empty() && worse.newly_passed.is_empty());
    assert!(!worse.new.is_empty() && worse.new.iter().all(|kind| kind.verdict == Verdict::DutViolation), "{worse:?}");
    assert!(worse.newly_failed.iter().all(|run| run.id.starts_with("litmus.unmap-inval")), "{worse:?}");
    assert_eq!(worse.newly_failed.len(), bad.runs.iter().filter(|run| !run.passed).count());
    assert!(worse.moved.is_empty() && worse.only_old.is_empty() && worse.only_new.is_empty(), "{worse:?}");
    assert_eq!(worse.compared, good.runs.len());
    let told = diff_text(&worse);
    assert!(
        told.contains("new kinds of failure: ") && told.contains("translation (translated despite cause 13)"),
        "{told}"
    );
    assert!(diff_markdown(&worse).contains("| new | DUT violation: translation (translated despite cause 13)"));
    // And back: it is fixed, and nothing is worse.
    let better = diff(&bad, &good);
    assert!(!better.is_worse() && better.new.is_empty() && better.newly_failed.is_empty());
    assert_eq!((better.fixed.len(), better.newly_passed.len()), (worse.new.len(), worse.newly_failed.len()));
}

#[test]
fn the_same_is_no_difference() {
    let same = diff(&regression(true), &regression(true));
    assert!(same.is_empty() && !same.is_worse(), "{same:?}");
    assert_eq!(diff_text(&same), format!("no difference: {} runs in both\n", same.compared));
    assert!(diff_markdown(&same).contains("No difference."));
}

/// What is new is kept with the results, and said in the page of them.
#[test]
fn a_page_says_what_is_new() {
    let (good, mut bad) = (regression(false), regression(true));
    bad.since = Some(diff(&good, &bad).since("old.json".to_owned()));
    let back = read_results(&json(&bad)).expect("results");
    assert_eq!(back.since, bad.since);
    let page = html(&back);
    let since = back.since.as_ref().expect("it is there");
    assert!(!since.new.is_empty() && since.gone.is_empty() && !since.newly_failed.is_empty());
    assert_eq!(page.matches("badge bad\">new<").count(), since.new.len());
    assert!(page.contains("Since old.json") && page.contains("Passed and fail now"));
    bad.since = Some(diff(&bad, &bad).since("old.json".to_owned()));
    assert_eq!(html(&bad).matches("badge bad\">new<").count(), 0);
}

/// Other seeds give other figures; that is noise, unless the device is slower.
#[test]
fn figures_move_by_more_than_their_noise_or_not_at_all() {
    let of = |base: u64| results(played("invalidate/fences", None, base, 12));
    let (one, other) = (of(1), of(2));
    assert_ne!(one.runs[0].figures, other.runs[0].figures, "other seeds");
    let moved = diff(&one, &other).moved;
    assert!(moved.len() <= 1, "two standard errors: {moved:?}");
    let mut slow = of(2);
    slow.runs.iter_mut().for_each(|run| run.figures.cycles = run.figures.cycles * 3 / 2);
    let slower = diff(&one, &slow);
    let figures: Vec<&str> = slower.moved.iter().map(|moved| moved.figure).collect();
    assert!(figures.contains(&"cycles") && figures.contains(&"DMA per 1,000 cycles"), "{slower:?}");
    assert!(!slower.is_worse(), "that is no failure");
    assert!(diff_text(&slower).contains("figures that moved: "));
}

#[test]
fn runs_that_are_in_one_of_them_only_are_said() {
    let (all, some) = (regression(false), results(played("faults/device-ids", None, 1, 2)));
    let fewer: Diff = diff(&all, &some);
    assert_eq!((fewer.compared, fewer.only_old.len()), (some.runs.len(), all.runs.len() - some.runs.len()));
    assert!(diff(&some, &all).only_new.len() == fewer.only_old.len() && fewer.only_new.is_empty());
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("diff-{name}"))
}

#[test]
fn the_command_exits_with_1_where_something_fails_that_did_not() {
    let (good, bad, markdown, page) = (file("good.json"), file("bad.json"), file("diff.md"), file("diff.html"));
    std::fs::write(&good, json(&regression(false))).expect("written");
    std::fs::write(&bad, json(&regression(true))).expect("written");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let run = |arguments: &[&str]| lockstep(&[&["diff"][..], arguments].concat());
    let files = ["--markdown", &path(&markdown), "--html", &path(&page), "--json", "-"];
    let output = run(&[&[&*path(&good), &path(&bad)], &files[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON, and nothing else");
    assert!(!document["new"].as_array().expect("kinds").is_empty());
    assert!(std::fs::read_to_string(&markdown).expect("written").contains("**Something fails that did not.**"));
    let page = std::fs::read_to_string(&page).expect("written");
    assert!(page.contains("<h1>Something fails that did not</h1>") && page.contains("What the device used"), "{page}");
    assert_eq!(run(&[&path(&bad), &path(&good)]).status.code(), Some(0));
    let output = run(&[&path(&markdown), &path(&good)]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("diff-diff.md: these are no results of `lockstep run --json`"), "{}", text(&output));
}
