// SPDX-License-Identifier: Apache-2.0
//! The first steps with an RTL of somebody else: what `new-rtl` writes builds, and `doctor` says how far a device gets.

mod command;
mod mutated;

use std::path::{Path, PathBuf};

use command::{lockstep, root, text};

/// A folder that is not there yet.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn what_is_written_builds_and_the_doctor_says_that_it_does_nothing() {
    let shapes: [&[&str]; 3] = [
        &[],
        &["--structs", "--registers", "axi"],
        &["--registers", "apb", "--walk-ports", "2", "--ats", "--poison", "--qos-ids"],
    ];
    for (at, shape) in shapes.into_iter().enumerate() {
        let folder = folder(&format!("new-rtl-{at}"));
        let mut words = vec!["new-rtl", "other", "--folder", path(&folder)];
        words.extend(shape);
        let output = lockstep(&words);
        assert!(output.status.success(), "{}", text(&output));
        assert!(lockstep(&["check", path(&folder.join("first.yaml"))]).status.success());
        let description = folder.join("other.yaml");
        let output = lockstep(&["doctor", "--rtl", path(&description)]);
        let told = text(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("ok    it builds"), "{told}");
        assert!(told.contains("FAIL  it tells its capabilities after reset"), "{told}");
        assert!(told.contains("no response"), "{told}");
        let output = lockstep(&words);
        assert_eq!(output.status.code(), Some(2), "nothing is overwritten");
        assert!(text(&output).contains("is there already"), "{}", text(&output));
    }
}

#[test]
fn a_folder_of_ones_own_may_have_a_target_folder() {
    let folder = folder("own-folder");
    std::fs::create_dir_all(folder.join("target")).expect("made");
    let here = |words: &[&str]| {
        let mut lockstep = std::process::Command::new(env!("CARGO_BIN_EXE_lockstep"));
        lockstep.args(words).current_dir(&folder).output().expect("lockstep starts")
    };
    assert!(here(&["new-rtl", "other"]).status.success());
    for time in ["first", "second"] {
        let told = text(&here(&["doctor", "--rtl", "other/other.yaml"]));
        assert!(told.contains("ok    it builds"), "{time} time: {told}");
    }
}

#[test]
fn a_name_is_that_of_a_module() {
    for name in ["8bit", "a-b", "../x", ""] {
        let output = lockstep(&["new-rtl", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(text(&output).contains("is no name of a module"), "{}", text(&output));
    }
}

#[test]
fn our_rtl_is_well() {
    let output = lockstep(&["doctor"]);
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    assert_eq!(told.matches("ok    ").count(), 11, "{told}");
    assert!(told.contains("sv39, sv48") && told.contains("all good"), "{told}");
}

/// It answers each refusal with OKAY, which two of the steps see, and both go on to find a result that they did not expect.
#[test]
fn the_doctor_names_a_kind_once_and_goes_past_what_is_waived() {
    let (hdl, folder) = (root().join("hdl"), folder("refusal-okay"));
    let patch = std::fs::read_to_string(hdl.join("mutants/dma-refusal-okay.patch")).expect("a patch");
    let diff = &patch[patch.find("--- ").expect("a diff")..];
    let description = mutated::mutated(&hdl, "dma-refusal-okay", diff, &folder);
    let doctor = |waivers: Option<&str>| {
        let file = folder.join("known.yaml");
        std::fs::write(&file, waivers.unwrap_or_default()).expect("written");
        let more = ["--waivers", path(&file)];
        let more = &more[..if waivers.is_some() { 2 } else { 0 }];
        let output = lockstep(&[&["doctor", "--rtl", path(&description)], more].concat());
        (output.status.code(), text(&output))
    };
    let (code, told) = doctor(None);
    assert_eq!((code, told.matches("FAIL  ").count()), (Some(1), 2), "{told}");
    assert_eq!(told.matches("DUT violation").count(), 1, "the kind is named once: {told}");
    let (code, told) = doctor(Some("waivers:\n  - { rule: dma-response, reason: it answers OKAY }\n"));
    assert_eq!((code, told.matches("FAIL  ").count()), (Some(0), 0), "{told}");
    assert!(told.contains("all good") && !told.contains("DUT violation"), "{told}");
    assert!(told.contains("ok    a refusal and its record, but for what is waived: dma-response"), "{told}");
    // What somebody else's waiver names fails all the same, and a mistake in the file is told with its place.
    let (code, told) = doctor(Some("waivers:\n  - { rule: fence-order, reason: another bug }\n"));
    assert_eq!((code, told.matches("FAIL  ").count()), (Some(1), 2), "{told}");
    let (code, told) = doctor(Some("waivers:\n  - { rule: dma-respose, reason: x }\n"));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("known.yaml:2:13") && told.contains("did you mean `dma-response`?"), "{told}");
}
