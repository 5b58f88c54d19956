// SPDX-License-Identifier: Apache-2.0

use oracle::Figures;

use super::*;
use crate::report::{history_plot, history_text};
use crate::runner::{RunReport, Verdict};

/// A run that took so many cycles, and failed in this way or passed.
fn run(scenario: &str, cycles: u64, hang: Option<&str>) -> RunReport {
    let figures = Figures { cycles, dma_transactions: 10, ..Figures::default() };
    let mut run: RunReport = serde_json::from_value(serde_json::json!({
        "id": format!("{scenario}#0"), "scenario": scenario, "variant": "", "index": 0, "seed": 1, "policy": "rfc",
        "flush": "all", "verdict": "pass", "passed": hang.is_none(), "unmet": [], "end": null, "figures": figures,
        "violation": null, "hazard": null, "crash": null, "reproduce": "lockstep run a",
    }))
    .expect("a run");
    if let Some(waiting) = hang {
        (run.verdict, run.end) = (Verdict::Hung, Some(testbench::End::Hung { waiting: waiting.to_owned() }));
    }
    run
}

fn report(device: &str, runs: Vec<RunReport>) -> Report {
    Report { device: device.to_owned(), runs, ..Report::default() }
}

/// Three regressions on one device, one on another.
fn filled(path: &Path) -> History {
    let mut history = History::create(path).expect("a new one");
    let own = |runs| report("own", runs);
    let all = [
        own(vec![run("a", 100, None), run("b", 10, Some("x waits"))]),
        report("other", vec![run("a", 7, Some("z waits"))]),
        own(vec![run("a", 150, None), run("b", 10, Some("x waits")), run("c", 10, Some("y waits"))]),
        own(vec![run("a", 200, None), run("b", 10, None)]),
    ];
    for (at, report) in all.iter().enumerate() {
        history.add(report, &format!("v{at}"), 1_700_000_000 + at as i64).expect("added");
    }
    history
}

#[test]
fn what_was_added_is_there_in_its_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("h.sqlite");
    drop(filled(&path));
    let history = History::open(&path).expect("it is there");
    let told = |entries: Vec<Entry>| -> Vec<_> {
        entries.into_iter().map(|one| (one.label, one.runs, one.passed, one.kinds, one.new_kinds)).collect()
    };
    let own = [("v0", 2, 1, 1, 1), ("v2", 3, 1, 2, 1), ("v3", 2, 2, 0, 0)];
    let named = own.map(|(label, runs, passed, kinds, new)| (label.to_owned(), runs, passed, kinds, new));
    assert_eq!(told(history.entries(Some("own")).expect("entries")), named);
    assert_eq!(history.entries(None).expect("entries").len(), 4);
    let means: Vec<(i64, f64)> =
        history.points("cycles", Some("a")).expect("points").iter().map(|point| (point.id, point.mean)).collect();
    assert_eq!(means, [(1, 100.0), (3, 150.0), (4, 200.0)], "what failed is not measured");
}

#[test]
fn it_is_shown_as_a_table_and_as_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = filled(&folder.path().join("h.sqlite"));
    let entries = history.entries(Some("own")).expect("entries");
    let text = history_text(&entries);
    assert!(text.contains("v2") && !text.contains("v1"), "{text}");
    let svg = history_plot(&entries, &[("cycles", history.points("cycles", None).expect("points"))]).expect("drawn");
    assert!(svg.contains("v3") && svg.contains("kinds of failure"), "{svg}");
    assert!(history_plot(&[], &[]).is_ok(), "nothing was recorded yet");
}

#[test]
fn what_is_no_history_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("h.sqlite");
    assert!(matches!(History::open(&path), Err(HistoryError::Sqlite(_))), "it is not made by looking");
    std::fs::write(&path, "name: a scenario, and no database at all\n".repeat(200)).expect("written");
    assert!(matches!(History::create(&path), Err(HistoryError::Sqlite(_))));
    std::fs::remove_file(&path).expect("removed");
    let other = Connection::open(&path).expect("a database");
    other.execute_batch("CREATE TABLE bills (sum INTEGER)").expect("made");
    assert!(matches!(History::create(&path), Err(HistoryError::Other)));
    other.execute_batch("PRAGMA user_version = 9").expect("set");
    assert!(matches!(History::create(&path), Err(HistoryError::Version(9))));
}
