// SPDX-License-Identifier: Apache-2.0
//! The ledger of MSIs for memory-resident interrupt files: what each owes, and what memory refused.
//!
//! MSIs with one identity, or for one file, cannot be told apart by what they leave. So nothing here is more than a
//! guess whose it was; what counts is that the numbers agree, and that each bit is set after its MSI had come.

use events::{Cycle, Direction, Ticket};
use golden::{Mrif, Request, Spa};

use super::dma::{Transaction, lanes};
use super::explain::request_of;
use super::updates::Exchange;
use super::window::Window;

/// What an access to the page of an interrupt file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    /// Of a transaction.
    pub fn of(transaction: &Transaction) -> Kind {
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

    /// Of an MSI.
    pub const fn identity(self) -> Option<u32> {
        match self {
            Kind::Msi(identity) | Kind::BigEndianMsi(identity) => Some(identity),
            _ => None,
        }
    }
}

/// An MSI that was or is in the device's hands.
#[derive(Clone, Debug)]
pub struct Msi {
    /// Its transaction
    pub ticket: Ticket,
    /// What that asked
    pub request: Request,
    /// When it first showed on `dev_*`
    pub offered: Cycle,
    /// When it was accepted
    pub start: Cycle,
    /// When it was answered
    pub end: Option<Cycle>,
    /// Interrupt identity, 0 to 2047
    pub identity: u32,
    /// It need not be stored
    pub optional: bool,
    /// An atomic for it is on its way to this file
    pub sent: Option<Mrif>,
    /// An atomic has set its bit there
    pub stored: Option<Mrif>,
    /// Its notice has been sent; or none will be, since no memory could take it
    pub noticed: Option<Notice>,
    /// Since when all is done for it
    pub done: Option<Cycle>,
}

/// What a notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Where it goes
    pub addr: Spa,
    /// `NID`
    pub data: u32,
}

impl Notice {
    /// The one of MSIs for this file.
    pub fn of(mrif: &Mrif) -> Notice {
        Notice { addr: mrif.notice, data: u32::from(mrif.nid) }
    }
}

impl Msi {
    /// A transaction that is an MSI if it leads to an interrupt file.
    pub fn of(transaction: &Transaction) -> Option<Msi> {
        let kind = Kind::of(transaction);
        Some(Msi {
            ticket: transaction.ticket,
            request: request_of(transaction),
            offered: transaction.offered,
            start: transaction.accepted,
            end: None,
            identity: kind.identity()?,
            optional: matches!(kind, Kind::BigEndianMsi(_)),
            sent: None,
            stored: None,
            noticed: None,
            done: None,
        })
    }

    /// In which it was with the device, up to now.
    pub fn window(&self, now: Cycle) -> Window {
        Window { offered: self.offered, ..Window::new(self.start, self.end.unwrap_or(now)) }
    }

    /// Its bit in a doubleword.
    pub const fn bit(&self) -> u64 {
        1 << (self.identity % 64)
    }

    /// The doubleword with its bit, in this file.
    pub fn pending(&self, mrif: &Mrif) -> Spa {
        pending(mrif, self.identity)
    }
}

/// Where the pending bit of an identity is.
pub fn pending(mrif: &Mrif, identity: u32) -> Spa {
    Spa(mrif.addr.0 + u64::from(identity / 64) * 16)
}

/// The bits for which an atomic may be: the one that it sets, or any that it finds set. None if it does anything else.
pub fn bits_of(exchange: &Exchange) -> Option<u64> {
    let set = exchange.new ^ exchange.old;
    let is_one = exchange.bytes == 8 && set.count_ones() <= 1 && exchange.new & set == set;
    is_one.then_some(if set == 0 { exchange.old } else { set })
}

/// What memory refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// An atomic on this doubleword, for one of these bits
    Store {
        /// Address
        addr: Spa,
        /// Bits
        bits: u64,
    },
    /// A notice, and of which request it may have been
    Notice(Notice, Request),
}

impl Refused {
    /// Whether an MSI that goes to this file may have met it.
    pub fn concerns(&self, identity: u32, mrif: &Mrif) -> bool {
        match *self {
            Refused::Store { addr, bits } => pending(mrif, identity) == addr && bits >> (identity % 64) & 1 == 1,
            Refused::Notice(notice, _) => Notice::of(mrif) == notice,
        }
    }
}

/// A refusal that no MSI has answered for yet.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// What was refused
    pub refused: Refused,
    /// With which response
    pub resp: u8,
    /// When
    pub cycle: Cycle,
}

impl Failure {
    /// It may be the store of this MSI that memory refused, as far as time and identity tell.
    pub fn is_store_of(&self, msi: &Msi) -> bool {
        match self.refused {
            Refused::Store { bits, .. } => bits & msi.bit() != 0 && self.cycle >= msi.start,
            Refused::Notice(..) => false,
        }
    }
}

/// Every MSI of which something is still to come.
#[derive(Debug, Default)]
pub struct InterruptFiles {
    /// Those that are open
    pub msis: Vec<Msi>,
    /// Those for which all is done, the oldest first, as far as it may have been done for others that are open: for one
    /// that was there with them, or that was there with one of which the same holds
    pub done: Vec<Msi>,
    /// Notices on their way to memory: AXI ID, and of which request
    pub notices: Vec<(u8, Notice, Request)>,
    /// What memory refused
    pub failures: Vec<Failure>,
}

/// So many that are done are kept at most: devices that send without a pause would keep all of them.
const KEPT: usize = 64;

impl InterruptFiles {
    /// Puts away what is stored, announced and answered.
    pub fn settle(&mut self, now: Cycle) {
        let is_done = |msi: &mut Msi| msi.end.is_some() && msi.noticed.is_some() && msi.sent.is_none();
        let done = self.msis.extract_if(.., is_done).map(|msi| Msi { done: Some(now), ..msi });
        self.done.extend(done);
        self.done.drain(..self.done.len().saturating_sub(KEPT));
        let was_there = |msi: &Msi, since: Cycle| msi.done.is_some_and(|done| done >= since);
        let mut oldest = self.msis.iter().map(|msi| msi.start).min().unwrap_or(Cycle::MAX);
        while let Some(start) = self.done.iter().filter(|msi| was_there(msi, oldest)).map(|msi| msi.start).min()
            && start < oldest
        {
            oldest = start;
        }
        self.done.retain(|msi| was_there(msi, oldest));
    }

    /// The MSI at this place, those that are done behind those that are open.
    pub fn any(&self, at: usize) -> Option<&Msi> {
        self.msis.get(at).or_else(|| self.done.get(at.checked_sub(self.msis.len())?))
    }

    /// The same, to change.
    pub fn any_mut(&mut self, at: usize) -> Option<&mut Msi> {
        let open = self.msis.len();
        if at < open { self.msis.get_mut(at) } else { self.done.get_mut(at - open) }
    }

    /// An atomic is on its way that sets the bit of the MSI at this place, in this file.
    pub fn sent(&mut self, at: usize, mrif: Mrif) {
        self.msis[at].sent = Some(mrif);
    }

    /// Memory has answered an atomic. `highest` is the highest address that there is: no notice goes beyond.
    pub fn answered(&mut self, exchange: &Exchange, found: u64, resp: u8, highest: u64, now: Cycle) {
        let Some(bits) = bits_of(exchange) else { return };
        let mine =
            |msi: &&mut Msi| bits == msi.bit() && msi.sent.is_some_and(|mrif| msi.pending(&mrif) == exchange.addr);
        let (msi, mut is_one) = (self.msis.iter_mut().find(mine), false);
        if let Some(msi) = msi {
            let mrif = msi.sent.take();
            is_one = true;
            // Where the compare failed the device tries again, unless the bit was there.
            if resp <= 1 && found == exchange.old {
                msi.stored = mrif;
                let beyond = mrif.map(|mrif| Notice::of(&mrif)).filter(|notice| notice.addr.0 > highest);
                msi.noticed = msi.noticed.or(beyond);
            }
        }
        // An update of A or D is none of these.
        let is_store = is_one || self.msis.iter().chain(&self.done).any(|msi| bits & msi.bit() != 0);
        if resp > 1 && is_store {
            let refused = Refused::Store { addr: exchange.addr, bits };
            self.failures.push(Failure { refused, resp, cycle: now });
        }
        self.settle(now);
    }
}

#[cfg(test)]
mod tests {
    use events::{Burst, DmaRequest};
    use golden::{Access, DeviceId, Iova};

    use super::super::dma::Transactions;
    use super::*;

    const MRIF: Mrif = Mrif { addr: Spa(0x5_1000), notice: Spa(0x5_2000), nid: 0x41 };
    const HIGHEST: u64 = 0xF_FFFF;
    const SET_BIT_2: Exchange = Exchange { addr: MRIF.addr, bytes: 8, old: 1, new: 5 };

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
            attributes: Default::default(),
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
        let places = [(0, 0x5_1000), (63, 0x5_1000), (130, 0x5_1020), (2047, 0x5_11F0)];
        for (identity, addr) in places {
            assert_eq!(pending(&MRIF, identity), Spa(addr));
        }
    }

    #[test]
    fn an_atomic_sets_one_bit_or_finds_it_set() {
        let bits = |old, new| bits_of(&Exchange { addr: MRIF.addr, bytes: 8, old, new });
        assert_eq!(bits(1, 5), Some(4));
        assert_eq!(bits(5, 5), Some(5));
        assert_eq!(bits(5, 4), None, "it clears one");
        assert_eq!(bits(0, 6), None, "it sets two");
        assert_eq!(bits_of(&Exchange { bytes: 4, ..SET_BIT_2 }), None);
    }

    /// An MSI with identity 2 whose atomic is on its way.
    fn sent(end: Option<Cycle>) -> InterruptFiles {
        let request = Request::untranslated(DeviceId(1), Access::Write, Iova(0x30_3000));
        let (ticket, sent, stored) = (Ticket(1), Some(MRIF), None);
        let msi = Msi {
            ticket,
            request,
            offered: 10,
            start: 10,
            end,
            identity: 2,
            optional: false,
            sent,
            stored,
            noticed: None,
            done: None,
        };
        InterruptFiles { msis: vec![msi], ..InterruptFiles::default() }
    }

    #[test]
    fn an_atomic_counts_when_its_compare_holds() {
        let mut files = sent(None);
        files.answered(&SET_BIT_2, 0, 0, HIGHEST, 20);
        assert_eq!((files.msis[0].sent, files.msis[0].stored), (None, None), "to be tried again");
        files.sent(0, MRIF);
        files.answered(&Exchange { addr: Spa(0x5_1010), ..SET_BIT_2 }, 1, 0, HIGHEST, 30);
        assert_eq!(files.msis[0].sent, Some(MRIF), "that was another");
        files.answered(&SET_BIT_2, 1, 0, HIGHEST, 40);
        assert_eq!((files.msis[0].sent, files.msis[0].stored), (None, Some(MRIF)));
        assert!(files.msis[0].noticed.is_none() && files.failures.is_empty());
    }

    #[test]
    fn what_memory_refuses_is_to_be_answered_for() {
        let mut files = sent(Some(20));
        files.answered(&SET_BIT_2, 0, 2, HIGHEST, 30);
        let [failure] = files.failures[..] else { panic!("{files:?}") };
        assert!(failure.refused.concerns(2, &MRIF) && failure.cycle == 30);
        assert!(!failure.refused.concerns(0, &MRIF), "that bit was there");
        assert!(!failure.refused.concerns(2, &Mrif { addr: Spa(0x5_1200), ..MRIF }));
        assert!(files.msis[0].stored.is_none());
        let update = Exchange { old: 1 << 40, new: 1 << 41 | 1 << 40, ..SET_BIT_2 };
        files.answered(&update, 0, 2, HIGHEST, 40);
        assert_eq!(files.failures.len(), 1, "that was none");
    }

    #[test]
    fn a_notice_that_no_memory_can_take_is_not_waited_for() {
        let mut files = sent(Some(20));
        files.answered(&SET_BIT_2, 1, 0, MRIF.notice.0 - 1, 30);
        assert!(files.msis.is_empty() && files.done.is_empty());
    }

    #[test]
    fn what_is_done_is_kept_while_it_may_have_been_done_for_another() {
        let mut files = sent(None);
        files.msis[0].sent = None;
        files.msis[0].noticed = Some(Notice::of(&MRIF));
        files.settle(20);
        assert_eq!(files.msis.len(), 1, "not answered");
        files.msis.push(Msi { noticed: None, start: 15, ticket: Ticket(2), ..files.msis[0].clone() });
        files.msis[0].end = Some(20);
        files.settle(20);
        assert_eq!((files.msis.len(), files.done.len()), (1, 1));
        assert_eq!(files.any(1).map(|msi| msi.ticket), Some(Ticket(1)));
        files.msis[0].start = 21;
        files.settle(20);
        assert!(files.done.is_empty(), "the other one came later");
        let [first, second] =
            [(10, 20), (18, 30)].map(|(start, end)| Msi { start, done: Some(end), ..files.msis[0].clone() });
        files.done.extend([first, second]);
        files.msis[0].start = 25;
        files.settle(20);
        assert_eq!(files.done.len(), 2, "what was done for the second may have been done for the first");
    }
}
