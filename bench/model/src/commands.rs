// SPDX-License-Identifier: Apache-2.0
//! The command queue (section "Command-Queue"): fetch, decode, order of execution, fences.

use std::collections::VecDeque;

use golden::{Command, Iofence};

use super::ats::{Ats, Wait};
use super::cache::Caches;
use super::dice::Dice;
use super::dma::{Mark, Transactions, Way};
use super::habit::{Habit, Nature};
use super::mrif::InterruptFiles;
use super::ptw::{Fetched, MAX_WORDS, Ptw, Readers};
use super::record_queue::wrap;
use super::registers::Registers;
use super::write::{Write, Writer};

/// How far a fence is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Waits for the commands before it
    Commands,
    /// Waits for the transactions that had come in by then, and for the MSIs that had been answered
    Transactions(Mark, u64),
    /// Its store is on its way
    Store,
}

/// What a fence may have to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    /// Transactions of devices
    pub dma: &'a Transactions,
    /// MSIs that are stored by the device itself
    pub files: &'a InterruptFiles,
}

/// Liberties that the engine takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liberties {
    /// Commands in a fetch at most, 1 to 4
    pub burst: u32,
    /// How often, in percent of the cycles, a command that could be executed is; 100 executes in order
    pub eager_percent: u8,
    /// A fence waits for every request that a walker had in hand, and not only for what it has to
    pub strict_fence: bool,
    /// Commands that are not executed yet are aborted when the queue stops at an error
    pub abort_pending: bool,
    /// IODIR commands are not executed before a fence asks for it
    pub late_directory: bool,
}

const fn is_directory(command: &Command) -> bool {
    matches!(command, Command::InvalDdt { .. } | Command::InvalPdt { .. })
}

/// Carries a command out; false where it has to wait for room.
fn carry_out(command: &Command, caches: &mut Caches, ats: &mut Ats) -> bool {
    match command {
        Command::AtsInval(operands) => ats.invalidate(operands),
        Command::AtsPrgr(operands) => ats.respond_for(operands),
        command => {
            caches.invalidate(command);
            true
        }
    }
}

/// The queue's engine.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    nature: Nature,
    liberties: Liberties,
    dice: Dice,
    /// Commands read from memory, from `cqh` on; none: the read failed
    fetched: VecDeque<Option<[u64; 2]>>,
    /// A fetch is under way
    fetching: bool,
    /// What comes back is not wanted any more
    abandoned: bool,
    /// Legal commands that `cqh` has passed, and that are not executed
    pending: Vec<Command>,
    fence: Option<(Iofence, Stage)>,
    /// Commands processed, for habits that strike now and then
    count: u64,
    /// What the caches held before each of the last fences, oldest first: a habit
    snapshots: VecDeque<Caches>,
    /// The queue stopped, and what fences completed is to be undone: a habit
    undo: bool,
}

/// Fences that a habit undoes.
const UNDONE: usize = 4;

impl Commands {
    pub(super) fn new(nature: Nature, liberties: Liberties, dice: Dice) -> Self {
        Self {
            nature,
            liberties,
            dice,
            fetched: VecDeque::with_capacity(8),
            fetching: false,
            abandoned: false,
            pending: Vec::with_capacity(64),
            fence: None,
            count: 0,
            snapshots: VecDeque::new(),
            undo: false,
        }
    }

    /// Nothing is under way, and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        !self.fetching && self.fetched.is_empty() && self.pending.is_empty() && self.fence.is_none()
    }

    /// A fetch came back.
    pub(super) fn arrived(&mut self, fetch: &Fetched, registers: &Registers) {
        self.fetching = false;
        if std::mem::take(&mut self.abandoned) {
            return;
        }
        let be = registers.fctl.be();
        for pair in fetch.data[..usize::from(fetch.words)].chunks_exact(2) {
            let bad = pair.iter().any(|(_, resp)| *resp > 1);
            let word = |at: usize| if be { pair[at].0.swap_bytes() } else { pair[at].0 };
            self.fetched.push_back((!bad).then(|| [word(0), word(1)]));
        }
    }

    /// The store of a fence was answered.
    pub(super) fn stored(&mut self, resp: u8, registers: &mut Registers) {
        if let Some((fence, Stage::Store)) = self.fence {
            self.fence = None;
            if resp > 1 {
                self.stall(registers, registers.cqcsr.with_cqmf(true));
            } else {
                self.complete(&fence, registers);
            }
        }
    }

    fn stall(&mut self, registers: &mut Registers, csr: golden::Cqcsr) {
        registers.cqcsr = csr;
        self.drop_fetched();
        if self.liberties.abort_pending {
            self.pending.clear();
        }
        self.undo = self.nature.has(Habit::AbortsFenced);
    }

    fn drop_fetched(&mut self) {
        self.fetched.clear();
        self.abandoned = self.fetching;
    }

    fn advance(&mut self, registers: &mut Registers) {
        self.fetched.pop_front();
        if !self.nature.has(Habit::HeadRunsAhead) {
            registers.cqh = wrap(registers.cqb, registers.cqh + 1);
        }
    }

    fn complete(&mut self, fence: &Iofence, registers: &mut Registers) {
        registers.fence_done(fence.wsi);
        self.advance(registers);
    }

    /// One cycle.
    pub(super) fn step(
        &mut self,
        registers: &mut Registers,
        ptw: &mut Ptw,
        before: Before<'_>,
        caches: &mut Caches,
        ats: &mut Ats,
    ) {
        self.switch(registers);
        if std::mem::take(&mut self.undo)
            && let Some(before) = self.snapshots.pop_front()
        {
            caches.restore(before);
            self.snapshots.clear();
        }
        self.execute(caches, ats);
        if let Some((fence, stage)) = self.fence {
            if matches!(stage, Stage::Commands) && self.waits_for_devices(registers, ats) {
                return;
            }
            self.fence(fence, stage, registers, ptw, before);
            return;
        }
        if !registers.cqcsr.cqon() || !registers.cqcsr.cqen() || registers.commands_stalled() {
            return;
        }
        self.decode(registers);
        if self.fence.is_some() && self.nature.has(Habit::AbortsFenced) {
            self.snapshots.truncate(UNDONE);
            if self.snapshots.len() == UNDONE {
                self.snapshots.pop_front();
            }
            self.snapshots.push_back(caches.clone());
        }
        if !registers.commands_stalled() {
            self.fetch(registers, ptw);
        }
    }

    /// Switches the queue on and off.
    fn switch(&mut self, registers: &mut Registers) {
        let csr = registers.cqcsr;
        if !csr.cqen() && csr.cqon() {
            self.drop_fetched();
        }
        if csr.busy() && (csr.cqen() || !self.fetching && self.fence.is_none()) {
            if csr.cqen() {
                self.drop_fetched();
            }
            registers.cqcsr = csr.with_cqon(csr.cqen()).with_busy(false);
        }
    }

    /// Executes what is pending: all of it in order, or one command at random now and then.
    fn execute(&mut self, caches: &mut Caches, ats: &mut Ats) {
        let late = self.nature.has(Habit::DirectoryAfterFence)
            || self.liberties.late_directory && self.fence.is_none() && self.pending.len() < self.pending.capacity();
        if late {
            self.execute_all_but_directories(caches, ats);
            return;
        }
        // A fence that does not wait shows only where there is something to wait for.
        let eager = if self.nature.has(Habit::FenceEarly) { 2 } else { self.liberties.eager_percent };
        if eager >= 100 {
            let done = self.pending.iter().take_while(|command| carry_out(command, caches, ats)).count();
            self.pending.drain(..done);
        } else if !self.pending.is_empty() && self.dice.percent(eager) {
            let at = self.dice.below(self.pending.len());
            if carry_out(&self.pending[at], caches, ats) {
                self.pending.swap_remove(at);
            }
        }
    }

    /// Executes one command that is not for the directories; where those are never waited for, seldom one of any kind.
    fn execute_all_but_directories(&mut self, caches: &mut Caches, ats: &mut Ats) {
        let seldom = self.nature.has(Habit::DirectoryAfterFence)
            && (self.dice.below(1000) == 0 || self.pending.len() == self.pending.capacity());
        if !seldom && !self.dice.percent(self.liberties.eager_percent) {
            return;
        }
        let next = self.pending.iter().position(|command| seldom || !is_directory(command));
        if let Some(at) = next
            && carry_out(&self.pending[at], caches, ats)
        {
            self.pending.remove(at);
        }
    }

    /// Nothing is pending that a fence waits for.
    fn is_done(&self) -> bool {
        let waits = |command: &Command| !is_directory(command) || !self.nature.has(Habit::DirectoryAfterFence);
        !self.pending.iter().any(waits)
    }

    /// Whether a fence has to wait for completions of devices, or has stopped at a time-out.
    fn waits_for_devices(&mut self, registers: &mut Registers, ats: &mut Ats) -> bool {
        if !self.is_done() {
            return false;
        }
        match ats.wait() {
            Wait::Nothing => false,
            Wait::Completions => true,
            Wait::TimedOut => {
                self.fence = None;
                self.stall(registers, registers.cqcsr.with_cmd_to(true));
                true
            }
        }
    }

    /// Takes the next command.
    fn decode(&mut self, registers: &mut Registers) {
        let Some(next) = self.fetched.front().copied() else { return };
        if self.pending.len() == self.pending.capacity() {
            return;
        }
        let Some([w0, w1]) = next else {
            self.stall(registers, registers.cqcsr.with_cqmf(true));
            return;
        };
        let config = registers.config();
        let legal = Command::decode(w0, w1).and_then(|command| command.check(&config).map(|()| command));
        self.count += 1;
        match legal {
            Ok(_) if self.nature.has(Habit::LegalRefused) && self.count.is_multiple_of(8) => {
                self.stall(registers, registers.cqcsr.with_cmd_ill(true));
            }
            Ok(Command::Fence(fence)) => self.fence = Some((fence, Stage::Commands)),
            Ok(command) => {
                if !(self.nature.has(Habit::CommandSkipped) && self.count.is_multiple_of(2)) {
                    self.pending.push(command);
                }
                self.advance(registers);
            }
            Err(_) if self.nature.has(Habit::IllegalSkipped) => self.advance(registers),
            Err(_) => {
                if self.nature.has(Habit::HeadPassesIllegal) {
                    self.advance(registers);
                }
                self.stall(registers, registers.cqcsr.with_cmd_ill(true));
            }
        }
    }

    /// Reads more commands.
    fn fetch(&mut self, registers: &mut Registers, ptw: &mut Ptw) {
        if self.fetching || self.nature.has(Habit::CommandsStall) && self.count > 100 {
            return;
        }
        if self.nature.has(Habit::HeadRunsAhead) {
            // Too early: the command has not even been read.
            if self.fetched.is_empty() && registers.cqh != registers.cqt {
                self.fetch_ahead(registers, ptw);
            }
            return;
        }
        let base = registers.cqb;
        let next = wrap(base, registers.cqh.wrapping_add(self.fetched.len() as u32));
        let tail = if self.nature.has(Habit::FetchesPastTail) { wrap(base, registers.cqt + 1) } else { registers.cqt };
        let there = wrap(base, tail.wrapping_sub(next));
        let to_end = (base.entries() - u64::from(next)).min(u64::from(u32::MAX)) as u32;
        let room = (MAX_WORDS / 2 - self.fetched.len().min(MAX_WORDS / 2)) as u32;
        // A burst stays within 4 KiB: 256 commands.
        let count = there.min(to_end).min(256 - next % 256).min(self.liberties.burst).min(room);
        if count > 0 && self.fetched.iter().all(Option::is_some) {
            self.read(next, count, registers, ptw);
        }
    }

    fn fetch_ahead(&mut self, registers: &mut Registers, ptw: &mut Ptw) {
        let next = registers.cqh;
        registers.cqh = wrap(registers.cqb, next + 1);
        self.read(next, 1, registers, ptw);
    }

    fn read(&mut self, next: u32, count: u32, registers: &mut Registers, ptw: &mut Ptw) {
        let addr = registers.cqb.base() + u64::from(next) * 16;
        if addr >> registers.caps.pas() != 0 {
            registers.cqcsr = registers.cqcsr.with_cqmf(true);
            return;
        }
        let readers = Readers { commands: true, ..Readers::default() };
        self.fetching = ptw.fetch(readers, addr, 2 * count as u8, registers.qos.own());
    }

    /// A fence, one cycle.
    fn fence(&mut self, fence: Iofence, stage: Stage, registers: &mut Registers, ptw: &mut Ptw, before: Before<'_>) {
        let Before { dma, files } = before;
        match stage {
            Stage::Commands if self.is_done() || self.nature.has(Habit::FenceEarly) => {
                self.fence = Some((fence, Stage::Transactions(dma.mark(), files.mark())));
            }
            Stage::Transactions(mark, msis) => {
                // What has been translated and has not been shown to memory is processed as well.
                let all = !self.nature.has(Habit::FenceForgetsTranslated);
                let read = fence.pr && !self.nature.has(Habit::FenceIgnoresPr) && dma.is_open(Way::Read, mark, all);
                let write = fence.pw && !self.nature.has(Habit::FenceIgnoresPw) && dma.is_open(Way::Write, mark, all);
                let msi = fence.pw && files.is_open(msis);
                let strict = self.liberties.strict_fence && all;
                if read || write || msi || strict && dma.is_in_hand(mark) {
                    return;
                }
                self.fence_store(fence, registers, ptw);
            }
            Stage::Commands | Stage::Store => {}
        }
    }

    fn fence_store(&mut self, fence: Iofence, registers: &mut Registers, ptw: &mut Ptw) {
        let Some((addr, data)) = fence.store.filter(|_| !self.nature.has(Habit::FenceStoreLost)) else {
            self.fence = None;
            self.complete(&fence, registers);
            return;
        };
        let mut addr = addr.0;
        if addr >> registers.caps.pas() != 0 {
            self.fence = None;
            self.stall(registers, registers.cqcsr.with_cqmf(true));
            return;
        }
        let mut data = if registers.fctl.be() { data.swap_bytes() } else { data };
        if self.nature.has(Habit::FenceStoreWrongAddress) {
            addr ^= 4;
        }
        if self.nature.has(Habit::FenceStoreWrongData) {
            data = !data;
        }
        let (mut lanes, shift) = if addr & 4 == 0 { (0x0f, 0) } else { (0xf0, 32) };
        let mut size = 2;
        if self.nature.has(Habit::FenceStoreWide) {
            (lanes, size, addr) = (0xff, 3, addr & !7);
        }
        let mut beats = [(0, 0); 4];
        beats[0] = (u64::from(data) << shift, lanes);
        ptw.write(Write { writer: Writer::Fence, addr, size, beats, len: 1, ids: None });
        if self.nature.has(Habit::FenceStoreTwice) {
            ptw.write(Write { writer: Writer::Nobody, addr, size, beats, len: 1, ids: None });
        }
        self.fence = Some((fence, Stage::Store));
    }
}
