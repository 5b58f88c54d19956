// SPDX-License-Identifier: Apache-2.0
//! The transitions that are swept, and what a request reads under each context.
//!
//! Memory tells the ways apart: a request for [`IOVA`] reads 1 by identity, 2 and 3 by one second stage or the other,
//! 4 and 5 by one first stage or the other, 6 and 7 by one MSI page table or the other.

use driver::format::{Context, Invalidation, ProcessContext, ProcessMode, Scheme};
use driver::plan::{
    Class, Entry, Plan, Step, flush_after_change, flush_after_process_change, sequenced, sequenced_process,
};
use golden::{DeviceId, ProcessId, Spa};

pub const DEVICE: DeviceId = DeviceId(0x12);
pub const PROCESS: ProcessId = ProcessId(5);
pub const IOVA: u64 = 0x4000_5000;
const S1A: u64 = 0x100_0000;
const S1B: u64 = 0x110_0000;
const S2A: u64 = 0x120_0000;
const S2B: u64 = 0x121_0000;
pub const PDT: u64 = 0x130_0000;
const MSIA: u64 = 0x140_0000;
const MSIB: u64 = 0x141_0000;
const LEAF: u64 = 0xdf;
const SCRATCH: u32 = 0xf_ffff;

/// Tables and data.
pub fn memory(mut put: impl FnMut(Spa, u64)) {
    let data = [
        (1, IOVA),
        (2, 0x8000_5000),
        (3, 0xc000_5000),
        (4, 0x200_5000),
        (5, 0x210_5000),
        (6, 0x220_0000),
        (7, 0x230_0000),
    ];
    for (word, at) in data {
        put(Spa(at), word);
    }
    for (root, data) in [(S1A, 0x200_5000_u64), (S1B, 0x210_5000)] {
        put(Spa(root + 8), (root + 0x1000) >> 2 | 1);
        put(Spa(root + 0x1000), (root + 0x2000) >> 2 | 1);
        put(Spa(root + 0x2000 + 5 * 8), data >> 2 | LEAF);
    }
    // Gigapages: the lowest one as it is, for the tables of the guest; the next one elsewhere.
    for (root, to) in [(S2A, 0x8000_0000_u64), (S2B, 0xc000_0000)] {
        put(Spa(root), LEAF);
        put(Spa(root + 8), to >> 2 | LEAF);
    }
    // Two files each, to one page: V, M = 3.
    for (table, page) in [(MSIA, 0x220_0000_u64), (MSIB, 0x230_0000)] {
        put(Spa(table), page >> 2 | 7);
        put(Spa(table + 16), page >> 2 | 7);
    }
    // Process 0 has the first stage of the device itself.
    let own = process(S1A, 1);
    put(Spa(PDT), own.0[0]);
    put(Spa(PDT + 8), own.0[1]);
}

fn process(root: u64, pscid: u32) -> ProcessContext {
    ProcessContext::IDENTITY.with_first_stage(Scheme::Sv39, root, pscid)
}

/// An entry that is changed by a plan while a request comes along.
pub trait Swept: Entry + 'static {
    /// What the request reads under it; nothing where it is refused.
    fn meaning(&self) -> Option<u64>;
    /// What follows from it being cached.
    fn sync() -> Invalidation;
    /// What must be flushed when it has changed.
    fn flush(&self) -> Vec<Invalidation>;
    /// The plan of the sequencer.
    fn plan(from: Self, to: Self) -> Plan<Self>;
    /// The process that asks.
    fn process() -> Option<ProcessId>;
}

impl Swept for Context {
    fn meaning(&self) -> Option<u64> {
        let msi =
            self.has_msi_table() && ((IOVA >> 12) ^ self.0[Context::MSI_PATTERN]) & !self.0[Context::MSI_MASK] == 0;
        // Process 0 is filled with the first stage that reads 4.
        let directory = self.has_process_directory() && self.has_first_stage() && self.has_default_process();
        let first = self.has_first_stage() && !self.has_process_directory();
        match self.valid() {
            false => None,
            true if directory => Some(4),
            true if first && self.first_root() == S1A => Some(4),
            true if first => Some(5),
            true if msi && self.0[Context::MSIPTP] & 0xfff_ffff == MSIA >> 12 => Some(6),
            true if msi => Some(7),
            true if !self.has_second_stage() => Some(1),
            true if self.0[Context::IOHGATP] & 0xfff_ffff == S2A >> 12 => Some(2),
            true => Some(3),
        }
    }

    fn sync() -> Invalidation {
        Invalidation::Ddt { device: Some(DEVICE.0) }
    }

    fn flush(&self) -> Vec<Invalidation> {
        flush_after_change(self)
    }

    fn plan(from: Self, to: Self) -> Plan<Self> {
        sequenced(from, to, Some(SCRATCH))
    }

    fn process() -> Option<ProcessId> {
        None
    }
}

impl Swept for ProcessContext {
    fn meaning(&self) -> Option<u64> {
        match (self.valid(), self.has_first_stage(), self.first_root()) {
            (false, ..) => None,
            (_, false, _) => Some(1),
            (_, _, S1A) => Some(4),
            _ => Some(5),
        }
    }

    fn sync() -> Invalidation {
        Invalidation::Pdt { device: DEVICE.0, process: PROCESS.0 }
    }

    fn flush(&self) -> Vec<Invalidation> {
        flush_after_process_change(self, None)
    }

    fn plan(from: Self, to: Self) -> Plan<Self> {
        sequenced_process(from, to, Some(SCRATCH), None)
    }

    fn process() -> Option<ProcessId> {
        Some(PROCESS)
    }
}

/// A transition, and how it is carried out.
pub struct Row<E> {
    pub name: &'static str,
    pub from: E,
    pub to: E,
    pub class: Class,
    /// Those of the plan, unless a control has spoilt them
    pub steps: Vec<Step>,
    /// What a fetch may find
    pub allowed: Vec<E>,
    /// Old or new is promised
    pub hitless: bool,
}

impl<E: Swept> Row<E> {
    fn new(name: &'static str, from: E, to: E, class: Class) -> Row<E> {
        let plan = E::plan(from, to);
        assert_eq!(plan.class, class, "{name}: {plan}");
        let hitless = class.hitless() && from.is_valid() && to.is_valid();
        Row { name, from, to, class, steps: plan.steps, allowed: plan.allowed, hitless }
    }
}

const HITLESS: Class = Class::Hitless;

fn first(root: u64, pscid: u32) -> Context {
    Context::IDENTITY.with_first_stage(Scheme::Sv39, root, pscid)
}

fn second(root: u64, gscid: u16) -> Context {
    Context::IDENTITY.with_second_stage(Scheme::Sv39x4, root, gscid)
}

fn nested(root: u64, pscid: u32) -> Context {
    second(S2A, 3).with_first_stage(Scheme::Sv39, root, pscid)
}

/// Device contexts, base format.
pub fn contexts() -> Vec<Row<Context>> {
    let (id, s1, s2) = (Context::IDENTITY, first, second);
    vec![
        Row::new("S2 -> blocked", s2(S2A, 3), Context::BLOCKED, HITLESS),
        Row::new("blocked -> nested", Context::BLOCKED, nested(S1A, 1), HITLESS),
        Row::new("identity -> S1", id, s1(S1A, 1), HITLESS),
        Row::new("S1 -> identity", s1(S1A, 1), id, HITLESS),
        Row::new("identity -> S2", id, s2(S2A, 3), HITLESS),
        Row::new("S2 -> identity", s2(S2A, 3), id, HITLESS),
        Row::new("S2 -> nested", s2(S2A, 3), nested(S1A, 1), HITLESS),
        Row::new("nested -> S2", nested(S1A, 1), s2(S2A, 3), HITLESS),
        Row::new("S2 -> S2'", s2(S2A, 3), s2(S2B, 4), HITLESS),
        Row::new("S1 root", s1(S1A, 1), s1(S1B, 1), HITLESS),
        Row::new("S1 PSCID", s1(S1A, 1), s1(S1A, 2), HITLESS),
        Row::new("S1a -> S1b", s1(S1A, 1), s1(S1B, 2), Class::Scratch),
        Row::new("nested a -> nested b", nested(S1A, 1), nested(S1B, 2), Class::Scratch),
        Row::new("S1 -> S2", s1(S1A, 1), s2(S2A, 3), Class::Break),
        Row::new("S2 -> S1", s2(S2A, 3), s1(S1A, 1), Class::Break),
        Row::new("identity -> nested", id, nested(S1A, 1), Class::Hops),
        Row::new("nested -> identity", nested(S1A, 1), id, Class::Hops),
    ]
}

/// Device contexts with MSI page tables, extended format.
pub fn msi() -> Vec<Row<Context>> {
    const PAGE: u64 = IOVA >> 12;
    let s2 = second(S2A, 3);
    let with = |table, mask, pattern| s2.with_msi_table(table, mask, pattern);
    let nested = with(MSIA, 0, PAGE).with_first_stage(Scheme::Sv39, S1A, 1);
    vec![
        Row::new("MSI on", s2, with(MSIA, 0, PAGE), HITLESS),
        Row::new("MSI off", with(MSIA, 0, PAGE), s2, HITLESS),
        Row::new("MSI pointer", with(MSIA, 1, PAGE - 1), with(MSIB, 1, PAGE - 1), HITLESS),
        Row::new("MSI mask", with(MSIA, 0, PAGE - 1), with(MSIA, 1, PAGE - 1), HITLESS),
        Row::new("MSI mask and pattern", with(MSIA, 0, PAGE), with(MSIA, 1, PAGE + 1), Class::Break),
        Row::new("S2 -> nested with MSI", s2, nested, Class::Hops),
        Row::new("nested with MSI -> S2", nested, s2, Class::Hops),
        Row::new("S2 with MSI -> nested with MSI", with(MSIA, 0, PAGE), nested, HITLESS),
    ]
}

/// Device contexts that get, use and lose a process directory, for requests without a process ID.
pub fn directories() -> Vec<Row<Context>> {
    let (id, s2) = (Context::IDENTITY, second(S2A, 3));
    let with = |context: Context, default| context.with_process_directory(ProcessMode::Pd8.pdtp(PDT), default);
    vec![
        Row::new("identity -> directory", id, with(id, false), Class::Hops),
        Row::new("directory -> identity", with(id, false), id, Class::Hops),
        Row::new("blocked -> directory", Context::BLOCKED, with(id, true), HITLESS),
        Row::new("process 0 on", with(id, false), with(id, true), HITLESS),
        Row::new("process 0 off", with(id, true), with(id, false), HITLESS),
        Row::new("S2 -> S2 with directory", s2, with(s2, false), Class::Hops),
        Row::new("S2 with directory -> S2", with(s2, false), s2, Class::Hops),
        Row::new("S1 -> directory", first(S1B, 1), with(id, true), Class::Break),
    ]
}

/// Process contexts.
pub fn processes() -> Vec<Row<ProcessContext>> {
    let (blocked, id, s1) = (ProcessContext::BLOCKED, ProcessContext::IDENTITY, process);
    vec![
        Row::new("process: blocked -> S1", blocked, s1(S1A, 1), HITLESS),
        Row::new("process: S1 -> blocked", s1(S1A, 1), blocked, HITLESS),
        Row::new("process: identity -> S1", id, s1(S1A, 1), HITLESS),
        Row::new("process: S1 -> identity", s1(S1A, 1), id, HITLESS),
        Row::new("process: S1 root", s1(S1A, 1), s1(S1B, 1), HITLESS),
        Row::new("process: S1 PSCID", s1(S1A, 1), s1(S1A, 2), HITLESS),
        Row::new("process: S1a -> S1b", s1(S1A, 1), s1(S1B, 2), Class::Scratch),
    ]
}

/// The directory under which the processes live.
pub fn directory() -> Context {
    Context::IDENTITY.with_process_directory(ProcessMode::Pd8.pdtp(PDT), false)
}
