// SPDX-License-Identifier: Apache-2.0
//! The command queue as the device reads it: which commands it has, and which fences are done.

use std::collections::{BTreeMap, VecDeque};

use events::Cycle;
use golden::{Command, Config, Cqcsr, Ddtp, Illegal, Iofence, QueueBase, Spa};
use rustc_hash::FxHashMap;

use super::ring::Ring;
use super::view::Peek;

/// A doubleword of a command, as the device fetched it.
#[derive(Clone, Copy, Debug, Default)]
struct Fetched {
    value: u64,
    sampled: Cycle,
}

/// Commands that one write of `cqt` handed over, behind those of earlier writes.
#[derive(Clone, Copy, Debug)]
struct HandedOver {
    /// The place behind the last of them among all commands since reset
    end: u64,
    since: Cycle,
}

/// A fence that has been fetched and is not known to be complete.
#[derive(Clone, Copy, Debug)]
pub struct Fence {
    /// Its place among all commands since reset
    pub sequence: u64,
    /// Operands
    pub operands: Iofence,
    /// When it was fetched
    pub fetched: Cycle,
    /// How many invalidations had been fetched before it
    pub invalidations: usize,
    /// Its completion store has been seen on `ptw_*`
    pub stored: bool,
}

/// A command that the device has in hands, newly.
#[derive(Clone, Copy, Debug)]
pub enum News {
    /// A legal command, fetched in this cycle.
    Command {
        /// The command
        command: Command,
        /// Its place among all commands since reset
        sequence: u64,
        /// When it left memory
        fetched: Cycle,
    },
    /// A command at which the queue has to stop.
    Illegal(Illegal, Cycle),
    /// A fence whose store goes where no memory can be: the queue has to stop at it.
    OutOfReach(Iofence, Cycle),
}

/// Why the queue stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At an illegal command: `cmd_ill`
    Illegal,
    /// Perhaps, at a command with an ID that is too wide: it "must not be", but nothing says that it is illegal
    Doubtful,
    /// At a fence that stores where no memory can be: `cqmf`
    MemoryFault,
    /// At a fence whose store memory refused: `cqmf`
    FenceFailed,
}

/// The command queue.
#[derive(Debug, Default)]
pub struct Commands {
    ring: Ring,
    /// `cqen` as software last wrote it
    enabled: bool,
    /// Entries that it had when it was switched on; 0 before
    entries: u64,
    /// Entries of which the device has read something, but for commands that it has whole
    slots: FxHashMap<u32, [Option<Fetched>; 2]>,
    /// Commands from the oldest open fence on, by their places: the device may come back to them
    kept: VecDeque<(u64, [Option<Fetched>; 2])>,
    /// Commands from a fence on whose store failed, by their entries: the device need not read them again
    known: Vec<(u32, [Option<Fetched>; 2])>,
    /// All commands from the next one to the tail
    handed_over: VecDeque<HandedOver>,
    next: u32,
    tail: u32,
    /// Commands processed since reset
    sequence: u64,
    /// Value of `sequence` when the queue was switched on, at index 0
    origin: u64,
    /// Commands known to be before `cqh`
    head: u64,
    stopped: Option<Stop>,
    /// Invalidations fetched since reset
    invalidations: usize,
    /// Those of them that were fetched before the last fence
    fenced: usize,
    fences: Vec<Fence>,
    /// Fences that `cqh` has passed and whose store has not been seen
    unpaid: Vec<Fence>,
    /// When software last let the queue go on after a time-out
    restarted: Cycle,
    /// Whether the device takes IDs that are too wide for illegal, once that is known
    wide_ids_illegal: Option<bool>,
    /// The IDs of the command in doubt are too wide by all that `ddtp` may have been: what becomes of it tells
    doubt_tells: bool,
    /// The queue stopped at a command in doubt, or at a later one: where the device reads again tells
    refetch_tells: bool,
    /// The place of a command that was in doubt, and with which the device has gone on
    let_through: Option<u64>,
    counts: BTreeMap<&'static str, u64>,
}

impl Commands {
    /// Where the queue lies.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// Software has switched it on.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Software writes `cqb`.
    pub fn base_written(&mut self, base: QueueBase) {
        self.ring = Ring::new(base, 16);
    }

    /// Software begins to write `cqcsr`. Whether it switches the queue off.
    pub fn csr_written(&mut self, csr: Cqcsr, now: Cycle) -> bool {
        let was = std::mem::replace(&mut self.enabled, csr.cqen());
        match (was, csr.cqen()) {
            (false, true) => self.begin(now),
            (true, true) | (false, false) if csr.cqmf() || csr.cmd_to() || csr.cmd_ill() => self.resume(csr, now),
            _ => {}
        }
        was && !csr.cqen()
    }

    /// "Changing cqen from 0 to 1 sets the cqh register … to 0"; `cqt` is software's, and stays as it last wrote it.
    fn begin(&mut self, now: Cycle) {
        self.entries = self.ring.entries;
        self.slots.clear();
        self.kept.clear();
        self.known.clear();
        self.handed_over.clear();
        self.next = 0;
        self.tail = self.ring.wrap(self.tail);
        if self.tail > 0 {
            self.handed_over.push_back(HandedOver { end: self.sequence + u64::from(self.tail), since: now });
        }
        self.origin = self.sequence;
        self.head = self.sequence;
        self.stopped = None;
        self.refetch_tells = false;
        self.let_through = None;
        self.fences.clear();
        self.unpaid.clear();
    }

    /// Software moved the tail: the entries before it are there for the device from cycle `accepted`.
    pub fn tail_written(&mut self, tail: u32, accepted: Cycle) {
        let ring = self.ring;
        let tail = ring.wrap(tail);
        let ahead = |index: u32| u64::from(ring.wrap(index.wrapping_sub(self.next)));
        let (before, ahead) = (ahead(self.tail), ahead(tail));
        // A tail that falls back has gone once around: it hands all entries before it over anew.
        if ahead < before {
            self.handed_over.clear();
        }
        if self.entries > 0 && ahead > 0 && ahead != before {
            self.handed_over.push_back(HandedOver { end: self.sequence + ahead, since: accepted });
        }
        self.tail = tail;
    }

    /// Software cleared errors. If the one at which the queue had stopped is among them, the command there is fetched
    /// again.
    pub fn resume(&mut self, cleared: Cqcsr, accepted: Cycle) {
        if cleared.cmd_to() {
            self.restarted = accepted;
        }
        let goes_on = match self.stopped {
            Some(Stop::Doubtful) => {
                self.refetch_tells = cleared.cmd_ill();
                cleared.cmd_ill()
            }
            Some(Stop::Illegal) => cleared.cmd_ill(),
            Some(Stop::MemoryFault | Stop::FenceFailed) => cleared.cqmf(),
            None => false,
        };
        if !goes_on {
            return;
        }
        if self.stopped.take() == Some(Stop::FenceFailed) {
            return;
        }
        let end = self.sequence + 1;
        match self.handed_over.front_mut() {
            Some(first) if first.end == end => first.since = accepted,
            Some(_) => self.handed_over.push_front(HandedOver { end, since: accepted }),
            None => {}
        }
    }

    /// A beat of the queue's memory reached the device.
    pub fn beat(&mut self, addr: Spa, value: u64, sampled: Cycle) {
        if let Some((index, word)) = self.ring.locate(addr)
            && u64::from(index) < self.entries
        {
            self.pass_up_to(index, sampled);
            self.slots.entry(index).or_default()[word & 1] = Some(Fetched { value, sampled });
            self.known.retain(|(known, _)| *known != index);
        }
    }

    /// The first read behind a stop that may have been at a later command: those before it have been passed. Whether they were
    /// carried out or aborted is not known.
    fn pass_up_to(&mut self, index: u32, sampled: Cycle) {
        let Some(since) = self.handed_over.front().map(|first| first.since).filter(|since| sampled >= *since) else {
            return;
        };
        let ahead = |index: u32| self.ring.wrap(index.wrapping_sub(self.next));
        if !self.refetch_tells || ahead(index) >= ahead(self.tail) {
            return;
        }
        self.refetch_tells = false;
        for _ in 0..ahead(index) {
            self.slots.remove(&self.next);
            self.sequence += 1;
            self.handed_over.pop_front_if(|first| first.end <= self.sequence);
            self.next = self.ring.after(self.next);
        }
        let end = self.sequence + 1;
        if self.handed_over.front().is_none_or(|first| first.end > end) {
            self.handed_over.push_front(HandedOver { end, since });
        }
    }

    /// The command at this address is the next one, and software has handed it over.
    pub fn awaits(&self, addr: Spa) -> bool {
        self.stopped.is_none()
            && self.next != self.tail
            && self.ring.locate(addr).is_some_and(|(index, _)| index == self.next)
    }

    /// The next command that the device has whole, if there is one. `ruling` are the values of `ddtp` by which it may have
    /// judged what it fetched in a cycle: while `ddtp` may be busy, its old and its new value.
    pub fn next<D: Iterator<Item = Ddtp>>(&mut self, config: &Config, ruling: impl Fn(Cycle) -> D) -> Option<News> {
        if self.stopped.is_some() || self.next == self.tail {
            return None;
        }
        let slot = self.slots.get(&self.next)?;
        let [Some(first), Some(second)] = *slot else { return None };
        let fetched = first.sampled.min(second.sampled);
        // What was read before software handed the entry over is not the command.
        if fetched < self.handed_over.front()?.since {
            return None;
        }
        let command = match Command::decode(first.value, second.value) {
            Ok(command) => match self.legality(&command, config, ruling(fetched)) {
                Ok(true) => command,
                Ok(false) => {
                    self.stopped = Some(Stop::Doubtful);
                    return None;
                }
                Err(illegal) => {
                    self.stopped = Some(Stop::Illegal);
                    return Some(News::Illegal(illegal, fetched));
                }
            },
            Err(illegal) => {
                self.stopped = Some(Stop::Illegal);
                return Some(News::Illegal(illegal, fetched));
            }
        };
        if let Command::Fence(fence) = command
            && fence.store.is_some_and(|(addr, _)| addr.0 >> config.caps.pas() != 0)
        {
            self.stopped = Some(Stop::MemoryFault);
            return Some(News::OutOfReach(fence, fetched));
        }
        *self.counts.entry(command.mnemonic()).or_default() += 1;
        if let Command::Fence(operands) = command {
            let fence =
                Fence { sequence: self.sequence, operands, fetched, invalidations: self.invalidations, stored: false };
            self.fences.push(fence);
            self.fenced = self.invalidations;
        }
        if !matches!(command, Command::Fence(_)) {
            self.invalidations += 1;
        }
        let read = self.slots.remove(&self.next).unwrap_or_default();
        if !self.fences.is_empty() {
            self.kept.push_back((self.sequence, read));
        }
        self.sequence += 1;
        self.handed_over.pop_front_if(|first| first.end <= self.sequence);
        self.next = self.ring.after(self.next);
        Some(News::Command { command, sequence: self.sequence - 1, fetched })
    }

    /// Whether the device goes on with a command; false: it may take it for illegal, and may not.
    ///
    /// # Errors
    /// It must not.
    fn legality(
        &mut self,
        command: &Command,
        config: &Config,
        ruling: impl Iterator<Item = Ddtp>,
    ) -> Result<bool, Illegal> {
        // Once only: after a failed fence, another command may come to stand in its place.
        if self.let_through.take() == Some(self.sequence) {
            return Ok(true);
        }
        let mut too_wide = None;
        let mut is_narrow = false;
        for ddtp in ruling {
            match command.check(&Config { ddtp, ..*config }) {
                Ok(()) => is_narrow = true,
                Err(wide @ (Illegal::DeviceTooWide(_) | Illegal::ProcessTooWide(_))) => too_wide = Some(wide),
                Err(illegal) => return Err(illegal),
            }
        }
        self.doubt_tells = !is_narrow;
        match (too_wide, self.wide_ids_illegal) {
            (None, _) | (_, Some(false)) => Ok(true),
            (Some(wide), Some(true)) if !is_narrow => Err(wide),
            _ => Ok(false),
        }
    }

    /// The device has shown that it went on: behind a command with an ID that is too wide, or from a fence whose store had
    /// failed without reading again. Whether that was in doubt.
    pub fn goes_on(&mut self) -> bool {
        if self.stopped == Some(Stop::Doubtful) {
            if self.doubt_tells {
                self.wide_ids_illegal = Some(false);
            }
            self.let_through = Some(self.sequence);
            self.stopped = None;
            return true;
        }
        let goes_on = self.stopped.is_none() && !self.known.is_empty();
        if goes_on {
            for (index, read) in self.known.drain(..) {
                self.slots.insert(index, read);
            }
        }
        goes_on
    }

    /// `cmd_ill` was seen. Whether a command was in doubt. Where others may be behind it, it stays so: the queue may have
    /// stopped at one of these.
    pub fn illegal_seen(&mut self) -> bool {
        let was_in_doubt = self.stopped == Some(Stop::Doubtful);
        if was_in_doubt && self.doubt_tells {
            self.wide_ids_illegal = Some(true);
            self.stopped = Some(Stop::Illegal);
        }
        was_in_doubt
    }

    /// This store shows that the device went on: behind a command of which it was in doubt whether it is illegal, or with a
    /// fence that it has kept since its store failed. Any other store, such as that of a message, says nothing about it.
    pub fn goes_on_by(&self, addr: Spa, data: u32) -> bool {
        let owes = |read: &[Option<Fetched>; 2]| match read {
            [Some(first), Some(second)] => matches!(
                Command::decode(first.value, second.value),
                Ok(Command::Fence(fence)) if fence.store == Some((addr, data))
            ),
            _ => false,
        };
        match self.stopped {
            Some(Stop::Doubtful) => self.slots.values().any(owes),
            Some(_) => false,
            None => self.known.iter().any(|(_, read)| owes(read)),
        }
    }

    /// The oldest fence that owes this store, and whether another fence is still before it.
    pub fn fence_for_store(&mut self, addr: Spa, data: u32) -> Option<&mut Fence> {
        let owes = |fence: &&mut Fence| !fence.stored && fence.operands.store == Some((addr, data));
        self.unpaid.iter_mut().chain(&mut self.fences).find(owes)
    }

    /// A fence before this one that still owes its store: "all previous commands … have been completed and committed".
    pub fn unstored_before(&self, sequence: u64) -> Option<&Fence> {
        let owes = |fence: &&Fence| fence.operands.store.is_some() && !fence.stored;
        self.unpaid.iter().chain(&self.fences).filter(|fence| fence.sequence < sequence).find(owes)
    }

    /// The oldest fence that owes a store to one of these bytes.
    pub fn unstored_at(&self, addr: Spa, strobes: u8) -> Option<&Fence> {
        let owes = |fence: &&Fence| {
            !fence.stored
                && fence
                    .operands
                    .store
                    .is_some_and(|(at, _)| at.0 & !7 == addr.0 & !7 && strobes & 0x0F << (at.0 & 4) != 0)
        };
        self.unpaid.iter().chain(&self.fences).find(owes)
    }

    /// The store of a fence has been made.
    pub fn stored(&mut self, sequence: u64) {
        let all = self.unpaid.iter_mut().chain(&mut self.fences);
        all.filter(|fence| fence.sequence == sequence).for_each(|fence| fence.stored = true);
    }

    /// A fence that owes its store, whether `cqh` has passed it or not.
    pub fn unstored(&self) -> Option<&Fence> {
        self.unstored_before(u64::MAX)
    }

    /// The oldest fence whose store has reached the device's port and now became visible at this address.
    pub fn fence_visible(&self, addr: Spa) -> Option<u64> {
        self.fences
            .iter()
            .find(|fence| fence.stored && fence.operands.store.is_some_and(|(at, _)| at.0 & !7 == addr.0 & !7))
            .map(|fence| fence.sequence)
    }

    /// The store of this fence met a memory fault: the fence is not complete, and the device goes on with it once software
    /// has cleared `cqmf`. Whether it reads the commands from there on again is for it to say. Returns its place among all
    /// commands.
    pub fn fence_failed(&mut self) -> Option<u64> {
        let index = self.fences.iter().position(|fence| fence.stored)?;
        let fence = self.fences.remove(index);
        self.fences.truncate(index);
        // Nothing before this fence is complete by it.
        self.fenced = self.fences.last().map_or(0, |fence| fence.invalidations);
        let back = (self.sequence - fence.sequence) as u32;
        // Software had handed them over before.
        self.handed_over.push_front(HandedOver { end: self.sequence, since: fence.fetched });
        self.sequence = fence.sequence;
        self.next = self.ring.wrap(self.next.wrapping_sub(back));
        let first = self.kept.partition_point(|(place, _)| *place < fence.sequence);
        let entry = |place: u64| self.ring.wrap(self.next.wrapping_add((place - fence.sequence) as u32));
        self.known = self.kept.drain(first..).map(|(place, read)| (entry(place), read)).collect();
        self.stopped = Some(Stop::FenceFailed);
        Some(fence.sequence)
    }

    /// Software read `cqh`: everything before it has been fetched, and each fence before it is complete. Returns the
    /// youngest of these fences.
    ///
    /// # Errors
    /// The furthest index that `cqh` may have.
    pub fn head_read(&mut self, head: u32) -> Result<Option<u64>, u32> {
        let ring = self.ring;
        let known = (self.head - self.origin) as u32;
        let head = self.head + u64::from(ring.wrap(ring.wrap(head).wrapping_sub(ring.wrap(known))));
        if head > self.sequence {
            return Err(self.next);
        }
        self.head = head;
        Ok(self.fences.iter().rev().find(|fence| fence.sequence < head).map(|fence| fence.sequence))
    }

    /// `cqh` has passed the command at which the queue has to stop: the device is taken at its word, and followed from the
    /// next command on. What of the commands behind it has been done shows when they have been read.
    pub fn adopt_head(&mut self, head: u32) {
        let ahead = |index: u32| self.ring.wrap(index.wrapping_sub(self.next));
        let (passed, there) = (ahead(self.ring.wrap(head)), ahead(self.tail));
        if self.stopped.is_none() || passed == 0 || passed > there {
            return;
        }
        self.slots.remove(&self.next);
        self.sequence += 1;
        self.handed_over.pop_front_if(|first| first.end <= self.sequence);
        self.next = self.ring.after(self.next);
        // It may have stopped behind the command, but not further on.
        if passed > 1 {
            self.stopped = None;
        }
    }

    /// This fence and all before it are complete. Returns them.
    pub fn complete(&mut self, sequence: u64) -> impl Iterator<Item = Fence> + '_ {
        let count = self.fences.iter().take_while(|fence| fence.sequence <= sequence).count();
        // `cqh` may be seen to pass a fence before its store is; but the store must come.
        self.unpaid.retain(|fence| !fence.stored);
        self.unpaid.extend(
            self.fences[..count].iter().filter(|fence| fence.operands.store.is_some() && !fence.stored).copied(),
        );
        let open = self.fences.get(count).map_or(self.sequence, |fence| fence.sequence);
        self.kept.drain(..self.kept.partition_point(|(place, _)| *place < open));
        self.fences.drain(..count)
    }

    /// When software handed over the oldest command that the device has not fetched.
    pub fn handed_over_since(&self) -> Option<Cycle> {
        self.handed_over.front().map(|first| first.since)
    }

    /// Commands that software has handed over and that the device has not fetched, as memory holds them.
    pub fn handed_over(&self, config: &Config, memory: &dyn Peek) -> impl Iterator<Item = Command> {
        let ring = self.ring;
        let indices = std::iter::successors(Some(self.next), move |index| Some(ring.after(*index)));
        indices.take_while(|index| *index != self.tail).take(ring.entries as usize).filter_map(move |index| {
            let at = ring.base.0 + u64::from(index) * 16;
            let [first, second] = [at, at + 8].map(|addr| memory.peek(Spa(addr)));
            Command::decode(first, second).ok().filter(|command| command.check(config).is_ok())
        })
    }

    /// Fences not known to be complete.
    pub fn open_fences(&self) -> &[Fence] {
        &self.fences
    }

    /// How many invalidations have been fetched before the last fence: those behind it may be aborted when the queue stops.
    pub fn behind_last_fence(&self) -> usize {
        self.fenced
    }

    /// There are commands that software has handed over and the device has not fetched, and no error holds them.
    pub fn are_unfetched(&self) -> bool {
        self.stopped.is_none() && self.next != self.tail
    }

    /// Since when the device owes progress: it has not fetched a command that software handed over, or not made the
    /// store of a fence that it has fetched.
    pub fn waiting_since(&self) -> Option<Cycle> {
        if self.stopped.is_some() {
            return None;
        }
        let fetch = (self.next != self.tail).then(|| self.handed_over.front().map(|first| first.since)).flatten();
        let store = self.unstored().map(|fence| fence.fetched);
        fetch.into_iter().chain(store).min().map(|since| since.max(self.restarted))
    }

    /// The error at which the queue stands still.
    pub fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// Commands by mnemonic.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;
