//! Status and pending bits of `cqcsr`, `fqcsr` and `ipsr`, and the interrupt wires: rule 10 of the oracle.
//!
//! When exactly a device sets such a bit cannot be seen from outside, so each is known by bounds: whether it may be set
//! by now, and by when it surely is. In between both answers are right.

use golden::{Cqcsr, Fctl, Fqcsr, Icvec, Ipsr, Pqcsr, offset};

use super::page_interrupts::PageInterrupts;
use super::rule::{Rule, Violation};
use crate::bus::Cycle;

/// What a device has done must show in its registers and on its wires within so many cycles. The specification sets no
/// bound; but an interrupt that never comes is lost, and one has to say when.
pub const SETTLE: Cycle = 256;

/// How long after an error on its port a device may still be about to report it.
const LATE: Cycle = 1 << 16;

/// A bit that the device sets and software clears by writing 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bit {
    /// It is set, at the latest since this cycle
    set_by: Option<Cycle>,
    /// It may have been set, at the latest in this cycle, by something that software may have cleared already
    perhaps: Option<Cycle>,
    /// When software last began to clear it
    cleared: Cycle,
    /// When software last read it as 0
    zero: Cycle,
}

impl Bit {
    /// Its cause came about once, no earlier than `from` and no later than `by`.
    pub(super) fn happens(&mut self, from: Cycle, by: Cycle) {
        if from > self.cleared {
            self.set_by = Some(self.set_by.map_or(by, |known| known.min(by)));
        } else if by >= self.cleared {
            self.may_happen(by);
        }
    }

    /// Its cause may have come about, no later than `by`.
    pub(super) fn may_happen(&mut self, by: Cycle) {
        self.perhaps = self.perhaps.max(Some(by));
    }

    /// Software begins to write 1 to it.
    pub(super) fn clear(&mut self, now: Cycle) {
        self.perhaps = self.perhaps.max(self.set_by.take()).filter(|&by| by >= now);
        self.cleared = now;
    }

    pub(super) fn may(&self) -> bool {
        self.set_by.is_some() || self.perhaps.is_some()
    }

    /// It must have been set for a while in this cycle.
    pub(super) fn must(&self, at: Cycle) -> bool {
        self.set_by.is_some_and(|by| by + SETTLE < at)
    }

    /// Software read it by an access that was accepted in this cycle; `may` and `must` say what else may have set it.
    pub(super) fn read(&mut self, value: bool, accepted: Cycle, may: bool, must: bool) -> bool {
        let right = if value { may || self.may() } else { !must && !self.must(accepted) };
        if value {
            self.happens(accepted.max(self.cleared + 1), accepted.max(self.cleared + 1));
        } else {
            self.perhaps = self.perhaps.filter(|&by| by >= accepted);
            self.zero = accepted;
        }
        right
    }

    /// When it was last known to be 0.
    pub(super) fn last_zero(&self) -> Cycle {
        self.cleared.max(self.zero)
    }

    /// What is the case in this cycle has had time to set it since software last cleared it.
    pub(super) fn is_settled(&self, at: Cycle) -> bool {
        self.cleared + SETTLE < at
    }
}

/// An interrupt enable.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Enable {
    on: bool,
    /// When software began to change it
    since: Cycle,
}

impl Enable {
    pub(super) fn write(&mut self, on: bool, now: Cycle) {
        if self.on != on {
            *self = Enable { on, since: now };
        }
    }

    pub(super) fn sure(self, from: Cycle) -> bool {
        self.on && self.since < from
    }

    pub(super) fn may(self, from: Cycle) -> bool {
        self.on || self.since >= from
    }

    /// As software last wrote it.
    pub(super) fn is_on(self) -> bool {
        self.on
    }
}

/// What the queues know of causes that have not come about for sure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open {
    /// A fence with WSI has been fetched and is not known to be complete
    pub fence: bool,
    /// The queue has come to an illegal command
    pub illegal: bool,
    /// The queue has come to a fence whose store leads to a memory fault
    pub memory_fault: bool,
    /// A fence may have found that an invalidation of a device timed out
    pub time_out: bool,
    /// When the fault queue could last have overflowed
    pub overflow: Option<Cycle>,
    /// When the page-request queue could last have overflowed
    pub page_overflow: Option<Cycle>,
    /// A counter may have gone over
    pub counter: bool,
}

/// Sources of interrupts, in the order of their bits in `ipsr`: command queue, fault queue, performance monitor, page
/// queue.
pub const SOURCES: usize = 4;

/// What is known of a pending bit.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// It may be set
    pub may: bool,
    /// It surely is, at the latest since this cycle
    pub set_by: Option<Cycle>,
    /// When it was 0, or software began to clear it, last
    pub armed: Cycle,
}

/// The status bits of `cqcsr`, from bit 8 on: which rule is broken by a wrong one, and their names.
const COMMAND_BITS: [(Rule, &str); 4] = [
    (Rule::Register, "cqcsr.cqmf"),
    (Rule::Register, "cqcsr.cmd_to"),
    (Rule::CommandIllegal, "cqcsr.cmd_ill"),
    (Rule::Register, "cqcsr.fence_w_ip"),
];
/// The same of `fqcsr`.
const FAULT_BITS: [(Rule, &str); 2] = [(Rule::Register, "fqcsr.fqmf"), (Rule::Register, "fqcsr.fqof")];

const CQMF: usize = 0;
const CMD_TO: usize = 1;
const FENCE_W_IP: usize = 3;
const FQMF: usize = 0;
const FQOF: usize = 1;

/// See the module.
#[derive(Debug, Default)]
pub struct Interrupts {
    commands: [Bit; 4],
    faults: [Bit; 2],
    cip: Bit,
    fip: Bit,
    pmip: Bit,
    cie: Enable,
    fie: Enable,
    command_queue: bool,
    fault_queue: bool,
    /// Records that reached memory and that software has not seen in `fqt`
    records: Vec<Cycle>,
    /// None while it is not known which of the bits that software wrote are there
    icvec: Option<Icvec>,
    wires: u16,
    steady: Cycle,
    /// Of the page-request queue
    pub pages: PageInterrupts,
    /// Until when the fault queue was off, or had an error that explains that records are missing
    excused: Cycle,
}

impl Interrupts {
    /// After reset: `icvec` is 0.
    pub fn new() -> Self {
        Interrupts { icvec: Some(Icvec(0)), ..Interrupts::default() }
    }

    /// A fence with WSI was fetched in cycle `from` and is known to be complete now. Where that is known by its store,
    /// the device may not have been told by memory yet, and may set the bit after software has cleared it.
    pub fn fence(&mut self, from: Cycle, now: Cycle) {
        let bit = &mut self.commands[FENCE_W_IP];
        bit.happens(from, now);
        bit.may_happen(now + SETTLE);
    }

    /// An access for a command was answered with an error.
    pub fn command_error(&mut self, now: Cycle) {
        self.commands[CQMF].may_happen(now + LATE);
    }

    /// A queue lies where no memory can be: each access is a fault.
    pub fn out_of_reach(&mut self, commands: bool, faults: bool) {
        if commands {
            self.commands[CQMF].may_happen(Cycle::MAX);
        }
        if faults {
            self.faults[FQMF].may_happen(Cycle::MAX);
        }
    }

    /// The command queue may stand still at a time-out.
    pub fn timed_out(&self) -> bool {
        self.commands[CMD_TO].may()
    }

    /// The command queue may stand still at a memory fault or a time-out.
    pub fn command_error_may(&self) -> bool {
        self.commands[CQMF].may() || self.commands[CMD_TO].may()
    }

    /// The write of a fault record was answered with an error.
    pub fn record_error(&mut self, now: Cycle) {
        self.records.pop();
        self.faults[FQMF].may_happen(now + LATE);
    }

    /// A fault record is on its way to memory.
    pub fn record(&mut self, now: Cycle) {
        self.records.push(now);
    }

    /// Software saw in `fqt`, by an access that was accepted in this cycle, that all records but this many are there.
    pub fn records_seen(&mut self, left: usize, accepted: Cycle) {
        let seen = self.records.len().saturating_sub(left);
        for from in self.records.drain(..seen) {
            let by = accepted.max(from);
            if self.fie.sure(from) {
                self.fip.happens(from, by);
            }
            if self.fie.may(from) {
                self.fip.may_happen(by + SETTLE);
            }
        }
    }

    /// A page request that met its queue later than this cycle was queued.
    pub fn page_excused(&self) -> Cycle {
        self.pages.excused()
    }

    /// A fault that met the queue later than this cycle is recorded: the queue was on, and has shown no error.
    pub fn excused(&self) -> Cycle {
        if self.fault_queue { self.excused } else { Cycle::MAX }
    }

    /// The wires changed.
    pub fn wires(&mut self, wires: u16, now: Cycle) {
        self.wires = wires;
        self.steady = now;
    }

    fn command_may(&self, open: &Open) -> bool {
        self.commands.iter().any(Bit::may) || open.fence || open.illegal || open.memory_fault || open.time_out
    }

    fn overflow_may(&self, open: &Open) -> bool {
        let bit = &self.faults[FQOF];
        open.overflow.is_some_and(|last| last.saturating_add(SETTLE) >= bit.cleared.max(bit.zero))
    }

    fn fault_may(&self, open: &Open) -> bool {
        self.faults.iter().any(Bit::may) || self.overflow_may(open)
    }

    /// Whether `cip` and `fip` may be set, or have to be, by what is the case in this cycle.
    fn levels(&self, open: &Open, at: Cycle) -> [(bool, bool); 2] {
        let settled = |pending: &Bit, enable: Enable| pending.cleared + SETTLE < at && enable.sure(at - SETTLE);
        let cip = self.cie.may(at) && self.command_may(open);
        let fip = self.fie.may(at) && (self.fault_may(open) || !self.records.is_empty());
        [
            (cip, self.commands.iter().any(|bit| bit.must(at)) && settled(&self.cip, self.cie)),
            (fip, self.faults.iter().any(|bit| bit.must(at)) && settled(&self.fip, self.fie)),
        ]
    }

    /// A counter has gone over, no earlier than `from` and no later than `by`.
    pub fn counter_over(&mut self, from: Cycle, by: Cycle) {
        self.pmip.happens(from, by);
    }

    /// What is known of the pending bits.
    pub fn pending(&self, open: &Open, now: Cycle) -> [Pending; SOURCES] {
        let levels = self.levels(open, now);
        let known = |bit: &Bit, (may, must): (bool, bool)| Pending {
            may: bit.may() || may,
            set_by: bit.set_by.or(must.then(|| now.saturating_sub(SETTLE))),
            armed: bit.cleared.max(bit.zero),
        };
        let (pip, page) = self.pages.level(open.page_overflow, now);
        [
            known(&self.cip, levels[0]),
            known(&self.fip, levels[1]),
            known(&self.pmip, (open.counter, false)),
            known(pip, page),
        ]
    }

    /// `icvec`, if software has read what it holds.
    pub fn icvec(&self) -> Option<Icvec> {
        self.icvec
    }

    /// Software begins to write a register. What was the case until now has left its mark on `ipsr`.
    pub fn register_write(&mut self, register: u16, value: u64, open: &Open, now: Cycle) {
        let levels = self.levels(open, now);
        let levels = [levels[0], levels[1], (open.counter, false)];
        for (pending, (may, must)) in [&mut self.cip, &mut self.fip, &mut self.pmip].into_iter().zip(levels) {
            if must {
                pending.happens(now, now);
            } else if may {
                pending.may_happen(now + SETTLE);
            }
        }
        self.pages.before_write(open.page_overflow, now);
        match register {
            offset::CQCSR => {
                let csr = Cqcsr(value as u32);
                let was = std::mem::replace(&mut self.command_queue, csr.cqen());
                let on = csr.cqen() && !was;
                clear(&mut self.commands, if on { u32::MAX } else { csr.0 >> 8 }, now);
                self.cie.write(csr.cie(), now);
            }
            offset::FQCSR => {
                let csr = Fqcsr(value as u32);
                let was = std::mem::replace(&mut self.fault_queue, csr.fqen());
                let on = csr.fqen() && !was;
                if on || !csr.fqen() || csr.fqmf() || csr.fqof() {
                    self.excused = self.excused.max(now);
                }
                clear(&mut self.faults, if on { u32::MAX } else { csr.0 >> 8 }, now);
                if on {
                    self.records.clear();
                }
                self.fie.write(csr.fie(), now);
            }
            offset::IPSR => {
                let ipsr = Ipsr(value as u32);
                if ipsr.cip() {
                    self.cip.clear(now);
                }
                if ipsr.fip() {
                    self.fip.clear(now);
                }
                if ipsr.pip() {
                    self.pages.clear_pending(now);
                }
                if ipsr.pmip() {
                    self.pmip.clear(now);
                }
            }
            offset::PQCSR => self.pages.write_csr(Pqcsr(value as u32), now),
            offset::ICVEC => self.icvec = None,
            _ => {}
        }
    }

    /// A register write has completed: the errors that it clears may have been there until now.
    pub fn register_written(&mut self, register: u16, value: u64, now: Cycle) {
        let csr = Fqcsr(value as u32);
        if register == offset::FQCSR && (!csr.fqen() || csr.fqmf() || csr.fqof()) {
            self.excused = self.excused.max(now);
        }
    }

    /// Software read a register by an access that was accepted in this cycle.
    pub fn register_read(&mut self, register: u16, value: u64, open: &Open, accepted: Cycle) -> Result<(), Violation> {
        match register {
            offset::CQCSR => {
                let csr = Cqcsr(value as u32);
                if csr.busy() {
                    return Ok(());
                }
                // Unlike the others, these may come about long after their cause was seen on the bus.
                let may = [open.memory_fault, open.time_out, open.illegal, open.fence];
                status(&mut self.commands, COMMAND_BITS, csr.0, may, accepted)?;
                check(csr.cqen() == self.command_queue, Rule::Register, "cqcsr.cqen", csr.cqen())?;
                check(csr.cie() == self.cie.on, Rule::Register, "cqcsr.cie", csr.cie())
            }
            offset::FQCSR => {
                let csr = Fqcsr(value as u32);
                if csr.busy() {
                    return Ok(());
                }
                if csr.fqmf() || csr.fqof() || !csr.fqon() {
                    self.excused = self.excused.max(accepted);
                }
                let may = [false, self.overflow_may(open)];
                status(&mut self.faults, FAULT_BITS, csr.0, may, accepted)?;
                check(csr.fqen() == self.fault_queue, Rule::Register, "fqcsr.fqen", csr.fqen())?;
                check(csr.fie() == self.fie.on, Rule::Register, "fqcsr.fie", csr.fie())
            }
            offset::IPSR => {
                let ipsr = Ipsr(value as u32);
                let [cip, fip] = self.levels(open, accepted);
                check(self.cip.read(ipsr.cip(), accepted, cip.0, cip.1), Rule::Interrupt, "ipsr.cip", ipsr.cip())?;
                check(self.fip.read(ipsr.fip(), accepted, fip.0, fip.1), Rule::Interrupt, "ipsr.fip", ipsr.fip())?;
                let right = self.pmip.read(ipsr.pmip(), accepted, open.counter, false);
                check(right, Rule::Interrupt, "ipsr.pmip", ipsr.pmip())?;
                self.pages.read_pending(ipsr.pip(), open.page_overflow, accepted)
            }
            offset::PQCSR => self.pages.read_csr(Pqcsr(value as u32), open.page_overflow, accepted),
            offset::ICVEC => {
                self.icvec = Some(Icvec(value));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether the wires are what `ipsr` and `icvec` make of them.
    pub fn wires_agree(&self, fctl: Fctl, open: &Open, now: Cycle) -> Result<(), Violation> {
        let Some(icvec) = self.icvec else { return Ok(()) };
        if self.steady + SETTLE >= now {
            return Ok(());
        }
        let [cip, fip] = self.levels(open, now);
        let (pip, page) = self.pages.level(open.page_overflow, now);
        let pending = [
            (icvec.civ(), &self.cip, cip),
            (icvec.fiv(), &self.fip, fip),
            (icvec.pmiv(), &self.pmip, (open.counter, false)),
            (icvec.piv(), pip, page),
        ];
        for wire in 0..16u8 {
            let mine = || pending.iter().filter(|(vector, ..)| *vector == wire && fctl.wsi());
            let may = mine().any(|(_, bit, level)| bit.may() || level.0);
            let must = mine().any(|(_, bit, level)| bit.must(now) || level.1);
            let high = self.wires >> wire & 1 != 0;
            check(if high { may } else { !must }, Rule::Interrupt, &format!("wire {wire}"), high)?;
        }
        Ok(())
    }
}

/// Clears the bits for which software writes 1.
pub(super) fn clear(bits: &mut [Bit], ones: u32, now: Cycle) {
    for (at, bit) in bits.iter_mut().enumerate() {
        if ones >> at & 1 != 0 {
            bit.clear(now);
        }
    }
}

/// Software read status bits; `may` says what else may have set each.
pub(super) fn status<const N: usize>(
    bits: &mut [Bit; N],
    names: [(Rule, &str); N],
    csr: u32,
    may: [bool; N],
    accepted: Cycle,
) -> Result<(), Violation> {
    for (at, bit) in bits.iter_mut().enumerate() {
        let set = csr >> (8 + at) & 1 != 0;
        let (rule, name) = names[at];
        check(bit.read(set, accepted, may[at], false), rule, name, set)?;
    }
    Ok(())
}

pub(super) fn check(right: bool, rule: Rule, what: &str, came: bool) -> Result<(), Violation> {
    let show = |set: bool| u8::from(set).to_string();
    if right { Ok(()) } else { Err(Violation::new(rule, what, show(!came), show(came))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Open = Open {
        fence: false,
        illegal: false,
        memory_fault: false,
        time_out: false,
        overflow: None,
        page_overflow: None,
        counter: false,
    };
    const FENCE: Open = Open { fence: true, ..NONE };
    const ON: u64 = 3;
    const FENCE_DONE: u64 = 1 << 11;

    /// Both queues are on, with their interrupts.
    fn on() -> Interrupts {
        let mut interrupts = Interrupts::new();
        interrupts.register_write(offset::CQCSR, ON, &NONE, 10);
        interrupts.register_write(offset::FQCSR, ON, &NONE, 10);
        interrupts
    }

    fn read(interrupts: &mut Interrupts, register: u16, value: u64, open: &Open, at: Cycle) -> bool {
        interrupts.register_read(register, value, open, at).is_ok()
    }

    #[test]
    fn a_queue_that_was_switched_off_reads_off_and_on_again() {
        for register in [offset::CQCSR, offset::FQCSR] {
            let mut interrupts = on();
            interrupts.register_write(register, 0, &NONE, 100);
            assert!(!read(&mut interrupts, register, ON, &NONE, 110), "register {register}");
            let mut interrupts = on();
            interrupts.register_write(register, 0, &NONE, 100);
            assert!(read(&mut interrupts, register, 0, &NONE, 110), "register {register}");
            interrupts.register_write(register, ON, &NONE, 120);
            assert!(read(&mut interrupts, register, ON, &NONE, 130), "register {register}");
        }
    }

    #[test]
    fn a_fence_sets_its_bit_between_its_fetch_and_its_completion() {
        let csr = |set: bool| ON | 1 << 16 | if set { FENCE_DONE } else { 0 };
        let mut interrupts = on();
        assert!(!read(&mut interrupts, offset::CQCSR, csr(true), &NONE, 100), "no fence");
        let mut interrupts = on();
        assert!(read(&mut interrupts, offset::CQCSR, csr(false), &FENCE, 100));
        interrupts.fence(90, 200);
        assert!(read(&mut interrupts, offset::CQCSR, csr(false), &NONE, 200 + SETTLE), "it may take its time");
        assert!(!read(&mut interrupts, offset::CQCSR, csr(false), &NONE, 201 + SETTLE));
        assert!(read(&mut interrupts, offset::CQCSR, csr(true), &NONE, 201 + SETTLE));
    }

    #[test]
    fn a_bit_stays_until_it_is_cleared_and_no_longer() {
        let mut interrupts = on();
        interrupts.fence(90, 200);
        interrupts.register_write(offset::CQCSR, ON | FENCE_DONE, &NONE, 201 + SETTLE);
        assert!(!read(&mut interrupts, offset::CQCSR, ON | FENCE_DONE, &NONE, 210 + SETTLE), "cleared");
        let mut interrupts = on();
        interrupts.fence(90, 200);
        interrupts.register_write(offset::CQCSR, ON | FENCE_DONE, &NONE, 210);
        assert!(read(&mut interrupts, offset::CQCSR, ON | FENCE_DONE, &NONE, 220), "memory may have answered since");
        for value in [ON, ON | FENCE_DONE] {
            let mut interrupts = on();
            interrupts.fence(290, 310);
            interrupts.register_write(offset::CQCSR, ON | FENCE_DONE, &NONE, 300);
            assert!(read(&mut interrupts, offset::CQCSR, value, &NONE, 311), "it may have come about after the write");
        }
    }

    #[test]
    fn a_pending_bit_follows_its_cause_and_outlives_it() {
        let mut interrupts = on();
        assert!(!read(&mut interrupts, offset::IPSR, 1, &NONE, 100), "no cause");
        let mut interrupts = on();
        interrupts.fence(90, 200);
        interrupts.register_write(offset::CQCSR, ON | FENCE_DONE, &NONE, 600);
        assert!(!read(&mut interrupts, offset::IPSR, 0, &NONE, 900), "the cause is gone, the interrupt pending");
        assert!(read(&mut interrupts, offset::IPSR, 1, &NONE, 900));
        interrupts.register_write(offset::IPSR, 1, &NONE, 1000);
        assert!(read(&mut interrupts, offset::IPSR, 0, &NONE, 1500));
        assert!(!read(&mut interrupts, offset::IPSR, 1, &NONE, 1600));
    }

    #[test]
    fn each_record_makes_the_fault_interrupt_pending_once() {
        let mut interrupts = on();
        interrupts.record(100);
        assert!(read(&mut interrupts, offset::IPSR, 0, &NONE, 105));
        interrupts.records_seen(0, 110);
        assert!(!read(&mut interrupts, offset::IPSR, 0, &NONE, 111 + SETTLE));
        interrupts.register_write(offset::IPSR, 2, &NONE, 500);
        assert!(!read(&mut interrupts, offset::IPSR, 2, &NONE, 600));
        interrupts.record(700);
        interrupts.records_seen(0, 710);
        interrupts.register_write(offset::IPSR, 2, &NONE, 712);
        assert!(read(&mut interrupts, offset::IPSR, 2, &NONE, 714), "fqt may run ahead of fip");
    }

    #[test]
    fn wires_show_what_is_pending() {
        let fctl = Fctl(0).with_wsi(true);
        let mut interrupts = on();
        interrupts.register_write(offset::ICVEC, 0x21, &NONE, 20);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_ok(), "what icvec holds is not known");
        assert!(read(&mut interrupts, offset::ICVEC, 0x21, &NONE, 30));
        interrupts.record(100);
        interrupts.records_seen(0, 110);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_err(), "wire 2 is low");
        interrupts.wires(4, 120);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_ok());
        assert!(interrupts.wires_agree(Fctl(0), &NONE, 900).is_err(), "messages are used, not wires");
        interrupts.wires(2, 130);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_err(), "the other queue's wire");
    }
}
