// SPDX-License-Identifier: Apache-2.0
//! The performance monitor (sections "Performance-monitoring …").
//!
//! A walk is the load of one entry, as the glossary has it. There is no TLB: each request that needs a page table misses
//! once.

use super::memory::{Memory, MemoryWords};
use super::{Iommu, Parameters, Platform, interrupts};
use crate::{EventSelector, Read, Request, Role, Tags, Update, WordRef, Words};

pub(super) const UNTRANSLATED: u16 = 1;
pub(super) const TRANSLATED: u16 = 2;
pub(super) const ATS: u16 = 3;
const TLB_MISS: u16 = 4;
const DDT_WALK: u16 = 5;
const PDT_WALK: u16 = 6;
const FIRST_STAGE_WALK: u16 = 7;
const SECOND_STAGE_WALK: u16 = 8;
const LAST_EVENT: u16 = SECOND_STAGE_WALK;

impl EventSelector {
    /// An event with these identifiers counts.
    fn matches(self, event: u16, ids: &Ids) -> bool {
        let filters_by_context = matches!(event, TLB_MISS | FIRST_STAGE_WALK | SECOND_STAGE_WALK);
        if self.event() != event || (self.idt() && !filters_by_context) {
            return false;
        }
        let (high, low) = if self.idt() { (ids.gscid, ids.pscid) } else { (Some(ids.device), ids.process) };
        // DMASK: the lowest 0 bit and all below it are not compared.
        let wanted = self.did_gscid();
        let ignored = if self.dmask() { wanted ^ wanted.wrapping_add(1) } else { 0 };
        let high_matches = high.is_some_and(|id| (id ^ wanted) & !ignored == 0);
        (!self.dv_gscv() || high_matches) && (!self.pv_pscv() || low == Some(self.pid_pscid()))
    }
}

/// What the filters compare.
struct Ids {
    device: u32,
    process: Option<u32>,
    gscid: Option<u32>,
    pscid: Option<u32>,
}

impl Ids {
    fn new(request: &Request, tags: Option<&Tags>) -> Self {
        Self {
            device: request.device.0,
            process: request.process.map(|process| process.0),
            gscid: tags.and_then(|tags| tags.gscid).map(|gscid| u32::from(gscid.0)),
            pscid: tags.and_then(|tags| tags.pscid).map(|pscid| pscid.0),
        }
    }
}

/// Counters and selectors. Index 0 is the cycles counter.
#[derive(Clone, Debug)]
pub(super) struct Hpm {
    counters: [u64; 32],
    selectors: [EventSelector; 32],
    inhibit: u32,
    cycles_overflow: bool,
    /// Counters that exist, one bit each
    present: u32,
    mask: u64,
    overflowed: bool,
}

impl Hpm {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let events = u32::from(parameters.event_counters.min(31));
        let present = if parameters.caps.hpm() { ((2u64 << events) - 1) as u32 } else { 0 };
        Self {
            counters: [0; 32],
            selectors: [EventSelector(0); 32],
            inhibit: 0,
            cycles_overflow: false,
            present,
            mask: u64::MAX >> (64 - u32::from(parameters.counter_bits.clamp(1, 64))),
            overflowed: false,
        }
    }

    /// A counter went over with its OF bit clear since the last call: `pmip` is due.
    pub(super) fn take_overflowed(&mut self) -> bool {
        core::mem::take(&mut self.overflowed)
    }

    fn count(&mut self, event: u16, ids: &Ids) {
        for index in 1..32 {
            if self.present >> index & 1 == 0 {
                break;
            }
            if self.inhibit >> index & 1 == 1 || !self.selectors[index].matches(event, ids) {
                continue;
            }
            self.counters[index] = self.counters[index].wrapping_add(1) & self.mask;
            if self.counters[index] == 0 && !self.selectors[index].of() {
                self.selectors[index] = self.selectors[index].with_of(true);
                self.overflowed = true;
            }
        }
    }

    fn advance(&mut self, cycles: u64) {
        if self.present & 1 == 0 || self.inhibit & 1 == 1 {
            return;
        }
        let mask = self.mask & (u64::MAX >> 1);
        let sum = u128::from(self.counters[0]) + u128::from(cycles);
        self.counters[0] = sum as u64 & mask;
        if sum > u128::from(mask) && !self.cycles_overflow {
            self.cycles_overflow = true;
            self.overflowed = true;
        }
    }

    pub(super) fn overflow_status(&self) -> u32 {
        let selectors = self.selectors.iter().enumerate().skip(1);
        selectors
            .fold(u32::from(self.cycles_overflow), |bits, (index, selector)| bits | u32::from(selector.of()) << index)
    }

    pub(super) const fn inhibit(&self) -> u32 {
        self.inhibit
    }

    pub(super) const fn set_inhibit(&mut self, value: u32) {
        self.inhibit = value & self.present;
    }

    /// `iohpmcycles` (0) or `iohpmctr`n.
    pub(super) fn counter(&self, index: usize) -> u64 {
        let overflow = index == 0 && self.cycles_overflow;
        self.counters[index & 31] | u64::from(overflow) << 63
    }

    pub(super) fn set_counter(&mut self, index: usize, value: u64) {
        if self.present >> (index & 31) & 1 == 0 {
            return;
        }
        if index == 0 {
            self.cycles_overflow = value >> 63 == 1;
            self.counters[0] = value & self.mask & (u64::MAX >> 1);
        } else {
            self.counters[index & 31] = value & self.mask;
        }
    }

    /// `iohpmevt`n.
    pub(super) fn selector(&self, index: usize) -> u64 {
        self.selectors[index & 31].0
    }

    /// Writes `iohpmevt`n; an event that is not known becomes 0, no event.
    pub(super) fn set_selector(&mut self, index: usize, value: u64) {
        if self.present >> (index & 31) & 1 == 0 || index == 0 {
            return;
        }
        let selector = EventSelector(value);
        let event = if selector.event() <= LAST_EVENT { selector.event() } else { 0 };
        self.selectors[index & 31] = selector.with_event(event);
    }
}

impl Iommu {
    /// Lets clock cycles pass: `iohpmcycles` counts them.
    pub fn advance<P: Platform>(&mut self, platform: &mut P, cycles: u64) {
        self.hpm.advance(cycles);
        if self.hpm.take_overflowed() {
            self.raise(platform, interrupts::Source::Hpm);
        }
    }
}

/// Memory as a source of words, with the events of a walk counted.
pub(super) struct Counting<'a, M> {
    memory: MemoryWords<'a, M>,
    hpm: &'a mut Hpm,
    request: &'a Request,
    /// The tags of the last page-table or MSI entry
    missed: Option<Tags>,
}

impl<'a, M: Memory> Counting<'a, M> {
    pub(super) fn new(memory: &'a mut M, hpm: &'a mut Hpm, request: &'a Request) -> Self {
        Self { memory: MemoryWords(memory), hpm, request, missed: None }
    }

    pub(super) fn count_request(&mut self, event: u16) {
        self.hpm.count(event, &Ids::new(self.request, None));
    }

    pub(super) fn count_miss(&mut self) {
        if let Some(tags) = &self.missed {
            self.hpm.count(TLB_MISS, &Ids::new(self.request, Some(tags)));
        }
    }
}

impl<M: Memory> Words for Counting<'_, M> {
    fn read(&mut self, word: &WordRef) -> Read {
        let event = match word.role {
            Role::DdtEntry { .. } | Role::DeviceContext { index: 0 } => Some(DDT_WALK),
            Role::PdtEntry { .. } | Role::ProcessContext { index: 0 } => Some(PDT_WALK),
            Role::FirstStage { .. } => Some(FIRST_STAGE_WALK),
            Role::SecondStage { .. } => Some(SECOND_STAGE_WALK),
            Role::DeviceContext { .. } | Role::ProcessContext { .. } | Role::MsiPte { .. } | Role::Mrif => None,
        };
        if let Some(event) = event {
            self.hpm.count(event, &Ids::new(self.request, Some(&word.tags)));
        }
        if matches!(word.role, Role::FirstStage { .. } | Role::SecondStage { .. } | Role::MsiPte { index: 0 }) {
            self.missed = Some(word.tags);
        }
        self.memory.read(word)
    }

    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        self.memory.compare_exchange(word, old, new)
    }
}
