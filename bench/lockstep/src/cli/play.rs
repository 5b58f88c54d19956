// SPDX-License-Identifier: Apache-2.0
//! Playing jobs: what was selected becomes jobs, worker processes play them, and their runs go into a report.

use std::time::{Duration, Instant};

use scenario::Variant;
use testbench::Series;

use super::error::CommandError;
use super::options::Options;
use super::progress::Progress;
use super::run_files::trace_of;
use super::{device, interruption, journals, output};
use crate::report::{Origin, Part, Report};
use crate::runner::{self, Again, Device, Plan, Planned, Played, Pool, Reply, Selected};
use crate::waivers::{self, State};

/// What comes with a run: its variant, and DMA over time.
pub(super) type Recorded = (Variant, Option<Box<Series>>);

/// Plays what was selected.
pub fn selected(options: &Options, selected: &[Selected]) -> Result<Report, CommandError> {
    Ok(play_jobs(options, |device| jobs(options, selected, device))?.0)
}

/// What was selected, as jobs for a device.
pub(super) fn jobs(options: &Options, selected: &[Selected], device: Device) -> Result<Vec<Planned>, CommandError> {
    let plan = Plan {
        base: options.play.seed,
        seeds: options.play.seeds,
        replay: options.replay,
        policy: options.policy,
        device,
        fail_alloc: None,
    };
    let jobs = match &options.again {
        Some(again) => Again::jobs(again, &plan, selected),
        None => plan.jobs(selected),
    };
    let mut jobs = jobs.map_err(|problem| CommandError::Setting(problem.message))?;
    jobs.extend(options.broken(&plan));
    if let Some(folder) = &options.record {
        for planned in &mut jobs {
            planned.job.record = Some(trace_of(folder, &planned.job));
        }
    }
    options.make_lenient(&mut jobs);
    Ok(jobs)
}

/// Plays jobs. With each run come its variant and, if it was recorded, DMA over time.
pub(super) fn play_jobs(
    options: &Options,
    jobs_of: impl Fn(Device) -> Result<Vec<Planned>, CommandError>,
) -> Result<(Report, Vec<Recorded>), CommandError> {
    let origin = Origin { lockstep: env!("CARGO_PKG_VERSION").to_owned(), command: options.command.clone(), rtl: None };
    let mut report =
        Report { device: options.device.name(), base_seed: options.play.seed, origin, ..Report::default() };
    let mut recorded = Vec::new();
    // Settings first: a mistake there should not wait for a compiler.
    if !jobs_of(Device::Model)?.is_empty() {
        let start = Instant::now();
        let jobs = jobs_of(device::build(&options.device, Some(options.workers))?)?;
        report.times.build = start.elapsed();
        report.origin.rtl = device::origin(&options.device)?;
        let is_none = |planned: &Planned| planned.is_stand_in() || planned.is_broken();
        let nothing_on_it = !options.stand_in && jobs.iter().all(is_none);
        let mut jobs = own_part(options, jobs, &mut report);
        if nothing_on_it {
            for needed in jobs.iter().flat_map(|planned| &planned.stands_in_for) {
                *report.left_out.entry(*needed).or_default() += 1;
            }
            if !jobs.iter().any(Planned::is_broken) {
                return Ok((report, recorded));
            }
            if let Some(part) = &mut report.part {
                let mut stays = jobs.iter().map(Planned::is_broken);
                part.places.retain(|_| stays.next().unwrap_or_default());
            }
            jobs.retain(Planned::is_broken);
        }
        recorded = add_runs(options, &jobs, &mut report)?;
    }
    Ok((report, recorded))
}

/// The jobs of this machine, if there are several.
fn own_part(options: &Options, jobs: Vec<Planned>, report: &mut Report) -> Vec<Planned> {
    let Some((shard, costs)) = &options.shard else { return jobs };
    let parts = runner::deal(&jobs, shard.of, costs);
    let places: Vec<usize> = (0..jobs.len()).filter(|at| parts[*at] == shard.index).collect();
    report.part = Some(Part {
        shard: *shard,
        plan: runner::fingerprint(&jobs, shard.of, &parts),
        all: jobs.len(),
        own: places.len(),
        is_selection: options.is_selection,
        places,
    });
    jobs.into_iter().zip(parts).filter(|(_, part)| *part == shard.index).map(|(planned, _)| planned).collect()
}

/// Plays jobs, and adds their runs to a report.
pub(super) fn add_runs(
    options: &Options,
    jobs: &[Planned],
    report: &mut Report,
) -> Result<Vec<Recorded>, CommandError> {
    tracing::info!(runs = jobs.len(), workers = options.workers, "playing");
    let start = Instant::now();
    let results = play_all(options, jobs)?;
    report.times.play += start.elapsed();
    if let Some(part) = &mut report.part {
        let mut played = results.iter().map(Option::is_some);
        part.places.retain(|_| played.next().unwrap_or_default());
    }
    let mut recorded = Vec::new();
    for (planned, result) in jobs.iter().zip(results) {
        match result {
            Some(mut played) => {
                let series = match &mut played {
                    Played::Replied(Reply::Played { outcome, .. }) => outcome.series.take(),
                    _ => None,
                };
                recorded.push((planned.job.variant.clone(), series));
                let mut run = runner::judge(planned, played, options.reproduce(planned));
                if options.must_show && !planned.is_stand_in() {
                    run.must_show();
                }
                report.runs.push(run);
            }
            None => report.interrupted += 1,
        }
    }
    report.waivers_file = (!options.waivers.all.is_empty()).then(|| options.waivers.path.display().to_string());
    report.waivers = waivers::uses(&options.waivers, &report.runs, waivers::today());
    // What was not played may have a use for it.
    let is_part = options.is_selection || report.interrupted > 0;
    if report.part.is_none() {
        report.waivers.retain(|one| !is_part || one.state != State::Unused);
    }
    Ok(recorded)
}

/// How long a worker may take to hand over what it has when its time is over, on a busy machine.
const GRACE: Duration = Duration::from_secs(10);

/// Processes of this program that carry out a command of it, so many at a time.
pub(super) fn pool(command: &str, workers: usize, timeout: Duration) -> Result<Pool, CommandError> {
    let program = std::env::current_exe()
        .map_err(|error| CommandError::System { what: "find the program itself", error: error.to_string() })?;
    Ok(Pool { program, arguments: vec![command.into()], workers, timeout, grace: GRACE })
}

/// Plays jobs in worker processes. A job that was given up, since the user wants to stop, has no result.
pub(super) fn play_all(options: &Options, jobs: &[Planned]) -> Result<Vec<Option<Played>>, CommandError> {
    let pool = pool("worker", options.workers, options.timeout)?;
    interruption::catch()?;
    let known = |planned: &Planned| match planned.is_broken() {
        true => Some(Played::Replied(Reply::Failed { reason: "its file is no scenario".to_owned() })),
        false => journals::known(options, &planned.job),
    };
    let mut results: Vec<Option<Played>> = jobs.iter().map(known).collect();
    let missing: Vec<&Planned> =
        jobs.iter().zip(&results).filter(|(_, known)| known.is_none()).map(|(one, _)| one).collect();
    let all = jobs.iter().filter(|planned| !planned.is_broken()).count();
    if missing.len() < all {
        let (known, left) = (all - missing.len(), missing.len());
        output::stderr(&format!("{known} of {all} runs are in the journal: {left} are played\n"));
    }
    let progress = Progress::new(missing.len(), "runs");
    let done = |planned: &&Planned, played: &Played| {
        journals::note(options, &planned.job, played);
        progress.done(&planned.selector);
    };
    let played = pool
        .play(&missing, |planned: &&Planned| &planned.job, &interruption::STOP, done)
        .map_err(|error| CommandError::System { what: "start threads", error: error.to_string() })?;
    progress.finish();
    let open = results.iter_mut().filter(|result| result.is_none());
    for (result, played) in open.zip(played) {
        *result = played.map(|(played, _)| played);
    }
    Ok(results)
}
