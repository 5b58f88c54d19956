// SPDX-License-Identifier: Apache-2.0
//! MSI page tables: section "Process to translate addresses of MSIs", and memory-resident interrupt files.

use golden::{Access, Cause, Iommu, Kind, Mrif, MrifStore, MsiPte0, MsiPte1, Msiptp, Parameters, Request, Spa, Target};

use crate::support::{Arena, R, Scheme, U, W, World, X, all_capabilities, leaf};

const PATTERN: u64 = 0x8_0000;
const MASK: u64 = 0b1010_0000_0101;
/// File 0b1101: the bits of the mask from the top down
const GPA: u64 = (PATTERN | 0b1010_0000_0001) << 12;
const FILE: u64 = 0b1101;

/// A guest with an MSI table; gives the address of the entry for [`GPA`].
fn world() -> (World, u64) {
    let mut world = World::new(all_capabilities(), None, Some(Scheme::SV39X4));
    let table = world.arena.pages(1);
    world.dc.msiptp = Msiptp(0).with_mode(1).with_ppn(table >> 12);
    world.dc.msi_addr_mask = MASK;
    world.dc.msi_addr_pattern = PATTERN | 0b100;
    world.store_dc();
    let slot = table + FILE * 16;
    world.arena.set(slot, MsiPte0(0).with_v(true).with_m(3).with_ppn(0xbeef).0);
    // Ignored in basic mode.
    world.arena.set(slot + 8, u64::MAX);
    (world, slot)
}

#[test]
fn basic_mode() {
    let (mut world, slot) = world();
    for access in [Access::Read, Access::Write] {
        let translation = world.pass(&world.request(access, GPA | 0x123));
        assert_eq!((translation.spa.0, translation.size_log2), (0xbee_f123, 12));
        assert_eq!(translation.target, Target::Msi);
        assert_eq!(translation.gscid.map(|gscid| gscid.0), Some(7));
    }
    assert_eq!(world.cause(&world.request(Access::Execute, GPA)), Cause::InstructionAccessFault);
    let request = world.request(Access::Write, GPA);
    let good = world.arena.get(slot);
    for bit in (3..10).chain(54..63) {
        world.arena.set(slot, good | 1 << bit);
        assert_eq!(world.cause(&request), Cause::MsiPteMisconfigured, "bit {bit}");
    }
    for m in [0, 2] {
        world.arena.set(slot, MsiPte0(good).with_m(m).0);
        assert_eq!(world.cause(&request), Cause::MsiPteMisconfigured);
    }
    world.arena.set(slot, good & !1);
    assert_eq!(world.cause(&request), Cause::MsiPteInvalid);
    for (access_fault, cause) in [(true, Cause::MsiPteAccessFault), (false, Cause::MsiPtCorrupt)] {
        world.arena.bad = vec![(slot, access_fault)];
        assert_eq!(world.cause(&request), cause);
    }
}

#[test]
fn mrif_mode() {
    let (mut world, slot) = world();
    let high = MsiPte1(0).with_nid9t0(0x155).with_nid10(true).with_nppn(0x777);
    let low = MsiPte0(0).with_v(true).with_m(1).with_mrif(0x1_2345);
    world.arena.set(slot, low.0);
    world.arena.set(slot + 8, high.0);
    let request = world.request(Access::Write, GPA);
    let mrif = Mrif { addr: Spa(0x1_2345 * 512), notice: Spa(0x77_7000), nid: 0x555 };
    assert_eq!(world.pass(&request).target, Target::Mrif(mrif));
    for bit in (3..7).chain(54..63) {
        world.arena.set(slot, low.0 | 1 << bit);
        assert_eq!(world.cause(&request), Cause::MsiPteMisconfigured, "bit {bit}");
    }
    world.arena.set(slot, low.0);
    for bit in (54..60).chain(61..64) {
        world.arena.set(slot + 8, high.0 | 1 << bit);
        assert_eq!(world.cause(&request), Cause::MsiPteMisconfigured, "bit {bit} of the second doubleword");
    }
    world.arena.set(slot + 8, high.0);
    world.config.caps = world.config.caps.with_msi_mrif(false);
    assert_eq!(world.cause(&request), Cause::MsiPteMisconfigured);
}

/// An address beside the pattern goes through the second stage, and its range stops at the interrupt files.
#[test]
fn superpages_are_split_around_interrupt_files() {
    let (mut world, _) = world();
    world.map_second(0x8000_0000, leaf(0x4000_0000, R | W | X | U), 2);
    let window = GPA & !0x3fff_ffff;
    for at in [0u64, 0x1000, 0x7000, 0x10_0000, 0x100_0000, 0x2000_0000] {
        let gpa = window + at;
        let inside = world.dc.is_msi(golden::Gpa(gpa));
        assert_eq!(inside, at == 0 || at == 0x1000);
        if inside {
            continue;
        }
        let translation = world.pass(&world.request(Access::Read, gpa));
        assert_eq!(translation.target, Target::Memory);
        let size = 1u64 << translation.size_log2;
        let base = gpa & !(size - 1);
        let hit = |page: u64| (page ^ world.dc.msi_addr_pattern) & !MASK == 0;
        let pages = base >> 12..(base + size) >> 12;
        assert!(!pages.clone().any(hit), "{at:#x}: an interrupt file lies in the range");
        let double = (base & !(2 * size - 1)) >> 12..((base & !(2 * size - 1)) + 2 * size) >> 12;
        assert!(size == 1 << 30 || double.clone().any(hit), "{at:#x}: the range could be larger");
    }
}

#[test]
fn nothing_is_an_interrupt_file_when_off() {
    let (mut world, _) = world();
    world.dc.msiptp = Msiptp(0);
    world.store_dc();
    assert_eq!(world.cause(&world.request(Access::Write, GPA)), Cause::WriteGuestPageFault);
}

#[test]
fn ats_requests_for_interrupt_files() {
    let (mut world, slot) = world();
    world.dc.tc = world.dc.tc.with_en_ats(true);
    world.store_dc();
    let kind = Kind::Ats { no_write: false, execute: true };
    let request = Request { kind, ..world.request(Access::Read, GPA) };
    let translation = world.pass(&request);
    assert!(translation.permissions.read && translation.permissions.write && !translation.permissions.execute);
    assert!(!translation.untranslated_only && !translation.global);
    world.arena.set(slot, MsiPte0(0).with_v(true).with_m(1).0);
    world.arena.set(slot + 8, 0);
    assert!(world.pass(&request).untranslated_only);
    world.arena.set(slot, 0);
    assert_eq!(world.pass(&request).denied_by, Some(Cause::MsiPteInvalid));
    world.arena.set(slot, 1);
    assert_eq!(world.cause(&request), Cause::MsiPteMisconfigured);
}

#[test]
fn storing_into_an_interrupt_file() {
    let (mut world, _) = world();
    let page = world.arena.pages(1);
    let notice = world.arena.pages(1);
    let mut iommu = Iommu::new(&Parameters::new(world.config.caps));
    let mrif = Mrif { addr: Spa(page + 512), notice: Spa(notice), nid: 0x333 };
    let arena = &mut world.arena;
    // Identity 130: word 2, bit 2. Its enable bit is 0, and the notice is sent all the same.
    assert_eq!(iommu.store_msi(arena, &mrif, 0, 130), MrifStore::Stored);
    assert_eq!((arena.get(page + 512 + 2 * 16), arena.get(notice)), (1 << 2, 0x333));
    arena.set(notice, 0);
    assert_eq!(iommu.store_msi(arena, &mrif, 4, 130u32.swap_bytes()), MrifStore::Stored);
    assert_eq!(arena.get(notice), 0x333);
    // "The IOMMU acts as though zero were a valid interrupt identity."
    assert_eq!(iommu.store_msi(arena, &mrif, 0, 0), MrifStore::Stored);
    assert_eq!(arena.get(page + 512), 1);
    for (offset, data) in [(0, 2048), (8, 130), (4, 130)] {
        assert_eq!(iommu.store_msi(arena, &mrif, offset, data), MrifStore::Dropped);
    }
    arena.bad = vec![(page + 512 + 2 * 16, true)];
    assert_eq!(iommu.store_msi(arena, &mrif, 0, 130), MrifStore::Refused(Cause::MrifAccessFault));
    arena.bad = vec![(page + 512 + 2 * 16, false)];
    assert_eq!(iommu.store_msi(arena, &mrif, 0, 130), MrifStore::Refused(Cause::MrifCorrupt));
}

/// "The physical address space addressable by the IOMMU ranges from 0 to 2^PAS - 1": an MRIF beyond it fails when the MSI is
/// stored (cause 264). The translation ends before ("MSI address translation process is complete"), and its completion
/// only says that the page is for untranslated requests.
#[test]
fn interrupt_files_beyond_pas() {
    let (mut world, slot) = world();
    world.config.caps = world.config.caps.with_pas(40);
    world.dc.tc = world.dc.tc.with_en_ats(true);
    world.store_dc();
    let low = MsiPte0(0).with_v(true).with_m(1).with_mrif(1 << (40 - 9));
    world.arena.set(slot, low.0);
    world.arena.set(slot + 8, MsiPte1(0).with_nppn(1 << (40 - 12)).0);
    let request = world.request(Access::Write, GPA);
    let Target::Mrif(far) = world.pass(&request).target else { panic!("an MSI PTE in MRIF mode") };
    assert_eq!((far.addr, far.notice), (Spa(1 << 40), Spa(1 << 40)));
    let ats = Request { kind: Kind::Ats { no_write: false, execute: false }, ..request };
    assert!(world.pass(&ats).untranslated_only);

    // Basic mode gives a translated address, which has to fit.
    world.arena.set(slot, MsiPte0(0).with_v(true).with_m(3).with_ppn(1 << (40 - 12)).0);
    assert_eq!(world.cause(&request), Cause::WriteAccessFault);

    let mut iommu = Iommu::new(&Parameters::new(world.config.caps));
    // Memory that answers for any address: what refuses is the IOMMU.
    let page = world.arena.pages(1);
    struct Everywhere<'a>(&'a mut Arena, u64);
    impl golden::Memory for Everywhere<'_> {
        fn read(&mut self, addr: Spa, bytes: u8) -> Result<u64, golden::MemoryError> {
            golden::Memory::read(self.0, Spa(self.1 | addr.0 & 0xfff), bytes)
        }
        fn write(&mut self, addr: Spa, bytes: u8, value: u64) -> Result<(), golden::MemoryError> {
            golden::Memory::write(self.0, Spa(self.1 | addr.0 & 0xfff), bytes, value)
        }
    }
    impl golden::Platform for Everywhere<'_> {}
    let refused = MrifStore::Refused(Cause::MrifAccessFault);
    let mut memory = Everywhere(&mut world.arena, page);
    assert_eq!(iommu.store_msi(&mut memory, &far, 0, 5), refused);
    assert_eq!(memory.0.get(page), 0);
    // The MRIF is in reach, its notice is not: the interrupt is pending all the same.
    let near = Mrif { addr: Spa(0), ..far };
    assert_eq!(iommu.store_msi(&mut memory, &near, 0, 5), refused);
    assert_eq!(memory.0.get(page), 1 << 5);
}
