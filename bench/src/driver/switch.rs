//! The change of a device context: everything that can fail for want of something, then the plan step by step, then
//! the bookkeeping of tags.

use golden::Spa;

use super::attach::Target;
use super::domain::Kind;
use super::error::ApiError;
use super::format::{Context, Invalidation};
use super::machine::Machine;
use super::options::{FlushPolicy, Policy};
use super::plan::{self, Class, Plan, Step};
use super::setup::{Device, Driver};

/// What a change that failed halfway may have left in the IOMMU.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Limbo {
    /// A domain that must not go
    domain: Option<u32>,
    /// The context whose tag is still to be flushed
    context: Context,
    /// A PSCID that was on loan, likewise
    scratch: Option<u32>,
}

/// A PSCID that nothing uses, for the length of one change.
#[derive(Clone, Copy, Debug)]
struct Scratch {
    pscid: u32,
    /// It came from the allocator and goes back there
    loan: bool,
}

impl Limbo {
    fn flushes(&self) -> Vec<Invalidation> {
        let mut list = plan::flush_after_change(&self.context);
        list.extend(self.scratch.map(|pscid| Invalidation::Vma { gscid: None, pscid: Some(pscid), addr: None }));
        list
    }
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

    pub(super) fn complete_plan(&self, device: u32, from: Context, to: Context, scratch: Option<u32>) -> Plan {
        let quirks = self.options.quirks;
        let mut plan = match self.options.policy {
            Policy::Sequenced => plan::sequenced(from, to, scratch),
            Policy::Upstream => plan::upstream(from, to),
            Policy::Rfc => plan::rfc(from, to),
        };
        if quirks.valid_first {
            // The store that sets V comes before all others.
            if let Some(at) =
                plan.steps.iter().rposition(|s| matches!(s, Step::Store { word: 0, value } if value & 1 != 0))
            {
                let store = plan.steps.remove(at);
                plan.steps.insert(0, store);
            }
        }
        let mut flushes = match (self.options.policy, self.options.flush) {
            // The patch flushed before, and not again.
            (Policy::Rfc, _) => Vec::new(),
            (_, FlushPolicy::Spec) => plan::flush_after_change(&from),
            (_, FlushPolicy::Tags) => same_tag_other_root(&from, &to),
        };
        // What failed before has not been flushed, and what the IOMMU holds of it is open.
        if let Some(state) = self.devices.get(&device)
            && !state.limbo.is_empty()
        {
            plan.steps.insert(0, Step::Sync);
            for invalidation in state.limbo.iter().flat_map(Limbo::flushes) {
                if !flushes.contains(&invalidation) {
                    flushes.push(invalidation);
                }
            }
        }
        if !flushes.is_empty() && !quirks.skip_attach_flush {
            plan.steps.push(Step::Flush(flushes));
        }
        plan
    }

    /// Brings a device to a target, or to none. All that can fail for want of something comes first.
    pub(super) fn switch(
        &mut self,
        machine: &mut dyn Machine,
        device: Device,
        target: Option<Target>,
    ) -> Result<(), ApiError> {
        let quirks = self.options.quirks;
        let from = self.device(device)?.context;
        let to = self.target_context(target)?;
        let old = self.device(device)?.current.and_then(Target::domain);
        let new = target.and_then(Target::domain);
        if quirks.unlink_first && old != new {
            self.unbond(device.0, old);
        }
        let bond = match new {
            Some(id) => !self.state(id)?.bonds.contains(&device.0),
            None => false,
        };
        if bond {
            self.alloc.object()?;
        }
        let ready = self.scratch_for(device.0, from, to, new).and_then(|scratch| {
            let prepared = self.prepare_tag(machine, new, &to);
            prepared.inspect_err(|_| self.return_scratch(scratch))?;
            Ok(scratch)
        });
        let scratch = ready.inspect_err(|_| {
            if bond {
                self.alloc.free_object();
            }
        })?;
        if let Some(id) = new {
            self.state_mut(id)?.bonds.insert(device.0);
        }
        let plan = self.complete_plan(device.0, from, to, scratch.map(|s| s.pscid));
        let result = self.carry_out(machine, device, &plan);
        let state = self.device_mut(device)?;
        state.current = target;
        if let Err(error) = result {
            let scratch = scratch.filter(|s| s.loan).map(|s| s.pscid);
            state.limbo.push(Limbo { domain: old.filter(|_| old != new), context: from, scratch });
            return Err(error);
        }
        let limbo = std::mem::take(&mut state.limbo);
        self.return_scratch(scratch);
        if old != new && !quirks.keep_reference {
            self.unbond(device.0, old);
        }
        self.settle(old);
        for left in limbo {
            if left.domain != new {
                self.unbond(device.0, left.domain);
            }
            self.settle(left.domain);
            self.return_scratch(left.scratch.map(|pscid| Scratch { pscid, loan: true }));
        }
        Ok(())
    }

    fn return_scratch(&mut self, scratch: Option<Scratch>) {
        if let Some(Scratch { pscid, loan: true }) = scratch {
            self.alloc.free_pscid(pscid);
        }
    }

    fn unbond(&mut self, device: u32, domain: Option<u32>) {
        if let Some(state) = domain.and_then(|id| self.domains.get_mut(&id))
            && state.bonds.remove(&device)
        {
            self.alloc.free_object();
        }
    }

    /// A PSCID for a change that needs one.
    fn scratch_for(
        &mut self,
        device: u32,
        from: Context,
        to: Context,
        new: Option<u32>,
    ) -> Result<Option<Scratch>, ApiError> {
        if self.options.policy != Policy::Sequenced || plan::sequenced(from, to, None).class != Class::Break {
            return Ok(None);
        }
        let spare = (0..3).find(|&p| p != from.pscid() && p != to.pscid());
        if plan::sequenced(from, to, spare).class != Class::Scratch {
            return Ok(None);
        }
        match self.spare_pscid(device, new, &to) {
            Some(pscid) => Ok(Some(Scratch { pscid, loan: false })),
            None => Ok(Some(Scratch { pscid: self.alloc.pscid()?, loan: true })),
        }
    }

    /// Sees to it that the tag of a nested domain is clean before it is used with another root: guests choose their
    /// PSCIDs themselves, and two nested domains on one parent may have the same.
    fn prepare_tag(&mut self, machine: &mut dyn Machine, new: Option<u32>, to: &Context) -> Result<(), ApiError> {
        let Some(id) = new else { return Ok(()) };
        let mut stale = Vec::new();
        if let Kind::Nested(nested) = &self.state(id)?.kind {
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

    /// Plays a plan for all IDs of a device.
    fn carry_out(&mut self, machine: &mut dyn Machine, device: Device, plan: &Plan) -> Result<(), ApiError> {
        let ids = self.device(device)?.ids.clone();
        let words = self.directory.words();
        for step in &plan.steps {
            machine.step(&ids, step.kind());
            match step {
                Step::Store { word, value } => {
                    if *word < words {
                        for &id in &ids {
                            let at = self.directory.context_at(id)?;
                            machine.store(Spa(at.0 + 8 * *word as u64), *value)?;
                        }
                    }
                    self.device_mut(device)?.context.0[*word] = *value;
                }
                Step::Sync => {
                    if !self.options.quirks.skip_attach_sync {
                        self.commands.complete(machine, &self.options, &plan::sync_commands(&ids))?;
                    }
                }
                Step::Flush(list) => self.flush(machine, list)?,
            }
        }
        Ok(())
    }
}

/// The tag that stays in use while the root under it changes: its translations must go, whatever the policy.
fn same_tag_other_root(from: &Context, to: &Context) -> Vec<Invalidation> {
    let same = |i: usize| from.0[i] == to.0[i];
    let both_first = from.valid() && to.valid() && from.has_first_stage() && to.has_first_stage();
    let same_space =
        from.has_second_stage() == to.has_second_stage() && (!to.has_second_stage() || from.gscid() == to.gscid());
    if both_first && same_space && from.pscid() == to.pscid() && !same(Context::FSC) {
        let gscid = to.has_second_stage().then(|| to.gscid());
        return vec![Invalidation::Vma { gscid, pscid: None, addr: None }];
    }
    Vec::new()
}
