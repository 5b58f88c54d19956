// SPDX-License-Identifier: Apache-2.0
//! What ends `lockstep` costs the runs that are under way, and no finished one; what failed is played again.

mod command;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command::{lockstep, root, text};
use serde_json::Value;

/// A folder of its own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("resume-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Results without what differs from run to run.
fn results(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).expect("results");
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    document.as_object_mut().expect("an object").remove("times");
    document
}

/// How many results are written down.
fn noted(journal: &Path) -> usize {
    std::fs::read_to_string(journal).map_or(0, |text| text.lines().filter(|line| line.contains("\"played\"")).count())
}

/// Starts a regression with a journal, and waits until it has so many results.
fn started(runs: &[&str], journal: &Path, count: usize) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(runs).args(["-j", "2", "--journal", path(journal)]);
    command.current_dir(root()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("it starts");
    let began = Instant::now();
    while noted(journal) < count {
        assert!(began.elapsed() < Duration::from_secs(120), "it writes no results down");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// What is played in these tests.
const RUNS: [&str; 6] = ["run", "faults.device-ids", "--dut", "model", "--seeds", "40"];

#[test]
fn a_regression_that_was_killed_is_resumed_and_comes_to_the_same() {
    let folder = folder("killed");
    let (journal, whole, resumed) = (folder.join("a.jsonl"), folder.join("whole.json"), folder.join("resumed.json"));
    let mut child = started(&RUNS, &journal, 5);
    child.kill().expect("it is killed");
    child.wait().expect("it has ended");
    let left = noted(&journal);
    let output = lockstep(&[&RUNS[..], &["--resume", path(&journal), "--json", path(&resumed)]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains(&format!("{left} of ")), "{}", text(&output));
    let output = lockstep(&[&RUNS[..], &["--json", path(&whole)]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(results(&resumed), results(&whole));
    // All of it is there now: nothing is played, and the results are the same.
    let output = lockstep(&[&RUNS[..], &["--resume", path(&journal), "--json", path(&resumed)]].concat());
    assert_eq!((output.status.code(), results(&resumed)), (Some(0), results(&whole)), "{}", text(&output));
}

#[test]
fn a_new_journal_does_not_cost_the_results_of_a_command_that_did_not_end() {
    let journal = folder("anew").join("a.jsonl");
    let mut child = started(&RUNS, &journal, 5);
    child.kill().expect("it is killed");
    child.wait().expect("it has ended");
    let left = noted(&journal);
    let again = [&RUNS[..], &["--journal", path(&journal)]].concat();
    let output = lockstep(&again);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let hint = format!("has {left} results of a command that did not end: --resume {}", path(&journal));
    assert!(text(&output).contains(&hint), "{}", text(&output));
    assert_eq!(noted(&journal), left);
    // Once it has ended, another command may have the file.
    assert_eq!(lockstep(&[&RUNS[..], &["--resume", path(&journal)]].concat()).status.code(), Some(0));
    assert_eq!(lockstep(&again).status.code(), Some(0));
    // What is no journal stays what it is.
    std::fs::write(&journal, "name: a scenario\n").expect("written");
    let output = lockstep(&again);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("is no journal of lockstep: line 1"), "{}", text(&output));
    assert_eq!(std::fs::read_to_string(&journal).expect("it is there"), "name: a scenario\n");
}

#[test]
fn what_has_changed_is_played_again() {
    let folder = folder("changed");
    let (scenarios, journal, results_file) = (folder.join("all"), folder.join("a.jsonl"), folder.join("a.json"));
    std::fs::create_dir_all(&scenarios).expect("a folder");
    let file = scenarios.join("ids.yaml");
    let original = std::fs::read_to_string(root().join("scenarios/faults/device-ids.yaml")).expect("a scenario");
    std::fs::write(&file, &original).expect("written");
    let run = |more: &[&str]| {
        let command = ["run", "--dut", "model", "--scenarios", path(&scenarios), "--json", path(&results_file)];
        lockstep(&[&command[..], more].concat())
    };
    assert_eq!(run(&["--journal", path(&journal)]).status.code(), Some(0));
    let (first, before) = (results(&results_file), noted(&journal));
    assert_eq!(run(&["--resume", path(&journal)]).status.code(), Some(0));
    assert_eq!((results(&results_file), noted(&journal)), (first, before), "nothing was played");
    std::fs::write(&file, original + "# another scenario\n").expect("written");
    assert_eq!(run(&["--resume", path(&journal)]).status.code(), Some(0));
    assert_eq!(noted(&journal), 2 * before, "everything was played");
}

#[test]
fn a_journal_that_is_in_use_or_of_somebody_else_is_said() {
    let folder = folder("in-use");
    let journal = folder.join("a.jsonl");
    // It does not end by itself while somebody else starts, on any machine.
    let endless = ["run", "faults.device-ids", "--dut", "model", "--seeds", "5000"];
    let mut child = started(&endless, &journal, 1);
    let output = lockstep(&[&RUNS[..], &["--resume", path(&journal)]].concat());
    child.kill().expect("it is killed");
    child.wait().expect("it has ended");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("is in use: another lockstep is still playing"), "{}", text(&output));
    std::fs::write(&journal, "name: no journal\n").expect("written");
    let output = lockstep(&[&RUNS[..], &["--resume", path(&journal)]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("is no journal of lockstep: line 1"), "{}", text(&output));
}

#[test]
fn a_result_file_that_cannot_be_written_is_said_before_the_first_run() {
    let folder = folder("unwritable");
    let journal = folder.join("a.jsonl");
    let output = lockstep(&[&RUNS[..], &["--journal", path(&journal), "--json", "no/such/folder/a.json"]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("cannot write no/such/folder/a.json"), "{}", text(&output));
    assert!(!journal.exists(), "nothing was played");
}

/// Results take the place of older ones only when they are whole, and nothing else is left beside them.
#[test]
fn a_result_file_is_replaced_in_one_step() {
    let folder = folder("replaced");
    let (journal, file, link) = (folder.join("a.jsonl"), folder.join("a.json"), folder.join("link.json"));
    std::fs::write(&file, "old").expect("written");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    let mut child = started(&RUNS, &journal, 1);
    child.kill().expect("it is killed");
    child.wait().expect("it has ended");
    let few = ["run", "faults.device-ids", "--dut", "model", "--seeds", "1", "--json", path(&link)];
    // A disk that is full at the end: the old results stay.
    let output = lockstep(&[&few[..], &["--junit", "/dev/full"]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("cannot write /dev/full: No space left on device"), "{}", text(&output));
    assert!(results(&file)["runs"].is_array(), "the other file is written all the same");
    assert!(link.is_symlink());
    let names: BTreeSet<_> =
        std::fs::read_dir(&folder).expect("a folder").map(|one| one.expect("one").file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn what_failed_is_played_again_and_nothing_else() {
    let folder = folder("again");
    let (scenarios, first, again) = (folder.join("all"), folder.join("first.json"), folder.join("again.json"));
    std::fs::create_dir_all(&scenarios).expect("a folder");
    let good = std::fs::read_to_string(root().join("scenarios/faults/device-ids.yaml")).expect("a scenario");
    let unmet = good.replace("device-faults: 4", "device-faults: 5").replace("faults.device-ids", "faults.unmet");
    std::fs::write(scenarios.join("unmet.yaml"), unmet).expect("written");
    std::fs::write(scenarios.join("ids.yaml"), good).expect("written");
    let run =
        |more: &[&str]| lockstep(&[&["run", "--dut", "model", "--scenarios", path(&scenarios)][..], more].concat());
    assert_eq!(run(&["--seeds", "2", "--json", path(&first)]).status.code(), Some(1));
    let output = run(&["--rerun-failed", path(&first), "--json", path(&again)]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let ids = |file: &Path, all: bool| -> Vec<String> {
        let document = results(file);
        let runs = document["runs"].as_array().expect("runs").clone();
        let wanted = runs.iter().filter(|run| all || run["passed"] == false);
        wanted.map(|run| run["id"].as_str().expect("a name").to_owned()).collect()
    };
    assert!(ids(&first, true).len() > ids(&first, false).len(), "some passed");
    assert_eq!((ids(&again, true), ids(&again, true).is_empty()), (ids(&first, false), false));
    let output = run(&["--rerun-failed", path(&scenarios.join("ids.yaml"))]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("these are no results of `lockstep run --json`"), "{}", text(&output));
}
