// SPDX-License-Identifier: Apache-2.0
//! A moment in which a device walks, and what it may use then: rules 1 to 3 of the page, and what rule 5 keeps.

use crate::covers::{Use, covers};
use crate::faults::{Fault, Faults};
use crate::record::{Command, Gap, Record};
use crate::trace::Cmd;

/// Twice a gap: commands take effect at even times, early in a gap; walks are made at odd times, within it.
pub type Time = usize;

/// Whose context holds a pointer translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The context of a device
    Device(u32),
    /// The context of a process
    Process(u32, u32),
}

/// What a device may keep of a walk, with the tags by which it finds it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A page-table entry, and what it is used as
    Entry(Use, u64),
    /// A pointer of a context, translated
    Pointer(Holder, u64, u64),
    /// The result of a whole walk
    Result {
        /// GSCID
        gscid: Option<u16>,
        /// PSCID, and whether the mapping is global
        pscid: Option<(u32, bool)>,
        /// Page that was asked for
        page: u64,
        /// Rights
        rights: u64,
        /// Page that it leads to
        to: u64,
        /// The leaves that it was made of, and the contexts: for the fault in which it goes with them
        of: Vec<Use>,
        /// The requester
        device: u32,
    },
}

impl Kept {
    /// What it is used as, for a command to take it away.
    pub fn uses(&self) -> Vec<Use> {
        match self {
            Kept::Entry(used, _) => vec![*used],
            Kept::Pointer(Holder::Device(device), ..) => vec![Use::Device(*device)],
            Kept::Pointer(Holder::Process(device, process), ..) => vec![Use::Process(*device, *process)],
            Kept::Result { of, .. } => of.clone(),
        }
    }
}

/// Values that are left out of account, to see whether an answer can do without them.
#[derive(Default)]
pub struct Without<'a> {
    /// What operations of software have retired
    pub retired: Vec<Retired>,
    /// What was changed before the request was offered, and that nothing has invalidated since: by this record
    pub untold: Option<(&'a Record<'a>, Gap)>,
    /// All but one value of each word that operations beside the request stored to
    pub pinned: Vec<Pin>,
    /// Values of words by which no walk ahead goes
    pub ahead: Vec<(usize, u64)>,
}

/// A word to which an operation stored that had returned before the request in hand was accepted.
pub struct Retired {
    /// The word
    pub word: usize,
    /// When the operation returned
    pub returned: Gap,
}

impl Retired {
    /// Memory has not held the value since, up to the moment of the walk. What it holds anew after a walk is no excuse
    /// for what was kept of that.
    fn is(&self, record: &Record<'_>, value: u64, walked: Gap) -> bool {
        !record.held(self.word, value, self.returned, walked.max(self.returned))
    }
}

/// A word that has to be as it was at a moment of rest.
pub struct Pin {
    /// The word
    pub word: usize,
    /// What it held at that moment
    pub value: u64,
    /// What it held at all moments of rest around the operations that stored to it
    pub at_rest: Vec<u64>,
    /// The gap before the first of them began
    pub began: Gap,
}

impl Pin {
    /// A walk ahead that was made before the operations began may also go by what had gone by then: what such a walk
    /// leaves is none of theirs.
    fn permits(&self, value: u64, walked: Option<Gap>) -> bool {
        let is_gone = || !self.at_rest.contains(&value) && walked.is_some_and(|walked| walked <= self.began);
        value == self.value || is_gone()
    }
}

/// A moment of the device, or all the time that a request is in its hands.
pub struct Moment<'a> {
    /// What happened
    pub record: &'a Record<'a>,
    /// V = 0 counts if memory held it from here on
    pub since: Gap,
    /// Until here
    pub end: Gap,
    /// Commands that have taken effect: when, and when each was fetched
    pub in_force: Vec<(Cmd, Time, Time)>,
    /// It is a walk ahead, not that of the request in hand
    pub ahead: bool,
    /// What the device kept of earlier walks, and when each was made
    pub kept: &'a [(Kept, Time)],
    /// A rule that is to be wrong
    pub faults: Faults,
    /// Values that are left out of account
    pub without: &'a Without<'a>,
    /// Nothing counts but what memory held in this gap
    pub rest: Option<Gap>,
}

impl Moment<'_> {
    /// Rules 1 to 3: every value of a word that may be used.
    pub fn usable(&self, addr: u64, used: impl Fn(u64) -> Use, invalid: Invalid) -> Vec<u64> {
        let word = self.record.world.at(addr);
        if let Some(gap) = self.rest {
            return vec![self.record.at(word, gap)];
        }
        if let Some(value) = self.record.only_value(word) {
            return if self.is_pinned_away(word, value) { vec![] } else { vec![value] };
        }
        let values = || self.record.values(word, self.end).into_iter();
        let read = |value: &u64| self.record.was_read(word, *value, self.end) || self.faults.has(Fault::UnreadCounts);
        let mut usable: Vec<u64> =
            values().filter(read).filter(|value| self.counts(word, *value, &used, invalid, Read::Before)).collect();
        let entry_read = self.entry_read(addr, &used);
        let unread = entry_read.map_or(Read::ByRequest, Read::LeftOut);
        if self.unread_counts(word, &used, entry_read.is_some()) {
            usable.extend(values().filter(|value| !read(value) && self.counts(word, *value, &used, invalid, unread)));
        }
        usable
    }

    /// Rule 2: a word of an entry of several words, of which the device has read the one with V: since when.
    fn entry_read(&self, addr: u64, used: &impl Fn(u64) -> Use) -> Option<Gap> {
        let bytes = match used(0) {
            Use::Device(_) if self.record.world.extended => 64,
            Use::Device(_) => 32,
            Use::Process(..) | Use::Msi { .. } => 16,
            _ => return None,
        };
        self.record.first_read(self.record.world.at(addr - addr % bytes), self.end)
    }

    /// Rule 2: words that the device did not read count as read with what memory held.
    fn unread_counts(&self, word: usize, used: &impl Fn(u64) -> Use, left_out: bool) -> bool {
        if self.faults.has(Fault::UnreadExplainsNothing) {
            return false;
        }
        let never = !self.record.was_read_at_all(word, self.end);
        // The cutoff of rule 1 is the fetch of a command, whenever that took effect.
        let is_struck = |value: &u64| {
            let covering = self.in_force.iter().filter(|(cmd, ..)| covers(*cmd, &used(*value), self.faults));
            let since = covering.map(|(.., fetched)| fetched / 2).max().unwrap_or(0);
            let since = if value & 1 == 0 && !is_part(&used(*value)) { since.max(self.since) } else { since };
            !self.record.held(word, *value, since, self.end)
        };
        let read = |value: &u64| self.record.was_read(word, *value, self.end);
        let all_struck = || self.record.values(word, self.end).iter().filter(|value| read(value)).all(is_struck);
        match UNREAD {
            Unread::AtAll => never,
            Unread::SinceStruck => never || !self.ahead && all_struck(),
            Unread::SinceStruckOrInPart => left_out || !self.ahead && (never || all_struck()),
        }
    }

    /// Rules 1 and 3: memory held a value late enough.
    fn counts(&self, word: usize, value: u64, used: &impl Fn(u64) -> Use, invalid: Invalid, read: Read) -> bool {
        if self.is_left_out(word, value, used, invalid) {
            return false;
        }
        let has = |fault| self.faults.has(fault);
        let cached = has(Fault::InvalidCached)
            || has(Fault::InvalidContextCached) && invalid == Invalid::Context
            || has(Fault::InvalidPointerCached) && used(value).is_above_last_level();
        if invalid.is(value) && !cached {
            let since = if has(Fault::InvalidOnlyAtAnswer) { self.end } else { self.since };
            // What a command has struck between the offer and the acceptance is struck.
            let since = since.max(self.cutoff(&used(value)) / 2);
            return self.record.held(word, value, since, self.end);
        }
        let since = match (read, self.faults.0) {
            (Read::ByRequest | Read::LeftOut(_), Some(Fault::UnreadNeverStruck)) => 0,
            (Read::ByRequest | Read::LeftOut(_), Some(Fault::UnreadOnlyNow)) => self.end,
            (Read::LeftOut(_), Some(Fault::LeftOutOfBefore)) => self.cutoff(&used(value)) / 2,
            (Read::LeftOut(read), _) => read.min(self.since).max(self.cutoff(&used(value)) / 2),
            (Read::ByRequest, _) => self.since.max(self.cutoff(&used(value)) / 2),
            _ => self.cutoff(&used(value)) / 2,
        };
        self.record.held(word, value, since, self.end)
    }

    fn is_left_out(&self, word: usize, value: u64, used: &impl Fn(u64) -> Use, invalid: Invalid) -> bool {
        if self.is_pinned_away(word, value) {
            return true;
        }
        // What holds V = 0 may be used since the offer.
        let counts = |returned: Gap| !invalid.is(value) || returned < self.since;
        let is_retired = |retired: &Retired| {
            retired.word == word && counts(retired.returned) && retired.is(self.record, value, self.end)
        };
        let is_untold = |(whole, offered): (&Record<'_>, Gap)| {
            whole.overwritten(word, value).is_some_and(|changed| {
                let tells =
                    |command: &Command| command.fetched > changed && covers(command.cmd, &used(value), self.faults);
                changed < offered && !whole.commands.iter().any(tells)
            })
        };
        let is_out_ahead = self.ahead && self.without.ahead.contains(&(word, value));
        self.without.retired.iter().any(is_retired)
            || is_out_ahead
            || !self.ahead && self.without.untold.is_some_and(is_untold)
    }

    fn is_pinned_away(&self, word: usize, value: u64) -> bool {
        let mut pins = self.without.pinned.iter().filter(|pin| pin.word == word);
        pins.any(|pin| !pin.permits(value, self.ahead.then_some(self.end)))
    }

    /// When the newest command that covers a use took effect.
    fn cutoff(&self, used: &Use) -> Time {
        if self.faults.has(Fault::NothingStruck) {
            return 0;
        }
        let covering =
            self.in_force.iter().filter(|(cmd, ..)| covers(*cmd, used, self.faults)).map(|(_, time, _)| *time);
        let cutoff = if self.faults.has(Fault::OldestCounts) { covering.min() } else { covering.max() };
        cutoff.unwrap_or(0)
    }

    /// Rule 5: what was kept is still there.
    pub fn is_there(&self, made: Time, used: &Use) -> bool {
        self.cutoff(used) <= made
    }
}

/// A word of an entry of several words.
fn is_part(used: &Use) -> bool {
    matches!(used, Use::Device(_) | Use::Process(..) | Use::Msi { .. })
}

/// How the device has come by a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// It has read it.
    Before,
    /// It counts as read by the request itself.
    ByRequest,
    /// It counts as read together with the rest of its entry, which was read since then.
    LeftOut(Gap),
}

/// What "a word that the device did not read" is. The page can be read in each of these ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "one of them is chosen")]
pub enum Unread {
    /// It has never read it.
    AtAll,
    /// Nothing that it has read of it may be used any more.
    SinceStruck,
    /// And any word of an entry of several words: it may read the entry again without all of its words.
    SinceStruckOrInPart,
}

/// The way in which the page is read.
pub const UNREAD: Unread = Unread::SinceStruckOrInPart;

/// What V = 0 is in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The word has no V
    Never,
    /// A context without V
    Context,
    /// An entry without V
    Entry,
}

impl Invalid {
    pub fn is(self, value: u64) -> bool {
        self != Invalid::Never && value & 1 == 0
    }
}
