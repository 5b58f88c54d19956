// SPDX-License-Identifier: Apache-2.0
//! All programs of up to so many operations in a toy world, and what two judges make of each.
//!
//! Left out is only what cannot matter, or what another program says as well:
//! - Reads that follow each other are in the order of the words, as are stores, and commands between two fences: nothing
//!   lies between them, so their order says nothing.
//! - A value that the device has read already is read again only if a command was fetched or completed since: to the page
//!   one reading is as good as two, and a judge can ask no more than on which side of a command the last one lies.
//! - A fence comes only behind a command, since it says something of commands alone.
//! - One request is in hand at a time. What is permitted for it depends on nothing that happens to another one.
//! - An operation of software that stores nothing is none.
//! - The first value of a word is the one in its list, and no two values of a list play the same part.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::judge::Judge;
use crate::trace::{Answer, Event, Hazard};
use crate::world::World;

/// A trace about which two judges differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What happened before the answer
    pub trace: Vec<Event>,
    /// The answer
    pub answer: Answer,
    /// The first judge accepts it, the second one does not; or the other way round
    pub first_accepts: bool,
}

/// A trace after which two judges blame software for different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// Up to the answer, or to the end of the operation beside it
    pub trace: Vec<Event>,
    /// What the first judge says
    pub first: Option<Hazard>,
    /// And the second
    pub second: Option<Hazard>,
}

/// What an exploration came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Sequences of operations at whose end a request is in hand
    pub programs: u64,
    /// Each with each answer that is conceivable
    pub traces: u64,
    /// How many answers the first judge accepts
    pub accepted: u64,
    /// Differences about the device
    pub differences: Vec<Difference>,
    /// How often the first judge blames software
    pub blamed: u64,
    /// Differences about software
    pub blames: Vec<Blame>,
}

impl Tally {
    fn add(mut self, other: Tally) -> Tally {
        self.programs += other.programs;
        self.traces += other.traces;
        self.accepted += other.accepted;
        self.differences.extend(other.differences);
        self.blamed += other.blamed;
        self.blames.extend(other.blames);
        self
    }
}

/// Plays every program of up to `depth` operations; answers are not counted among them.
pub fn explore(world: &World, depth: usize, first: &dyn Judge, second: &dyn Judge) -> Tally {
    explore_until(world, depth, first, second, usize::MAX)
}

/// The same, until there are so many differences.
pub fn explore_until(world: &World, depth: usize, first: &dyn Judge, second: &dyn Judge, enough: usize) -> Tally {
    // The first two operations are enough to give every core something to do.
    let (mut roots, mut tally) = (vec![State::new(world)], Tally::default());
    for _ in 0..2.min(depth) {
        let mut next = Vec::new();
        for root in &roots {
            tally = tally.add(root.visit(depth, first, second, &mut next));
        }
        roots = next;
    }
    let found = AtomicUsize::new(tally.differences.len() + tally.blames.len());
    let rest = roots.into_par_iter().map(|root| {
        let mut tally = Tally::default();
        let mut open = vec![root];
        while let Some(state) = open.pop() {
            if found.load(Ordering::Relaxed) >= enough {
                break;
            }
            let news = state.visit(depth, first, second, &mut open);
            found.fetch_add(news.differences.len() + news.blames.len(), Ordering::Relaxed);
            tally = std::mem::take(&mut tally).add(news);
        }
        tally
    });
    let mut tally = tally.add(rest.reduce(Tally::default, Tally::add));
    tally.differences.sort_by_key(|difference| (difference.trace.len(), difference.trace.clone()));
    tally.blames.sort_by_key(|blame| (blame.trace.len(), blame.trace.clone()));
    tally
}

/// A trace, and what has to be known to go on from it.
#[derive(Clone)]
struct State<'a> {
    world: &'a World,
    trace: Vec<Event>,
    memory: Vec<u64>,
    /// For each word, whether a reading of what it holds would be news
    fresh: Vec<bool>,
    operations: usize,
    rounds: usize,
    in_hand: bool,
    offered: Option<usize>,
    /// Commands behind the last fence that was fetched
    unfenced: bool,
    /// A fence that was fetched and is not complete
    open_fence: bool,
    /// An operation of software is running, and whether it has stored anything
    running: Option<bool>,
    /// Pages that software has given up
    freed: Vec<bool>,
}

impl<'a> State<'a> {
    fn new(world: &'a World) -> Self {
        State {
            world,
            trace: Vec::new(),
            memory: world.words.iter().map(|word| word.initial).collect(),
            fresh: world.words.iter().map(|word| !world.warm && !word.values.is_empty()).collect(),
            operations: 0,
            rounds: 0,
            in_hand: false,
            offered: None,
            unfenced: false,
            open_fence: false,
            running: None,
            freed: vec![false; world.frees.len()],
        }
    }

    /// Has the request in hand judged, and gives the states that follow.
    fn visit(&self, depth: usize, first: &dyn Judge, second: &dyn Judge, next: &mut Vec<State<'a>>) -> Tally {
        let mut tally = Tally::default();
        if self.in_hand {
            let (one, two) = (first.accepts(self.world, &self.trace), second.accepts(self.world, &self.trace));
            tally.programs = 1;
            tally.traces = self.world.answers.len() as u64;
            tally.accepted = one.len() as u64;
            let goes_on = self.rounds < self.world.rounds && self.operations < depth || self.world.judges_software();
            for &answer in &self.world.answers {
                let (first_accepts, other) = (one.contains(&answer), two.contains(&answer));
                if first_accepts != other {
                    tally.differences.push(Difference { trace: self.trace.clone(), answer, first_accepts });
                } else if first_accepts && goes_on {
                    next.push(self.after(Event::Answer(answer)));
                }
            }
            let others = self.world.answers.len();
            assert!(
                one.iter().chain(&two).all(|a| self.world.answers.contains(a)),
                "of {others} answers: {one:?} {two:?}"
            );
        }
        let judged = self.rounds > 0 && !self.in_hand && self.world.judges_software();
        // While an operation runs, the last word about it has not been spoken.
        if judged
            && self.running.is_none()
            && matches!(self.trace.last(), Some(Event::Answer(_) | Event::End | Event::Rest))
        {
            let (first, second) = (first.blames(self.world, &self.trace), second.blames(self.world, &self.trace));
            tally.blamed += u64::from(first.is_some());
            if first != second {
                tally.blames.push(Blame { trace: self.trace.clone(), first, second });
            }
        }
        self.successors(depth, next);
        tally
    }

    fn successors(&self, depth: usize, next: &mut Vec<State<'a>>) {
        let left = depth - self.operations;
        let (world, is_over) = (self.world, !self.in_hand && self.rounds >= self.world.rounds);
        if self.running == Some(true) {
            next.push(self.after(Event::End));
        }
        if self.trace.last() == Some(&Event::Rest) {
            return;
        }
        if world.rests && is_over {
            next.push(self.after(Event::Rest));
            let commands = (0..world.commands.len()).filter(|_| left > 0);
            next.extend(commands.map(|cmd| self.after(Event::Fetch(cmd))));
            return;
        }
        if left == 0 {
            return;
        }
        if self.running.is_none() && left > 1 && !is_over {
            next.extend(world.promises.iter().map(|promise| self.after(Event::Begin(*promise))));
        }
        let last = self.trace.last();
        if !self.in_hand && self.rounds < world.rounds {
            match self.offered {
                Some(request) => next.push(self.after(Event::Accept(request))),
                None => {
                    for request in 0..world.requests.len() {
                        next.push(self.after(Event::Accept(request)));
                        if world.offers && left > 2 {
                            next.push(self.after(Event::Offer(request)));
                        }
                    }
                }
            }
        }
        // Unless a request can still follow, the rest is of no use.
        if !self.in_hand && left < 2 && !is_over || is_over && self.running.is_none() {
            return;
        }
        let may_act = world.promises.is_empty() || world.loose || self.running.is_some();
        for (word, of) in world.words.iter().enumerate().filter(|(_, of)| !of.values.is_empty()) {
            if self.fresh[word] && !matches!(last, Some(Event::Read(before)) if *before >= word) {
                next.push(self.after(Event::Read(word)));
            }
            if matches!(last, Some(Event::Store(before, _)) if *before >= word) || !may_act {
                continue;
            }
            for (_, value) in &of.values {
                if *value != self.memory[word] {
                    next.push(self.after(Event::Store(word, *value)));
                }
            }
        }
        for (page, freed) in self.freed.iter().enumerate() {
            next.push(self.after(if *freed { Event::Take(page) } else { Event::Free(page) }));
        }
        for cmd in 0..world.commands.len() {
            if may_act && !matches!(last, Some(Event::Fetch(before)) if *before >= cmd) {
                next.push(self.after(Event::Fetch(cmd)));
            }
        }
        if self.unfenced && may_act {
            next.extend((0..world.fences.len()).map(|kind| self.after(Event::Fence(kind))));
            if world.stops && !self.open_fence {
                next.push(self.after(Event::Stop));
            }
        }
        if self.open_fence {
            next.push(self.after(Event::Done));
        }
        if world.turns_off && is_over && !self.trace.contains(&Event::Off) {
            next.push(self.after(Event::Off));
        }
    }

    fn after(&self, event: Event) -> State<'a> {
        let mut state = self.clone();
        state.trace.push(event);
        let is_free = matches!(event, Event::Answer(_) | Event::Begin(_) | Event::End | Event::Rest);
        state.operations += usize::from(!is_free);
        match event {
            Event::Read(word) => state.fresh[word] = false,
            Event::Store(word, value) => {
                state.memory[word] = value;
                state.running = state.running.map(|_| true);
                state.fresh[word] = true;
            }
            Event::Fetch(_) => {
                state.unfenced = true;
                state.fresh.fill(true);
            }
            Event::Fence(_) => {
                state.unfenced = false;
                state.open_fence = !state.world.prompt;
                state.fresh.fill(true);
            }
            Event::Done => {
                state.open_fence = false;
                state.fresh.fill(true);
            }
            Event::Stop => state.unfenced = false,
            Event::Offer(request) => state.offered = Some(request),
            Event::Accept(_) => {
                (state.in_hand, state.offered) = (true, None);
                state.rounds += 1;
            }
            Event::Answer(_) => state.in_hand = false,
            Event::Begin(_) => state.running = Some(false),
            Event::End => state.running = None,
            Event::Free(page) => state.freed[page] = true,
            Event::Take(page) => state.freed[page] = false,
            Event::Off | Event::Rest => {}
        }
        state
    }
}
