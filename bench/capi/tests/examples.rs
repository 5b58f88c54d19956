// SPDX-License-Identifier: Apache-2.0

//! The example benches run as a stranger would run them, on our RTL and on a mutant of it. They are to say of the
//! mutant what
//! `lockstep run` says.

mod common;

use std::path::Path;

use common::{Said, library, mutant, python_bench, rtl, sv_bench, sv_bench_again, written};

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
    // The mutant once more, and its bug is known.
    let known = written("sv-mutant", "known.yaml", "waivers:\n  - { rule: translation, reason: D is not looked at }\n");
    let said = sv_bench_again("sv-mutant", &[format!("+waivers={}", known.display())]);
    assert_eq!((said.verdict, said.rule.as_str()), (0, ""), "{}", said.all);
    assert!(said.all.contains("waived once: translation: D is not looked at (line 2)"), "{}", said.all);
}

/// The device of the examples reads another page, and hands on other data.
const WRONG_PAGE: &str = "waivers:\n  - { rule: translation, reason: it reads the wrong page }\n";
const WRONG_DATA: &str = "  - { rule: dma-data, reason: and the wrong data }\n";

#[test]
fn the_c_program_goes_past_what_its_file_waives() {
    let library = library();
    let run = |text: &str, more: &[&str]| {
        let file = written("c", "known.yaml", text).display().to_string();
        common::c_with(&library, "waivers", &[&[file.as_str()], more].concat())
    };
    let (said, code) = run(&format!("{WRONG_PAGE}{WRONG_DATA}"), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("DUT VIOLATION") && said.contains("waived: 2\n"), "{said}");
    assert!(said.contains("waived once: translation: it reads the wrong page (line 2)\n"), "{said}");
    // Each of the two is blamed where nobody waives it.
    let (said, _) = run(WRONG_PAGE, &[]);
    assert!(said.starts_with("DUT VIOLATION: dma-data") && said.contains("judged: yes\nwaived: 1\n"), "{said}");
    let (said, _) = run(WRONG_PAGE, &["1"]);
    assert!(said.starts_with("DUT VIOLATION: dma-data") && said.contains("judged: no\nwaived: 1\n"), "{said}");
    let (said, _) = run("waivers: []\n", &[]);
    assert!(said.starts_with("DUT VIOLATION: translation") && said.contains("judged: yes\nwaived: 0\n"), "{said}");
    let (said, code) = run("waivers:\n  - { rule: translaton, reason: x }\n", &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("known.yaml:2:13: there is no rule `translaton`; did you mean `translation`?"), "{said}");
}

#[test]
fn the_python_face_judges_a_trace_with_waivers() {
    let library = library();
    let trace = "lockstep-trace 1\ndevice caps=0xc38104ece10 version=20260222\n\
                 reg-write-begun offset=0x10 bytes=8 value=1\n@10\n\
                 dma-offered dir=read iova=0x1000 size=3 burst=1 device=1\n\
                 dma-accepted ticket=0 dir=read iova=0x1000 size=3 burst=1 device=1\n@14\n\
                 mem-address dir=read addr=0x5000 size=3 burst=1\n";
    let trace = written("python-waivers", "wrong.trace", trace);
    let run = |text: &str| {
        let file = written("python-waivers", "known.yaml", text);
        common::python_waivers(&library, &[&trace, &file])
    };
    let (said, code) = run(&format!("{WRONG_PAGE}{WRONG_DATA}"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("used 1 it reads the wrong page\nunused 0 and the wrong data\n"), "{said}");
    let (said, code) = run(&format!("waivers:\n{WRONG_DATA}"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("DUT VIOLATION: translation"), "{said}");
    let (said, code) = run("waivers:\n  - { rule: translation, reason: \"\" }\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("known.yaml:2:34: a waiver without a reason"), "{said}");
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
