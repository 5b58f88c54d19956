// SPDX-License-Identifier: Apache-2.0
//! The scenarios that ship with lockstep, and their schema.

use std::path::{Path, PathBuf};

use lockstep::runner::files;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

#[test]
fn schema_is_up_to_date() {
    let written = std::fs::read_to_string(folder().join("schema.json")).expect("schema.json is there");
    assert!(written == scenario::schema(), "run `lockstep schema > scenarios/schema.json`");
}

#[test]
fn each_scenario_is_good_and_names_its_place_and_its_schema() {
    let found = files(&folder()).expect("scenarios/ is there");
    assert!(!found.is_empty());
    for path in found {
        let text = std::fs::read_to_string(&path).expect("readable");
        let scenario = match scenario::parse(&path.display().to_string(), &text) {
            Ok(scenario) => scenario,
            Err(diagnostics) => panic!("{diagnostics}"),
        };
        let relative = path.strip_prefix(folder()).expect("inside").with_extension("");
        let dotted = relative.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(".");
        assert_eq!(scenario.name.value, dotted, "the name of {} follows from its place", path.display());
        let up = "../".repeat(relative.iter().count() - 1);
        let first = format!("# yaml-language-server: $schema={up}schema.json");
        assert_eq!(text.lines().next(), Some(first.as_str()), "{}", path.display());
        assert!(!scenario.description.is_empty(), "{} says what it is for", path.display());
    }
}
