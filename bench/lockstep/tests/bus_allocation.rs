// SPDX-License-Identifier: Apache-2.0
//! The bus allocates nothing in the steady state, neither a cycle nor, with recycling, a transaction.

mod counting;

use std::collections::VecDeque;

use boundary::{Address, Inputs, Outputs, WriteData};
use bus::{Bus, BusConfig};
use counting::allocations;
use events::{Agent, Burst, Direction, DmaRequest, Event};
use golden::{DeviceId, Iova, Spa};

/// Passes addresses and data from `dev_*` to `mem_*` and back a cycle later, and keeps `ptw_*` busy.
#[derive(Default)]
struct Wires {
    aw: VecDeque<Address>,
    w: VecDeque<WriteData>,
    ar: VecDeque<Address>,
    b: VecDeque<boundary::WriteResponse>,
    r: VecDeque<boundary::ReadData>,
    ptw_beat: u8,
    ptw_data: u8,
}

impl Wires {
    fn outputs(&self) -> Outputs {
        let mut out = Outputs::default();
        out.dev.aw_ready = self.aw.len() < 4;
        out.dev.w_ready = self.w.len() < 4;
        out.dev.ar_ready = self.ar.len() < 4;
        out.dev.b = self.b.front().copied().unwrap_or_default();
        out.dev.r = self.r.front().copied().unwrap_or_default();
        out.mem.aw = self.aw.front().copied().unwrap_or_default();
        out.mem.w = self.w.front().copied().unwrap_or_default();
        out.mem.ar = self.ar.front().copied().unwrap_or_default();
        out.mem.b_ready = self.b.len() < 4;
        out.mem.r_ready = self.r.len() < 4;
        let burst = Address { valid: true, addr: 0x8000, len: 3, size: 3, burst: 1, ..Address::default() };
        out.ptw.ar = Address { id: 1, ..burst };
        out.ptw.aw = Address { id: 2, valid: self.ptw_beat == 0, ..burst };
        out.ptw.w = WriteData { valid: self.ptw_beat != 0, data: 7, strb: 0xff, last: self.ptw_data == 3 };
        out.ptw.b_ready = true;
        out.ptw.r_ready = true;
        out
    }

    fn clock(&mut self, inputs: &Inputs, out: &Outputs) {
        step(
            &mut self.aw,
            out.mem.aw.valid && inputs.mem.aw_ready,
            inputs.dev.aw,
            inputs.dev.aw.valid && out.dev.aw_ready,
        );
        step(&mut self.w, out.mem.w.valid && inputs.mem.w_ready, inputs.dev.w, inputs.dev.w.valid && out.dev.w_ready);
        step(
            &mut self.ar,
            out.mem.ar.valid && inputs.mem.ar_ready,
            inputs.dev.ar,
            inputs.dev.ar.valid && out.dev.ar_ready,
        );
        step(&mut self.b, out.dev.b.valid && inputs.dev.b_ready, inputs.mem.b, inputs.mem.b.valid && out.mem.b_ready);
        step(&mut self.r, out.dev.r.valid && inputs.dev.r_ready, inputs.mem.r, inputs.mem.r.valid && out.mem.r_ready);
        if out.ptw.aw.valid && inputs.ptw.aw_ready {
            (self.ptw_beat, self.ptw_data) = (1, 0);
        }
        if out.ptw.w.valid && inputs.ptw.w_ready {
            self.ptw_data += 1;
            self.ptw_beat = u8::from(self.ptw_data < 4);
        }
    }
}

fn step<T>(fifo: &mut VecDeque<T>, leaves: bool, payload: T, enters: bool) {
    if leaves {
        fifo.pop_front();
    }
    if enters {
        fifo.push_back(payload);
    }
}

fn request(at: u64) -> DmaRequest {
    let direction = if at.is_multiple_of(2) { Direction::Read } else { Direction::Write };
    DmaRequest {
        id: (at % 7) as u8,
        data: if direction == Direction::Write { vec![(at, 0xff); 4] } else { Vec::new() },
        ..DmaRequest::new(direction, DeviceId(1), Iova(0x1000 * (1 + at % 5)), Burst::incr(4))
    }
}

/// Runs this many cycles with everything busy; returns the stores and DMA completions seen.
fn run(bus: &mut Bus, wires: &mut Wires, from: u64, cycles: u64, events: &mut Vec<Event>) -> [u64; 4] {
    let mut inputs = Inputs { rst_n: true, ..Inputs::default() };
    let mut seen = [0; 4];
    for now in from..from + cycles {
        bus.store(Spa(0x8008), now);
        bus.store_at(now + 3, Spa(0x8010), now);
        if bus.register_idle() {
            bus.start_register_read(0, 8).expect("idle");
        }
        bus.drive(now, &mut inputs);
        let outputs = if now == 0 { Outputs::default() } else { wires.outputs() };
        wires.clock(&inputs, &outputs);
        bus.observe(now, &inputs, &outputs, events).expect("the wires break no rule");
        for event in events.iter() {
            match event {
                Event::Store { agent: Agent::Dma, .. } => seen[0] += 1,
                Event::DmaDone { .. } => seen[1] += 1,
                Event::PtwWrite { .. } => seen[2] += 1,
                Event::PtwReadBeat { .. } => seen[3] += 1,
                _ => {}
            }
        }
        bus.recycle(events);
    }
    seen
}

#[test]
fn the_steady_state_allocates_nothing() {
    let mut bus = Bus::new(BusConfig::default(), 1);
    let mut wires = Wires::default();
    let mut events = Vec::new();
    // Every request is there from the beginning; queueing is the caller's business.
    for at in 0..20_000 {
        bus.enqueue(request(at)).expect("a legal request");
    }
    run(&mut bus, &mut wires, 0, 20_000, &mut events);
    let before = allocations();
    let seen = run(&mut bus, &mut wires, 20_000, 5_000, &mut events);
    let allocations = allocations() - before;
    assert!(seen.iter().all(|&times| times > 400), "everything was busy: {seen:?}");
    assert!(bus.queued(Direction::Read) > 0 && bus.queued(Direction::Write) > 0, "until the end");
    assert_eq!(allocations, 0);
}
