// SPDX-License-Identifier: Apache-2.0
//! The `ats_*` port: translation requests and their completions, invalidation requests that await theirs, responses to
//! page requests (sections "PCIe ATS translation request handling" and "IOMMU PCIe ATS commands").

use std::collections::VecDeque;

use boundary::{
    AtsDevices, AtsIommu, GroupResponse, InvalidationCompletion, InvalidationRequest, TranslationCompletion,
    TranslationRequest,
};
use golden::{AtsMessage, DeviceId, Fault, Iova, Kind, Outcome, ProcessId, Request, Response, Translation};

use super::dice::Dice;
use super::habit::{Habit, Nature};

/// Translation requests in hand at most.
const SLOTS: usize = 16;
/// Messages of a kind that wait for their channel at most; then whoever makes them waits.
const WAITING: usize = 16;
/// Cycles after which the completion of an invalidation request is not expected any more.
const TIME_OUT: u32 = 9000;
/// log2 of the largest range that a completion shows: where both stages are Bare, nothing else limits it.
const LARGEST: u32 = 30;

/// `cplstatus`
const SUCCESS: u8 = 0;
const UNSUPPORTED_REQUEST: u8 = 1;
const COMPLETER_ABORT: u8 = 2;

/// A translation request.
#[derive(Clone, Copy, Debug)]
struct Asked {
    tag: u8,
    request: Request,
    walking: bool,
}

/// An invalidation request that a device has not completed.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    did: u32,
    received: u8,
    sent: bool,
    age: u32,
}

/// What a fence has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Nothing,
    Completions,
    /// Told once
    TimedOut,
}

/// The port.
#[derive(Clone, Debug)]
pub(super) struct Ats {
    nature: Nature,
    dice: Dice,
    asked: [Option<Asked>; SLOTS],
    completions: VecDeque<TranslationCompletion>,
    completion: TranslationCompletion,
    outstanding: [Option<Outstanding>; 32],
    timed_out: bool,
    invalidations: VecDeque<InvalidationRequest>,
    invalidation: InvalidationRequest,
    responses: VecDeque<GroupResponse>,
    response: GroupResponse,
}

impl Ats {
    pub(super) fn new(nature: Nature, dice: Dice) -> Self {
        Self {
            nature,
            dice,
            asked: [None; SLOTS],
            completions: VecDeque::with_capacity(2 * SLOTS),
            completion: TranslationCompletion::default(),
            outstanding: [None; 32],
            timed_out: false,
            invalidations: VecDeque::with_capacity(2 * WAITING),
            invalidation: InvalidationRequest::default(),
            responses: VecDeque::with_capacity(2 * WAITING),
            response: GroupResponse::default(),
        }
    }

    /// Nothing is in hand, but for invalidations that may never be completed.
    pub(super) fn is_idle(&self) -> bool {
        self.is_settled()
            && self.asked.iter().all(Option::is_none)
            && self.invalidations.is_empty()
            && !self.invalidation.valid
            && self.responses.is_empty()
            && !self.response.valid
    }

    /// No completion is left that was made before.
    pub(super) fn is_settled(&self) -> bool {
        self.completions.is_empty() && !self.completion.valid
    }

    /// Drives the port; whether page requests are taken is the queue's matter.
    pub(super) fn drive(&self, page_ready: bool, out: &mut AtsIommu) {
        *out = AtsIommu {
            request_ready: self.asked.iter().any(Option::is_none) && self.completions.len() < SLOTS,
            completion: self.completion,
            invalidation: self.invalidation,
            done_ready: true,
            page_ready,
            response: self.response,
        };
    }

    /// Takes the handshakes of this cycle, but those of page requests. `driven` is what [`Ats::drive`] made.
    pub(super) fn take(&mut self, seen: &AtsDevices, driven: &AtsIommu) {
        if seen.request.valid && driven.request_ready {
            self.accept(&seen.request);
        }
        if driven.completion.valid && seen.completion_ready {
            self.completion.valid = false;
        }
        if driven.response.valid && seen.response_ready {
            self.response.valid = false;
        }
        for outstanding in self.outstanding.iter_mut().flatten().filter(|outstanding| outstanding.sent) {
            outstanding.age += 1;
        }
        if driven.invalidation.valid && seen.invalidation_ready {
            self.invalidation.valid = false;
            if let Some(outstanding) = &mut self.outstanding[usize::from(driven.invalidation.itag)] {
                outstanding.sent = true;
            }
        }
        if seen.done.valid {
            self.complete(&seen.done);
        }
        for slot in &mut self.outstanding {
            if slot.is_some_and(|outstanding| outstanding.age > TIME_OUT) {
                *slot = None;
                self.timed_out = true;
            }
        }
    }

    /// Chooses what the channels show in the next cycle.
    pub(super) fn present(&mut self) {
        if !self.completion.valid
            && let Some(next) = self.completions.pop_front()
        {
            self.completion = next;
        }
        if !self.invalidation.valid
            && let Some(next) = self.invalidations.pop_front()
        {
            self.invalidation = next;
        }
        if !self.response.valid
            && let Some(next) = self.responses.pop_front()
        {
            self.response = next;
        }
    }

    fn accept(&mut self, asked: &TranslationRequest) {
        let Some(slot) = self.asked.iter_mut().find(|slot| slot.is_none()) else { return };
        *slot = Some(Asked {
            tag: asked.tag,
            request: Request {
                device: DeviceId(asked.did),
                process: asked.pv.then_some(ProcessId(asked.pid)),
                privileged: asked.privileged,
                access: golden::Access::Read,
                kind: Kind::Ats { no_write: asked.no_write, execute: asked.exec },
                iova: Iova(asked.addr),
            },
            walking: false,
        });
    }

    /// A request that no walker has, and its slot.
    pub(super) fn next_waiting(&self) -> Option<(usize, Request)> {
        let waits = |(at, slot): (usize, &Option<Asked>)| slot.filter(|asked| !asked.walking).map(|a| (at, a.request));
        self.asked.iter().enumerate().find_map(waits)
    }

    /// A walker has taken it.
    pub(super) fn walking(&mut self, slot: usize) {
        if let Some(asked) = &mut self.asked[slot] {
            asked.walking = true;
        }
    }

    /// The walk has ended: the request is answered.
    pub(super) fn answer(&mut self, slot: usize, outcome: &Outcome) {
        let Some(Asked { tag, request, .. }) = self.asked[slot].take() else { return };
        let completion = match outcome {
            Outcome::Translated(translation) => self.granted(&request, translation),
            Outcome::Fault(fault) => self.refused(fault),
            Outcome::Unavailable => return,
        };
        if self.nature.has(Habit::AtsAnswerLost) && self.dice.percent(5) {
            return;
        }
        let completion = TranslationCompletion { valid: true, tag, ..completion };
        self.completions.push_back(completion);
        if self.nature.has(Habit::AtsAnswersTwice) && self.dice.percent(5) {
            self.completions.push_back(completion);
        }
    }

    fn refused(&self, fault: &Fault) -> TranslationCompletion {
        let status = match fault.response {
            _ if self.nature.has(Habit::AtsRefusalAsDenied) => SUCCESS,
            Response::UnsupportedRequest if self.nature.has(Habit::AtsUnsupportedAsAbort) => COMPLETER_ABORT,
            Response::CompleterAbort if self.nature.has(Habit::AtsAbortAsUnsupported) => UNSUPPORTED_REQUEST,
            Response::UnsupportedRequest => UNSUPPORTED_REQUEST,
            Response::CompleterAbort => COMPLETER_ABORT,
        };
        TranslationCompletion { status, ..TranslationCompletion::default() }
    }

    fn granted(&mut self, request: &Request, translation: &Translation) -> TranslationCompletion {
        let has = |habit| self.nature.has(habit);
        let denied = translation.denied_by.is_some();
        if denied && has(Habit::AtsDeniedAsUnsupported) {
            return TranslationCompletion { status: UNSUPPORTED_REQUEST, ..TranslationCompletion::default() };
        }
        let permissions = translation.permissions;
        let mut completion = TranslationCompletion {
            r: permissions.read,
            w: permissions.write || has(Habit::AtsGrantsWrite) && permissions.read,
            x: permissions.execute || has(Habit::AtsGrantsExecute) && permissions.read,
            privileged: translation.privileged && !has(Habit::AtsPrivilegeDropped),
            u: translation.untranslated_only || has(Habit::AtsUntranslatedOnly),
            global: translation.global || has(Habit::AtsGlobalInvented) && request.process.is_some(),
            ..TranslationCompletion::default()
        };
        if denied {
            let read = has(Habit::AtsDeniedGranted);
            return TranslationCompletion { r: read, addr: translation.spa.0 & !0xfff, ..completion };
        }
        let most = u32::from(translation.size_log2).clamp(12, LARGEST);
        // A completion may stand for less than the pages would allow.
        let mut size = if self.dice.percent(60) { most } else { 12 + self.dice.below((most - 11) as usize) as u32 };
        let mut addr = translation.spa.0;
        if self.nature.has(Habit::AtsSizeTooLarge) {
            size = most + 1;
        }
        if self.nature.has(Habit::AtsWrongAddress) {
            addr ^= 1 << size;
        }
        completion.s = size > 12;
        let base = addr & (u64::MAX << size);
        completion.addr = base | ((1 << (size - 1)) - 1) & !0xfff;
        completion
    }

    /// ATS.INVAL: sends the request, if there is an ITag for it.
    pub(super) fn invalidate(&mut self, operands: &AtsMessage) -> bool {
        if self.nature.has(Habit::AtsInvalLost) {
            return true;
        }
        if self.invalidations.len() >= WAITING {
            return false;
        }
        let free = self.outstanding.iter().position(Option::is_none);
        let itag = if self.nature.has(Habit::AtsItagReused) { Some(0) } else { free };
        let Some(itag) = itag else { return false };
        let mut did = destination(operands);
        self.outstanding[itag] = Some(Outstanding { did, received: 0, sent: false, age: 0 });
        let mut addr = operands.payload & !0xfff;
        let has = |habit| self.nature.has(habit);
        if has(Habit::AtsInvalWrongDevice) {
            did ^= 1;
        }
        if has(Habit::AtsInvalWrongAddress) {
            addr ^= 1 << 32;
        }
        let process = operands.process.filter(|_| !has(Habit::AtsInvalNoProcess));
        let request = InvalidationRequest {
            valid: true,
            did,
            pv: process.is_some(),
            pid: process.map_or(0, |process| process.0),
            addr,
            s: operands.payload >> 11 & 1 == 1 && !has(Habit::AtsInvalRangeAsPage),
            global: operands.payload & 1 == 1 && !has(Habit::AtsInvalGlobalDropped),
            itag: itag as u8,
        };
        self.invalidations.push_back(request);
        if has(Habit::AtsInvalTwice) {
            self.invalidations.push_back(request);
        }
        true
    }

    fn complete(&mut self, done: &InvalidationCompletion) {
        let count = match done.count {
            _ if self.nature.has(Habit::AtsCountIgnored) => 1,
            0 => 8,
            count => count,
        };
        for (itag, slot) in self.outstanding.iter_mut().enumerate() {
            if done.itags >> itag & 1 == 1
                && let Some(outstanding) = slot
                && (outstanding.did == done.did || self.nature.has(Habit::AtsDoneByAnyone))
                && outstanding.sent
            {
                outstanding.received += 1;
                if outstanding.received >= count {
                    *slot = None;
                }
            }
        }
    }

    /// What a fence has to wait for.
    pub(super) fn wait(&mut self) -> Wait {
        let outstanding = self.outstanding.iter().any(Option::is_some);
        if outstanding && self.nature.has(Habit::AtsTimeoutInvented) && self.dice.percent(2) {
            return Wait::TimedOut;
        }
        if outstanding && !self.nature.has(Habit::AtsFenceEarly) {
            return Wait::Completions;
        }
        let timed_out = std::mem::take(&mut self.timed_out) && !self.nature.has(Habit::AtsTimeoutUnreported);
        if timed_out { Wait::TimedOut } else { Wait::Nothing }
    }

    /// ATS.PRGR: sends the response, if there is room for it.
    pub(super) fn respond_for(&mut self, operands: &AtsMessage) -> bool {
        if self.nature.has(Habit::PrgrLost) {
            return true;
        }
        let mut did = destination(operands);
        let mut prgi = (operands.payload >> 32 & 0x1ff) as u16;
        let mut status = (operands.payload >> 44 & 0xf) as u8;
        let has = |habit| self.nature.has(habit);
        if has(Habit::PrgrWrongDevice) {
            did ^= 1;
        }
        if has(Habit::PrgrWrongGroup) {
            prgi ^= 1;
        }
        if has(Habit::PrgrWrongStatus) {
            status ^= 1;
        }
        let process = operands.process.filter(|_| !has(Habit::PrgrNoProcess));
        let (pv, pid) = (process.is_some(), process.map_or(0, |process| process.0));
        self.respond(GroupResponse { valid: true, did, pv, pid, prgi, status })
    }

    /// There is room for one more response.
    pub(super) fn may_respond(&self) -> bool {
        self.responses.len() < WAITING
    }

    /// Sends a response, if there is room for it.
    pub(super) fn respond(&mut self, response: GroupResponse) -> bool {
        let room = self.may_respond();
        if room {
            self.responses.push_back(response);
        }
        room
    }
}

/// To whom a message goes: segment and routing identifier.
fn destination(operands: &AtsMessage) -> u32 {
    u32::from(operands.segment.unwrap_or(0)) << 16 | u32::from(operands.rid)
}
