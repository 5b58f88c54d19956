// SPDX-License-Identifier: Apache-2.0
//! The guest's side of nesting: first-stage tables in guest memory, and invalidations that a guest asks for.
//!
//! A guest writes its tables itself, at guest physical addresses; only the second stage knows where they are. The
//! host sees none of this but the invalidations, which it checks and passes on under the guest's GSCID.

use std::collections::BTreeMap;

use events::{Operation, Promise};
use golden::Spa;

use super::alloc::Allocator;
use super::domain_state::Kind;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Command, Context, Invalidation, PAGE, PageSize, Prot, Pte, Scheme, Stage};
use super::guest_memory::{GuestMemory, GuestPages, GuestState, TableState};
use super::handles::{Domain, Guest, GuestTable};
use super::machine::Machine;
use super::mapping::{Mapping, check_mapping};
use super::quirk::Quirk;
use super::request::NestedData;
use super::table::{Gather, Leaf, PageTable, Slot, TableMemory};

/// A batch of user invalidations that stopped at one that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{done} invalidations done, then: {error}")]
pub struct Partial {
    /// How many were carried out
    pub done: usize,
    /// Why the next one was not
    pub error: ApiError,
}

/// Pages by which the host maps memory of a guest, the largest first. No pool has aligned memory for larger ones.
const GUEST_PAGES: [PageSize; 2] = [PageSize::SIZE_2M, PageSize::SIZE_4K];

impl Driver {
    /// Gives a guest memory for its page tables: memory of the host's pool, mapped at a guest physical address of a nest
    /// parent by the largest pages of which it is a whole number.
    ///
    /// # Errors
    /// As for [`Driver::map`]; EINVAL if the parent is no nest parent.
    pub fn guest_alloc(
        &mut self,
        machine: &mut dyn Machine,
        parent: Domain,
        gpa: u64,
        bytes: u64,
    ) -> Result<Guest, ApiError> {
        self.gscid_of(parent.0)?;
        if bytes == 0 || !bytes.is_multiple_of(PAGE) {
            return Err(ApiError::Invalid("alignment or length"));
        }
        let pages = bytes / PAGE;
        let fits = |page: &PageSize| (gpa | bytes).is_multiple_of(page.bytes());
        let page = GUEST_PAGES.into_iter().find(fits).unwrap_or(PageSize::SIZE_4K);
        let spa = self.alloc.pages(machine, pages, page.bytes())?;
        let mapping = Mapping { iova: gpa, output: spa.0, bytes, prot: Prot::RW, page: Some(page) };
        if let Err(error) = self.map(machine, parent, mapping) {
            self.alloc.free_pages(machine, spa, pages)?;
            return Err(error);
        }
        self.paging_mut(parent.0)?.guests += 1;
        let id = self.next_id();
        let memory = GuestMemory::new(gpa, bytes, spa);
        self.guests
            .insert(id, GuestState { parent: parent.0, memory, tables: BTreeMap::new(), directories: BTreeMap::new() });
        Ok(Guest(id))
    }

    /// Takes a guest's memory away again.
    ///
    /// # Errors
    /// ENOENT; EBUSY while it holds tables; ETIMEDOUT or EIO if the flush fails, and then the memory is not freed.
    pub fn guest_free(&mut self, machine: &mut dyn Machine, guest: Guest) -> Result<(), ApiError> {
        let state = self.guest(guest)?;
        if !state.tables.is_empty() || !state.directories.is_empty() {
            return Err(ApiError::Busy("guest memory holds tables"));
        }
        let (parent, gpa, spa, bytes) = (state.parent, state.memory.gpa, state.memory.spa, state.memory.bytes);
        // A scenario may have unmapped it already, to see what happens.
        match self.unmap(machine, Domain(parent), gpa, bytes) {
            Ok(_) | Err(ApiError::NotMapped { .. }) => {}
            Err(error) => return Err(error),
        }
        self.alloc.free_pages(machine, Spa(spa), bytes / PAGE)?;
        self.guests.remove(&guest.0);
        self.paging_mut(parent)?.guests -= 1;
        Ok(())
    }

    /// A guest makes a first-stage table in its memory, for use under one of its own PSCIDs.
    ///
    /// # Errors
    /// ENOENT, ENOMEM; EINVAL for a scheme of the second stage; EOPNOTSUPP for one that the IOMMU lacks.
    pub fn guest_table(
        &mut self,
        machine: &mut dyn Machine,
        guest: Guest,
        scheme: Option<Scheme>,
        pscid: u32,
    ) -> Result<GuestTable, ApiError> {
        let scheme = match scheme {
            Some(s) if s.stage() != Stage::First => return Err(ApiError::Invalid("scheme of the other stage")),
            Some(s) if !self.caps.supports(s) => return Err(ApiError::Unsupported("paging scheme")),
            Some(s) => s,
            None => self.caps.largest(Stage::First).ok_or(ApiError::Unsupported("stage of translation"))?,
        };
        let (alloc, state) = self.guest_parts(guest.0)?;
        let table = PageTable::new(machine, &mut GuestPages { alloc, memory: &mut state.memory }, scheme)?;
        let id = self.next_id();
        self.guest_parts(guest.0)?.1.tables.insert(id, TableState { table, pscid, quarantine: Vec::new() });
        Ok(GuestTable(id))
    }

    /// A guest frees a table. It must have seen to it that nothing uses it any more.
    ///
    /// # Errors
    /// ENOENT; EBUSY while a nested domain is rooted in it.
    pub fn guest_table_free(&mut self, machine: &mut dyn Machine, table: GuestTable) -> Result<(), ApiError> {
        let (guest, root) = self.table_root(table)?;
        let parent = self.guest(Guest(guest))?.parent;
        if !self.nested_on(parent, root).is_empty() {
            return Err(ApiError::Busy("a nested domain is rooted in the table"));
        }
        let (alloc, state) = self.guest_parts(guest)?;
        let Some(gone) = state.tables.remove(&table.0) else { return Ok(()) };
        let memory = &mut GuestPages { alloc, memory: &mut state.memory };
        for page in gone.quarantine {
            memory.give(machine, page, 1)?;
        }
        gone.table.free(machine, memory)
    }

    /// What a guest puts into its device context to use a table.
    ///
    /// # Errors
    /// ENOENT
    pub fn nested_data(&self, table: GuestTable) -> Result<NestedData, ApiError> {
        let state = self
            .guests
            .values()
            .find_map(|g| g.tables.get(&table.0))
            .ok_or(ApiError::NoSuchObject { kind: "guest table", id: table.0 })?;
        let fsc = state.table.scheme().mode() << 60 | state.table.root() >> 12;
        Ok(NestedData { fsc, pscid: state.pscid, ..NestedData::default() })
    }

    /// A guest maps a range of IOVA to guest physical memory.
    ///
    /// # Errors
    /// ENOENT, EINVAL, ERANGE, EEXIST, ENOMEM as for [`Driver::map`]. Then nothing is mapped.
    pub fn guest_map(
        &mut self,
        machine: &mut dyn Machine,
        table: GuestTable,
        mapping: Mapping,
    ) -> Result<(), ApiError> {
        let name = format!("map {}: {:#x}+{:#x}", self.table_name(table), mapping.iova, mapping.bytes);
        let operation = Operation { name, promise: Promise::Whole, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| driver.map_in_guest(machine, table, mapping))
    }

    fn map_in_guest(&mut self, machine: &mut dyn Machine, table: GuestTable, mapping: Mapping) -> Result<(), ApiError> {
        let (guest, _) = self.table_root(table)?;
        let parent = self.guest(Guest(guest))?.parent;
        let limit = 1 << self.paging(parent)?.table.scheme().address_bits();
        let (alloc, state) = self.guest_parts(guest)?;
        let GuestState { memory, tables, .. } = state;
        let Some(state) = tables.get_mut(&table.0) else { return Err(ApiError::CorruptTable) };
        check_mapping(state.table.scheme(), &mapping, limit)?;
        if !state.table.leaves(mapping.iova, mapping.bytes).is_empty() {
            return Err(ApiError::Exists { iova: mapping.iova, bytes: mapping.bytes });
        }
        let mut pages = GuestPages { alloc, memory };
        let (mut done, mut result) = (0, Ok(()));
        while done < mapping.bytes && result.is_ok() {
            let (input, output) = (mapping.iova + done, mapping.output + done);
            let largest = state.table.largest(input, output, mapping.bytes - done);
            let size = mapping.page.unwrap_or(largest);
            result = state.table.map_page(machine, &mut pages, input, output, size, mapping.prot);
            done += if result.is_ok() { size.bytes() } else { 0 };
        }
        if result.is_err() && done > 0 {
            // A device may have used these pages already.
            self.unmap_in_guest(machine, table, mapping.iova, done)?;
        }
        result
    }

    /// A guest unmaps a range, has the host invalidate it for each nested domain that is rooted in the table, and
    /// frees the tables that it left empty.
    ///
    /// # Errors
    /// ENOENT if nothing is mapped there or a page would be split; ETIMEDOUT or EIO if the flush fails.
    pub fn guest_unmap(
        &mut self,
        machine: &mut dyn Machine,
        table: GuestTable,
        iova: u64,
        bytes: u64,
    ) -> Result<(), ApiError> {
        let name = format!("unmap {}: {iova:#x}+{bytes:#x}", self.table_name(table));
        let operation = Operation { name, promise: Promise::Whole, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| driver.unmap_in_guest(machine, table, iova, bytes))
    }

    fn unmap_in_guest(
        &mut self,
        machine: &mut dyn Machine,
        table: GuestTable,
        iova: u64,
        bytes: u64,
    ) -> Result<(), ApiError> {
        let (guest, root) = self.table_root(table)?;
        let parent = self.guest(Guest(guest))?.parent;
        let (alloc, state) = self.guest_parts(guest)?;
        let GuestState { memory, tables, .. } = state;
        let Some(state) = tables.get_mut(&table.0) else { return Err(ApiError::CorruptTable) };
        if bytes == 0 || state.table.leaves(iova, bytes).is_empty() {
            return Err(ApiError::NotMapped { iova, bytes });
        }
        let gather = state.table.unmap(machine, &GuestPages { alloc, memory }, iova, bytes)?;
        let commands = guest_commands(state.pscid, &gather, self.options.page_flushes);
        let mut result = Ok(0);
        if !self.options.quirks.has(Quirk::SkipUnmapFlush) {
            for nested in self.users_of(table, parent, root) {
                result = result.and(self.cache_invalidate(machine, Domain(nested), &commands));
            }
        }
        let (alloc, GuestState { memory, tables, .. }) = self.guest_parts(guest)?;
        if let Err(partial) = result {
            if let Some(state) = tables.get_mut(&table.0) {
                state.quarantine.extend(gather.tables);
            }
            return Err(partial.error);
        }
        for &page in &gather.tables {
            GuestPages { alloc, memory }.give(machine, page, 1)?;
        }
        Ok(())
    }

    /// Stores an entry in a guest's table as it is, and flushes nothing.
    ///
    /// # Errors
    /// ENOENT if there is no table of that level.
    pub fn set_guest_pte(
        &mut self,
        machine: &mut dyn Machine,
        table: GuestTable,
        iova: u64,
        size: PageSize,
        pte: Pte,
    ) -> Result<(), ApiError> {
        let at = self.guest_slot(table, iova, size)?.at;
        Ok(machine.store(at, pte.0)?)
    }

    /// The place of the entry of a guest's table for an address, at the level of a page size.
    ///
    /// # Errors
    /// ENOENT if there is no table of that level.
    pub fn guest_slot(&mut self, table: GuestTable, iova: u64, size: PageSize) -> Result<Slot, ApiError> {
        let (guest, _) = self.table_root(table)?;
        let (alloc, GuestState { memory, tables, .. }) = self.guest_parts(guest)?;
        let Some(state) = tables.get(&table.0) else { return Err(ApiError::CorruptTable) };
        state.table.slot(&GuestPages { alloc, memory }, iova, size.level())
    }

    /// Looks an address up in a guest's table, as it stands in memory.
    ///
    /// # Errors
    /// ENOENT; EIO if a table is not what was written.
    pub fn guest_walk(
        &mut self,
        machine: &mut dyn Machine,
        table: GuestTable,
        iova: u64,
    ) -> Result<Option<Leaf>, ApiError> {
        let (guest, _) = self.table_root(table)?;
        let (alloc, GuestState { memory, tables, .. }) = self.guest_parts(guest)?;
        let Some(state) = tables.get(&table.0) else { return Err(ApiError::CorruptTable) };
        state.table.walk(machine, &GuestPages { alloc, memory }, iova)
    }

    /// Carries out invalidations that a guest asks for: `IOTINVAL.VMA`, always under the GSCID of its parent, and
    /// `IODIR.INVAL_PDT`, for the devices that are attached, whatever it calls them; without reserved bits. An illegal command
    /// would stop the queue for everybody.
    ///
    /// # Errors
    /// How many were done, and why the next one was not: EOPNOTSUPP for another command or a reserved bit, EINVAL on
    /// a domain that is not nested, ENOENT, ETIMEDOUT, EIO.
    pub fn cache_invalidate(
        &mut self,
        machine: &mut dyn Machine,
        nested: Domain,
        commands: &[Command],
    ) -> Result<usize, Partial> {
        let none = |error| Partial { done: 0, error };
        let parent = match self.domain(nested).map_err(none)?.kind {
            Kind::Nested(ref n) => n.parent,
            Kind::Paging(_) => return Err(none(ApiError::Invalid("no user invalidations on a paging domain"))),
        };
        let gscid = self.gscid_of(parent).map_err(none)?;
        let (mut accepted, mut done) = (Vec::new(), 0);
        let mut refused = None;
        for &command in commands {
            match self.user_command(nested, command, gscid) {
                Ok(own) => {
                    accepted.extend(own);
                    done += 1;
                }
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        if !accepted.is_empty() {
            self.commands.complete(machine, &self.options, &accepted).map_err(none)?;
            // What the guest's devices keep is the host's to invalidate: a guest cannot send ATS.INVAL.
            let kept = self.forget_range(nested.0, 0, u64::MAX);
            self.flush(machine, &kept).map_err(none)?;
        }
        match refused {
            None => Ok(done),
            Some(error) => Err(Partial { done, error }),
        }
    }

    /// A guest's command as the host passes it on.
    fn user_command(&self, nested: Domain, command: Command, gscid: u16) -> Result<Vec<Command>, ApiError> {
        let quirks = self.options.quirks;
        if quirks.has(Quirk::UncheckedInvalidations) {
            return Ok(vec![command]);
        }
        if let Some(process) = command.process_to_sync() {
            return self.process_sync(nested, process);
        }
        let reserved = ApiError::Reserved { field: "command", value: command.0[0] };
        if !command.is_plain_vma() {
            return Err(reserved);
        }
        let Some(Invalidation::Vma { gscid: None, pscid, addr }) = command.vma_operands() else {
            return Err(reserved);
        };
        let gscid = (!quirks.has(Quirk::FlushWithoutGv)).then_some(gscid);
        Ok(vec![Invalidation::Vma { gscid, pscid, addr }.command()])
    }

    /// A table by the name of the nested domain that is rooted in it.
    fn table_name(&self, table: GuestTable) -> String {
        let nested = self.table_root(table).ok().and_then(|(guest, root)| {
            let parent = self.guests.get(&guest)?.parent;
            self.nested_on(parent, root).first().copied()
        });
        nested.map_or_else(|| format!("guest table #{}", table.0), |id| self.domain_name(Domain(id)))
    }

    /// Nested domains on a parent whose first stage, or process directory, is rooted at a guest address.
    pub(super) fn nested_on(&self, parent: u32, root: u64) -> Vec<u32> {
        let on = |kind: &Kind| match kind {
            Kind::Nested(n) => n.parent == parent && rooted_at(&n.user, root),
            Kind::Paging(_) => false,
        };
        self.domains.iter().filter(|(_, d)| on(&d.kind)).map(|(&id, _)| id).collect()
    }

    pub(super) fn guest(&self, guest: Guest) -> Result<&GuestState, ApiError> {
        self.guests.get(&guest.0).ok_or(ApiError::NoSuchObject { kind: "guest", id: guest.0 })
    }

    pub(super) fn guest_parts(&mut self, id: u32) -> Result<(&mut Allocator, &mut GuestState), ApiError> {
        let state = self.guests.get_mut(&id).ok_or(ApiError::NoSuchObject { kind: "guest", id })?;
        Ok((&mut self.alloc, state))
    }

    /// The guest that has a table, and the table's root.
    fn table_root(&self, table: GuestTable) -> Result<(u32, u64), ApiError> {
        self.guests
            .iter()
            .find_map(|(&id, g)| g.tables.get(&table.0).map(|t| (id, t.table.root())))
            .ok_or(ApiError::NoSuchObject { kind: "guest table", id: table.0 })
    }
}

/// What a guest sends after it has cleared entries: as it knows of no second stage, without a GSCID.
fn guest_commands(pscid: u32, gather: &Gather, page_flushes: usize) -> Vec<Command> {
    let pscid = (!gather.global).then_some(pscid);
    let vma = |addr| Invalidation::Vma { gscid: None, pscid, addr }.command();
    if gather.tables.is_empty() && gather.leaves.len() <= page_flushes {
        gather.leaves.iter().map(|&(at, _)| vma(Some(at))).collect()
    } else {
        vec![vma(None)]
    }
}

/// Whether a context is rooted in a guest page.
fn rooted_at(context: &Context, root: u64) -> bool {
    context.has_first_stage() && context.first_root() == root
}
