// SPDX-License-Identifier: Apache-2.0
//! The words of a replayed walk: each read answers with one of the values that the device may have used, and all
//! combinations can be tried one after the other (MODEL.md, "The device").

use std::ops::Range;

use events::{Cycle, POISONED};
use golden::{MsiTable, Pte, Purpose, Read, Role, Spa, Stage, Tags, Tc, Update, WordRef, Words};

use super::choice::{Choice, Place, is_kept_table};
use super::history::{Sighting, Word};
use super::invalidation::Globality;
use super::roots::Root;
use super::slips::Slip;
use super::usable::{Knowledge, judge, judge_value};
use super::value::{is_invalid, is_of_directories, narrow};
use super::window::Window;

/// More combinations than this are not tried. Software would have to leave dozens of stale words in one walk.
const MAX_REPLAYS: u32 = 1 << 16;

#[derive(Clone, Copy, Debug)]
struct Branch {
    taken: usize,
    options: usize,
}

/// How far a search for an explanation goes. The cases beyond the first are rare, and tried only when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Words that were read, under the configured roots
    Plain,
    /// For walks that nobody asked for: also the words that were left out of entries of which one was read
    Ahead,
    /// Also words that were not read: they count as read with what memory held
    Unread,
    /// Also roots that were configured earlier under the same tags, and entries that are found by their tags
    Tagged,
    /// First-stage entries as parts of a global mapping: `PSCV = 1` does not reach them, and they may stem from another
    /// process. [`Chooser::is_consistent`] says afterwards whether a global mapping was used.
    Global,
}

impl Reach {
    /// All, in the order in which they are tried.
    pub const ALL: [Reach; 4] = [Reach::Plain, Reach::Unread, Reach::Tagged, Reach::Global];

    /// Those in which entries are found where they lie.
    pub const NEAR: [Reach; 2] = [Reach::Plain, Reach::Unread];

    /// Those in which entries are found by their tags.
    pub const BY_TAGS: [Reach; 2] = [Reach::Tagged, Reach::Global];
}

/// A source of words that knows what the device may have used, and steps through the combinations.
pub struct Chooser<'a> {
    known: Knowledge<'a>,
    window: Window,
    buffers: &'a mut Buffers,
    depth: usize,
    replays: u32,
    path: Globality,
    reach: Reach,
    saw_global: bool,
    other_root: bool,
    by_tag: bool,
    /// Root of the walk that is going on in each stage
    trees: [u64; 2],
    /// The device context of this walk lets the device update A and D bits of each stage
    updates: [bool; 2],
    /// The word whose update is looked for
    claimed: Option<Spa>,
    /// The last walk went on although an update has still to be made
    deferred: bool,
    /// A and D bits need not be updated
    spared: bool,
    /// No other values of words are tried
    only: Option<&'a Only<'a>>,
}

/// Says whether a value of a word is to be tried.
pub type Only<'a> = dyn Fn(&Knowledge<'_>, &WordRef, u64) -> bool + 'a;

/// Memory that replays use again and again.
#[derive(Debug, Default)]
pub struct Buffers {
    branches: Vec<Branch>,
    choices: Vec<Choice>,
    options: Vec<(bool, Sighting)>,
    roots: Vec<Root>,
    others: Vec<u64>,
    recalled: Vec<Recalled>,
    /// Which of `recalled` answer what was asked before
    asked: Vec<(Asked, Range<usize>)>,
    tables: Vec<MsiTable>,
    /// The configured MSI page table of the last walk, if it came by one and used it
    table: Option<(Tags, MsiTable)>,
    /// Words that nobody had stored to or read when they were asked for
    unknown: Vec<Spa>,
}

/// What decides which entries may be used without being read. Replays ask for the same again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    stage: Stage,
    purpose: Purpose,
    tags: Tags,
    /// Of the walk that is going on
    root: u64,
}

/// An entry that may be used without being read.
#[derive(Clone, Copy, Debug)]
struct Recalled {
    level: u8,
    word: WordRef,
    value: u64,
    stale: bool,
    place: Place,
}

impl Buffers {
    /// Words that nobody had stored to or read when a walk asked for them.
    pub fn take_unknown(&mut self) -> Vec<Spa> {
        std::mem::take(&mut self.unknown)
    }

    /// An entry that may be used, among those from `first` on. The walk goes on alike from every entry of one level with
    /// one value, wherever it was read; one that memory holds stands for all of them.
    fn recall(&mut self, first: usize, entry: Recalled) {
        let alike = |known: &&mut Recalled| {
            (known.level, known.value, known.place.global) == (entry.level, entry.value, entry.place.global)
        };
        match self.recalled[first..].iter_mut().find(alike) {
            Some(known) if known.stale && !entry.stale => *known = entry,
            Some(_) => {}
            None => self.recalled.push(entry),
        }
    }
}

impl<'a> Chooser<'a> {
    /// Choices for a request in this window.
    pub fn new(known: Knowledge<'a>, window: Window, reach: Reach, buffers: &'a mut Buffers) -> Self {
        buffers.branches.clear();
        buffers.choices.clear();
        buffers.roots.clear();
        buffers.recalled.clear();
        buffers.asked.clear();
        let path = Globality { global: reach == Reach::Global };
        Chooser {
            known,
            window,
            buffers,
            depth: 0,
            replays: 0,
            path,
            reach,
            saw_global: false,
            other_root: false,
            by_tag: false,
            trees: [0; 2],
            updates: [false; 2],
            claimed: None,
            deferred: false,
            spared: false,
            only: None,
        }
    }

    /// Tries no other values of words than these; none: all of them.
    pub fn only(self, only: Option<&'a Only<'a>>) -> Self {
        Chooser { only, ..self }
    }

    /// Every value of this word counts, since it is its update that is looked for.
    pub fn claim(&mut self, addr: Spa) {
        self.claimed = Some(addr);
    }

    /// An entry leads on although A or D has not been set in it.
    pub fn spare_updates(&mut self) {
        self.spared = true;
    }

    /// Goes on to the next combination; false when all have been tried.
    pub fn next(&mut self) -> bool {
        self.depth = 0;
        self.path = Globality { global: self.reach == Reach::Global };
        self.saw_global = false;
        self.other_root = false;
        self.by_tag = false;
        self.updates = [false; 2];
        self.deferred = false;
        self.buffers.choices.clear();
        self.buffers.roots.clear();
        self.buffers.table = None;
        self.replays += 1;
        if self.replays == 1 {
            return true;
        }
        if self.replays > MAX_REPLAYS {
            return false;
        }
        while let Some(branch) = self.buffers.branches.last_mut() {
            branch.taken += 1;
            if branch.taken < branch.options {
                return true;
            }
            self.buffers.branches.pop();
        }
        false
    }

    /// What is known of the device.
    pub fn known(&self) -> &Knowledge<'a> {
        &self.known
    }

    /// What the last walk read.
    pub fn choices(&self) -> &[Choice] {
        &self.buffers.choices
    }

    /// Where globality was assumed, the last walk did use a global mapping.
    pub fn is_consistent(&self) -> bool {
        self.reach != Reach::Global || self.saw_global && !self.known.slips.has(Slip::GlobalOfOneProcess)
    }

    /// The last walk took a value that memory no longer held when the request was accepted.
    pub fn is_stale(&self) -> bool {
        self.other_root || self.by_tag || self.buffers.choices.iter().any(|choice| choice.stale)
    }

    /// The last walk went under a root that the contexts did not name.
    pub fn used_other_root(&self) -> bool {
        self.other_root
    }

    /// The last walk can only have ended in a refusal: an update has still to be made.
    pub fn is_deferred(&self) -> bool {
        self.deferred
    }

    /// The device context of this walk lets the device update A and D bits of a stage.
    pub fn updates(&self, stage: Stage) -> bool {
        self.updates[stage as usize]
    }

    /// A first-stage entry on the path of the last walk is global, or was found as part of a global mapping.
    pub fn is_global(&self) -> bool {
        self.path.global
    }

    /// The walk has come further than the one before it on the same way, or by another way.
    pub fn is_on_new_ground(&self) -> bool {
        self.depth == self.buffers.branches.len()
    }

    /// What the device has read at an address.
    pub fn sightings(&self, addr: Spa) -> impl Iterator<Item = u64> {
        let seen = self.known.histories.word(addr).map_or(&[][..], |history| history.sightings());
        seen.iter().filter(|seen| seen.resp == 0).map(|seen| seen.value)
    }

    /// `fsc` or `iohgatp` under which the walk of this stage goes on.
    pub fn tree(&self, stage: Stage) -> u64 {
        self.trees[stage as usize]
    }

    /// The configured roots of the last walk that it used.
    pub fn roots(&self) -> &[Root] {
        &self.buffers.roots
    }

    /// The configured MSI page table of the last walk, if it used one, and for which address.
    pub fn msi_page_table(&self) -> Option<(Tags, MsiTable)> {
        self.buffers.table
    }

    /// What the last walk read of directories.
    pub fn contexts(&self) -> impl Iterator<Item = &Choice> {
        let is_read = |choice: &&Choice| is_of_directories(&choice.word.role) && !is_kept_table(&choice.word);
        self.buffers.choices.iter().filter(is_read)
    }

    /// There was a moment at which the contexts by which the last walk went could be used together.
    pub fn contexts_fit(&self) -> bool {
        let history = |choice: &Choice| self.known.histories.word(choice.word.addr);
        let moments = self.contexts().filter_map(|choice| Some(history(choice)?.begun_to_hold(choice.value)));
        let is_usable = |choice: &Choice, moment: Cycle| {
            let (word, value, window) = (&choice.word, choice.value, Window::new(moment, moment));
            history(choice).is_some_and(|history| {
                history.begun_to_hold(value).any(|begun| begun <= moment)
                    && judge_value(history, word, value, self.known.invalidations, self.path, window).is_ok()
            })
        };
        moments.flatten().any(|moment| self.contexts().all(|choice| is_usable(choice, moment)))
            || self.contexts().next().is_none()
    }

    /// Until when the contexts by which the last walk went may be used.
    pub fn contexts_usable_until(&self) -> Cycle {
        let until = self.contexts().map(|choice| {
            let held = self.known.histories.word(choice.word.addr).and_then(|history| history.last_held(choice.value));
            match held {
                None | Some(Cycle::MAX) => Cycle::MAX,
                Some(held) => {
                    let by_commands = || self.known.invalidations.usable_until(&choice.word, choice.value, held);
                    self.known.slips.usable_until(held).unwrap_or_else(by_commands)
                }
            }
        });
        until.min().unwrap_or(Cycle::MAX)
    }

    fn is_by_tags(&self) -> bool {
        Reach::BY_TAGS.contains(&self.reach)
    }

    /// Takes one of `options` at the next choice point.
    fn branch(&mut self, options: usize) -> usize {
        if self.depth == self.buffers.branches.len() {
            self.buffers.branches.push(Branch { taken: 0, options });
        }
        let branch = &mut self.buffers.branches[self.depth];
        // The options follow from the choices before them, so a replay of a prefix sees the same.
        branch.options = options;
        self.depth += 1;
        branch.taken.min(options - 1)
    }

    /// What this walk goes by in the place of words of the context.
    fn note_kept_table(&mut self, tags: &Tags, configured: MsiTable, kept: MsiTable) {
        let fields =
            [(configured.msiptp.0, kept.msiptp.0), (configured.mask, kept.mask), (configured.pattern, kept.pattern)];
        if self.known.slips.has(Slip::TableNotRetired) {
            return;
        }
        for (index, (now, before)) in (4..).zip(fields).filter(|(_, (now, before))| now != before) {
            let role = Role::DeviceContext { index };
            let Some(read) = self.buffers.choices.iter().find(|choice| choice.word.role == role) else { continue };
            // Contexts may be big-endian.
            let value = if read.value == now { before } else { before.swap_bytes() };
            let word = WordRef { tags: *tags, ..read.word };
            self.buffers.choices.push(Choice { word, value, stale: true, root: 0, recalled: None });
        }
    }

    fn root(&self, role: &Role) -> u64 {
        match role {
            Role::FirstStage { .. } => self.trees[Stage::First as usize],
            Role::SecondStage { .. } => self.trees[Stage::Second as usize],
            _ => 0,
        }
    }

    /// Where the device updates A and D bits, an entry that lacks some leads to what the same entry with these bits leads
    /// to, or nowhere: one of the two is enough to try.
    fn drop_outdone(&mut self, word: &WordRef) {
        const AD: u64 = 0xC0;
        let updates = match word.role {
            // The update of a first-stage entry may need the one that is looked for.
            Role::FirstStage { .. } => self.updates[Stage::First as usize] && self.claimed.is_none(),
            Role::SecondStage { .. } => self.updates[Stage::Second as usize],
            _ => false,
        };
        if !updates
            || self.buffers.options.len() < 2
            || self.claimed == Some(word.addr)
            || self.known.updates.has_refused(word.addr)
        {
            return;
        }
        let mut at = 0;
        while at < self.buffers.options.len() {
            let (stale, seen) = self.buffers.options[at];
            let value = narrow(word, seen.value);
            let outdone = self.buffers.options.iter().any(|(other_stale, other)| {
                let more = narrow(word, other.value);
                seen.resp == 0
                    && other.resp == 0
                    && more != value
                    && more & !AD == value & !AD
                    && more & value == value
                    && (stale || !other_stale)
            });
            if outdone {
                self.buffers.options.remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// Entries that translate `addr` and may be used without being read: where they are in `buffers.recalled`.
    fn usable_by_tags(&mut self, asked: &Asked, addr: u64) -> Range<usize> {
        let Asked { stage, purpose, tags, root } = *asked;
        let first = self.buffers.recalled.len();
        let global = self.reach == Reach::Global;
        for (level, place) in self.known.tagged.places(stage, &tags, addr, global) {
            let Some(history) = self.known.histories.word(place.addr) else { continue };
            let role = role_of(stage, level, purpose);
            let word = WordRef { addr: place.addr, bytes: place.bytes, role, tags };
            let path = Globality { global: global && place.global };
            for seen in history.sightings().iter().filter(|seen| seen.resp == 0 && seen.first <= self.window.end) {
                let value = narrow(&word, seen.value);
                // Only what is valid can be in a cache. What a walk comes to anyway is worth a try only where some values
                // on its way are ruled out.
                if !is_invalid(&role, value)
                    && (!place.napot || Pte(value).is_napot())
                    && (self.only.is_some() || !self.known.stands(&word, &place, value, root, self.window.end))
                    && self.known.kept(&word, &place, history, seen, path, self.window)
                {
                    let stale = !history.held_between(seen.value, self.window.offered, self.window.end);
                    self.buffers.recall(first, Recalled { level, word, value, stale, place });
                }
            }
        }
        first..self.buffers.recalled.len()
    }

    /// When the device first read the doubleword that holds V of the entry which this one belongs to. Nobody can do without
    /// it.
    fn entry_read(&self, word: &WordRef) -> Option<Cycle> {
        let index = match word.role {
            Role::DeviceContext { index } | Role::ProcessContext { index } | Role::MsiPte { index } => index,
            _ => 0,
        };
        let history = self.known.histories.word(Spa(word.addr.0 - 8 * u64::from(index)))?;
        history.sightings().iter().filter(|seen| seen.resp == 0).map(|seen| seen.first_sampled).min()
    }

    /// A word that the device did not read counts as read with what memory held (rule D2 of MODEL.md): by this request, or,
    /// where it was left out of an entry of which another word was read, since `entry_read`, together with that.
    fn add_unread(&mut self, word: &WordRef, history: &Word, entry_read: Option<Cycle>) {
        let slips = self.known.slips;
        let since = slips.left_out_since(entry_read, self.window);
        for value in history.values() {
            let is_known = |(_, seen): &(bool, Sighting)| seen.resp == 0 && seen.value == value;
            // A request may be judged long after it has ended.
            let until = slips.left_out_until(entry_read.is_some(), self.window);
            let counts = || {
                history.held_between(value, since, until)
                    && judge_value(history, word, value, self.known.invalidations, self.path, self.window).is_ok()
            };
            let wrong = slips.counts_unread(history, value, self.window);
            if self.buffers.options.iter().any(is_known) || !wrong.unwrap_or_else(counts) {
                continue;
            }
            let stale = !history.held_between(value, self.window.offered, self.window.end);
            self.buffers
                .options
                .push((stale, Sighting { value, first: self.window.end, first_sampled: 0, last_sampled: 0, resp: 0 }));
        }
    }

    fn note_updates(&mut self, word: &WordRef, value: u64) {
        // Where V is not in its place tables are big-endian, and nothing is left out.
        if matches!(word.role, Role::DeviceContext { index: 0 }) && value & 1 == 1 {
            let tc = Tc(value);
            self.updates = [tc.sade() && !tc.sbe(), tc.gade()];
        }
    }

    fn note_global(&mut self, word: &WordRef, value: u64) {
        if matches!(word.role, Role::FirstStage { .. }) && Pte(value).is_global() {
            self.saw_global = true;
            self.path.global = true;
        }
    }
}

impl Words for Chooser<'_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let Some(history) = self.known.histories.word(word.addr) else {
            if self.reach != Reach::Plain && !self.buffers.unknown.contains(&word.addr) {
                self.buffers.unknown.push(word.addr);
            }
            return Read::Unavailable;
        };
        self.buffers.options.clear();
        for seen in history.sightings() {
            if judge(history, word, seen, self.known.invalidations, self.path, self.window).is_ok() {
                let stale = seen.resp == 0 && !history.held_between(seen.value, self.window.offered, self.window.end);
                self.buffers.options.push((stale, *seen));
            }
        }
        if self.reach != Reach::Plain {
            let entry_read = if is_part(&word.role) { self.entry_read(word) } else { None };
            let is_unread = self.known.slips.is_unread(self.buffers.options.is_empty(), entry_read.is_some());
            if is_unread && (entry_read.is_some() || self.reach != Reach::Ahead) {
                self.add_unread(word, history, entry_read);
            }
        }
        if let Some(only) = self.only {
            let known = self.known;
            self.buffers.options.retain(|(_, seen)| seen.resp != 0 || only(&known, word, narrow(word, seen.value)));
        }
        self.drop_outdone(word);
        let options = self.buffers.options.len();
        if options == 0 {
            return Read::Unavailable;
        }
        if options > 1 {
            // What memory holds first, then what was read last.
            self.buffers.options.sort_by_key(|(stale, seen)| (*stale, u64::MAX - seen.last_sampled));
        }
        let taken = self.branch(options);
        let (stale, seen) = self.buffers.options[taken];
        let value = narrow(word, seen.value);
        self.buffers.choices.push(Choice { word: *word, value, stale, root: self.root(&word.role), recalled: None });
        self.note_global(word, value);
        self.note_updates(word, value);
        match seen.resp {
            0 | 1 => Read::Value(value),
            POISONED => Read::Corrupt,
            _ if self.known.errors_corrupt => Read::Corrupt,
            _ => Read::AccessFault,
        }
    }

    /// An entry that needs an update leads nowhere: the device has to make it first, and then it has seen what memory
    /// holds. Unless memory refused that. The update of the first stage may be left for when the second stage has let the
    /// access through, so that a refusal comes before it.
    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        let refused = self.known.updates.refusal(word, old, new, self.window);
        if self.spared && (refused.is_none() || self.branch(2) == 0) {
            return Update::Done;
        }
        match refused {
            Some(resp) if resp == POISONED || self.known.errors_corrupt => Update::Corrupt,
            Some(_) => Update::AccessFault,
            None if matches!(word.role, Role::FirstStage { .. }) => {
                self.deferred = true;
                Update::Done
            }
            None => Update::Unavailable,
        }
    }

    fn table_root(&mut self, stage: Stage, tags: &Tags, configured: u64) -> u64 {
        let root = Root::of(stage, tags, configured);
        let mut value = configured;
        if self.is_by_tags() && !self.known.slips.has(Slip::RootsIgnored) {
            let global = self.reach == Reach::Global && stage == Stage::First;
            // Under which guest physical address the second stage is entered is not known here.
            let addr = (stage == Stage::First).then_some(tags.iova.0);
            let others = self.known.roots.others(root, addr, global, self.known.invalidations, self.window);
            self.buffers.others.clear();
            self.buffers.others.extend(others);
            let taken = self.branch(1 + self.buffers.others.len());
            if taken > 0 {
                value = self.buffers.others[taken - 1];
                self.other_root = true;
            }
        }
        // What is cached of an earlier root does not become younger by its use.
        if value == configured {
            self.buffers.roots.push(root);
        }
        self.trees[stage as usize] = value;
        value
    }

    fn msi_table(&mut self, tags: &Tags, configured: MsiTable) -> MsiTable {
        self.buffers.table = Some((*tags, configured));
        if !self.is_by_tags() || self.known.slips.has(Slip::TablesIgnored) {
            return configured;
        }
        self.buffers.tables.clear();
        let others = self.known.roots.other_tables(tags, configured, self.known.invalidations, self.window);
        self.buffers.tables.extend(others);
        match self.branch(1 + self.buffers.tables.len()) {
            0 => configured,
            taken => {
                self.other_root = true;
                self.buffers.table = None;
                let kept = self.buffers.tables[taken - 1];
                self.note_kept_table(tags, configured, kept);
                kept
            }
        }
    }

    fn recall(&mut self, stage: Stage, purpose: Purpose, tags: &Tags) -> Option<(u8, u64)> {
        if !self.is_by_tags() || self.known.slips.has(Slip::TagsIgnored) {
            return None;
        }
        let addr = match stage {
            Stage::First => tags.iova.0,
            Stage::Second => tags.gpa?.0,
        };
        let asked = Asked { stage, purpose, tags: *tags, root: self.trees[stage as usize] };
        let answers = match self.buffers.asked.iter().find(|(known, _)| *known == asked) {
            Some((_, answers)) => answers.clone(),
            None => {
                let answers = self.usable_by_tags(&asked, addr);
                self.buffers.asked.push((asked, answers.clone()));
                answers
            }
        };
        if answers.is_empty() {
            return None;
        }
        let taken = self.branch(1 + answers.len());
        let Recalled { level, word, value, stale, place } =
            self.buffers.recalled[answers.start + taken.checked_sub(1)?];
        self.buffers.choices.push(Choice { word, value, stale, root: place.root, recalled: Some(place) });
        self.by_tag = true;
        self.saw_global |= place.global;
        self.path.global |= place.global;
        Some((level, value))
    }
}

/// A word of an entry of several words. A device may read such an entry again without all of its words.
fn is_part(role: &Role) -> bool {
    matches!(role, Role::DeviceContext { .. } | Role::ProcessContext { .. } | Role::MsiPte { .. })
}

/// The role of a page-table entry.
fn role_of(stage: Stage, level: u8, purpose: Purpose) -> Role {
    match stage {
        Stage::First => Role::FirstStage { level },
        Stage::Second => Role::SecondStage { level, purpose },
    }
}
