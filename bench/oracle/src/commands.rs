// SPDX-License-Identifier: Apache-2.0
//! The command queue as the device reads it: which commands it has, and which fences are done.

use std::collections::{BTreeMap, VecDeque};

use events::Cycle;
use golden::{Command, Config, Cqcsr, Illegal, Iofence, QueueBase, Spa};
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
            Some(Stop::Illegal | Stop::Doubtful) => cleared.cmd_ill(),
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
            self.slots.entry(index).or_default()[word & 1] = Some(Fetched { value, sampled });
            self.known.retain(|(known, _)| *known != index);
        }
    }

    /// The command at this address is the next one, and software has handed it over.
    pub fn awaits(&self, addr: Spa) -> bool {
        self.stopped.is_none()
            && self.next != self.tail
            && self.ring.locate(addr).is_some_and(|(index, _)| index == self.next)
    }

    /// The next command that the device has whole, if there is one.
    pub fn next(&mut self, config: &Config) -> Option<News> {
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
        let decoded = Command::decode(first.value, second.value).and_then(|c| c.check(config).map(|()| c));
        let decoded = match decoded {
            Err(Illegal::DeviceTooWide(_) | Illegal::ProcessTooWide(_)) if self.wide_ids_illegal == Some(false) => {
                Command::decode(first.value, second.value)
            }
            decoded => decoded,
        };
        let command = match decoded {
            Ok(command) => command,
            Err(Illegal::DeviceTooWide(_) | Illegal::ProcessTooWide(_)) if self.wide_ids_illegal.is_none() => {
                self.stopped = Some(Stop::Doubtful);
                return None;
            }
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

    /// The device has shown that it went on: behind a command with an ID that is too wide, or from a fence whose store had
    /// failed without reading again. Whether that was in doubt.
    pub fn goes_on(&mut self) -> bool {
        if self.stopped == Some(Stop::Doubtful) {
            self.wide_ids_illegal = Some(false);
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

    /// `cmd_ill` was seen.
    pub fn illegal_seen(&mut self) {
        if self.stopped == Some(Stop::Doubtful) {
            self.wide_ids_illegal = Some(true);
            self.stopped = Some(Stop::Illegal);
        }
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
mod tests {
    use golden::{Capabilities, Ddtp, DeviceId, Fctl};

    use super::*;

    const RING: Ring = Ring { base: Spa(0x1000), entries: 8, entry_bytes: 16 };

    /// Software switches the queue off and on.
    fn on(commands: &mut Commands, ring: Ring) {
        commands.ring = ring;
        commands.csr_written(Cqcsr(0), 0);
        commands.csr_written(Cqcsr(0).with_cqen(true), 0);
    }

    fn config() -> Config {
        Config::new(Capabilities(0x10).with_pas(32), Fctl(0), Ddtp(4))
    }

    fn feed(commands: &mut Commands, index: u64, [w0, w1]: [u64; 2], cycle: Cycle) {
        commands.beat(Spa(0x1000 + index * 16), w0, cycle);
        commands.beat(Spa(0x1008 + index * 16), w1, cycle + 1);
    }

    fn fence(store: Option<(Spa, u32)>) -> Command {
        Command::Fence(Iofence { store, ..Iofence::default() })
    }

    fn drain(commands: &mut Commands) -> Vec<bool> {
        let news = std::iter::from_fn(|| commands.next(&config()));
        news.map(|news| matches!(news, News::Command { .. })).collect()
    }

    #[test]
    fn a_command_counts_once_it_is_whole_and_behind_the_tail() {
        let mut commands = Commands::default();
        on(&mut commands, RING);
        let ddt = Command::InvalDdt { device: Some(DeviceId(1)) };
        feed(&mut commands, 0, ddt.encode(), 5);
        assert!(drain(&mut commands).is_empty(), "the tail has not moved");
        commands.tail_written(1, 10);
        assert!(drain(&mut commands).is_empty(), "read before it was handed over");
        feed(&mut commands, 0, ddt.encode(), 12);
        assert_eq!(drain(&mut commands), [true]);
        assert!(drain(&mut commands).is_empty());
    }

    #[test]
    fn an_illegal_command_stops_the_queue_until_it_is_fetched_again() {
        let mut commands = Commands::default();
        on(&mut commands, RING);
        commands.tail_written(2, 10);
        feed(&mut commands, 0, [0x7F, 0], 12);
        feed(&mut commands, 1, fence(None).encode(), 14);
        assert_eq!(drain(&mut commands), [false]);
        assert_eq!(commands.stopped(), Some(Stop::Illegal));
        commands.resume(Cqcsr(0).with_cqmf(true), 20);
        assert_eq!(commands.stopped(), Some(Stop::Illegal), "that was another error");
        commands.resume(Cqcsr(0).with_cmd_ill(true), 20);
        assert!(drain(&mut commands).is_empty());
        feed(&mut commands, 0, fence(None).encode(), 22);
        assert_eq!(drain(&mut commands), [true, true]);
    }

    #[test]
    fn whether_a_wide_id_is_illegal_is_learnt() {
        let wide = Command::InvalDdt { device: Some(DeviceId(0x80_0000)) };
        let config = Config::new(Capabilities(0x10).with_pas(32), Fctl(0), Ddtp(2));
        let begun = || {
            let mut commands = Commands::default();
            on(&mut commands, RING);
            commands.tail_written(2, 10);
            feed(&mut commands, 0, wide.encode(), 12);
            feed(&mut commands, 1, fence(None).encode(), 14);
            assert!(commands.next(&config).is_none());
            assert_eq!(commands.stopped(), Some(Stop::Doubtful));
            commands
        };
        let mut commands = begun();
        assert!(commands.goes_on() && !commands.goes_on());
        assert!(matches!(commands.next(&config), Some(News::Command { sequence: 0, .. })));
        assert!(matches!(commands.next(&config), Some(News::Command { sequence: 1, .. })));
        let mut commands = begun();
        commands.illegal_seen();
        assert!(!commands.goes_on());
        assert_eq!(commands.stopped(), Some(Stop::Illegal));
    }

    #[test]
    fn the_head_completes_fences_and_cannot_run_ahead() {
        let mut commands = Commands::default();
        on(&mut commands, RING);
        commands.tail_written(3, 10);
        for index in 0..2 {
            feed(&mut commands, index, fence(None).encode(), 12);
        }
        drain(&mut commands);
        assert_eq!(commands.head_read(3), Err(2), "the third was not fetched");
        assert_eq!(commands.head_read(0), Ok(None));
        assert_eq!(commands.head_read(1), Ok(Some(0)));
        assert_eq!(commands.complete(0).count(), 1);
        assert_eq!(commands.head_read(0), Err(2), "it never goes back");
        assert_eq!(commands.head_read(2), Ok(Some(1)));
    }

    #[test]
    fn a_fence_that_the_head_has_passed_still_owes_its_store() {
        let mut commands = Commands::default();
        on(&mut commands, RING);
        commands.tail_written(2, 10);
        feed(&mut commands, 0, fence(Some((Spa(0x4004), 7))).encode(), 12);
        feed(&mut commands, 1, fence(Some((Spa(0x4004), 8))).encode(), 14);
        drain(&mut commands);
        assert_eq!(commands.complete(0).count(), 1);
        assert_eq!(commands.unstored().map(|fence| fence.sequence), Some(0));
        assert!(commands.unstored_before(1).is_some(), "the second may not store yet");
        commands.fence_for_store(Spa(0x4004), 7).unwrap().stored = true;
        assert!(commands.unstored_before(1).is_none());
        assert_eq!(commands.unstored().map(|fence| fence.sequence), Some(1));
    }

    /// A fence and a command behind it have been fetched, the store of the fence has failed, and software has cleared that.
    fn behind_a_failed_fence() -> (Commands, [[u64; 2]; 2]) {
        let mut commands = Commands::default();
        on(&mut commands, RING);
        commands.tail_written(2, 10);
        let both = [fence(Some((Spa(0x4004), 7))).encode(), Command::InvalDdt { device: None }.encode()];
        feed(&mut commands, 0, both[0], 12);
        feed(&mut commands, 1, both[1], 14);
        assert_eq!(drain(&mut commands), [true, true]);
        assert!(commands.fence_for_store(Spa(0x4000), 7).is_none());
        commands.fence_for_store(Spa(0x4004), 7).unwrap().stored = true;
        assert_eq!(commands.fence_failed(), Some(0));
        assert!(commands.stopped() == Some(Stop::FenceFailed) && commands.open_fences().is_empty());
        assert!(!commands.goes_on(), "software has not cleared it");
        commands.resume(Cqcsr(0).with_cqmf(true), 30);
        assert!(drain(&mut commands).is_empty());
        (commands, both)
    }

    #[test]
    fn a_fence_whose_store_failed_and_what_is_behind_it_are_read_again() {
        let (mut commands, both) = behind_a_failed_fence();
        feed(&mut commands, 0, both[0], 32);
        feed(&mut commands, 1, both[1], 34);
        assert_eq!(drain(&mut commands), [true, true]);
        assert_eq!((commands.open_fences().len(), commands.head_read(2)), (1, Ok(Some(0))));
    }

    #[test]
    fn or_the_device_goes_on_by_what_it_has_read_of_them() {
        let (mut commands, _) = behind_a_failed_fence();
        assert!(commands.head_read(2).is_err() && commands.goes_on());
        assert_eq!(drain(&mut commands), [true, true]);
        assert_eq!((commands.open_fences().len(), commands.head_read(2)), (1, Ok(Some(0))));
        assert!(!commands.goes_on());
    }

    #[test]
    fn only_its_own_store_shows_that_the_device_goes_on_with_a_fence() {
        let (mut commands, _) = behind_a_failed_fence();
        assert!(!commands.goes_on_by(Spa(0x7000), 0), "a message");
        assert!(commands.goes_on_by(Spa(0x4004), 7));
        feed(&mut commands, 0, Command::InvalDdt { device: None }.encode(), 32);
        assert!(!commands.goes_on_by(Spa(0x4004), 7), "the device has read what is there now");
    }

    #[test]
    fn software_may_put_another_fence_in_the_place_of_one_whose_store_failed() {
        let (mut commands, _) = behind_a_failed_fence();
        feed(&mut commands, 0, fence(Some((Spa(0x4008), 9))).encode(), 32);
        assert_eq!(drain(&mut commands), [true]);
        assert!(commands.fence_for_store(Spa(0x4008), 9).is_some());
        assert!(commands.goes_on());
        assert_eq!(drain(&mut commands), [true], "the one behind it was not read again");
    }

    #[test]
    fn a_fence_that_stores_beyond_memory_stops_the_queue_and_owes_no_store() {
        let mut commands = Commands::default();
        on(&mut commands, RING);
        commands.tail_written(2, 10);
        feed(&mut commands, 0, fence(Some((Spa(1 << 32), 7))).encode(), 12);
        feed(&mut commands, 1, fence(None).encode(), 14);
        assert_eq!(drain(&mut commands), [false]);
        assert_eq!(commands.stopped(), Some(Stop::MemoryFault));
        assert!(commands.unstored().is_none() && commands.open_fences().is_empty());
        assert_eq!(commands.head_read(1), Err(0), "it did not complete");
        // Software writes another command in its place.
        commands.resume(Cqcsr(0).with_cqmf(true), 20);
        feed(&mut commands, 0, fence(Some((Spa(0xFFFF_FFFC), 7))).encode(), 22);
        assert_eq!(drain(&mut commands), [true, true]);
    }

    #[test]
    fn a_tail_that_falls_back_hands_over_anew() {
        let mut commands = Commands::default();
        on(&mut commands, RING);
        commands.tail_written(2, 10);
        commands.tail_written(6, 20);
        commands.tail_written(3, 30);
        feed(&mut commands, 0, fence(None).encode(), 25);
        assert!(drain(&mut commands).is_empty() && commands.waiting_since() == Some(30));
        (0..3).for_each(|index| feed(&mut commands, index, fence(None).encode(), 32));
        assert_eq!((drain(&mut commands).len(), commands.waiting_since()), (3, None));
        commands.tail_written(5, 40);
        feed(&mut commands, 3, fence(None).encode(), 35);
        assert_eq!((drain(&mut commands).len(), commands.waiting_since()), (0, Some(40)), "20 and 30 are over");
    }

    #[test]
    fn a_queue_of_2_to_the_32_costs_what_is_read_of_it() {
        let ring = Ring { entries: 1 << 32, ..RING };
        let mut commands = Commands::default();
        on(&mut commands, ring);
        commands.tail_written(u32::MAX, 10);
        let feed = |commands: &mut Commands, index: u64| {
            for (word, value) in fence(None).encode().into_iter().enumerate() {
                commands.beat(Spa(ring.base.0 + index * 16 + word as u64 * 8), value, 12);
            }
        };
        feed(&mut commands, u32::MAX.into());
        assert!(commands.next(&config()).is_none(), "that is not the next one");
        feed(&mut commands, 0);
        assert!(matches!(commands.next(&config()), Some(News::Command { sequence: 0, .. })));
        assert_eq!((commands.slots.len(), commands.handed_over.len()), (1, 1));
        assert_eq!((commands.head_read(2), commands.head_read(1)), (Err(1), Ok(Some(0))));
        // The index wraps where the numbers do.
        on(&mut commands, ring);
        (commands.next, commands.tail) = (u32::MAX, u32::MAX);
        commands.tail_written(1, 10);
        feed(&mut commands, u32::MAX.into());
        feed(&mut commands, 0);
        assert!(commands.next(&config()).is_some() && commands.next(&config()).is_some());
        assert_eq!((commands.next, commands.waiting_since()), (1, None));
    }
}
