// SPDX-License-Identifier: Apache-2.0
//! A world: software that changes tables at random under the devices' traffic.

use bus::{AtsTiming, BusConfig, FaultKind, FaultOn, FaultPort, FaultRange, PortTiming};
use driver::{Halted, Machine};
use events::{Burst, Direction, DmaRequest};
use golden::{Command, DdtMode, Ddtp, DeviceId, Gscid, Iotinval, Iova, ProcessId, Spa};
use model::{Model, ModelConfig};
use oracle::{Bound, Lenience, Settings};
use testbench::{Bounds, Config, Kind, RunOutcome, Shapes, StreamSpec, Testbench};

use super::ats::{self, PageQueue};
use super::debug::Requests;
use super::dice::Dice;
use super::requesters::{HOST, REQUESTERS, SECOND_ONLY};
use super::scene::Scene;
use super::slot::{self, Cover, Slot};
use super::software::Software;
use super::tables::Tables;
use super::{map, send};

/// Device, memory, software, and the words that change.
struct World {
    scene: Scene,
    bench: Testbench,
    dice: Dice,
    software: Software,
    pages: PageQueue,
    requests: Requests,
    slots: Vec<Slot>,
    /// The words that change most of the time: where few change, a stale value is soon asked for
    hot: Vec<usize>,
}

/// Plays a world: `steps` times, software changes something. What happens is a function of the arguments alone.
///
/// # Errors
/// [`boundary::Stopped`]: the device stopped itself in reset. The model never does.
pub fn play(model: ModelConfig, seed: u64, steps: u32) -> Result<RunOutcome, boundary::Stopped> {
    play_in(Scene::Plain, model, seed, steps)
}

/// As [`play`], in a world with this feature.
///
/// # Errors
/// See [`play`].
pub fn play_in(scene: Scene, model: ModelConfig, seed: u64, steps: u32) -> Result<RunOutcome, boundary::Stopped> {
    play_on(scene, model, seed, steps, Lenience::default())
}

/// The same, and it goes on behind what the device must not do, as far as `lenience` says.
///
/// # Errors
/// See [`play`].
pub fn play_on(
    scene: Scene,
    model: ModelConfig,
    seed: u64,
    steps: u32,
    lenience: Lenience,
) -> Result<RunOutcome, boundary::Stopped> {
    let capabilities = scene.capabilities();
    let mut dice = Dice::new(seed);
    let most = if dice.percent(70) { 4 + dice.below(30) } else { 40 + dice.below(80) };
    let latency = 1 + dice.below(4) as u32..=most as u32;
    let timing = PortTiming { latency, reorder: dice.percent(70), ..PortTiming::default() };
    let mut mem = timing.clone();
    if scene.has(Scene::Status) && dice.percent(50) {
        // What has been translated waits for its turn.
        mem = PortTiming { stall_percent: 80, outstanding: 1 + dice.index(4), ..mem };
    }
    let mut faults = if dice.percent(40) { vec![broken_memory(scene, &mut dice)] } else { Vec::new() };
    if scene.has(Scene::Ats) && dice.percent(30) {
        faults.push(broken(map::PAGE_REQUESTS + 0x20, FaultKind::SlvErr, FaultOn::Write));
    }
    if scene.has(Scene::Ports) {
        let kind = |dice: &mut Dice| if dice.percent(60) { FaultKind::Poison } else { FaultKind::SlvErr };
        faults.push(broken(map::GUEST_ROOTS[0] + 0x2018 + map::GUEST, kind(&mut dice), FaultOn::Read));
        faults.push(broken(map::GUESTS[0].1 + 0x5048, kind(&mut dice), FaultOn::Read));
        let start = Spa(map::GUEST_DATA + map::GUEST + 0x1000 * dice.below(16));
        faults.push(FaultRange { start, bytes: 0x800, kind: kind(&mut dice), on: FaultOn::Read, port: FaultPort::Mem });
    }
    if scene.has(Scene::Status) {
        faults.push(broken(map::BROKEN, FaultKind::SlvErr, FaultOn::Write));
    }
    let mut ats = if scene.has(Scene::Ats) { ats::timing(&mut dice) } else { AtsTiming::default() };
    if scene.has(Scene::Strays) {
        ats.own = ats::strays(&ats);
    }
    let config = Config {
        capabilities: capabilities.0,
        bus: BusConfig { faults, ptw: timing, mem, ats, ..BusConfig::default() },
        // One walker without caches, shared with messages, is slow, and that is no fault.
        bounds: if scene.has(Scene::Ats) { Bounds { request: 80_000, ..Bounds::default() } } else { Bounds::default() },
        oracle: Some(Settings::new(capabilities, model.version, Bound::FREE)),
    };
    let mut bench = Testbench::new(config, Box::new(Model::new(model)), seed)?;
    bench.go_on(lenience);
    let slots = Tables::build(scene, &mut bench);
    let (software, pages, requests) = (Software::new(scene, seed), PageQueue::default(), Requests::default());
    let mut world = World { scene, bench, dice, software, pages, requests, slots, hot: Vec::new() };
    // Where the machine stands still, the test bench knows why; where a fence never came, it will find out.
    let _ = world.play(steps);
    Ok(world.bench.finish(None))
}

/// A word of a structure that answers with errors.
fn broken(start: u64, kind: FaultKind, on: FaultOn) -> FaultRange {
    FaultRange { start: Spa(start), bytes: 8, kind, on, port: FaultPort::Ptw }
}

/// A range of memory that answers with errors: data, or a word of a table or of the fault queue.
fn broken_memory(scene: Scene, dice: &mut Dice) -> FaultRange {
    let kind = if dice.percent(50) { FaultKind::SlvErr } else { FaultKind::Poison };
    if scene.has(Scene::Updates) && dice.percent(50) {
        // An entry that can be read and not updated, of the first stage or of the second.
        let page = 8 * dice.below(8);
        return match dice.below(2) {
            0 => broken(map::GUEST_ROOTS[0] + 0x2000 + page + map::GUEST, FaultKind::SlvErr, FaultOn::Write),
            _ => broken(map::GUESTS[0].1 + 0x5800 + page, FaultKind::SlvErr, FaultOn::Write),
        };
    }
    if scene.has(Scene::Status) && dice.percent(60) {
        return broken(map::FAULTS + 0x60, FaultKind::SlvErr, FaultOn::Write);
    }
    if scene.has(Scene::Messages) && dice.percent(50) {
        return broken(map::MESSAGES + 0x28, FaultKind::SlvErr, FaultOn::Write);
    }
    if scene.has(Scene::Files) && dice.percent(50) {
        let at = if dice.percent(70) { map::FILES } else { map::NOTICES };
        return broken(at, FaultKind::SlvErr, FaultOn::Write);
    }
    match dice.below(6) {
        0 => broken(map::GUEST_ROOTS[0] + 0x2018 + map::GUEST, kind, FaultOn::Read),
        1 => broken(map::GUESTS[0].1 + 0x5048, kind, FaultOn::Read),
        2 => broken(map::FAULTS + 0x60, FaultKind::SlvErr, FaultOn::Write),
        _ => FaultRange {
            start: Spa(map::GUEST_DATA + map::GUEST + 0x1000 * dice.below(16)),
            bytes: 0x800,
            kind: FaultKind::SlvErr,
            on: FaultOn::Both,
            port: FaultPort::Mem,
        },
    }
}

impl World {
    fn play(&mut self, steps: u32) -> Result<(), Halted> {
        let ddtp = Ddtp(0).with_ppn(map::DIRECTORY >> 12).with_mode(DdtMode::Levels(2));
        self.software.start(&mut self.bench, &mut self.dice, ddtp)?;
        self.start_traffic();
        self.choose_hot();
        for _ in 0..steps {
            self.step()?;
        }
        self.bench.stop_streams(None)?;
        self.requests.look(&mut self.bench, &mut self.dice)?;
        self.software.fence(&mut self.bench, &mut self.dice, &[])?;
        self.software.look(&mut self.bench, &mut self.dice)
    }

    /// Each requester reads and writes pages, and reads superpages: some of them as instructions.
    fn start_traffic(&mut self) {
        for (number, requester) in REQUESTERS.iter().enumerate() {
            let (pages, superpages) = match requester.id {
                SECOND_ONLY => (map::GUEST_DATA, map::GUEST_SUPERPAGES),
                _ => (map::PAGES, map::SUPERPAGE),
            };
            let bytes = match requester.id {
                SECOND_ONLY if self.scene.has(Scene::Ranges) => 0x1_8000,
                _ => 0x8000,
            };
            let shapes = if number % 2 == 0 { Shapes::Doublewords } else { Shapes::Any };
            let streams = [(Kind::Mixed, pages, bytes, false), (Kind::Read, superpages, 0x1f_0000, number % 2 == 0)];
            for (kind, start, bytes, instruction) in streams {
                // There is room for twelve.
                self.bench.start_stream(StreamSpec {
                    name: format!("{number}"),
                    device: DeviceId(requester.id),
                    process: requester.process.map(ProcessId),
                    privileged: requester.privileged,
                    instruction,
                    kind,
                    start: Iova(start),
                    bytes,
                    outstanding: 2,
                    gap: 0..=20,
                    shapes,
                    beats: 1..=4,
                    ids: 2,
                    translated: false,
                });
            }
        }
    }

    /// One word of some kinds, and a few of any.
    fn choose_hot(&mut self) {
        for kind in slot::Kind::ALL {
            if self.dice.percent(50) {
                let those: Vec<usize> = (0..self.slots.len()).filter(|&at| self.slots[at].kind == kind).collect();
                self.hot.extend(those.get(self.dice.index(those.len())));
            }
        }
        for _ in 0..2 {
            self.hot.push(self.dice.index(self.slots.len()));
        }
        if self.scene.has(Scene::Pointers) {
            let is_root =
                |cover: &Cover| matches!(cover, Cover::Second { page, .. } if map::GUEST_ROOTS.contains(&(page << 12)));
            self.hot.extend((0..self.slots.len()).filter(|&at| self.slots[at].covers.iter().any(is_root)));
        }
        if self.scene.has(Scene::Ranges) {
            let leaf = |at: &usize| self.slots[*at].kind == slot::Kind::SecondLeaf;
            let those: Vec<usize> = (0..self.slots.len()).filter(leaf).collect();
            for _ in 0..4 {
                self.hot.push(those[self.dice.index(those.len())]);
            }
        }
    }

    fn choose(&mut self) -> usize {
        if self.dice.percent(80) {
            self.hot[self.dice.index(self.hot.len())]
        } else {
            self.dice.index(self.slots.len())
        }
    }

    /// Software changes one word or two, and invalidates.
    fn step(&mut self) -> Result<(), Halted> {
        let mut commands = Vec::new();
        for _ in 0..if self.dice.percent(30) { 2 } else { 1 } {
            let at = self.choose();
            let slot = &self.slots[at];
            let value = if self.dice.percent(40) { 0 } else { self.dice.index(slot.values.len()) };
            let before = self.bench.memory().read_u64(Spa(slot.addr));
            self.bench.store(Spa(slot.addr), slot.values[value])?;
            if before & 1 == 0 && self.dice.percent(60) {
                // An entry with V = 0 is not cached: software owes no invalidation when it sets V.
                continue;
            }
            commands.extend(slot.covers.iter().map(|cover| cover.command(&mut self.dice)));
        }
        if self.scene.has(Scene::Ats) {
            self.messages()?;
            commands.extend(ats::commands(&mut self.dice));
        }
        if self.scene.has(Scene::Debug) {
            self.requests.step(&mut self.bench, &mut self.dice)?;
        }
        match self.dice.below(10) {
            0..=5 => self.software.fence(&mut self.bench, &mut self.dice, &commands)?,
            6 if self.scene.has(Scene::Status) && self.dice.percent(50) => {
                self.software.blunder_behind(&mut self.bench, &mut self.dice, &commands)?;
            }
            6 => {
                let words: Vec<_> = commands.iter().map(Command::encode).collect();
                self.software.submit(&mut self.bench, &words)?;
            }
            7 => {
                self.bench.wait(self.dice.below(400))?;
                self.software.fence(&mut self.bench, &mut self.dice, &commands)?;
            }
            // Software that forgets: everything stale stays permitted.
            _ => {}
        }
        if self.scene.has(Scene::Pointers) && self.dice.percent(50) {
            // A pointer that a context holds translated goes with the context, by an IODIR behind a complete GVMA; what
            // was found behind the pointer goes by its tags.
            let guest = Iotinval { gscid: Some(Gscid(map::GUESTS[0].0)), ..Iotinval::default() };
            let commands = [Command::InvalDdt { device: None }, Command::InvalVma(guest)];
            self.software.fence(&mut self.bench, &mut self.dice, &commands)?;
        }
        self.bench.wait(self.dice.below(300))?;
        if self.dice.percent(40) {
            self.software.look(&mut self.bench, &mut self.dice)?;
        }
        self.software.step(&mut self.bench, &mut self.dice)?;
        if self.dice.percent(3) {
            self.software.blunder(&mut self.bench, &mut self.dice)?;
        }
        if self.dice.percent(10) { self.partial_write() } else { Ok(()) }
    }

    /// Devices ask for translations and pages, and use what they have.
    fn messages(&mut self) -> Result<(), Halted> {
        ats::ask(&mut self.bench, &mut self.dice);
        for _ in 0..self.dice.below(4) {
            ats::use_translation(&mut self.bench, &mut self.dice)?;
        }
        if self.dice.percent(40) { self.pages.look(&mut self.bench, &mut self.dice) } else { Ok(()) }
    }

    /// A write of one byte and four, which software waits for.
    fn partial_write(&mut self) -> Result<(), Halted> {
        let iova = Iova(map::PAGES + 0x10 + 0x1000 * self.dice.below(8));
        let data = vec![(0x0102_0304_0506_0708, 1 << self.dice.below(8)), (0x1111, 0x0f)];
        let plain = DmaRequest::new(Direction::Write, DeviceId(HOST), iova, Burst::incr(2));
        send(&mut self.bench, DmaRequest { id: 1, data, ..plain })
    }
}
