// SPDX-License-Identifier: Apache-2.0
//! The two stages: sizes, permissions, A and D, canonical addresses, memory types, nesting.

use golden::{Access, Cause, Iohgatp, Kind, Pbmt, ProcessId, Pte, Request};

use crate::support::{G, R, Scheme, U, W, World, X, all_capabilities, leaf};

const FIRST: [Scheme; 4] = [Scheme::SV32, Scheme::SV39, Scheme::SV48, Scheme::SV57];
const SECOND: [Scheme; 4] = [Scheme::SV32X4, Scheme::SV39X4, Scheme::SV48X4, Scheme::SV57X4];

fn page_log2(scheme: Scheme, level: u8) -> u32 {
    12 + u32::from(level) * if scheme.rv32 { 10 } else { 9 }
}

fn first(scheme: Scheme) -> World {
    let mut world = World::new(all_capabilities().with_msi_flat(false), Some(scheme), None);
    world.config.choices.gxl_writable = true;
    world
}

fn second(scheme: Scheme) -> World {
    World::new(all_capabilities().with_msi_flat(false), None, Some(scheme))
}

fn nested() -> World {
    World::new(all_capabilities().with_msi_flat(false), Some(Scheme::SV39), Some(Scheme::SV39X4))
}

#[test]
fn first_stage_sizes() {
    for scheme in FIRST {
        for level in 0..scheme.levels {
            let mut world = first(scheme);
            let size = 1u64 << page_log2(scheme, level);
            let (iova, spa) = (size, 2 * size);
            let slot = world.map_first(iova, leaf(spa, R | W | X | U), level);
            let offset = (size - 1) & 0x5a5_a5a5_a5a5;
            let request = world.request(Access::Write, iova + offset);
            let translation = world.pass(&request);
            assert_eq!(translation.spa.0, spa + offset, "{scheme:?} {level}");
            assert_eq!(u32::from(translation.size_log2), page_log2(scheme, level));
            assert_eq!(translation.pscid.map(|pscid| pscid.0), Some(9));
            assert_eq!(world.cause(&world.request(Access::Write, iova + size)), Cause::WritePageFault);
            if level > 0 {
                // A superpage that is not aligned
                let shift = if scheme.rv32 { 32 } else { 0 } * u64::from(slot & 4 != 0);
                world.arena.set(slot & !7, world.arena.get(slot & !7) | (1 << 10) << shift);
                assert_eq!(world.cause(&request), Cause::WritePageFault, "{scheme:?} {level}");
            }
        }
    }
}

#[test]
fn second_stage_sizes() {
    for scheme in SECOND {
        for level in 0..scheme.levels {
            let mut world = second(scheme);
            let size = 1u64 << page_log2(scheme, level);
            let (gpa, spa) = (3 * size, size);
            world.map_second(gpa, leaf(spa, R | W | X | U), level);
            let translation = world.pass(&world.request(Access::Execute, gpa + 0x123));
            assert_eq!((translation.spa.0, u32::from(translation.size_log2)), (spa + 0x123, page_log2(scheme, level)));
            assert_eq!((translation.gscid.map(|gscid| gscid.0), translation.pscid), (Some(7), None));
            let fault = world.fail(&world.request(Access::Execute, gpa + size + 0x127));
            assert_eq!((fault.cause, fault.iotval2), (Cause::InstructionGuestPageFault, gpa + size + 0x124));
        }
    }
}

#[test]
fn walks_end_at_the_last_level() {
    for scheme in [Scheme::SV39, Scheme::SV57] {
        let mut world = first(scheme);
        let slot = world.map_first(0x1000, leaf(0x8000, R | U), 0);
        world.arena.set(slot, Pte(1).with_ppn(1).0);
        assert_eq!(world.cause(&world.request(Access::Read, 0x1000)), Cause::ReadPageFault);
    }
    let mut world = second(Scheme::SV48X4);
    let slot = world.map_second(0x1000, leaf(0x8000, R | U), 0);
    world.arena.set(slot, Pte(1).with_ppn(1).0);
    assert_eq!(world.cause(&world.request(Access::Read, 0x1000)), Cause::ReadGuestPageFault);
}

#[test]
fn addresses_must_be_canonical() {
    for scheme in FIRST {
        let mut world = first(scheme);
        let width = page_log2(scheme, scheme.levels);
        let top = if scheme.rv32 { 0xffff_f000 } else { u64::MAX << (width - 1) };
        world.map_first(top, leaf(0x8000, R | U), 0);
        world.pass(&world.request(Access::Read, top));
        for bit in (width..64).chain((!scheme.rv32).then_some(width - 1)) {
            let request = world.request(Access::Read, top ^ 1 << bit);
            let fault = world.fail(&request);
            assert_eq!((fault.cause, fault.iotval), (Cause::ReadPageFault, request.iova.0), "{scheme:?} bit {bit}");
        }
    }
    for scheme in SECOND {
        let mut world = second(scheme);
        let width = page_log2(scheme, scheme.levels) + 2;
        world.map_second(0, leaf(0x8000, R | U), 0);
        world.pass(&world.request(Access::Read, 0));
        for bit in width..64 {
            let fault = world.fail(&world.request(Access::Read, 1 << bit));
            assert_eq!((fault.cause, fault.iotval2), (Cause::ReadGuestPageFault, 1 << bit), "{scheme:?} bit {bit}");
        }
    }
}

/// SXL limits the address that enters the second stage to 34 bits, and the record shows that address.
#[test]
fn sxl_limits_guest_addresses() {
    let mut world = second(Scheme::SV39X4);
    world.config.choices.gxl_writable = true;
    world.dc.tc = world.dc.tc.with_sxl(true);
    world.store_dc();
    world.map_second(1 << 33, leaf(0x8000, R | U), 0);
    world.map_second(1 << 34, leaf(0x8000, R | U), 0);
    world.pass(&world.request(Access::Read, 1 << 33));
    let fault = world.fail(&world.request(Access::Read, 1 << 34));
    assert_eq!((fault.cause, fault.iotval2), (Cause::ReadGuestPageFault, 1 << 34));
}

#[test]
fn permissions_of_one_stage() {
    for bits in 0..8u64 {
        let (r, w, x) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
        let valid = bits != 0 && (r || !w);
        for (stage, mut world) in [first(Scheme::SV39), second(Scheme::SV39X4)].into_iter().enumerate() {
            let pte = leaf(0x8000, bits << 1 | U);
            if stage == 0 {
                world.map_first(0x1000, pte, 0)
            } else {
                world.map_second(0x1000, pte, 0)
            };
            for (access, granted) in [(Access::Read, r), (Access::Write, w), (Access::Execute, x)] {
                let request = world.request(access, 0x1000);
                if valid && granted {
                    let permissions = world.pass(&request).permissions;
                    assert_eq!((permissions.read, permissions.write, permissions.execute), (r, w, x));
                } else {
                    let cause = if stage == 0 { Cause::page_fault(access) } else { Cause::guest_page_fault(access) };
                    assert_eq!(world.cause(&request), cause, "stage {stage} bits {bits:#b}");
                }
            }
        }
    }
}

#[test]
fn reserved_bits_of_entries() {
    for (svpbmt, svrsw) in [(false, false), (true, true)] {
        let caps = all_capabilities().with_msi_flat(false).with_svpbmt(svpbmt).with_svrsw60t59b(svrsw);
        for stage in 0..2 {
            let mut world = if stage == 0 {
                World::new(caps, Some(Scheme::SV39), None)
            } else {
                World::new(caps, None, Some(Scheme::SV39X4))
            };
            let pte = leaf(0x9000, R | U);
            let slot = if stage == 0 { world.map_first(0x1000, pte, 0) } else { world.map_second(0x1000, pte, 0) };
            let root = if stage == 0 { world.first } else { world.second }.expect("a stage").0;
            let request = world.request(Access::Read, 0x1000);
            let cause = if stage == 0 { Cause::ReadPageFault } else { Cause::ReadGuestPageFault };
            for bit in 54..64 {
                let ok = match bit {
                    59 | 60 => svrsw,
                    61 | 62 => svpbmt,
                    _ => false,
                };
                world.arena.set(slot, pte.0 | 1 << bit);
                if ok {
                    world.pass(&request);
                } else {
                    assert_eq!(world.cause(&request), cause, "leaf bit {bit}");
                }
            }
            world.arena.set(slot, pte.with_pbmt(3).0);
            assert_eq!(world.cause(&request), cause);
            world.arena.set(slot, pte.0);
            let pointer = world.arena.get(root);
            for bit in [4, 6, 7].into_iter().chain(54..64) {
                world.arena.set(root, pointer | 1 << bit);
                let ok = matches!(bit, 59 | 60) && svrsw;
                assert_eq!(matches!(world.run(&request), golden::Outcome::Translated(_)), ok, "pointer bit {bit}");
            }
            // RSW and G are fine anywhere.
            world.arena.set(root, pointer | 0x320);
            world.pass(&request);
        }
    }
}

#[test]
fn napot() {
    let mut world = first(Scheme::SV39);
    let pte = leaf(0x8_0000, R | U).with_ppn(0x88).with_n(true);
    for page in 0..16 {
        world.map_first(0x10_0000 + page * 0x1000, pte, 0);
    }
    let translation = world.pass(&world.request(Access::Read, 0x10_5678));
    assert_eq!((translation.spa.0, translation.size_log2), (0x8_5678, 16));
    for ppn in [0x80, 0x84, 0x8c, 0x81] {
        world.map_first(0x10_0000, pte.with_ppn(ppn), 0);
        assert_eq!(world.cause(&world.request(Access::Read, 0x10_0000)), Cause::ReadPageFault, "{ppn:#x}");
    }
    world.map_first(0x20_0000, leaf(0x20_0000, R | U).with_n(true), 1);
    assert_eq!(world.cause(&world.request(Access::Read, 0x20_0000)), Cause::ReadPageFault);
}

#[test]
fn memory_types() {
    let mut world = nested();
    world.map_second(0x5000, leaf(0x8000, R | U), 0);
    world.map_first(0x1000, leaf(0x5000, R | U), 0);
    for (g, s, expected) in
        [(0, 0, Pbmt::Pma), (1, 0, Pbmt::Nc), (2, 0, Pbmt::Io), (0, 1, Pbmt::Nc), (2, 1, Pbmt::Nc), (1, 2, Pbmt::Io)]
    {
        world.map_second(0x5000, leaf(0x8000, R | U).with_pbmt(g), 0);
        world.map_first(0x1000, leaf(0x5000, R | U).with_pbmt(s), 0);
        assert_eq!(world.pass(&world.request(Access::Read, 0x1000)).pbmt, expected);
    }
}

#[test]
fn nested_size_is_the_smaller() {
    let mut world = nested();
    world.map_second(0x4000_0000, leaf(0x4000_0000, R | W | U), 2);
    world.map_first(0x20_0000, leaf(0x4020_0000, R | W | U), 1);
    let translation = world.pass(&world.request(Access::Write, 0x2a_bcde));
    assert_eq!((translation.spa.0, translation.size_log2), (0x402a_bcde, 21));
}

/// Guest-page faults of the tables show the address of the entry, and that the access was implicit.
#[test]
fn guest_faults_of_first_stage_tables() {
    for access in [Access::Read, Access::Write, Access::Execute] {
        let mut world = nested();
        world.map_second(0x5000, leaf(0x8000, R | W | X | U), 0);
        world.map_first(0x1000, leaf(0x5000, R | W | X | U), 0);
        let root = world.first.expect("first stage").0;
        let guest_root = root + world.shift();
        let request = world.request(access, 0x1000);
        world.pass(&request);
        // A table that may only be executed may not be read implicitly.
        for bits in [0, X | U, R] {
            world.map_second(guest_root, leaf(root, bits), 0);
            let fault = world.fail(&request);
            assert_eq!((fault.cause, fault.iotval2), (Cause::guest_page_fault(access), guest_root | 1));
        }
        // An access fault in either stage's table is one of the original access.
        let slot = world.map_second(guest_root, leaf(root, R | U), 0);
        world.pass(&request);
        for (access_fault, cause) in [(true, Cause::access_fault(access)), (false, Cause::PtCorrupt)] {
            for word in [slot, root] {
                world.arena.bad = vec![(word, access_fault)];
                assert_eq!(world.cause(&request), cause);
            }
        }
    }
}

#[test]
fn accessed_and_dirty_without_hardware() {
    for stage in 0..2 {
        for (a, d) in [(false, false), (false, true), (true, false)] {
            let mut world = if stage == 0 { first(Scheme::SV39) } else { second(Scheme::SV39X4) };
            let pte = leaf(0x8000, R | W | X | U).with_a(a).with_d(d);
            if stage == 0 {
                world.map_first(0x1000, pte, 0)
            } else {
                world.map_second(0x1000, pte, 0)
            };
            for access in [Access::Read, Access::Write, Access::Execute] {
                let ok = a && (d || access != Access::Write);
                let outcome = world.run(&world.request(access, 0x1000));
                assert_eq!(matches!(outcome, golden::Outcome::Translated(_)), ok, "stage {stage} {a} {d} {access:?}");
            }
            assert!(world.arena.writes.is_empty());
        }
    }
}

#[test]
fn accessed_and_dirty_by_hardware() {
    for (access, expected) in [(Access::Read, 0x40), (Access::Write, 0xc0)] {
        let mut world = nested();
        world.dc.tc = world.dc.tc.with_sade(true).with_gade(true);
        world.store_dc();
        let clean = |page| Pte(leaf(page, R | W | U).0 & !0xc0);
        let s_slot = world.map_first(0x1000, clean(0x5000), 0);
        let g_slot = world.map_second(0x5000, clean(0x8000), 0);
        world.arena.writes.clear();
        world.pass(&world.request(access, 0x1000));
        assert_eq!(world.arena.get(s_slot) & 0xc0, expected);
        assert_eq!(world.arena.get(g_slot) & 0xc0, expected);
        world.arena.writes.clear();
        world.pass(&world.request(access, 0x1000));
        assert!(world.arena.writes.is_empty(), "nothing is left to do");
        // A page without the permission is not touched.
        world.map_first(0x2000, Pte(clean(0x5000).0 & !W), 0);
        assert_eq!(world.cause(&world.request(Access::Write, 0x2000)), Cause::WritePageFault);
        assert!(world.arena.writes.is_empty());
    }
}

/// To set A in a first-stage entry, the second stage must let its table be written, and its page becomes dirty.
#[test]
fn updates_of_tables_are_implicit_writes() {
    let mut world = nested();
    world.dc.tc = world.dc.tc.with_sade(true);
    world.store_dc();
    world.map_second(0x5000, leaf(0x8000, R | U), 0);
    let slot = world.map_first(0x1000, leaf(0x5000, R | U).with_a(false).with_d(false), 0);
    let (table, guest) = (slot & !0xfff, (slot & !0xfff) + world.shift());
    let request = world.request(Access::Read, 0x1000);
    for pte in [leaf(table, R | U), leaf(table, R | W | U).with_d(false)] {
        world.map_second(guest, pte, 0);
        let fault = world.fail(&request);
        assert_eq!((fault.cause, fault.iotval2), (Cause::ReadGuestPageFault, (slot + world.shift()) | 3));
    }
    world.dc.tc = world.dc.tc.with_gade(true);
    world.store_dc();
    let g_slot = world.map_second(guest, leaf(table, R | W | U).with_d(false), 0);
    world.pass(&request);
    assert!(Pte(world.arena.get(g_slot)).d() && Pte(world.arena.get(slot)).a());
    assert!(!Pte(world.arena.get(slot)).d());
}

/// Supervisor privilege, SUM and U (section "Process-context fields").
#[test]
fn privilege() {
    const ENS: u64 = 2;
    const SUM: u64 = 4;
    for ta in [ENS, ENS | SUM] {
        let mut world = first(Scheme::SV39);
        world.map_first(0x1000, leaf(0x8000, R | W | X | U), 0);
        world.map_first(0x2000, leaf(0x9000, R | W | X), 0);
        world.add_process(1, 3, 1 | ta);
        for access in [Access::Read, Access::Write, Access::Execute] {
            for (iova, user_page) in [(0x1000, true), (0x2000, false)] {
                for privileged in [false, true] {
                    let process = Some(ProcessId(3));
                    let request = Request { process, privileged, ..world.request(access, iova) };
                    let ok = match (privileged, user_page) {
                        (false, user) => user,
                        (true, false) => true,
                        (true, true) => ta & SUM != 0 && access != Access::Execute,
                    };
                    match world.run(&request) {
                        golden::Outcome::Translated(t) => {
                            assert!(ok, "{request:?}");
                            assert_eq!(t.permissions.execute, !(privileged && user_page));
                        }
                        golden::Outcome::Fault(fault) => {
                            assert_eq!((fault.cause, ok), (Cause::page_fault(access), false), "{request:?}");
                            assert_eq!(fault.privileged, privileged);
                        }
                        golden::Outcome::Unavailable => unreachable!(),
                    }
                }
            }
        }
        // Without process_id there is no privilege, whatever the bus says.
        let request = Request { privileged: true, ..world.request(Access::Read, 0x7000) };
        assert!(!world.pass(&request).privileged);
    }
    // ENS = 0
    let mut world = first(Scheme::SV39);
    world.map_first(0x2000, leaf(0x9000, R), 0);
    world.add_process(1, 3, 1);
    let request = Request { process: Some(ProcessId(3)), privileged: true, ..world.request(Access::Read, 0x2000) };
    assert_eq!(world.cause(&request), Cause::TypeDisallowed);
}

#[test]
fn output_beyond_pas() {
    let caps = all_capabilities().with_msi_flat(false).with_pas(40);
    let mut world = World::new(caps, Some(Scheme::SV39), None);
    world.map_first(0x1000, leaf(1 << 40, R | W | U), 0);
    let request = world.request(Access::Write, 0x1000);
    assert_eq!(world.cause(&request), Cause::WriteAccessFault);
    world.config.choices.check_output_width = false;
    assert_eq!(world.pass(&request).spa.0, 1 << 40);
    // A table there can never be read.
    let root = world.first.expect("first stage").0;
    world.arena.set(root, Pte(1).with_ppn(1 << 28).0);
    assert_eq!(world.cause(&request), Cause::WriteAccessFault);
}

#[test]
fn translation_faults_hide_behind_dtf() {
    let mut world = second(Scheme::SV39X4);
    world.dc.tc = world.dc.tc.with_dtf(true);
    world.store_dc();
    let request = world.request(Access::Read, 0x1000);
    assert!(!world.fail(&request).reported);
    world.dc.iohgatp = Iohgatp(0).with_mode(1);
    world.store_dc();
    assert!(world.fail(&request).reported, "cause 259 is reported despite DTF");
}

/// G of an upper level makes a first-stage translation global; in the second stage it is ignored.
#[test]
fn global_is_inherited() {
    let mut world = nested();
    world.dc.tc = world.dc.tc.with_en_ats(true);
    world.map_second(0x5000, leaf(0x8000, R | U | G), 0);
    let slot = world.map_first(0x1000, leaf(0x5000, R | U), 0);
    world.add_process(1, 3, 1);
    let kind = Kind::Ats { no_write: true, execute: false };
    let request = Request { kind, process: Some(ProcessId(3)), ..world.request(Access::Read, 0x1000) };
    assert!(!world.pass(&request).global);
    let root = world.first.expect("first stage").0;
    let pointer = world.arena.get(root);
    world.arena.set(root, pointer | G);
    assert!(world.pass(&request).global);
    world.arena.set(root, pointer);
    world.arena.set(slot, world.arena.get(slot) | G);
    assert!(world.pass(&request).global);
}
