//! Memory-resident interrupt files (AIA, "MSI PTE, MRIF mode"): what a device writes into the page of one never shows on
//! `mem_*`. The device under test sets the pending bit itself, by an atomic, and then sends the notice, each time. The
//! bit and the notice come by the time the machine is at rest, and neither comes without an MSI.

use golden::{Cause, Fault, Mrif, Outcome, Request, Response, Role, Spa, Target, Tc, Ttyp};

use super::Oracle;
use super::chooser::{Choice, Chooser, Reach};
use super::dma::{Transaction, lanes};
use super::explain::{Explanation, request_of};
use super::faults::{Origin, Owed};
use super::rule::{Rule, Violation};
use super::software::Peek;
use super::updates::Exchange;
use super::usable::Window;
use crate::bus::{Cycle, Direction, Ticket};

/// What an access to the page of an interrupt file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// "A naturally aligned 32-bit write … recognized as an MSI", with its identity.
    Msi(u32),
    /// One at offset 4: in big-endian order, or "accepted but discarded" where that is not supported.
    BigEndianMsi(u32),
    /// Another naturally aligned write of 32 bits: "accepted but discarded".
    Discarded,
    /// "For a naturally aligned 32-bit read, the IOMMU should preferably return zero … but may alternatively abort".
    Read,
    /// "The access should be aborted as unsupported."
    Unsupported,
}

impl Kind {
    fn of(transaction: &Transaction) -> Kind {
        let dma = &transaction.request;
        let offset = dma.iova.0 & 0xFFF;
        if dma.burst.len != 0 || dma.burst.size != 2 || offset & 3 != 0 {
            return Kind::Unsupported;
        }
        let lane = 8 * (offset & 4);
        match (dma.direction, dma.data.first()) {
            (Direction::Read, _) => Kind::Read,
            (Direction::Write, Some(&(data, strobes))) if u64::from(strobes) == 0xF << (lane / 8) => {
                let word = ((data & lanes(strobes)) >> lane) as u32;
                match offset {
                    0 if word < 2048 => Kind::Msi(word),
                    4 if word.swap_bytes() < 2048 => Kind::BigEndianMsi(word.swap_bytes()),
                    _ => Kind::Discarded,
                }
            }
            (Direction::Write, _) => Kind::Unsupported,
        }
    }

    const fn identity(self) -> Option<u32> {
        match self {
            Kind::Msi(identity) | Kind::BigEndianMsi(identity) => Some(identity),
            _ => None,
        }
    }
}

/// How far the store of an MSI is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing of it was seen.
    Open,
    /// An atomic for it is on its way to this interrupt file.
    Sent(Mrif),
    /// The pending bit is set.
    Set(Mrif),
    /// The notice has been sent.
    Noticed,
    /// Memory refused the atomic, or the notice.
    Refused,
}

/// An MSI that was or is in the device's hands.
#[derive(Clone, Debug)]
struct Msi {
    ticket: Ticket,
    request: Request,
    start: Cycle,
    /// When it was answered
    end: Option<Cycle>,
    identity: u32,
    /// It need not be stored
    optional: bool,
    stage: Stage,
}

impl Msi {
    /// A transaction that is an MSI if it leads to an interrupt file.
    fn of(transaction: &Transaction) -> Option<Msi> {
        let kind = Kind::of(transaction);
        Some(Msi {
            ticket: transaction.ticket,
            request: request_of(transaction),
            start: transaction.accepted,
            end: None,
            identity: kind.identity()?,
            optional: matches!(kind, Kind::BigEndianMsi(_)),
            stage: Stage::Open,
        })
    }
}

/// What memory holds and what was read of it; then whatever may be in a cache.
const NEAR_AND_FAR: [&[Reach]; 2] = [&[Reach::Plain], &Reach::BY_TAGS];

/// Every MSI of which something is still to come.
#[derive(Debug, Default)]
pub struct InterruptFiles {
    msis: Vec<Msi>,
    /// Notices on their way to memory: AXI ID and of which MSI
    notices: Vec<(u8, Msi)>,
}

/// Where the pending bit of an identity is, and which bit.
fn pending(mrif: &Mrif, identity: u32) -> (Spa, u64) {
    (Spa(mrif.addr.0 + u64::from(identity / 64) * 16), 1 << (identity % 64))
}

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

/// "MRIF access fault" (cause 264).
fn access_fault(request: &Request, reported: bool) -> Fault {
    Fault {
        cause: Cause::MrifAccessFault,
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

impl InterruptFiles {
    /// An MSI was stored and answered, or came to nothing: no more is to come.
    fn settle(&mut self) {
        self.msis.retain(|msi| msi.end.is_none() || !matches!(msi.stage, Stage::Noticed | Stage::Refused));
    }

    /// Memory has answered an atomic: the bit is set, by this one or by another one before. Returns the MSI that came to
    /// nothing although it had been answered.
    fn answered(&mut self, exchange: &Exchange, found: u64, resp: u8) -> Option<(Msi, Mrif)> {
        let mine = |msi: &&mut Msi| match msi.stage {
            Stage::Sent(mrif) => {
                let (addr, bit) = pending(&mrif, msi.identity);
                addr == exchange.addr && exchange.new == exchange.old | bit
            }
            _ => false,
        };
        let msi = self.msis.iter_mut().find(mine)?;
        let Stage::Sent(mrif) = msi.stage else { return None };
        let bit = pending(&mrif, msi.identity).1;
        let mut failed = None;
        if resp > 1 {
            msi.stage = Stage::Refused;
            failed = msi.end.is_some().then(|| (msi.clone(), mrif));
        } else if found == exchange.old || found & bit != 0 {
            msi.stage = Stage::Set(mrif);
        }
        self.settle();
        failed
    }

    /// At rest: what was answered has been stored. A notice that would go beyond `highest` need not be sent.
    pub fn at_rest(&self, highest: u64) -> Result<(), Violation> {
        let missing = |msi: &&Msi| match msi.stage {
            Stage::Open => msi.end.is_some() && !msi.optional,
            Stage::Set(mrif) => msi.end.is_some() && mrif.notice.0 <= highest,
            _ => msi.end.is_some(),
        };
        let Some(msi) = self.msis.iter().find(missing) else { return Ok(()) };
        let (detail, right) = match msi.stage {
            Stage::Open | Stage::Sent(_) => ("pending", "the pending bit"),
            _ => ("notice", "the notice"),
        };
        let right = format!("{right} of identity {}, by transaction {}", msi.identity, msi.ticket.0);
        Err(Violation::new(Rule::InterruptFile, detail, right, "none"))
    }
}

impl Oracle {
    /// Every MSI in the device's hands, noted where it is not yet.
    fn note_msis(&mut self) {
        for transaction in self.transactions.live().iter().filter(|t| t.translated().is_none()) {
            if !self.files.msis.iter().any(|msi| msi.ticket == transaction.ticket) {
                self.files.msis.extend(Msi::of(transaction));
            }
        }
        let live = self.transactions.live();
        let is_live = |ticket: Ticket| live.iter().any(|t| t.ticket == ticket && t.translated().is_none());
        // What went to memory by now was none.
        self.files.msis.retain(|msi| msi.end.is_some() || is_live(msi.ticket));
    }

    /// The interrupt file that a request leads to, one that `fits`.
    fn leads_to(
        &mut self,
        reaches: &[Reach],
        request: &Request,
        window: Window,
        fits: impl Fn(&Mrif) -> bool,
    ) -> Option<(Mrif, Explanation)> {
        let accept = |outcome: &Outcome, _: &Chooser<'_>| file_of(outcome).is_some_and(&fits);
        let explanation = self.explain_within(reaches, request, window, accept)?;
        Some((*file_of(&explanation.outcome)?, explanation))
    }

    /// Whether an atomic sets the pending bit of an MSI.
    pub(super) fn is_store_of_msi(&mut self, exchange: &Exchange, now: Cycle) -> bool {
        if !self.registers.caps.msi_mrif() {
            return false;
        }
        self.note_msis();
        NEAR_AND_FAR.iter().any(|reaches| self.stores(exchange, now, reaches))
    }

    fn stores(&mut self, exchange: &Exchange, now: Cycle, reaches: &[Reach]) -> bool {
        for at in 0..self.files.msis.len() {
            let Msi { request, start, end, identity, stage, .. } = self.files.msis[at];
            let bit = 1 << (identity % 64);
            let open = matches!(stage, Stage::Open | Stage::Sent(_));
            if !open || exchange.bytes != 8 || exchange.new != exchange.old | bit {
                continue;
            }
            let window = Window { start, end: end.unwrap_or(now) };
            let there = |mrif: &Mrif| pending(mrif, identity).0 == exchange.addr;
            if let Some((mrif, _)) = self.leads_to(reaches, &request, window, there) {
                self.files.msis[at].stage = Stage::Sent(mrif);
                return true;
            }
        }
        false
    }

    /// Whether a word of 4 bytes that the device wrote is a notice: of an MSI whose bit is set, or was set already.
    pub(super) fn is_notice(&mut self, id: u8, addr: Spa, data: u32, now: Cycle) -> bool {
        if !self.registers.caps.msi_mrif() {
            return false;
        }
        self.note_msis();
        let fits = |msi: &Msi| matches!(msi.stage, Stage::Set(m) if m.notice == addr && u32::from(m.nid) == data);
        let near = self.files.msis.iter().position(fits);
        let far = || NEAR_AND_FAR.iter().find_map(|reaches| self.announced(addr, data, now, reaches));
        let Some(at) = near.or_else(far) else { return false };
        self.files.msis[at].stage = Stage::Noticed;
        self.files.notices.push((id, self.files.msis[at].clone()));
        self.files.settle();
        true
    }

    /// The MSI that a notice announces.
    fn announced(&mut self, addr: Spa, data: u32, now: Cycle, reaches: &[Reach]) -> Option<usize> {
        let fits = |mrif: &Mrif| mrif.notice == addr && u32::from(mrif.nid) == data;
        for at in 0..self.files.msis.len() {
            let Msi { request, start, end, identity, stage, .. } = self.files.msis[at];
            let window = Window { start, end: end.unwrap_or(now) };
            let is_it = match stage {
                // Software may have changed what goes with the file.
                Stage::Set(mrif) => {
                    self.leads_to(reaches, &request, window, |m| fits(m) && m.addr == mrif.addr).is_some()
                }
                // A device that reads first need not set what is set.
                Stage::Open => match self.leads_to(reaches, &request, window, fits) {
                    Some((mrif, _)) => self.was_set(&mrif, identity, start),
                    None => false,
                },
                Stage::Sent(_) | Stage::Noticed | Stage::Refused => false,
            };
            if is_it {
                return Some(at);
            }
        }
        None
    }

    /// The device has read the pending bit as 1 since this cycle.
    fn was_set(&self, mrif: &Mrif, identity: u32, start: Cycle) -> bool {
        let (addr, bit) = pending(mrif, identity);
        self.histories.word(addr).is_some_and(|history| {
            let mut seen = history.sightings().iter().filter(|seen| seen.resp == 0 && seen.value & bit != 0);
            seen.any(|seen| seen.last_sampled >= start)
        })
    }

    /// Memory has answered an atomic.
    pub(super) fn file_answered(&mut self, exchange: &Exchange, found: u64, resp: u8, now: Cycle) {
        if let Some((msi, mrif)) = self.files.answered(exchange, found, resp) {
            self.store_failed(&msi, &mrif, now);
        }
    }

    /// An MSI that was answered already has come to nothing: the fault is recorded all the same.
    fn store_failed(&mut self, msi: &Msi, mrif: &Mrif, now: Cycle) {
        let window = Window { start: msi.start, end: msi.end.unwrap_or(now) };
        let may_be_silent = self.explain(&msi.request, window, |outcome, chooser| {
            file_of(outcome) == Some(mrif) && chooser.choices().iter().any(is_silent)
        });
        self.failed_late(msi, may_be_silent.is_some(), now);
    }

    fn failed_late(&mut self, msi: &Msi, optional: bool, now: Cycle) {
        self.faults.refused(Owed {
            origin: Origin::Transaction(msi.ticket),
            request: None,
            window: Window { start: msi.start, end: now },
            possible: vec![access_fault(&msi.request, true)],
            may_be_lost: false,
            optional,
        });
    }

    /// "The PW bit … can be used to request that the IOMMU ensure that all previous write requests from devices that have
    /// already been processed by the IOMMU be committed": an MSI that was answered by this cycle, and whose pending bit
    /// the device cannot know to be set.
    pub(super) fn unstored_msi(&mut self, by: Cycle) -> Option<Ticket> {
        let at = (0..self.files.msis.len()).find(|&at| self.is_unstored(at, by))?;
        Some(self.files.msis[at].ticket)
    }

    fn is_unstored(&mut self, at: usize, by: Cycle) -> bool {
        let Msi { request, start, identity, optional, stage, end, .. } = self.files.msis[at];
        let Some(end) = end.filter(|&end| end <= by) else { return false };
        let is_open = matches!(stage, Stage::Open | Stage::Sent(_)) && !(optional && stage == Stage::Open);
        let mut tried: Vec<Mrif> = Vec::new();
        while is_open {
            let another = |mrif: &Mrif| !tried.contains(mrif);
            match self.leads_to(&Reach::ALL, &request, Window { start, end }, another) {
                // An atomic for another MSI has set the bit, or it was set.
                Some((mrif, _)) if self.was_set(&mrif, identity, start) => return false,
                Some((mrif, _)) => tried.push(mrif),
                None => return true,
            }
        }
        false
    }

    /// A transaction was answered OKAY although memory was not asked: that is for interrupt files only.
    pub(super) fn kept(
        &mut self,
        transaction: &Transaction,
        data: &[u64],
        now: Cycle,
        memory: &dyn Peek,
    ) -> Result<(), Violation> {
        let request = request_of(transaction);
        let window = Window { start: transaction.accepted, end: now };
        let broken =
            |detail: &str, right: &str, wrong: String| Err(Violation::new(Rule::DmaResponse, detail, right, wrong));
        let found =
            if self.registers.caps.msi_mrif() { self.leads_to(&Reach::ALL, &request, window, |_| true) } else { None };
        let Some((_, explanation)) = found else {
            return broken("not sent", "a translation, or SLVERR", "OKAY although memory was not asked".to_owned());
        };
        if data.iter().any(|&data| data != 0) {
            return broken("interrupt file", "zero, or SLVERR", format!("{data:#x?}"));
        }
        self.figures.translations_compared += 1;
        self.note_answered(transaction, now);
        self.explained(&request, &explanation, window, memory);
        Ok(())
    }

    /// An MSI is answered: from now on only what it owes is to come.
    fn note_answered(&mut self, transaction: &Transaction, now: Cycle) {
        match self.files.msis.iter_mut().find(|msi| msi.ticket == transaction.ticket) {
            Some(msi) => msi.end = Some(now),
            None => self.files.msis.extend(Msi::of(transaction).map(|msi| Msi { end: Some(now), ..msi })),
        }
        self.files.settle();
    }

    /// How an interrupt file explains a refusal: an access that none takes leaves no record; memory behind it leaves "MRIF
    /// access fault" (cause 264). `reaches` says how far to look.
    pub(super) fn refused_by_file(
        &mut self,
        reaches: &[Reach],
        transaction: &Transaction,
        now: Cycle,
    ) -> Option<(Fault, Explanation)> {
        if !self.registers.caps.msi_mrif() {
            return None;
        }
        let request = request_of(transaction);
        let start = transaction.accepted;
        let (mrif, explanation) = self.leads_to(reaches, &request, Window { start, end: now }, |_| true)?;
        let kind = Kind::of(transaction);
        if kind == Kind::Discarded {
            return None;
        }
        if let Some(identity) = kind.identity() {
            let stage = self.files.msis.iter().find(|msi| msi.ticket == transaction.ticket).map(|msi| msi.stage);
            let addr = pending(&mrif, identity).0;
            let out_of_reach = addr.0.max(mrif.notice.0) > self.registers.caps.spa_max();
            let unread = self.histories.word(addr).is_some_and(|history| {
                history.sightings().iter().any(|seen| seen.resp != 0 && seen.last_sampled >= start)
            });
            if stage != Some(Stage::Refused) && !out_of_reach && !unread {
                return None;
            }
        }
        let reported = kind.identity().is_some() && !explanation.choices.iter().any(is_silent);
        let fault = access_fault(&request, reported);
        self.files.msis.retain(|msi| msi.ticket != transaction.ticket);
        Some((fault, explanation))
    }

    /// Memory has answered a notice.
    pub(super) fn notice_answered(&mut self, id: u8, resp: u8, now: Cycle) {
        let Some(at) = self.files.notices.iter().position(|(of, _)| *of == id) else { return };
        let (_, noticed) = self.files.notices.remove(at);
        if resp <= 1 {
            return;
        }
        match self.files.msis.iter_mut().find(|msi| msi.ticket == noticed.ticket) {
            Some(msi) => msi.stage = Stage::Refused,
            // It had been answered. Whether a notice that fails is recorded is not said.
            None => self.failed_late(&noticed, true, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use golden::{Access, DeviceId, Iova};

    use super::super::dma::Transactions;
    use super::*;
    use crate::bus::{Burst, DmaRequest};

    const MRIF: Mrif = Mrif { addr: Spa(0x5_1000), notice: Spa(0x5_2000), nid: 0x41 };

    fn kind(direction: Direction, offset: u64, size: u8, data: (u64, u8)) -> Kind {
        let mut transactions = Transactions::default();
        let request = DmaRequest {
            id: 1,
            direction,
            iova: Iova(0x30_3000 + offset),
            burst: Burst { len: 0, size, kind: 1 },
            device: DeviceId(1),
            process: None,
            privileged: false,
            instruction: false,
            translated: false,
            data: vec![data],
        };
        transactions.accepted(Ticket(1), request, 10);
        Kind::of(&transactions.live()[0])
    }

    #[test]
    fn an_msi_is_an_aligned_write_of_32_bits_to_offset_0_or_4() {
        let write = |offset, size, data| kind(Direction::Write, offset, size, data);
        assert_eq!(write(0, 2, (130, 0x0F)), Kind::Msi(130));
        assert_eq!(write(0, 2, (0, 0x0F)), Kind::Msi(0), "zero counts as an identity");
        assert_eq!(write(0, 2, (2048, 0x0F)), Kind::Discarded);
        assert_eq!(write(4, 2, (u64::from(130u32.swap_bytes()) << 32, 0xF0)), Kind::BigEndianMsi(130));
        assert_eq!(write(4, 2, (130 << 32, 0xF0)), Kind::Discarded);
        assert_eq!(write(8, 2, (130, 0x0F)), Kind::Discarded);
        assert_eq!(write(0, 3, (130, 0xFF)), Kind::Unsupported);
        assert_eq!(write(2, 1, (130 << 16, 0x0C)), Kind::Unsupported);
        assert_eq!(write(0, 2, (130, 0x03)), Kind::Unsupported, "not all of it is written");
        assert_eq!(kind(Direction::Read, 0, 2, (0, 0)), Kind::Read);
    }

    #[test]
    fn an_identity_has_its_bit_in_an_even_doubleword() {
        assert_eq!(pending(&MRIF, 0), (Spa(0x5_1000), 1));
        assert_eq!(pending(&MRIF, 63), (Spa(0x5_1000), 1 << 63));
        assert_eq!(pending(&MRIF, 130), (Spa(0x5_1020), 1 << 2));
        assert_eq!(pending(&MRIF, 2047), (Spa(0x5_11F0), 1 << 63));
    }

    fn at_rest(stage: Stage, optional: bool, end: Option<Cycle>) -> String {
        let request = Request::untranslated(DeviceId(1), Access::Write, Iova(0x30_3000));
        let msi = Msi { ticket: Ticket(1), request, start: 10, end, identity: 130, optional, stage };
        let mut files = InterruptFiles { msis: vec![msi], notices: Vec::new() };
        files.settle();
        files.at_rest(0xF_FFFF).map_or_else(|violation| violation.detail, |()| "nothing".to_owned())
    }

    #[test]
    fn what_was_answered_is_stored_and_announced_by_the_time_of_rest() {
        assert_eq!(at_rest(Stage::Open, false, Some(20)), "pending");
        assert_eq!(at_rest(Stage::Sent(MRIF), false, Some(20)), "pending");
        assert_eq!(at_rest(Stage::Set(MRIF), false, Some(20)), "notice");
        let beyond = Mrif { notice: Spa(1 << 20), ..MRIF };
        assert_eq!(at_rest(Stage::Set(beyond), false, Some(20)), "nothing", "no memory can be there");
        assert_eq!(at_rest(Stage::Noticed, false, Some(20)), "nothing");
        assert_eq!(at_rest(Stage::Open, true, Some(20)), "nothing", "big-endian MSIs need not be supported");
        assert_eq!(at_rest(Stage::Set(MRIF), true, Some(20)), "notice", "but what was begun is done whole");
        assert_eq!(at_rest(Stage::Open, false, None), "nothing", "it may not have been translated yet");
    }

    const SET_BIT_2: Exchange = Exchange { addr: MRIF.addr, bytes: 8, old: 0, new: 4 };

    /// One MSI whose atomic is on its way.
    fn sent(end: Option<Cycle>) -> InterruptFiles {
        let request = Request::untranslated(DeviceId(1), Access::Write, Iova(0x30_3000));
        let (ticket, stage) = (Ticket(1), Stage::Sent(MRIF));
        let msi = Msi { ticket, request, start: 10, end, identity: 2, optional: false, stage };
        InterruptFiles { msis: vec![msi], notices: Vec::new() }
    }

    #[test]
    fn an_atomic_that_fails_is_tried_again_unless_the_bit_is_there() {
        let mut files = sent(None);
        assert!(files.answered(&SET_BIT_2, 1, 0).is_none());
        assert_eq!(files.msis[0].stage, Stage::Sent(MRIF));
        assert!(files.answered(&SET_BIT_2, 5, 0).is_none());
        assert_eq!(files.msis[0].stage, Stage::Set(MRIF), "somebody else has set it");
    }

    #[test]
    fn an_atomic_that_is_refused_after_the_answer_is_a_fault_of_its_own() {
        let mut files = sent(None);
        assert!(files.answered(&SET_BIT_2, 0, 2).is_none(), "the answer will tell");
        assert_eq!(files.msis[0].stage, Stage::Refused);
        let mut files = sent(Some(20));
        let failed = files.answered(&SET_BIT_2, 0, 2);
        assert!(failed.is_some_and(|(msi, mrif)| msi.ticket == Ticket(1) && mrif == MRIF));
        assert!(files.msis.is_empty());
    }
}
