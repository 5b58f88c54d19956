// SPDX-License-Identifier: Apache-2.0
//! Page requests: each is queued, or the queue or the device context says why not (section "PCIe ATS Page Request
//! handling"). What is not queued may be answered by the IOMMU itself, and then with the status of its reason.

use events::{Cycle, GroupResponse, PageRequest};
use golden::{
    Access, Cause, Fault, Iova, Kind, Outcome, PageRequestPayload, PageRequestRecord, Request, Response, Ttyp,
};

use super::Oracle;
use super::chooser::Reach;
use super::device_commands::response_line;
use super::faults::{Origin, Owed};
use super::rule::{Rule, Violation};
use super::window::Window;

/// PCIe message code of a Page Request: what `iotval` shows.
const MESSAGE_CODE: u64 = 4;

/// Response codes.
const SUCCESS: u8 = 0;
const INVALID_REQUEST: u8 = 1;
const RESPONSE_FAILURE: u8 = 15;

/// A page request of which nothing has come yet.
#[derive(Clone, Copy, Debug)]
struct Asked {
    request: PageRequest,
    /// When it first showed on `ats_page*`
    offered: Cycle,
    accepted: Cycle,
}

impl Asked {
    fn window(&self, end: Cycle) -> Window {
        Window { offered: self.offered, ..Window::new(self.accepted, end) }
    }

    fn is_lost(&self) -> Violation {
        let right = record_line(record_of(&self.request));
        let wrong = format!("no record of the page request of cycle {}", self.accepted);
        Violation::new(Rule::PageRequest, "lost", right, wrong)
    }
}

/// What a device context may have said to a page request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// ATS and PRI are on
    Enabled { prpr: bool },
    /// There is no context, or it does not let the device ask for pages
    Refused { fault: Fault, prpr: bool },
}

/// Page requests in the hands of the device under test.
#[derive(Debug, Default)]
pub struct PageRequests {
    live: Vec<Asked>,
    /// Since when one shows that is not accepted
    offered: Option<Cycle>,
    /// Queued, and memory has not answered the write of the record
    unconfirmed: Vec<Asked>,
    /// Lost, if the queue was off or in error: `pqcsr` will tell
    lost: Vec<Asked>,
}

impl PageRequests {
    /// A page request shows for the first time.
    pub fn offered(&mut self, now: Cycle) {
        self.offered = Some(now);
    }

    /// The device under test took a page request.
    pub fn accepted(&mut self, request: PageRequest, now: Cycle) {
        self.live.push(Asked { request, offered: self.offered.take().unwrap_or(now), accepted: now });
    }

    /// Memory answered the write of a record. If that failed, its request is as if nothing had come of it.
    pub fn confirmed(&mut self, failed: bool) {
        if !self.unconfirmed.is_empty() {
            let asked = self.unconfirmed.remove(0);
            if failed {
                self.live.push(asked);
            }
        }
    }

    /// A record that no page request owes is taken for that of the oldest of its device.
    pub fn adopt(&mut self, words: [u64; 2]) {
        let device = PageRequestRecord(words[0]).did();
        if let Some(at) = self.live.iter().position(|asked| asked.request.device.0 == device) {
            self.live.remove(at);
        }
    }

    /// A response that nothing owes is taken for that of the group that it names.
    pub fn answered(&mut self, came: &GroupResponse) {
        let is_of = |asked: &Asked| (asked.request.device, asked.request.prgi) == (came.device, came.prgi);
        if let Some(at) = self.live.iter().position(is_of) {
            self.live.remove(at);
        }
    }
}

/// The record that a page request leaves.
fn record_of(request: &PageRequest) -> [u64; 2] {
    let head = PageRequestRecord(0)
        .with_pid(request.process.map_or(0, |process| process.0))
        .with_pv(request.process.is_some())
        .with_privileged(request.process.is_some() && request.privileged)
        .with_exec(request.process.is_some() && request.exec)
        .with_did(request.device.0);
    let payload = PageRequestPayload(request.addr.0 & !0xFFF)
        .with_r(request.r)
        .with_w(request.w)
        .with_l(request.last)
        .with_group(u64::from(request.prgi));
    [head.0, payload.0]
}

/// "Last Request in PRG", and no Stop Marker.
fn wants_response(request: &PageRequest) -> bool {
    request.last && (request.r || request.w)
}

fn record_line(words: [u64; 2]) -> String {
    let (head, payload) = (PageRequestRecord(words[0]), PageRequestPayload(words[1]));
    format!(
        "DID {:#x} PV {} PID {:#x} PRIV {} EXEC {}, R {} W {} L {}, group {:#x}, page {:#x} ({:#018x} {:#018x})",
        head.did(),
        u8::from(head.pv()),
        head.pid(),
        u8::from(head.privileged()),
        u8::from(head.exec()),
        u8::from(payload.r()),
        u8::from(payload.w()),
        u8::from(payload.l()),
        payload.group(),
        words[1] & !0xFFF,
        words[0],
        words[1]
    )
}

/// The fault that a page request meets: what the record of it shows.
fn fault_of(request: &PageRequest, cause: Cause, reported: bool) -> Fault {
    Fault {
        cause,
        iotval: MESSAGE_CODE,
        iotval2: 0,
        ttyp: Ttyp::Message,
        device: request.device,
        process: request.process,
        privileged: request.process.is_some() && request.privileged,
        reported,
        response: Response::UnsupportedRequest,
    }
}

impl Oracle {
    /// Everything that the device context of a page request may have said in this window.
    fn page_verdicts(&mut self, asked: &PageRequest, window: Window) -> Vec<Verdict> {
        let request = Request {
            device: asked.device,
            process: asked.process,
            privileged: asked.privileged,
            access: Access::Read,
            kind: Kind::Untranslated,
            iova: Iova(MESSAGE_CODE),
        };
        let mut found = Vec::new();
        let locate =
            |config: &golden::Config, words: &mut super::chooser::Chooser<'_>| match golden::locate_device_context(
                config, words, &request,
            ) {
                Ok(dc) if dc.tc.en_ats() && dc.tc.en_pri() => Some(Verdict::Enabled { prpr: dc.tc.prpr() }),
                Ok(dc) => {
                    let fault = fault_of(asked, Cause::TypeDisallowed, !dc.tc.dtf());
                    Some(Verdict::Refused { fault, prpr: dc.tc.prpr() })
                }
                Err(Outcome::Fault(fault)) => {
                    let fault = fault_of(asked, fault.cause, fault.reported);
                    Some(Verdict::Refused { fault, prpr: false })
                }
                Err(_) => None,
            };
        // What is left open counts by all its choices; those that the device is thought to have made come first.
        for choices in self.search.choices.all() {
            let made = std::mem::replace(&mut self.search.choices, choices);
            for reach in Reach::NEAR {
                self.search.replay(window, reach, u32::MAX, locate, |verdict, _, _| {
                    if !found.contains(verdict) {
                        found.push(*verdict);
                    }
                    false
                });
            }
            self.search.choices = made;
        }
        found
    }

    /// A record came whole into the page-request queue.
    pub(super) fn page_request_queued(&mut self, words: [u64; 2], now: Cycle) -> Result<(), Violation> {
        let mut same = None;
        for at in 0..self.page_requests.live.len() {
            let asked = self.page_requests.live[at];
            if record_of(&asked.request) != words {
                continue;
            }
            let verdicts = self.page_verdicts(&asked.request, asked.window(now));
            if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Enabled { .. })) {
                self.page_requests.live.remove(at);
                self.page_requests.unconfirmed.push(asked);
                return Ok(());
            }
            same = same.or(verdicts.first().copied());
        }
        let (detail, right) = match same {
            Some(Verdict::Refused { fault, .. }) => {
                ("refused", format!("no record: cause {} ({})", fault.cause.code(), fault.cause.name()))
            }
            _ => match self.page_requests.live.first() {
                Some(asked) => ("record", record_line(record_of(&asked.request))),
                None => ("unowed", "no record: no page request is open".to_owned()),
            },
        };
        self.page_requests.adopt(words);
        Err(Violation::new(Rule::PageRequest, detail, right, record_line(words)))
    }

    /// A group response that no ATS.PRGR owes: the IOMMU itself answers a page request that it could not queue.
    pub(super) fn page_request_answered(&mut self, came: &GroupResponse, now: Cycle) -> Result<(), Violation> {
        let mut right = match self.device_commands.next_response() {
            Some(response) => response_line(&response),
            None => "no response: no ATS.PRGR owes one, and no page request was refused".to_owned(),
        };
        for at in 0..self.page_requests.live.len() {
            let asked = self.page_requests.live[at];
            let request = asked.request;
            if (request.device, request.prgi) != (came.device, came.prgi) || !wants_response(&request) {
                continue;
            }
            let verdicts = self.page_verdicts(&request, asked.window(now));
            let possible = self.responses(&asked, &verdicts);
            let is_it = |(response, _): &&(GroupResponse, Option<Fault>)| response == came;
            if possible.iter().any(|possible| is_it(&possible)) {
                self.page_requests.live.remove(at);
                let faults: Vec<Fault> = possible.iter().filter(is_it).filter_map(|(_, fault)| *fault).collect();
                let optional = possible.iter().filter(is_it).any(|(_, fault)| fault.is_none());
                self.owe_page_fault(&asked, faults, optional, now);
                return Ok(());
            }
            if let Some((response, _)) = possible.first() {
                right = response_line(response);
            }
        }
        Err(Violation::new(Rule::PageResponse, format!("code {}", came.status), right, response_line(came)))
    }

    /// The responses that a request may get, each with the fault that goes with it.
    fn responses(&self, asked: &Asked, verdicts: &[Verdict]) -> Vec<(GroupResponse, Option<Fault>)> {
        let request = &asked.request;
        let response = |status: u8, prpr: bool| {
            let process = request.process.filter(|_| prpr || status == RESPONSE_FAILURE);
            GroupResponse { device: request.device, process, prgi: request.prgi, status }
        };
        let mut found = Vec::new();
        for verdict in verdicts {
            match *verdict {
                Verdict::Refused { fault, prpr } => {
                    let invalid = fault.cause == Cause::TypeDisallowed;
                    let status = if invalid { INVALID_REQUEST } else { RESPONSE_FAILURE };
                    found.push((response(status, prpr), Some(fault)));
                }
                Verdict::Enabled { prpr } => {
                    if self.page_queue.may_be_off(asked.accepted) {
                        found.push((response(RESPONSE_FAILURE, prpr), None));
                    }
                    if self.page_queue.may_be_full(asked.accepted) {
                        found.push((response(SUCCESS, prpr), None));
                    }
                }
            }
        }
        found
    }

    fn owe_page_fault(&mut self, asked: &Asked, possible: Vec<Fault>, optional: bool, now: Cycle) {
        if !possible.is_empty() {
            let origin = Origin::Page(asked.request.device.0);
            let window = asked.window(now);
            self.faults.refused(Owed { origin, request: None, window, possible, may_be_lost: false, optional });
        }
    }

    /// Page requests that were taken before this cycle, and of which nothing has come: something must have been in
    /// their way, for the IOMMU "silently discards" without a reason nothing.
    pub(crate) fn page_requests_due(&mut self, before: Cycle, now: Cycle) -> Result<(), Violation> {
        while let Some(at) = self.page_requests.live.iter().position(|asked| asked.accepted < before) {
            let asked = self.page_requests.live.remove(at);
            let start = asked.accepted;
            let verdicts = self.page_verdicts(&asked.request, asked.window(now));
            let enabled = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Enabled { .. }));
            let lossy = self.page_queue.may_be_off(start) || self.page_queue.may_be_full(start);
            let lost = enabled && lossy;
            let faults: Vec<Fault> = verdicts
                .iter()
                .filter_map(|verdict| match verdict {
                    Verdict::Refused { fault, .. } => Some(*fault),
                    Verdict::Enabled { .. } => None,
                })
                .collect();
            match (faults.is_empty(), lost) {
                (true, false) => return Err(asked.is_lost()),
                (true, true) => self.page_requests.lost.push(asked),
                (false, _) => self.owe_page_fault(&asked, faults, lost, now),
            }
        }
        Ok(())
    }

    /// At rest: each page request has come to something.
    pub(super) fn page_requests_at_rest(&mut self, now: Cycle) -> Result<(), Violation> {
        self.page_requests_due(Cycle::MAX, now)?;
        let excused = self.interrupts.pages.excused();
        match self.page_requests.lost.iter().find(|asked| asked.accepted > excused) {
            Some(asked) => Err(asked.is_lost()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use golden::{DeviceId, ProcessId};

    use super::*;

    fn request() -> PageRequest {
        PageRequest {
            device: DeviceId(0x105),
            process: Some(ProcessId(0x112)),
            privileged: true,
            exec: true,
            addr: Iova(0x4000_3123),
            r: true,
            w: false,
            last: true,
            prgi: 0x155,
        }
    }

    #[test]
    fn a_record_is_laid_out_as_the_specification_says() {
        let head = 0x112 << 12 | 1 << 32 | 1 << 33 | 1 << 34 | 0x105 << 40;
        assert_eq!(record_of(&request()), [head, 0x4000_3000 | 0x155 << 3 | 0b101]);
        let plain = PageRequest { process: None, ..request() };
        assert_eq!(record_of(&plain)[0], 0x105 << 40, "PRIV and EXEC are 0 without a PASID");
    }

    #[test]
    fn stop_markers_and_requests_before_the_last_are_not_answered() {
        assert!(wants_response(&request()));
        assert!(!wants_response(&PageRequest { last: false, ..request() }));
        assert!(!wants_response(&PageRequest { r: false, ..request() }));
        assert!(wants_response(&PageRequest { r: false, w: true, ..request() }));
    }

    #[test]
    fn a_record_that_memory_refuses_leaves_its_request_open() {
        let mut requests = PageRequests::default();
        let asked = Asked { request: request(), offered: 4, accepted: 5 };
        requests.unconfirmed.extend([asked, asked]);
        requests.confirmed(false);
        assert!(requests.live.is_empty());
        requests.confirmed(true);
        assert_eq!(requests.live.len(), 1);
    }

    #[test]
    fn the_fault_of_a_page_request_shows_its_message_code() {
        let record = fault_of(&request(), Cause::TypeDisallowed, true).record();
        assert_eq!((record.head.ttyp(), record.iotval, record.head.did()), (9, 4, 0x105));
        assert!(record.head.pv() && record.head.privileged());
    }
}
