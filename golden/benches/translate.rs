// SPDX-License-Identifier: Apache-2.0
//! How fast the walk is: each bench translates 512 pages a round, from the device directory down, without any cache.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use golden::{
    Access, Config, DdtMode, DeviceId, Fctl, Iommu, Iova, MsiPte0, Outcome, Parameters, ProcessId, Read, Request,
    Update, WordRef, Words, offset, translate,
};

#[expect(dead_code, reason = "the tests of the model use the rest")]
#[path = "../tests/support/mod.rs"]
mod support;
use support::{R, Scheme, U, W, World, X, all_capabilities, leaf};

/// Memory in one piece, without anything that a test wants of it: what is measured is the walk.
struct Flat(Vec<u64>);

impl Words for Flat {
    #[inline]
    fn read(&mut self, word: &WordRef) -> Read {
        match self.0.get((word.addr.0 / 8) as usize) {
            None => Read::AccessFault,
            Some(value) if word.bytes == 8 => Read::Value(*value),
            Some(value) => Read::Value(value >> ((word.addr.0 & 4) * 8) & 0xffff_ffff),
        }
    }

    fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
        Update::AccessFault
    }
}

const PAGES: u64 = 512;
const IOVA: u64 = 0x40_0000_0000 - 0x4000_0000;
const GPA: u64 = 0x8000_0000;
const SPA: u64 = 0x1_0000_0000;

/// A device whose 512 pages are mapped with leaves of this level by each stage that there is.
fn world(first: Option<Scheme>, second: Option<Scheme>, level: u8) -> World {
    let caps = all_capabilities().with_msi_flat(false).with_msi_mrif(false);
    let mut world = World::new(caps, first, second);
    let size = 4096u64 << (9 * level);
    for page in 0..PAGES {
        let at = page * size;
        match (first, second) {
            (Some(_), Some(_)) => {
                world.map_first(IOVA + at, leaf(GPA + at, R | W | X | U), level);
                world.map_second(GPA + at, leaf(SPA + at, R | W | X | U), level);
            }
            (Some(_), None) => drop(world.map_first(IOVA + at, leaf(SPA + at, R | W | X | U), level)),
            (None, Some(_)) => drop(world.map_second(IOVA + at, leaf(SPA + at, R | W | X | U), level)),
            (None, None) => {}
        }
    }
    world
}

fn requests(world: &World, level: u8, process: Option<ProcessId>) -> Vec<Request> {
    let size = 4096u64 << (9 * level);
    (0..PAGES)
        .map(|page| Request {
            process,
            ..Request::untranslated(world.device, Access::Write, Iova(IOVA + page * size + 0x123))
        })
        .collect()
}

fn round<W: Words>(config: &Config, words: &mut W, requests: &[Request], translated: bool) {
    for request in requests {
        let outcome = translate(black_box(config), words, black_box(request));
        assert_eq!(matches!(outcome, Outcome::Translated(_)), translated);
    }
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("translate");
    group.throughput(Throughput::Elements(PAGES));
    let mut run = |name: &str, world: &mut World, requests: &[Request], translated: bool| {
        world.arena.reads = 0;
        round(&world.config, &mut world.arena, &requests[..1], translated);
        let name = format!("{name} ({} words)", world.arena.reads);
        let mut flat = Flat(world.arena.words.clone());
        group.bench_function(name, |b| b.iter(|| round(&world.config, &mut flat, requests, translated)));
    };

    let mut bare = world(None, None, 0);
    bare.config.ddtp = bare.config.ddtp.with_mode(DdtMode::Bare);
    let list = requests(&bare, 0, None);
    run("Bare", &mut bare, &list, true);

    for (name, first, second, level) in [
        ("Sv39 4K", Some(Scheme::SV39), None, 0),
        ("Sv39x4 4K", None, Some(Scheme::SV39X4), 0),
        ("Sv39+Sv39x4 4K", Some(Scheme::SV39), Some(Scheme::SV39X4), 0),
        ("Sv39+Sv39x4 2M", Some(Scheme::SV39), Some(Scheme::SV39X4), 1),
        ("Sv57+Sv57x4 4K", Some(Scheme::SV57), Some(Scheme::SV57X4), 0),
    ] {
        let mut world = world(first, second, level);
        let list = requests(&world, level, None);
        run(name, &mut world, &list, true);
    }

    let mut process = world(Some(Scheme::SV39), Some(Scheme::SV39X4), 0);
    process.add_process(3, 0x12345, 1 | 9 << 12);
    let list = requests(&process, 0, Some(ProcessId(0x12345)));
    run("PD20 Sv39+Sv39x4 4K", &mut process, &list, true);

    let mut refused = world(Some(Scheme::SV39), Some(Scheme::SV39X4), 0);
    let list: Vec<_> =
        requests(&refused, 0, None).into_iter().map(|r| Request { iova: Iova(r.iova.0 + (8 << 20)), ..r }).collect();
    run("page fault", &mut refused, &list, false);

    let mut msi = World::new(all_capabilities(), None, Some(Scheme::SV39X4));
    let table = msi.arena.pages(2);
    for file in 0..PAGES {
        msi.arena.set(table + file * 16, MsiPte0(0).with_v(true).with_m(3).with_ppn(0x12345 + file).0);
    }
    msi.dc.msiptp = golden::Msiptp(0).with_mode(1).with_ppn(table >> 12);
    msi.dc.msi_addr_mask = 0x1ff;
    msi.dc.msi_addr_pattern = IOVA >> 12;
    msi.store_dc();
    let list = requests(&msi, 0, None);
    run("MSI", &mut msi, &list, true);
    group.finish();
}

/// The whole device: the same walk behind registers, with faults into the queue.
fn device(c: &mut Criterion) {
    let mut group = c.benchmark_group("device");
    group.throughput(Throughput::Elements(PAGES));
    let mut world = world(Some(Scheme::SV39), Some(Scheme::SV39X4), 0);
    let list = requests(&world, 0, None);
    let mut parameters = Parameters::new(world.config.caps.with_hpm(false));
    parameters.fctl_reset = Fctl(0);
    let mut iommu = Iommu::new(&parameters);
    iommu.write_register(&mut world.arena, offset::DDTP, 8, world.config.ddtp.0);
    group.bench_function("Sv39+Sv39x4 4K", |b| {
        b.iter(|| {
            for request in &list {
                let outcome = iommu.translate(&mut world.arena, black_box(request));
                assert!(matches!(outcome, Outcome::Translated(_)));
            }
        });
    });
    let stranger = Request::untranslated(DeviceId(6), Access::Read, Iova(0));
    group.bench_function("refused", |b| {
        b.iter(|| {
            for _ in 0..PAGES {
                let outcome = iommu.translate(&mut world.arena, black_box(&stranger));
                assert!(matches!(outcome, Outcome::Fault(_)));
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50).without_plots();
    targets = bench, device
}
criterion_main!(benches);
