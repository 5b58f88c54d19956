// SPDX-License-Identifier: Apache-2.0
//! Interrupt files: what is refused, what stands in the table, what is sent.

use events::{Operation, Promise};
use golden::DeviceId;

use super::api::{Bench, NIC, resources};
use super::mock::{CAPS, MSI_FLAT, Mock, Seen};
use crate::format::Scheme;
use crate::{
    ApiError, Domain, Driver, Errno, FlushPolicy, HwptRequest, Ledger, MemoryFile, MsiTarget, MsiWindow, Options,
    Quirk, Quirks, Target,
};

const WINDOW: MsiWindow = MsiWindow { address: 0x2800_0000, files: 8 };
const PAGE: u64 = 0xb000_0000;

fn parent(b: &mut Bench, window: MsiWindow) -> Result<Domain, ApiError> {
    b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::nest_parent("files").scheme(Scheme::Sv48x4).msi(window))
}

type Call<'a> = &'a dyn Fn(&mut Bench, Domain) -> Result<(), ApiError>;

#[test]
fn every_refusal_has_its_errno_and_changes_nothing() {
    use Errno::{EEXIST, EINVAL, ENOENT, ENOMEM, ERANGE};
    let stale = Domain(999);
    let rows: &[(&str, Errno, Call)] = &[
        ("not a power of two", EINVAL, &|b, _| parent(b, MsiWindow { files: 3, ..WINDOW }).map(drop)),
        ("no file", EINVAL, &|b, _| parent(b, MsiWindow { files: 0, ..WINDOW }).map(drop)),
        ("not on a multiple of its size", EINVAL, &|b, _| {
            parent(b, MsiWindow { address: 0x2800_1000, ..WINDOW }).map(drop)
        }),
        ("beyond the second stage", ERANGE, &|b, _| parent(b, MsiWindow { address: 1 << 50, ..WINDOW }).map(drop)),
        ("on a first stage", EINVAL, &|b, _| {
            b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::paging("x").msi(WINDOW)).map(drop)
        }),
        ("on a nested domain", EINVAL, &|b, _| {
            let data = b.driver.nested_data(b.table)?;
            b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::nested("x", b.host, data).msi(WINDOW)).map(drop)
        }),
        ("out of memory for the table", ENOMEM, &|b, _| {
            b.driver.fail_allocation(Some(4));
            parent(b, WINDOW).map(drop)
        }),
        ("map twice", EEXIST, &|b, files| b.driver.msi_map(&mut b.machine, files, 1, PAGE)),
        ("map a file that is not there", ERANGE, &|b, files| b.driver.msi_map(&mut b.machine, files, 8, PAGE)),
        ("page not aligned", EINVAL, &|b, files| b.driver.msi_map(&mut b.machine, files, 2, PAGE + 8)),
        ("page beyond the machine", ERANGE, &|b, files| b.driver.msi_map(&mut b.machine, files, 2, 1 << 56)),
        ("map where there is no table", EINVAL, &|b, _| b.driver.msi_map(&mut b.machine, b.host, 0, PAGE)),
        ("map on a nested domain", EINVAL, &|b, _| b.driver.msi_map(&mut b.machine, b.guest, 0, PAGE)),
        ("map on a stale domain", ENOENT, &|b, _| b.driver.msi_map(&mut b.machine, stale, 0, PAGE)),
        ("move what leads nowhere", ENOENT, &|b, files| b.driver.msi_move(&mut b.machine, files, 2, PAGE)),
        ("unmap what leads nowhere", ENOENT, &|b, files| b.driver.msi_unmap(&mut b.machine, files, 2)),
        ("switch where there is no table", EINVAL, &|b, _| b.driver.msi_switch(&mut b.machine, b.host, false)),
    ];
    for (row, errno, call) in rows {
        let mut b = Bench::new(CAPS | MSI_FLAT, Options::default());
        let files = parent(&mut b, WINDOW).unwrap();
        b.driver.msi_map(&mut b.machine, files, 1, PAGE).unwrap();
        b.machine.log.clear();
        let before = b.driver.books();
        let error = call(&mut b, files).expect_err(row);
        assert_eq!(error.errno(), Some(*errno), "{row}: {error}");
        assert_eq!(before.difference(&b.driver.books()), None, "{row}");
        assert_eq!(b.machine.invalidations(), [], "{row}");
        b.driver.hwpt_free(&mut b.machine, files).unwrap();
        b.tear_down();
    }
    let mut m = Mock::new(CAPS);
    let mut driver = Driver::probe(&mut m, &resources(), Options::default()).unwrap();
    let error = driver.hwpt_alloc(&mut m, &HwptRequest::nest_parent("x").msi(WINDOW)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP), "base-format contexts have no MSI fields: {error}");
    assert_eq!(driver.shutdown(&mut m), Ok(Ledger::default()));
}

#[test]
fn entries_and_contexts_are_as_the_specification_says() {
    let mut b = Bench::new(CAPS | MSI_FLAT, Options::default());
    let files = parent(&mut b, WINDOW).unwrap();
    for file in [0, 5] {
        b.driver.msi_map(&mut b.machine, files, file, PAGE + 0x1000 * u64::from(file)).unwrap();
    }
    b.attach(files);
    let [_, _, _, _, msiptp, mask, pattern, _] = b.context();
    assert_eq!((msiptp >> 60, mask, pattern), (1, 7, 0x2_8000));
    let table = (msiptp & 0xfff_ffff_ffff) << 12;
    // V, M = 3, and the page number at bit 10; the second doubleword is for the other mode.
    for (file, low) in [(0, PAGE >> 2 | 7), (1, 0), (5, (PAGE + 0x5000) >> 2 | 7), (7, 0)] {
        assert_eq!((b.machine.read(table + 16 * file), b.machine.read(table + 16 * file + 8)), (low, 0), "file {file}");
    }
    b.driver.detach(&mut b.machine, b.nic).unwrap();
    b.driver.hwpt_free(&mut b.machine, files).unwrap();
    b.tear_down();
}

#[test]
fn changes_of_valid_entries_flush_their_page_and_first_ones_nothing() {
    let mut b = Bench::new(CAPS | MSI_FLAT, Options::default());
    let files = parent(&mut b, WINDOW).unwrap();
    b.driver.msi_map(&mut b.machine, files, 3, PAGE).unwrap();
    b.driver.msi_unmap(&mut b.machine, files, 3).unwrap();
    assert_eq!(b.machine.invalidations(), [], "nothing was ever attached");
    b.attach(files);
    b.driver.msi_map(&mut b.machine, files, 3, PAGE).unwrap();
    assert_eq!(b.machine.invalidations(), [], "V was clear");
    let gvma = Seen::Gvma { gscid: Some(2), addr: Some(0x2800_3000) };
    b.driver.msi_move(&mut b.machine, files, 3, PAGE + 0x1000).unwrap();
    assert_eq!(b.machine.invalidations(), [gvma]);
    b.machine.log.clear();
    b.driver.msi_unmap(&mut b.machine, files, 3).unwrap();
    assert_eq!(b.machine.invalidations(), [gvma]);
}

#[test]
fn switching_reaches_nested_users_hitlessly_and_mask_and_pattern_come_first() {
    let mut b = Bench::new(CAPS | MSI_FLAT, Options::default());
    let files = parent(&mut b, WINDOW).unwrap();
    let memory = b.driver.guest_alloc(&mut b.machine, files, 0x4000_0000, 0x1_0000).unwrap();
    let table = b.driver.guest_table(&mut b.machine, memory, Some(Scheme::Sv39), 7).unwrap();
    let data = b.driver.nested_data(table).unwrap();
    let nested = b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::nested("n", files, data)).unwrap();
    let disk = b.driver.add_device(&mut b.machine, "disk", &[DeviceId(NIC + 1)]).unwrap();
    b.attach(files);
    b.driver.attach(&mut b.machine, disk, Target::Domain(nested)).unwrap();
    b.machine.log.clear();
    b.driver.msi_switch(&mut b.machine, files, false).unwrap();
    assert_eq!(b.words(), [4, 5, 6], "the pointer first");
    for id in [NIC, NIC + 1] {
        assert_eq!(b.driver.read_context(&mut b.machine, DeviceId(id)).unwrap().0[4..7], [0; 3], "{id:#x}");
    }
    b.machine.log.clear();
    b.driver.msi_switch(&mut b.machine, files, true).unwrap();
    assert_eq!(b.words(), [5, 6, 4], "the pointer last");
    let own = b.driver.context_of(files).unwrap();
    for id in [NIC, NIC + 1] {
        assert_eq!(b.driver.read_context(&mut b.machine, DeviceId(id)).unwrap().0[4..7], own.0[4..7], "{id:#x}");
    }
    let first = b.machine.log.iter().find_map(|action| match action {
        super::mock::Action::Begin(Operation { promise, reconfiguration, .. }) => Some((*promise, *reconfiguration)),
        _ => None,
    });
    assert_eq!(first, Some((Promise::Hitless, true)));
}

#[test]
fn what_a_switched_table_leaves_under_the_gscid_goes_last_where_tags_alone_are_flushed() {
    for (quirk, files, sent) in [(None, 4, 4), (None, 32, 1), (Some(Quirk::SkipMsiFlush), 4, 0)] {
        let quirks = quirk.map(Quirks::from).unwrap_or_default();
        let options = Options { flush: FlushPolicy::Tags, quirks, ..Options::default() };
        let mut b = Bench::new(CAPS | MSI_FLAT, options);
        let window = MsiWindow { files, ..WINDOW };
        let domain = parent(&mut b, window).unwrap();
        let disk = b.driver.add_device(&mut b.machine, "disk", &[DeviceId(NIC + 1)]).unwrap();
        b.attach(domain);
        b.driver.attach(&mut b.machine, disk, Target::Domain(domain)).unwrap();
        b.driver.detach(&mut b.machine, disk).unwrap();
        for attached in [true, false] {
            b.machine.log.clear();
            b.driver.msi_switch(&mut b.machine, domain, !attached).unwrap();
            let seen = b.machine.invalidations();
            let gvma = seen.iter().filter(|seen| matches!(seen, Seen::Gvma { .. })).count();
            assert_eq!(gvma, sent, "{seen:?}");
            assert!(seen[seen.len() - sent..].iter().all(|seen| matches!(seen, Seen::Gvma { .. })), "last: {seen:?}");
            if attached {
                b.driver.detach(&mut b.machine, b.nic).unwrap();
            }
        }
    }
}

const MSI_MRIF: u64 = 1 << 23;
const IN_MEMORY: MemoryFile = MemoryFile { address: 0xb800_0200, notice: 0xb900_3000, nid: 0x4ab };

#[test]
fn files_in_memory_are_refused_as_well() {
    use Errno::{EINVAL, EOPNOTSUPP, ERANGE};
    for (caps, file, errno) in [
        (0, IN_MEMORY, EOPNOTSUPP),
        (MSI_MRIF, MemoryFile { address: 0xb800_0100, ..IN_MEMORY }, EINVAL),
        (MSI_MRIF, MemoryFile { address: 1 << 56, ..IN_MEMORY }, ERANGE),
        (MSI_MRIF, MemoryFile { notice: 0xb900_3200, ..IN_MEMORY }, EINVAL),
        (MSI_MRIF, MemoryFile { notice: 1 << 56, ..IN_MEMORY }, ERANGE),
        (MSI_MRIF, MemoryFile { nid: 0x800, ..IN_MEMORY }, ERANGE),
    ] {
        let mut b = Bench::new(CAPS | MSI_FLAT | caps, Options::default());
        let files = parent(&mut b, WINDOW).unwrap();
        b.driver.msi_map(&mut b.machine, files, 1, PAGE).unwrap();
        let before = b.driver.books();
        for map in [true, false] {
            let target = MsiTarget::Memory(file);
            let done = if map {
                b.driver.msi_map(&mut b.machine, files, 2, target)
            } else {
                b.driver.msi_move(&mut b.machine, files, 1, target)
            };
            assert_eq!(done.expect_err("refused").errno(), Some(errno), "{file:?}");
            assert_eq!(before.difference(&b.driver.books()), None, "{file:?}");
        }
    }
}

/// What is stored at an entry and what is flushed, in their order.
fn changes(b: &Bench, entry: u64) -> Vec<(u64, u64)> {
    let of_entry = |action: &super::mock::Action| match action {
        super::mock::Action::Store(addr, value) if addr & !15 == entry => Some((addr - entry, *value)),
        super::mock::Action::Command(Seen::Gvma { .. }) => Some((FLUSH, 0)),
        _ => None,
    };
    b.machine.log.iter().filter_map(of_entry).collect()
}

/// In a list of changes
const FLUSH: u64 = 99;

#[test]
fn an_entry_goes_from_mode_to_mode_by_stores_that_count_one_by_one() {
    let mut b = Bench::new(CAPS | MSI_FLAT | MSI_MRIF, Options::default());
    let files = parent(&mut b, WINDOW).unwrap();
    b.attach(files);
    let entry = ((b.context()[4] & 0xfff_ffff_ffff) << 12) + 16 * 3;
    // V, M = 1, the address from bit 9 on at bit 7; the page of the notice at bit 10, the identity at 9:0 and 60.
    let first = 0xb800_0200_u64 >> 9 << 7 | 3;
    let second = 0xb900_3000_u64 >> 2 | 0x0ab | 1 << 60;
    let page = PAGE >> 2 | 7;
    let other = MemoryFile { address: 0xb800_0400, nid: 7, ..IN_MEMORY };
    let (other_first, other_second) = (0xb800_0400_u64 >> 9 << 7 | 3, 0xb900_3000_u64 >> 2 | 7);
    b.machine.log.clear();
    b.driver.msi_map(&mut b.machine, files, 3, MsiTarget::Memory(IN_MEMORY)).unwrap();
    assert_eq!(changes(&b, entry), [(8, second), (FLUSH, 0), (0, first)], "the rest may be cached though V was clear");
    for (target, expected) in [
        (MsiTarget::Page(PAGE), vec![(0, page), (FLUSH, 0)]),
        (MsiTarget::Memory(IN_MEMORY), vec![(8, second), (FLUSH, 0), (0, first), (FLUSH, 0)]),
        (
            MsiTarget::Memory(other),
            vec![(0, 0), (FLUSH, 0), (8, other_second), (FLUSH, 0), (0, other_first), (FLUSH, 0)],
        ),
        (MsiTarget::Memory(MemoryFile { nid: 0x4ab, ..other }), vec![(8, second), (FLUSH, 0)]),
        (MsiTarget::Memory(IN_MEMORY), vec![(0, first), (FLUSH, 0)]),
    ] {
        b.machine.log.clear();
        b.driver.msi_move(&mut b.machine, files, 3, target).unwrap();
        assert_eq!(changes(&b, entry), expected, "to {target:?}");
    }
}
