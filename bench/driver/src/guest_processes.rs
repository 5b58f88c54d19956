// SPDX-License-Identifier: Apache-2.0
//! Processes of a guest: a process directory in the guest's own memory, behind the second stage. The guest writes it, and
//! asks the host for the invalidations; the host never looks into it.

use std::collections::BTreeMap;

use events::{Operation, Promise};
use golden::Spa;

use super::alloc::Allocator;
use super::domain_state::Kind;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Command, Invalidation, ProcessContext, ProcessMode};
use super::guest_memory::{DirectoryState, GuestPages, GuestState};
use super::handles::{Device, Domain, Guest, GuestDirectory, GuestTable};
use super::machine::Machine;
use super::process_directory::ProcessDirectory;
use super::quirk::Quirk;
use super::request::NestedData;
use super::table::TableMemory;

impl Driver {
    /// A guest makes a process directory in its memory, with no process in it.
    ///
    /// # Errors
    /// ENOENT, ENOMEM; EOPNOTSUPP if the IOMMU has no directories of this width.
    pub fn guest_directory(
        &mut self,
        machine: &mut dyn Machine,
        guest: Guest,
        mode: ProcessMode,
    ) -> Result<GuestDirectory, ApiError> {
        if !self.caps.process_directory(mode) {
            return Err(ApiError::Unsupported("process directory of this width"));
        }
        let (alloc, state) = self.guest_parts(guest.0)?;
        let memory = &mut GuestPages { alloc, memory: &mut state.memory };
        let directory = ProcessDirectory::new(machine, memory, mode)?;
        let id = self.next_id();
        let (_, state) = self.guest_parts(guest.0)?;
        state.directories.insert(id, DirectoryState { directory, processes: BTreeMap::new() });
        Ok(GuestDirectory(id))
    }

    /// A guest frees a process directory.
    ///
    /// # Errors
    /// ENOENT; EBUSY while a nested domain is rooted in it.
    pub fn guest_directory_free(
        &mut self,
        machine: &mut dyn Machine,
        directory: GuestDirectory,
    ) -> Result<(), ApiError> {
        let (guest, root) = self.directory_root(directory)?;
        if !self.nested_in(guest, root)?.is_empty() {
            return Err(ApiError::Busy("a nested domain is rooted in the directory"));
        }
        let (alloc, state) = self.guest_parts(guest)?;
        let Some(gone) = state.directories.remove(&directory.0) else { return Ok(()) };
        gone.directory.free(machine, &mut GuestPages { alloc, memory: &mut state.memory })
    }

    /// What a guest puts into its device context to use a process directory. `default` lets requests without a process ID
    /// use process 0.
    ///
    /// # Errors
    /// ENOENT
    pub fn directory_data(&self, directory: GuestDirectory, default: bool) -> Result<NestedData, ApiError> {
        let fsc = self.guest_directory_state(directory)?.directory.pdtp();
        Ok(NestedData { fsc, directory: true, default_process: default, ..NestedData::default() })
    }

    /// A guest gives a process a first stage. Nothing is invalidated: contexts with V clear may not be cached.
    ///
    /// # Errors
    /// ENOENT, ENOMEM; EINVAL for a process ID that is too wide; EBUSY if the process has a table already.
    pub fn guest_attach_process(
        &mut self,
        machine: &mut dyn Machine,
        directory: GuestDirectory,
        process: u32,
        table: GuestTable,
    ) -> Result<(), ApiError> {
        let operation = self.of_process("attach", directory, process)?;
        self.operation(machine, operation, |driver, machine| {
            let data = driver.nested_data(table)?;
            let (guest, _) = driver.directory_root(directory)?;
            let (alloc, state) = driver.guest_parts(guest)?;
            let (own, mut memory) = parts(alloc, state, directory)?;
            if !own.directory.admits(process) {
                return Err(ApiError::Invalid("process ID"));
            }
            if own.processes.contains_key(&process) {
                return Err(ApiError::Busy("process is attached"));
            }
            own.directory.make(machine, &mut memory, process)?;
            let at = memory.locate(own.directory.context_at(process)?)?;
            own.processes.insert(process, table);
            let context = ProcessContext::IDENTITY.with_pscid(data.pscid);
            machine.store(Spa(at.0 + 8 * ProcessContext::FSC as u64), data.fsc)?;
            Ok(machine.store(Spa(at.0 + 8 * ProcessContext::TA as u64), context.0[ProcessContext::TA])?)
        })
    }

    /// A guest takes the first stage from a process, and has the host invalidate what was kept of it.
    ///
    /// # Errors
    /// ENOENT; EINVAL if the process has none; ETIMEDOUT or EIO if the flush fails.
    pub fn guest_detach_process(
        &mut self,
        machine: &mut dyn Machine,
        directory: GuestDirectory,
        process: u32,
    ) -> Result<(), ApiError> {
        let operation = self.of_process("detach", directory, process)?;
        self.operation(machine, operation, |driver, machine| {
            let (guest, root) = driver.directory_root(directory)?;
            let (alloc, state) = driver.guest_parts(guest)?;
            let (own, memory) = parts(alloc, state, directory)?;
            if own.processes.remove(&process).is_none() {
                return Err(ApiError::Invalid("process is not attached"));
            }
            let at = memory.locate(own.directory.context_at(process)?)?;
            machine.store(Spa(at.0 + 8 * ProcessContext::TA as u64), 0)?;
            // The guest's number of the device means nothing to the host, which knows its own.
            let sync = Invalidation::Pdt { device: 0, process }.command();
            // Without the PSCID: mappings of a guest may be global.
            let flush = Invalidation::Vma { gscid: None, pscid: None, addr: None }.command();
            let commands: &[Command] =
                if driver.options.quirks.has(Quirk::SkipProcessSync) { &[] } else { &[sync, flush] };
            for nested in driver.nested_in(guest, root)? {
                driver.cache_invalidate(machine, Domain(nested), commands).map_err(|partial| partial.error)?;
            }
            Ok(())
        })
    }

    /// The directory in which a nested domain is rooted.
    ///
    /// # Errors
    /// ENOENT
    pub fn directory_of(&self, nested: Domain) -> Result<Option<GuestDirectory>, ApiError> {
        let Kind::Nested(own) = &self.domain(nested)?.kind else { return Ok(None) };
        let on_parent = self.guests.values().filter(|guest| guest.parent == own.parent);
        let mut all = on_parent.flat_map(|guest| &guest.directories);
        let rooted = own.user.has_process_directory();
        let found = all.find(|(_, state)| rooted && state.directory.root() == own.user.first_root());
        Ok(found.map(|(&id, _)| GuestDirectory(id)))
    }

    /// IODIR.INVAL_PDT of a guest as the host passes it on: for each device ID that is attached to the nested domain.
    pub(super) fn process_sync(&self, nested: Domain, process: u32) -> Result<Vec<Command>, ApiError> {
        let mut commands = Vec::new();
        for seat in &self.domain(nested)?.bonds {
            for id in self.ids(Device(seat.device))? {
                commands.push(Invalidation::Pdt { device: id.0, process }.command());
            }
        }
        Ok(commands)
    }

    /// Nested domains through which devices use a guest's table: those that are rooted in it, and those whose process
    /// directory leads to it.
    pub(super) fn users_of(&self, table: GuestTable, parent: u32, root: u64) -> Vec<u32> {
        let mut users = self.nested_on(parent, root);
        let on_parent = self.guests.values().filter(|guest| guest.parent == parent);
        for state in on_parent.flat_map(|guest| guest.directories.values()) {
            if state.processes.values().any(|&own| own == table) {
                users.extend(self.nested_on(parent, state.directory.root()));
            }
        }
        users
    }

    fn of_process(&self, what: &str, directory: GuestDirectory, process: u32) -> Result<Operation, ApiError> {
        let (guest, root) = self.directory_root(directory)?;
        let nested = self.nested_in(guest, root)?.first().copied();
        let owner = nested.map_or_else(|| format!("guest #{guest}"), |id| self.domain_name(Domain(id)));
        let name = format!("{what} {owner}/{process:#x}");
        Ok(Operation { name, promise: Promise::Effective, reconfiguration: false })
    }

    fn guest_directory_state(&self, directory: GuestDirectory) -> Result<&DirectoryState, ApiError> {
        let mut all = self.guests.values().filter_map(|guest| guest.directories.get(&directory.0));
        all.next().ok_or(ApiError::NoSuchObject { kind: "guest process directory", id: directory.0 })
    }

    /// The guest that has a directory, and the directory's root.
    fn directory_root(&self, directory: GuestDirectory) -> Result<(u32, u64), ApiError> {
        let root = self.guest_directory_state(directory)?.directory.root();
        let owner = self.guests.iter().find(|(_, guest)| guest.directories.contains_key(&directory.0));
        let missing = ApiError::NoSuchObject { kind: "guest process directory", id: directory.0 };
        owner.map(|(&id, _)| (id, root)).ok_or(missing)
    }

    fn nested_in(&self, guest: u32, root: u64) -> Result<Vec<u32>, ApiError> {
        Ok(self.nested_on(self.guest(Guest(guest))?.parent, root))
    }
}

/// A directory of a guest, and the memory that it lies in.
fn parts<'a>(
    alloc: &'a mut Allocator,
    state: &'a mut GuestState,
    directory: GuestDirectory,
) -> Result<(&'a mut DirectoryState, GuestPages<'a>), ApiError> {
    let GuestState { memory, directories, .. } = state;
    let own = directories.get_mut(&directory.0).ok_or(ApiError::CorruptTable)?;
    Ok((own, GuestPages { alloc, memory }))
}
