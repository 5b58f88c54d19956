// SPDX-License-Identifier: Apache-2.0
//! Refusals that nothing explains and that a run goes past: many bugs refuse what is to be translated, and the cause in the
//! record tells them apart. So where the record has not come yet the kind waits for it, and is told at rest if none comes.

use events::{Burst, Cycle};
use golden::Request;

use super::Oracle;
use super::rule::Violation;
use super::waivers::Divergence;
use super::window::Window;
use crate::Finding;

/// A refusal whose record has not come.
#[derive(Debug)]
pub struct Unnamed {
    /// Under which it is excused from leaving a record that is owed
    number: u64,
    burst: Burst,
    request: Request,
    window: Window,
    /// What is known without the record
    violation: Violation,
    finding: Finding,
    /// No waiver is for it, whatever its record says
    is_unwaived: bool,
}

impl Oracle {
    /// Whether a run may go past a refusal of which only its record will tell more. If so it waits for that.
    pub(super) fn holds(
        &mut self,
        burst: Burst,
        request: Request,
        window: Window,
        violation: Violation,
    ) -> Option<Violation> {
        let number = self.faults.excuse(&request, window.offered);
        // Without a number its record was there already.
        let Some(number) = number.filter(|_| !self.divergences.is_strict()) else { return Some(violation) };
        let finding = violation.clone().found(window.end);
        let is_unwaived = self.divergences.waiver_of_refusal(&finding).is_none();
        if is_unwaived && !self.divergences.may_go_past_unwaived(&finding) {
            return Some(violation);
        }
        self.unnamed.push(Unnamed { number, burst, request, window, violation, finding, is_unwaived });
        None
    }

    /// Records have come that excused refusals may have left: these get their names.
    pub(super) fn name_refusals(&mut self) -> Result<(), Violation> {
        for (number, record) in self.faults.settled() {
            let Some(at) = self.unnamed.iter().position(|unnamed| unnamed.number == number) else { continue };
            let Unnamed { burst, request, window, .. } = self.unnamed.remove(at);
            let violation = self.unexplained_refusal(burst, &request, window, Some(record));
            self.note_refusal(violation, window.end)?;
        }
        Ok(())
    }

    /// At rest no record comes any more.
    pub(super) fn refusals_without_a_record(&mut self) -> Result<(), Violation> {
        for Unnamed { violation, window, .. } in std::mem::take(&mut self.unnamed) {
            self.note_refusal(violation, window.end)?;
        }
        Ok(())
    }

    fn note_refusal(&mut self, violation: Violation, cycle: Cycle) -> Result<(), Violation> {
        if self.divergences.note(&violation.clone().found(cycle)) { Ok(()) } else { Err(violation) }
    }

    /// What the run went past so far. Refusals whose record has not come are among it, each under a waiver that may be for
    /// it: the run has ended too early to tell.
    pub fn divergences(&self) -> Vec<Divergence> {
        self.divergences.with_open(self.unnamed.iter().map(|unnamed| &unnamed.finding))
    }

    /// A refusal that waits for its record, and that nothing waives.
    pub(crate) fn open_refusal(&self) -> Option<&Finding> {
        self.unnamed.iter().find(|unnamed| unnamed.is_unwaived).map(|unnamed| &unnamed.finding)
    }
}
