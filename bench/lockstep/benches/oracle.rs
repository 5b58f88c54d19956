// SPDX-License-Identifier: Apache-2.0
//! What judging costs: one scenario on our RTL with the oracle, and with device, bus and software alone.
//!
//! The ratio counts; the design allows 1.15. How many cycles a second that is comes after it.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hdl::{BuildOptions, Description, Library, Rtl};
use lockstep::runner::{RunOptions, play};
use scenario::Scenario;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Traffic that is reconfigured fifty times without a fault, and traffic with nothing but faults.
const SCENARIOS: [&str; 3] = ["nested/s2-to-nested", "translate/wide-addresses", "faults/page-tables"];

fn rtl() -> Library {
    let description = Description::read(&root().join("hdl/iommu.yaml")).expect("the description of our RTL");
    Rtl::build(&description, &BuildOptions::new(root().join("target"))).expect("our RTL builds")
}

fn load(name: &str) -> Bout {
    let path = root().join("scenarios").join(name).with_extension("yaml");
    let text = std::fs::read_to_string(&path).expect("a scenario");
    let scenario = scenario::parse(name, &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let first = scenario.variants().swap_remove(0);
    let scenario = scenario.with(&first).unwrap_or_else(|problem| panic!("{}", problem.message));
    Bout { scenario, text }
}

/// A scenario in its first variant, played with and without the oracle.
struct Bout {
    scenario: Scenario,
    text: String,
}

impl Bout {
    /// Plays it; how many cycles it takes.
    fn play(&self, library: &Library, unjudged: bool) -> u64 {
        let dut = library.instance(1).expect("an instance");
        let options = RunOptions { seed: 1, unjudged, ..RunOptions::default() };
        play(&self.scenario, &self.text, Box::new(dut), options).expect("it runs").figures.cycles
    }

    fn time(&self, library: &Library, unjudged: bool) -> f64 {
        let start = Instant::now();
        black_box(self.play(library, unjudged));
        start.elapsed().as_secs_f64()
    }
}

/// How often the time without the oracle the time with it is. The two take turns, so that whatever else the machine does
/// meets both alike; measured one after the other, they tell more of the machine than of the oracle.
struct Ratio;

impl Measurement for Ratio {
    type Intermediate = ();
    type Value = f64;

    fn start(&self) {}

    fn end(&self, (): ()) -> f64 {
        unreachable!("a ratio is measured by iter_custom alone")
    }

    fn add(&self, one: &f64, two: &f64) -> f64 {
        one + two
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Ratio {
    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "times"
    }

    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        "times"
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "times"
    }
}

fn cost(criterion: &mut Criterion<Ratio>) {
    let library = rtl();
    let mut group = criterion.benchmark_group("with the oracle, against without");
    group.sampling_mode(SamplingMode::Flat).sample_size(40).measurement_time(Duration::from_secs(40));
    for name in SCENARIOS {
        let bout = load(name);
        let mut first = false;
        let mut ratio = |turns: u64| {
            let (mut with, mut without) = (0.0, 0.0);
            for _ in 0..turns {
                // Neither is always the first.
                first = !first;
                for unjudged in [first, !first] {
                    *(if unjudged { &mut without } else { &mut with }) += bout.time(&library, unjudged);
                }
            }
            turns as f64 * with / without
        };
        group.bench_function(name, |bencher| bencher.iter_custom(&mut ratio));
    }
    group.finish();
}

fn speed(criterion: &mut Criterion) {
    let library = rtl();
    let mut group = criterion.benchmark_group("cycles with the oracle");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    for name in SCENARIOS {
        let bout = load(name);
        group.throughput(Throughput::Elements(bout.play(&library, false)));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(bout.play(&library, false))));
    }
    group.finish();
}

criterion_group! { name = costs; config = Criterion::default().with_measurement(Ratio); targets = cost }
criterion_group!(speeds, speed);
criterion_main!(costs, speeds);
