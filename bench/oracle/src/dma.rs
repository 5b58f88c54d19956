// SPDX-License-Identifier: Apache-2.0
//! DMA transactions in the hands of the device (rule D8.4 of MODEL.md), and who is waiting for a translation.

use events::{Attributes, Burst, Cycle, Direction, DmaRequest, FIXED, INCR, POISONED, QosIds, Ticket, WRAP};
use golden::Spa;

use super::rule::{Rule, Violation};

/// Responses of AXI by their code.
const RESPONSES: [&str; 5] = ["OKAY", "EXOKAY", "SLVERR", "DECERR", "OKAY with poison"];

/// Where memory was asked for a translated transaction.
#[derive(Clone, Debug)]
pub struct AtMemory {
    shown: Shown,
    cycle: Cycle,
    data: Vec<u64>,
    write_beats: usize,
    resp: u8,
    done: Option<Cycle>,
}

/// One transaction between its acceptance and its response.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Its number
    pub ticket: Ticket,
    /// What the device asked
    pub request: DmaRequest,
    /// When it first showed on `dev_*`
    pub offered: Cycle,
    /// When it was accepted: `start` of the oracle's rules
    pub accepted: Cycle,
    memory: Option<AtMemory>,
}

/// An address channel of `mem_*`, as the device shows it.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Read or write
    pub direction: Direction,
    /// AXI ID
    pub id: u8,
    /// Translated address
    pub addr: Spa,
    /// Shape
    pub burst: Burst,
    /// Memory type
    pub pbmt: u8,
    /// `AxPROT`
    pub prot: u8,
    /// The rest of what AXI says of it
    pub attributes: Attributes,
    /// Its QoS IDs
    pub ids: QosIds,
}

impl Shown {
    /// A transaction of this ID and shape.
    fn fits(&self, t: &Transaction) -> bool {
        t.request.direction == self.direction
            && t.request.id == self.id
            && t.request.burst == self.burst
            && t.request.iova.0 & 0xFFF == self.addr.0 & 0xFFF
            && axprot(&t.request) == self.prot & 0b101
            && t.request.attributes == self.attributes
    }

    /// What of it is not as the transaction asks.
    fn differs(&self, t: &Transaction) -> Vec<&'static str> {
        let (own, asked) = (self.attributes, t.request.attributes);
        let all = [
            ("burst", t.request.burst != self.burst),
            ("page offset", t.request.iova.0 & 0xFFF != self.addr.0 & 0xFFF),
            ("prot", axprot(&t.request) != self.prot & 0b101),
            ("lock", own.lock != asked.lock),
            ("cache", own.cache != asked.cache),
            ("qos", own.qos != asked.qos),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// How a finished transaction ended.
#[derive(Clone, Debug)]
pub enum Finished {
    /// It was translated; that was judged when it showed on `mem_*`.
    Translated,
    /// It was refused: the reason is still to be judged.
    Refused(Transaction),
    /// It was answered as good, although memory was not asked: likewise.
    Kept(Transaction),
}

/// Every transaction that the device has accepted and not yet answered.
#[derive(Debug, Default)]
pub struct Transactions {
    live: Vec<Transaction>,
    /// Shown on `dev_*` and not accepted: at most one in each direction
    offers: Vec<(DmaRequest, Cycle)>,
    /// Answered before memory had answered, against the rules
    answered_early: Vec<Ticket>,
}

impl Transactions {
    /// A request shows for the first time.
    pub fn offered(&mut self, request: DmaRequest, now: Cycle) {
        self.offers.push((request, now));
    }

    /// Requests that show and are not accepted, and since when they do.
    pub fn offers(&self) -> &[(DmaRequest, Cycle)] {
        &self.offers
    }

    /// The device accepted a request.
    pub fn accepted(&mut self, ticket: Ticket, request: DmaRequest, now: Cycle) {
        let offer = self.offers.iter().position(|(offer, _)| offer.direction == request.direction);
        let offered = offer.map_or(now, |at| self.offers.swap_remove(at).1);
        self.live.push(Transaction { ticket, request, offered, accepted: now, memory: None });
    }

    /// A beat of write data came, of the oldest write whose data are not all there.
    pub fn write_data(&mut self, data: u64, strb: u8) {
        let misses = |t: &&mut Transaction| {
            t.request.direction == Direction::Write && t.request.data.len() < usize::from(t.request.burst.beats())
        };
        if let Some(transaction) = self.live.iter_mut().find(misses) {
            transaction.request.data.push((data, strb));
        }
    }

    /// Every live transaction, oldest first.
    pub fn live(&self) -> &[Transaction] {
        &self.live
    }

    /// The transaction at this place of [`live`](Self::live), if an address that memory was shown may belong to it. AXI
    /// keeps the order within an ID, so the oldest is the likeliest; where a younger one fits better, the older ones
    /// must turn out refused.
    pub fn candidate(&self, place: usize, shown: &Shown) -> Option<&Transaction> {
        self.live.get(place).filter(|t| t.memory.is_none() && shown.fits(t))
    }

    /// Memory was asked for the transaction at this place.
    pub fn at_memory(&mut self, place: usize, shown: &Shown, now: Cycle) {
        let Some(transaction) = self.live.get_mut(place) else { return };
        let beats = if shown.direction == Direction::Read { usize::from(shown.burst.len) + 1 } else { 0 };
        let (data, resp, done) = (Vec::with_capacity(beats), 0, None);
        transaction.memory = Some(AtMemory { shown: *shown, cycle: now, data, write_beats: 0, resp, done });
    }

    /// A younger transaction, from this place on, that could have led to what memory was asked as well as the one at
    /// `owner`, by its shape, its time and the data that were shown; `beat` is what was shown last, if it was not the
    /// owner's.
    pub fn rival(&self, owner: usize, from: usize, beat: Option<(u64, u8)>) -> Option<usize> {
        let transaction = self.live.get(owner)?;
        let memory = transaction.memory.as_ref()?;
        let shown = transaction.request.data[..memory.write_beats].iter().copied().chain(beat);
        // What memory was shown has come on `dev_*` before.
        let beats = memory.write_beats + usize::from(beat.is_some());
        let same_data = |t: &Transaction| {
            t.request.data.len() >= beats && shown.clone().zip(&t.request.data).all(|(one, two)| same_lanes(one, *two))
        };
        let may_be = |t: &Transaction| memory.shown.fits(t) && t.accepted <= memory.cycle && same_data(t);
        (from.max(owner + 1)..self.live.len()).find(|&place| may_be(&self.live[place]))
    }

    /// What memory was asked belongs to the transaction at this place. Returns what had been thought to.
    pub fn exchange(&mut self, place: usize, memory: Option<AtMemory>) -> Option<AtMemory> {
        std::mem::replace(&mut self.live.get_mut(place)?.memory, memory)
    }

    /// The transaction that an address most likely belongs to, although it does not lead there: one of its shape, else the
    /// oldest in its direction that waits with its ID.
    pub fn likeliest(&self, shown: &Shown) -> Option<usize> {
        let waits =
            |t: &Transaction| t.memory.is_none() && (t.request.direction, t.request.id) == (shown.direction, shown.id);
        let fits = |t: &Transaction| t.memory.is_none() && shown.fits(t);
        self.live.iter().position(fits).or_else(|| self.live.iter().position(waits))
    }

    /// Takes a wrong beat of write data for the right one. False if no write takes data.
    pub fn skip_beat(&mut self) -> bool {
        let open = self.next_write().and_then(|place| self.live.get_mut(place)?.memory.as_mut());
        open.is_some_and(|memory| {
            memory.write_beats += 1;
            true
        })
    }

    /// A transaction was answered otherwise than memory answered. It is done with as soon as memory has answered.
    pub fn answered_wrongly(&mut self, ticket: Ticket) {
        let Some(at) = self.live.iter().position(|t| t.ticket == ticket) else { return };
        if self.live[at].memory.as_ref().is_some_and(|memory| memory.done.is_none()) {
            self.answered_early.push(ticket);
        } else {
            self.live.remove(at);
        }
    }

    /// Memory has answered: transactions whose device had its answer before are done with.
    fn drop_answered_early(&mut self) {
        let Transactions { live, answered_early, .. } = self;
        answered_early.retain(|ticket| {
            let done = |t: &Transaction| t.memory.as_ref().is_none_or(|memory| memory.done.is_some());
            let at = live.iter().position(|t| t.ticket == *ticket && done(t));
            at.map(|at| live.remove(at)).is_none()
        });
    }

    /// Memory was asked for something that no transaction explains.
    pub fn misshapen(&self, shown: &Shown) -> Violation {
        let Shown { direction, id, addr, burst, prot, attributes, .. } = *shown;
        let came = shape(direction, addr.0, burst, prot);
        let wrong = format!("{came}, {attributes}, at {addr:#x} with ID {id:#x}");
        let waits = |t: &&Transaction| t.request.direction == direction && t.request.id == id && t.memory.is_none();
        let (right, differs) = match self.live.iter().find(waits) {
            Some(t) => {
                let right = shape(direction, t.request.iova.0, t.request.burst, axprot(&t.request));
                let right = format!("{right}, {}, as transaction {} asks", t.request.attributes, t.ticket.0);
                (right, shown.differs(t).join(", "))
            }
            None => ("nothing: no device waits with this ID".to_owned(), "nobody waits".to_owned()),
        };
        Violation::new(Rule::DmaShape, format!("{direction:?}: {differs}"), right, wrong)
    }

    /// The write whose data memory takes next: data come in the order of the addresses.
    pub fn next_write(&self) -> Option<usize> {
        let open = |t: &Transaction| {
            let memory = t.memory.as_ref().filter(|memory| memory.shown.direction == Direction::Write)?;
            (memory.write_beats < t.request.data.len()).then_some(memory.cycle)
        };
        let writes = self.live.iter().enumerate().filter_map(|(place, t)| Some((open(t)?, place)));
        writes.min().map(|(_, place)| place)
    }

    /// A beat of write data on `mem_*`.
    pub fn write_beat(&mut self, data: u64, strb: u8) -> Result<(), Violation> {
        let open = self.next_write().and_then(|place| self.live.get_mut(place));
        let Some(Transaction { ticket, request, memory: Some(memory), .. }) = open else {
            return Err(Violation::new(Rule::DmaData, "write", "no data: no write is open", format!("{data:#018x}")));
        };
        let beat = memory.write_beats;
        let (value, strobes) = request.data[beat];
        if !same_lanes((value, strobes), (data, strb)) {
            let of = format!("beat {beat} of transaction {}", ticket.0);
            let right = format!("{of}: {value:#018x}, strobes {strobes:#010b}");
            let wrong = format!("{of}: {data:#018x}, strobes {strb:#010b}");
            return Err(Violation::new(Rule::DmaData, "write", right, wrong));
        }
        memory.write_beats += 1;
        Ok(())
    }

    /// Memory answered a beat of a read.
    pub fn read_beat(&mut self, id: u8, data: u64, resp: u8, last: bool, now: Cycle) {
        if let Some(memory) = self.oldest_at_memory(Direction::Read, id) {
            memory.data.push(data);
            memory.resp = memory.resp.max(resp);
            if last {
                memory.done = Some(now);
                self.drop_answered_early();
            }
        }
    }

    /// Memory answered a write.
    pub fn write_response(&mut self, id: u8, resp: u8, now: Cycle) {
        if let Some(memory) = self.oldest_at_memory(Direction::Write, id) {
            memory.resp = resp;
            memory.done = Some(now);
            self.drop_answered_early();
        }
    }

    fn oldest_at_memory(&mut self, direction: Direction, id: u8) -> Option<&mut AtMemory> {
        self.live
            .iter_mut()
            .filter(|t| t.request.direction == direction && t.request.id == id)
            .filter_map(|t| t.memory.as_mut())
            .filter(|memory| memory.done.is_none())
            .min_by_key(|memory| memory.cycle)
    }

    /// The device answered a transaction. After an error nothing has changed.
    pub fn done(&mut self, ticket: Ticket, resp: u8, data: &[u64]) -> Result<Finished, Violation> {
        let Some(index) = self.live.iter().position(|t| t.ticket == ticket) else {
            let wrong = format!("answer {resp} to transaction {}", ticket.0);
            return Err(Violation::new(Rule::DmaResponse, "none waits", "no answer", wrong));
        };
        let transaction = &self.live[index];
        let Some(memory) = &transaction.memory else {
            let transaction = self.live.remove(index);
            // SLVERR, or DECERR as an interconnect in a wrapper may have it.
            return Ok(if resp < 2 { Finished::Kept(transaction) } else { Finished::Refused(transaction) });
        };
        let of = format!("transaction {}", ticket.0);
        let answered = |resp: u8| format!("{} to {of}", response_line(resp));
        if memory.done.is_none() {
            let (right, wrong) = (format!("no answer to {of} before memory has answered"), answered(resp));
            return Err(Violation::new(Rule::DmaResponse, "early", right, wrong));
        }
        if memory.resp != resp {
            let (right, wrong) = (format!("{}, as memory answered", answered(memory.resp)), answered(resp));
            return Err(Violation::new(Rule::DmaResponse, "changed", right, wrong));
        }
        if transaction.request.direction == Direction::Read && memory.data != data {
            let differs = |(right, came): (&u64, &u64)| right != came;
            let beat = memory.data.iter().zip(data).position(differs).unwrap_or(memory.data.len().min(data.len()));
            let show = |data: &[u64]| match data.get(beat) {
                Some(value) => format!("beat {beat} of {of}: {value:#018x}"),
                None => format!("{beat} beats of {of}"),
            };
            let (right, wrong) = (show(&memory.data), show(data));
            return Err(Violation::new(Rule::DmaData, "read", right, wrong));
        }
        self.live.remove(index);
        Ok(Finished::Translated)
    }

    /// A transaction in this direction that went to memory at or before `cycle` and has no answer from there yet: what
    /// a fence with PR or PW has to wait for.
    pub fn open_at_memory(&self, direction: Direction, cycle: Cycle) -> Option<&Transaction> {
        self.live
            .iter()
            .filter(|t| t.request.direction == direction)
            .find(|t| t.memory.as_ref().is_some_and(|memory| memory.cycle <= cycle && memory.done.is_none()))
    }
}

impl Transaction {
    /// What memory was shown, and when.
    pub fn shown(&self) -> Option<(Shown, Cycle)> {
        self.memory.as_ref().map(|memory| (memory.shown, memory.cycle))
    }

    /// Where it went, once it was translated.
    pub fn translated(&self) -> Option<(Spa, Cycle)> {
        self.memory.as_ref().map(|memory| (memory.shown.addr, memory.cycle))
    }
}

/// The shape of a transaction in words.
fn shape(direction: Direction, addr: u64, burst: Burst, prot: u8) -> String {
    let what = if direction == Direction::Read { "a read" } else { "a write" };
    format!("{what} of {}, from page offset {:#x}, prot {prot:#05b}", burst_line(burst), addr & 0xFFF)
}

/// An answer of memory, or to a device, in words.
pub fn response_line(resp: u8) -> &'static str {
    RESPONSES[usize::from(resp.min(POISONED))]
}

/// A burst in words.
pub fn burst_line(burst: Burst) -> String {
    let kind = match burst.kind {
        FIXED => "FIXED",
        INCR => "INCR",
        WRAP => "WRAP",
        _ => "reserved",
    };
    let (beats, bytes) = (burst.beats(), burst.beat_bytes());
    format!("{beats} {} of {bytes} bytes, {kind}", if beats == 1 { "beat" } else { "beats" })
}

/// `AxPROT` as the device asked, without the non-secure bit that nobody looks at.
fn axprot(request: &DmaRequest) -> u8 {
    u8::from(request.privileged) | u8::from(request.instruction) << 2
}

/// The same strobes, and the same bytes in the lanes that they select.
fn same_lanes((one, strobes): (u64, u8), (two, strb): (u64, u8)) -> bool {
    strobes == strb && (one ^ two) & lanes(strb) == 0
}

/// The byte lanes that strobes select.
pub(super) fn lanes(strb: u8) -> u64 {
    (0..8).filter(|lane| strb >> lane & 1 == 1).fold(0, |mask, lane| mask | 0xFF << (8 * lane))
}

#[cfg(test)]
mod tests {
    use golden::{DeviceId, Iova};

    use super::*;
    const SHAPE: Burst = Burst { len: 1, size: 3, kind: INCR };

    fn write(iova: u64, data: [u64; 2]) -> DmaRequest {
        DmaRequest {
            id: 3,
            direction: Direction::Write,
            iova: Iova(iova),
            burst: SHAPE,
            device: DeviceId(1),
            process: None,
            privileged: false,
            instruction: false,
            translated: false,
            attributes: Default::default(),
            data: data.map(|beat| (beat, 0xFF)).to_vec(),
        }
    }

    fn shown(addr: u64) -> Shown {
        let attributes = write(addr, [0; 2]).attributes;
        Shown {
            direction: Direction::Write,
            id: 3,
            addr: Spa(addr),
            burst: SHAPE,
            pbmt: 0,
            prot: 0,
            attributes,
            ids: QosIds::default(),
        }
    }

    /// Writes to the same page offset, numbered as they come, one in each cycle from 10 on.
    fn accepted(data: &[[u64; 2]]) -> Transactions {
        let mut transactions = Transactions::default();
        for (number, &data) in (0..).zip(data) {
            let request = write(0x4000_0010 + 0x1000 * number, data);
            transactions.accepted(Ticket(number), request, 10 + number);
        }
        transactions
    }

    #[test]
    fn data_come_in_the_order_of_the_addresses() {
        let mut transactions = accepted(&[[1, 2], [3, 4]]);
        assert!(transactions.write_beat(3, 0xFF).is_err(), "no address yet");
        transactions.at_memory(1, &shown(0x5010), 20);
        transactions.at_memory(0, &shown(0x6010), 21);
        assert!(transactions.write_beat(1, 0xFF).is_err());
        for beat in [3, 4, 1, 2] {
            assert!(transactions.write_beat(beat, 0xFF).is_ok());
        }
        assert!(transactions.write_beat(2, 0xFF).is_err(), "all are there");
    }

    #[test]
    fn data_may_come_behind_their_request() {
        let mut transactions = Transactions::default();
        for (number, beats) in [(0, 2), (1, 0), (2, 1)] {
            let mut request = write(0x4000_0010 + 0x1000 * number, [1, 2]);
            request.data.truncate(beats);
            transactions.accepted(Ticket(number), request, 10 + number);
        }
        transactions.at_memory(1, &shown(0x5010), 20);
        assert!(transactions.write_beat(3, 0xFF).is_err(), "no data yet");
        for beat in [3, 4, 5] {
            transactions.write_data(beat, 0xFF);
        }
        let data: Vec<Vec<u64>> =
            transactions.live().iter().map(|t| t.request.data.iter().map(|(word, _)| *word).collect()).collect();
        assert_eq!(data, [vec![1, 2], vec![3, 4], vec![1, 5]]);
        assert!(transactions.write_beat(3, 0xFF).is_ok() && transactions.write_beat(4, 0xFF).is_ok());
        transactions.write_data(6, 0xFF);
        assert_eq!(transactions.live()[2].request.data.len(), 2, "all were there");
    }

    #[test]
    fn who_has_no_data_yet_is_no_rival() {
        let mut transactions = accepted(&[[1, 2], [1, 2]]);
        transactions.live[1].request.data.truncate(1);
        transactions.at_memory(0, &shown(0x5010), 20);
        transactions.write_beat(1, 0xFF).unwrap();
        assert_eq!(transactions.rival(0, 0, None), Some(1));
        transactions.write_beat(2, 0xFF).unwrap();
        assert_eq!(transactions.rival(0, 0, None), None);
    }

    #[test]
    fn a_rival_is_younger_and_has_the_shape_and_the_data_that_were_shown() {
        let mut transactions = accepted(&[[1, 2], [1, 3], [4, 3], [1, 3]]);
        transactions.at_memory(0, &shown(0x5010), 12);
        assert_eq!(transactions.rival(0, 0, None), Some(1));
        assert_eq!(transactions.rival(0, 2, None), Some(2));
        assert_eq!(transactions.rival(0, 3, None), None, "it came later");
        transactions.write_beat(1, 0xFF).unwrap();
        assert_eq!(transactions.rival(0, 2, None), None, "other data");
        assert_eq!(transactions.rival(0, 0, Some((3, 0xFF))), Some(1));
        assert_eq!(transactions.rival(0, 0, Some((3, 0x0F))), None, "other strobes");
        assert_eq!(transactions.rival(1, 0, None), None, "nothing was shown for this one");
        let mut others = accepted(&[[1, 2]]);
        others.accepted(Ticket(1), write(0x4000_1018, [1, 2]), 11);
        others.at_memory(0, &shown(0x5010), 20);
        assert_eq!(others.rival(0, 0, None), None, "another page offset");
    }

    #[test]
    fn what_was_shown_goes_over_with_its_data_and_its_answer() {
        let mut transactions = accepted(&[[1, 2], [1, 2]]);
        transactions.at_memory(0, &shown(0x5010), 20);
        transactions.write_beat(1, 0xFF).unwrap();
        let given = transactions.exchange(0, None);
        assert!(transactions.exchange(1, given).is_none());
        transactions.write_beat(2, 0xFF).unwrap();
        transactions.write_response(3, 0, 30);
        assert!(matches!(transactions.done(Ticket(0), 2, &[]), Ok(Finished::Refused(_))));
        assert!(transactions.done(Ticket(1), 2, &[]).is_err(), "memory took it");
        assert!(matches!(transactions.done(Ticket(1), 0, &[]), Ok(Finished::Translated)));
    }
}
