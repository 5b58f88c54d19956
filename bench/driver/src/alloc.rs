// SPDX-License-Identifier: Apache-2.0
//! Everything the driver can run out of, with a ledger: pages, PSCIDs, GSCIDs, and the small objects that a kernel
//! takes from its heap. Every allocation can be made to fail, to show that nothing leaks when it does.
//!
//! What was freed last is handed out first, and the lowest first. That is the harshest order for whoever frees too
//! early: the page or the tag is in other hands at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use golden::Spa;

use super::error::ApiError;
use super::format::PAGE;
use super::machine::Machine;

/// What is outstanding. Two ledgers that are equal mean that nothing leaked in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Physical pages
    pub pages: u64,
    /// Guest pages that hold page tables of a guest
    pub guest_pages: u64,
    /// PSCIDs
    pub pscids: u32,
    /// GSCIDs
    pub gscids: u32,
    /// Heap objects: domains, devices, and a bond for each device on a domain
    pub objects: u64,
}

/// Ranges of free addresses, first fit from below.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FreeList(BTreeMap<u64, u64>);

impl FreeList {
    pub(super) fn new(start: u64, bytes: u64) -> FreeList {
        FreeList(if bytes == 0 { BTreeMap::new() } else { BTreeMap::from([(start, bytes)]) })
    }

    pub(super) fn take(&mut self, bytes: u64, align: u64) -> Option<u64> {
        let (start, len, at) = self.0.iter().find_map(|(&start, &len)| {
            let at = start.checked_next_multiple_of(align)?;
            (at - start <= len && len - (at - start) >= bytes).then_some((start, len, at))
        })?;
        self.0.remove(&start);
        if at > start {
            self.0.insert(start, at - start);
        }
        if start + len > at + bytes {
            self.0.insert(at + bytes, start + len - at - bytes);
        }
        Some(at)
    }

    fn contains(&self, addr: u64) -> bool {
        self.0.range(..=addr).next_back().is_some_and(|(&start, &len)| addr - start < len)
    }

    pub(super) fn give(&mut self, mut start: u64, mut bytes: u64) {
        if let Some((&before, &len)) = self.0.range(..start).next_back()
            && before + len == start
        {
            self.0.remove(&before);
            start = before;
            bytes += len;
        }
        if let Some(len) = self.0.remove(&(start + bytes)) {
            bytes += len;
        }
        self.0.insert(start, bytes);
    }
}

/// A space of identifiers.
#[derive(Clone, Debug)]
struct Ids {
    name: &'static str,
    /// The last one that there is
    last: u32,
    /// Those that are given to who wants none in particular
    range: RangeInclusive<u32>,
    taken: BTreeSet<u32>,
}

impl Ids {
    /// This one, or the lowest of the range.
    fn take(&mut self, wanted: Option<u32>) -> Result<u32, ApiError> {
        let id = match wanted {
            Some(id) if id > self.last => return Err(ApiError::OutOfRange { addr: id.into(), bytes: 1 }),
            Some(id) if self.taken.contains(&id) => return Err(ApiError::Busy("the identifier is in use")),
            Some(id) => id,
            None => self.range.clone().find(|id| !self.taken.contains(id)).ok_or(ApiError::NoIds(self.name))?,
        };
        self.taken.insert(id);
        Ok(id)
    }
}

/// The allocator of one IOMMU's driver.
#[derive(Clone, Debug)]
pub(super) struct Allocator {
    free: FreeList,
    /// Pages that were in use once: they must be cleared before they serve again.
    soiled: BTreeSet<u64>,
    poison: Option<u64>,
    pscids: Ids,
    gscids: Ids,
    ledger: Ledger,
    /// Allocations to go until one fails; 1 means the next one.
    fail_in: Option<u64>,
    /// The allocation that fails, counted from the first one of all, whatever else is to fail
    fail_at: Option<u64>,
    failed: bool,
    attempts: u64,
}

impl Allocator {
    pub(super) fn new(
        pool: Range<u64>,
        pscids: RangeInclusive<u32>,
        gscids: RangeInclusive<u16>,
        poison: Option<u64>,
        fail_at: Option<u64>,
    ) -> Allocator {
        let start = pool.start.next_multiple_of(PAGE);
        let end = pool.end / PAGE * PAGE;
        let gscids = u32::from(*gscids.start())..=u32::from(*gscids.end());
        Allocator {
            free: FreeList::new(start, end.saturating_sub(start)),
            soiled: BTreeSet::new(),
            poison,
            pscids: Ids { name: "PSCID", last: 0xF_FFFF, range: pscids, taken: BTreeSet::new() },
            gscids: Ids { name: "GSCID", last: 0xFFFF, range: gscids, taken: BTreeSet::new() },
            ledger: Ledger::default(),
            fail_in: None,
            fail_at,
            failed: false,
            attempts: 0,
        }
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// What is free, and which PSCIDs and GSCIDs are taken.
    pub(super) fn books(&self) -> (FreeList, [BTreeSet<u32>; 2]) {
        (self.free.clone(), [self.pscids.taken.clone(), self.gscids.taken.clone()])
    }

    pub(super) fn is_free(&self, addr: u64) -> bool {
        self.free.contains(addr)
    }

    pub(super) fn attempts(&self) -> u64 {
        self.attempts
    }

    pub(super) fn fail_in(&mut self, nth: Option<u64>) {
        self.fail_in = nth;
    }

    pub(super) fn failing_in(&self) -> Option<u64> {
        self.fail_in
    }

    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// Counts an allocation, and fails it when its turn has come.
    pub(super) fn attempt(&mut self) -> Result<(), ApiError> {
        self.attempts += 1;
        if self.fail_at == Some(self.attempts) {
            self.failed = true;
            return Err(ApiError::NoMemory);
        }
        match self.fail_in {
            Some(n) if n <= 1 => {
                self.fail_in = None;
                Err(ApiError::NoMemory)
            }
            Some(n) => {
                self.fail_in = Some(n - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes contiguous pages, aligned to `align` bytes and cleared.
    pub(super) fn pages(&mut self, machine: &mut dyn Machine, count: u64, align: u64) -> Result<Spa, ApiError> {
        self.attempt()?;
        let start = self.free.take(count * PAGE, align.max(PAGE)).ok_or(ApiError::NoMemory)?;
        self.ledger.pages += count;
        machine.taken(Spa(start), count * PAGE);
        for page in (start..start + count * PAGE).step_by(PAGE as usize) {
            if self.soiled.remove(&page) {
                fill(machine, Spa(page), 0)?;
            }
        }
        Ok(Spa(start))
    }

    /// Gives pages back. With poison, their contents are overwritten first: a device that still uses them shows.
    pub(super) fn free_pages(&mut self, machine: &mut dyn Machine, start: Spa, count: u64) -> Result<(), ApiError> {
        self.ledger.pages -= count;
        machine.freed(start, count * PAGE);
        for page in (start.0..start.0 + count * PAGE).step_by(PAGE as usize) {
            self.soiled.insert(page);
            if let Some(poison) = self.poison {
                fill(machine, Spa(page), poison)?;
            }
        }
        self.free.give(start.0, count * PAGE);
        Ok(())
    }

    pub(super) fn guest_page(&mut self, taken: bool) -> Result<(), ApiError> {
        if taken {
            self.attempt()?;
            self.ledger.guest_pages += 1;
        } else {
            self.ledger.guest_pages -= 1;
        }
        Ok(())
    }

    /// This PSCID, or any.
    pub(super) fn pscid(&mut self, wanted: Option<u32>) -> Result<u32, ApiError> {
        self.attempt()?;
        let id = self.pscids.take(wanted)?;
        self.ledger.pscids += 1;
        Ok(id)
    }

    pub(super) fn free_pscid(&mut self, id: u32) {
        if self.pscids.taken.remove(&id) {
            self.ledger.pscids -= 1;
        }
    }

    /// This GSCID, or any.
    pub(super) fn gscid(&mut self, wanted: Option<u32>) -> Result<u16, ApiError> {
        self.attempt()?;
        let id = self.gscids.take(wanted)?;
        self.ledger.gscids += 1;
        Ok(id as u16)
    }

    pub(super) fn free_gscid(&mut self, id: u16) {
        if self.gscids.taken.remove(&u32::from(id)) {
            self.ledger.gscids -= 1;
        }
    }

    pub(super) fn object(&mut self) -> Result<(), ApiError> {
        self.attempt()?;
        self.ledger.objects += 1;
        Ok(())
    }

    pub(super) fn free_object(&mut self) {
        self.ledger.objects -= 1;
    }
}

/// Overwrites a page.
pub(super) fn fill(machine: &mut dyn Machine, page: Spa, value: u64) -> Result<(), ApiError> {
    for offset in (0..PAGE).step_by(8) {
        machine.store(Spa(page.0 + offset), value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_list_aligns_and_merges() {
        let mut list = FreeList::new(0x1000, 0x10000);
        let root = list.take(0x4000, 0x4000).unwrap();
        assert_eq!(root, 0x4000);
        let page = list.take(0x1000, 0x1000).unwrap();
        assert_eq!(page, 0x1000);
        list.give(root, 0x4000);
        list.give(page, 0x1000);
        assert_eq!(list.0, BTreeMap::from([(0x1000, 0x10000)]));
        assert_eq!(list.take(0x11000, 0x1000), None);
        assert_eq!(list.take(0x10000, 0x1000), Some(0x1000));
        assert!(list.0.is_empty());
    }
}
