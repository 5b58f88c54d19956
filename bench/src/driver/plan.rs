//! The sequencer: in which order the words of a device context are stored, and where the IOMMU must be made to look
//! again, so that each fetch sees the old context or the new one.
//!
//! Between two synchronisations the IOMMU may read the words of a context in any order and at any time, so it can
//! put any value that a word held since the last synchronisation beside any value of another word. A run of stores
//! without a synchronisation in between is a *window*; it is *safe* if each combination that it allows means a
//! context that is allowed. Nothing here touches a machine: a plan can be printed, counted and tested by itself.

use core::fmt;

use super::format::{Command, Context, Invalidation, used};
use super::machine::StepKind;

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Store a word of the context of each device ID
    Store {
        /// Index of the word
        word: usize,
        /// Value
        value: u64,
    },
    /// `IODIR.INVAL_DDT` for each device ID, then a fence that is waited for
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
pub struct Plan {
    /// What devices see
    pub class: Class,
    /// In order
    pub steps: Vec<Step>,
    /// Contexts that a fetch may find on the way, the old and the new one included. A fetch that finds V clear is
    /// here as [`Context::BLOCKED`].
    pub allowed: Vec<Context>,
}

impl Plan {
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

const WORDS: [&str; 8] = ["tc", "iohgatp", "ta", "fsc", "msiptp", "msi_addr_mask", "msi_addr_pattern", "reserved"];

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            match step {
                Step::Store { word, value } => write!(f, "{} = {value:#x}", WORDS.get(*word).unwrap_or(&"?"))?,
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

/// Stores without a synchronisation in between: word and value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window(pub Vec<(usize, u64)>);

impl Window {
    /// The context after the stores.
    pub fn after(&self, mut context: Context) -> Context {
        for &(word, value) in &self.0 {
            context.0[word] = value;
        }
        context
    }

    /// Whether each context that a fetch can put together during this window, starting from `before`, means one that
    /// is allowed.
    pub fn safe(&self, before: Context, allowed: &[Context]) -> bool {
        let mut values: [Vec<u64>; 8] = before.0.map(|value| vec![value]);
        for &(word, value) in &self.0 {
            if !values[word].contains(&value) {
                values[word].push(value);
            }
        }
        let combinations: usize = values.iter().map(Vec::len).product();
        (0..combinations).all(|mut n| {
            let mut seen = Context::default();
            for (word, values) in seen.0.iter_mut().zip(&values) {
                *word = values[n % values.len()];
                n /= values.len();
            }
            allowed.iter().any(|a| a.masked() == seen.masked())
        })
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

/// Stores that bring the chosen words to their target.
fn stores(from: Context, to: Context, chosen: impl Fn(usize) -> bool) -> Window {
    Window((0..8).filter(|&w| chosen(w) && from.0[w] != to.0[w]).map(|w| (w, to.0[w])).collect())
}

/// At most one word cannot reach its target unseen: everything unseen first, then that word, then what it used.
fn direct(from: Context, to: Context) -> Option<Vec<Window>> {
    let (used_from, used_to) = (used(&from), used(&to));
    let mut ready = from;
    for (i, word) in ready.0.iter_mut().enumerate() {
        *word = *word & used_from[i] | to.0[i] & !used_from[i];
    }
    let mut critical = (0..8).filter(|&i| ready.0[i] & used_to[i] != to.0[i]);
    let Some(word) = critical.next() else {
        return Some(vec![stores(from, to, |_| true)]);
    };
    if critical.next().is_some() {
        return None;
    }
    ready.0[word] = from.0[word];
    let mut switched = ready;
    switched.0[word] = to.0[word];
    Some(vec![stores(from, ready, |_| true), stores(ready, switched, |_| true), stores(switched, to, |_| true)])
}

/// First stage to first stage with another root and another PSCID: under a PSCID that nothing uses, the root can
/// change; no request finds the new root under the old tag, or the old root under the new one.
fn by_scratch(from: Context, to: Context, pscid: u32) -> Option<Plan> {
    let tagged = |c: &Context| c.has_first_stage() && !c.has_process_directory();
    if !tagged(&from) || !tagged(&to) || pscid == from.pscid() || pscid == to.pscid() {
        return None;
    }
    let (first, second) = (from.with_pscid(pscid), to.with_pscid(pscid));
    let mut windows = direct(from, first)?;
    windows.extend(direct(first, second)?);
    windows.extend(direct(second, to)?);
    let mut plan = build(Class::Scratch, from, windows, vec![from, first, second, to]);
    let gscid = to.has_second_stage().then(|| to.gscid());
    plan.steps.push(Step::Flush(vec![Invalidation::Vma { gscid, pscid: Some(pscid), addr: None }]));
    Some(plan)
}

/// Changes that pass through a state between, with the states passed.
///
/// The states between are chosen, not searched for: each must confine the device at least as the old or the new
/// state does. A state without the second stage would let a guest's table reach all of memory.
fn by_hops(from: Context, to: Context, depth: u8) -> Option<(Vec<Window>, Vec<Context>)> {
    if depth == 0 || !from.valid() || !to.valid() {
        return None;
    }
    let candidates = match (from.has_second_stage(), to.has_second_stage()) {
        (true, true) if from.0[Context::IOHGATP] == to.0[Context::IOHGATP] => {
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

/// Moves each store into the earliest window that stays safe with it, drops what became empty, and puts a
/// synchronisation after each window. A break has nothing to gain from it.
fn build(class: Class, from: Context, mut windows: Vec<Window>, allowed: Vec<Context>) -> Plan {
    // A store that is overtaken by a later one to the same word, as a hop leaves them, must keep its place.
    let last = if class == Class::Break { 0 } else { windows.len() };
    for late in 1..last {
        let mut i = 0;
        while i < windows[late].0.len() {
            let store = windows[late].0[i];
            let earliest = (0..late)
                .rev()
                .take_while(|&w| windows[w].0.iter().all(|s| s.0 != store.0))
                .filter(|&w| all_safe_with(&windows, from, &allowed, late, i, w))
                .last();
            match earliest {
                Some(w) => {
                    windows[late].0.remove(i);
                    windows[w].0.push(store);
                }
                None => i += 1,
            }
        }
    }
    windows.retain(|w| !w.0.is_empty());
    let mut steps = Vec::new();
    let mut context = from;
    for window in &windows {
        let after = window.after(context);
        steps.extend(window.0.iter().map(|&(word, value)| Step::Store { word, value }));
        // Setting V needs no synchronisation: an invalid entry may not be cached.
        if context.valid() || !after.valid() {
            steps.push(Step::Sync);
        }
        context = after;
    }
    Plan { class, steps, allowed }
}

fn all_safe_with(windows: &[Window], from: Context, allowed: &[Context], late: usize, i: usize, early: usize) -> bool {
    let mut windows = windows.to_vec();
    let store = windows[late].0.remove(i);
    windows[early].0.push(store);
    let mut context = from;
    windows.iter().all(|window| {
        let safe = window.safe(context, allowed);
        context = window.after(context);
        safe
    })
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
