// SPDX-License-Identifier: Apache-2.0
//! What can be typed behind `lockstep slurm`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// `lockstep slurm`
#[derive(Debug, ClapArgs)]
pub struct Slurm {
    /// So many shards, each a task of an array
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: u32,
    /// Where scripts, logs and results go: a folder that all nodes see. Where a regression with the same arguments has left
    /// something, only what is missing is played
    #[arg(long, value_name = "FOLDER")]
    pub folder: PathBuf,
    /// How often a task is sent again that has left no results: its node was lost, or its time was over
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub retries: u32,
    /// Partition for all jobs
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
    /// Account for all jobs
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Limit of a task on the wall clock, as `sbatch` takes it
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// Memory of a task, as `sbatch` takes it
    #[arg(long, value_name = "SIZE")]
    pub mem: Option<String>,
    /// Processors of a task: so many runs at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub cpus: u32,
    /// A further argument of `sbatch` for the tasks, such as --sbatch=--constraint=fast
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub sbatch: Vec<String>,
    /// Wait until the results are there, and exit as `lockstep run` would
    #[arg(long)]
    pub wait: bool,
    /// Only write the scripts
    #[arg(long)]
    pub dry_run: bool,
    /// What `lockstep run` is to play: selectors, and its options but --shard and those for files of results
    #[arg(last = true, value_name = "ARGUMENT OF RUN")]
    pub run: Vec<String>,
}

/// `lockstep slurm-collect`
#[derive(Debug, ClapArgs)]
pub struct SlurmCollect {
    /// What was given to `lockstep slurm`
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// How often tasks were sent again before
    #[arg(value_name = "N")]
    pub attempt: u32,
}
