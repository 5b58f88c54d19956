// SPDX-License-Identifier: Apache-2.0
//! Sending a regression.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;

use super::super::args::{Args, Command, Run};
use super::super::error::CommandError;
use super::super::slurm_args::Slurm;
use super::super::{device, interruption, output, results, run_files};
use super::plan::{MERGE, Plan, SHARD};
use super::queue;
use crate::report::{self, ExitCode};

/// Sends a regression, as far as its folder has no results of it.
///
/// # Errors
/// [`CommandError`]: arguments that `lockstep run` would not take, RTL that does not build, a folder of another regression,
/// no Slurm.
pub fn submit(slurm: &Slurm) -> Result<ExitCode, CommandError> {
    let run = parsed(&slurm.run)?;
    run.selection.select()?;
    run_files::make_folder(&slurm.folder)?;
    let system = |what, error: std::io::Error| CommandError::System { what, error: error.to_string() };
    let folder = slurm.folder.canonicalize().map_err(|error| system("find the folder", error))?;
    let plan = Plan {
        shards: slurm.shards,
        retries: slurm.retries,
        everywhere: [("partition", &slurm.partition), ("account", &slurm.account)]
            .into_iter()
            .filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?)))
            .collect(),
        tasks: [
            ("time", slurm.time.clone()),
            ("mem", slurm.mem.clone()),
            ("cpus-per-task", Some(slurm.cpus.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("--{name}={}", value?)))
        .chain(["--requeue".to_owned()])
        .chain(slurm.sbatch.iter().cloned())
        .collect(),
        run: slurm.run.clone(),
        program: std::env::current_exe().map_err(|error| system("find the program itself", error))?,
        home: std::env::current_dir().map_err(|error| system("find the current folder", error))?,
    };
    if let Some(before) = Plan::of(&folder)?
        && (before.shards, &before.run) != (plan.shards, &plan.run)
    {
        let what = format!("{} shards of `lockstep run {}`", before.shards, before.run.join(" "));
        let message = format!("{} has another regression: {what}; name another folder", slurm.folder.display());
        return Err(CommandError::Setting(message));
    }
    plan.write(&folder)?;
    if slurm.dry_run {
        let [shard, merge] = [SHARD, MERGE].map(|name| folder.join(name).display().to_string());
        output::stdout(&format!("{shard}: a task\n{merge}: the job behind the tasks\n"));
        return Ok(ExitCode::Passed);
    }
    // All tasks share what is built here, and a mistake in the RTL is told at once.
    device::build(&run.device, None)?;
    let lost = plan.lost(&folder);
    let done = folder.join(RESULTS);
    if lost.is_empty() && done.exists() {
        output::stdout(&format!("{} is whole\n", done.display()));
        return told(&done);
    }
    let _ = std::fs::remove_file(&done);
    // Where only the merging is missing, the last task is played from its journal: it costs nothing.
    let send = if lost.is_empty() { vec![plan.shards] } else { lost };
    let (tasks, merge) = queue::send(&plan, &folder, &send, 0)?;
    output::stdout(&format!(
        "{} tasks are job {tasks}, and job {merge} merges them: results in {}\n",
        send.len(),
        done.display()
    ));
    if slurm.wait { wait(&done) } else { Ok(ExitCode::Passed) }
}

/// Where the results of the whole go.
pub const RESULTS: &str = "results.json";

/// What `lockstep run` is to play.
fn parsed(words: &[String]) -> Result<Run, CommandError> {
    let all = ["lockstep", "run"].into_iter().chain(words.iter().map(String::as_str));
    let args = Args::try_parse_from(all).map_err(|error| {
        let text = error.to_string();
        CommandError::Setting(text.trim_start_matches("error: ").trim_end().to_owned())
    })?;
    let Command::Run(run) = args.command else {
        return Err(CommandError::Setting("behind -- are arguments of `lockstep run`".to_owned()));
    };
    let own = [
        ("--shard", run.sharding.shard.is_some()),
        ("--json", run.play.results.json.is_some()),
        ("--junit", run.play.results.junit.is_some()),
        ("--sarif", run.play.results.sarif.is_some()),
        ("--html", run.play.results.html.is_some()),
        ("--history", run.play.results.history.is_some()),
        ("--journal", run.before.journal.is_some()),
        ("--resume", run.before.resume.is_some()),
        ("--fail-alloc", run.fail_alloc.is_some()),
        ("--list", run.list),
        ("--jobs", run.play.jobs.is_some()),
    ];
    match own.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            let hint = if name == "--jobs" { ": it comes of --cpus" } else { "" };
            Err(CommandError::Setting(format!("{name} cannot stand behind --{hint}")))
        }
        None => Ok(*run),
    }
}

/// How often the folder is looked at.
const PAUSE: Duration = Duration::from_millis(500);

/// How often Slurm is asked. Its controller has others to serve.
const LOOK: Duration = Duration::from_secs(10);

/// Waits until the results are there, or the user has enough of it: the jobs go on.
fn wait(done: &Path) -> Result<ExitCode, CommandError> {
    interruption::catch()?;
    let (mut told_at, mut looked) = (Instant::now(), Instant::now());
    let folder = done.parent().unwrap_or(done);
    while !done.exists() {
        // The file first: the last job may end between the two looks.
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            if !queue::is_busy(folder) && !done.exists() {
                let message = format!("the jobs have ended without results: their logs are in {}", folder.display());
                return Err(CommandError::Setting(message));
            }
        }
        if interruption::STOP.load(std::sync::atomic::Ordering::Relaxed) {
            output::stderr("the jobs go on: scancel ends them\n");
            return Ok(ExitCode::Interrupted);
        }
        std::thread::sleep(PAUSE);
        if told_at.elapsed() > Duration::from_secs(60) {
            told_at = Instant::now();
            output::stderr("waiting for the tasks\n");
        }
    }
    told(done)
}

/// What the results say, in one line.
fn told(done: &Path) -> Result<ExitCode, CommandError> {
    let report = results::read(done, report::read_results)?;
    output::stdout(&report::summary(&report, false));
    Ok(report.exit_code())
}
