// SPDX-License-Identifier: Apache-2.0
//! Scenarios about a feature fail on a device that gets it wrong: each row is an illegal habit, and the rule that it breaks.

use std::path::Path;

use lockstep::runner::{RunOptions, load, play};
use model::{CacheConfig, Habit, Model, ModelConfig};
use testbench::{End, RunOutcome};

/// Scenario, habit, and what finds it: a rule, or the bound.
const ROWS: [(&str, Habit, &str); 22] = [
    ("debug/two-stages", Habit::DebugSizeTooLarge, "debug-translation"),
    ("debug/two-stages", Habit::DebugWrongAddress, "debug-translation"),
    ("debug/two-stages", Habit::DebugProcessDropped, "debug-translation"),
    ("debug/two-stages", Habit::DebugControlLost, "register"),
    ("debug/refused", Habit::DebugFaultHidden, "debug-translation"),
    ("debug/refused", Habit::DebugFaultUnrecorded, "fault-lost"),
    ("debug/refused", Habit::DebugPrivilegeDropped, "fault-record"),
    ("debug/refused", Habit::DebugWriteNotAsked, "fault-record"),
    ("debug/under-load", Habit::DebugKeepsLast, "debug-translation"),
    ("debug/under-load", Habit::DebugNeverEnds, "bound"),
    ("debug/interrupt-files", Habit::DebugMrifPassed, "debug-translation"),
    ("msi/mrif-store", Habit::MrifBitWrong, "update"),
    ("msi/mrif-store", Habit::MrifEnableSet, "update"),
    ("msi/mrif-store", Habit::MrifNotAtomic, "unowed-write"),
    ("msi/mrif-store", Habit::MrifNoticeLost, "interrupt-file"),
    ("msi/mrif-store", Habit::MrifNoticeWrongData, "unowed-write"),
    ("msi/mrif-store", Habit::MrifZeroDropped, "fence-order"),
    ("msi/mrif-store", Habit::MrifOffsetIgnored, "update"),
    ("msi/mrif-store", Habit::MrifPassed, "dma-shape"),
    ("msi/mrif-faults", Habit::MrifFaultLost, "unowed-write"),
    ("msi/mrif-move", Habit::MrifNoticeTwice, "unowed-write"),
    ("msi/mrif-move", Habit::GvmaSparesMsi, "translation"),
];

/// The first variant of a scenario, on a model that keeps what it may keep, and puts off what it may put off.
fn played(name: &str, habit: Option<Habit>, seed: u32) -> RunOutcome {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/{name}.yaml"));
    let loaded = load(&path).expect("a good scenario");
    let first = loaded.scenario.variants().swap_remove(0);
    let scenario = loaded.scenario.with(&first).expect("a good variant");
    // MSIs for files in memory are answered before they are stored.
    let caches = CacheConfig { tagged: true, post_msis: true, ..CacheConfig::large() };
    let model = Model::new(ModelConfig { habit, caches, ..ModelConfig::plain(seed.into()) });
    play(&scenario, &loaded.text, Box::new(model), RunOptions { seed, ..RunOptions::default() }).expect("it runs")
}

/// What found something wrong with the device.
fn found(outcome: &RunOutcome) -> Option<&str> {
    match (&outcome.violation, &outcome.end) {
        (Some(finding), _) => Some(&finding.rule),
        (None, End::Hung { .. }) => Some("bound"),
        _ => None,
    }
}

#[test]
fn a_device_that_gets_a_feature_wrong_fails_its_scenario() {
    let mut wrong = Vec::new();
    for (name, habit, rule) in ROWS {
        let right = played(name, None, 1);
        assert_eq!(right.end, End::Finished, "{name} on a legal device: {:?}", right.violation);
        let all: Vec<RunOutcome> = (1..=3).map(|seed| played(name, Some(habit), seed)).collect();
        let rules: Vec<Option<&str>> = all.iter().map(found).collect();
        if !rules.contains(&Some(rule)) {
            wrong.push(format!("{name}, {}: {rule} expected, {rules:?} came", habit.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
