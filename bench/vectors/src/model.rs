// SPDX-License-Identifier: Apache-2.0
//! The functional model as a subject.

use std::collections::BTreeMap;

use golden::{
    Config, Iommu, Memory, MemoryError, Message, Platform, QueueBase, Request, Spa, Step, TrResponse, offset,
};

use super::case::{Action, BadRange, Case, RegisterWrite};
use super::subject::{Answer, Lost, Messages, Observed, Profile, Subject, WATCHED};

/// Sparse memory with bad ranges, which keeps what the IOMMU does.
#[derive(Clone, Debug)]
struct System {
    words: BTreeMap<u64, u64>,
    bad: Vec<BadRange>,
    writes: Vec<Vec<u64>>,
    messages: Messages,
}

impl System {
    fn check(&self, addr: u64, bytes: u8, write: bool) -> Result<(), MemoryError> {
        let end = addr.saturating_add(bytes.into());
        let hit = |bad: &&BadRange| addr < bad.start.0.saturating_add(bad.bytes) && end > bad.start.0;
        match self.bad.iter().find(hit) {
            None => Ok(()),
            Some(bad) if bad.poison && !write => Err(MemoryError::Corrupt),
            Some(_) => Err(MemoryError::AccessFault),
        }
    }

    fn load(&self, addr: u64, bytes: u8) -> u64 {
        let word = self.words.get(&(addr & !7)).copied().unwrap_or(0);
        if bytes == 8 { word } else { word >> ((addr & 4) * 8) & 0xffff_ffff }
    }

    fn store(&mut self, addr: u64, bytes: u8, value: u64) {
        let word = self.words.entry(addr & !7).or_insert(0);
        *word = merged(*word, addr, bytes, value);
    }
}

/// A doubleword after a store of 4 or 8 bytes in it.
pub fn merged(word: u64, addr: u64, bytes: u8, value: u64) -> u64 {
    if bytes == 8 {
        return value;
    }
    let shift = (addr & 4) * 8;
    word & !(0xffff_ffff << shift) | (value & 0xffff_ffff) << shift
}

impl Memory for System {
    fn read(&mut self, addr: Spa, bytes: u8) -> Result<u64, MemoryError> {
        self.check(addr.0, bytes, false)?;
        Ok(self.load(addr.0, bytes))
    }

    fn write(&mut self, addr: Spa, bytes: u8, value: u64) -> Result<(), MemoryError> {
        self.check(addr.0, bytes, true)?;
        self.store(addr.0, bytes, value);
        self.writes.push(vec![addr.0, bytes.into(), value]);
        Ok(())
    }
}

impl Platform for System {
    fn send(&mut self, message: Message) {
        self.messages.sent.push(message);
    }

    fn order(&mut self, reads: bool, writes: bool) {
        self.messages.ordered.push_str(match (reads, writes) {
            (true, true) => "rw",
            (true, false) => "r",
            _ => "w",
        });
    }
}

/// The golden model as a functional device, without a clock and without caches.
#[derive(Clone, Debug)]
pub struct Model {
    iommu: Iommu,
    system: System,
    manual_queues: bool,
}

impl Model {
    /// In the state that the case sets up, as the device that it tells of.
    #[must_use]
    pub fn new(case: &Case) -> Self {
        Self::with(case, &Profile::of(case))
    }

    /// In the state that the case sets up, as another device.
    #[must_use]
    pub fn with(case: &Case, profile: &Profile) -> Self {
        let mut system = System {
            words: BTreeMap::new(),
            bad: case.bad.iter().map(|bad| BadRange { poison: bad.poison && profile.poison, ..*bad }).collect(),
            writes: Vec::new(),
            messages: Messages::default(),
        };
        for (addr, words) in &case.memory {
            for (at, word) in words.iter().enumerate() {
                system.words.insert(addr.0.wrapping_add(8 * at as u64), *word);
            }
        }
        let mut iommu = Iommu::new(&profile.parameters);
        for &RegisterWrite { offset, bytes, value } in &case.setup {
            iommu.write_register(&mut system, offset, bytes, value);
        }
        Self { iommu, system, manual_queues: case.manual_queues }
    }

    /// The steps in which a request would be translated now. Nothing changes by it.
    #[must_use]
    pub fn trace(&self, request: &Request) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut memory = golden::MemoryWords(&mut self.system.clone());
        let config = self.config();
        let _ = golden::translate_traced(config, &mut memory, request, &mut steps);
        steps
    }

    /// What a walk depends on besides memory.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.iommu.config()
    }

    fn read(&self, offset: u16) -> u64 {
        self.iommu.read_register(offset, 4)
    }

    fn base(&self, register: u16) -> QueueBase {
        QueueBase(self.iommu.read_register(register, 8))
    }

    /// A doubleword of a queue, from or to its byte order.
    fn ordered(&self, word: u64) -> u64 {
        if self.config().fctl.be() { word.swap_bytes() } else { word }
    }

    /// New entries of a queue, in host order.
    fn entries(&self, register: u16, bytes: u64, from: u64, to: u64) -> Vec<Vec<u64>> {
        let words = |addr: u64| (addr..addr + bytes).step_by(8).map(|at| self.ordered(self.system.load(at, 8)));
        entries(self.base(register), bytes, from, to).map(|addr| words(addr).collect()).collect()
    }
}

/// Addresses of the entries of a queue between two indices.
pub fn entries(base: QueueBase, bytes: u64, from: u64, to: u64) -> impl Iterator<Item = u64> {
    let count = if from < base.entries() && to < base.entries() { to.wrapping_sub(from) % base.entries() } else { 0 };
    (0..count).map(move |at| base.base() + (from + at) % base.entries() * bytes)
}

/// The addresses of a queue.
pub fn extent(base: QueueBase, bytes: u64) -> std::ops::Range<u64> {
    base.base()..base.base() + base.entries() * bytes
}

impl Subject for Model {
    fn act(&mut self, action: &Action) -> Result<Observed, Lost> {
        let before = WATCHED.map(|offset| self.read(offset));
        let (fqt, pqt) = (self.read(offset::FQT), self.read(offset::PQT));
        self.system.writes.clear();
        self.system.messages = Messages::default();
        let mut observed = Observed::default();
        let (iommu, system) = (&mut self.iommu, &mut self.system);
        match action {
            Action::Write(RegisterWrite { offset, bytes, value }) => {
                iommu.write_register(system, *offset, *bytes, *value);
                if *offset == offset::TR_REQ_CTL {
                    observed.debug = Some(TrResponse(iommu.read_register(offset::TR_RESPONSE, 8)));
                }
            }
            Action::Read { offset, bytes } => observed.value = Some(iommu.read_register(*offset, *bytes)),
            Action::Store { addr, bytes, words } => {
                for (at, word) in words.iter().enumerate() {
                    system.store(addr.0.wrapping_add(at as u64 * u64::from(*bytes)), *bytes, *word);
                }
            }
            Action::Command(words) => {
                let (base, tail) = (self.base(offset::CQB), self.read(offset::CQT));
                for (half, word) in words.iter().enumerate() {
                    let word = self.ordered(*word);
                    self.system.store(base.base() + tail * 16 + half as u64 * 8, 8, word);
                }
                self.iommu.write_register(&mut self.system, offset::CQT, 4, (tail + 1) % base.entries());
            }
            Action::Translate(request) => observed.answer = Some(Answer::Full(iommu.translate(system, request))),
            Action::PageRequest(request) => iommu.page_request(system, request),
            Action::Completion(completion) => iommu.invalidation_completion(system, completion),
            Action::Timeout { itags } => iommu.invalidation_timeout(system, *itags),
        }
        // A queue that is switched on begins at 0 again.
        if !writes_to(action, offset::FQCSR) {
            observed.fault_records = self.entries(offset::FQB, 32, fqt, self.read(offset::FQT));
        }
        if !writes_to(action, offset::PQCSR) {
            observed.page_requests = self.entries(offset::PQB, 16, pqt, self.read(offset::PQT));
        }
        let queues = [extent(self.base(offset::FQB), 32), extent(self.base(offset::PQB), 16)];
        observed.writes = std::mem::take(&mut self.system.writes);
        observed.writes.retain(|write| !queues.iter().any(|queue| queue.contains(&write[0])));
        observed.messages = Some(std::mem::take(&mut self.system.messages));
        observed.registers = changes(before, WATCHED.map(|offset| self.read(offset)));
        if !self.manual_queues {
            for (head, tail) in [(offset::FQH, offset::FQT), (offset::PQH, offset::PQT)] {
                let tail = self.read(tail);
                self.iommu.write_register(&mut self.system, head, 4, tail);
            }
        }
        Ok(observed)
    }
}

/// The operation writes this register.
pub fn writes_to(action: &Action, register: u16) -> bool {
    matches!(action, Action::Write(write) if write.offset == register)
}

/// Those of [`WATCHED`] that have changed.
pub fn changes(before: [u64; 5], after: [u64; 5]) -> BTreeMap<u16, u64> {
    let changed = (0..WATCHED.len()).filter(|&at| before[at] != after[at]);
    changed.map(|at| (WATCHED[at], after[at])).collect()
}
