// SPDX-License-Identifier: Apache-2.0
//! The software of a world: command queue, fences, fault queue. It does what a driver may do, and waits for little.

use driver::{Halted, Machine};
use golden::{Command, Ddtp, DeviceId, Iofence, QueueBase, Spa, offset};
use testbench::Testbench;

use super::ats::PageQueue;
use super::counters;
use super::dice::Dice;
use super::files;
use super::map;
use super::messages::Messages;
use super::scene::Scene;

/// Cycles after which software no longer waits for a fence; then the run ends, and the oracle says what is owed.
const PATIENCE: u32 = 10_000;

/// Queue on, fqmf, fqof: what a write of `cqcsr` or `fqcsr` sets and clears.
const QUEUE_ON: u64 = 3;
const MEMORY_FAULT: u64 = 1 << 8;
const FULL: u64 = 1 << 9;
const TIMED_OUT: u64 = 1 << 9;
const ILLEGAL: u64 = 1 << 10;
const FENCE_DONE: u64 = 1 << 11;

/// `icvec`: every source has vector 1.
const SHARED: u64 = 0x1111;

/// What software remembers.
#[derive(Debug, Default)]
pub struct Software {
    tail: u64,
    fences: u32,
    fault_head: u64,
    scene: Scene,
    /// All interrupts have one vector
    shared_vector: bool,
    messages: Messages,
}

impl Software {
    /// Software that plays with this feature.
    pub fn new(scene: Scene, seed: u64) -> Self {
        Software { scene, shared_vector: scene.has(Scene::Status) && seed % 2 == 1, ..Software::default() }
    }

    /// Sets queues and the device directory up.
    pub fn start(&mut self, bench: &mut Testbench, dice: &mut Dice, ddtp: Ddtp) -> Result<(), Halted> {
        let queue = |base: u64, log2: u8| QueueBase(0).with_ppn(base >> 12).with_log2sz_minus1(log2 - 1).0;
        bench.read_register(offset::CAPABILITIES, 8)?;
        bench.read_register(offset::FCTL, 4)?;
        bench.write_register(offset::CQB, 8, queue(map::COMMANDS, map::COMMANDS_LOG2))?;
        bench.write_register(offset::FQB, 8, queue(map::FAULTS, map::FAULTS_LOG2))?;
        bench.write_register(offset::CQCSR, 4, QUEUE_ON)?;
        bench.write_register(offset::FQCSR, 4, QUEUE_ON)?;
        if self.scene.has(Scene::Ats) {
            PageQueue::start(bench)?;
        }
        let vectors = if self.scene.has(Scene::Ats) { 0x3021 } else { 0x21 };
        bench.write_register(offset::ICVEC, 8, if self.shared_vector { SHARED } else { vectors })?;
        // In some worlds nobody ever learns how many vectors there are, but by the wires.
        if !self.scene.has(Scene::Status) {
            bench.read_register(offset::ICVEC, 8)?;
        }
        if self.scene.has(Scene::Ports) {
            self.write_qos_ids(bench, 0x123)?;
            bench.read_register(offset::IOMMU_QOSID, 4)?;
        }
        if self.scene.has(Scene::Messages) {
            self.messages.start(bench, dice)?;
        }
        if self.scene.has(Scene::Counters) {
            let vectors = if self.scene.has(Scene::Ats) { 0x3321 } else { 0x321 };
            bench.write_register(offset::ICVEC, 8, if self.shared_vector { SHARED } else { vectors })?;
            if !self.scene.has(Scene::Status) {
                bench.read_register(offset::ICVEC, 8)?;
            }
            counters::start(bench, dice)?;
        }
        bench.write_register(offset::DDTP, 8, ddtp.0)?;
        while Ddtp(bench.read_register(offset::DDTP, 8)?).busy() {}
        Ok(())
    }

    fn write_qos_ids(&self, bench: &mut Testbench, rcid: u64) -> Result<(), Halted> {
        bench.write_register(offset::IOMMU_QOSID, 4, rcid | (0xfff - rcid) << 16)
    }

    /// Hands commands to the device.
    pub fn submit(&mut self, bench: &mut Testbench, commands: &[[u64; 2]]) -> Result<(), Halted> {
        for [first, second] in commands {
            let at = map::COMMANDS + self.tail * 16;
            bench.store(Spa(at), *first)?;
            bench.store(Spa(at + 8), *second)?;
            self.tail = (self.tail + 1) % (1 << map::COMMANDS_LOG2);
        }
        bench.write_register(offset::CQT, 4, self.tail)
    }

    /// Commands and a fence, waited for.
    pub fn fence(&mut self, bench: &mut Testbench, dice: &mut Dice, commands: &[Command]) -> Result<(), Halted> {
        self.fences += 1;
        let number = self.fences;
        let addr = map::FENCES + 4 * u64::from(number % 4);
        let fence = Iofence {
            store: Some((Spa(addr), number)),
            wsi: dice.percent(20) && !self.scene.has(Scene::Messages),
            pr: dice.percent(50),
            pw: dice.percent(50),
        };
        let mut words: Vec<_> = commands.iter().map(Command::encode).collect();
        words.push(Command::Fence(fence).encode());
        self.submit(bench, &words)?;
        for load in 0..PATIENCE {
            let word = bench.load(Spa(addr & !7))?;
            if (word >> (8 * (addr & 4))) as u32 == number {
                return Ok(());
            }
            if self.scene.has(Scene::Ats) && load % 64 == 63 {
                self.let_go_on(bench)?;
            }
        }
        Err(Halted)
    }

    /// What belongs to the feature of this world.
    pub fn step(&mut self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        if self.scene.has(Scene::Messages) {
            self.messages.step(bench, dice)?;
            if dice.percent(20) {
                self.blunder(bench, dice)?;
            }
        }
        if self.scene.has(Scene::Status) && dice.percent(12) {
            if dice.percent(50) { self.broken_fence(bench, dice)? } else { self.blunder(bench, dice)? }
        }
        if self.scene.has(Scene::Files) {
            files::step(bench, dice)?;
        }
        if self.scene.has(Scene::Counters) {
            counters::step(bench, dice)?;
        }
        if self.scene.has(Scene::Ports) && dice.percent(8) {
            self.write_qos_ids(bench, dice.below(0x1000))?;
            if dice.percent(70) {
                bench.read_register(offset::IOMMU_QOSID, 4)?;
            }
        }
        Ok(())
    }

    /// Where a device has not completed an invalidation in time, the queue stands still until software says so.
    fn let_go_on(&mut self, bench: &mut Testbench) -> Result<(), Halted> {
        let commands = bench.read_register(offset::CQCSR, 4)?;
        if commands & TIMED_OUT != 0 {
            bench.write_register(offset::CQCSR, 4, QUEUE_ON | TIMED_OUT)?;
        }
        Ok(())
    }

    /// Takes out what the device reported, and now and then leaves it, so that the fault queue fills up.
    pub fn look(&mut self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        let tail = bench.read_register(offset::FQT, 4)?;
        let faults = bench.read_register(offset::FQCSR, 4)?;
        // Room alone does not set a queue going that was full once.
        let patient = self.scene.has(Scene::Status) && dice.percent(50);
        if faults & (MEMORY_FAULT | FULL) != 0 && !patient {
            bench.write_register(offset::FQCSR, 4, faults & (MEMORY_FAULT | FULL) | QUEUE_ON)?;
        }
        if tail != self.fault_head && dice.percent(80) {
            self.fault_head = tail;
            bench.write_register(offset::FQH, 4, tail)?;
        }
        let commands = bench.read_register(offset::CQCSR, 4)?;
        bench.read_register(offset::CQH, 4)?;
        let pending = bench.read_register(offset::IPSR, 4)?;
        if pending != 0 && dice.percent(60) {
            bench.write_register(offset::IPSR, 4, pending)?;
        }
        if commands & (FENCE_DONE | TIMED_OUT) != 0 {
            bench.write_register(offset::CQCSR, 4, QUEUE_ON | commands & (FENCE_DONE | TIMED_OUT))?;
        }
        Ok(())
    }

    /// An illegal command, on which the queue stops; software puts a legal one in its place.
    pub fn blunder(&mut self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        self.fence(bench, dice, &[])?;
        self.submit(bench, &[illegal(dice)])?;
        self.recover(bench, ILLEGAL)
    }

    /// An illegal command right behind others, which the device may abort then. Software sends them again, or forgets to.
    pub fn blunder_behind(
        &mut self,
        bench: &mut Testbench,
        dice: &mut Dice,
        commands: &[Command],
    ) -> Result<(), Halted> {
        let mut words: Vec<_> = commands.iter().map(Command::encode).collect();
        words.push(illegal(dice));
        self.submit(bench, &words)?;
        self.recover(bench, ILLEGAL)?;
        let again = if dice.percent(50) { commands } else { &[] };
        self.fence(bench, dice, again)
    }

    /// A fence that cannot store, on which the queue stops as well.
    fn broken_fence(&mut self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        self.fence(bench, dice, &[])?;
        let fence = Iofence { store: Some((Spa(map::BROKEN), 1)), wsi: false, pr: false, pw: false };
        self.submit(bench, &[Command::Fence(fence).encode()])?;
        self.recover(bench, MEMORY_FAULT)
    }

    /// Waits until the queue has stopped for this reason, puts a legal command in the place of the one it stopped at, and
    /// lets it go on.
    fn recover(&mut self, bench: &mut Testbench, reason: u64) -> Result<(), Halted> {
        for _ in 0..50 {
            let csr = bench.read_register(offset::CQCSR, 4)?;
            if csr & reason != 0 {
                let head = bench.read_register(offset::CQH, 4)?;
                let [first, second] = Command::InvalDdt { device: Some(DeviceId(5)) }.encode();
                bench.store(Spa(map::COMMANDS + head * 16), first)?;
                bench.store(Spa(map::COMMANDS + head * 16 + 8), second)?;
                return bench.write_register(offset::CQCSR, 4, QUEUE_ON | reason);
            }
            bench.wait(20)?;
        }
        Ok(())
    }
}

/// A command that no device knows.
fn illegal(dice: &mut Dice) -> [u64; 2] {
    match dice.below(4) {
        0 => [0x7f, 0],
        // IOTINVAL.VMA, IODIR.INVAL_DDT and IOTINVAL.GVMA with reserved bits
        1 => [1 | 1 << 11, 0],
        2 => [3 | 1 << 7, 0],
        _ => [1 | 1 << 7 | 1 << 32, 0],
    }
}
