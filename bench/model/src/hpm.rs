// SPDX-License-Identifier: Apache-2.0
//! The performance monitor (sections "Performance-monitoring …").

use golden::{EventSelector, Request, Role, Tags, offset};

use super::habit::{Habit, Nature};

/// Event counters; `iohpmcycles` is one more.
const COUNTERS: usize = 7;
const OF: u64 = 1 << 63;

/// Something that a transaction did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened {
    /// `eventID`
    pub event: u16,
    /// By which request
    pub request: Request,
    /// What the walk knew by then
    pub tags: Option<Tags>,
}

/// Untranslated requests
pub(super) const UNTRANSLATED: u16 = 1;
/// Translated requests
pub(super) const TRANSLATED: u16 = 2;
/// ATS translation requests
pub(super) const ATS: u16 = 3;
/// TLB miss
pub(super) const MISS: u16 = 4;
const LAST: u16 = 8;

/// The event that the read of a word is, where it begins the walk of an entry.
pub(super) const fn walk_of(role: &Role) -> Option<u16> {
    match role {
        Role::DdtEntry { .. } | Role::DeviceContext { index: 0 } => Some(5),
        Role::PdtEntry { .. } | Role::ProcessContext { index: 0 } => Some(6),
        Role::FirstStage { .. } => Some(7),
        Role::SecondStage { .. } => Some(8),
        _ => None,
    }
}

/// Counters and selectors.
#[derive(Clone, Debug)]
pub(super) struct Hpm {
    nature: Nature,
    /// `iohpmcycles`, with OF
    cycles: u64,
    counters: [u64; COUNTERS],
    selectors: [EventSelector; COUNTERS],
    inhibit: u32,
    /// A counter went over with OF clear
    overflowed: bool,
    odd: bool,
}

impl Hpm {
    pub(super) fn new(nature: Nature) -> Self {
        Self {
            nature,
            cycles: 0,
            counters: [0; COUNTERS],
            selectors: [EventSelector(0); COUNTERS],
            inhibit: 0,
            overflowed: false,
            odd: false,
        }
    }

    fn runs(&self, counter: usize) -> bool {
        self.inhibit >> counter & 1 == 0 || self.nature.has(Habit::HpmRunsInhibited)
    }

    /// A cycle passes.
    pub(super) fn tick(&mut self) {
        self.odd = !self.odd;
        if !self.runs(0) || self.odd && self.nature.has(Habit::HpmCyclesLost) {
            return;
        }
        let of = self.cycles & OF;
        let next = (self.cycles & !OF) + 1;
        self.overflowed |= next & OF != 0 && of == 0;
        self.cycles = next & !OF | of | next & if self.nature.has(Habit::HpmOverflowHidden) { 0 } else { OF };
    }

    /// Counts something.
    pub(super) fn count(&mut self, what: &Happened) {
        for at in 0..COUNTERS {
            if !self.runs(at + 1) || !self.matches(self.selectors[at], what) {
                continue;
            }
            self.odd ^= self.nature.has(Habit::HpmRequestsLost);
            if self.odd && self.nature.has(Habit::HpmRequestsLost) {
                continue;
            }
            let step = if self.nature.has(Habit::HpmCountsTwice) { 2 } else { 1 };
            let (next, over) = self.counters[at].overflowing_add(step);
            self.counters[at] = next;
            if over && !self.selectors[at].of() {
                self.overflowed = true;
                self.selectors[at] = self.selectors[at].with_of(!self.nature.has(Habit::HpmOverflowHidden));
            }
        }
    }

    fn matches(&self, selector: EventSelector, what: &Happened) -> bool {
        let by_context = matches!(what.event, 4 | 7 | 8);
        if selector.event() != what.event || selector.idt() && !by_context {
            return false;
        }
        let tags = |tag: fn(&Tags) -> Option<u32>| what.tags.as_ref().and_then(tag);
        let (high, low) = if selector.idt() {
            (tags(|t| t.gscid.map(|g| u32::from(g.0))), tags(|t| t.pscid.map(|p| p.0)))
        } else {
            (Some(what.request.device.0), what.request.process.map(|p| p.0))
        };
        let wanted = selector.did_gscid();
        let masked = selector.dmask() && !self.nature.has(Habit::HpmMaskIgnored);
        let ignored = if masked { wanted ^ wanted.wrapping_add(1) } else { 0 };
        let fits = high.is_some_and(|id| (id ^ wanted) & !ignored == 0) || self.nature.has(Habit::HpmFilterIgnored);
        (!selector.dv_gscv() || fits) && (!selector.pv_pscv() || low == Some(selector.pid_pscid()))
    }

    /// A counter went over since the last call, with its OF bit clear: `pmip` is due.
    pub(super) fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.overflowed) && !self.nature.has(Habit::HpmInterruptLost)
    }

    /// The aligned doubleword at `at`.
    pub(super) fn read(&self, at: u16) -> u64 {
        let index = |first: u16| usize::from(at - first) / 8;
        match at {
            offset::IOCOUNTOVF => {
                let of = |(at, selector): (usize, &EventSelector)| u64::from(selector.of()) << (at + 1);
                let events: u64 = self.selectors.iter().enumerate().map(of).sum();
                self.cycles >> 63 | events | u64::from(self.inhibit) << 32
            }
            offset::IOHPMCYCLES => self.cycles,
            offset::IOHPMCTR..offset::IOHPMEVT => self.counters.get(index(offset::IOHPMCTR)).copied().unwrap_or(0),
            _ => self.selectors.get(index(offset::IOHPMEVT)).map_or(0, |selector| selector.0),
        }
    }

    /// Writes the bits of `mask` in the aligned doubleword at `at`.
    pub(super) fn write(&mut self, at: u16, data: u64, mask: u64) {
        let new = self.read(at) & !mask | data & mask;
        let index = |first: u16| usize::from(at - first) / 8;
        match at {
            offset::IOCOUNTOVF => self.inhibit = (new >> 32) as u32 & ((2 << COUNTERS) - 1),
            offset::IOHPMCYCLES => self.cycles = new,
            offset::IOHPMCTR..offset::IOHPMEVT => {
                if let Some(counter) = self.counters.get_mut(index(offset::IOHPMCTR)) {
                    *counter = new;
                }
            }
            _ => {
                let at = index(offset::IOHPMEVT);
                if let Some(selector) = self.selectors.get_mut(at) {
                    let wanted = EventSelector(new);
                    *selector = if wanted.event() <= LAST { wanted } else { wanted.with_event(0) };
                    if self.nature.has(Habit::HpmSelectorClears) {
                        self.counters[at] = 0;
                    }
                }
            }
        }
    }
}
