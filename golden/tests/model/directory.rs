// SPDX-License-Identifier: Apache-2.0
//! Locating the device context: section "Process to locate the Device-context" and its configuration checks.

use golden::{
    Access, Cause, DdtMode, DeviceContext, DeviceId, Fsc, Iohgatp, Kind, Msiptp, ProcessId, Request, Ta, Tc, Ttyp,
};

use crate::support::{Scheme, World, all_capabilities};

/// A device whose stages are both Bare, in base format.
fn bare() -> World {
    World::new(all_capabilities().with_msi_flat(false).with_msi_mrif(false), None, None)
}

/// Puts directory levels above the leaf; gives the addresses of the entries for the device, from the root down.
fn deepen(world: &mut World, device: DeviceId, levels: u8) -> Vec<u64> {
    let leaf_bits = if world.config.caps.msi_flat() { 6 } else { 7 };
    let mut table = world.arena.pages(1);
    world.config.ddtp = world.config.ddtp.with_mode(DdtMode::Levels(levels)).with_ppn(table >> 12);
    let mut slots = Vec::new();
    for level in (1..levels).rev() {
        let slot = table + u64::from(device.0 >> (leaf_bits + 9 * (level - 1)) & 0x1ff) * 8;
        table = world.arena.pages(1);
        world.arena.set(slot, 1 | table >> 12 << 10);
        slots.push(slot);
    }
    world.device = device;
    world.dc_addr = table + u64::from(device.0 & ((1 << leaf_bits) - 1)) * world.config.caps.dc_bytes();
    world.store_dc();
    slots
}

#[test]
fn off_refuses_everything() {
    let mut world = bare();
    world.config.ddtp = world.config.ddtp.with_mode(DdtMode::Off);
    for (kind, access, ttyp) in [
        (Kind::Untranslated, Access::Execute, Ttyp::UntranslatedExecute),
        (Kind::Untranslated, Access::Read, Ttyp::UntranslatedRead),
        (Kind::Untranslated, Access::Write, Ttyp::UntranslatedWrite),
        (Kind::Translated, Access::Execute, Ttyp::TranslatedExecute),
        (Kind::Translated, Access::Read, Ttyp::TranslatedRead),
        (Kind::Translated, Access::Write, Ttyp::TranslatedWrite),
        (Kind::Ats { no_write: false, execute: false }, Access::Read, Ttyp::AtsRequest),
    ] {
        let request = Request { kind, ..world.request(access, 0x1234) };
        let fault = world.fail(&request);
        assert_eq!((fault.cause, fault.ttyp, fault.iotval), (Cause::AllInboundDisallowed, ttyp, 0x1234));
        assert!(fault.reported);
    }
}

#[test]
fn bare_mode_passes_untranslated_requests_only() {
    let mut world = bare();
    world.config.ddtp = world.config.ddtp.with_mode(DdtMode::Bare);
    let request = world.request(Access::Write, 0xdead_beef);
    assert_eq!(world.pass(&request).spa.0, 0xdead_beef);
    for kind in [Kind::Translated, Kind::Ats { no_write: true, execute: false }] {
        assert_eq!(world.cause(&Request { kind, ..request }), Cause::TypeDisallowed);
    }
}

#[test]
fn too_wide_device_id_is_disallowed_not_aliased() {
    for (extended, widths) in [(false, [7, 16, 24]), (true, [6, 15, 24])] {
        let caps = all_capabilities().with_msi_flat(extended).with_msi_mrif(extended);
        for (levels, width) in (1..=3).zip(widths) {
            let mut world = World::new(caps, None, None);
            deepen(&mut world, DeviceId(5), levels);
            let request = world.request(Access::Read, 0);
            world.pass(&request);
            if width < 24 {
                // The index that is left when the upper bits are dropped is that of the good device.
                let device = DeviceId(5 | 1 << width);
                let fault = world.fail(&Request { device, ..request });
                assert_eq!((fault.cause, fault.device), (Cause::TypeDisallowed, device));
            }
        }
    }
}

#[test]
fn every_bit_of_device_id_selects() {
    for extended in [false, true] {
        let caps = all_capabilities().with_msi_flat(extended).with_msi_mrif(extended);
        for bit in 0..24 {
            let mut world = World::new(caps, None, None);
            deepen(&mut world, DeviceId(1 << bit), 3);
            let request = world.request(Access::Read, 0);
            world.pass(&request);
            let other = Request { device: DeviceId(0), ..request };
            assert_eq!(world.cause(&other), Cause::DdtInvalid, "bit {bit}");
        }
    }
}

#[test]
fn bad_non_leaf_entries() {
    for at in 0..2 {
        let mut world = bare();
        let slot = deepen(&mut world, DeviceId(0x12_3456), 3)[at];
        let request = world.request(Access::Read, 0);
        world.pass(&request);
        let good = world.arena.get(slot);
        world.arena.set(slot, good & !1);
        assert_eq!(world.cause(&request), Cause::DdtInvalid);
        for bit in (1..10).chain(54..64) {
            world.arena.set(slot, good | 1 << bit);
            assert_eq!(world.cause(&request), Cause::DdtMisconfigured, "bit {bit}");
            // Without V the reserved bits do not count.
            world.arena.set(slot, good & !1 | 1 << bit);
            assert_eq!(world.cause(&request), Cause::DdtInvalid, "bit {bit}");
        }
        world.arena.set(slot, good);
        for (access_fault, cause) in [(true, Cause::DdtAccessFault), (false, Cause::DdtCorrupt)] {
            world.arena.bad = vec![(slot, access_fault)];
            assert_eq!(world.cause(&request), cause);
        }
    }
}

#[test]
fn bad_context_words() {
    for extended in [false, true] {
        let caps = all_capabilities().with_msi_flat(extended).with_msi_mrif(extended);
        let mut world = World::new(caps, None, None);
        let request = world.request(Access::Read, 0);
        for word in 0..caps.dc_bytes() / 8 {
            for (access_fault, cause) in [(true, Cause::DdtAccessFault), (false, Cause::DdtCorrupt)] {
                world.arena.bad = vec![(world.dc_addr + word * 8, access_fault)];
                assert_eq!(world.cause(&request), cause, "word {word}");
            }
        }
        // An access fault goes before corruption, and both before V.
        world.arena.bad = vec![(world.dc_addr, false), (world.dc_addr + 8, true)];
        assert_eq!(world.cause(&request), Cause::DdtAccessFault);
        world.arena.bad.clear();
        world.dc.tc = Tc(u64::MAX).with_v(false);
        world.store_dc();
        let fault = world.fail(&request);
        // DTF of an invalid context does not count.
        assert_eq!((fault.cause, fault.reported), (Cause::DdtInvalid, true));
    }
}

/// Each rule of "Device-context configuration checks" broken alone.
#[test]
fn misconfigured_contexts() {
    type Break = Box<dyn Fn(&mut World)>;
    type Rule = (&'static str, fn(&mut World));
    let tc: fn(&mut World, u64) = |world, bits| world.dc.tc = Tc(world.dc.tc.0 | bits);
    let rules: &[Rule] = &[
        ("EN_ATS without the capability", |w| {
            w.config.caps = w.config.caps.with_ats(false);
            w.dc.tc = w.dc.tc.with_en_ats(true);
        }),
        ("T2GPA without EN_ATS", |w| w.dc.tc = w.dc.tc.with_t2gpa(true)),
        ("EN_PRI without EN_ATS", |w| w.dc.tc = w.dc.tc.with_en_pri(true)),
        ("PRPR without EN_PRI", |w| w.dc.tc = w.dc.tc.with_en_ats(true).with_prpr(true)),
        ("T2GPA without the capability", |w| {
            w.config.caps = w.config.caps.with_t2gpa(false);
            w.dc.tc = w.dc.tc.with_en_ats(true).with_t2gpa(true);
        }),
        ("T2GPA without second stage", |w| {
            w.dc.iohgatp = Iohgatp(0);
            w.dc.tc = w.dc.tc.with_en_ats(true).with_t2gpa(true);
        }),
        ("PD8 unsupported", |w| {
            w.config.caps = w.config.caps.with_pd8(false);
            w.dc.tc = w.dc.tc.with_pdtv(true);
            w.dc.fsc = Fsc(0).with_mode(1);
        }),
        ("PD17 unsupported", |w| {
            w.config.caps = w.config.caps.with_pd17(false);
            w.dc.tc = w.dc.tc.with_pdtv(true);
            w.dc.fsc = Fsc(0).with_mode(2);
        }),
        ("PD20 unsupported", |w| {
            w.config.caps = w.config.caps.with_pd20(false);
            w.dc.tc = w.dc.tc.with_pdtv(true);
            w.dc.fsc = Fsc(0).with_mode(3);
        }),
        ("pdtp.MODE reserved", |w| {
            w.dc.tc = w.dc.tc.with_pdtv(true);
            w.dc.fsc = Fsc(0).with_mode(4);
        }),
        ("iosatp.MODE reserved", |w| w.dc.fsc = Fsc(0).with_mode(7)),
        ("iosatp.MODE custom", |w| w.dc.fsc = Fsc(0).with_mode(14)),
        ("Sv39 unsupported", |w| {
            w.config.caps = w.config.caps.with_sv39(false);
            w.dc.fsc = Fsc(0).with_mode(8);
        }),
        ("Sv48 unsupported", |w| {
            w.config.caps = w.config.caps.with_sv48(false);
            w.dc.fsc = Fsc(0).with_mode(9);
        }),
        ("Sv57 unsupported", |w| {
            w.config.caps = w.config.caps.with_sv57(false);
            w.dc.fsc = Fsc(0).with_mode(10);
        }),
        ("Sv48 with SXL", |w| {
            w.config.choices.gxl_writable = true;
            w.dc.tc = w.dc.tc.with_sxl(true);
            w.dc.fsc = Fsc(0).with_mode(9);
        }),
        ("Sv32 unsupported", |w| {
            w.config.choices.gxl_writable = true;
            w.config.caps = w.config.caps.with_sv32(false);
            w.dc.tc = w.dc.tc.with_sxl(true);
            w.dc.fsc = Fsc(0).with_mode(8);
        }),
        ("DPE without PDTV", |w| w.dc.tc = w.dc.tc.with_dpe(true)),
        ("iohgatp.MODE reserved", |w| w.dc.iohgatp = w.dc.iohgatp.with_mode(1)),
        ("Sv39x4 unsupported", |w| w.config.caps = w.config.caps.with_sv39x4(false)),
        ("Sv48x4 unsupported", |w| {
            w.config.caps = w.config.caps.with_sv48x4(false);
            w.dc.iohgatp = w.dc.iohgatp.with_mode(9);
        }),
        ("Sv57x4 unsupported", |w| {
            w.config.caps = w.config.caps.with_sv57x4(false);
            w.dc.iohgatp = w.dc.iohgatp.with_mode(10);
        }),
        ("Sv48x4 with GXL", |w| {
            w.config.fctl = w.config.fctl.with_gxl(true);
            w.dc.tc = w.dc.tc.with_sxl(true);
            w.dc.iohgatp = w.dc.iohgatp.with_mode(9);
        }),
        ("Sv32x4 unsupported", |w| {
            w.config.caps = w.config.caps.with_sv32x4(false);
            w.config.fctl = w.config.fctl.with_gxl(true);
            w.dc.tc = w.dc.tc.with_sxl(true);
        }),
        ("msiptp.MODE reserved", |w| w.dc.msiptp = Msiptp(0).with_mode(2)),
        ("second-stage root not aligned", |w| w.dc.iohgatp = w.dc.iohgatp.with_ppn(w.dc.iohgatp.ppn() + 1)),
        ("SADE without AMO_HWAD", |w| {
            w.config.caps = w.config.caps.with_amo_hwad(false);
            w.dc.tc = w.dc.tc.with_sade(true);
        }),
        ("GADE without AMO_HWAD", |w| {
            w.config.caps = w.config.caps.with_amo_hwad(false);
            w.dc.tc = w.dc.tc.with_gade(true);
        }),
        ("SBE differs without END", |w| {
            w.config.caps = w.config.caps.with_end(false);
            w.config.choices.be_writable = true;
            w.dc.tc = w.dc.tc.with_sbe(true);
        }),
        ("SBE differs where BE is fixed", |w| w.dc.tc = w.dc.tc.with_sbe(true)),
        ("SXL where GXL is fixed to 0", |w| w.dc.tc = w.dc.tc.with_sxl(true)),
        ("SXL clear with GXL", |w| {
            w.config.fctl = w.config.fctl.with_gxl(true);
            w.config.choices.gxl_writable = true;
        }),
        ("RCID too wide", |w| {
            w.config.choices.rcid_bits = 4;
            w.dc.ta = Ta(0).with_rcid(0x10);
        }),
        ("MCID too wide", |w| {
            w.config.choices.mcid_bits = 8;
            w.dc.ta = Ta(0).with_mcid(0x100);
        }),
        ("RCID without QOSID", |w| {
            w.config.caps = w.config.caps.with_qosid(false);
            w.dc.ta = Ta(0).with_rcid(1);
        }),
        ("last doubleword", |w| w.dc.reserved = 1 << 63),
        ("MSI mask beyond MGPAW", |w| {
            w.config.caps = w.config.caps.with_sv57x4(false);
            w.dc.msi_addr_mask = 1 << 38;
        }),
        ("MSI pattern beyond 52 bits", |w| w.dc.msi_addr_pattern = 1 << 52),
        ("MSI table without second stage", |w| {
            w.dc.iohgatp = Iohgatp(0);
            w.dc.msiptp = Msiptp(0).with_mode(1);
        }),
    ];
    let mut breaks: Vec<(String, Break)> =
        rules.iter().map(|&(name, apply)| (name.to_owned(), Box::new(apply) as Break)).collect();
    for bit in (12..24).chain(32..64) {
        breaks.push((format!("tc bit {bit}"), Box::new(move |w| tc(w, 1 << bit))));
    }
    for bit in (0..12).chain(32..40) {
        breaks.push((format!("ta bit {bit}"), Box::new(move |w| w.dc.ta = Ta(1 << bit))));
    }
    for bit in 44..60 {
        breaks.push((format!("fsc bit {bit}"), Box::new(move |w| w.dc.fsc = Fsc(1 << bit))));
        breaks.push((format!("msiptp bit {bit}"), Box::new(move |w| w.dc.msiptp = Msiptp(1 << bit))));
    }
    for (name, apply) in breaks {
        let mut world = World::new(all_capabilities(), None, Some(Scheme::SV39X4));
        assert!(world.dc.misconfiguration(&world.config).is_none());
        apply(&mut world);
        world.store_dc();
        assert!(world.dc.misconfiguration(&world.config).is_some(), "{name}");
        let request = world.request(Access::Read, 0x1000);
        let fault = world.fail(&request);
        assert_eq!((fault.cause, fault.iotval2), (Cause::DdtMisconfigured, 0), "{name}");
    }
}

#[test]
fn what_is_not_misconfigured() {
    let mut world = bare();
    let request = world.request(Access::Read, 0x1000);
    // Custom bits, PSCID, a PPN of a Bare stage.
    world.dc = DeviceContext {
        tc: Tc(0xff00_0001),
        ta: Ta(0).with_pscid_bits(0xf_ffff).with_rcid(0xfff).with_mcid(0xfff),
        fsc: Fsc(0).with_ppn(0xfff_ffff_ffff),
        iohgatp: Iohgatp(0).with_ppn(3).with_gscid_bits(0xffff),
        ..world.dc
    };
    world.store_dc();
    assert_eq!(world.pass(&request).spa.0, 0x1000);
    // The earlier version allows an MSI table without second stage.
    let mut world = World::new(all_capabilities(), None, None);
    world.config.version = golden::SpecVersion::V1_0_0;
    world.config.choices = golden::Choices::recommended(golden::SpecVersion::V1_0_0);
    world.dc.msiptp = Msiptp(0).with_mode(1);
    world.dc.msi_addr_pattern = 0x99;
    world.store_dc();
    world.pass(&request);
}

#[test]
fn disallowed_transactions() {
    let mut world = bare();
    let request = world.request(Access::Read, 0x1000);
    let with_process = Request { process: Some(ProcessId(1)), ..request };
    // EN_ATS = 0, and a process_id without PDTV.
    for kind in [Kind::Translated, Kind::Ats { no_write: false, execute: false }] {
        assert_eq!(world.cause(&Request { kind, ..request }), Cause::TypeDisallowed);
    }
    assert_eq!(world.cause(&with_process), Cause::TypeDisallowed);
    // DTF hides this cause, and the device still gets its error.
    world.dc.tc = world.dc.tc.with_dtf(true);
    world.store_dc();
    assert!(!world.fail(&with_process).reported);
    // With EN_ATS a translated request passes unchanged.
    world.dc.tc = world.dc.tc.with_en_ats(true);
    world.store_dc();
    assert_eq!(world.pass(&Request { kind: Kind::Translated, ..request }).spa.0, 0x1000);
}
