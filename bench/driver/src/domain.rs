// SPDX-License-Identifier: Apache-2.0
//! Domains are allocated and freed: paging domains with tables of their own, and nested domains that put a guest's first
//! stage on a parent.

use std::collections::{BTreeMap, BTreeSet};

use events::{Named, Operation, Promise};

use super::domain_state::{DomainState, Kind, Nested, Paging, Tag};
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Capabilities, Context, PAGE, ProcessMode, Stage, TC_DPE, TC_DTF, TC_PDTV, TC_SADE, TC_V};
use super::handles::Domain;
use super::host_memory::{HostMemory, RootTwice};
use super::machine::Machine;
use super::msi_table::MsiTable;
use super::quirk::Quirk;
use super::request::{DATA_NONE, DATA_RISCV, DIRTY_TRACKING, HwptRequest, NEST_PARENT};
use super::table::{PageTable, TableMemory};

impl Driver {
    /// Allocates a domain. Without flags and data it is a paging domain as the kernel itself uses them, with a first
    /// stage; with [`NEST_PARENT`] it is a second stage; with a parent and data it is a nested domain, for which
    /// nothing is allocated in memory.
    ///
    /// # Errors
    /// EOPNOTSUPP for flags (looked at first), data types, reserved fields, schemes and MSI page tables; EINVAL for a parent that is
    /// none or a context that is no valid one, and for short data; E2BIG for long data; ENOENT for a stale parent;
    /// EBUSY for a tag that is in use, ERANGE for one that does not exist; ENOMEM, ENOSPC.
    pub fn hwpt_alloc(&mut self, machine: &mut dyn Machine, request: &HwptRequest) -> Result<Domain, ApiError> {
        let quirks = self.options.quirks;
        if !quirks.has(Quirk::LateFlags) {
            self.check_flags(request)?;
        }
        let made = if request.parent.is_some() || request.data_type != DATA_NONE {
            self.alloc_nested(machine, request)?
        } else if !request.data.is_empty() {
            return Err(ApiError::UnsupportedData(DATA_NONE));
        } else {
            self.alloc_paging(machine, request)?
        };
        if quirks.has(Quirk::LateFlags)
            && let Err(error) = self.check_flags(request)
        {
            self.free(machine, made)?;
            return Err(error);
        }
        let context = self.domain_context(made.0)?;
        let pscid = if context.has_first_stage() { context.pscid() } else { 0 };
        let (iohgatp, fsc) = (context.0[Context::IOHGATP], context.0[Context::FSC]);
        machine.named(&request.name, Named::Domain { iohgatp, pscid, fsc });
        Ok(made)
    }

    fn check_flags(&self, request: &HwptRequest) -> Result<(), ApiError> {
        let tracking = if self.options.quirks.has(Quirk::AcceptDirtyTracking) { DIRTY_TRACKING } else { 0 };
        let nested = request.parent.is_some() || request.data_type != DATA_NONE;
        let known = tracking | if nested { 0 } else { NEST_PARENT };
        if request.flags & !known == 0 { Ok(()) } else { Err(ApiError::UnsupportedFlags(request.flags)) }
    }

    fn alloc_paging(&mut self, machine: &mut dyn Machine, request: &HwptRequest) -> Result<Domain, ApiError> {
        let quirks = self.options.quirks;
        let parent = request.flags & NEST_PARENT != 0 && !quirks.has(Quirk::IgnoreNestParent);
        let second = parent || request.user && quirks.has(Quirk::UserSecondStage);
        let stage = if second { Stage::Second } else { Stage::First };
        let caps = if quirks.has(Quirk::ForeignCapabilities) { Capabilities(u64::MAX) } else { self.caps };
        let scheme = match request.scheme {
            Some(scheme)
                if scheme.stage() != stage
                    && (quirks.has(Quirk::IgnoreNestParent) || quirks.has(Quirk::UserSecondStage)) =>
            {
                caps.largest(stage).ok_or(ApiError::Unsupported("stage of translation"))?
            }
            Some(scheme) if scheme.stage() != stage => return Err(ApiError::Invalid("scheme of the other stage")),
            Some(scheme) if !caps.supports(scheme) => return Err(ApiError::Unsupported("paging scheme")),
            Some(scheme) => scheme,
            None => caps.largest(stage).ok_or(ApiError::Unsupported("stage of translation"))?,
        };
        if let Some(window) = request.msi {
            if stage == Stage::First {
                return Err(ApiError::Invalid("interrupt files without a second stage"));
            }
            if !self.caps.msi_flat() {
                return Err(ApiError::Unsupported("MSI page table"));
            }
            window.check(scheme)?;
        }
        self.alloc.object()?;
        let tag = match stage {
            Stage::First => self.alloc.pscid(request.tag).map(Tag::Pscid),
            Stage::Second => self.alloc.gscid(request.tag).map(Tag::Gscid),
        };
        let made = tag.and_then(|tag| {
            let memory: &mut dyn TableMemory = if quirks.has(Quirk::RootTwice) {
                &mut RootTwice(&mut self.alloc)
            } else {
                &mut HostMemory(&mut self.alloc)
            };
            PageTable::new(machine, memory, scheme)
                .map(|table| (tag, table))
                .inspect_err(|_| self.free_tag(tag, quirks.has(Quirk::LeakPscid)))
        });
        let (tag, table) = made.inspect_err(|_| self.alloc.free_object())?;
        let msi = match request.msi.map(|window| MsiTable::new(machine, &mut self.alloc, scheme, window)).transpose() {
            Ok(msi) => msi,
            Err(error) => {
                table.free(machine, &mut HostMemory(&mut self.alloc))?;
                self.free_tag(tag, false);
                self.alloc.free_object();
                return Err(error);
            }
        };
        let id = self.next_id();
        let paging = Paging {
            table,
            tag,
            areas: BTreeMap::new(),
            children: BTreeSet::new(),
            guests: 0,
            global: false,
            quarantine: Vec::new(),
            msi,
            forgotten: request.user && quirks.has(Quirk::SecondFree),
        };
        self.insert(id, &request.name, Kind::Paging(Box::new(paging)));
        Ok(Domain(id))
    }

    fn alloc_nested(&mut self, machine: &mut dyn Machine, request: &HwptRequest) -> Result<Domain, ApiError> {
        if request.data_type != DATA_RISCV {
            return Err(ApiError::UnsupportedData(request.data_type));
        }
        let parent = request.parent.ok_or(ApiError::Invalid("nested domain without a parent"))?;
        match &self.domain(parent)?.kind {
            Kind::Paging(p) if p.table.scheme().stage() == Stage::Second => {}
            _ => return Err(ApiError::Invalid("parent is no nest parent")),
        }
        if request.msi.is_some() {
            return Err(ApiError::Invalid("the MSI page table is the parent's"));
        }
        if request.scheme.is_some() {
            return Err(ApiError::Invalid("the guest's context names the scheme"));
        }
        if request.tag.is_some() {
            return Err(ApiError::Invalid("the GSCID is the parent's, and the guest's context names the PSCID"));
        }
        let user = self.user_context(parent, &request.data)?;
        let snapshot = self.options.quirks.has(Quirk::SnapshotSecondStage).then(|| self.live_second_stage()).flatten();
        self.alloc.object()?;
        if self.options.quirks.has(Quirk::NestedAllocates) {
            self.alloc.pscid(None)?;
            self.alloc.pages(machine, 1, PAGE)?;
        }
        if let Some(event) = request.event.filter(|_| self.options.quirks.has(Quirk::EventPointer)) {
            machine.store(event, u64::from(parent.0))?;
        }
        if self.options.quirks.has(Quirk::ContextPerParent) {
            for state in self.domains.values_mut() {
                if let Kind::Nested(other) = &mut state.kind
                    && other.parent == parent.0
                {
                    other.user = user;
                }
            }
        }
        let id = self.next_id();
        self.insert(id, &request.name, Kind::Nested(Nested { parent: parent.0, user, snapshot }));
        self.paging_mut(parent.0)?.children.insert(id);
        Ok(Domain(id))
    }

    /// The second stage of whichever device comes first: what the reviewed patch took for that of the parent.
    fn live_second_stage(&self) -> Option<u64> {
        self.devices.values().next().map(|d| d.context.0[Context::IOHGATP])
    }

    fn insert(&mut self, id: u32, name: &str, kind: Kind) {
        let state = DomainState { name: name.into(), kind, bonds: BTreeSet::new(), tagged: false };
        self.domains.insert(id, state);
    }

    /// Checks a guest's device context and keeps what may be taken over.
    ///
    /// Raw words would let a guest misconfigure the host's context, and then every transaction of the device is a
    /// fault of the host.
    fn user_context(&self, parent: Domain, data: &[u8]) -> Result<Context, ApiError> {
        const BASE: usize = 32;
        let any_length = self.options.quirks.has(Quirk::UncheckedLength);
        if data.len() < BASE && !any_length {
            return Err(ApiError::ShortStruct { bytes: data.len(), needed: BASE });
        }
        let known = self.directory.words() * 8;
        if data.iter().skip(known).any(|&b| b != 0) && !any_length {
            return Err(ApiError::TrailingData { bytes: data.len(), known });
        }
        let mut words = [0u64; 8];
        for (word, chunk) in words.iter_mut().zip(data.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(bytes);
        }
        let user = Context(words);
        if self.options.quirks.has(Quirk::UncheckedContext) {
            return Ok(user);
        }
        let hardware_updates = if self.caps.amo_hwad() { TC_SADE } else { 0 };
        let reserved = |field, value| if value == 0 { Ok(()) } else { Err(ApiError::Reserved { field, value }) };
        let any = ProcessMode::ALL.into_iter().any(|mode| self.caps.process_directory(mode));
        let directories = if any { TC_PDTV | TC_DPE } else { 0 };
        reserved("tc", words[Context::TC] & !(TC_V | TC_DTF | hardware_updates | directories))?;
        reserved("ta", words[Context::TA] & !(0xf_ffff << 12))?;
        reserved("fsc", words[Context::FSC] & 0xffff << 44)?;
        for (index, field) in [(4, "msiptp"), (5, "msi_addr_mask"), (6, "msi_addr_pattern"), (7, "reserved")] {
            reserved(field, words[index])?;
        }
        if words[Context::IOHGATP] != 0 {
            return Err(ApiError::Invalid("a guest has no second stage of its own"));
        }
        if !user.valid() {
            return Err(ApiError::Invalid("context with V clear"));
        }
        if user.has_default_process() && !user.has_process_directory() {
            return Err(ApiError::Invalid("a default process without a process directory"));
        }
        if user.has_first_stage() {
            let other = ApiError::Reserved { field: "fsc", value: words[Context::FSC] };
            if user.has_process_directory() {
                let mode = user.directory_mode().ok_or(other)?;
                if !self.caps.process_directory(mode) {
                    return Err(ApiError::Unsupported("process directory of the guest"));
                }
            } else if !self.caps.supports(user.first_scheme().ok_or(other)?) {
                return Err(ApiError::Unsupported("paging scheme of the guest"));
            }
            let Kind::Paging(p) = &self.domain(parent)?.kind else { return Err(ApiError::CorruptTable) };
            if !p.table.scheme().translates(user.first_root()) {
                return Err(ApiError::OutOfRange { addr: user.first_root(), bytes: PAGE });
            }
        }
        Ok(user)
    }

    /// Frees a domain. Its tag goes back into the pool only after the IOMMU has forgotten it.
    ///
    /// # Errors
    /// ENOENT; EBUSY while devices, nested domains or guests use it; ETIMEDOUT or EIO if the flush fails, and then
    /// nothing is freed.
    pub fn hwpt_free(&mut self, machine: &mut dyn Machine, domain: Domain) -> Result<(), ApiError> {
        let name = format!("free {}", self.domain_name(domain));
        let operation = Operation { name, promise: Promise::Nothing, reconfiguration: false };
        self.operation(machine, operation, |driver, machine| driver.free(machine, domain))
    }

    fn free(&mut self, machine: &mut dyn Machine, domain: Domain) -> Result<(), ApiError> {
        let state = self.domain(domain)?;
        if !state.bonds.is_empty() {
            return Err(ApiError::Busy("domain is attached"));
        }
        if let Kind::Paging(p) = &state.kind
            && (!p.children.is_empty() || p.guests > 0)
        {
            return Err(ApiError::Busy("domain has nested domains or guest memory"));
        }
        if state.tagged && !self.options.quirks.has(Quirk::SkipReleaseFlush) {
            let list = self.tag_flush(domain.0)?;
            self.flush(machine, &list)?;
        }
        let Some(state) = self.domains.remove(&domain.0) else { return Ok(()) };
        self.alloc.free_object();
        match state.kind {
            Kind::Nested(nested) => {
                self.paging_mut(nested.parent)?.children.remove(&domain.0);
            }
            Kind::Paging(paging) => {
                let memory = &mut HostMemory(&mut self.alloc);
                for table in paging.quarantine {
                    memory.give(machine, table, 1)?;
                }
                paging.table.free(machine, memory)?;
                if let Some(msi) = paging.msi {
                    msi.free(machine, &mut self.alloc)?;
                }
                self.free_tag(paging.tag, paging.forgotten);
            }
        }
        Ok(())
    }

    fn free_tag(&mut self, tag: Tag, leak: bool) {
        match tag {
            Tag::Pscid(id) if !leak => self.alloc.free_pscid(id),
            Tag::Gscid(id) if !leak => self.alloc.free_gscid(id),
            _ => {}
        }
    }
}
