// SPDX-License-Identifier: Apache-2.0
//! Memory and burst arithmetic against slow and obvious versions of themselves.

use std::collections::{BTreeMap, BTreeSet};

use events::{Burst, FIXED, INCR, WRAP};
use golden::{DeviceId, ProcessId, Spa};
use proptest::prelude::*;

use crate::{Fill, IllegalRequest, Memory, Rule};
use crate::{check_request, check_shape};

#[derive(Clone, Debug)]
enum Access {
    Word(u64, u64, u8),
    Bytes(u64, Vec<u8>),
}

/// Addresses that collide often, around page ends, low and at the top of the address space.
fn addr() -> impl Strategy<Value = u64> {
    prop_oneof![0x0ff0_u64..0x1010, 0x00ff_ffff_ffff_f000_u64..0x0100_0000_0000_0000, u64::MAX - 16..=u64::MAX]
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![
        (addr(), any::<u64>(), any::<u8>()).prop_map(|(addr, value, strobes)| Access::Word(addr, value, strobes)),
        (addr(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(addr, bytes)| Access::Bytes(addr, bytes)),
    ]
}

proptest! {
    #[test]
    fn memory_is_a_map_of_bytes(accesses in prop::collection::vec(access(), 1..60), seed in any::<u64>()) {
        for fill in [Fill::Zero, Fill::Seeded(seed)] {
            let empty = Memory::new(fill);
            let mut memory = Memory::new(fill);
            let mut bytes: BTreeMap<u64, u8> = BTreeMap::new();
            for access in &accesses {
                match access {
                    Access::Word(addr, value, strobes) => {
                        let before = memory.read_u64(Spa(*addr));
                        let (old, new) = memory.write_masked(Spa(*addr), *value, *strobes);
                        prop_assert_eq!(old, before);
                        prop_assert_eq!(new, memory.read_u64(Spa(*addr)));
                        for lane in (0..8).filter(|lane| strobes >> lane & 1 != 0) {
                            bytes.insert((addr & !7) + lane, value.to_le_bytes()[lane as usize]);
                        }
                    }
                    Access::Bytes(addr, data) => {
                        memory.write(Spa(*addr), data);
                        bytes.extend(data.iter().enumerate().map(|(at, &b)| (addr.wrapping_add(at as u64), b)));
                    }
                }
            }
            let around: BTreeSet<u64> = bytes.keys().flat_map(|&at| [at, at.wrapping_sub(1), at.wrapping_add(1)]).collect();
            for at in around {
                let mut byte = [0];
                let mut unwritten = [0];
                memory.read(Spa(at), &mut byte);
                empty.read(Spa(at), &mut unwritten);
                prop_assert_eq!(byte[0], bytes.get(&at).copied().unwrap_or(unwritten[0]), "at {:#x}", at);
            }
        }
    }

    /// A legal burst touches exactly the bytes that its shape says, each in its own lane.
    #[test]
    fn a_burst_covers_its_bytes(page in any::<u64>(), start in 0..4096_u64, len in any::<u8>(), size in 0..5_u8, kind in 0..4_u8) {
        let start = (page << 12) | start;
        let burst = Burst { len, size, kind };
        let Ok(()) = check_shape(burst, start) else { return Ok(()) };
        let mut touched = Vec::new();
        for beat in 0..burst.beats() {
            let addr = burst.beat_address(start, beat);
            let lanes = burst.lanes(start, beat);
            prop_assert!(lanes != 0 && lanes >> (addr & 7) & 1 == 1, "a beat begins at its address");
            touched.extend((0..8).filter(|lane| lanes >> lane & 1 != 0).map(|lane| (addr & !7) + lane));
        }
        let bytes = 1_u64 << size;
        let expected: Vec<u64> = match kind {
            FIXED => (0..=len).flat_map(|_| start..(start & !(bytes - 1)) + bytes).collect(),
            INCR => (start..=(start & !(bytes - 1)) + (bytes * (u64::from(len) + 1) - 1)).collect(),
            _ => {
                let total = bytes * (u64::from(len) + 1);
                let low = start / total * total;
                (start..low + total).chain(low..start).collect()
            }
        };
        prop_assert_eq!(&touched, &expected);
        prop_assert!(expected.iter().all(|at| at >> 12 == start >> 12), "within 4 KiB");
    }
}

#[test]
fn illegal_shapes_are_named() {
    let broken = |len, size, kind, start| check_shape(Burst { len, size, kind }, start).err().map(|(rule, _)| rule);
    assert_eq!(broken(0, 3, 3, 0), Some(Rule::BurstKind));
    assert_eq!(broken(0, 4, INCR, 0), Some(Rule::Size));
    assert_eq!(broken(16, 3, FIXED, 0), Some(Rule::Length));
    assert_eq!(broken(15, 3, FIXED, 0), None);
    assert_eq!(broken(2, 3, WRAP, 0), Some(Rule::Length));
    assert_eq!(broken(0, 3, WRAP, 0), Some(Rule::Length));
    assert_eq!(broken(3, 3, WRAP, 0x14), Some(Rule::WrapAlignment));
    assert_eq!(broken(3, 3, WRAP, 0x18), None);
    assert_eq!(broken(1, 3, INCR, 0xff8), Some(Rule::Boundary));
    assert_eq!(broken(0, 3, INCR, 0xff8), None);
    assert_eq!(broken(255, 3, INCR, 0x800), None);
    assert_eq!(broken(255, 3, INCR, 0x808), Some(Rule::Boundary));
    // The first beat of an unaligned burst is cut, so this one ends with the page.
    assert_eq!(broken(1, 3, INCR, 0xff1), None);
    assert_eq!(broken(255, 3, INCR, !0x7ff), None);
    assert_eq!(broken(255, 3, INCR, !0x7f7), Some(Rule::Boundary));
}

#[test]
fn a_device_cannot_ask_for_nonsense() {
    let good = super::write(1, 0x1004, &[1, 2]);
    let mut unaligned = good.clone();
    assert_eq!(check_request(&good), Err(IllegalRequest::Strobes { beat: 0, strobes: 0xff, lanes: 0xf0 }));
    unaligned.data[0].1 = 0xf0;
    assert_eq!(check_request(&unaligned), Ok(()));
    let cut = super::DmaRequest { data: vec![(0, 0)], ..unaligned.clone() };
    assert_eq!(check_request(&cut), Err(IllegalRequest::Data { right: 2, wrong: 1 }));
    let wide = super::DmaRequest { device: DeviceId(1 << 24), ..unaligned.clone() };
    assert_eq!(check_request(&wide), Err(IllegalRequest::Device(1 << 24)));
    let process = super::DmaRequest { process: Some(ProcessId(1 << 20)), ..unaligned.clone() };
    assert_eq!(check_request(&process), Err(IllegalRequest::Process(1 << 20)));
    let crossing = super::read(0, 0xff8, 2);
    assert!(matches!(check_request(&crossing), Err(IllegalRequest::Shape { rule: Rule::Boundary, .. })));
}
