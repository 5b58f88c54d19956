// SPDX-License-Identifier: Apache-2.0
//! Events in: the only way into the oracle.

use events::{Agent, Cycle, Event};
use golden::Spa;

use super::Oracle;
use super::debug::Piece;
use super::rule::{Rule, Violation};
use super::slips::Slip;
use super::view::Peek;
use super::{coverage, dma, explain, messages, status, updates};

/// The last of the phases of a cycle: stores are in it.
const LAST: u8 = 4;

/// See [`Oracle::observe`].
fn phase_of(event: &Event) -> u8 {
    match event {
        Event::ProtocolBroken { .. }
        | Event::Held { .. }
        | Event::RegWriteBegun { .. }
        | Event::OperationBegun { .. }
        | Event::OperationEnded { .. }
        | Event::Freed { .. }
        | Event::Taken { .. }
        | Event::Named { .. }
        | Event::Due { .. }
        | Event::Rest => 0,
        Event::PtwReadBeat { .. } => 1,
        Event::DmaAccepted { .. }
        | Event::DmaWriteBeat { .. }
        | Event::DmaOffered { .. }
        | Event::AtsOffered { .. }
        | Event::AtsRequested { .. }
        | Event::PageOffered { .. }
        | Event::PageRequested { .. }
        | Event::InvalidationDone { .. } => 2,
        Event::MemAddress { .. }
        | Event::MemWriteBeat { .. }
        | Event::MemReadBeat { .. }
        | Event::MemWriteResponse { .. }
        | Event::InvalidationRequested { .. } => 3,
        _ => LAST,
    }
}

impl Oracle {
    /// What was seen in one cycle: the only way in. Software comes first, in the order of the events. A device may hand
    /// things through within a cycle, so the rest is taken in the order in which one can follow from another: what the
    /// device read, what it was asked, what it asked of memory, what it answered; stores come last. Events of one cycle may
    /// come in several calls, those of the bus in one.
    ///
    /// # Errors
    /// [`Violation`]: the device did what it must not do, and the run does not go past it. It is worth nothing to go on.
    pub fn observe(&mut self, events: &[Event], now: Cycle) -> Result<(), Violation> {
        // Most cycles have events of one phase or two.
        let present = events.iter().fold(0_u8, |phases, event| phases | 1 << phase_of(event));
        let of = |phase: u8| {
            let events = if present >> phase & 1 == 1 { events } else { &[] };
            events.iter().filter(move |event| phase_of(event) == phase)
        };
        for event in of(0) {
            match event {
                Event::Rest => self.judge_rest(now)?,
                &Event::Due { before } => self.judge_due(before, now)?,
                _ => {
                    if let Err(violation) = self.software_did(event, now) {
                        self.past(violation, now, |_, _| Ok(()))?;
                    }
                }
            }
        }
        for event in of(LAST) {
            if let Event::Store { addr, new, .. } = event {
                self.search.memory.held(*addr, *new);
            }
        }
        // Memory holds the stores of this cycle already: what it held before must be known first.
        for event in of(LAST) {
            if let Event::Store { agent: agent @ (Agent::Cpu | Agent::Iommu), addr, old, .. } = event {
                self.search.histories.untouched(*addr, *old);
                if *agent == Agent::Cpu {
                    self.software.operations.stored(addr.0 & !7, now);
                }
            }
        }
        for phase in 1..=LAST {
            for event in of(phase) {
                if let Err(violation) = self.event(event, now) {
                    self.past(violation, now, |oracle, violation| oracle.adopt(event, violation, now))?;
                }
            }
        }
        Ok(())
    }

    /// An event of software, or of who watches the machine.
    pub(super) fn software_did(&mut self, event: &Event, now: Cycle) -> Result<(), Violation> {
        match event {
            Event::RegWriteBegun { offset, bytes, value } => {
                for (register, value) in messages::registers(*offset, *bytes, *value) {
                    self.register_write(register, value, now);
                }
                if let Some(piece) = Piece::of(*offset, *bytes, *value) {
                    self.debug_written(&piece, now);
                }
            }
            Event::OperationBegun { operation } => {
                self.time_line.begin(now, &operation.name);
                self.software.begin(operation.clone(), now);
            }
            Event::OperationEnded { done } => {
                self.time_line.end(now, *done);
                for served in self.software.end(*done, now) {
                    self.judge_software(&served);
                }
            }
            Event::Freed { start, bytes } => {
                self.time_line.note(now, format!("software frees {start:#x}+{bytes:#x}"));
                self.freed.free(*start, *bytes, now);
            }
            Event::Taken { start, bytes } if !self.slips.has(Slip::TakenIsFreed) => self.freed.take(*start, *bytes),
            Event::Held { addr, value } => self.search.memory.held(*addr, *value),
            Event::Named { name, what } => self.names.named(name, what),
            Event::ProtocolBroken { .. } => return Violation::of_protocol(event).map_or(Ok(()), Err),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn event(&mut self, event: &Event, now: Cycle) -> Result<(), Violation> {
        match event {
            Event::DmaOffered { request } => {
                self.transactions.offered(request.clone(), now);
                let request = explain::request_of_dma(request);
                self.counters.offered(&request, now);
                self.search.requesters.seen(&request);
            }
            Event::DmaAccepted { ticket, request } => {
                self.transactions.accepted(*ticket, request.clone(), now);
                if let Some(transaction) = self.transactions.live().last() {
                    self.search.requesters.seen(&explain::request_of(transaction));
                }
            }
            Event::DmaWriteBeat { data, strb, .. } => self.transactions.write_data(*data, *strb),
            &Event::MemAddress { direction, id, addr, burst, pbmt, prot, attributes, ids } => {
                let shown = dma::Shown { direction, id, addr, burst, pbmt, prot, attributes, ids };
                self.translated(&shown, now)?;
            }
            Event::MemWriteBeat { data, strb, .. } => self.write_beat(*data, *strb)?,
            Event::MemReadBeat { id, data, resp, last } => {
                self.transactions.read_beat(*id, *data, *resp, *last, now);
            }
            Event::MemWriteResponse { id, resp } => self.transactions.write_response(*id, *resp, now),
            Event::DmaDone { ticket, resp, data } => {
                self.figures.dma_transactions += 1;
                let burst = self.transactions.live().iter().find(|one| one.ticket == *ticket);
                let burst = burst.map(|one| (one.request.direction, one.request.burst));
                let finished = self.answered(*ticket, *resp, data)?;
                if let Some((direction, burst)) = burst {
                    self.cover_transaction(direction, burst, matches!(finished, dma::Finished::Refused(_)));
                }
                match finished {
                    dma::Finished::Translated => {}
                    dma::Finished::Refused(transaction) => {
                        let request = explain::request_of(&transaction);
                        self.counters.finished(&request, transaction.accepted, now);
                        self.figures.device_faults += 1;
                        self.refused(&transaction, now)?;
                    }
                    dma::Finished::Kept(transaction) => self.kept(&transaction, data, now)?,
                }
                let live = self.transactions.live().iter().map(|t| t.offered);
                let offers = self.transactions.offers().iter().map(|(_, since)| *since);
                let asked = self.translation_requests.oldest_offer().into_iter().chain(self.refusals.oldest_offer());
                let asked = asked.chain(self.debug.oldest());
                let oldest = live.chain(offers).chain(asked).min();
                self.software.forget(oldest.unwrap_or(now));
            }
            Event::PtwWrite { id, addr, burst, atop, beats, .. } if *atop != 0 => {
                match updates::Exchange::of(*addr, *burst, *atop, beats) {
                    Some(exchange) => self.exchange(*id, exchange, now)?,
                    None => {
                        let wrong = format!("an atomic on {addr:#x}, size {}, {} beats", burst.size, beats.len());
                        return Err(Violation::new(Rule::Update, "size", "words of 4 or 8 bytes", wrong));
                    }
                }
            }
            Event::PtwWrite { id, addr, burst, beats, ids, .. } => {
                self.device_write(*id, *addr, *burst, beats, *ids, now)?;
            }
            Event::PtwWriteResponse { id, resp } => self.device_write_response(*id, *resp, now),
            Event::RegRead { offset, bytes: 8, value, accepted } if self.search.configuration.caps.hpm() => {
                let counted = self.counters.read(*offset, *value, *accepted, now);
                if let Ok(Some(since)) = counted {
                    self.interrupts.counter_over(since, *accepted + status::SETTLE);
                }
                self.register_read(*offset, *value, *accepted, now)?;
                counted?;
                if let Some(piece) = Piece::of(*offset, 8, *value) {
                    self.debug_read(&piece, *accepted, now)?;
                }
            }
            Event::RegRead { offset, bytes, value, accepted } => {
                self.register_read(*offset, *value, *accepted, now)?;
                if let Some(piece) = Piece::of(*offset, *bytes, *value) {
                    self.debug_read(&piece, *accepted, now)?;
                }
            }
            Event::Store { agent, addr, old, new } => self.store(*agent, *addr, *old, *new, now),
            Event::PtwReadBeat { id, addr, data, resp, sampled, .. } => match self.search.updates.answered(*id) {
                Some(exchange) => self.exchanged(&exchange, *data, *resp, *sampled, now),
                None => self.sighting(*addr, *data, *resp, *sampled, now),
            },
            Event::Wires { wsi } => self.interrupts.wires(*wsi, now),
            Event::AtsOffered { request } => {
                let request = self.translation_requests.offered(*request, now);
                self.search.requesters.seen(&request);
            }
            Event::AtsRequested { request } => self.translation_requests.accepted(*request, now),
            Event::PageOffered { .. } => self.page_requests.offered(now),
            Event::AtsCompleted { completion } => self.translation_completed(completion, now)?,
            Event::InvalidationRequested { request } => {
                self.translation_requests.overtaken(request.device);
                self.device_caches.named(request);
                self.device_commands.requested(request, now)?;
            }
            Event::InvalidationDone { completion } => {
                let is_off = self.ats_may_be_off(completion.device, now);
                let complete = self.device_commands.done(completion, is_off, now);
                self.device_caches.forgotten(completion.device, complete);
            }
            Event::PageRequested { request } => self.page_requests.accepted(*request, now),
            Event::PageResponded { response } => {
                self.cover_ats(coverage::PAGE, coverage::RESPONSE);
                let is_owed = self.device_commands.responded(response);
                if !is_owed {
                    self.page_request_answered(response, now)?;
                }
            }
            Event::PtwReadAddress { addr, burst, ids, .. } => self.read_with_ids(*addr, *burst, *ids, now)?,
            Event::RegWrite { offset, bytes, value, .. } => {
                self.counters.write_ends(*offset, *bytes, *value, now);
                if messages::registers(*offset, *bytes, *value)
                    .any(|(register, _)| register == golden::offset::IOMMU_QOSID)
                {
                    self.qos.write_ends(now);
                }
                self.interrupts.register_written(*offset, *value, now);
                self.debug.write_done(now);
                let pending = self.interrupts.pending(&self.open(now), now);
                for (register, _) in messages::registers(*offset, *bytes, *value) {
                    self.messages.register_written(register, &pending, now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn sighting(&mut self, addr: Spa, data: u64, resp: u8, sampled: Cycle, now: Cycle) {
        if self.commands.ring().locate(addr).is_none() {
            if self.search.histories.sighted(addr, data, resp, sampled, now) {
                self.know_entry(addr);
            }
            return;
        }
        if resp > 1 {
            self.cover_stop(coverage::MEMORY);
            self.commands_aborted();
            self.interrupts.command_error(now);
            if self.commands.awaits(addr) {
                self.interrupts.memory_fault(now);
            }
            return;
        }
        self.commands.beat(addr, data, sampled);
        self.decode_commands();
    }

    /// A device need not read all doublewords of an entry, and those that it leaves out count all the same (rule D2 of
    /// MODEL.md): what memory holds there is known from the first read of the entry on. The longest entry is a device
    /// context of 64 bytes.
    pub(super) fn know_entry(&mut self, addr: Spa) {
        let first = addr.0 & !0x3F;
        for word in (first..=first | 0x38).step_by(8) {
            if self.search.histories.word(Spa(word)).is_none() {
                self.search.histories.untouched(Spa(word), self.search.memory.peek(Spa(word)));
            }
        }
    }

    pub(super) fn store(&mut self, agent: Agent, addr: Spa, old: u64, new: u64, now: Cycle) {
        self.search.histories.stored(agent, addr, old, new, now);
        match agent {
            Agent::Dma => {}
            Agent::Cpu => {
                if self.commands.ring().locate(addr).is_none() {
                    self.time_line.store(now, agent, addr, old, new);
                }
            }
            Agent::Iommu => {
                if let Some(sequence) = self.commands.fence_visible(addr) {
                    self.fences_complete(sequence, now);
                }
            }
        }
    }
}
