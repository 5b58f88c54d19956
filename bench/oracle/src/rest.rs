// SPDX-License-Identifier: Apache-2.0
//! At rest, and when a bound runs out: everything that is owed has come.

use events::Cycle;

use super::Oracle;
use super::rule::{Rule, Violation};

/// Something that is looked at when the machine is at rest.
type Check = fn(&mut Oracle, Cycle) -> Result<(), Violation>;

/// All of them, in the order in which they tell most.
const CHECKS: [Check; 9] = [
    Oracle::fences_at_rest,
    |oracle, _| oracle.device_commands.at_rest(),
    Oracle::commands_at_rest,
    Oracle::wires_agree,
    Oracle::messages_at_rest,
    Oracle::files_at_rest,
    Oracle::page_requests_at_rest,
    Oracle::ids_at_rest,
    |oracle, _| oracle.interrupts.at_rest(),
];

impl Oracle {
    /// The machine has come to rest: whatever is owed must have been paid.
    pub(super) fn judge_rest(&mut self, now: Cycle) -> Result<(), Violation> {
        let (queues, interrupts) = CHECKS.split_at(CHECKS.len() - 1);
        for check in queues {
            self.look_at_rest(*check, now)?;
        }
        self.settle_debug(now);
        self.name_refusals()?;
        self.refusals_without_a_record()?;
        let excused = self.interrupts.excused();
        self.settle_doubts();
        self.settle_losses(excused);
        while let Err(violation) = self.faults.at_rest(excused) {
            self.past(violation, now, Oracle::adopt_at_rest)?;
            // One that is gone past makes room for the next, of which nobody has asked yet whose it may be.
            self.settle_doubts();
            self.settle_losses(excused);
        }
        for check in interrupts {
            self.look_at_rest(*check, now)?;
        }
        self.judge_refusals();
        self.judge_stale_uses();
        self.judge_kept_uses();
        Ok(())
    }

    fn look_at_rest(&mut self, check: Check, now: Cycle) -> Result<(), Violation> {
        match check(self, now) {
            Ok(()) => Ok(()),
            Err(violation) => self.past(violation, now, Oracle::adopt_at_rest),
        }
    }

    /// What the device has had for longer than the bound must have come to something.
    pub(super) fn judge_due(&mut self, before: Cycle, now: Cycle) -> Result<(), Violation> {
        while let Err(violation) = self.page_requests_due(before, now) {
            self.past(violation, now, |_, _| Ok(()))?;
        }
        Ok(())
    }

    fn fences_at_rest(&mut self, now: Cycle) -> Result<(), Violation> {
        let timed_out = self.device_commands.timeout_may(now) || self.interrupts.timed_out();
        if let Some(fence) = self.commands.unstored()
            && self.commands.stopped().is_none()
            && self.commands.is_enabled()
            && !timed_out
        {
            let right = format!("a store for the fence that was fetched in cycle {}", fence.fetched);
            return Err(Violation::new(Rule::FenceWrite, "missing", right, "none"));
        }
        Ok(())
    }

    fn commands_at_rest(&mut self, now: Cycle) -> Result<(), Violation> {
        if let Some(since) = self.oldest_command(now).filter(|_| self.commands.are_unfetched()) {
            let right = format!("the commands are fetched that software handed over in cycle {since}");
            return Err(Violation::new(Rule::CommandFetch, "missing", right, "they are not"));
        }
        Ok(())
    }

    fn messages_at_rest(&mut self, now: Cycle) -> Result<(), Violation> {
        let pending = self.interrupts.pending(&self.open(now), now);
        self.messages.at_rest(&pending, &self.routing(), now)
    }
}
