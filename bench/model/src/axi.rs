// SPDX-License-Identifier: Apache-2.0
//! The `dev_*` and `mem_*` ports: which beat is on which channel.

use std::collections::VecDeque;

use boundary::{Address, Inputs, Outputs, ReadData, WriteData, WriteResponse};

use super::dice::Dice;
use super::dma::{DEPTH, Phase, Transactions, Way};
use super::habit::{Habit, Nature};

/// A request that is offered, and how many cycles later it is accepted.
#[derive(Clone, Copy, Debug, Default)]
struct Gate {
    slot: Option<usize>,
    left: usize,
}

impl Gate {
    fn is_open(&self) -> bool {
        self.slot.is_some() && self.left == 0
    }
}

/// Requests after which a habit strikes.
const STARVED_AFTER: u64 = 200;

/// What the two ports show.
#[derive(Clone, Debug)]
pub(super) struct Axi {
    nature: Nature,
    aw: Address,
    w: WriteData,
    ar: Address,
    b: WriteResponse,
    /// The write that B answers
    b_of: usize,
    r: ReadData,
    /// The burst that has begun on R: AXI4 would let others in between, but why
    r_of: Option<usize>,
    /// Writes whose address was shown to memory, and whose data were not all
    data_of: VecDeque<usize>,
    dice: Dice,
    /// See `CacheConfig::early_cycles`
    early_cycles: u8,
    /// Reads and writes
    gates: [Gate; 2],
    /// Requests since reset
    count: u64,
    /// Of whom none is accepted any more: a habit
    starved: Option<u32>,
}

impl Axi {
    pub(super) fn new(nature: Nature, early_cycles: u8, dice: Dice) -> Self {
        Self {
            nature,
            aw: Address::default(),
            w: WriteData::default(),
            ar: Address::default(),
            b: WriteResponse::default(),
            b_of: 0,
            r: ReadData::default(),
            r_of: None,
            data_of: VecDeque::with_capacity(DEPTH),
            dice,
            early_cycles,
            gates: [Gate::default(); 2],
            count: 0,
            starved: None,
        }
    }

    /// Drives both ports.
    pub(super) fn drive(&self, dma: &Transactions, out: &mut Outputs) {
        out.dev.aw_ready = if self.is_gated() { self.gates[1].is_open() } else { dma.has_room(Way::Write) };
        out.dev.w_ready = dma.wants_data();
        out.dev.ar_ready = if self.is_gated() { self.gates[0].is_open() } else { dma.has_room(Way::Read) };
        out.dev.b = self.b;
        out.dev.r = self.r;
        out.mem.aw = self.aw;
        out.mem.w = self.w;
        out.mem.ar = self.ar;
        out.mem.b_ready = true;
        out.mem.r_ready = true;
    }

    /// Takes the handshakes of this cycle. `driven` is what [`Axi::drive`] made.
    pub(super) fn take(&mut self, dma: &mut Transactions, seen: &Inputs, driven: &Outputs) {
        if self.aw.valid && seen.mem.aw_ready {
            self.aw.valid = false;
        }
        if self.w.valid && seen.mem.w_ready {
            self.w.valid = false;
        }
        if self.ar.valid && seen.mem.ar_ready {
            self.ar.valid = false;
        }
        if seen.mem.b.valid {
            dma.write_answer(seen.mem.b.id, seen.mem.b.resp);
        }
        if seen.mem.r.valid {
            let ReadData { id, data, resp, poison, .. } = seen.mem.r;
            dma.read_beat(id, data, events::answer(resp, poison));
        }
        if self.b.valid && seen.dev.b_ready {
            self.b.valid = false;
            dma.retire(self.b_of);
        }
        if self.r.valid && seen.dev.r_ready {
            self.r.valid = false;
            if self.r.last
                && let Some(slot) = self.r_of.take()
            {
                dma.retire(slot);
            }
        }
        // Data before the address: a beat of this cycle belongs to a write that was there before.
        if seen.dev.w.valid && driven.dev.w_ready {
            dma.write_data(seen.dev.w.data, seen.dev.w.strb);
        }
        self.request(dma, Way::Write, &seen.dev.aw, driven.dev.aw_ready);
        self.request(dma, Way::Read, &seen.dev.ar, driven.dev.ar_ready);
    }

    /// Requests are looked at before they are accepted.
    fn is_gated(&self) -> bool {
        self.early_cycles > 0 || self.nature.has(Habit::DeviceStarved)
    }

    /// What a channel for requests shows.
    fn request(&mut self, dma: &mut Transactions, way: Way, address: &Address, ready: bool) {
        let handshake = address.valid && ready;
        self.count += u64::from(handshake);
        if handshake && self.count == STARVED_AFTER && self.nature.has(Habit::DeviceStarved) {
            self.starved = Some(address.mmusid);
        }
        if !self.is_gated() {
            if handshake {
                dma.accept(way, *address);
            }
            return;
        }
        let gate = &mut self.gates[usize::from(way == Way::Write)];
        if handshake {
            if let Some(slot) = gate.slot.take() {
                dma.take(slot);
            }
        } else if gate.slot.is_some() {
            gate.left = gate.left.saturating_sub(1);
        } else if address.valid && dma.has_room(way) && self.starved != Some(address.mmusid) {
            let left = self.dice.below(usize::from(self.early_cycles) + 1);
            *gate = Gate { slot: dma.offer(way, *address), left };
        }
    }

    /// Chooses what the ports show in the next cycle.
    pub(super) fn present(&mut self, dma: &mut Transactions) {
        if !self.ar.valid
            && let Some(slot) = dma.issue(Way::Read)
        {
            self.ar = self.outgoing(&dma.get(slot).address);
        }
        if !self.aw.valid
            && let Some(slot) = dma.issue(Way::Write)
        {
            self.aw = self.outgoing(&dma.get(slot).address);
            self.data_of.push_back(slot);
        }
        if !self.w.valid
            && let Some(&slot) = self.data_of.front()
            && let Some((data, strb, last)) = dma.next_to_memory(slot)
        {
            let data = if self.nature.has(Habit::WriteDataCorrupted) { data ^ 1 << 40 } else { data };
            let strb = if self.nature.has(Habit::StrobesIgnored) { 0xff } else { strb };
            self.w = WriteData { valid: true, data, strb, last };
            if last {
                self.data_of.pop_front();
            }
        }
        if !self.b.valid
            && let Some(slot) = dma.answerable(Way::Write)
        {
            let id = dma.get(slot).address.id;
            self.b = WriteResponse { valid: true, id, resp: self.answer(dma.answer(slot), slot, dma) };
            self.b_of = slot;
        }
        if !self.r.valid {
            let slot = self.r_of.or_else(|| dma.answerable(Way::Read));
            if let Some(slot) = slot
                && let Some((data, resp, last)) = dma.next_to_device(slot)
            {
                self.r_of = Some(slot);
                let data = if self.nature.has(Habit::ReadDataCorrupted) { data ^ 1 << 3 } else { data };
                let (resp, poison) = events::on_wires(self.answer(resp, slot, dma));
                let id = dma.get(slot).address.id;
                let poison = poison && !self.nature.has(Habit::PoisonHidden);
                self.r = ReadData { valid: true, id, data, resp, last, poison };
            }
        }
    }

    /// The address as memory is to see it: the side-bands of untranslated transactions stay behind.
    fn outgoing(&self, address: &Address) -> Address {
        let mut out = Address { valid: true, mmusid: 0, mmussidv: false, mmussid: 0, mmuatst: false, ..*address };
        if self.nature.has(Habit::ProtDropped) {
            out.prot = 0;
        }
        if self.nature.has(Habit::CacheChanged) {
            out.cache = if out.cache == 0b1111 { 0 } else { 0b1111 };
        }
        if self.nature.has(Habit::QosDropped) {
            out.qos = 0;
        }
        // What AXI allows of exclusive accesses: a power of two of bytes, aligned.
        if self.nature.has(Habit::LockInvented) && out.len == 0 && out.addr.trailing_zeros() >= u32::from(out.size) {
            out.lock = true;
        }
        if self.nature.has(Habit::PbmtDropped) {
            out.pbmt = 0;
        }
        if self.nature.has(Habit::PbmtInvented) {
            out.pbmt = 2;
        }
        if self.nature.has(Habit::IdSwapped) {
            out.id ^= 1;
        }
        if self.nature.has(Habit::BurstNarrowed) && out.len > 0 {
            out.burst = 0;
        }
        if self.nature.has(Habit::OffsetDropped) {
            out.addr &= !0x3f;
        }
        out
    }

    fn answer(&self, resp: u8, slot: usize, dma: &Transactions) -> u8 {
        if resp > 1 && self.nature.has(Habit::MemoryErrorHidden) && dma.get(slot).phase == Phase::AtMemory {
            return 0;
        }
        resp
    }
}
