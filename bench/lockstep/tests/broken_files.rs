// SPDX-License-Identifier: Apache-2.0
//! A file that is no scenario costs only itself: the others are played, and all results have a line for it.

mod command;

use std::process::{Command, Output};

use command::{lockstep, text};
use serde_json::Value;
use tempfile::TempDir;

const GOOD: &str = "name: good.one\ndomains: { red: { kind: paging, map: [{ iova: 0x1000 }] } }\n\
                    devices: { nic: { id: 1, domain: red } }\nsteps: [ dma: { device: nic, read: 0x1000 } ]\n";

const BAD: &str = "name: bad.one\ndevices: { nic: { id: 1 } }\nsteps:\n  - dma: { device: lan, raed: 0x1000 }\n";

/// What is wrong with it.
const MISTAKE: &str = "bad.yaml:4:25: unknown key `raed`; did you mean `read`?";

/// A folder of scenarios that goes away with the test.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("UTF-8").to_owned()
}

fn run(folder: &TempDir, more: &[&str]) -> Output {
    let scenarios = folder.path().to_str().expect("UTF-8");
    lockstep(&[&["run", "--dut", "model", "--scenarios", scenarios][..], more].concat())
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).expect("it was written")
}

fn document(file: &str) -> Value {
    serde_json::from_str(&read(file)).expect("JSON")
}

#[test]
fn the_others_are_played_and_all_results_tell_of_it() {
    let folder = folder(&[("bad.yaml", BAD), ("good.yaml", GOOD)]);
    let files = ["json", "junit", "sarif", "html"].map(|kind| (format!("--{kind}"), path(&folder, kind)));
    let more: Vec<&str> = files.iter().flat_map(|(flag, file)| [flag.as_str(), file.as_str()]).collect();
    let output = run(&folder, &more);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains(MISTAKE) && told.contains("reproduce: lockstep check ") && told.contains("good.one"),
        "{told}"
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `read`?"), "with a picture of the place");
    let [json, junit, sarif, html] = files.map(|(_, file)| file);
    let results = document(&json);
    let runs = results["runs"].as_array().expect("runs");
    let of =
        |file: &str| runs.iter().find(|run| run["file"].as_str().is_some_and(|own| own.ends_with(file))).expect(file);
    let (good, bad) = (of("good.yaml"), of("bad.yaml"));
    assert_eq!((&good["passed"], &bad["passed"], &bad["verdict"]), (&true.into(), &false.into(), &"not-played".into()));
    assert_eq!((&bad["line"], &bad["mistakes"][0]["column"]), (&4.into(), &25.into()));
    assert_eq!(results["summary"]["exit_code"], 2);
    assert!(read(&junit).contains(MISTAKE) && read(&junit).contains("errors=\"1\""), "{}", read(&junit));
    assert!(read(&sarif).contains("\"startLine\": 4"), "{}", read(&sarif));
    let page = read(&html);
    assert!(page.contains("Scenarios have mistakes") && page.contains("a mistake in a scenario: unknown key"));
}

/// GitHub shows it on its line.
#[test]
fn an_annotation_stands_on_the_line() {
    let folder = folder(&[("bad.yaml", BAD), ("good.yaml", GOOD)]);
    let output = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .args(["run", "--dut", "model", "--scenarios", "."])
        .current_dir(folder.path())
        .env("GITHUB_ACTIONS", "true")
        .output()
        .expect("lockstep starts");
    let told = text(&output);
    let line = told.lines().find(|line| line.starts_with("::error ")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.starts_with("::error file=./bad.yaml,line=4,title=") && line.contains("unknown key `raed`"), "{line}");
}

#[test]
fn what_fails_on_the_device_counts_more() {
    let failing = GOOD.replace("good.one", "failing.one") + "expect: [ { device-faults: 7 } ]\n";
    let folder = folder(&[("bad.yaml", BAD), ("failing.yaml", &failing)]);
    assert_eq!(run(&folder, &[]).status.code(), Some(1));
    // Asked for by name, the broken one is no matter, or all that matters.
    assert!(!text(&run(&folder, &["failing"])).contains(MISTAKE));
    let alone = run(&folder, &["bad.one"]);
    assert_eq!(alone.status.code(), Some(2));
    assert!(text(&alone).contains("bad.yaml:4:25") && !text(&alone).contains("failing.one"), "{}", text(&alone));
    let both = run(&folder, &["bad.one", "failing"]);
    assert!(text(&both).contains(MISTAKE) && text(&both).contains("failing.one#0"), "{}", text(&both));
}

#[test]
fn each_machine_tells_of_its_part_and_together_they_tell_of_it_once() {
    let folder =
        folder(&[("bad.yaml", BAD), ("good.yaml", GOOD), ("other.yaml", &GOOD.replace("good.one", "other.one"))]);
    let (whole, merged) = (path(&folder, "whole.json"), path(&folder, "merged.json"));
    assert_eq!(run(&folder, &["--json", &whole]).status.code(), Some(2));
    let parts = [1, 2, 3].map(|part| path(&folder, &format!("{part}.json")));
    for (at, part) in parts.iter().enumerate() {
        run(&folder, &["--shard", &format!("{}/3", at + 1), "--json", part]);
    }
    let output = lockstep(&["merge", &parts[0], &parts[1], &parts[2], "--json", &merged]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let runs = |file: &str| document(file)["runs"].clone();
    assert_eq!(runs(&whole).as_array().map(Vec::len), Some(3));
    assert_eq!(runs(&whole), runs(&merged));
    // Once it is mended, it is what is played.
    let again = run(&folder, &["--rerun-failed", &whole]);
    assert!(again.status.code() == Some(2) && !text(&again).contains("good.one"), "{}", text(&again));
    std::fs::write(folder.path().join("bad.yaml"), GOOD.replace("good.one", "bad.one")).expect("mended");
    let mended = run(&folder, &["--rerun-failed", &whole]);
    assert!(mended.status.code() == Some(0) && text(&mended).contains("bad.one"), "{}", text(&mended));
    assert!(!text(&mended).contains("good.one"), "{}", text(&mended));
}

#[test]
fn failing_allocations_do_not_hide_it_and_a_list_has_the_others() {
    let folder = folder(&[("bad.yaml", BAD), ("good.yaml", GOOD)]);
    let output = run(&folder, &["--fail-alloc", "1"]);
    assert!(output.status.code() == Some(2) && text(&output).contains(MISTAKE), "{}", text(&output));
    let scenarios = folder.path().to_str().expect("UTF-8");
    let list = lockstep(&["list", "--scenarios", scenarios]);
    assert_eq!((list.status.code(), String::from_utf8_lossy(&list.stdout).lines().count()), (Some(2), 1));
    assert!(String::from_utf8_lossy(&list.stderr).contains("bad.yaml:4:25"));
}
