// SPDX-License-Identifier: Apache-2.0
//! Playing with an allocation that fails: the call in which it does must leave everything as it was, and succeeds when
//! it is made again; and in the end nothing is left.

use driver::{ApiError, Books, Driver, Ledger, Machine};
use golden::Spa;
use scenario::Scenario;
use testbench::Testbench;

use super::{DomainHandle, Fault, Player, config};

/// Between a call that failed and the second try, in cycles: what the first one may have left dangling has time to be
/// used.
const PAUSE: u64 = 200;

/// What the driver asked for, over all of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) allocations: u64,
    pub(super) failed: u64,
}

impl Counts {
    pub(super) fn take(&mut self, driver: &Driver) {
        self.allocations += driver.allocations();
        self.failed += u64::from(driver.allocation_failed());
    }
}

/// The driver's knowledge, and the contexts in memory.
struct State {
    books: Books,
    contexts: Vec<u64>,
}

/// Finds the IOMMU; where the allocation that is to fail does so here, a second time.
pub(super) fn probe(
    scenario: &Scenario,
    bench: &mut Testbench,
    fail_alloc: Option<u64>,
    counts: &mut Counts,
) -> Result<Driver, Fault> {
    let options = config::options(scenario);
    let resources = config::resources(scenario);
    let failing = driver::Options { fail_allocation: fail_alloc.filter(|&nth| nth > 0), ..options };
    match Driver::probe_or_leave(bench, &resources, failing) {
        Ok(driver) => Ok(driver),
        Err((ApiError::NoMemory, left)) if failing.fail_allocation.is_some() => {
            if left != Ledger::default() {
                return Err(Fault::Books(format!("the driver could not start for want of memory, and left {left:?}")));
            }
            counts.failed += 1;
            Ok(Driver::probe(bench, &resources, options)?)
        }
        Err((error, _)) => Err(error.into()),
    }
}

impl Player<'_> {
    /// Makes a call of the driver. If the allocation that is to fail does so in it, the call must have changed
    /// nothing, and is made a second time.
    pub(super) fn call<T>(
        &mut self,
        call: impl Fn(&mut Driver, &mut Testbench) -> Result<T, ApiError>,
    ) -> Result<T, Fault> {
        if self.fail_alloc.is_none_or(|nth| nth == 0) || self.driver.allocation_failed() {
            return Ok(call(&mut self.driver, self.bench)?);
        }
        let before = self.state();
        let armed = self.driver.failing_in();
        let result = call(&mut self.driver, self.bench);
        if !self.driver.allocation_failed() {
            return Ok(result?);
        }
        match result {
            // It may do without what it did not get.
            Ok(value) => return Ok(value),
            Err(ApiError::NoMemory) => {}
            Err(error @ ApiError::Halted(_)) => return Err(error.into()),
            Err(error) => {
                return Err(Fault::Books(format!("an allocation failed, and the call failed otherwise: {error}")));
            }
        }
        self.unchanged(&before)?;
        self.bench.wait(PAUSE)?;
        self.driver.fail_allocation(armed);
        Ok(call(&mut self.driver, self.bench)?)
    }

    fn state(&self) -> State {
        let memory = self.bench.memory();
        let words = self.driver.contexts().into_iter().flat_map(|(at, words)| (0..words).map(move |w| at.0 + 8 * w));
        let contexts = words.map(|at| memory.read_u64(Spa(at))).collect();
        State { books: self.driver.books(), contexts }
    }

    fn unchanged(&self, before: &State) -> Result<(), Fault> {
        let after = self.state();
        let difference = before.books.difference(&after.books);
        let difference =
            difference.or_else(|| (before.contexts != after.contexts).then(|| "a context in memory".to_owned()));
        match difference {
            None => Ok(()),
            Some(what) => Err(Fault::Books(format!("a call that failed for want of memory has changed {what}"))),
        }
    }

    /// Gives everything back, as the books say it is there, and looks whether anything is left.
    pub(super) fn balance(&mut self) -> Result<(), Fault> {
        let left = self.give_back();
        match left {
            Ok(left) if left == Ledger::default() => Ok(()),
            Ok(left) => Err(Fault::Books(format!("when everything had been given back, there was left {left:?}"))),
            Err(Fault::Api(error @ ApiError::Halted(_))) => Err(error.into()),
            Err(Fault::Api(error)) => Err(Fault::Books(format!("when everything was given back: {error}"))),
            Err(other) => Err(other),
        }
    }

    fn give_back(&mut self) -> Result<Ledger, Fault> {
        self.driver.fail_allocation(None);
        self.bench.stop_streams(None)?;
        self.driver.drain_faults(self.bench)?;
        for &device in self.devices.values() {
            if self.driver.target(device)?.is_some() {
                self.driver.detach(self.bench, device)?;
            }
        }
        let devices: Vec<_> = self.devices.values().copied().collect();
        for device in devices {
            self.give_up_processes(device)?;
        }
        let made: Vec<_> = std::mem::take(&mut self.domains).into_values().collect();
        let is_nested = |made: &&DomainHandle| made.guest.is_some() || made.directory.is_some();
        for made in made.iter().filter(is_nested) {
            self.driver.hwpt_free(self.bench, made.domain)?;
            self.free_guest(*made)?;
        }
        for made in made.iter().filter(|made| !is_nested(made)) {
            self.driver.hwpt_free(self.bench, made.domain)?;
        }
        for &device in self.devices.values() {
            self.driver.remove_device(device)?;
        }
        Ok(self.driver.clone().shutdown(self.bench)?)
    }
}
