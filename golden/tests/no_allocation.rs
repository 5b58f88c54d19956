// SPDX-License-Identifier: Apache-2.0
//! A walk allocates nothing, whatever comes of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use golden::{Access, DeviceId, Iommu, MsiPte0, Msiptp, Outcome, Parameters, Pte, Request, offset, translate};

#[expect(dead_code, reason = "the tests of the model use the rest")]
#[path = "support/mod.rs"]
mod support;
use support::{R, Scheme, U, W, World, all_capabilities, leaf};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call is handed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test in this program, so that nothing else allocates meanwhile.
#[test]
fn walks_do_not_allocate() {
    let caps = all_capabilities().with_msi_flat(false).with_msi_mrif(false);
    let mut world = World::new(caps, Some(Scheme::SV39), Some(Scheme::SV39X4));
    world.map_second(0x5000, leaf(0x8000, R | W | U), 0);
    world.map_first(0x1000, leaf(0x5000, R | W | U), 0);
    world.dc.tc = world.dc.tc.with_gade(true);
    world.add_process(3, 0x12345, 1);
    world.arena.writes.reserve(1000);
    let clean = world.map_second(0x6000, Pte(leaf(0x9000, R | W | U).0 & !0xc0), 0);
    world.map_first(0x2000, leaf(0x6000, R | W | U), 0);
    let mut iommu = Iommu::new(&Parameters::new(caps));
    iommu.write_register(&mut world.arena, offset::DDTP, 8, world.config.ddtp.0);

    let mut msi = World::new(all_capabilities(), None, Some(Scheme::SV32X4));
    let table = msi.arena.pages(1);
    msi.arena.set(table, MsiPte0(0).with_v(true).with_m(3).with_ppn(0x12345).0);
    msi.dc.msiptp = Msiptp(0).with_mode(1).with_ppn(table >> 12);
    msi.dc.msi_addr_pattern = 7;
    msi.store_dc();

    let process = Some(golden::ProcessId(0x12345));
    let good = Request { process, ..world.request(Access::Write, 0x1000) };
    let update = Request { process, ..world.request(Access::Write, 0x2000) };
    let fault = Request { process, ..world.request(Access::Write, 0x3000) };
    let stranger = Request { device: DeviceId(9), ..good };
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let mut passed = 0;
    for request in [good, update, fault, stranger] {
        passed += u32::from(matches!(translate(&world.config, &mut world.arena, &request), Outcome::Translated(_)));
        passed += u32::from(matches!(iommu.translate(&mut world.arena, &request), Outcome::Translated(_)));
    }
    for iova in [0x7000, 0x8000] {
        let request = msi.request(Access::Write, iova);
        passed += u32::from(matches!(translate(&msi.config, &mut msi.arena, &request), Outcome::Translated(_)));
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
    assert_eq!(passed, 5);
    assert_eq!(world.arena.get(clean) & 0xc0, 0xc0, "A and D were updated on the way");
}
