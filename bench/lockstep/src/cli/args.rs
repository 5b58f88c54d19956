// SPDX-License-Identifier: Apache-2.0
//! What can be typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use model::Habit;
use scenario::{Policy, parse_u64};

pub use super::dut::{DeviceArgs, Dut, OUR_RTL};
use super::explore_args::{Explore, Shrink};
pub use super::home::SCENARIOS;
use super::home::ours;
use super::numbers::run_seed;
use super::perf_args::Perf;
use super::slurm_args::{Slurm, SlurmCollect};
use crate::runner::{self, Found, SelectError, Shard};

const EXIT_CODES: &str = "\
Exit codes:
    0  all runs passed
    1  a run failed
    2  bad usage, a mistake in a scenario, RTL that does not build, a file that cannot be written
    3  the device under test crashed or hung
    4  nothing ran
    5  a run was stopped from outside: killed, or out of wall-clock time
   70  internal error of lockstep
  130  interrupted; the results so far were printed";

const SELECTORS: &str = "\
Selectors:
  nested                               scenarios whose name is `nested` or begins with `nested.`
  nested.s2-to-nested[policy=rfc]      only the variants with these settings
  @hitless                             scenarios with this tag
  path/to/file.yaml                    the scenario in this file; settings in brackets work here, too
  'not @slow'                          all but these, also as -x @slow
Without a selector, all scenarios are taken.";

/// A golden-model RISC-V IOMMU in lockstep with an RTL IOMMU, driven by scenarios
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, after_help = EXIT_CODES, propagate_version = true, max_term_width = 110)]
pub struct Args {
    /// Say more on stderr; twice: much more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Files that have a JSON schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Scenarios
    Scenario,
    /// What is known to be wrong with a device
    Waivers,
    /// What `lockstep run --json` writes
    Results,
    /// What `lockstep diff --json` writes
    Diff,
    /// What `lockstep perf --json` writes
    Perf,
    /// What `lockstep list --json` writes
    List,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios and judge them
    #[command(after_help = SELECTORS, after_long_help = format!("{SELECTORS}\n\n{EXIT_CODES}"))]
    Run(Box<Run>),
    /// List scenarios, their variants and seeds
    #[command(after_help = SELECTORS)]
    List(List),
    /// Check scenario files: mistakes are told with line, column and a suggestion
    Check(Check),
    /// Put the results of several machines together
    Merge(Merge),
    /// Play a regression on a Slurm cluster: an array of shards, and a job that merges their results
    Slurm(Slurm),
    /// What the last job of `lockstep slurm` does: sends lost tasks again, or merges
    #[command(hide = true)]
    SlurmCollect(SlurmCollect),
    /// Propose waivers for what the results of `lockstep run --json` show
    Waive(Waive),
    /// Show a nested reconfiguration under live DMA, policy by policy
    Demo(Demo),
    /// Compare programming policies: what a reconfiguration costs in cycles, commands and lost DMA
    #[command(after_help = SELECTORS)]
    Compare(Compare),
    /// Measure how fast devices translate: cycles and reads of a request beside what the golden walk and an ideal cache need
    Perf(Box<Perf>),
    /// What differs between the results of two regressions: new, fixed and changed kinds of failure, figures that moved
    Diff(DiffArgs),
    /// Regressions over time: failures, kinds of failure and figures, from a file that `lockstep run --history` fills
    History(HistoryArgs),
    /// Judge traces: of `lockstep run --record`, or of anybody who wrote one
    Judge(Judge),
    /// Print the events of a trace, or some of them
    Events(Events),
    /// Check RTL with all of Verilator's warnings on
    Lint(Lint),
    /// Write a description, a wrapper and a first scenario for an RTL of your own
    NewRtl(NewRtl),
    /// Look at an RTL step by step: ports, reset, registers, DMA, a translation; and say which rule it breaks
    Doctor(Doctor),
    /// Run cases with known answers on the model or on the RTL, and score them
    Vectors(Vectors),
    /// Show a translation of a case step by step
    Walk(Walk),
    /// Look for mistakes of a device by programs that lockstep draws itself; each finding becomes a small scenario
    Explore(Explore),
    /// Make a scenario that fails as small as it can be
    Shrink(Shrink),
    /// Play the litmus tests on the device, on the model, and on the illegal device that each is for
    Litmus(Litmus),
    /// Give the model one illegal habit at a time, and show which rule of the oracle catches it, and how soon
    Habits(Habits),
    /// Print a JSON schema: from one of them an editor completes files, others say what lockstep writes for programs
    Schema {
        /// Of which files
        #[arg(value_enum, default_value = "scenario")]
        of: SchemaOf,
    },
    /// Play one run: the job as JSON on stdin, the result as JSON on stdout
    #[command(hide = true)]
    Worker,
    /// Make one measurement: the job as JSON on stdin, the result as JSON on stdout
    #[command(hide = true)]
    PerfWorker,
    /// Ask a device what it offers: the answer as JSON on stdout
    #[command(hide = true)]
    Offer(Offer),
    /// Take a first look at a device: the answer as JSON on stdout
    #[command(hide = true)]
    Examine(Offer),
}

/// `lockstep new-rtl`
#[derive(Debug, ClapArgs)]
pub struct NewRtl {
    /// Name of the RTL, as that of a module
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder for the files; default: one of this name
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// The bus that its registers are on
    #[arg(long, value_enum, default_value_t = Registers::AxiLite)]
    pub registers: Registers,
    /// How many ports it has for accesses of its own: one, or one for walks and one for queues
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub walk_ports: u8,
    /// Its AXI channels are structs
    #[arg(long)]
    pub structs: bool,
    /// It makes atomics: hardware updates of A and D bits
    #[arg(long)]
    pub atomics: bool,
    /// It has ATS and page requests
    #[arg(long)]
    pub ats: bool,
    /// It is told of poisoned read data
    #[arg(long)]
    pub poison: bool,
    /// It has QoS IDs
    #[arg(long)]
    pub qos_ids: bool,
}

/// Buses for registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Registers {
    /// AXI4-Lite, as the boundary has it
    AxiLite,
    /// AXI4
    Axi,
    /// APB with 32 bits
    Apb,
}

/// `lockstep doctor`
#[derive(Debug, ClapArgs)]
pub struct Doctor {
    /// Description of the RTL: sources, top, parameters, defines
    #[arg(long, value_name = "DESCRIPTION", default_value_os_t = ours(OUR_RTL))]
    pub rtl: PathBuf,
    /// File with what is known to be wrong with the device: it is gone past, and not said again. Without it, the file that
    /// the description of the RTL names
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
}

/// `lockstep offer`, `lockstep examine`
#[derive(Debug, ClapArgs)]
pub struct Offer {
    /// The library that an RTL was built into
    pub library: PathBuf,
    /// What its strap says
    #[arg(value_parser = parse_u64)]
    pub strap: u64,
}

/// Which scenarios.
#[derive(Debug, ClapArgs)]
pub struct Selection {
    /// Names, tags or files; default: all
    #[arg(value_name = "SELECTOR|FILE")]
    pub selectors: Vec<String>,
    /// Without these
    #[arg(short = 'x', long, value_name = "SELECTOR|FILE")]
    pub exclude: Vec<String>,
    /// Folder with the scenarios
    #[arg(long, value_name = "DIR", default_value_os_t = ours(SCENARIOS))]
    pub scenarios: PathBuf,
    /// Only this programming policy; scenarios without a matrix of policies are run with it
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    pub policy: Option<Policy>,
}

impl Selection {
    /// Everything in a folder.
    pub fn all(scenarios: PathBuf) -> Selection {
        Selection { selectors: Vec::new(), exclude: Vec::new(), scenarios, policy: None }
    }

    /// The scenarios that are meant, and files that should be some and are none.
    ///
    /// # Errors
    /// [`SelectError`]
    pub fn select(&self) -> Result<Found, SelectError> {
        let less = self.exclude.iter().map(|selector| format!("not {selector}"));
        let all: Vec<String> = self.selectors.iter().cloned().chain(less).collect();
        runner::select(&self.scenarios, &all)
    }
}

/// How runs are played.
#[derive(Debug, ClapArgs)]
pub struct Play {
    /// Base seed, decimal or 0x hexadecimal: the seed of a run is a hash of it, the scenario's name and an index
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_u64)]
    pub seed: u64,
    /// Seeds of each scenario, instead of what it says itself
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub seeds: Option<u32>,
    /// Runs at a time; default: one for each core
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub jobs: Option<u32>,
    /// Seconds of wall-clock time after which a run is given up; what it had shown until then is kept
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub timeout: u64,
    /// Where results go
    #[command(flatten)]
    pub results: ResultPaths,
}

/// Where results go.
#[derive(Debug, Default, ClapArgs)]
pub struct ResultPaths {
    /// Write the results to this file as JSON; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results to this file as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the kinds of failure to this file as SARIF, for code scanning
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
    /// Add the results to this SQLite file, for `lockstep history`: with the commit of the current folder
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Write the results to this file as a page for a browser, which needs nothing beside it
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `lockstep run`
#[derive(Debug, ClapArgs)]
pub struct Run {
    /// Which scenarios
    #[command(flatten)]
    pub selection: Selection,
    /// On what
    #[command(flatten)]
    pub device: DeviceArgs,
    /// How
    #[command(flatten)]
    pub play: Play,
    /// Play each variant once, with exactly this seed: as the report of a failure says
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "seed"], value_parser = run_seed)]
    pub replay: Option<u32>,
    /// Play on the model what the RTL lacks even if it lacks something for every run; otherwise nothing runs then
    #[arg(long)]
    pub stand_in: bool,
    /// A run that is for a value used stale, and in which the device keeps none, fails; otherwise it passes and is counted.
    /// For a device that is known to keep what it reads
    #[arg(long)]
    pub must_show: bool,
    /// Let an allocation of the driver fail: the call in which it does must change nothing and succeed the second time,
    /// and in the end nothing may be left. `all` goes through every allocation of each variant, in a run of its own.
    /// Only variants that are expected to pass; one seed each unless --seeds says otherwise
    #[arg(long, value_name = "N|all", value_parser = fail_alloc)]
    pub fail_alloc: Option<FailAlloc>,
    /// Write a trace of each run into a folder, for `lockstep judge` and `lockstep events`. A run that failed leaves one in
    /// target/traces without being asked
    #[arg(long, value_name = "FOLDER", conflicts_with = "fail_alloc")]
    pub record: Option<PathBuf>,
    /// How far runs go on behind what the device must not do
    #[command(flatten)]
    pub going_on: GoingOn,
    /// Waves
    #[command(flatten)]
    pub waves: WaveOptions,
    /// Results from before
    #[command(flatten)]
    pub before: Before,
    /// One machine of several
    #[command(flatten)]
    pub sharding: Sharding,
    /// Only list what would run
    #[arg(long)]
    pub list: bool,
}

/// How far runs go on behind what the device must not do.
#[derive(Debug, ClapArgs)]
pub struct GoingOn {
    /// File with what is known to be wrong with the device: runs go past it, and each use is counted. Without it, the file
    /// that the description of the RTL names
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// No waiver holds
    #[arg(long, conflicts_with = "waivers")]
    pub strict: bool,
    /// Go past so many kinds of divergence that nobody has waived; the run fails all the same, and reports each kind once
    #[arg(long, value_name = "KINDS", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    pub keep_going: Option<u32>,
}

/// Results from before.
#[derive(Debug, ClapArgs)]
pub struct Before {
    /// Write down each result in this file as soon as it is there, and keep the file. Without it the journal is one in
    /// target/journals, which goes once all results are written
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub journal: Option<PathBuf>,
    /// Play only what is missing in a journal: the other arguments are those of the command that did not end. What has
    /// changed since, a scenario or the RTL, is played again
    #[arg(long, value_name = "JOURNAL")]
    pub resume: Option<PathBuf>,
    /// Play again what failed in the results of `lockstep run --json`, with traces, and with waves if the device is an RTL
    #[arg(long, value_name = "RESULTS", conflicts_with_all = ["replay", "seed", "seeds", "fail_alloc"])]
    pub rerun_failed: Option<PathBuf>,
    /// Results of `lockstep run --json` from before: the page and the JSON say what is new since
    #[arg(long, value_name = "RESULTS", conflicts_with = "shard")]
    pub since: Option<PathBuf>,
}

/// One machine of several.
#[derive(Debug, ClapArgs)]
pub struct Sharding {
    /// Play only this part of the runs, such as 2/8: each machine plays another one, and `lockstep merge` puts the results
    /// together
    #[arg(long, value_name = "I/N", conflicts_with = "fail_alloc")]
    pub shard: Option<Shard>,
    /// Deal the runs by what they cost in these results of `lockstep run --json`, the same on each machine; otherwise in turn
    #[arg(long, value_name = "RESULTS", requires = "shard")]
    pub costs: Option<PathBuf>,
}

/// `lockstep merge`
#[derive(Debug, ClapArgs)]
pub struct Merge {
    /// What `lockstep run --shard --json` wrote on each machine; or the results of one regression, to have them in another form
    #[arg(required = true, value_name = "RESULTS")]
    pub parts: Vec<PathBuf>,
    /// Do with the parts that are there: the runs of the others count as interrupted
    #[arg(long)]
    pub partial: bool,
    /// Where the whole goes
    #[command(flatten)]
    pub results: ResultPaths,
}

/// `lockstep waive`
#[derive(Debug, ClapArgs)]
pub struct Waive {
    /// What `lockstep run --json` wrote; `-` is stdin
    #[arg(value_name = "RESULTS")]
    pub results: PathBuf,
}

/// Waves of runs, which are played once more for it: FST, with save files for GTKWave and Surfer.
#[derive(Debug, ClapArgs)]
pub struct WaveOptions {
    /// Write waves of each run into a folder: around what was found, or of the whole run if nothing was
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true, default_missing_value = "target/waves", conflicts_with = "fail_alloc")]
    pub waves: Option<PathBuf>,
    /// Write waves of each run that failed into a folder
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true, default_missing_value = "target/waves", conflicts_with_all = ["fail_alloc", "waves"])]
    pub waves_on_failure: Option<PathBuf>,
    /// Cycles that the waves show before what was found, at least; more where its story began earlier
    #[arg(long, value_name = "CYCLES", default_value_t = 2000)]
    pub waves_before: u64,
    /// Cycles that they show after it
    #[arg(long, value_name = "CYCLES", default_value_t = 500)]
    pub waves_after: u64,
}

impl WaveOptions {
    /// Waves of each run that fails, unless something else was said or the device has none.
    pub fn show_failures(&mut self, device: &DeviceArgs) {
        if self.waves.is_none() && device.dut == Dut::Rtl {
            self.waves_on_failure.get_or_insert_with(|| PathBuf::from("target/waves"));
        }
    }
}

/// Which allocation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailAlloc {
    /// This one, counted from 1
    Nth(u64),
    /// Each, one after the other
    All,
}

/// `lockstep list`
#[derive(Debug, ClapArgs)]
pub struct List {
    /// Which scenarios
    #[command(flatten)]
    pub selection: Selection,
    /// With descriptions
    #[arg(short, long)]
    pub long: bool,
    /// As JSON: names, descriptions, tags, seeds, files, what each needs
    #[arg(long, conflicts_with = "long")]
    pub json: bool,
}

/// `lockstep check`
#[derive(Debug, ClapArgs)]
pub struct Check {
    /// Scenario files or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Say also what this RTL lacks of what each scenario needs
    #[arg(long, value_name = "DESCRIPTION")]
    pub rtl: Option<PathBuf>,
}

/// `lockstep demo`
#[derive(Debug, ClapArgs)]
pub struct Demo {
    /// Folder with the scenarios
    #[arg(long, value_name = "DIR", default_value_os_t = ours(SCENARIOS))]
    pub scenarios: PathBuf,
    /// On what
    #[command(flatten)]
    pub device: DeviceArgs,
    /// How
    #[command(flatten)]
    pub play: Play,
}

/// `lockstep compare`
#[derive(Debug, ClapArgs)]
pub struct Compare {
    /// Names, tags or files
    #[arg(value_name = "SELECTOR|FILE", required = true)]
    pub selectors: Vec<String>,
    /// Policies, side by side in this order
    #[arg(long, value_name = "POLICY,…", value_parser = policy, value_delimiter = ',', default_value = "sequenced,upstream,rfc")]
    pub policy: Vec<Policy>,
    /// Draw DMA over time, with the steps of the reconfigurations, into this SVG file; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Folder with the scenarios
    #[arg(long, value_name = "DIR", default_value_os_t = ours(SCENARIOS))]
    pub scenarios: PathBuf,
    /// On what
    #[command(flatten)]
    pub device: DeviceArgs,
    /// How
    #[command(flatten)]
    pub play: Play,
}

/// `lockstep diff`
#[derive(Debug, ClapArgs)]
pub struct DiffArgs {
    /// What `lockstep run --json` wrote before
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// What it has written now
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Write what differs to this file as JSON; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write what differs to this file as Markdown, for a pull request; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write what differs to this file as a page for a browser, with the evidence; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `lockstep history`
#[derive(Debug, ClapArgs)]
pub struct HistoryArgs {
    /// SQLite file of regressions, as `lockstep run --history` and --add fill it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// First add what `lockstep run --json` wrote
    #[arg(long, value_name = "RESULTS")]
    pub add: Vec<PathBuf>,
    /// What the added regressions are called; default: the commit of the current folder
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// Only regressions on this device
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Draw the figures of these scenarios alone: the beginning of their names
    #[arg(long, value_name = "NAME", requires = "svg")]
    pub scenario: Option<String>,
    /// Draw failures, kinds and figures over time into this SVG file; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write the regressions to this file as JSON; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `lockstep judge`
#[derive(Debug, ClapArgs)]
pub struct Judge {
    /// Traces, compressed by gzip or not
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Verdicts, evidence and figures as JSON, an object a line
    #[arg(long)]
    pub json: bool,
    /// File with what is known to be wrong with the device: the trace is judged past it. All waivers hold, whatever
    /// scenarios and seeds they name
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// Go past so many kinds of divergence that nobody has waived, and report each once
    #[arg(long, value_name = "KINDS", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    pub keep_going: Option<u32>,
}

/// `lockstep events`
#[derive(Debug, ClapArgs)]
pub struct Events {
    /// A trace, compressed by gzip or not
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only events of these kinds: names as in the trace, or beginnings of names
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only events that have an address in this range, physical or virtual: first byte, and length if it is not 1
    #[arg(long, value_name = "ADDRESS[+LENGTH]", value_parser = address_range)]
    pub address: Option<AddressRange>,
    /// Only events of this device_id
    #[arg(long, value_name = "ID", value_parser = parse_u64)]
    pub device: Option<u64>,
    /// Only from this cycle on
    #[arg(long, value_name = "CYCLE", value_parser = parse_u64, default_value = "0")]
    pub from: u64,
    /// Only up to this cycle
    #[arg(long, value_name = "CYCLE", value_parser = parse_u64)]
    pub to: Option<u64>,
}

/// Addresses from one to another, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first one
    pub first: u64,
    /// The last one
    pub last: u64,
}

fn address_range(text: &str) -> Result<AddressRange, String> {
    let number = |text: &str| parse_u64(text).map_err(|error| error.to_string());
    let (first, length) = text.split_once('+').unwrap_or((text, "1"));
    let (first, length) = (number(first)?, number(length)?);
    let last = length.checked_sub(1).ok_or("the length is at least 1")?;
    Ok(AddressRange { first, last: first.saturating_add(last) })
}

/// `lockstep lint`
#[derive(Debug, ClapArgs)]
pub struct Lint {
    /// Description of the RTL: sources, top, parameters, defines
    #[arg(long, value_name = "DESCRIPTION", default_value_os_t = ours(OUR_RTL))]
    pub rtl: PathBuf,
}

/// `lockstep vectors`
#[derive(Debug, ClapArgs)]
pub struct Vectors {
    /// File of cases: one JSON object a line, gzipped or not
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What they run on; on the RTL, operations are skipped whose answer depends on what it lacks
    #[arg(long, value_enum, default_value_t = On::Model)]
    pub on: On,
    /// Description of the RTL: sources, top, parameters, defines
    #[arg(long, value_name = "DESCRIPTION", default_value_os_t = ours(OUR_RTL))]
    pub rtl: PathBuf,
    /// Only cases of this class
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// Write the scores and every mismatch to this file as JSON; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What cases run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum On {
    /// The golden model, without a clock
    Model,
    /// Verilated RTL
    Rtl,
}

impl On {
    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            On::Model => "model",
            On::Rtl => "rtl",
        }
    }
}

/// `lockstep walk`
#[derive(Debug, ClapArgs)]
pub struct Walk {
    /// Which translation: file, case, and operation from 0; without one, the first translation of the case
    #[arg(long, value_name = "FILE:ID[:OP]")]
    pub case: vectors::Which,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `lockstep litmus`
#[derive(Debug, ClapArgs)]
pub struct Litmus {
    /// Which litmus tests: names, beginnings of names, `@tag`; default: all
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// Folder with the scenarios
    #[arg(long, value_name = "FOLDER", default_value_os_t = ours(SCENARIOS))]
    pub scenarios: PathBuf,
    /// On what, besides the model
    #[command(flatten)]
    pub device: DeviceArgs,
    /// How
    #[command(flatten)]
    pub play: Play,
    /// Write the table to this file instead of printing it
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// `lockstep habits`
#[derive(Debug, ClapArgs)]
pub struct Habits {
    /// Which habits, by name; default: all
    #[arg(value_name = "HABIT", value_parser = habit)]
    pub habits: Vec<Habit>,
    /// Random worlds for each habit at most; a habit that was caught five times needs no more of them
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
    /// Hunts at a time; default: one for each core
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub jobs: Option<u32>,
    /// Write the table to this file instead of printing it
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write every catch to this file as JSON; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn habit(text: &str) -> Result<Habit, String> {
    Habit::from_name(text).ok_or_else(|| {
        let all = Habit::ALL.iter().map(|habit| habit.name());
        scenario::did_you_mean(text, all).unwrap_or_else(|| "no such habit".to_owned())
    })
}

fn policy(text: &str) -> Result<Policy, String> {
    let all = [Policy::Sequenced, Policy::Upstream, Policy::Rfc];
    all.into_iter().find(|policy| policy.name() == text).ok_or_else(|| {
        scenario::did_you_mean(text, all.map(Policy::name)).unwrap_or_else(|| "no such policy".to_owned())
    })
}

fn fail_alloc(text: &str) -> Result<FailAlloc, String> {
    match parse_u64(text) {
        _ if text == "all" => Ok(FailAlloc::All),
        Ok(0) => Err("allocations are counted from 1".to_owned()),
        Ok(nth) => Ok(FailAlloc::Nth(nth)),
        Err(_) => Err("a number from 1, or `all`".to_owned()),
    }
}
