//! From what does a wrong answer follow? It is looked for by walks in which one thing is as it once was: an entry, all
//! from an entry on, or the root of a tree. The walk counts that gives the answer and takes the fewest values that the
//! device must not use; nearly always that is one, which a missed invalidation left behind.

use std::fmt::Write as _;

use golden::{Fields, Outcome, Role, Stage, Tags, WordRef};

use super::super::chooser::Choice;
use super::super::invalidation::Invalidation;
use super::super::usable::narrow;
use super::names::Names;
use super::past::{Change, Forbidden, Leaf, Past, Taken, Walk};
use super::say::command_line;
use crate::bus::Cycle;

/// So many moments are tried, the newest ones.
const MOMENTS: usize = 64;

/// So many walks are made.
const WALKS: usize = 1 << 14;

/// What takes more forbidden values than this explains nothing.
const MOST: usize = 3;

/// A walk that gives the answer which came.
#[derive(Debug)]
struct Found {
    walk: Walk,
    change: Change,
    forbidden: Vec<Taken>,
    /// The root that must not be used any more
    root: Option<(Stage, Tags, u64)>,
}

impl Found {
    /// Fewer forbidden values first, then fewer changes, then the newest moment.
    fn cost(&self) -> (usize, usize, usize, Cycle) {
        let forbidden = self.forbidden.len() + usize::from(self.root.is_some());
        let reach = self.change.to.min(self.walk.reads.len()).saturating_sub(self.change.from);
        let is_found = self.change.root.is_some() || self.change.leaf.is_some();
        (forbidden, usize::from(is_found), reach, Cycle::MAX - self.change.moment)
    }
}

/// The doublewords of one entry, the first of them at `from`: where the next entry begins.
fn end_of_entry(reads: &[Taken], from: usize) -> usize {
    let kind = |taken: &Taken| match taken.word.role {
        Role::DeviceContext { .. } => 1,
        Role::ProcessContext { .. } => 2,
        Role::MsiPte { .. } => 3,
        _ => 0,
    };
    let own = kind(&reads[from]);
    let more = reads[from + 1..].iter().take_while(|taken| own != 0 && kind(taken) == own);
    from + 1 + more.count()
}

/// Looks for walks, and keeps the best one.
struct Search<'a> {
    past: &'a Past<'a>,
    base: &'a [Choice],
    is_it: &'a dyn Fn(&Outcome) -> bool,
    moments: Vec<Cycle>,
    roots: Vec<(Stage, u64)>,
    leaves: Vec<Leaf>,
    best: Option<Found>,
    left: usize,
}

impl Search<'_> {
    fn note(&mut self, walk: &Walk) {
        let mut moments = self.past.moments(&walk.reads);
        moments.append(&mut self.moments);
        moments.sort_unstable_by_key(|cycle| Cycle::MAX - cycle);
        moments.dedup();
        moments.truncate(MOMENTS);
        self.moments = moments;
        for (stage, tags, configured) in &walk.roots {
            for root in self.past.roots.ever(*stage, tags).filter(|root| root != configured) {
                if !self.roots.contains(&(*stage, root)) {
                    self.roots.push((*stage, root));
                }
            }
            for leaf in self.past.leaves(*stage, tags) {
                if !self.leaves.contains(&leaf) {
                    self.leaves.push(leaf);
                }
            }
        }
    }

    fn try_change(&mut self, change: Change) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let walk = self.past.walk(self.past.request, self.base, change);
        if !(self.is_it)(&walk.outcome) {
            return;
        }
        let forbidden: Vec<Taken> =
            walk.reads.iter().filter(|taken| self.past.forbids(taken).is_some()).copied().collect();
        let is_unread = |taken: &Taken| matches!(self.past.forbids(taken), Some(Forbidden::Unread));
        if walk.reads.iter().any(is_unread) {
            return;
        }
        let other = |(stage, root): (Stage, u64)| {
            let (_, tags, _) = walk.roots.iter().find(|(of, ..)| *of == stage)?;
            self.past.roots.dropped(stage, tags, root, self.past.invalidations, self.past.window)?;
            Some((stage, *tags, root))
        };
        let found = Found { root: change.root.and_then(other), walk, change, forbidden };
        let forbidden = found.cost().0;
        let is_better = self.best.as_ref().is_none_or(|best| found.cost() < best.cost());
        if forbidden > 0 && forbidden <= MOST && is_better {
            self.note(&found.walk);
            self.best = Some(found);
        }
    }

    /// All changes to one walk.
    fn look(&mut self) {
        let base = self.past.walk(self.past.request, self.base, Change::default());
        self.note(&base);
        for moment in self.moments.clone() {
            let then = self.past.walk(self.past.request, &[], Change { to: usize::MAX, moment, ..Change::default() });
            self.note(&then);
        }
        for leaf in self.leaves.clone() {
            self.try_change(Change { leaf: Some(leaf), ..Change::default() });
        }
        for root in self.roots.clone() {
            self.try_change(Change { root: Some(root), ..Change::default() });
        }
        let in_tree = |taken: &Taken| matches!(taken.word.role, Role::FirstStage { .. } | Role::SecondStage { .. });
        let tree = base.reads.iter().position(in_tree).unwrap_or(base.reads.len());
        for moment in self.moments.clone() {
            for from in 0..base.reads.len() {
                for to in [from + 1, end_of_entry(&base.reads, from), usize::MAX] {
                    self.try_change(Change { from, to, moment, ..Change::default() });
                }
            }
            for root in self.roots.clone() {
                self.try_change(Change { from: tree, to: usize::MAX, moment, root: Some(root), leaf: None });
            }
        }
    }
}

fn command(invalidation: &Invalidation, names: &Names) -> String {
    let Invalidation { command, fetched, completed, .. } = invalidation;
    let complete = match completed {
        Some(cycle) => format!(", complete in cycle {cycle}"),
        None => String::new(),
    };
    format!("struck by {} fetched in cycle {fetched}{complete}", command_line(command, names))
}

/// `pte[0] @ 0x80001028 = 0x…, V R W ppn=0x…`
fn entry(word: &WordRef, value: u64) -> String {
    let fields = Fields { role: word.role, value }.to_string();
    let fields = fields.trim();
    let comma = if fields.is_empty() { "" } else { ", " };
    format!("{} @ {:#x} = {value:#018x}{comma}{fields}", word.role, word.addr)
}

/// What is known of a value that must not have been used.
fn why(past: &Past<'_>, taken: &Taken, names: &Names) -> String {
    let Taken { word, value, .. } = taken;
    let mut text = entry(word, *value);
    let Some(history) = past.histories.word(word.addr) else { return text };
    let is_it = |whole: u64| narrow(word, whole) == *value;
    match history.sightings().iter().find(|seen| seen.resp == 0 && is_it(seen.value)) {
        Some(seen) if seen.first_sampled == seen.last_sampled => {
            let _ = write!(text, "; read in cycle {}", seen.first_sampled);
        }
        Some(seen) => {
            let _ = write!(text, "; read in cycles {} to {}", seen.first_sampled, seen.last_sampled);
        }
        None => {}
    }
    let last = history.values().filter(|whole| is_it(*whole)).last().and_then(|whole| history.last_held(whole));
    if let Some(last) = last.filter(|last| *last != Cycle::MAX) {
        let _ = write!(text, "; memory held it until cycle {last}");
    }
    match past.forbids(taken) {
        Some(Forbidden::Invalidated(invalidation)) => {
            let _ = write!(text, "; {}", command(invalidation, names));
        }
        Some(Forbidden::Invalid) => text.push_str("; V is 0, which is not cached"),
        Some(Forbidden::Unread) | None => {}
    }
    text
}

/// A value that software had changed, and that the device could use all the same.
pub fn kept(past: &Past<'_>, choice: &Choice, names: &Names) -> String {
    let global = choice.recalled.is_some_and(|place| place.global);
    why(past, &Taken { word: choice.word, value: choice.value, global }, names)
}

/// The lines that say from what the answer follows; none if nothing like it is found. `base` is what the right answer
/// takes.
pub fn follows(past: &Past<'_>, base: &[Choice], is_it: &dyn Fn(&Outcome) -> bool, names: &Names) -> Option<String> {
    let mut search = Search {
        past,
        base,
        is_it,
        moments: Vec::new(),
        roots: Vec::new(),
        leaves: Vec::new(),
        best: None,
        left: WALKS,
    };
    search.look();
    let found = search.best?;
    let mut lines: Vec<String> = Vec::new();
    if let Some((stage, tags, root)) = found.root {
        let (used, dropped) = past.roots.dropped(stage, &tags, root, past.invalidations, past.window)?;
        let whose = names.tags(stage, tags.gscid, tags.pscid, Some(root));
        lines.push(format!(
            "the tree of {root:#018x} under {whose}; last used in cycle {used}; {}",
            command(dropped, names)
        ));
    }
    let mut seen: Vec<(u64, u64)> = Vec::new();
    for taken in &found.forbidden {
        if !seen.contains(&(taken.word.addr.0, taken.value)) {
            seen.push((taken.word.addr.0, taken.value));
            lines.push(why(past, taken, names));
        }
    }
    Some(match &lines[..] {
        [one] => format!("follows from {one}\n"),
        several => {
            several.iter().fold("follows from these together:\n".to_owned(), |text, line| text + "  " + line + "\n")
        }
    })
}
