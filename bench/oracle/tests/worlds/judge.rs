// SPDX-License-Identifier: Apache-2.0
//! Whoever judges traces: the oracle, the evaluator, or one of them with a fault.

use events::{Agent, Burst, Cycle, Direction, DmaRequest, Event as BusEvent, INCR, Ticket};
use golden::{
    Capabilities, Command, Cqcsr, Ddtp, DeviceId, Gscid, Iofence, Iotinval, Iova, ProcessId, Pscid, QueueBase, Spa,
    SpecVersion, offset,
};
use oracle::{Bound, Oracle, Settings, Violation};
use rustc_hash::FxHashMap;

use crate::faults::Faults;
use crate::trace::{Answer, Cmd, Event, FenceKind, Hazard, Promise};
use crate::world::{DDT, PAS, World};
use crate::{evaluator, software};

/// Says which answers it accepts for the request in hand at the end of a trace.
pub trait Judge: Sync {
    /// The accepted ones among those that are conceivable in this world, sorted.
    fn accepts(&self, world: &World, trace: &[Event]) -> Vec<Answer>;

    /// What software is to blame for in a trace that ends with an answer, or with the operation beside it.
    fn blames(&self, world: &World, trace: &[Event]) -> Option<Hazard>;
}

/// The page, with a fault perhaps.
pub struct Page(pub Faults);

impl Judge for Page {
    fn accepts(&self, world: &World, trace: &[Event]) -> Vec<Answer> {
        evaluator::permitted(world, trace, self.0)
    }

    fn blames(&self, world: &World, trace: &[Event]) -> Option<Hazard> {
        software::hazard(world, trace, self.0)
    }
}

/// The oracle, as it is built by this function: one with a fault can take its place.
pub struct TheOracle<F: Fn(Settings) -> Oracle + Sync>(pub F);

impl<F: Fn(Settings) -> Oracle + Sync> Judge for TheOracle<F> {
    fn accepts(&self, world: &World, trace: &[Event]) -> Vec<Answer> {
        let mut accepted: Vec<Answer> =
            world.answers.iter().copied().filter(|answer| self.accepts_one(world, trace, *answer)).collect();
        accepted.sort_unstable();
        accepted
    }

    fn blames(&self, world: &World, trace: &[Event]) -> Option<Hazard> {
        let mut stage = Stage::new(world, &self.0);
        for event in trace {
            stage.play(*event).ok()?;
        }
        match stage.oracle.first_hazard()?.rule.as_str() {
            "stale-after-operation" => Some(Hazard::Stale),
            "not-hitless" => Some(Hazard::NotHitless),
            "use-after-free" => Some(Hazard::Freed),
            "never-invalidated" => Some(Hazard::Untold),
            _ => Some(Hazard::Mixed),
        }
    }
}

impl<F: Fn(Settings) -> Oracle + Sync> TheOracle<F> {
    fn accepts_one(&self, world: &World, trace: &[Event], answer: Answer) -> bool {
        let mut stage = Stage::new(world, &self.0);
        for event in trace {
            // What has been continued was accepted.
            if stage.play(*event).is_err() {
                return false;
            }
        }
        stage.play(Event::Answer(answer)).is_ok()
    }
}

/// Where the command queue lies.
const QUEUE: u64 = 0x11_0000_0000;
/// Entries of the command queue.
const ENTRIES: u32 = 64;
/// Cycle of the first event.
const BEGIN: Cycle = 100;

/// A trace on its way to the oracle: one event a cycle.
struct Stage<'a> {
    world: &'a World,
    oracle: Oracle,
    memory: FxHashMap<u64, u64>,
    now: Cycle,
    /// Next entry of the command queue
    tail: u32,
    /// Requests so far, and which is in hand
    tickets: u64,
    in_hand: Option<usize>,
}

impl<'a> Stage<'a> {
    fn new(world: &'a World, build: impl Fn(Settings) -> Oracle) -> Self {
        let capabilities = Capabilities(0x10)
            .with_sv39(true)
            .with_sv39x4(true)
            .with_pas(PAS as u8)
            .with_pd8(true)
            .with_nl(true)
            .with_s(true)
            .with_msi_flat(world.extended);
        let version = SpecVersion::default();
        let oracle = build(Settings::new(capabilities, version, Bound::FREE));
        let memory = world.words.iter().map(|word| (word.addr, word.initial)).collect();
        let mut stage = Stage { world, oracle, memory, now: 10, tail: 0, tickets: 0, in_hand: None };
        let size = QueueBase(0).with_ppn(QUEUE >> 12).with_log2sz_minus1(ENTRIES.ilog2() as u8 - 1);
        for word in &world.words {
            let _ = stage.observe(&[BusEvent::Held { addr: Spa(word.addr), value: word.initial }]);
        }
        stage.register(offset::CQB, 8, size.0);
        stage.register(offset::CQCSR, 4, Cqcsr(0).with_cqen(true).0.into());
        let ddtp = Ddtp(0).with_mode_bits(2).with_ppn(DDT >> 12).0;
        stage.register(offset::DDTP, 8, ddtp);
        stage.now = 20;
        // Read back, so that the value from before is out of the question.
        let accepted = stage.now;
        let _ = stage.observe(&[BusEvent::RegRead { offset: offset::DDTP, bytes: 8, value: ddtp, accepted }]);
        stage.now = 30;
        for word in &world.words {
            if world.warm || word.values.is_empty() {
                let _ = stage.read(word.addr, word.initial);
            }
        }
        stage.now = BEGIN;
        stage
    }

    fn register(&mut self, at: u16, bytes: u8, value: u64) {
        let begun = BusEvent::RegWriteBegun { offset: at, bytes, value };
        let _ = self.observe(&[begun]);
    }

    fn observe(&mut self, events: &[BusEvent]) -> Result<(), String> {
        self.oracle.observe(events, self.now).map_err(|violation| line(&violation))
    }

    fn read(&mut self, addr: u64, data: u64) -> Result<(), String> {
        let (id, addr, sampled) = (0, Spa(addr), self.now);
        self.observe(&[BusEvent::PtwReadBeat { id, addr, bytes: 8, data, resp: 0, sampled, last: true }])
    }

    /// The device fetches a command that software hands over in the same cycle.
    fn fetch(&mut self, words: [u64; 2]) -> Result<(), String> {
        let entry = QUEUE + 16 * u64::from(self.tail);
        self.tail += 1;
        self.register(offset::CQT, 4, self.tail.into());
        self.read(entry, words[0])?;
        self.read(entry + 8, words[1])
    }

    /// Software sees that `cqh` has passed every command.
    fn done(&mut self) -> Result<(), String> {
        let (value, accepted) = (self.tail.into(), self.now);
        self.observe(&[BusEvent::RegRead { offset: offset::CQH, bytes: 4, value, accepted }])
    }

    fn fence(&mut self, kind: FenceKind) -> Result<(), String> {
        self.fetch(Command::Fence(Iofence { pr: kind.pr, pw: kind.pw, ..Iofence::default() }).encode())
    }

    fn play(&mut self, event: Event) -> Result<(), String> {
        self.now += 1;
        let world = self.world;
        match event {
            Event::Read(word) => {
                let addr = world.words[word].addr;
                self.read(addr, self.memory.get(&addr).copied().unwrap_or(0))
            }
            Event::Store(word, new) => {
                let addr = world.words[word].addr;
                let old = self.memory.insert(addr, new).unwrap_or(0);
                self.observe(&[BusEvent::Store { agent: Agent::Cpu, addr: Spa(addr), old, new }])
            }
            Event::Fetch(cmd) => self.fetch(encoded(world.commands[cmd])),
            Event::Fence(kind) => {
                self.fence(world.fences[kind])?;
                if world.prompt {
                    self.now += 1;
                    self.done()?;
                }
                Ok(())
            }
            Event::Done => self.done(),
            Event::Stop => {
                self.fetch([0x7F, 0])?;
                self.now += 1;
                // Software writes the next command over the illegal one.
                self.tail -= 1;
                self.register(offset::CQCSR, 4, Cqcsr(0).with_cqen(true).with_cmd_ill(true).0.into());
                Ok(())
            }
            Event::Offer(request) => self.observe(&[BusEvent::DmaOffered { request: self.request(request) }]),
            Event::Accept(request) => {
                self.in_hand = Some(request);
                let (ticket, request) = (Ticket(self.tickets), self.request(request));
                self.tickets += 1;
                self.observe(&[BusEvent::DmaAccepted { ticket, request }])
            }
            Event::Answer(answer) => self.answer(answer),
            Event::Begin(promise) => {
                let promise = match promise {
                    Promise::Effective => events::Promise::Whole,
                    Promise::Hitless => events::Promise::Hitless,
                };
                let operation = events::Operation { name: "change".to_owned(), promise, reconfiguration: true };
                self.observe(&[BusEvent::OperationBegun { operation }])
            }
            Event::End => self.observe(&[BusEvent::OperationEnded { done: true }]),
            Event::Free(page) => {
                let start = Spa(world.frees[page]);
                self.observe(&[BusEvent::Freed { start, bytes: 0x1000 }])
            }
            Event::Take(page) => {
                let start = Spa(world.frees[page]);
                self.observe(&[BusEvent::Taken { start, bytes: 0x1000 }])
            }
            Event::Off => {
                self.register(offset::DDTP, 8, 0);
                let (bytes, value, accepted) = (8, 0, self.now);
                self.observe(&[BusEvent::RegRead { offset: offset::DDTP, bytes, value, accepted }])
            }
            Event::Rest => self.observe(&[BusEvent::Rest]),
        }
    }

    fn request(&self, request: usize) -> DmaRequest {
        let request = self.world.requests[request];
        DmaRequest {
            id: 1,
            direction: if request.write { Direction::Write } else { Direction::Read },
            iova: Iova(request.page << 12),
            burst: BURST,
            device: DeviceId(request.device),
            process: request.process.map(ProcessId),
            privileged: false,
            instruction: false,
            translated: false,
            attributes: Default::default(),
            data: if request.write { vec![(7, 0xFF)] } else { vec![] },
        }
    }

    fn answer(&mut self, answer: Answer) -> Result<(), String> {
        let Some(number) = self.in_hand.take() else { return Ok(()) };
        let (request, attributes) = (self.world.requests[number], self.request(number).attributes);
        let ticket = Ticket(self.tickets - 1);
        let done = |resp, data| BusEvent::DmaDone { ticket, resp, data };
        let Answer::Page(page) = answer else { return self.observe(&[done(3, vec![])]) };
        let direction = if request.write { Direction::Write } else { Direction::Read };
        let (id, addr, pbmt, prot) = (1, Spa(page << 12), 0, 0);
        let ids = Default::default();
        let address = BusEvent::MemAddress { direction, id, addr, burst: BURST, pbmt, prot, attributes, ids };
        if request.write {
            let beat = BusEvent::MemWriteBeat { data: 7, strb: 0xFF, last: true };
            self.observe(&[address, beat, BusEvent::MemWriteResponse { id, resp: 0 }, done(0, vec![])])
        } else {
            let beat = BusEvent::MemReadBeat { id, data: 7, resp: 0, last: true };
            self.observe(&[address, beat, done(0, vec![7])])
        }
    }
}

const BURST: Burst = Burst { len: 0, size: 3, kind: INCR };

/// A rule that was broken, in a line.
fn line(violation: &Violation) -> String {
    format!("{} {}: right = {}, wrong = {}", violation.rule, violation.detail, violation.right, violation.wrong)
}

fn encoded(cmd: Cmd) -> [u64; 2] {
    let iotinval = |o: crate::trace::Operands| Iotinval {
        gscid: o.gscid.map(Gscid),
        pscid: o.pscid.map(Pscid),
        page: o.page,
        nl: o.nl,
        s: o.range,
    };
    let command = match cmd {
        Cmd::Ddt(device) => Command::InvalDdt { device: device.map(DeviceId) },
        Cmd::Pdt(device, process) => Command::InvalPdt { device: DeviceId(device), process: ProcessId(process) },
        Cmd::Vma(o) => Command::InvalVma(iotinval(o)),
        Cmd::Gvma(o) => Command::InvalGvma(iotinval(o)),
    };
    command.encode()
}
