// SPDX-License-Identifier: Apache-2.0
//! The registers that a queue depends on, as far as software's accesses tell them.

use events::Burst;
use golden::{Cqcsr, Fqcsr, Pqcsr, QueueBase, Spa, offset};

/// Where a queue lies in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// Address of entry 0
    pub base: Spa,
    /// Number of entries, up to 2^32; 0 before software has set it up
    pub entries: u64,
    /// Bytes of an entry
    pub entry_bytes: u32,
}

impl Ring {
    fn new(base: QueueBase, entry_bytes: u32) -> Self {
        Ring { base: Spa(base.base()), entries: base.entries(), entry_bytes }
    }

    /// The entry that contains this address, and the doubleword in it.
    pub fn locate(&self, addr: Spa) -> Option<(u32, usize)> {
        let offset = addr.0.checked_sub(self.base.0)?;
        let index = offset / u64::from(self.entry_bytes.max(1));
        (index < self.entries).then(|| (index as u32, (offset % u64::from(self.entry_bytes.max(1)) / 8) as usize))
    }

    /// The entry that a write of the device goes to, and what it writes there: doubleword, value and strobes of each beat.
    pub fn written<'b>(
        &self,
        addr: Spa,
        burst: Burst,
        beats: &'b [(u64, u8)],
    ) -> Option<(u32, impl Iterator<Item = (usize, u64, u8)> + use<'b>)> {
        let (index, first) = self.locate(addr)?;
        let word = move |beat: usize| first + ((addr.0 & 7) as usize + (beat << burst.size)) / 8;
        Some((index, beats.iter().enumerate().map(move |(beat, &(value, strobes))| (word(beat), value, strobes))))
    }

    /// The index behind this one.
    pub fn after(&self, index: u32) -> u32 {
        self.wrap(index.wrapping_add(1))
    }

    /// An index as the register keeps it.
    pub fn wrap(&self, index: u32) -> u32 {
        index & self.entries.saturating_sub(1) as u32
    }
}

/// What software has written.
#[derive(Debug)]
pub struct Registers {
    /// Command queue
    pub cq: Ring,
    /// Fault queue
    pub fq: Ring,
    /// `fqh` as software last wrote it
    pub fqh: u32,
    /// `cqen` as software last wrote it
    pub cq_enabled: bool,
    /// `fqen` as software last wrote it
    pub fq_enabled: bool,
    /// Page-request queue
    pub pq: Ring,
    /// `pqh` as software last wrote it
    pub pqh: u32,
    /// `pqen` as software last wrote it
    pub pq_enabled: bool,
}

/// What the write of a register means beyond its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing else
    None,
    /// `cqcsr.cqen` went from 0 to 1: the queue begins at 0
    CommandQueueOn,
    /// `cqt` was written
    CommandTail(u32),
    /// These error bits of `cqcsr` were cleared
    CommandErrorsCleared(Cqcsr),
    /// `fqcsr.fqen` went from 0 to 1
    FaultQueueOn,
    /// `cqcsr.cqen` went from 1 to 0
    CommandQueueOff,
    /// `pqcsr.pqen` went from 0 to 1
    PageQueueOn,
}

/// Software wrote an enable: whether that switches on what was off.
pub(super) fn switched_on(enabled: &mut bool, on: bool) -> bool {
    let was = std::mem::replace(enabled, on);
    on && !was
}

impl Registers {
    /// After reset.
    pub fn new() -> Self {
        Registers {
            cq: Ring::default(),
            fq: Ring::default(),
            fqh: 0,
            cq_enabled: false,
            fq_enabled: false,
            pq: Ring::default(),
            pqh: 0,
            pq_enabled: false,
        }
    }

    /// Software writes a register.
    pub fn written(&mut self, register: u16, value: u64) -> Effect {
        match register {
            offset::CQB => {
                self.cq = Ring::new(QueueBase(value), 16);
                Effect::None
            }
            offset::CQT => Effect::CommandTail(self.cq.wrap(value as u32)),
            offset::CQCSR => {
                let csr = Cqcsr(value as u32);
                let was = std::mem::replace(&mut self.cq_enabled, csr.cqen());
                if csr.cqen() && !was {
                    Effect::CommandQueueOn
                } else if was && !csr.cqen() {
                    Effect::CommandQueueOff
                } else if csr.cqmf() || csr.cmd_to() || csr.cmd_ill() {
                    Effect::CommandErrorsCleared(csr)
                } else {
                    Effect::None
                }
            }
            offset::FQB => {
                self.fq = Ring::new(QueueBase(value), 32);
                Effect::None
            }
            offset::FQH => {
                self.fqh = self.fq.wrap(value as u32);
                Effect::None
            }
            offset::FQCSR => {
                if !switched_on(&mut self.fq_enabled, Fqcsr(value as u32).fqen()) {
                    return Effect::None;
                }
                self.fqh = 0;
                Effect::FaultQueueOn
            }
            offset::PQB => {
                self.pq = Ring::new(QueueBase(value), 16);
                Effect::None
            }
            offset::PQH => {
                self.pqh = self.pq.wrap(value as u32);
                Effect::None
            }
            offset::PQCSR => {
                if !switched_on(&mut self.pq_enabled, Pqcsr(value as u32).pqen()) {
                    return Effect::None;
                }
                self.pqh = 0;
                Effect::PageQueueOn
            }
            _ => Effect::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_wraps_behind_the_last_entry_of_a_queue_of_any_size() {
        for log2sz_minus1 in 0..32 {
            let ring = Ring::new(QueueBase(0).with_log2sz_minus1(log2sz_minus1).with_ppn(0x10), 16);
            let last = ((2_u64 << log2sz_minus1) - 1) as u32;
            assert_eq!((ring.after(last), ring.after(last - 1)), (0, last), "{log2sz_minus1}");
            assert_eq!((ring.wrap(last), ring.wrap(last.wrapping_add(1)), ring.wrap(u32::MAX)), (last, 0, last));
            let entry = |index: u64| ring.base.0 + index * 16;
            assert_eq!(ring.locate(Spa(entry(last.into()) + 8)), Some((last, 1)), "{log2sz_minus1}");
            assert_eq!(ring.locate(Spa(entry(u64::from(last) + 1))), None, "{log2sz_minus1}");
        }
    }
}
