// SPDX-License-Identifier: Apache-2.0
//! AXI IDs, and the order that they demand.

use super::PortTiming;
use super::dice::Dice;

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

/// Which of these transactions, in the order of their acceptance, answers next: those of one ID stay in order. `look` tells
/// the ID of one, and whether its answer is due. `ready` is room for those that come into question.
pub(super) fn next_of(
    order: &[usize],
    ready: &mut Vec<usize>,
    timing: &PortTiming,
    dice: &mut Dice,
    look: impl Fn(usize) -> (u8, bool),
) -> Option<usize> {
    if !timing.reorder {
        return order.first().copied().filter(|&slot| look(slot).1);
    }
    let mut seen = IdSet::default();
    ready.clear();
    ready.extend(order.iter().copied().filter(|&slot| {
        let (id, is_due) = look(slot);
        seen.insert(id) && is_due
    }));
    let pick = dice.below(ready.len() as u32) as usize;
    ready.get(pick).copied()
}
