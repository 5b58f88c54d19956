// SPDX-License-Identifier: Apache-2.0
//! QoS IDs (section "Quality-of-Service (QoS) Identifiers Extension"): which ones an access to memory may carry.
//!
//! Accesses for the device directory, the queues and interrupt messages carry those of `iommu_qosid`; walks of everything
//! else, and translated requests, those of `DC.ta`; in Bare mode, translated requests carry those of the register. Whose a
//! read was shows only in what is explained by it, so reads of tables are judged at rest.

use events::{Burst, Cycle, QosIds};
use golden::{Outcome, Role, Spa, Ta};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Oracle;
use super::choice::Choice;
use super::rule::{Rule, Violation};

/// A device that has made an access shows it within so many cycles; one that takes longer hangs.
const SHOWN_WITHIN: Cycle = 20_000;

/// A value of `iommu_qosid`.
#[derive(Clone, Copy, Debug)]
struct Value {
    /// None until software reads it: what the register keeps of a write is the device's choice (WARL)
    ids: Option<QosIds>,
    from: Cycle,
    until: Cycle,
}

/// By whose IDs a word is read.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    of_register: bool,
    of_contexts: bool,
}

/// What is known of QoS IDs.
#[derive(Debug, Default)]
pub struct Qos {
    /// The device has ports for them
    is_shown: bool,
    register: Vec<Value>,
    /// When software first pointed the device to a directory: no access for one was made before
    directory_since: Cycle,
    /// Reads of the device by doubleword: each pair of IDs, and when it last came
    seen: FxHashMap<u64, Vec<(QosIds, Cycle)>>,
    /// What words were used as
    used: FxHashMap<u64, Read>,
    /// Those of the contexts that were used
    contexts: FxHashSet<QosIds>,
}

/// The value of `iommu_qosid` as IDs.
const fn of_register(value: u64) -> QosIds {
    QosIds { rcid: (value & 0xfff) as u16, mcid: (value >> 16 & 0xfff) as u16 }
}

impl Qos {
    /// Of a device that has ports for QoS IDs, or has none.
    pub fn new(is_shown: bool) -> Self {
        // What the register holds after reset is not specified, but for RCID in Bare mode.
        let after_reset = Value { ids: None, from: 0, until: Cycle::MAX };
        Qos { is_shown, register: vec![after_reset], ..Qos::default() }
    }

    /// Software begins to write `iommu_qosid`: from now on the device may go by the new value.
    pub fn write_begins(&mut self, now: Cycle) {
        self.register.push(Value { ids: None, from: now, until: Cycle::MAX });
    }

    /// Software points the device to a directory.
    pub fn directory_begins(&mut self, now: Cycle) {
        if self.directory_since == 0 {
            self.directory_since = now;
        }
    }

    /// When an access may have been made at the earliest that shows in this cycle.
    fn earliest(&self, shown: Cycle) -> Cycle {
        shown.saturating_sub(SHOWN_WITHIN).max(self.directory_since.min(shown))
    }

    /// The write is done: from now on it goes by the new value alone.
    pub fn write_ends(&mut self, now: Cycle) {
        if let [older @ .., _] = &mut self.register[..] {
            older.iter_mut().for_each(|value| value.until = value.until.min(now));
        }
    }

    /// Software has read `iommu_qosid`.
    pub fn register_read(&mut self, value: u64) {
        if let Some(newest) = self.register.last_mut() {
            newest.ids = Some(of_register(value));
        }
    }

    /// The register may have held these at some time from one cycle to the other.
    pub fn register_may_be(&self, ids: QosIds, since: Cycle, now: Cycle) -> bool {
        let then = |value: &&Value| value.from <= now && value.until >= since;
        self.register.iter().filter(then).any(|value| value.ids.is_none_or(|held| held == ids))
    }

    /// The IDs that a translation goes with, by the context that it read; none: without one, in Bare mode, those of the
    /// register.
    pub fn ids_of(&self, outcome: &Outcome, choices: &[Choice]) -> Option<QosIds> {
        match outcome {
            Outcome::Translated(made) if !choices.is_empty() => Some(QosIds { rcid: made.rcid, mcid: made.mcid }),
            _ => None,
        }
    }

    /// What the register holds, for people.
    pub fn register_line(&self) -> String {
        let newest = self.register.last().and_then(|value| value.ids);
        newest.map_or_else(|| "those of iommu_qosid".to_owned(), |ids| format!("{ids}, as in iommu_qosid"))
    }

    /// The device reads these words.
    fn reads(&mut self, addr: Spa, burst: Burst, ids: QosIds, now: Cycle) {
        let mut next = addr.0 & !7;
        for beat in 0..burst.beats() {
            let word = burst.beat_address(addr.0, beat) & !7;
            if beat == 0 || word != next {
                next = word;
                let seen = self.seen.entry(word).or_default();
                match seen.iter_mut().find(|(of, _)| *of == ids) {
                    Some((_, last)) => *last = now,
                    None => seen.push((ids, now)),
                }
            }
        }
    }

    /// What words were used as shows by whose IDs they had to be read.
    pub fn learn(&mut self, choices: &[Choice]) {
        if !self.is_shown {
            return;
        }
        for choice in choices {
            let used = self.used.entry(choice.word.addr.0 & !7).or_default();
            match choice.word.role {
                Role::DdtEntry { .. } | Role::DeviceContext { .. } => used.of_register = true,
                _ => used.of_contexts = true,
            }
            if matches!(choice.word.role, Role::DeviceContext { index: 2 }) {
                let ta = Ta(choice.value);
                self.contexts.insert(QosIds { rcid: ta.rcid(), mcid: ta.mcid() });
            }
        }
    }

    /// Reads of tables whose IDs are of nobody who may have made them. `read` are those of all contexts that the device has
    /// read: a walk that nobody asked for may have gone by one that explains nothing.
    fn at_rest(&self, read: &FxHashSet<QosIds>) -> Result<(), Violation> {
        let mut words: Vec<_> =
            self.seen.iter().filter_map(|(word, seen)| Some((word, seen, self.used.get(word)?))).collect();
        words.sort_unstable_by_key(|(word, ..)| **word);
        for (word, seen, used) in words {
            for &(ids, last) in seen {
                let is_register = || self.register_may_be(ids, self.earliest(last), last);
                let is_right = used.of_register && is_register()
                    || used.of_contexts && (self.contexts.contains(&ids) || read.contains(&ids));
                if !is_right {
                    let right = match used.of_register {
                        true => self.register_line(),
                        false => "those of a device context that leads here".to_owned(),
                    };
                    let (detail, wrong) = ("table", format!("{ids}, on the read of {word:#x} in cycle {last}"));
                    return Err(Violation::new(Rule::QosIds, detail, right, wrong));
                }
            }
        }
        Ok(())
    }
}

impl Oracle {
    /// The device has QoS IDs, and shows them.
    pub(super) fn judges_ids(&self) -> bool {
        self.qos.is_shown && self.search.configuration.caps.qosid()
    }

    /// The device reads on its own account. An entry of the command queue it has not read before software handed it over.
    pub(super) fn read_with_ids(&mut self, addr: Spa, burst: Burst, ids: QosIds, now: Cycle) -> Result<(), Violation> {
        if !self.judges_ids() {
            return Ok(());
        }
        if self.commands.ring().locate(addr).is_none() {
            self.qos.reads(addr, burst, ids, now);
            return Ok(());
        }
        let since = self.commands.handed_over_since().unwrap_or(self.qos.earliest(now));
        self.of_register("command-queue", ids, since, now)
    }

    /// The device writes for a queue, or an interrupt message.
    pub(super) fn write_with_ids(&mut self, what: &'static str, ids: QosIds, now: Cycle) -> Result<(), Violation> {
        self.of_register(what, ids, self.qos.earliest(now), now)
    }

    fn of_register(&self, what: &'static str, ids: QosIds, since: Cycle, now: Cycle) -> Result<(), Violation> {
        if !self.judges_ids() || self.qos.register_may_be(ids, since, now) {
            return Ok(());
        }
        Err(Violation::new(Rule::QosIds, what, self.qos.register_line(), ids.to_string()))
    }

    /// At rest, whose each read of a table was is known as far as it ever will be.
    pub(super) fn ids_at_rest(&mut self, _: Cycle) -> Result<(), Violation> {
        if self.judges_ids() { self.qos.at_rest(&self.ids_read()) } else { Ok(()) }
    }

    /// The IDs of every device context that the device has read.
    fn ids_read(&self) -> FxHashSet<QosIds> {
        let mut read = FxHashSet::default();
        for (_, context) in self.search.contexts_read() {
            let Some(ta) = self.search.histories.word(Spa(context.0 + 16)) else { continue };
            let values = ta.sightings().iter().filter(|seen| seen.resp == 0).map(|seen| Ta(seen.value));
            read.extend(values.map(|ta| QosIds { rcid: ta.rcid(), mcid: ta.mcid() }));
        }
        read
    }
}
