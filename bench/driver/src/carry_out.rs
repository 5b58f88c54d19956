// SPDX-License-Identifier: Apache-2.0
//! Carrying out the change of entries: the plan of each by the policy in force, its flushes, step by step, and what a
//! failure leaves to be made good.

use golden::{DeviceId, Spa};

use super::device_state::DeferredRelease;
use super::driver::Driver;
use super::error::ApiError;
use super::format::{Context, Invalidation, ProcessContext};
use super::handles::Device;
use super::machine::Machine;
use super::options::{FlushPolicy, Policy};
use super::plan::{self, Plan, Step};
use super::quirk::Quirk;

/// One entry of a directory that changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The context of a device
    Device { from: Context, to: Context },
    /// The context of one of its processes
    Process { process: u32, from: ProcessContext, to: ProcessContext },
}

impl Driver {
    /// The stores of a device context and what belongs between them.
    pub(super) fn device_plan(&self, from: Context, to: Context, scratch: Option<u32>) -> Plan {
        let mut plan = match self.options.policy {
            Policy::Sequenced => plan::sequenced(from, to, scratch),
            Policy::Upstream => plan::upstream(from, to),
            Policy::Rfc => plan::rfc(from, to),
        };
        if self.options.quirks.has(Quirk::ValidFirst) {
            // The store that sets V comes before all others.
            if let Some(at) =
                plan.steps.iter().rposition(|s| matches!(s, Step::Store { word: 0, value } if value & 1 != 0))
            {
                let store = plan.steps.remove(at);
                plan.steps.insert(0, store);
            }
        }
        plan
    }

    /// What is flushed after a change of a device context.
    fn device_flushes(&self, from: &Context, to: &Context) -> Vec<Invalidation> {
        match (self.options.policy, self.options.flush) {
            _ if self.options.quirks.has(Quirk::SkipAttachFlush) => Vec::new(),
            // The patch flushed before, and not again.
            (Policy::Rfc, _) => Vec::new(),
            (_, FlushPolicy::Spec) => plan::flush_after_change(from),
            (_, FlushPolicy::Tags) => same_tag_other_root(from, to),
        }
    }

    fn process_plan(&self, from: ProcessContext, to: ProcessContext, scratch: Option<u32>) -> Plan<ProcessContext> {
        match self.options.policy {
            Policy::Sequenced => plan::sequenced_process(from, to, scratch, None),
            Policy::Upstream => plan::upstream_process(from, to, true),
            Policy::Rfc => {
                let mut plan = plan::upstream_process(from, to, false);
                let all = Invalidation::Vma { gscid: None, pscid: None, addr: None };
                plan.steps.insert(0, Step::Flush(vec![all]));
                plan
            }
        }
    }

    fn process_flushes(&self, from: &ProcessContext, to: &ProcessContext) -> Vec<Invalidation> {
        let same_tag = from.valid() && to.valid() && from.has_first_stage() && to.has_first_stage();
        let same_tag = same_tag && from.pscid() == to.pscid() && from.0[1] != to.0[1];
        match (self.options.policy, self.options.flush) {
            _ if self.options.quirks.has(Quirk::SkipAttachFlush) => Vec::new(),
            (Policy::Rfc, _) => Vec::new(),
            (_, FlushPolicy::Tags) if !same_tag => Vec::new(),
            _ => plan::flush_after_process_change(from, None),
        }
    }

    /// What is flushed after a change of an entry: by the policy for what the IOMMU keeps, and always for what the device
    /// does.
    pub(super) fn flushes(&self, device: Device, part: &Part) -> Vec<Invalidation> {
        let mut list = match part {
            Part::Device { from, to } => self.device_flushes(from, to),
            Part::Process { from, to, .. } => self.process_flushes(from, to),
        };
        list.extend(self.forget_all(device, part));
        list
    }

    /// The steps for one entry, with the flush behind them.
    fn steps(&self, device: Device, part: &Part, scratch: Option<u32>) -> Vec<Step> {
        let mut steps = match part {
            Part::Device { from, to } => self.device_plan(*from, *to, scratch).steps,
            Part::Process { from, to, .. } => self.process_plan(*from, *to, scratch).steps,
        };
        let flushes = self.flushes(device, part);
        if !flushes.is_empty() {
            steps.push(Step::Flush(flushes));
        }
        steps
    }

    /// Changes entries one after the other. What failed before is made good first: it has not been flushed, and what
    /// the IOMMU holds of it is open. What fails now is noted.
    pub(super) fn carry_out_all(
        &mut self,
        machine: &mut dyn Machine,
        device: Device,
        parts: &[Part],
        scratch: Option<u32>,
    ) -> Result<(), ApiError> {
        let deferred = self.device(device)?.deferred.clone();
        let mut lists: Vec<Vec<Step>> = parts.iter().map(|part| self.steps(device, part, scratch)).collect();
        if !deferred.is_empty() {
            let ids = self.ids(device)?;
            let again = ids.iter().map(|id| Invalidation::Ddt { device: Some(id.0) }).collect();
            match lists.first_mut() {
                Some(first) => first.insert(0, Step::Flush(again)),
                None => self.flush(machine, &again)?,
            }
            let mut flushes: Vec<Invalidation> = Vec::new();
            let scratches = deferred.iter().filter_map(|left| left.scratch);
            let tags = scratches.map(|pscid| Invalidation::Vma { gscid: None, pscid: Some(pscid), addr: None });
            for invalidation in deferred.iter().flat_map(|left| left.flushes.clone()).chain(tags) {
                let sent =
                    lists.iter().flatten().any(|s| matches!(s, Step::Flush(list) if list.contains(&invalidation)));
                if !sent && !flushes.contains(&invalidation) {
                    flushes.push(invalidation);
                }
            }
            if !flushes.is_empty() && !self.options.quirks.has(Quirk::SkipAttachFlush) {
                match lists.last_mut() {
                    Some(last) => last.push(Step::Flush(flushes)),
                    None => self.flush(machine, &flushes)?,
                }
            }
        }
        let mut result = Ok(());
        for (part, steps) in parts.iter().zip(&lists) {
            result = result.and_then(|()| self.carry_out(machine, device, part, steps));
        }
        if result.is_err() {
            let flushes = parts.iter().flat_map(|part| {
                let own = match part {
                    Part::Device { from, .. } => plan::flush_after_change(from),
                    Part::Process { from, .. } => plan::flush_after_process_change(from, None),
                };
                own.into_iter().chain(self.forget_all(device, part))
            });
            let flushes = flushes.collect();
            self.device_mut(device)?.deferred.push(DeferredRelease { bond: None, flushes, scratch: None });
        }
        result
    }

    /// Plays the steps of one entry, for all IDs of the device.
    fn carry_out(
        &mut self,
        machine: &mut dyn Machine,
        device: Device,
        part: &Part,
        steps: &[Step],
    ) -> Result<(), ApiError> {
        let ids = self.ids(device)?;
        for step in steps {
            machine.step(&ids, step.kind());
            match (step, part) {
                (Step::Store { word, value }, Part::Device { .. }) => {
                    if *word < self.directory.words() {
                        for &id in &ids {
                            let at = self.directory.context_at(id)?;
                            machine.store(Spa(at.0 + 8 * *word as u64), *value)?;
                        }
                    }
                    self.device_mut(device)?.context.0[*word] = *value;
                }
                (Step::Store { word, value }, Part::Process { process, .. }) => {
                    let at = Spa(self.processes(device)?.directory.context_at(*process)?);
                    machine.store(Spa(at.0 + 8 * *word as u64), *value)?;
                    if let Some(own) = &mut self.device_mut(device)?.processes {
                        own.contexts.entry(*process).or_default().0[*word] = *value;
                    }
                }
                (Step::Sync, Part::Device { .. }) => {
                    if !self.options.quirks.has(Quirk::SkipAttachSync) {
                        self.commands.complete(machine, &self.options, &plan::sync_commands(&ids))?;
                    }
                }
                (Step::Sync, Part::Process { process, .. }) => {
                    if !self.options.quirks.has(Quirk::SkipProcessSync) {
                        let process = *process;
                        let pdt = |id: &DeviceId| Invalidation::Pdt { device: id.0, process }.command();
                        let commands: Vec<_> = ids.iter().map(pdt).collect();
                        self.commands.complete(machine, &self.options, &commands)?;
                    }
                }
                (Step::Flush(list), _) => self.flush(machine, list)?,
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
