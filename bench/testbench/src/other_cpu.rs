// SPDX-License-Identifier: Apache-2.0
//! Other processors: their stores go to memory beside those of the software that drives the IOMMU.

use std::collections::VecDeque;

use events::Cycle;
use golden::Spa;

use super::clock::Testbench;

/// A store of another processor. What becomes of the doubleword follows from what it holds then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherStore {
    /// Cycles that pass between the store before, or the beginning, and this one
    pub after: u32,
    /// Its doubleword
    pub addr: Spa,
    /// Bits that stay as they are
    pub keep: u64,
    /// Bits that are flipped after that
    pub flip: u64,
}

/// A processor, and what it has still to store.
#[derive(Clone, Debug)]
pub(super) struct OtherCpu {
    stores: VecDeque<OtherStore>,
    due: Cycle,
}

impl Testbench {
    /// Lets another processor make these stores, one after another, from the coming cycle on.
    pub fn start_cpu(&mut self, stores: Vec<OtherStore>) {
        let due = self.now + stores.first().map_or(0, |first| first.after.into());
        self.others.push(OtherCpu { stores: stores.into(), due });
    }

    /// All stores of other processors have been made.
    pub fn cpus_are_done(&self) -> bool {
        self.others.iter().all(|cpu| cpu.stores.is_empty())
    }

    /// Makes the stores that are due in this cycle, one of each processor.
    pub(super) fn others_store(&mut self) {
        for cpu in &mut self.others {
            if cpu.due > self.now {
                continue;
            }
            let Some(OtherStore { addr, keep, flip, .. }) = cpu.stores.pop_front() else { continue };
            let value = self.bus.memory().read_u64(addr) & keep ^ flip;
            self.bus.store_at(self.now, addr, value);
            if let Some(watch) = &mut self.watch {
                watch.stores.push((self.now, addr, value));
            }
            cpu.due = self.now + 1 + cpu.stores.front().map_or(0, |next| Cycle::from(next.after));
        }
    }
}
