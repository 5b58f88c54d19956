// SPDX-License-Identifier: Apache-2.0
//! The fault queue.

use bus::{FaultKind, FaultOn, FaultPort, FaultRange};
use events::Direction;
use golden::{Fqcsr, Spa, offset};

use super::rig::*;
use crate::ModelConfig;

const UNMAPPED: u64 = 0x7000_0123;

#[test]
fn a_refused_request_leaves_a_record_and_an_interrupt() {
    let mut rig = Rig::new(ModelConfig::plain(1));
    let answer = rig.dma(Rig::request(UNMAPPED & !7, Direction::Write, 2));
    assert_eq!(answer.resp, 2);
    rig.settle();
    let record = rig.record(0);
    assert_eq!(record.head.cause(), 15);
    assert_eq!((record.iotval, record.iotval2), (UNMAPPED & !7, 0));
    assert_eq!((record.head.ttyp(), record.head.did(), record.head.pid()), (3, DEVICE.0, PROCESS.0));
    assert_eq!(rig.read(offset::FQT, 4), 1);
    assert_eq!(rig.read(offset::IPSR, 4), 2);
    let wires = |rig: &Rig| {
        rig.log.iter().rev().find_map(|(_, event)| match event {
            events::Event::Wires { wsi } => Some(*wsi),
            _ => None,
        })
    };
    assert_eq!(wires(&rig), Some(1 << 2), "fiv is 2");
    rig.write(offset::IPSR, 4, 2);
    rig.cycles(4);
    assert_eq!(wires(&rig), Some(0));
}

#[test]
fn a_full_queue_overflows_until_software_clears_it() {
    let mut rig = Rig::new(ModelConfig::plain(2));
    for _ in 0..9 {
        assert_eq!(rig.peek(UNMAPPED & !7), None);
    }
    rig.settle();
    assert_eq!(rig.read(offset::FQT, 4), 7, "eight entries hold seven records");
    assert!(Fqcsr(rig.read(offset::FQCSR, 4) as u32).fqof());
    rig.write(offset::FQH, 4, 7);
    assert_eq!(rig.peek(UNMAPPED & !7), None);
    rig.settle();
    assert_eq!(rig.read(offset::FQT, 4), 7, "discarded while fqof is set");
    rig.write(offset::FQCSR, 4, u64::from(Fqcsr(0).with_fqen(true).with_fqof(true).0));
    assert_eq!(rig.peek(UNMAPPED & !7), None);
    rig.settle();
    assert_eq!(rig.read(offset::FQT, 4), 0, "wrapped");
}

#[test]
fn a_record_that_memory_refuses_stops_the_queue() {
    let mut rig = Rig::new(ModelConfig::plain(3));
    rig.bus.add_fault(FaultRange {
        start: Spa(FQ),
        bytes: 32,
        kind: FaultKind::SlvErr,
        on: FaultOn::Write,
        port: FaultPort::Ptw,
    });
    assert_eq!(rig.peek(UNMAPPED & !7), None);
    rig.settle();
    assert_eq!(rig.read(offset::FQT, 4), 0);
    assert!(Fqcsr(rig.read(offset::FQCSR, 4) as u32).fqmf());
}

#[test]
fn a_walk_that_memory_refuses_is_an_access_fault() {
    let mut rig = Rig::new(ModelConfig::plain(4));
    rig.bus.add_fault(FaultRange {
        start: Spa(S1_L0 + SHIFT),
        bytes: 4096,
        kind: FaultKind::DecErr,
        on: FaultOn::Read,
        port: FaultPort::Ptw,
    });
    assert_eq!(rig.peek(IOVA), None);
    rig.settle();
    assert_eq!(rig.record(0).head.cause(), 5);
}

#[test]
fn a_guest_page_fault_shows_the_guest_address() {
    let mut rig = Rig::new(ModelConfig::plain(5));
    rig.store(S2_L0 + ((S1_L0 - 0x20_0000) >> 12) * 8, 0);
    assert_eq!(rig.peek(IOVA), None);
    rig.settle();
    let record = rig.record(0);
    assert_eq!(record.head.cause(), 21);
    assert_eq!(record.iotval2, (S1_L0 + 5 * 8) | 1, "an implicit access");
}
