// SPDX-License-Identifier: Apache-2.0
//! The fault queue: each record is owed by a refused request, and each refused request is recorded (rule D8.1 of MODEL.md).

use events::{Cycle, Ticket};
use golden::{Fault, FaultRecord, Fqcsr, QueueBase, Request};

use super::record_queue::RecordQueue;
use super::ring::Ring;
use super::rule::{Rule, Violation};
use super::status::SETTLE;
use super::window::Window;

/// Which refused request: requests that are alike differ in when they came.
pub type Key = (Origin, Window);

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A DMA transaction
    Transaction(Ticket),
    /// An ATS translation request of a device
    Translation(u32),
    /// A translation request of software in the name of a device
    Debug(u32),
    /// A page request of a device
    Page(u32),
    /// An interrupt of the device itself
    Message,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Transaction(ticket) => write!(f, "transaction {}", ticket.0),
            Origin::Translation(device) => write!(f, "a translation request of device {device:#x}"),
            Origin::Debug(device) => write!(f, "a translation request by software for device {device:#x}"),
            Origin::Page(device) => write!(f, "a page request of device {device:#x}"),
            Origin::Message => f.write_str("a message"),
        }
    }
}

/// A refused request, and every record that it may leave.
#[derive(Clone, Debug)]
pub struct Owed {
    /// Which it was
    pub origin: Origin,
    /// What a DMA transaction asked
    pub request: Option<Request>,
    /// From its acceptance to its refusal
    pub window: Window,
    /// Faults that explain the refusal, the likely ones
    pub possible: Vec<Fault>,
    /// The queue was off, full or in error at some moment since
    pub may_be_lost: bool,
    /// It may have come to nothing for another reason, and without a record
    pub optional: bool,
}

impl Owed {
    /// Which refused request it is.
    pub fn key(&self) -> Key {
        (self.origin, self.window)
    }

    /// The request, if the record may be of it, by whose it is, when it came and which page it names.
    pub(super) fn may_have_left(&self, received: &Received) -> Option<Request> {
        let (did, page) = (received.record.head.did(), received.record.iotval >> 12);
        let names = |request: &Request| did == request.device.0 && page == request.iova.0 >> 12;
        self.request.filter(|request| names(request) && received.cycle >= self.window.offered)
    }

    /// Where one explanation is silent (DTF), a record may come and need not.
    fn may_be_silent(&self) -> bool {
        self.optional || self.possible.iter().any(|fault| !fault.reported)
    }
}

/// What is looked for as an explanation of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One without stale values
    Fresh,
    /// Any
    Any,
}

/// A record that reached memory: which entry it is in, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    /// The record
    pub record: FaultRecord,
    /// Its entry in the queue
    pub index: u32,
    /// When it came
    pub cycle: Cycle,
}

/// A record that reached memory, and what is known of whose it is.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub record: FaultRecord,
    index: u32,
    pub cycle: Cycle,
    /// Refused requests, by whose they were and when, of which it is known that nothing makes them leave it, or nothing
    /// fresh
    pub denied: Vec<(Origin, Window, Kind)>,
}

impl Received {
    fn came(&self) -> Came {
        Came { record: self.record, index: self.index, cycle: self.cycle }
    }
}

/// A record, and the refused request that it is thought to be of.
#[derive(Clone, Debug)]
pub(super) struct Paid {
    pub received: Received,
    pub owed: Owed,
}

/// Records received and records owed.
#[derive(Debug, Default)]
pub struct Faults {
    queue: RecordQueue<4>,
    pub(super) unmatched: Vec<Received>,
    pub(super) owed: Vec<Owed>,
    pub(super) paid: Vec<Paid>,
    pub(super) offsets: Offsets,
    /// Refusals that nothing explains: whether each left a record, and which, is as good as anything
    excused: Vec<Excused>,
    /// Refused requests that need no record: the device may have meant another one all the same
    forgiven: Vec<Owed>,
    /// How many there have been
    excuses: u64,
    /// Records that came for them, until somebody asks
    settled: Vec<(u64, FaultRecord)>,
    lossy: bool,
    /// When memory last refused a record
    failed: Option<Cycle>,
    /// When `lossy` was last set
    last_lossy: Option<Cycle>,
    /// When software last took records out of the queue
    taken: Cycle,
    counts: std::collections::BTreeMap<u16, u64>,
}

/// A refusal that nothing explains.
#[derive(Clone, Copy, Debug)]
struct Excused {
    number: u64,
    device: u32,
    page: u64,
    since: Cycle,
}

impl Excused {
    /// The record may be of it.
    fn may_have_left(self, received: &Received) -> bool {
        let record = &received.record;
        record.head.did() == self.device && record.iotval >> 12 == self.page && received.cycle >= self.since
    }
}

/// Which page offsets the device has been seen to report. An IO bridge may not provide the one of the IOVA, "likewise, an
/// IOMMU may report the page offset of a GPA in iotval2 as 0"; but a device that has once reported one has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offsets {
    iotval: bool,
    /// Of the address that the device asked for; of one that the IOMMU looked for by itself (bit 0 of `iotval2`)
    iotval2: [bool; 2],
}

/// Whether `iotval2` is of an implicit access.
fn is_implicit(record: &FaultRecord) -> usize {
    (record.iotval2 & 1) as usize
}

impl Offsets {
    fn learn(&mut self, record: &FaultRecord) {
        self.iotval |= record.iotval & 0xFFF != 0;
        self.iotval2[is_implicit(record)] |= record.iotval2 & 0xFFC != 0;
    }

    /// Whether a record is what a fault leaves.
    pub fn pays(self, record: &FaultRecord, fault: &Fault) -> bool {
        let right = fault.record();
        let is_it = |right: u64, came: u64, keep: u64, shown: bool| came == right || (!shown && came == right & keep);
        fault.reported
            && record.head == right.head
            && is_it(right.iotval, record.iotval, !0xFFF, self.iotval)
            && is_it(right.iotval2, record.iotval2, !0xFFC, self.iotval2[is_implicit(&right)])
    }
}

impl Faults {
    /// After reset the queue is off: nothing is recorded.
    pub fn new() -> Self {
        Faults { lossy: true, ..Faults::default() }
    }

    /// Where the queue lies.
    pub fn ring(&self) -> Ring {
        self.queue.ring()
    }

    /// Software writes `fqb`.
    pub fn base_written(&mut self, base: QueueBase) {
        self.queue.base_written(base);
    }

    /// Software writes `fqh`: it has taken records out of the queue.
    pub fn head_written(&mut self, head: u32, now: Cycle) {
        self.queue.head_written(head);
        self.taken = now;
    }

    /// Software begins to write `fqcsr`. Whether it switches the queue on.
    pub fn csr_written(&mut self, csr: Fqcsr) -> bool {
        let is_on = self.queue.enable_written(csr.fqen());
        // Until software has seen `fqon`, the device may not have noticed yet.
        self.lossy |= is_on;
        self.queue.errors_cleared(csr.fqof(), csr.fqmf());
        is_on
    }

    /// Software has read `fqcsr`. See [`RecordQueue::errors_seen`].
    pub fn errors_seen(&mut self, csr: Fqcsr) -> Result<(), Violation> {
        self.queue.errors_seen(Rule::FaultRecord, csr.fqof(), csr.fqmf())
    }

    /// Room, errors or the switch of the queue changed: from here on faults may be lost, or not any more.
    /// `errors_known_clear` says that software has just seen the queue on and without errors.
    pub fn update(&mut self, errors_known_clear: bool, now: Cycle) {
        self.queue.look_for_room();
        let was = self.lossy;
        if !self.queue.is_enabled() || self.queue.is_full() {
            self.lossy = true;
        } else if errors_known_clear {
            self.lossy = false;
        }
        if was || self.lossy {
            self.last_lossy = Some(now);
            for owed in &mut self.owed {
                owed.may_be_lost = true;
            }
        }
    }

    /// An access to `fqcsr` that was accepted in this cycle shows whether memory has refused a record.
    pub fn shows_errors(&self, accepted: Cycle) -> bool {
        self.failed.is_none_or(|failed| failed + SETTLE < accepted)
    }

    /// When a record may last have been lost; now, if the queue is off, full or in error.
    pub fn last_lossy(&self) -> Option<Cycle> {
        if self.lossy { Some(Cycle::MAX) } else { self.last_lossy }
    }

    /// Software read `fqt`. Returns how many records are in memory that it does not show yet.
    ///
    /// # Errors
    /// The furthest index that it may have.
    pub fn tail_read(&mut self, tail: u32, unanswered: Option<u32>) -> Result<u32, u32> {
        self.queue.tail_read(tail, unanswered)
    }

    /// The device wrote doublewords into the queue's memory. Returns the record that became whole by it.
    pub fn written(
        &mut self,
        index: u32,
        words: impl Iterator<Item = (usize, u64, u8)>,
        now: Cycle,
    ) -> Result<Option<FaultRecord>, Violation> {
        // The second doubleword is reserved and custom: it need not be written.
        let whole = self.queue.written(Rule::FaultRecord, index, words, &[0, 2, 3])?;
        let Some(words) = whole else { return Ok(None) };
        let record = FaultRecord::decode(words);
        self.received(record, index, now);
        Ok(Some(record))
    }

    fn received(&mut self, record: FaultRecord, index: u32, now: Cycle) {
        *self.counts.entry(record.head.cause()).or_default() += 1;
        self.offsets.learn(&record);
        self.unmatched.push(Received { record, index, cycle: now, denied: Vec::new() });
        self.settle();
        self.settle_excused();
    }

    /// The device wrote doublewords of an entry that is not the next one, or for which there is no room: it goes on there.
    pub fn adopt(&mut self, index: u32, words: impl Iterator<Item = (usize, u64, u8)>, now: Cycle) {
        if let Some(words) = self.queue.adopt(index, words, &[0, 2, 3]) {
            self.received(FaultRecord::decode(words), index, now);
        }
    }

    /// A request was refused, and nothing explains it: its record is no further news. The number under which the record is
    /// awaited; none: it was there.
    pub fn excuse(&mut self, request: &Request, since: Cycle) -> Option<u64> {
        self.excuses += 1;
        let number = self.excuses;
        self.excused.push(Excused { number, device: request.device.0, page: request.iova.0 >> 12, since });
        self.settle_excused();
        self.settled.retain(|(settled, _)| *settled != number);
        self.excused.iter().any(|excused| excused.number == number).then_some(number)
    }

    fn settle_excused(&mut self) {
        let Faults { excused, unmatched, settled, .. } = self;
        excused.retain(|excused| {
            let at = unmatched.iter().position(|received| excused.may_have_left(received));
            let record = at.map(|at| unmatched.remove(at).record);
            settled.extend(record.map(|record| (excused.number, record)));
            record.is_none()
        });
    }

    /// Records that have come for what was excused, by its numbers.
    pub fn settled(&mut self) -> Vec<(u64, FaultRecord)> {
        std::mem::take(&mut self.settled)
    }

    /// The oldest record that is of nobody is taken for that of the refused request that it is most like.
    pub fn adopt_unowed(&mut self) {
        if self.unmatched.is_empty() {
            return;
        }
        let received = self.unmatched.remove(0);
        let is_of = |owed: &Owed| owed.possible.iter().any(|fault| fault.device.0 == received.record.head.did());
        let same_page = |owed: &Owed| owed.may_have_left(&received).is_some();
        let near = self.owed.iter().position(same_page);
        if let Some(at) = near.or_else(|| self.owed.iter().position(is_of)) {
            self.owed.remove(at);
        }
    }

    /// The first record that is missing does not come.
    pub fn adopt_lost(&mut self, excused: Cycle) {
        if let Some(at) = self.owed.iter().position(|owed| self.is_lost(owed, excused)) {
            self.owed.remove(at);
        }
    }

    /// The write of the newest record met a memory fault (`fqmf`): it is discarded, and so are all that follow.
    pub fn write_failed(&mut self, now: Cycle) {
        self.failed = Some(now);
        self.lossy = true;
        self.queue.refused();
        if let Some(last) = self.unmatched.pop()
            && let Some(count) = self.counts.get_mut(&last.record.head.cause())
        {
            *count -= 1;
        }
        for owed in &mut self.owed {
            owed.may_be_lost = true;
        }
    }

    /// A request was refused. Returns the record that it left, where it is there already.
    pub fn refused(&mut self, mut owed: Owed) -> Option<usize> {
        // The fault met the queue at some moment since the request was accepted; the answer may have come much later.
        owed.may_be_lost |= self.lossy || self.last_lossy.is_some_and(|cycle| cycle >= owed.window.offered);
        let offsets = self.offsets;
        let found = self.unmatched.iter().enumerate().find_map(|(at, received)| {
            owed.possible.iter().position(|fault| offsets.pays(&received.record, fault)).map(|which| (at, which))
        });
        match found {
            Some((at, which)) => {
                let received = self.unmatched.remove(at);
                self.paid.push(Paid { received, owed });
                Some(which)
            }
            None => {
                self.owed.push(owed);
                None
            }
        }
    }

    /// How many refused requests have left a record.
    pub fn paid(&self) -> usize {
        self.paid.len()
    }

    /// The refused requests beyond the first so many that have left a record, and which.
    pub fn paid_since(&self, count: usize) -> Vec<(Key, FaultRecord)> {
        let paid = self.paid.iter().skip(count);
        paid.map(|paid| (paid.owed.key(), paid.received.record)).collect()
    }

    /// The record that a refused request has left.
    pub fn left_by(&self, key: Key) -> Option<FaultRecord> {
        let paid = self.paid.iter().rev().find(|paid| paid.owed.key() == key)?;
        Some(paid.received.record)
    }

    /// Whether a fault leaves this record.
    pub fn leaves(&self, fault: &Fault, record: &FaultRecord) -> bool {
        self.offsets.pays(record, fault)
    }

    /// Whether the record of this request may never come, since the queue was off, full or in error, or since none of its
    /// faults leaves one.
    pub fn is_lossy(&self, key: Key) -> bool {
        let mut owed = self.owed.iter().rev();
        owed.find(|owed| owed.key() == key)
            .is_some_and(|owed| owed.may_be_lost || owed.possible.iter().all(|fault| !fault.reported))
    }

    /// Pays owed records with received ones.
    fn settle(&mut self) {
        let offsets = self.offsets;
        let mut at = 0;
        while at < self.unmatched.len() {
            let received = &self.unmatched[at];
            let payer = |owed: &Owed| owed.possible.iter().any(|fault| offsets.pays(&received.record, fault));
            match self.owed.iter().position(payer) {
                Some(index) => {
                    let (received, owed) = (self.unmatched.remove(at), self.owed.remove(index));
                    self.paid.push(Paid { received, owed });
                }
                None => at += 1,
            }
        }
    }

    /// At rest: nothing may be left over. Only a fault that may have met the queue no later than in cycle `excused`, when
    /// it was off or had an error, need not be recorded.
    pub fn at_rest(&self, excused: Cycle) -> Result<(), Violation> {
        if let Some(received) = self.unmatched.first() {
            let (detail, wrong) = (detail(&received.record), describe(&received.record));
            return Err(Violation::new(Rule::FaultRecord, detail, "no record: no refused request explains it", wrong));
        }
        match self.missing(excused) {
            None => Ok(()),
            Some(owed) => {
                let fault = &owed.possible[0];
                let right = describe(&fault.record());
                let wrong = format!("no record of {}, refused in cycle {}", owed.origin, owed.window.end);
                Err(Violation::new(Rule::FaultLost, format!("cause {}", fault.cause.code()), right, wrong))
            }
        }
    }

    /// By no known explanation may the record be missing.
    fn is_lost(&self, owed: &Owed, excused: Cycle) -> bool {
        let may_be_lost = owed.may_be_lost && owed.window.offered <= excused;
        !may_be_lost && !owed.may_be_silent() && !owed.possible.iter().any(|fault| self.is_merged(owed.window, fault))
    }

    /// "The IOMMU may identify multiple requests as having detected an identical fault … or report the fault for a subset,
    /// including one, of requests."
    fn is_merged(&self, window: Window, fault: &Fault) -> bool {
        // A device may compare with the last record for as long as software has not taken it.
        let is_near = |cycle: Cycle| cycle >= window.offered || cycle >= self.taken;
        let pays = |r: &Received| is_near(r.cycle) && self.offsets.pays(&r.record, fault);
        self.paid.iter().any(|paid| pays(&paid.received))
    }

    /// A request whose record is missing by the known explanations. Returns its place among those owed, and the request.
    pub fn lost(&self, excused: Cycle) -> Option<(usize, Request, Window)> {
        let at = self.owed.iter().position(|owed| self.is_lost(owed, excused))?;
        Some((at, self.owed[at].request?, self.owed[at].window))
    }

    /// Whether a fault of this request needs no record of its own.
    pub fn needs_no_record(&self, window: Window, fault: &Fault) -> bool {
        !fault.reported || self.is_merged(window, fault)
    }

    /// The request at this place was refused by a fault that needs no record.
    pub fn forgive(&mut self, at: usize) {
        let owed = self.owed.remove(at);
        self.forgiven.push(owed);
    }

    /// Records that no refused request explains so far, oldest first.
    pub fn unexplained(&self) -> impl Iterator<Item = Came> + '_ {
        self.unmatched.iter().map(Received::came)
    }

    /// Every refused request, and the record that it has left: those first that have left none, by right or not.
    pub fn refusals(&self) -> impl Iterator<Item = (&Owed, Option<Came>)> {
        let paid = self.paid.iter().map(|paid| (&paid.owed, Some(paid.received.came())));
        self.owed.iter().chain(&self.forgiven).map(|owed| (owed, None)).chain(paid)
    }

    /// A refused request whose record must not be missing, and is.
    pub fn missing(&self, excused: Cycle) -> Option<&Owed> {
        self.owed.iter().find(|owed| self.is_lost(owed, excused))
    }

    /// Records by cause.
    pub fn counts(&self) -> &std::collections::BTreeMap<u16, u64> {
        &self.counts
    }
}

/// The bucket of a record that nothing explains.
pub fn detail(record: &FaultRecord) -> String {
    format!("cause {}", record.head.cause())
}

/// A record in one line.
pub fn describe(record: &FaultRecord) -> String {
    let head = record.head;
    let process = if head.pv() {
        format!(", PID {:#x}, PRIV {}", head.pid(), u8::from(head.privileged()))
    } else {
        String::new()
    };
    format!(
        "cause {} ({}), TTYP {}, DID {:#x}{process}, iotval {:#x}, iotval2 {:#x}",
        head.cause(),
        record.cause().map_or("reserved", golden::Cause::name),
        head.ttyp(),
        head.did(),
        record.iotval,
        record.iotval2
    )
}

#[cfg(test)]
pub(super) mod tests {
    use golden::{Access, Cause, DeviceId, Iova, Request, Response};

    use super::*;

    pub fn fault(iova: u64) -> Fault {
        let request = Request::untranslated(DeviceId(5), Access::Read, Iova(iova));
        Fault {
            cause: Cause::ReadPageFault,
            iotval: iova,
            iotval2: 0,
            ttyp: request.ttyp(),
            device: request.device,
            process: None,
            privileged: false,
            reported: true,
            response: Response::UnsupportedRequest,
        }
    }

    pub fn owed(fault: Fault) -> Owed {
        Owed {
            origin: Origin::Transaction(Ticket(1)),
            request: Some(Request::untranslated(DeviceId(5), Access::Read, Iova(fault.iotval))),
            window: Window::new(10, 20),
            possible: vec![fault],
            may_be_lost: false,
            optional: false,
        }
    }

    pub fn working() -> Faults {
        let mut faults = Faults::new();
        faults.base_written(QueueBase(0).with_ppn(2).with_log2sz_minus1(1));
        faults.csr_written(Fqcsr(0).with_fqen(true));
        faults.update(true, 5);
        faults
    }

    pub fn write(faults: &mut Faults, index: u32, record: FaultRecord) -> Result<Option<FaultRecord>, Violation> {
        let words = record.encode();
        faults.written(index, words.into_iter().enumerate().map(|(at, value)| (at, value, 0xFF)), 15)
    }

    #[test]
    fn a_record_pays_a_refusal_in_either_order() {
        let mut faults = working();
        write(&mut faults, 0, fault(0x5008).record()).unwrap();
        assert_eq!(faults.refused(owed(fault(0x5008))), Some(0));
        assert_eq!(faults.at_rest(0), Ok(()));
        assert_eq!(faults.refused(owed(fault(0x6008))), None);
        assert_eq!(faults.at_rest(0).unwrap_err().rule, Rule::FaultLost);
        write(&mut faults, 1, fault(0x6008).record()).unwrap();
        assert_eq!(faults.at_rest(0), Ok(()));
    }

    #[test]
    fn a_page_offset_may_be_left_out_but_not_changed() {
        let mut faults = working();
        faults.refused(owed(fault(0x5008)));
        write(&mut faults, 0, fault(0x5000).record()).unwrap();
        assert_eq!(faults.at_rest(0), Ok(()));
        faults.refused(owed(fault(0x5008)));
        write(&mut faults, 1, fault(0x5010).record()).unwrap();
        assert_eq!(faults.at_rest(0).unwrap_err().rule, Rule::FaultRecord);
    }

    #[test]
    fn one_record_for_identical_faults_but_not_two_for_one() {
        let mut faults = working();
        faults.refused(owed(fault(0x5008)));
        faults.refused(owed(fault(0x5008)));
        write(&mut faults, 0, fault(0x5008).record()).unwrap();
        assert_eq!(faults.at_rest(0), Ok(()));
        write(&mut faults, 1, fault(0x5008).record()).unwrap();
        assert_eq!(faults.at_rest(0), Ok(()), "each reported individually");
        write(&mut faults, 2, fault(0x5008).record()).unwrap();
        assert_eq!(faults.at_rest(0).unwrap_err().rule, Rule::FaultRecord);
    }

    #[test]
    fn entries_are_written_in_order_and_never_into_a_full_queue() {
        let mut faults = working();
        assert!(write(&mut faults, 1, fault(0).record()).is_err());
        for index in 0..3 {
            write(&mut faults, index, fault(0).record()).unwrap();
        }
        assert_eq!(write(&mut faults, 3, fault(0).record()).unwrap_err().detail, "full");
    }

    #[test]
    fn what_a_full_queue_loses_is_no_violation() {
        let mut faults = working();
        for index in 0..3 {
            faults.refused(owed(fault(0x1000 * u64::from(index))));
            write(&mut faults, index, fault(0x1000 * u64::from(index)).record()).unwrap();
        }
        faults.update(false, 16);
        faults.refused(owed(fault(0x9000)));
        assert_eq!(faults.at_rest(Cycle::MAX), Ok(()), "fqof was seen set");
        assert_eq!(faults.at_rest(0).unwrap_err().rule, Rule::FaultLost, "and here it was not");
    }
}
