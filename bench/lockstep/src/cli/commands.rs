// SPDX-License-Identifier: Apache-2.0
//! What is done.

use std::io::{self, Read};
use std::path::Path;

use super::args::{Args, Command, Demo, DeviceArgs, FailAlloc, Run, SchemaOf, Selection};
use super::error::{CommandError, message};
use super::list::{self, How};
use super::options::{Options, colour};
use super::result_files::{ResultFiles, lesser};
use super::{device, journals, output, play, results, run_files, traces, waves};
use crate::report::{self, ExitCode};
use crate::runner::{self, Again, Broken, Costs, Found, Selected};
use crate::waivers::{self, Waivers};

/// Carries out what was typed.
///
/// # Errors
/// [`CommandError`], for which the process exits with 2.
pub fn execute(args: Args) -> Result<ExitCode, CommandError> {
    log_to_stderr(args.verbose, colour(args.color, &io::stderr()));
    let colours = colour(args.color, &io::stdout());
    match args.command {
        Command::Run(run) => run_scenarios(*run, colours),
        Command::List(list) => {
            let (selected, broken) = told(list.selection.select()?)?;
            let how = if list.json {
                How::Json
            } else if list.long {
                How::Long
            } else {
                How::Lines
            };
            let code = list::scenarios(&selected, list.selection.policy, None, how);
            Ok(if broken.is_empty() { code } else { ExitCode::Usage })
        }
        Command::Check(check) => super::check::run(&check, colours),
        Command::Merge(merge) => super::merge::run(&merge, colours),
        Command::Slurm(slurm) => super::slurm::submit(&slurm),
        Command::SlurmCollect(collect) => super::slurm::collect(&collect, colours),
        Command::Waive(waive) => propose_waivers(&waive.results),
        Command::Demo(demo) => demonstrate(demo, colours),
        Command::Compare(compare) => super::compare::compare(compare, colours),
        Command::Perf(args) => super::perf::run(&args, colours),
        Command::Diff(args) => super::diff::run(&args),
        Command::History(args) => super::history::run(&args),
        Command::Judge(judge) => super::traces::judge(&judge),
        Command::Events(events) => super::traces::events(&events),
        Command::Lint(lint) => {
            device::lint(&lint.rtl)?;
            output::stdout(&format!("{}: no warnings\n", lint.rtl.display()));
            Ok(ExitCode::Passed)
        }
        Command::Vectors(vectors) => super::vectors::score(&vectors),
        Command::Walk(walk) => super::vectors::walk(&walk),
        Command::Habits(habits) => super::habits::run(&habits),
        Command::Explore(args) => super::explore::run(&args, colours),
        Command::Shrink(args) => super::shrink::run(args),
        Command::Litmus(litmus) => super::litmus::run(litmus),
        Command::Schema { of } => {
            output::stdout(&match of {
                SchemaOf::Scenario => scenario::schema(),
                SchemaOf::Waivers => waivers::schema(),
                SchemaOf::Results => report::results_schema(),
                SchemaOf::Diff => report::diff_schema(),
                SchemaOf::Perf => report::perf_schema(),
                SchemaOf::List => list::schema(),
            });
            Ok(ExitCode::Passed)
        }
        Command::Worker => work(runner::serve),
        Command::PerfWorker => work(crate::perf::serve),
        Command::NewRtl(new) => super::new_rtl::run(&new),
        Command::Doctor(doctor) => super::doctor::run(&doctor),
        Command::Examine(asked) => {
            let examined = runner::examine(&asked.library, asked.strap);
            output::stdout(&serde_json::to_string(&examined).unwrap_or_default());
            Ok(ExitCode::Passed)
        }
        Command::Offer(offer) => tell_offer(&offer.library, offer.strap),
    }
}

fn log_to_stderr(verbose: u8, colours: bool) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(colours).without_time();
    // Only the first call in a process can succeed; there is one.
    let _ = log.try_init();
}

fn run_scenarios(run: Run, colours: bool) -> Result<ExitCode, CommandError> {
    let (selected, broken) = told(run.selection.select()?)?;
    if run.list {
        let code = list::scenarios(&selected, run.selection.policy, run.play.seeds, How::Lines);
        return Ok(if broken.is_empty() { code } else { ExitCode::Usage });
    }
    let words = words(&run);
    let mut options = Options::new(run.selection, run.device, run.play, run.replay);
    options.broken = broken;
    options.stand_in = run.stand_in;
    options.must_show = run.must_show;
    options.waivers = waivers(run.going_on.waivers.as_deref(), run.going_on.strict, &options.device)?;
    options.going_on = Some(run.going_on);
    let mut waves = run.waves;
    if let Some(file) = &run.before.rerun_failed {
        options.again = Some(results::read(file, Again::failed)?);
        options.is_selection = true;
        waves.show_failures(&options.device);
    }
    if let Some(shard) = run.sharding.shard {
        let costs = run.sharding.costs.as_deref().map(|file| results::read(file, Costs::measured)).transpose()?;
        options.shard = Some((shard, costs.unwrap_or_default()));
    }
    waves::check(&waves, &options)?;
    options.command = options.whole_command(&words);
    let old = run.before.since.as_deref().map(|file| results::read(file, report::read_results)).transpose()?;
    let files = ResultFiles::open(&options.play.results)?;
    options.journal = journals::open(&run.before)?;
    if let Some(folder) = &run.record {
        run_files::make_folder(folder)?;
        options.record = Some(folder.clone());
    }
    let mut report = match run.fail_alloc {
        None => play::selected(&options, &selected)?,
        Some(which) => super::failures::play(&options, &selected, which)?,
    };
    if let (Some(old), Some(file)) = (old, &run.before.since) {
        report.since = Some(report::diff(&old, &report).since(file.display().to_string()));
    }
    let text = format!("{}\n{}", report::failures(&report, colours), report::summary(&report, colours));
    files.print(text.trim_start_matches('\n'));
    let finished = files.write(&report);
    journals::close(&options, &run.before, report.interrupted == 0 && finished.is_ok());
    let code = finished?;
    let recorded = match (&run.record, run.fail_alloc) {
        (None, None) => traces::record_failures(&options, &selected, &report),
        (Some(folder), _) => traces::are_whole(folder, &report),
        (None, Some(_)) => Ok(()),
    };
    lesser(code, recorded.and_then(|()| waves::write(&waves, &options, &selected, &report)))
}

/// Tells of files that are no scenarios. The others are played all the same.
///
/// # Errors
/// [`CommandError::Select`]: there are no others.
fn told(found: Found) -> Result<(Vec<Selected>, Vec<Broken>), CommandError> {
    let Found { scenarios, mut broken } = found;
    let last = if scenarios.is_empty() { broken.pop() } else { None };
    for one in &broken {
        output::stderr(&format!("{}\n", message(&one.error).trim_end()));
    }
    match last {
        Some(last) => Err(last.error.into()),
        None => Ok((scenarios, broken)),
    }
}

/// What names the runs of a command.
fn words(run: &Run) -> Vec<String> {
    let Selection { selectors, exclude, .. } = &run.selection;
    let mut words = selectors.clone();
    words.extend(exclude.iter().flat_map(|selector| ["-x".to_owned(), selector.clone()]));
    if let Some(which) = run.fail_alloc {
        let which = match which {
            FailAlloc::Nth(nth) => nth.to_string(),
            FailAlloc::All => "all".to_owned(),
        };
        words.extend(["--fail-alloc".to_owned(), which]);
    }
    if let Some(file) = &run.before.rerun_failed {
        words.extend(["--rerun-failed".to_owned(), file.display().to_string()]);
    }
    words
}

fn demonstrate(demo: Demo, colours: bool) -> Result<ExitCode, CommandError> {
    let selection = Selection { selectors: vec!["nested.s2-to-nested".to_owned()], ..Selection::all(demo.scenarios) };
    let selected = selection.select()?.whole()?;
    let options = Options::new(selection, demo.device, demo.play, None);
    let files = ResultFiles::open(&options.play.results)?;
    let report = play::selected(&options, &selected)?;
    let description = selected.first().map_or("", |one| one.loaded.scenario.description.as_str());
    let text =
        format!("{}\n{description}\n\n{}", report::failures(&report, colours), report::policies(&report, colours));
    files.print(text.trim_start_matches('\n'));
    files.write(&report)
}

/// What is waived of a device: the file that was named, else the one that its description names.
pub(super) fn waivers(named: Option<&Path>, strict: bool, device: &DeviceArgs) -> Result<Waivers, CommandError> {
    let file = match (named, strict) {
        (Some(file), _) => Some(file.to_owned()),
        (None, true) => None,
        (None, false) => device::waivers(device)?,
    };
    Ok(file.map(|file| Waivers::read(&file)).transpose()?.unwrap_or_default())
}

/// `lockstep waive`
fn propose_waivers(file: &Path) -> Result<ExitCode, CommandError> {
    output::stdout(&results::read(file, waivers::proposal)?);
    Ok(ExitCode::Passed)
}

/// `lockstep offer`: the other side of [`device::build`].
fn tell_offer(library: &Path, strap: u64) -> Result<ExitCode, CommandError> {
    let answer = serde_json::to_string(&runner::probe(library, strap)).unwrap_or_default();
    output::stdout(&answer);
    Ok(ExitCode::Passed)
}

/// The other side of [`runner::Pool`].
fn work(serve: fn(&str) -> String) -> Result<ExitCode, CommandError> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| CommandError::System { what: "read the job", error: error.to_string() })?;
    let reply = serve(&text);
    output::file(Path::new("-"), &reply)?;
    Ok(ExitCode::Passed)
}
