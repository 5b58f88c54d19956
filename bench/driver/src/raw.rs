// SPDX-License-Identifier: Apache-2.0
//! What callers may look at and do besides domains: books and settings, contexts as they stand, raw commands, records.

use golden::{DeviceId, Spa};

use super::alloc::Ledger;
use super::driver::Driver;
use super::error::ApiError;
use super::faults::Faults;
use super::format::{Command, Context, Invalidation};
use super::machine::Machine;
use super::options::Options;
use super::page_requests::PageRequests;
use super::queue::CommandFault;

impl Driver {
    /// What is outstanding now.
    pub fn ledger(&self) -> Ledger {
        self.alloc.ledger()
    }

    /// Allocations tried so far, of any kind.
    pub fn allocations(&self) -> u64 {
        self.alloc.attempts()
    }

    /// Lets the `nth` allocation from now fail (1 is the next one), once; `None` lets none fail.
    pub fn fail_allocation(&mut self, nth: Option<u64>) {
        self.alloc.fail_in(nth);
    }

    /// In how many allocations one is to fail, as [`Driver::fail_allocation`] asked for.
    pub fn failing_in(&self) -> Option<u64> {
        self.alloc.failing_in()
    }

    /// Whether the allocation of [`Options::fail_allocation`] has failed by now.
    pub fn allocation_failed(&self) -> bool {
        self.alloc.failed()
    }

    /// Whether nothing holds the page with this address: it is in the pool, and free.
    pub fn is_free(&self, addr: Spa) -> bool {
        self.alloc.is_free(addr.0)
    }

    /// Whether an address belongs to the command queue, or is where its fences store their numbers.
    pub fn is_command_queue(&self, addr: Spa) -> bool {
        self.commands.owns(addr)
    }

    /// Commands sent so far, fences included.
    pub fn commands_sent(&self) -> u64 {
        self.commands.sent()
    }

    /// Policies, bounds and bugs.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Changes them, from the next call on.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Where the context of a device ID lies.
    ///
    /// # Errors
    /// ENOENT if no device with this ID was added.
    pub fn context_at(&self, id: DeviceId) -> Result<Spa, ApiError> {
        self.directory.context_at(id)
    }

    /// Bytes of a device context in the format that is in use.
    pub fn context_bytes(&self) -> u64 {
        8 * self.directory.words() as u64
    }

    /// Where the contexts of all devices and processes lie, and how many doublewords each has.
    pub fn contexts(&self) -> Vec<(Spa, u64)> {
        let words = self.directory.words() as u64;
        let ids = self.devices.values().flat_map(|device| &device.ids);
        let devices = ids.filter_map(|&id| self.directory.context_at(id).ok()).map(|at| (at, words));
        let processes = self.devices.values().filter_map(|device| device.processes.as_ref());
        let contexts = processes.flat_map(|own| own.contexts.keys().map(|&id| own.directory.context_at(id).map(Spa)));
        devices.chain(contexts.filter_map(Result::ok).map(|at| (at, 2))).collect()
    }

    /// The context of a device ID as it stands in memory.
    ///
    /// # Errors
    /// ENOENT if no device with this ID was added.
    pub fn read_context(&self, machine: &mut dyn Machine, id: DeviceId) -> Result<Context, ApiError> {
        self.directory.read(machine, id)
    }

    /// Stores a word of a device's context in memory as it is, synchronises nothing, and does not note it.
    ///
    /// # Errors
    /// ENOENT if no device with this ID was added; EINVAL for a word that the format does not have.
    pub fn set_context_word(
        &mut self,
        machine: &mut dyn Machine,
        id: DeviceId,
        word: usize,
        value: u64,
    ) -> Result<(), ApiError> {
        if word >= self.directory.words() {
            return Err(ApiError::Invalid("word of a device context"));
        }
        let at = self.directory.context_at(id)?;
        Ok(machine.store(Spa(at.0 + 8 * word as u64), value)?)
    }

    /// Takes all records out of the fault queue and clears its errors.
    ///
    /// # Errors
    /// ETIMEDOUT if `fqcsr` stays busy.
    pub fn drain_faults(&mut self, machine: &mut dyn Machine) -> Result<Faults, ApiError> {
        Ok(self.faults.drain(machine, &self.options)?.into())
    }

    /// Takes all records out of the page-request queue and clears its errors.
    ///
    /// # Errors
    /// EOPNOTSUPP if the IOMMU has no ATS; ETIMEDOUT if `pqcsr` stays busy.
    pub fn drain_page_requests(&mut self, machine: &mut dyn Machine) -> Result<PageRequests, ApiError> {
        let queue = self.pages.as_mut().ok_or(ApiError::Unsupported("page requests"))?;
        Ok(queue.drain(machine, &self.options)?.into())
    }

    /// Somebody has switched the page-request queue off and on again by its register: both of its indices are 0.
    pub fn page_requests_restarted(&mut self) {
        if let Some(queue) = &mut self.pages {
            queue.restarted();
        }
    }

    /// Somebody has switched the command queue off and on again by its register: both of its indices are 0.
    pub fn commands_restarted(&mut self) {
        self.commands.restarted();
    }

    /// The same for the fault queue.
    pub fn faults_restarted(&mut self) {
        self.faults.restarted();
    }

    /// Sends an invalidation, without a fence: when it takes effect is open.
    ///
    /// # Errors
    /// ETIMEDOUT or EIO if the command queue is full and stays so.
    pub fn invalidate(&mut self, machine: &mut dyn Machine, invalidation: Invalidation) -> Result<(), ApiError> {
        self.command(machine, invalidation.command())
    }

    /// Sends any command, legal or not, without a fence.
    ///
    /// # Errors
    /// As for [`Driver::invalidate`].
    pub fn command(&mut self, machine: &mut dyn Machine, command: Command) -> Result<(), ApiError> {
        self.commands.send(machine, &self.options, &[command])
    }

    /// Sends a fence and waits for it.
    ///
    /// # Errors
    /// ETIMEDOUT if it does not complete within the bound, EIO if the queue has stopped.
    pub fn fence(&mut self, machine: &mut dyn Machine) -> Result<(), ApiError> {
        self.commands.complete(machine, &self.options, &[])
    }

    /// Sets a stopped command queue going again and says what had stopped it; `None` if it was not stopped.
    ///
    /// # Errors
    /// ETIMEDOUT if it does not run again.
    pub fn recover(&mut self, machine: &mut dyn Machine) -> Result<Option<CommandFault>, ApiError> {
        self.commands.recover(machine, &self.options)
    }
}
