// SPDX-License-Identifier: Apache-2.0

//! What is behind the pointer that a caller holds, and what the codes mean.

use std::ffi::CString;

use events::Cycle;
use oracle::Blame;

use crate::session::{Refused, Session};
use crate::text::{c_string, evidence};
use crate::waived::Waived;

/// Nothing is wrong so far.
pub const LOCKSTEP_CLEAN: i32 = 0;
/// The device did what the specification forbids. Nothing is judged any more, unless `lockstep_keep_going` lets it.
pub const LOCKSTEP_DEVICE: i32 = 1;
/// The device behaved, but its software let a stale or torn value through. Judging goes on.
pub const LOCKSTEP_SOFTWARE: i32 = 2;
/// A pointer is null, a text is not UTF-8, a number means nothing, or a call comes too late. The call did nothing.
pub const LOCKSTEP_ARGUMENT: i32 = -1;
/// A line cannot be read or makes no sense where it stands. The oracle takes no more lines: it would judge without this
/// one.
pub const LOCKSTEP_BAD_LINE: i32 = -2;
/// A bug in this library. Only `lockstep_close` makes sense now.
pub const LOCKSTEP_PANIC: i32 = -3;
/// Waivers cannot be read or have mistakes: `LOCKSTEP_TEXT_ERROR` has a line for each, with line and column. The call did
/// nothing.
pub const LOCKSTEP_BAD_WAIVERS: i32 = -4;

/// The key of the broken rule: `translation`, `fault-record` and so on; empty if none is.
pub const LOCKSTEP_TEXT_RULE: i32 = 0;
/// What is wrong, for people, over several lines. Behind `lockstep_keep_going` each kind once.
pub const LOCKSTEP_TEXT_EVIDENCE: i32 = 1;
/// The same for programs: JSON with `blame`, `rule`, `detail`, `section`, `right`, `wrong`, `cycle`, `evidence`, and
/// `picture` where there is one; or `null`.
pub const LOCKSTEP_TEXT_FINDING: i32 = 2;
/// What was counted, as JSON.
pub const LOCKSTEP_TEXT_FIGURES: i32 = 3;
/// Who waits for whom, for the report of a hang.
pub const LOCKSTEP_TEXT_WAITING: i32 = 4;
/// The last error, with the line that caused it. Without an oracle it is that of this thread.
pub const LOCKSTEP_TEXT_ERROR: i32 = 5;
/// What became of each waiver so far, for people, a line each: how often it was used, or that it was not, or has expired.
/// Below it the kinds of divergences that fell under it. Empty without waivers.
pub const LOCKSTEP_TEXT_WAIVED: i32 = 6;
/// The same for programs: a JSON list in the order of the file, each with `waiver` (`line`, `rule`, `reason` and so on),
/// `state` (`used`, `unused`, `expired`), `runs` (1 if it was used) and `count`.
pub const LOCKSTEP_TEXT_WAIVERS: i32 = 7;
/// What was gone past, each kind once, as a JSON list: `first` (the first of its kind, as `LOCKSTEP_TEXT_FINDING`), `count`,
/// and `waiver`: the place of its waiver in `LOCKSTEP_TEXT_WAIVERS`, from 0, or `null` if nobody waived it.
pub const LOCKSTEP_TEXT_DIVERGENCES: i32 = 8;

/// DMA that `dev_*` shows and that is not accepted.
pub const LOCKSTEP_WAIT_OFFER: i32 = 0;
/// DMA, or an ATS translation request, that has been accepted and is not answered.
pub const LOCKSTEP_WAIT_ANSWER: i32 = 1;
/// The command queue: a command that was handed over and is not fetched, a fence without its store, a command for a
/// device without its message.
pub const LOCKSTEP_WAIT_COMMAND: i32 = 2;

/// An oracle may go from thread to thread.
const _: fn() = || {
    fn may_go_to_another_thread<T: Send>() {}
    may_go_to_another_thread::<Handle>();
};

/// An oracle that is told lines. One thread at a time may use it; different ones know nothing of each other.
pub struct Handle {
    pub(crate) session: Session,
    /// The number of the line that was pushed last, from 1
    pub(crate) lines: u64,
    /// The code and the text of what stopped it
    pub(crate) stopped: Option<(i32, CString)>,
    /// Why a call that did nothing did nothing
    pub(crate) declined: String,
    /// What `lockstep_text` gave out last
    pub(crate) text: CString,
}

impl Handle {
    pub(crate) fn code(&self) -> i32 {
        match (&self.stopped, self.session.finding().map(|finding| finding.blame)) {
            _ if self.session.is_over() => LOCKSTEP_DEVICE,
            // Also where something was gone past before: a bench is to hear that nothing more is judged.
            (Some((code, _)), _) => *code,
            (None, Some(Blame::DutViolation)) => LOCKSTEP_DEVICE,
            (None, Some(Blame::SoftwareHazard)) => LOCKSTEP_SOFTWARE,
            (None, None) => LOCKSTEP_CLEAN,
        }
    }

    pub(crate) fn line(&mut self, line: &str) -> i32 {
        self.lines += 1;
        if self.stopped.is_none()
            && let Err(refused) = self.session.line(line)
        {
            self.stop(&refused, line);
        }
        self.code()
    }

    fn stop(&mut self, refused: &Refused, line: &str) {
        let line: String = line.trim_end().chars().take(400).collect();
        let text = format!("line {}: {refused}\n  {line}", self.lines);
        self.stopped = Some((LOCKSTEP_BAD_LINE, c_string(&text)));
    }

    /// Changes what is waived, before the first event.
    pub(crate) fn waive(&mut self, change: impl FnOnce(&mut Waived)) -> i32 {
        match self.session.waive(change) {
            Ok(()) => {
                self.declined.clear();
                self.code()
            }
            Err(refused) => self.decline(LOCKSTEP_ARGUMENT, refused.to_string()),
        }
    }

    /// Keeps why a call does nothing.
    pub(crate) fn decline(&mut self, code: i32, why: String) -> i32 {
        self.declined = why;
        code
    }

    /// How long the oldest has waited; none if there is nothing of this name.
    pub(crate) fn waited(&self, which: i32, now: Cycle) -> Option<Cycle> {
        let oracle = self.session.oracle();
        let since = match which {
            LOCKSTEP_WAIT_OFFER => oracle.oldest_offer(),
            LOCKSTEP_WAIT_ANSWER => oracle.oldest_request(),
            LOCKSTEP_WAIT_COMMAND => oracle.oldest_command(now),
            _ => return None,
        };
        Some(since.map_or(0, |since| now.saturating_sub(since)))
    }

    /// Everything that is wrong, for people: what the verdict names, then the rest of what was gone past unwaived.
    fn evidence(&self) -> String {
        let Some(first) = self.session.finding() else { return String::new() };
        let divergences = self.session.oracle().divergences();
        let unwaived =
            divergences.iter().filter(|divergence| divergence.waiver.is_none()).map(|divergence| &divergence.first);
        let further = unwaived.chain(self.session.judging().ended_by()).filter(|further| *further != first);
        further.fold(evidence(first), |text, further| format!("{}\n{}", text.trim_end(), evidence(further)))
    }

    pub(crate) fn text(&self, which: i32) -> Option<String> {
        let oracle = self.session.oracle();
        let finding = self.session.finding();
        Some(match which {
            LOCKSTEP_TEXT_RULE => finding.map(|finding| finding.rule.clone()).unwrap_or_default(),
            LOCKSTEP_TEXT_EVIDENCE => self.evidence(),
            LOCKSTEP_TEXT_FINDING => serde_json::to_string(&finding).ok()?,
            LOCKSTEP_TEXT_FIGURES => serde_json::to_string(&self.session.figures()).ok()?,
            LOCKSTEP_TEXT_WAITING => oracle.waiting(self.session.now()),
            LOCKSTEP_TEXT_ERROR => {
                let text = self.stopped.as_ref().map(|(_, text)| text.to_string_lossy().into_owned());
                text.unwrap_or_else(|| self.declined.clone())
            }
            LOCKSTEP_TEXT_WAIVED => self.session.waived().told(self.session.judging()),
            LOCKSTEP_TEXT_WAIVERS => serde_json::to_string(&self.session.waived().uses(self.session.judging())).ok()?,
            LOCKSTEP_TEXT_DIVERGENCES => {
                serde_json::to_string(&self.session.waived().divergences(self.session.judging())).ok()?
            }
            _ => return None,
        })
    }
}
