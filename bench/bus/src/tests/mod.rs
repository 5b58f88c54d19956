// SPDX-License-Identifier: Apache-2.0
//! Tests of the bus with a small device in place of an IOMMU.

mod atomic;
mod checker;
mod dut;
mod errors;
mod messages;
mod order;
mod registers;
mod shapes;
mod tearing;
mod traffic;

use boundary::{Address, Dut, Inputs, Outputs, ReadData, WriteData, WriteResponse};
use dut::Passthrough;
use events::{Burst, Cycle, Direction, DmaRequest, Event, INCR};
use golden::{DeviceId, Iova};

use super::held::Held;
use super::violation::Site;
use super::{Bus, BusConfig, Channel, DeviceTiming, Port, PortTiming, ProtocolViolation};

/// Bus and device on one clock, out of reset, with everything that happened.
pub struct Machine {
    pub bus: Bus,
    pub dut: Passthrough,
    pub now: Cycle,
    pub inputs: Inputs,
    pub outputs: Outputs,
    /// Events with their cycle
    pub log: Vec<(Cycle, Event)>,
    audit: Audit,
}

/// The bus must itself keep the rule of the handshake.
#[derive(Default)]
struct Audit {
    aw: Held<Address>,
    w: Held<WriteData>,
    ar: Held<Address>,
    b: [Held<WriteResponse>; 2],
    r: [Held<ReadData>; 2],
}

impl Audit {
    fn check(&mut self, now: Cycle, inputs: &Inputs, outputs: &Outputs) -> Result<(), ProtocolViolation> {
        let site = |port, channel| Site { port, channel, cycle: now };
        let (dev, seen) = (&inputs.dev, &outputs.dev);
        self.aw.check(site(Port::Dev, Channel::Aw), dev.aw.valid, seen.aw_ready, &dev.aw)?;
        self.w.check(site(Port::Dev, Channel::W), dev.w.valid, seen.w_ready, &dev.w)?;
        self.ar.check(site(Port::Dev, Channel::Ar), dev.ar.valid, seen.ar_ready, &dev.ar)?;
        for (at, (driven, seen)) in [(&inputs.mem, &outputs.mem), (&inputs.ptw, &outputs.ptw)].into_iter().enumerate() {
            let port = [Port::Mem, Port::Ptw][at];
            self.b[at].check(site(port, Channel::B), driven.b.valid, seen.b_ready, &driven.b)?;
            self.r[at].check(site(port, Channel::R), driven.r.valid, seen.r_ready, &driven.r)?;
        }
        Ok(())
    }
}

impl Machine {
    pub fn new(config: BusConfig, seed: u64) -> Self {
        let mut machine = Self {
            bus: Bus::new(config, seed),
            dut: Passthrough::default(),
            now: 0,
            inputs: Inputs::default(),
            outputs: Outputs::default(),
            log: Vec::new(),
            audit: Audit::default(),
        };
        machine.inputs.rst_n = true;
        machine
    }

    /// One clock cycle.
    pub fn cycle(&mut self) -> Result<(), ProtocolViolation> {
        self.bus.drive(self.now, &mut self.inputs);
        self.dut.cycle(&self.inputs, &mut self.outputs).expect("the device has no assertions");
        let mut events = Vec::new();
        let result = self.bus.observe(self.now, &self.inputs, &self.outputs, &mut events);
        self.log.extend(events.iter().map(|event| (self.now, event.clone())));
        // So that every test would notice what an old vector left behind.
        self.bus.recycle(&mut events);
        result?;
        if self.inputs.rst_n {
            self.audit.check(self.now, &self.inputs, &self.outputs).expect("the bus breaks no rule itself");
        } else {
            self.audit = Audit::default();
        }
        self.now += 1;
        Ok(())
    }

    /// Runs until nothing is under way.
    pub fn settle(&mut self) -> Result<(), ProtocolViolation> {
        for _ in 0..200_000 {
            self.cycle()?;
            let script = self.dut.ptw_aw.len() + self.dut.ptw_w.len() + self.dut.ptw_ar.len();
            if self.bus.ports_idle() && script == 0 {
                return Ok(());
            }
        }
        panic!("the bus does not come to rest");
    }

    pub fn enqueue(&mut self, request: DmaRequest) {
        self.bus.enqueue(request).expect("a legal request");
    }
}

/// A configuration without any chance: no stalls, latency 1, in order.
pub fn plain() -> BusConfig {
    let port = PortTiming {
        latency: 1..=1,
        reorder: false,
        interleave: false,
        stall_percent: 0,
        ready_after_valid: false,
        outstanding: 16,
    };
    let dev = DeviceTiming { ready_percent: 100, gap_percent: 0, write_lag: 0..=0, outstanding: 16 };
    BusConfig { mem: port.clone(), ptw: port, dev, reg_stall_percent: 0, ..BusConfig::default() }
}

/// A read of full beats.
pub fn read(id: u8, addr: u64, beats: u16) -> DmaRequest {
    let device = DeviceId(id.into());
    DmaRequest { id, ..DmaRequest::new(Direction::Read, device, Iova(addr), Burst::incr(beats)) }
}

/// A write of full beats.
pub fn write(id: u8, addr: u64, words: &[u64]) -> DmaRequest {
    let data = words.iter().map(|&word| (word, 0xff)).collect();
    DmaRequest { direction: Direction::Write, data, ..read(id, addr, words.len() as u16) }
}

/// An address-channel payload of full beats.
pub fn address(id: u8, addr: u64, beats: u16) -> Address {
    Address { valid: true, id, addr, len: (beats - 1) as u8, size: 3, burst: INCR, ..Address::default() }
}

/// W beats of full words.
pub fn words(words: &[u64]) -> Vec<WriteData> {
    let count = words.len();
    let beat = |(at, &data)| WriteData { valid: true, data, strb: 0xff, last: at + 1 == count };
    words.iter().enumerate().map(beat).collect()
}
