// SPDX-License-Identifier: Apache-2.0

//! The example benches run as a stranger would run them, on our RTL and on a mutant of it. They are to say of the
//! mutant what
//! `lockstep run` says.

mod common;

use std::path::Path;

use common::{Said, library, mutant, python_bench, rtl, sv_bench};

/// Writes go to pages whose D is 0, which the traffic of the benches tries. `lockstep run faults.page-tables` blames
/// this rule.
const MUTANT: (&str, &str) = ("ptw-dirty-unchecked", "translation");

fn clean(said: &Said) {
    assert_eq!((said.verdict, said.rule.as_str()), (0, ""), "{}", said.all);
    let figures: serde_json::Value = serde_json::from_str(&said.figures).expect("JSON");
    assert_eq!(figures["translations_compared"], 12, "{}", said.all);
    assert_eq!(figures["invalidations_compared"], 1, "{}", said.all);
    assert_eq!(figures["fault_records"], serde_json::json!({"13": 2, "15": 4}), "{}", said.all);
}

fn caught(said: &Said) {
    assert_eq!((said.verdict, said.rule.as_str()), (1, MUTANT.1), "{}", said.all);
    assert!(said.all.contains("DUT VIOLATION: translation"), "{}", said.all);
}

fn both(name: &str, bench: impl Fn(&Path, &Path, &str) -> Option<Said>) {
    let library = library();
    let Some(said) = bench(&rtl(), &library, &format!("{name}-good")) else { return };
    clean(&said);
    let description = mutant(MUTANT.0, name);
    caught(&bench(&description, &library, &format!("{name}-mutant")).expect("it ran before"));
}

#[test]
fn the_systemverilog_bench_is_clean_and_catches_a_mutant() {
    both("sv", |filelist, library, name| Some(sv_bench(filelist, library, name)));
}

#[test]
fn the_python_bench_is_clean_and_catches_a_mutant() {
    both("python", python_bench);
}

#[test]
fn the_c_program_of_the_documentation_runs() {
    let said = common::c_program(&library());
    assert!(said.contains("translation"), "{said}");
}
