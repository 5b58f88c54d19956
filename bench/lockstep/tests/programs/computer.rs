// SPDX-License-Identifier: Apache-2.0
//! The machine that programs run on: the test bench, with somebody who watches what becomes of requests, and who can
//! leave out one step of software.

use driver::{Halted, Machine, StepKind};
use events::{Cycle, Named, Operation};
use golden::{DeviceId, Spa, offset};
use testbench::Testbench;

use super::shadow::Shadow;
use super::step::{CommandKind, Left, Sent};

/// The test bench, watched.
pub struct Computer {
    pub bench: Testbench,
    pub shadow: Shadow,
    /// The step that is left out
    pub left: Option<Left>,
    /// The operation of the program that is under way
    pub op: usize,
    /// Commands sent so far: those of the driver and of the program's own steps
    pub sent: Vec<Sent>,
    /// Where the command that was left out stands, once it was
    pub left_at: Option<Cycle>,
    /// Operations of the driver, and when they began and ended
    pub log: Vec<String>,
    queue: Queue,
    tail: u64,
    /// What software is told of a fence that it does not wait for
    told: Option<(Spa, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    base: u64,
    bytes: u64,
}

impl Queue {
    fn has(self, addr: Spa) -> bool {
        addr.0.wrapping_sub(self.base) < self.bytes
    }
}

impl Computer {
    pub fn new(bench: Testbench, shadow: Shadow, left: Option<Left>) -> Computer {
        Computer {
            bench,
            shadow,
            left,
            op: 0,
            sent: Vec::new(),
            left_at: None,
            log: Vec::new(),
            queue: Queue::default(),
            tail: 0,
            told: None,
        }
    }

    fn look(&mut self) {
        let events = self.bench.take_events();
        self.shadow.events(&events, self.bench.memory(), self.bench.now());
    }

    /// What stands in the queue in the place of a doubleword of a command.
    fn command(&mut self, addr: Spa, value: u64) -> u64 {
        if addr.0 & 8 == 0 {
            let kind = CommandKind::of(value);
            self.sent.push(Sent { op: self.op, kind, words: [value, 0] });
        } else if let Some(last) = self.sent.last_mut() {
            last.words[1] = value;
        }
        let number = self.sent.len().wrapping_sub(1);
        let Some(left) = self.left.filter(|left| left.number == number) else { return value };
        self.left_at.get_or_insert(self.bench.now());
        if addr.0 & 8 == 0 {
            let first = left.how.first(value);
            if left.how.is_not_waited_for() {
                self.told = Some((Spa(0), value >> 32));
            }
            return first;
        }
        if let Some((flag, _)) = &mut self.told
            && left.how.is_not_waited_for()
        {
            flag.0 = value << 2;
        }
        left.how.second(self.sent[number].words[0], value)
    }
}

impl Machine for Computer {
    fn store(&mut self, addr: Spa, value: u64) -> Result<(), Halted> {
        let value = if self.queue.has(addr) {
            self.command(addr, value)
        } else {
            self.shadow.disturbed();
            value
        };
        let done = self.bench.store(addr, value);
        self.look();
        done
    }
    fn load(&mut self, addr: Spa) -> Result<u64, Halted> {
        let value = self.bench.load(addr);
        self.look();
        match self.told {
            Some((flag, number)) if flag.0 != 0 && flag.0 & !7 == addr.0 => {
                self.told = None;
                value.map(|_| number)
            }
            _ => value,
        }
    }
    fn write_register(&mut self, register: u16, bytes: u8, value: u64) -> Result<(), Halted> {
        match register {
            offset::CQB => self.queue = Queue { base: (value >> 10) << 12, bytes: 32 << (value & 0x1f) },
            offset::CQT => self.tail = value,
            offset::DDTP => {
                self.shadow.ddtp(value);
                self.shadow.disturbed();
            }
            _ => {}
        }
        let done = self.bench.write_register(register, bytes, value);
        self.look();
        done
    }
    fn read_register(&mut self, register: u16, bytes: u8) -> Result<u64, Halted> {
        let value = self.bench.read_register(register, bytes);
        self.look();
        match (self.told, register) {
            // A fence without a flag: the head is said to be where the tail is.
            (Some((Spa(0), _)), offset::CQH) => {
                self.told = None;
                value.map(|_| self.tail)
            }
            _ => value,
        }
    }
    fn wait(&mut self, cycles: u64) -> Result<(), Halted> {
        if cycles == 0 {
            return Ok(());
        }
        // "Later" than an operation is later than the cycle in which it returned.
        let first = self.bench.wait(1);
        self.look();
        let done = first.and_then(|()| self.bench.wait(cycles - 1));
        self.look();
        done
    }
    fn now(&self) -> u64 {
        self.bench.now()
    }
    fn begin(&mut self, operation: Operation) {
        self.shadow.begin();
        self.log.push(format!("{} begin {}", self.bench.now(), operation.name));
        self.bench.begin(operation);
    }
    fn end(&mut self, done: bool) {
        self.bench.end(done);
        self.shadow.end();
        self.log.push(format!("{} end{}", self.bench.now(), if done { "" } else { ", failed" }));
    }
    fn freed(&mut self, start: Spa, bytes: u64) {
        self.shadow.freed(start, bytes);
        self.bench.freed(start, bytes);
    }
    fn taken(&mut self, start: Spa, bytes: u64) {
        self.shadow.taken(start, bytes);
        self.bench.taken(start, bytes);
    }
    fn named(&mut self, name: &str, what: Named) {
        self.bench.named(name, what);
    }
    fn step(&mut self, devices: &[DeviceId], kind: StepKind) {
        self.bench.step(devices, kind);
    }
}
