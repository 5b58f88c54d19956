// SPDX-License-Identifier: Apache-2.0
//! A memory port: the subordinate side of `mem_*` or `ptw_*`, and the check of what the manager drives there.

use boundary::{Address, Manager, Subordinate, WriteData};
use events::{ATOMIC_COMPARE, Agent, Attributes, Burst, Cycle, Direction, Event, INCR, QosIds, WRAP};
use golden::Spa;

use super::complaints::Complaints;
use super::dice::Dice;
use super::faults::Faults;
use super::held::{Held, strobed};
use super::pool::Pool;
use super::reads::Reads;
use super::request::check_shape;
use super::violation::{Channel, Port, ProtocolViolation, Rule, Site};
use super::writes::Writes;
use super::{Memory, PortTiming};

/// A port of the device under test that memory answers.
#[derive(Clone, Debug)]
pub(super) struct MemoryPort {
    port: Port,
    agent: Agent,
    timing: PortTiming,
    dice: Dice,
    reads: Reads,
    writes: Writes,
    aw: Held<Address>,
    w: Held<WriteData>,
    ar: Held<Address>,
}

impl MemoryPort {
    pub(super) fn new(port: Port, timing: PortTiming, dice: Dice) -> Self {
        Self {
            port,
            agent: if port == Port::Mem { Agent::Dma } else { Agent::Iommu },
            timing,
            dice,
            reads: Reads::default(),
            writes: Writes::default(),
            aw: Held::default(),
            w: Held::default(),
            ar: Held::default(),
        }
    }

    pub(super) fn timing_mut(&mut self) -> &mut PortTiming {
        &mut self.timing
    }

    /// Nothing under way, and nothing waiting to be accepted.
    pub(super) fn is_idle(&self) -> bool {
        let waits = self.aw.waits() || self.w.waits() || self.ar.waits();
        !waits && self.reads.len() == 0 && self.writes.is_idle()
    }

    /// Reads and writes under way.
    pub(super) fn outstanding(&self) -> (usize, usize) {
        (self.reads.len(), self.writes.len())
    }

    /// Drops everything under way: reset.
    pub(super) fn clear(&mut self) {
        self.reads.clear();
        self.writes.clear();
        self.aw = Held::default();
        self.w = Held::default();
        self.ar = Held::default();
    }

    /// Samples memory for the beats that are due, and drives the port.
    pub(super) fn drive(&mut self, now: Cycle, memory: &Memory, faults: &Faults) -> Subordinate {
        let Self { timing, dice, reads, writes, .. } = self;
        reads.sample(now, self.port, timing, dice, memory, faults);
        let mut ready = |waits: bool, has_room: bool| {
            has_room && (waits || !timing.ready_after_valid) && !dice.percent(timing.stall_percent)
        };
        Subordinate {
            aw_ready: ready(self.aw.waits(), writes.len() < timing.outstanding),
            w_ready: ready(self.w.waits(), writes.takes_data()),
            ar_ready: ready(self.ar.waits(), reads.len() < timing.outstanding),
            b: writes.drive(now, timing, dice),
            r: reads.drive(now, timing, dice),
        }
    }

    /// Checks what the device drove in this cycle, and takes the handshakes.
    pub(super) fn observe(
        &mut self,
        now: Cycle,
        driven: &Subordinate,
        seen: &Manager,
        pool: &mut Pool,
        complaints: &mut Complaints,
        events: &mut Vec<Event>,
    ) -> Result<(), ProtocolViolation> {
        let at = |channel| Site { port: self.port, channel, cycle: now };
        if complaints.past(self.aw.check(at(Channel::Aw), seen.aw.valid, driven.aw_ready, &seen.aw))? {
            complaints.past(check_address(at(Channel::Aw), &seen.aw))?;
        }
        complaints.past(self.w.check(at(Channel::W), seen.w.valid, driven.w_ready, &strobed(seen.w)))?;
        if complaints.past(self.ar.check(at(Channel::Ar), seen.ar.valid, driven.ar_ready, &seen.ar))? {
            complaints.past(check_address(at(Channel::Ar), &seen.ar))?;
        }
        if seen.aw.valid && driven.aw_ready {
            self.accept_write(at(Channel::Aw), &seen.aw, events)?;
        }
        if seen.w.valid && driven.w_ready {
            self.writes.take(seen.w);
        }
        let site = Site { port: self.port, channel: Channel::W, cycle: now };
        while self.writes.can_fill() {
            // Data may go ahead of their address; whoever listens sees them when the address is there.
            if self.port == Port::Mem
                && let Some(&WriteData { data, strb, last, .. }) = self.writes.next_data()
            {
                events.push(Event::MemWriteBeat { data, strb, last });
            }
            let done = self.writes.fill(site, &self.timing, &mut self.dice, complaints)?;
            if let Some(write) = done
                && self.port == Port::Ptw
            {
                let beats = pool.copy_beats(&write.beats);
                let (id, addr, burst, atop, ids) = (write.id, Spa(write.addr), write.burst, write.atop, write.ids);
                events.push(Event::PtwWrite { id, addr, burst, atop, beats, ids });
            }
        }
        if seen.ar.valid && driven.ar_ready {
            self.accept_read(Site { port: self.port, channel: Channel::Ar, cycle: now }, &seen.ar, events)?;
        }
        self.take_responses(driven, seen, events);
        Ok(())
    }

    fn accept_write(&mut self, site: Site, aw: &Address, events: &mut Vec<Event>) -> Result<(), ProtocolViolation> {
        let burst = burst_of(aw);
        let taken = if aw.atop == 0 { self.atomic(aw.id) } else { self.reads.uses(aw.id) || self.writes.uses(aw.id) };
        if taken {
            return Err(id_in_use(site, aw));
        }
        self.writes.accept(aw.id, aw.addr, burst, aw.atop, ids_of(aw));
        if self.port == Port::Mem {
            events.push(mem_address(Direction::Write, aw));
        }
        Ok(())
    }

    fn accept_read(&mut self, site: Site, ar: &Address, events: &mut Vec<Event>) -> Result<(), ProtocolViolation> {
        if self.atomic(ar.id) {
            return Err(id_in_use(site, ar));
        }
        let burst = burst_of(ar);
        self.reads.accept(site.cycle, ar.id, ar.addr, burst, &self.timing, &mut self.dice);
        events.push(match self.port {
            Port::Mem => mem_address(Direction::Read, ar),
            _ => Event::PtwReadAddress { id: ar.id, addr: Spa(ar.addr), burst, ids: ids_of(ar) },
        });
        Ok(())
    }

    fn take_responses(&mut self, driven: &Subordinate, seen: &Manager, events: &mut Vec<Event>) {
        if seen.b_ready
            && driven.b.valid
            && let Some(b) = self.writes.responded()
        {
            events.push(match self.port {
                Port::Mem => Event::MemWriteResponse { id: b.id, resp: b.resp },
                _ => Event::PtwWriteResponse { id: b.id, resp: b.resp },
            });
        }
        if seen.r_ready
            && driven.r.valid
            && let Some(beat) = self.reads.sent()
        {
            let boundary::ReadData { id, data, resp, last, poison, .. } = driven.r;
            let resp = events::answer(resp, poison);
            events.push(match self.port {
                Port::Mem => Event::MemReadBeat { id, data, resp, last },
                _ => Event::PtwReadBeat {
                    id,
                    addr: Spa(beat.addr),
                    bytes: beat.bytes,
                    data,
                    resp,
                    sampled: beat.sampled,
                    last,
                },
            });
        }
    }

    /// Makes the write beats visible that are due in this cycle.
    pub(super) fn apply(&mut self, now: Cycle, memory: &mut Memory, faults: &mut Faults, events: &mut Vec<Event>) {
        let site = Site { port: self.port, channel: Channel::W, cycle: now };
        if let Some(answer) = self.writes.apply(site, self.agent, memory, faults, events) {
            let transit = self.dice.within(&self.timing.latency).max(1);
            self.reads.answer_atomic(now, answer.id, answer.addr, answer.size, answer.value, transit);
        }
    }

    /// An atomic with this ID is under way.
    fn atomic(&self, id: u8) -> bool {
        self.writes.uses_atomic(id) || self.reads.uses_atomic(id)
    }
}

fn burst_of(address: &Address) -> Burst {
    Burst { len: address.len, size: address.size, kind: address.burst }
}

fn ids_of(seen: &Address) -> QosIds {
    QosIds { rcid: seen.rcid, mcid: seen.mcid }
}

fn mem_address(direction: Direction, seen: &Address) -> Event {
    let Address { id, addr, pbmt, prot, lock, cache, qos, .. } = *seen;
    let attributes = Attributes { lock, cache, qos };
    let (burst, ids) = (burst_of(seen), ids_of(seen));
    Event::MemAddress { direction, id, addr: Spa(addr), burst, pbmt, prot, attributes, ids }
}

fn id_in_use(site: Site, seen: &Address) -> ProtocolViolation {
    let detail = "an atomic shares its ID with nothing else that is outstanding";
    site.broke(Rule::AtomicId, detail, "an ID that is not in use", format!("{:#x}", seen.id))
}

/// Checks an address-channel payload when it appears.
fn check_address(site: Site, seen: &Address) -> Result<(), ProtocolViolation> {
    let burst = burst_of(seen);
    let wrong = || {
        format!("{} beats of {} bytes, AxBURST {}, at {:#x}", burst.beats(), burst.beat_bytes(), burst.kind, seen.addr)
    };
    if seen.addr >> 56 != 0 {
        return Err(site.broke(Rule::AddressWidth, "physical address", "56 bits", wrong()));
    }
    if seen.atop != 0 {
        return check_atomic(seen)
            .map_err(|right| site.broke(Rule::Atomic, format!("AWATOP {:#04x}", seen.atop), right, wrong()));
    }
    if let Err((rule, right)) = check_shape(burst, seen.addr) {
        return Err(site.broke(rule, "burst shape", right, wrong()));
    }
    if !Attributes::is_cache(seen.cache) {
        let detail = "a transaction that is not Modifiable does not allocate";
        return Err(site.broke(Rule::Cache, detail, "AxCACHE[3:2] = 0", format!("AxCACHE = {:#06b}", seen.cache)));
    }
    match burst.check_exclusive(seen.addr) {
        Err(right) if seen.lock => Err(site.broke(Rule::Exclusive, "AxLOCK", right, wrong())),
        _ => Ok(()),
    }
}

/// AtomicCompare of two values of 1, 2, 4 or 8 bytes (IHI 0022H E1.1). One of 16 bytes is legal AXI5, but no IOMMU
/// has a use for it.
fn check_atomic(seen: &Address) -> Result<(), &'static str> {
    if seen.atop != ATOMIC_COMPARE {
        return Err("AtomicCompare (0x31)");
    }
    if !matches!((seen.len, seen.size), (0, 1..=3) | (1, 3)) {
        return Err("two values of 1, 2, 4 or 8 bytes; more than one beat only at full width");
    }
    let half = burst_of(seen).total_bytes() / 2;
    if seen.addr & (half - 1) != 0 {
        return Err("an address that is aligned to one value");
    }
    let upper = seen.addr & half != 0;
    if seen.burst != if upper { WRAP } else { INCR } {
        return Err("INCR to the lower half of the block, WRAP to the upper half");
    }
    Ok(())
}
