// SPDX-License-Identifier: Apache-2.0
//! An IOMMU that caches everything it may cache, forgets only what it must forget, and reads the words of a device
//! context one at a time and in any order. What the driver forgets to invalidate, it uses.

use std::collections::BTreeMap;

use events::Operation;
use golden::Spa;

use super::mock::{Action, Mock, Seen};
use crate::{Halted, Machine};

const PPN: u64 = 0xfff_ffff_ffff;

/// A cached translation of a page: which first-stage leaf and which second-stage leaf it rests on.
#[derive(Clone, Debug)]
struct Cached {
    first: Option<(u64, u64, bool)>,
    second: Option<(u64, u64)>,
    page: u64,
}

/// A request that waits for its device context: the words still to be read, and those that were read.
#[derive(Clone, Debug)]
struct Flight {
    device: u32,
    iova: u64,
    left: Vec<usize>,
    words: [u64; 4],
}

/// What a device saw: where its request went, or that it was refused.
pub type Answer = (u32, u64, Option<u64>);

type Tag = (Option<u16>, Option<u32>);

pub struct Hoarder {
    pub mock: Mock,
    /// Traffic: device and address, over and over
    pub probes: Vec<(u32, u64)>,
    pub answers: Vec<Answer>,
    contexts: BTreeMap<u32, ([u64; 4], u64)>,
    pages: BTreeMap<(Tag, u64), Cached>,
    first_tables: BTreeMap<(Tag, u32, u64), u64>,
    second_tables: BTreeMap<(u16, u32, u64), u64>,
    second_leaves: BTreeMap<(u16, u64), (u64, u64, u64)>,
    flights: Vec<Flight>,
    worked_off: usize,
    dice: u64,
}

impl Hoarder {
    pub fn new(mock: Mock, seed: u64) -> Hoarder {
        Hoarder {
            mock,
            probes: Vec::new(),
            answers: Vec::new(),
            contexts: BTreeMap::new(),
            pages: BTreeMap::new(),
            first_tables: BTreeMap::new(),
            second_tables: BTreeMap::new(),
            second_leaves: BTreeMap::new(),
            flights: Vec::new(),
            worked_off: 0,
            dice: seed.wrapping_mul(2).wrapping_add(1),
        }
    }

    /// A number below `n`.
    pub fn roll(&mut self, n: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) as usize % n
    }

    /// Everything that was in flight comes to its end.
    pub fn drain(&mut self) {
        while !self.flights.is_empty() {
            self.advance();
        }
    }

    /// A request by itself, with the caches as they are.
    pub fn ask(&mut self, device: u32, iova: u64) -> Option<u64> {
        self.drain();
        self.answers.clear();
        self.start(device, iova);
        self.drain();
        self.answers.pop().and_then(|a| a.2)
    }

    fn context_at(&self, device: u32) -> Option<u64> {
        let entry = |table: u64, index: u64| {
            let pte = self.mock.read(table + 8 * index);
            (pte & 1 != 0).then_some((pte >> 10 & PPN) << 12)
        };
        let ddtp = self.mock.register(16);
        if ddtp & 0xf != 4 {
            return None;
        }
        let device = u64::from(device);
        let middle = entry((ddtp >> 10 & PPN) << 12, device >> 16)?;
        let leaf = entry(middle, device >> 7 & 0x1ff)?;
        Some(leaf + (device & 0x7f) * 32)
    }

    fn start(&mut self, device: u32, iova: u64) {
        let mut left = vec![0, 1, 2, 3];
        for i in (1..4).rev() {
            let j = self.roll(i + 1);
            left.swap(i, j);
        }
        self.flights.push(Flight { device, iova, left, words: [0; 4] });
    }

    /// One request does one thing: reads a word of its context, or is answered.
    fn advance(&mut self) {
        let n = self.roll(self.flights.len());
        let Flight { device, iova, .. } = self.flights[n];
        let context = match self.contexts.get(&device) {
            Some(&context) => Some(context),
            None => {
                let at = self.context_at(device);
                let flight = &mut self.flights[n];
                if let (Some(word), Some(at)) = (flight.left.pop(), at) {
                    flight.words[word] = self.mock.read(at + 8 * word as u64);
                    if !flight.left.is_empty() {
                        return;
                    }
                }
                let words = flight.words;
                if words[0] & 1 != 0 { self.keep_context(device, words) } else { None }
            }
        };
        self.flights.remove(n);
        let answer = context.and_then(|(words, root)| self.translate(&words, root, iova));
        self.answers.push((device, iova, answer));
    }

    /// Keeps a context with the root of its first stage already translated.
    fn keep_context(&mut self, device: u32, words: [u64; 4]) -> Option<([u64; 4], u64)> {
        let root = (words[3] & PPN) << 12;
        let root = if words[3] >> 60 == 0 { 0 } else { self.second(words[1], root)?.0 };
        self.contexts.insert(device, (words, root));
        Some((words, root))
    }

    fn translate(&mut self, words: &[u64; 4], root: u64, iova: u64) -> Option<u64> {
        let gscid = (words[1] >> 60 != 0).then_some((words[1] >> 44) as u16);
        let pscid = (words[3] >> 60 != 0).then_some((words[2] >> 12) as u32 & 0xf_ffff);
        let key = ((gscid, pscid), iova >> 12);
        if let Some(cached) = self.pages.get(&key) {
            return Some(cached.page | iova & 0xfff);
        }
        let (addr, first) = match pscid {
            None => (iova, None),
            Some(_) => {
                let (addr, base, size, global) = self.first(words, root, (gscid, pscid), iova)?;
                (addr, Some((base, size, global)))
            }
        };
        let (out, second) = match gscid {
            None => (addr, None),
            Some(_) => {
                let (out, base, size) = self.second(words[1], addr)?;
                (out, Some((base, size)))
            }
        };
        self.pages.insert(key, Cached { first, second, page: out & !0xfff });
        Some(out)
    }

    fn first(&mut self, words: &[u64; 4], root: u64, tag: Tag, iova: u64) -> Option<(u64, u64, u64, bool)> {
        let levels = (words[3] >> 60) as u32 - 5;
        let bits = 12 + 9 * levels;
        if ((iova as i64) << (64 - bits) >> (64 - bits)) as u64 != iova {
            return None;
        }
        let mut table = root;
        for level in (0..levels).rev() {
            let shift = 12 + 9 * level;
            let key = (tag, level, iova >> shift);
            let pointer = self.first_tables.get(&key).copied();
            let pte = match pointer {
                Some(pointer) => pointer,
                None => self.mock.read(table + 8 * (iova >> shift & 0x1ff)),
            };
            let page = (pte >> 10 & PPN) << 12;
            match self.kind(pte)? {
                true => {
                    return Some((
                        page | iova & ((1 << shift) - 1),
                        iova >> shift << shift,
                        1 << shift,
                        pte >> 5 & 1 != 0,
                    ));
                }
                false => {
                    self.first_tables.insert(key, pte);
                    table = if tag.0.is_some() { self.second(words[1], page)?.0 } else { page };
                }
            }
        }
        None
    }

    /// A guest physical address through the second stage: result, and the leaf it rests on.
    fn second(&mut self, hgatp: u64, addr: u64) -> Option<(u64, u64, u64)> {
        if hgatp >> 60 == 0 {
            return Some((addr, 0, 0));
        }
        let gscid = (hgatp >> 44) as u16;
        if let Some(&(page, base, size)) = self.second_leaves.get(&(gscid, addr >> 12)) {
            return Some((page | addr & 0xfff, base, size));
        }
        let levels = (hgatp >> 60) as u32 - 5;
        if addr >> (14 + 9 * levels) != 0 {
            return None;
        }
        let mut table = (hgatp & PPN) << 12;
        for level in (0..levels).rev() {
            let shift = 12 + 9 * level;
            let width = if level == levels - 1 { 11 } else { 9 };
            let key = (gscid, level, addr >> shift);
            let pte = match self.second_tables.get(&key) {
                Some(&pte) => pte,
                None => self.mock.read(table + 8 * (addr >> shift & ((1 << width) - 1))),
            };
            let page = (pte >> 10 & PPN) << 12;
            if self.kind(pte)? {
                let out = page | addr & ((1 << shift) - 1);
                let leaf = (addr >> shift << shift, 1 << shift);
                self.second_leaves.insert((gscid, addr >> 12), (out & !0xfff, leaf.0, leaf.1));
                return Some((out, leaf.0, leaf.1));
            }
            self.second_tables.insert(key, pte);
            table = page;
        }
        None
    }

    /// Leaf or pointer; `None` for what faults.
    fn kind(&self, pte: u64) -> Option<bool> {
        if pte & 1 == 0 || pte >> 54 & 0xff != 0 {
            return None;
        }
        Some(pte & 0xe != 0)
    }

    /// Forgets what a command covers, and nothing else.
    fn forget(&mut self, command: Seen) {
        let within = |range: Option<(u64, u64)>, addr: u64| range.is_some_and(|(b, s)| (b..b + s).contains(&addr));
        match command {
            Seen::Ddt(device) => {
                self.contexts.retain(|&d, _| device.is_some_and(|device| device != d));
                // A fetch that began before may not be put together with what is read from now on.
                for flight in &mut self.flights {
                    if device.is_none_or(|device| device == flight.device) {
                        flight.left = vec![3, 1, 0, 2];
                    }
                }
            }
            Seen::Vma { gscid, pscid, addr } => {
                let hit = |tag: Tag, global: bool| {
                    tag.0 == gscid && tag.1.is_some() && (pscid.is_none() || tag.1 == pscid && !global)
                };
                self.pages.retain(|&(tag, _), p| {
                    let global = p.first.is_some_and(|f| f.2);
                    let leaf = p.first.map(|f| (f.0, f.1));
                    !(hit(tag, global) && addr.is_none_or(|addr| within(leaf, addr)))
                });
                self.first_tables.retain(|&(tag, ..), _| addr.is_some() || !hit(tag, false));
            }
            Seen::Gvma { gscid, addr } => {
                let hit = |g: u16| gscid.is_none_or(|gscid| gscid == g);
                self.second_leaves
                    .retain(|&(g, _), &mut (_, b, s)| !(hit(g) && addr.is_none_or(|a| within(Some((b, s)), a))));
                self.second_tables.retain(|&(g, ..), _| addr.is_some() || !hit(g));
                self.pages
                    .retain(|&(tag, _), p| !(tag.0.is_some_and(hit) && addr.is_none_or(|addr| within(p.second, addr))));
            }
            // It knows no processes, and has no device that keeps anything.
            Seen::Pdt { .. } | Seen::Ats(..) | Seen::Response(..) | Seen::Fence => {}
        }
    }

    /// What goes on while software does one thing.
    fn tick(&mut self) {
        for i in self.worked_off..self.mock.log.len() {
            if let Action::Command(command) = self.mock.log[i] {
                self.forget(command);
            }
        }
        self.worked_off = self.mock.log.len();
        if !self.probes.is_empty() {
            for _ in 0..3 {
                if self.flights.len() < 4 {
                    let n = self.roll(self.probes.len());
                    let (device, iova) = self.probes[n];
                    self.start(device, iova);
                }
                self.advance();
            }
        }
    }
}

impl Machine for Hoarder {
    fn store(&mut self, addr: Spa, value: u64) -> Result<(), Halted> {
        self.mock.store(addr, value)?;
        self.tick();
        Ok(())
    }

    fn load(&mut self, addr: Spa) -> Result<u64, Halted> {
        self.tick();
        self.mock.load(addr)
    }

    fn write_register(&mut self, offset: u16, bytes: u8, value: u64) -> Result<(), Halted> {
        self.mock.write_register(offset, bytes, value)?;
        self.tick();
        Ok(())
    }

    fn read_register(&mut self, offset: u16, bytes: u8) -> Result<u64, Halted> {
        self.tick();
        self.mock.read_register(offset, bytes)
    }

    fn wait(&mut self, cycles: u64) -> Result<(), Halted> {
        self.mock.wait(cycles)
    }

    fn now(&self) -> u64 {
        self.mock.now()
    }

    fn begin(&mut self, operation: Operation) {
        self.mock.begin(operation);
    }

    fn end(&mut self, done: bool) {
        self.mock.end(done);
    }
}
