// SPDX-License-Identifier: Apache-2.0
//! Playing programs: on the model within this process, on a device under test in workers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use oracle::Lenience;
use scenario::{Flush, Policy, Scenario, Variant, parse};
use testbench::RunOutcome;

use crate::runner::{Device, Job, Planned, Played, Pool, Reply, RunOptions, RunReport, judge, open_device, play};

/// A program that can be played.
#[derive(Clone, Debug)]
pub struct Playable {
    /// Its text
    pub text: String,
    /// The seed of its run
    pub seed: u32,
    scenario: Scenario,
}

impl Playable {
    /// A program, if it has no mistakes and the device has all that it needs.
    pub fn new(text: String, seed: u32, device: &Device) -> Option<Playable> {
        let scenario = parse("program.yaml", &text).ok()?;
        device.lacks(&scenario).is_empty().then_some(Playable { text, seed, scenario })
    }

    fn planned(&self, device: Device, lenience: Lenience, waivers: Vec<usize>, timeout: Duration) -> Planned {
        let job = Job {
            scenario: self.scenario.name.value.clone(),
            path: "program.yaml".to_owned(),
            text: self.text.clone(),
            variant: Variant::default(),
            policy: None,
            index: None,
            seed: self.seed,
            device,
            series: false,
            fail_alloc: None,
            lacks: Vec::new(),
            waves: None,
            record: None,
            lenience,
            timeout: Some(timeout),
        };
        Planned {
            job,
            expectation: self.scenario.expectation(&Variant::default()),
            faults_are_expected: true,
            policy: Policy::default(),
            flush: Flush::default(),
            line: 1,
            selector: String::new(),
            stands_in_for: Vec::new(),
            waivers,
            mistakes: Vec::new(),
        }
    }
}

/// What plays programs.
pub struct Player<'a> {
    /// Workers for it
    pub pool: &'a Pool,
    /// How far runs go on behind what is known to be wrong with it
    pub lenience: Lenience,
    /// The waivers of their file that this is, in its order
    pub waivers: Vec<usize>,
    /// It becomes true when the user wants to stop
    pub stop: &'a AtomicBool,
}

impl Player<'_> {
    /// Plays a program on a device: the model within this process, anything else in a worker. Nothing comes of it once the
    /// user wants to stop, or if the worker was stopped from outside.
    pub fn play(&self, program: &Playable, device: &Device) -> Option<RunReport> {
        let is_model = device.is_model();
        let (lenience, waivers) =
            if is_model { Default::default() } else { (self.lenience.clone(), self.waivers.clone()) };
        let planned = program.planned(device.clone(), lenience, waivers, self.pool.timeout);
        let played = if is_model {
            in_process(program, &planned.job)
        } else {
            self.pool.ask::<Job, Reply>(&planned.job, self.stop).ok().flatten()?
        };
        let report = judge(&planned, played, String::new());
        (!report.verdict.is_stopped()).then_some(report)
    }
}

/// Plays a program on the model. A panic of it is a crash as that of any other device.
fn in_process(program: &Playable, job: &Job) -> Played {
    let options =
        RunOptions { seed: job.seed, offer: Some(job.device.offer()), timeout: job.timeout, ..RunOptions::default() };
    let play = || -> Result<RunOutcome, String> {
        let dut = open_device(&job.device, job.seed, None)?;
        play(&program.scenario, &program.text, dut, options).map_err(|stopped| stopped.to_string())
    };
    match catch_unwind(AssertUnwindSafe(play)) {
        Ok(Ok(outcome)) => Played::Replied(Reply::Played { outcome: Box::new(outcome), seconds: 0.0 }),
        Ok(Err(reason)) => Played::Crashed { reason, stderr: String::new() },
        Err(_) => Played::Crashed { reason: "the model panicked".to_owned(), stderr: String::new() },
    }
}
