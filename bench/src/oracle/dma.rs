//! DMA transactions in the hands of the device: rule 8, and who is waiting for a translation.

use std::collections::VecDeque;

use golden::Spa;

use super::rule::{Rule, Violation};
use crate::bus::{Burst, Cycle, Direction, DmaRequest, Ticket};

/// Where memory was asked for a translated transaction.
#[derive(Clone, Debug, Default)]
struct AtMemory {
    addr: Spa,
    cycle: Cycle,
    data: Vec<u64>,
    write_beats: usize,
    resp: u8,
    done: Option<Cycle>,
}

/// One transaction between its acceptance and its response.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Its number
    pub ticket: Ticket,
    /// What the device asked
    pub request: DmaRequest,
    /// When it was accepted: `start` of the oracle's rules
    pub accepted: Cycle,
    memory: Option<AtMemory>,
}

/// An address channel of `mem_*`, as the device shows it.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Read or write
    pub direction: Direction,
    /// AXI ID
    pub id: u8,
    /// Translated address
    pub addr: Spa,
    /// Shape
    pub burst: Burst,
    /// `AxPROT`
    pub prot: u8,
}

impl Shown {
    /// A transaction of this ID that memory has not been asked for.
    fn waits(&self, t: &Transaction) -> bool {
        t.request.direction == self.direction && t.request.id == self.id && t.memory.is_none()
    }

    /// One that has also this shape.
    fn may_be(&self, t: &Transaction) -> bool {
        self.waits(t)
            && t.request.burst == self.burst
            && t.request.iova.0 & 0xFFF == self.addr.0 & 0xFFF
            && axprot(&t.request) == self.prot & 0b101
    }
}

/// How a finished transaction ended.
#[derive(Clone, Debug)]
pub enum Finished {
    /// It was translated; that was judged when it showed on `mem_*`.
    Translated,
    /// It was refused: the reason is still to be judged.
    Refused(Transaction),
    /// It was answered as good, although memory was not asked: likewise.
    Kept(Transaction),
}

/// Every transaction that the device has accepted and not yet answered.
#[derive(Debug, Default)]
pub struct Transactions {
    live: Vec<Transaction>,
    write_order: VecDeque<Ticket>,
}

impl Transactions {
    /// The device accepted a request.
    pub fn accepted(&mut self, ticket: Ticket, request: DmaRequest, now: Cycle) {
        self.live.push(Transaction { ticket, request, accepted: now, memory: None });
    }

    /// Every live transaction, oldest first.
    pub fn live(&self) -> &[Transaction] {
        &self.live
    }

    /// The transaction at this place of [`live`](Self::live), if an address that memory was shown may belong to it. AXI
    /// keeps the order within an ID, so the oldest is the likeliest; where a younger one fits better, the older ones
    /// must turn out refused.
    pub fn candidate(&self, place: usize, shown: &Shown) -> Option<&Transaction> {
        self.live.get(place).filter(|t| shown.may_be(t))
    }

    /// Memory was asked for the transaction at this place.
    pub fn at_memory(&mut self, place: usize, shown: &Shown, now: Cycle) {
        let Some(transaction) = self.live.get_mut(place) else { return };
        if shown.direction == Direction::Write {
            self.write_order.push_back(transaction.ticket);
        }
        transaction.memory = Some(AtMemory { addr: shown.addr, cycle: now, ..AtMemory::default() });
    }

    /// Memory was asked for something that no transaction explains.
    pub fn misshapen(&self, shown: &Shown) -> Violation {
        let Shown { direction, id, addr, burst, prot } = *shown;
        let wrong = format!("{direction:?} at {addr:#x}, ID {id:#x}, {burst:?}, prot {prot:#05b}");
        let right = match self.live.iter().find(|t| shown.waits(t)) {
            Some(t) => format!(
                "{direction:?} with offset {:#x}, {:?}, prot {:#05b}",
                t.request.iova.0 & 0xFFF,
                t.request.burst,
                axprot(&t.request)
            ),
            None => "nothing: no device waits with this ID".to_owned(),
        };
        Violation::new(Rule::DmaShape, format!("{direction:?}"), right, wrong)
    }

    /// A beat of write data on `mem_*`.
    pub fn write_beat(&mut self, data: u64, strb: u8, last: bool) -> Result<(), Violation> {
        let Some(ticket) = self.write_order.front().copied() else {
            return Err(Violation::new(Rule::DmaData, "write", "no data: no write is open", format!("{data:#018x}")));
        };
        if last {
            self.write_order.pop_front();
        }
        let Some(transaction) = self.live.iter_mut().find(|t| t.ticket == ticket) else {
            return Err(Violation::new(Rule::DmaData, "write", "no data: answered already", format!("{data:#018x}")));
        };
        let Some(memory) = transaction.memory.as_mut() else { return Ok(()) };
        let beat = memory.write_beats;
        memory.write_beats += 1;
        let right = transaction.request.data.get(beat).copied();
        let mask = lanes(strb);
        match right {
            Some((value, strobes)) if strobes == strb && value & mask == data & mask => Ok(()),
            right => Err(Violation::new(
                Rule::DmaData,
                "write",
                match right {
                    Some((value, strobes)) => format!("beat {beat}: {value:#018x}, strobes {strobes:#010b}"),
                    None => format!("{} beats", transaction.request.data.len()),
                },
                format!("beat {beat}: {data:#018x}, strobes {strb:#010b}"),
            )),
        }
    }

    /// Memory answered a beat of a read.
    pub fn read_beat(&mut self, id: u8, data: u64, resp: u8, last: bool, now: Cycle) {
        if let Some(memory) = self.oldest_at_memory(Direction::Read, id) {
            memory.data.push(data);
            memory.resp = memory.resp.max(resp);
            if last {
                memory.done = Some(now);
            }
        }
    }

    /// Memory answered a write.
    pub fn write_response(&mut self, id: u8, resp: u8, now: Cycle) {
        if let Some(memory) = self.oldest_at_memory(Direction::Write, id) {
            memory.resp = resp;
            memory.done = Some(now);
        }
    }

    fn oldest_at_memory(&mut self, direction: Direction, id: u8) -> Option<&mut AtMemory> {
        self.live
            .iter_mut()
            .filter(|t| t.request.direction == direction && t.request.id == id)
            .filter_map(|t| t.memory.as_mut())
            .filter(|memory| memory.done.is_none())
            .min_by_key(|memory| memory.cycle)
    }

    /// The device answered a transaction.
    pub fn done(&mut self, ticket: Ticket, resp: u8, data: &[u64]) -> Result<Finished, Violation> {
        let Some(index) = self.live.iter().position(|t| t.ticket == ticket) else {
            let wrong = format!("answer {resp} to transaction {}", ticket.0);
            return Err(Violation::new(Rule::DmaResponse, "none waits", "no answer", wrong));
        };
        let transaction = self.live.remove(index);
        let Some(memory) = &transaction.memory else {
            // SLVERR, or DECERR as an interconnect in a wrapper may have it.
            if resp < 2 {
                return Ok(Finished::Kept(transaction));
            }
            return Ok(Finished::Refused(transaction));
        };
        if memory.done.is_none() {
            let wrong = format!("response {resp} before memory answered");
            return Err(Violation::new(Rule::DmaResponse, "early", "the response of memory", wrong));
        }
        if memory.resp != resp {
            let (right, wrong) = (format!("response {}", memory.resp), format!("response {resp}"));
            return Err(Violation::new(Rule::DmaResponse, "changed", right, wrong));
        }
        if transaction.request.direction == Direction::Read && memory.data != data {
            let (right, wrong) = (format!("{:#x?}", memory.data), format!("{data:#x?}"));
            return Err(Violation::new(Rule::DmaData, "read", right, wrong));
        }
        Ok(Finished::Translated)
    }

    /// A transaction in this direction that went to memory at or before `cycle` and has no answer from there yet: what
    /// a fence with PR or PW has to wait for.
    pub fn open_at_memory(&self, direction: Direction, cycle: Cycle) -> Option<&Transaction> {
        self.live
            .iter()
            .filter(|t| t.request.direction == direction)
            .find(|t| t.memory.as_ref().is_some_and(|memory| memory.cycle <= cycle && memory.done.is_none()))
    }
}

impl Transaction {
    /// Where it went, once it was translated.
    pub fn translated(&self) -> Option<(Spa, Cycle)> {
        self.memory.as_ref().map(|memory| (memory.addr, memory.cycle))
    }
}

/// `AxPROT` as the device asked, without the non-secure bit that nobody looks at.
fn axprot(request: &DmaRequest) -> u8 {
    u8::from(request.privileged) | u8::from(request.instruction) << 2
}

/// The byte lanes that strobes select.
pub(super) fn lanes(strb: u8) -> u64 {
    (0..8).filter(|lane| strb >> lane & 1 == 1).fold(0, |mask, lane| mask | 0xFF << (8 * lane))
}
