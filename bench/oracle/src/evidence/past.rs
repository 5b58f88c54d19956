// SPDX-License-Identifier: Apache-2.0
//! Walks over what memory held at other times: what would have come of it, had the device used this?

use events::Cycle;
use golden::{Config, Outcome, Pte, Purpose, Read, Request, Role, Spa, Stage, Tags, Update, WordRef, Words};

use super::super::choice::Choice;
use super::super::history::Histories;
use super::super::invalidation::{Globality, Invalidation, Invalidations};
use super::super::roots::Roots;
use super::super::tagged::Tagged;
use super::super::usable::{judge, judge_value};
use super::super::value::{is_invalid, narrow, narrow_at};
use super::super::view::Peek;
use super::super::window::Window;

/// What is known of the time in which a request was with the device.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    /// Capabilities and roots
    pub config: &'a Config,
    /// The request
    pub request: &'a Request,
    /// When it was with the device
    pub window: Window,
    /// What the device read, and what memory held
    pub histories: &'a Histories,
    /// What was invalidated
    pub invalidations: &'a Invalidations,
    /// Under which roots it translated
    pub roots: &'a Roots,
    /// By which entries it translated
    pub tagged: &'a Tagged,
    /// Memory as it is now
    pub memory: &'a dyn Peek,
}

/// Which reads of a walk are as of another time, or which root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// From this read on
    pub from: usize,
    /// … up to this one, not included
    pub to: usize,
    /// They take what memory held in this cycle
    pub moment: Cycle,
    /// The tree of this stage is found at this root, instead of the one that the contexts name
    pub root: Option<(Stage, u64)>,
    /// This leaf is found by its tags, without a walk to it
    pub leaf: Option<Leaf>,
}

/// A leaf that a cache may have kept under its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Of which stage
    pub stage: Stage,
    /// At which level
    pub level: u8,
    /// Where it was read
    pub addr: Spa,
    /// Its size
    pub bytes: u8,
    /// What it held
    pub value: u64,
    /// It was part of a global mapping
    pub global: bool,
}

/// A word of a walk, and what was taken for it.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Which word
    pub word: WordRef,
    /// The value
    pub value: u64,
    /// An entry of the first stage above it is global, or it is itself
    pub global: bool,
}

/// A walk, and what came of it.
#[derive(Clone, Debug)]
pub struct Walk {
    /// What it came to
    pub outcome: Outcome,
    /// What it read
    pub reads: Vec<Taken>,
    /// The roots that the contexts named: stage, tags, value
    pub roots: Vec<(Stage, Tags, u64)>,
}

/// Why the device must not have used a value.
#[derive(Clone, Copy, Debug)]
pub enum Forbidden<'a> {
    /// Memory held it no longer when this command was fetched, which is in force.
    Invalidated(&'a Invalidation),
    /// V = 0 is not cached, and memory did not hold it while the request was with the device.
    Invalid,
    /// It never read it, and may not use what memory held while the request was with the device: it cannot have kept it.
    Unread,
}

struct Supposed<'a> {
    past: &'a Past<'a>,
    base: &'a [Choice],
    change: Change,
    walk: Walk,
    global: bool,
}

impl Words for Supposed<'_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let number = self.walk.reads.len();
        let value = if (self.change.from..self.change.to).contains(&number) {
            self.past.held(word, self.change.moment)
        } else {
            let own = self.base.iter().find(|choice| choice.word.addr == word.addr && choice.word.role == word.role);
            own.map_or_else(|| self.past.held(word, self.past.window.end), |choice| choice.value)
        };
        self.global |= matches!(word.role, Role::FirstStage { .. }) && Pte(value).is_global();
        self.walk.reads.push(Taken { word: *word, value, global: self.global });
        Read::Value(value)
    }

    fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
        Update::Done
    }

    fn table_root(&mut self, stage: Stage, tags: &Tags, configured: u64) -> u64 {
        self.walk.roots.push((stage, *tags, configured));
        self.change.root.filter(|(of, _)| *of == stage).map_or(configured, |(_, root)| root)
    }

    fn recall(&mut self, stage: Stage, purpose: Purpose, tags: &Tags) -> Option<(u8, u64)> {
        let is_asked = |leaf: &Leaf| leaf.stage == stage && (stage == Stage::First || purpose == Purpose::Final);
        let Leaf { level, addr, bytes, value, global, .. } = self.change.leaf.filter(is_asked)?;
        let role = match stage {
            Stage::First => Role::FirstStage { level },
            Stage::Second => Role::SecondStage { level, purpose },
        };
        self.walk.reads.push(Taken { word: WordRef { addr, bytes, role, tags: *tags }, value, global });
        Some((level, value))
    }
}

impl Past<'_> {
    /// What memory held in a cycle.
    fn held(&self, word: &WordRef, cycle: Cycle) -> u64 {
        let then = self.histories.word(word.addr).and_then(|history| history.at(cycle));
        narrow(word, then.unwrap_or_else(|| self.memory.peek(Spa(word.addr.0 & !7))))
    }

    /// The walk with a change to what `base` took; what `base` does not name is as memory held it at the end.
    pub fn walk(&self, request: &Request, base: &[Choice], change: Change) -> Walk {
        let walk = Walk { outcome: Outcome::Unavailable, reads: Vec::new(), roots: Vec::new() };
        let mut words = Supposed { past: self, base, change, walk, global: false };
        let outcome = golden::translate(self.config, &mut words, request);
        Walk { outcome, ..words.walk }
    }

    /// The walk over memory as it was in a cycle.
    pub fn walk_at(&self, request: &Request, moment: Cycle) -> Walk {
        self.walk(request, &[], Change { to: usize::MAX, moment, ..Change::default() })
    }

    /// The last cycles of every value that these words have held and hold no longer, up to the end of the request.
    pub fn moments(&self, reads: &[Taken]) -> Vec<Cycle> {
        let words = reads.iter().filter_map(|taken| self.histories.word(taken.word.addr));
        words.flat_map(|history| history.changes()).filter(|cycle| *cycle < self.window.end).collect()
    }

    /// Leaves that the device has read and that have these tags.
    pub fn leaves(&self, stage: Stage, tags: &Tags) -> Vec<Leaf> {
        let addr = match stage {
            Stage::First => Some(tags.iova.0),
            Stage::Second => tags.gpa.map(|gpa| gpa.0),
        };
        let Some(addr) = addr else { return Vec::new() };
        let mut leaves = Vec::new();
        for (level, place) in self.tagged.places(stage, tags, addr, false) {
            let Some(history) = self.histories.word(place.addr) else { continue };
            for seen in history.sightings().iter().filter(|seen| seen.resp == 0) {
                let value = narrow_at(place.addr, place.bytes, seen.value);
                let is_leaf = Pte(value).v() && Pte(value).is_leaf() && (!place.napot || Pte(value).is_napot());
                if is_leaf {
                    let (addr, bytes, global) = (place.addr, place.bytes, place.global);
                    leaves.push(Leaf { stage, level, addr, bytes, value, global });
                }
            }
        }
        leaves
    }

    /// When the device read another value of this word, after it had last read this one and before it answered.
    pub fn renewed(&self, taken: &Taken) -> Option<Cycle> {
        let Taken { word, value, .. } = taken;
        let (history, window) = (self.histories.word(word.addr)?, self.window);
        let seen = || history.sightings().iter().filter(|seen| seen.resp == 0);
        let is_it = |whole: u64| narrow(word, whole) == *value;
        let last = seen().filter(|seen| is_it(seen.value)).map(|seen| seen.last_sampled).max()?;
        let others = seen().filter(|seen| !is_it(seen.value)).flat_map(|seen| [seen.first_sampled, seen.last_sampled]);
        others.filter(|cycle| *cycle > last && *cycle <= window.end).max()
    }

    /// Why the device must not have used this, if it must not.
    pub fn forbids(&self, taken: &Taken) -> Option<Forbidden<'_>> {
        let Taken { word, value, global } = taken;
        let history = self.histories.word(word.addr)?;
        let (window, path) = (self.window, Globality { global: *global });
        let is_it = |whole: u64| narrow(word, whole) == *value;
        let seen = |seen: &&super::super::history::Sighting| seen.resp == 0 && seen.first <= window.end;
        let verdict = match history.sightings().iter().filter(seen).find(|seen| is_it(seen.value)) {
            Some(seen) => judge(history, word, seen, self.invalidations, path, window),
            None => {
                let whole = history.values().filter(|whole| is_it(*whole)).last()?;
                // What was never read was not kept either.
                let may = history.held_between(whole, window.offered, window.end)
                    && judge_value(history, word, whole, self.invalidations, path, window).is_ok();
                return (!may).then_some(Forbidden::Unread);
            }
        };
        if verdict.is_ok() {
            return None;
        }
        if is_invalid(&word.role, *value) {
            return Some(Forbidden::Invalid);
        }
        self.invalidations.cutoff(word, *value, path, window).map(Forbidden::Invalidated)
    }
}
