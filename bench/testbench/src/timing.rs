// SPDX-License-Identifier: Apache-2.0
//! How long each request took, by the wires of the device boundary.
//!
//! It takes for granted what [`crate::Sequence`] sees to: of two requests in one direction that are under way no two have
//! the same AXI ID.

use boundary::Outputs;
use events::{Burst, Cycle, Direction, DmaRequest, Event, Ticket};
use golden::Spa;

/// A request and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedRequest {
    /// What was asked, without the data
    pub request: DmaRequest,
    /// First cycle on `dev_*`
    pub offered: Cycle,
    /// AW or AR handshake on `dev_*`
    pub accepted: Cycle,
    /// First cycle of VALID on `mem_*`; none while it waits, and for one that was refused
    pub shown: Option<Cycle>,
    /// The last beat of the answer, and its response
    pub answered: Option<(Cycle, u8)>,
    ticket: Ticket,
}

impl TimedRequest {
    /// From its acceptance until it shows on `mem_*`, or until its answer where it does not; none while it is under way.
    pub fn latency(&self) -> Option<Cycle> {
        let end = self.shown.or(self.answered.map(|(cycle, _)| cycle))?;
        Some(end.saturating_sub(self.accepted))
    }
}

/// A read of the device under test itself: an AR handshake on `ptw_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImplicitRead {
    /// When
    pub cycle: Cycle,
    /// First address
    pub addr: Spa,
    /// Shape
    pub burst: Burst,
}

/// All requests and reads since somebody began to look.
#[derive(Clone, Debug, Default)]
pub struct Timing {
    /// In the order of acceptance
    pub requests: Vec<TimedRequest>,
    /// In their order
    pub reads: Vec<ImplicitRead>,
    /// Offered and not accepted: reads, writes
    offered: [Option<Cycle>; 2],
    /// On `mem_*` and not accepted there: reads, writes
    shown: [Option<Cycle>; 2],
}

const fn channel(direction: Direction) -> usize {
    match direction {
        Direction::Read => 0,
        Direction::Write => 1,
    }
}

impl Timing {
    /// What the device drives in this cycle, and what was seen of it.
    pub(super) fn cycle(&mut self, outputs: &Outputs, events: &[Event], now: Cycle) {
        for (valid, since) in [outputs.mem.ar.valid, outputs.mem.aw.valid].into_iter().zip(&mut self.shown) {
            if valid {
                since.get_or_insert(now);
            }
        }
        for event in events {
            self.event(event, now);
        }
    }

    fn event(&mut self, event: &Event, now: Cycle) {
        match event {
            Event::DmaOffered { request } => self.offered[channel(request.direction)] = Some(now),
            Event::DmaAccepted { ticket, request } => {
                let offered = self.offered[channel(request.direction)].take().unwrap_or(now);
                let request = DmaRequest { data: Vec::new(), ..*request };
                let timed =
                    TimedRequest { request, offered, accepted: now, shown: None, answered: None, ticket: *ticket };
                self.requests.push(timed);
            }
            Event::MemAddress { direction, id, .. } => {
                let shown = self.shown[channel(*direction)].take().unwrap_or(now);
                let its = |timed: &&mut TimedRequest| {
                    let TimedRequest { request, shown, answered, .. } = timed;
                    request.direction == *direction && request.id == *id && shown.is_none() && answered.is_none()
                };
                if let Some(timed) = self.requests.iter_mut().rev().find(its) {
                    timed.shown = Some(shown);
                }
            }
            Event::DmaDone { ticket, resp, .. } => {
                if let Some(timed) = self.requests.iter_mut().rev().find(|timed| timed.ticket == *ticket) {
                    timed.answered = Some((now, *resp));
                }
            }
            Event::PtwReadAddress { addr, burst, .. } => {
                self.reads.push(ImplicitRead { cycle: now, addr: *addr, burst: *burst });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{Attributes, INCR, OKAY, QosIds};
    use golden::{DeviceId, Iova};

    use super::*;

    const BURST: Burst = Burst { len: 0, size: 3, kind: INCR };

    fn request(id: u8) -> DmaRequest {
        DmaRequest { id, ..DmaRequest::new(Direction::Read, DeviceId(1), Iova(0x1000), BURST) }
    }

    fn on_mem(id: u8) -> Event {
        let (attributes, ids) = (Attributes::default(), QosIds::default());
        let (direction, addr) = (Direction::Read, Spa(0x9000));
        Event::MemAddress { direction, id, addr, burst: BURST, pbmt: 0, prot: 0, attributes, ids }
    }

    #[test]
    fn a_request_shows_when_its_valid_rises_and_not_when_memory_takes_it() {
        let mut timing = Timing::default();
        let mut outputs = Outputs::default();
        timing.cycle(&outputs, &[Event::DmaOffered { request: request(3) }], 10);
        timing.cycle(&outputs, &[Event::DmaAccepted { ticket: Ticket(7), request: request(3) }], 12);
        outputs.mem.ar.valid = true;
        timing.cycle(&outputs, &[], 20);
        timing.cycle(&outputs, &[on_mem(3)], 22);
        outputs.mem.ar.valid = false;
        timing.cycle(&outputs, &[Event::DmaDone { ticket: Ticket(7), resp: OKAY, data: vec![0] }], 40);
        let [timed] = &timing.requests[..] else { panic!("{timing:?}") };
        assert_eq!((timed.offered, timed.accepted, timed.shown, timed.answered), (10, 12, Some(20), Some((40, OKAY))));
        assert_eq!(timed.latency(), Some(8));
    }

    #[test]
    fn one_that_is_refused_takes_until_its_answer_and_one_under_way_has_no_latency() {
        let mut timing = Timing::default();
        let outputs = Outputs::default();
        for (ticket, id) in [(0, 1), (1, 2)] {
            timing.cycle(&outputs, &[Event::DmaAccepted { ticket: Ticket(ticket), request: request(id) }], ticket);
        }
        timing.cycle(&outputs, &[Event::DmaDone { ticket: Ticket(0), resp: 2, data: vec![0] }], 9);
        let latencies: Vec<Option<Cycle>> = timing.requests.iter().map(TimedRequest::latency).collect();
        assert_eq!(latencies, [Some(9), None]);
    }
}
