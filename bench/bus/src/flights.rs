// SPDX-License-Identifier: Apache-2.0
//! DMA transactions of one direction, from the queue of the device to their last response.

use std::collections::VecDeque;

use events::{Cycle, DmaRequest, Ticket};

const NONE: u16 = u16::MAX;

/// A request in the queue of its device: its number in the order of [`Bus::enqueue`](crate::Bus::enqueue).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queued(pub u64);

/// A transaction that the device has put on the bus.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) origin: Queued,
    pub(super) request: DmaRequest,
    /// Meaningless until accepted
    pub(super) ticket: Ticket,
    /// W beats handed over, or R beats taken
    pub(super) moved: u16,
    /// The first W beat goes out in this cycle at the earliest
    pub(super) data_from: Cycle,
    /// Read data so far
    pub(super) data: Vec<u64>,
    /// Worst response so far
    pub(super) resp: u8,
    next: u16,
}

impl Flight {
    pub(super) fn all_moved(&self) -> bool {
        self.moved == self.request.burst.beats()
    }
}

/// The transactions of one direction. Those that were accepted are kept in a FIFO for each ID, because responses
/// with one ID come in the order of their requests.
#[derive(Clone, Debug)]
pub(super) struct Flights {
    pub(super) queue: VecDeque<(Queued, DmaRequest)>,
    slots: Vec<Option<Flight>>,
    free: Vec<u16>,
    heads: [u16; 256],
    tails: [u16; 256],
    /// On AW or AR, not accepted yet
    presented: Option<u16>,
    /// What is presented has been so for no cycle yet
    is_new: bool,
    accepted: usize,
}

impl Flights {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            slots: Vec::new(),
            free: Vec::new(),
            heads: [NONE; 256],
            tails: [NONE; 256],
            presented: None,
            is_new: false,
            accepted: 0,
        }
    }

    /// Accepted and not answered in full.
    pub(super) fn outstanding(&self) -> usize {
        self.accepted
    }

    /// In the queue, or on the address channel and not accepted.
    pub(super) fn queued(&self) -> usize {
        self.queue.len() + usize::from(self.presented.is_some())
    }

    /// Drops what is on the bus; the queue stays.
    pub(super) fn clear(&mut self) {
        let queue = std::mem::take(&mut self.queue);
        *self = Self { queue, ..Self::new() };
    }

    pub(super) fn get(&self, slot: u16) -> Option<&Flight> {
        self.slots.get(usize::from(slot)).and_then(Option::as_ref)
    }

    pub(super) fn get_mut(&mut self, slot: u16) -> Option<&mut Flight> {
        self.slots.get_mut(usize::from(slot)).and_then(Option::as_mut)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Flight> {
        self.slots.iter().flatten()
    }

    /// What is on the address channel.
    pub(super) fn presented(&self) -> Option<(u16, &Flight)> {
        let slot = self.presented?;
        Some((slot, self.get(slot)?))
    }

    /// Puts the next request of the queue on the address channel, if it is free and fewer than `limit` are under
    /// way. Returns its slot.
    pub(super) fn present(&mut self, limit: usize, data_from: Cycle, data: impl FnOnce() -> Vec<u64>) -> Option<u16> {
        if self.presented.is_some() || self.accepted >= limit.min(usize::from(NONE)) {
            return None;
        }
        let (origin, request) = self.queue.pop_front()?;
        let flight = Flight {
            origin,
            request,
            ticket: Ticket::default(),
            moved: 0,
            data_from,
            data: data(),
            resp: 0,
            next: NONE,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[usize::from(slot)] = Some(flight);
                slot
            }
            None => {
                self.slots.push(Some(flight));
                (self.slots.len() - 1) as u16
            }
        };
        self.presented = Some(slot);
        self.is_new = true;
        Some(slot)
    }

    /// What is on the address channel for the first cycle; it counts as known from then on.
    pub(super) fn newly_presented(&mut self) -> Option<&DmaRequest> {
        if !std::mem::take(&mut self.is_new) {
            return None;
        }
        self.presented().map(|(_, flight)| &flight.request)
    }

    /// Address handshake: the presented request becomes the last of its ID.
    pub(super) fn accept(&mut self, ticket: Ticket) -> Option<&Flight> {
        let slot = self.presented.take()?;
        let flight = self.get_mut(slot)?;
        flight.ticket = ticket;
        let id = usize::from(flight.request.id);
        match self.tails[id] {
            NONE => self.heads[id] = slot,
            tail => {
                if let Some(before) = self.get_mut(tail) {
                    before.next = slot;
                }
            }
        }
        self.tails[id] = slot;
        self.accepted += 1;
        self.get(slot)
    }

    /// The oldest accepted request with this ID.
    pub(super) fn head(&self, id: u8) -> Option<&Flight> {
        self.get(self.heads[usize::from(id)])
    }

    pub(super) fn head_mut(&mut self, id: u8) -> Option<&mut Flight> {
        self.get_mut(self.heads[usize::from(id)])
    }

    /// The last response of the oldest request with this ID has come.
    pub(super) fn finish(&mut self, id: u8) -> Option<Flight> {
        let head = self.heads[usize::from(id)];
        let flight = self.slots.get_mut(usize::from(head))?.take()?;
        self.heads[usize::from(id)] = flight.next;
        if flight.next == NONE {
            self.tails[usize::from(id)] = NONE;
        }
        self.free.push(head);
        self.accepted -= 1;
        Some(flight)
    }
}
