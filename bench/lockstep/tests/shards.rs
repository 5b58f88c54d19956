// SPDX-License-Identifier: Apache-2.0
//! A regression on several machines comes to what it comes to on one.

mod command;

use std::path::{Path, PathBuf};

use command::{lockstep, text};
use serde_json::Value;

/// A folder of its own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shards-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Results, with and without what differs from run to run.
fn results(file: &Path) -> (Value, Value) {
    let text = std::fs::read_to_string(file).expect("results");
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    let times = document.as_object_mut().expect("an object").remove("times").expect("times");
    (document, times)
}

/// What is played in these tests.
const RUNS: [&str; 6] = ["run", "invalidate", "--dut", "model", "--seeds", "1"];

fn play(more: &[&str]) -> std::process::Output {
    lockstep(&[&RUNS[..], more].concat())
}

fn merge(parts: &[PathBuf], more: &[&str]) -> std::process::Output {
    let parts: Vec<&str> = parts.iter().map(|part| path(part)).collect();
    lockstep(&[&["merge"][..], &parts, more].concat())
}

#[test]
fn shards_that_are_merged_equal_the_whole() {
    let folder = folder("whole");
    let (whole, merged) = (folder.join("whole.json"), folder.join("merged.json"));
    assert_eq!(play(&["--json", path(&whole)]).status.code(), Some(0));
    for (of, costs) in [(2, false), (4, true)] {
        let mut parts: Vec<PathBuf> = Vec::new();
        for index in 1..=of {
            let part = folder.join(format!("{index}-of-{of}.json"));
            let shard = format!("{index}/{of}");
            let mut more = vec!["--shard", &shard, "--json", path(&part)];
            if costs {
                more.extend(["--costs", path(&whole)]);
            }
            let output = play(&more);
            assert_eq!(output.status.code(), Some(0), "{}", text(&output));
            assert!(text(&output).contains(&format!("(part {shard}: ")), "{}", text(&output));
            parts.insert(0, part);
        }
        let output = merge(&parts, &["--json", path(&merged)]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let ((merged, times), (whole, of_whole)) = (results(&merged), results(&whole));
        assert_eq!(merged, whole);
        let ids = |times: &Value| -> Vec<Value> {
            times["runs"].as_array().expect("runs").iter().map(|run| run["id"].clone()).collect()
        };
        assert_eq!(ids(&times), ids(&of_whole));
    }
}

#[test]
fn a_shard_that_was_lost_is_said_and_played_anew_from_its_journal() {
    let folder = folder("lost");
    let [one, two, journal] = ["1.json", "2.json", "2.jsonl"].map(|name| folder.join(name));
    assert_eq!(play(&["--shard", "1/2", "--json", path(&one)]).status.code(), Some(0));
    let output = merge(std::slice::from_ref(&one), &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("a part is missing: 2/2; --partial"), "{}", text(&output));
    let output = merge(std::slice::from_ref(&one), &["--partial"]);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    // The machine went away behind three results.
    assert_eq!(play(&["--shard", "2/2", "--journal", path(&journal)]).status.code(), Some(0));
    let known: Vec<String> =
        std::fs::read_to_string(&journal).expect("a journal").lines().take(4).map(str::to_owned).collect();
    std::fs::write(&journal, known.join("\n") + "\n{\"job\":\"cut").expect("written");
    let output = play(&["--shard", "2/2", "--resume", path(&journal), "--json", path(&two)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("3 of "), "{}", text(&output));
    assert_eq!(merge(&[one, two], &[]).status.code(), Some(0));
}

#[test]
fn parts_of_different_regressions_are_not_merged() {
    let folder = folder("strangers");
    let [one, two] = ["1.json", "2.json"].map(|name| folder.join(name));
    assert_eq!(play(&["--shard", "1/2", "--json", path(&one)]).status.code(), Some(0));
    assert_eq!(play(&["--shard", "2/2", "--seed", "5", "--json", path(&two)]).status.code(), Some(0));
    let output = merge(&[one, two], &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("are parts of different regressions"), "{}", text(&output));
}

#[test]
fn results_of_one_machine_are_written_in_another_form() {
    let folder = folder("form");
    let [whole, again, xml, own] = ["a.json", "b.json", "b.xml", "a.xml"].map(|name| folder.join(name));
    assert_eq!(play(&["--json", path(&whole), "--junit", path(&own)]).status.code(), Some(0));
    let output = merge(std::slice::from_ref(&whole), &["--json", path(&again), "--junit", path(&xml)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(results(&again).0, results(&whole).0);
    let cases = |file: &Path| std::fs::read_to_string(file).expect("XML").matches("<testcase ").count();
    assert!(cases(&own) > 0);
    assert_eq!(cases(&xml), cases(&own));
}
