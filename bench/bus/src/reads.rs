// SPDX-License-Identifier: Apache-2.0
//! Read bursts in a memory port: when each beat leaves memory, and when it comes back.

use std::collections::VecDeque;

use boundary::ReadData;
use events::{Burst, Cycle};
use golden::Spa;

use super::dice::Dice;
use super::faults::Faults;
use super::ids::{IdSet, next_of};
use super::violation::Port;
use super::{Memory, PortTiming};

/// A beat on its way back.
#[derive(Clone, Copy, Debug)]
struct Beat {
    data: u64,
    resp: u8,
    sampled: Cycle,
}

#[derive(Clone, Debug, Default)]
struct Read {
    id: u8,
    addr: u64,
    burst: Burst,
    /// The R half of an AXI5 atomic
    atomic: bool,
    /// The next beat leaves memory in this cycle at the earliest
    sample_at: Cycle,
    /// Cycles of the way back
    transit: u32,
    taken: u16,
    sent: u16,
    beats: VecDeque<Beat>,
}

/// What an R handshake carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadBeat {
    /// Address of the beat, aligned to its size
    pub(super) addr: u64,
    pub(super) bytes: u8,
    pub(super) sampled: Cycle,
}

/// All read bursts of a port. Beats of one burst, and bursts with one ID, leave memory in order and come back in
/// order; everything else is a matter of timing.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    slots: Vec<Read>,
    free: Vec<usize>,
    /// Bursts under way, in the order of acceptance
    order: Vec<usize>,
    /// The burst that has begun on R and that nothing may interleave with
    begun: Option<usize>,
    /// The beat on R that waits for RREADY
    shown: Option<(usize, ReadData)>,
    ready: Vec<usize>,
}

impl Reads {
    /// Bursts under way.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn uses(&self, id: u8) -> bool {
        self.order.iter().any(|&slot| self.slots[slot].id == id)
    }

    pub(super) fn uses_atomic(&self, id: u8) -> bool {
        self.order.iter().any(|&slot| self.slots[slot].id == id && self.slots[slot].atomic)
    }

    /// Drops everything: reset.
    pub(super) fn clear(&mut self) {
        self.free.append(&mut self.order);
        self.begun = None;
        self.shown = None;
    }

    /// Accepts a burst in cycle `now`.
    pub(super) fn accept(&mut self, now: Cycle, id: u8, addr: u64, burst: Burst, timing: &PortTiming, dice: &mut Dice) {
        let latency = dice.within(&timing.latency).max(1);
        let transit = dice.below(latency);
        let slot = self.allocate(id, addr, burst);
        let read = &mut self.slots[slot];
        read.sample_at = now + Cycle::from(latency - transit);
        read.transit = transit;
    }

    /// The old value of an atomic that was performed in cycle `now`.
    pub(super) fn answer_atomic(&mut self, now: Cycle, id: u8, addr: u64, size: u8, value: (u64, u8), transit: u32) {
        let slot = self.allocate(id, addr, Burst { len: 0, size, kind: events::INCR });
        let read = &mut self.slots[slot];
        read.atomic = true;
        read.transit = transit;
        read.taken = 1;
        read.beats.push_back(Beat { data: value.0, resp: value.1, sampled: now });
    }

    fn allocate(&mut self, id: u8, addr: u64, burst: Burst) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Read::default());
            self.slots.len() - 1
        });
        let read = &mut self.slots[slot];
        let mut beats = std::mem::take(&mut read.beats);
        beats.clear();
        *read = Read { id, addr, burst, beats, ..Read::default() };
        self.order.push(slot);
        slot
    }

    /// Lets the beats that are due in this cycle leave memory, as it is before the stores of this cycle.
    pub(super) fn sample(
        &mut self,
        now: Cycle,
        port: Port,
        timing: &PortTiming,
        dice: &mut Dice,
        memory: &Memory,
        faults: &Faults,
    ) {
        let mut blocked = IdSet::default();
        for &slot in &self.order {
            let read = &mut self.slots[slot];
            if read.taken == read.burst.beats() || blocked.contains(read.id) {
                continue;
            }
            if now >= read.sample_at {
                let addr = read.burst.beat_address(read.addr, read.taken);
                let (data, resp) = faults.read(port, addr, memory.read_u64(Spa(addr)));
                read.beats.push_back(Beat { data, resp, sampled: now });
                read.taken += 1;
                // A slow bank now and then: this is the gap that a store tears a structure in.
                let gap = if dice.percent(timing.stall_percent) { 1 + dice.below(4) } else { 0 };
                read.sample_at = now + 1 + Cycle::from(gap);
            }
            if read.taken < read.burst.beats() {
                blocked.insert(read.id);
            }
        }
    }

    /// The R channel of this cycle.
    pub(super) fn drive(&mut self, now: Cycle, timing: &PortTiming, dice: &mut Dice) -> ReadData {
        if self.shown.is_none() && !self.order.is_empty() && !dice.percent(timing.stall_percent) {
            self.shown = self.choose(now, timing, dice).map(|slot| {
                let read = &self.slots[slot];
                let last = read.sent + 1 == read.burst.beats();
                let beat = read.beats.front().copied().unwrap_or(Beat { data: 0, resp: 0, sampled: now });
                let (resp, poison) = events::on_wires(beat.resp);
                (slot, ReadData { valid: true, id: read.id, data: beat.data, resp, last, poison })
            });
        }
        self.shown.map_or_else(ReadData::default, |(_, beat)| beat)
    }

    fn choose(&mut self, now: Cycle, timing: &PortTiming, dice: &mut Dice) -> Option<usize> {
        let due = |read: &Read| read.beats.front().is_some_and(|beat| beat.sampled + Cycle::from(read.transit) <= now);
        if let Some(slot) = self.begun.filter(|_| !timing.interleave) {
            return due(&self.slots[slot]).then_some(slot);
        }
        let slots = &self.slots;
        next_of(&self.order, &mut self.ready, timing, dice, |slot| (slots[slot].id, due(&slots[slot])))
    }

    /// R handshake: what the beat on the channel was, if there is one.
    pub(super) fn sent(&mut self) -> Option<ReadBeat> {
        let (slot, shown) = self.shown.take()?;
        let read = &mut self.slots[slot];
        let beat = read.beats.pop_front()?;
        let addr = read.burst.beat_address(read.addr, read.sent) & !(read.burst.beat_bytes() - 1);
        let bytes = read.burst.beat_bytes() as u8;
        read.sent += 1;
        self.begun = (!shown.last).then_some(slot);
        if shown.last {
            self.order.retain(|&other| other != slot);
            self.free.push(slot);
        }
        Some(ReadBeat { addr, bytes, sampled: beat.sampled })
    }
}
