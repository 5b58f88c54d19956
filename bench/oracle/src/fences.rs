// SPDX-License-Identifier: Apache-2.0
//! Commands as the device fetches them, and what their fences promise (section "IOMMU Command-queue Fence commands").

use events::{Cycle, Direction};

use super::Oracle;
use super::evidence::{self, request_line};
use super::explain::request_of;
use super::rule::{Rule, Violation};
use super::{commands, coverage};

impl Oracle {
    /// The device goes on behind a command of which it was in doubt whether it is illegal. Whether one was.
    pub(crate) fn commands_go_on(&mut self) -> bool {
        let was_in_doubt = self.commands.goes_on();
        if was_in_doubt {
            self.decode_commands();
        }
        was_in_doubt
    }

    fn next_command(&mut self, config: &golden::Config) -> Option<commands::News> {
        let configuration = &self.search.configuration;
        // What the device has in hands now it may have judged at any time since.
        self.commands.next(config, |fetched| configuration.ddtp_choices(fetched, Cycle::MAX))
    }

    pub(super) fn decode_commands(&mut self) {
        let config = self.search.config();
        while let Some(news) = self.next_command(&config) {
            match news {
                commands::News::Command { command, sequence, fetched } => {
                    self.cover_command(&command);
                    self.device_commands.fetched(command, sequence, fetched);
                    self.time_line.command(fetched, command);
                    if !matches!(command, golden::Command::Fence(_)) {
                        self.search.invalidations.fetched(command, fetched);
                    }
                }
                commands::News::Illegal(why, fetched) => {
                    self.cover_stop(coverage::ILLEGAL);
                    self.commands_aborted();
                    self.interrupts.illegal(fetched);
                    self.time_line.note(fetched, format!("fetched an illegal command: {why}"));
                }
                commands::News::OutOfReach(fence, fetched) => {
                    self.cover_stop(coverage::MEMORY);
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

    pub(super) fn fences_complete(&mut self, sequence: u64, now: Cycle) {
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
            let read = open(fence.operands.pr, Direction::Read).map(|transaction| ("PR", transaction));
            let write = || open(fence.operands.pw, Direction::Write).map(|transaction| ("PW", transaction));
            if let Some((detail, transaction)) = read.or_else(write) {
                let what = request_line(&request_of(transaction), &self.names);
                let right = format!(
                    "completion after memory has answered transaction {}, a {what}, which went there before the fence of \
                     cycle {} was fetched",
                    transaction.ticket.0, fence.fetched
                );
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
}
