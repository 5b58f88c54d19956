//! What a case runs on, and the functional model as one.

use std::collections::BTreeMap;

use golden::{Iommu, Memory, MemoryError, Message, MessageKind, Outcome, Platform, Spa, Target, TrResponse, offset};

use super::case::{Action, Case};

/// Registers whose changes are compared.
pub const WATCHED: [u16; 5] = [offset::CQH, offset::CQCSR, offset::FQCSR, offset::PQCSR, offset::IPSR];

/// What an operation did.
#[derive(Default)]
pub struct Observed {
    pub outcome: Option<Outcome>,
    pub fault_records: Vec<[u64; 4]>,
    pub page_requests: Vec<[u64; 2]>,
    /// Other writes by the IOMMU
    pub writes: Vec<(u64, u8, u64)>,
    pub messages: Vec<Message>,
    /// `r`, `w` or `rw`
    pub ordered: Vec<&'static str>,
    pub registers: BTreeMap<u16, u64>,
    pub value: Option<u64>,
    pub debug: Option<TrResponse>,
}

/// Something that cases can run on.
pub trait Subject {
    /// A subject in the state that the case sets up.
    fn set_up(case: &Case) -> Self;
    /// Carries out an operation.
    fn act(&mut self, action: &Action) -> Observed;
}

/// Sparse memory with bad ranges, which keeps what the IOMMU does.
struct Machine {
    words: BTreeMap<u64, u64>,
    bad: Vec<(u64, u64, bool)>,
    writes: Vec<(u64, u8, u64)>,
    messages: Vec<Message>,
    ordered: Vec<&'static str>,
}

impl Machine {
    fn check(&self, addr: u64, bytes: u8, write: bool) -> Result<(), MemoryError> {
        let end = addr.saturating_add(u64::from(bytes));
        match self.bad.iter().find(|(start, len, _)| addr < start + len && end > *start) {
            None => Ok(()),
            Some((_, _, true)) => Err(MemoryError::AccessFault),
            Some(_) if write => Err(MemoryError::AccessFault),
            Some(_) => Err(MemoryError::Corrupt),
        }
    }

    fn load(&self, addr: u64, bytes: u8) -> u64 {
        let word = self.words.get(&(addr & !7)).copied().unwrap_or(0);
        if bytes == 8 { word } else { word >> ((addr & 4) * 8) & 0xffff_ffff }
    }

    fn store(&mut self, addr: u64, bytes: u8, value: u64) {
        let word = self.words.entry(addr & !7).or_insert(0);
        if bytes == 8 {
            *word = value;
        } else {
            let shift = (addr & 4) * 8;
            *word = *word & !(0xffff_ffff << shift) | (value & 0xffff_ffff) << shift;
        }
    }
}

impl Memory for Machine {
    fn read(&mut self, addr: Spa, bytes: u8) -> Result<u64, MemoryError> {
        self.check(addr.0, bytes, false)?;
        Ok(self.load(addr.0, bytes))
    }

    fn write(&mut self, addr: Spa, bytes: u8, value: u64) -> Result<(), MemoryError> {
        self.check(addr.0, bytes, true)?;
        self.store(addr.0, bytes, value);
        self.writes.push((addr.0, bytes, value));
        Ok(())
    }
}

impl Platform for Machine {
    fn send(&mut self, message: Message) {
        self.messages.push(message);
    }

    fn order(&mut self, reads: bool, writes: bool) {
        self.ordered.push(match (reads, writes) {
            (true, true) => "rw",
            (true, false) => "r",
            _ => "w",
        });
    }
}

/// The functional model.
pub struct Model {
    iommu: Iommu,
    machine: Machine,
    manual_queues: bool,
}

impl Model {
    fn read(&self, offset: u16) -> u64 {
        self.iommu.read_register(offset, 4)
    }

    fn watched(&self) -> [u64; 5] {
        WATCHED.map(|offset| self.read(offset))
    }

    fn base(&self, register: u16) -> (u64, u64) {
        let base = golden::QueueBase(self.iommu.read_register(register, 8));
        (base.base(), base.entries())
    }

    fn host(&self, raw: u64) -> u64 {
        if self.iommu.config().fctl.be() { raw.swap_bytes() } else { raw }
    }

    /// Entries of a queue between two indices, in host order.
    fn entries<const N: usize>(&self, register: u16, from: u64, to: u64) -> Vec<[u64; N]> {
        let (base, entries) = self.base(register);
        let mut found = Vec::new();
        let mut index = from;
        while index != to {
            let addr = base + index * 8 * N as u64;
            found.push(std::array::from_fn(|word| self.host(self.machine.load(addr + word as u64 * 8, 8))));
            index = (index + 1) % entries;
        }
        found
    }
}

impl Subject for Model {
    fn set_up(case: &Case) -> Self {
        let mut machine = Machine {
            words: BTreeMap::new(),
            bad: case.bad.clone(),
            writes: Vec::new(),
            messages: Vec::new(),
            ordered: Vec::new(),
        };
        for (addr, words) in &case.memory {
            for (word, at) in words.iter().zip((*addr..).step_by(8)) {
                machine.words.insert(at, *word);
            }
        }
        let mut iommu = Iommu::new(&case.parameters);
        for &(offset, bytes, value) in &case.setup {
            iommu.write_register(&mut machine, offset, bytes, value);
        }
        Self { iommu, machine, manual_queues: case.manual_queues }
    }

    fn act(&mut self, action: &Action) -> Observed {
        let before = self.watched();
        let (fqt, pqt) = (self.read(offset::FQT), self.read(offset::PQT));
        self.machine.writes.clear();
        self.machine.messages.clear();
        self.machine.ordered.clear();
        let mut observed = Observed::default();
        let (iommu, machine) = (&mut self.iommu, &mut self.machine);
        let reset_tail =
            |register: u16, action: &Action| matches!(action, Action::Write { offset, .. } if *offset == register);
        match action {
            Action::Write { offset, bytes, value } => {
                iommu.write_register(machine, *offset, *bytes, *value);
                if *offset == offset::TR_REQ_CTL {
                    observed.debug = Some(TrResponse(iommu.read_register(offset::TR_RESPONSE, 8)));
                }
            }
            Action::Read { offset, bytes } => observed.value = Some(iommu.read_register(*offset, *bytes)),
            Action::Store { addr, words, bytes } => {
                for (word, at) in words.iter().zip((addr.0..).step_by(usize::from(*bytes))) {
                    machine.store(at, *bytes, *word);
                }
            }
            Action::Command(words) => {
                let base = golden::QueueBase(iommu.read_register(offset::CQB, 8));
                let cqt = iommu.read_register(offset::CQT, 4);
                for (half, word) in words.iter().enumerate() {
                    let image = if iommu.config().fctl.be() { word.swap_bytes() } else { *word };
                    machine.store(base.base() + cqt * 16 + half as u64 * 8, 8, image);
                }
                iommu.write_register(machine, offset::CQT, 4, (cqt + 1) % base.entries());
            }
            Action::Translate(request) => observed.outcome = Some(iommu.translate(machine, request)),
            Action::PageRequest(request) => iommu.page_request(machine, request),
            Action::Completion(completion) => iommu.invalidation_completion(machine, completion),
            Action::Timeout { itags } => iommu.invalidation_timeout(machine, *itags),
        }
        if !reset_tail(offset::FQCSR, action) {
            observed.fault_records = self.entries(offset::FQB, fqt, self.read(offset::FQT));
        }
        if !reset_tail(offset::PQCSR, action) {
            observed.page_requests = self.entries(offset::PQB, pqt, self.read(offset::PQT));
        }
        let queues = [(offset::FQB, 32), (offset::PQB, 16)].map(|(register, size)| {
            let (base, entries) = self.base(register);
            base..base + entries * size
        });
        let writes = std::mem::take(&mut self.machine.writes);
        observed.writes =
            writes.into_iter().filter(|write| !queues.iter().any(|queue| queue.contains(&write.0))).collect();
        observed.messages = std::mem::take(&mut self.machine.messages);
        observed.ordered = std::mem::take(&mut self.machine.ordered);
        let after = self.watched();
        for (at, offset) in WATCHED.into_iter().enumerate() {
            if before[at] != after[at] {
                observed.registers.insert(offset, after[at]);
            }
        }
        if !self.manual_queues {
            for (head, tail) in [(offset::FQH, offset::FQT), (offset::PQH, offset::PQT)] {
                let tail = self.read(tail);
                self.iommu.write_register(&mut self.machine, head, 4, tail);
            }
        }
        observed
    }
}

/// Message code, tag.
pub fn message_code(message: &Message) -> (u64, u64) {
    match message.kind {
        MessageKind::InvalidationRequest { itag } => (1, itag.into()),
        MessageKind::PageGroupResponse => (5, 0),
    }
}

/// A translation leads to an interrupt file.
pub const fn is_msi(target: Target) -> bool {
    !matches!(target, Target::Memory)
}
