// SPDX-License-Identifier: Apache-2.0
//! The oracle: can this result be explained by values that the device really read, and that no completed invalidation
//! has struck since?
//!
//! It sees bus events and nothing of the device's inside, so it holds for any RTL. Two verdicts, never mixed: what the
//! device must not do is a [`Violation`] and stops the run; what software let through is a hazard and is counted.

mod ats;
mod attribution;
mod choices;
mod chooser;
mod commands;
mod configuration;
mod counters;
mod ddtp;
mod device_commands;
mod dma;
mod doubts;
mod evidence;
mod explain;
mod faults;
mod freed;
mod hazards;
mod history;
mod interrupt_files;
mod interrupts;
mod invalidation;
mod judge;
mod memory;
mod messages;
mod mrif;
mod operations;
mod page_interrupts;
mod page_queue;
mod page_requests;
mod queue_status;
mod records;
mod refusals;
mod registers;
mod roots;
mod rule;
mod search;
mod session;
mod slips;
mod software;
mod speculative;
mod status;
mod tagged;
mod updates;
mod usable;
mod vectors;
mod verdict;
mod view;

use events::{Agent, Cycle, Event};
use golden::{Capabilities, Fctl, Spa, SpecVersion, offset};
use view::Peek;

pub use choices::Bound;
pub use dma::Transaction;
pub use rule::{Rule, Violation};
pub use session::{Judge, TimeRunsBack, UnknownChoice, Verdict};
pub use slips::Slip;
pub use verdict::{Blame, Figures, Finding};

/// What the oracle has to know of the device beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The strap; the value that software reads from the register takes its place
    pub capabilities: Capabilities,
    /// Version of the specification
    pub version: SpecVersion,
    /// Those choices of the implementation that its description binds
    pub choices: Bound,
}

/// What a write of the device on `ptw_*` was for: it decides what an error response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    /// Into this entry of the fault queue
    FaultRecord(u32),
    Fence,
    /// An interrupt, to this address
    Message(Spa),
    /// The notice of an MSI
    Notice,
    /// Into this entry of the page-request queue
    PageRequest(u32),
}

/// An entry of a queue that has been switched off meanwhile.
const NOWHERE: u32 = u32::MAX;

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
        _ => 4,
    }
}

/// The oracle.
pub struct Oracle {
    settings: Settings,
    search: search::Search,
    registers: registers::Registers,
    commands: commands::Commands,
    faults: faults::Faults,
    refusals: refusals::Refusals,
    interrupts: interrupts::Interrupts,
    messages: messages::Messages,
    software: software::Software,
    freed: freed::Freed,
    /// Values that were used after software had changed them, each once
    stale_uses: Vec<software::StaleUse>,
    transactions: dma::Transactions,
    files: interrupt_files::InterruptFiles,
    translation_requests: ats::TranslationRequests,
    device_commands: device_commands::DeviceCommands,
    page_queue: page_queue::PageQueue,
    page_requests: page_requests::PageRequests,
    counters: counters::Counters,
    writes: Vec<(u8, Write)>,
    time_line: evidence::TimeLine,
    accesses: evidence::Accesses,
    names: evidence::Names,
    figures: Figures,
    hazard: Option<Finding>,
    /// Rules that it has wrong: none, but in tests of it
    slips: slips::Slips,
}

impl Oracle {
    /// An oracle for a device that has just been reset.
    pub fn new(settings: Settings) -> Self {
        Oracle {
            settings,
            search: search::Search::new(&settings),
            registers: registers::Registers::new(),
            commands: commands::Commands::default(),
            faults: faults::Faults::new(),
            refusals: refusals::Refusals::default(),
            interrupts: interrupts::Interrupts::new(),
            messages: messages::Messages::default(),
            software: software::Software::default(),
            freed: freed::Freed::default(),
            stale_uses: Vec::new(),
            transactions: dma::Transactions::default(),
            files: interrupt_files::InterruptFiles::default(),
            translation_requests: ats::TranslationRequests::default(),
            device_commands: device_commands::DeviceCommands::default(),
            page_queue: page_queue::PageQueue::new(),
            page_requests: page_requests::PageRequests::default(),
            counters: counters::Counters::default(),
            writes: Vec::new(),
            time_line: evidence::TimeLine::default(),
            accesses: evidence::Accesses::default(),
            names: evidence::Names::default(),
            figures: Figures::default(),
            hazard: None,
            slips: slips::Slips::default(),
        }
    }

    fn register_write(&mut self, register: u16, value: u64, now: Cycle) {
        use registers::Effect;
        self.accesses.write(register, value, now);
        let open = self.open(now);
        let waiting = self.transactions.live().iter().filter(|t| t.translated().is_none()).count();
        let live = waiting + self.transactions.offers().len();
        self.counters.write_begins(register, value, live, now);
        let pending = self.interrupts.pending(&open, now);
        self.messages.register_write(register, value, &pending, &self.routing(), now);
        self.interrupts.register_write(register, value, &open, now);
        if register == offset::CQCSR && golden::Cqcsr(value as u32).cmd_to() {
            self.device_commands.timeout_reported(now);
        }
        self.search.configuration.written(register, value, now);
        let effect = self.registers.written(register, value);
        let (cq, fq) = (self.registers.cq, self.registers.fq);
        let pas = self.search.configuration.caps.pas();
        let beyond = |ring: registers::Ring| ring.base.0 >> pas != 0;
        if beyond(cq) {
            self.interrupts.commands_out_of_reach();
        }
        if beyond(fq) {
            self.interrupts.faults.out_of_reach();
        }
        match effect {
            Effect::CommandQueueOn => self.commands.on(cq),
            Effect::CommandTail(tail) => self.commands.tail(cq, tail, now),
            Effect::CommandErrorsCleared(cleared) => self.commands.resume(cleared, now),
            Effect::FaultQueueOn => {
                self.faults.on(fq);
                self.forget_entries(false);
            }
            Effect::CommandQueueOff => self.commands_aborted(),
            Effect::PageQueueOn => {
                self.page_queue.on(self.registers.pq, now);
                self.forget_entries(true);
            }
            Effect::None => {}
        }
        match register {
            offset::FQH => self.faults.head_moved(now),
            offset::FQCSR => self.faults.errors_cleared(golden::Fqcsr(value as u32)),
            offset::PQCSR => self.page_queue.errors_cleared(golden::Pqcsr(value as u32)),
            _ => {}
        }
        self.faults.update(fq, self.registers.fqh, self.registers.fq_enabled, false, now);
        let pq = self.registers.pq;
        if beyond(pq) {
            self.interrupts.pages.queue.out_of_reach();
        }
        self.page_queue.update(pq, self.registers.pqh, self.registers.pq_enabled, None, now);
    }

    /// What was seen in one cycle: the only way in. Software comes first, in the order of the events. A device may hand
    /// things through within a cycle, so the rest is taken in the order in which one can follow from another: what the
    /// device read, what it was asked, what it asked of memory, what it answered; stores come last. Events of one cycle may
    /// come in several calls, those of the bus in one.
    ///
    /// # Errors
    /// [`Violation`]: the device did what it must not do. It is worth nothing to go on.
    pub fn observe(&mut self, events: &[Event], now: Cycle) -> Result<(), Violation> {
        let Some(last) = events.iter().map(phase_of).max() else { return Ok(()) };
        for event in events.iter().filter(|event| phase_of(event) == 0) {
            self.software_did(event, now).map_err(|violation| self.with_evidence(violation, now))?;
        }
        self.search.memory.stored(events);
        // Memory holds the stores of this cycle already: what it held before must be known first.
        for event in events {
            if let Event::Store { agent: agent @ (Agent::Cpu | Agent::Iommu), addr, old, .. } = event {
                self.search.histories.untouched(*addr, *old);
                if *agent == Agent::Cpu {
                    self.software.operations.stored(addr.0 & !7, now);
                }
            }
        }
        for phase in 1..=last {
            for event in events.iter().filter(|event| phase_of(event) == phase) {
                let judged = self.event(event, now);
                judged.map_err(|violation| self.with_evidence(violation, now))?;
            }
        }
        Ok(())
    }

    /// An event of software, or of who watches the machine.
    fn software_did(&mut self, event: &Event, now: Cycle) -> Result<(), Violation> {
        match event {
            Event::RegWriteBegun { offset, bytes, value } => {
                for (register, value) in messages::registers(*offset, *bytes, *value) {
                    self.register_write(register, value, now);
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
            Event::ProtocolBroken { rule, right, wrong, place } => {
                return Err(Violation::of_protocol(rule, right, wrong, place));
            }
            Event::Due { before } => self.page_requests_due(*before, now)?,
            Event::Rest => self.judge_rest(now)?,
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, now: Cycle) -> Result<(), Violation> {
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
            &Event::MemAddress { direction, id, addr, burst, pbmt, prot, attributes } => {
                let shown = dma::Shown { direction, id, addr, burst, pbmt, prot, attributes };
                self.translated(&shown, now)?;
            }
            Event::MemWriteBeat { data, strb, .. } => self.write_beat(*data, *strb)?,
            Event::MemReadBeat { id, data, resp, last } => {
                self.transactions.read_beat(*id, *data, *resp, *last, now);
            }
            Event::MemWriteResponse { id, resp } => self.transactions.write_response(*id, *resp, now),
            Event::DmaDone { ticket, resp, data } => {
                self.figures.dma_transactions += 1;
                match self.answered(*ticket, *resp, data)? {
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
                let oldest = live.chain(offers).chain(asked).min();
                self.software.forget(oldest.unwrap_or(now));
            }
            Event::PtwWrite { id, addr, burst, atop, beats } if *atop != 0 => {
                match updates::Exchange::of(*addr, *burst, *atop, beats) {
                    Some(exchange) => self.exchange(*id, exchange, now)?,
                    None => {
                        let wrong = format!("an atomic on {addr:#x}, size {}, {} beats", burst.size, beats.len());
                        return Err(Violation::new(Rule::Update, "size", "words of 4 or 8 bytes", wrong));
                    }
                }
            }
            Event::PtwWrite { id, addr, burst, beats, .. } => {
                self.device_write(*id, *addr, *burst, beats, now)?;
            }
            Event::PtwWriteResponse { id, resp } => self.device_write_response(*id, *resp, now),
            Event::RegRead { offset, bytes: 8, value, accepted } if self.search.configuration.caps.hpm() => {
                if let Some(since) = self.counters.read(*offset, *value, *accepted, now)? {
                    self.interrupts.counter_over(since, *accepted + status::SETTLE);
                }
                self.register_read(*offset, *value, *accepted, now)?;
            }
            Event::RegRead { offset, value, accepted, .. } => self.register_read(*offset, *value, *accepted, now)?,
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
            Event::InvalidationRequested { request } => self.device_commands.requested(request, now)?,
            Event::InvalidationDone { completion } => self.device_commands.done(completion, now),
            Event::PageRequested { request } => self.page_requests.accepted(*request, now),
            Event::PageResponded { response } => {
                let is_owed = self.device_commands.responded(response);
                if !is_owed {
                    self.page_request_answered(response, now)?;
                }
            }
            Event::PtwReadAddress { .. } => {}
            Event::RegWrite { offset, bytes, value, .. } => {
                self.counters.write_ends(*offset, *bytes, *value, now);
                self.interrupts.register_written(*offset, *value, now);
                let pending = self.interrupts.pending(&self.open(now), now);
                for (register, _) in messages::registers(*offset, *bytes, *value) {
                    self.messages.register_written(register, &pending, now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn sighting(&mut self, addr: Spa, data: u64, resp: u8, sampled: Cycle, now: Cycle) {
        if self.registers.cq.locate(addr).is_none() {
            if self.search.histories.sighted(addr, data, resp, sampled, now) {
                self.know_entry(addr);
            }
            return;
        }
        if resp > 1 {
            self.commands_aborted();
            self.interrupts.command_error(now);
            if self.commands.awaits(self.registers.cq, addr) {
                self.interrupts.memory_fault(now);
            }
            return;
        }
        self.commands.beat(self.registers.cq, addr, data, sampled);
        self.decode_commands();
    }

    /// A device need not read all doublewords of an entry, and those that it leaves out count all the same (rule D2 of
    /// MODEL.md): what memory holds there is known from the first read of the entry on. The longest entry is a device
    /// context of 64 bytes.
    fn know_entry(&mut self, addr: Spa) {
        let first = addr.0 & !0x3F;
        for word in (first..=first | 0x38).step_by(8) {
            if self.search.histories.word(Spa(word)).is_none() {
                self.search.histories.untouched(Spa(word), self.search.memory.peek(Spa(word)));
            }
        }
    }

    /// The device goes on behind a command of which it was in doubt whether it is illegal. Whether one was.
    pub(crate) fn commands_go_on(&mut self) -> bool {
        let was_in_doubt = self.commands.goes_on();
        if was_in_doubt {
            self.decode_commands();
        }
        was_in_doubt
    }

    fn decode_commands(&mut self) {
        let ring = self.registers.cq;
        let config = self.search.config();
        while let Some(news) = self.commands.next(ring, &config) {
            match news {
                commands::News::Command { command, sequence, fetched } => {
                    self.device_commands.fetched(command, sequence, fetched);
                    self.time_line.command(fetched, command);
                    if !matches!(command, golden::Command::Fence(_)) {
                        self.search.invalidations.fetched(command, fetched);
                    }
                }
                commands::News::Illegal(why, fetched) => {
                    self.commands_aborted();
                    self.interrupts.illegal(fetched);
                    self.time_line.note(fetched, format!("fetched an illegal command: {why}"));
                }
                commands::News::OutOfReach(fence, fetched) => {
                    self.commands_aborted();
                    self.interrupts.memory_fault(fetched);
                    let command = golden::Command::Fence(fence);
                    let line = evidence::command_line(&command, &self.names);
                    self.time_line.note(fetched, format!("fetched {line}, which stores beyond physical addresses"));
                }
            }
        }
    }

    /// The queue stops: the device may leave out what it has fetched since the last fence.
    pub(crate) fn commands_aborted(&mut self) {
        self.device_commands.aborted();
        self.search.invalidations.aborted(self.commands.behind_last_fence());
    }

    fn store(&mut self, agent: Agent, addr: Spa, old: u64, new: u64, now: Cycle) {
        self.search.histories.stored(agent, addr, old, new, now);
        match agent {
            Agent::Dma => {}
            Agent::Cpu => {
                if self.registers.cq.locate(addr).is_none() {
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

    fn fences_complete(&mut self, sequence: u64, now: Cycle) {
        for fence in self.commands.complete(sequence) {
            self.device_commands.fence_complete(fence.sequence);
            self.time_line.complete(now, fence.fetched);
            if fence.operands.wsi {
                self.interrupts.fence(fence.fetched, now);
            }
            self.figures.invalidations_compared +=
                self.search.invalidations.completed(fence.invalidations, &fence.operands, fence.fetched, now);
        }
    }

    fn register_read(&mut self, register: u16, value: u64, accepted: Cycle, now: Cycle) -> Result<(), Violation> {
        self.accesses.read(register, value, accepted);
        let wrong = |name: &str, right: u32| {
            let (right, wrong) = (format!("at most {right}"), format!("{value}"));
            Violation::new(Rule::Register, name, right, wrong)
        };
        match register {
            offset::CAPABILITIES => {
                self.search.configuration.caps = Capabilities(value);
                self.search.choices =
                    choices::KnownChoices::new(self.settings.version, Capabilities(value), &self.settings.choices);
            }
            offset::FCTL => self.search.configuration.fctl_read(Fctl(value as u32)),
            offset::DDTP => self.search.configuration.ddtp_read(golden::Ddtp(value), accepted)?,
            offset::CQH => {
                let mut head = self.commands.head_read(self.registers.cq, value as u32);
                if head.is_err() && self.commands_go_on() {
                    head = self.commands.head_read(self.registers.cq, value as u32);
                }
                if let Some(sequence) = head.map_err(|right| wrong("cqh", right))? {
                    self.fence_order(sequence, now)?;
                    self.fences_complete(sequence, now);
                }
            }
            offset::FQT => {
                let tail = self.faults.tail_read(self.registers.fq, value as u32, self.unanswered(false));
                let left = tail.map_err(|right| wrong("fqt", right))?;
                self.interrupts.faults.records_seen(left as usize, accepted);
            }
            offset::FQCSR => {
                let csr = golden::Fqcsr(value as u32);
                self.faults.errors_seen(self.registers.fqh, csr)?;
                let clear = csr.fqon() && !csr.fqmf() && !csr.fqof() && self.faults.shows_errors(accepted);
                self.faults.update(self.registers.fq, self.registers.fqh, self.registers.fq_enabled, clear, now);
            }
            offset::PQT => {
                let tail = self.page_queue.tail_read(self.registers.pq, value as u32, self.unanswered(true));
                let left = tail.map_err(|right| wrong("pqt", right))?;
                self.interrupts.pages.queue.records_seen(left as usize, accepted);
            }
            offset::PQCSR => {
                self.page_queue.errors_seen(self.registers.pqh, golden::Pqcsr(value as u32))?;
                let seen = Some(page_queue::Seen { csr: golden::Pqcsr(value as u32), accepted });
                self.page_queue.update(self.registers.pq, self.registers.pqh, self.registers.pq_enabled, seen, now);
            }
            _ => {}
        }
        self.interrupts.register_read(register, value, &self.open(now), accepted)?;
        if register == offset::CQCSR && golden::Cqcsr(value as u32).cmd_to() {
            self.device_commands.timeout_reported(accepted);
        }
        if register == offset::CQCSR && golden::Cqcsr(value as u32).cmd_ill() {
            self.commands.illegal_seen();
        }
        if register == offset::IPSR { self.wires_agree(accepted) } else { Ok(()) }
    }

    /// The oldest entry of the fault queue, or of the page-request queue, whose write memory has not answered.
    fn unanswered(&self, pages: bool) -> Option<u32> {
        self.writes.iter().find_map(|(_, write)| match write {
            Write::FaultRecord(index) if !pages && *index != NOWHERE => Some(*index),
            Write::PageRequest(index) if pages && *index != NOWHERE => Some(*index),
            _ => None,
        })
    }

    /// A queue begins anew: writes of before that are under way are no entries of it.
    fn forget_entries(&mut self, pages: bool) {
        for (_, write) in &mut self.writes {
            match write {
                Write::FaultRecord(index) if !pages => *index = NOWHERE,
                Write::PageRequest(index) if pages => *index = NOWHERE,
                _ => {}
            }
        }
    }

    fn routing(&self) -> messages::Routing {
        messages::Routing {
            fctl: self.search.configuration.fctl_known(),
            icvec: self.interrupts.icvec(),
            highest: self.search.configuration.caps.spa_max(),
        }
    }

    fn wires_agree(&mut self, now: Cycle) -> Result<(), Violation> {
        match self.search.configuration.fctl_known() {
            Some(fctl) => {
                let open = self.open(now);
                self.interrupts.wires_agree(fctl, &open, now)
            }
            None => Ok(()),
        }
    }

    /// Causes of interrupts that may come about at any moment.
    fn open(&self, now: Cycle) -> interrupts::Open {
        interrupts::Open {
            fence: self.commands.open_fences().iter().any(|fence| fence.operands.wsi),
            illegal: matches!(self.commands.stopped(), Some(commands::Stop::Illegal | commands::Stop::Doubtful)),
            memory_fault: self.commands.stopped() == Some(commands::Stop::MemoryFault),
            time_out: self.device_commands.timeout_may(now),
            overflow: self.faults.last_lossy(),
            page_overflow: self.page_queue.last_full(),
            counter: self.search.configuration.caps.hpm() && self.counters.may_overflow(now),
        }
    }

    /// The oldest request in flight: when it was accepted.
    pub fn oldest_request(&self) -> Option<Cycle> {
        self.transactions.live().iter().map(|t| t.accepted).chain(self.translation_requests.oldest()).min()
    }

    /// The oldest request that shows on `dev_*` and is not accepted: since when.
    pub fn oldest_offer(&self) -> Option<Cycle> {
        self.transactions.offers().iter().map(|(_, since)| *since).min()
    }

    /// Since when the command queue owes progress, unless it is off or may have met an error.
    pub fn oldest_command(&self, now: Cycle) -> Option<Cycle> {
        let excused =
            !self.registers.cq_enabled || self.interrupts.command_error_may() || self.device_commands.timeout_may(now);
        if excused {
            None
        } else {
            self.commands.waiting_since().into_iter().chain(self.device_commands.oldest()).min()
        }
    }

    /// The machine has come to rest: whatever is owed must have been paid.
    fn judge_rest(&mut self, now: Cycle) -> Result<(), Violation> {
        let timed_out = self.device_commands.timeout_may(now) || self.interrupts.timed_out();
        if let Some(fence) = self.commands.unstored()
            && self.commands.stopped().is_none()
            && self.registers.cq_enabled
            && !timed_out
        {
            let right = format!("a store for the fence that was fetched in cycle {}", fence.fetched);
            return Err(Violation::new(Rule::FenceWrite, "missing", right, "none"));
        }
        self.device_commands.at_rest()?;
        if let Some(since) = self.oldest_command(now) {
            let right = format!("the commands are fetched that software handed over in cycle {since}");
            return Err(Violation::new(Rule::CommandFetch, "missing", right, "they are not"));
        }
        self.wires_agree(now)?;
        let pending = self.interrupts.pending(&self.open(now), now);
        self.messages.at_rest(&pending, &self.routing(), now)?;
        self.files_at_rest(now)?;
        self.page_requests_at_rest(now)?;
        let excused = self.interrupts.excused();
        self.settle_doubts();
        self.settle_losses(excused);
        self.faults.at_rest(excused)?;
        self.interrupts.at_rest()?;
        self.judge_refusals();
        self.judge_stale_uses();
        Ok(())
    }

    /// There are ATS and page requests.
    pub fn has_ats(&self) -> bool {
        self.search.configuration.caps.ats()
    }

    /// Counts so far.
    pub fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        let hitless = self.software.hitless();
        figures.reconfigurations = self.software.reconfigurations();
        figures.explained_old = hitless.old;
        figures.explained_new = hitless.new;
        figures.fault_records = self.faults.counts().clone();
        figures.page_requests = self.page_queue.records();
        figures.commands = self.commands.counts().iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        figures
    }

    /// The first software hazard, with its evidence. Until the machine is at rest, it may be one that is heard again then.
    pub fn first_hazard(&self) -> Option<&Finding> {
        self.hazard.as_ref().or_else(|| self.refusals.first_accusation())
    }
}
