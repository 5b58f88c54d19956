// SPDX-License-Identifier: Apache-2.0
//! Sets a machine up for a case: domains, devices, page tables, by the driver.

use driver::format::{Invalidation, PageSize, Prot, Pte, Scheme};
use driver::{ApiError, Domain, Driver, HwptRequest, Machine as _, Mapping, MsiWindow, Options, Resources, Target};
use events::{Burst, Direction, DmaRequest};
use golden::{DdtMode, Ddtp, DeviceId, Iova, Spa, offset};
use testbench::Testbench;

use super::addresses::{DATA, DEVICE, FILES, GUEST_DATA, GUEST_TABLES, IOVA, NEIGHBOUR, POOL};
use super::case::{Page, Tables};
use super::plan::Touch;

/// N of a leaf, and the page number that says 64 KiB.
const NAPOT: u64 = 1 << 63;
const NAPOT_64K: u64 = 0x8000;

/// Memory for the page tables of a guest: in small pages, and in one large one.
const GUEST_BYTES: u64 = 64 << 12;

/// What a fence may take, in cycles: a device that is slow is no device that hangs.
pub(super) const PATIENCE: u64 = 2_000_000;

/// A machine that is ready for the requests of a case.
pub(super) struct Machine {
    /// None where there is no directory
    pub driver: Option<Driver>,
    /// Address of page 0, and the distance of the pages
    base: u64,
    page: u64,
    is_msi: bool,
    /// Pages that are mapped
    pages: u64,
    /// Stream by stream another one, and around again
    devices: u64,
}

impl Machine {
    /// Makes it, with so many pages mapped for so many devices.
    pub(super) fn new(bench: &mut Testbench, tables: Tables, pages: u64, devices: u64) -> Result<Machine, ApiError> {
        let page = match tables {
            Tables::First(page) | Tables::Second(page) | Tables::Nested(page) => page,
            Tables::Bare | Tables::Identity | Tables::Msi => Page::Small,
        };
        let (base, is_msi) = match tables {
            Tables::Bare | Tables::Identity => (DATA, false),
            Tables::First(_) | Tables::Second(_) | Tables::Nested(_) => (IOVA, false),
            Tables::Msi => (FILES, true),
        };
        let mut machine = Machine { driver: None, base, page: page.bytes(), is_msi, pages, devices };
        if tables == Tables::Bare {
            bench.write_register(offset::DDTP, 8, Ddtp(0).with_mode(DdtMode::Bare).0)?;
            return Ok(machine);
        }
        let options = Options { bound: PATIENCE, ..Options::default() };
        let resources = Resources::with_pool(Spa(POOL.start)..Spa(POOL.end));
        let mut driver = Driver::probe(bench, &resources, options)?;
        let target = match tables {
            Tables::Bare | Tables::Identity => Target::Identity,
            Tables::First(page) => Target::Domain(first_stage(bench, &mut driver, page, pages)?),
            Tables::Second(page) => Target::Domain(second_stage(bench, &mut driver, IOVA, page, pages)?),
            Tables::Nested(page) => Target::Domain(nested(bench, &mut driver, page, pages)?),
            Tables::Msi => Target::Domain(with_files(bench, &mut driver, pages)?),
        };
        let asking = (0..devices as u32).map(|device| DEVICE + device);
        for id in asking.chain([NEIGHBOUR]) {
            let device = driver.add_device(bench, &format!("device {id:#x}"), &[DeviceId(id)])?;
            driver.attach(bench, device, target)?;
        }
        machine.driver = Some(driver);
        Ok(machine)
    }

    /// A request of a stream.
    pub(super) fn request(&self, stream: u64, touch: Touch, beats: u16) -> DmaRequest {
        let device = DeviceId(DEVICE + (stream % self.devices) as u32);
        let direction = if touch.write || self.is_msi { Direction::Write } else { Direction::Read };
        // A large page is asked for in all its parts, one after another: 37 has no divisor in common with their number.
        let part = ((touch.offset / 64 * 37) % (self.page >> 12)) << 12;
        let iova = self.base + touch.page * self.page + if self.is_msi { 0 } else { part + touch.offset };
        // An MSI is four bytes.
        let burst = if self.is_msi { Burst { size: 2, ..Burst::incr(1) } } else { Burst::incr(beats) };
        let data = match direction {
            Direction::Read => Vec::new(),
            Direction::Write => (0..burst.beats()).map(|beat| (iova, burst.lanes(iova, beat))).collect(),
        };
        DmaRequest { data, ..DmaRequest::new(direction, device, Iova(iova), burst) }
    }

    /// A request for a page that is not mapped.
    pub(super) fn refused(&self) -> DmaRequest {
        let iova = self.base + self.pages * self.page;
        DmaRequest::new(Direction::Read, DeviceId(NEIGHBOUR), Iova(iova), Burst::incr(1))
    }

    /// Invalidates all that a device may have cached.
    pub(super) fn forget_all(&mut self, bench: &mut Testbench) -> Result<(), ApiError> {
        let Some(driver) = &mut self.driver else { return Ok(()) };
        let context = driver.read_context(bench, DeviceId(DEVICE))?;
        // Without a GSCID the command means the first stages of the host alone.
        let gscid = context.has_second_stage().then(|| context.gscid());
        let all = [
            Invalidation::Ddt { device: None },
            Invalidation::Vma { gscid, pscid: None, addr: None },
            Invalidation::Gvma { gscid: None, addr: None },
        ];
        self.invalidate(bench, &all)
    }

    /// Invalidates all that it may have cached of the device directory.
    pub(super) fn forget_directory(&mut self, bench: &mut Testbench) -> Result<(), ApiError> {
        self.invalidate(bench, &[Invalidation::Ddt { device: None }])
    }

    /// Invalidates the page behind the last one.
    pub(super) fn forget_nothing(&mut self, bench: &mut Testbench) -> Result<(), ApiError> {
        let Some(driver) = &mut self.driver else { return Ok(()) };
        let context = driver.read_context(bench, DeviceId(DEVICE))?;
        let gscid = context.has_second_stage().then(|| context.gscid());
        let addr = Some(self.base + self.pages * self.page);
        self.invalidate(bench, &[Invalidation::Vma { gscid, pscid: Some(context.pscid()), addr }])
    }

    fn invalidate(&mut self, bench: &mut Testbench, all: &[Invalidation]) -> Result<(), ApiError> {
        let Some(driver) = &mut self.driver else { return Ok(()) };
        for &one in all {
            driver.invalidate(bench, one)?;
        }
        driver.fence(bench)
    }
}

/// Sv39 or Sv39x4 where it is there, so that devices are compared by the same walk; else the largest.
fn scheme(bench: &mut Testbench, driver: &Driver, wanted: Scheme) -> Result<Option<Scheme>, ApiError> {
    Ok(driver.hw_info(bench)?.capabilities.supports(wanted).then_some(wanted))
}

fn mapping(iova: u64, output: u64, page: Page, pages: u64) -> Mapping {
    let size = if page == Page::Large { PageSize::SIZE_2M } else { PageSize::SIZE_4K };
    Mapping { iova, output, bytes: pages * page.bytes(), prot: Prot::RW, page: Some(size) }
}

fn first_stage(bench: &mut Testbench, driver: &mut Driver, page: Page, pages: u64) -> Result<Domain, ApiError> {
    let request = HwptRequest { scheme: scheme(bench, driver, Scheme::Sv39)?, ..HwptRequest::paging("pages") };
    let domain = driver.hwpt_alloc(bench, &request)?;
    driver.map(bench, domain, mapping(IOVA, DATA, page, pages))?;
    make_napot(bench, driver, domain, page, pages)?;
    Ok(domain)
}

fn second_stage(
    bench: &mut Testbench,
    driver: &mut Driver,
    from: u64,
    page: Page,
    pages: u64,
) -> Result<Domain, ApiError> {
    let request = HwptRequest { scheme: scheme(bench, driver, Scheme::Sv39x4)?, ..HwptRequest::nest_parent("guest") };
    let domain = driver.hwpt_alloc(bench, &request)?;
    driver.map(bench, domain, mapping(from, DATA, page, pages))?;
    make_napot(bench, driver, domain, page, pages)?;
    Ok(domain)
}

/// Sixteen entries that say 64 KiB take the place of sixteen that say 4 KiB. No device has seen them.
fn make_napot(
    bench: &mut Testbench,
    driver: &mut Driver,
    domain: Domain,
    page: Page,
    pages: u64,
) -> Result<(), ApiError> {
    if page != Page::Napot {
        return Ok(());
    }
    for small in 0..pages * (Page::Napot.bytes() >> 12) {
        let large = (small * 4096) & !(Page::Napot.bytes() - 1);
        let leaf = Pte(Pte::leaf(DATA + large + NAPOT_64K, Prot::RW).0 | NAPOT);
        driver.set_pte(bench, domain, IOVA + small * 4096, PageSize::SIZE_4K, leaf)?;
    }
    Ok(())
}

fn nested(bench: &mut Testbench, driver: &mut Driver, page: Page, pages: u64) -> Result<Domain, ApiError> {
    let parent = second_stage(bench, driver, GUEST_DATA, page, pages)?;
    // Tables in a page of the size of the others.
    let bytes = GUEST_BYTES.max(page.bytes());
    let guest = driver.guest_alloc(bench, parent, GUEST_TABLES, bytes)?;
    let first = scheme(bench, driver, Scheme::Sv39)?;
    let table = driver.guest_table(bench, guest, first, 1)?;
    driver.guest_map(bench, table, mapping(IOVA, GUEST_DATA, page, pages))?;
    let data = driver.nested_data(table)?;
    driver.hwpt_alloc(bench, &HwptRequest::nested("nested", parent, data))
}

/// Each page is an interrupt file of its own.
fn with_files(bench: &mut Testbench, driver: &mut Driver, pages: u64) -> Result<Domain, ApiError> {
    let files = pages.next_power_of_two() as u32;
    let request = HwptRequest { scheme: scheme(bench, driver, Scheme::Sv39x4)?, ..HwptRequest::nest_parent("guest") };
    let domain = driver.hwpt_alloc(bench, &request.msi(MsiWindow { address: FILES, files }))?;
    for file in 0..files {
        driver.msi_map(bench, domain, file, DATA + u64::from(file) * 4096)?;
    }
    Ok(domain)
}
