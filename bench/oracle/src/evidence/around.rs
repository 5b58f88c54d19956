// SPDX-License-Identifier: Apache-2.0
//! What was around: who waits for whom, the queues, the last accesses to registers.

use events::{Cycle, Direction};
use golden::Spa;

use super::super::Oracle;
use super::super::commands::Stop;
use super::super::device_writes::Queue;
use super::super::explain::{request_of, request_of_dma};
use super::super::interrupts::{PENDING, Pending};
use super::super::rule::{Rule, Violation};
use super::say::{command_line, request_line};

/// So many requests are shown beside other things.
const FEW: usize = 4;

/// So many are shown where it is about them.
const MANY: usize = 16;

impl Oracle {
    /// Whoever wants to know who waits for whom: for the report of a hang, and beside what is wrong.
    pub fn waiting(&self, now: Cycle) -> String {
        let mut lines = self.requests_open(FEW);
        lines.extend(self.commands_open(now));
        if lines.is_empty() {
            lines.push("nothing is in flight".to_owned());
        }
        lines.join("\n")
    }

    /// The oldest requests that have not been answered.
    fn requests_open(&self, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for t in self.transactions.live().iter().take(most) {
            let where_ = match t.translated() {
                Some((addr, cycle)) => format!("at memory ({addr:#x}) since cycle {cycle}"),
                None => "waiting for its translation".to_owned(),
            };
            let what = request_line(&request_of(t), &self.names);
            lines.push(format!("transaction {}: {what}, accepted in cycle {}, {where_}", t.ticket.0, t.accepted));
        }
        for (request, since) in self.transactions.offers().iter().take(2) {
            let what = request_line(&request_of_dma(request), &self.names);
            lines.push(format!("{what}: offered since cycle {since}, and not accepted"));
        }
        lines.extend(self.translation_requests.describe().take(4));
        lines.extend(self.debug_line());
        lines
    }

    /// Fences that are not complete, and what the command queue waits for.
    fn commands_open(&self, now: Cycle) -> Vec<String> {
        let mut lines: Vec<String> = self.open_fences().take(2).collect();
        let stopped = match self.commands.stopped() {
            Some(Stop::Illegal) => Some("an illegal command"),
            Some(Stop::Doubtful) => Some("a command with an ID that is too wide"),
            Some(Stop::MemoryFault | Stop::FenceFailed) => Some("a fence whose store meets a memory fault"),
            None => None,
        };
        lines.extend(stopped.map(|at| format!("the command queue has to stand still at {at}")));
        if let Some(since) = self.oldest_command(now) {
            lines.push(format!("the command queue owes progress since cycle {since}"));
        }
        lines
    }

    /// Fences that are not known to be complete, and what each waits for.
    fn open_fences(&self) -> impl Iterator<Item = String> + '_ {
        self.commands.open_fences().iter().map(|fence| {
            let mut owed: Vec<String> = self.device_commands.unfinished(fence.sequence).into_iter().collect();
            let orders = [(fence.operands.pr, Direction::Read), (fence.operands.pw, Direction::Write)];
            for (_, direction) in orders.into_iter().filter(|(asked, _)| *asked) {
                let open = self.transactions.open_at_memory(direction, fence.fetched);
                owed.extend(open.map(|t| format!("memory answers transaction {}", t.ticket.0)));
            }
            if fence.operands.store.is_some() {
                owed.push(if fence.stored { "its store is visible" } else { "its store is made" }.to_owned());
            }
            let why = if owed.is_empty() { String::new() } else { format!(": it waits until {}", owed.join(", and ")) };
            let line = command_line(&golden::Command::Fence(fence.operands), &self.names);
            format!("{line}, fetched in cycle {}, is not complete{why}", fence.fetched)
        })
    }

    /// Writes of the device to its queues that memory has not answered.
    fn unanswered_records(&self) -> String {
        let queues = [
            ("fault queue", Queue::Faults, self.faults.ring()),
            ("page-request queue", Queue::Pages, self.page_queue.ring()),
        ];
        let line = |(name, queue, ring): (&str, Queue, super::super::ring::Ring)| {
            let index = self.writes.unanswered(queue)?;
            let at = Spa(ring.base.0 + u64::from(index) * u64::from(ring.entry_bytes));
            Some(format!("memory has not answered the write of entry {index} of the {name}, at {at:#x}\n"))
        };
        queues.into_iter().filter_map(line).collect()
    }

    /// What the pending bits of interrupts may be, by what the device has done. That this read showed one set is no cause.
    fn pending_bits(&self, violation: &Violation, now: Cycle) -> String {
        let pending = self.interrupts.pending(&self.open(now), now);
        let line = |(name, bit): (&str, Pending)| {
            let is_wrong = violation.detail == name && violation.right == "0";
            let right = match bit.set_by.filter(|_| !is_wrong) {
                Some(by) => format!("has to be 1, its cause came about in cycle {by} at the latest"),
                None if bit.may && !is_wrong => "may be 1".to_owned(),
                None => "has to be 0".to_owned(),
            };
            format!("{name} {right}; it was last 0, or cleared, in cycle {}\n", bit.armed)
        };
        PENDING.into_iter().zip(pending).map(line).collect::<String>() + &self.accesses.vectors()
    }

    /// Commands and requests in flight, queues and registers as software has seen them. Accesses to the register that the
    /// violation names are shown from further back than others.
    pub(super) fn around(&self, violation: &Violation, now: Cycle) -> String {
        let joined = |lines: Vec<String>| lines.into_iter().map(|line| line + "\n").collect::<String>();
        let mut text = String::new();
        if matches!(violation.rule, Rule::DmaShape | Rule::DmaData | Rule::DmaResponse) {
            // Neither commands nor registers have to do with it.
            return joined(self.requests_open(MANY));
        }
        if matches!(violation.rule, Rule::Interrupt | Rule::Message) {
            text += &self.pending_bits(violation, now);
        }
        text += &joined(self.commands_open(now));
        text += &self.unanswered_records();
        text += &self.accesses.queues();
        text += &self.accesses.render(&violation.detail);
        text += &joined(self.requests_open(FEW));
        text
    }
}
