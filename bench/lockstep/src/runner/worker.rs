// SPDX-License-Identifier: Apache-2.0
//! What a worker process does: one job, one reply.

use std::time::Instant;

use oracle::Figures;
use serde::Serialize;
use serde::de::DeserializeOwned;
use testbench::{End, RunOutcome};

use super::dut;
use super::job::{Job, Reply, apply};
use super::{play, trace_file};

/// Takes a job as JSON, plays it, and returns the reply as JSON.
pub fn serve(job: &str) -> String {
    answer(job, run, |reason| Reply::Failed { reason })
}

/// Takes any job as JSON, and returns the reply as JSON: the other side of [`super::Pool::ask`].
pub fn answer<J: DeserializeOwned, R: Serialize>(
    job: &str,
    run: impl FnOnce(&J) -> R,
    failed: impl FnOnce(String) -> R,
) -> String {
    let reply = match serde_json::from_str(job) {
        Ok(job) => run(&job),
        Err(error) => failed(format!("the job is not understood: {error}")),
    };
    serde_json::to_string(&reply).unwrap_or_default()
}

fn run(job: &Job) -> Reply {
    let scenario = match scenario::parse(&job.path, &job.text) {
        Ok(scenario) => scenario,
        Err(diagnostics) => return Reply::Failed { reason: diagnostics.to_string() },
    };
    let scenario = match apply(&scenario, &job.variant, job.policy.as_deref()) {
        Ok(scenario) => scenario,
        Err(problem) => return Reply::Failed { reason: problem.message },
    };
    if !job.lacks.is_empty() {
        let lacks = job.lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Reply::Failed { reason: format!("no device here has what the scenario requires: {lacks}") };
    }
    let dut = match dut::open(&job.device, job.seed, job.waves.as_ref()) {
        Ok(dut) => dut,
        Err(reason) => return Reply::Failed { reason },
    };
    let start = Instant::now();
    let run_on_until = job.waves.as_ref().map(|waves| waves.to);
    let mut options = play::RunOptions {
        seed: job.seed,
        series: job.series,
        fail_alloc: job.fail_alloc,
        run_on_until,
        offer: Some(job.device.offer()),
        choices: job.device.choices(),
        unjudged: false,
        timeout: job.timeout,
        record: None,
        lenience: job.lenience.clone(),
    };
    if let Some(file) = &job.record {
        match trace_file::create(file) {
            Ok(to) => options.record = Some(to),
            Err(error) => return Reply::Failed { reason: format!("cannot write {}: {error}", file.display()) },
        }
    }
    let outcome = play::play(&scenario, &job.text, dut, options).unwrap_or_else(|stopped| {
        let end = End::Stopped { file: stopped.file, line: stopped.line, message: stopped.message };
        RunOutcome::of(end, Figures::default())
    });
    Reply::Played { outcome: Box::new(outcome), seconds: start.elapsed().as_secs_f64() }
}
