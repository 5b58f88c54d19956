// SPDX-License-Identifier: Apache-2.0
//! What software writes to registers, and what it reads there.

use events::Cycle;
use golden::{Capabilities, Cqcsr, Fctl, Fqcsr, Pqcsr, QueueBase, offset};

use super::Oracle;
use super::device_writes::Queue;
use super::ring::Ring;
use super::rule::{Rule, Violation};
use super::{choices, commands, interrupts, messages, page_queue};

impl Oracle {
    pub(super) fn register_write(&mut self, register: u16, value: u64, now: Cycle) {
        self.accesses.write(register, value, now);
        self.cover_register(register, true);
        let open = self.open(now);
        let waiting = self.transactions.live().iter().filter(|t| t.translated().is_none()).count();
        let live = waiting + self.transactions.offers().len() + usize::from(self.debug.is_under_way());
        self.counters.write_begins(register, value, live, now);
        let pending = self.interrupts.pending(&open, now);
        self.messages.register_write(register, value, &pending, &self.routing(), now);
        self.interrupts.register_write(register, value, &open, now);
        if register == offset::CQCSR && Cqcsr(value as u32).cmd_to() {
            self.device_commands.timeout_reported(now);
        }
        if matches!(register, offset::DDTP | offset::FCTL) {
            self.debug.configuration_written();
        }
        match register {
            offset::IOMMU_QOSID => self.qos.write_begins(now),
            offset::DDTP if matches!(golden::Ddtp(value).mode(), golden::DdtMode::Levels(_)) => {
                self.qos.directory_begins(now);
            }
            _ => {}
        }
        self.search.configuration.written(register, value, now);
        self.queue_register_written(register, value, now);
        let pas = self.search.configuration.caps.pas();
        let beyond = |ring: Ring| ring.base.0 >> pas != 0;
        if beyond(self.commands.ring()) {
            self.interrupts.commands_out_of_reach();
        }
        if beyond(self.faults.ring()) {
            self.interrupts.faults.out_of_reach();
        }
        if beyond(self.page_queue.ring()) {
            self.interrupts.pages.queue.out_of_reach();
        }
        self.faults.update(false, now);
        self.page_queue.update(None, now);
    }

    /// The registers of the queues.
    fn queue_register_written(&mut self, register: u16, value: u64, now: Cycle) {
        match register {
            offset::CQB => self.commands.base_written(QueueBase(value)),
            offset::CQT => self.commands.tail_written(value as u32, now),
            offset::CQCSR => {
                let is_off = self.commands.csr_written(Cqcsr(value as u32), now);
                if is_off {
                    self.commands_aborted();
                }
            }
            offset::FQB => self.faults.base_written(QueueBase(value)),
            offset::FQH => self.faults.head_written(value as u32, now),
            offset::FQCSR => {
                let is_on = self.faults.csr_written(Fqcsr(value as u32));
                if is_on {
                    self.writes.forget_entries(Queue::Faults);
                }
            }
            offset::PQB => self.page_queue.base_written(QueueBase(value)),
            offset::PQH => self.page_queue.head_written(value as u32),
            offset::PQCSR => {
                let is_on = self.page_queue.csr_written(Pqcsr(value as u32), now);
                if is_on {
                    self.writes.forget_entries(Queue::Pages);
                }
            }
            _ => {}
        }
    }

    pub(super) fn register_read(
        &mut self,
        register: u16,
        value: u64,
        accepted: Cycle,
        now: Cycle,
    ) -> Result<(), Violation> {
        self.cover_register(register, false);
        self.accesses.read(register, value, accepted);
        let wrong = |name: &str, right: u32| {
            let (right, wrong) = (format!("at most {right}"), format!("{value}"));
            Violation::new(Rule::Register, name, right, wrong)
        };
        match register {
            offset::CAPABILITIES => {
                self.search.configuration.caps = Capabilities(value);
                self.search.choices =
                    choices::KnownChoices::new(self.settings.version, Capabilities(value), &self.settings.bound());
            }
            offset::FCTL => self.search.configuration.fctl_read(Fctl(value as u32)),
            offset::DDTP => self.search.configuration.ddtp_read(golden::Ddtp(value), accepted)?,
            offset::IOMMU_QOSID => self.qos.register_read(value),
            offset::CQH => {
                let mut head = self.commands.head_read(value as u32);
                while head.is_err() && self.commands_go_on() {
                    head = self.commands.head_read(value as u32);
                }
                if let Some(sequence) = head.map_err(|right| wrong("cqh", right))? {
                    let in_order = self.fence_order(sequence, now);
                    self.fences_complete(sequence, now);
                    in_order?;
                }
            }
            offset::FQT => {
                let tail = self.faults.tail_read(value as u32, self.writes.unanswered(Queue::Faults));
                let left = tail.map_err(|right| wrong("fqt", right))?;
                self.interrupts.faults.records_seen(left as usize, accepted);
            }
            offset::FQCSR => {
                let csr = Fqcsr(value as u32);
                self.faults.errors_seen(csr)?;
                let clear = csr.fqon() && !csr.fqmf() && !csr.fqof() && self.faults.shows_errors(accepted);
                self.faults.update(clear, now);
            }
            offset::PQT => {
                let tail = self.page_queue.tail_read(value as u32, self.writes.unanswered(Queue::Pages));
                let left = tail.map_err(|right| wrong("pqt", right))?;
                self.interrupts.pages.queue.records_seen(left as usize, accepted);
            }
            offset::PQCSR => {
                self.page_queue.errors_seen(Pqcsr(value as u32))?;
                let seen = Some(page_queue::Seen { csr: Pqcsr(value as u32), accepted });
                self.page_queue.update(seen, now);
            }
            _ => {}
        }
        let status = self.interrupts.register_read(register, value, &self.open(now), accepted);
        if register == offset::CQCSR && Cqcsr(value as u32).cmd_to() {
            self.device_commands.timeout_reported(accepted);
        }
        if register == offset::CQCSR && Cqcsr(value as u32).cmd_ill() && self.commands.illegal_seen() {
            self.commands_aborted();
        }
        status?;
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
            memory_fault: matches!(
                self.commands.stopped(),
                Some(commands::Stop::MemoryFault | commands::Stop::FenceFailed)
            ),
            time_out: self.device_commands.timeout_may(now),
            overflow: self.faults.last_lossy(),
            page_overflow: self.page_queue.last_full(),
            counter: self.search.configuration.caps.hpm().then(|| self.counters.last_overflow(now)).flatten(),
        }
    }
}
