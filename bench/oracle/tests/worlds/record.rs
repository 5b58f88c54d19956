// SPDX-License-Identifier: Apache-2.0
//! What a trace says, as the page asks for it: what memory held when, what the device has read, and which commands it has
//! fetched and completed.
//!
//! Time is counted in gaps: gap `g` lies just before event `g`, and memory does not change in it. Between two gaps lies
//! one event.

use crate::faults::{Fault, Faults};
use crate::trace::{Cmd, Event, FenceKind, Promise, Request};
use crate::world::World;

/// A gap between events.
pub type Gap = usize;

/// A command that the device has fetched.
#[derive(Clone, Debug)]
pub struct Command {
    /// Which
    pub cmd: Cmd,
    /// The gap after its fetch
    pub fetched: Gap,
    /// Fences behind it that have completed: the gap before software could see that, and the kind
    pub fences: Vec<(Gap, FenceKind)>,
}

/// The request in hand at the end of a trace.
#[derive(Clone, Copy, Debug)]
pub struct InHand {
    /// What is asked
    pub request: Request,
    /// The gap before it was offered
    pub offered: Gap,
    /// The gap before it was accepted
    pub accepted: Gap,
}

/// An operation of software.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What it promises
    pub promise: Promise,
    /// The gap before it begins
    pub begins: Gap,
    /// The gap before it ends
    pub ends: Option<Gap>,
    /// Words that it stored to
    pub words: Vec<usize>,
}

/// A trace, read once.
#[derive(Debug)]
pub struct Record<'a> {
    /// The world
    pub world: &'a World,
    /// For each word, from which gap on it held which value
    held: Vec<Vec<(Gap, u64)>>,
    /// For each word, from which gap on the device had read which value
    read: Vec<Vec<(Gap, u64)>>,
    /// Commands
    pub commands: Vec<Command>,
    /// The request that waits for its answer
    pub in_hand: Option<InHand>,
    /// Operations of software
    pub operations: Vec<Operation>,
    /// Stores outside of all operations: the gap before each, and the word
    pub loose: Vec<(Gap, usize)>,
    /// Pages that software has given up and not taken again
    pub freed: Vec<u64>,
    /// The gap from which on the directory is off
    pub off: Option<Gap>,
    /// The scenario has ended
    pub is_over: bool,
    /// Devices and processes that have had a request accepted
    pub askers: Vec<(u32, Option<u32>)>,
    /// The gap at the end
    pub end: Gap,
    /// Gaps in which something is not as in the gap before
    pub moments: Vec<Gap>,
}

impl<'a> Record<'a> {
    /// Reads a trace.
    pub fn new(world: &'a World, trace: &[Event], faults: Faults) -> Self {
        let held: Vec<_> = world.words.iter().map(|word| vec![(0, word.initial)]).collect();
        let known = |word: &crate::world::Word| world.warm || word.values.is_empty();
        let read = world.words.iter().map(|word| if known(word) { vec![(0, word.initial)] } else { vec![] }).collect();
        let mut record = Record {
            world,
            held,
            read,
            commands: vec![],
            in_hand: None,
            operations: vec![],
            loose: vec![],
            freed: vec![],
            off: None,
            is_over: trace.last() == Some(&Event::Rest),
            askers: vec![],
            end: trace.len(),
            moments: vec![0],
        };
        // Fences that are fetched and not complete: the kind, and how many commands are before them.
        let mut open: Vec<(FenceKind, usize)> = Vec::new();
        let (mut stopped_at, mut offered) = (0, None);
        for (at, event) in trace.iter().enumerate() {
            let after = at + 1;
            match *event {
                Event::Read(word) => {
                    let value = record.now(word);
                    record.read[word].push((after, value));
                }
                Event::Store(word, value) => {
                    record.held[word].push((after, value));
                    if let Some(running) = record.operations.last_mut().filter(|operation| operation.ends.is_none()) {
                        running.words.push(word);
                    } else {
                        record.loose.push((at, word));
                    }
                }
                Event::Fetch(cmd) => {
                    record.commands.push(Command { cmd: world.commands[cmd], fetched: after, fences: vec![] });
                }
                Event::Fence(kind) => {
                    open.push((world.fences[kind], record.commands.len()));
                    if world.prompt {
                        record.complete(&mut open, at, stopped_at, faults);
                    }
                }
                Event::Done => record.complete(&mut open, at, stopped_at, faults),
                Event::Stop if faults.has(Fault::StopCompletes) => {}
                Event::Stop => stopped_at = record.commands.len(),
                Event::Offer(_) => offered = Some(at),
                Event::Accept(request) => {
                    let (request, offered) = (world.requests[request], offered.take().unwrap_or(at));
                    record.askers.push((request.device, request.process));
                    record.in_hand = Some(InHand { request, offered, accepted: at });
                }
                Event::Answer(_) => record.in_hand = None,
                Event::Begin(promise) => {
                    record.operations.push(Operation { promise, begins: at, ends: None, words: vec![] });
                }
                Event::End => {
                    if let Some(running) = record.operations.last_mut() {
                        running.ends = Some(at);
                    }
                }
                Event::Free(page) => record.freed.push(world.frees[page] >> 12),
                Event::Take(page) => record.freed.retain(|freed| *freed != world.frees[page] >> 12),
                Event::Off => record.off = Some(after),
                Event::Rest => {}
            }
            if matches!(
                event,
                Event::Read(_) | Event::Store(..) | Event::Fetch(_) | Event::Fence(_) | Event::Done | Event::Stop
            ) {
                record.moments.push(after);
            }
        }
        record
    }

    /// Software sees that every fence so far has completed. Commands before the last stop may have been aborted, so no
    /// fence behind it completes them.
    fn complete(&mut self, open: &mut Vec<(FenceKind, usize)>, at: Gap, stopped_at: usize, faults: Faults) {
        for (kind, mut before) in open.drain(..) {
            if faults.has(Fault::FenceForLater) {
                before = self.commands.len();
            }
            for command in self.commands.iter_mut().take(before).skip(stopped_at) {
                command.fences.push((at, kind));
            }
        }
    }

    /// What memory held in a gap.
    pub fn at(&self, word: usize, gap: Gap) -> u64 {
        self.held[word].iter().rev().find(|(from, _)| *from <= gap).map_or(0, |(_, value)| *value)
    }

    fn now(&self, word: usize) -> u64 {
        self.held[word].last().map_or(0, |(_, value)| *value)
    }

    /// Every value that a word has held up to a gap, each once.
    pub fn values(&self, word: usize, until: Gap) -> Vec<u64> {
        let mut values: Vec<u64> =
            self.held[word].iter().filter(|(from, _)| *from <= until).map(|(_, value)| *value).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// The value of a word that has never changed and that the device has read from the beginning: it may always be used.
    pub fn only_value(&self, word: usize) -> Option<u64> {
        match (&self.held[word][..], self.read[word].first()) {
            ([(_, value)], Some((0, _))) => Some(*value),
            _ => None,
        }
    }

    /// Memory held this value at some time from one gap to another.
    pub fn held(&self, word: usize, value: u64, from: Gap, to: Gap) -> bool {
        let stretches = &self.held[word];
        stretches.iter().enumerate().any(|(number, (begins, held))| {
            let ends = stretches.get(number + 1).map_or(Gap::MAX, |(next, _)| next - 1);
            *held == value && *begins <= to && ends >= from
        })
    }

    /// The last gap in which memory held a value that it does not hold any more.
    pub fn overwritten(&self, word: usize, value: u64) -> Option<Gap> {
        let stretches = &self.held[word];
        let at = stretches.iter().rposition(|(_, held)| *held == value)?;
        stretches.get(at + 1).map(|(next, _)| next - 1)
    }

    /// The device had read this value by then.
    pub fn was_read(&self, word: usize, value: u64, by: Gap) -> bool {
        self.read[word].iter().any(|(since, read)| *read == value && *since <= by)
    }

    /// When the device first read a word, if it had by then.
    pub fn first_read(&self, word: usize, by: Gap) -> Option<Gap> {
        self.read[word].iter().map(|(since, _)| *since).min().filter(|since| *since <= by)
    }

    /// The device had read any value by then.
    pub fn was_read_at_all(&self, word: usize, by: Gap) -> bool {
        self.read[word].iter().any(|(since, _)| *since <= by)
    }
}
