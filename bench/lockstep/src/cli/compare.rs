// SPDX-License-Identifier: Apache-2.0
//! `lockstep compare`: policies side by side.

use scenario::{Policy, Variant};

use super::args::{Compare, Selection};
use super::error::CommandError;
use super::options::Options;
use super::output;
use super::play::play_jobs;
use crate::report::{self, Comparison, ExitCode};
use crate::runner::{self, Device, Plan, Planned, Selected};

/// Plays scenarios under each policy, and tells what the reconfigurations cost.
///
/// # Errors
/// [`CommandError`]
pub fn compare(compare: Compare, colours: bool) -> Result<ExitCode, CommandError> {
    let selected = runner::select(&compare.scenarios, &compare.selectors)?.whole()?;
    let mut policies = compare.policy;
    let mut seen = Vec::new();
    policies.retain(|policy| {
        !seen.contains(policy) && {
            seen.push(*policy);
            true
        }
    });
    let selection = Selection::all(compare.scenarios);
    let options = Options::new(selection, compare.device, compare.play, None);
    let jobs_of = |device: Device| jobs(&options, &selected, &policies, device);
    let (report, series) = play_jobs(&options, jobs_of)?;
    let mut comparison =
        Comparison { device: report.device.clone(), base_seed: report.base_seed, ..Default::default() };
    // A worker that was given up has left no run: the jobs are told apart by what the runs say themselves.
    for (run, (variant, series)) in report.runs.iter().zip(series) {
        comparison.add(run.clone(), without_policy(&variant).to_string(), series.map(|series| *series));
    }
    comparison.measure();
    let json = options.play.results.json.as_deref();
    let print = output::beside(&[json, compare.svg.as_deref()]);
    let failed =
        report::Report { runs: report.runs.iter().filter(|run| !played(run)).cloned().collect(), ..report.clone() };
    let text = format!("{}\n{}", report::failures(&failed, colours), report::comparison_table(&comparison, colours));
    print(text.trim_start_matches('\n'));
    if let Some(path) = json {
        output::file(path, &report::comparison_json(&comparison))?;
    }
    if let Some(path) = &compare.svg {
        output::file(path, &report::plot(&comparison).map_err(|error| CommandError::Setting(error.to_string()))?)?;
    }
    if let Some(path) = &options.play.results.junit {
        let xml = report::junit(&report)
            .map_err(|error| CommandError::System { what: "write JUnit XML", error: error.to_string() })?;
        output::file(path, &xml)?;
    }
    if let Some(path) = &options.play.results.html {
        output::file(path, &report::html(&report))?;
    }
    Ok(match comparison.exit_code() {
        ExitCode::Passed if report.interrupted > 0 => ExitCode::Interrupted,
        code => code,
    })
}

/// A run that tells something of its policy, whatever the scenario had expected of it.
fn played(run: &runner::RunReport) -> bool {
    matches!(run.verdict, runner::Verdict::Pass | runner::Verdict::SoftwareHazard)
}

/// The jobs of all policies: for a scenario with a matrix of policies, those of its variants; for another one, the
/// policy takes the place of the scenario's own.
fn jobs(
    options: &Options,
    selected: &[Selected],
    policies: &[Policy],
    device: Device,
) -> Result<Vec<Planned>, CommandError> {
    let mut jobs = Vec::new();
    for one in selected {
        for &policy in policies {
            let plan = Plan {
                base: options.play.seed,
                seeds: options.play.seeds,
                replay: None,
                policy: Some(policy),
                device: device.clone(),
                fail_alloc: None,
            };
            let own = plan.jobs(std::slice::from_ref(one)).map_err(|problem| CommandError::Setting(problem.message))?;
            if own.is_empty() {
                let name = &one.loaded.scenario.name;
                return Err(CommandError::Setting(format!("`{name}` has no variant with policy {}", policy.name())));
            }
            if let Some(planned) = own.iter().find(|planned| !planned.stands_in_for.is_empty()) {
                let (name, needed) = (&one.loaded.scenario.name, planned.stands_in_for[0]);
                let message = format!("`{name}` requires {needed}, which the RTL lacks: compare it with --dut model");
                return Err(CommandError::Setting(message));
            }
            jobs.extend(own);
        }
    }
    for planned in &mut jobs {
        planned.job.series = true;
    }
    Ok(jobs)
}

fn without_policy(variant: &Variant) -> Variant {
    Variant(variant.0.iter().filter(|(axis, _)| axis != "policy").cloned().collect())
}
