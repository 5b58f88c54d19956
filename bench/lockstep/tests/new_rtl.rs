// SPDX-License-Identifier: Apache-2.0
//! The first steps with an RTL of somebody else: what `new-rtl` writes builds, and `doctor` says how far a device gets.

mod command;

use std::path::{Path, PathBuf};

use command::{lockstep, text};

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
    let shapes: [&[&str]; 3] =
        [&[], &["--structs", "--registers", "axi"], &["--registers", "apb", "--walk-ports", "2", "--ats"]];
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
