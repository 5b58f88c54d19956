// SPDX-License-Identifier: Apache-2.0
//! Other processors: their stores go to memory beside those of the software that drives the IOMMU.

use std::collections::VecDeque;

use bus::Memory;
use events::Cycle;
use golden::Spa;

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

impl OtherCpu {
    /// It makes these stores, one after another, from this cycle on.
    pub(super) fn new(stores: Vec<OtherStore>, now: Cycle) -> Self {
        let due = now + stores.first().map_or(0, |first| first.after.into());
        OtherCpu { stores: stores.into(), due }
    }

    pub(super) fn is_done(&self) -> bool {
        self.stores.is_empty()
    }

    /// The store that is due in this cycle: its address, and what becomes of the doubleword.
    pub(super) fn store(&mut self, memory: &Memory, now: Cycle) -> Option<(Spa, u64)> {
        let OtherStore { addr, keep, flip, .. } = (self.due <= now).then(|| self.stores.pop_front())??;
        self.due = now + 1 + self.stores.front().map_or(0, |next| Cycle::from(next.after));
        Some((addr, memory.read_u64(addr) & keep ^ flip))
    }
}
