// SPDX-License-Identifier: Apache-2.0
//! Memory-resident interrupt files (AIA, "MSI PTE, MRIF mode"): what a device writes into the page of one never shows on
//! `mem_*`. The device under test sets the pending bit itself, by an atomic, and then sends the notice, each time. The
//! bit and the notice come by the time the machine is at rest, and neither comes without an MSI.

use events::{Cycle, POISONED, Ticket};
use golden::{Cause, Fault, Mrif, Outcome, Request, Response, Role, Spa, Target, Tc, Ttyp};

use super::Oracle;
use super::choice::Choice;
use super::chooser::{Chooser, Reach};
use super::dma::{Transaction, lanes};
use super::explain::{Explanation, request_of};
use super::faults::{Origin, Owed};
use super::interrupt_files::{Failure, Kind, Msi, Notice, Refused, bits_of, pending};
use super::rule::{Rule, Violation};
use super::updates::Exchange;
use super::window::Window;

/// What memory holds and what was read of it; then whatever may be in a cache.
const NEAR_AND_FAR: [&[Reach]; 2] = [&Reach::NEAR, &Reach::BY_TAGS];

/// The interrupt file that an outcome leads to.
fn file_of(outcome: &Outcome) -> Option<&Mrif> {
    match outcome {
        Outcome::Translated(golden::Translation { target: Target::Mrif(mrif), .. }) => Some(mrif),
        _ => None,
    }
}

/// A device context with DTF.
fn is_silent(choice: &Choice) -> bool {
    choice.word.role == Role::DeviceContext { index: 0 } && Tc(choice.value).dtf()
}

/// The fault of an interrupt file: "MRIF access fault" (cause 264) or "MSI MRIF data corruption" (cause 271).
fn fault(cause: Cause, request: &Request, reported: bool) -> Fault {
    Fault {
        cause,
        iotval: request.iova.0,
        iotval2: 0,
        ttyp: Ttyp::UntranslatedWrite,
        device: request.device,
        process: request.process,
        privileged: request.is_privileged(),
        reported,
        response: Response::UnsupportedRequest,
    }
}

/// Where interrupt files lead an MSI.
impl Oracle {
    /// The interrupt file that a request leads to, one that `fits`.
    fn leads_to(
        &mut self,
        reaches: &[Reach],
        request: &Request,
        window: Window,
        fits: impl Fn(&Mrif) -> bool,
    ) -> Option<(Mrif, Explanation)> {
        let accept = |outcome: &Outcome, _: &Chooser<'_>| file_of(outcome).is_some_and(&fits);
        let explanation = self.search.explain_within(reaches, request, window, accept)?;
        Some((*file_of(&explanation.outcome)?, explanation))
    }

    /// One that is `right` by what the oracle knows besides.
    fn find_file(
        &mut self,
        reaches: &[Reach],
        request: &Request,
        window: Window,
        right: impl Fn(&Oracle, &Mrif) -> bool,
    ) -> Option<(Mrif, Explanation)> {
        let mut tried: Vec<Mrif> = Vec::new();
        loop {
            let (mrif, explanation) = self.leads_to(reaches, request, window, |mrif| !tried.contains(mrif))?;
            if right(self, &mrif) {
                return Some((mrif, explanation));
            }
            tried.push(mrif);
        }
    }

    /// The device has read the pending bit as 1 since this cycle, or set it.
    fn was_set(&self, mrif: &Mrif, identity: u32, start: Cycle) -> bool {
        self.search.histories.word(pending(mrif, identity)).is_some_and(|history| {
            let mut good = history.sightings().iter().filter(|seen| seen.resp == 0 && seen.last_sampled >= start);
            good.any(|seen| seen.value >> (identity % 64) & 1 == 1)
        })
    }

    /// The device can know that the bit of the MSI at this place is set: by an atomic of its own, or by another one.
    fn is_stored(&mut self, at: usize, now: Cycle) -> bool {
        let Msi { request, start, identity, stored, .. } = self.files.msis[at];
        let window = self.files.msis[at].window(now);
        let is_set = |oracle: &Oracle, mrif: &Mrif| oracle.was_set(mrif, identity, start);
        stored.is_some()
            || self.by_any_choice(|oracle| oracle.find_file(&Reach::ALL, &request, window, is_set)).is_some()
    }
}

/// What the device under test does for MSIs.
impl Oracle {
    /// Every MSI in the device's hands, noted where it is not yet.
    fn note_msis(&mut self, now: Cycle) {
        for transaction in self.transactions.live().iter().filter(|t| t.translated().is_none()) {
            if !self.files.msis.iter().any(|msi| msi.ticket == transaction.ticket) {
                self.files.msis.extend(Msi::of(transaction));
            }
        }
        let live = self.transactions.live();
        let is_live = |ticket: Ticket| live.iter().any(|t| t.ticket == ticket && t.translated().is_none());
        // What went to memory by now, or was refused, was none.
        let gone = self.files.msis.extract_if(.., |msi| msi.end.is_none() && !is_live(msi.ticket));
        let gone: Vec<Msi> = gone.collect();
        self.give_back(&gone, now);
    }

    /// These were no MSIs after all: the notices that seemed to be theirs were those of others.
    fn give_back(&mut self, gone: &[Msi], now: Cycle) {
        let highest = self.search.configuration.caps.spa_max();
        for notice in gone.iter().filter_map(|msi| msi.noticed).filter(|notice| notice.addr.0 <= highest) {
            let other = NEAR_AND_FAR.iter().find_map(|reaches| self.announced(notice, now, reaches));
            if let Some(msi) = other.and_then(|at| self.files.any_mut(at)) {
                msi.noticed = Some(notice);
            }
        }
    }

    /// Whether an atomic sets the pending bit of an MSI.
    pub(super) fn is_store_of_msi(&mut self, exchange: &Exchange, now: Cycle) -> bool {
        if !self.search.configuration.caps.msi_mrif() {
            return false;
        }
        let Some(bits) = bits_of(exchange) else { return false };
        self.note_msis(now);
        NEAR_AND_FAR.iter().any(|reaches| self.stores(exchange, bits, now, reaches))
    }

    /// Whether a doubleword that the device wrote sets the pending bit of an MSI: "else it is set using a non-atomic
    /// read-modify-write sequence" (AIA, *Recording of incoming MSIs to memory-resident interrupt files*), where there is
    /// no AMO_MRIF. Returned as the change of what the device had read there. Other bits than that one are as it read them.
    pub(super) fn plain_store_of_msi(&mut self, addr: Spa, value: u64, strobes: u8, now: Cycle) -> Option<Exchange> {
        let caps = self.search.configuration.caps;
        if !caps.msi_mrif() || caps.amo_mrif() {
            return None;
        }
        let (addr, mask) = (Spa(addr.0 & !7), lanes(strobes));
        let history = self.search.histories.word(addr)?;
        let mut read: Vec<_> = history.sightings().iter().filter(|seen| seen.resp == 0).copied().collect();
        // The newest reading is the likeliest.
        read.sort_by_key(|seen| std::cmp::Reverse(seen.last_sampled));
        read.into_iter().map(|seen| seen.value).find_map(|old| {
            let exchange = Exchange { addr, bytes: 8, old, new: old & !mask | value & mask };
            self.is_store_of_msi(&exchange, now).then_some(exchange)
        })
    }

    /// Whether it does where what memory was shown for the MSI is of a younger transaction.
    pub(super) fn is_store_of_another(&mut self, exchange: &Exchange, now: Cycle) -> bool {
        let Some(bits) = bits_of(exchange).filter(|_| self.search.configuration.caps.msi_mrif()) else { return false };
        (0..self.transactions.live().len()).any(|place| {
            let transaction = &self.transactions.live()[place];
            transaction.translated().is_some()
                && Msi::of(transaction).is_some_and(|msi| bits & msi.bit() != 0)
                && self.give_to_younger(place, None)
                && self.is_store_of_msi(exchange, now)
        })
    }

    fn stores(&mut self, exchange: &Exchange, bits: u64, now: Cycle, reaches: &[Reach]) -> bool {
        let sets = exchange.new != exchange.old;
        // Those that must be stored come first.
        for optional in [false, true] {
            for at in 0..self.files.msis.len() {
                let msi = &self.files.msis[at];
                let is_free = !sets || msi.stored.is_none() && msi.sent.is_none();
                if msi.optional != optional || bits & msi.bit() == 0 || !is_free {
                    continue;
                }
                if let Some(mrif) = self.may_store(&msi.clone(), exchange.addr, now, reaches) {
                    if sets {
                        self.files.sent(at, mrif);
                    }
                    return true;
                }
            }
        }
        // All is done for it, and perhaps by what was done for another.
        for at in 0..self.files.done.len() {
            let msi = self.files.done[at].clone();
            if bits & msi.bit() != 0
                && (!sets || msi.stored.is_none())
                && let Some(mrif) = self.may_store(&msi, exchange.addr, now, reaches)
            {
                if sets {
                    self.files.done.remove(at);
                    self.files.msis.push(Msi { sent: Some(mrif), ..msi });
                }
                return true;
            }
        }
        sets && self.stores_after_all(exchange.addr, bits, now, reaches)
    }

    /// What was taken for the store of one MSI was that of another, which may go where it went: so this one is its own.
    fn stores_after_all(&mut self, addr: Spa, bits: u64, now: Cycle, reaches: &[Reach]) -> bool {
        for at in 0..self.files.msis.len() {
            let msi = self.files.msis[at].clone();
            let Some(file) = msi.stored.filter(|_| bits & msi.bit() != 0) else { continue };
            let Some(mrif) = self.may_store(&msi, addr, now, reaches) else { continue };
            let all = 0..self.files.msis.len() + self.files.done.len();
            for other in all.filter(|&other| other != at) {
                let Some(own) = self.files.any(other).cloned() else { continue };
                let is_free = own.stored.is_none() && own.sent.is_none() && own.bit() == msi.bit();
                if !is_free || self.may_store(&own, msi.pending(&file), now, reaches).is_none() {
                    continue;
                }
                if let Some(own) = self.files.any_mut(other) {
                    (own.stored, own.noticed) = (Some(file), msi.noticed);
                }
                self.files.msis[at] = Msi { stored: None, noticed: None, sent: Some(mrif), ..msi };
                self.give_back(&[own], now);
                return true;
            }
        }
        false
    }

    fn may_store(&mut self, msi: &Msi, addr: Spa, now: Cycle, reaches: &[Reach]) -> Option<Mrif> {
        let window = msi.window(now);
        self.leads_to(reaches, &msi.request, window, |mrif| msi.pending(mrif) == addr).map(|(mrif, _)| mrif)
    }

    /// Whether a word of 4 bytes that the device wrote is a notice: of an MSI whose bit is set, or was set already.
    pub(super) fn is_notice(&mut self, id: u8, addr: Spa, data: u32, now: Cycle) -> bool {
        if !self.search.configuration.caps.msi_mrif() {
            return false;
        }
        self.note_msis(now);
        let notice = Notice { addr, data };
        let is_near = |msi: &Msi| msi.noticed.is_none() && msi.stored.is_some_and(|file| Notice::of(&file) == notice);
        let near = self.files.msis.iter().position(is_near);
        let far = || NEAR_AND_FAR.iter().find_map(|reaches| self.announced(notice, now, reaches));
        let Some(at) = near.or_else(far) else { return false };
        let Some(msi) = self.files.any_mut(at) else { return false };
        msi.noticed = Some(notice);
        let request = msi.request;
        self.files.notices.push((id, notice, request));
        self.files.settle(now);
        true
    }

    /// The MSI that a notice announces: one that has none yet, or one whose notice may have been that of another.
    fn announced(&mut self, notice: Notice, now: Cycle, reaches: &[Reach]) -> Option<usize> {
        let mut open: Vec<usize> =
            (0..self.files.msis.len()).filter(|&at| self.files.msis[at].noticed.is_none()).collect();
        // Those that must be announced come first, those that memory may have refused last.
        let may_have_failed =
            |msi: &Msi| msi.stored.is_none() && self.files.failures.iter().any(|failure| failure.is_store_of(msi));
        open.sort_by_key(|&at| (may_have_failed(&self.files.msis[at]), self.files.msis[at].optional));
        if let Some(&at) = open.iter().find(|&&at| self.may_announce(at, notice, now, reaches)) {
            return Some(at);
        }
        let all = 0..self.files.msis.len() + self.files.done.len();
        for at in all {
            let Some(earlier) = self.files.any(at).and_then(|msi| msi.noticed) else { continue };
            if !self.may_announce(at, notice, now, reaches) {
                continue;
            }
            if let Some(&other) = open.iter().find(|&&other| self.may_announce(other, earlier, now, reaches)) {
                self.files.msis[other].noticed = Some(earlier);
                return Some(at);
            }
        }
        None
    }

    /// Gives the MSI at this place a notice that was taken for that of another, which needs none, or finds one likewise.
    fn takes_notice(&mut self, at: usize, now: Cycle, asked: &mut Vec<usize>) -> bool {
        for other in 0..self.files.msis.len() + self.files.done.len() {
            let Some(own) = self.files.any(other) else { continue };
            let (Some(notice), needs_none) = (own.noticed, own.optional && own.stored.is_none()) else { continue };
            if asked.contains(&other) || !NEAR_AND_FAR.iter().any(|reaches| self.may_announce(at, notice, now, reaches))
            {
                continue;
            }
            asked.push(other);
            if needs_none || self.takes_notice(other, now, asked) {
                if let Some(own) = self.files.any_mut(other).filter(|_| needs_none) {
                    own.noticed = None;
                }
                if let Some(msi) = self.files.any_mut(at) {
                    msi.noticed = Some(notice);
                }
                return true;
            }
        }
        false
    }

    fn may_announce(&mut self, at: usize, notice: Notice, now: Cycle, reaches: &[Reach]) -> bool {
        let Some(msi) = self.files.any(at) else { return false };
        let Msi { request, start, identity, stored, .. } = *msi;
        let window = msi.window(now);
        match stored {
            // Software may have changed what goes with the file.
            Some(file) => {
                let is_it = |mrif: &Mrif| Notice::of(mrif) == notice && mrif.addr == file.addr;
                self.leads_to(reaches, &request, window, is_it).is_some()
            }
            // A device that reads first need not set what is set.
            None => {
                let is_it =
                    |oracle: &Oracle, mrif: &Mrif| Notice::of(mrif) == notice && oracle.was_set(mrif, identity, start);
                self.find_file(reaches, &request, window, is_it).is_some()
            }
        }
    }

    /// A transaction was answered OKAY although memory was not asked: that is for interrupt files only.
    pub(super) fn kept(&mut self, transaction: &Transaction, data: &[u64], now: Cycle) -> Result<(), Violation> {
        let request = request_of(transaction);
        let window = Window::until(transaction, now);
        let broken =
            |detail: &str, right: &str, wrong: String| Err(Violation::new(Rule::DmaResponse, detail, right, wrong));
        let found = match self.search.configuration.caps.msi_mrif() {
            true => self.by_any_choice(|oracle| oracle.leads_to(&Reach::ALL, &request, window, |_| true)),
            false => None,
        };
        let Some((_, explanation)) = found else {
            let wrong = "OKAY although memory was not asked";
            let violation = Violation::new(Rule::DmaResponse, "not sent", "a translation, or SLVERR", wrong);
            self.faults.excuse(&request, window.offered);
            return Err(Violation { evidence: self.walk(&request, window, wrong), ..violation });
        };
        if data.iter().any(|&data| data != 0) {
            return broken("interrupt file", "zero, or SLVERR", format!("data {data:#x?}"));
        }
        self.figures.translations_compared += 1;
        // From now on only what it owes is to come.
        match self.files.msis.iter_mut().find(|msi| msi.ticket == transaction.ticket) {
            Some(msi) => msi.end = Some(now),
            None => self.files.msis.extend(Msi::of(transaction).map(|msi| Msi { end: Some(now), ..msi })),
        }
        self.explained(&request, &explanation, window);
        self.note_msis(now);
        self.files.settle(now);
        self.settle_failures(now);
        Ok(())
    }

    /// "The PW bit … can be used to request that the IOMMU ensure that all previous write requests from devices that have
    /// already been processed by the IOMMU be committed": an MSI that was answered by this cycle, and whose pending bit
    /// the device cannot know to be set.
    pub(super) fn unstored_msi(&mut self, by: Cycle, now: Cycle) -> Option<Ticket> {
        let at = (0..self.files.msis.len()).find(|&at| {
            let msi = &self.files.msis[at];
            let came_to_nothing = |failure: &Failure| failure.is_store_of(msi);
            let is_due = msi.end.is_some_and(|end| end <= by) && (!msi.optional || msi.sent.is_some());
            is_due && !self.files.failures.iter().any(came_to_nothing) && !self.is_stored(at, now)
        })?;
        Some(self.files.msis[at].ticket)
    }

    /// At rest: what was answered has been stored and announced.
    pub(super) fn files_at_rest(&mut self, now: Cycle) -> Result<(), Violation> {
        self.note_msis(now);
        self.settle_failures(now);
        let highest = self.search.configuration.caps.spa_max();
        for at in 0..self.files.msis.len() {
            let Msi { ticket, request, end, identity, optional, stored, noticed, .. } = self.files.msis[at];
            let window = self.files.msis[at].window(now);
            if end.is_none() || optional && stored.is_none() {
                continue;
            }
            let missing = |detail: &str, what: &str| {
                let right = format!("{what} of identity {identity}, by transaction {}", ticket.0);
                Err(Violation::new(Rule::InterruptFile, detail, right, "none"))
            };
            if !self.is_stored(at, now) {
                return missing("pending", "the pending bit");
            }
            let beyond = |mrif: &Mrif| mrif.notice.0 > highest;
            if noticed.is_none()
                && !self.takes_notice(at, now, &mut vec![at])
                && self.leads_to(&Reach::ALL, &request, window, beyond).is_none()
            {
                return missing("notice", "the notice");
            }
        }
        Ok(())
    }
}

/// What memory refuses of it.
impl Oracle {
    /// Memory has answered an atomic.
    pub(super) fn file_answered(&mut self, exchange: &Exchange, found: u64, resp: u8, now: Cycle) {
        if self.search.configuration.caps.msi_mrif() {
            self.files.answered(exchange, found, resp, self.search.configuration.caps.spa_max(), now);
            self.settle_failures(now);
        }
    }

    /// Memory has answered a notice.
    pub(super) fn notice_answered(&mut self, id: u8, resp: u8, now: Cycle) {
        let Some(at) = self.files.notices.iter().position(|(of, ..)| *of == id) else { return };
        let (_, notice, request) = self.files.notices.remove(at);
        if resp > 1 {
            self.files.failures.push(Failure { refused: Refused::Notice(notice, request), resp, cycle: now });
            self.settle_failures(now);
        }
    }

    /// What an error answer for an interrupt file may be taken for: an access fault, or corrupt data (CHOICES.md). Poison is
    /// corrupt data.
    fn causes_of_error(&self, resp: u8) -> impl Iterator<Item = Cause> + use<> {
        let bound = if resp == POISONED { Some(true) } else { self.search.choices.error_is_corruption() };
        let causes = [(false, Cause::MrifAccessFault), (true, Cause::MrifCorrupt)];
        causes.into_iter().filter(move |(is, _)| bound.is_none_or(|bound| bound == *is)).map(|(_, cause)| cause)
    }

    /// How an interrupt file explains a refusal: an access that none takes leaves no record; memory behind it leaves one of
    /// the faults of interrupt files, and where none is known of an error it was out of reach. `reaches` says how far to look.
    pub(super) fn refused_by_file(
        &mut self,
        reaches: &[Reach],
        transaction: &Transaction,
        now: Cycle,
    ) -> Option<Vec<(Fault, Explanation)>> {
        let kind = Kind::of(transaction);
        if !self.search.configuration.caps.msi_mrif() || kind == Kind::Discarded {
            return None;
        }
        let request = request_of(transaction);
        let start = transaction.accepted;
        let window = Window::until(transaction, now);
        let Some(identity) = kind.identity() else {
            let (_, explanation) = self.leads_to(reaches, &request, window, |_| true)?;
            return Some(vec![(fault(Cause::MrifAccessFault, &request, false), explanation)]);
        };
        let met = |oracle: &Oracle, mrif: &Mrif| {
            let is_it = |failure: &Failure| failure.cycle >= start && failure.refused.concerns(identity, mrif);
            oracle.files.failures.iter().position(is_it)
        };
        let is_out_of_reach = |oracle: &Oracle, mrif: &Mrif| {
            pending(mrif, identity).0.max(mrif.notice.0) > oracle.search.configuration.caps.spa_max()
        };
        let unread = |oracle: &Oracle, mrif: &Mrif| -> Vec<u8> {
            let history = oracle.search.histories.word(pending(mrif, identity));
            let seen = history.into_iter().flat_map(|history| history.sightings());
            seen.filter(|seen| seen.resp != 0 && seen.last_sampled >= start).map(|seen| seen.resp).collect()
        };
        let fails = |oracle: &Oracle, mrif: &Mrif| {
            is_out_of_reach(oracle, mrif) || !unread(oracle, mrif).is_empty() || met(oracle, mrif).is_some()
        };
        let (mrif, explanation) = self.find_file(reaches, &request, window, fails)?;
        let is_notice = |at: usize| matches!(self.files.failures[at].refused, Refused::Notice(..));
        let may_be_corrupt = !is_out_of_reach(self, &mrif) && !met(self, &mrif).is_some_and(is_notice);
        let mut errors = unread(self, &mrif);
        if let Some(failure) = met(self, &mrif) {
            errors.push(self.files.failures.remove(failure).resp);
        }
        errors.sort_unstable();
        errors.dedup();
        let gone: Vec<Msi> = self.files.msis.extract_if(.., |msi| msi.ticket == transaction.ticket).collect();
        self.give_back(&gone, now);
        let reported = !explanation.choices.iter().any(is_silent);
        let of_cause = |cause: Cause| (fault(cause, &request, reported), explanation.clone());
        Some(match may_be_corrupt {
            true => {
                let mut causes: Vec<Cause> = errors.into_iter().flat_map(|resp| self.causes_of_error(resp)).collect();
                causes.dedup();
                causes.into_iter().map(of_cause).collect()
            }
            false => vec![of_cause(Cause::MrifAccessFault)],
        })
    }

    /// Finds out of whom a failure was, once nobody is left who may be refused for it: of an MSI that had been answered.
    /// Its fault is recorded all the same.
    fn settle_failures(&mut self, now: Cycle) {
        let mut at = 0;
        while let Some(&failure) = self.files.failures.get(at) {
            let mut may_be: Vec<Msi> = Vec::new();
            for place in 0..self.files.msis.len() {
                let msi = self.files.msis[place].clone();
                if self.may_have_met(&msi, &failure, now) {
                    may_be.push(msi);
                }
            }
            if may_be.iter().any(|msi| msi.end.is_none()) {
                at += 1;
                continue;
            }
            self.files.failures.remove(at);
            may_be.extend(if may_be.is_empty() { self.failed_though_done(&failure, now) } else { None });
            self.came_to_nothing(&failure, &may_be, now);
        }
        self.files.settle(now);
    }

    /// One that seemed to be done, since a notice was taken for its own, and that memory refused.
    fn failed_though_done(&mut self, failure: &Failure, now: Cycle) -> Option<Msi> {
        let at = (0..self.files.done.len()).find(|&at| {
            let msi = self.files.done[at].clone();
            self.may_have_met(&msi, failure, now)
        })?;
        let msi = self.files.done.remove(at);
        self.give_back(std::slice::from_ref(&msi), now);
        Some(msi)
    }

    fn may_have_met(&mut self, msi: &Msi, failure: &Failure, now: Cycle) -> bool {
        let is_open = match failure.refused {
            Refused::Store { bits, .. } => bits & msi.bit() != 0 && msi.stored.is_none(),
            Refused::Notice(..) => msi.end.is_none(),
        };
        let window = msi.window(now);
        let concerned = |mrif: &Mrif| failure.refused.concerns(msi.identity, mrif);
        is_open && msi.start <= failure.cycle && self.leads_to(&Reach::ALL, &msi.request, window, concerned).is_some()
    }

    /// One of these answered MSIs was not stored, or a notice was not sent.
    fn came_to_nothing(&mut self, failure: &Failure, may_be: &[Msi], now: Cycle) {
        let causes: Vec<Cause> = match failure.refused {
            Refused::Store { .. } => self.causes_of_error(failure.resp).collect(),
            Refused::Notice(..) => vec![Cause::MrifAccessFault],
        };
        let (origin, requests, optional): (Origin, Vec<Request>, bool) = match failure.refused {
            Refused::Store { .. } => {
                // One that seems to be announced is the less likely.
                let Some(first) = may_be.iter().min_by_key(|msi| msi.noticed.is_some()) else { return };
                let gone = self.files.msis.extract_if(.., |msi| msi.ticket == first.ticket).collect::<Vec<Msi>>();
                self.give_back(&gone, now);
                let window = first.window(now);
                let may_be_silent = self.search.explain(&first.request, window, |outcome, chooser| {
                    file_of(outcome).is_some_and(|mrif| failure.refused.concerns(first.identity, mrif))
                        && chooser.choices().iter().any(is_silent)
                });
                let origin = Origin::Transaction(first.ticket);
                (origin, may_be.iter().map(|msi| msi.request).collect(), may_be_silent.is_some())
            }
            // Whether a notice that fails is recorded is not said.
            Refused::Notice(_, request) => (Origin::Message, vec![request], true),
        };
        let start = may_be.iter().map(|msi| msi.start).min().unwrap_or(failure.cycle);
        self.faults.refused(Owed {
            origin,
            request: None,
            window: Window::new(start, now),
            possible: causes
                .iter()
                .flat_map(|&cause| requests.iter().map(move |request| fault(cause, request, true)))
                .collect(),
            may_be_lost: false,
            optional,
        });
    }
}
