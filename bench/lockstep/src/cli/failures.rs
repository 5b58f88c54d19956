// SPDX-License-Identifier: Apache-2.0
//! `lockstep run --fail-alloc`: the driver's allocations fail, one a run.

use super::args::FailAlloc;
use super::error::CommandError;
use super::options::Options;
use super::play::{add_runs, play_jobs};
use crate::report::Report;
use crate::runner::{Device, Plan, Planned, Selected};

/// Plays each variant that is expected to pass, first to see how often its driver allocates and whether its books
/// balance at all, then with the allocations in question failing.
///
/// # Errors
/// [`CommandError`]
pub fn play(options: &Options, selected: &[Selected], which: FailAlloc) -> Result<Report, CommandError> {
    let jobs_of = |device: Device| jobs(options, selected, device);
    let (mut report, _) = play_jobs(options, jobs_of)?;
    if report.interrupted > 0 || report.runs.is_empty() {
        return Ok(report);
    }
    // The library is there: it is only looked up again.
    let device = super::device::build(&options.device, Some(options.workers))?;
    let counted = jobs(options, selected, device)?;
    let mut failing = Vec::new();
    for (planned, run) in counted.iter().zip(&report.runs).filter(|(_, run)| run.passed) {
        let all = run.figures.allocations;
        match which {
            FailAlloc::All => failing.extend((1..=all).map(|nth| planned.failing(nth))),
            FailAlloc::Nth(nth) if nth <= all => failing.push(planned.failing(nth)),
            FailAlloc::Nth(_) => {}
        }
    }
    add_runs(options, &failing, &mut report)?;
    report.runs.sort_by_key(|run| {
        let order =
            |planned: &Planned| planned.job.scenario == run.scenario && planned.job.variant.to_string() == run.variant;
        counted.iter().position(order)
    });
    Ok(report)
}

fn jobs(options: &Options, selected: &[Selected], device: Device) -> Result<Vec<Planned>, CommandError> {
    let plan = Plan {
        base: options.play.seed,
        seeds: Some(options.play.seeds.unwrap_or(1)),
        replay: options.replay,
        policy: options.policy,
        device,
        fail_alloc: Some(0),
    };
    let mut jobs = plan.jobs(selected).map_err(|problem| CommandError::Setting(problem.message))?;
    jobs.extend(options.broken(&plan));
    options.make_lenient(&mut jobs);
    Ok(jobs)
}
