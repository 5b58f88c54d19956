// SPDX-License-Identifier: Apache-2.0
//! The sequencer: in which order the words of a device context are stored, and where the IOMMU must be made to look
//! again, so that each fetch sees the old context or the new one.
//!
//! Between two synchronisations the IOMMU may read the words of a context in any order and at any time, so it can
//! put any value that a word held since the last synchronisation beside any value of another word. A run of stores
//! without a synchronisation in between is a *window*; it is *safe* if each combination that it allows means a
//! context that is allowed. Nothing here touches a machine: a plan can be printed, counted and tested by itself.

use core::fmt;

use super::format::{Command, Context, Invalidation};
use super::machine::StepKind;

mod entry;
mod process;
mod window;

pub use entry::Entry;
pub use process::{flush_after_process_change, sequenced_process, upstream_process};
pub use window::Window;
use window::{build, by_way_of, direct, stores};

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Store a word of the entry: a device context, for each device ID, or a process context
    Store {
        /// Index of the word
        word: usize,
        /// Value
        value: u64,
    },
    /// `IODIR.INVAL_DDT` for each device ID, or `IODIR.INVAL_PDT`, then a fence that is waited for
    Sync,
    /// Commands, then a fence that is waited for
    Flush(Vec<Invalidation>),
}

impl Step {
    /// What it is, without its operands.
    pub const fn kind(&self) -> StepKind {
        match self {
            Step::Store { .. } => StepKind::Store,
            Step::Sync => StepKind::Sync,
            Step::Flush(_) => StepKind::Flush,
        }
    }
}

/// What devices can see while a plan is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The contexts mean the same.
    Nothing,
    /// Old or new.
    Hitless,
    /// Old or new; in between, translations carry a tag that belongs to neither.
    Scratch,
    /// Old, then one or more states on the way that are neither, then new. No request is refused on the way.
    Hops,
    /// Requests are refused with cause 258 for a while.
    Break,
}

impl Class {
    /// Whether a request is always translated by the old or the new context.
    pub const fn hitless(self) -> bool {
        matches!(self, Class::Nothing | Class::Hitless | Class::Scratch)
    }
}

/// How to bring a context from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<E = Context> {
    /// What devices see
    pub class: Class,
    /// In order
    pub steps: Vec<Step>,
    /// Contexts that a fetch may find on the way, the old and the new one included. A fetch that finds V clear is
    /// here as the entry that is all zero.
    pub allowed: Vec<E>,
}

impl<E> Plan<E> {
    /// Number of synchronisations.
    pub fn syncs(&self) -> usize {
        self.steps.iter().filter(|s| matches!(s, Step::Sync)).count()
    }

    /// Number of stores for one device ID.
    pub fn stores(&self) -> usize {
        self.steps.iter().filter(|s| matches!(s, Step::Store { .. })).count()
    }

    /// Invalidations other than those of the synchronisations.
    pub fn flushes(&self) -> impl Iterator<Item = &Invalidation> {
        self.steps.iter().flat_map(|s| match s {
            Step::Flush(list) => list.as_slice(),
            _ => &[],
        })
    }

    /// The stores between synchronisations. A synchronisation without stores since the last one makes no window.
    pub fn windows(&self) -> Vec<Window> {
        let mut windows = vec![Window::default()];
        for step in &self.steps {
            match *step {
                Step::Store { word, value } => {
                    if let Some(window) = windows.last_mut() {
                        window.0.push((word, value));
                    }
                }
                Step::Sync => windows.push(Window::default()),
                Step::Flush(_) => {}
            }
        }
        windows.retain(|w| !w.0.is_empty());
        windows
    }
}

impl<E: Entry> fmt::Display for Plan<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            match step {
                Step::Store { word, value } => write!(f, "{} = {value:#x}", E::NAMES.get(*word).unwrap_or(&"?"))?,
                Step::Sync => f.write_str("sync")?,
                Step::Flush(list) => {
                    f.write_str("flush")?;
                    for invalidation in list {
                        write!(f, " {invalidation},")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The plan of the default policy: hitless if that is possible at all, and with the fewest synchronisations.
///
/// `scratch` is a PSCID that nothing uses, for changes that need one; without it they are not hitless. Flushes are
/// not part of the result, except that of the scratch tag.
pub fn sequenced(from: Context, to: Context, scratch: Option<u32>) -> Plan {
    let to = to.masked();
    if let Some(windows) = direct(from, to) {
        let class = if from.masked() == to { Class::Nothing } else { Class::Hitless };
        return build(class, from, windows, vec![from, to]);
    }
    if let Some(plan) = scratch.and_then(|pscid| by_scratch(from, to, pscid)) {
        return plan;
    }
    if let Some((windows, mut vias)) = by_hops(from, to, 2) {
        vias.extend([from, to]);
        return build(Class::Hops, from, windows, vias);
    }
    let cleared = Window(vec![(Context::TC, 0)]);
    let rest = stores(from, to, |word| word != Context::TC);
    let valid = Window(vec![(Context::TC, to.0[Context::TC])]);
    build(Class::Break, from, vec![cleared, rest, valid], vec![from, Context::BLOCKED, to])
}

/// First stage to first stage with another root and another PSCID: under a PSCID that nothing uses, the root can
/// change; no request finds the new root under the old tag, or the old root under the new one.
fn by_scratch(from: Context, to: Context, pscid: u32) -> Option<Plan> {
    let tagged = |c: &Context| c.has_first_stage() && !c.has_process_directory();
    if !tagged(&from) || !tagged(&to) || pscid == from.pscid() || pscid == to.pscid() {
        return None;
    }
    let gscid = to.has_second_stage().then(|| to.gscid());
    by_way_of(from, [from.with_pscid(pscid), to.with_pscid(pscid)], to, gscid, pscid)
}

/// Changes that pass through a state between, with the states passed.
///
/// The states between are chosen, not searched for: each must confine the device at least as the old or the new
/// state does. A state without the second stage would let a guest's table reach all of memory.
fn by_hops(from: Context, to: Context, depth: u8) -> Option<(Vec<Window>, Vec<Context>)> {
    if depth == 0 || !from.valid() || !to.valid() {
        return None;
    }
    let same_second = from.0[Context::IOHGATP] == to.0[Context::IOHGATP];
    let candidates = match (from.has_second_stage(), to.has_second_stage()) {
        // The bit that says what fsc is, and fsc: between them a directory that is off, which leaves requests without
        // a process ID where they are.
        _ if same_second && from.has_process_directory() != to.has_process_directory() => {
            let (plain, directory) = if to.has_process_directory() { (from, to) } else { (to, from) };
            if plain.has_first_stage() {
                return None;
            }
            vec![directory.with_word(Context::FSC, 0)]
        }
        (true, true) if same_second => {
            let (bare, other) = if from.has_first_stage() { (to, from) } else { (from, to) };
            let msi = if from.has_msi_table() { from } else { to };
            vec![with_msi(bare, msi), with_msi(other, bare)]
        }
        (false, true) if !from.has_first_stage() => vec![second_stage_only(to)],
        (true, false) if !to.has_first_stage() => vec![second_stage_only(from)],
        _ => return None,
    };
    candidates.into_iter().map(|via| via.masked()).find_map(|via| {
        if via == from.masked() || via == to {
            return None;
        }
        let mut vias = vec![via];
        let mut leg = |a: Context, b: Context| {
            direct(a, b).or_else(|| {
                let (windows, more) = by_hops(a, b, depth - 1)?;
                vias.extend(more);
                Some(windows)
            })
        };
        let mut windows = leg(from, via)?;
        windows.extend(leg(via, to)?);
        Some((windows, vias))
    })
}

fn with_msi(mut context: Context, msi: Context) -> Context {
    context.0[Context::MSIPTP..].copy_from_slice(&msi.0[Context::MSIPTP..]);
    context
}

fn second_stage_only(mut context: Context) -> Context {
    context.0[Context::TA] = 0;
    context.0[Context::FSC] = 0;
    context.0[Context::MSIPTP..].fill(0);
    context
}

/// As upstream Linux does it: V cleared, synchronised, everything stored with V last, synchronised.
pub fn upstream(from: Context, to: Context) -> Plan {
    rewrite(from, to, true)
}

/// As the reviewed patch does it: a flush of all host translations first, V cleared, synchronised, everything stored
/// with V last. Nothing afterwards.
pub fn rfc(from: Context, to: Context) -> Plan {
    let mut plan = rewrite(from, to, false);
    plan.steps.insert(0, Step::Flush(vec![Invalidation::Vma { gscid: None, pscid: None, addr: None }]));
    plan
}

fn rewrite(from: Context, to: Context, sync_after: bool) -> Plan {
    let to = to.masked();
    let mut steps = Vec::new();
    if from.valid() {
        steps.push(Step::Store { word: Context::TC, value: from.0[Context::TC] & !1 });
        steps.push(Step::Sync);
    }
    if to.valid() {
        // All words, changed or not, and V by itself: these drivers do not compare.
        let order = [Context::FSC, Context::TA, Context::IOHGATP, Context::MSIPTP, Context::MSI_MASK];
        let rest = order.into_iter().chain([Context::MSI_PATTERN]);
        let changed_or_base = |w: &usize| *w < 4 || from.0[*w] != to.0[*w];
        steps.extend(rest.filter(changed_or_base).map(|word| Step::Store { word, value: to.0[word] }));
        steps.push(Step::Store { word: Context::TC, value: to.0[Context::TC] });
        if sync_after {
            steps.push(Step::Sync);
        }
    }
    let class = if from.masked() == to || !from.valid() || !to.valid() { Class::Hitless } else { Class::Break };
    Plan { class, steps, allowed: vec![from, Context::BLOCKED, to] }
}

/// What a change of a device context must flush, keyed on the old context (section "Changing device directory table
/// entry"). The `IODIR.INVAL_DDT` of that section is [`Step::Sync`].
pub fn flush_after_change(old: &Context) -> Vec<Invalidation> {
    if !old.valid() {
        return Vec::new();
    }
    if old.has_second_stage() {
        let gscid = Some(old.gscid());
        return vec![Invalidation::Vma { gscid, pscid: None, addr: None }, Invalidation::Gvma { gscid, addr: None }];
    }
    if old.has_process_directory() {
        return vec![Invalidation::Vma { gscid: None, pscid: None, addr: None }];
    }
    if old.has_first_stage() {
        return vec![Invalidation::Vma { gscid: None, pscid: Some(old.pscid()), addr: None }];
    }
    Vec::new()
}

/// The commands of one synchronisation.
pub(super) fn sync_commands(devices: &[golden::DeviceId]) -> Vec<Command> {
    devices.iter().map(|d| Invalidation::Ddt { device: Some(d.0) }.command()).collect()
}
