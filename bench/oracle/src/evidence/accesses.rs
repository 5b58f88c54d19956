// SPDX-License-Identifier: Apache-2.0
//! What software has read from registers and written to them: the last accesses, and the state of the queues as it has
//! seen it.

use std::fmt::Write as _;

use events::Cycle;
use golden::{QueueBase, offset};

/// So many accesses are kept.
const KEPT: usize = 32;

/// So many of them are shown of any register.
const SHOWN: usize = 12;

/// Registers of which the last value is kept, however long ago that was.
const LASTING: [u16; 16] = [
    offset::FCTL,
    offset::DDTP,
    offset::CQB,
    offset::CQH,
    offset::CQT,
    offset::CQCSR,
    offset::FQB,
    offset::FQH,
    offset::FQT,
    offset::FQCSR,
    offset::PQB,
    offset::PQH,
    offset::PQT,
    offset::PQCSR,
    offset::IPSR,
    offset::ICVEC,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Access {
    register: u16,
    is_write: bool,
    value: u64,
    first: Cycle,
    last: Cycle,
    times: u32,
}

/// Kept in memory of its own: nothing is allocated when an access comes.
#[derive(Debug, Default)]
pub struct Accesses {
    ring: [Option<Access>; KEPT],
    next: usize,
    lasting: [[Option<(Cycle, u64)>; 2]; LASTING.len()],
}

/// What a queue's registers and status bits are called.
struct Queue {
    name: &'static str,
    base: u16,
    head: (u16, &'static str),
    tail: (u16, &'static str),
    csr: (u16, &'static str),
    bits: &'static [(u32, &'static str)],
}

const QUEUES: [Queue; 3] = [
    Queue {
        name: "command queue",
        base: offset::CQB,
        head: (offset::CQH, "cqh"),
        tail: (offset::CQT, "cqt"),
        csr: (offset::CQCSR, "cqcsr"),
        bits: &[
            (0, "cqen"),
            (1, "cie"),
            (8, "cqmf"),
            (9, "cmd_to"),
            (10, "cmd_ill"),
            (11, "fence_w_ip"),
            (16, "cqon"),
            (17, "busy"),
        ],
    },
    Queue {
        name: "fault queue",
        base: offset::FQB,
        head: (offset::FQH, "fqh"),
        tail: (offset::FQT, "fqt"),
        csr: (offset::FQCSR, "fqcsr"),
        bits: &[(0, "fqen"), (1, "fie"), (8, "fqmf"), (9, "fqof"), (16, "fqon"), (17, "busy")],
    },
    Queue {
        name: "page-request queue",
        base: offset::PQB,
        head: (offset::PQH, "pqh"),
        tail: (offset::PQT, "pqt"),
        csr: (offset::PQCSR, "pqcsr"),
        bits: &[(0, "pqen"), (1, "pie"), (8, "pqmf"), (9, "pqof"), (16, "pqon"), (17, "busy")],
    },
];

/// A register by its name in the specification.
fn name(register: u16) -> String {
    let numbered = |first: u16, name: &str| format!("{name}{}", (register - first) / 8 + 1);
    match register {
        offset::CAPABILITIES => "capabilities".to_owned(),
        offset::FCTL => "fctl".to_owned(),
        offset::DDTP => "ddtp".to_owned(),
        offset::CQB => "cqb".to_owned(),
        offset::FQB => "fqb".to_owned(),
        offset::PQB => "pqb".to_owned(),
        offset::IPSR => "ipsr".to_owned(),
        offset::IOCOUNTOVF => "iocountovf".to_owned(),
        offset::IOCOUNTINH => "iocountinh".to_owned(),
        offset::IOHPMCYCLES => "iohpmcycles".to_owned(),
        offset::IOHPMCTR..offset::IOHPMEVT => numbered(offset::IOHPMCTR, "iohpmctr"),
        offset::IOHPMEVT..offset::TR_REQ_IOVA => numbered(offset::IOHPMEVT, "iohpmevt"),
        offset::TR_REQ_IOVA => "tr_req_iova".to_owned(),
        offset::TR_REQ_CTL => "tr_req_ctl".to_owned(),
        offset::TR_RESPONSE => "tr_response".to_owned(),
        offset::ICVEC => "icvec".to_owned(),
        offset::MSI_CFG_TBL..=1023 => {
            let (entry, word) = ((register - offset::MSI_CFG_TBL) / 16, register & 0xF);
            let word = if word == 0 {
                "addr"
            } else if word == 8 {
                "data"
            } else {
                "vec_ctl"
            };
            format!("msi_{word}_{entry}")
        }
        _ => {
            let pairs = QUEUES.iter().flat_map(|queue| [queue.head, queue.tail, queue.csr]);
            let known = pairs.into_iter().find(|(at, _)| *at == register);
            known.map_or_else(|| format!("register {register:#x}"), |(_, name)| name.to_owned())
        }
    }
}

impl Accesses {
    /// Software read this; the access was accepted in this cycle.
    pub fn read(&mut self, register: u16, value: u64, accepted: Cycle) {
        self.keep(register, 0, value, accepted);
        let mut newest = self.ring.iter_mut().flatten().filter(|access| access.register == register);
        let same = newest.by_ref().max_by_key(|access| access.last);
        match same.filter(|access| !access.is_write && access.value == value) {
            Some(access) => {
                access.last = accepted;
                access.times += 1;
            }
            None => self.push(register, false, value, accepted),
        }
    }

    /// Software begins to write this.
    pub fn write(&mut self, register: u16, value: u64, now: Cycle) {
        self.keep(register, 1, value, now);
        self.push(register, true, value, now);
    }

    fn keep(&mut self, register: u16, kind: usize, value: u64, cycle: Cycle) {
        if let Some(at) = LASTING.iter().position(|known| *known == register) {
            self.lasting[at][kind] = Some((cycle, value));
        }
    }

    fn push(&mut self, register: u16, is_write: bool, value: u64, cycle: Cycle) {
        self.ring[self.next] = Some(Access { register, is_write, value, first: cycle, last: cycle, times: 1 });
        self.next = (self.next + 1) % KEPT;
    }

    fn last(&self, register: u16, kind: usize) -> Option<(Cycle, u64)> {
        LASTING.iter().position(|known| *known == register).and_then(|at| self.lasting[at][kind])
    }

    /// A register as software knows it: by its last read or write, whichever is later.
    fn known(&self, (register, name): (u16, &str)) -> Option<String> {
        let access = |kind: usize, what: &'static str| self.last(register, kind).map(|(at, value)| (at, what, value));
        let (cycle, what, value) = access(0, "read").max(access(1, "written"))?;
        Some(format!("{name} {what} as {value} in cycle {cycle}"))
    }

    /// Which vectors interrupts have, if software has seen to that.
    pub fn vectors(&self) -> String {
        match self.last(offset::ICVEC, 1) {
            Some((cycle, value)) => format!("icvec written as {value:#x} in cycle {cycle}\n"),
            None => String::new(),
        }
    }

    /// The queues as software has seen them; those that it has never touched are left out.
    pub fn queues(&self) -> String {
        let mut text = String::new();
        for queue in &QUEUES {
            let Some((_, base)) = self.last(queue.base, 1) else { continue };
            let base = QueueBase(base);
            let _ = write!(text, "{}: {} entries at {:#x}", queue.name, base.entries(), base.base());
            for register in [queue.head, queue.tail].into_iter().filter_map(|register| self.known(register)) {
                let _ = write!(text, "; {register}");
            }
            let (csr, name) = queue.csr;
            match self.last(csr, 0) {
                Some((cycle, value)) => {
                    let set = queue.bits.iter().filter(|(at, _)| value >> at & 1 == 1).map(|(_, bit)| *bit);
                    let set: Vec<&str> = set.collect();
                    let _ = write!(text, "; {name} read in cycle {cycle}: {}", set.join(" "));
                }
                None => {
                    let _ = write!(text, "; {name} never read");
                }
            }
            text.push('\n');
        }
        text
    }

    /// The last accesses, oldest first; those to a register that `detail` begins with from as far back as they are kept.
    pub fn render(&self, detail: &str) -> String {
        let mut all: Vec<&Access> = self.ring.iter().flatten().collect();
        if all.is_empty() {
            return String::new();
        }
        all.sort_by_key(|access| access.first);
        let wanted = detail.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        let others = all.len().saturating_sub(SHOWN);
        let is_wanted = |name: &str| name == wanted || wanted == "counter" && name.starts_with("io");
        let is_shown = |(at, access): &(usize, &Access)| *at >= others || is_wanted(&name(access.register));
        let all: Vec<&Access> = all.into_iter().enumerate().filter(is_shown).map(|(_, access)| access).collect();
        let mut text = String::from("last accesses to registers:\n");
        for Access { register, is_write, value, first, last, times } in all {
            let (name, what) = (name(*register), if *is_write { "write" } else { "read " });
            let is_index = QUEUES.iter().any(|queue| [queue.head.0, queue.tail.0].contains(register));
            let value = if is_index { value.to_string() } else { format!("{value:#x}") };
            let more = if *times > 1 { format!(", {times} times, last in cycle {last}") } else { String::new() };
            let _ = writeln!(text, "  {first:>8}  {what} {name} = {value}{more}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_is_one_line_and_the_state_is_the_last_that_was_seen() {
        let mut accesses = Accesses::default();
        accesses.write(offset::CQB, 1 << 10 | 3, 5);
        accesses.write(offset::CQT, 2, 10);
        for cycle in 0..100 {
            accesses.read(offset::CQH, 1, 20 + 2 * cycle);
            accesses.read(offset::CQCSR, 0x1_0001, 21 + 2 * cycle);
        }
        accesses.read(offset::CQH, 2, 300);
        insta::assert_snapshot!(accesses.queues() + &accesses.render("cqh"));
    }

    #[test]
    fn only_the_last_are_kept() {
        let mut accesses = Accesses::default();
        (0..100).for_each(|cycle| accesses.write(offset::FQH, cycle, cycle));
        let text = accesses.render("fqt");
        assert_eq!(text.lines().count(), 1 + SHOWN);
        assert!(text.ends_with("write fqh = 99\n"), "{text}");
        let text = accesses.render("fqh.any");
        assert_eq!(text.lines().count(), 1 + KEPT);
        assert!(!text.contains("= 67\n"), "{text}");
    }

    #[test]
    fn registers_have_the_names_of_the_specification() {
        let names = [offset::IOHPMCTR + 8, offset::MSI_CFG_TBL + 28, offset::PQCSR, 3000].map(name);
        assert_eq!(names, ["iohpmctr2", "msi_vec_ctl_1", "pqcsr", "register 0xbb8"]);
    }
}
