// SPDX-License-Identifier: Apache-2.0
//! `lockstep run --waves`: runs are played once more with waves, around what was found, and viewers are told what to show.

mod gtkwave;
mod modules;
mod ports;
mod scene;
mod story;
mod surfer;
mod words;

use std::fmt::Write;
use std::path::Path;

use wellen::Hierarchy;

use super::args::WaveOptions;
use super::error::CommandError;
use super::options::Options;
use super::output;
use super::play::{jobs, play_all};
use super::run_files::{is_of, make_folder, trace_of};
use crate::report::Report;
use crate::runner::{Job, Played, Reply, RunReport, Selected, Waves, file_of_run};
use modules::{Around, Design};
use ports::Table;
use scene::Scene;
use story::Story;
use words::Words;

/// Waves of more runs than this help nobody.
const MOST: usize = 10;

/// Cycles that the waves show before the first moment of a story.
const LEAD: u64 = 20;

/// What can be said before anything is played.
///
/// # Errors
/// [`CommandError::Setting`]
pub fn check(asked: &WaveOptions, options: &Options) -> Result<(), CommandError> {
    let wanted = asked.waves.is_some() || asked.waves_on_failure.is_some();
    if wanted && options.device.dut.is_model() {
        return Err(CommandError::Setting("the model has no waves: leave --waves or --dut model out".to_owned()));
    }
    Ok(())
}

/// Plays what is wanted once more, and says where the waves are.
///
/// # Errors
/// [`CommandError`]
pub fn write(
    asked: &WaveOptions,
    options: &Options,
    selected: &[Selected],
    report: &Report,
) -> Result<(), CommandError> {
    let Some(folder) = asked.waves.as_ref().or(asked.waves_on_failure.as_ref()) else { return Ok(()) };
    let wanted = |run: &&RunReport| {
        run.stands_in_for.is_empty() && run.mistakes.is_empty() && (asked.waves.is_some() || !run.passed)
    };
    let count = report.runs.iter().filter(wanted).count();
    if count == 0 || report.interrupted > 0 {
        return Ok(());
    }
    make_folder(folder)?;
    let all = jobs(options, selected, super::device::build_with_waves(&options.device, Some(options.workers))?)?;
    let mut runs = Vec::new();
    let mut again = Vec::new();
    for run in report.runs.iter().filter(wanted).take(MOST) {
        let Some(planned) = all.iter().find(|planned| is_of(&planned.job, run)) else { continue };
        let mut planned = planned.clone();
        let story = Story::of(run);
        let (from, to) = window(asked, &story);
        planned.job.waves =
            Some(Waves { file: file_of_run(folder, &run.scenario, &run.variant, run.seed, ".fst"), from, to });
        planned.job.record = Some(trace_of(folder, &planned.job));
        runs.push((run, story));
        again.push(planned);
    }
    let results = play_all(options, &again)?;
    let mut text = String::from("\nwaves:\n");
    for (((run, story), planned), result) in runs.iter().zip(&again).zip(results) {
        match result {
            None => continue,
            Some(Played::Replied(Reply::Played { outcome, .. })) if outcome.figures.cycles != run.figures.cycles => {
                output::stderr(&format!("warning: {} came out differently when it was played again\n", run.id));
            }
            Some(_) => {}
        }
        if let Some(name) = for_viewers(folder, &planned.job, run, story)? {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {}\n    gtkwave {}", run.id, folder.join(format!("{name}.gtkw")).display());
            let _ = writeln!(text, "    (cd {} && surfer -c {name}.sucl {name}.fst)", folder.display());
        }
    }
    if count > MOST {
        let _ = writeln!(text, "  and {} more runs, without waves: select fewer", count - MOST);
    }
    output::stderr(&text);
    Ok(())
}

/// The cycles that the waves show: all of the story, and what was asked for around what was found.
fn window(asked: &WaveOptions, story: &Story) -> (u64, u64) {
    let (Some(found), Some(begin)) = (story.found, story.begin()) else { return (0, u64::MAX) };
    let from = found.saturating_sub(asked.waves_before).min(begin.saturating_sub(LEAD));
    (from, found.saturating_add(asked.waves_after))
}

/// Writes beside the waves of a run what viewers are to show, and returns the name that the files have in common; none if
/// there are no waves.
fn for_viewers(folder: &Path, job: &Job, run: &RunReport, story: &Story) -> Result<Option<String>, CommandError> {
    let warn = |what: String| output::stderr(&format!("warning: {what}\n"));
    let Some(waves) = &job.waves else { return Ok(None) };
    if !waves.file.is_file() {
        warn(format!("{} left no waves", run.id));
        return Ok(None);
    }
    let unreadable = |error: wellen::WellenError| warn(format!("{} cannot be read: {error}", waves.file.display()));
    let mut design = match Design::open(&waves.file) {
        Ok(design) => design,
        Err(error) => {
            unreadable(error);
            return Ok(None);
        }
    };
    let name = waves.file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut scene = Scene {
        id: &run.id,
        name: &name,
        cycles: (waves.from, waves.to),
        precision: precision(design.hierarchy()),
        story,
        ports: ports::shown(|port| design.hierarchy().lookup_var(&["TOP"], port).is_some()),
        instances: Vec::new(),
        left_out: 0,
    };
    let times = story.found.map(|found| (scene.time(scene.begin()), scene.time(found)));
    match design.instances(times.map(|times| Around { times, numbers: &story.numbers })) {
        Ok((instances, left_out)) => (scene.instances, scene.left_out) = (instances, left_out),
        Err(error) => unreadable(error),
    }
    let words = match &job.record {
        Some(trace) if trace.is_file() => Words::of_trace(trace, waves.from, waves.to)
            .map_err(|what| warn(format!("{}: {what}: values stay numbers", trace.display())))
            .unwrap_or_default(),
        _ => Words::default(),
    };
    let mappings = folder.join(surfer::MAPPINGS);
    make_folder(&mappings)?;
    for table in Table::ALL {
        let called = scene.table(table);
        output::file(&folder.join(gtkwave::filter(&called)), &words.filter(table))?;
        output::file(&mappings.join(&called), &words.mapping(table, &called))?;
    }
    output::file(&folder.join(format!("{name}.gtkw")), &gtkwave::save_file(&scene))?;
    output::file(&folder.join(format!("{name}.sucl")), &surfer::command_file(&scene))?;
    Ok(Some(name))
}

/// By how many powers of ten the unit of time in the waves is finer than a nanosecond.
fn precision(head: &Hierarchy) -> u32 {
    let exponent =
        head.timescale().and_then(|scale| Some(scale.unit.to_exponent()? + scale.factor.max(1).ilog10() as i8));
    (-9 - i32::from(exponent.unwrap_or(-9))).clamp(0, 6) as u32
}

#[cfg(test)]
mod tests {
    use super::story::Marker;
    use super::*;

    #[test]
    fn the_waves_begin_before_the_story() {
        let asked =
            WaveOptions { waves: None, waves_on_failure: Some("waves".into()), waves_before: 100, waves_after: 50 };
        let marker = |cycle| Marker { cycle, name: "store".to_owned(), what: String::new() };
        let story = |markers| Story { markers, found: Some(1000), numbers: Vec::new() };
        assert_eq!(window(&asked, &story(vec![marker(300)])), (280, 1050));
        assert_eq!(window(&asked, &story(vec![marker(950)])), (900, 1050));
        assert_eq!(window(&asked, &Story::default()), (0, u64::MAX), "all of a run in which nothing was found");
    }
}
