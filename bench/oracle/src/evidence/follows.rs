// SPDX-License-Identifier: Apache-2.0
//! From what does a wrong answer follow? It is looked for by walks in which one thing is as it once was: an entry, all
//! from an entry on, or the root of a tree. The walk counts that gives the answer and takes the fewest values that the
//! device must not use; nearly always that is one, which a missed invalidation left behind.

use std::fmt::Write as _;

use events::Cycle;
use golden::{Fields, Outcome, Role, Stage, Tags, WordRef};

use super::super::choice::Choice;
use super::super::invalidation::Invalidation;
use super::super::picture::Entry;
use super::super::rule::FollowsFrom;
use super::super::value::{narrow, structure};
use super::names::Names;
use super::past::{Change, Forbidden, Leaf, Past, Taken, Walk};
use super::say::command_line;

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
    /// How many of the forbidden values the device has read anew since: it hardly used them
    renewed: usize,
}

impl Found {
    /// One value at one place: as moments are tried from the newest on, none that comes later costs less.
    fn is_least(&self) -> bool {
        let (renewed, forbidden, is_found, reach, _) = self.cost();
        (renewed, forbidden, is_found, reach) == (0, 1, 0, 1)
    }

    /// First what the device did not read anew; then fewer forbidden values, then fewer changes, then the newest moment.
    fn cost(&self) -> (usize, usize, usize, usize, Cycle) {
        let forbidden = self.forbidden.len() + usize::from(self.root.is_some());
        let reach = self.change.to.min(self.walk.reads.len()).saturating_sub(self.change.from);
        let is_found = self.change.root.is_some() || self.change.leaf.is_some();
        (self.renewed, forbidden, usize::from(is_found), reach, Cycle::MAX - self.change.moment)
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
        let renewed = forbidden.iter().filter(|taken| self.past.renewed(taken).is_some()).count();
        let found = Found { root: change.root.and_then(other), walk, change, forbidden, renewed };
        let forbidden = found.forbidden.len() + usize::from(found.root.is_some());
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
        for moment in self.moments.clone() {
            for from in 0..base.reads.len() {
                self.try_change(Change { from, to: from + 1, moment, ..Change::default() });
            }
            if self.best.as_ref().is_some_and(Found::is_least) {
                return;
            }
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
                for to in [end_of_entry(&base.reads, from), usize::MAX] {
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
    if let Some(cycle) = past.renewed(taken) {
        let _ = write!(text, "; but the device has read another value there since, in cycle {cycle}");
    }
    text
}

fn taken(choice: &Choice) -> Taken {
    let global = choice.recalled.is_some_and(|place| place.global);
    Taken { word: choice.word, value: choice.value, global }
}

/// A value that software had changed, and that the device could use all the same.
pub fn kept(past: &Past<'_>, choice: &Choice, names: &Names) -> String {
    format!("follows from {}; no completed command had struck it\n", why(past, &taken(choice), names))
}

/// A value that operations changed, or put between two others: what memory held at these moments, at rest.
pub fn between(past: &Past<'_>, choice: &Choice, moments: &[Cycle], names: &Names) -> Option<String> {
    let history = past.histories.word(choice.word.addr)?;
    let at = |cycle: &Cycle| history.at(*cycle).map(|whole| narrow(&choice.word, whole));
    let (old, new) = (moments.first().and_then(at)?, moments.last().and_then(at)?);
    if (old, new) == (choice.value, choice.value) {
        return None;
    }
    let which = match choice.value {
        value if value == old => format!("as it was before; then {new:#018x}"),
        value if value == new => format!("as it is now; before {old:#018x}"),
        _ if old == new => format!("only meanwhile; before and then {old:#018x}"),
        _ => format!("only meanwhile; before {old:#018x}, then {new:#018x}"),
    };
    Some(format!("follows from {}; {which}\n", why(past, &taken(choice), names)))
}

/// A word of a walk that the device may have made.
fn drawn(past: &Past<'_>, taken: &Taken, names: &Names) -> Entry {
    let struck = match past.forbids(taken) {
        Some(Forbidden::Invalidated(invalidation)) => command(invalidation, names),
        Some(Forbidden::Invalid) => "V is 0, which is not cached".to_owned(),
        Some(Forbidden::Unread) | None => String::new(),
    };
    Entry { struck, ..Entry::of(&taken.word, taken.value) }
}

/// The values by which a request was answered, as words of a walk.
pub fn used(past: &Past<'_>, choices: &[Choice], names: &Names) -> Vec<Entry> {
    choices.iter().map(|choice| drawn(past, &taken(choice), names)).collect()
}

/// From what an answer follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The lines that say so
    pub text: String,
    /// The first of the values that must not have been used
    pub from: Option<FollowsFrom>,
    /// The walk that gives the answer
    pub used: Vec<Entry>,
}

/// From what the answer follows; none if nothing like it is found. `base` is what the right answer takes.
pub fn follows(past: &Past<'_>, base: &[Choice], is_it: &dyn Fn(&Outcome) -> bool, names: &Names) -> Option<Reason> {
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
    let mut walk: Vec<Entry> = Vec::new();
    // Not certain enough for the kind, if the device knew better.
    let certain = found.forbidden.iter().filter(|_| found.renewed == 0);
    let mut from = certain.into_iter().find_map(|taken| {
        let command = match past.forbids(taken)? {
            Forbidden::Invalidated(invalidation) => invalidation.command.mnemonic(),
            Forbidden::Invalid => "V=0",
            Forbidden::Unread => return None,
        };
        Some(FollowsFrom { structure: structure(&taken.word.role), command })
    });
    if let Some((stage, tags, root)) = found.root {
        let (used, dropped) = past.roots.dropped(stage, &tags, root, past.invalidations, past.window)?;
        from = Some(FollowsFrom { structure: "table-root", command: dropped.command.mnemonic() });
        let whose = names.tags(stage, tags.gscid, tags.pscid, Some(root));
        lines.push(format!(
            "the tree of {root:#018x} under {whose}; last used in cycle {used}; {}",
            command(dropped, names)
        ));
        let (word, value) = (
            match stage {
                Stage::First => "root, first stage".to_owned(),
                Stage::Second => "root, second stage".to_owned(),
            },
            format!("{root:#018x}"),
        );
        walk.push(Entry { word, value, struck: command(dropped, names), ..Entry::default() });
    }
    walk.extend(found.walk.reads.iter().map(|taken| drawn(past, taken, names)));
    let mut seen: Vec<(u64, u64)> = Vec::new();
    for taken in &found.forbidden {
        if !seen.contains(&(taken.word.addr.0, taken.value)) {
            seen.push((taken.word.addr.0, taken.value));
            lines.push(why(past, taken, names));
        }
    }
    let text = match &lines[..] {
        [one] => format!("follows from {one}\n"),
        several => {
            several.iter().fold("follows from these together:\n".to_owned(), |text, line| text + "  " + line + "\n")
        }
    };
    Some(Reason { text, from, used: walk })
}

#[cfg(test)]
mod tests {
    use events::Agent;
    use golden::{
        Access, Capabilities, Command, Config, Ddtp, DeviceId, Fctl, Iofence, Iotinval, Iova, Pscid, Request, Spa,
    };

    use super::super::super::history::Histories;
    use super::super::super::invalidation::Invalidations;
    use super::super::super::roots::Roots;
    use super::super::super::tagged::Tagged;
    use super::super::super::view::Peek;
    use super::super::super::window::Window;
    use super::*;

    const LEAF: u64 = 0x4000;
    const TO_RED: u64 = 0x9_0000 << 10 | 0xDF;
    const TO_BLUE: u64 = 0x9_1000 << 10 | 0xDF;

    /// Device 0 in a directory of one level, with an Sv39 table of three levels and PSCID 1; IOVA 0 is mapped.
    struct World {
        histories: Histories,
        invalidations: Invalidations,
    }

    impl Peek for World {
        fn peek(&self, addr: Spa) -> u64 {
            self.histories.word(addr).and_then(|word| word.current()).unwrap_or(0)
        }
    }

    impl World {
        /// The device has read all of it in cycle 10.
        fn new() -> Self {
            let mut world = World { histories: Histories::default(), invalidations: Invalidations::default() };
            let context = [(0x1000, 1), (0x1008, 0), (0x1010, 1 << 12), (0x1018, 8 << 60 | 2)];
            let tables = [(0x2000, 3 << 10 | 1), (0x3000, 4 << 10 | 1), (LEAF, TO_RED)];
            for (addr, value) in context.into_iter().chain(tables) {
                world.histories.untouched(Spa(addr), value);
                world.histories.sighted(Spa(addr), value, 0, 10, 12);
            }
            world
        }

        fn store(&mut self, addr: u64, value: u64, cycle: Cycle) {
            let old = self.peek(Spa(addr));
            self.histories.stored(Agent::Cpu, Spa(addr), old, value, cycle);
        }

        fn vma(&mut self, cycle: Cycle) {
            let operands = Iotinval { pscid: Some(Pscid(1)), page: Some(0), ..Iotinval::default() };
            self.invalidations.fetched(Command::InvalVma(operands), cycle);
            self.invalidations.completed(1, &Iofence::default(), cycle + 1, cycle + 10);
        }

        /// From what it follows that a read of IOVA 0, from cycle 100 to 110, was answered by `spa`.
        fn follows(&self, spa: u64) -> Option<String> {
            self.reason(spa).map(|reason| reason.text)
        }

        fn reason(&self, spa: u64) -> Option<Reason> {
            let config = Config::new(Capabilities(0x10).with_sv39(true).with_pas(40), Fctl(0), Ddtp(1 << 10 | 2));
            let request = Request::untranslated(DeviceId(0), Access::Read, Iova(8));
            let (roots, tagged) = (Roots::default(), Tagged::default());
            let past = Past {
                config: &config,
                request: &request,
                window: Window::new(100, 110),
                histories: &self.histories,
                invalidations: &self.invalidations,
                roots: &roots,
                tagged: &tagged,
                memory: self,
            };
            let is_it = |outcome: &Outcome| matches!(outcome, Outcome::Translated(t) if t.spa == Spa(spa));
            follows(&past, &[], &is_it, &Names::default())
        }
    }

    #[test]
    fn the_struck_value_and_the_command_are_named() {
        let mut world = World::new();
        world.store(LEAF, TO_BLUE, 20);
        world.vma(30);
        assert_eq!(
            world.follows(0x9000_0008).as_deref(),
            Some(
                "follows from pte[0] @ 0x4000 = 0x00000000240000df, V R W X U A D ppn=0x90000; read in cycle 10; memory \
                 held it until cycle 20; struck by IOTINVAL.VMA PSCID=0x1 page 0x0 fetched in cycle 30, complete in cycle \
                 40\n"
            )
        );
        assert_eq!(world.follows(0x9100_0008), None, "the right answer");
        assert_eq!(world.follows(0x9200_0008), None, "no value leads there");
    }

    /// It has the new value, and answers by the old one: that it kept the old one is not certain.
    #[test]
    fn what_the_device_read_anew_is_said_and_names_no_kind() {
        let mut world = World::new();
        world.store(LEAF, TO_BLUE, 20);
        world.vma(30);
        let kept = world.reason(0x9000_0008).expect("a reason");
        assert_eq!(kept.from, Some(FollowsFrom { structure: "first-stage-pte", command: "IOTINVAL.VMA" }));
        world.histories.sighted(Spa(LEAF), TO_BLUE, 0, 45, 47);
        world.histories.sighted(Spa(LEAF), TO_BLUE, 0, 107, 109);
        let renewed = world.reason(0x9000_0008).expect("a reason");
        let ending = "; but the device has read another value there since, in cycle 107\n";
        assert!(renewed.text.ends_with(ending) && renewed.from.is_none(), "{renewed:?}");
    }

    #[test]
    fn what_may_still_be_used_is_no_reason() {
        let mut world = World::new();
        world.store(LEAF, TO_BLUE, 20);
        assert_eq!(world.follows(0x9000_0008), None);
    }

    #[test]
    fn what_the_device_never_read_is_no_reason() {
        let mut world = World::new();
        world.store(LEAF, 0x9_2000 << 10 | 0xDF, 20);
        world.store(LEAF, TO_BLUE, 25);
        world.vma(30);
        assert_eq!(world.follows(0x9200_0008), None);
    }

    #[test]
    fn two_words_of_one_time_are_named_together() {
        let mut world = World::new();
        world.store(LEAF, 0, 20);
        world.store(0x3000, 5 << 10 | 1, 21);
        world.invalidations.fetched(Command::InvalVma(Iotinval::default()), 30);
        world.invalidations.completed(1, &Iofence::default(), 31, 40);
        let told = world.follows(0x9000_0008).expect("a reason");
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines.len() == 3 && lines[0] == "follows from these together:", "{told}");
        assert!(lines[1].starts_with("  pte[1] @ 0x3000") && lines[2].starts_with("  pte[0] @ 0x4000"), "{told}");
    }
}
