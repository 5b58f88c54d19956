// SPDX-License-Identifier: Apache-2.0
//! ATS translation requests: each is answered once, by what values that the device under test may use come to
//! (section "PCIe ATS translation request handling").

use events::{Cycle, TranslationCompletion, TranslationRequest, range_log2};
use golden::{Access, Config, DeviceId, Fault, Iova, Kind, Outcome, Request, Response, Spa, Target, Translation};

use super::Oracle;
use super::chooser::{Chooser, Reach};
use super::evidence::{Answer, success_line};
use super::faults::Origin;
use super::rule::{Rule, Violation};
use super::window::Window;

const SUCCESS: u8 = 0;
const UNSUPPORTED_REQUEST: u8 = 1;

/// A translation request that is not answered.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    request: TranslationRequest,
    /// When it first showed on `ats_req*`
    offered: Cycle,
    accepted: Cycle,
    /// Its device was asked to forget translations meanwhile
    overtaken: bool,
}

impl Asked {
    fn window(&self, end: Cycle) -> Window {
        Window { offered: self.offered, ..Window::new(self.accepted, end) }
    }
}

/// Translation requests in the hands of the device under test.
#[derive(Debug, Default)]
pub struct TranslationRequests {
    live: Vec<Asked>,
    /// One that shows and is not accepted, and since when it does
    offer: Option<(TranslationRequest, Cycle)>,
}

impl TranslationRequests {
    /// A device is asked to forget: what is on its way to it may be of before, and it drops that.
    pub fn overtaken(&mut self, device: DeviceId) {
        for asked in self.live.iter_mut().filter(|asked| asked.request.device == device) {
            asked.overtaken = true;
        }
    }

    /// A request shows for the first time. Returns it as the golden model wants it.
    pub fn offered(&mut self, request: TranslationRequest, now: Cycle) -> Request {
        self.offer = Some((request, now));
        request_of(&request)
    }

    /// The device under test took a request.
    pub fn accepted(&mut self, request: TranslationRequest, now: Cycle) {
        let offered = self.offer.take().map_or(now, |(_, since)| since);
        self.live.push(Asked { request, offered, accepted: now, overtaken: false });
    }

    /// When the oldest one was taken.
    pub fn oldest(&self) -> Option<Cycle> {
        self.live.iter().map(|asked| asked.accepted).min()
    }

    /// When the oldest one showed for the first time.
    pub fn oldest_offer(&self) -> Option<Cycle> {
        self.live.iter().map(|asked| asked.offered).chain(self.offer.map(|(_, since)| since)).min()
    }

    /// Each in a line, for the report of a hang.
    pub fn describe(&self) -> impl Iterator<Item = String> + '_ {
        self.live.iter().map(|Asked { request, accepted, .. }| {
            let (device, addr) = (request.device, request.addr);
            format!(
                "translation request by device {device:#x} at {addr:#x}, accepted in cycle {accepted}, is not answered"
            )
        })
    }

    /// Those that wait, up to now.
    pub fn waiting(&self, now: Cycle) -> impl Iterator<Item = (Request, Window)> + '_ {
        let live = self.live.iter().map(move |asked| (request_of(&asked.request), asked.window(now)));
        let offer = self.offer.iter();
        live.chain(offer.map(move |(request, since)| (request_of(request), Window::offered(*since, now))))
    }

    fn take(&mut self, tag: u8) -> Option<Asked> {
        let at = self.live.iter().position(|asked| asked.request.tag == tag)?;
        Some(self.live.remove(at))
    }
}

/// A translation request as the golden model wants it.
fn request_of(asked: &TranslationRequest) -> Request {
    Request {
        device: asked.device,
        process: asked.process,
        privileged: asked.privileged,
        access: Access::Read,
        kind: Kind::Ats { no_write: asked.no_write, execute: asked.exec },
        iova: asked.addr,
    }
}

/// Whether a Success completion says what a translation comes to; `global`: an entry above on the path is global.
fn agrees(request: &Request, right: &Translation, global: bool, came: &TranslationCompletion) -> bool {
    let permissions = right.permissions;
    let no_write = matches!(request.kind, Kind::Ats { no_write: true, .. });
    // Who asks for No Write may be refused the write (PCIe: the translation may be marked read-only).
    let granted = came.r == permissions.read
        && came.x == permissions.execute
        && (came.w == permissions.write || no_write && !came.w);
    // "N field of the ATS translation completion is always set to 0."
    if !granted || came.n || came.privileged != right.privileged {
        return false;
    }
    let may_be_global = global && request.process.is_some() && right.target == Target::Memory;
    if came.global != right.global && !(came.global && may_be_global && right.denied_by.is_none()) {
        return false;
    }
    // "The translated address returned with such completions is UNSPECIFIED", and so is what belongs to it.
    if !(came.r || came.w || came.x) {
        return true;
    }
    let size = range_log2(came.addr.0, came.s);
    came.u == right.untranslated_only
        && size <= u32::from(right.size_log2).max(12)
        && (came.u || (came.addr.0 ^ right.spa.0).checked_shr(size).unwrap_or(0) == 0)
}

/// Whether a Success completion says what a walk came to.
pub fn is_answer(request: &Request, outcome: &Outcome, global: bool, came: &TranslationCompletion) -> bool {
    match outcome {
        Outcome::Translated(right) => agrees(request, right, global, came),
        _ => false,
    }
}

/// A completion in one line.
fn completion_line(came: &TranslationCompletion) -> String {
    match came.status {
        SUCCESS => {
            let size = range_log2(came.addr.0, came.s);
            success_line(came.addr.0, size, [came.r, came.w, came.x, came.privileged, came.global, came.u, came.n])
        }
        UNSUPPORTED_REQUEST => "UR".to_owned(),
        _ => "CA".to_owned(),
    }
}

/// The response of a fault as a status.
fn answers(fault: &Fault, status: u8) -> bool {
    (fault.response == Response::UnsupportedRequest) == (status == UNSUPPORTED_REQUEST)
}

impl Oracle {
    /// The device under test may go by a device context that does not enable ATS for this device, or by none.
    pub(super) fn ats_may_be_off(&mut self, device: DeviceId, now: Cycle) -> bool {
        let request = Request::untranslated(device, Access::Read, Iova(0));
        let locate =
            |config: &Config, words: &mut Chooser<'_>| match golden::locate_device_context(config, words, &request) {
                Ok(context) => Some(context.tc.en_ats()),
                Err(Outcome::Fault(_)) => Some(false),
                Err(_) => None,
            };
        let mut is_off = false;
        for reach in Reach::NEAR {
            self.search.replay(Window::new(now, now), reach, u32::MAX, locate, |on, _, _| {
                is_off |= !on;
                is_off
            });
        }
        is_off
    }

    /// A translation request was answered.
    pub(super) fn translation_completed(&mut self, came: &TranslationCompletion, now: Cycle) -> Result<(), Violation> {
        // The bus has found what answers nothing.
        let Some(asked) = self.translation_requests.take(came.tag) else { return Ok(()) };
        self.figures.ats_completions += 1;
        let request = request_of(&asked.request);
        let window = asked.window(now);
        self.cover_completion(&request, came);
        if came.status == SUCCESS {
            let accept =
                |outcome: &Outcome, chooser: &Chooser<'_>| is_answer(&request, outcome, chooser.is_global(), came);
            match self.search.explain_at_last(&request, window, accept) {
                Some(explanation) => {
                    if !asked.overtaken {
                        self.device_caches.given(&request, came, &explanation, window);
                    }
                    self.explained(&request, &explanation, window);
                }
                None => {
                    let is_it = |outcome: &Outcome| is_answer(&request, outcome, false, came);
                    let size = range_log2(came.addr.0, came.s);
                    let base = Spa(came.addr.0 & u64::MAX.checked_shl(size).unwrap_or(0));
                    let (line, to) = (completion_line(came), Some(base));
                    let answer = Answer { line, is_it: &is_it, to, burst: None };
                    return Err(self.unexplained(Rule::AtsCompletion, &request, window, &answer));
                }
            }
            return Ok(());
        }
        let found = self.search.explain_refusal_at_last(&request, window, |fault| answers(fault, came.status));
        if found.is_empty() {
            let is_it = |outcome: &Outcome| matches!(outcome, Outcome::Fault(fault) if answers(fault, came.status));
            let answer = Answer { line: completion_line(came), is_it: &is_it, to: None, burst: None };
            let violation = self.unexplained(Rule::AtsCompletion, &request, window, &answer);
            self.faults.excuse(&request, window.offered);
            return Err(violation);
        }
        // "When a UR or CA response is generated for an ATS translation request, the corresponding fault is reported".
        self.refusal_explained((Origin::Translation(asked.request.device.0), window), request, found);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use golden::{Cause, Permissions, ProcessId, Spa};

    use super::*;

    fn ask(no_write: bool) -> Request {
        request_of(&TranslationRequest {
            process: Some(ProcessId(3)),
            no_write,
            addr: Iova(0x1000),
            ..TranslationRequest::default()
        })
    }

    fn right() -> Translation {
        let permissions = Permissions { read: true, write: true, execute: false };
        Translation { permissions, size_log2: 21, ..Translation::identity(0x8020_1000) }
    }

    fn came() -> TranslationCompletion {
        TranslationCompletion { addr: Spa(0x8020_1000), r: true, w: true, ..TranslationCompletion::default() }
    }

    fn fits(right: &Translation, came: &TranslationCompletion) -> bool {
        agrees(&ask(false), right, false, came)
    }

    #[test]
    fn a_completion_shows_the_range_or_less() {
        assert!(fits(&right(), &came()));
        for (addr, fit) in [(0x8020_2000, false), (0x8020_1000, true), (0x802f_f000, true), (0x801f_f000, false)] {
            assert_eq!(fits(&right(), &TranslationCompletion { addr: Spa(addr), s: true, ..came() }), fit, "{addr:#x}");
        }
        assert!(!fits(
            &right(),
            &TranslationCompletion { addr: Spa(0x803f_f000 & !0x20_0000 | 0x1f_f000), s: true, ..came() }
        ));
        let small = Translation { size_log2: 12, ..right() };
        assert!(
            !fits(&small, &TranslationCompletion { addr: Spa(0x8020_0000), s: true, ..came() }),
            "8 KiB of a 4 KiB page"
        );
    }

    #[test]
    fn permissions_are_those_of_the_tables() {
        for wrong in [
            TranslationCompletion { w: false, ..came() },
            TranslationCompletion { r: false, ..came() },
            TranslationCompletion { x: true, ..came() },
            TranslationCompletion { privileged: true, ..came() },
            TranslationCompletion { n: true, ..came() },
            TranslationCompletion { u: true, ..came() },
            TranslationCompletion { global: true, ..came() },
        ] {
            assert!(!fits(&right(), &wrong), "{wrong:?}");
        }
        assert!(agrees(&ask(true), &right(), false, &TranslationCompletion { w: false, ..came() }), "No Write");
        assert!(agrees(&ask(false), &right(), true, &TranslationCompletion { global: true, ..came() }));
    }

    #[test]
    fn without_permissions_the_address_means_nothing() {
        let denied = Translation {
            permissions: Permissions::default(),
            denied_by: Some(Cause::ReadPageFault),
            ..Translation::identity(0x1000)
        };
        let none = TranslationCompletion { r: false, w: false, addr: Spa(0xdead_f000), s: true, ..came() };
        assert!(fits(&denied, &none));
        assert!(!fits(&denied, &came()));
        assert!(!fits(&right(), &none));
    }

    #[test]
    fn ur_and_ca_are_told_apart() {
        let request = ask(false);
        let fault = |response| Fault {
            cause: Cause::TypeDisallowed,
            iotval: 0x1000,
            iotval2: 0,
            ttyp: request.ttyp(),
            device: request.device,
            process: request.process,
            privileged: false,
            reported: true,
            response,
        };
        assert!(answers(&fault(Response::UnsupportedRequest), 1) && !answers(&fault(Response::UnsupportedRequest), 2));
        assert!(answers(&fault(Response::CompleterAbort), 2) && !answers(&fault(Response::CompleterAbort), 1));
    }

    #[test]
    fn a_request_is_answered_by_its_tag() {
        let mut requests = TranslationRequests::default();
        let asked = |tag| TranslationRequest { tag, ..TranslationRequest::default() };
        requests.accepted(asked(4), 10);
        requests.accepted(asked(5), 20);
        assert_eq!(requests.oldest(), Some(10));
        assert_eq!(requests.take(4).map(|asked| asked.accepted), Some(10));
        assert!(requests.take(4).is_none());
        assert_eq!(requests.oldest(), Some(20));
        assert_eq!(right().spa, Spa(0x8020_1000));
    }
}
