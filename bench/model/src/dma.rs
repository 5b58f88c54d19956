// SPDX-License-Identifier: Apache-2.0
//! DMA transactions between `dev_*` and `mem_*`: who waits, who was translated, who has to be answered.

use std::collections::VecDeque;

use boundary::Address;
use events::QosIds;
use golden::{Access, DeviceId, Iova, Kind, ProcessId, Request};

use super::habit::{Habit, Nature};

/// Transactions in each direction at most.
pub(super) const DEPTH: usize = 16;
const SLVERR: u8 = 2;

/// Read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Read,
    Write,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No walker has it
    Waiting,
    /// A walker has it
    Walking,
    /// To be shown on `mem_*`
    Translated,
    /// Shown on `mem_*`
    AtMemory,
    /// Never to be shown on `mem_*`: refused, or kept by the device itself
    Refused,
}

/// A transaction.
#[derive(Clone, Debug)]
pub(super) struct Dma {
    pub way: Way,
    /// As it was asked; translated once the phase says so
    pub address: Address,
    pub request: Request,
    pub phase: Phase,
    /// It was accepted, and not only offered
    pub taken: bool,
    /// Place in the order of acceptance
    pub accepted: u64,
    /// Place in the order of addresses on `mem_*`
    issued: u64,
    /// Beats on their way: write data to memory, read data to the device
    beats: VecDeque<(u64, u8)>,
    /// Beats that came in
    got: u16,
    /// Beats that went out
    sent: u16,
    /// Memory has answered the write
    answer: Option<u8>,
    /// The response of the device itself, where memory is not asked
    own: u8,
}

impl Dma {
    /// The data and strobes of a write of one beat, once it is here.
    pub(super) fn whole_data(&self) -> Option<(u64, u8)> {
        if self.got < self.beats_in_burst() { None } else { self.beats.front().copied() }
    }

    fn beats_in_burst(&self) -> u16 {
        u16::from(self.address.len) + 1
    }

    /// Memory has answered all of it.
    fn is_back(&self) -> bool {
        match self.way {
            Way::Read => self.got == self.beats_in_burst(),
            Way::Write => self.answer.is_some(),
        }
    }
}

/// A moment in the order of things: what had been accepted and issued by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    accepted: u64,
    issued: u64,
}

/// All transactions.
#[derive(Clone, Debug)]
pub(super) struct Transactions {
    pub(super) nature: Nature,
    slots: Vec<Dma>,
    free: Vec<usize>,
    reads: VecDeque<usize>,
    writes: VecDeque<usize>,
    accepted: u64,
    issued: u64,
}

fn request_of(way: Way, address: &Address) -> Request {
    Request {
        device: DeviceId(address.mmusid),
        process: address.mmussidv.then_some(ProcessId(address.mmussid)),
        privileged: address.prot & 1 != 0,
        access: match way {
            Way::Write => Access::Write,
            Way::Read if address.prot & 4 != 0 => Access::Execute,
            Way::Read => Access::Read,
        },
        kind: if address.mmuatst { Kind::Translated } else { Kind::Untranslated },
        iova: Iova(address.addr),
    }
}

impl Transactions {
    pub(super) fn new(nature: Nature) -> Self {
        let idle = Dma {
            way: Way::Read,
            address: Address::default(),
            request: request_of(Way::Read, &Address::default()),
            phase: Phase::Waiting,
            taken: false,
            accepted: 0,
            issued: 0,
            beats: VecDeque::new(),
            got: 0,
            sent: 0,
            answer: None,
            own: SLVERR,
        };
        Self {
            nature,
            slots: vec![idle; 2 * DEPTH],
            free: (0..2 * DEPTH).collect(),
            reads: VecDeque::with_capacity(DEPTH),
            writes: VecDeque::with_capacity(DEPTH),
            accepted: 0,
            issued: 0,
        }
    }

    pub(super) fn get(&self, slot: usize) -> &Dma {
        &self.slots[slot]
    }

    fn order(&self, way: Way) -> &VecDeque<usize> {
        match way {
            Way::Read => &self.reads,
            Way::Write => &self.writes,
        }
    }

    /// Room for one more in this direction.
    pub(super) fn has_room(&self, way: Way) -> bool {
        self.order(way).len() < DEPTH
    }

    /// Nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty()
    }

    /// Nothing that a walker has begun with is left, at memory neither.
    pub(super) fn is_settled(&self) -> bool {
        self.reads.iter().chain(&self.writes).all(|&slot| {
            let dma = &self.slots[slot];
            match dma.phase {
                Phase::Waiting | Phase::Refused => true,
                Phase::Walking | Phase::Translated => false,
                Phase::AtMemory => dma.is_back(),
            }
        })
    }

    /// Takes a transaction that was accepted on `dev_*`.
    pub(super) fn accept(&mut self, way: Way, address: Address) {
        if let Some(slot) = self.offer(way, address) {
            self.take(slot);
        }
    }

    /// A transaction that was offered has been accepted.
    pub(super) fn take(&mut self, slot: usize) {
        self.slots[slot].taken = true;
    }

    /// Takes a transaction that is offered on `dev_*`: it may be worked at, and may not be ended before it is accepted. A
    /// fence waits for it as if it had been.
    pub(super) fn offer(&mut self, way: Way, address: Address) -> Option<usize> {
        let slot = self.free.pop()?;
        self.accepted += 1;
        let dma = &mut self.slots[slot];
        dma.beats.clear();
        let beats = std::mem::take(&mut dma.beats);
        *dma = Dma {
            way,
            address,
            request: request_of(way, &address),
            phase: Phase::Waiting,
            taken: false,
            accepted: self.accepted,
            issued: 0,
            beats,
            got: 0,
            sent: 0,
            answer: None,
            own: SLVERR,
        };
        match way {
            Way::Read => self.reads.push_back(slot),
            Way::Write => self.writes.push_back(slot),
        }
        Some(slot)
    }

    /// The oldest write that waits for data from its device.
    fn hungry(&self) -> Option<usize> {
        let hungry = |dma: &Dma| dma.taken && dma.got < dma.beats_in_burst();
        self.writes.iter().copied().find(|&slot| hungry(&self.slots[slot]))
    }

    /// A write waits for data from its device.
    pub(super) fn wants_data(&self) -> bool {
        self.hungry().is_some()
    }

    /// Takes a beat of write data from a device. Data come in the order of the addresses.
    pub(super) fn write_data(&mut self, data: u64, strobes: u8) {
        if let Some(slot) = self.hungry() {
            let dma = &mut self.slots[slot];
            dma.beats.push_back((data, strobes));
            dma.got += 1;
        }
    }

    /// The oldest transaction that no walker has.
    pub(super) fn next_waiting(&self) -> Option<usize> {
        let both = self.reads.iter().chain(&self.writes).copied();
        both.filter(|&slot| self.slots[slot].phase == Phase::Waiting).min_by_key(|&slot| self.slots[slot].accepted)
    }

    /// A walker has taken it.
    pub(super) fn walking(&mut self, slot: usize) {
        self.slots[slot].phase = Phase::Walking;
    }

    /// It was translated.
    pub(super) fn translated(&mut self, slot: usize, spa: u64, pbmt: u8, ids: QosIds) {
        let dma = &mut self.slots[slot];
        dma.phase = Phase::Translated;
        dma.address.addr = spa;
        dma.address.pbmt = pbmt;
        (dma.address.rcid, dma.address.mcid) = (ids.rcid, ids.mcid);
    }

    /// It was refused.
    pub(super) fn refused(&mut self, slot: usize) {
        self.slots[slot].phase = Phase::Refused;
    }

    /// It was kept by the device itself, which answers so.
    pub(super) fn kept(&mut self, slot: usize, resp: u8) {
        let dma = &mut self.slots[slot];
        dma.phase = Phase::Refused;
        dma.own = resp;
    }

    /// The first transaction, in the order of acceptance, that may be shown on `mem_*`: those before it with its ID
    /// have been shown or refused.
    pub(super) fn issue(&mut self, way: Way) -> Option<usize> {
        let order = self.order(way);
        let early = |at: usize, id: u8| {
            order.iter().take(at).any(|&other| {
                let other = &self.slots[other];
                other.address.id == id && !matches!(other.phase, Phase::AtMemory | Phase::Refused)
            })
        };
        let ready = |&(at, slot): &(usize, usize)| {
            let dma = &self.slots[slot];
            dma.phase == Phase::Translated && !early(at, dma.address.id)
        };
        let (_, slot) = order.iter().copied().enumerate().find(ready)?;
        self.issued += 1;
        let dma = &mut self.slots[slot];
        dma.phase = Phase::AtMemory;
        dma.issued = self.issued;
        Some(slot)
    }

    /// The next beat of a write for memory, if it is here; with `WLAST`.
    pub(super) fn next_to_memory(&mut self, slot: usize) -> Option<(u64, u8, bool)> {
        let dma = &mut self.slots[slot];
        let (data, strobes) = dma.beats.pop_front()?;
        dma.sent += 1;
        Some((data, strobes, dma.sent == dma.beats_in_burst()))
    }

    /// Memory answered a beat of a read.
    pub(super) fn read_beat(&mut self, id: u8, data: u64, resp: u8) {
        if let Some(slot) = self.at_memory(Way::Read, id) {
            let dma = &mut self.slots[slot];
            dma.beats.push_back((data, resp));
            dma.got += 1;
        }
    }

    /// Memory answered a write.
    pub(super) fn write_answer(&mut self, id: u8, resp: u8) {
        if let Some(slot) = self.at_memory(Way::Write, id) {
            self.slots[slot].answer = Some(resp);
        }
    }

    /// The oldest transaction with this ID that memory has not answered in full.
    fn at_memory(&self, way: Way, id: u8) -> Option<usize> {
        self.order(way).iter().copied().find(|&slot| {
            let dma = &self.slots[slot];
            dma.address.id == id && dma.phase == Phase::AtMemory && !dma.is_back()
        })
    }

    /// The first transaction that has something for its device, and none with its ID before it.
    pub(super) fn answerable(&self, way: Way) -> Option<usize> {
        let order = self.order(way);
        let (_, slot) = order.iter().copied().enumerate().find(|&(at, slot)| {
            let dma = &self.slots[slot];
            let ready = match (dma.phase, way) {
                (Phase::Refused, Way::Read) => true,
                (Phase::Refused, Way::Write) => dma.got == dma.beats_in_burst(),
                (_, Way::Read) => !dma.beats.is_empty(),
                (_, Way::Write) => dma.answer.is_some(),
            };
            ready && !order.iter().take(at).any(|&other| self.slots[other].address.id == dma.address.id)
        })?;
        Some(slot)
    }

    /// The next beat of a read for its device, if it is here: data, response, `RLAST`.
    pub(super) fn next_to_device(&mut self, slot: usize) -> Option<(u64, u8, bool)> {
        let refused_resp = self.refusal(slot);
        let dma = &mut self.slots[slot];
        let (data, resp) = if dma.phase == Phase::Refused { (0, refused_resp) } else { dma.beats.pop_front()? };
        dma.sent += 1;
        Some((data, resp, dma.sent == dma.beats_in_burst()))
    }

    fn refusal(&self, slot: usize) -> u8 {
        if self.nature.has(Habit::RefusalOkay) { 0 } else { self.slots[slot].own }
    }

    /// The response of a write.
    pub(super) fn answer(&self, slot: usize) -> u8 {
        self.slots[slot].answer.unwrap_or(self.refusal(slot))
    }

    /// It was answered in full.
    pub(super) fn retire(&mut self, slot: usize) {
        let order = match self.slots[slot].way {
            Way::Read => &mut self.reads,
            Way::Write => &mut self.writes,
        };
        if let Some(at) = order.iter().position(|&other| other == slot) {
            order.remove(at);
            self.free.push(slot);
        }
    }

    /// This moment.
    pub(super) fn mark(&self) -> Mark {
        Mark { accepted: self.accepted, issued: self.issued }
    }

    /// Memory has not answered everything in this direction that had been shown to it by `mark`. With `all`, what a walker
    /// or a translation had been given by then and has not been shown yet counts too.
    pub(super) fn is_open(&self, way: Way, mark: Mark, all: bool) -> bool {
        self.order(way).iter().any(|&slot| {
            let dma = &self.slots[slot];
            match dma.phase {
                Phase::AtMemory => {
                    dma.issued <= mark.issued && !dma.is_back()
                        || all && dma.accepted <= mark.accepted && !dma.is_back()
                }
                Phase::Walking | Phase::Translated => all && dma.accepted <= mark.accepted,
                Phase::Waiting | Phase::Refused => false,
            }
        })
    }

    /// A transaction that had been accepted by `mark` is with a walker, or translated and not yet shown.
    pub(super) fn is_in_hand(&self, mark: Mark) -> bool {
        self.reads.iter().chain(&self.writes).any(|&slot| {
            let dma = &self.slots[slot];
            matches!(dma.phase, Phase::Walking | Phase::Translated) && dma.accepted <= mark.accepted
        })
    }
}
