// SPDX-License-Identifier: Apache-2.0
//! `lockstep judge` and `lockstep events`: what a trace is worth.

mod command;
mod traces;

use std::fs;
use std::path::PathBuf;

use command::{lockstep, root, text};
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    let folder = root().join("target/judge").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Plays scenarios on the model, judges their traces, and says how many there were.
fn judged_as_the_run_was(name: &str, selectors: &[&str]) -> usize {
    let folder = folder(name);
    let (traces, json) = (folder.join("traces"), folder.join("result.json"));
    let (at, to) = (traces.display().to_string(), json.display().to_string());
    let run = ["run", "--dut", "model", "--seeds", "1", "--record", &at, "--json", &to];
    let output = lockstep(&[&run, selectors].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let result: Value = serde_json::from_str(&fs::read_to_string(json).expect("a result")).expect("JSON");
    let runs = result["runs"].as_array().expect("runs");
    traces::judged_alike(&traces, runs).expect("alike");
    assert!(runs.iter().any(|run| !run["hazard"].is_null()), "hazards are among them");
    let _ = fs::remove_dir_all(folder);
    runs.len()
}

#[test]
fn traces_of_scenarios_are_judged_as_the_runs_were() {
    let some = ["detach", "hazard", "msi", "process", "faults.memory", "faults.overflow"];
    assert!(judged_as_the_run_was("some", &some) > 20);
}

#[test]
#[ignore = "every scenario: run by `make proof`"]
fn the_trace_of_every_scenario_is_judged_as_the_run_was() {
    assert!(judged_as_the_run_was("every", &[]) > 100);
}

#[test]
fn a_trace_that_cannot_be_written_is_said_and_the_results_are_kept() {
    let folder = folder("full");
    let seed = 7;
    std::os::unix::fs::symlink("/dev/full", folder.join(format!("hazard.own-steps-{seed:08x}.trace.gz")))
        .expect("a link");
    let to = folder.display().to_string();
    let output = lockstep(&["run", "--dut", "model", "--replay", "7", "--record", &to, "hazard.own-steps"]);
    assert!(text(&output).contains("trace.gz: No space left on device"), "{}", text(&output));
    assert!(text(&output).contains("runs passed on the model"), "{}", text(&output));
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

#[test]
fn a_trace_written_by_hand_is_judged() {
    let file = folder("by-hand").join("fence.trace");
    let path = file.display().to_string();
    // A command queue of two entries at 0x1000, and a device that stores what no fence asked for.
    let head = "lockstep-trace 1\ndevice caps=0x10 version=20260222\n@5\n";
    let wrong = "ptw-write addr=0x4000 size=3 burst=1 data=0x1\n@6\nrest\n";
    fs::write(&file, format!("{head}{wrong}")).expect("written");
    let output = lockstep(&["judge", &path]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("DUT violation in cycle 5: unowed-write"), "{}", text(&output));
    fs::write(&file, head).expect("written");
    let output = lockstep(&["judge", &path]);
    assert_eq!((output.status.code(), text(&output).contains("nothing to blame")), (Some(0), true));
}

/// A device that stores what nobody asked for, and reads the wrong page.
#[test]
fn a_trace_is_judged_past_what_is_waived() {
    let folder = folder("waived");
    let (trace, file) = (folder.join("wrong.trace"), folder.join("known.yaml"));
    let wrong = "lockstep-trace 1\ndevice caps=0xc38104ece10 version=20260222\n\
                 reg-write-begun offset=0x10 bytes=8 value=1\n@5\nptw-write addr=0x4000 size=3 burst=1 data=0x1\n@10\n\
                 dma-offered dir=read iova=0x1000 size=3 burst=1 device=1\n\
                 dma-accepted ticket=0 dir=read iova=0x1000 size=3 burst=1 device=1\n@14\n\
                 mem-address dir=read addr=0x5000 size=3 burst=1\n";
    fs::write(&trace, wrong).expect("written");
    let judge = |waivers: &str, more: &[&str]| {
        fs::write(&file, waivers).expect("written");
        let (trace, file) = (trace.display().to_string(), file.display().to_string());
        let output = lockstep(&[&["judge", &trace, "--waivers", &file], more].concat());
        (output.status.code(), text(&output))
    };
    // A trace is of no scenario: it does not matter which one a waiver names.
    let store = "waivers:\n  - { rule: translation, reason: of old, until: 2020-01-31 }\n  \
                 - { rule: unowed-write, reason: known, scenarios: [nested] }\n";
    let both = format!("{store}  - {{ rule: translation, reason: known, seeds: [7] }}\n");
    let (code, told) = judge(&both, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("nothing to blame") && told.matches("waived, 1 times").count() == 2, "{told}");
    let (code, told) = judge(store, &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("DUT violation in cycle 14: translation"), "{told}");
    assert_eq!(judge("waivers: []\n", &["--keep-going"]).1.matches("DUT violation in cycle").count(), 2);
    // What ends it is told as well as what it went past.
    let (_, told) = judge("waivers: []\n", &["--keep-going", "1"]);
    assert_eq!(told.matches("DUT violation in cycle").count(), 2, "{told}");
    // By its place in the file, where the first one has expired.
    let (_, told) = judge(&both, &["--json"]);
    let judged: Value = serde_json::from_str(&told).expect("JSON");
    let named: Vec<_> = judged["divergences"].as_array().expect("a list").iter().map(|one| &one["waiver"]).collect();
    assert_eq!(named, [&Value::from(1), &Value::from(2)]);
}

#[test]
fn a_bad_trace_is_a_mistake_with_its_line() {
    let file = folder("bad").join("bad.trace");
    let path = file.display().to_string();
    for (content, said) in [
        (
            "lockstep-trace 1\ndevice caps=1 version=20260222\n@5\nstoer agent=cpu\n",
            "line 4: there is no event \"stoer\"",
        ),
        ("lockstep-trace 1\nrest\n", "line 2: the device is described first"),
        ("lockstep-trace 7\n", "line 1: \"lockstep-trace 7\" instead of"),
        ("lockstep-trace 1\ndevice version=20260222 choices=left-handed:1\n", "there is no choice \"left-handed\""),
        ("lockstep-trace 1\ndevice version=20260222\n@5\n@4\n", "line 4: cycle 4 comes after cycle 5"),
        ("", "line 1: \"\" instead of"),
    ] {
        fs::write(&file, content).expect("written");
        let output = lockstep(&["judge", &path]);
        assert_eq!(output.status.code(), Some(2), "{content}: {}", text(&output));
        assert!(text(&output).contains(said), "{content}: {}", text(&output));
    }
}

#[test]
fn events_can_be_picked() {
    let file = folder("events").join("some.trace");
    let path = file.display().to_string();
    let trace = "lockstep-trace 1\ndevice version=20260222\n@5\nstore agent=cpu addr=0x1000 new=1\n@7\nwires wsi=1\n\
                 store agent=dma addr=0x2000 new=2\n@9\ndma-offered dir=read iova=0x1ff0 len=3 size=3 burst=1 device=0x12\n";
    fs::write(&file, trace).expect("written");
    let events = |arguments: &[&str]| {
        let output = lockstep(&[&["events", &path], arguments].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let whole = trace.split_once("20260222\n").expect("a head").1;
    assert_eq!(events(&[]), (Some(0), whole.to_owned()));
    assert_eq!(events(&["--kind", "store", "--from", "6"]).1, "@7\nstore agent=dma addr=0x2000 new=2\n");
    assert_eq!(events(&["--address", "0x2000+8"]).1.lines().filter(|line| !line.starts_with('@')).count(), 2);
    assert_eq!(events(&["--device", "0x12"]).1.lines().count(), 2);
    assert_eq!(events(&["--to", "4"]), (Some(4), String::new()));
    assert_eq!(events(&["--kind", "sture"]).0, Some(2));
}
