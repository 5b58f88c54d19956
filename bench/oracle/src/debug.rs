// SPDX-License-Identifier: Apache-2.0
//! Translation requests by software, through `tr_req_iova`, `tr_req_ctl` and `tr_response` (rule D8.12 of MODEL.md;
//! chapter "Debug support"): each is explained by values that the device under test may use, as DMA is.
//!
//! A request begins when software begins the write that sets Go, and ends with the first read of `tr_req_ctl` that shows
//! it clear. What came of it is known once `tr_response` has been read.

use events::Cycle;
use golden::{Capabilities, DdtMode, Ddtp, Outcome, Request, TrReqCtl, TrResponse, Translation, offset};

use super::Oracle;
use super::evidence::{Answer, request_line};
use super::faults::{Origin, Owed};
use super::rule::{Rule, Violation};
use super::window::Window;

const GO: u64 = 1;
const PRIVILEGED: u64 = 1 << 1;
const EXE_NW: u64 = 0b11 << 2;
const PID: u64 = 0xf_ffff << 12;
const PV: u64 = 1 << 32;
const DID: u64 = 0xff_ffff << 40;
/// Fields of `tr_req_ctl` but Go; the rest is reserved or custom
const FIELDS: u64 = PRIVILEGED | EXE_NW | PID | PV | DID;
/// What fits into `tr_response.PPN`
const ADDRESS: u64 = (1 << 56) - 1;
/// `tr_req_iova.vpn`
const VPN: u64 = !0xfff;

/// An access to a register of 8 bytes, of all of it or of a half.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// The register
    pub register: u16,
    /// Bits that were accessed
    pub mask: u64,
    /// Their values, in place
    pub value: u64,
}

impl Piece {
    /// None where the access is none of a register for translation requests.
    pub fn of(at: u16, bytes: u8, value: u64) -> Option<Self> {
        let (register, shift) = [offset::TR_REQ_IOVA, offset::TR_REQ_CTL, offset::TR_RESPONSE]
            .into_iter()
            .find_map(|register| at.checked_sub(register).filter(|byte| *byte < 8).map(|byte| (register, 8 * byte)))?;
        let mask = if bytes == 8 { u64::MAX } else { 0xffff_ffff << shift };
        Some(Piece { register, mask, value: value << shift & mask })
    }
}

/// A register of which perhaps only a half is known.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    value: u64,
    mask: u64,
}

impl Known {
    fn put(&mut self, piece: &Piece) {
        self.value = self.value & !piece.mask | piece.value;
        self.mask |= piece.mask;
    }

    fn is_whole(&self) -> bool {
        self.mask == u64::MAX
    }
}

/// A request: from the write that set Go to the first read that showed it clear.
#[derive(Clone, Copy, Debug)]
struct Asked {
    request: Request,
    since: Cycle,
    until: Option<Cycle>,
    /// When a read last showed it under way
    busy: Option<Cycle>,
    /// What comes of it is UNSPECIFIED, or not all of it is known
    void: bool,
    /// Its records have been allowed for
    settled: bool,
}

impl Asked {
    fn window(&self, now: Cycle) -> Window {
        Window::new(self.since, self.until.unwrap_or(now))
    }
}

/// The registers, and the request in them.
#[derive(Debug, Default)]
pub struct Debug {
    iova: Known,
    ctl: Known,
    /// As read since the request ended
    response: Known,
    /// The newest request, until its response is judged
    asked: Option<Asked>,
    /// What its response came to
    judged: Option<TrResponse>,
    /// A write is under way
    writing: bool,
    /// When the last one ended
    written: Cycle,
}

impl Debug {
    /// A write has been answered.
    pub fn write_done(&mut self, now: Cycle) {
        if std::mem::take(&mut self.writing) {
            self.written = now;
        }
    }

    /// Registers are changed that a translation depends on: "the IOMMU behavior is UNSPECIFIED" while one is under way.
    pub fn configuration_written(&mut self) {
        if let Some(asked) = self.under_way_mut() {
            asked.void = true;
        }
    }

    fn under_way_mut(&mut self) -> Option<&mut Asked> {
        self.asked.as_mut().filter(|asked| asked.until.is_none())
    }

    fn under_way(&self) -> Option<&Asked> {
        self.asked.as_ref().filter(|asked| asked.until.is_none())
    }

    /// A request is in the device's hands, for all that software knows.
    pub fn is_under_way(&self) -> bool {
        self.under_way().is_some()
    }

    /// The request in the device's hands, up to now.
    pub fn waiting(&self, now: Cycle) -> Option<(Request, Window)> {
        self.under_way().map(|asked| (asked.request, asked.window(now)))
    }

    /// Since when one is under way or not judged.
    pub fn oldest(&self) -> Option<Cycle> {
        self.asked.map(|asked| asked.since)
    }

    /// Since when one would be under way if time had stood still since a read last showed it so: nobody but software
    /// can tell that one has ended.
    pub fn oldest_shown(&self, now: Cycle) -> Option<Cycle> {
        self.under_way().and_then(|asked| asked.busy.map(|busy| asked.since + now.saturating_sub(busy)))
    }

    fn request(&self) -> Request {
        TrReqCtl(self.ctl.value).request(self.iova.value)
    }
}

/// Bits of `tr_req_ctl` that may read 0 whatever is written (WARL): those of process_ids that the device has not, and
/// those of device_ids that the device directory has not.
fn may_be_hardwired(caps: Capabilities, ddtp: Ddtp) -> u64 {
    let processes = match (caps.pd20(), caps.pd17(), caps.pd8()) {
        (true, ..) => 0,
        (_, true, _) => 0x7 << 29,
        (_, _, true) => 0xfff << 20,
        _ => PID | PV | PRIVILEGED,
    };
    let devices = match (ddtp.mode(), caps.dc_bytes()) {
        (DdtMode::Levels(1), 32) => 7,
        (DdtMode::Levels(1), _) => 6,
        (DdtMode::Levels(2), 32) => 16,
        (DdtMode::Levels(2), _) => 15,
        (DdtMode::Levels(_), _) => 24,
        _ => 0,
    };
    processes | DID & u64::MAX.checked_shl(40 + devices).unwrap_or(0)
}

/// Whether a response says what a translation comes to: "An implementation is allowed to report a 4 KiB translation … or
/// report a translation size that is smaller than the superpage size".
fn agrees(right: &Translation, came: TrResponse) -> bool {
    let Some((base, size)) = came.range() else { return false };
    came.pbmt() == right.pbmt as u8
        && size <= u32::from(right.size_log2).max(12)
        // The field has no room for more than 56 bits of an address.
        && ((right.spa.0 ^ base.0) & ADDRESS).checked_shr(size).unwrap_or(0) == 0
}

/// A response in one line.
fn response_line(came: TrResponse) -> String {
    if came.fault() {
        return "tr_response: a fault".to_owned();
    }
    match came.range() {
        Some((base, size)) => format!("tr_response: {:#x} for 2^{size} bytes, PBMT {}", base.0, came.pbmt()),
        None => format!("tr_response: {:#x}, whose PPN encodes no size", came.0),
    }
}

/// The same for all that it means: "UNSPECIFIED if the fault field is 1".
fn same(one: TrResponse, other: TrResponse) -> bool {
    let meaning = |response: TrResponse| (response.pbmt(), response.s(), response.ppn());
    one.fault() == other.fault() && (one.fault() || meaning(one) == meaning(other))
}

fn differs(register: &str, right: u64, wrong: u64) -> Violation {
    Violation::new(Rule::Register, register, format!("{right:#x}"), format!("{wrong:#x}"))
}

impl Oracle {
    /// Software begins to write one of the registers.
    pub(super) fn debug_written(&mut self, piece: &Piece, now: Cycle) {
        if !self.search.configuration.caps.dbg() || piece.register == offset::TR_RESPONSE {
            return;
        }
        self.debug.writing = true;
        match piece.register {
            offset::TR_REQ_IOVA => self.debug.iova.put(piece),
            _ => self.debug.ctl.put(piece),
        }
        // "… UNSPECIFIED if: The tr_req_iova or tr_req_ctl are modified."
        if let Some(asked) = self.debug.under_way_mut() {
            asked.void = true;
            return;
        }
        if piece.register == offset::TR_REQ_CTL && piece.value & piece.mask & GO != 0 {
            self.settle_debug(now);
            let request = self.debug.request();
            let known = self.debug.iova.is_whole() && self.debug.ctl.is_whole();
            let void = !known || TrReqCtl(self.debug.ctl.value).is_unspecified();
            self.debug.asked = Some(Asked { request, since: now, until: None, busy: None, void, settled: false });
            self.debug.judged = None;
            self.debug.response = Known::default();
            self.search.requesters.seen(&request);
            self.counters.offered(&request, now);
        }
    }

    /// Software read one of the registers, by an access that was accepted in this cycle.
    pub(super) fn debug_read(&mut self, piece: &Piece, accepted: Cycle, now: Cycle) -> Result<(), Violation> {
        // What is read beside a write may be of before it.
        if !self.search.configuration.caps.dbg() || self.debug.writing || accepted < self.debug.written {
            return Ok(());
        }
        match piece.register {
            offset::TR_REQ_IOVA => {
                let Known { value, mask } = self.debug.iova;
                let compared = piece.mask & mask & VPN;
                match (value ^ piece.value) & compared {
                    0 => Ok(()),
                    _ => Err(differs("tr_req_iova", value & compared, piece.value & compared)),
                }
            }
            offset::TR_REQ_CTL => self.debug_control_read(piece, accepted, now),
            _ => self.debug_response_read(piece, now),
        }
    }

    fn debug_control_read(&mut self, piece: &Piece, accepted: Cycle, now: Cycle) -> Result<(), Violation> {
        let ended = piece.mask & GO != 0 && piece.value & GO == 0;
        let (written, compared) = (self.debug.ctl.value, piece.mask & self.debug.ctl.mask & FIELDS);
        let hardwired = may_be_hardwired(self.search.configuration.caps, self.search.configuration.ddtp());
        let differing = (written ^ piece.value) & compared;
        let is_kept = differing & !(written & hardwired) == 0;
        // What it has kept is what it translates.
        let known = Known { value: written & !compared | piece.value & compared, ..self.debug.ctl };
        match self.debug.under_way_mut() {
            Some(asked) if ended => asked.until = Some(now),
            Some(asked) if piece.mask & GO != 0 => asked.busy = Some(accepted),
            Some(_) => {}
            None if piece.mask & GO == 0 || ended => {}
            None => {
                return Err(Violation::new(Rule::Register, "tr_req_ctl.Go/Busy", "0", "1, and nothing was asked for"));
            }
        }
        if !is_kept {
            return Err(differs("tr_req_ctl", written & compared, piece.value & compared));
        }
        let is_void = self.debug.asked.is_some_and(|asked| asked.void);
        if ended && differing != 0 && !is_void {
            self.debug.ctl = known;
            let request = self.debug.request();
            self.search.requesters.seen(&request);
            if let Some(asked) = &mut self.debug.asked {
                asked.request = request;
            }
        }
        Ok(())
    }

    fn debug_response_read(&mut self, piece: &Piece, now: Cycle) -> Result<(), Violation> {
        if self.debug.is_under_way() {
            return Ok(());
        }
        if let Some(judged) = self.debug.judged {
            let came = TrResponse(judged.0 & !piece.mask | piece.value);
            if !same(judged, came) {
                let (right, wrong) = (response_line(judged), response_line(came));
                return Err(Violation::new(Rule::Register, "tr_response", right, wrong));
            }
            return Ok(());
        }
        self.debug.response.put(piece);
        let came = TrResponse(self.debug.response.value);
        let is_enough = self.debug.response.is_whole() || self.debug.response.mask & 1 != 0 && came.fault();
        if !is_enough || self.debug.asked.is_none_or(|asked| asked.void) {
            return Ok(());
        }
        let Some(asked) = self.debug.asked.take() else { return Ok(()) };
        self.debug.judged = Some(came);
        self.judge_debug(&asked, came, now)
    }

    /// A request has been answered so.
    fn judge_debug(&mut self, asked: &Asked, came: TrResponse, now: Cycle) -> Result<(), Violation> {
        self.figures.debug_translations += 1;
        let (request, window) = (asked.request, asked.window(now));
        if came.fault() {
            let found = self.search.explain_refusal_at_last(&request, window, |_| true);
            if found.is_empty() {
                let is_it = |outcome: &Outcome| matches!(outcome, Outcome::Fault(_));
                let answer = Answer { line: response_line(came), is_it: &is_it, to: None, burst: None };
                let violation = self.unexplained(Rule::DebugTranslation, &request, window, &answer);
                self.faults.excuse(&request, window.offered);
                return Err(violation);
            }
            // "the faults are reported normally in the fault-queue"
            self.refusal_explained((Origin::Debug(request.device.0), window), request, found);
            return Ok(());
        }
        let is_it = |outcome: &Outcome| matches!(outcome, Outcome::Translated(right) if agrees(right, came));
        match self.search.explain_at_last(&request, window, |outcome, _| is_it(outcome)) {
            Some(explanation) => {
                self.explained(&request, &explanation, window);
                Ok(())
            }
            None => {
                let to = came.range().map(|(base, _)| base);
                let answer = Answer { line: response_line(came), is_it: &is_it, to, burst: None };
                Err(self.unexplained(Rule::DebugTranslation, &request, window, &answer))
            }
        }
    }

    /// Nobody has read what came of a request, or it is UNSPECIFIED: a fault of it may have left a record.
    pub(super) fn settle_debug(&mut self, now: Cycle) {
        let Some(asked) = self.debug.asked.take() else { return };
        // Software may still look whether it has ended.
        self.debug.asked = asked.until.is_none().then_some(Asked { void: true, settled: true, ..asked });
        if asked.settled {
            return;
        }
        let (request, window) = (asked.request, asked.window(now));
        let found = self.search.explain_refusal(&request, window, |_| true);
        let possible: Vec<_> = found.into_iter().map(|(fault, _)| fault).collect();
        if !possible.is_empty() {
            let origin = Origin::Debug(request.device.0);
            let request = Some(request);
            self.faults.refused(Owed { origin, request, window, possible, may_be_lost: false, optional: true });
        }
    }

    /// The request in the device's hands in a line, for the report of a hang.
    pub(super) fn debug_line(&self) -> Option<String> {
        let asked = self.debug.under_way()?;
        let what = request_line(&asked.request, &self.names);
        let seen = asked.busy.map_or(String::new(), |busy| format!(", busy when it was read in cycle {busy}"));
        Some(format!("{what}: asked for in cycle {}{seen}", asked.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_hardwired_follows_from_the_device() {
        let ddtp = |levels| Ddtp(0).with_mode(DdtMode::Levels(levels));
        let caps = Capabilities(0).with_pd20(true).with_pd17(true).with_pd8(true);
        assert_eq!(may_be_hardwired(caps, ddtp(3)), 0);
        assert_eq!(may_be_hardwired(caps, ddtp(2)), 0xff << 56);
        assert_eq!(may_be_hardwired(caps.with_msi_flat(true), ddtp(1)), 0xff_ffc0 << 40, "6 bits");
        assert_eq!(may_be_hardwired(caps, Ddtp(0)), DID);
        assert_eq!(may_be_hardwired(caps.with_pd20(false), ddtp(3)), 0xe000_0000);
        assert_eq!(may_be_hardwired(Capabilities(0), ddtp(3)), PID | PV | PRIVILEGED);
    }
}
