// SPDX-License-Identifier: Apache-2.0
//! What can be typed behind `lockstep explore` and `lockstep shrink`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use scenario::parse_u64;

use super::dut::DeviceArgs;
use super::home::{SCENARIOS, ours};
use super::numbers::run_seed;

/// On what programs are played, and how.
#[derive(Debug, ClapArgs)]
pub struct Hunting {
    /// On what
    #[command(flatten)]
    pub device: DeviceArgs,
    /// File with what is known to be wrong with the device: programs go past it. Without it, the file that the description of
    /// the RTL names
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// No waiver holds
    #[arg(long, conflicts_with = "waivers")]
    pub strict: bool,
    /// Runs at a time; default: one for each core
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub jobs: Option<u32>,
    /// Seconds of wall-clock time after which a run is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub timeout: u64,
}

/// `lockstep explore`
#[derive(Debug, ClapArgs)]
pub struct Explore {
    /// On what, and how. With `--dut liberties`, what is found is a mistake of lockstep
    #[command(flatten)]
    pub hunting: Hunting,
    /// Hunt for so many minutes, less what making findings small takes afterwards
    #[arg(long, value_name = "MINUTES", default_value_t = 10, conflicts_with = "runs", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub minutes: u32,
    /// Hunt until so many programs have been drawn: the same ones on each machine
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// End with the first finding
    #[arg(long)]
    pub first: bool,
    /// Base seed: another one hunts other programs
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_u64)]
    pub seed: u64,
    /// Where programs that reached something new, and findings, are kept. A hunt that is there already is continued
    #[arg(long, value_name = "FOLDER", default_value = "target/explore")]
    pub corpus: PathBuf,
    /// Runs that making one finding small may take; 0: findings stay as large as they are
    #[arg(long, value_name = "N", default_value_t = 3000)]
    pub shrink_runs: u64,
    /// Write what came of it to this file as JSON; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `lockstep shrink`
#[derive(Debug, ClapArgs)]
pub struct Shrink {
    /// The scenario, by its name or its file; settings in brackets choose a variant. Default: the first one that fails
    #[arg(value_name = "SELECTOR|FILE")]
    pub scenario: String,
    /// On what, and how.
    #[command(flatten)]
    pub hunting: Hunting,
    /// The seed with which it fails; default: the first of its own with which it does
    #[arg(long, value_name = "SEED", value_parser = run_seed)]
    pub replay: Option<u32>,
    /// Folder with the scenarios
    #[arg(long, value_name = "DIR", default_value_os_t = ours(SCENARIOS))]
    pub scenarios: PathBuf,
    /// Runs that it may take
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: u64,
    /// Write the small scenario to this file; `-` is stdout. Default: stdout
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}
