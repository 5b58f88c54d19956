//! Status and pending bits of the page-request queue, known by bounds as those of the other queues are.

use golden::Pqcsr;

use super::interrupts::{Bit, Enable, SETTLE, check, clear, status};
use super::rule::{Rule, Violation};
use crate::bus::Cycle;

/// How long after an error on its port a device may still be about to report it.
const LATE: Cycle = 1 << 16;

const BITS: [(Rule, &str); 2] = [(Rule::Register, "pqcsr.pqmf"), (Rule::Register, "pqcsr.pqof")];
const PQMF: usize = 0;
const PQOF: usize = 1;

/// See the module.
#[derive(Debug, Default)]
pub struct PageInterrupts {
    bits: [Bit; 2],
    pip: Bit,
    pie: Enable,
    on: bool,
    /// Records that reached memory and that software has not seen in `pqt`
    records: Vec<Cycle>,
    excused: Cycle,
    /// Software has switched the queue on, or cleared an error, and has not read since what came of it
    unsure: bool,
}

impl PageInterrupts {
    /// The queue lies where no memory can be: each access is a fault.
    pub fn out_of_reach(&mut self) {
        self.bits[PQMF].may_happen(Cycle::MAX);
    }

    /// The write of a record was answered with an error.
    pub fn record_error(&mut self, now: Cycle) {
        self.records.pop();
        self.bits[PQMF].may_happen(now + LATE);
    }

    /// A record is on its way to memory.
    pub fn record(&mut self, now: Cycle) {
        self.records.push(now);
    }

    /// Software saw in `pqt`, by an access that was accepted in this cycle, that all records but this many are there.
    pub fn records_seen(&mut self, left: usize, accepted: Cycle) {
        let seen = self.records.len().saturating_sub(left);
        for from in self.records.drain(..seen) {
            let by = accepted.max(from);
            if self.pie.sure(from) {
                self.pip.happens(from, by);
            }
            if self.pie.may(from) {
                self.pip.may_happen(by + SETTLE);
            }
        }
    }

    /// A page request that met the queue later than this cycle was queued: the queue was on, and has shown no error.
    pub fn excused(&self) -> Cycle {
        if self.on && !self.unsure { self.excused } else { Cycle::MAX }
    }

    fn overflow_may(&self, overflow: Option<Cycle>) -> bool {
        let bit = &self.bits[PQOF];
        overflow.is_some_and(|last| last.saturating_add(SETTLE) >= bit.last_zero())
    }

    /// Whether `pip` may be set, or has to be, by what is the case in this cycle; and the bit.
    pub fn level(&self, overflow: Option<Cycle>, at: Cycle) -> (&Bit, (bool, bool)) {
        let error = self.bits.iter().any(Bit::may) || self.overflow_may(overflow);
        let may = self.pie.may(at) && (error || !self.records.is_empty());
        let settled = self.pip.is_settled(at) && self.pie.sure(at.saturating_sub(SETTLE));
        (&self.pip, (may, settled && self.bits.iter().any(|bit| bit.must(at))))
    }

    /// Software begins to write a register: what was the case until now has left its mark.
    pub fn before_write(&mut self, overflow: Option<Cycle>, now: Cycle) {
        match self.level(overflow, now).1 {
            (_, true) => self.pip.happens(now, now),
            (true, _) => self.pip.may_happen(now + SETTLE),
            _ => {}
        }
    }

    /// Software begins to write `pqcsr`.
    pub fn write_csr(&mut self, csr: Pqcsr, now: Cycle) {
        let was = std::mem::replace(&mut self.on, csr.pqen());
        let on = csr.pqen() && !was;
        if on || !csr.pqen() || csr.pqmf() || csr.pqof() {
            self.excused = self.excused.max(now);
            self.unsure = true;
        }
        clear(&mut self.bits, if on { u32::MAX } else { csr.0 >> 8 }, now);
        if on {
            self.records.clear();
        }
        self.pie.write(csr.pie(), now);
    }

    /// Software begins to write 1 to `pip`.
    pub fn clear_pending(&mut self, now: Cycle) {
        self.pip.clear(now);
    }

    /// Software read `pqcsr`.
    pub fn read_csr(&mut self, csr: Pqcsr, overflow: Option<Cycle>, accepted: Cycle) -> Result<(), Violation> {
        if csr.busy() {
            return Ok(());
        }
        if csr.pqmf() || csr.pqof() || !csr.pqon() || self.unsure {
            self.excused = self.excused.max(accepted);
        }
        self.unsure = !csr.pqon();
        let may = [false, self.overflow_may(overflow)];
        status(&mut self.bits, BITS, csr.0, may, accepted)?;
        check(csr.pqen() == self.on, Rule::Register, "pqcsr.pqen", csr.pqen())?;
        check(csr.pie() == self.pie.is_on(), Rule::Register, "pqcsr.pie", csr.pie())
    }

    /// Software read `pip`.
    pub fn read_pending(&mut self, pip: bool, overflow: Option<Cycle>, accepted: Cycle) -> Result<(), Violation> {
        let (_, (may, must)) = self.level(overflow, accepted);
        check(self.pip.read(pip, accepted, may, must), Rule::Interrupt, "ipsr.pip", pip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: u32 = 3;

    fn on() -> PageInterrupts {
        let mut interrupts = PageInterrupts::default();
        interrupts.write_csr(Pqcsr(ON), 10);
        interrupts
    }

    #[test]
    fn a_record_makes_the_interrupt_pending() {
        let mut interrupts = on();
        assert!(interrupts.read_pending(true, None, 50).is_err(), "no cause");
        let mut interrupts = on();
        interrupts.record(100);
        interrupts.records_seen(0, 110);
        assert!(interrupts.read_pending(false, None, 111 + SETTLE).is_err(), "lost");
        assert!(interrupts.read_pending(true, None, 111 + SETTLE).is_ok());
    }

    #[test]
    fn an_overflow_shows_only_after_a_full_queue() {
        let full = Pqcsr(ON).with_pqon(true).with_pqof(true);
        assert!(on().read_csr(full, None, 100).is_err());
        let mut interrupts = on();
        assert!(interrupts.read_csr(full, Some(90), 100).is_ok());
        assert_eq!(interrupts.excused(), 100);
        interrupts.write_csr(full, 120);
        assert_eq!(interrupts.excused(), Cycle::MAX, "until software has seen the queue at work");
        assert!(interrupts.read_csr(full.with_pqof(false), None, 130).is_ok());
        assert_eq!(interrupts.excused(), 130);
    }

    #[test]
    fn the_queue_is_on_as_software_wrote() {
        assert!(on().read_csr(Pqcsr(1 << 16), None, 100).is_err());
        assert!(on().read_csr(Pqcsr(ON | 1 << 16), None, 100).is_ok());
    }
}
