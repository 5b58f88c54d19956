// SPDX-License-Identifier: Apache-2.0
//! Which addresses answer with an error, and what poison has been healed.

use events::{DECERR, OKAY, POISONED, SLVERR};
use rustc_hash::FxHashSet;

use super::violation::Port;
use super::{FaultKind, FaultOn, FaultPort, FaultRange};

/// The fault map of the memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    ranges: Vec<FaultRange>,
    /// Doublewords of poisoned ranges that were written as a whole since. Asked for membership only, so its order
    /// is never seen.
    healed: FxHashSet<u64>,
    /// Poison is told from a refused read
    told: bool,
}

impl Faults {
    pub(super) fn new(ranges: Vec<FaultRange>) -> Self {
        Self { ranges, ..Self::default() }
    }

    /// The device has ports for poison.
    pub(super) fn tell_poison(&mut self) {
        self.told = true;
    }

    /// Adds a range. Poison is fresh again where it had been healed.
    pub(super) fn add(&mut self, range: FaultRange) {
        if range.kind == FaultKind::Poison {
            self.healed.retain(|&word| !range.touches(word));
        }
        self.ranges.push(range);
    }

    pub(super) fn clear(&mut self) {
        self.ranges.clear();
        self.healed.clear();
    }

    /// What a read beat at `addr` brings back, given what memory holds: data and response.
    pub(super) fn read(&self, port: Port, addr: u64, held: u64) -> (u64, u8) {
        if self.ranges.is_empty() {
            return (held, OKAY);
        }
        match self.find(port, addr, FaultOn::Read) {
            None => (held, OKAY),
            Some(FaultKind::SlvErr) => (held, SLVERR),
            Some(FaultKind::DecErr) => (u64::MAX, DECERR),
            Some(FaultKind::Poison) => (!held, if self.told { POISONED } else { SLVERR }),
        }
    }

    /// The response to a write beat at `addr`; the data land only if it is OKAY.
    pub(super) fn write(&self, port: Port, addr: u64) -> u8 {
        if self.ranges.is_empty() {
            return OKAY;
        }
        match self.find(port, addr, FaultOn::Write) {
            Some(FaultKind::SlvErr) => SLVERR,
            Some(FaultKind::DecErr) => DECERR,
            None | Some(FaultKind::Poison) => OKAY,
        }
    }

    /// Somebody stored to the aligned doubleword at `addr`.
    pub(super) fn stored(&mut self, addr: u64, strobes: u8) {
        if self.ranges.is_empty() || strobes != 0xff {
            return;
        }
        let word = addr & !7;
        if self.ranges.iter().any(|range| range.kind == FaultKind::Poison && range.touches(word)) {
            self.healed.insert(word);
        }
    }

    /// The first range that applies; an error that stays goes before poison.
    fn find(&self, port: Port, addr: u64, on: FaultOn) -> Option<FaultKind> {
        let mut poisoned = false;
        for range in &self.ranges {
            let here = match range.port {
                FaultPort::Mem => port == Port::Mem,
                FaultPort::Ptw => port == Port::Ptw,
                FaultPort::Both => true,
            };
            if !here || !(range.on == FaultOn::Both || range.on == on) || !range.touches(addr) {
                continue;
            }
            match range.kind {
                FaultKind::Poison => poisoned |= on == FaultOn::Read && !self.healed.contains(&(addr & !7)),
                kind => return Some(kind),
            }
        }
        poisoned.then_some(FaultKind::Poison)
    }
}
