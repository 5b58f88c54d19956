// SPDX-License-Identifier: Apache-2.0
//! Regressions over time, and what other tools read of one.

mod command;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use command::{lockstep, root, text};
use serde_json::Value;

/// A folder of its own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A run that fails: it expects what does not come.
fn failing(folder: &Path) -> PathBuf {
    let file = folder.join("fails.yaml");
    let text = "# Fails.\nname: fails\ndevices: { nic: { id: 1 } }\nsteps: [ dma: { device: nic, read: 0x1000 } ]\n\
                expect: [ { device-faults: 7 } ]\n";
    std::fs::write(&file, text).expect("written");
    file
}

#[test]
fn regressions_are_recorded_and_shown() {
    let folder = folder("recorded");
    let [file, json, svg, results] = ["h.sqlite", "h.json", "h.svg", "r.json"].map(|name| folder.join(name));
    let good = ["run", "faults.device-ids", "--dut", "model", "--history", path(&file), "--json", path(&results)];
    let output = lockstep(&good);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = lockstep(&["run", path(&failing(&folder)), "--dut", "model", "--history", path(&file)]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let show = ["history", path(&file), "--add", path(&results), "--label", "third"];
    let output = lockstep(&[&show[..], &["--json", path(&json), "--svg", path(&svg)]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("third"), "{}", text(&output));
    let entries: Value = serde_json::from_slice(&std::fs::read(&json).expect("JSON")).expect("JSON");
    let told: Vec<_> = entries
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| {
            [&entry["runs"], &entry["passed"], &entry["new_kinds"]].map(|count| count.as_i64().expect("a count"))
        })
        .collect();
    assert_eq!(told.len(), 3);
    assert_eq!(told[0], told[2]);
    assert_eq!(told[1], [1, 0, 1]);
    assert!(std::fs::read_to_string(&svg).expect("a picture").contains("third"));
}

#[test]
fn a_history_that_cannot_be_used_is_said_before_the_first_run() {
    let folder = folder("none");
    let file = failing(&folder);
    let output = lockstep(&["run", "faults.device-ids", "--dut", "model", "--history", path(&file)]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("cannot use the history"), "{}", text(&output));
    let output = lockstep(&["history", path(&folder.join("no-such.sqlite"))]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(!folder.join("no-such.sqlite").exists());
}

fn on_github(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.current_dir(root()).env("GITHUB_ACTIONS", "true").args(arguments).output().expect("it starts")
}

#[test]
fn a_failure_is_shown_on_the_line_of_its_scenario() {
    let folder = folder("lines");
    let relative = |file: &Path| file.strip_prefix(root()).ok().map(|file| path(file).to_owned());
    let (file, sarif) = (failing(&folder), folder.join("a.sarif"));
    let Some(file) = relative(&file) else { return };
    let output = on_github(&["run", &file, "--dut", "model", "--sarif", path(&sarif), "--json", "-"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(serde_json::from_str::<Value>(&stdout).is_ok(), "JSON alone: {stdout}");
    assert!(stderr.contains(&format!("::error file={file},line=2,title=fails#0")), "{stderr}");
    let document: Value = serde_json::from_slice(&std::fs::read(&sarif).expect("SARIF")).expect("JSON");
    let result = &document["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&Value::from(file), &Value::from(2))
    );
    assert_eq!(result["ruleId"], document["runs"][0]["tool"]["driver"]["rules"][0]["id"]);
    let output = lockstep(&["run", "faults.device-ids", "--dut", "model", "--sarif", "-", "--json", "-"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}
