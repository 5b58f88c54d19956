// SPDX-License-Identifier: Apache-2.0
//! The `ptw_*` port: reads of the walkers and of the command queue, writes of records and fences.

use std::collections::VecDeque;

use boundary::{Address, Manager, ReadData, Subordinate, WriteData, WriteResponse};
use events::{ATOMIC_COMPARE, QosIds};

use super::exchange::{Exchange, Exchanged};
use super::write::{EXCHANGES, Write, Writer};

/// Read bursts in flight at most.
const READS: usize = 16;
/// Doublewords in a read burst at most: a device context in extended format, or four commands.
pub(super) const MAX_WORDS: usize = 8;

/// Who asked for a read. Several walkers may wait for one burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Readers {
    /// A bit for each walker that asked before the burst was sent
    pub walkers: u64,
    /// A bit for each walker that joined a burst that was under way already
    pub late: u64,
    /// The command queue asked
    pub commands: bool,
    /// Interrupt files in memory asked
    pub files: bool,
}

/// A read burst that has come back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fetched {
    /// Who waits for it
    pub readers: Readers,
    /// Address of the first doubleword
    pub addr: u64,
    /// Number of doublewords
    pub words: u8,
    /// Invalidations that had been executed when it was sent
    pub epoch: u64,
    /// Its QoS IDs
    pub ids: QosIds,
    /// Data and response by beat
    pub data: [(u64, u8); MAX_WORDS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    busy: bool,
    sent: bool,
    got: u8,
    fetch: Fetched,
}

/// An atomic that is on its way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    exchanged: Exchanged,
    /// The old value has come
    read: bool,
    /// The response has come
    answered: bool,
}

/// The port.
#[derive(Clone, Debug)]
pub(super) struct Ptw {
    slots: [Slot; READS],
    to_send: VecDeque<u8>,
    done: VecDeque<u8>,
    ar: Address,
    writes: VecDeque<Write>,
    aw: Address,
    w: WriteData,
    /// The burst on AW and W, and how many of its beats have been handed over
    current: Option<(Write, u8)>,
    waiting: Vec<Writer>,
    answered: VecDeque<(Writer, u8)>,
    flights: Vec<Flight>,
}

impl Ptw {
    pub(super) fn new() -> Self {
        Self {
            slots: [Slot::default(); READS],
            to_send: VecDeque::with_capacity(READS),
            done: VecDeque::with_capacity(READS),
            ar: Address::default(),
            writes: VecDeque::with_capacity(4),
            aw: Address::default(),
            w: WriteData::default(),
            current: None,
            waiting: Vec::with_capacity(4),
            answered: VecDeque::with_capacity(4),
            flights: Vec::with_capacity(8),
        }
    }

    /// Nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.slots.iter().all(|slot| !slot.busy)
            && self.writes.is_empty()
            && self.current.is_none()
            && self.waiting.is_empty()
            && self.flights.is_empty()
    }

    /// Asks for `words` doublewords from `addr`, with these QoS IDs. False when no burst is free: ask again later.
    pub(super) fn fetch(&mut self, readers: Readers, addr: u64, words: u8, ids: QosIds) -> bool {
        let Some(at) = self.slots.iter().position(|slot| !slot.busy) else { return false };
        let fetch = Fetched { readers, addr, words, ids, ..Fetched::default() };
        self.slots[at] = Slot { busy: true, sent: false, got: 0, fetch };
        self.to_send.push_back(at as u8);
        true
    }

    /// Lets a walker wait for a burst that is on its way already. False when there is none. With `epoch`, a burst that
    /// was sent before the last of so many invalidations does not count.
    pub(super) fn join(&mut self, walker: usize, addr: u64, words: u8, epoch: Option<u64>) -> bool {
        let same = |slot: &&mut Slot| {
            slot.busy
                && (!slot.sent || epoch.is_none_or(|epoch| slot.fetch.epoch == epoch))
                && slot.got < slot.fetch.words
                && slot.fetch.addr == addr
                && slot.fetch.words == words
                && !slot.fetch.readers.commands
                && !slot.fetch.readers.files
        };
        let Some(slot) = self.slots.iter_mut().find(same) else { return false };
        let readers = &mut slot.fetch.readers;
        *(if slot.sent { &mut readers.late } else { &mut readers.walkers }) |= 1 << walker;
        true
    }

    /// A read burst that has come back whole.
    pub(super) fn fetched(&mut self) -> Option<Fetched> {
        let at = self.done.pop_front()?;
        let slot = &mut self.slots[usize::from(at)];
        slot.busy = false;
        Some(slot.fetch)
    }

    /// Queues a write.
    pub(super) fn write(&mut self, write: Write) {
        self.writes.push_back(write);
    }

    /// Queues an AtomicCompare. No other one with this tag may be under way.
    pub(super) fn exchange(&mut self, tag: u8, exchange: Exchange, ids: QosIds) {
        self.writes.push_back(exchange.write(tag, ids));
        let exchanged = Exchanged { tag, exchange, ..Exchanged::default() };
        self.flights.push(Flight { exchanged, read: false, answered: false });
    }

    /// An atomic with this tag is under way.
    pub(super) fn exchanging(&self, tag: u8) -> bool {
        self.flights.iter().any(|flight| flight.exchanged.tag == tag)
    }

    /// An atomic that has been answered on both channels.
    pub(super) fn exchanged(&mut self) -> Option<Exchanged> {
        let at = self.flights.iter().position(|flight| flight.read && flight.answered)?;
        Some(self.flights.remove(at).exchanged)
    }

    fn flight(&mut self, id: u8) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| EXCHANGES + flight.exchanged.tag == id)
    }

    /// A write that was answered: who asked, and the response.
    pub(super) fn written(&mut self) -> Option<(Writer, u8)> {
        self.answered.pop_front()
    }

    /// Memory has the write that was asked for, and has not answered yet.
    pub(super) fn has_sent(&self, writer: Writer) -> bool {
        let underway = self.current.is_some_and(|(write, _)| write.writer == writer);
        !underway && self.waiting.contains(&writer)
    }

    /// Drives the port.
    pub(super) fn drive(&self, out: &mut Manager) {
        *out = Manager { aw: self.aw, w: self.w, b_ready: true, ar: self.ar, r_ready: true };
    }

    /// Takes the handshakes of this cycle.
    pub(super) fn take(&mut self, seen: &Subordinate) {
        if self.ar.valid && seen.ar_ready {
            self.ar.valid = false;
        }
        if self.aw.valid && seen.aw_ready {
            self.aw.valid = false;
        }
        if self.w.valid && seen.w_ready {
            self.w.valid = false;
            if let Some((_, sent)) = &mut self.current {
                *sent += 1;
            }
        }
        if seen.r.valid {
            self.read_beat(&seen.r);
        }
        if seen.b.valid {
            self.write_response(&seen.b);
        }
    }

    fn read_beat(&mut self, beat: &ReadData) {
        let resp = events::answer(beat.resp, beat.poison);
        if let Some(flight) = self.flight(beat.id) {
            flight.exchanged.found = (beat.data, resp);
            flight.read = true;
            return;
        }
        let Some(slot) = self.slots.get_mut(usize::from(beat.id)).filter(|slot| slot.busy) else { return };
        if let Some(word) = slot.fetch.data.get_mut(usize::from(slot.got)) {
            *word = (beat.data, resp);
            slot.got += 1;
            if slot.got == slot.fetch.words {
                self.done.push_back(beat.id);
            }
        }
    }

    fn write_response(&mut self, b: &WriteResponse) {
        if let Some(at) = self.waiting.iter().position(|writer| writer.id() == b.id) {
            match self.waiting.remove(at) {
                Writer::Exchange(_) => {
                    if let Some(flight) = self.flight(b.id) {
                        flight.answered = true;
                    }
                }
                writer => self.answered.push_back((writer, b.resp)),
            }
        }
    }

    /// Chooses what the port shows in the next cycle. `epoch` is the number of invalidations executed so far, `own` are the
    /// QoS IDs of queues and messages.
    pub(super) fn present(&mut self, epoch: u64, own: QosIds) {
        if !self.ar.valid
            && let Some(id) = self.to_send.pop_front()
        {
            let slot = &mut self.slots[usize::from(id)];
            slot.sent = true;
            slot.fetch.epoch = epoch;
            let (addr, len, QosIds { rcid, mcid }) = (slot.fetch.addr, slot.fetch.words - 1, slot.fetch.ids);
            self.ar = Address { valid: true, id, addr, len, size: 3, burst: 1, rcid, mcid, ..Address::default() };
        }
        if let Some((write, sent)) = self.current {
            if sent < write.len {
                if !self.w.valid {
                    self.w = write.beat(sent);
                }
            } else if !self.aw.valid {
                self.current = None;
            }
        }
        if self.current.is_none()
            && let Some(write) = self.writes.pop_front()
        {
            let (id, addr, len, size) = (write.writer.id(), write.addr, write.len - 1, write.size);
            let QosIds { rcid, mcid } = write.ids.unwrap_or(own);
            self.aw = Address { valid: true, id, addr, len, size, burst: 1, rcid, mcid, ..Address::default() };
            if matches!(write.writer, Writer::Exchange(_)) {
                self.aw = Address { atop: ATOMIC_COMPARE, burst: Exchange::burst(&write), ..self.aw };
                if let Some(flight) = self.flight(id) {
                    flight.exchanged.epoch = epoch;
                }
            }
            self.w = write.beat(0);
            self.current = Some((write, 0));
            self.waiting.push(write.writer);
        }
    }
}
