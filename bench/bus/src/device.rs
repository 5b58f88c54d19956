// SPDX-License-Identifier: Apache-2.0
//! The devices: the manager side of `dev_*`, and the check of what the subordinate drives there.

use std::collections::VecDeque;

use boundary::{Manager, ReadData, Subordinate, WriteData, WriteResponse};
use events::{Cycle, Direction, DmaRequest, EXOKAY, Event, OKAY, Ticket};

use super::complaints::Complaints;
use super::config::DeviceTiming;
use super::dice::Dice;
use super::flights::{Flights, Queued};
use super::held::Held;
use super::memory::lane_mask;
use super::pool::Pool;
use super::request::address;
use super::violation::{Channel, Port, ProtocolViolation, Rule, Site};

/// All devices behind `dev_*`.
#[derive(Clone, Debug)]
pub(super) struct DevicePort {
    timing: DeviceTiming,
    dice: Dice,
    reads: Flights,
    writes: Flights,
    /// Writes whose W beats are not all out, in the order of AW
    data_order: VecDeque<u16>,
    /// The W beat that waits for WREADY
    data_shown: Option<WriteData>,
    tickets: u64,
    b: Held<WriteResponse>,
    r: Held<ReadData>,
}

impl DevicePort {
    pub(super) fn new(timing: DeviceTiming, dice: Dice) -> Self {
        Self {
            timing,
            dice,
            reads: Flights::new(),
            writes: Flights::new(),
            data_order: VecDeque::new(),
            data_shown: None,
            tickets: 0,
            b: Held::default(),
            r: Held::default(),
        }
    }

    pub(super) fn timing_mut(&mut self) -> &mut DeviceTiming {
        &mut self.timing
    }

    pub(super) fn enqueue(&mut self, origin: Queued, request: DmaRequest) {
        match request.direction {
            Direction::Read => self.reads.queue.push_back((origin, request)),
            Direction::Write => self.writes.queue.push_back((origin, request)),
        }
    }

    pub(super) fn flights(&self, direction: Direction) -> &Flights {
        match direction {
            Direction::Read => &self.reads,
            Direction::Write => &self.writes,
        }
    }

    /// A device has DMA under way, or queued, that it was asked for before `mark` and that has a translated address.
    pub(super) fn has_translated(&self, did: u32, mark: Queued) -> bool {
        let is_it =
            |origin: Queued, request: &DmaRequest| request.translated && request.device.0 == did && origin < mark;
        [&self.reads, &self.writes].into_iter().any(|flights| {
            flights.queue.iter().any(|(origin, request)| is_it(*origin, request))
                || flights.iter().any(|flight| is_it(flight.origin, &flight.request))
        })
    }

    pub(super) fn is_idle(&self) -> bool {
        let idle = |flights: &Flights| flights.queued() == 0 && flights.outstanding() == 0;
        idle(&self.reads) && idle(&self.writes) && self.data_order.is_empty() && !self.b.waits() && !self.r.waits()
    }

    /// Drops everything on the bus; what is queued stays queued.
    pub(super) fn clear(&mut self) {
        self.reads.clear();
        self.writes.clear();
        self.data_order.clear();
        self.data_shown = None;
        self.b = Held::default();
        self.r = Held::default();
    }

    pub(super) fn drive(&mut self, now: Cycle, pool: &mut Pool) -> Manager {
        let Self { timing, dice, reads, writes, .. } = self;
        if !reads.queue.is_empty() && !dice.percent(timing.gap_percent) {
            reads.present(timing.outstanding, now, || pool.words());
        }
        if !writes.queue.is_empty() && !dice.percent(timing.gap_percent) {
            let data_from = now + Cycle::from(dice.within(&timing.write_lag));
            self.data_order.extend(writes.present(timing.outstanding, data_from, Vec::new));
        }
        if self.data_shown.is_none()
            && let Some(flight) = self.data_order.front().and_then(|&slot| writes.get(slot))
            && now >= flight.data_from
            && !dice.percent(timing.gap_percent)
        {
            let last = flight.moved + 1 == flight.request.burst.beats();
            let beat = flight.request.data.get(usize::from(flight.moved)).copied();
            self.data_shown = beat.map(|(data, strb)| WriteData { valid: true, data, strb, last });
        }
        Manager {
            aw: writes.presented().map(|(_, flight)| address(&flight.request)).unwrap_or_default(),
            w: self.data_shown.unwrap_or_default(),
            b_ready: dice.percent(timing.ready_percent),
            ar: reads.presented().map(|(_, flight)| address(&flight.request)).unwrap_or_default(),
            r_ready: dice.percent(timing.ready_percent),
        }
    }

    /// Checks what the device drove in this cycle, and takes the handshakes of requests.
    pub(super) fn observe_requests(
        &mut self,
        now: Cycle,
        driven: &Manager,
        seen: &Subordinate,
        pool: &mut Pool,
        complaints: &mut Complaints,
        events: &mut Vec<Event>,
    ) -> Result<(), ProtocolViolation> {
        // Responses are checked against what had been handed over before this cycle: between the two there is at
        // least a clock edge, for an AXI interface has no combinational path from input to output (A3.2.1).
        complaints.past(self.check_write_response(now, driven.b_ready, &seen.b))?;
        complaints.past(self.check_read_data(now, driven.r_ready, &seen.r))?;
        for flights in [&mut self.writes, &mut self.reads] {
            if let Some(request) = flights.newly_presented() {
                let request = DmaRequest { data: Vec::new(), ..*request };
                events.push(Event::DmaOffered { request });
            }
        }
        if driven.aw.valid && seen.aw_ready {
            accept(&mut self.writes, &mut self.tickets, pool, events);
        }
        if driven.ar.valid && seen.ar_ready {
            accept(&mut self.reads, &mut self.tickets, pool, events);
        }
        if driven.w.valid && seen.w_ready {
            self.data_shown = None;
            if let Some(flight) = self.data_order.front().and_then(|&slot| self.writes.get_mut(slot)) {
                flight.moved += 1;
                if flight.all_moved() {
                    self.data_order.pop_front();
                }
            }
        }
        Ok(())
    }

    /// Takes the handshakes of responses, which [`DevicePort::observe_requests`] has checked.
    pub(super) fn observe_responses(
        &mut self,
        driven: &Manager,
        seen: &Subordinate,
        pool: &mut Pool,
        events: &mut Vec<Event>,
    ) {
        if seen.b.valid
            && driven.b_ready
            && let Some(flight) = self.writes.finish(seen.b.id)
        {
            events.push(Event::DmaDone { ticket: flight.ticket, resp: seen.b.resp, data: Vec::new() });
            pool.return_beats(flight.request.data);
        }
        if seen.r.valid && driven.r_ready {
            self.take_read_data(&seen.r, events);
        }
    }

    fn take_read_data(&mut self, beat: &ReadData, events: &mut Vec<Event>) {
        let Some(flight) = self.reads.head_mut(beat.id) else { return };
        flight.moved += 1;
        flight.resp = flight.resp.max(events::answer(beat.resp, beat.poison));
        flight.data.push(beat.data);
        if flight.all_moved()
            && let Some(flight) = self.reads.finish(beat.id)
        {
            events.push(Event::DmaDone { ticket: flight.ticket, resp: flight.resp, data: flight.data });
        }
    }

    fn check_write_response(&mut self, now: Cycle, ready: bool, b: &WriteResponse) -> Result<(), ProtocolViolation> {
        let site = Site { port: Port::Dev, channel: Channel::B, cycle: now };
        if !self.b.check(site, b.valid, ready, b)? {
            return Ok(());
        }
        let wrong = || format!("BID {:#x}", b.id);
        match self.writes.head(b.id) {
            Some(flight) if flight.all_moved() => {}
            Some(flight) => {
                let right = format!("B after all {} W beats", flight.request.burst.beats());
                let wrong = format!("B after {} W beats", flight.moved);
                return Err(site.broke(Rule::Early, format!("write with ID {:#x}", b.id), right, wrong));
            }
            None if waits(&self.writes, b.id) => {
                return Err(site.broke(Rule::Early, "write response", "B after the AW handshake", wrong()));
            }
            None => return Err(site.broke(Rule::ResponseId, "write response", "an outstanding ID", wrong())),
        }
        check_exokay(site, b.resp)
    }

    fn check_read_data(&mut self, now: Cycle, ready: bool, r: &ReadData) -> Result<(), ProtocolViolation> {
        let site = Site { port: Port::Dev, channel: Channel::R, cycle: now };
        if !r.valid {
            return self.r.check(site, false, ready, r).map(drop);
        }
        let Some(flight) = self.reads.head(r.id) else {
            let wrong = format!("RID {:#x}", r.id);
            // A payload that changed while it waited is reported as that.
            self.r.check(site, true, ready, r)?;
            return Err(if waits(&self.reads, r.id) {
                site.broke(Rule::Early, "read data", "R after the AR handshake", wrong)
            } else {
                site.broke(Rule::ResponseId, "read data", "an outstanding ID", wrong)
            });
        };
        // Lanes outside a narrow beat carry nothing, and may change.
        let lanes = flight.request.burst.lanes(flight.request.iova.0, flight.moved);
        let payload = ReadData { data: r.data & lane_mask(lanes), ..*r };
        let (moved, beats) = (flight.moved, flight.request.burst.beats());
        if !self.r.check(site, true, ready, &payload)? {
            return Ok(());
        }
        let last = moved + 1 == beats;
        if r.last != last {
            let detail = format!("beat {} of {beats} of the read with ID {:#x}", moved + 1, r.id);
            return Err(site.broke(Rule::ReadLast, detail, u8::from(last), u8::from(r.last)));
        }
        check_exokay(site, r.resp)
    }
}

/// A request with this ID is on the address channel and not accepted.
fn waits(flights: &Flights, id: u8) -> bool {
    flights.presented().is_some_and(|(_, flight)| flight.request.id == id)
}

fn check_exokay(site: Site, resp: u8) -> Result<(), ProtocolViolation> {
    if resp == EXOKAY {
        // The devices make no exclusive requests.
        return Err(site.broke(Rule::Exokay, "response to a request that is not exclusive", OKAY, EXOKAY));
    }
    Ok(())
}

fn accept(flights: &mut Flights, tickets: &mut u64, pool: &mut Pool, events: &mut Vec<Event>) {
    let ticket = Ticket(*tickets);
    if let Some(flight) = flights.accept(ticket) {
        *tickets += 1;
        let data = pool.copy_beats(&flight.request.data);
        let request = DmaRequest { data, ..flight.request };
        events.push(Event::DmaAccepted { ticket, request });
    }
}
