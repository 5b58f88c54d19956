// SPDX-License-Identifier: Apache-2.0
//! The caches of the model, legal by construction: what is valid is kept until a command covers it, and what was read
//! before such a command does not get in.

use std::collections::VecDeque;

use events::QosIds;
use golden::{Command, Config, DeviceContext, Pointer, Pte, Purpose, Request, Role, WordRef};

use super::bank::{Bank, Entry, Match, same, shift};
use super::config::CacheConfig;
use super::covers::{Held, covers, covers_result};
use super::dice::Dice;
use super::habit::{Habit, Nature};
use super::keyed::{Key, Tagged};
use super::path::{Origin, PathWord};
use super::results::Results;

/// Commands that are remembered, to judge what was read before them.
const LOG: usize = 64;

/// What a cache answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    /// Value in host order
    pub value: u64,
    /// Part of a global mapping
    pub global: bool,
    /// Where it is from
    pub origin: Origin,
}

/// All caches.
#[derive(Clone, Debug)]
pub(super) struct Caches {
    nature: Nature,
    config: CacheConfig,
    dice: Dice,
    epoch: u64,
    log: VecDeque<Command>,
    ddt_entries: Bank,
    device_contexts: Bank,
    pdt_entries: Bank,
    process_contexts: Bank,
    first: [Bank; 2],
    second: [Bank; 2],
    msi: Bank,
    results: Results<Request>,
    /// Some of `results` again, that answer first
    front: Results<Request>,
    /// Whole translations that are found by their tags
    keyed: Results<Tagged>,
    /// Pointers that outlived their context: a habit
    orphans: Vec<Held>,
}

/// The request, with the page offset cut off.
fn page_of(request: &Request) -> Request {
    Request { iova: golden::Iova(request.iova.0 & !0xfff), ..*request }
}

/// The context that may hold the guest address for which this second-stage word is read.
fn holder(role: &Role) -> Option<Pointer> {
    let Role::SecondStage { purpose, .. } = role else { return None };
    match purpose {
        Purpose::FirstStage { pointer, .. } | Purpose::ProcessDirectory { pointer, .. }
            if matches!(pointer, Pointer::DeviceContext | Pointer::ProcessContext) =>
        {
            Some(*pointer)
        }
        _ => None,
    }
}

impl Caches {
    pub(super) fn new(nature: Nature, config: CacheConfig, seed: u64) -> Self {
        let how = Match { tagged: config.tagged, nature };
        Self {
            nature,
            config,
            dice: Dice::new(seed, 1),
            epoch: 0,
            log: VecDeque::with_capacity(LOG),
            ddt_entries: Bank::new(config.ddt_entries, how),
            device_contexts: Bank::new(config.device_contexts, how),
            pdt_entries: Bank::new(config.pdt_entries, how),
            process_contexts: Bank::new(config.process_contexts, how),
            first: [Bank::new(config.first_pointers, how), Bank::new(config.first_leaves, how)],
            second: [Bank::new(config.second_pointers, how), Bank::new(config.second_leaves, how)],
            msi: Bank::new(config.msi, how),
            results: Results::new(config.results),
            front: Results::new(config.front),
            keyed: Results::new(config.keyed),
            orphans: Vec::new(),
        }
    }

    /// Number of invalidations executed.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Entries are found by their tags alone.
    pub(super) fn are_tagged(&self) -> bool {
        self.config.tagged
    }

    fn banks(&self, role: &Role) -> &[Bank] {
        use std::slice::from_ref;
        match role {
            Role::DdtEntry { .. } => from_ref(&self.ddt_entries),
            Role::DeviceContext { .. } => from_ref(&self.device_contexts),
            Role::PdtEntry { .. } => from_ref(&self.pdt_entries),
            Role::ProcessContext { .. } => from_ref(&self.process_contexts),
            Role::FirstStage { .. } => &self.first,
            Role::SecondStage { .. } => &self.second,
            Role::MsiPte { .. } => from_ref(&self.msi),
            Role::Mrif => &[],
        }
    }

    /// What the caches say of a word.
    pub(super) fn lookup(&self, word: &WordRef) -> Option<Hit> {
        if let Some(value) = self.held_pointer(word) {
            return Some(Hit { value, global: false, origin: Origin::Pointer });
        }
        let index = match word.role {
            Role::DeviceContext { index } | Role::ProcessContext { index } | Role::MsiPte { index } => index,
            _ => 0,
        };
        let found = self.banks(&word.role).iter().find_map(|bank| bank.find(word));
        match found {
            Some(entry) => {
                let value = entry.words[usize::from(index & 7)];
                Some(Hit { value, global: entry.held.global, origin: Origin::Cache })
            }
            None if self.config.tagged => self.shortcut(word),
            None => None,
        }
    }

    /// The second-stage word with which a context translated its pointer.
    fn held_pointer(&self, word: &WordRef) -> Option<u64> {
        if !self.config.held_pointers {
            return None;
        }
        let fits = |held: &&Held| same(&held.word, word) && holder(&held.word.role) == holder(&word.role);
        let own = |entry: &&Entry| entry.held.word.tags.device == word.tags.device;
        let found = match holder(&word.role)? {
            Pointer::DeviceContext => {
                self.device_contexts.iter().filter(own).find_map(|entry| entry.pointers.iter().find(fits))
            }
            _ => self
                .process_contexts
                .iter()
                .filter(own)
                .filter(|entry| entry.held.word.tags.process == word.tags.process)
                .find_map(|entry| entry.pointers.iter().find(fits)),
        };
        let orphan = || self.orphans.iter().find(|held| fits(held) && held.word.tags.device == word.tags.device);
        found.or_else(orphan).map(|held| held.value)
    }

    /// A hit further down the tree: a TLB that finds the leaf reads nothing above it, and nothing to find the table.
    fn shortcut(&self, word: &WordRef) -> Option<Hit> {
        const TABLE: u64 = 1;
        const ALL: u64 = 0xdf;
        let made = |value| Some(Hit { value, global: false, origin: Origin::Made });
        let tags = &word.tags;
        let below = |banks: &[Bank; 2], level: u8| {
            (0..level).any(|lower| {
                let role = match word.role {
                    Role::SecondStage { purpose, .. } => Role::SecondStage { level: lower, purpose },
                    _ => Role::FirstStage { level: lower },
                };
                banks[1].find(&WordRef { role, ..*word }).is_some()
            })
        };
        match word.role {
            Role::FirstStage { level } if below(&self.first, level) => made(TABLE),
            Role::SecondStage { level, purpose } => {
                if let Purpose::FirstStage { level: wanted, .. } = purpose {
                    let known = |entry: &Entry, leaf: bool| {
                        let (held, other) = (&entry.held.word, &entry.held.word.tags);
                        let Role::FirstStage { level } = held.role else { return false };
                        let span = shift(level, held.bytes) + entry.held.napot_bits();
                        (level == wanted || leaf && level < wanted)
                            && (other.gscid, other.pscid) == (tags.gscid, tags.pscid)
                            && other.iova.0 >> span == tags.iova.0 >> span
                    };
                    let hit = self.first[0].iter().any(|entry| known(entry, false))
                        || self.first[1].iter().any(|entry| known(entry, true));
                    if hit {
                        return made(ALL);
                    }
                }
                if below(&self.second, level) { made(TABLE) } else { None }
            }
            _ => None,
        }
    }

    /// A whole translation: physical page, memory type and QoS IDs.
    pub(super) fn result(&mut self, request: &Request) -> Option<(u64, u8, QosIds)> {
        let key = page_of(request);
        let (front, dice) = (&mut self.front, &mut self.dice);
        if let Some(entry) = front.find(&key) {
            return Some((entry.spa, entry.pbmt, entry.ids));
        }
        let entry = self.results.find(&key)?;
        if front.is_there() {
            front.insert(key, entry.spa, entry.pbmt, entry.ids, entry.rests_on.iter().copied(), dice, 0);
        }
        Some((entry.spa, entry.pbmt, entry.ids))
    }

    /// A whole translation by the tags of a word and what a request brings: physical page and memory type.
    pub(super) fn keyed(&self, word: &WordRef, key: &Key) -> Option<(u64, u8)> {
        let entry = self.keyed.find(&Tagged::at(word, key)?)?;
        Some((entry.spa, entry.pbmt))
    }

    /// What the caches held in the past, as far as there was room: a habit.
    pub(super) fn restore(&mut self, before: Self) {
        let (epoch, log, dice) = (self.epoch, std::mem::take(&mut self.log), self.dice.clone());
        *self = Self { epoch, log, dice, ..before };
    }

    /// Nothing that was read in `epoch` or later has been covered by a command since.
    fn is_fresh(&self, held: &Held, epoch: u64) -> bool {
        if self.nature.has(Habit::RefillsStale) {
            return true;
        }
        let since = self.epoch - epoch;
        let Ok(since) = usize::try_from(since) else { return false };
        since <= self.log.len()
            && self.log.iter().rev().take(since).all(|command| !covers(Nature::default(), command, held))
    }

    /// An entry with this first word may be kept. The V bit must be set.
    fn is_cacheable(&self, role: &Role, value: u64) -> bool {
        value & 1 == 1
            || match role {
                Role::DdtEntry { .. } => self.nature.has(Habit::CachesInvalidDdtEntry),
                Role::DeviceContext { .. } => self.nature.has(Habit::CachesInvalidDeviceContext),
                Role::PdtEntry { .. } | Role::ProcessContext { .. } => {
                    self.nature.has(Habit::CachesInvalidProcessContext)
                }
                Role::FirstStage { .. } => self.nature.has(Habit::CachesInvalidFirstStage),
                Role::SecondStage { .. } => self.nature.has(Habit::CachesInvalidSecondStage),
                Role::MsiPte { .. } | Role::Mrif => false,
            }
    }

    /// Takes in what a walk has read. `entry_words` gives the doublewords of the context that begins at a word, if the
    /// walk has them all from one read.
    pub(super) fn fill(
        &mut self,
        config: &Config,
        path: &[PathWord],
        entry_words: impl Fn(&WordRef) -> Option<[u64; 8]>,
    ) {
        for step in path {
            // Who finds entries by tags alone must not take one in to which a struck entry has led.
            let held = Held { word: step.word, value: step.value, global: step.global };
            if self.config.tagged && !self.is_fresh(&held, step.epoch) {
                break;
            }
            if step.origin == Origin::Memory {
                self.fill_word(config, step, &entry_words);
            }
        }
        if self.config.held_pointers {
            for step in path {
                self.fill_pointer(step);
            }
        }
    }

    fn fill_word(&mut self, config: &Config, step: &PathWord, entry_words: &impl Fn(&WordRef) -> Option<[u64; 8]>) {
        let held = Held { word: step.word, value: step.value, global: step.global };
        if !self.is_cacheable(&held.word.role, held.value) || !self.is_fresh(&held, step.epoch) {
            return;
        }
        let mut words = [0; 8];
        words[0] = held.value;
        match held.word.role {
            Role::DeviceContext { index: 0 } | Role::ProcessContext { index: 0 } | Role::MsiPte { index: 0 } => {
                let Some(all) = entry_words(&held.word) else { return };
                words = all;
            }
            Role::DeviceContext { .. } | Role::ProcessContext { .. } | Role::MsiPte { .. } => return,
            _ => {}
        }
        // A context that is refused is not kept.
        if matches!(held.word.role, Role::DeviceContext { .. })
            && DeviceContext::from_words(words).misconfiguration(config).is_some()
            && words[0] & 1 == 1
        {
            return;
        }
        let leaf = usize::from(Pte(held.value).is_leaf());
        let bank = match held.word.role {
            Role::DdtEntry { .. } => &mut self.ddt_entries,
            Role::DeviceContext { .. } => &mut self.device_contexts,
            Role::PdtEntry { .. } => &mut self.pdt_entries,
            Role::ProcessContext { .. } => &mut self.process_contexts,
            Role::FirstStage { .. } => &mut self.first[leaf],
            Role::SecondStage { .. } => &mut self.second[leaf],
            Role::MsiPte { .. } => &mut self.msi,
            Role::Mrif => return,
        };
        bank.insert(Entry::new(held, words), &mut self.dice, self.config.evict_percent);
    }

    /// Keeps a second-stage word with the context whose pointer it translates.
    fn fill_pointer(&mut self, step: &PathWord) {
        let Some(pointer) = holder(&step.word.role) else { return };
        let held = Held { word: step.word, value: step.value, global: false };
        // What such a pointer itself gave may be older than the last invalidation of the second stage.
        if !matches!(step.origin, Origin::Memory | Origin::Cache)
            || held.value & 1 == 0
            || !self.is_fresh(&held, step.epoch)
        {
            return;
        }
        let tags = step.word.tags;
        let bank =
            if pointer == Pointer::DeviceContext { &mut self.device_contexts } else { &mut self.process_contexts };
        let role = if pointer == Pointer::DeviceContext {
            Role::DeviceContext { index: 0 }
        } else {
            Role::ProcessContext { index: 0 }
        };
        let context = WordRef { role, bytes: 8, ..step.word };
        // Whose it is, wherever it lies: a context that came in meanwhile may have another pointer, and then this word
        // has another guest address than it will be asked for.
        if let Some(entry) = bank.wherever(&context)
            && entry.held.word.tags.device == tags.device
            && !entry.pointers.iter().any(|other| same(&other.word, &held.word))
            && entry.pointers.len() < 16
        {
            entry.pointers.push(held);
        }
    }

    /// Keeps a whole translation that rests on this path.
    pub(super) fn fill_result(&mut self, request: &Request, spa: u64, pbmt: u8, ids: QosIds, path: &[PathWord]) {
        if self.keyed.is_there() {
            self.fill_keyed(request, spa, pbmt, path);
        }
        if !self.results.is_there() {
            return;
        }
        let global = path.iter().any(|step| step.global);
        let fresh = path.iter().all(|step| {
            let held = Held { word: step.word, value: step.value, global };
            step.origin != Origin::Made && self.is_fresh(&held, step.epoch)
        });
        if fresh {
            let rests_on = path.iter().map(|step| Held { word: step.word, value: step.value, global });
            let evict = self.config.evict_percent;
            self.results.insert(page_of(request), spa, pbmt, ids, rests_on, &mut self.dice, evict);
        }
    }

    /// Keeps it under its tags. What its contexts said does not matter any more.
    fn fill_keyed(&mut self, request: &Request, spa: u64, pbmt: u8, path: &[PathWord]) {
        let Some(key) = Key::of(request) else { return };
        let Some(tagged) = Tagged::of(path, &key) else { return };
        let global = path.iter().any(|step| step.global);
        let held = |step: &PathWord| Held { word: step.word, value: step.value, global };
        if Tagged::rests_on(path).all(|step| self.is_fresh(&held(step), step.epoch)) {
            let rests_on = Tagged::rests_on(path).map(held);
            // Its context says with which IDs.
            let (ids, evict) = (QosIds::default(), self.config.evict_percent);
            self.keyed.insert(tagged, spa, pbmt, ids, rests_on, &mut self.dice, evict);
        }
    }

    /// `ddtp` changed: whole translations are of no use any more, but for those that are found by their tags.
    pub(super) fn forget_results(&mut self) {
        self.results.clear();
        self.front.clear();
    }

    /// Executes an invalidation.
    pub(super) fn invalidate(&mut self, command: &Command) {
        let Self { nature, config, dice, orphans, .. } = self;
        let (nature, overkill) = (*nature, config.overkill_percent);
        let spares_pointers = nature.has(Habit::DdtSparesPointers);
        let [first_pointers, first_leaves] = &mut self.first;
        let [second_pointers, second_leaves] = &mut self.second;
        let banks = [
            &mut self.ddt_entries,
            &mut self.device_contexts,
            &mut self.pdt_entries,
            &mut self.process_contexts,
            first_pointers,
            first_leaves,
            second_pointers,
            second_leaves,
            &mut self.msi,
        ];
        for bank in banks {
            bank.drop_if(
                |entry| covers(nature, command, &entry.held) || dice.percent(overkill),
                |entry| {
                    if spares_pointers {
                        orphans.extend(entry.pointers);
                    }
                },
            );
        }
        self.results.drop_if(|held| covers_result(nature, command, held));
        if !nature.has(Habit::FrontSparesInvalidations) {
            self.front.drop_if(|held| covers_result(nature, command, held));
        }
        if !nature.has(Habit::KeyedSparesInvalidations) {
            self.keyed.drop_if(|held| covers_result(nature, command, held));
        }
        self.epoch += 1;
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back(*command);
    }
}
