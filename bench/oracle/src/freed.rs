// SPDX-License-Identifier: Apache-2.0
//! Memory that software has freed or handed on: no device may reach it any more.

use std::collections::BTreeMap;

use events::Cycle;
use golden::Spa;

use super::choice::Choice;

/// Ranges that have been freed and not been taken again, and since when.
#[derive(Debug, Default)]
pub struct Freed {
    /// By first address: first address behind, and the cycle
    ranges: BTreeMap<u64, (u64, Cycle)>,
}

impl Freed {
    /// Software gives up a range.
    pub fn free(&mut self, start: Spa, bytes: u64, now: Cycle) {
        self.take(start, bytes);
        if bytes > 0 {
            self.ranges.insert(start.0, (start.0.saturating_add(bytes), now));
        }
    }

    /// Somebody owns a range again.
    pub fn take(&mut self, start: Spa, bytes: u64) {
        let (start, end) = (start.0, start.0.saturating_add(bytes));
        let before_end = self.ranges.range(..end).rev().map(|(from, range)| (*from, *range));
        let touched: Vec<_> = before_end.take_while(|(_, (to, _))| *to > start).collect();
        for (from, (to, cycle)) in touched {
            self.ranges.remove(&from);
            if from < start {
                self.ranges.insert(from, (start, cycle));
            }
            if to > end {
                self.ranges.insert(end, (to, cycle));
            }
        }
    }

    /// Since when an address is free.
    pub fn since(&self, addr: Spa) -> Option<Cycle> {
        let (_, &(end, cycle)) = self.ranges.range(..=addr.0).next_back()?;
        (addr.0 < end).then_some(cycle)
    }

    /// The first of these reads that came by a table in memory that was free when the request was offered, and since when.
    /// A request that was there before may be on its way through a table that nothing points to any more.
    pub fn table_among<'a>(&self, reads: &'a [Choice], offered: Cycle) -> Option<(&'a Choice, Cycle)> {
        reads
            .iter()
            .filter(|choice| !choice.stale && choice.recalled.is_none())
            .find_map(|choice| Some((choice, self.since(choice.word.addr).filter(|since| *since <= offered)?)))
    }

    /// Nothing is free.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_in_the_middle_is_not_free() {
        let mut freed = Freed::default();
        freed.free(Spa(0x1000), 0x4000, 10);
        freed.take(Spa(0x2000), 0x1000);
        let since = [0x0FFF, 0x1000, 0x1FFF, 0x2000, 0x3000, 0x4FFF, 0x5000].map(|at| freed.since(Spa(at)));
        assert_eq!(since, [None, Some(10), Some(10), None, Some(10), Some(10), None]);
        freed.free(Spa(0x1800), 0x1000, 20);
        assert_eq!(freed.since(Spa(0x1000)), Some(10));
        assert_eq!(freed.since(Spa(0x2000)), Some(20));
        freed.take(Spa(0), 0x10_0000);
        assert!(freed.is_empty());
    }
}
