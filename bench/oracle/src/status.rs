// SPDX-License-Identifier: Apache-2.0
//! Bits that a device sets at a moment which cannot be seen from outside: each is known by bounds, whether it may be set
//! by now, and by when it surely is. In between both answers are right.

use events::Cycle;

use super::rule::{Rule, Violation};

/// What a device has done must show in its registers and on its wires within so many cycles. The specification sets no
/// bound; but an interrupt that never comes is lost, and one has to say when.
pub const SETTLE: Cycle = 256;

/// How long after an error on its port a device may still be about to report it.
pub(super) const LATE: Cycle = 1 << 16;

/// Whether a bit may be set, or has to be, by what is the case in a cycle.
pub(super) type Level = (bool, bool);

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
    /// Its cause came about in this cycle, and neither was it seen set since nor did software clear it: at rest it has to
    /// be set
    owed: Option<Cycle>,
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

    /// Its cause came about. When the device notices is its own affair, but it does before the machine is at rest.
    pub(super) fn owe(&mut self, now: Cycle) {
        self.owed.get_or_insert(now);
    }

    /// What stood between the cause and the bit has gone: software switched the queue off.
    pub(super) fn excuse(&mut self) {
        self.owed = None;
    }

    /// Since when it should have been set, and was not when software last looked.
    pub(super) fn owed(&self) -> Option<Cycle> {
        self.owed.filter(|owed| owed + SETTLE < self.zero)
    }

    /// Software begins to write 1 to it.
    pub(super) fn clear(&mut self, now: Cycle) {
        self.owed = None;
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
            self.owed = None;
            self.happens(accepted.max(self.cleared + 1), accepted.max(self.cleared + 1));
        } else {
            self.perhaps = self.perhaps.filter(|&by| by >= accepted);
            self.zero = accepted;
        }
        right
    }

    /// What is the case in this cycle, by `may` and `must`, has left its mark on it.
    pub(super) fn follow(&mut self, (may, must): Level, now: Cycle) {
        if must {
            self.happens(now, now);
        } else if may {
            self.may_happen(now + SETTLE);
        }
    }

    /// Since when it surely is set, by what is known of it alone.
    pub(super) fn set_by(&self) -> Option<Cycle> {
        self.set_by
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

/// At rest no bit is owed.
pub(super) fn none_owed<const N: usize>(bits: &[Bit; N], names: [(Rule, &str); N]) -> Result<(), Violation> {
    match bits.iter().zip(names).find_map(|(bit, name)| Some((bit.owed()?, name))) {
        None => Ok(()),
        Some((since, (rule, name))) => {
            let right = format!("1: its cause came about in cycle {since}");
            Err(Violation::new(rule, format!("{name} never comes"), right, "0"))
        }
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
    let mut judged = Ok(());
    for (at, bit) in bits.iter_mut().enumerate() {
        let set = csr >> (8 + at) & 1 != 0;
        let (rule, name) = names[at];
        judged = judged.and(check(bit.read(set, accepted, may[at], false), rule, name, set));
    }
    judged
}

pub(super) fn check(right: bool, rule: Rule, what: &str, came: bool) -> Result<(), Violation> {
    let show = |set: bool| u8::from(set).to_string();
    if right { Ok(()) } else { Err(Violation::new(rule, what, show(!came), show(came))) }
}
