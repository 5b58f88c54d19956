// SPDX-License-Identifier: Apache-2.0
//! A device, a driver, and a request that starts when its turn has come.

use boundary::Dut;
use bus::{BusConfig, PortTiming};
use driver::format::Invalidation;
use driver::plan::{Entry, Step};
use driver::{Driver, Halted, Machine, Options, Resources};
use events::{Event, OKAY, Operation, Promise};
use golden::{Capabilities, Iova, ProcessId, Spa, SpecVersion};
use oracle::{Bound, Settings};
use testbench::{Bounds, Config, Kind, Shapes, StreamSpec, Testbench};

use super::rows::{DEVICE, IOVA, PDT, PROCESS, Row, Swept, directory, memory};

/// Software whose calls start the request when its turn has come.
struct Watched<'a> {
    bench: &'a mut Testbench,
    due: Option<u64>,
    process: Option<ProcessId>,
}

impl Watched<'_> {
    fn look(&mut self) {
        if self.due.is_some_and(|due| due <= self.bench.now()) {
            self.due = None;
            assert!(self.bench.start_stream(once(self.process)));
        }
    }
}

/// A stream that gets no further than its first read.
fn once(process: Option<ProcessId>) -> StreamSpec {
    StreamSpec {
        name: "one".into(),
        device: DEVICE,
        process,
        privileged: false,
        instruction: false,
        kind: Kind::Read,
        start: Iova(IOVA),
        bytes: 8,
        outstanding: 1,
        gap: 10_000_000..=10_000_000,
        shapes: Shapes::Doublewords,
        beats: 1..=1,
        ids: 1,
        translated: false,
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

/// What an entry of the table is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Device contexts of 32 bytes
    Base,
    /// Device contexts of 64 bytes, with MSI page tables
    Extended,
    /// Process directories, below device contexts of 32 bytes
    Directory,
}

impl Format {
    pub fn capabilities(self) -> Capabilities {
        let caps = Capabilities(0x10).with_sv39(true).with_sv39x4(true).with_igs(1).with_pas(56);
        match self {
            Format::Base => caps,
            Format::Extended => caps.with_msi_flat(true),
            Format::Directory => caps.with_pd8(true),
        }
    }
}

pub struct Rig {
    bench: Testbench,
    driver: Driver,
    format: Format,
    context: u64,
}

impl Rig {
    pub fn new(dut: Box<dyn Dut>, format: Format) -> Rig {
        let capabilities = format.capabilities();
        let timing = PortTiming { latency: 4..=4, ..PortTiming::default() };
        let version = SpecVersion::default();
        let oracle = Settings::new(capabilities, version, Bound::FREE);
        let bus = BusConfig { mem: timing.clone(), ptw: timing, ..BusConfig::default() };
        let config = Config { capabilities: capabilities.0, bus, bounds: Bounds::default(), oracle: Some(oracle) };
        let mut bench = Testbench::new(config, dut, 1).expect("out of reset");
        memory(|at, value| bench.set_up(at, value));
        let resources = Resources::with_pool(Spa(0x2000_0000)..Spa(0x2800_0000));
        let mut driver = Driver::probe(&mut bench, &resources, Options::default()).expect("probe");
        driver.add_device(&mut bench, "nic", &[DEVICE]).expect("added");
        let context = driver.context_at(DEVICE).expect("its context").0;
        Rig { bench, driver, format, context }
    }

    /// Where the entry of a row lies, and how many of its words there are in memory.
    fn entry<E: Swept>(&self) -> (u64, usize) {
        match (E::process(), self.format) {
            (Some(_), _) => (PDT + 16 * u64::from(PROCESS.0), 2),
            (None, Format::Extended) => (self.context, 8),
            (None, _) => (self.context, 4),
        }
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

    fn put<E: Entry>(&mut self, at: u64, words: usize, entry: E) {
        for word in (0..words).rev() {
            self.bench.store(Spa(at + 8 * word as u64), entry.word(word)).expect("runs");
        }
    }

    /// One reconfiguration, with the request `offset` cycles after the time before it begins. Returns how long it took;
    /// the entries that the request's fetch found, if it was whole, are added to `seen`.
    ///
    /// # Errors
    /// What the request showed that the row does not allow.
    pub fn play<E: Swept>(&mut self, row: &Row<E>, offset: u64, seen: &mut Vec<E>) -> Result<u64, String> {
        const LEAD: u64 = 60;
        let name = row.name;
        let (at, words) = self.entry::<E>();
        self.bench.begin(Operation { name: "set up".into(), promise: Promise::Nothing, reconfiguration: false });
        if E::process().is_some() {
            let context = directory();
            self.put(self.context, 4, context);
        }
        self.put(at, words, row.from);
        self.flush_all();
        self.bench.end(true);
        self.bench.take_events();
        let promise = if row.hitless { Promise::Hitless } else { Promise::Effective };
        let begun = self.bench.now();
        let mut machine = Watched { bench: &mut self.bench, due: Some(begun + offset), process: E::process() };
        machine.wait(LEAD).expect("runs");
        machine.begin(Operation { name: name.into(), promise, reconfiguration: true });
        let flush = Step::Flush(row.from.flush());
        for step in row.steps.iter().chain([&flush]) {
            let list = match step {
                Step::Store { word, value } => {
                    machine.store(Spa(at + 8 * *word as u64), *value).expect("runs");
                    continue;
                }
                Step::Sync => vec![E::sync()],
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
        let (got, found) = self.answer::<E>();
        let wrong = |what: String| Err(format!("{name}, offset {offset}: {what}"));
        if let Some(found) = found {
            if !row.allowed.iter().any(|own| own.seen() == found) {
                return wrong(format!("{found:x?} was fetched, which the plan does not allow"));
            }
            if got != found.meaning() {
                return wrong(format!("{got:?} is not what was fetched, {found:x?}"));
            }
            if !seen.contains(&found) {
                seen.push(found);
            }
        }
        let possible: Vec<Option<u64>> = row.allowed.iter().map(Swept::meaning).collect();
        if !possible.contains(&got) {
            return wrong(format!("{got:?}, and {:?} allows {possible:?}", row.class));
        }
        if row.hitless && got != row.from.meaning() && got != row.to.meaning() {
            return wrong(format!("{got:?} is not hitless"));
        }
        // What comes after the call finds the new entry, whatever was in flight meanwhile.
        assert!(self.bench.start_stream(once(E::process())));
        self.bench.wait(2).expect("runs");
        self.bench.stop_streams(None).expect("an answer");
        let (after, _) = self.answer::<E>();
        self.driver.drain_faults(&mut self.bench).expect("records");
        if after != row.to.meaning() {
            return wrong(format!("afterwards {after:?}, and not {:?}", row.to.meaning()));
        }
        if self.bench.figures().hazards != 0 {
            return wrong("software hazard".into());
        }
        Ok(took)
    }

    /// What the request read, and the entry that it fetched, if it fetched one whole.
    fn answer<E: Swept>(&mut self) -> (Option<u64>, Option<E>) {
        let (at, count) = self.entry::<E>();
        let mut words: Vec<Option<u64>> = vec![None; count];
        let mut answer = None;
        for event in self.bench.take_events() {
            match event {
                Event::PtwReadBeat { addr, data, .. } if (at..at + 8 * count as u64).contains(&addr.0) => {
                    words[(addr.0 - at) as usize / 8] = Some(data);
                }
                Event::DmaDone { resp, data, .. } => answer = Some((resp == OKAY).then(|| data[0])),
                _ => {}
            }
        }
        let found = words.into_iter().collect::<Option<Vec<u64>>>();
        let entry = |words: Vec<u64>| words.iter().enumerate().fold(E::default(), |e, (i, &word)| e.with_word(i, word));
        (answer.expect("an answer"), found.map(|words| entry(words).seen()))
    }
}
