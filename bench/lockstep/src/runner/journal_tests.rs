// SPDX-License-Identifier: Apache-2.0

use oracle::Figures;
use testbench::RunOutcome;

use super::*;

fn job(seed: u32) -> Job {
    let text = "name: a\ndevices: { nic: { id: 1 } }\nsteps: [ dma: { device: nic, read: 0x1000 } ]\n";
    let scenario = scenario::parse("a.yaml", text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let variants = scenario.variants();
    let loaded = super::super::Loaded { path: "a.yaml".into(), text: text.to_owned(), scenario, by_path: false };
    let selected = super::super::Selected { loaded, variants };
    let plan = super::super::Plan {
        base: 1,
        seeds: None,
        replay: Some(seed),
        policy: None,
        device: Device::Model,
        fail_alloc: None,
    };
    plan.jobs(&[selected]).expect("good").swap_remove(0).job
}

fn played(cycles: u64, end: End) -> Played {
    let figures = Figures { cycles, ..Figures::default() };
    Played::Replied(Reply::Played { outcome: Box::new(RunOutcome::of(end, figures)), seconds: 0.5 })
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("below/a.jsonl");
    (folder, path)
}

#[test]
fn what_was_noted_is_known_and_the_rest_is_missing() {
    let (_folder, path) = file();
    let journal = Journal::begin(&path).expect("it can be written");
    assert!(journal.is_empty());
    journal.note(&job(1), &played(7, End::Finished)).expect("written");
    assert!(matches!(Journal::resume(&path), Err(JournalError::InUse { .. })), "it is still open");
    drop(journal);
    let journal = Journal::resume(&path).expect("it is there");
    assert_eq!((journal.len(), journal.known(&job(1))), (1, Some(played(7, End::Finished))));
    assert_eq!(journal.known(&job(2)), None);
    // What goes in now is there the next time.
    journal.note(&job(2), &played(8, End::Violation)).expect("written");
    drop(journal);
    assert_eq!(Journal::resume(&path).expect("it is there").known(&job(2)), Some(played(8, End::Violation)));
    assert!(matches!(Journal::begin(&path), Err(JournalError::HasResults { count: 2, .. })), "it has not ended");
    // A command that ended needs its journal no more. One that resumes it has not ended.
    let ended = || Journal::resume(&path).expect("it is there").end().expect("written");
    ended();
    drop(Journal::resume(&path).expect("it is there"));
    assert!(matches!(Journal::begin(&path), Err(JournalError::HasResults { count: 2, .. })), "resumed, and not ended");
    ended();
    assert!(Journal::begin(&path).expect("it can be written").is_empty(), "begun anew");
}

#[test]
fn a_line_that_was_cut_short_costs_itself_alone() {
    let (_folder, path) = file();
    let journal = Journal::begin(&path).expect("it can be written");
    journal.note(&job(1), &played(7, End::Finished)).expect("written");
    journal.note(&job(2), &played(8, End::Finished)).expect("written");
    drop(journal);
    let whole = std::fs::read(&path).expect("it is there");
    for cut in 1..60 {
        std::fs::write(&path, &whole[..whole.len() - cut]).expect("written");
        let journal = Journal::resume(&path).expect("it is there");
        assert_eq!((journal.len(), journal.known(&job(2))), (1, None), "{cut}");
        journal.note(&job(2), &played(9, End::Finished)).expect("written");
        drop(journal);
        let again = Journal::resume(&path).expect("the rest of the line is gone");
        assert_eq!(again.known(&job(2)), Some(played(9, End::Finished)), "{cut}");
    }
}

#[test]
fn what_was_stopped_from_outside_is_played_again() {
    let (_folder, path) = file();
    let journal = Journal::begin(&path).expect("it can be written");
    let killed = Played::Killed { reason: "signal: 9".to_owned(), stderr: String::new() };
    journal.note(&job(1), &killed).expect("nothing to write");
    journal.note(&job(2), &played(9, End::OutOfTime { seconds: 1, cycle: 9 })).expect("nothing to write");
    let crashed = Played::Crashed { reason: "signal: 11".to_owned(), stderr: "!".to_owned() };
    journal.note(&job(3), &crashed).expect("written");
    drop(journal);
    let journal = Journal::resume(&path).expect("it is there");
    assert_eq!((journal.len(), journal.known(&job(3))), (1, Some(crashed)));
}

#[test]
fn a_result_is_of_all_that_it_depends_on_and_of_nothing_else() {
    let other = |change: &dyn Fn(&mut Job)| {
        let mut job = job(1);
        change(&mut job);
        key(&job) != key(&self::job(1))
    };
    assert!(other(&|job| job.text.push('#')) && other(&|job| job.seed = 2) && other(&|job| job.fail_alloc = Some(3)));
    assert!(other(&|job| job.device = Device::Illegal { habit: "WiresDead".to_owned() }));
    assert!(!other(&|job| job.timeout = Some(std::time::Duration::from_secs(3))));
    assert!(!other(&|job| job.record = Some("target/traces/a".into())));
    let rtl = |library: &str| {
        let device = Device::Rtl {
            library: library.into(),
            capabilities: 0x10,
            follows_strap: true,
            choices: oracle::Bound::FREE,
        };
        key(&Job { device, ..job(1) })
    };
    assert_eq!(rtl("/here/target/duts/04978c/libdut.so"), rtl("target/duts/04978c/libdut.so"), "the same sources");
    assert_ne!(rtl("target/duts/04978c/libdut.so"), rtl("target/duts/2e648f/libdut.so"));
}

#[test]
fn what_is_no_journal_is_said() {
    let (_folder, path) = file();
    assert!(matches!(Journal::resume(&path), Err(JournalError::File { .. })));
    drop(Journal::begin(&path).expect("it can be written"));
    let head = std::fs::read_to_string(&path).expect("it is there");
    for (text, what) in [("", "it is empty"), ("{}\n", "line 1"), (&*format!("{head}{{}}\n"), "line 2")] {
        std::fs::write(&path, text).expect("written");
        let error = Journal::resume(&path).expect_err("no journal").to_string();
        assert!(error.contains(what), "{error}");
    }
    std::fs::write(&path, head.replace("\"lockstep\":\"", "\"lockstep\":\"9")).expect("written");
    assert!(matches!(Journal::resume(&path), Err(JournalError::OtherBuild { .. })));
}

/// Nothing more can be written: that is said once, and the command goes on.
#[test]
fn a_full_disk_is_said_once() {
    let full = Path::new("/dev/full");
    let file = OpenOptions::new().append(true).open(full).expect("it is there");
    let journal = Journal { path: full.to_owned(), known: FxHashMap::default(), file: Mutex::new(Ok(file)) };
    assert!(matches!(journal.note(&job(1), &played(1, End::Finished)), Err(JournalError::File { .. })));
    assert!(journal.note(&job(2), &played(1, End::Finished)).is_ok());
}
