// SPDX-License-Identifier: Apache-2.0
//! Walks that nobody asked for: a device may walk ahead of its requests, and what a refused request was walked by stays
//! cached as well. Entries that only such walks led to serve later requests where entries are found by their tags alone,
//! so they are looked for before a device is blamed.

use std::collections::BTreeSet;

use events::Cycle;
use golden::{
    Config, DdtMode, DeviceId, DirectoryEntry, MsiTable, Pte, Purpose, Read, Request, Role, Spa, Stage, Tags, Update,
    WordRef, Words,
};
use rustc_hash::FxHashSet;

use super::choice::Choice;
use super::chooser::{Chooser, Reach};
use super::roots::Speculative;
use super::search::Search;
use super::slips::Slip;
use super::tagged::{Tagged, entry};
use super::value::is_of_directories;
use super::window::Window;

/// Walks that are followed for each requester, at most.
const LIMIT: u32 = 1 << 14;

/// A page-table entry on the way of a walk: what comes after it depends on this alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Step {
    word: WordRef,
    second_root: u64,
    /// What the walk read before, in this stage and in the first
    before: [Option<(Spa, u64)>; 2],
}

impl Step {
    fn of(word: &WordRef, chooser: &Chooser<'_>) -> Self {
        let choices = chooser.choices();
        let read = |choice: &Choice| (choice.word.addr, choice.value);
        let first = choices.iter().rev().find(|choice| matches!(choice.word.role, Role::FirstStage { .. }));
        Step {
            word: *word,
            second_root: chooser.tree(Stage::Second),
            before: [choices.last().map(read), first.map(read)],
        }
    }
}

/// Follows every way through the tables that there has ever been, none of them twice.
struct Everywhere<'c, 'a> {
    chooser: &'c mut Chooser<'a>,
    been: &'c mut FxHashSet<Step>,
    found: &'c mut Tagged,
    is_ahead: bool,
}

impl Everywhere<'_, '_> {
    /// A walk that comes to the last level for a page beside this one may have read a NAPOT entry, which maps this page
    /// as well.
    fn look_beside(&mut self, word: &WordRef) {
        let (Some((stage, 0, _)), 8) = (entry(word), word.bytes) else { return };
        let root = self.chooser.tree(stage);
        for number in 1..16 {
            let word = WordRef { addr: Spa(word.addr.0 ^ (8 * number)), ..*word };
            let napot = self.chooser.sightings(word.addr).find(|value| Pte(*value).is_napot());
            if let Some(value) = napot {
                let choice = Choice { word, value, stale: false, root, recalled: None };
                self.found.possible_beside(self.chooser.choices(), &choice);
            }
        }
    }
}

impl Words for Everywhere<'_, '_> {
    fn read(&mut self, word: &WordRef) -> Read {
        if entry(word).is_some() && self.chooser.is_on_new_ground() {
            if !self.been.insert(Step::of(word, self.chooser)) {
                return Read::Unavailable;
            }
            self.look_beside(word);
        }
        let read = self.chooser.read(word);
        // A walk ahead is made at one moment: a context that was never there as a whole leads nowhere.
        if self.is_ahead && is_of_directories(&word.role) && !self.chooser.contexts_fit() {
            return Read::Unavailable;
        }
        read
    }

    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        self.chooser.compare_exchange(word, old, new)
    }

    fn table_root(&mut self, stage: Stage, tags: &Tags, configured: u64) -> u64 {
        self.chooser.table_root(stage, tags, configured)
    }

    fn msi_table(&mut self, tags: &Tags, configured: MsiTable) -> MsiTable {
        self.chooser.msi_table(tags, configured)
    }

    /// What was found before leads on, too.
    fn recall(&mut self, stage: Stage, purpose: Purpose, tags: &Tags) -> Option<(u8, u64)> {
        if stage == Stage::First { self.chooser.recall(stage, purpose, tags) } else { None }
    }
}

/// What walks that nobody asked for may have come to.
#[derive(Default)]
struct Found {
    entries: Tagged,
    contexts: Speculative,
}

impl Search {
    /// Looks for page-table entries for the address of this request that walks in anybody's name may have led to, at any
    /// time until now. Whether there are any that were not known.
    pub(super) fn find_speculative(&mut self, request: &Request, window: Window) -> bool {
        self.requesters.seen(request);
        if self.slips.has(Slip::NoWalksAhead) {
            return false;
        }
        let mut requesters: BTreeSet<_> = self.requesters.all().collect();
        // Whoever has a context that was read may be walked for, whether it has asked for something or not.
        if !self.slips.has(Slip::AheadForAskersOnly) {
            requesters.extend(self.contexts_read().into_iter().map(|(device, _)| (device, None, false)));
        }
        let mut found = Found::default();
        for (device, process, privileged) in requesters {
            let other = Request { device, process, privileged, ..*request };
            let ever = Window { offered: 0, start: 0, shown: None, ..window };
            self.walk_everywhere(&other, ever, Reach::Ahead, &mut found);
        }
        let is_new_root = self.roots.merge(found.contexts);
        let news = self.tagged.merge(found.entries) || is_new_root;
        // From an entry that was read for a page beside, the second stage leads on.
        let mut found = Found::default();
        self.walk_everywhere(request, window, Reach::Tagged, &mut found);
        self.tagged.merge(found.entries) || news
    }

    /// Devices of whose context something was read, and where in memory it lies.
    pub(super) fn contexts_read(&self) -> Vec<(DeviceId, Spa)> {
        let leaf_bits = if self.configuration.caps.msi_flat() { 6 } else { 7 };
        let mut contexts = Vec::new();
        for ddtp in self.configuration.ddtp_choices(0, Cycle::MAX) {
            if let DdtMode::Levels(levels) = ddtp.mode() {
                self.contexts_below(ddtp.ppn() << 12, u32::from(levels) - 1, 0, leaf_bits, &mut contexts);
            }
        }
        contexts
    }

    /// Those below a table of the device directory, `level` 0 being that of contexts.
    fn contexts_below(&self, table: u64, level: u32, prefix: u32, leaf_bits: u32, contexts: &mut Vec<(DeviceId, Spa)>) {
        let was_read = |addr: u64| {
            self.histories.word(Spa(addr)).is_some_and(|history| history.sightings().iter().any(|seen| seen.resp == 0))
        };
        if level == 0 {
            let bytes = 4096 >> leaf_bits;
            let all = (0..1u32 << leaf_bits).map(|index| (index, table + u64::from(index) * bytes));
            let those = all.filter(|&(_, at)| was_read(at));
            contexts.extend(those.map(|(index, at)| (DeviceId(prefix << leaf_bits | index), Spa(at))));
            return;
        }
        for index in 0..512 {
            let addr = Spa(table + u64::from(index) * 8);
            let Some(history) = self.histories.word(addr) else { continue };
            for seen in history.sightings().iter().filter(|seen| seen.resp == 0 && seen.value & 1 == 1) {
                let below = DirectoryEntry(seen.value).ppn() << 12;
                self.contexts_below(below, level - 1, prefix << 9 | index, leaf_bits, contexts);
            }
        }
    }

    fn walk_everywhere(&mut self, request: &Request, window: Window, reach: Reach, found: &mut Found) {
        let mut been = FxHashSet::default();
        // Walks that go by the same contexts follow one another.
        let (mut contexts, mut until) = (Vec::new(), 0);
        let walk = |config: &Config, chooser: &mut Chooser<'_>| {
            let (found_entries, is_ahead) = (&mut found.entries, reach == Reach::Ahead);
            let mut everywhere = Everywhere { chooser, been: &mut been, found: found_entries, is_ahead };
            golden::translate(config, &mut everywhere, request);
            let now = || chooser.contexts().map(|choice| (choice.word.addr, choice.value));
            if !now().eq(contexts.iter().copied()) {
                contexts = now().collect();
                until = chooser.contexts_usable_until();
            }
            found.entries.possible(chooser.choices());
            found.contexts.note(chooser.roots(), chooser.msi_page_table(), until);
            None::<()>
        };
        self.replay(window, reach, LIMIT, walk, |(), _, _| false);
    }
}
