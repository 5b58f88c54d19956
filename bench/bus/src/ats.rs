// SPDX-License-Identifier: Apache-2.0
//! The devices on `ats_*`: they ask for translations and pages, keep what they are given, and drop it when asked to.

use std::collections::VecDeque;

use boundary::{
    AtsDevices, AtsIommu, GroupResponse, InvalidationCompletion, InvalidationRequest, PageRequest,
    TranslationCompletion, TranslationRequest,
};
use events::{Cycle, Direction, DmaRequest, Event, range_log2};

use super::complaints::Complaints;
use super::config::{Answering, AtsTiming};
use super::dice::Dice;
use super::flights::Queued;
use super::held::{Held, Payload};
use super::messages;
use super::violation::{Channel, Port, ProtocolViolation, Rule, Site};

/// Translations that the devices keep altogether.
const ENTRIES: usize = 64;
/// Invalidations that wait for their completion in the devices: a device has 32 ITags.
const ANSWERS: usize = 256;
/// What tells a device from one that nobody asks for anything: the highest bit of its segment
const NOBODY: u32 = 1 << 23;

/// A translation in a device's address translation cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cached {
    /// Who asked, and for what
    pub request: events::TranslationRequest,
    /// What came
    pub completion: events::TranslationCompletion,
}

impl Cached {
    /// log2 of the bytes that it translates.
    #[must_use]
    pub fn size_log2(&self) -> u32 {
        range_log2(self.completion.addr.0, self.completion.s)
    }

    /// The translated address of an untranslated one, if it lies in this range.
    #[must_use]
    pub fn translate(&self, iova: u64) -> Option<u64> {
        let within = (1u64.checked_shl(self.size_log2())).map_or(u64::MAX, |size| size - 1);
        ((iova ^ self.request.addr.0) & !within == 0).then_some(self.completion.addr.0 & !within | iova & within)
    }

    /// The translated address for a request of its device, if this permits it: of the same process, with the same
    /// privilege, in this range.
    #[must_use]
    pub fn serves(&self, request: &DmaRequest) -> Option<u64> {
        let Self { request: asked, completion } = self;
        let permitted = match request.direction {
            Direction::Write => completion.w,
            Direction::Read if request.instruction => completion.x,
            Direction::Read => completion.r,
        };
        let same =
            (asked.device, asked.process, asked.privileged) == (request.device, request.process, request.privileged);
        if same && permitted { self.translate(request.iova.0) } else { None }
    }

    fn is_hit_by(&self, inval: &events::InvalidationRequest) -> bool {
        let within = (1u64.checked_shl(range_log2(inval.addr.0, inval.s))).map_or(u64::MAX, |size| size - 1);
        self.request.device == inval.device
            && (inval.process.is_some() && inval.global || self.request.process == inval.process)
            && (self.translate(inval.addr.0 & !within).is_some() || (self.request.addr.0 ^ inval.addr.0) & !within == 0)
    }
}

/// An invalidation that a device has not completed.
#[derive(Clone, Copy, Debug)]
struct Answer {
    did: u32,
    itag: u8,
    /// Completions for each request, and how many of them are to come
    count: u8,
    left: u8,
    due: Cycle,
    /// DMA that was asked for before by translated addresses comes first
    mark: Queued,
    /// What nobody asked for is completed first: this ITag by another device
    strays: u8,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    request: TranslationRequest,
    /// An invalidation came meanwhile: what is on its way may be of before
    overtaken: bool,
}

/// All devices with an ATC.
#[derive(Clone, Debug)]
pub(super) struct AtsPort {
    timing: AtsTiming,
    dice: Dice,
    requests: VecDeque<TranslationRequest>,
    shown_request: Option<TranslationRequest>,
    /// It shows for the first time in this cycle
    request_is_new: bool,
    flights: Vec<Option<Flight>>,
    cached: Vec<Cached>,
    answers: Vec<Answer>,
    /// How many more invalidation requests each device of `timing.own` leaves open
    silent: Vec<u32>,
    shown_done: Option<InvalidationCompletion>,
    pages: VecDeque<PageRequest>,
    shown_page: Option<PageRequest>,
    page_is_new: bool,
    completion: Held<TranslationCompletion>,
    invalidation: Held<InvalidationRequest>,
    response: Held<GroupResponse>,
}

impl AtsPort {
    pub(super) fn new(timing: AtsTiming, dice: Dice) -> Self {
        let silent = timing.own.iter().map(|(_, own)| own.silent).collect();
        Self {
            timing,
            dice,
            requests: VecDeque::new(),
            shown_request: None,
            request_is_new: false,
            flights: vec![None; 256],
            cached: Vec::with_capacity(ENTRIES),
            answers: Vec::with_capacity(ANSWERS),
            silent,
            shown_done: None,
            pages: VecDeque::new(),
            shown_page: None,
            page_is_new: false,
            completion: Held::default(),
            invalidation: Held::default(),
            response: Held::default(),
        }
    }

    pub(super) fn ask(&mut self, request: events::TranslationRequest) {
        self.requests.push_back(messages::translation_request(&request));
    }

    pub(super) fn ask_page(&mut self, request: events::PageRequest) {
        self.pages.push_back(messages::page_request(&request));
    }

    pub(super) fn cached(&self) -> &[Cached] {
        &self.cached
    }

    /// Nothing waits on any channel, no translation is outstanding, and no device owes the completion of an
    /// invalidation.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty()
            && self.shown_request.is_none()
            && self.flights.iter().all(Option::is_none)
            && self.answers.is_empty()
            && self.shown_done.is_none()
            && self.pages.is_empty()
            && self.shown_page.is_none()
            && !self.completion.waits()
            && !self.invalidation.waits()
            && !self.response.waits()
    }

    /// Drops everything: reset. What is queued stays queued.
    pub(super) fn clear(&mut self) {
        self.shown_request = None;
        self.flights.fill(None);
        self.cached.clear();
        self.answers.clear();
        self.shown_done = None;
        self.shown_page = None;
        self.completion = Held::default();
        self.invalidation = Held::default();
        self.response = Held::default();
    }

    /// Drives the group. `busy` says whether a device has DMA under way by translated addresses that it had queued
    /// before a moment.
    pub(super) fn drive(&mut self, now: Cycle, busy: impl Fn(u32, Queued) -> bool) -> AtsDevices {
        let Self { timing, dice, .. } = self;
        if self.shown_request.is_none() && !self.requests.is_empty() && !dice.percent(timing.gap_percent) {
            let outstanding = self.flights.iter().flatten().count();
            let first = dice.below(256) as usize;
            let free = (0..256).map(|at| (first + at) % 256).find(|&at| self.flights[at].is_none());
            if outstanding < timing.outstanding
                && let Some(tag) = free
            {
                let next = self.requests.pop_front();
                self.shown_request = next.map(|next| TranslationRequest { valid: true, tag: tag as u8, ..next });
                self.request_is_new = true;
            }
        }
        if self.shown_page.is_none() && !self.pages.is_empty() && !dice.percent(timing.gap_percent) {
            self.shown_page = self.pages.pop_front().map(|page| PageRequest { valid: true, ..page });
            self.page_is_new = true;
        }
        if self.shown_done.is_none() && !self.answers.is_empty() && !dice.percent(timing.gap_percent) {
            self.complete(now, busy);
        }
        AtsDevices {
            request: self.shown_request.unwrap_or_default(),
            completion_ready: self.dice.percent(self.timing.ready_percent),
            invalidation_ready: self.answers.len() < ANSWERS && self.dice.percent(self.timing.ready_percent),
            done: self.shown_done.unwrap_or_default(),
            page: self.shown_page.unwrap_or_default(),
            response_ready: self.dice.percent(self.timing.ready_percent),
        }
    }

    /// Shows a completion of an invalidation that is due: any of them, and in one message all others of its device.
    fn complete(&mut self, now: Cycle, busy: impl Fn(u32, Queued) -> bool) {
        let first = self.dice.below(self.answers.len() as u32) as usize;
        // What nobody asked for needs no time, and waits for nothing.
        let ready = |answer: &Answer| answer.strays > 0 || answer.due <= now && !busy(answer.did, answer.mark);
        let all = self.answers.len();
        let Some(first) = (0..all).map(|at| (first + at) % all).find(|&at| ready(&self.answers[at])) else { return };
        if self.answers[first].strays > 0 {
            self.shown_done = Some(self.stray(first));
            return;
        }
        let Answer { did, count, .. } = self.answers[first];
        let mut itags = 0;
        for answer in self.answers.iter_mut().filter(|answer| answer.did == did && answer.count == count) {
            if ready(answer) && answer.strays == 0 && itags >> answer.itag & 1 == 0 {
                itags |= 1 << answer.itag;
                answer.left -= 1;
                // The messages of a device that is told to split them come apart.
                if let Some((_, own)) = self.timing.own.iter().find(|(device, _)| device.0 == did) {
                    answer.due = now + 1 + Cycle::from(self.dice.within(&own.after));
                }
            }
        }
        self.answers.retain(|answer| answer.left > 0);
        self.shown_done = Some(InvalidationCompletion { valid: true, did, itags, count: count & 7 });
    }

    /// A completion that nobody asked for: the ITag of this request by a device that nobody asks for anything. An ITag of the
    /// device itself that is not open might be opened in this very cycle, and then it would count.
    fn stray(&mut self, at: usize) -> InvalidationCompletion {
        let Answer { did, itag, .. } = self.answers[at];
        self.answers[at].strays -= 1;
        InvalidationCompletion { valid: true, did: did ^ NOBODY, itags: 1 << itag, count: 1 }
    }

    /// Checks what the device drove in this cycle, and takes all handshakes. `mark` is the next request for DMA.
    pub(super) fn observe(
        &mut self,
        now: Cycle,
        driven: &AtsDevices,
        seen: &AtsIommu,
        mark: Queued,
        complaints: &mut Complaints,
        events: &mut Vec<Event>,
    ) -> Result<(), ProtocolViolation> {
        let site = |channel| Site { port: Port::Ats, channel, cycle: now };
        let AtsIommu { completion, invalidation, response, .. } = seen;
        let held = &mut self.completion;
        let new = held.check(site(Channel::Completion), completion.valid, driven.completion_ready, completion);
        let new = complaints.past(new)?;
        // As on AXI, an answer follows its request by a clock edge at least.
        if new {
            self.check_completion(site(Channel::Completion), completion)?;
        }
        let held = &mut self.invalidation;
        let at = site(Channel::Invalidation);
        complaints.past(held.check(at, invalidation.valid, driven.invalidation_ready, invalidation))?;
        let held = &mut self.response;
        complaints.past(held.check(site(Channel::Response), response.valid, driven.response_ready, response))?;
        if std::mem::take(&mut self.request_is_new)
            && let Some(request) = self.shown_request
        {
            events.push(Event::AtsOffered { request: messages::asked(&request) });
        }
        if std::mem::take(&mut self.page_is_new)
            && let Some(request) = self.shown_page
        {
            events.push(Event::PageOffered { request: messages::page_asked(&request) });
        }
        if seen.request_ready
            && let Some(request) = self.shown_request.take()
        {
            self.flights[usize::from(request.tag)] = Some(Flight { request, overtaken: false });
            events.push(Event::AtsRequested { request: messages::asked(&request) });
        }
        if seen.page_ready
            && let Some(request) = self.shown_page.take()
        {
            events.push(Event::PageRequested { request: messages::page_asked(&request) });
        }
        if seen.done_ready
            && let Some(completion) = self.shown_done.take()
        {
            events.push(Event::InvalidationDone { completion: messages::done(&completion) });
        }
        if completion.valid && driven.completion_ready {
            let completion = messages::completed(completion);
            self.take_completion(&completion);
            events.push(Event::AtsCompleted { completion });
        }
        if invalidation.valid && driven.invalidation_ready {
            let request = messages::invalidation(invalidation);
            self.invalidate(now, &request, mark);
            events.push(Event::InvalidationRequested { request });
        }
        if response.valid && driven.response_ready {
            events.push(Event::PageResponded { response: messages::responded(response) });
        }
        Ok(())
    }

    fn check_completion(&self, site: Site, completion: &TranslationCompletion) -> Result<(), ProtocolViolation> {
        if self.flights[usize::from(completion.tag)].is_none() {
            let wrong = format!("tag {:#x}", completion.tag);
            return Err(site.broke(Rule::AtsTag, "translation completion", "the tag of an open request", wrong));
        }
        if completion.status > 2 {
            let wrong = format!("status {}", completion.status);
            return Err(site.broke(Rule::AtsStatus, "translation completion", "Success, UR or CA", wrong));
        }
        Ok(())
    }

    fn take_completion(&mut self, completion: &events::TranslationCompletion) {
        let Some(Flight { request, overtaken }) = self.flights[usize::from(completion.tag)].take() else { return };
        if completion.status != 0 || overtaken || !(completion.r || completion.w) || completion.u {
            return;
        }
        if self.cached.len() == ENTRIES {
            let victim = self.dice.below(ENTRIES as u32) as usize;
            self.cached.swap_remove(victim);
        }
        self.cached.push(Cached { request: messages::asked(&request), completion: *completion });
    }

    fn invalidate(&mut self, now: Cycle, inval: &events::InvalidationRequest, mark: Queued) {
        self.cached.retain(|entry| !entry.is_hit_by(inval));
        for flight in self.flights.iter_mut().flatten().filter(|flight| flight.request.did == inval.device.0) {
            flight.overtaken = true;
        }
        let own = self.timing.own.iter().position(|(device, _)| *device == inval.device);
        let (after, splits, strays) = match own {
            Some(at) => {
                if self.silent[at] > 0 {
                    self.silent[at] -= 1;
                    return;
                }
                let Answering { after, splits, strays, .. } = &self.timing.own[at].1;
                (after, *splits, *strays)
            }
            None => {
                if self.dice.percent(self.timing.silent_percent) {
                    return;
                }
                (&self.timing.answer, self.dice.percent(self.timing.split_percent), false)
            }
        };
        let count = if splits { 2 + self.dice.below(7) as u8 } else { 1 };
        let due = now + 1 + Cycle::from(self.dice.within(after));
        let (did, itag, strays) = (inval.device.0, inval.itag & 31, u8::from(strays));
        self.answers.push(Answer { did, itag, count, left: count, due, mark, strays });
    }
}

impl Payload for TranslationCompletion {
    fn describe(&self) -> String {
        format!("{self:?}")
    }
}

impl Payload for InvalidationRequest {
    fn describe(&self) -> String {
        format!("{self:?}")
    }
}

impl Payload for GroupResponse {
    fn describe(&self) -> String {
        format!("{self:?}")
    }
}
