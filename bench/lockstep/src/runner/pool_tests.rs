// SPDX-License-Identifier: Apache-2.0
//! Tests of the worker pool, with a shell as the worker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scenario::Variant;

use super::{Played, Pool};
use crate::runner::job::{Device, Job, Reply};

fn pool(script: &str, workers: usize, milliseconds: u64) -> Pool {
    Pool {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        workers,
        timeout: Duration::from_millis(milliseconds),
        grace: Duration::from_millis(200),
    }
}

fn jobs(count: u32) -> Vec<Job> {
    let job = |seed| Job {
        scenario: "a".into(),
        path: "a.yaml".into(),
        text: "x".repeat(200_000),
        variant: Variant::default(),
        policy: None,
        index: Some(seed),
        seed,
        device: Device::Model,
        series: false,
        fail_alloc: None,
        lacks: Vec::new(),
        waves: None,
        record: None,
        lenience: oracle::Lenience::default(),
        timeout: None,
    };
    (0..count).map(job).collect()
}

fn play(pool: &Pool, jobs: &[Job]) -> Vec<Option<Played>> {
    let results = pool.play(jobs, |job| job, &AtomicBool::new(false), |_, _| {}).expect("threads");
    results.into_iter().map(|result| result.map(|(played, _)| played)).collect()
}

/// Answers with the seed of its job as the reason, sooner for later jobs.
const ECHO: &str = r#"seed=$(tail -c 200 | sed 's/.*"seed":\([0-9]*\).*/\1/'); sleep 0.0$((9 - seed)); printf '{"failed":{"reason":"%s"}}' "$seed""#;

#[test]
fn results_come_in_the_order_of_the_jobs_for_any_number_of_workers() {
    let wanted: Vec<_> =
        (0..8).map(|seed| Some(Played::Replied(Reply::Failed { reason: format!("{seed}") }))).collect();
    for workers in [1, 2, 8] {
        assert_eq!(play(&pool(ECHO, workers, 20_000), &jobs(8)), wanted, "{workers} workers");
    }
}

#[test]
fn a_crash_is_told_with_what_the_worker_said_last() {
    let results = play(&pool("cat >/dev/null; echo 'boom at line 7' >&2; kill -SEGV $$", 1, 20_000), &jobs(1));
    let Some(Played::Crashed { reason, stderr }) = &results[0] else { panic!("{results:?}") };
    assert!(reason.contains("signal: 11"), "{reason}");
    assert_eq!(stderr, "boom at line 7\n");
}

#[test]
fn signals_that_a_device_brings_upon_the_worker_are_crashes_and_others_are_not() {
    for (signal, own) in [("ILL", true), ("ABRT", true), ("BUS", true), ("FPE", true), ("KILL", false), ("TERM", false)]
    {
        let results = play(&pool(&format!("cat >/dev/null; kill -{signal} $$"), 1, 20_000), &jobs(1));
        let crashed = matches!(&results[0], Some(Played::Crashed { .. }));
        let killed =
            matches!(&results[0], Some(Played::Killed { reason, .. }) if reason.contains("from outside: signal"));
        assert_eq!((crashed, killed), (own, !own), "{signal}: {results:?}");
    }
}

#[test]
fn a_worker_is_told_how_long_it_may_take() {
    let script = r#"answer=$(tail -c 200 | sed 's/.*"timeout":{"secs":\([0-9]*\).*/\1/'); printf '{"failed":{"reason":"%s"}}' "$answer""#;
    let wanted = Some(Played::Replied(Reply::Failed { reason: "20".into() }));
    assert_eq!(play(&pool(script, 1, 20_000), &jobs(1))[0], wanted);
}

#[test]
fn a_worker_that_reads_nothing_and_says_much_is_no_deadlock() {
    let script = "i=0; while [ $i -lt 3000 ]; do echo 'a line of some length that fills the pipe sooner or later' >&2; i=$((i+1)); done; echo end >&2; exit 9";
    let results = play(&pool(script, 1, 60_000), &jobs(1));
    let Some(Played::Crashed { reason, stderr }) = &results[0] else { panic!("{results:?}") };
    assert!(reason.contains("exit status: 9"), "{reason}");
    assert!(stderr.ends_with("end\n") && stderr.len() <= super::MOST_STDERR);
}

#[test]
fn nonsense_is_no_result() {
    let results = play(&pool("cat >/dev/null; echo hello", 1, 20_000), &jobs(1));
    assert!(matches!(&results[0], Some(Played::Crashed { reason, .. }) if reason.contains("nonsense")), "{results:?}");
}

#[test]
fn a_missing_program_is_no_panic() {
    let pool = Pool { program: "/nonexistent/worker".into(), ..pool("", 1, 1000) };
    let results = play(&pool, &jobs(1));
    let Some(Played::Replied(Reply::Failed { reason })) = &results[0] else { panic!("{results:?}") };
    assert!(reason.contains("cannot start"), "no device has crashed: {reason}");
}

#[test]
fn a_hang_is_killed_and_the_others_are_kept() {
    let script = r#"seed=$(tail -c 200 | sed 's/.*"seed":\([0-9]*\).*/\1/'); [ "$seed" = 1 ] && exec sleep 1000; printf '{"failed":{"reason":"%s"}}' "$seed""#;
    let start = Instant::now();
    let results = play(&pool(script, 2, 3000), &jobs(3));
    assert!(matches!(results[0], Some(Played::Replied(_))) && matches!(results[2], Some(Played::Replied(_))));
    assert!(matches!(results[1], Some(Played::TimedOut { seconds: 3, .. })), "{results:?}");
    assert!(start.elapsed() < Duration::from_secs(60), "the sleeping worker was killed");
}

#[test]
fn a_worker_that_closes_its_output_and_hangs_is_killed_too() {
    let results = play(&pool("cat >/dev/null; exec >/dev/null sleep 1000", 1, 500), &jobs(1));
    assert!(matches!(&results[0], Some(Played::TimedOut { seconds: 0, .. })), "it was we who killed it: {results:?}");
}

#[test]
fn an_interruption_keeps_what_is_finished() {
    let script = r#"seed=$(tail -c 200 | sed 's/.*"seed":\([0-9]*\).*/\1/'); [ "$seed" = 1 ] && exec sleep 1000; printf '{"failed":{"reason":"%s"}}' "$seed""#;
    let (jobs, stop) = (jobs(3), AtomicBool::new(false));
    let after_first = |job: &Job, _: &Played| stop.store(job.seed == 0, Ordering::Relaxed);
    let results = pool(script, 1, 600_000).play(&jobs, |job| job, &stop, after_first).expect("threads");
    assert!(results[0].is_some());
    assert!(results[1].is_none() && results[2].is_none(), "{results:?}");
}
