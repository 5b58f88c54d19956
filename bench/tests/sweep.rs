//! One request moved over a reconfiguration, call by call of software: each store and each command of the plan passes
//! over the fetch of the device context, beat by beat.
//!
//! What the device fetched is seen on the bus. It must be a context that the plan allows, and the request must come
//! out as that context says: so a hitless plan refuses nothing and shows nothing but old and new, and another one
//! shows what it predicts and no more.

use std::collections::BTreeSet;
use std::path::Path;

use bench::bus::{BusConfig, Event, OKAY, PortTiming};
use bench::driver::format::{Context, Invalidation, Scheme};
use bench::driver::plan::{Class, Step, flush_after_change, sequenced};
use bench::driver::{Driver, Halted, Machine, Operation, Options, Promise, Resources};
use bench::model::{CacheConfig, Model, ModelConfig};
use bench::oracle::Settings;
use bench::testbench::{Bounds, Config, Kind, StreamSpec, Testbench};
use golden::{Capabilities, Choices, DeviceId, Iova, Spa, SpecVersion};
use hdl::{BuildOptions, Description, Dut, Rtl};

const DEVICE: DeviceId = DeviceId(0x12);
const IOVA: u64 = 0x4000_5000;
const S1A: u64 = 0x100_0000;
const S1B: u64 = 0x110_0000;
const S2A: u64 = 0x120_0000;
const S2B: u64 = 0x121_0000;
const LEAF: u64 = 0xdf;
const SCRATCH: u32 = 0xf_ffff;

/// What a request reads under a context; nothing where it is refused.
fn meaning(context: &Context) -> Option<u64> {
    match (context.valid(), context.has_first_stage(), context.has_second_stage()) {
        (false, ..) => None,
        (_, true, _) if context.first_root() == S1A => Some(4),
        (_, true, _) => Some(5),
        (_, _, true) if context.0[Context::IOHGATP] & 0xfff_ffff == S2A >> 12 => Some(2),
        (_, _, true) => Some(3),
        _ => Some(1),
    }
}

fn transitions() -> Vec<(&'static str, Context, Context, Class)> {
    let id = Context::IDENTITY;
    let s1 = |root, pscid| id.with_first_stage(Scheme::Sv39, root, pscid);
    let s2 = |root, gscid| id.with_second_stage(Scheme::Sv39x4, root, gscid);
    let nested = |root, pscid| s2(S2A, 3).with_first_stage(Scheme::Sv39, root, pscid);
    let (hitless, scratch, hops, gap) = (Class::Hitless, Class::Scratch, Class::Hops, Class::Break);
    vec![
        ("S2 -> blocked", s2(S2A, 3), Context::BLOCKED, hitless),
        ("blocked -> nested", Context::BLOCKED, nested(S1A, 1), hitless),
        ("identity -> S1", id, s1(S1A, 1), hitless),
        ("S1 -> identity", s1(S1A, 1), id, hitless),
        ("identity -> S2", id, s2(S2A, 3), hitless),
        ("S2 -> identity", s2(S2A, 3), id, hitless),
        ("S2 -> nested", s2(S2A, 3), nested(S1A, 1), hitless),
        ("nested -> S2", nested(S1A, 1), s2(S2A, 3), hitless),
        ("S2 -> S2'", s2(S2A, 3), s2(S2B, 4), hitless),
        ("S1 root", s1(S1A, 1), s1(S1B, 1), hitless),
        ("S1 PSCID", s1(S1A, 1), s1(S1A, 2), hitless),
        ("S1a -> S1b", s1(S1A, 1), s1(S1B, 2), scratch),
        ("nested a -> nested b", nested(S1A, 1), nested(S1B, 2), scratch),
        ("S1 -> S2", s1(S1A, 1), s2(S2A, 3), gap),
        ("S2 -> S1", s2(S2A, 3), s1(S1A, 1), gap),
        ("identity -> nested", id, nested(S1A, 1), hops),
        ("nested -> identity", nested(S1A, 1), id, hops),
    ]
}

/// Software whose calls start the request when its turn has come.
struct Watched<'a> {
    bench: &'a mut Testbench,
    due: Option<u64>,
}

impl Watched<'_> {
    fn look(&mut self) {
        if self.due.is_some_and(|due| due <= self.bench.now()) {
            self.due = None;
            assert!(self.bench.start_stream(once()));
        }
    }
}

/// A stream that gets no further than its first read.
fn once() -> StreamSpec {
    StreamSpec {
        name: "one".into(),
        device: DEVICE,
        process: None,
        privileged: false,
        instruction: false,
        kind: Kind::Read,
        start: Iova(IOVA),
        bytes: 8,
        outstanding: 1,
        gap: 10_000_000..=10_000_000,
        beats: 1..=1,
        ids: 1,
    }
}

impl Machine for Watched<'_> {
    fn store(&mut self, addr: Spa, value: u64) -> Result<(), Halted> {
        self.look();
        self.bench.store(addr, value)
    }
    fn load(&mut self, addr: Spa) -> Result<u64, Halted> {
        self.look();
        self.bench.load(addr)
    }
    fn write_register(&mut self, offset: u16, bytes: u8, value: u64) -> Result<(), Halted> {
        self.look();
        self.bench.write_register(offset, bytes, value)
    }
    fn read_register(&mut self, offset: u16, bytes: u8) -> Result<u64, Halted> {
        self.look();
        self.bench.read_register(offset, bytes)
    }
    fn wait(&mut self, cycles: u64) -> Result<(), Halted> {
        for _ in 0..cycles {
            self.look();
            self.bench.wait(1)?;
        }
        Ok(())
    }
    fn now(&self) -> u64 {
        self.bench.now()
    }
    fn begin(&mut self, operation: Operation) {
        self.bench.begin(operation);
    }
    fn end(&mut self, done: bool) {
        self.bench.end(done);
    }
}

struct Rig {
    bench: Testbench,
    driver: Driver,
    dc: u64,
}

impl Rig {
    fn new(dut: Box<dyn Dut>) -> Rig {
        let caps = Capabilities(0x10).with_sv39(true).with_sv39x4(true).with_igs(1).with_pas(56);
        let timing = PortTiming { latency: 4..=4, ..PortTiming::default() };
        let version = SpecVersion::default();
        let oracle = Settings { capabilities: caps, version, choices: Choices::recommended(version) };
        let bus = BusConfig { mem: timing.clone(), ptw: timing, ..BusConfig::default() };
        let config = Config { capabilities: caps.0, bus, bounds: Bounds::default(), oracle: Some(oracle) };
        let mut bench = Testbench::new(config, dut, 1).expect("out of reset");
        let memory = bench.memory_mut();
        let mut put = |at: u64, value: u64| memory.write_u64(Spa(at), value);
        for (word, at) in [(1, IOVA), (2, 0x8000_5000), (3, 0xc000_5000), (4, 0x200_5000), (5, 0x210_5000)] {
            put(at, word);
        }
        for (root, data) in [(S1A, 0x200_5000_u64), (S1B, 0x210_5000)] {
            put(root + 8, (root + 0x1000) >> 2 | 1);
            put(root + 0x1000, (root + 0x2000) >> 2 | 1);
            put(root + 0x2000 + 5 * 8, data >> 2 | LEAF);
        }
        // Gigapages: the lowest one as it is, for the tables of the guest; the next one elsewhere.
        for (root, to) in [(S2A, 0x8000_0000_u64), (S2B, 0xc000_0000)] {
            put(root, LEAF);
            put(root + 8, to >> 2 | LEAF);
        }
        let resources = Resources::with_pool(Spa(0x2000_0000)..Spa(0x2800_0000));
        let mut driver = Driver::probe(&mut bench, &resources, Options::default()).expect("probe");
        driver.add_device(&mut bench, "nic", &[DEVICE]).expect("added");
        let dc = driver.context_at(DEVICE).expect("its context").0;
        Rig { bench, driver, dc }
    }

    fn flush_all(&mut self) {
        let all = [
            Invalidation::Ddt { device: None },
            Invalidation::Vma { gscid: None, pscid: None, addr: None },
            Invalidation::Gvma { gscid: None, addr: None },
        ];
        for one in all {
            self.driver.invalidate(&mut self.bench, one).expect("sent");
        }
        self.driver.fence(&mut self.bench).expect("fence");
    }

    /// One reconfiguration, with the request `offset` cycles after the time before it begins. Returns how long it took
    /// and the context that the request's fetch found, if it was whole.
    fn play(&mut self, name: &str, from: Context, to: Context, offset: u64, seen: &mut BTreeSet<[u64; 4]>) -> u64 {
        const LEAD: u64 = 60;
        let plan = sequenced(from, to, Some(SCRATCH));
        self.bench.begin(Operation { name: "set up".into(), promise: Promise::Nothing, reconfiguration: false });
        for word in [3, 2, 1, 0] {
            self.bench.store(Spa(self.dc + 8 * word), from.0[word as usize]).expect("runs");
        }
        self.flush_all();
        self.bench.end(true);
        self.bench.take_events();
        let hitless = plan.class.hitless() && from.valid() && to.valid();
        let promise = if hitless { Promise::Hitless } else { Promise::Effective };
        let begun = self.bench.now();
        let mut machine = Watched { bench: &mut self.bench, due: Some(begun + offset) };
        machine.wait(LEAD).expect("runs");
        machine.begin(Operation { name: name.into(), promise, reconfiguration: true });
        let flush = Step::Flush(flush_after_change(&from));
        for step in plan.steps.iter().chain([&flush]) {
            let list = match step {
                Step::Store { word, value } => {
                    machine.store(Spa(self.dc + 8 * *word as u64), *value).expect("runs");
                    continue;
                }
                Step::Sync => vec![Invalidation::Ddt { device: Some(DEVICE.0) }],
                Step::Flush(list) => list.clone(),
            };
            for one in list {
                self.driver.invalidate(&mut machine, one).expect("sent");
            }
            self.driver.fence(&mut machine).expect("fence");
        }
        machine.end(true);
        let took = machine.now() - begun;
        while machine.due.is_some() {
            machine.wait(1).expect("runs");
        }
        self.bench.wait(2).expect("runs");
        self.bench.stop_streams(None).expect("an answer");
        let got = self.answer(name, offset, Some((&plan.allowed, seen)));
        let class = plan.class;
        let possible: Vec<Option<u64>> = plan.allowed.iter().map(meaning).collect();
        assert!(possible.contains(&got), "{name}, offset {offset}: {got:?}, and {class:?} allows {possible:?}");
        if hitless {
            assert!(got == meaning(&from) || got == meaning(&to), "{name}, offset {offset}: {got:?} is not hitless");
        }
        // What comes after the call finds the new context, whatever was in flight meanwhile.
        assert!(self.bench.start_stream(once()));
        self.bench.wait(2).expect("runs");
        self.bench.stop_streams(None).expect("an answer");
        assert_eq!(self.answer(name, offset, None), meaning(&to), "{name}, offset {offset}: afterwards");
        self.driver.drain_faults(&mut self.bench).expect("records");
        assert_eq!(self.bench.figures().hazards, 0, "{name}, offset {offset}: software hazard");
        took
    }

    /// What the request read, judged by the context that it fetched.
    fn answer(
        &mut self,
        name: &str,
        offset: u64,
        fetched: Option<(&[Context], &mut BTreeSet<[u64; 4]>)>,
    ) -> Option<u64> {
        let mut words: [Option<u64>; 4] = [None; 4];
        let mut answer = None;
        for event in self.bench.take_events() {
            match event {
                Event::PtwReadBeat { addr, data, .. } if (self.dc..self.dc + 32).contains(&addr.0) => {
                    words[(addr.0 - self.dc) as usize / 8] = Some(data);
                }
                Event::DmaDone { resp, data, .. } => answer = Some((resp == OKAY).then(|| data[0])),
                _ => {}
            }
        }
        let answer = answer.unwrap_or_else(|| panic!("{name}, offset {offset}: no answer"));
        if let (Some((allowed, seen)), [Some(tc), Some(iohgatp), Some(ta), Some(fsc)]) = (fetched, words) {
            let context = Context([tc, iohgatp, ta, fsc, 0, 0, 0, 0]);
            assert!(
                allowed.iter().any(|own| own.masked() == context.masked()),
                "{name}, offset {offset}: {context:x?} was fetched, which the plan does not allow"
            );
            assert_eq!(answer, meaning(&context.masked()), "{name}, offset {offset}: not what was fetched");
            seen.insert([0, 1, 2, 3].map(|word| context.masked().0[word]));
        }
        answer
    }
}

/// All transitions with each `stride`-th offset.
fn sweep(dut: impl Fn() -> Box<dyn Dut>, stride: usize) {
    for (name, from, to, class) in transitions() {
        let plan = sequenced(from, to, Some(SCRATCH));
        assert_eq!(plan.class, class, "{name}");
        let mut rig = Rig::new(dut());
        let mut seen = BTreeSet::new();
        // The first one is late enough to tell how long it takes undisturbed.
        let took = rig.play(name, from, to, 5_000, &mut seen);
        seen.clear();
        for offset in (0..took + 40).step_by(stride) {
            rig.play(name, from, to, offset, &mut seen);
        }
        let wanted: BTreeSet<[u64; 4]> =
            plan.allowed.iter().map(|own| [0, 1, 2, 3].map(|word| own.masked().0[word])).collect();
        assert_eq!(seen, wanted, "{name}: each context of the plan is met, and no other");
    }
}

fn model() -> Box<dyn Dut> {
    Box::new(Model::new(ModelConfig { caches: CacheConfig::large(), ..ModelConfig::plain(1) }))
}

fn on_rtl(stride: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("bench lies in the workspace");
    let description = Description::read(&root.join("hdl/iommu.yaml")).expect("our description");
    let library = Rtl::build(&description, &BuildOptions::new(root.join("target"))).expect("our RTL");
    sweep(|| Box::new(library.instance(1).expect("a device")), stride);
}

#[test]
fn a_sample_of_the_sweep_on_the_model() {
    sweep(model, 7);
}

#[test]
fn a_sample_of_the_sweep_on_the_rtl() {
    on_rtl(11);
}

#[test]
#[ignore = "every cycle: run by `make proof`"]
fn the_sweep_on_the_model() {
    sweep(model, 1);
}

#[test]
#[ignore = "every cycle: run by `make proof`"]
fn the_sweep_on_the_rtl() {
    on_rtl(1);
}
