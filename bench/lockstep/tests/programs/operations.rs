// SPDX-License-Identifier: Apache-2.0
//! The operations of a program, call by call.

use driver::format::{Invalidation, PageSize, Prot, Pte};
use driver::plan::Class;
use driver::{ApiError, Device, Domain, HwptRequest, Machine, Mapping, MsiWindow, Partial, Target};
use events::{Operation, Promise};
use golden::{DeviceId, Spa};

use super::play::{DomainHandle, Player};
use super::program::{DomainSpec, FILES, MSI, Op, TABLE_PAGES, TABLES, To};

const PAGE: u64 = 4096;
const LARGE: u64 = 2 << 20;
const NOTHING: ApiError = ApiError::Invalid("nothing to be done");

fn own(name: &str) -> Operation {
    Operation { name: name.into(), promise: Promise::Effective, reconfiguration: false }
}

impl Player<'_> {
    pub fn op(&mut self, op: &Op) -> Result<(), ApiError> {
        match *op {
            Op::Attach { device, to } => {
                let target = self.target(to)?;
                self.driver.attach(&mut self.computer, self.devices[device], target)
            }
            Op::Replace { device, to } => {
                let (target, device) = (self.target(to)?, self.devices[device]);
                if self.goes_by_hops(device, target) {
                    self.driver.detach(&mut self.computer, device)?;
                    return self.driver.attach(&mut self.computer, device, target);
                }
                self.driver.replace(&mut self.computer, device, target)
            }
            Op::Detach { device } => self.driver.detach(&mut self.computer, self.devices[device]),
            Op::EnableProcesses { device, mode } => {
                self.leave_identity(device)?;
                self.driver.enable_processes(&mut self.computer, self.devices[device], mode)
            }
            Op::DisableProcesses { device } => self.driver.disable_processes(&mut self.computer, self.devices[device]),
            Op::AttachProcess { device, process, to } => {
                let target = self.target(to)?;
                self.driver.attach_process(&mut self.computer, self.devices[device], process, target)
            }
            Op::ReplaceProcess { device, process, to } => {
                let target = self.target(to)?;
                self.driver.replace_process(&mut self.computer, self.devices[device], process, target)
            }
            Op::DetachProcess { device, process } => {
                self.driver.detach_process(&mut self.computer, self.devices[device], process)
            }
            Op::Map { domain, iova, bytes, page, prot, output } => self.map(domain, iova, bytes, page, prot, output),
            Op::Unmap { domain, iova, bytes, give_up } => self.unmap(domain, iova, bytes, give_up),
            Op::Cut { domain, at } => {
                let made = self.made(domain)?.domain;
                self.driver.cut_mapping(made, at)?;
                let areas = &mut self.made_mut(domain)?.areas;
                let across = areas.range(..at).next_back().map(|(&start, &(to, bytes))| (start, to, bytes));
                if let Some((start, to, bytes)) = across.filter(|&(start, _, bytes)| at - start < bytes) {
                    areas.insert(start, (to, at - start));
                    areas.insert(at, (to + (at - start), bytes - (at - start)));
                }
                Ok(())
            }
            Op::Protect { domain, iova, bytes, prot } => {
                let made = self.made(domain)?.domain;
                self.driver.protect(&mut self.computer, made, iova, bytes, prot)?;
                // All of them translate again to what the driver has noted.
                self.made_mut(domain)?.touched.retain(|at| *at < iova || *at >= iova + bytes);
                Ok(())
            }
            Op::Split { domain, iova } => {
                let made = self.made(domain)?.domain;
                self.driver.split_page(&mut self.computer, made, iova)
            }
            Op::Merge { domain, iova } => {
                let made = self.made(domain)?;
                if made.touched.iter().any(|at| at / LARGE == iova / LARGE) {
                    return Err(NOTHING);
                }
                let made = made.domain;
                self.driver.merge_pages(&mut self.computer, made, iova, PageSize::SIZE_2M)
            }
            Op::MsiMap { domain, file } => {
                let made = self.made(domain)?.domain;
                let page = self.ram.take(PAGE);
                self.computer.taken(Spa(page), PAGE);
                let done = self.driver.msi_map(&mut self.computer, made, file, page);
                self.file(domain, file, page, &done, true, true)?;
                done
            }
            Op::MsiMove { domain, file, give_up } => {
                let made = self.made(domain)?.domain;
                let page = self.ram.take(PAGE);
                self.computer.taken(Spa(page), PAGE);
                let done = self.driver.msi_move(&mut self.computer, made, file, page);
                self.file(domain, file, page, &done, give_up, true)?;
                done
            }
            Op::MsiUnmap { domain, file, give_up } => {
                let made = self.made(domain)?.domain;
                let done = self.driver.msi_unmap(&mut self.computer, made, file);
                self.file(domain, file, 0, &done, give_up, false)?;
                done
            }
            Op::MsiSwitch { domain, on } => {
                let made = self.made(domain)?.domain;
                self.driver.msi_switch(&mut self.computer, made, on)
            }
            Op::HideTable { domain, page, wait } => self.hide_table(domain, page, wait),
            Op::Create { domain } => self.create(domain),
            Op::Free { domain } => self.free(domain),
            Op::Drain => self.driver.drain_faults(&mut self.computer).map(|_| ()),
            Op::OwnPte { domain, iova, writable, moved, far } => self.own_pte(domain, iova, writable, moved, far),
            Op::OwnContext { device, to, wait } => self.own_context(device, to, wait),
            Op::OwnInvalidation { which, fence } => self.own_invalidation(which, fence),
            Op::FailAllocation { nth } => {
                self.driver.fail_allocation(Some(nth));
                Ok(())
            }
        }
    }

    /// The driver's way from one context to the other shows a state on the way that is neither: requests meanwhile see
    /// it, and by rule S1 that is software's fault. So the way is by "detached" here.
    fn goes_by_hops(&self, device: Device, target: Target) -> bool {
        self.driver.plan(device, target).is_ok_and(|plan| plan.class == Class::Hops)
    }

    /// The same where a process directory comes or goes: requests with a process ID pass by it meanwhile.
    fn leave_identity(&mut self, device: usize) -> Result<(), ApiError> {
        let device = self.devices[device];
        if self.driver.target(device)? == Some(Target::Identity) {
            self.driver.detach(&mut self.computer, device)?;
        }
        Ok(())
    }

    fn give_up(&mut self, at: u64, bytes: u64) {
        self.computer.freed(Spa(at), bytes);
        self.ram.give(at, bytes);
    }

    /// Notes where an interrupt file leads, and gives up where it led.
    fn file(
        &mut self,
        domain: usize,
        file: u32,
        page: u64,
        done: &Result<(), ApiError>,
        give_up: bool,
        taken: bool,
    ) -> Result<(), ApiError> {
        if let Err(error) = done {
            if taken && error.errno().is_some() {
                self.ram.give(page, PAGE);
            }
            return Ok(());
        }
        let files = &mut self.made_mut(domain)?.files;
        let old = if taken { files.insert(file, page) } else { files.remove(&file) };
        if let Some(old) = old.filter(|_| give_up) {
            self.give_up(old, PAGE);
        }
        Ok(())
    }

    fn map(
        &mut self,
        domain: usize,
        iova: u64,
        bytes: u64,
        page: Option<PageSize>,
        prot: Prot,
        output: Option<u64>,
    ) -> Result<(), ApiError> {
        let made = self.made(domain)?;
        let (own, guest) = (made.domain, made.guest);
        if let Some((_, table)) = guest {
            let mapping = Mapping { iova, output: output.unwrap_or(iova), bytes, prot, page };
            return self.driver.guest_map(&mut self.computer, table, mapping);
        }
        let to = self.ram.take(bytes);
        let mapping = Mapping { iova, output: to, bytes, prot, page };
        let done = self.driver.map(&mut self.computer, own, mapping);
        match &done {
            Ok(()) => {
                self.made_mut(domain)?.areas.insert(iova, (to, bytes));
            }
            Err(_) => self.ram.give(to, bytes),
        }
        done
    }

    fn unmap(&mut self, domain: usize, iova: u64, bytes: u64, give_up: bool) -> Result<(), ApiError> {
        let made = self.made(domain)?;
        if let Some((_, table)) = made.guest {
            return self.driver.guest_unmap(&mut self.computer, table, iova, bytes);
        }
        let own = made.domain;
        self.driver.unmap(&mut self.computer, own, iova, bytes)?;
        let made = self.made_mut(domain)?;
        let gone: Vec<(u64, (u64, u64))> = made.areas.range(iova..iova + bytes).map(|(&at, &to)| (at, to)).collect();
        made.areas.retain(|at, _| !gone.iter().any(|(own, _)| own == at));
        made.touched.retain(|at| *at < iova || *at >= iova + bytes);
        for (_, (to, bytes)) in gone {
            if give_up {
                self.give_up(to, bytes);
            }
        }
        Ok(())
    }

    fn create(&mut self, domain: usize) -> Result<(), ApiError> {
        if self.domains[domain].is_some() {
            return Err(ApiError::Busy("it is there"));
        }
        let name = format!("dom{domain}");
        let (request, guest) = match self.program.domains[domain] {
            DomainSpec::Paging { scheme } => (HwptRequest::paging(&name).scheme(scheme), None),
            DomainSpec::Parent { scheme, msi } => {
                let request = HwptRequest::nest_parent(&name).scheme(scheme);
                let window = MsiWindow { address: MSI, files: FILES };
                (if msi { request.msi(window) } else { request }, None)
            }
            DomainSpec::Nested { parent, scheme, pscid } => {
                let parent = self.made(parent)?.domain;
                let gpa = TABLES + domain as u64 * LARGE;
                let guest = self.driver.guest_alloc(&mut self.computer, parent, gpa, TABLE_PAGES * PAGE)?;
                let table = self.driver.guest_table(&mut self.computer, guest, Some(scheme), pscid);
                let table = match table {
                    Ok(table) => table,
                    Err(error) => {
                        self.driver.guest_free(&mut self.computer, guest)?;
                        return Err(error);
                    }
                };
                let data = self.driver.nested_data(table)?;
                (HwptRequest::nested(&name, parent, data), Some((guest, table)))
            }
        };
        match self.driver.hwpt_alloc(&mut self.computer, &request) {
            Ok(made) => {
                let (areas, files) = Default::default();
                self.domains[domain] = Some(DomainHandle { domain: made, guest, areas, files, touched: Vec::new() });
                Ok(())
            }
            Err(error) => {
                if let Some((guest, table)) = guest {
                    self.driver.guest_table_free(&mut self.computer, table)?;
                    self.driver.guest_free(&mut self.computer, guest)?;
                }
                Err(error)
            }
        }
    }

    pub fn free(&mut self, domain: usize) -> Result<(), ApiError> {
        let made = self.made(domain)?.clone();
        self.driver.hwpt_free(&mut self.computer, made.domain)?;
        self.domains[domain] = None;
        for (to, bytes) in made.areas.into_values().chain(made.files.into_values().map(|page| (page, PAGE))) {
            self.give_up(to, bytes);
        }
        if let Some((guest, table)) = made.guest {
            self.driver.guest_table_free(&mut self.computer, table)?;
            self.driver.guest_free(&mut self.computer, guest)?;
        }
        Ok(())
    }

    fn hide_table(&mut self, domain: usize, page: u64, wait: u64) -> Result<(), ApiError> {
        let DomainSpec::Nested { parent, .. } = self.program.domains[domain] else { return Err(NOTHING) };
        self.made(domain)?;
        let parent = self.made(parent)?.domain;
        let gpa = TABLES + domain as u64 * LARGE + page * PAGE;
        let Some(leaf) = self.driver.walk(&mut self.computer, parent, gpa)? else { return Err(NOTHING) };
        self.driver.cut_mapping(parent, gpa)?;
        self.driver.cut_mapping(parent, gpa + PAGE)?;
        // First-stage entries that were read by way of it may still be used: what is not changed is not stale.
        self.computer.shadow.pause();
        self.driver.unmap(&mut self.computer, parent, gpa, PAGE)?;
        self.computer.wait(wait)?;
        let page = Some(PageSize::SIZE_4K);
        let mapping = Mapping { iova: gpa, output: leaf.output, bytes: PAGE, prot: Prot::RW, page };
        // It must come back, or the guest could not be freed.
        let armed = self.driver.failing_in();
        self.driver.fail_allocation(None);
        self.driver.map(&mut self.computer, parent, mapping)?;
        self.computer.shadow.go_on();
        self.driver.fail_allocation(armed);
        Ok(())
    }

    /// "The only PTE update supported by the IOMMU without first clearing the V bit …": so V is cleared first.
    fn own_pte(&mut self, domain: usize, iova: u64, writable: bool, moved: bool, far: bool) -> Result<(), ApiError> {
        let made = self.made(domain)?;
        let (own_domain, guest) = (made.domain, made.guest);
        let leaf = match guest {
            Some((_, table)) => self.driver.guest_walk(&mut self.computer, table, iova)?,
            None => self.driver.walk(&mut self.computer, own_domain, iova)?,
        };
        let Some(leaf) = leaf.filter(|leaf| leaf.size == PageSize::SIZE_4K) else { return Err(NOTHING) };
        let mut to = leaf.pte.addr();
        if moved {
            to = if guest.is_some() { to ^ PAGE } else { self.ram.take(PAGE) };
        }
        let (gscid, pscid) = self.driver.tags(own_domain)?;
        let addr = (!far).then_some(iova);
        let invalidation = match (guest, pscid) {
            (Some(_), _) => Invalidation::Vma { gscid: None, pscid, addr },
            (None, Some(_)) => Invalidation::Vma { gscid, pscid, addr },
            (None, None) => Invalidation::Gvma { gscid, addr },
        };
        if guest.is_none() {
            self.computer.taken(Spa(to), PAGE);
        }
        self.made_mut(domain)?.touched.push(iova);
        self.computer.begin(own("own entry"));
        let done = self.own_entry(
            own_domain,
            guest.map(|(_, table)| table),
            iova,
            invalidation,
            |old| {
                if old.valid() { Pte(old.0 & !1) } else { Pte::leaf(to, if writable { Prot::RW } else { Prot::R }) }
            },
            leaf.pte,
        );
        self.computer.end(done.is_ok());
        done
    }

    fn own_entry(
        &mut self,
        domain: Domain,
        table: Option<driver::GuestTable>,
        iova: u64,
        invalidation: Invalidation,
        next: impl Fn(Pte) -> Pte,
        old: Pte,
    ) -> Result<(), ApiError> {
        let cleared = next(old);
        let computer = &mut self.computer;
        match table {
            Some(table) => {
                self.driver.set_guest_pte(computer, table, iova, PageSize::SIZE_4K, cleared)?;
                let done = self.driver.cache_invalidate(computer, domain, &[invalidation.command()]);
                done.map_err(|Partial { error, .. }| error)?;
                self.driver.set_guest_pte(computer, table, iova, PageSize::SIZE_4K, next(cleared))
            }
            None => {
                self.driver.set_pte(computer, domain, iova, PageSize::SIZE_4K, cleared)?;
                self.driver.invalidate(computer, invalidation)?;
                self.driver.fence(computer)?;
                self.driver.set_pte(computer, domain, iova, PageSize::SIZE_4K, next(cleared))
            }
        }
    }

    /// Section "Changing device directory table entry", there and back.
    fn own_context(&mut self, device: usize, to: To, wait: u64) -> Result<(), ApiError> {
        let handle = self.devices[device];
        let current = self.driver.target(handle)?.ok_or(NOTHING)?;
        let (from, to) = (self.context(current)?, self.context(self.target(to)?)?);
        if self.driver.has_processes(handle)? || !from.valid() || !to.valid() {
            return Err(NOTHING);
        }
        let ids: Vec<DeviceId> = self.program.devices[device].ids.iter().copied().map(DeviceId).collect();
        self.computer.begin(own("own context, there"));
        let done = self.own_change(&ids, from, to);
        self.computer.end(done.is_ok());
        done?;
        self.computer.wait(wait)?;
        self.computer.begin(own("own context, back"));
        let done = self.own_change(&ids, to, from);
        self.computer.end(done.is_ok());
        done
    }

    fn own_invalidation(&mut self, which: u64, fence: bool) -> Result<(), ApiError> {
        let addr = (which & 1 != 0).then_some(super::program::DATA);
        let gscid = (which & 2 != 0).then_some((which >> 8 & 3) as u16);
        let pscid = (which & 4 != 0).then_some((which >> 16 & 3) as u32);
        let device = self.program.devices[0].ids[0];
        let invalidation = match which >> 32 & 3 {
            0 => Invalidation::Vma { gscid, pscid, addr },
            1 => Invalidation::Gvma { gscid, addr },
            2 => Invalidation::Ddt { device: (which & 1 != 0).then_some(device) },
            _ => Invalidation::Ddt { device: Some(device) },
        };
        self.driver.invalidate(&mut self.computer, invalidation)?;
        if fence { self.driver.fence(&mut self.computer) } else { Ok(()) }
    }
}
