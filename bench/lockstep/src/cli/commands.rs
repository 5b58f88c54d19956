// SPDX-License-Identifier: Apache-2.0
//! What is done.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scenario::{Diagnostics, Variant};
use testbench::Series;
use vectors::{BadFile, NoWalk};

use super::args::{Args, Check, Command, Demo, DeviceArgs, Run, Selection};
use super::device::{self, DeviceError};
use super::interruption;
use super::options::{Options, colour};
use super::output::{self, WriteError};
use super::progress::Progress;
use super::{traces, waves};
use crate::report::{self, ExitCode, Report};
use crate::runner::{self, Device, Plan, Planned, Played, Pool, Reply, SelectError, Selected};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The scenarios
    #[error("{}", message(.0))]
    Select(#[from] SelectError),
    /// The device under test
    #[error("error: {0}")]
    Device(#[from] DeviceError),
    /// A result file
    #[error("error: {0}")]
    Write(#[from] WriteError),
    /// A file of cases
    #[error("error: {0}")]
    Cases(#[from] BadFile),
    /// A translation that does not exist
    #[error("error: {0}")]
    Walk(#[from] NoWalk),
    /// A trace
    #[error("error: {path}: {what}", path = .path.display())]
    Trace {
        /// The file
        path: PathBuf,
        /// What is wrong with it
        what: String,
    },
    /// A setting that does not fit
    #[error("error: {0}")]
    Setting(String),
    /// A program cannot be started, a thread, a handler of signals
    #[error("error: cannot {what}: {error}")]
    System {
        /// What failed
        what: &'static str,
        /// Why
        error: String,
    },
}

/// Diagnostics bring their own layout.
fn message(error: &SelectError) -> String {
    match error {
        SelectError::Wrong(diagnostics) => diagnostics.render(colour(super::args::Colour::Auto, &io::stderr())),
        other => format!("error: {other}"),
    }
}

/// What comes with a run: its variant, and DMA over time.
pub(super) type Recorded = (Variant, Option<Box<Series>>);

/// Carries out what was typed.
///
/// # Errors
/// [`CommandError`], for which the process exits with 2.
pub fn execute(args: Args) -> Result<ExitCode, CommandError> {
    log_to_stderr(args.verbose, colour(args.color, &io::stderr()));
    let colours = colour(args.color, &io::stdout());
    match args.command {
        Command::Run(run) => run_scenarios(run, colours),
        Command::List(list) => {
            list_scenarios(&runner::select(&list.selection.scenarios, &list.selection.selectors)?, &list.selection)
        }
        Command::Check(check) => check_files(&check, colours),
        Command::Demo(demo) => demonstrate(demo, colours),
        Command::Compare(compare) => super::compare::compare(compare, colours),
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
        Command::Litmus(litmus) => super::litmus::run(litmus),
        Command::Schema => {
            output::stdout(&scenario::schema());
            Ok(ExitCode::Passed)
        }
        Command::Worker => work(),
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
    let selected = runner::select(&run.selection.scenarios, &run.selection.selectors)?;
    if run.list {
        return list_scenarios(&selected, &run.selection);
    }
    let mut options = Options::new(run.selection, run.device, run.play, run.replay);
    options.stand_in = run.stand_in;
    options.must_show = run.must_show;
    waves::check(&run.waves, &options)?;
    if let Some(folder) = &run.record {
        output::make_folder(folder)?;
        options.record = Some(folder.clone());
    }
    let report = match run.fail_alloc {
        None => play(&options, &selected)?,
        Some(which) => super::failures::play(&options, &selected, which)?,
    };
    let print = if options.play.json.as_deref() == Some(Path::new("-")) { output::stderr } else { output::stdout };
    let text = format!("{}\n{}", report::failures(&report), report::summary(&report, colours));
    print(text.trim_start_matches('\n'));
    let code = finish(&options, &report)?;
    let recorded = match (&run.record, run.fail_alloc) {
        (None, None) => traces::record_failures(&options, &selected, &report),
        (Some(folder), _) => traces::are_whole(folder, &report),
        (None, Some(_)) => Ok(()),
    };
    lesser(code, recorded.and_then(|()| waves::write(&run.waves, &options, &selected, &report)))
}

fn demonstrate(demo: Demo, colours: bool) -> Result<ExitCode, CommandError> {
    let selection =
        Selection { selectors: vec!["nested.s2-to-nested".to_owned()], scenarios: demo.scenarios, policy: None };
    let selected = runner::select(&selection.scenarios, &selection.selectors)?;
    let options = Options::new(selection, demo.device, demo.play, None);
    let report = play(&options, &selected)?;
    let description = selected.first().map_or("", |one| one.loaded.scenario.description.as_str());
    let print = if options.play.json.as_deref() == Some(Path::new("-")) { output::stderr } else { output::stdout };
    let text = format!("{}\n{description}\n\n{}", report::failures(&report), report::policies(&report, colours));
    print(text.trim_start_matches('\n'));
    finish(&options, &report)
}

/// Plays what was selected.
fn play(options: &Options, selected: &[Selected]) -> Result<Report, CommandError> {
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
    let mut jobs = plan.jobs(selected).map_err(|problem| CommandError::Setting(problem.message))?;
    if let Some(folder) = &options.record {
        for planned in &mut jobs {
            planned.job.record = Some(traces::file_of(folder, &planned.job));
        }
    }
    Ok(jobs)
}

/// Plays jobs. With each run come its variant and, if it was recorded, DMA over time.
pub(super) fn play_jobs(
    options: &Options,
    jobs_of: impl Fn(Device) -> Result<Vec<Planned>, CommandError>,
) -> Result<(Report, Vec<Recorded>), CommandError> {
    let mut report = Report { device: options.device.name(), base_seed: options.play.seed, ..Report::default() };
    let mut recorded = Vec::new();
    // Settings first: a mistake there should not wait for a compiler.
    if !jobs_of(Device::Model)?.is_empty() {
        let start = Instant::now();
        let jobs = jobs_of(device::build(&options.device)?)?;
        report.times.build = start.elapsed();
        if !options.stand_in && jobs.iter().all(Planned::is_stand_in) {
            for needed in jobs.iter().flat_map(|planned| &planned.stands_in_for) {
                *report.left_out.entry(*needed).or_default() += 1;
            }
            return Ok((report, recorded));
        }
        recorded = add_runs(options, &jobs, &mut report)?;
    }
    Ok((report, recorded))
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
    Ok(recorded)
}

/// How long a worker may take to hand over what it has when its time is over, on a busy machine.
const GRACE: Duration = Duration::from_secs(10);

/// Plays jobs in worker processes. A job that was given up, since the user wants to stop, has no result.
pub(super) fn play_all(options: &Options, jobs: &[Planned]) -> Result<Vec<Option<Played>>, CommandError> {
    let pool = Pool {
        program: std::env::current_exe()
            .map_err(|error| CommandError::System { what: "find the program itself", error: error.to_string() })?,
        arguments: vec!["worker".into()],
        workers: options.workers,
        timeout: options.timeout,
        grace: GRACE,
    };
    interruption::catch()?;
    let progress = Progress::new(jobs.len(), "runs");
    let done = |planned: &Planned, _: &Played| progress.done(&planned.selector);
    let results = pool
        .play(jobs, |planned: &Planned| &planned.job, &interruption::STOP, done)
        .map_err(|error| CommandError::System { what: "start threads", error: error.to_string() })?;
    progress.finish();
    Ok(results.into_iter().map(|result| result.map(|(played, _)| played)).collect())
}

/// Writes the result files. What has been printed stays printed if that fails.
fn finish(options: &Options, report: &Report) -> Result<ExitCode, CommandError> {
    if std::env::var_os("GITHUB_ACTIONS").is_some() {
        output::stdout(&report::annotations(report));
    }
    let code = report.exit_code();
    let mut written = Ok(());
    if let Some(path) = &options.play.json {
        written = output::file(path, &report::json(report));
    }
    if let Some(path) = &options.play.junit {
        let xml = report::junit(report)
            .map_err(|error| CommandError::System { what: "write JUnit XML", error: error.to_string() })?;
        written = written.and(output::file(path, &xml));
    }
    lesser(code, written.map_err(CommandError::from))
}

/// What the process exits with. A file that could not be written is the lesser evil where a run failed; but it is said.
fn lesser(code: ExitCode, written: Result<(), CommandError>) -> Result<ExitCode, CommandError> {
    match (written, code) {
        (Ok(()), code) => Ok(code),
        (Err(error), ExitCode::Failed | ExitCode::Crashed | ExitCode::Stopped) => {
            output::stderr(&format!("{error}\n"));
            Ok(code)
        }
        (Err(error), _) => Err(error),
    }
}

fn list_scenarios(selected: &[Selected], selection: &Selection) -> Result<ExitCode, CommandError> {
    let mut any = false;
    for one in selected {
        let scenario = &one.loaded.scenario;
        for variant in &one.variants {
            if let (Some(wanted), Some(own)) = (selection.policy, variant.get("policy"))
                && wanted.name() != own
            {
                continue;
            }
            any = true;
            let tags: String = scenario.tags.iter().map(|tag| format!(" @{tag}")).collect();
            let needs: Vec<&str> = scenario.requires.iter().map(|needed| needed.name()).collect();
            let needs = if needs.is_empty() { String::new() } else { format!("  requires {}", needs.join(", ")) };
            let seeds = if scenario.seeds.value == 1 { "seed" } else { "seeds" };
            output::stdout(&format!("{}{variant}  {} {seeds}{tags}{needs}\n", scenario.name, scenario.seeds));
        }
    }
    Ok(if any { ExitCode::Passed } else { ExitCode::Nothing })
}

fn check_files(check: &Check, colours: bool) -> Result<ExitCode, CommandError> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in &check.files {
        if path.is_dir() { paths.extend(runner::files(path)?) } else { paths.push(path.clone()) }
    }
    let mut code = if paths.is_empty() { ExitCode::Nothing } else { ExitCode::Passed };
    for path in paths {
        match runner::load(&path) {
            Ok(loaded) => {
                let variants = loaded.scenario.variants().len();
                let noun = if variants == 1 { "variant" } else { "variants" };
                let warnings = loaded.scenario.warnings();
                let fate = if warnings.is_empty() { "good" } else { "good, but read the warning" };
                output::stdout(&format!("{}: {fate}: {}, {variants} {noun}\n", path.display(), loaded.scenario.name));
                let warnings = Diagnostics::new(&path.display().to_string(), &loaded.text, warnings);
                output::stdout(&warnings.render(colours));
            }
            Err(error) => {
                code = ExitCode::Usage;
                match error {
                    SelectError::Wrong(diagnostics) => output::stdout(&diagnostics.render(colours)),
                    other => output::stderr(&format!("error: {other}\n")),
                }
            }
        }
    }
    Ok(code)
}

/// The other side of [`Pool`].
fn work() -> Result<ExitCode, CommandError> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| CommandError::System { what: "read the job", error: error.to_string() })?;
    let reply = runner::serve(&text);
    output::file(Path::new("-"), &reply)?;
    Ok(ExitCode::Passed)
}

impl DeviceArgs {
    /// As reports name it.
    fn name(&self) -> String {
        match self.dut {
            super::args::Dut::Model => "the model".to_owned(),
            super::args::Dut::Rtl => self.rtl.display().to_string(),
        }
    }
}
