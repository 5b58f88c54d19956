// SPDX-License-Identifier: Apache-2.0
//! The performance monitor (sections "Performance-monitoring …"): each counter lies between what surely was counted and
//! what may have been, and stands still while it is inhibited.
//!
//! The clock is that of the boundary. A request is counted once, at any moment between its acceptance and its end. How
//! often an implementation walks or misses is its own matter, so of those events, and of ATS translation requests, only
//! the inhibition is judged.

use std::collections::VecDeque;

use events::Cycle;
use golden::{EventSelector, Kind, Request, offset};

use super::rule::{Rule, Violation};

/// How long a device may take to count what has happened.
const LAG: Cycle = 64;

/// Counters: `iohpmcycles` and `iohpmctr1` to `iohpmctr31`
const COUNTERS: usize = 32;

/// "At least 32 bits wide"
const NARROWEST: u32 = 32;

/// A counter. Values go on past its width; what software reads is the rest.
#[derive(Clone, Debug, Default)]
struct Counter {
    lo: u128,
    hi: u128,
    /// Cycle up to which cycles are in the bounds
    at: Cycle,
    /// Bits that it has, once that is known
    width: Option<u32>,
    /// Software has written it as a whole, and knows what is selected
    known: bool,
    /// What software wrote last, until it reads it back
    written: Option<u64>,
    selector: EventSelector,
    /// Software has read the selector back
    selected: bool,
    /// It has not run since its value was known
    pinned: bool,
    /// A write of the counter or of its selector is under way
    changing: bool,
    /// It runs by `iocountinh` as software wrote it last, and since when that write is done
    running: bool,
    settled: Option<Cycle>,
    /// When requests that surely are counted came to their end
    finished: VecDeque<Cycle>,
    overflow: Overflow,
}

/// What is known of the OF bit of a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Overflow {
    /// Nothing: its value at reset is UNSPECIFIED
    #[default]
    Unknown,
    /// It was 0 in this cycle last
    Clear(Cycle),
    /// It is set, until software clears it
    Set,
}

impl Overflow {
    /// Software wrote the register that it is in, by an access of so many bytes that ended in this cycle.
    fn written(set: bool, bytes: u8, now: Cycle) -> Self {
        match (bytes, set) {
            (8, true) => Overflow::Set,
            (8, false) => Overflow::Clear(now),
            _ => Overflow::Unknown,
        }
    }
}

impl Counter {
    fn limit(&self) -> u128 {
        1 << self.width.unwrap_or(NARROWEST)
    }

    /// It may have gone over while OF was 0.
    fn may_overflow(&self, more: u128) -> bool {
        if self.overflow == Overflow::Set {
            return false;
        }
        // What it was written with while it ran, or at reset, may be as near to its end as can be.
        if !self.known {
            return !self.counts_nothing();
        }
        // How often events happen that are not requests is not known; but not so often.
        let reach = if self.counts_requests() { self.hi + more } else { self.lo + (1 << 28) };
        reach >= self.limit()
    }

    /// When it could last have gone over while OF was 0.
    fn last_overflow(&self, more: u128, now: Cycle) -> Option<Cycle> {
        let stopped = if self.running || self.changing || self.known { None } else { self.settled };
        self.may_overflow(more).then(|| stopped.map_or(now, |since| now.min(since + LAG)))
    }

    /// Software knows that no event is selected. Of the counter of cycles this is never known.
    fn counts_nothing(&self) -> bool {
        self.selected && !self.changing && self.selector.event() == 0
    }

    fn is_stopped(&self, at: Cycle) -> bool {
        !self.running && !self.changing && self.settled.is_some_and(|since| since + LAG < at)
    }

    /// It surely runs, with this selector, since before this cycle.
    fn surely_runs(&self, since: Cycle) -> bool {
        self.running && !self.changing && self.settled.is_some_and(|settled| settled < since)
    }

    /// It may count what happens now.
    fn may_run(&self, now: Cycle) -> bool {
        self.running || self.settled.is_none_or(|since| since + LAG >= now)
    }

    fn matches(&self, request: &Request) -> bool {
        let s = self.selector;
        let event = match request.kind {
            // "For the purpose of counting in the HPM, these requests are treated as Untranslated Requests."
            Kind::Untranslated | Kind::Debug => 1,
            Kind::Translated => 2,
            Kind::Ats { .. } => return false,
        };
        // "When the programmed IDT setting is not supported for an event then the associated counter does not increment."
        if s.event() != event || s.idt() {
            return false;
        }
        // "The lower bits … all the way to the first low order 0 bit (including the 0 bit position itself) are masked."
        let ignored = if s.dmask() { s.did_gscid() ^ s.did_gscid().wrapping_add(1) } else { 0 };
        (!s.dv_gscv() || (s.did_gscid() ^ request.device.0) & !ignored == 0)
            && (!s.pv_pscv() || request.process.is_some_and(|process| process.0 == s.pid_pscid()))
    }

    /// Its selector asks for requests, which are counted by one rule in every implementation.
    fn counts_requests(&self) -> bool {
        self.selector.event() <= 2
    }

    /// Cycles pass, of which each counts where it runs.
    fn advance(&mut self, now: Cycle) {
        let cycles = u128::from(now.saturating_sub(self.at));
        self.at = now;
        if self.running && self.settled.is_some() {
            self.lo += cycles;
        }
        if self.running || self.settled.is_none() {
            self.hi += cycles;
        }
    }

    /// What had surely been counted by this cycle.
    fn count_finished(&mut self, at: Cycle) {
        while self.finished.front().is_some_and(|finished| finished + LAG < at) {
            self.finished.pop_front();
            self.lo += 1;
        }
    }

    fn fits(&self, value: u64, lo: u128, hi: u128) -> Option<u128> {
        let round = u128::from(value) + (lo / self.limit()) * self.limit();
        [round, round + self.limit()].into_iter().find(|value| (lo..=hi).contains(value))
    }
}

/// All counters.
#[derive(Debug)]
pub struct Counters {
    counters: Vec<Counter>,
    inhibit: u32,
    /// Software has written a counter or a selector. Before, none is known, and requests need not look at them all
    in_use: bool,
}

impl Default for Counters {
    /// After reset nothing is known.
    fn default() -> Self {
        let fresh = Counter { running: true, settled: Some(0), ..Counter::default() };
        Counters { counters: vec![fresh; COUNTERS], inhibit: 0, in_use: false }
    }
}

/// The counter whose value, or whose selector, is at this offset.
fn locate(register: u16) -> Option<(usize, bool)> {
    match register {
        offset::IOHPMCYCLES..offset::IOHPMEVT => Some((usize::from(register - offset::IOHPMCYCLES) / 8, false)),
        offset::IOHPMEVT..offset::TR_REQ_IOVA => Some((usize::from(register - offset::IOHPMEVT) / 8 + 1, true)),
        _ => None,
    }
}

impl Counters {
    /// When a counter could last have gone over, and `pmip` be set by it; none: it cannot have.
    pub fn last_overflow(&self, now: Cycle) -> Option<Cycle> {
        let cycles = u128::from(now.saturating_sub(self.counters[0].at));
        let last = |(at, counter): (usize, &Counter)| {
            counter.last_overflow(if at == 0 && counter.may_run(now) { cycles } else { 0 }, now)
        };
        self.counters.iter().enumerate().filter_map(last).max()
    }

    /// The device accepted a request.
    pub fn offered(&mut self, request: &Request, now: Cycle) {
        if !self.in_use {
            return;
        }
        for counter in self.counters[1..].iter_mut().filter(|counter| counter.known || counter.changing) {
            if counter.may_run(now) && (counter.matches(request) || counter.changing) {
                counter.hi += 1;
            }
        }
    }

    /// A request that had been accepted in `start` has come to its end: it has been counted, or is about to be.
    pub fn finished(&mut self, request: &Request, start: Cycle, now: Cycle) {
        if !self.in_use {
            return;
        }
        for counter in self.counters[1..].iter_mut().filter(|counter| counter.known) {
            if counter.surely_runs(start) && counter.matches(request) {
                counter.finished.push_back(now);
            }
        }
    }

    /// Software begins to write a register; `live` requests are in the device's hands.
    pub fn write_begins(&mut self, register: u16, value: u64, live: usize, now: Cycle) {
        if register == offset::IOCOUNTINH {
            let changed = (value as u32) ^ self.inhibit;
            self.inhibit = value as u32;
            for (at, counter) in self.counters.iter_mut().enumerate().filter(|(at, _)| changed >> at & 1 == 1) {
                if at == 0 {
                    counter.advance(now);
                } else {
                    counter.count_finished(now);
                    counter.finished.clear();
                    counter.hi += if value >> at & 1 == 0 { live as u128 } else { 0 };
                }
                counter.running = value >> at & 1 == 0;
                counter.settled = None;
                counter.pinned = false;
            }
        } else if let Some((at, selector)) = locate(register & !7) {
            self.in_use = true;
            let counter = &mut self.counters[at];
            counter.changing = true;
            counter.finished.clear();
            counter.selected &= !selector;
            counter.known &= selector;
            counter.hi += live as u128;
        }
    }

    /// A register write has completed.
    pub fn write_ends(&mut self, register: u16, bytes: u8, value: u64, now: Cycle) {
        if register == offset::IOCOUNTINH {
            for (at, counter) in self.counters.iter_mut().enumerate().filter(|(_, c)| c.settled.is_none()) {
                if at == 0 {
                    counter.advance(now);
                }
                counter.settled = Some(now);
            }
        } else if let Some((at, selector)) = locate(register & !7) {
            self.in_use = true;
            let counter = &mut self.counters[at];
            counter.changing = false;
            if selector {
                counter.known &= bytes == 8;
                counter.selector = EventSelector(value);
                counter.overflow = Overflow::written(counter.selector.of(), bytes, now);
                // Whether it goes over is asked from here on.
                let gone = counter.width.map_or(0, |_| counter.lo / counter.limit() * counter.limit());
                (counter.lo, counter.hi) = (counter.lo - gone, counter.hi - gone);
            } else {
                if at == 0 {
                    counter.overflow = Overflow::written(value >> 63 == 1, bytes, now);
                }
                let value = if at == 0 { value & !(1 << 63) } else { value };
                // Only a counter that is inhibited holds what was written.
                counter.known = bytes == 8 && counter.is_stopped(now);
                (counter.lo, counter.hi, counter.at) = (value.into(), value.into(), now);
                counter.written = Some(value);
                counter.pinned = counter.known;
                counter.width = None;
            }
        }
    }

    /// Software read a register by an access of 8 bytes that was accepted in this cycle. Returns since when a counter may
    /// have gone over that surely has.
    ///
    /// # Errors
    /// The counter holds what it cannot hold.
    pub fn read(&mut self, register: u16, value: u64, accepted: Cycle, now: Cycle) -> Result<Option<Cycle>, Violation> {
        let Some((at, selector)) = locate(register) else { return Ok(None) };
        let counter = &mut self.counters[at];
        if counter.changing {
            return Ok(None);
        }
        let broken = |what: &str, right: String, wrong: String| {
            Err(Violation::new(Rule::Counter, format!("{what}{at}"), right, wrong))
        };
        if selector {
            let came = EventSelector(value);
            counter.selector = came;
            counter.selected = true;
            return counter.overflow_read(came.of(), accepted, at);
        }
        let overflow = if at == 0 { Some(value >> 63 == 1) } else { None };
        let value = if at == 0 { value & !(1 << 63) } else { value };
        if !counter.known {
            return Ok(None);
        }
        if let Some(written) = counter.written.take() {
            let full = if at == 0 { 63 } else { 64 };
            let width = if written == value { full } else { (written ^ value).trailing_zeros() };
            let reads_back = width >= NARROWEST && u128::from(written) % (1 << width) == u128::from(value);
            if counter.is_stopped(accepted) && !reads_back {
                // A counter that does not exist reads 0.
                if at > 1 && value == 0 {
                    counter.known = false;
                    return Ok(None);
                }
                return broken("counter ", format!("{written:#x}"), format!("{value:#x}"));
            }
            if counter.is_stopped(accepted) && (written != value || written >> (full - 1) == 1) {
                counter.width = Some(width);
                counter.lo %= counter.limit();
                counter.hi %= counter.limit();
            }
        }
        if at == 0 {
            counter.advance(now);
        } else {
            counter.count_finished(accepted);
        }
        let lo = if at == 0 { counter.lo.saturating_sub(u128::from(now - accepted) + 4) } else { counter.lo };
        let hi = counter.hi + if at == 0 { 4 } else { 0 };
        let stopped = counter.is_stopped(accepted);
        let judged = at == 0 || counter.selected && counter.counts_requests();
        let far = counter.width.is_none() && hi >= counter.limit();
        match counter.fits(value, lo, hi) {
            Some(is) if stopped => (counter.lo, counter.hi) = (is, is),
            Some(_) => {}
            // How often other events happen is not known: but a counter that stands still does.
            None if !judged && !counter.pinned => {
                if stopped {
                    (counter.lo, counter.hi) = (value.into(), value.into());
                }
            }
            None if far => {}
            None => return broken("counter ", format!("{lo:#x} to {hi:#x}"), format!("{value:#x}")),
        }
        counter.pinned = stopped;
        match overflow {
            Some(overflow) => counter.overflow_read(overflow, accepted, at),
            None => Ok(None),
        }
    }
}

impl Counter {
    /// Software read OF. Returns since when it may have been set, if it surely was.
    fn overflow_read(&mut self, of: bool, accepted: Cycle, at: usize) -> Result<Option<Cycle>, Violation> {
        let broken = |right: u8, wrong: u8| {
            Err(Violation::new(Rule::Counter, format!("OF {at}"), right.to_string(), wrong.to_string()))
        };
        match (of, self.overflow) {
            (true, Overflow::Clear(since)) => {
                if !self.may_overflow(0) && self.counts_requests() {
                    return broken(0, 1);
                }
                self.overflow = Overflow::Set;
                Ok(Some(since))
            }
            (false, Overflow::Clear(_)) if self.known && self.width.is_some() && self.selected_and_over() => {
                broken(1, 0)
            }
            (false, _) => {
                self.overflow = Overflow::Clear(accepted);
                Ok(None)
            }
            (true, _) => {
                self.overflow = Overflow::Set;
                Ok(None)
            }
        }
    }

    /// Surely gone over.
    fn selected_and_over(&self) -> bool {
        self.lo.saturating_sub(u128::from(LAG)) >= self.limit() && self.counts_requests()
    }
}

#[cfg(test)]
mod tests {
    use golden::{Access, DeviceId, Iova};

    use super::*;

    const FIRST: u16 = offset::IOHPMCTR;
    const SELECTOR: u16 = offset::IOHPMEVT;

    fn write(counters: &mut Counters, register: u16, bytes: u8, value: u64, now: Cycle) {
        counters.write_begins(register, value, 0, now);
        counters.write_ends(register, bytes, value, now + 4);
    }

    fn read(counters: &mut Counters, register: u16, value: u64, now: Cycle) -> Result<Option<Cycle>, String> {
        counters.read(register, value, now, now + 3).map_err(|violation| violation.right)
    }

    /// Stopped in cycle 100; cycles and counter 1, which counts untranslated requests of device 7, hold `value`.
    fn stopped(value: u64) -> Counters {
        let mut counters = Counters::default();
        write(&mut counters, offset::IOCOUNTINH, 4, 0xFFFF_FFFF, 100);
        write(&mut counters, offset::IOHPMCYCLES, 8, value & !(1 << 63), 300);
        let selector = EventSelector(0).with_event(1).with_dv_gscv(true).with_did_gscid(7);
        write(&mut counters, SELECTOR, 8, selector.0, 310);
        write(&mut counters, FIRST, 8, value, 320);
        assert_eq!(read(&mut counters, SELECTOR, selector.0, 330), Ok(None));
        assert_eq!(read(&mut counters, FIRST, value, 340), Ok(None));
        assert_eq!(read(&mut counters, offset::IOHPMCYCLES, value & !(1 << 63), 350), Ok(None));
        counters
    }

    fn requests(counters: &mut Counters, device: u32, count: u64, now: Cycle) {
        for _ in 0..count {
            let request = Request::untranslated(DeviceId(device), Access::Read, Iova(0));
            counters.offered(&request, now);
            counters.finished(&request, now, now + 10);
        }
    }

    #[test]
    fn what_is_inhibited_stands_still() {
        let mut counters = stopped(50);
        assert!(read(&mut counters, offset::IOHPMCYCLES, 50, 1000).is_ok());
        assert!(read(&mut counters, offset::IOHPMCYCLES, 900, 1900).is_err());
        requests(&mut counters, 7, 3, 1000);
        assert!(read(&mut counters, FIRST, 50, 2000).is_ok());
        assert!(read(&mut counters, FIRST, 53, 2010).is_err());
    }

    #[test]
    fn cycles_are_those_of_the_clock() {
        for (value, right) in [(10 + 1000, true), (10 + 500, false), (10 + 2000, false)] {
            let mut counters = stopped(10);
            write(&mut counters, offset::IOCOUNTINH, 4, 0, 1000);
            assert_eq!(read(&mut counters, offset::IOHPMCYCLES, value, 2002).is_ok(), right, "{value}");
        }
    }

    #[test]
    fn requests_that_match_are_counted_once() {
        for (value, right) in [(53, true), (52, false), (54, false), (55, false)] {
            let mut counters = stopped(50);
            write(&mut counters, offset::IOCOUNTINH, 4, 0, 1000);
            requests(&mut counters, 7, 3, 1100);
            requests(&mut counters, 8, 2, 1100);
            assert_eq!(read(&mut counters, FIRST, value, 2000).is_ok(), right, "{value}");
        }
    }

    #[test]
    fn a_request_that_is_under_way_may_be_counted() {
        for (value, right) in [(50, true), (51, true), (52, false)] {
            let mut counters = stopped(50);
            write(&mut counters, offset::IOCOUNTINH, 4, 0, 1000);
            counters.offered(&Request::untranslated(DeviceId(7), Access::Read, Iova(0)), 1100);
            assert_eq!(read(&mut counters, FIRST, value, 2000).is_ok(), right, "{value}");
        }
    }

    #[test]
    fn a_counter_that_goes_over_says_so() {
        let mut counters = stopped(u64::MAX);
        assert!(!counters.counters[..2].iter().any(|counter| counter.may_overflow(0)));
        write(&mut counters, offset::IOCOUNTINH, 4, 0, 1000);
        requests(&mut counters, 7, 200, 1100);
        assert_eq!(counters.last_overflow(1200), Some(1200));
        assert_eq!(read(&mut counters, FIRST, 199, 2000), Ok(None));
        let selector = counters.counters[1].selector;
        assert_eq!(read(&mut counters, SELECTOR, selector.0, 2010), Err("1".to_owned()));
        assert!(matches!(read(&mut counters, SELECTOR, selector.with_of(true).0, 2020), Ok(Some(_))));
    }

    #[test]
    fn a_counter_that_has_not_gone_over_does_not_say_so() {
        let mut counters = stopped(50);
        let selector = counters.counters[1].selector;
        assert_eq!(read(&mut counters, SELECTOR, selector.with_of(true).0, 2020), Err("0".to_owned()));
    }

    #[test]
    fn a_counter_of_unknown_value_may_go_over_while_it_runs() {
        let fresh = Counters::default();
        assert_eq!(fresh.last_overflow(500), Some(500), "its value at reset is UNSPECIFIED");
        let mut counters = Counters::default();
        write(&mut counters, offset::IOCOUNTINH, 4, 0xFFFF_FFFF, 100);
        assert_eq!(counters.last_overflow(5000), Some(104 + LAG), "and all stand still");
        let mut counters = stopped(50);
        write(&mut counters, offset::IOCOUNTINH, 4, 0xFFFF_FFFC, 1000);
        assert_eq!(counters.last_overflow(1500), Some(104 + LAG), "those that are in use have far to go");
        write(&mut counters, FIRST, 8, u64::MAX, 2000);
        assert_eq!(counters.last_overflow(2500), Some(2500), "it may have counted while it was written");
        let selector = counters.counters[1].selector;
        assert_eq!(read(&mut counters, SELECTOR, selector.with_of(true).0, 2600), Ok(Some(330)));
    }

    #[test]
    fn an_overflow_bit_may_be_set_from_reset_on() {
        let mut counters = Counters::default();
        assert_eq!(read(&mut counters, SELECTOR, EventSelector(0).with_of(true).0, 100), Ok(None));
    }
}
