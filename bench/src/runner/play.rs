//! One run: a scenario on the test bench.

mod config;
mod domains;
mod probes;
mod steps;

use std::collections::BTreeMap;

use golden::Spa;
use hdl::Dut;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::driver::{self, ApiError, Driver};
use crate::scenario::{Place, Scenario};
use crate::testbench::{RunOutcome, Testbench};

/// Plays a scenario, whose variant is in force, on a device under test; with `series`, DMA over time is recorded.
///
/// # Errors
/// [`hdl::Stopped`] if the device stops itself in reset, before anything was played.
pub fn play(
    scenario: &Scenario,
    text: &str,
    dut: Box<dyn Dut>,
    seed: u32,
    series: bool,
) -> Result<RunOutcome, hdl::Stopped> {
    let bench = Testbench::new(config::testbench(scenario), dut, u64::from(seed))?;
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(seed));
    rng.set_stream(PLAYER_STREAM);
    let mut bench = bench;
    if series {
        bench.record_series();
    }
    let backing = domains::Backing::new(scenario, &mut bench, seed);
    let result = Player::set_up(scenario, &mut bench, backing, rng).and_then(|mut player| player.play());
    Ok(match result {
        Ok(()) | Err(Fault::Api(ApiError::Halted(_))) => bench.finish(None),
        Err(fault) => bench.finish(Some(fault.describe(text))),
    })
}

/// Random numbers of the steps; the streams of DMA count theirs from 0.
const PLAYER_STREAM: u64 = 1 << 32;

/// Why a scenario was not played to its end.
#[derive(Debug)]
enum Fault {
    /// The driver refused or failed where the scenario did not expect it, or the machine stopped.
    Api(ApiError),
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
            known @ Fault::At(..) => known,
        }
    }
}

/// A domain that has been made.
#[derive(Clone, Copy, Debug)]
struct Made {
    domain: driver::Domain,
    /// A nested domain's guest, and its page table
    guest: Option<(driver::Guest, driver::GuestTable)>,
}

impl Made {
    /// As the host sees it: without the guest's table.
    fn of_host(self) -> Made {
        Made { guest: None, ..self }
    }
}

/// Who plays the steps: software, with the devices' traffic at its command.
struct Player<'a> {
    scenario: &'a Scenario,
    bench: &'a mut Testbench,
    driver: Driver,
    devices: BTreeMap<&'a str, driver::Device>,
    domains: BTreeMap<&'a str, Made>,
    /// Where the pages lie that a scenario maps without saying where
    backing: domains::Backing,
    /// Entries that `set-pte` has changed: by address of the entry, its page size and where it led
    changed: BTreeMap<(String, u64), (driver::format::PageSize, Spa, u64)>,
    /// Fault records that software took out, not looked at by a step yet
    records: Vec<driver::format::FaultRecord>,
    /// What was outstanding, sent, stored and read at a mark
    marks: BTreeMap<&'a str, probes::Marked>,
    rng: ChaCha8Rng,
}

impl<'a> Player<'a> {
    fn set_up(
        scenario: &'a Scenario,
        bench: &'a mut Testbench,
        backing: domains::Backing,
        rng: ChaCha8Rng,
    ) -> Result<Player<'a>, Fault> {
        let driver = Driver::probe(bench, &config::resources(scenario), config::options(scenario))?;
        let mut player = Player {
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
        };
        player.make_domains()?;
        player.add_devices()?;
        Ok(player)
    }
}
