// SPDX-License-Identifier: Apache-2.0
//! Interrupts as messages: "an interrupt message is generated when an interrupt-pending bit transitions from 0 to 1"
//! (section "Interrupt pending status register").
//!
//! A pending bit goes to 1 at most once between two writes that clear it. When it does cannot be seen, so for each source
//! messages are counted, between those that surely were due and those that may have been.

use events::Cycle;
use golden::{Fctl, Icvec, Spa, offset};

use super::interrupts::{Pending, SOURCES};
use super::rule::{Rule, Violation};
use super::status::SETTLE;

/// How long a message that the device had in hands may still be on its way, when software forbids or changes it.
const LATE: Cycle = 2 * SETTLE;

/// Vectors, and so entries of `msi_cfg_tbl`
const VECTORS: usize = 16;

/// What software wrote last, and what was there before.
#[derive(Clone, Copy, Debug, Default)]
struct Setting<T> {
    value: T,
    before: T,
    since: Cycle,
}

impl<T: Copy + PartialEq> Setting<T> {
    fn write(&mut self, value: T, now: Cycle) {
        *self = Setting { value, before: self.value, since: now };
    }

    fn may_be(&self, value: T, now: Cycle) -> bool {
        self.value == value || self.before == value && self.since + LATE >= now
    }
}

/// An entry of `msi_cfg_tbl`.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    addr: Setting<u64>,
    data: Setting<u32>,
    masked: Setting<bool>,
    /// The write that masked it has completed
    in_force: Option<Cycle>,
}

/// Messages of one source.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    /// Those that came
    received: u32,
    /// Transitions that may have been, until software last began to clear the bit
    may: u32,
    /// Transitions that surely were, and owe a message
    must: u32,
    /// The transition since then is among them already
    counted: bool,
    /// Software is clearing a bit that was not set when it began
    clearing: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Messages {
    entries: [Entry; VECTORS],
    sources: [Source; SOURCES],
    /// When software last wrote `fctl` or `icvec`
    switched: Cycle,
}

/// The entry, and the offset in it, of a register.
fn locate(register: u16) -> Option<(usize, u16)> {
    let at = register.checked_sub(offset::MSI_CFG_TBL)?;
    (at < 16 * VECTORS as u16).then_some((usize::from(at / 16), at % 16))
}

/// The registers that a write of so many bytes reaches, each with its value: data and vector control of an entry can be
/// written at once, anything else is one register.
pub fn registers(at: u16, bytes: u8, value: u64) -> impl Iterator<Item = (u16, u64)> {
    let both = bytes == 8 && matches!(locate(at), Some((_, 8)));
    let low = if both { value & 0xFFFF_FFFF } else { value };
    both.then_some((at + 4, value >> 32)).into_iter().chain([(at, low)])
}

fn vector(icvec: Icvec, source: usize) -> usize {
    usize::from(icvec.0 as u16 >> (4 * source) & 0xF)
}

/// What the registers say of interrupts, where that is known.
#[derive(Clone, Copy, Debug)]
pub struct Routing {
    /// `fctl`
    pub fctl: Option<Fctl>,
    /// `icvec`
    pub icvec: Option<Icvec>,
    /// The highest physical address
    pub highest: u64,
}

impl Messages {
    /// A transition of this source since software last cleared its bit surely owed a message, all along.
    fn is_due(&self, source: usize, pending: &Pending, routing: &Routing) -> bool {
        let (Some(fctl), Some(icvec)) = (routing.fctl, routing.icvec) else { return false };
        let entry = &self.entries[vector(icvec, source)];
        let steady = self.switched.max(entry.masked.since).max(entry.addr.since);
        !fctl.wsi() && steady < pending.armed && !entry.masked.value && entry.addr.value <= routing.highest
    }

    /// Software begins to write a register.
    pub fn register_write(
        &mut self,
        register: u16,
        value: u64,
        pending: &[Pending; SOURCES],
        routing: &Routing,
        now: Cycle,
    ) {
        match (register, locate(register)) {
            (offset::IPSR, _) => {
                for at in (0..SOURCES).filter(|at| value >> at & 1 == 1) {
                    let due = pending[at].set_by.is_some_and(|by| by <= now)
                        && !self.sources[at].counted
                        && self.is_due(at, &pending[at], routing);
                    let source = &mut self.sources[at];
                    source.may += u32::from(pending[at].may);
                    source.must += u32::from(due);
                    source.clearing = !pending[at].may;
                    source.counted = false;
                }
            }
            (offset::FCTL | offset::ICVEC, _) => {
                self.switched = now;
                for source in &mut self.sources {
                    // Which vector a message that is still to come has is not known.
                    source.may += u32::from(register == offset::ICVEC);
                    source.must = 0;
                }
            }
            (_, Some((at, 0))) => self.entries[at].addr.write(value & 0x00FF_FFFF_FFFF_FFFC, now),
            (_, Some((at, 8))) => self.entries[at].data.write(value as u32, now),
            (_, Some((at, 12))) => self.mask(at, value & 1 == 1, pending, routing, now),
            _ => {}
        }
    }

    fn mask(&mut self, at: usize, masked: bool, pending: &[Pending; SOURCES], routing: &Routing, now: Cycle) {
        let entry = self.entries[at];
        if masked == entry.masked.value {
            return;
        }
        self.entries[at].masked.write(masked, now);
        self.entries[at].in_force = None;
        let (Some(fctl), Some(icvec)) = (routing.fctl, routing.icvec) else { return };
        if masked || fctl.wsi() {
            return;
        }
        // "Pending messages for that vector are later generated if the corresponding mask bit is cleared": one for all
        // transitions meanwhile.
        let Some(since) = entry.in_force else { return };
        let steady = self.switched.max(entry.addr.since);
        let waits = |source: &usize| {
            vector(icvec, *source) == at
                && !self.sources[*source].counted
                && pending[*source].set_by.is_some_and(|by| by <= now)
                && pending[*source].armed > since.max(steady)
        };
        if let Some(source) = (0..SOURCES).find(waits).filter(|_| entry.addr.value <= routing.highest) {
            self.sources[source].must += 1;
            self.sources[source].counted = true;
        }
    }

    /// A register write has completed.
    pub fn register_written(&mut self, register: u16, pending: &[Pending; SOURCES], now: Cycle) {
        match (register, locate(register)) {
            (offset::IPSR, _) => {
                for (source, pending) in self.sources.iter_mut().zip(pending) {
                    // It may have gone to 1 before the write took effect, and so twice.
                    source.may += u32::from(std::mem::take(&mut source.clearing) && pending.may);
                }
            }
            (_, Some((at, 12))) if self.entries[at].masked.value => self.entries[at].in_force = Some(now),
            _ => {}
        }
    }

    /// A word of 4 bytes that the device wrote: whether it is a message.
    ///
    /// # Errors
    /// It is one that is not due.
    pub fn written(
        &mut self,
        addr: Spa,
        data: u32,
        pending: &[Pending; SOURCES],
        routing: &Routing,
        now: Cycle,
    ) -> Result<bool, Violation> {
        let wrong = || format!("a message to {addr:#x} with data {data:#x}");
        let broken = |detail: &str, right: &str| Err(Violation::new(Rule::Message, detail, right, wrong()));
        let data = match routing.fctl {
            Some(fctl) if fctl.be() => data.swap_bytes(),
            _ => data,
        };
        let mine = |entry: &Entry| entry.addr.may_be(addr.0, now);
        // An entry that software never set up is no place for messages.
        if !self.entries.iter().any(|entry| mine(entry) && entry.addr.since > 0) {
            return Ok(false);
        }
        if routing.fctl.is_some_and(|fctl| fctl.wsi()) && self.switched + LATE < now {
            return broken("wires", "no message: interrupts are wires");
        }
        let is_it = |entry: &Entry| mine(entry) && entry.data.may_be(data, now);
        if !self.entries.iter().any(is_it) {
            let right = self.entries.iter().find(|entry| mine(entry)).map(|entry| entry.data.value);
            return broken("data", &format!("a message to {addr:#x} with data {:#x}", right.unwrap_or_default()));
        }
        let open = |entry: &Entry| is_it(entry) && entry.in_force.is_none_or(|since| since + LATE >= now);
        if !self.entries.iter().any(open) {
            return broken("masked", "no message: the vector is masked");
        }
        let Some(icvec) = routing.icvec else { return Ok(true) };
        let slack = |at: usize| {
            let source = &self.sources[at];
            i64::from(source.may) + i64::from(pending[at].may) - i64::from(source.received)
        };
        let from = (0..SOURCES).filter(|&at| open(&self.entries[vector(icvec, at)])).max_by_key(|&at| slack(at));
        match from.filter(|&at| slack(at) > 0 || self.switched + LATE >= now) {
            Some(at) => {
                self.sources[at].received += 1;
                Ok(true)
            }
            None => broken("not due", "no message: each transition of a pending bit of this vector has had its own"),
        }
    }

    /// At rest: each message that was due has come.
    pub fn at_rest(&self, pending: &[Pending; SOURCES], routing: &Routing, now: Cycle) -> Result<(), Violation> {
        let Some(icvec) = routing.icvec else { return Ok(()) };
        for at in 0..VECTORS {
            let mine = || (0..SOURCES).filter(|&source| vector(icvec, source) == at);
            let received: u32 = mine().map(|source| self.sources[source].received).sum();
            let due: u32 = mine()
                .map(|source| {
                    let state = &self.sources[source];
                    let current = !state.counted
                        && pending[source].set_by.is_some_and(|by| by + LATE < now)
                        && self.is_due(source, &pending[source], routing);
                    state.must + u32::from(current)
                })
                .sum();
            if received < due {
                let (right, wrong) = (format!("{due} messages of vector {at} at least"), format!("{received}"));
                return Err(Violation::new(Rule::Message, "lost", right, wrong));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: u16 = offset::MSI_CFG_TBL + 16;
    const ADDR: Spa = Spa(0x4_1014);
    const QUIET: Pending = Pending { may: false, set_by: None, armed: 0 };
    /// `fctl.WSI` is 0, and `icvec` names vector 1 for the command queue and 2 for the fault queue.
    const ROUTING: Routing = Routing { fctl: Some(Fctl(0)), icvec: Some(Icvec(0x21)), highest: u64::MAX };

    /// The command queue's bit surely set by this cycle, after it was cleared in another.
    fn set(by: Cycle, armed: Cycle) -> [Pending; SOURCES] {
        [Pending { may: true, set_by: Some(by), armed }, QUIET, QUIET, QUIET]
    }

    fn ready() -> Messages {
        let mut messages = Messages::default();
        let quiet = [QUIET; SOURCES];
        messages.register_write(VECTOR, ADDR.0, &quiet, &ROUTING, 10);
        messages.register_write(VECTOR + 8, 7, &quiet, &ROUTING, 11);
        messages.register_write(offset::FCTL, 0, &quiet, &ROUTING, 12);
        messages
    }

    fn detail(result: Result<bool, Violation>) -> String {
        result.map_or_else(|violation| violation.detail, |is_it| is_it.to_string())
    }

    #[test]
    fn a_transition_has_one_message() {
        let mut messages = ready();
        let send = |messages: &mut Messages, pending, now| detail(messages.written(ADDR, 7, &pending, &ROUTING, now));
        assert_eq!(send(&mut messages, [QUIET; SOURCES], 2000), "not due");
        assert_eq!(send(&mut messages, set(2000, 1000), 2001), "true");
        assert_eq!(send(&mut messages, set(2000, 1000), 2002), "not due");
        messages.register_write(offset::IPSR, 1, &set(2000, 1000), &ROUTING, 2100);
        assert_eq!(send(&mut messages, set(2200, 2100), 2201), "true", "it was cleared, and set anew");
        assert!(messages.at_rest(&set(2200, 2100), &ROUTING, 9000).is_ok());
    }

    #[test]
    fn a_lost_message_is_missed_at_rest() {
        let messages = ready();
        assert!(messages.at_rest(&set(2000, 1000), &ROUTING, 2001).is_ok(), "it may be on its way");
        assert!(messages.at_rest(&set(2000, 1000), &ROUTING, 9000).is_err());
        let wires = Routing { fctl: Some(Fctl(0).with_wsi(true)), ..ROUTING };
        assert!(messages.at_rest(&set(2000, 1000), &wires, 9000).is_ok());
    }

    #[test]
    fn address_and_data_are_those_of_the_entry() {
        let mut messages = ready();
        let pending = set(2000, 1000);
        assert_eq!(detail(messages.written(Spa(0x5000), 7, &pending, &ROUTING, 2001)), "false");
        assert_eq!(detail(messages.written(ADDR, 8, &pending, &ROUTING, 2001)), "data");
        messages.register_write(VECTOR + 8, 8, &pending, &ROUTING, 2002);
        assert_eq!(detail(messages.written(ADDR, 7, &pending, &ROUTING, 2003)), "true", "on its way by then");
        assert_eq!(detail(messages.written(ADDR, 7, &pending, &ROUTING, 9000)), "data");
    }

    #[test]
    fn a_masked_vector_sends_nothing_until_it_is_unmasked() {
        let mut messages = ready();
        messages.register_write(VECTOR + 12, 1, &[QUIET; SOURCES], &ROUTING, 1000);
        messages.register_written(VECTOR + 12, &[QUIET; SOURCES], 1010);
        let pending = set(3000, 2000);
        assert_eq!(detail(messages.written(ADDR, 7, &pending, &ROUTING, 3000)), "masked");
        assert!(messages.at_rest(&pending, &ROUTING, 9000).is_ok());
        messages.register_write(VECTOR + 12, 0, &pending, &ROUTING, 9001);
        assert!(messages.at_rest(&pending, &ROUTING, 9500).is_err(), "what was pending is due now");
        assert_eq!(detail(messages.written(ADDR, 7, &pending, &ROUTING, 9501)), "true");
        assert!(messages.at_rest(&pending, &ROUTING, 9900).is_ok());
    }

    #[test]
    fn where_interrupts_are_wires_there_are_no_messages() {
        let mut messages = ready();
        let wires = Routing { fctl: Some(Fctl(0).with_wsi(true)), ..ROUTING };
        assert_eq!(detail(messages.written(ADDR, 7, &set(2000, 1000), &wires, 2001)), "wires");
    }

    #[test]
    fn data_and_vector_control_can_be_written_at_once() {
        let both = registers(VECTOR + 8, 8, 1 << 32 | 7);
        assert_eq!(both.collect::<Vec<_>>(), [(VECTOR + 12, 1), (VECTOR + 8, 7)]);
        assert_eq!(registers(VECTOR + 8, 4, 7).collect::<Vec<_>>(), [(VECTOR + 8, 7)]);
        assert_eq!(registers(VECTOR, 8, u64::MAX).collect::<Vec<_>>(), [(VECTOR, u64::MAX)]);
        assert_eq!(registers(offset::DDTP, 8, u64::MAX).collect::<Vec<_>>(), [(offset::DDTP, u64::MAX)]);
    }
}
