// SPDX-License-Identifier: Apache-2.0
//! Two IOMMUs side by side, as in a machine with one for each I/O bridge: two devices under test with memories of their
//! own, two drivers of one kernel, and a device behind each. What one can do, has allocated and has in its books says
//! nothing about the other; their traffic interleaves call by call.

use bus::BusConfig;
use driver::format::{Prot, Scheme, Stage};
use driver::{
    ApiError, Device, Domain, Driver, Errno, HwptRequest, Ledger, Machine, Mapping, Options, Resources, Target,
};
use events::{Burst, Direction, DmaRequest, OKAY};
use golden::{Capabilities, DeviceId, Iova, Spa, SpecVersion};
use model::{CacheConfig, Model, ModelConfig};
use oracle::{Bound, Settings};
use testbench::{Bounds, Config, Kind, Shapes, StreamSpec, Testbench};

/// The same ID behind both: nothing may be kept by device ID alone.
const NIC: DeviceId = DeviceId(0x12);
const IOVA: u64 = 0x1000_0000;
const PAGES: u64 = 16;

struct Side {
    bench: Testbench,
    driver: Driver,
    nic: Device,
    domains: Vec<Domain>,
    /// Where its memory lies
    ram: u64,
}

impl Side {
    fn new(capabilities: Capabilities, ram: u64, seed: u64) -> Side {
        let version = SpecVersion::default();
        let config = Config {
            capabilities: capabilities.0,
            bus: BusConfig::default(),
            bounds: Bounds::default(),
            oracle: Some(Settings::new(capabilities, version, Bound::FREE)),
        };
        let model = ModelConfig { caches: CacheConfig::large(), ..ModelConfig::plain(seed) };
        let mut bench = Testbench::new(config, Box::new(Model::new(model)), seed).expect("out of reset");
        for word in 0..PAGES * 512 {
            bench.set_up(Spa(ram + 8 * word), ram + 8 * word);
        }
        let resources = Resources::with_pool(Spa(0x8000_0000)..Spa(0x8100_0000));
        let mut driver = Driver::probe(&mut bench, &resources, Options::default()).expect("probe");
        let nic = driver.add_device(&mut bench, "nic", &[NIC]).expect("added");
        Side { bench, driver, nic, domains: Vec::new(), ram }
    }

    fn domain(&mut self, request: &HwptRequest) -> Result<Domain, ApiError> {
        let domain = self.driver.hwpt_alloc(&mut self.bench, request)?;
        let bytes = PAGES << 12;
        let mapping = Mapping { iova: IOVA, output: self.ram, bytes, prot: Prot::RW, page: None };
        self.driver.map(&mut self.bench, domain, mapping)?;
        self.domains.push(domain);
        Ok(domain)
    }

    fn stream(&mut self) {
        let spec = StreamSpec {
            name: "all".into(),
            device: NIC,
            process: None,
            privileged: false,
            instruction: false,
            kind: Kind::Mixed,
            start: Iova(IOVA),
            bytes: PAGES << 12,
            outstanding: 4,
            gap: 0..=8,
            shapes: Shapes::Doublewords,
            beats: 1..=8,
            ids: 4,
            translated: false,
        };
        assert!(self.bench.start_stream(spec));
    }

    /// What a read returns; nothing where it is refused.
    fn read(&mut self, iova: u64) -> Option<u64> {
        let request = DmaRequest::new(Direction::Read, NIC, Iova(iova), Burst::incr(1));
        let answer = self.bench.dma(request, None).expect("an answer");
        (answer.resp == OKAY).then(|| answer.data[0])
    }

    fn context(&mut self) -> [u64; 8] {
        self.driver.read_context(&mut self.bench, NIC).expect("its context").0
    }

    /// Gives everything back; the machine must come to rest, and nothing be left.
    fn finish(mut self) {
        if self.driver.target(self.nic).expect("known").is_some() {
            self.driver.detach(&mut self.bench, self.nic).expect("detached");
        }
        for domain in std::mem::take(&mut self.domains).into_iter().rev() {
            self.driver.hwpt_free(&mut self.bench, domain).expect("freed");
        }
        self.driver.remove_device(self.nic).expect("removed");
        assert_eq!(self.driver.shutdown(&mut self.bench), Ok(Ledger::default()));
        let outcome = self.bench.finish(None);
        assert!(outcome.violation.is_none() && outcome.figures.hazards == 0, "{outcome:?}");
        assert!(outcome.figures.translations_compared > 0, "a run that compared nothing");
    }
}

fn base() -> Capabilities {
    Capabilities(0x10).with_igs(1).with_pas(56).with_sv39(true).with_sv39x4(true)
}

fn pair() -> [Side; 2] {
    let large = base().with_sv48(true).with_sv57(true).with_sv48x4(true).with_sv57x4(true).with_msi_flat(true);
    [Side::new(large, 0xa000_0000, 1), Side::new(base(), 0xb000_0000, 2)]
}

#[test]
fn each_goes_by_its_own_capabilities() {
    let [mut large, mut small] = pair();
    for (side, scheme, words) in [(&mut large, Scheme::Sv57x4, 64), (&mut small, Scheme::Sv39x4, 32)] {
        let parent = side.domain(&HwptRequest::nest_parent("host")).expect("largest scheme of its own");
        side.driver.attach(&mut side.bench, side.nic, Target::Domain(parent)).expect("attached");
        assert_eq!(Scheme::from_mode(Stage::Second, side.context()[1] >> 60), Some(scheme));
        assert_eq!(side.driver.hw_info(&mut side.bench).expect("info").context_bytes, words);
        assert_eq!(side.read(IOVA + 0x1000), Some(side.ram + 0x1000));
    }
    let wide = HwptRequest::paging("wide").scheme(Scheme::Sv48);
    large.domain(&wide).expect("it has Sv48");
    let error = small.domain(&wide).expect_err("it has no Sv48, whatever the other one has");
    assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP));
    large.finish();
    small.finish();
}

#[test]
fn objects_of_one_are_unknown_to_the_other() {
    let [mut one, mut two] = pair();
    let first = one.domain(&HwptRequest::paging("first")).expect("made");
    let second = one.domain(&HwptRequest::paging("second")).expect("made");
    // A handle of the first IOMMU names nothing behind the second one, which has fewer objects.
    let books = two.driver.books();
    let error = two.driver.attach(&mut two.bench, two.nic, Target::Domain(second)).expect_err("not its own");
    assert_eq!(error.errno(), Some(Errno::ENOENT));
    assert_eq!(books.difference(&two.driver.books()), None);
    // Tags are counted by each for itself: the same PSCID in both, with another meaning.
    let own = two.domain(&HwptRequest::paging("own")).expect("made");
    assert_eq!(one.driver.tags(first), two.driver.tags(own));
    for (side, domain) in [(&mut one, first), (&mut two, own)] {
        side.driver.attach(&mut side.bench, side.nic, Target::Domain(domain)).expect("attached");
        assert_eq!(side.read(IOVA), Some(side.ram));
    }
    one.finish();
    two.finish();
}

#[test]
fn one_is_reconfigured_and_torn_down_while_the_other_streams() {
    let [mut one, mut two] = pair();
    for side in [&mut one, &mut two] {
        let a = side.domain(&HwptRequest::nest_parent("a")).expect("made");
        side.domain(&HwptRequest::nest_parent("b")).expect("made");
        side.driver.attach(&mut side.bench, side.nic, Target::Domain(a)).expect("attached");
        side.stream();
    }
    let before = two.driver.commands_sent();
    let context = two.context();
    for round in 0..10 {
        let target = one.domains[1 - round % 2];
        one.driver.replace(&mut one.bench, one.nic, Target::Domain(target)).expect("replaced");
        two.bench.wait(200).expect("runs");
    }
    // An unmap under traffic: refused behind the first one, untouched behind the second.
    one.bench.stop_streams(None).expect("stopped");
    let target = one.domains[0];
    one.driver.unmap(&mut one.bench, target, IOVA, PAGES << 12).expect("unmapped");
    assert_eq!(one.read(IOVA), None);
    assert_eq!(two.driver.commands_sent(), before, "no command of one goes into the queue of the other");
    assert_eq!(two.context(), context);
    one.finish();
    two.bench.wait(500).expect("runs");
    two.bench.stop_streams(None).expect("stopped");
    // The stream wrote here too: what counts is that the page is there.
    assert!(two.read(IOVA).is_some());
    let figures = two.bench.figures();
    assert!(figures.device_faults == 0 && figures.dma_transactions > 100, "{figures:?}");
    two.finish();
}

#[test]
fn memory_that_runs_out_behind_one_is_there_behind_the_other() {
    let [mut one, mut two] = pair();
    one.driver.fail_allocation(Some(1));
    let error = one.domain(&HwptRequest::paging("x")).expect_err("out of memory");
    assert_eq!(error.errno(), Some(Errno::ENOMEM));
    let own = two.domain(&HwptRequest::paging("x")).expect("it has a ledger of its own");
    two.driver.attach(&mut two.bench, two.nic, Target::Domain(own)).expect("attached");
    assert_eq!(two.read(IOVA + 0x2000), Some(two.ram + 0x2000));
    // The first one compares, too: a refused access.
    assert_eq!(one.read(IOVA), None);
    one.finish();
    two.finish();
}
