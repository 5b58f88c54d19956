// SPDX-License-Identifier: Apache-2.0
//! The sequencer for process contexts: two words, V and the PSCID in one of them.

use super::super::format::{Invalidation, ProcessContext};
use super::window::{Window, build, by_way_of, direct, stores};
use super::{Class, Plan, Step};

/// The plan of the default policy, as [`super::sequenced`]. `scratch` is a PSCID that nothing uses; `gscid` is that of
/// the device, if it has a second stage.
pub fn sequenced_process(
    from: ProcessContext,
    to: ProcessContext,
    scratch: Option<u32>,
    gscid: Option<u16>,
) -> Plan<ProcessContext> {
    let to = to.masked();
    if let Some(windows) = direct(from, to) {
        let class = if from.masked() == to { Class::Nothing } else { Class::Hitless };
        return build(class, from, windows, vec![from, to]);
    }
    if let Some(plan) = scratch.and_then(|pscid| by_scratch(from, to, pscid, gscid)) {
        return plan;
    }
    // V and the PSCID share a word: what is stored first is the old word without V.
    let cleared = from.0[ProcessContext::TA] & !1;
    let first = Window(vec![(ProcessContext::TA, cleared)]);
    let rest = stores(from, to, |word| word != ProcessContext::TA);
    let valid = Window(vec![(ProcessContext::TA, to.0[ProcessContext::TA])]);
    build(Class::Break, from, vec![first, rest, valid], vec![from, ProcessContext::BLOCKED, to])
}

/// Another root and another PSCID, by way of a PSCID that nothing uses.
fn by_scratch(
    from: ProcessContext,
    to: ProcessContext,
    pscid: u32,
    gscid: Option<u16>,
) -> Option<Plan<ProcessContext>> {
    let tagged = |context: &ProcessContext| context.valid() && context.has_first_stage();
    if !tagged(&from) || !tagged(&to) || pscid == from.pscid() || pscid == to.pscid() {
        return None;
    }
    by_way_of(from, [from.with_pscid(pscid), to.with_pscid(pscid)], to, gscid, pscid)
}

/// As drivers do it that do not compare: V cleared, synchronised, everything stored with V last, and, if `sync_after`,
/// synchronised again.
pub fn upstream_process(from: ProcessContext, to: ProcessContext, sync_after: bool) -> Plan<ProcessContext> {
    let to = to.masked();
    let mut steps = Vec::new();
    if from.valid() {
        steps.push(Step::Store { word: ProcessContext::TA, value: from.0[ProcessContext::TA] & !1 });
        steps.push(Step::Sync);
    }
    if to.valid() {
        for word in [ProcessContext::FSC, ProcessContext::TA] {
            steps.push(Step::Store { word, value: to.0[word] });
        }
        if sync_after {
            steps.push(Step::Sync);
        }
    }
    let class = if from.masked() == to || !from.valid() || !to.valid() { Class::Hitless } else { Class::Break };
    Plan { class, steps, allowed: vec![from, ProcessContext::BLOCKED, to] }
}

/// What a change of a process context must flush, keyed on the old context (section "Changing process directory table
/// entry"). The `IODIR.INVAL_PDT` of that section is [`Step::Sync`].
pub fn flush_after_process_change(old: &ProcessContext, gscid: Option<u16>) -> Vec<Invalidation> {
    if !old.valid() || !old.has_first_stage() {
        return Vec::new();
    }
    vec![Invalidation::Vma { gscid, pscid: Some(old.pscid()), addr: None }]
}
