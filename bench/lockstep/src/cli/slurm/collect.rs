// SPDX-License-Identifier: Apache-2.0
//! The job behind the tasks.

use super::super::args::ResultPaths;
use super::super::error::CommandError;
use super::super::output;
use super::super::result_files::ResultFiles;
use super::super::slurm_args::SlurmCollect;
use super::plan::Plan;
use super::queue;
use super::submit::RESULTS;
use crate::report::{self, ExitCode};

/// Sends those tasks again that have left no results, as often as that is allowed; then merges what is there.
///
/// # Errors
/// [`CommandError`]: a folder without a plan, a file that cannot be written, parts that do not fit together, no Slurm.
pub fn collect(collect: &SlurmCollect, colours: bool) -> Result<ExitCode, CommandError> {
    let folder = &collect.folder;
    let plan = Plan::of(folder)?
        .ok_or_else(|| CommandError::Setting(format!("{} has no regression of `lockstep slurm`", folder.display())))?;
    let found: Vec<_> = (1..=plan.shards).map(|shard| (shard, plan.results(folder, shard))).collect();
    let lost: Vec<u32> = found.iter().filter(|(_, results)| results.is_none()).map(|(shard, _)| *shard).collect();
    if !lost.is_empty() && collect.attempt < plan.retries {
        let (tasks, merge) = queue::send(&plan, folder, &lost, collect.attempt + 1)?;
        output::stdout(&format!(
            "{} tasks have left no results, and are sent again: job {tasks}; job {merge} merges\n",
            lost.len()
        ));
        return Ok(ExitCode::Passed);
    }
    if !lost.is_empty() {
        let names: Vec<String> = lost.iter().map(u32::to_string).collect();
        output::stdout(&format!("lost, also when they were sent again: tasks {}\n", names.join(", ")));
    }
    let parts: Vec<_> = found.into_iter().filter_map(|(_, results)| results).collect();
    if parts.is_empty() {
        return Err(CommandError::Setting("no task has left results: their logs say why".to_owned()));
    }
    let report = report::merge(parts, true).map_err(|error| CommandError::Setting(error.to_string()))?;
    let file = |name: &str| Some(folder.join(name));
    let files = ResultFiles::open(&ResultPaths {
        json: file(RESULTS),
        junit: file("results.xml"),
        html: file("results.html"),
        ..ResultPaths::default()
    })?;
    files.print(&format!("{}\n{}", report::failures(&report, colours), report::summary(&report, colours)));
    files.write(&report)
}
