// SPDX-License-Identifier: Apache-2.0
//! What a replay of a walk sees: what the walk has read so far, what the caches say; and what it wants next.

use events::POISONED;
use golden::{Kind, Pte, Read, Role, Tc, Update, WordRef, Words};

use super::cache::{Caches, Hit};
use super::config::CacheConfig;
use super::exchange::Exchange;
use super::habit::{Habit, Nature};
use super::keyed::Key;
use super::path::{Known, Origin, PathWord, Whose};

/// `DC.tc.SADE` and `DC.tc.GADE`
const SADE_GADE: u64 = 3 << 7;

/// Source of words for one replay.
pub(super) struct View<'a> {
    pub nature: Nature,
    pub caches: &'a Caches,
    pub known: &'a [Known],
    pub path: &'a mut Vec<PathWord>,
    /// Supervisor privilege
    pub privileged: bool,
    /// Of the request
    pub kind: Kind,
    /// The first word that was not there
    pub wanted: Option<WordRef>,
    pub global: bool,
    /// Caches are not asked
    pub bypass: bool,
    /// Where memory has refused an update of this walk, and with which response
    pub refused: Option<(u64, u8)>,
    /// The update of A and D bits that the walk waits for
    pub update: Option<Wanted>,
    /// The first update that waits until the access is let through
    pub late: Option<Wanted>,
    /// Liberties
    pub caches_config: CacheConfig,
    /// An error answer is taken for corrupt data
    pub errors_corrupt: bool,
    /// Doublewords of a device context that are read
    pub context_words: u8,
    /// What a whole translation is looked for by, beside its tags
    pub key: Option<Key>,
    /// The whole translation that was found
    pub found: Option<(u64, u8)>,
}

/// An update of A and D bits that a walk needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Where and what
    pub exchange: Exchange,
    /// What was read there was found in a cache
    pub cached: bool,
}

impl Wanted {
    /// It sets D, which no access may that nobody asked for.
    pub(super) const fn sets_dirty(&self) -> bool {
        let Exchange { old, new, .. } = self.exchange;
        // Wherever the byte with D lies in the image.
        (old ^ new) & 0x8000_0000_8000_0080 != 0
    }
}

impl View<'_> {
    fn step(&mut self, word: &WordRef, value: u64, global: bool, origin: Origin, epoch: u64) -> Read {
        if matches!(word.role, Role::FirstStage { .. }) {
            self.global |= global || origin != Origin::Made && Pte(value).is_global();
        }
        let first_stage = matches!(word.role, Role::FirstStage { .. });
        let global = first_stage && self.global;
        self.path.push(PathWord { word: *word, value, global, origin, epoch });
        Read::Value(self.tamper(word, value))
    }

    /// What the walk is made to believe, where the model has a habit.
    fn tamper(&self, word: &WordRef, value: u64) -> u64 {
        let Some(habit) = self.nature.0 else { return value };
        let leaf = Pte(value).is_leaf();
        match (habit, word.role) {
            (Habit::UserIgnored, Role::FirstStage { .. }) if leaf => value & !0x10 | u64::from(!self.privileged) << 4,
            (Habit::SecondUserIgnored, Role::SecondStage { .. }) if leaf => value | 0x10,
            (Habit::AccessedIgnored, Role::FirstStage { .. } | Role::SecondStage { .. }) if leaf => value | 0x40,
            (Habit::DirtyIgnored, Role::FirstStage { .. } | Role::SecondStage { .. }) if leaf => value | 0x80,
            (Habit::ExecuteAsRead, Role::FirstStage { .. } | Role::SecondStage { .. }) if value & 8 != 0 => value | 2,
            (Habit::ReadAsExecute, Role::FirstStage { .. } | Role::SecondStage { .. }) if value & 2 != 0 => value | 8,
            (Habit::ReadAsWrite, Role::FirstStage { .. }) if value & 2 != 0 => value | 4,
            (Habit::SecondReadAsWrite, Role::SecondStage { .. }) if value & 2 != 0 => value | 4,
            (Habit::ReservedIgnored, Role::FirstStage { .. } | Role::SecondStage { .. }) => {
                value & !0x1fc0_0000_0000_0000
            }
            (Habit::MisalignedAccepted, Role::FirstStage { level } | Role::SecondStage { level, .. }) if leaf => {
                let bits = u32::from(level) * if word.bytes == 4 { 10 } else { 9 };
                value & !(((1 << bits) - 1) << 10)
            }
            (Habit::InvalidPteUsed, Role::FirstStage { .. } | Role::SecondStage { .. }) if value != 0 => value | 1,
            (Habit::SumIgnored, Role::ProcessContext { index: 0 }) => value | 1 << 2,
            (Habit::EnsIgnored, Role::ProcessContext { index: 0 }) => value | 1 << 1,
            (Habit::InvalidContextUsed, Role::DeviceContext { index: 0 }) => value | 1,
            (Habit::UpdateUnasked, Role::DeviceContext { index: 0 }) => value | SADE_GADE,
            (Habit::UpdateRefused, Role::DeviceContext { index: 0 }) => value & !SADE_GADE,
            (Habit::ContextReservedIgnored, Role::DeviceContext { index: 0 }) => value & !golden::Tc::RESERVED,
            (_, Role::DeviceContext { index: 0 }) => self.tamper_ats(habit, Tc(value)).0,
            _ => value,
        }
    }

    /// Updates of the first stage wait until the access is let through.
    fn is_late(&self) -> bool {
        self.caches_config.late_updates && !matches!(self.kind, Kind::Ats { .. })
    }

    /// An answer that is no good is one of corrupt data.
    fn is_corrupt(&self, resp: u8) -> bool {
        match self.nature.0 {
            Some(Habit::PoisonAsAccessFault) if resp == POISONED => false,
            Some(Habit::ErrorAsCorruption) => true,
            _ => resp == POISONED || self.errors_corrupt,
        }
    }

    fn tamper_ats(&self, habit: Habit, tc: Tc) -> Tc {
        match (habit, self.kind) {
            (Habit::AtsIgnoresEnable, Kind::Ats { .. }) | (Habit::TranslatedIgnoresEnable, Kind::Translated) => {
                tc.with_en_ats(true)
            }
            (Habit::AtsGivesSpa, Kind::Ats { .. }) | (Habit::TranslatedUnchecked, Kind::Translated) => {
                tc.with_t2gpa(false)
            }
            _ => tc,
        }
    }
}

/// The part of an aligned doubleword that a word is.
fn narrow(word: &WordRef, doubleword: u64) -> u64 {
    match word.bytes {
        4 => doubleword >> (8 * (word.addr.0 & 4)) & 0xffff_ffff,
        _ => doubleword,
    }
}

impl Words for View<'_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let addr = word.addr.0 & !7;
        if let Role::DeviceContext { index } = word.role
            && index >= self.context_words
        {
            return self.step(word, 0, false, Origin::Memory, self.caches.epoch());
        }
        if let Some(key) = &self.key
            && !self.bypass
        {
            self.found = self.caches.keyed(word, key);
            if self.found.is_some() {
                return Read::Unavailable;
            }
        }
        let whose = Whose::of(&word.tags);
        let known = self.known.iter().rev().find(|known| known.addr == addr && known.whose == whose).copied();
        if !known.is_some_and(|known| known.exchanged)
            && !self.bypass
            && let Some(Hit { value, global, origin }) = self.caches.lookup(word)
        {
            return self.step(word, value, global, origin, self.caches.epoch());
        }
        let Some(known) = known else {
            self.wanted.get_or_insert(*word);
            return Read::Unavailable;
        };
        let is_used = self.nature.has(Habit::PoisonUsed) && known.data.1 == POISONED;
        if known.data.1 > 1 && !self.nature.has(Habit::WalkErrorIgnored) && !is_used {
            return if self.is_corrupt(known.data.1) { Read::Corrupt } else { Read::AccessFault };
        }
        self.step(word, narrow(word, known.data.0), false, Origin::Memory, known.epoch)
    }

    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        if self.kind == Kind::Debug && self.caches_config.debug_spares_updates {
            return Update::Done;
        }
        let new = match update_bits(self.nature, self.kind, word, old, new) {
            Some(new) => new,
            None => return Update::Done,
        };
        if let Some((_, resp)) = self.refused.filter(|(addr, _)| *addr == word.addr.0) {
            return if self.is_corrupt(resp) { Update::Corrupt } else { Update::AccessFault };
        }
        let cached = self.path.iter().rev().find(|step| step.word.addr == word.addr && step.word.role == word.role);
        let cached = cached.is_some_and(|step| step.origin != Origin::Memory);
        const W: u64 = 1 << 2;
        const D: u64 = 1 << 7;
        let for_table = matches!(word.role, Role::SecondStage { purpose: golden::Purpose::FirstStage { .. }, .. });
        let dirty = self.caches_config.dirty_tables && for_table && new & W != 0;
        let new = if dirty { new | D } else { new };
        let exchange = Exchange { addr: word.addr.0, bytes: word.bytes, old, new };
        let late = matches!(word.role, Role::FirstStage { .. });
        if self.update.is_none() && self.late.is_none() && late && self.is_late() {
            self.late = Some(Wanted { exchange, cached });
            return Update::Done;
        }
        if self.late.is_some() && late {
            return Update::Done;
        }
        self.update.get_or_insert(Wanted { exchange, cached });
        if self.nature.has(Habit::UpdateNotAwaited) { Update::Done } else { Update::Unavailable }
    }
}

/// What is written for an update, as the model's habit makes it; none: nothing.
fn update_bits(nature: Nature, kind: Kind, word: &WordRef, old: u64, new: u64) -> Option<u64> {
    const D: u64 = 1 << 7;
    let Some(habit) = nature.0 else { return Some(new) };
    let implicit = matches!(word.role, Role::SecondStage { purpose, .. } if purpose != golden::Purpose::Final);
    match habit {
        Habit::UpdateSkipped => None,
        Habit::AtsUpdateSkipped if matches!(kind, Kind::Ats { .. }) => None,
        Habit::UpdateOfTablesSkipped if implicit && new & !old == D => None,
        Habit::UpdateDirtyOnRead if old & 4 != 0 => Some(new | D),
        Habit::AtsDirtyDespiteNoWrite if matches!(kind, Kind::Ats { no_write: true, .. }) && old & 4 != 0 => {
            Some(new | D)
        }
        Habit::UpdateWrongBit => Some(new | 1 << 8),
        Habit::UpdateClearsSoftwareBits => Some(new & !0x300),
        _ => Some(new),
    }
}
