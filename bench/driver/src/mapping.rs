// SPDX-License-Identifier: Apache-2.0
//! `map` and `unmap`, and what else changes a page table under traffic.

use events::{Operation, Promise};
use golden::Spa;

use super::alloc::Allocator;
use super::domain_state::{Kind, Paging, Tag};
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Invalidation, PAGE, PageSize, Prot, Pte, Scheme, Stage};
use super::handles::Domain;
use super::host_memory::HostMemory;
use super::machine::Machine;
use super::quirk::Quirk;
use super::table::{Gather, Leaf, PageTable, Slot, TableMemory};

/// A range to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Input address: IOVA, or guest physical address for a second stage
    pub iova: u64,
    /// Output address
    pub output: u64,
    /// Length, a multiple of 4 KiB
    pub bytes: u64,
    /// Permissions and marks
    pub prot: Prot,
    /// All pages of this size; without it, each as large as it can be
    pub page: Option<PageSize>,
}

impl Driver {
    /// Maps a range, as one mapping: it can only be unmapped whole.
    ///
    /// Nothing is flushed: entries with V clear may not be cached.
    ///
    /// # Errors
    /// ENOENT; EINVAL on a nested domain, and for what is not aligned or makes no sense; ERANGE for addresses that
    /// the domain or the machine does not have; EEXIST for an overlap; EOPNOTSUPP for memory types without Svpbmt;
    /// ENOMEM. Then nothing is mapped.
    pub fn map(&mut self, machine: &mut dyn Machine, domain: Domain, mapping: Mapping) -> Result<(), ApiError> {
        let name = format!("map {}: {:#x}+{:#x}", self.domain_name(domain), mapping.iova, mapping.bytes);
        let operation = Operation { name, promise: Promise::Whole, reconfiguration: false };
        let domain = match &self.domain(domain)?.kind {
            Kind::Nested(nested) if self.options.quirks.has(Quirk::MapOnNested) => Domain(nested.parent),
            _ => domain,
        };
        self.operation(machine, operation, |driver, machine| {
            let paging = driver.paging(domain.0)?;
            let limit = 1u64.checked_shl(driver.caps.physical_bits()).unwrap_or(u64::MAX);
            check_mapping(paging.table.scheme(), &mapping, limit)?;
            if mapping.prot.pbmt != 0 && !driver.caps.svpbmt() {
                return Err(ApiError::Unsupported("Svpbmt"));
            }
            check_free(paging, &mapping)?;
            driver.fill(machine, domain, &mapping)?;
            let paging = driver.paging_mut(domain.0)?;
            paging.global |= mapping.prot.global;
            paging.areas.insert(mapping.iova, mapping.bytes);
            Ok(())
        })
    }

    fn fill(&mut self, machine: &mut dyn Machine, domain: Domain, mapping: &Mapping) -> Result<(), ApiError> {
        machine.taken(Spa(mapping.output), mapping.bytes);
        let mut done = 0;
        while done < mapping.bytes {
            let (input, output) = (mapping.iova + done, mapping.output + done);
            let (table, alloc) = self.table_and_alloc(domain)?;
            let size = mapping.page.unwrap_or_else(|| table.largest(input, output, mapping.bytes - done));
            let memory = &mut HostMemory(alloc);
            if let Err(error) = table.map_page(machine, memory, input, output, size, mapping.prot) {
                if done > 0 {
                    // A device may have used these pages already.
                    self.clear(machine, domain, mapping.iova, done)?;
                }
                return Err(error);
            }
            done += size.bytes();
        }
        Ok(())
    }

    /// Unmaps all mappings in a range. When it returns, no device uses them any more, and their memory may be
    /// reused. Returns the bytes that were mapped.
    ///
    /// # Errors
    /// ENOENT if nothing is mapped there, or if a mapping is only partly in the range; EINVAL on a nested domain;
    /// ETIMEDOUT or EIO if the flush fails: the entries are gone, but devices may still use them.
    pub fn unmap(&mut self, machine: &mut dyn Machine, domain: Domain, iova: u64, bytes: u64) -> Result<u64, ApiError> {
        let name = format!("unmap {}: {iova:#x}+{bytes:#x}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Whole, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            let found = whole_areas(driver.paging(domain.0)?, iova, bytes)?;
            driver.clear(machine, domain, iova, bytes)?;
            Ok(found.iter().map(|&(_, bytes)| bytes).sum())
        })
    }

    /// Makes two mappings of the one that goes on across an address, so that a part of it can be unmapped. Nothing is
    /// stored: the page table stays as it is.
    ///
    /// # Errors
    /// ENOENT if the address lies inside a page, or if there is no such domain; EINVAL on a nested domain.
    pub fn cut_mapping(&mut self, domain: Domain, at: u64) -> Result<(), ApiError> {
        let (table, _) = self.table_and_alloc(domain)?;
        if table.leaves(at, 1).iter().any(|&(base, ..)| base != at) {
            return Err(ApiError::Splits { iova: at, bytes: 1 });
        }
        let areas = &mut self.paging_mut(domain.0)?.areas;
        let across = areas.range(..at).next_back().map(|(&start, &bytes)| (start, bytes));
        if let Some((start, bytes)) = across.filter(|&(start, bytes)| at - start < bytes) {
            areas.insert(start, at - start);
            areas.insert(at, bytes - (at - start));
        }
        Ok(())
    }

    /// Changes the permissions of all mappings in a range. Apart from a change of page size, an entry may only be
    /// changed by way of V clear and an invalidation (section "Accessed (A)/Dirty (D) bit updates and page
    /// promotions"): requests meanwhile are refused.
    ///
    /// # Errors
    /// As for [`Driver::unmap`].
    pub fn protect(
        &mut self,
        machine: &mut dyn Machine,
        domain: Domain,
        iova: u64,
        bytes: u64,
        prot: Prot,
    ) -> Result<(), ApiError> {
        let name = format!("protect {}: {iova:#x}+{bytes:#x}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Whole, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            check_prot(prot)?;
            whole_areas(driver.paging(domain.0)?, iova, bytes)?;
            let (table, alloc) = driver.table_and_alloc(domain)?;
            let leaves = table.leaves(iova, bytes);
            let mut gather = Gather::default();
            for &(at, size, pte) in &leaves {
                table.replace_leaf(machine, &HostMemory(alloc), at, size, Pte(pte.0 & !1))?;
                gather.leaves.push((at, size));
                gather.global |= pte.global();
            }
            driver.finish(machine, domain, gather)?;
            let (table, alloc) = driver.table_and_alloc(domain)?;
            for &(at, size, pte) in &leaves {
                table.replace_leaf(machine, &HostMemory(alloc), at, size, Pte::leaf(pte.addr(), prot))?;
            }
            let paging = driver.paging_mut(domain.0)?;
            paging.global |= prot.global;
            Ok(())
        })
    }

    /// Replaces the page at an address by pages of the next smaller size; translations stay as they are.
    ///
    /// # Errors
    /// ENOENT, EINVAL, ENOMEM; ETIMEDOUT or EIO if the flush fails.
    pub fn split_page(&mut self, machine: &mut dyn Machine, domain: Domain, iova: u64) -> Result<(), ApiError> {
        let name = format!("split {}: {iova:#x}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Hitless, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            let (table, alloc) = driver.table_and_alloc(domain)?;
            let gather = table.split(machine, &mut HostMemory(alloc), iova)?;
            driver.finish(machine, domain, gather)
        })
    }

    /// Replaces the pages around an address by one page of a larger size; translations stay as they are.
    ///
    /// # Errors
    /// ENOENT if there is no table of smaller pages; EINVAL if they do not make up one larger page; ETIMEDOUT or EIO
    /// if the flush fails.
    pub fn merge_pages(
        &mut self,
        machine: &mut dyn Machine,
        domain: Domain,
        iova: u64,
        size: PageSize,
    ) -> Result<(), ApiError> {
        let name = format!("merge {}: {iova:#x} to {size}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Hitless, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| {
            // Mappings are unmapped whole, so a page must not reach from one into the next.
            let start = iova / size.bytes() * size.bytes();
            let inside = |(&at, &bytes): (&u64, &u64)| at + (bytes - 1) >= start + (size.bytes() - 1);
            if !driver.paging(domain.0)?.areas.range(..=start).next_back().is_some_and(inside) {
                return Err(ApiError::NotMapped { iova: start, bytes: size.bytes() });
            }
            let (table, alloc) = driver.table_and_alloc(domain)?;
            let gather = table.merge(machine, &HostMemory(alloc), iova, size)?;
            driver.finish(machine, domain, gather)
        })
    }

    /// Stores an entry for an address as it is, at the level of a page size, and flushes nothing. The driver does
    /// not note it: later calls go by what they had written themselves.
    ///
    /// # Errors
    /// ENOENT if there is no table of that level.
    pub fn set_pte(
        &mut self,
        machine: &mut dyn Machine,
        domain: Domain,
        iova: u64,
        size: PageSize,
        pte: Pte,
    ) -> Result<(), ApiError> {
        let at = self.slot(domain, iova, size)?.at;
        Ok(machine.store(at, pte.0)?)
    }

    /// The place of the entry for an address at the level of a page size.
    ///
    /// # Errors
    /// ENOENT if there is no table of that level.
    pub fn slot(&mut self, domain: Domain, iova: u64, size: PageSize) -> Result<Slot, ApiError> {
        let (table, alloc) = self.table_and_alloc(domain)?;
        table.slot(&HostMemory(alloc), iova, size.level())
    }

    /// Looks an address up in the tables of a domain, as they stand in memory.
    ///
    /// # Errors
    /// ENOENT, EINVAL on a nested domain, EIO if a table is not what the driver wrote.
    pub fn walk(&mut self, machine: &mut dyn Machine, domain: Domain, iova: u64) -> Result<Option<Leaf>, ApiError> {
        let (table, alloc) = self.table_and_alloc(domain)?;
        table.walk(machine, &HostMemory(alloc), iova)
    }

    /// Clears a range, flushes it, and frees the tables that it left empty: in this order, or a table would be in
    /// other hands while the IOMMU still reads it (CVE-2025-71202).
    fn clear(&mut self, machine: &mut dyn Machine, domain: Domain, iova: u64, bytes: u64) -> Result<(), ApiError> {
        let (table, alloc) = self.table_and_alloc(domain)?;
        let gather = table.unmap(machine, &HostMemory(alloc), iova, bytes)?;
        let last = iova + (bytes - 1);
        self.paging_mut(domain.0)?.areas.retain(|&start, _| start < iova || start > last);
        self.finish(machine, domain, gather)
    }

    fn finish(&mut self, machine: &mut dyn Machine, domain: Domain, gather: Gather) -> Result<(), ApiError> {
        let quirks = self.options.quirks;
        if quirks.has(Quirk::FreeBeforeFlush) {
            self.free_tables(machine, &gather.tables)?;
        }
        if !quirks.has(Quirk::SkipUnmapFlush) {
            for phase in self.unmap_flushes(domain, &gather)? {
                if let Err(error) = self.flush(machine, &phase) {
                    if !quirks.has(Quirk::FreeBeforeFlush) {
                        self.paging_mut(domain.0)?.quarantine.extend(gather.tables);
                    }
                    return Err(error);
                }
            }
        }
        if !quirks.has(Quirk::FreeBeforeFlush) {
            self.free_tables(machine, &gather.tables)?;
        }
        Ok(())
    }

    fn free_tables(&mut self, machine: &mut dyn Machine, tables: &[u64]) -> Result<(), ApiError> {
        for &table in tables {
            HostMemory(&mut self.alloc).give(machine, table, 1)?;
        }
        Ok(())
    }

    /// What must be flushed after entries of a domain were cleared: lists that follow one another, each with a fence.
    fn unmap_flushes(&self, domain: Domain, gather: &Gather) -> Result<Vec<Vec<Invalidation>>, ApiError> {
        let quirks = self.options.quirks;
        let state = self.domain(domain)?;
        let paging = self.paging(domain.0)?;
        let known = if quirks.has(Quirk::SkipNestedUnmapFlush) { !state.bonds.is_empty() } else { state.tagged };
        if !known || gather.leaves.is_empty() {
            return Ok(Vec::new());
        }
        // A cleared pointer to a table is cached at its own level, and an address names leaves only.
        let by_page = gather.tables.is_empty() && gather.leaves.len() <= self.options.page_flushes;
        let addresses: Vec<Option<u64>> =
            if by_page { gather.leaves.iter().map(|&(at, _)| Some(at)).collect() } else { vec![None] };
        let list = match paging.tag {
            Tag::Pscid(pscid) => {
                let pscid = (!gather.global).then_some(pscid);
                addresses.into_iter().map(|addr| Invalidation::Vma { gscid: None, pscid, addr }).collect()
            }
            Tag::Gscid(gscid) => {
                let gscid = Some(gscid);
                addresses.into_iter().map(|addr| Invalidation::Gvma { gscid, addr }).collect()
            }
        };
        let mut phases = vec![list];
        // A cached context may hold the guest's root already translated, and IOTINVAL does not reach it. It goes
        // second: before the first fence it could be cached anew from a second-stage entry that is still there.
        let devices = self.devices_rooted_in(paging, gather);
        if !devices.is_empty() && !quirks.has(Quirk::SkipRootIodir) {
            phases.push(devices);
        }
        let last = |&(at, size): &(u64, PageSize)| at + (size.bytes() - 1);
        let ends = (gather.leaves.iter().map(|&(at, _)| at).min(), gather.leaves.iter().map(last).max());
        if let (Some(first), Some(last)) = ends {
            phases.push(self.forget_range(domain.0, first, last));
        }
        Ok(phases)
    }

    fn devices_rooted_in(&self, paging: &Paging, gather: &Gather) -> Vec<Invalidation> {
        let inside = |root: u64| {
            gather.leaves.iter().any(|&(at, size)| root.checked_sub(at).is_some_and(|offset| offset < size.bytes()))
        };
        let rooted = |id: &u32| match self.domains.get(id).map(|d| &d.kind) {
            Some(Kind::Nested(n)) => n.user.has_first_stage() && inside(n.user.first_root()),
            _ => false,
        };
        let devices = paging.children.iter().filter(|id| rooted(id)).filter_map(|id| self.domains.get(id));
        let ids = devices.flat_map(|d| &d.bonds).filter_map(|seat| self.devices.get(&seat.device)).flat_map(|d| &d.ids);
        ids.map(|id| Invalidation::Ddt { device: Some(id.0) }).collect()
    }

    fn table_and_alloc(&mut self, domain: Domain) -> Result<(&mut PageTable, &mut Allocator), ApiError> {
        match self.domains.get_mut(&domain.0).map(|d| &mut d.kind) {
            Some(Kind::Paging(p)) => Ok((&mut p.table, &mut self.alloc)),
            Some(Kind::Nested(_)) => Err(ApiError::Invalid("a nested domain has no mappings of its own")),
            None => Err(ApiError::NoSuchObject { kind: "domain", id: domain.0 }),
        }
    }
}

fn check_prot(prot: Prot) -> Result<(), ApiError> {
    // W without R is reserved.
    let readable = prot.read || prot.execute && !prot.write;
    if !readable || prot.pbmt > 2 {
        return Err(ApiError::Invalid("permissions or memory type"));
    }
    Ok(())
}

/// Checks a mapping against its scheme; outputs must lie below `limit`.
pub(super) fn check_mapping(scheme: Scheme, mapping: &Mapping, limit: u64) -> Result<(), ApiError> {
    let Mapping { iova, output, bytes, prot, page } = *mapping;
    let unit = page.map_or(PAGE, PageSize::bytes);
    if bytes == 0 || !(iova | output | bytes).is_multiple_of(unit) {
        return Err(ApiError::Invalid("alignment or length"));
    }
    if page.is_some_and(|p| p.level() >= scheme.levels()) {
        return Err(ApiError::Invalid("page larger than the scheme has"));
    }
    check_prot(prot)?;
    let last = iova.checked_add(bytes - 1).ok_or(ApiError::OutOfRange { addr: iova, bytes })?;
    // Both ends in the same half: a range must not cross the hole between the halves of a sign-extended space.
    let crosses = scheme.stage() == Stage::First && (iova ^ last) >> (scheme.address_bits() - 1) != 0;
    if !scheme.translates(iova) || !scheme.translates(last) || crosses {
        return Err(ApiError::OutOfRange { addr: iova, bytes });
    }
    if output.checked_add(bytes).is_none_or(|end| end > limit) {
        return Err(ApiError::OutOfRange { addr: output, bytes });
    }
    Ok(())
}

fn check_free(paging: &Paging, mapping: &Mapping) -> Result<(), ApiError> {
    let last = mapping.iova + (mapping.bytes - 1);
    let below = paging.areas.range(..=last).next_back();
    if below.is_some_and(|(&start, bytes)| start + (bytes - 1) >= mapping.iova) {
        return Err(ApiError::Exists { iova: mapping.iova, bytes: mapping.bytes });
    }
    Ok(())
}

/// The mappings in a range, start and length, all of them whole.
fn whole_areas(paging: &Paging, iova: u64, bytes: u64) -> Result<Vec<(u64, u64)>, ApiError> {
    let missing = ApiError::NotMapped { iova, bytes };
    let Some(last) = bytes.checked_sub(1).and_then(|b| iova.checked_add(b)) else { return Err(missing) };
    let touching = paging.areas.range(..=last).filter(|&(&start, &bytes)| start + (bytes - 1) >= iova);
    let found: Vec<(u64, u64)> = touching.map(|(&start, &bytes)| (start, bytes)).collect();
    if found.is_empty() {
        return Err(missing);
    }
    if !found.iter().all(|&(start, bytes)| start >= iova && start + (bytes - 1) <= last) {
        return Err(ApiError::Splits { iova, bytes });
    }
    Ok(found)
}
