// SPDX-License-Identifier: Apache-2.0
//! The arrows between the rooms are those of ARCHITECTURE.md, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Which crates of ours each crate stands on.
const ARROWS: &[(&str, &[&str])] = &[
    ("golden", &[]),
    ("boundary", &[]),
    ("verilated", &[]),
    ("hdl", &["boundary", "verilated"]),
    ("events", &["golden"]),
    ("oracle", &["events", "golden"]),
    ("bus", &["boundary", "events", "golden"]),
    ("capi", &["events", "golden", "oracle", "waivers"]),
    ("driver", &["events", "golden"]),
    ("model", &["boundary", "events", "golden"]),
    ("testbench", &["boundary", "bus", "driver", "events", "golden", "oracle"]),
    ("scenario", &["events"]),
    ("vectors", &["golden"]),
    ("waivers", &["oracle", "scenario"]),
    (
        "lockstep",
        &[
            "boundary",
            "bus",
            "driver",
            "events",
            "golden",
            "hdl",
            "model",
            "oracle",
            "scenario",
            "testbench",
            "vectors",
            "waivers",
        ],
    ),
];

/// The same for tests alone: whatever a room is tested with.
const ARROWS_OF_TESTS: &[(&str, &[&str])] = &[("golden", &["vectors"]), ("model", &["bus"])];

/// Dependencies of one kind (`null` or `dev`) between the crates of this workspace.
fn arrows(metadata: &serde_json::Value, kind: Option<&str>) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |of: &serde_json::Value| of["name"].as_str().expect("a name").to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let stands_on = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        all.filter(|dependency| dependency["kind"].as_str() == kind).map(name).filter(|of| ours.contains(of)).collect()
    };
    packages.iter().map(|package| (name(package), stands_on(package))).collect()
}

fn written_down(arrows: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    arrows.iter().map(|(name, on)| ((*name).to_owned(), set(on))).collect()
}

#[test]
fn no_arrow_runs_back() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(arrows(&metadata, None), written_down(ARROWS), "ARCHITECTURE.md says which arrows there are");
    let mut of_tests = arrows(&metadata, Some("dev"));
    of_tests.retain(|_, on| !on.is_empty());
    assert_eq!(of_tests, written_down(ARROWS_OF_TESTS), "tests, too");
}
