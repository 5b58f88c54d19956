// SPDX-License-Identifier: Apache-2.0
//! What a regression on a cluster is, and the scripts that its jobs run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::error::CommandError;
use super::super::options::quoted;
use super::super::{output, results};
use crate::report::{self, Report};

/// A regression on a cluster, as its folder remembers it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Number of tasks
    pub shards: u32,
    /// How often a task is sent again
    pub retries: u32,
    /// Arguments of `sbatch` for all jobs
    pub everywhere: Vec<String>,
    /// Further arguments of `sbatch` for the tasks
    pub tasks: Vec<String>,
    /// Arguments of `lockstep run`
    pub run: Vec<String>,
    /// The program
    pub program: PathBuf,
    /// Where it runs
    pub home: PathBuf,
}

/// The file in which a plan is kept.
const PLAN: &str = "regression.json";

/// The script of a task.
pub const SHARD: &str = "shard.sh";

/// The script of the job behind them.
pub const MERGE: &str = "merge.sh";

impl Plan {
    /// The plan of a folder, if it has one.
    ///
    /// # Errors
    /// [`CommandError::Setting`]: it cannot be read.
    pub fn of(folder: &Path) -> Result<Option<Plan>, CommandError> {
        let file = folder.join(PLAN);
        if !file.exists() {
            return Ok(None);
        }
        results::read(&file, |text| serde_json::from_str(text)).map(Some)
    }

    /// Writes the plan and its scripts.
    ///
    /// # Errors
    /// [`CommandError::Write`]
    pub fn write(&self, folder: &Path) -> Result<(), CommandError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        for (name, text) in [(SHARD, self.shard(folder)), (MERGE, self.merge(folder)), (PLAN, text)] {
            output::file(&folder.join(name), &text)?;
        }
        Ok(())
    }

    /// What a task does. Runs that fail are no failure of the task: its results tell of them.
    fn shard(&self, folder: &Path) -> String {
        let run: String = self.run.iter().map(|word| format!(" {}", quoted(word))).collect();
        let (home, program, folder) = (word(&self.home), word(&self.program), word(folder));
        format!(
            "#!/bin/sh\n\
             # A task: plays one shard. What an earlier attempt has played is in the journal.\n\
             cd {home} || exit\n\
             shard=$SLURM_ARRAY_TASK_ID\n\
             journal={folder}/shard-$shard.jsonl\n\
             how=--journal\n\
             if [ -s \"$journal\" ]; then how=--resume; fi\n\
             {program} run{run} --shard \"$shard/{}\" -j \"${{SLURM_CPUS_PER_TASK:-1}}\" \\\n\
             \x20   --json {folder}/\"shard-$shard.json\" \"$how\" \"$journal\"\n\
             code=$?\n\
             # 1, 3, 4, 5: the results say what failed.\n\
             case $code in 1 | 3 | 4 | 5) exit 0 ;; esac\n\
             exit $code\n",
            self.shards
        )
    }

    /// What the job behind the tasks does.
    fn merge(&self, folder: &Path) -> String {
        let (home, program, folder) = (word(&self.home), word(&self.program), word(folder));
        format!(
            "#!/bin/sh\n\
             # The job behind the tasks: sends those again that have left no results, or merges.\n\
             cd {home} || exit\n\
             exec {program} slurm-collect {folder} \"$1\"\n"
        )
    }

    /// The results of a task, if it has played all that it should.
    pub fn results(&self, folder: &Path, shard: u32) -> Option<(String, Report)> {
        let file = folder.join(format!("shard-{shard}.json"));
        let report = report::read_results(&std::fs::read_to_string(&file).ok()?).ok()?;
        (report.interrupted == 0).then(|| (file.display().to_string(), report))
    }

    /// The tasks that have left no results.
    pub fn lost(&self, folder: &Path) -> Vec<u32> {
        (1..=self.shards).filter(|shard| self.results(folder, *shard).is_none()).collect()
    }
}

fn word(path: &Path) -> String {
    quoted(&path.display().to_string())
}
