// SPDX-License-Identifier: Apache-2.0
//! Status and pending bits of `cqcsr`, `fqcsr`, `pqcsr` and `ipsr`, and the interrupt wires: rules D8.7 and D8.8 of MODEL.md.

use events::Cycle;
use golden::{Cqcsr, Fctl, Icvec, offset};

use super::page_interrupts::PageInterrupts;
use super::queue_status::{Csr, Names, QueueStatus};
use super::rule::{Rule, Violation};
use super::status::{Bit, Enable, LATE, Level, SETTLE, check, clear, none_owed, status};
use super::vectors::Vectors;

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
    /// When a counter could last have gone over
    pub counter: Option<Cycle>,
}

/// Sources of interrupts, in the order of their bits in `ipsr`: command queue, fault queue, performance monitor, page
/// queue.
pub const SOURCES: usize = 4;

/// Their bits in `ipsr`.
pub(super) const PENDING: [&str; SOURCES] = ["ipsr.cip", "ipsr.fip", "ipsr.pmip", "ipsr.pip"];

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
/// The bits of `fqcsr`.
const FAULT_NAMES: Names = Names {
    status: [(Rule::Register, "fqcsr.fqmf"), (Rule::Register, "fqcsr.fqof")],
    enable: "fqcsr.fqen",
    interrupt: "fqcsr.fie",
};

const CQMF: usize = 0;
const CMD_TO: usize = 1;
const CMD_ILL: usize = 2;
const FENCE_W_IP: usize = 3;

/// See the module.
#[derive(Debug)]
pub struct Interrupts {
    commands: [Bit; 4],
    cip: Bit,
    cie: Enable,
    command_queue: bool,
    /// Of the fault queue
    pub faults: QueueStatus,
    /// Until when the fault queue was off, or had an error that explains that records are missing
    excused: Cycle,
    /// Of the page-request queue
    pub pages: PageInterrupts,
    pmip: Bit,
    icvec: Vectors,
    wires: u16,
    steady: Cycle,
    /// Pending bits that a run went past: what they are, and with them their wires, is the device's word until software
    /// clears them
    adopted: [bool; SOURCES],
}

impl Interrupts {
    /// After reset.
    pub fn new() -> Self {
        Interrupts {
            commands: [Bit::default(); 4],
            cip: Bit::default(),
            cie: Enable::default(),
            command_queue: false,
            faults: QueueStatus::new(&FAULT_NAMES),
            excused: 0,
            pages: PageInterrupts::new(),
            pmip: Bit::default(),
            icvec: Vectors::default(),
            wires: 0,
            steady: 0,
            adopted: [false; SOURCES],
        }
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

    /// The command queue lies where no memory can be: each access is a fault.
    pub fn commands_out_of_reach(&mut self) {
        self.commands[CQMF].may_happen(Cycle::MAX);
    }

    /// The command queue may stand still at a time-out.
    pub fn timed_out(&self) -> bool {
        self.commands[CMD_TO].may()
    }

    /// The command queue may stand still at a memory fault or a time-out.
    pub fn command_error_may(&self) -> bool {
        self.commands[CQMF].may() || self.commands[CMD_TO].may()
    }

    /// A fault that met the queue later than this cycle is recorded: the queue was on, and has shown no error.
    pub fn excused(&self) -> Cycle {
        if self.faults.is_on() { self.excused } else { Cycle::MAX }
    }

    /// The wires changed.
    pub fn wires(&mut self, wires: u16, now: Cycle) {
        self.wires = wires;
        self.steady = now;
    }

    fn command_may(&self, open: &Open) -> bool {
        self.commands.iter().any(Bit::may) || open.fence || open.illegal || open.memory_fault || open.time_out
    }

    /// The pending bits, and whether each may be set, or has to be, by what is the case in this cycle.
    fn sources(&self, open: &Open, at: Cycle) -> [(&Bit, Level); SOURCES] {
        let settled = self.cip.is_settled(at) && self.cie.sure(at.saturating_sub(SETTLE));
        let cip = (self.cie.may(at) && self.command_may(open), settled && self.commands.iter().any(|bit| bit.must(at)));
        let pages = &self.pages.queue;
        let counted = open.counter.is_some_and(|last| last + SETTLE >= self.pmip.last_zero());
        [
            (&self.cip, cip),
            (&self.faults.pending, self.faults.level(open.overflow, at)),
            (&self.pmip, (counted, false)),
            (&pages.pending, pages.level(open.page_overflow, at)),
        ]
    }

    fn pending_mut(&mut self) -> [&mut Bit; SOURCES] {
        [&mut self.cip, &mut self.faults.pending, &mut self.pmip, &mut self.pages.queue.pending]
    }

    /// A counter has gone over, no earlier than `from` and no later than `by`.
    pub fn counter_over(&mut self, from: Cycle, by: Cycle) {
        self.pmip.happens(from, by);
    }

    /// What is known of the pending bits.
    pub fn pending(&self, open: &Open, now: Cycle) -> [Pending; SOURCES] {
        self.sources(open, now).map(|(bit, (may, must))| Pending {
            may: bit.may() || may,
            set_by: bit.set_by().or(must.then(|| now.saturating_sub(SETTLE))),
            armed: bit.last_zero(),
        })
    }

    /// `icvec`, if it is known what it holds.
    pub fn icvec(&self) -> Option<Icvec> {
        self.icvec.known()
    }

    /// The command queue has come to an illegal command; at rest `cmd_ill` says so.
    pub fn illegal(&mut self, now: Cycle) {
        if self.command_queue {
            self.commands[CMD_ILL].owe(now);
        }
    }

    /// The command queue has met an error of memory with the command that is next; at rest `cqmf` says so.
    pub fn memory_fault(&mut self, now: Cycle) {
        if self.command_queue {
            self.commands[CQMF].owe(now);
        }
    }

    /// At rest: every error has been reported. Behind a time-out, or another error, the queue may not have come to it.
    pub fn at_rest(&self) -> Result<(), Violation> {
        if !self.commands.iter().enumerate().any(|(at, bit)| at != FENCE_W_IP && bit.set_by().is_some()) {
            none_owed(&self.commands, COMMAND_BITS)?;
        }
        self.faults.at_rest()?;
        self.pages.queue.at_rest()
    }

    /// Software begins to write a register. What was the case until now has left its mark on `ipsr`.
    pub fn register_write(&mut self, register: u16, value: u64, open: &Open, now: Cycle) {
        let levels = self.sources(open, now).map(|(_, level)| level);
        for (bit, level) in self.pending_mut().into_iter().zip(levels) {
            bit.follow(level, now);
        }
        match register {
            offset::CQCSR => {
                let csr = Cqcsr(value as u32);
                let was = std::mem::replace(&mut self.command_queue, csr.cqen());
                let on = csr.cqen() && !was;
                clear(&mut self.commands, if on { u32::MAX } else { csr.0 >> 8 }, now);
                if !csr.cqen() {
                    self.commands.iter_mut().for_each(Bit::excuse);
                }
                self.cie.write(csr.cie(), now);
            }
            offset::FQCSR => {
                let csr = Csr(value as u32);
                if self.faults.write(csr, now) || !csr.enabled() || csr.error() {
                    self.excused = self.excused.max(now);
                }
            }
            offset::IPSR => {
                for at in (0..SOURCES).filter(|at| value >> at & 1 != 0) {
                    self.adopted[at] = false;
                }
                for (_, bit) in self.pending_mut().into_iter().enumerate().filter(|(at, _)| value >> at & 1 != 0) {
                    bit.clear(now);
                }
            }
            offset::PQCSR => self.pages.write_csr(Csr(value as u32), now),
            offset::ICVEC => self.icvec.written(value),
            _ => {}
        }
    }

    /// A register write has completed: the errors that it clears may have been there until now.
    pub fn register_written(&mut self, register: u16, value: u64, now: Cycle) {
        let csr = Csr(value as u32);
        if register == offset::FQCSR && (!csr.enabled() || csr.error()) {
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
                check(csr.cie() == self.cie.is_on(), Rule::Register, "cqcsr.cie", csr.cie())
            }
            offset::FQCSR => {
                let csr = Csr(value as u32);
                if csr.busy() {
                    return Ok(());
                }
                if csr.error() || !csr.on() {
                    self.excused = self.excused.max(accepted);
                }
                self.faults.read(csr, open.overflow, accepted)
            }
            offset::IPSR => {
                let levels = self.sources(open, accepted).map(|(_, level)| level);
                let mut judged = Ok(());
                for (at, bit) in self.pending_mut().into_iter().enumerate() {
                    let (set, (may, must)) = (value >> at & 1 != 0, levels[at]);
                    judged = judged.and(check(bit.read(set, accepted, may, must), Rule::Interrupt, PENDING[at], set));
                }
                judged
            }
            offset::PQCSR => self.pages.read_csr(Csr(value as u32), open.page_overflow, accepted),
            offset::ICVEC => {
                self.icvec.read(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The run goes past a pending bit that was wrong.
    pub fn adopt(&mut self, detail: &str) {
        if let Some(at) = PENDING.iter().position(|name| *name == detail) {
            self.adopted[at] = true;
        }
    }

    /// Whether the wires are what `ipsr` and `icvec` make of them.
    pub fn wires_agree(&mut self, fctl: Fctl, open: &Open, now: Cycle) -> Result<(), Violation> {
        if self.steady + SETTLE >= now {
            return Ok(());
        }
        let possible = self.icvec.possible();
        let judged: Vec<_> = possible.iter().map(|(_, icvec)| self.wires_agree_with(*icvec, fctl, open, now)).collect();
        if judged.iter().all(Result::is_err) {
            // Where nothing is known of them nothing is wrong.
            return judged.into_iter().next().unwrap_or(Ok(()));
        }
        for ((bits, _), judged) in possible.iter().zip(&judged) {
            if judged.is_err() {
                self.icvec.rule_out(*bits);
            }
        }
        Ok(())
    }

    fn wires_agree_with(&self, icvec: Icvec, fctl: Fctl, open: &Open, now: Cycle) -> Result<(), Violation> {
        let vectors = [icvec.civ(), icvec.fiv(), icvec.pmiv(), icvec.piv()];
        let sources = self.sources(open, now);
        for wire in 0..16u8 {
            let mine = || (0..SOURCES).filter(|at| vectors[*at] == wire && fctl.wsi());
            let may = mine().any(|at| sources[at].0.may() || sources[at].1.0 || self.adopted[at]);
            let must = mine().any(|at| (sources[at].0.must(now) || sources[at].1.1) && !self.adopted[at]);
            let high = self.wires >> wire & 1 != 0;
            check(if high { may } else { !must }, Rule::Interrupt, &format!("wire {wire}"), high)?;
        }
        Ok(())
    }
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
        counter: None,
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
        interrupts.faults.record(100);
        assert!(read(&mut interrupts, offset::IPSR, 0, &NONE, 105));
        interrupts.faults.records_seen(0, 110);
        assert!(!read(&mut interrupts, offset::IPSR, 0, &NONE, 111 + SETTLE));
        interrupts.register_write(offset::IPSR, 2, &NONE, 500);
        assert!(!read(&mut interrupts, offset::IPSR, 2, &NONE, 600));
        interrupts.faults.record(700);
        interrupts.faults.records_seen(0, 710);
        interrupts.register_write(offset::IPSR, 2, &NONE, 712);
        assert!(read(&mut interrupts, offset::IPSR, 2, &NONE, 714), "fqt may run ahead of fip");
    }

    #[test]
    fn a_page_request_makes_its_interrupt_pending() {
        const PENDING: u64 = 1 << 3;
        let queue_on = || {
            let mut interrupts = on();
            interrupts.register_write(offset::PQCSR, ON, &NONE, 10);
            interrupts
        };
        assert!(!read(&mut queue_on(), offset::IPSR, PENDING, &NONE, 50), "no cause");
        let mut interrupts = queue_on();
        interrupts.pages.queue.record(100);
        interrupts.pages.queue.records_seen(0, 110);
        assert!(!read(&mut interrupts, offset::IPSR, 0, &NONE, 111 + SETTLE), "lost");
        assert!(read(&mut interrupts, offset::IPSR, PENDING, &NONE, 111 + SETTLE));
    }

    /// A run that goes past a pending bit believes the device, and with the bit its wire, until software clears it.
    #[test]
    fn a_pending_bit_that_is_gone_past_is_not_told_again_by_its_wire() {
        let fctl = Fctl(0).with_wsi(true);
        let mut interrupts = on();
        interrupts.register_write(offset::ICVEC, 0x21, &NONE, 20);
        assert!(read(&mut interrupts, offset::ICVEC, 0x21, &NONE, 30));
        interrupts.faults.record(100);
        interrupts.faults.records_seen(0, 110);
        assert!(!read(&mut interrupts, offset::IPSR, 0, &NONE, 800), "lost");
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_err());
        interrupts.adopt("ipsr.fip");
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_ok());
        interrupts.register_write(offset::IPSR, 2, &NONE, 1000);
        interrupts.faults.record(1100);
        interrupts.faults.records_seen(0, 1110);
        assert!(interrupts.wires_agree(fctl, &NONE, 1900).is_err(), "another one");
    }

    #[test]
    fn wires_show_what_is_pending() {
        let fctl = Fctl(0).with_wsi(true);
        let mut interrupts = on();
        interrupts.register_write(offset::ICVEC, 0x21, &NONE, 20);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_ok(), "nothing is pending");
        assert!(read(&mut interrupts, offset::ICVEC, 0x21, &NONE, 30));
        interrupts.faults.record(100);
        interrupts.faults.records_seen(0, 110);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_err(), "wire 2 is low");
        interrupts.wires(4, 120);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_ok());
        assert!(interrupts.wires_agree(Fctl(0), &NONE, 900).is_err(), "messages are used, not wires");
        interrupts.wires(2, 130);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_err(), "the other queue's wire");
    }

    #[test]
    fn wires_are_judged_though_nobody_reads_icvec_back() {
        let fctl = Fctl(0).with_wsi(true);
        let pending = || {
            let mut interrupts = on();
            interrupts.register_write(offset::ICVEC, 0x21, &NONE, 20);
            interrupts.faults.record(100);
            interrupts.faults.records_seen(0, 110);
            interrupts
        };
        assert!(pending().wires_agree(fctl, &NONE, 900).is_err(), "dead wires");
        for (wire, vectors) in [(0, "one"), (2, "four")] {
            let mut interrupts = pending();
            interrupts.wires(1 << wire, 120);
            assert!(interrupts.wires_agree(fctl, &NONE, 900).is_ok(), "a device with {vectors}");
            interrupts.wires(if wire == 0 { 4 } else { 1 }, 1000);
            assert!(interrupts.wires_agree(fctl, &NONE, 2000).is_err(), "it cannot have had more and fewer");
        }
        let mut interrupts = pending();
        interrupts.wires(1 << 3, 120);
        assert!(interrupts.wires_agree(fctl, &NONE, 900).is_err(), "no device has this vector for it");
    }

    #[test]
    fn an_error_that_never_shows_is_found_at_rest() {
        let mut interrupts = on();
        interrupts.illegal(100);
        interrupts.memory_fault(100);
        assert!(interrupts.at_rest().is_ok(), "nobody has looked");
        assert!(read(&mut interrupts, offset::CQCSR, ON | 1 << 16, &NONE, 900));
        assert!(interrupts.at_rest().is_err());
        assert!(read(&mut interrupts, offset::CQCSR, ON | 1 << 16 | 1 << 10, &Open { illegal: true, ..NONE }, 950));
        assert!(interrupts.at_rest().is_ok(), "it stands still at the first of them");
        let mut interrupts = on();
        interrupts.faults.record(90);
        interrupts.faults.record_error(100);
        assert!(read(&mut interrupts, offset::FQCSR, ON | 1 << 16, &NONE, 900));
        assert!(interrupts.at_rest().is_err());
        interrupts.register_write(offset::FQCSR, 0, &NONE, 1000);
        assert!(interrupts.at_rest().is_ok(), "the queue was switched off");
    }
}
