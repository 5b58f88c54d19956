// SPDX-License-Identifier: Apache-2.0
//! Translation requests by software: `tr_req_iova`, `tr_req_ctl` and `tr_response` (chapter "Debug support").

use golden::{Access, Kind, Outcome, Request, TrReqCtl, TrResponse, offset};

use super::dice::Dice;
use super::habit::{Habit, Nature};

/// Go, Priv, Exe, NW; PID and PV; DID
const FIELDS: u64 = 0xf | 0x1_ffff_f000 | 0xff_ffff << 40;

/// The registers, and the request in them.
#[derive(Clone, Debug)]
pub(super) struct Debug {
    nature: Nature,
    dice: Dice,
    iova: u64,
    ctl: TrReqCtl,
    response: TrResponse,
    /// A walker has the request, or nobody ever will: a habit
    taken: bool,
    /// What it was asked last, and what it answered: a habit
    last: Option<(Request, TrResponse)>,
}

impl Debug {
    pub(super) fn new(nature: Nature, dice: Dice) -> Self {
        let (ctl, response) = (TrReqCtl(0), TrResponse(0));
        Self { nature, dice, iova: 0, ctl, response, taken: false, last: None }
    }

    /// No request is under way.
    pub(super) fn is_idle(&self) -> bool {
        !self.ctl.go()
    }

    /// The register at this offset.
    pub(super) fn read(&self, at: u16) -> u64 {
        match at {
            offset::TR_REQ_IOVA => self.iova,
            offset::TR_REQ_CTL if self.nature.has(Habit::DebugControlLost) => self.ctl.0 & 1,
            offset::TR_REQ_CTL => self.ctl.0,
            _ => self.response.0,
        }
    }

    /// Writes the bits of the register at this offset that `mask` selects. What is written while a request is under way
    /// is ignored.
    pub(super) fn write(&mut self, at: u16, data: u64, mask: u64) {
        if self.ctl.go() {
            return;
        }
        let merge = |old: u64| old & !mask | data & mask;
        match at {
            offset::TR_REQ_IOVA => self.iova = merge(self.iova) & !0xfff,
            offset::TR_REQ_CTL => {
                self.ctl = TrReqCtl(merge(self.ctl.0) & FIELDS);
                self.begin();
            }
            _ => {}
        }
    }

    /// Go may have been set.
    fn begin(&mut self) {
        self.taken = self.ctl.go() && self.nature.has(Habit::DebugNeverEnds) && self.dice.percent(10);
        let asked = self.ctl.request(self.iova);
        if let Some((request, response)) = self.last
            && self.ctl.go()
            && request == asked
            && self.nature.has(Habit::DebugKeepsLast)
        {
            self.end(response);
        }
    }

    /// The request, unless a walker has it.
    pub(super) fn next_waiting(&self) -> Option<Request> {
        if !self.ctl.go() || self.taken {
            return None;
        }
        let mut request = self.ctl.request(self.iova);
        match self.nature.0 {
            Some(Habit::DebugPrivilegeDropped) => request.privileged = false,
            Some(Habit::DebugProcessDropped) => request.process = None,
            Some(Habit::DebugWriteNotAsked) if request.access == Access::Write => request.access = Access::Read,
            Some(Habit::DebugMrifPassed) => request.kind = Kind::Untranslated,
            _ => {}
        }
        Some(request)
    }

    /// A walker has taken it.
    pub(super) fn walking(&mut self) {
        self.taken = true;
    }

    /// The walk has ended.
    pub(super) fn answer(&mut self, outcome: &Outcome) {
        let response = match outcome {
            Outcome::Translated(translation) => {
                let most = translation.size_log2.max(12);
                // A response may stand for less than the pages would allow.
                let size =
                    if self.dice.percent(60) { most } else { 12 + self.dice.below(usize::from(most - 11)) as u8 };
                match self.nature.0 {
                    Some(Habit::DebugSizeTooLarge) => {
                        let larger = golden::Translation { size_log2: most + 1, ..*translation };
                        TrResponse::of(&larger, most + 1)
                    }
                    Some(Habit::DebugWrongAddress) => {
                        let response = TrResponse::of(translation, 12);
                        response.with_ppn(response.ppn() ^ 1)
                    }
                    Some(Habit::DebugMemoryTypeDropped) => TrResponse::of(translation, size).with_pbmt(0),
                    _ => TrResponse::of(translation, size),
                }
            }
            Outcome::Fault(_) | Outcome::Unavailable if self.nature.has(Habit::DebugFaultHidden) => {
                TrResponse(0).with_ppn(self.iova >> 12 & ((1 << 44) - 1))
            }
            Outcome::Fault(_) | Outcome::Unavailable => TrResponse(0).with_fault(true),
        };
        self.last = Some((self.ctl.request(self.iova), response));
        self.end(response);
    }

    /// A whole translation that was kept stands for a page.
    pub(super) fn answer_page(&mut self, page: u64, pbmt: u8) {
        let response = TrResponse(0).with_pbmt(pbmt).with_ppn(page >> 12);
        self.last = Some((self.ctl.request(self.iova), response));
        self.end(response);
    }

    fn end(&mut self, response: TrResponse) {
        self.response = response;
        self.ctl = self.ctl.with_go(false);
    }
}
