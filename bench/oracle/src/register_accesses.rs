// SPDX-License-Identifier: Apache-2.0
//! What software writes to registers, and what it reads there.

use events::Cycle;
use golden::{Capabilities, Fctl, offset};

use super::Oracle;
use super::device_writes::Queue;
use super::rule::{Rule, Violation};
use super::{choices, commands, interrupts, messages, page_queue, registers};

impl Oracle {
    pub(super) fn register_write(&mut self, register: u16, value: u64, now: Cycle) {
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
                self.writes.forget_entries(Queue::Faults);
            }
            Effect::CommandQueueOff => self.commands_aborted(),
            Effect::PageQueueOn => {
                self.page_queue.on(self.registers.pq, now);
                self.writes.forget_entries(Queue::Pages);
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

    pub(super) fn register_read(
        &mut self,
        register: u16,
        value: u64,
        accepted: Cycle,
        now: Cycle,
    ) -> Result<(), Violation> {
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
                let tail =
                    self.faults.tail_read(self.registers.fq, value as u32, self.writes.unanswered(Queue::Faults));
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
                let tail =
                    self.page_queue.tail_read(self.registers.pq, value as u32, self.writes.unanswered(Queue::Pages));
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

    pub(super) fn routing(&self) -> messages::Routing {
        messages::Routing {
            fctl: self.search.configuration.fctl_known(),
            icvec: self.interrupts.icvec(),
            highest: self.search.configuration.caps.spa_max(),
        }
    }

    pub(super) fn wires_agree(&mut self, now: Cycle) -> Result<(), Violation> {
        match self.search.configuration.fctl_known() {
            Some(fctl) => {
                let open = self.open(now);
                self.interrupts.wires_agree(fctl, &open, now)
            }
            None => Ok(()),
        }
    }

    /// Causes of interrupts that may come about at any moment.
    pub(super) fn open(&self, now: Cycle) -> interrupts::Open {
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
}
