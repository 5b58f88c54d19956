// SPDX-License-Identifier: Apache-2.0
//! A check is worth what it kills: each mutant of our RTL must be caught as a DUT violation.
//!
//! A mutant is a patch in `hdl/mutants`, with a sentence that says what it breaks and the scenario that must catch it:
//! by a rule of the oracle, or by a bound if the patch says `Ends as: hung`.
//! Every module has one but `iommu_victim`: whichever entry a cache gives up is right, seen from outside.
//! It is built by the path on which every RTL is built. `make test` tries a sample, `make proof` all of them.

mod command;
mod mutated;
mod traces;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use command::{root, text};
use serde_json::Value;

/// Caught by every run of the tests: one for each half of the RTL, one for the fences between them, and one that software
/// notices before the oracle does.
const SAMPLE: [&str; 4] =
    ["ddt-inval-drops-nothing", "fence-completes-early", "ptw-dirty-unchecked", "cmd-reserved-unchecked"];

/// Seeds within which a mutant must be caught.
const SEEDS: &str = "8";

struct Mutant {
    name: String,
    sentence: String,
    caught_by: String,
    /// It makes the device stand still, and is caught by a bound
    hangs: bool,
    patch: String,
}

fn mutants() -> Vec<Mutant> {
    let folder = root().join("hdl/mutants");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder).expect("hdl/mutants").map(|entry| entry.expect("entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    paths.sort();
    paths.iter().map(|path| parse(path)).collect()
}

fn parse(path: &Path) -> Mutant {
    let text = fs::read_to_string(path).expect("readable");
    let at = text.find("--- ").unwrap_or_else(|| panic!("{}: no diff", path.display()));
    let (head, patch) = text.split_at(at);
    let mut lines = head.lines().filter(|line| !line.is_empty());
    let sentence = lines.next().unwrap_or_else(|| panic!("{}: no sentence", path.display())).to_owned();
    let caught_by = lines.next().and_then(|line| line.strip_prefix("Caught by: "));
    let caught_by = caught_by.unwrap_or_else(|| panic!("{}: no `Caught by: SCENARIO`", path.display())).to_owned();
    let name = path.file_stem().expect("named").to_string_lossy().into_owned();
    let hangs = lines.next() == Some("Ends as: hung");
    Mutant { name, sentence, caught_by, hangs, patch: patch.to_owned() }
}

/// A copy of our RTL with the patch applied, in a folder of the test's own; returns its description.
fn mutate(mutant: &Mutant, test: &str) -> PathBuf {
    let to = root().join("target/mutants").join(test).join(&mutant.name);
    mutated::mutated(&root().join("hdl"), &mutant.name, &mutant.patch, &to)
}

/// Plays the scenario on the mutant; an error says how it got away.
fn hunt(mutant: &Mutant) -> Result<(), String> {
    let description = mutate(mutant, "hunt");
    let json = description.with_file_name("result.json");
    let output = Command::new(env!("CARGO_BIN_EXE_lockstep"))
        .current_dir(root())
        .args(["run", &mutant.caught_by, "--seeds", SEEDS, "--rtl"])
        .arg(&description)
        .arg("--record")
        .arg(description.with_file_name("traces"))
        .arg("--json")
        .arg(&json)
        .output()
        .map_err(|error| error.to_string())?;
    let said = || text(&output);
    let result = fs::read_to_string(&json).map_err(|error| format!("no result ({error}): {}", said()))?;
    let result: Value = serde_json::from_str(&result).map_err(|error| error.to_string())?;
    let runs = result["runs"].as_array().ok_or("no runs")?;
    // An assertion in the RTL stops a run, too; the claim is that the oracle sees the fault from outside.
    let caught = |run: &Value| match mutant.hangs {
        true => run["verdict"] == "hung",
        false => run["verdict"] == "dut-violation" && run["violation"]["rule"].is_string(),
    };
    match runs.iter().any(caught) {
        true => traces::judged_alike(&description.with_file_name("traces"), runs),
        false => Err(format!("{}: not caught by {}\n{}", mutant.sentence, mutant.caught_by, said())),
    }
}

fn all_caught(wanted: impl Fn(&Mutant) -> bool) {
    let mutants: Vec<Mutant> = mutants().into_iter().filter(wanted).collect();
    assert!(!mutants.is_empty(), "nothing was tried");
    let escaped: Vec<String> =
        mutants.iter().filter_map(|mutant| hunt(mutant).err().map(|why| format!("{}: {why}", mutant.name))).collect();
    assert!(escaped.is_empty(), "{} of {} mutants escaped:\n{}", escaped.len(), mutants.len(), escaped.join("\n"));
    println!("{} mutants caught", mutants.len());
}

#[test]
fn every_patch_has_a_sentence_and_fits() {
    for mutant in mutants() {
        assert!(mutant.sentence.ends_with('.'), "{}: the first line is a sentence", mutant.name);
        mutate(&mutant, "fits");
    }
}

#[test]
fn a_sample_of_the_mutants_is_caught() {
    all_caught(|mutant| SAMPLE.contains(&mutant.name.as_str()));
}

/// `MUTANT` of the environment chooses those whose name contains it.
#[test]
#[ignore = "builds every mutant: run by `make proof`"]
fn every_mutant_is_caught() {
    let only = std::env::var("MUTANT").unwrap_or_default();
    all_caught(|mutant| mutant.name.contains(&only));
}
