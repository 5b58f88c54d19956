// SPDX-License-Identifier: Apache-2.0
//! The change of what a device or a process is attached to: everything that can fail for want of something, then the
//! entries that change, then the bookkeeping of bonds and tags.

use super::carry_out::Part;
use super::domain_state::Kind;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Context, ProcessContext};
use super::handles::{Device, Seat, Target};
use super::host_memory::HostMemory;
use super::machine::Machine;
use super::options::{FlushPolicy, Policy};
use super::plan::{self, Class};
use super::quirk::Quirk;

/// A PSCID that nothing uses, for the length of one change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scratch {
    pscid: u32,
    /// It came from the allocator and goes back there
    loan: bool,
}

impl Driver {
    /// A PSCID that no nested domain on the same parent uses: in a guest's space the host can allocate none.
    pub(super) fn spare_pscid(&self, device: u32, domain: Option<u32>, to: &Context) -> Option<u32> {
        let Kind::Nested(nested) = &self.state(domain?).ok()?.kind else { return None };
        let used: Vec<u32> = self
            .domains
            .values()
            .filter_map(|d| match &d.kind {
                Kind::Nested(n) if n.parent == nested.parent => Some(n.user.pscid()),
                _ => None,
            })
            .chain([to.pscid(), self.devices.get(&device)?.context.pscid()])
            .collect();
        (0..=0xf_ffff).rev().find(|p| !used.contains(p))
    }

    /// The entries that change when somebody goes to a target, in order.
    fn parts(&self, seat: Seat, target: Option<Target>) -> Result<Vec<Part>, ApiError> {
        let device = Device(seat.device);
        let state = self.device(device)?;
        let Some(processes) = &state.processes else {
            if seat.process.is_some() {
                self.processes(device)?;
            }
            return Ok(vec![Part::Device { from: state.context, to: self.context_for(device, target)? }]);
        };
        if let Some(process) = seat.process {
            let (from, to) = (processes.context(process), self.process_context(target)?);
            return Ok(vec![Part::Process { process, from, to }]);
        }
        // The device itself is process 0, but on identity it goes past the directory.
        let default = target != Some(Target::Identity);
        let own = if default { self.process_context(target)? } else { ProcessContext::BLOCKED };
        let to = state.as_own(Context::IDENTITY.with_process_directory(processes.directory.pdtp(), default));
        let mut parts = Vec::new();
        if processes.context(0).masked() != own.masked() {
            parts.push(Part::Process { process: 0, from: processes.context(0), to: own });
        }
        if state.context.masked() != to.masked() {
            // What is not looked at can be changed freely: so process 0 is filled before it is used, and cleared after.
            let at = if default { parts.len() } else { 0 };
            parts.insert(at, Part::Device { from: state.context, to });
        }
        Ok(parts)
    }

    /// Whether somebody who is attached goes to a target without a request that is refused or comes out neither way.
    pub(super) fn is_hitless(&self, seat: Seat, target: Target) -> bool {
        let Ok(parts) = self.parts(seat, Some(target)) else { return false };
        let current = self.target_of(seat).ok().flatten();
        let open = |target: Target| target != Target::Blocked;
        current.is_some_and(open)
            && open(target)
            && parts.iter().all(|part| match part {
                // Any PSCID that neither uses shows whether a scratch PSCID would help.
                Part::Device { from, to } => {
                    plan::sequenced(*from, *to, spare(from.pscid(), to.pscid())).class.hitless()
                }
                Part::Process { from, to, .. } => {
                    plan::sequenced_process(*from, *to, spare(from.pscid(), to.pscid()), None).class.hitless()
                }
            })
    }

    /// Brings a device or a process to a target, or to none. All that can fail for want of something comes first.
    pub(super) fn switch(
        &mut self,
        machine: &mut dyn Machine,
        seat: Seat,
        target: Option<Target>,
    ) -> Result<(), ApiError> {
        let quirks = self.options.quirks;
        let device = Device(seat.device);
        let parts = self.parts(seat, target)?;
        let current = self.target_of(seat)?;
        let (old, new) = (current.and_then(Target::domain), target.and_then(Target::domain));
        if quirks.has(Quirk::UnlinkFirst) && old != new {
            self.unbond(seat, old);
        }
        let bond = match new {
            Some(id) => !self.state(id)?.bonds.contains(&seat),
            None => false,
        };
        if bond {
            self.alloc.object()?;
        }
        let scratch = self.prepare(machine, seat, &parts, new).inspect_err(|_| {
            if bond {
                self.alloc.free_object();
            }
        })?;
        if let Some(id) = new {
            self.state_mut(id)?.bonds.insert(seat);
        }
        let result = self.carry_out_all(machine, device, &parts, scratch.map(|s| s.pscid));
        let state = self.device_mut(device)?;
        match (seat.process, &mut state.processes) {
            (None, _) => state.current = target,
            (Some(process), Some(own)) => {
                match target {
                    Some(target) => own.bound.insert(process, target),
                    None => own.bound.remove(&process),
                };
            }
            (Some(_), None) => return Err(ApiError::CorruptTable),
        }
        if let Err(error) = result {
            // `carry_out_all` has noted what is to be flushed; what must not go is known here.
            if let Some(deferred) = state.deferred.last_mut() {
                deferred.bond = old.filter(|_| old != new).map(|id| (seat, id));
                deferred.scratch = scratch.filter(|s| s.loan).map(|s| s.pscid);
            }
            return Err(error);
        }
        self.return_scratch(scratch);
        if old != new && !quirks.has(Quirk::KeepReference) {
            self.unbond(seat, old);
        }
        self.settle(old);
        self.make_good(device)
    }

    /// A change has succeeded, and with it what had failed before on this device.
    pub(super) fn make_good(&mut self, device: Device) -> Result<(), ApiError> {
        for left in std::mem::take(&mut self.device_mut(device)?.deferred) {
            if let Some((seat, id)) = left.bond {
                if self.target_of(seat).ok().flatten().and_then(Target::domain) != Some(id) {
                    self.unbond(seat, Some(id));
                }
                self.settle(Some(id));
            }
            self.return_scratch(left.scratch.map(|pscid| Scratch { pscid, loan: true }));
        }
        Ok(())
    }

    /// All that can fail for want of something, but for the bond; all of it, or nothing.
    fn prepare(
        &mut self,
        machine: &mut dyn Machine,
        seat: Seat,
        parts: &[Part],
        new: Option<u32>,
    ) -> Result<Option<Scratch>, ApiError> {
        let scratch = self.scratch_for(seat.device, parts, new)?;
        let made = match seat.process {
            Some(process) => {
                let Driver { devices, alloc, .. } = self;
                match devices.get_mut(&seat.device).and_then(|state| state.processes.as_mut()) {
                    Some(own) => own.directory.make(machine, &mut HostMemory(alloc), process),
                    None => Err(ApiError::CorruptTable),
                }
            }
            None => Ok(()),
        };
        let to = parts.iter().find_map(|part| match part {
            Part::Device { to, .. } => Some(*to),
            Part::Process { .. } => None,
        });
        let prepared = made.and_then(|()| self.prepare_tag(machine, new, to));
        prepared.inspect_err(|_| self.return_scratch(scratch))?;
        Ok(scratch)
    }

    fn return_scratch(&mut self, scratch: Option<Scratch>) {
        if let Some(Scratch { pscid, loan: true }) = scratch {
            self.alloc.free_pscid(pscid);
        }
    }

    fn unbond(&mut self, seat: Seat, domain: Option<u32>) {
        if let Some(state) = domain.and_then(|id| self.domains.get_mut(&id))
            && state.bonds.remove(&seat)
        {
            self.alloc.free_object();
        }
    }

    /// A PSCID for a change that needs one.
    fn scratch_for(&mut self, device: u32, parts: &[Part], new: Option<u32>) -> Result<Option<Scratch>, ApiError> {
        if self.options.policy != Policy::Sequenced {
            return Ok(None);
        }
        for part in parts {
            let class = |scratch: Option<u32>| match part {
                Part::Device { from, to } => plan::sequenced(*from, *to, scratch).class,
                Part::Process { from, to, .. } => plan::sequenced_process(*from, *to, scratch, None).class,
            };
            let (from, to) = match part {
                Part::Device { from, to } => (from.pscid(), to.pscid()),
                Part::Process { from, to, .. } => (from.pscid(), to.pscid()),
            };
            if class(None) != Class::Break || class(spare(from, to)) != Class::Scratch {
                continue;
            }
            let nested = match part {
                Part::Device { to, .. } => self.spare_pscid(device, new, to),
                Part::Process { .. } => None,
            };
            return match nested {
                Some(pscid) => Ok(Some(Scratch { pscid, loan: false })),
                None => Ok(Some(Scratch { pscid: self.alloc.pscid(None)?, loan: true })),
            };
        }
        Ok(None)
    }

    /// Sees to it that the tag of a nested domain is clean before it is used with another root: guests choose their
    /// PSCIDs themselves, and two nested domains on one parent may have the same.
    fn prepare_tag(
        &mut self,
        machine: &mut dyn Machine,
        new: Option<u32>,
        to: Option<Context>,
    ) -> Result<(), ApiError> {
        let Some(id) = new else { return Ok(()) };
        let mut stale = Vec::new();
        if let (Kind::Nested(nested), Some(to)) = (&self.state(id)?.kind, to) {
            let parent = nested.parent;
            stale.extend(self.domains.iter().filter_map(|(&other, d)| match &d.kind {
                Kind::Nested(n) if n.parent == parent && other != id && d.tagged && d.bonds.is_empty() => {
                    let clash = n.user.pscid() == to.pscid() && n.user.0[Context::FSC] != to.0[Context::FSC];
                    clash.then_some(other)
                }
                _ => None,
            }));
            self.state_mut(parent)?.tagged = true;
        }
        for other in stale {
            let list = self.tag_flush(other)?;
            self.flush(machine, &list)?;
            self.state_mut(other)?.tagged = false;
        }
        self.state_mut(id)?.tagged = true;
        Ok(())
    }

    /// Under the `spec` policy the change has flushed the tag of the old domain: note it, where nothing else that
    /// carries the tag is attached.
    fn settle(&mut self, old: Option<u32>) {
        if self.options.flush != FlushPolicy::Spec || self.options.policy == Policy::Rfc {
            return;
        }
        let Some(id) = old else { return };
        let family = match self.domains.get(&id).map(|d| &d.kind) {
            Some(Kind::Nested(n)) => n.parent,
            // Flushed by PSCID, and that leaves global mappings.
            Some(Kind::Paging(p)) if p.global => return,
            Some(Kind::Paging(_)) => id,
            None => return,
        };
        let Ok(parent) = self.paging(family) else { return };
        let members: Vec<u32> = parent.children.iter().copied().chain([family]).collect();
        if members.iter().all(|id| self.domains.get(id).is_none_or(|d| d.bonds.is_empty())) {
            for id in members {
                if let Some(member) = self.domains.get_mut(&id) {
                    member.tagged = false;
                }
            }
        }
    }
}

/// Any PSCID that neither of two contexts has.
fn spare(from: u32, to: u32) -> Option<u32> {
    (0..3).find(|&pscid| pscid != from && pscid != to)
}
