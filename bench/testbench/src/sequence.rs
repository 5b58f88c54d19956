// SPDX-License-Identifier: Apache-2.0
//! Traffic to the letter: requests of a device that are made one after the other as they are listed.

use bus::{Bus, IllegalRequest};
use events::{Cycle, DmaRequest, Ticket};

use super::stream::IDS_PER_STREAM;

/// How many sequences there can be: with each goes a block of AXI IDs.
pub const MAX_SEQUENCES: usize = 16;

/// Requests in their order. Their IDs are given when they are made: no two that are under way have the same one, so that
/// whatever shows on the wires is known to belong to this one or to that.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// What is asked
    pub requests: Vec<DmaRequest>,
    /// How many are under way at most, 1 to [`IDS_PER_STREAM`]
    pub outstanding: u8,
    /// From the last one it goes on with the first one, until it is stopped
    pub repeat: bool,
}

/// A sequence at work.
#[derive(Debug)]
struct Running {
    sequence: Sequence,
    next: usize,
    /// IDs in use, a bit each
    busy: u16,
}

impl Running {
    fn is_done(&self) -> bool {
        self.busy == 0 && self.next >= self.sequence.requests.len()
    }
}

/// All sequences of a test bench.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    running: Vec<Running>,
    /// Accepted and not answered, and the ID of each
    tickets: Vec<(Ticket, u8)>,
    /// When one was accepted or answered last
    progress: Cycle,
}

impl Sequences {
    pub(super) fn start(&mut self, sequence: Sequence, now: Cycle) -> bool {
        let running = Running { sequence, next: 0, busy: 0 };
        self.progress = now;
        match self.running.iter().position(Running::is_done) {
            Some(free) => self.running[free] = running,
            None if self.running.len() < MAX_SEQUENCES => self.running.push(running),
            None => return false,
        }
        true
    }

    /// No sequence makes another request; what is under way comes to its end.
    pub(super) fn stop(&mut self) {
        for running in &mut self.running {
            running.sequence.repeat = false;
            running.next = running.sequence.requests.len();
        }
    }

    /// All that do not repeat have been answered to their last request.
    pub(super) fn are_done(&self) -> bool {
        self.running.iter().all(|running| running.sequence.repeat || running.is_done())
    }

    /// Nothing is under way, and nothing will be.
    pub(super) fn is_quiet(&self) -> bool {
        self.running.iter().all(Running::is_done)
    }

    pub(super) fn last_progress(&self) -> Cycle {
        self.progress
    }

    /// Puts the next request of each sequence on the bus where it may have one more under way.
    ///
    /// # Errors
    /// [`IllegalRequest`]: no AXI device can make it.
    pub(super) fn issue(&mut self, bus: &mut Bus) -> Result<(), IllegalRequest> {
        for (block, running) in (0_u8..).zip(&mut self.running) {
            let Running { sequence, next, busy } = running;
            if *next >= sequence.requests.len() && sequence.repeat {
                *next = 0;
            }
            let free = busy.trailing_ones() as u8;
            let Some(request) = sequence.requests.get(*next) else { continue };
            if free >= sequence.outstanding.clamp(1, IDS_PER_STREAM) {
                continue;
            }
            bus.enqueue(DmaRequest { id: block * IDS_PER_STREAM + free, ..request.clone() })?;
            *busy |= 1 << free;
            *next += 1;
        }
        Ok(())
    }

    /// Whether a request that was accepted is one of a sequence.
    pub(super) fn accepted(&mut self, ticket: Ticket, id: u8, now: Cycle) -> bool {
        let running = self.running.get(usize::from(id / IDS_PER_STREAM));
        let own = running.is_some_and(|running| running.busy >> (id % IDS_PER_STREAM) & 1 == 1);
        if own {
            self.tickets.push((ticket, id));
            self.progress = now;
        }
        own
    }

    pub(super) fn answered(&mut self, ticket: Ticket, now: Cycle) {
        let Some(at) = self.tickets.iter().position(|(own, _)| *own == ticket) else { return };
        let (_, id) = self.tickets.swap_remove(at);
        self.progress = now;
        if let Some(running) = self.running.get_mut(usize::from(id / IDS_PER_STREAM)) {
            running.busy &= !(1 << (id % IDS_PER_STREAM));
        }
    }
}
