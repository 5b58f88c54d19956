// SPDX-License-Identifier: Apache-2.0
//! Each allocation of the driver fails once: the call in which it does changes nothing, the second try succeeds, the
//! oracle finds nothing stale afterwards, and in the end nothing is left.
//!
//! A sample on the model for every run of the tests, all of it on the RTL by `make proof`. The controls are drivers
//! with a bug that only shows when memory runs out: each must be caught, and by what it does wrong.

mod command;

use command::{lockstep, root, text};
use lockstep::runner::{RunOptions, files, load, play, seed};
use model::{CacheConfig, Model, ModelConfig};
use scenario::{ExpectedVerdict, Scenario};
use testbench::{End, RunOutcome};

/// The sample: short ones that go through every kind of call.
const SAMPLE: [&str; 8] = [
    "faults.device-ids",
    "field.failed-command",
    "patch.link-before-unlink",
    "review.08-no-dirty-tracking",
    "review.09-nest-parent",
    "review.11-like-the-kernel",
    "review.13-root-once",
    "translate.wide-addresses",
];

/// Every variant that is expected to pass, with the text that it was read from.
fn positive() -> Vec<(String, Scenario, String)> {
    let mut all = Vec::new();
    for path in files(&root().join("scenarios")).expect("scenarios/") {
        let loaded = load(&path).expect("a good scenario");
        for variant in loaded.scenario.variants() {
            let own = loaded.scenario.with(&variant).expect("a good variant");
            if own.expectation(&variant).verdict == ExpectedVerdict::Pass && own.driver.faults.is_empty() {
                all.push((format!("{}{variant}", own.name), own, loaded.text.clone()));
            }
        }
    }
    all
}

fn on_the_model(scenario: &Scenario, text: &str, nth: u64) -> RunOutcome {
    let seed = seed(1, &scenario.name, 0);
    let config = ModelConfig { caches: CacheConfig::large(), ..ModelConfig::plain(u64::from(seed)) };
    let options = RunOptions { seed, fail_alloc: Some(nth), ..RunOptions::default() };
    play(scenario, text, Box::new(Model::new(config)), options).expect("out of reset")
}

fn clean(name: &str, nth: u64, outcome: &RunOutcome) {
    assert_eq!(outcome.end, End::Finished, "{name}, allocation {nth}");
    assert!(outcome.hazard.is_none() && outcome.violation.is_none(), "{name}, allocation {nth}: {outcome:?}");
    assert_eq!(outcome.figures.failed_allocations, u64::from(nth > 0), "{name}, allocation {nth}");
}

#[test]
fn a_sample_of_allocations_fails_on_the_model() {
    let (mut variants, mut failures) = (0, 0);
    for (name, scenario, text) in positive() {
        if !SAMPLE.contains(&scenario.name.as_str()) {
            continue;
        }
        let whole = on_the_model(&scenario, &text, 0);
        clean(&name, 0, &whole);
        let all = whole.figures.allocations;
        variants += 1;
        // The first one, the last one, and one between.
        for nth in [1, 1 + all / 2, all] {
            clean(&name, nth, &on_the_model(&scenario, &text, nth));
            failures += 1;
        }
    }
    assert!(variants >= SAMPLE.len() && failures == 3 * variants, "{variants} variants, {failures} failures");
}

#[test]
#[ignore = "every allocation of every scenario: run by `make proof`"]
fn every_allocation_fails_once() {
    let output = lockstep(&["run", "--fail-alloc", "all"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn the_command_line_goes_through_all_of_them() {
    let output = lockstep(&["run", "review.02-no-allocation", "--fail-alloc", "all", "--dut", "model"]);
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("allocations failed in their turn"), "{shown}");
    let output = lockstep(&["run", "review.02-no-allocation", "--fail-alloc", "100000", "--dut", "model"]);
    assert!(text(&output).contains("; 0 allocations failed"), "beyond the last one nothing fails: {}", text(&output));
    for wrong in ["0", "none", "-1"] {
        let output = lockstep(&["run", "--fail-alloc", wrong, "--dut", "model"]);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", text(&output));
    }
}

/// Plays a little life of domains with a bug of the driver switched on and each allocation failing in turn, until it
/// is caught; returns by what.
fn caught(fault: &str) -> Option<String> {
    let text = format!(
        "name: control\ndriver: {{ faults: [{fault}] }}\n\
         domains:\n  a: {{ kind: paging, map: [{{ iova: 0x1000_0000, pages: 4 }}] }}\n  \
         b: {{ kind: paging, late: true, map: [{{ iova: 0x1000_0000, pages: 4 }}] }}\n\
         devices: {{ nic: {{ id: 0x12, domain: a }} }}\n\
         steps:\n  - stream: {{ name: all, device: nic, range: {{ iova: 0x1000_0000, size: 16K }} }}\n  \
         - wait: 100\n  - create: b\n  - replace: {{ device: nic, domain: b }}\n  - wait: 100\n  \
         - replace: {{ device: nic, domain: a }}\n  - wait: 100\n  - free: {{ domain: b }}\n"
    );
    let text = if fault.is_empty() { text.replace("driver: { faults: [] }\n", "") } else { text };
    // A free that is refused here would tell of the bug before an allocation could.
    let text = if fault == "keep-reference" { text.replace("  - free: { domain: b }\n", "") } else { text };
    let scenario = scenario::parse("control.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let all = on_the_model(&scenario, &text, 0).figures.allocations;
    (0..=all).find_map(|nth| match on_the_model(&scenario, &text, nth).end {
        End::Software { error } => Some(error),
        End::Finished => None,
        other => panic!("{fault}, allocation {nth}: {other:?}"),
    })
}

#[test]
fn a_driver_without_a_bug_is_not_blamed() {
    assert_eq!(caught(""), None);
}

#[test]
fn a_pscid_that_is_lost_on_an_error_path_is_caught() {
    let error = caught("leak-pscid").expect("caught");
    assert!(error.contains("has changed the ledger") && error.contains("pscids: 1"), "{error}");
}

#[test]
fn a_device_that_is_unlinked_before_it_is_linked_is_caught() {
    let error = caught("unlink-first").expect("caught");
    // The bond is an object of the ledger.
    assert!(error.contains("has changed the ledger") && error.contains("step in line"), "{error}");
}

#[test]
fn a_reference_that_stays_is_caught() {
    let error = caught("keep-reference").expect("caught");
    assert!(error.contains("when everything was given back: busy: domain is attached"), "{error}");
}
