// SPDX-License-Identifier: Apache-2.0
//! A set of AXI IDs.

/// A set of 8-bit IDs, without allocation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdSet([u64; 4]);

impl IdSet {
    pub(super) fn contains(&self, id: u8) -> bool {
        self.0[usize::from(id >> 6)] & (1 << (id & 63)) != 0
    }

    /// Adds an ID; true if it was not there.
    pub(super) fn insert(&mut self, id: u8) -> bool {
        let new = !self.contains(id);
        self.0[usize::from(id >> 6)] |= 1 << (id & 63);
        new
    }
}
