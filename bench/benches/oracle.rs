//! What judging costs: one scenario on our RTL with the oracle, and with device, bus and software alone.
//!
//! The ratio counts, and both are measured in one run; the design allows 1.15.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use bench::runner::{Manner, play};
use bench::scenario::{self, Scenario};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hdl::{BuildOptions, Description, Library, Rtl};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Traffic that is reconfigured fifty times without a fault, and traffic with nothing but faults.
const SCENARIOS: [&str; 3] = ["nested/s2-to-nested", "translate/wide-addresses", "faults/page-tables"];

fn rtl() -> Library {
    let description = Description::read(&root().join("hdl/iommu.yaml")).expect("the description of our RTL");
    Rtl::build(&description, &BuildOptions::new(root().join("target"))).expect("our RTL builds")
}

/// A scenario in its first variant, and its text.
fn load(name: &str) -> (Scenario, String) {
    let path = root().join("scenarios").join(name).with_extension("yaml");
    let text = std::fs::read_to_string(&path).expect("a scenario");
    let scenario = scenario::parse(name, &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let first = scenario.variants().swap_remove(0);
    (scenario.with(&first).unwrap_or_else(|problem| panic!("{}", problem.message)), text)
}

fn oracle(criterion: &mut Criterion) {
    let library = rtl();
    for name in SCENARIOS {
        let (scenario, text) = load(name);
        let cycles = |unjudged: bool| {
            let dut = library.instance(1).expect("an instance");
            let manner = Manner { seed: 1, unjudged, ..Manner::default() };
            play(&scenario, &text, Box::new(dut), manner).expect("it runs").figures.cycles
        };
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).sample_size(20).throughput(Throughput::Elements(cycles(false)));
        group.bench_function("with the oracle", |bencher| bencher.iter(|| black_box(cycles(false))));
        group.bench_function("without", |bencher| bencher.iter(|| black_box(cycles(true))));
        group.finish();
    }
}

criterion_group!(benches, oracle);
criterion_main!(benches);
