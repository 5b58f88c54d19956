// SPDX-License-Identifier: Apache-2.0
//! A model on the bus, and a guest with nested tables behind it.

use std::ops::RangeInclusive;

use boundary::{Dut, Inputs, Outputs};
use bus::{AtsTiming, Bus, BusConfig, PortTiming};
use events::{Burst, Cycle, Direction, DmaRequest, Event};
use golden::{
    Capabilities, Command, DdtMode, Ddtp, DeviceId, DirectoryEntry, FaultRecord, Fsc, Gscid, Iofence, Iohgatp, Iova,
    ProcessId, Pscid, Pte, QueueBase, Spa, Tc, offset,
};

use crate::{Model, ModelConfig};

/// Where things lie in physical memory.
pub const DDT_ROOT: u64 = 0x1_0000;
pub const DDT_LEAF: u64 = 0x1_1000;
pub const DDT_LEAF_B: u64 = 0x1_2000;
pub const CQ: u64 = 0x2_0000;
pub const FQ: u64 = 0x3_0000;
pub const PQ: u64 = 0x7_0000;
pub const DONE: u64 = 0x4_0004;
pub const MSI_TABLE: u64 = 0x5_0000;
pub const S2_ROOT: u64 = 0x10_0000;
pub const S2_L1: u64 = 0x10_4000;
pub const S2_L0: u64 = 0x10_5000;
pub const S2_L0_B: u64 = 0x10_6000;
/// Guest page `g` is at `g + SHIFT`.
pub const SHIFT: u64 = 0x1000_0000;
/// Guest pages, all in the second 2 MiB.
pub const PDT_ROOT: u64 = 0x20_0000;
pub const PDT_ROOT_B: u64 = 0x20_1000;
pub const PC_PAGE: u64 = 0x20_2000;
pub const PC_PAGE_B: u64 = 0x20_3000;
pub const S1_ROOT: u64 = 0x21_0000;
pub const S1_L1: u64 = 0x21_1000;
pub const S1_L0: u64 = 0x21_2000;
pub const S1_L0_B: u64 = 0x21_3000;
pub const S1_ROOT_B: u64 = 0x21_4000;
pub const S1_L1_B: u64 = 0x21_5000;
pub const DATA_A: u64 = 0x30_0000;
pub const DATA_B: u64 = 0x30_1000;
pub const MSI_GPA: u64 = 0x30_f000;

/// Tables of a host address space.
pub const HOST_ROOT: u64 = 0x6_0000;

pub const DEVICE: DeviceId = DeviceId(0x105);
/// Has a first stage only.
pub const HOST: DeviceId = DeviceId(0x106);
pub const PROCESS: ProcessId = ProcessId(0x1234);
pub const GSCID: Gscid = Gscid(7);
pub const PSCID: Pscid = Pscid(9);
/// Leads to data A.
pub const IOVA: u64 = 0x4000_5000;
/// Leads to the MSI page.
pub const IOVA_MSI: u64 = 0x4000_6000;
/// A superpage of 2 MiB: leads to guest address 0x20_0000.
pub const IOVA_SUPER: u64 = 0x4040_0000;

pub const A: u64 = 0xaaaa_aaaa_aaaa_aaaa;
pub const B: u64 = 0xbbbb_bbbb_bbbb_bbbb;
pub const LEAF: u64 = 0xdf;

pub fn leaf(addr: u64, flags: u64) -> u64 {
    Pte(flags).with_ppn(addr >> 12).0
}

pub fn table(addr: u64) -> u64 {
    DirectoryEntry(1).with_ppn(addr >> 12).0
}

pub fn caps() -> Capabilities {
    Capabilities(0x10)
        .with_sv39(true)
        .with_sv48(true)
        .with_sv57(true)
        .with_sv39x4(true)
        .with_sv48x4(true)
        .with_sv57x4(true)
        .with_svpbmt(true)
        .with_msi_flat(true)
        .with_pd8(true)
        .with_pd17(true)
        .with_nl(true)
        .with_s(true)
        .with_igs(1)
        .with_pas(56)
}

/// Answer to a DMA transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub resp: u8,
    pub data: Vec<u64>,
}

pub struct Rig {
    pub bus: Bus,
    pub model: Model,
    pub now: Cycle,
    inputs: Inputs,
    outputs: Outputs,
    pub log: Vec<(Cycle, Event)>,
    tail: u32,
    fences: u32,
}

impl Rig {
    /// Out of reset, with queues on, `ddtp` at two levels, and the guest in memory.
    pub fn new(config: ModelConfig) -> Self {
        Self::with_latency(config, 2..=9)
    }

    /// With ATS and page requests, switched on for [`DEVICE`], and a page-request queue of two entries.
    pub fn with_ats(config: ModelConfig, devices: AtsTiming) -> Self {
        let mut rig = Self::strapped(config, 2..=9, devices, caps().with_ats(true).with_t2gpa(true));
        let tc = Tc(0).with_v(true).with_pdtv(true).with_en_ats(true).with_en_pri(true).with_prpr(true);
        rig.store(DDT_LEAF + (u64::from(DEVICE.0) & 0x3f) * 64, tc.0);
        rig.write(offset::PQB, 8, QueueBase(0).with_ppn(PQ >> 12).0);
        rig.write(offset::PQCSR, 4, 3);
        rig
    }

    pub fn with_latency(config: ModelConfig, latency: RangeInclusive<u32>) -> Self {
        Self::with_capabilities(config, latency, caps())
    }

    pub fn with_capabilities(config: ModelConfig, latency: RangeInclusive<u32>, caps: Capabilities) -> Self {
        Self::strapped(config, latency, AtsTiming::default(), caps)
    }

    fn strapped(config: ModelConfig, latency: RangeInclusive<u32>, ats: AtsTiming, caps: Capabilities) -> Self {
        let timing = PortTiming { latency, ..PortTiming::default() };
        let bus = BusConfig { ptw: timing.clone(), mem: timing, ats, ..BusConfig::default() };
        let mut rig = Self {
            bus: Bus::new(bus, config.seed),
            model: Model::new(config),
            now: 0,
            inputs: Inputs { caps: caps.0, ..Inputs::default() },
            outputs: Outputs::default(),
            log: Vec::new(),
            tail: 0,
            fences: 0,
        };
        for _ in 0..4 {
            rig.cycle();
        }
        rig.inputs.rst_n = true;
        rig.guest();
        let queue = |base: u64, log2: u8| QueueBase(0).with_ppn(base >> 12).with_log2sz_minus1(log2 - 1).0;
        rig.write(offset::CQB, 8, queue(CQ, 6));
        rig.write(offset::FQB, 8, queue(FQ, 3));
        rig.write(offset::CQCSR, 4, 3);
        rig.write(offset::FQCSR, 4, 3);
        rig.write(offset::ICVEC, 8, 0x21);
        rig.directory(DdtMode::Levels(2));
        rig
    }

    /// Writes `ddtp` and waits until it is in force.
    pub fn directory(&mut self, mode: DdtMode) {
        self.write(offset::DDTP, 8, Ddtp(0).with_ppn(DDT_ROOT >> 12).with_mode(mode).0);
        while Ddtp(self.read(offset::DDTP, 8)).busy() {}
    }

    fn guest(&mut self) {
        let memory = self.bus.memory_mut();
        let mut put = |addr: u64, value: u64| memory.write_u64(Spa(addr), value);
        let guest = |gpa: u64| gpa + SHIFT;
        // Second stage: guest pages one by one, in two tables that agree except about data A.
        put(S2_ROOT, table(S2_L1));
        put(S2_L1 + 8, table(S2_L0));
        for page in 0..512 {
            let gpa = 0x20_0000 + page * 0x1000;
            put(S2_L0 + page * 8, leaf(guest(gpa), LEAF));
            put(S2_L0_B + page * 8, leaf(guest(if gpa == DATA_A { DATA_B } else { gpa }), LEAF));
        }
        // Device directory: two leaf pages whose contexts differ in the process directory.
        put(DDT_ROOT + (u64::from(DEVICE.0) >> 6) * 8, table(DDT_LEAF));
        for (page, pdt) in [(DDT_LEAF, PDT_ROOT), (DDT_LEAF_B, PDT_ROOT_B)] {
            let dc = page + (u64::from(DEVICE.0) & 0x3f) * 64;
            put(dc, Tc(0).with_v(true).with_pdtv(true).0);
            put(dc + 8, Iohgatp(0).with_ppn(S2_ROOT >> 12).with_gscid_bits(GSCID.0).with_mode(8).0);
            put(dc + 24, Fsc(0).with_ppn(pdt >> 12).with_mode(2).0);
            put(dc + 32, 1 << 60 | MSI_TABLE >> 12);
            put(dc + 40, 0);
            put(dc + 48, MSI_GPA >> 12);
        }
        let host = DDT_LEAF + (u64::from(HOST.0) & 0x3f) * 64;
        put(host, Tc(0).with_v(true).0);
        put(host + 16, u64::from(PSCID.0) << 12);
        put(host + 24, Fsc(0).with_ppn(HOST_ROOT >> 12).with_mode(8).0);
        put(HOST_ROOT + 8, table(HOST_ROOT + 0x1000));
        put(HOST_ROOT + 0x1000, table(HOST_ROOT + 0x2000));
        put(HOST_ROOT + 0x2000 + 5 * 8, leaf(guest(DATA_A), LEAF));
        put(MSI_TABLE, leaf(guest(DATA_A), 0b111));
        // Process directory and process contexts
        let (high, low) = (u64::from(PROCESS.0 >> 8), u64::from(PROCESS.0 & 0xff));
        put(guest(PDT_ROOT) + high * 8, table(PC_PAGE));
        put(guest(PDT_ROOT_B) + high * 8, table(PC_PAGE_B));
        for (page, root) in [(PC_PAGE, S1_ROOT), (PC_PAGE_B, S1_ROOT_B)] {
            put(guest(page) + low * 16, 1 | u64::from(PSCID.0) << 12);
            put(guest(page) + low * 16 + 8, Fsc(0).with_ppn(root >> 12).with_mode(8).0);
        }
        // First stage
        put(guest(S1_ROOT) + 8, table(S1_L1));
        put(guest(S1_ROOT_B) + 8, table(S1_L1_B));
        put(guest(S1_L1), table(S1_L0));
        put(guest(S1_L1_B), table(S1_L0_B));
        put(guest(S1_L1) + 2 * 8, leaf(0x20_0000, LEAF));
        put(guest(S1_L0) + 5 * 8, leaf(DATA_A, LEAF));
        put(guest(S1_L0) + 6 * 8, leaf(MSI_GPA, LEAF));
        put(guest(S1_L0_B) + 5 * 8, leaf(DATA_B, LEAF));
        for word in 0..512 {
            put(guest(DATA_A) + word * 8, A);
            put(guest(DATA_B) + word * 8, B);
        }
    }

    pub fn cycle(&mut self) {
        let mut events = Vec::new();
        self.bus.drive(self.now, &mut self.inputs);
        self.model.cycle(&self.inputs, &mut self.outputs).expect("the model does not stop");
        let seen = self.bus.observe(self.now, &self.inputs, &self.outputs, &mut events);
        seen.unwrap_or_else(|violation| panic!("cycle {}: {violation}", self.now));
        self.log.extend(events.into_iter().map(|event| (self.now, event)));
        self.now += 1;
    }

    pub fn cycles(&mut self, count: u64) {
        (0..count).for_each(|_| self.cycle());
    }

    /// Runs until `done` says so.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let limit = self.now + 20_000;
        while !done(self) {
            assert!(self.now < limit, "{what}: nothing for 20,000 cycles");
            self.cycle();
        }
    }

    pub fn write(&mut self, register: u16, bytes: u8, value: u64) {
        self.bus.start_register_write(register, bytes, value).expect("idle");
        self.until("register write", |rig| rig.bus.register_idle());
    }

    pub fn read(&mut self, register: u16, bytes: u8) -> u64 {
        self.bus.start_register_read(register, bytes).expect("idle");
        self.until("register read", |rig| rig.bus.register_idle());
        self.bus.register_value()
    }

    /// A CPU store.
    pub fn store(&mut self, addr: u64, value: u64) {
        self.bus.store(Spa(addr), value);
        self.cycle();
    }

    pub fn load(&self, addr: u64) -> u64 {
        self.bus.memory().read_u64(Spa(addr))
    }

    /// Queues commands and moves the tail.
    pub fn submit(&mut self, commands: &[[u64; 2]]) {
        for words in commands {
            let at = CQ + u64::from(self.tail) * 16;
            self.bus.store(Spa(at), words[0]);
            self.bus.store(Spa(at + 8), words[1]);
            self.tail = (self.tail + 1) % 64;
        }
        self.cycle();
        self.write(offset::CQT, 4, u64::from(self.tail));
    }

    /// Queues commands and a fence, and waits for the store of the fence.
    pub fn commands(&mut self, commands: &[Command]) {
        self.fences += 1;
        let fence = Iofence { store: Some((Spa(DONE), self.fences)), ..Iofence::default() };
        let mut words: Vec<[u64; 2]> = commands.iter().map(Command::encode).collect();
        words.push(Command::Fence(fence).encode());
        self.submit(&words);
        let wanted = u64::from(self.fences);
        self.until("fence", |rig| rig.load(DONE) >> 32 == wanted);
    }

    pub fn request(iova: u64, direction: Direction, beats: u8) -> DmaRequest {
        let data = match direction {
            Direction::Read => Vec::new(),
            Direction::Write => (0..beats).map(|beat| (0x1111 * u64::from(beat), 0xff)).collect(),
        };
        let plain = DmaRequest::new(direction, DEVICE, Iova(iova), Burst::incr(beats.into()));
        DmaRequest { id: 3, process: Some(PROCESS), data, ..plain }
    }

    /// One transaction, and its answer.
    pub fn dma(&mut self, request: DmaRequest) -> Answer {
        self.bus.enqueue(request).expect("a legal request");
        let from = self.log.len();
        let mut answer = None;
        self.until("DMA", |rig| {
            answer = rig.log[from..].iter().find_map(|(_, event)| match event {
                Event::DmaDone { resp, data, .. } => Some(Answer { resp: *resp, data: data.clone() }),
                _ => None,
            });
            answer.is_some()
        });
        answer.expect("it is done")
    }

    /// Reads a doubleword at `iova`: what came, or none where it was refused.
    pub fn peek(&mut self, iova: u64) -> Option<u64> {
        let answer = self.dma(Self::request(iova, Direction::Read, 1));
        (answer.resp == 0).then(|| answer.data[0])
    }

    /// Runs until nothing moves.
    pub fn settle(&mut self) {
        self.until("rest", |rig| rig.model.is_idle() && rig.bus.ports_idle());
    }

    pub fn record(&self, index: u64) -> FaultRecord {
        let word = |at: u64| self.load(FQ + index * 32 + at * 8);
        FaultRecord::decode([word(0), word(1), word(2), word(3)])
    }

    /// Read beats on `ptw_*` since position `from` of the log, without the command queue.
    pub fn walked(&self, from: usize) -> usize {
        let of_walk =
            |event: &Event| matches!(event, Event::PtwReadBeat { addr, .. } if !(CQ..CQ + 0x1000).contains(&addr.0));
        self.log[from..].iter().filter(|(_, event)| of_walk(event)).count()
    }
}
