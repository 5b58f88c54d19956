// SPDX-License-Identifier: Apache-2.0
//! Tests of the selectors.

use std::path::PathBuf;

use super::{Broken, SelectError, Selected, Selector, Subject, select};

/// A folder of three scenarios that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("lockstep-select-{test}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("nested")).expect("temporary folder");
        let write = |file: &str, name: &str, head: &str| {
            let text = format!(
                "name: {name}\n{head}\ndevices: {{ nic: {{ id: 1 }} }}\nsteps: [ dma: {{ device: nic, read: 0x1000 }} ]\n"
            );
            std::fs::write(path.join(file), text).expect("temporary file");
        };
        write(
            "nested/one.yaml",
            "nested.one",
            "tags: [hitless]\nmatrix: { policy: [rfc, upstream], flush: [spec, tags] }",
        );
        write("nested/two.yaml", "nested.two", "tags: [slow]");
        write("nestedx.yaml", "nestedx", "tags: [hitless]");
        Folder(path)
    }

    fn select(&self, selectors: &[&str]) -> Result<Vec<String>, SelectError> {
        let selectors: Vec<String> = selectors.iter().map(|text| (*text).to_owned()).collect();
        let names = |own: &Selected| {
            own.variants.iter().map(|variant| format!("{}{variant}", own.loaded.scenario.name)).collect::<Vec<_>>()
        };
        Ok(select(&self.0, &selectors)?.scenarios.iter().flat_map(names).collect())
    }

    /// What is wrong with the files among what was asked for that are no scenarios.
    fn mistakes(&self, selectors: &[&str]) -> Vec<String> {
        let selectors: Vec<String> = selectors.iter().map(|text| (*text).to_owned()).collect();
        let file = |broken: &Broken| broken.path.file_name().expect("a file").to_string_lossy().into_owned();
        let said = |broken: &Broken| broken.mistakes().iter().map(|one| one.said(&file(broken))).collect::<Vec<_>>();
        select(&self.0, &selectors).expect("others are good").broken.iter().flat_map(said).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn selectors_have_a_subject_and_settings() {
    let parsed = Selector::parse("a.b[policy=rfc,flush=tags]").expect("good");
    assert_eq!(parsed.subject, Subject::Name("a.b".into()));
    assert_eq!(parsed.settings, [("policy".into(), "rfc".into()), ("flush".into(), "tags".into())]);
    assert_eq!(Selector::parse("@hitless").expect("good").subject, Subject::Tag("hitless".into()));
    assert_eq!(Selector::parse("x.yaml").expect("good").subject, Subject::File("x.yaml".into()));
    for bad in ["", "a[b", "a[b]", "[policy=rfc]", "a[]"] {
        assert!(matches!(Selector::parse(bad), Err(SelectError::Syntax(_))), "{bad}");
    }
}

#[test]
fn no_selector_is_everything_sorted_by_name() {
    let all = Folder::new("all").select(&[]).expect("good");
    assert_eq!(all.len(), 6);
    assert_eq!(all[0], "nested.one[policy=rfc,flush=spec]");
    assert_eq!(all[4..], ["nested.two", "nestedx"]);
}

#[test]
fn a_name_takes_whole_parts_only() {
    let folder = Folder::new("parts");
    assert_eq!(folder.select(&["nested"]).expect("good").len(), 5, "nestedx is not below nested");
    assert_eq!(folder.select(&["nested.two"]).expect("good"), ["nested.two"]);
    assert_eq!(folder.select(&["@hitless"]).expect("good").len(), 5);
}

#[test]
fn settings_take_some_variants_in_the_order_of_the_matrix() {
    let folder = Folder::new("settings");
    let found = folder.select(&["nested.one[policy=upstream]", "nested.one[flush=tags]"]).expect("good");
    assert_eq!(
        found,
        [
            "nested.one[policy=rfc,flush=tags]",
            "nested.one[policy=upstream,flush=spec]",
            "nested.one[policy=upstream,flush=tags]",
        ]
    );
}

#[test]
fn a_file_needs_no_folder_and_can_have_settings() {
    let folder = Folder::new("file");
    let path = format!("{}/nested/one.yaml[policy=rfc,flush=spec]", folder.0.display());
    let found = select(std::path::Path::new("/nonexistent"), &[path]).expect("good").scenarios;
    assert_eq!((found.len(), found[0].variants.len(), found[0].loaded.by_path), (1, 1, true));
}

#[test]
fn what_matches_nothing_gets_a_suggestion() {
    let folder = Folder::new("nothing");
    let message = |selector: &str| folder.select(&[selector]).expect_err("matches nothing").to_string();
    assert_eq!(message("nested.tow"), "no scenario matches `nested.tow`; did you mean `nested.two`?");
    assert_eq!(message("@hitles"), "no scenario matches `@hitles`; did you mean `@hitless`?");
    assert!(message("nested.one[policy=sequenced]").contains("nested.one[policy=rfc,flush=spec]"));
}

#[test]
fn one_name_in_two_files_belongs_to_the_first() {
    let folder = Folder::new("twice");
    std::fs::copy(folder.0.join("nestedx.yaml"), folder.0.join("other.yaml")).expect("copy");
    assert_eq!(folder.select(&[]).expect("good").len(), 6);
    let taken = folder.mistakes(&[]);
    assert!(matches!(&taken[..], [one] if one.starts_with("other.yaml:1:7: `nestedx` is the name of")), "{taken:?}");
    assert_eq!(folder.mistakes(&["nestedx"]), taken);
    assert!(folder.mistakes(&["nested.two"]).is_empty());
    let elsewhere = format!("{}/other.yaml", folder.0.display());
    assert!(
        matches!(folder.select(&["nestedx", &elsewhere]), Err(SelectError::Twice { .. })),
        "asked for by two names"
    );
}

#[test]
fn a_wrong_file_costs_only_itself() {
    let folder = Folder::new("wrong");
    let write = |text: &str| std::fs::write(folder.0.join("bad.yaml"), text).expect("write");
    write("name: worse.bad\ntags: [wrong]\ndevises: {}\n");
    let unknown = "bad.yaml:3:1: unknown key `devises`; did you mean `devices`?";
    for selectors in [&[][..], &["not @slow"], &["worse.bad"], &["worse", "nestedx"], &["@wrong"]] {
        assert_eq!(folder.mistakes(selectors), [unknown], "{selectors:?}");
    }
    let file = format!("{}/bad.yaml", folder.0.display());
    assert_eq!(folder.mistakes(&[&file, "nestedx"]), [unknown]);
    assert_eq!(folder.mistakes(&[&file, &file]), [unknown], "once");
    for selectors in [&["nested"][..], &["not worse"], &["not @wrong"], &[&format!("not {file}")]] {
        assert!(folder.mistakes(selectors).is_empty(), "{selectors:?}");
        assert!(!folder.select(selectors).expect("others are good").is_empty());
    }
    // What is no YAML tells of its name at most.
    write("name: worse.bad\ntags: [wrong\n");
    assert_eq!(folder.mistakes(&["worse"]).len(), 1);
    assert_eq!(folder.mistakes(&[]).len(), 1);
    let message = folder.select(&["@wrong"]).expect_err("nobody can tell").to_string();
    assert!(message.contains("bad.yaml:2:7"), "{message}");
    std::fs::write(folder.0.join("bad.yaml"), [0xff, 0xfe, 0x00]).expect("write");
    let mistakes = folder.mistakes(&[]);
    assert!(matches!(&mistakes[..], [one] if one.contains("cannot read ")), "{mistakes:?}");
    assert!(folder.mistakes(&["nested.two"]).is_empty());
}

#[test]
fn what_is_not_wanted_is_taken_away() {
    let folder = Folder::new("not");
    assert_eq!(folder.select(&["not @hitless"]).expect("good"), ["nested.two"]);
    assert_eq!(folder.select(&["nested", "not @slow"]).expect("good").len(), 4);
    let some = folder.select(&["@hitless", "not nested.one[policy=rfc]", "not nestedx"]).expect("good");
    assert_eq!(some, ["nested.one[policy=upstream,flush=spec]", "nested.one[policy=upstream,flush=tags]"]);
    let file = format!("not {}/nestedx.yaml", folder.0.display());
    assert!(!folder.select(&[&file]).expect("good").contains(&"nestedx".to_owned()));
    let wrong = folder.select(&["not @slwo"]).expect_err("matches nothing").to_string();
    assert_eq!(wrong, "no scenario matches `not @slwo`; did you mean `@slow`?");
    assert!(folder.select(&["nested.one", "not @slow"]).expect("what is not there anyway").len() == 4);
}

#[test]
fn a_name_may_be_that_of_a_file_which_was_given() {
    let folder = Folder::new("given");
    let elsewhere = Folder::new("elsewhere");
    std::fs::write(
        elsewhere.0.join("mine.yaml"),
        "name: mine\ndevices: { nic: { id: 1 } }\nsteps: [ dma: { device: nic, read: 0x1000 } ]\n",
    )
    .expect("write");
    let file = format!("{}/mine.yaml", elsewhere.0.display());
    assert_eq!(folder.select(&["mine", &file]).expect("good"), ["mine"]);
}
