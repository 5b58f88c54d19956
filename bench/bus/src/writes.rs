// SPDX-License-Identifier: Apache-2.0
//! Write bursts in a memory port: W beats matched with their AW, memory changed beat by beat, then B.

use std::collections::VecDeque;

use boundary::{WriteData, WriteResponse};
use events::{Agent, Burst, Cycle, Event, OKAY, QosIds};
use golden::Spa;

use super::complaints::Complaints;
use super::dice::Dice;
use super::faults::Faults;
use super::ids::{IdSet, next_of};
use super::memory::lane_mask;
use super::violation::{ProtocolViolation, Rule, Site};
use super::{Memory, PortTiming};

/// W beats that the port takes ahead of their AW. AXI lets data go first.
const AHEAD: usize = 16;

/// A write burst, or an AXI5 AtomicCompare.
#[derive(Clone, Debug, Default)]
pub(super) struct Write {
    pub(super) id: u8,
    pub(super) addr: u64,
    pub(super) burst: Burst,
    pub(super) atop: u8,
    pub(super) ids: QosIds,
    pub(super) beats: Vec<(u64, u8)>,
    /// The first beat becomes visible in this cycle at the earliest; meaningful once all beats are there
    apply_at: Cycle,
    respond_at: Cycle,
    applied: u16,
    resp: u8,
}

impl Write {
    fn complete(&self) -> bool {
        self.beats.len() == usize::from(self.burst.beats())
    }

    fn done(&self) -> bool {
        self.complete() && self.applied == self.burst.beats()
    }
}

/// The outcome of an AtomicCompare, for the R channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtomicAnswer {
    pub(super) id: u8,
    pub(super) addr: u64,
    pub(super) size: u8,
    pub(super) value: (u64, u8),
}

/// All write bursts of a port. One beat becomes visible a cycle; bursts with one ID do so in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    slots: Vec<Write>,
    free: Vec<usize>,
    /// Bursts under way, in the order of acceptance
    order: Vec<usize>,
    /// Bursts that still wait for W beats
    filling: VecDeque<usize>,
    /// W beats whose AW has not come
    ahead: VecDeque<WriteData>,
    /// The burst whose beats become visible
    applying: Option<usize>,
    shown: Option<(usize, WriteResponse)>,
    ready: Vec<usize>,
}

impl Writes {
    /// Bursts under way.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Nothing under way, not even data without an address.
    pub(super) fn is_idle(&self) -> bool {
        self.order.is_empty() && self.ahead.is_empty()
    }

    pub(super) fn uses(&self, id: u8) -> bool {
        self.order.iter().any(|&slot| self.slots[slot].id == id)
    }

    pub(super) fn uses_atomic(&self, id: u8) -> bool {
        self.order.iter().any(|&slot| self.slots[slot].id == id && self.slots[slot].atop != 0)
    }

    /// Drops everything: reset.
    pub(super) fn clear(&mut self) {
        self.free.append(&mut self.order);
        self.filling.clear();
        self.ahead.clear();
        self.applying = None;
        self.shown = None;
    }

    /// Whether a W beat can be taken.
    pub(super) fn takes_data(&self) -> bool {
        !self.filling.is_empty() || self.ahead.len() < AHEAD
    }

    /// AW handshake.
    pub(super) fn accept(&mut self, id: u8, addr: u64, burst: Burst, atop: u8, ids: QosIds) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Write::default());
            self.slots.len() - 1
        });
        let mut beats = std::mem::take(&mut self.slots[slot].beats);
        beats.clear();
        self.slots[slot] = Write { id, addr, burst, atop, ids, beats, ..Write::default() };
        self.order.push(slot);
        self.filling.push_back(slot);
    }

    /// W handshake. The beat finds its burst in [`Writes::fill`].
    pub(super) fn take(&mut self, beat: WriteData) {
        self.ahead.push_back(beat);
    }

    /// Matches one W beat with its burst. `Ok(Some(write))` when that completes the burst; call again until
    /// [`Writes::can_fill`] is false.
    pub(super) fn fill(
        &mut self,
        site: Site,
        timing: &PortTiming,
        dice: &mut Dice,
        complaints: &mut Complaints,
    ) -> Result<Option<&Write>, ProtocolViolation> {
        let (Some(&slot), Some(beat)) = (self.filling.front(), self.ahead.pop_front()) else {
            return Ok(None);
        };
        let write = &mut self.slots[slot];
        let number = write.beats.len() as u16;
        let last = number + 1 == write.burst.beats();
        if beat.last != last {
            let detail = format!(
                "beat {} of {} of the write to {:#x} with ID {:#x}",
                number + 1,
                write.burst.beats(),
                write.addr,
                write.id
            );
            complaints.past::<()>(Err(site.broke(Rule::WriteLast, detail, u8::from(last), u8::from(beat.last))))?;
        }
        let lanes = write.lanes(number);
        let bad = if write.atop == 0 { beat.strb & !lanes } else { beat.strb ^ lanes };
        if bad != 0 {
            let detail = format!("beat {} of the write to {:#x} with ID {:#x}", number + 1, write.addr, write.id);
            let rule = if write.atop == 0 { Rule::Strobes } else { Rule::Atomic };
            let right = if write.atop == 0 { "strobes within" } else { "strobes" };
            let (right, wrong) = (format!("{right} {lanes:#04x}"), format!("{:#04x}", beat.strb));
            complaints.past::<()>(Err(site.broke(rule, detail, right, wrong)))?;
        }
        // Behind a complaint: a beat writes its own lanes only.
        write.beats.push((beat.data, beat.strb & lanes));
        if !last {
            return Ok(None);
        }
        let latency = dice.within(&timing.latency).max(1);
        write.apply_at = site.cycle + Cycle::from(dice.below(latency));
        write.respond_at = site.cycle + Cycle::from(latency);
        self.filling.pop_front();
        Ok(Some(&self.slots[slot]))
    }

    /// The beat that [`Writes::fill`] takes next.
    pub(super) fn next_data(&self) -> Option<&WriteData> {
        self.ahead.front()
    }

    /// A burst and a beat for it are there.
    pub(super) fn can_fill(&self) -> bool {
        !self.filling.is_empty() && !self.ahead.is_empty()
    }

    /// Makes at most one beat visible. Returns what an atomic found.
    pub(super) fn apply(
        &mut self,
        site: Site,
        agent: Agent,
        memory: &mut Memory,
        faults: &mut Faults,
        events: &mut Vec<Event>,
    ) -> Option<AtomicAnswer> {
        let slot = self.applying.or_else(|| self.next_to_apply(site.cycle))?;
        let write = &mut self.slots[slot];
        if write.atop != 0 {
            write.applied = write.burst.beats();
            let answer = write.compare_and_swap(site, memory, faults, events);
            // Poison is told with the data.
            (write.resp, _) = events::on_wires(answer.value.1);
            return Some(answer);
        }
        let (data, strobes) = write.beats[usize::from(write.applied)];
        let addr = write.burst.beat_address(write.addr, write.applied);
        write.applied += 1;
        let resp = faults.write(site.port, addr);
        write.resp = write.resp.max(resp);
        self.applying = (write.applied < write.burst.beats()).then_some(slot);
        if resp == OKAY && strobes != 0 {
            let (old, new) = memory.write_masked(Spa(addr), data, strobes);
            faults.stored(addr, strobes);
            events.push(Event::Store { agent, addr: Spa(addr & !7), old, new });
        }
        None
    }

    fn next_to_apply(&self, now: Cycle) -> Option<usize> {
        let mut seen = IdSet::default();
        self.order.iter().copied().find(|&slot| {
            let write = &self.slots[slot];
            !write.done() && seen.insert(write.id) && write.complete() && write.apply_at <= now
        })
    }

    /// The B channel of this cycle.
    pub(super) fn drive(&mut self, now: Cycle, timing: &PortTiming, dice: &mut Dice) -> WriteResponse {
        if self.shown.is_none() && !self.order.is_empty() && !dice.percent(timing.stall_percent) {
            self.shown = self.choose(now, timing, dice).map(|slot| {
                let write = &self.slots[slot];
                (slot, WriteResponse { valid: true, id: write.id, resp: write.resp })
            });
        }
        self.shown.map_or_else(WriteResponse::default, |(_, response)| response)
    }

    fn choose(&mut self, now: Cycle, timing: &PortTiming, dice: &mut Dice) -> Option<usize> {
        let due = |write: &Write| write.done() && write.respond_at <= now;
        let slots = &self.slots;
        next_of(&self.order, &mut self.ready, timing, dice, |slot| (slots[slot].id, due(&slots[slot])))
    }

    /// B handshake: the response that was on the channel.
    pub(super) fn responded(&mut self) -> Option<WriteResponse> {
        let (slot, response) = self.shown.take()?;
        self.order.retain(|&other| other != slot);
        self.free.push(slot);
        Some(response)
    }
}

impl Write {
    /// The byte lanes that a beat may use; those of an atomic cover both of its values.
    fn lanes(&self, beat: u16) -> u8 {
        if self.atop == 0 {
            return self.burst.lanes(self.addr, beat);
        }
        let bytes = self.burst.beat_bytes();
        let aligned = self.addr & !(bytes - 1);
        Burst { kind: events::INCR, ..self.burst }.lanes(aligned, 0)
    }

    /// AtomicCompare (IHI 0022H E1.1): whichever half of the block `AWADDR` points to is the location. In the lower
    /// half the compare value is sent first; in the upper half the swap value is.
    fn compare_and_swap(
        &self,
        site: Site,
        memory: &mut Memory,
        faults: &mut Faults,
        events: &mut Vec<Event>,
    ) -> AtomicAnswer {
        let bytes = self.burst.total_bytes() / 2;
        let size = bytes.trailing_zeros() as u8;
        let upper = self.addr & bytes != 0;
        let word = self.addr & !7;
        let location = Burst { len: 0, size, kind: events::INCR }.lanes(self.addr, 0);
        let mask = lane_mask(location);
        let shift = bytes * 8 % 64;
        let (first, second) = match self.beats.as_slice() {
            [(first, _), (second, _)] => (*first, *second),
            // Both values are in one beat; moves the other one to the lanes of the location.
            [(both, _)] if upper => (both << shift, *both),
            [(both, _)] => (*both, both >> shift),
            _ => (0, 0),
        };
        let (compare, swap) = if upper { (second, first) } else { (first, second) };
        let (held, read_resp) = faults.read(site.port, word, memory.read_u64(Spa(word)));
        let resp = read_resp.max(faults.write(site.port, word));
        if resp == OKAY && (held ^ compare) & mask == 0 {
            let (old, new) = memory.write_masked(Spa(word), swap, location);
            faults.stored(word, location);
            events.push(Event::Store { agent: Agent::Iommu, addr: Spa(word), old, new });
        }
        AtomicAnswer { id: self.id, addr: self.addr, size, value: (held, resp) }
    }
}
