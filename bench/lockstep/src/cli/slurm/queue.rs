// SPDX-License-Identifier: Apache-2.0
//! Slurm's queue: jobs go into it by `sbatch`.

use std::path::Path;
use std::process::Command;

use super::super::error::CommandError;
use super::plan::{MERGE, Plan, SHARD};

/// Sends tasks, and the job behind them. Returns the numbers of both.
///
/// # Errors
/// [`CommandError::Setting`]: there is no `sbatch`, or it refuses.
pub fn send(plan: &Plan, folder: &Path, shards: &[u32], attempt: u32) -> Result<(String, String), CommandError> {
    let [of_tasks, of_merge] = names(folder);
    let mut tasks = sbatch(plan, folder, &of_tasks);
    tasks.arg(format!("--array={}", array(shards))).arg(log(folder, "shard-%a.log")).args(&plan.tasks);
    let tasks = number(tasks.arg(folder.join(SHARD)))?;
    let mut merge = sbatch(plan, folder, &of_merge);
    // Whatever becomes of the tasks: what they have left is merged.
    merge.arg(format!("--dependency=afterany:{tasks}")).arg(log(folder, "merge.log"));
    let merge = number(merge.arg(folder.join(MERGE)).arg(attempt.to_string()))?;
    Ok((tasks, merge))
}

fn sbatch(plan: &Plan, folder: &Path, name: &str) -> Command {
    let mut command = Command::new("sbatch");
    command.arg("--parsable").arg(format!("--job-name={name}")).arg("--open-mode=append");
    command.arg(format!("--chdir={}", folder.display())).args(&plan.everywhere);
    command
}

/// What the jobs of a folder are called: nobody else's are.
fn names(folder: &Path) -> [String; 2] {
    let hash = blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex();
    ["lockstep", "merge"].map(|name| format!("{name}-{}", &hash.as_str()[..8]))
}

/// Whether jobs of this folder are waiting or running. Where `squeue` does not answer, they may be.
pub fn is_busy(folder: &Path) -> bool {
    let output =
        Command::new("squeue").args(["--noheader", "--me"]).arg(format!("--name={}", names(folder).join(","))).output();
    output.map_or(true, |output| !output.status.success() || !output.stdout.trim_ascii().is_empty())
}

fn log(folder: &Path, name: &str) -> String {
    format!("--output={}", folder.join(name).display())
}

/// The number of the job that was sent.
fn number(command: &mut Command) -> Result<String, CommandError> {
    let output = command.output().map_err(|error| {
        CommandError::Setting(format!(
            "cannot start sbatch: {error}; this has to run where jobs are sent to Slurm, or with --dry-run"
        ))
    })?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(CommandError::Setting(format!("sbatch: {}", why.trim())));
    }
    // `number;cluster`
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().split(';').next().unwrap_or_default().to_owned())
}

/// Numbers of tasks as `--array` takes them: `1-4,7`.
fn array(shards: &[u32]) -> String {
    let runs = shards.chunk_by(|a, b| a + 1 == *b);
    let text = |run: &[u32]| match run {
        [first, .., last] => format!("{first}-{last}"),
        _ => run.iter().map(u32::to_string).collect(),
    };
    runs.map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::array;

    #[test]
    fn tasks_are_numbered_as_slurm_takes_them() {
        assert_eq!(array(&[1, 2, 3, 4]), "1-4");
        assert_eq!(array(&[2]), "2");
        assert_eq!(array(&[1, 3, 4, 9]), "1,3-4,9");
    }
}
