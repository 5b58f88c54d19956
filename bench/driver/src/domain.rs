// SPDX-License-Identifier: Apache-2.0
//! Domains: paging domains with tables of their own, and nested domains that put a guest's first stage on a parent.

use std::collections::{BTreeMap, BTreeSet};

use events::{Named, Operation, Promise};
use golden::Spa;

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{Capabilities, Context, Invalidation, PAGE, Scheme, Stage, TC_DTF, TC_SADE, TC_V};
use super::machine::Machine;
use super::msi::{MsiTable, MsiWindow};
use super::setup::{Domain, Driver};
use super::switch::Seat;
use super::table::{PageTable, TableMemory};

/// Flag of [`HwptRequest`]: the domain is to be the parent of nested ones, so it is a second stage.
pub const NEST_PARENT: u32 = 1;
/// Flag of [`HwptRequest`]: dirty tracking. Known, and refused.
pub const DIRTY_TRACKING: u32 = 1 << 1;
/// [`HwptRequest::data_type`]: no data
pub const DATA_NONE: u32 = 0;
/// [`HwptRequest::data_type`]: a RISC-V device context, inlined
pub const DATA_RISCV: u32 = 1;

/// What `hwpt_alloc` is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HwptRequest {
    /// For people
    pub name: String,
    /// [`NEST_PARENT`] and so on
    pub flags: u32,
    /// For a nested domain: the domain that it nests on
    pub parent: Option<Domain>,
    /// Type of `data`
    pub data_type: u32,
    /// A guest's device context, little-endian: 32 bytes or more
    pub data: Vec<u8>,
    /// Paging scheme; without it, the largest that the IOMMU has
    pub scheme: Option<Scheme>,
    /// User space asks, not the kernel's own DMA layer. It makes no difference, and must not.
    pub user: bool,
    /// Pages of a nest parent that are interrupt files of the guest
    pub msi: Option<MsiWindow>,
    /// Where user space wants to be told of events. Nothing is ever written there: events go by the fault queue.
    pub event: Option<Spa>,
}

impl HwptRequest {
    /// A first-stage domain of the host.
    pub fn paging(name: &str) -> HwptRequest {
        HwptRequest { name: name.into(), ..HwptRequest::default() }
    }

    /// A second-stage domain that can be nested on.
    pub fn nest_parent(name: &str) -> HwptRequest {
        HwptRequest { name: name.into(), flags: NEST_PARENT, ..HwptRequest::default() }
    }

    /// A nested domain.
    pub fn nested(name: &str, parent: Domain, data: NestedData) -> HwptRequest {
        HwptRequest {
            name: name.into(),
            parent: Some(parent),
            data_type: DATA_RISCV,
            data: data.encode(),
            ..HwptRequest::default()
        }
    }

    /// The same with interrupt files.
    #[must_use]
    pub fn msi(mut self, window: MsiWindow) -> HwptRequest {
        self.msi = Some(window);
        self
    }

    /// The same with a paging scheme.
    #[must_use]
    pub fn scheme(mut self, scheme: Scheme) -> HwptRequest {
        self.scheme = Some(scheme);
        self
    }
}

/// The part of a guest's device context that the host takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestedData {
    /// `fsc`: mode, and guest page number of the root
    pub fsc: u64,
    /// `ta.PSCID`, in the guest's own space
    pub pscid: u32,
    /// `tc.DTF`
    pub silent: bool,
}

impl NestedData {
    /// As the guest's device context in the base format.
    pub fn encode(&self) -> Vec<u8> {
        let tc = TC_V | if self.silent { TC_DTF } else { 0 };
        let words = [tc, 0, u64::from(self.pscid & 0xf_ffff) << 12, self.fsc];
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }
}

/// The tag of a domain's translations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Pscid(u32),
    Gscid(u16),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Paging {
    pub(super) table: PageTable,
    pub(super) tag: Tag,
    /// Mappings as they were asked for, start and length: each is unmapped whole
    pub(super) areas: BTreeMap<u64, u64>,
    pub(super) children: BTreeSet<u32>,
    /// Guests whose memory is mapped here
    pub(super) guests: u32,
    /// A global mapping was made: a flush by PSCID does not reach it
    pub(super) global: bool,
    /// Tables that were unlinked, but whose flush failed: they stay until the tag has been flushed
    pub(super) quarantine: Vec<u64>,
    /// Interrupt files of the guest
    pub(super) msi: Option<MsiTable>,
    /// Whoever frees it forgets the tag: a bug
    pub(super) forgotten: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Nested {
    pub(super) parent: u32,
    /// The guest's words, as far as they are taken over
    pub(super) user: Context,
    /// Second stage as a device had it at allocation: a bug
    pub(super) snapshot: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Paging(Box<Paging>),
    Nested(Nested),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct DomainState {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Devices and processes attached
    pub(super) bonds: BTreeSet<Seat>,
    /// The IOMMU may hold translations under this domain's tag
    pub(super) tagged: bool,
}

/// Physical memory as the home of tables.
pub(super) struct HostMemory<'a>(pub(super) &'a mut Allocator);

impl TableMemory for HostMemory<'_> {
    fn take(&mut self, machine: &mut dyn Machine, pages: u64) -> Result<u64, ApiError> {
        Ok(self.0.pages(machine, pages, pages * PAGE)?.0)
    }

    fn give(&mut self, machine: &mut dyn Machine, addr: u64, pages: u64) -> Result<(), ApiError> {
        self.0.free_pages(machine, Spa(addr), pages)
    }

    fn locate(&self, addr: u64) -> Result<Spa, ApiError> {
        Ok(Spa(addr))
    }
}

/// As the reviewed patch took its roots: one page, given back for want of size, then more, wherever they lie.
struct RootTwice<'a>(&'a mut Allocator);

impl TableMemory for RootTwice<'_> {
    fn take(&mut self, machine: &mut dyn Machine, pages: u64) -> Result<u64, ApiError> {
        let first = self.0.pages(machine, 1, PAGE)?;
        self.0.free_pages(machine, first, 1)?;
        Ok(self.0.pages(machine, pages, PAGE)?.0)
    }

    fn give(&mut self, machine: &mut dyn Machine, addr: u64, pages: u64) -> Result<(), ApiError> {
        self.0.free_pages(machine, Spa(addr), pages)
    }

    fn locate(&self, addr: u64) -> Result<Spa, ApiError> {
        Ok(Spa(addr))
    }
}

impl Driver {
    /// Allocates a domain. Without flags and data it is a paging domain as the kernel itself uses them, with a first
    /// stage; with [`NEST_PARENT`] it is a second stage; with a parent and data it is a nested domain, for which
    /// nothing is allocated in memory.
    ///
    /// # Errors
    /// EOPNOTSUPP for flags (looked at first), data types, reserved fields, schemes and MSI page tables; EINVAL for a parent that is
    /// none or a context that is no valid one, and for short data; E2BIG for long data; ENOENT for a stale parent;
    /// ENOMEM, ENOSPC.
    pub fn hwpt_alloc(&mut self, machine: &mut dyn Machine, request: &HwptRequest) -> Result<Domain, ApiError> {
        let quirks = self.options.quirks;
        if !quirks.late_flags {
            self.check_flags(request)?;
        }
        let made = if request.parent.is_some() || request.data_type != DATA_NONE {
            self.alloc_nested(machine, request)?
        } else if !request.data.is_empty() {
            return Err(ApiError::UnsupportedData(DATA_NONE));
        } else {
            self.alloc_paging(machine, request)?
        };
        if quirks.late_flags
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
        let tracking = if self.options.quirks.accept_dirty_tracking { DIRTY_TRACKING } else { 0 };
        let nested = request.parent.is_some() || request.data_type != DATA_NONE;
        let known = tracking | if nested { 0 } else { NEST_PARENT };
        if request.flags & !known == 0 { Ok(()) } else { Err(ApiError::UnsupportedFlags(request.flags)) }
    }

    fn alloc_paging(&mut self, machine: &mut dyn Machine, request: &HwptRequest) -> Result<Domain, ApiError> {
        let quirks = self.options.quirks;
        let parent = request.flags & NEST_PARENT != 0 && !quirks.ignore_nest_parent;
        let second = parent || request.user && quirks.user_second_stage;
        let stage = if second { Stage::Second } else { Stage::First };
        let caps = if quirks.foreign_capabilities { Capabilities(u64::MAX) } else { self.caps };
        let scheme = match request.scheme {
            Some(scheme) if scheme.stage() != stage && (quirks.ignore_nest_parent || quirks.user_second_stage) => {
                Scheme::largest(stage, caps).ok_or(ApiError::Unsupported("stage of translation"))?
            }
            Some(scheme) if scheme.stage() != stage => return Err(ApiError::Invalid("scheme of the other stage")),
            Some(scheme) if !caps.supports(scheme) => return Err(ApiError::Unsupported("paging scheme")),
            Some(scheme) => scheme,
            None => Scheme::largest(stage, caps).ok_or(ApiError::Unsupported("stage of translation"))?,
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
            Stage::First => self.alloc.pscid().map(Tag::Pscid),
            Stage::Second => self.alloc.gscid().map(Tag::Gscid),
        };
        let made = tag.and_then(|tag| {
            let memory: &mut dyn TableMemory =
                if quirks.root_twice { &mut RootTwice(&mut self.alloc) } else { &mut HostMemory(&mut self.alloc) };
            PageTable::new(machine, memory, scheme)
                .map(|table| (tag, table))
                .inspect_err(|_| self.free_tag(tag, quirks.leak_pscid))
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
            forgotten: request.user && quirks.second_free,
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
        let user = self.user_context(parent, &request.data)?;
        let snapshot = self.options.quirks.snapshot_second_stage.then(|| self.live_second_stage()).flatten();
        self.alloc.object()?;
        if self.options.quirks.nested_allocates {
            self.alloc.pscid()?;
            self.alloc.pages(machine, 1, PAGE)?;
        }
        if let Some(event) = request.event.filter(|_| self.options.quirks.event_pointer) {
            machine.store(event, u64::from(parent.0))?;
        }
        if self.options.quirks.context_per_parent {
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
        let any_length = self.options.quirks.unchecked_length;
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
        if self.options.quirks.unchecked_context {
            return Ok(user);
        }
        let hardware_updates = if self.caps.amo_hwad() { TC_SADE } else { 0 };
        let reserved = |field, value| if value == 0 { Ok(()) } else { Err(ApiError::Reserved { field, value }) };
        reserved("tc", words[Context::TC] & !(TC_V | TC_DTF | hardware_updates))?;
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
        if user.has_first_stage() {
            let scheme = user.first_scheme().ok_or(ApiError::Reserved { field: "fsc", value: words[Context::FSC] })?;
            if !self.caps.supports(scheme) {
                return Err(ApiError::Unsupported("paging scheme of the guest"));
            }
            let Kind::Paging(p) = &self.domain(parent)?.kind else { return Err(ApiError::CorruptTable) };
            if !p.table.scheme().translates(user.first_root()) {
                return Err(ApiError::OutOfRange { addr: user.first_root(), bytes: PAGE });
            }
        }
        Ok(user)
    }

    /// The context with which devices are attached to a domain.
    ///
    /// # Errors
    /// ENOENT
    pub fn context_of(&self, domain: Domain) -> Result<Context, ApiError> {
        self.domain_context(domain.0)
    }

    /// The tags of a domain's translations, as a device context holds them: GSCID and PSCID, each if it has one.
    ///
    /// # Errors
    /// ENOENT
    pub fn tags(&self, domain: Domain) -> Result<(Option<u16>, Option<u32>), ApiError> {
        let context = self.domain_context(domain.0)?;
        let gscid = context.has_second_stage().then(|| context.gscid());
        Ok((gscid, context.has_first_stage().then(|| context.pscid())))
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
        if state.tagged && !self.options.quirks.skip_release_flush {
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

    /// What makes the IOMMU forget all translations under the tag of a domain.
    pub(super) fn tag_flush(&self, id: u32) -> Result<Vec<Invalidation>, ApiError> {
        Ok(match &self.state(id)?.kind {
            Kind::Paging(p) => match p.tag {
                Tag::Pscid(pscid) => {
                    vec![Invalidation::Vma { gscid: None, pscid: (!p.global).then_some(pscid), addr: None }]
                }
                Tag::Gscid(gscid) => vec![
                    Invalidation::Vma { gscid: Some(gscid), pscid: None, addr: None },
                    Invalidation::Gvma { gscid: Some(gscid), addr: None },
                ],
            },
            Kind::Nested(n) => {
                // Without the PSCID: a guest's mappings may be global.
                let gscid = self.gscid_of(n.parent)?;
                vec![Invalidation::Vma { gscid: Some(gscid), pscid: None, addr: None }]
            }
        })
    }

    pub(super) fn gscid_of(&self, parent: u32) -> Result<u16, ApiError> {
        match &self.state(parent)?.kind {
            Kind::Paging(p) => match p.tag {
                Tag::Gscid(gscid) => Ok(gscid),
                Tag::Pscid(_) => Err(ApiError::Invalid("parent is no nest parent")),
            },
            Kind::Nested(_) => Err(ApiError::Invalid("parent is no nest parent")),
        }
    }

    /// The context with which devices are attached to a domain.
    pub(super) fn domain_context(&self, id: u32) -> Result<Context, ApiError> {
        Ok(match &self.state(id)?.kind {
            Kind::Paging(p) => match p.tag {
                Tag::Pscid(pscid) => Context::IDENTITY.with_first_stage(p.table.scheme(), p.table.root(), pscid),
                Tag::Gscid(gscid) => {
                    let context = Context::IDENTITY.with_second_stage(p.table.scheme(), p.table.root(), gscid);
                    p.msi.as_ref().map_or(context, |msi| msi.in_context(context))
                }
            },
            Kind::Nested(n) => {
                let parent = self.domain_context(n.parent)?;
                let mut context = n.user.with_second_stage_of(&parent);
                context.0[Context::IOHGATP] = n.snapshot.unwrap_or(parent.0[Context::IOHGATP]);
                context
            }
        })
    }

    pub(super) fn state(&self, id: u32) -> Result<&DomainState, ApiError> {
        self.domains.get(&id).ok_or(ApiError::NoSuchObject { kind: "domain", id })
    }

    pub(super) fn state_mut(&mut self, id: u32) -> Result<&mut DomainState, ApiError> {
        self.domains.get_mut(&id).ok_or(ApiError::NoSuchObject { kind: "domain", id })
    }

    pub(super) fn domain(&self, domain: Domain) -> Result<&DomainState, ApiError> {
        self.state(domain.0)
    }

    pub(super) fn paging(&self, id: u32) -> Result<&Paging, ApiError> {
        match &self.state(id)?.kind {
            Kind::Paging(p) => Ok(p),
            Kind::Nested(_) => Err(ApiError::Invalid("a nested domain has no mappings of its own")),
        }
    }

    pub(super) fn paging_mut(&mut self, id: u32) -> Result<&mut Paging, ApiError> {
        match &mut self.state_mut(id)?.kind {
            Kind::Paging(p) => Ok(p),
            Kind::Nested(_) => Err(ApiError::Invalid("a nested domain has no mappings of its own")),
        }
    }
}
