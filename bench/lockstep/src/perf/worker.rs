// SPDX-License-Identifier: Apache-2.0
//! What a worker process does: one measurement, one reply.

use std::time::Instant;

use super::case::Case;
use super::job::{Job, Reply};
use super::measure::{Failure, Played, measure};
use crate::runner::{answer, create_trace, open_device};

/// Takes a job as JSON, plays it, and returns the reply as JSON.
pub fn serve(job: &str) -> String {
    answer(job, run, |reason| Reply::Failed { reason })
}

fn run(job: &Job) -> Reply {
    let failed = |reason| Reply::Failed { reason };
    let Some(case) = Case::from_name(&job.case) else { return failed(format!("there is no case `{}`", job.case)) };
    let begun = Instant::now();
    let dut = match open_device(&job.device, SEED, None) {
        Ok(dut) => dut,
        Err(reason) => return failed(reason),
    };
    let record = match job.record.as_ref().map(|file| create_trace(file).map_err(|error| (file, error))).transpose() {
        Ok(record) => record,
        Err((file, error)) => return failed(format!("cannot write {}: {error}", file.display())),
    };
    match measure(case, job, dut, record) {
        Ok(Played { measured, seconds, golden }) => {
            let all = begun.elapsed().as_secs_f64();
            Reply::Measured { measured: Box::new(measured), seconds: all, measured_seconds: seconds, golden }
        }
        Err(Failure::Lacks(what)) => Reply::Lacks { what },
        Err(Failure::Wrong(outcome)) => Reply::Wrong { outcome },
    }
}

/// Of what registers hold that RTL does not reset. Nothing else is left to chance.
const SEED: u32 = 1;
