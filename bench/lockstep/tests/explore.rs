// SPDX-License-Identifier: Apache-2.0
//! Exploration: it finds what is wrong with a device, blames nobody who does right, and hunts the same programs whatever the
//! number of workers is.

mod command;

use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ::lockstep::explore::{Bucket, Hunt, Looking, Player, make_small, yaml};
use ::lockstep::runner::{Device, Pool};
use command::{lockstep, root, text};
use oracle::{Cell, Coverage, Lenience};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::Value;

static NEVER: AtomicBool = AtomicBool::new(false);

/// Nobody is asked in a worker: the devices here are all models.
fn pool() -> Pool {
    let second = Duration::from_secs(60);
    Pool { program: "none".into(), arguments: Vec::new(), workers: 1, timeout: second, grace: second }
}

fn player(pool: &Pool) -> Player<'_> {
    Player { pool, lenience: Lenience::default(), waivers: Vec::new(), stop: &NEVER }
}

fn threads(count: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(count).build().expect("threads")
}

fn hunted(device: Device, seed: u64, rounds: u64, workers: usize) -> Hunt {
    let (pool, threads) = (pool(), threads(workers));
    let player = player(&pool);
    let mut hunt = Hunt::new(seed, device);
    for _ in 0..rounds {
        assert!(hunt.round(&player, &threads));
    }
    hunt
}

#[test]
fn legal_devices_and_calls_of_the_driver_are_never_blamed() {
    let hunt = hunted(Device::Liberties, 11, 8, 2);
    let found: Vec<String> = hunt.found.keys().map(|(_, bucket)| bucket.to_string()).collect();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(hunt.count.dropped, 0, "each program can be played");
    assert!(hunt.count.gave_up * 4 < hunt.count.drawn, "software seldom gives up: {:?}", hunt.count);
    assert!(hunt.corpus.len() > 50);
    let reached = |coverage: &Coverage| coverage.reached().map(|(cell, _)| cell).collect::<Vec<Cell>>();
    assert!(reached(&hunt.on_model).len() > 350, "{}", reached(&hunt.on_model).len());
    let impossible: Vec<String> = reached(&hunt.on_model)
        .into_iter()
        .filter_map(|cell| cell.never().map(|why| format!("{cell}: {why}")))
        .collect();
    assert!(impossible.is_empty(), "reached, although the table says that they cannot be: {impossible:#?}");
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let (one, many) = (hunted(Device::Liberties, 3, 2, 1), hunted(Device::Liberties, 3, 2, 4));
    assert_eq!((one.count, &one.corpus), (many.count, &many.corpus));
    assert_eq!((&one.on_model, &one.on_device), (&many.on_model, &many.on_device));
    let other = hunted(Device::Liberties, 4, 2, 2);
    assert_ne!(one.corpus, other.corpus, "another seed hunts other programs");
}

/// A habit of each kind: what is kept over a command, a fence, a record, a transaction.
const HABITS: [&str; 4] = ["vma-ignored", "fence-early", "fault-lost", "legal-refused"];

#[test]
fn illegal_habits_are_found_and_their_programs_made_small() {
    let (pool, threads) = (pool(), threads(2));
    let player = player(&pool);
    for habit in HABITS {
        let device = Device::Illegal { habit: habit.to_owned() };
        let mut hunt = Hunt::new(1, device.clone());
        while hunt.found.is_empty() && hunt.rounds() < 20 {
            hunt.round(&player, &threads);
        }
        let found = hunt.found.values().find(|found| found.device == device);
        let found = found.unwrap_or_else(|| panic!("{habit} is not found in {:?}", hunt.count));
        let looking = Looking { player: &player, device: &device, bucket: &found.bucket, threads: &threads };
        let tree = found.program.tree("a.b");
        let small = make_small(&looking, tree, found.program.seed, 1500, "explored.it", None, |_| "play it".to_owned());
        let steps = small.shrunk.steps();
        assert!(steps <= 8, "{habit}: {steps} steps\n{}", yaml(&small.shrunk.tree));
        let seed = small
            .seed()
            .unwrap_or_else(|| ::lockstep::runner::seed(1, "explored.it", small.regression.seeds.unwrap_or(1) - 1));
        assert!(looking.is_in(&small.regression.text, seed), "{habit}: it does not show it\n{}", small.regression.text);
        let legal = Looking { device: &Device::Liberties, ..looking };
        assert!(!legal.is_in(&small.regression.text, seed), "{habit}: a legal device shows it, too");
    }
}

#[test]
fn a_bucket_of_another_kind_does_not_count() {
    let other = Bucket { verdict: ::lockstep::runner::Verdict::DutViolation, what: "something else".to_owned() };
    let (pool, threads) = (pool(), threads(1));
    let player = player(&pool);
    let device = Device::Illegal { habit: HABITS[0].to_owned() };
    let looking = Looking { player: &player, device: &device, bucket: &other, threads: &threads };
    let text = "name: a.b\ndevices: { nic: { id: 1, domain: identity } }\nsteps: [{ dma: { device: nic, read: 0x9000_0000 } }]\n";
    assert!(!looking.is_in(text, 1));
}

#[test]
fn a_hunt_is_kept_and_continued() {
    let folder = root().join("target/tmp/explore");
    let _ = fs::remove_dir_all(&folder);
    let path = folder.display().to_string();
    let hunt = |runs: &str| {
        let output = lockstep(&[
            "explore",
            "--dut",
            "liberties",
            "--runs",
            runs,
            "--seed",
            "2",
            "--corpus",
            &path,
            "--json",
            "-",
        ]);
        assert!(output.status.success(), "{}", text(&output));
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (json["corpus"].as_u64().unwrap_or(0), json["count"]["drawn"].as_u64().unwrap_or(0))
    };
    let (kept, drawn) = hunt("64");
    assert!(kept > 10 && drawn == 64, "{kept} of {drawn}");
    let (more, again) = hunt("64");
    assert!(more >= kept && again == kept + 64, "what was kept is played again: {again}");
    fs::write(folder.join("hunt.json"), "{ \"format\": 99 }").expect("written");
    let output = lockstep(&["explore", "--dut", "liberties", "--runs", "64", "--corpus", &path]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("take another folder"), "{}", text(&output));
}

#[test]
fn shrink_makes_a_scenario_small_and_says_where_there_is_nothing_to_do() {
    let folder = root().join("target/tmp/shrink");
    fs::create_dir_all(&folder).expect("folder");
    let file = folder.join("small.yaml");
    let name = "hazard.skipped-invalidation";
    let listed = lockstep(&["run", name, "--dut", "model", "--seeds", "1"]);
    assert!(listed.status.success(), "it is expected to be a hazard: {}", text(&listed));
    let output = lockstep(&["shrink", name, "--dut", "model"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("does not fail"), "{}", text(&output));
    // The same, and nobody expects the hazard.
    let scenario = folder.join("whole.yaml");
    let whole = fs::read_to_string(root().join("scenarios/field/context-without-iotinval.yaml")).expect("a scenario");
    let until = whole.find("\nexpect:").expect("expectations");
    fs::write(&scenario, &whole[..until]).expect("written");
    let output =
        lockstep(&["shrink", &scenario.display().to_string(), "--dut", "model", "-o", &file.display().to_string()]);
    assert!(output.status.success(), "{}", text(&output));
    let small = fs::read_to_string(&file).expect("a small scenario");
    assert!(small.len() < until, "{small}");
    let command = small.lines().next().and_then(|line| line.strip_prefix("# lockstep ")).expect("the command");
    let output = lockstep(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("software hazard"), "{}", text(&output));
}
