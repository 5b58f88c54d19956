// SPDX-License-Identifier: Apache-2.0
//! Plays a case and measures it.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::time::Instant;

use boundary::Dut;
use bus::{BusConfig, DeviceTiming, PortTiming};
use driver::format::{Capabilities as DriverCapabilities, Scheme};
use driver::{ApiError, Driver, Machine as _};
use events::Cycle;
use golden::{Capabilities, Config as Walking, SpecVersion, offset};
use oracle::{Figures, Settings};
use scenario::Offer;
use testbench::{Bounds, Config, End, RunOutcome, Sequence, Testbench, TimedRequest};

use super::addresses::NEIGHBOUR;
use super::case::{Case, Tables};
use super::counters::{self, Counters};
use super::figures::{Ideal, Latency, Measured, Need, Reads};
use super::ideal::{Act, Key, belady, least_recent};
use super::job::{Job, Setting};
use super::machine::{Machine, PATIENCE};
use super::plan::{Before, Beside, Plan, Round};
use super::walk::{Structure, Walker, config};

/// What a measurement comes to.
pub(super) struct Played {
    pub measured: Measured,
    /// Wall-clock seconds of the cycles in which was measured
    pub seconds: f64,
    pub golden: Option<f64>,
}

/// Why there are no figures.
pub(super) enum Failure {
    Lacks(String),
    Wrong(Box<RunOutcome>),
}

/// A round as it was played: which of the requests, and in which cycles.
struct Seen {
    before: Before,
    measured: bool,
    requests: Range<usize>,
    cycles: Range<Cycle>,
}

/// Between what software did and the requests that are measured nothing is under way.
const QUIET: u64 = 64;

/// Cycles between two looks of software into the fault queue.
const HANDLER: u64 = 200;

/// Version 1.0; Sv39 to Sv57, Sv39x4 to Sv57x4, MSI_FLAT, HPM; wires; 56 bits of physical address. What the cases do not
/// use is not offered.
const STRAP: u64 = 0x10 | 0b111 << 9 | 0b111 << 17 | 1 << 22 | 1 << 28 | 1 << 30 | 56 << 32;

/// Version, how interrupts come, and the width of addresses: no features that one has or lacks.
const NO_FEATURES: u64 = 0xff | 0b11 << 28 | 0x3f << 32;

fn strap(offer: Offer) -> u64 {
    let Offer { capabilities, follows_strap } = offer;
    if !follows_strap {
        return capabilities;
    }
    let width = (STRAP >> 32 & 0x3f).min(capabilities >> 32 & 0x3f) << 32;
    STRAP & capabilities & !NO_FEATURES | STRAP & NO_FEATURES & !(0x3f << 32) | width
}

/// Memory that answers after exactly so many cycles, and devices that are always ready: what is measured is the device
/// under test.
fn bus(setting: Setting) -> BusConfig {
    let port = |latency| PortTiming {
        latency: latency..=latency,
        reorder: false,
        stall_percent: 0,
        outstanding: 1024,
        ..PortTiming::default()
    };
    BusConfig {
        mem: port(setting.dma_latency),
        ptw: port(setting.latency),
        dev: DeviceTiming { ready_percent: 100, gap_percent: 0, write_lag: 0..=0, outstanding: 1024 },
        reg_stall_percent: 0,
        ..BusConfig::default()
    }
}

/// What the page tables of a case need of a device and it has not.
fn lacking(tables: Tables, capabilities: u64) -> Option<&'static str> {
    let caps = DriverCapabilities(capabilities);
    let has = |all: [Scheme; 3]| all.into_iter().any(|scheme| caps.supports(scheme));
    let first = has([Scheme::Sv39, Scheme::Sv48, Scheme::Sv57]);
    let second = has([Scheme::Sv39x4, Scheme::Sv48x4, Scheme::Sv57x4]);
    match tables {
        Tables::First(_) | Tables::Nested(_) if !first => Some("a first stage"),
        Tables::Second(_) | Tables::Nested(_) | Tables::Msi if !second => Some("a second stage"),
        Tables::Msi if !caps.msi_flat() => Some("MSI page tables"),
        _ => None,
    }
}

/// Plays a case on a device.
pub(super) fn measure(
    case: Case,
    job: &Job,
    dut: Box<dyn Dut>,
    record: Option<Box<dyn Write>>,
) -> Result<Played, Failure> {
    let strap = strap(job.device.offer());
    if let Some(what) = lacking(case.tables, strap) {
        return Err(Failure::Lacks(what.to_owned()));
    }
    let settings = Settings::new(Capabilities(strap), SpecVersion::default(), job.device.choices());
    let bounds = Bounds { request: PATIENCE, command: PATIENCE, register: PATIENCE, rest: PATIENCE };
    let config = Config { capabilities: strap, bus: bus(job.setting), bounds, oracle: Some(settings) };
    let mut bench = Testbench::new(config, dut, 1).map_err(|stopped| {
        let end = End::Stopped { file: stopped.file, line: stopped.line, message: stopped.message };
        Failure::Wrong(Box::new(RunOutcome::of(end, Figures::default())))
    })?;
    bench.go_on(job.lenience.clone());
    bench.give_up_after(job.timeout);
    if let (Some(to), Some(device)) = (record, bench.device()) {
        bench.record(to, &device);
    }
    let plan = Plan::new(case.pattern, job.setting.streams.into(), job.setting.requests.into());
    let mut player = Player { bench, job, plan, seen: Vec::new(), counted: None, seconds: 0.0 };
    let result = player.play(case.tables);
    let (machine, walking) = match result {
        Ok(made) => made,
        Err(error) => return Err(Failure::Wrong(Box::new(player.bench.finish(software(&error))))),
    };
    let mut measured = player.figures(machine.driver.as_ref(), &walking);
    let golden = job.golden.then(|| player.golden(&walking));
    let Player { bench, seconds, .. } = player;
    let outcome = bench.finish(None);
    measured.cycles = outcome.figures.cycles;
    let is_clean = outcome.end == End::Finished && outcome.violation.is_none() && outcome.hazard.is_none();
    if is_clean { Ok(Played { measured, seconds, golden }) } else { Err(Failure::Wrong(Box::new(outcome))) }
}

/// What the run says of an error of the driver; why a machine stopped it knows itself.
fn software(error: &ApiError) -> Option<String> {
    (!matches!(error, ApiError::Halted(_))).then(|| error.to_string())
}

struct Player<'a> {
    bench: Testbench,
    job: &'a Job,
    plan: Plan,
    seen: Vec<Seen>,
    counted: Option<Counters>,
    seconds: f64,
}

impl Player<'_> {
    fn play(&mut self, tables: Tables) -> Result<(Machine, Walking), ApiError> {
        let devices = u64::from(self.job.setting.devices.max(1));
        let mut machine = Machine::new(&mut self.bench, tables, self.plan.pages, devices)?;
        let walking = config(&mut self.bench)?;
        self.bench.timing();
        let has_counters = DriverCapabilities(self.bench.read_register(offset::CAPABILITIES, 8)?).has_counters();
        let mut begun = None;
        for round in std::mem::take(&mut self.plan.rounds) {
            if round.measured && begun.is_none() {
                if has_counters {
                    counters::start(&mut self.bench)?;
                }
                begun = Some(Instant::now());
            }
            match round.before {
                Before::Nothing => {}
                Before::All => machine.forget_all(&mut self.bench)?,
                Before::Directory => machine.forget_directory(&mut self.bench)?,
            }
            self.bench.wait(QUIET)?;
            self.round(&mut machine, &round)?;
        }
        self.seconds = begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        if has_counters {
            self.counted = Some(counters::stop(&mut self.bench)?);
        }
        Ok((machine, walking))
    }

    fn round(&mut self, machine: &mut Machine, round: &Round) -> Result<(), ApiError> {
        let Plan { beats, dependent, beside, .. } = self.plan;
        let beside = if round.measured { beside } else { Beside::Nothing };
        if beside == Beside::Faults {
            let requests = vec![machine.refused()];
            self.bench.start_sequence(Sequence { requests, outstanding: 1, repeat: true });
        }
        let outstanding = if dependent { 1 } else { self.job.setting.outstanding };
        let first = self.bench.timing().requests.len();
        let from = self.bench.now();
        for (stream, touches) in (0..).zip(&round.touches) {
            let requests = touches.iter().map(|&touch| machine.request(stream, touch, beats)).collect();
            self.bench.start_sequence(Sequence { requests, outstanding, repeat: false });
        }
        while !self.bench.sequences_are_done() {
            match (beside, &mut machine.driver) {
                (Beside::Faults, Some(driver)) => {
                    let until = self.bench.now() + HANDLER;
                    while self.bench.now() < until && !self.bench.sequences_are_done() {
                        self.bench.tick()?;
                    }
                    driver.drain_faults(&mut self.bench)?;
                }
                (Beside::Invalidations, _) => machine.forget_nothing(&mut self.bench)?,
                _ => self.bench.tick()?,
            }
        }
        let to = self.bench.now();
        self.bench.stop_sequences()?;
        let requests = first..self.bench.timing().requests.len();
        self.seen.push(Seen { before: round.before, measured: round.measured, requests, cycles: from..to });
        if let (Beside::Faults, Some(driver)) = (beside, &mut machine.driver) {
            self.bench.wait(QUIET)?;
            driver.drain_faults(&mut self.bench)?;
        }
        Ok(())
    }

    /// The requests that were measured.
    fn measured(&self) -> Vec<TimedRequest> {
        let Some(timing) = self.bench.timed() else { return Vec::new() };
        let rounds = self.seen.iter().filter(|seen| seen.measured);
        let all = rounds.flat_map(|seen| timing.requests.get(seen.requests.clone()).unwrap_or_default());
        all.filter(|timed| timed.request.device.0 != NEIGHBOUR).cloned().collect()
    }

    fn golden(&self, walking: &Walking) -> f64 {
        let requests: Vec<_> = self.measured().into_iter().map(|timed| timed.request).collect();
        Walker::new(*walking, self.bench.memory()).speed(&requests)
    }

    fn figures(&self, driver: Option<&Driver>, walking: &Walking) -> Measured {
        let Some(timing) = self.bench.timed() else { return Measured::default() };
        let setting = self.job.setting;
        let walker = Walker::new(*walking, self.bench.memory());
        let (mut acts, mut costs, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut latencies, mut waits) = (Vec::new(), Vec::new());
        let (mut cycles, mut requests_of_all, mut refused) = (0, 0, 0);
        let mut structures = BTreeMap::new();
        for seen in &self.seen {
            if seen.before == Before::All {
                acts.push(Act::Forget);
            }
            let requests = timing.requests.get(seen.requests.clone()).unwrap_or_default();
            // A neighbour goes on for a moment after the others are done.
            let within = |timed: &&TimedRequest| seen.cycles.contains(&timed.accepted);
            for timed in requests.iter().filter(within) {
                requests_of_all += u64::from(seen.measured);
                let walked = walker.walk(&timed.request, &mut structures);
                if timed.request.device.0 == NEIGHBOUR {
                    continue;
                }
                let own = |size| Key::of(timed.request.device.0, timed.request.iova.0, size);
                acts.push(Act::Use(walked.size_log2.map(own)));
                costs.push(walked.reads);
                counts.push(seen.measured);
                if seen.measured {
                    latencies.extend(timed.latency());
                    waits.push(timed.accepted - timed.offered);
                    refused += u64::from(timed.shown.is_none());
                }
            }
            if seen.measured {
                cycles += span(requests);
            }
        }
        let measured = latencies.len() as u64;
        Measured {
            requests: measured,
            refused,
            latency: Latency::of(latencies, &waits),
            rate: measured as f64 / cycles.max(1) as f64,
            reads: self.reads(driver, &structures, requests_of_all),
            walk: need(&costs, &counts, setting),
            ideal: ideal(&acts, &costs, &counts, setting),
            counters: self.counted,
            requests_of_all,
            cycles: 0,
        }
    }

    /// Reads while it was measured. What lies where the golden walks tell.
    fn reads(&self, driver: Option<&Driver>, structures: &BTreeMap<u64, Structure>, requests: u64) -> Reads {
        let mut reads = Reads::default();
        let Some(timing) = self.bench.timed() else { return reads };
        let rounds: Vec<&Range<Cycle>> =
            self.seen.iter().filter(|seen| seen.measured).map(|seen| &seen.cycles).collect();
        for read in &timing.reads {
            // Rounds are in order.
            let at = rounds.partition_point(|cycles| cycles.end <= read.cycle);
            let is_in = rounds.get(at).is_some_and(|cycles| cycles.contains(&read.cycle));
            if !is_in || driver.is_some_and(|driver| driver.is_command_queue(read.addr)) {
                continue;
            }
            reads.all += 1;
            reads.beats += u64::from(read.burst.beats());
            let structure = structures.get(&(read.addr.0 & !7)).copied().unwrap_or(Structure::Other);
            *reads.by_structure.entry(structure.name().to_owned()).or_default() += 1;
        }
        reads.per_request = reads.all as f64 / requests.max(1) as f64;
        reads
    }
}

/// From the first acceptance to the last VALID or refusal, of the devices that are measured.
fn span(requests: &[TimedRequest]) -> Cycle {
    let own = || requests.iter().filter(|timed| timed.request.device.0 != NEIGHBOUR);
    let first = own().map(|timed| timed.accepted).min().unwrap_or(0);
    let last = own().filter_map(|timed| Some(timed.accepted + timed.latency()?)).max().unwrap_or(first);
    last - first
}

/// Cycles of a request that needs so many reads one after the other. What the boundary itself costs: no wire follows
/// another one within a cycle, so each read begins a cycle after what it depends on, and VALID on `mem_*` comes a cycle
/// after the last.
pub(super) fn bound(reads: u64, latency: u32) -> u64 {
    reads * (u64::from(latency) + 1) + 1
}

fn need(costs: &[u64], counts: &[bool], setting: Setting) -> Need {
    let own: Vec<u64> = costs.iter().zip(counts).filter(|(_, counts)| **counts).map(|(reads, _)| *reads).collect();
    let mean = |sum: u64| sum as f64 / own.len().max(1) as f64;
    Need { reads: mean(own.iter().sum()), cycles: mean(own.iter().map(|&reads| bound(reads, setting.latency)).sum()) }
}

fn ideal(acts: &[Act], costs: &[u64], counts: &[bool], setting: Setting) -> Ideal {
    let entries = setting.entries as usize;
    let (missed, least) = (least_recent(acts, entries), belady(acts, entries));
    let mut ideal = Ideal { entries: setting.entries, ..Ideal::default() };
    let (mut reads, mut cycles, mut own) = (0, 0, 0_u64);
    for (at, counts) in counts.iter().enumerate().filter(|(_, counts)| **counts) {
        own += u64::from(*counts);
        ideal.misses += u64::from(missed[at]);
        ideal.least_misses += u64::from(least[at]);
        let needed = if missed[at] { costs[at] } else { 0 };
        reads += needed;
        cycles += bound(needed, setting.latency);
    }
    ideal.reads = reads as f64 / own.max(1) as f64;
    ideal.cycles = cycles as f64 / own.max(1) as f64;
    ideal
}
