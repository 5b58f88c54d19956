// SPDX-License-Identifier: Apache-2.0
//! The command queue.

use bus::{FaultKind, FaultOn, FaultPort, FaultRange};
use events::{Direction, Event};
use golden::{Command, Cqcsr, Iofence, Spa, offset};

use super::rig::*;
use crate::{CacheConfig, ModelConfig};

fn csr(rig: &mut Rig) -> Cqcsr {
    Cqcsr(rig.read(offset::CQCSR, 4) as u32)
}

#[test]
fn a_fence_stores_four_bytes_and_interrupts() {
    let mut rig = Rig::new(ModelConfig::plain(1));
    rig.store(DONE & !7, 0x1234_5678_9abc_def0);
    let fence = Iofence { store: Some((Spa(DONE & !7), 0xcafe)), wsi: true, pr: true, pw: true };
    rig.submit(&[Command::Fence(fence).encode()]);
    rig.settle();
    assert_eq!(rig.load(DONE & !7), 0x1234_5678_0000_cafe);
    assert_eq!(rig.read(offset::CQH, 4), 1);
    assert!(csr(&mut rig).fence_w_ip());
    assert_eq!(rig.read(offset::IPSR, 4), 1);
    rig.write(offset::CQCSR, 4, u64::from(Cqcsr(3).with_fence_w_ip(true).0));
    rig.write(offset::IPSR, 4, 1);
    assert_eq!(rig.read(offset::IPSR, 4), 0);
}

#[test]
fn the_queue_wraps() {
    for caches in [CacheConfig::none(), CacheConfig { command_burst: 4, eager_percent: 20, ..CacheConfig::none() }] {
        let mut rig = Rig::new(ModelConfig { caches, ..ModelConfig::plain(2) });
        for _ in 0..20 {
            rig.commands(&[Command::InvalDdt { device: None }; 6]);
        }
        rig.settle();
        assert_eq!(rig.read(offset::CQH, 4), 140 % 64);
    }
}

#[test]
fn an_illegal_command_stops_the_queue_at_itself() {
    for burst in 1..=4 {
        let caches = CacheConfig { command_burst: burst, ..CacheConfig::none() };
        let mut rig = Rig::new(ModelConfig { caches, ..ModelConfig::plain(3) });
        let fence = Iofence { store: Some((Spa(DONE & !7), 1)), ..Iofence::default() };
        let legal = Command::InvalDdt { device: None }.encode();
        rig.submit(&[legal, [0x7f, 0], Command::Fence(fence).encode()]);
        rig.settle();
        assert!(csr(&mut rig).cmd_ill());
        assert_eq!(rig.read(offset::CQH, 4), 1);
        assert_eq!(rig.load(DONE & !7), 0);
        // Software repairs the command in place.
        rig.store(CQ + 16, legal[0]);
        rig.store(CQ + 24, legal[1]);
        rig.write(offset::CQCSR, 4, u64::from(Cqcsr(3).with_cmd_ill(true).0));
        rig.settle();
        assert_eq!(rig.load(DONE & !7), 1);
        assert_eq!(rig.read(offset::CQH, 4), 3);
    }
}

#[test]
fn a_command_that_memory_refuses_stops_the_queue() {
    let mut rig = Rig::new(ModelConfig::plain(4));
    rig.bus.add_fault(FaultRange {
        start: Spa(CQ + 16),
        bytes: 16,
        kind: FaultKind::SlvErr,
        on: FaultOn::Read,
        port: FaultPort::Ptw,
    });
    let legal = Command::InvalDdt { device: None }.encode();
    rig.submit(&[legal, legal]);
    rig.settle();
    assert!(csr(&mut rig).cqmf());
    assert_eq!(rig.read(offset::CQH, 4), 1);
    rig.bus.clear_faults();
    rig.write(offset::CQCSR, 4, u64::from(Cqcsr(3).with_cqmf(true).0));
    rig.settle();
    assert_eq!(rig.read(offset::CQH, 4), 2);
}

#[test]
fn a_fence_that_memory_refuses_is_not_complete() {
    let mut rig = Rig::new(ModelConfig::plain(5));
    rig.bus.add_fault(FaultRange {
        start: Spa(DONE & !7),
        bytes: 8,
        kind: FaultKind::SlvErr,
        on: FaultOn::Write,
        port: FaultPort::Ptw,
    });
    let fence = Iofence { store: Some((Spa(DONE), 9)), ..Iofence::default() };
    rig.submit(&[Command::Fence(fence).encode()]);
    rig.settle();
    assert!(csr(&mut rig).cqmf());
    assert_eq!(rig.read(offset::CQH, 4), 0);
    rig.bus.clear_faults();
    rig.write(offset::CQCSR, 4, u64::from(Cqcsr(3).with_cqmf(true).0));
    rig.settle();
    assert_eq!(rig.load(DONE) >> 32, 9);
}

#[test]
fn a_fence_with_pw_waits_for_writes_at_memory() {
    for (caches, seed) in [(CacheConfig::none(), 1), (CacheConfig { strict_fence: false, ..CacheConfig::none() }, 2)] {
        let mut rig = Rig::with_latency(ModelConfig { caches, ..ModelConfig::plain(seed) }, 1..=8);
        rig.bus.mem_timing_mut().latency = 900..=900;
        rig.bus.enqueue(Rig::request(IOVA, Direction::Write, 4)).expect("a legal request");
        rig.until("address", |rig| rig.log.iter().any(|(_, event)| matches!(event, Event::MemAddress { .. })));
        let fence = Iofence { store: Some((Spa(DONE), 1)), pw: true, ..Iofence::default() };
        rig.submit(&[Command::Fence(fence).encode()]);
        rig.settle();
        let when = |wanted: fn(&Event) -> bool| rig.log.iter().find(|(_, event)| wanted(event)).expect("seen").0;
        let answered = when(|event| matches!(event, Event::MemWriteResponse { .. }));
        assert!(when(|event| matches!(event, Event::PtwWrite { .. })) > answered);
    }
}

#[test]
fn the_queue_can_be_switched_off_and_on() {
    let mut rig = Rig::new(ModelConfig::plain(7));
    rig.commands(&[Command::InvalDdt { device: None }]);
    rig.write(offset::CQCSR, 4, 0);
    rig.settle();
    assert_eq!(csr(&mut rig).0, 0);
    rig.write(offset::CQT, 4, 0);
    rig.write(offset::CQCSR, 4, 1);
    rig.settle();
    assert!(csr(&mut rig).cqon());
    assert_eq!(rig.read(offset::CQH, 4), 0);
}
