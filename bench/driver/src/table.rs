// SPDX-License-Identifier: Apache-2.0
//! Page tables: built, torn down, split and merged as a kernel does it.
//!
//! The driver remembers what it wrote, so that mapping costs stores only. Stores to a table come before the store
//! that links it; a table that was unlinked is handed to the caller, who frees it after the flush and not before.

use std::collections::BTreeMap;

use golden::Spa;

use super::error::ApiError;
use super::format::{PageSize, Prot, Pte, Scheme};
use super::machine::Machine;

/// Where tables live: physical memory for the host, guest physical memory for a guest.
pub(super) trait TableMemory {
    /// Takes cleared pages, aligned to their own size.
    fn take(&mut self, machine: &mut dyn Machine, pages: u64) -> Result<u64, ApiError>;
    /// Gives them back.
    fn give(&mut self, machine: &mut dyn Machine, addr: u64, pages: u64) -> Result<(), ApiError>;
    /// Where the CPU finds an address of this memory.
    fn locate(&self, addr: u64) -> Result<Spa, ApiError>;
}

/// Takes single pages, cleared: all that are asked for, or none.
pub(super) fn take_all(
    machine: &mut dyn Machine,
    memory: &mut dyn TableMemory,
    count: usize,
) -> Result<Vec<u64>, ApiError> {
    let mut fresh = Vec::with_capacity(count);
    for _ in 0..count {
        match memory.take(machine, 1) {
            Ok(page) => fresh.push(page),
            Err(error) => {
                // Never linked, so nothing can have seen them.
                for page in fresh {
                    memory.give(machine, page, 1)?;
                }
                return Err(error);
            }
        }
    }
    Ok(fresh)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Table(u64),
    Leaf(Pte),
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Node(BTreeMap<u16, Entry>);

/// A page table and what stands in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PageTable {
    scheme: Scheme,
    root: u64,
    nodes: BTreeMap<u64, Node>,
}

/// What an unmap left to be flushed, and the tables to be freed after that.
#[derive(Clone, Debug, Default)]
pub(super) struct Gather {
    /// Leaves that were cleared
    pub(super) leaves: Vec<(u64, PageSize)>,
    /// Some of them were global mappings
    pub(super) global: bool,
    /// Tables that were unlinked
    pub(super) tables: Vec<u64>,
}

/// A translation that is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The entry
    pub pte: Pte,
    /// Size of its page
    pub size: PageSize,
    /// Address that it translates to, offset included
    pub output: u64,
    /// Where the entry lies in physical memory
    pub at: Spa,
}

/// A place for an entry, whatever it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The table, as an entry that leads to it names it: by a guest physical address where it is a guest's
    pub table: u64,
    /// Where the entry lies in physical memory
    pub at: Spa,
}

impl PageTable {
    pub(super) fn new(
        machine: &mut dyn Machine,
        memory: &mut dyn TableMemory,
        scheme: Scheme,
    ) -> Result<PageTable, ApiError> {
        let root = memory.take(machine, scheme.root_pages())?;
        Ok(PageTable { scheme, root, nodes: BTreeMap::from([(root, Node::default())]) })
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn root(&self) -> u64 {
        self.root
    }

    /// Frees all tables. Nothing may use them any more.
    pub(super) fn free(self, machine: &mut dyn Machine, memory: &mut dyn TableMemory) -> Result<(), ApiError> {
        for table in self.nodes.into_keys() {
            memory.give(machine, table, if table == self.root { self.scheme.root_pages() } else { 1 })?;
        }
        Ok(())
    }

    fn store(
        machine: &mut dyn Machine,
        memory: &dyn TableMemory,
        table: u64,
        index: u16,
        pte: Pte,
    ) -> Result<(), ApiError> {
        let at = memory.locate(table + 8 * u64::from(index))?;
        Ok(machine.store(at, pte.0)?)
    }

    /// The table of `level` on the way to an address, as far as it exists: its address and its level.
    fn descend(&self, addr: u64, level: u8) -> (u64, u8) {
        let (mut table, mut at) = (self.root, self.scheme.levels() - 1);
        while at > level {
            match self.nodes.get(&table).and_then(|n| n.0.get(&self.scheme.index(addr, at))) {
                Some(&Entry::Table(next)) => (table, at) = (next, at - 1),
                _ => break,
            }
        }
        (table, at)
    }

    fn entry(&self, table: u64, addr: u64, level: u8) -> Option<Entry> {
        self.nodes.get(&table)?.0.get(&self.scheme.index(addr, level)).copied()
    }

    fn note(&mut self, table: u64, index: u16, entry: Option<Entry>) {
        let node = self.nodes.entry(table).or_default();
        match entry {
            Some(entry) => node.0.insert(index, entry),
            None => node.0.remove(&index),
        };
    }

    /// The largest page that fits at this point of a mapping.
    pub(super) fn largest(&self, input: u64, output: u64, bytes: u64) -> PageSize {
        (0..self.scheme.levels())
            .rev()
            .filter_map(PageSize::from_level)
            .find(|s| (input | output).is_multiple_of(s.bytes()) && bytes >= s.bytes())
            .unwrap_or(PageSize::SIZE_4K)
    }

    /// Maps one page. Tables that are missing are made first, all of them or none.
    pub(super) fn map_page(
        &mut self,
        machine: &mut dyn Machine,
        memory: &mut dyn TableMemory,
        input: u64,
        output: u64,
        size: PageSize,
        prot: Prot,
    ) -> Result<(), ApiError> {
        let exists = ApiError::Exists { iova: input, bytes: size.bytes() };
        let (found, level) = self.descend(input, size.level());
        if self.entry(found, input, level).is_some() {
            return Err(exists);
        }
        let fresh = take_all(machine, memory, usize::from(level - size.level()))?;
        let leaf = Pte::leaf(output, prot);
        let last = fresh.last().copied().unwrap_or(found);
        let index = self.scheme.index(input, size.level());
        PageTable::store(machine, memory, last, index, leaf)?;
        self.note(last, index, Some(Entry::Leaf(leaf)));
        for (i, &table) in fresh.iter().enumerate().rev() {
            let above = if i == 0 { found } else { fresh[i - 1] };
            let index = self.scheme.index(input, level - i as u8);
            PageTable::store(machine, memory, above, index, Pte::table(table))?;
            self.note(above, index, Some(Entry::Table(table)));
        }
        Ok(())
    }

    /// Clears all leaves in a range, and unlinks tables that it leaves empty. A page that is only partly in the range
    /// is refused before anything is changed.
    pub(super) fn unmap(
        &mut self,
        machine: &mut dyn Machine,
        memory: &dyn TableMemory,
        start: u64,
        bytes: u64,
    ) -> Result<Gather, ApiError> {
        let found = self.leaves(start, bytes);
        if found.iter().any(|&(at, size, _)| at < start || at - start + size.bytes() > bytes) {
            return Err(ApiError::Splits { iova: start, bytes });
        }
        let mut gather = Gather::default();
        for (at, size, pte) in found {
            self.clear_leaf(machine, memory, at, size)?;
            gather.global |= pte.global();
            gather.leaves.push((at, size));
            self.prune(machine, memory, at, size.level(), &mut gather)?;
        }
        Ok(gather)
    }

    fn clear_leaf(
        &mut self,
        machine: &mut dyn Machine,
        memory: &dyn TableMemory,
        at: u64,
        size: PageSize,
    ) -> Result<(), ApiError> {
        let (table, level) = self.descend(at, size.level());
        let index = self.scheme.index(at, level);
        PageTable::store(machine, memory, table, index, Pte(0))?;
        self.note(table, index, None);
        Ok(())
    }

    /// Unlinks the table of `level` on the way to an address if it is empty, and those above it.
    fn prune(
        &mut self,
        machine: &mut dyn Machine,
        memory: &dyn TableMemory,
        addr: u64,
        mut level: u8,
        gather: &mut Gather,
    ) -> Result<(), ApiError> {
        loop {
            let (table, at) = self.descend(addr, level);
            let empty = self.nodes.get(&table).is_some_and(|n| n.0.is_empty());
            if at != level || table == self.root || !empty {
                return Ok(());
            }
            let (above, upper) = self.descend(addr, level + 1);
            let index = self.scheme.index(addr, upper);
            PageTable::store(machine, memory, above, index, Pte(0))?;
            self.note(above, index, None);
            self.nodes.remove(&table);
            gather.tables.push(table);
            level = upper;
        }
    }

    /// The leaves that touch a range, in order: input address, size, entry.
    pub(super) fn leaves(&self, start: u64, bytes: u64) -> Vec<(u64, PageSize, Pte)> {
        let mut found = Vec::new();
        let mut addr = start;
        let last = start.saturating_add(bytes - 1);
        loop {
            if !self.scheme.translates(addr) {
                // The indices of such an address are those of another one.
                match self.scheme.upper_half() {
                    Some(upper) if addr < upper && upper <= last => addr = upper,
                    _ => break,
                }
            }
            let (table, level) = self.descend(addr, 0);
            let Some(size) = PageSize::from_level(level) else { break };
            let base = addr / size.bytes() * size.bytes();
            if let Some(Entry::Leaf(pte)) = self.entry(table, addr, level) {
                found.push((base, size, pte));
            }
            match base.checked_add(size.bytes()) {
                Some(next) if next <= last => addr = next,
                _ => break,
            }
        }
        found
    }

    /// Rewrites a leaf in place.
    pub(super) fn replace_leaf(
        &mut self,
        machine: &mut dyn Machine,
        memory: &dyn TableMemory,
        at: u64,
        size: PageSize,
        pte: Pte,
    ) -> Result<(), ApiError> {
        let (table, level) = self.descend(at, size.level());
        let index = self.scheme.index(at, level);
        PageTable::store(machine, memory, table, index, pte)?;
        self.note(table, index, pte.valid().then_some(Entry::Leaf(pte)));
        Ok(())
    }

    /// Replaces the page at an address by pages of the next smaller size that translate the same, with one store.
    pub(super) fn split(
        &mut self,
        machine: &mut dyn Machine,
        memory: &mut dyn TableMemory,
        addr: u64,
    ) -> Result<Gather, ApiError> {
        let missing = ApiError::NotMapped { iova: addr, bytes: 1 };
        if !self.scheme.translates(addr) {
            return Err(missing);
        }
        let (table, level) = self.descend(addr, 0);
        let Some(Entry::Leaf(pte)) = self.entry(table, addr, level) else { return Err(missing) };
        let Some(smaller) = level.checked_sub(1).and_then(PageSize::from_level) else {
            return Err(ApiError::Invalid("page of the smallest size cannot be split"));
        };
        let page = memory.take(machine, 1)?;
        for index in 0..512 {
            let part = pte.with_addr(pte.addr() + u64::from(index) * smaller.bytes());
            PageTable::store(machine, memory, page, index, part)?;
            self.note(page, index, Some(Entry::Leaf(part)));
        }
        let index = self.scheme.index(addr, level);
        PageTable::store(machine, memory, table, index, Pte::table(page))?;
        self.note(table, index, Some(Entry::Table(page)));
        let size = smaller.bytes() << 9;
        let whole = PageSize::from_level(level).unwrap_or(smaller);
        Ok(Gather { leaves: vec![(addr / size * size, whole)], global: pte.global(), tables: Vec::new() })
    }

    /// Replaces the table of the next smaller pages around an address by one page of `size` that translates the
    /// same, with one store. The table is in the result, to be freed after the flush.
    pub(super) fn merge(
        &mut self,
        machine: &mut dyn Machine,
        memory: &dyn TableMemory,
        addr: u64,
        size: PageSize,
    ) -> Result<Gather, ApiError> {
        let base = addr / size.bytes() * size.bytes();
        let missing = ApiError::NotMapped { iova: base, bytes: size.bytes() };
        if !self.scheme.translates(addr) {
            return Err(missing);
        }
        let (table, level) = self.descend(addr, size.level());
        let entry = self.entry(table, addr, level);
        let (Some(Entry::Table(lower)), true) = (entry, level == size.level()) else { return Err(missing) };
        let parts = self.nodes.get(&lower).map(|n| n.0.clone()).unwrap_or_default();
        let Some(&Entry::Leaf(first)) = parts.get(&0) else { return Err(missing) };
        let step = size.bytes() >> 9;
        let same = |i: u16| parts.get(&i) == Some(&Entry::Leaf(first.with_addr(first.addr() + u64::from(i) * step)));
        if !first.addr().is_multiple_of(size.bytes()) || !(0..512).all(same) {
            return Err(ApiError::Invalid("pages do not make up one larger page"));
        }
        let index = self.scheme.index(addr, level);
        PageTable::store(machine, memory, table, index, first)?;
        self.note(table, index, Some(Entry::Leaf(first)));
        self.nodes.remove(&lower);
        Ok(Gather { leaves: vec![(base, size)], global: first.global(), tables: vec![lower] })
    }

    /// The place of the entry of `level` for an address; an error if no table is there.
    pub(super) fn slot(&self, memory: &dyn TableMemory, addr: u64, level: u8) -> Result<Slot, ApiError> {
        let (table, at) = self.descend(addr, level);
        if at != level || !self.scheme.translates(addr) {
            return Err(ApiError::NotMapped { iova: addr, bytes: 1 });
        }
        let at = memory.locate(table + 8 * u64::from(self.scheme.index(addr, level)))?;
        Ok(Slot { table, at })
    }

    /// Looks an address up in memory, as the hardware would find it, without checks of permission.
    pub(super) fn walk(
        &self,
        machine: &mut dyn Machine,
        memory: &dyn TableMemory,
        addr: u64,
    ) -> Result<Option<Leaf>, ApiError> {
        if !self.scheme.translates(addr) {
            return Ok(None);
        }
        let (mut table, mut level) = (self.root, self.scheme.levels() - 1);
        loop {
            let at = memory.locate(table + 8 * u64::from(self.scheme.index(addr, level)))?;
            let pte = Pte(machine.load(at)?);
            if !pte.valid() {
                return Ok(None);
            }
            if pte.is_leaf() {
                let Some(size) = PageSize::from_level(level) else { return Err(ApiError::CorruptTable) };
                let offset = addr % size.bytes();
                return Ok(Some(Leaf { pte, size, output: pte.addr() + offset, at }));
            }
            if !self.nodes.contains_key(&pte.addr()) || level == 0 {
                return Err(ApiError::CorruptTable);
            }
            (table, level) = (pte.addr(), level - 1);
        }
    }
}
