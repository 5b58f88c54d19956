// SPDX-License-Identifier: Apache-2.0
//! Page requests and their queue (sections "PCIe ATS Page Request handling" and "Page-Request-Queue").

use std::collections::VecDeque;

use boundary::{GroupResponse, PageRequest};
use golden::{
    Access, Cause, DeviceContext, DeviceId, Fault, Iova, Kind, PageRequestPayload, PageRequestRecord, ProcessId,
    Request, Response, Ttyp,
};

use super::ats::Ats;
use super::habit::{Habit, Nature};
use super::ptw::Ptw;
use super::record_queue::{Errors, Lost};
use super::registers::Registers;
use super::write::{Write, Writer};

/// Page requests in hand at most.
const ROOM: usize = 8;
/// PCIe message code of a Page Request.
const MESSAGE_CODE: u64 = 4;

/// Response codes.
const SUCCESS: u8 = 0;
const INVALID_REQUEST: u8 = 1;
const RESPONSE_FAILURE: u8 = 15;

/// How far a page request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No walker looks for its device context
    Waiting,
    /// One does
    Walking,
    /// To be put into the queue
    Located { prpr: bool },
}

#[derive(Clone, Copy, Debug)]
struct InHand {
    message: PageRequest,
    stage: Stage,
}

/// The queue's engine. Requests are dealt with one after the other.
#[derive(Clone, Debug)]
pub(super) struct PageRequests {
    nature: Nature,
    waiting: VecDeque<InHand>,
    /// The record that is on its way to memory
    writing: Option<(PageRequest, bool)>,
}

impl PageRequests {
    pub(super) fn new(nature: Nature) -> Self {
        Self { nature, waiting: VecDeque::with_capacity(ROOM), writing: None }
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < ROOM
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.writing.is_none()
    }

    /// Takes a message.
    pub(super) fn accept(&mut self, message: PageRequest) {
        self.waiting.push_back(InHand { message, stage: Stage::Waiting });
    }

    /// The request whose device context is to be located next.
    pub(super) fn next_waiting(&self) -> Option<Request> {
        let InHand { message, stage } = self.waiting.front()?;
        (*stage == Stage::Waiting).then_some(Request {
            device: DeviceId(message.did),
            process: message.pv.then_some(ProcessId(message.pid)),
            privileged: message.privileged,
            access: Access::Read,
            kind: Kind::Untranslated,
            iova: Iova(MESSAGE_CODE),
        })
    }

    /// A walker has taken it.
    pub(super) fn walking(&mut self) {
        if let Some(front) = self.waiting.front_mut() {
            front.stage = Stage::Walking;
        }
    }

    /// The walk has ended. Returns what is to be reported of it.
    pub(super) fn located(&mut self, found: Result<&DeviceContext, &Fault>, ats: &mut Ats) -> Option<Fault> {
        let &InHand { message, .. } = self.waiting.front()?;
        let (cause, prpr, reported) = match found {
            Ok(dc) if dc.tc.en_ats() && dc.tc.en_pri() || self.nature.has(Habit::PageRequestIgnoresEnable) => {
                if let Some(front) = self.waiting.front_mut() {
                    front.stage = Stage::Located { prpr: dc.tc.prpr() };
                }
                return None;
            }
            Ok(dc) => (Cause::TypeDisallowed, dc.tc.prpr(), !dc.tc.dtf()),
            Err(fault) => (fault.cause, false, fault.reported),
        };
        let status = if cause == Cause::TypeDisallowed { INVALID_REQUEST } else { RESPONSE_FAILURE };
        self.waiting.pop_front();
        self.respond(&message, status, prpr, ats);
        let process = message.pv.then_some(ProcessId(message.pid));
        reported.then_some(Fault {
            cause,
            iotval: MESSAGE_CODE,
            iotval2: 0,
            ttyp: Ttyp::Message,
            device: DeviceId(message.did),
            process,
            privileged: process.is_some() && message.privileged,
            reported,
            response: Response::UnsupportedRequest,
        })
    }

    /// Answers a request that could not be queued, if it wants an answer.
    fn respond(&self, message: &PageRequest, status: u8, prpr: bool, ats: &mut Ats) {
        let wants = message.last && (message.r || message.w) || self.nature.has(Habit::ResponseUnwanted);
        if !wants {
            return;
        }
        let process = prpr != self.nature.has(Habit::ResponsePrprInverted) || status == RESPONSE_FAILURE;
        let status = match status {
            INVALID_REQUEST if self.nature.has(Habit::ResponseInvalidAsFailure) => RESPONSE_FAILURE,
            RESPONSE_FAILURE if self.nature.has(Habit::ResponseFailureAsSuccess) => SUCCESS,
            SUCCESS if self.nature.has(Habit::ResponseFullAsFailure) => RESPONSE_FAILURE,
            status => status,
        };
        let pv = message.pv && process;
        // `PageRequests::step` and the walker have seen to it that there is room.
        ats.respond(GroupResponse {
            valid: true,
            did: message.did,
            pv,
            pid: if pv { message.pid } else { 0 },
            prgi: message.prgi,
            status,
        });
    }

    /// The write of a record was answered. True when the record is in the queue.
    pub(super) fn written(&mut self, resp: u8, registers: &mut Registers, ats: &mut Ats) -> bool {
        let Some((message, prpr)) = self.writing.take() else { return false };
        let queue = &mut registers.pq;
        if resp > 1 && !self.nature.has(Habit::PqWriteErrorHidden) {
            queue.refused();
            self.respond(&message, RESPONSE_FAILURE, prpr, ats);
            return false;
        }
        if !self.nature.has(Habit::PqTailEarly) {
            queue.advance();
        }
        if self.nature.has(Habit::PrgrUnowed) {
            self.respond(&message, SUCCESS, prpr, ats);
        }
        true
    }

    /// One cycle.
    pub(super) fn step(&mut self, registers: &mut Registers, ptw: &mut Ptw, ats: &mut Ats) {
        registers.pq.switch(self.writing.is_some());
        if self.writing.is_some() || !ats.may_respond() {
            return;
        }
        let Some(&InHand { message, stage: Stage::Located { prpr } }) = self.waiting.front() else { return };
        self.waiting.pop_front();
        if self.nature.has(Habit::PageRequestLost) {
            return;
        }
        if let Err(status) = self.queue(&message, registers, ptw) {
            self.respond(&message, status, prpr, ats);
        } else {
            self.writing = Some((message, prpr));
        }
    }

    /// Sends the record to memory. The error is the status of the response.
    fn queue(&self, message: &PageRequest, registers: &mut Registers, ptw: &mut Ptw) -> Result<(), u8> {
        let has = |habit| self.nature.has(habit);
        let (pas, be) = (registers.caps.pas(), registers.fctl.be());
        let queue = &mut registers.pq;
        let errors = Errors {
            full_ignored: has(Habit::PqOverflowIgnored),
            overflow_hidden: has(Habit::PqOverflowHidden),
            overflow_forgotten: has(Habit::PqRecordsDespiteOverflow),
            fault_forgotten: has(Habit::PqRecordsDespiteMemoryFault),
        };
        let addr = queue.place(16, pas.into(), errors).map_err(|lost| match lost {
            Lost::Off => RESPONSE_FAILURE,
            Lost::Full => SUCCESS,
        })?;
        let words = self.record(message).map(|word| if be { word.swap_bytes() } else { word });
        let beats = [(words[0], 0xff), (words[1], 0xff), (0, 0), (0, 0)];
        ptw.write(Write { writer: Writer::Page, addr, size: 3, beats, len: 2, ids: None });
        if has(Habit::PqTailEarly) {
            queue.advance();
        }
        Ok(())
    }

    fn record(&self, message: &PageRequest) -> [u64; 2] {
        let has = |habit| self.nature.has(habit);
        let pv = message.pv && !has(Habit::PageRequestNoProcess);
        let head = PageRequestRecord(0)
            .with_pid(if pv { message.pid } else { 0 })
            .with_pv(pv)
            .with_privileged(pv && message.privileged && !has(Habit::PageRequestNoPrivilege))
            .with_exec(message.exec && (pv || has(Habit::PageRequestExecuteAlways)))
            .with_did(message.did ^ u32::from(has(Habit::PageRequestWrongDevice)));
        let payload = PageRequestPayload(message.addr & !0xfff)
            .with_r(message.r)
            .with_w(message.w)
            .with_l(message.last && !has(Habit::PageRequestNotLast))
            .with_group(u64::from(message.prgi));
        [head.0, payload.0 ^ if has(Habit::PageRequestWrongAddress) { 0x1000 } else { 0 }]
    }
}
