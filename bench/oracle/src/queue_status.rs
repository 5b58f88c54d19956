// SPDX-License-Identifier: Apache-2.0
//! Status and pending bits of a queue that the device under test writes: of the fault queue, and of the page-request
//! queue. `fqcsr` and `pqcsr` differ in names only.

use events::Cycle;

use super::record_queue::switched_on;
use super::rule::{Rule, Violation};
use super::status::{Bit, Enable, LATE, Level, SETTLE, check, clear, none_owed, status};

/// `fqcsr` or `pqcsr`.
#[derive(Clone, Copy, Debug)]
pub struct Csr(pub u32);

impl Csr {
    const fn bit(self, at: u32) -> bool {
        self.0 >> at & 1 != 0
    }

    /// `fqen`, `pqen`
    pub const fn enabled(self) -> bool {
        self.bit(0)
    }

    /// `fie`, `pie`
    const fn interrupts(self) -> bool {
        self.bit(1)
    }

    /// A memory fault, or an overflow
    pub const fn error(self) -> bool {
        self.bit(8) || self.bit(9)
    }

    /// `fqon`, `pqon`
    pub const fn on(self) -> bool {
        self.bit(16)
    }

    /// What it holds is about to change
    pub const fn busy(self) -> bool {
        self.bit(17)
    }
}

/// What a queue's bits are called.
#[derive(Debug)]
pub struct Names {
    /// Memory fault and overflow
    pub status: [(Rule, &'static str); 2],
    /// The enable
    pub enable: &'static str,
    /// The enable of its interrupt
    pub interrupt: &'static str,
}

const MEMORY_FAULT: usize = 0;
const OVERFLOW: usize = 1;

/// See the module.
#[derive(Debug)]
pub struct QueueStatus {
    names: &'static Names,
    bits: [Bit; 2],
    /// Its bit in `ipsr`
    pub pending: Bit,
    interrupts: Enable,
    on: bool,
    /// Records that reached memory and that software has not seen in the tail
    records: Vec<Cycle>,
}

impl QueueStatus {
    /// A queue that is off.
    pub fn new(names: &'static Names) -> Self {
        QueueStatus {
            names,
            bits: [Bit::default(); 2],
            pending: Bit::default(),
            interrupts: Enable::default(),
            on: false,
            records: Vec::new(),
        }
    }

    /// Software has switched it on.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// The queue lies where no memory can be: each access is a fault.
    pub fn out_of_reach(&mut self) {
        self.bits[MEMORY_FAULT].may_happen(Cycle::MAX);
    }

    /// The write of a record was answered with an error.
    pub fn record_error(&mut self, now: Cycle) {
        self.records.pop();
        self.bits[MEMORY_FAULT].may_happen(now + LATE);
        if self.on {
            self.bits[MEMORY_FAULT].owe(now);
        }
    }

    /// At rest: an error has been reported.
    pub fn at_rest(&self) -> Result<(), Violation> {
        none_owed(&self.bits, self.names.status)
    }

    /// A record is on its way to memory.
    pub fn record(&mut self, now: Cycle) {
        self.records.push(now);
    }

    /// Software saw in the tail, by an access that was accepted in this cycle, that all records but this many are there.
    pub fn records_seen(&mut self, left: usize, accepted: Cycle) {
        let seen = self.records.len().saturating_sub(left);
        for from in self.records.drain(..seen) {
            let by = accepted.max(from);
            if self.interrupts.sure(from) {
                self.pending.happens(from, by);
            }
            if self.interrupts.may(from) {
                self.pending.may_happen(by + SETTLE);
            }
        }
    }

    /// `overflow` is when the queue could last have overflowed.
    fn overflow_may(&self, overflow: Option<Cycle>) -> bool {
        let bit = &self.bits[OVERFLOW];
        overflow.is_some_and(|last| last.saturating_add(SETTLE) >= bit.last_zero())
    }

    /// Whether the pending bit may be set, or has to be, by what is the case in this cycle.
    pub fn level(&self, overflow: Option<Cycle>, at: Cycle) -> Level {
        let error = self.bits.iter().any(Bit::may) || self.overflow_may(overflow);
        let may = self.interrupts.may(at) && (error || !self.records.is_empty());
        let settled = self.pending.is_settled(at) && self.interrupts.sure(at.saturating_sub(SETTLE));
        (may, settled && self.bits.iter().any(|bit| bit.must(at)))
    }

    /// Software begins to write the register. Returns whether it switches the queue on.
    pub fn write(&mut self, csr: Csr, now: Cycle) -> bool {
        let on = switched_on(&mut self.on, csr.enabled());
        clear(&mut self.bits, if on { u32::MAX } else { csr.0 >> 8 }, now);
        if !csr.enabled() {
            self.bits[MEMORY_FAULT].excuse();
        }
        if on {
            self.records.clear();
        }
        self.interrupts.write(csr.interrupts(), now);
        on
    }

    /// Software read the register, and it is not busy.
    pub fn read(&mut self, csr: Csr, overflow: Option<Cycle>, accepted: Cycle) -> Result<(), Violation> {
        let may = [false, self.overflow_may(overflow)];
        status(&mut self.bits, self.names.status, csr.0, may, accepted)?;
        check(csr.enabled() == self.on, Rule::Register, self.names.enable, csr.enabled())?;
        check(csr.interrupts() == self.interrupts.is_on(), Rule::Register, self.names.interrupt, csr.interrupts())
    }
}
