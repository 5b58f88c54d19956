// SPDX-License-Identifier: Apache-2.0
//! The bus: five ports, one memory, one clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use boundary::{AtsDevices, Inputs, LiteManager, Manager, Outputs, Subordinate};
use events::{Agent, Cycle, Direction, DmaRequest, Event, PageRequest, Ticket, TranslationRequest};
use golden::Spa;

use super::ats::{AtsPort, Cached};
use super::complaints::Complaints;
use super::config::DeviceTiming;
use super::device::DevicePort;
use super::dice::Dice;
use super::faults::Faults;
use super::flights::Queued;
use super::lite::{RegisterError, RegisterPort};
use super::pool::Pool;
use super::port::MemoryPort;
use super::request::IllegalRequest;
use super::request::{check_request, usual_attributes};
use super::violation::{Channel, Port, ProtocolViolation, Rule, Site};
use super::{BusConfig, FaultRange, Memory, PortTiming};

/// A store by software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CpuStore {
    /// Aligned doubleword
    addr: u64,
    value: u64,
    strobes: u8,
}

/// The fabric around the device under test: devices on `dev_*`, memory behind `mem_*` and `ptw_*`, software on
/// `reg_*`, and a check of everything that the device under test drives.
///
/// Each clock cycle is [`Bus::drive`], then the cycle of the device under test, then [`Bus::observe`], with the same
/// `now`. The same configuration, seed and calls give the same run.
#[derive(Clone, Debug)]
pub struct Bus {
    memory: Memory,
    faults: Faults,
    dev: DevicePort,
    mem: MemoryPort,
    ptw: MemoryPort,
    reg: RegisterPort,
    ats: AtsPort,
    pool: Pool,
    complaints: Complaints,
    stores: VecDeque<CpuStore>,
    scheduled: BinaryHeap<Reverse<(Cycle, u64, CpuStore)>>,
    requests: u64,
    orders: u64,
    wsi: u16,
    /// The cycle before was one of reset, or there was none
    after_reset: bool,
}

impl Bus {
    /// A bus at rest, before reset.
    #[must_use]
    pub fn new(config: BusConfig, seed: u64) -> Self {
        let BusConfig { mem, ptw, dev, ats, reg_stall_percent, faults, fill } = config;
        Self {
            memory: Memory::new(fill),
            faults: Faults::new(faults),
            dev: DevicePort::new(dev, Dice::new(seed, 1)),
            mem: MemoryPort::new(Port::Mem, mem, Dice::new(seed, 2)),
            ptw: MemoryPort::new(Port::Ptw, ptw, Dice::new(seed, 3)),
            reg: RegisterPort::new(reg_stall_percent, Dice::new(seed, 4)),
            ats: AtsPort::new(ats, Dice::new(seed, 5)),
            pool: Pool::default(),
            complaints: Complaints::default(),
            stores: VecDeque::new(),
            scheduled: BinaryHeap::new(),
            requests: 0,
            orders: 0,
            wsi: 0,
            after_reset: true,
        }
    }

    /// From now on a broken rule that leaves the state of its port known is an event, [`Event::ProtocolBroken`], and the
    /// bus goes on.
    pub fn go_on(&mut self) {
        self.complaints.go_on();
    }

    /// The device under test has ports for poison: poisoned data come with OKAY and that.
    pub fn tell_poison(&mut self) {
        self.faults.tell_poison();
    }

    /// The memory, as it is after the stores of the last cycle.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The memory, to set it up before the run. Later changes go through [`Bus::store`]: what is written here
    /// makes no event, and the oracle does not know of it.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Refuses another address range from the next cycle on.
    pub fn add_fault(&mut self, range: FaultRange) {
        self.faults.add(range);
    }

    /// Refuses nothing any more.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Timing of `mem_*` from the next cycle on. Transactions under way keep the latency that they drew.
    pub fn mem_timing_mut(&mut self) -> &mut PortTiming {
        self.mem.timing_mut()
    }

    /// Timing of `ptw_*` from the next cycle on.
    pub fn ptw_timing_mut(&mut self) -> &mut PortTiming {
        self.ptw.timing_mut()
    }

    /// Timing of the devices from the next cycle on.
    pub fn dev_timing_mut(&mut self) -> &mut DeviceTiming {
        self.dev.timing_mut()
    }

    /// How often software stalls on `reg_*` from the next cycle on, in percent of the cycles.
    pub fn set_register_stall(&mut self, percent: u8) {
        self.reg.set_stall(percent);
    }

    /// A store of 8 bytes by software: visible from the end of the coming cycle, with an [`Event::Store`]. A store
    /// that is not aligned becomes two, of the two doublewords, in that order; AXI has no larger unit either.
    pub fn store(&mut self, addr: Spa, value: u64) {
        let shift = 8 * (addr.0 & 7) as u32;
        self.store_masked(addr, value << shift, 0xff << (addr.0 & 7));
        if shift != 0 {
            let next = Spa(addr.0.wrapping_add(8));
            self.store_masked(next, value >> (64 - shift), !(0xff << (addr.0 & 7)));
        }
    }

    /// As [`Bus::store`], of some byte lanes of the aligned doubleword that contains `addr`.
    pub fn store_masked(&mut self, addr: Spa, value: u64, strobes: u8) {
        self.stores.push_back(CpuStore { addr: addr.0 & !7, value, strobes });
    }

    /// A store to the aligned doubleword that contains `addr` in exactly this cycle: reads sampled in it and before
    /// see the old value, later ones the new. A cycle that has passed counts as the coming one. Stores of one cycle
    /// are made in the order of the calls, and before those of [`Bus::store`].
    pub fn store_at(&mut self, cycle: Cycle, addr: Spa, value: u64) {
        self.orders += 1;
        self.scheduled.push(Reverse((cycle, self.orders, CpuStore { addr: addr.0 & !7, value, strobes: 0xff })));
    }

    /// As [`Bus::enqueue_as_it_is`], with the attributes that the devices of this bus give where nobody says which.
    ///
    /// # Errors
    /// [`IllegalRequest`]: no AXI device can make it.
    pub fn enqueue(&mut self, mut request: DmaRequest) -> Result<Queued, IllegalRequest> {
        request.attributes = usual_attributes(&request);
        self.enqueue_as_it_is(request)
    }

    /// Puts a request in the queue of its direction. Requests of a direction go out in this order.
    ///
    /// # Errors
    /// [`IllegalRequest`]: no AXI device can make it.
    pub fn enqueue_as_it_is(&mut self, request: DmaRequest) -> Result<Queued, IllegalRequest> {
        check_request(&request)?;
        let queued = Queued(self.requests);
        self.requests += 1;
        self.dev.enqueue(queued, request);
        Ok(queued)
    }

    /// Lets a device ask for a translation. The tag is the bus's choice; which entries the devices have by now,
    /// [`Bus::cached`] tells.
    pub fn ask_translation(&mut self, request: TranslationRequest) {
        self.ats.ask(request);
    }

    /// Lets a device ask for a page, or mark a stop.
    pub fn ask_page(&mut self, request: PageRequest) {
        self.ats.ask_page(request);
    }

    /// The translations that the devices keep.
    #[must_use]
    pub fn cached(&self) -> &[Cached] {
        self.ats.cached()
    }

    /// Requests of a direction that the device under test has not accepted.
    #[must_use]
    pub fn queued(&self, direction: Direction) -> usize {
        self.dev.flights(direction).queued()
    }

    /// Requests of a direction that were accepted and not answered in full.
    #[must_use]
    pub fn outstanding(&self, direction: Direction) -> usize {
        self.dev.flights(direction).outstanding()
    }

    /// Which call of [`Bus::enqueue`] a ticket stems from, from [`Event::DmaAccepted`] until [`Event::DmaDone`].
    #[must_use]
    pub fn origin(&self, ticket: Ticket) -> Option<Queued> {
        [Direction::Read, Direction::Write].into_iter().find_map(|direction| {
            // One that is still on the address channel has no ticket yet.
            let flights = self.dev.flights(direction);
            let presented = flights.presented().map(|(_, flight)| flight.origin);
            let mut all = flights.iter();
            all.find(|flight| flight.ticket == ticket && Some(flight.origin) != presented).map(|flight| flight.origin)
        })
    }

    /// Reads and writes that `mem_*` and `ptw_*` hold, in this order: for reports on a hang.
    #[must_use]
    pub fn memory_outstanding(&self) -> [(Port, usize, usize); 2] {
        let (mem, ptw) = (self.mem.outstanding(), self.ptw.outstanding());
        [(Port::Mem, mem.0, mem.1), (Port::Ptw, ptw.0, ptw.1)]
    }

    /// Starts a register write of 4 or 8 bytes.
    ///
    /// # Errors
    /// [`RegisterError`]: not an aligned access of that width, or a write is under way.
    pub fn start_register_write(&mut self, offset: u16, bytes: u8, value: u64) -> Result<(), RegisterError> {
        self.reg.start_write(offset, bytes, value)
    }

    /// Starts a register read of 4 or 8 bytes. Its value is in [`Event::RegRead`] and [`Bus::register_value`].
    ///
    /// # Errors
    /// [`RegisterError`]: not an aligned access of that width, or a read is under way.
    pub fn start_register_read(&mut self, offset: u16, bytes: u8) -> Result<(), RegisterError> {
        self.reg.start_read(offset, bytes)
    }

    /// No register access is under way.
    #[must_use]
    pub fn register_idle(&self) -> bool {
        self.reg.is_idle()
    }

    /// What the last register read brought back.
    #[must_use]
    pub fn register_value(&self) -> u64 {
        self.reg.value()
    }

    /// Response of the register access that ended last: 0 OKAY, 2 SLVERR, 3 DECERR.
    #[must_use]
    pub fn register_response(&self) -> u8 {
        self.reg.response()
    }

    /// Nothing is under way on any port, and nothing is queued or waits to be accepted. Stores that were scheduled
    /// for a later cycle do not count.
    #[must_use]
    pub fn ports_idle(&self) -> bool {
        self.dev.is_idle()
            && self.mem.is_idle()
            && self.ptw.is_idle()
            && self.reg.is_idle()
            && self.ats.is_idle()
            && self.stores.is_empty()
    }

    /// Gives events back whose vectors may be used again. Empties `events`.
    pub fn recycle(&mut self, events: &mut Vec<Event>) {
        self.pool.recycle(events);
    }

    /// Drives the port groups of `inputs` for the cycle `now`; `rst_n` and `caps` are the caller's. In reset, and in
    /// the first cycle after it, nothing is driven (IHI 0022H A3.1.2).
    pub fn drive(&mut self, now: Cycle, inputs: &mut Inputs) {
        if !inputs.rst_n || self.after_reset {
            inputs.dev = Manager::default();
            inputs.mem = Subordinate::default();
            inputs.ptw = Subordinate::default();
            inputs.reg = LiteManager::default();
            inputs.ats = AtsDevices::default();
            return;
        }
        inputs.dev = self.dev.drive(now, &mut self.pool);
        inputs.mem = self.mem.drive(now, &self.memory, &self.faults);
        inputs.ptw = self.ptw.drive(now, &self.memory, &self.faults);
        inputs.reg = self.reg.drive(now);
        let dev = &self.dev;
        inputs.ats = self.ats.drive(now, |did, mark| dev.has_translated(did, mark));
    }

    /// Takes the handshakes of the cycle `now`, makes the stores of that cycle visible, and appends what happened to
    /// `events`. A cycle with `inputs.rst_n` low drops everything that was on the bus; memory and queues stay.
    ///
    /// # Errors
    /// [`ProtocolViolation`]: the device under test broke a rule of its buses. The first one counts; the run is
    /// over, for the state of the port is not known any more.
    pub fn observe(
        &mut self,
        now: Cycle,
        inputs: &Inputs,
        outputs: &Outputs,
        events: &mut Vec<Event>,
    ) -> Result<(), ProtocolViolation> {
        if !inputs.rst_n || self.after_reset {
            check_silence(now, outputs)?;
        }
        if inputs.rst_n {
            self.after_reset = false;
            let complaints = &mut self.complaints;
            self.dev.observe_requests(now, &inputs.dev, &outputs.dev, &mut self.pool, complaints, events)?;
            self.mem.observe(now, &inputs.mem, &outputs.mem, &mut self.pool, complaints, events)?;
            self.ptw.observe(now, &inputs.ptw, &outputs.ptw, &mut self.pool, complaints, events)?;
            self.reg.observe(now, &inputs.reg, &outputs.reg, complaints, events)?;
            self.ats.observe(now, &inputs.ats, &outputs.ats, Queued(self.requests), complaints, events)?;
            events.extend(complaints.take().iter().map(ProtocolViolation::event));
            self.dev.observe_responses(&inputs.dev, &outputs.dev, &mut self.pool, events);
            // `ptw_*` first: an atomic samples and stores in one cycle, and must see the value before all stores.
            self.ptw.apply(now, &mut self.memory, &mut self.faults, events);
            self.mem.apply(now, &mut self.memory, &mut self.faults, events);
        } else if !self.after_reset {
            self.after_reset = true;
            self.dev.clear();
            self.mem.clear();
            self.ptw.clear();
            self.reg.clear();
            self.ats.clear();
        }
        self.apply_cpu_stores(now, events);
        if outputs.wsi != self.wsi {
            self.wsi = outputs.wsi;
            events.push(Event::Wires { wsi: outputs.wsi });
        }
        Ok(())
    }

    fn apply_cpu_stores(&mut self, now: Cycle, events: &mut Vec<Event>) {
        while let Some(Reverse((cycle, ..))) = self.scheduled.peek()
            && *cycle <= now
            && let Some(Reverse((_, _, store))) = self.scheduled.pop()
        {
            self.apply_cpu_store(store, events);
        }
        while let Some(store) = self.stores.pop_front() {
            self.apply_cpu_store(store, events);
        }
    }

    fn apply_cpu_store(&mut self, store: CpuStore, events: &mut Vec<Event>) {
        let CpuStore { addr, value, strobes } = store;
        let (old, new) = self.memory.write_masked(Spa(addr), value, strobes);
        self.faults.stored(addr, strobes);
        events.push(Event::Store { agent: Agent::Cpu, addr: Spa(addr), old, new });
    }
}

/// No VALID may be high in reset, nor before the first clock edge after it.
fn check_silence(now: Cycle, outputs: &Outputs) -> Result<(), ProtocolViolation> {
    let Outputs { dev, mem, ptw, reg, ats, .. } = outputs;
    let valids = [
        (Port::Dev, Channel::B, dev.b.valid),
        (Port::Dev, Channel::R, dev.r.valid),
        (Port::Mem, Channel::Aw, mem.aw.valid),
        (Port::Mem, Channel::W, mem.w.valid),
        (Port::Mem, Channel::Ar, mem.ar.valid),
        (Port::Ptw, Channel::Aw, ptw.aw.valid),
        (Port::Ptw, Channel::W, ptw.w.valid),
        (Port::Ptw, Channel::Ar, ptw.ar.valid),
        (Port::Reg, Channel::B, reg.b_valid),
        (Port::Reg, Channel::R, reg.r_valid),
        (Port::Ats, Channel::Completion, ats.completion.valid),
        (Port::Ats, Channel::Invalidation, ats.invalidation.valid),
        (Port::Ats, Channel::Response, ats.response.valid),
    ];
    match valids.into_iter().find(|&(.., valid)| valid) {
        None => Ok(()),
        Some((port, channel, _)) => {
            let site = Site { port, channel, cycle: now };
            Err(site.broke(Rule::Reset, "reset, or the first cycle after it", "VALID low", "VALID high"))
        }
    }
}
