// SPDX-License-Identifier: Apache-2.0
//! One run: a scenario on the test bench.

mod ats;
mod balance;
mod broken;
mod config;
mod debug;
mod domains;
mod parallel;
mod probes;
mod seats;
mod steps;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use boundary::Dut;
use driver::{ApiError, Driver};
use golden::{ProcessId, Spa};
use oracle::{Bound, Lenience};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use scenario::{At, Number, Offer, Place, Scenario};
use testbench::{RunOutcome, Testbench};

/// How a scenario is played.
#[derive(Default)]
pub struct RunOptions {
    /// Decides everything that is left to chance
    pub seed: u32,
    /// DMA over time is recorded
    pub series: bool,
    /// The driver's allocation of this number fails; at the end everything is given back, and the books must balance.
    /// 0: none fails
    pub fail_alloc: Option<u64>,
    /// The device runs on until this cycle after a violation, so that waves show what came of it
    pub run_on_until: Option<u64>,
    /// What the device offers; none: all that its strap says
    pub offer: Option<Offer>,
    /// Choices of the specification that are known of the device
    pub choices: Bound,
    /// Device, bus and software only: nothing is judged. For measurements
    pub unjudged: bool,
    /// The run is given up after this time on the wall clock
    pub timeout: Option<Duration>,
    /// How far it goes on behind what the device must not do
    pub lenience: Lenience,
    /// A trace of the run goes there
    pub record: Option<Box<dyn Write>>,
}

/// Plays a scenario, whose variant is in force, on a device under test.
///
/// # Errors
/// [`boundary::Stopped`] if the device stops itself in reset, before anything was played.
pub fn play(
    scenario: &Scenario,
    text: &str,
    dut: Box<dyn Dut>,
    options: RunOptions,
) -> Result<RunOutcome, boundary::Stopped> {
    let seed = options.seed;
    let mut config = config::testbench(scenario, &options.offer.unwrap_or(Offer::up_to(u64::MAX)), options.choices);
    if options.unjudged {
        config.oracle = None;
    }
    let bench = Testbench::new(config, dut, u64::from(seed))?;
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(seed));
    rng.set_stream(PLAYER_STREAM);
    let mut bench = bench;
    bench.go_on(options.lenience);
    if let Some(cycle) = options.run_on_until {
        bench.run_on_until(cycle);
    }
    if let Some(timeout) = options.timeout {
        bench.give_up_after(timeout);
    }
    if let (Some(to), Some(device)) = (options.record, bench.device()) {
        bench.record(to, &device);
    }
    if options.series {
        bench.record_series();
    }
    let backing = domains::Backing::new(scenario, &mut bench, seed);
    let mut counts = balance::Counts::default();
    let result = balance::probe(scenario, &mut bench, options.fail_alloc, &mut counts).and_then(|driver| {
        let mut player = Player::new(scenario, &mut bench, driver, backing, rng, options.fail_alloc);
        let result = player.set_up().and_then(|()| player.play());
        counts.take(&player.driver);
        match (options.fail_alloc, result) {
            (Some(_), Ok(())) => player.balance(),
            (_, result) => result,
        }
    });
    let mut outcome = match result {
        Ok(()) | Err(Fault::Api(ApiError::Halted(_))) => bench.finish(None),
        Err(fault) => bench.finish(Some(fault.describe(text))),
    };
    outcome.figures.allocations = counts.allocations;
    outcome.figures.failed_allocations = counts.failed;
    Ok(outcome)
}

/// Random numbers of the steps; the streams of DMA count theirs from 0.
const PLAYER_STREAM: u64 = 1 << 32;

/// Why a scenario was not played to its end.
#[derive(Debug)]
enum Fault {
    /// The driver refused or failed where the scenario did not expect it, or the machine stopped.
    Api(ApiError),
    /// A call that failed for want of memory did not leave everything as it was, or something is left at the end.
    Books(String),
    /// The same, at a step.
    At(Place, String),
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Fault::Api(error)
    }
}

impl From<driver::Halted> for Fault {
    fn from(halted: driver::Halted) -> Self {
        Fault::Api(halted.into())
    }
}

impl Fault {
    fn describe(&self, text: &str) -> String {
        match self {
            Fault::Api(error) => format!("before the first step: {error}"),
            Fault::Books(what) => what.clone(),
            Fault::At(place, what) => {
                let line = text.get(..place.offset).unwrap_or_default().matches('\n').count() + 1;
                format!("step in line {line}: {what}")
            }
        }
    }

    /// Adds the step, unless it is known or the machine stopped.
    fn at(self, place: Place) -> Fault {
        match self {
            Fault::Api(error @ ApiError::Halted(_)) => Fault::Api(error),
            Fault::Api(error) => {
                let errno = error.errno().map(|errno| format!(" ({errno})")).unwrap_or_default();
                Fault::At(place, format!("{error}{errno}"))
            }
            Fault::Books(what) => Fault::At(place, what),
            known @ Fault::At(..) => known,
        }
    }
}

/// A domain that has been made.
#[derive(Clone, Copy, Debug)]
struct DomainHandle {
    domain: driver::Domain,
    /// A nested domain's guest, and its page table
    guest: Option<(driver::Guest, driver::GuestTable)>,
    /// Or its guest, and its process directory
    directory: Option<(driver::Guest, driver::GuestDirectory)>,
}

impl DomainHandle {
    /// As the host sees it: without the guest's table.
    fn of_host(self) -> DomainHandle {
        DomainHandle { guest: None, directory: None, ..self }
    }
}

/// A process_id, if a step says one.
fn process_of(process: &Option<At<Number>>) -> Option<ProcessId> {
    process.as_ref().map(|process| ProcessId(process.0 as u32))
}

/// Who plays the steps: software, with the devices' traffic at its command.
struct Player<'a> {
    scenario: &'a Scenario,
    bench: &'a mut Testbench,
    driver: Driver,
    devices: BTreeMap<&'a str, driver::Device>,
    domains: BTreeMap<&'a str, DomainHandle>,
    /// Where the pages lie that a scenario maps without saying where
    backing: domains::Backing,
    /// Entries that `set-pte` has changed: by address of the entry, its page size and where it led
    changed: BTreeMap<(String, u64), (driver::format::PageSize, Spa, u64)>,
    /// Fault records that software took out, not looked at by a step yet
    records: Vec<driver::format::FaultRecord>,
    /// What was outstanding, sent, stored and read at a mark
    marks: BTreeMap<&'a str, probes::Marked>,
    rng: ChaCha8Rng,
    /// See [`RunOptions::fail_alloc`]
    fail_alloc: Option<u64>,
}

impl<'a> Player<'a> {
    fn new(
        scenario: &'a Scenario,
        bench: &'a mut Testbench,
        driver: Driver,
        backing: domains::Backing,
        rng: ChaCha8Rng,
        fail_alloc: Option<u64>,
    ) -> Player<'a> {
        Player {
            scenario,
            bench,
            driver,
            devices: BTreeMap::new(),
            domains: BTreeMap::new(),
            backing,
            changed: BTreeMap::new(),
            records: Vec::new(),
            marks: BTreeMap::new(),
            rng,
            fail_alloc,
        }
    }

    fn set_up(&mut self) -> Result<(), Fault> {
        self.make_domains()?;
        self.add_devices()
    }
}
