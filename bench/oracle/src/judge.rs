// SPDX-License-Identifier: Apache-2.0
//! Judging what the device did: translations, refusals, its own writes, fences.

use events::{Burst, Cycle, Direction};
use golden::{Cause, DeviceId, Fault, Outcome, Request, Response, Role, Spa, Ttyp};

use super::dma::lanes;
use super::evidence::request_line;
use super::explain::{Explanation, request_of};
use super::faults::{Origin, Owed};
use super::rule::{Rule, Violation};
use super::usable::Window;
use super::{Oracle, Write};

/// Structures by name, as figures and buckets show them.
pub(super) fn structure(role: &Role) -> &'static str {
    match role {
        Role::DdtEntry { .. } => "ddt-entry",
        Role::DeviceContext { .. } => "device-context",
        Role::PdtEntry { .. } => "pdt-entry",
        Role::ProcessContext { .. } => "process-context",
        Role::FirstStage { .. } => "first-stage-pte",
        Role::SecondStage { .. } => "second-stage-pte",
        Role::MsiPte { .. } => "msi-pte",
        Role::Mrif => "mrif",
    }
}

impl Oracle {
    /// The device is cleared; what about software?
    pub(super) fn explained(&mut self, request: &Request, explanation: &Explanation, window: Window) {
        self.learn(explanation, window);
        self.look_at_software(request, explanation, window);
    }

    /// What an explanation tells of the device.
    pub(super) fn learn(&mut self, explanation: &Explanation, window: Window) {
        self.search.updates.note(&explanation.choices);
        for root in &explanation.roots {
            self.search.roots.used(*root, window.end);
        }
        if let Some((tags, table)) = &explanation.msi_table {
            self.search.roots.table_used(tags, *table, window.end);
        }
        if matches!(explanation.outcome, Outcome::Translated(_)) {
            self.search.tagged.used(&explanation.choices, window.end);
        }
        if explanation.stale {
            if explanation.other_root {
                *self.figures.stale_used.entry("table-root".to_owned()).or_default() += 1;
            }
            let mut counted: [&str; 4] = [""; 4];
            for choice in explanation.choices.iter().filter(|choice| choice.stale) {
                let name = structure(&choice.word.role);
                if let Some(free) = counted.iter_mut().take_while(|seen| **seen != name).find(|seen| seen.is_empty()) {
                    *free = name;
                    *self.figures.stale_used.entry(name.to_owned()).or_default() += 1;
                }
            }
        }
    }

    /// The device wrote to memory on its own account: a fault record, a page request, or the store of a fence.
    pub(super) fn device_write(
        &mut self,
        id: u8,
        addr: Spa,
        burst: Burst,
        beats: &[(u64, u8)],
        now: Cycle,
    ) -> Result<(), Violation> {
        let ring = self.registers.fq;
        if let Some((index, words)) = ring.written(addr, burst, beats) {
            self.writes.push((id, Write::FaultRecord(index)));
            let paid = self.faults.paid();
            if self.faults.written(ring, self.registers.fqh, index, words, now)?.is_some() {
                self.interrupts.faults.record(now);
                self.records_came(paid);
            }
            self.faults.update(ring, self.registers.fqh, self.registers.fq_enabled, false, now);
            return Ok(());
        }
        let ring = self.registers.pq;
        if let Some((index, words)) = ring.written(addr, burst, beats) {
            self.writes.push((id, Write::PageRequest(index)));
            if let Some(words) = self.page_queue.written(ring, self.registers.pqh, index, words)? {
                self.interrupts.pages.queue.record(now);
                self.page_request_queued(words, now)?;
            }
            self.page_queue.update(ring, self.registers.pqh, self.registers.pq_enabled, None, now);
            return Ok(());
        }
        let unowed = |oracle: &Oracle| {
            let right = match oracle.commands.unstored().map(|fence| fence.operands.store) {
                Some(Some((addr, data))) => {
                    format!("the store of a fence, {data:#x} at {addr:#x}, or a record that is owed")
                }
                _ => "no write, or a record that is owed".to_owned(),
            };
            let wrong = match beats {
                [(value, strobes)] => format!("a write, {value:#018x} with strobes {strobes:#010b} at {addr:#x}"),
                beats => format!("a write of {} beats at {addr:#x}", beats.len()),
            };
            Violation::new(Rule::UnowedWrite, "ptw", right, wrong)
        };
        let &[(value, strobes)] = beats else { return Err(unowed(self)) };
        let lane = strobes.trailing_zeros().min(7);
        let target = Spa((addr.0 & !7) + u64::from(lane));
        if !matches!(strobes, 0x0F | 0xF0) {
            return Err(unowed(self));
        }
        let data = ((value & lanes(strobes)) >> (8 * lane)) as u32;
        if self.commands.fence_for_store(target, data).is_none() {
            self.commands_go_on();
        }
        let Some(fence) = self.commands.fence_for_store(target, data) else {
            let is_notice = |oracle: &mut Oracle| oracle.is_notice(id, target, data, now);
            if is_notice(self) {
                self.writes.push((id, Write::Notice));
                return Ok(());
            }
            let pending = self.interrupts.pending(&self.open(now), now);
            if self.messages.written(target, data, &pending, &self.routing(), now)? {
                self.writes.push((id, Write::Message(target)));
                return Ok(());
            }
            return match self.by_any_choice(|oracle| is_notice(oracle).then_some(())) {
                Some(()) => {
                    self.writes.push((id, Write::Notice));
                    Ok(())
                }
                None => Err(unowed(self)),
            };
        };
        fence.stored = true;
        let sequence = fence.sequence;
        self.writes.push((id, Write::Fence));
        if let Some(earlier) = self.commands.unstored_before(sequence) {
            let right = format!("first the store of the fence that was fetched in cycle {}", earlier.fetched);
            return Err(Violation::new(Rule::FenceOrder, "store", right, "the store of a later fence"));
        }
        self.fence_order(sequence, now)
    }

    /// A fence with PR or PW is complete only when every transaction that the device had handed on before it is, and every
    /// MSI that it had answered is in its interrupt file.
    pub(super) fn fence_order(&mut self, sequence: u64, now: Cycle) -> Result<(), Violation> {
        let msis_by =
            self.commands.open_fences().iter().filter(|fence| fence.sequence <= sequence && fence.operands.pw);
        if let Some(fetched) = msis_by.map(|fence| fence.fetched).max()
            && let Some(ticket) = self.unstored_msi(fetched, now)
        {
            let right =
                format!("completion after the pending bit of transaction {} is set: it was answered before", ticket.0);
            return Err(Violation::new(Rule::FenceOrder, "MSI", right, "completion before it"));
        }
        for fence in self.commands.open_fences().iter().filter(|fence| fence.sequence <= sequence) {
            let open = |asked: bool, direction| {
                if asked { self.transactions.open_at_memory(direction, fence.fetched) } else { None }
            };
            if let Some(unfinished) = self.device_commands.unfinished(fence.sequence) {
                let right = format!("completion of the fence of cycle {} after {unfinished}", fence.fetched);
                return Err(Violation::new(Rule::FenceOrder, "ATS.INVAL", right, "completion before it"));
            }
            let read = open(fence.operands.pr, Direction::Read);
            if let Some(transaction) = read.or_else(|| open(fence.operands.pw, Direction::Write)) {
                let what = request_line(&request_of(transaction), &self.names);
                let right = format!(
                    "completion after memory has answered transaction {}, a {what}, which went there before the fence of \
                     cycle {} was fetched",
                    transaction.ticket.0, fence.fetched
                );
                let detail = if fence.operands.pr { "PR" } else { "PW" };
                return Err(Violation::new(
                    Rule::FenceOrder,
                    detail,
                    right,
                    "completion before memory has answered it",
                ));
            }
        }
        Ok(())
    }

    /// "If an access fault is detected on a MSI write using msi_addr_x, then the IOMMU reports a 'IOMMU MSI write access
    /// fault' (cause 273) fault, with TTYP set to 0 and iotval set to the value of msi_addr_x."
    fn message_failed(&mut self, addr: Spa, now: Cycle) {
        let fault = Fault {
            cause: Cause::MsiWriteAccessFault,
            iotval: addr.0,
            iotval2: 0,
            ttyp: Ttyp::None,
            device: DeviceId(0),
            process: None,
            privileged: false,
            reported: true,
            response: Response::UnsupportedRequest,
        };
        let (origin, window) = (Origin::Message, Window::new(now, now));
        let possible = vec![fault];
        self.faults.refused(Owed { origin, request: None, window, possible, may_be_lost: false, optional: false });
    }

    /// Memory answered a write of the device.
    pub(super) fn device_write_response(&mut self, id: u8, resp: u8, now: Cycle) {
        let Some(at) = self.writes.iter().position(|(of, _)| *of == id) else { return };
        let (_, write) = self.writes.remove(at);
        if write == Write::Notice {
            self.notice_answered(id, resp, now);
        }
        if matches!(write, Write::PageRequest(_)) {
            self.page_requests.confirmed(resp > 1);
        }
        if resp > 1 {
            match write {
                Write::FaultRecord(_) => {
                    self.faults.write_failed(self.registers.fq, now);
                    self.interrupts.faults.record_error(now);
                }
                Write::Notice => {}
                Write::Message(addr) => self.message_failed(addr, now),
                Write::Fence => {
                    if let Some(sequence) = self.commands.fence_failed(self.registers.cq) {
                        self.device_commands.rewound(sequence);
                    }
                    self.commands_aborted();
                    self.interrupts.command_error(now);
                    self.interrupts.memory_fault(now);
                }
                Write::PageRequest(_) => {
                    self.page_queue.write_failed(self.registers.pq, now);
                    self.interrupts.pages.queue.record_error(now);
                }
            }
        }
    }
}
