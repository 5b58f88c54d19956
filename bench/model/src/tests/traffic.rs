// SPDX-License-Identifier: Apache-2.0
//! Translations without caches, and many at a time.

use events::{Direction, Event};
use golden::{DdtMode, DeviceId, Spa, offset};

use super::rig::*;
use crate::{CacheConfig, ModelConfig};

#[test]
fn bare_passes_through() {
    let mut rig = Rig::new(ModelConfig::plain(1));
    rig.directory(DdtMode::Off);
    rig.directory(DdtMode::Bare);
    let request = Rig::request(DATA_A + SHIFT, Direction::Read, 4);
    let answer = rig.dma(events::DmaRequest { process: None, ..request });
    assert_eq!((answer.resp, answer.data), (0, vec![A; 4]));
}

#[test]
fn off_refuses() {
    let mut rig = Rig::new(ModelConfig::plain(1));
    rig.directory(DdtMode::Off);
    assert_eq!(rig.peek(IOVA), None);
    rig.settle();
    assert_eq!(rig.record(0).head.cause(), 256);
}

#[test]
fn nested_reads_and_writes_land() {
    let mut rig = Rig::new(ModelConfig::plain(2));
    assert_eq!(rig.peek(IOVA), Some(A));
    let answer = rig.dma(Rig::request(IOVA + 0x40, Direction::Write, 4));
    assert_eq!(answer.resp, 0);
    assert_eq!(rig.load(DATA_A + SHIFT + 0x48), 0x1111);
    assert_eq!(rig.peek(IOVA_SUPER + 0x10_0000 + 0x48), Some(0x1111), "the superpage leads there as well");
    assert_eq!(rig.peek(IOVA_MSI), Some(A), "an MSI page table in basic mode");
}

#[test]
fn without_caches_each_request_walks_alike() {
    let mut rig = Rig::new(ModelConfig::plain(3));
    let mut beats = Vec::new();
    for _ in 0..3 {
        let from = rig.log.len();
        assert_eq!(rig.peek(IOVA), Some(A));
        beats.push(rig.walked(from));
    }
    assert!(beats[0] > 20, "{beats:?}");
    assert!(beats.iter().all(|&count| count == beats[0]), "{beats:?}");
}

/// Many transactions with few IDs, some refused: nothing is lost, data fit, and the bus checks the order.
fn storm(caches: CacheConfig, seed: u64) {
    let mut rig = Rig::with_latency(ModelConfig { caches, ..ModelConfig::plain(seed) }, 1..=30);
    rig.write(offset::FQCSR, 4, 0);
    let mut asked = 0;
    for round in 0..60_u64 {
        let (iova, beats) = match round % 4 {
            0 => (IOVA + 8 * round, 3),
            1 => (IOVA_SUPER + 0x10_0000 + 8 * round, 5),
            2 => (0x7000_0000 + round * 8, 2),
            _ => (IOVA + 0x800, 1),
        };
        for direction in [Direction::Read, Direction::Write] {
            let mut request = Rig::request(iova, direction, beats);
            request.id = (round % 3) as u8;
            rig.bus.enqueue(request).expect("a legal request");
            asked += 1;
        }
    }
    rig.settle();
    let (mut done, mut refused) = (0, 0);
    for (_, event) in &rig.log {
        if let Event::DmaDone { resp, data, .. } = event {
            done += 1;
            refused += usize::from(*resp != 0);
            assert!(*resp == 0 || data.iter().all(|&word| word == 0), "{data:x?}");
        }
    }
    assert_eq!((done, refused), (asked, asked / 4));
}

#[test]
fn a_storm_without_caches() {
    storm(CacheConfig::none(), 5);
}

#[test]
fn storms_with_caches() {
    for seed in 0..20 {
        storm(CacheConfig::happy(seed), seed);
        storm(CacheConfig { tagged: true, ..CacheConfig::happy(seed) }, seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut rig = Rig::new(ModelConfig::happy(seed));
        for round in 0..20 {
            rig.bus.enqueue(Rig::request(IOVA + 8 * round, Direction::Read, 1)).expect("a legal request");
        }
        rig.settle();
        (rig.now, rig.log)
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11).1, run(12).1);
}

#[test]
fn an_unknown_device_is_refused_and_others_are_not() {
    let mut rig = Rig::new(ModelConfig::plain(4));
    let stranger = events::DmaRequest { device: DeviceId(6), ..Rig::request(IOVA, Direction::Write, 2) };
    assert_eq!(rig.dma(stranger).resp, 2);
    assert_eq!(rig.peek(IOVA), Some(A));
    rig.settle();
    assert_eq!(rig.record(0).head.cause(), 258);
    assert_eq!(rig.record(0).head.did(), 6);
}

#[test]
fn reset_drops_everything() {
    let mut rig = Rig::new(ModelConfig::plain(4));
    assert_eq!(rig.peek(IOVA), Some(A));
    assert_eq!(rig.read(offset::CAPABILITIES, 8), caps().0);
    let mut outputs = boundary::Outputs::default();
    let inputs = boundary::Inputs { caps: caps().with_sv57(false).0, ..boundary::Inputs::default() };
    boundary::Dut::cycle(&mut rig.model, &inputs, &mut outputs).expect("the model does not stop");
    assert_eq!(outputs, boundary::Outputs::default());
    assert_eq!(rig.read(offset::CAPABILITIES, 8), caps().with_sv57(false).0);
    assert_eq!(rig.read(offset::DDTP, 8), 0);
    assert_eq!(rig.read(offset::CQCSR, 4), 0);
    assert_eq!(rig.bus.memory().read_u64(Spa(DATA_A + SHIFT)), A);
}
