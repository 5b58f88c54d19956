// SPDX-License-Identifier: Apache-2.0
//! At rest: everything that is owed has come.

use events::Cycle;

use super::Oracle;
use super::rule::{Rule, Violation};

impl Oracle {
    /// The machine has come to rest: whatever is owed must have been paid.
    pub(super) fn judge_rest(&mut self, now: Cycle) -> Result<(), Violation> {
        let timed_out = self.device_commands.timeout_may(now) || self.interrupts.timed_out();
        if let Some(fence) = self.commands.unstored()
            && self.commands.stopped().is_none()
            && self.commands.is_enabled()
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
}
