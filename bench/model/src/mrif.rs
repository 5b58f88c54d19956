// SPDX-License-Identifier: Apache-2.0
//! Memory-resident interrupt files (AIA, "MSI PTE, MRIF mode"): what a device writes into the page of one is stored there
//! by the model itself, and announced by a notice.

use std::collections::VecDeque;

use events::{POISONED, QosIds};
use golden::{Capabilities, Cause, FaultHead, FaultRecord, Mrif, Request, Ttyp};

use super::dma::{Transactions, Way};
use super::exchange::{Exchange, Exchanged};
use super::faults::FaultQueue;
use super::habit::{Habit, Nature};
use super::ptw::{Fetched, Ptw, Readers};
use super::write::{Write, Writer};

/// Tag of the atomics of this engine; walkers have those below.
pub(super) const TAG: u8 = 0x40;
const SLVERR: u8 = 2;

/// An access to the page of an interrupt file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    /// The transaction
    pub slot: usize,
    /// Whose
    pub request: Request,
    /// Where the MSI goes
    pub mrif: Mrif,
    /// A fault is reported: DTF is 0
    pub reported: bool,
    /// QoS IDs of its device
    pub ids: QosIds,
}

/// How far the store of an MSI is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for its data
    Data,
    /// Its atomic is on its way
    Exchange,
    /// Its doubleword is to be read, since there are no atomics
    Ask,
    /// Its doubleword is being read
    Read,
    /// Its doubleword is being written
    Write,
    /// Its notice is on its way
    Notice,
}

/// The engine: one access at a time.
#[derive(Clone, Debug)]
pub(super) struct InterruptFiles {
    nature: Nature,
    waiting: VecDeque<Access>,
    stage: Stage,
    identity: u32,
    /// What the last atomic found, and where: the first guess for the next one
    guess: (u64, u64),
    notices: u64,
    /// An error answer is taken for corrupt data
    errors_corrupt: bool,
    /// MSIs are answered before they are stored
    posts: bool,
    /// So is the first of those that wait
    posted: bool,
    /// MSIs that were answered so, and those of them that were stored or came to nothing
    answered: u64,
    stored: u64,
}

impl InterruptFiles {
    pub(super) fn new(nature: Nature, posts: bool, errors_corrupt: bool) -> Self {
        Self {
            nature,
            waiting: VecDeque::with_capacity(32),
            stage: Stage::Data,
            identity: 0,
            guess: (0, 0),
            notices: 0,
            errors_corrupt,
            posts: posts || nature.has(Habit::MrifPassedByFence) || nature.has(Habit::MrifPostedFaultLost),
            posted: false,
            answered: 0,
            stored: 0,
        }
    }

    /// How many MSIs have been answered before they were stored.
    pub(super) fn mark(&self) -> u64 {
        self.answered
    }

    /// One that had been answered by `mark` is not stored yet.
    pub(super) fn is_open(&self, mark: u64) -> bool {
        self.stored < mark && !self.nature.has(Habit::MrifPassedByFence)
    }

    /// Nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes an access.
    pub(super) fn take(&mut self, access: Access) {
        self.waiting.push_back(access);
    }

    /// One cycle.
    pub(super) fn step(&mut self, dma: &mut Transactions, ptw: &mut Ptw, caps: &Capabilities, faults: &mut FaultQueue) {
        let Some(access) = self.waiting.front().copied() else { return };
        let highest = caps.spa_max();
        if self.stage == Stage::Ask {
            let readers = Readers { files: true, ..Readers::default() };
            if ptw.fetch(readers, self.pending(&access), 1, access.ids) {
                self.stage = Stage::Read;
            }
            return;
        }
        if self.stage != Stage::Data {
            return;
        }
        let transaction = dma.get(access.slot);
        let address = transaction.address;
        let is_word = address.len == 0 && address.size == 2 && address.addr & 3 == 0;
        if transaction.way == Way::Read {
            // "The IOMMU should preferably return zero as the read value"; anything but a word is aborted.
            return self.end(if is_word { 0 } else { SLVERR }, dma);
        }
        let Some((data, strobes)) = transaction.whole_data() else { return };
        let upper = address.addr & 4 != 0;
        if !is_word || strobes != if upper { 0xf0 } else { 0x0f } {
            return self.end(SLVERR, dma);
        }
        let word = (data >> (8 * (address.addr & 4))) as u32;
        let big_endian = upper && !self.nature.has(Habit::MrifBigEndianIgnored);
        self.identity = if big_endian { word.swap_bytes() } else { word };
        let discarded = address.addr & 0xff8 != 0
            || self.identity > 2047
            || self.identity == 0 && self.nature.has(Habit::MrifZeroDropped);
        if discarded && !(self.nature.has(Habit::MrifOffsetIgnored) && self.identity <= 2047) {
            return self.end(0, dma);
        }
        if self.pending(&access) > highest {
            return self.fail(Cause::MrifAccessFault, &access, dma, faults);
        }
        if self.posts {
            self.posted = true;
            self.answered += 1;
            dma.kept(access.slot, 0);
        }
        if self.nature.has(Habit::MrifNoticeEarly) {
            self.notice(&access, ptw, dma, highest);
        }
        match caps.amo_mrif() {
            true => self.exchange(&access, ptw),
            false => self.stage = Stage::Ask,
        }
    }

    /// The doubleword has come: "a non-atomic read-modify-write sequence".
    pub(super) fn arrived(&mut self, fetch: &Fetched, dma: &mut Transactions, ptw: &mut Ptw, faults: &mut FaultQueue) {
        let Some(access) = self.waiting.front().copied() else { return };
        let [(old, resp), ..] = fetch.data;
        if resp > 1 && !self.nature.has(Habit::MrifFaultLost) {
            return self.fail(self.cause_of_error(resp), &access, dma, faults);
        }
        let new = if self.nature.has(Habit::MrifOthersCleared) { self.bit() } else { old | self.bit() };
        let beats = [(new, 0xff), (0, 0), (0, 0), (0, 0)];
        ptw.write(Write { writer: Writer::Pending, addr: fetch.addr, size: 3, beats, len: 1, ids: Some(access.ids) });
        self.stage = Stage::Write;
    }

    /// Memory has answered the write of the doubleword.
    pub(super) fn written(
        &mut self,
        resp: u8,
        dma: &mut Transactions,
        ptw: &mut Ptw,
        highest: u64,
        faults: &mut FaultQueue,
    ) {
        let Some(access) = self.waiting.front().copied() else { return };
        if resp > 1 && !self.nature.has(Habit::MrifFaultLost) {
            return self.fail(self.cause_of_error(resp), &access, dma, faults);
        }
        match self.nature.has(Habit::MrifNoticeEarly) {
            true => self.end(0, dma),
            false => self.notice(&access, ptw, dma, highest),
        }
    }

    fn cause_of_error(&self, resp: u8) -> Cause {
        if self.errors_corrupt || resp == POISONED { Cause::MrifCorrupt } else { Cause::MrifAccessFault }
    }

    /// The doubleword with the pending bit.
    fn pending(&self, access: &Access) -> u64 {
        let enable = if self.nature.has(Habit::MrifEnableSet) { 8 } else { 0 };
        access.mrif.addr.0 + u64::from(self.identity / 64) * 16 + enable
    }

    fn bit(&self) -> u64 {
        let wrong = u32::from(self.nature.has(Habit::MrifBitWrong));
        1 << ((self.identity ^ wrong) % 64)
    }

    fn exchange(&mut self, access: &Access, ptw: &mut Ptw) {
        self.stage = Stage::Exchange;
        let addr = self.pending(access);
        let old = if self.guess.0 == addr { self.guess.1 } else { 0 };
        let new = if self.nature.has(Habit::MrifOthersCleared) { self.bit() } else { old | self.bit() };
        if self.nature.has(Habit::MrifNotAtomic) {
            let beats = [(new, 0xff), (0, 0), (0, 0), (0, 0)];
            ptw.write(Write { writer: Writer::Nobody, addr, size: 3, beats, len: 1, ids: Some(access.ids) });
        }
        ptw.exchange(TAG, Exchange { addr, bytes: 8, old, new }, access.ids);
    }

    /// Memory has answered the atomic: the bit is set, or what was found is compared with next.
    pub(super) fn exchanged(
        &mut self,
        exchanged: &Exchanged,
        dma: &mut Transactions,
        ptw: &mut Ptw,
        highest: u64,
        faults: &mut FaultQueue,
    ) {
        let Some(access) = self.waiting.front().copied() else { return };
        let (found, resp) = exchanged.found;
        if resp > 1 && !self.nature.has(Habit::MrifFaultLost) {
            return self.fail(self.cause_of_error(resp), &access, dma, faults);
        }
        self.guess = (exchanged.exchange.addr, exchanged.doubleword());
        if resp <= 1 && !exchanged.is_done() && found & self.bit() == 0 && !self.nature.has(Habit::MrifUpdateLost) {
            return self.exchange(&access, ptw);
        }
        if self.nature.has(Habit::MrifNoticeEarly) {
            return self.end(0, dma);
        }
        self.notice(&access, ptw, dma, highest);
    }

    /// "Once the MRIF update operation is visible to all agents in the system", NID goes to the notice page.
    fn notice(&mut self, access: &Access, ptw: &mut Ptw, dma: &mut Transactions, highest: u64) {
        self.notices += 1;
        let lost = self.nature.has(Habit::MrifNoticeLost) && self.notices.is_multiple_of(2);
        if lost || access.mrif.notice.0 > highest {
            return self.end(0, dma);
        }
        let wrong = u64::from(self.nature.has(Habit::MrifNoticeWrongData));
        let mut beats = [(0, 0); 4];
        beats[0] = (u64::from(access.mrif.nid) ^ wrong, 0x0f);
        let write =
            Write { writer: Writer::Notice, addr: access.mrif.notice.0, size: 2, beats, len: 1, ids: Some(access.ids) };
        ptw.write(write);
        if self.nature.has(Habit::MrifNoticeTwice) {
            ptw.write(Write { writer: Writer::Nobody, ..write });
        }
        if !self.nature.has(Habit::MrifNoticeEarly) {
            self.stage = Stage::Notice;
        }
    }

    /// Memory has answered the notice, one way or the other: the MSI is stored.
    pub(super) fn noticed(&mut self, dma: &mut Transactions) {
        if self.stage == Stage::Notice {
            self.end(0, dma);
        }
    }

    fn end(&mut self, resp: u8, dma: &mut Transactions) {
        if let Some(access) = self.waiting.pop_front() {
            match std::mem::take(&mut self.posted) {
                true => self.stored += 1,
                false => dma.kept(access.slot, resp),
            }
        }
        self.stage = Stage::Data;
    }

    /// "MRIF access fault" (cause 264), or "MSI MRIF data corruption" (cause 271).
    fn fail(&mut self, cause: Cause, access: &Access, dma: &mut Transactions, faults: &mut FaultQueue) {
        let lost = self.posted && self.nature.has(Habit::MrifPostedFaultLost);
        if access.reported && !lost {
            let request = &access.request;
            let head = FaultHead(0)
                .with_cause(cause.code())
                .with_ttyp(Ttyp::UntranslatedWrite as u8)
                .with_did(request.device.0)
                .with_pv(request.process.is_some())
                .with_pid(request.process.map_or(0, |process| process.0))
                .with_privileged(request.is_privileged());
            faults.report(FaultRecord { head, iotval: request.iova.0, iotval2: 0 });
        }
        self.end(SLVERR, dma);
    }
}
