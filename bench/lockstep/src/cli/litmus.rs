// SPDX-License-Identifier: Apache-2.0
//! `lockstep litmus`: small programs, each with a question and the answer of the specification, on the device under test,
//! on the model, and on the illegal device that it is for.

use std::fmt::Write as _;

use scenario::{Litmus, LitmusAnswer};

use super::args::{Litmus as Args, Selection};
use super::error::CommandError;
use super::options::Options;
use super::output;
use super::play::play_jobs;
use crate::report::ExitCode;
use crate::runner::{self, Device, Plan, Planned, Selected};
use crate::runner::{RunReport, Verdict};

/// What a litmus test came to on one device.
#[derive(Debug, Default)]
struct Outcome {
    runs: usize,
    /// Runs that came out as the scenario expects
    passed: usize,
    /// How often a value that memory no longer held was the only explanation
    stale: u64,
    /// Rules by which the device was blamed
    blamed: Vec<String>,
}

impl Outcome {
    fn add(&mut self, run: &RunReport) {
        self.runs += 1;
        self.passed += usize::from(run.passed);
        self.stale += run.figures.stale_used.values().sum::<u64>();
        if run.verdict == Verdict::DutViolation
            && let Some(finding) = &run.violation
            && !self.blamed.contains(&finding.rule)
        {
            self.blamed.push(finding.rule.clone());
        }
    }

    fn is_right(&self) -> bool {
        self.runs > 0 && self.passed == self.runs
    }
}

/// Plays the litmus tests, and prints a table of them.
///
/// # Errors
/// [`CommandError`]
pub fn run(args: Args) -> Result<ExitCode, CommandError> {
    let mut selected = runner::select(&args.scenarios, &args.selectors)?.whole()?;
    selected.retain(|one| one.loaded.scenario.litmus.is_some());
    if selected.is_empty() {
        return Err(CommandError::Setting("none of these scenarios is a litmus test".to_owned()));
    }
    let selection = Selection::all(args.scenarios);
    let mut options = Options::new(selection, args.device, args.play, None);
    // What the RTL lacks is played on the model in any case.
    options.stand_in = true;
    let under_test = play(&options, &selected, |_, device| Some(device))?;
    let model = play(&options, &selected, |_, _| Some(Device::Model))?;
    let illegal = play(&options, &selected, |litmus, _| {
        let habit = litmus.habit.as_ref()?.value.clone();
        Some(Device::Illegal { habit })
    })?;
    let (text, right) = table(&selected, [&under_test, &model, &illegal]);
    match &args.markdown {
        Some(path) => output::file(path, &text)?,
        None => output::stdout(&text),
    }
    Ok(if right { ExitCode::Passed } else { ExitCode::Failed })
}

/// Plays every litmus test on the device that `choose` gives for it, and returns what each came to, in their order.
fn play(
    options: &Options,
    selected: &[Selected],
    choose: impl Fn(&Litmus, Device) -> Option<Device>,
) -> Result<Vec<Outcome>, CommandError> {
    let jobs_of = |device: Device| jobs(options, selected, &choose, &device);
    let (report, _) = play_jobs(options, jobs_of)?;
    let outcome = |one: &Selected| {
        let mut outcome = Outcome::default();
        report
            .runs
            .iter()
            .filter(|run| run.scenario == one.loaded.scenario.name.value)
            .for_each(|run| outcome.add(run));
        outcome
    };
    Ok(selected.iter().map(outcome).collect())
}

fn jobs(
    options: &Options,
    selected: &[Selected],
    choose: impl Fn(&Litmus, Device) -> Option<Device>,
    device: &Device,
) -> Result<Vec<Planned>, CommandError> {
    let mut jobs = Vec::new();
    for one in selected {
        let Some(litmus) = &one.loaded.scenario.litmus else { continue };
        let Some(device) = choose(litmus, device.clone()) else { continue };
        let plan = Plan {
            base: options.play.seed,
            seeds: options.play.seeds,
            replay: None,
            policy: None,
            device,
            fail_alloc: None,
        };
        jobs.extend(plan.jobs(std::slice::from_ref(one)).map_err(|problem| CommandError::Setting(problem.message))?);
    }
    Ok(jobs)
}

/// The table, and whether everything in it is as it should be.
fn table(selected: &[Selected], [under_test, model, illegal]: [&[Outcome]; 3]) -> (String, bool) {
    let mut text = String::from(
        "# Litmus tests\n\nWritten by `lockstep litmus --markdown`. Each is a small program with a question. \"Forbidden\": no \
         legal device shows it, and the device with the illegal habit that shows it is caught. \"Allowed\": a legal device \
         may show it; *seen* says that one did.\n\n| test | question | answer | section | device under test | model | \
         illegal device |\n|---|---|---|---|---|---|---|\n",
    );
    let mut right = true;
    for (at, one) in selected.iter().enumerate() {
        let scenario = &one.loaded.scenario;
        let Some(litmus) = &scenario.litmus else { continue };
        let legal = |outcome: &Outcome| match (outcome.is_right(), litmus.answer) {
            (false, _) => format!("**wrong in {} of {} runs**", outcome.runs - outcome.passed, outcome.runs),
            (true, LitmusAnswer::Allowed) if outcome.stale > 0 => "passes, seen".to_owned(),
            (true, LitmusAnswer::Allowed) => "passes, not seen".to_owned(),
            (true, LitmusAnswer::Forbidden) => "passes".to_owned(),
        };
        let caught = match &litmus.habit {
            None => "".to_owned(),
            Some(habit) if illegal[at].blamed.is_empty() => {
                right = false;
                format!("`{}`: **not caught**", habit.value)
            }
            Some(habit) => format!("`{}`: caught, `{}`", habit.value, illegal[at].blamed.join("`, `")),
        };
        right &= under_test[at].is_right() && model[at].is_right();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {caught} |",
            scenario.name.value,
            scenario.description.trim().replace('\n', " "),
            litmus.answer,
            litmus.section.value,
            legal(&under_test[at]),
            legal(&model[at]),
        );
    }
    (text, right)
}
