// SPDX-License-Identifier: Apache-2.0
//! Locating the process context: section "Process to locate the Process-context".

use golden::{Access, Cause, Fsc, Outcome, ProcessId, Request};

use crate::support::{R, Scheme, U, W, World, all_capabilities, leaf};

/// A process whose indices differ at each level
const PROCESS: u32 = 0xa_2345;

const MODES: [(u8, u32); 3] = [(1, 0xa5), (2, 0x1_23a5), (3, 0xf_0fa5)];

fn world(second: Option<Scheme>) -> World {
    let mut world = World::new(all_capabilities().with_msi_flat(false), Some(Scheme::SV39), second);
    if second.is_some() {
        world.map_second(0x5000, leaf(0x9000, R | W | U), 0);
        world.map_first(0x1000, leaf(0x5000, R | W | U), 0);
    } else {
        world.map_first(0x1000, leaf(0x9000, R | W | U), 0);
    }
    world
}

fn request(world: &World, process: u32) -> Request {
    Request { process: Some(ProcessId(process)), ..world.request(Access::Write, 0x1000) }
}

#[test]
fn every_mode_with_and_without_second_stage() {
    for (mode, process) in MODES {
        for second in [None, Some(Scheme::SV39X4), Some(Scheme::SV57X4)] {
            let mut world = world(second);
            world.add_process(mode, process, 1 | 0x77 << 12);
            let request = request(&world, process);
            let translation = world.pass(&request);
            assert_eq!((translation.spa.0, translation.pscid.map(|id| id.0)), (0x9000, Some(0x77)));
            // Another process has no context.
            let other = Request { process: Some(ProcessId(process ^ 1)), ..request };
            assert_eq!(world.cause(&other), Cause::PdtInvalid);
        }
    }
}

#[test]
fn every_bit_of_process_id_selects() {
    for bit in 0..20 {
        let mut world = world(None);
        world.add_process(3, 1 << bit, 1);
        let request = request(&world, 1 << bit);
        world.pass(&request);
        let other = Request { process: Some(ProcessId(0)), ..request };
        assert_eq!(world.cause(&other), Cause::PdtInvalid, "bit {bit}");
    }
}

#[test]
fn too_wide_process_id_is_disallowed() {
    for ((mode, process), width) in MODES.into_iter().zip([8, 17, 20]) {
        let mut world = world(None);
        world.add_process(mode, process, 1);
        for bit in width..20 {
            let fault = {
                let request = request(&world, process | 1 << bit);
                world.fail(&request)
            };
            assert_eq!(fault.cause, Cause::TypeDisallowed);
            assert_eq!(fault.process, Some(ProcessId(process | 1 << bit)));
        }
    }
}

#[test]
fn entries_that_are_bad() {
    for second in [None, Some(Scheme::SV39X4)] {
        let mut world = world(second);
        let pc = world.add_process(3, PROCESS, 1);
        let request = request(&world, PROCESS);
        let shift = world.shift();
        let root = (world.dc.fsc.ppn() << 12) - shift;
        let top = root + u64::from(PROCESS >> 17) * 8;
        let middle = (world.arena.get(top) >> 10 << 12) - shift + u64::from(PROCESS >> 8 & 0x1ff) * 8;
        for slot in [top, middle] {
            let good = world.arena.get(slot);
            world.arena.set(slot, good & !1 | 0x3fe);
            assert_eq!(world.cause(&request), Cause::PdtInvalid);
            for bit in (1..10).chain(54..64) {
                world.arena.set(slot, good | 1 << bit);
                assert_eq!(world.cause(&request), Cause::PdtMisconfigured, "bit {bit}");
            }
            world.arena.set(slot, good);
        }
        for slot in [top, middle, pc, pc + 8] {
            for (access_fault, cause) in [(true, Cause::PdtAccessFault), (false, Cause::PdtCorrupt)] {
                world.arena.bad = vec![(slot, access_fault)];
                assert_eq!(world.cause(&request), cause);
            }
        }
        world.arena.bad.clear();
        world.pass(&request);
        world.arena.set(pc, !1);
        assert_eq!(world.cause(&request), Cause::PdtInvalid);
        for bit in (3..12).chain(32..64) {
            world.arena.set(pc, 1 | 1 << bit);
            assert_eq!(world.cause(&request), Cause::PdtMisconfigured, "ta bit {bit}");
        }
        world.arena.set(pc, 1);
        let fsc = world.arena.get(pc + 8);
        for bit in 44..60 {
            world.arena.set(pc + 8, fsc | 1 << bit);
            assert_eq!(world.cause(&request), Cause::PdtMisconfigured, "fsc bit {bit}");
        }
        for mode in (1..8).chain(11..16) {
            world.arena.set(pc + 8, Fsc(fsc).with_mode(mode).0);
            assert_eq!(world.cause(&request), Cause::PdtMisconfigured, "mode {mode}");
        }
    }
}

/// Guest-page faults of the directory are those of the original access, marked implicit; access faults and poison in the
/// second stage are those of the directory.
#[test]
fn second_stage_of_the_directory() {
    let mut world = world(Some(Scheme::SV39X4));
    world.add_process(3, PROCESS, 1);
    let request = request(&world, PROCESS);
    world.pass(&request);
    let guest = world.dc.fsc.ppn() << 12;
    let entry = guest + u64::from(PROCESS >> 17) * 8;
    let table = guest - world.shift();
    let slot = world.map_second(guest, leaf(table, R | W), 0);
    let fault = world.fail(&request);
    assert_eq!((fault.cause, fault.iotval2), (Cause::WriteGuestPageFault, entry | 1));
    world.map_second(guest, leaf(table, R | U), 0);
    for (access_fault, cause) in [(true, Cause::PdtAccessFault), (false, Cause::PdtCorrupt)] {
        world.arena.bad = vec![(slot, access_fault)];
        assert_eq!(world.cause(&request), cause);
    }
    // The address of a directory may be too wide for the guest.
    world.arena.bad.clear();
    world.dc.fsc = world.dc.fsc.with_ppn(1 << (41 - 12));
    world.store_dc();
    let fault = world.fail(&request);
    assert_eq!(
        (fault.cause, fault.iotval2),
        (Cause::WriteGuestPageFault, (1 << 41) | (u64::from(PROCESS >> 17) * 8) | 1)
    );
}

#[test]
fn requests_without_process_id() {
    let mut world = world(None);
    let pc = world.add_process(1, 0, 1);
    let request = Request { process: None, ..request(&world, 0) };
    // Without DPE the first stage is Bare.
    assert_eq!(world.pass(&request).spa.0, 0x1000);
    // With DPE process 0 stands in, and a fault does not show it.
    world.dc.tc = world.dc.tc.with_dpe(true);
    world.store_dc();
    assert_eq!(world.pass(&request).spa.0, 0x9000);
    world.arena.set(pc, 0);
    let fault = world.fail(&Request { privileged: true, ..request });
    assert_eq!((fault.cause, fault.process, fault.privileged), (Cause::PdtInvalid, None, false));
    let record = fault.record();
    assert_eq!((record.head.pv(), record.head.pid(), record.head.privileged()), (false, 0, false));
}

#[test]
fn a_bare_directory_makes_a_bare_first_stage() {
    let mut world = world(None);
    world.add_process(1, 3, 1);
    world.dc.fsc = Fsc(0);
    world.store_dc();
    let request = request(&world, 0xf_ffff);
    let translation = world.pass(&request);
    assert_eq!((translation.spa.0, translation.pscid), (0x1000, None));
    // So does a context whose scheme is Bare.
    let mut world = self::world(None);
    let pc = world.add_process(1, 3, 1 | 5 << 12);
    world.arena.set(pc + 8, 0);
    let translation = world.pass(&self::request(&world, 3));
    assert_eq!((translation.spa.0, translation.pscid), (0x1000, None));
}

/// The PSCID of the device context does not count where there is a process directory.
#[test]
fn device_pscid_is_ignored_with_a_directory() {
    let mut world = world(None);
    world.add_process(1, 3, 1 | 5 << 12);
    let request = request(&world, 3);
    let before = world.run(&request);
    world.dc.ta = world.dc.ta.with_pscid_bits(0xabcde);
    world.store_dc();
    assert!(matches!(before, Outcome::Translated(_)));
    assert_eq!(world.run(&request), before);
}
