// SPDX-License-Identifier: Apache-2.0
//! The command queue: a ring that software fills, and fences that say when it has been worked off.
//!
//! Software waits for each fence with a bound. A queue that stopped with an error, or does not get there in time, is
//! an error of the caller: taking it for success would hand out memory that devices still use (CVE-2021-28692).

use golden::Spa;

use super::alloc::Allocator;
use super::error::ApiError;
use super::format::{Command, PAGE, ppn_at_10, register as reg};
use super::machine::Machine;
use super::options::{Completion, Options};
use super::quirk::Quirk;

const COMMAND_BYTES: u64 = 16;
/// Looking at `cqcsr` costs a register access: done once in so many polls.
const POLLS_PER_CHECK: u32 = 16;

/// Waits until `ready`, polling, with a bound.
pub(super) fn wait_for(
    machine: &mut dyn Machine,
    options: &Options,
    waiting: &'static str,
    mut ready: impl FnMut(&mut dyn Machine) -> Result<bool, ApiError>,
) -> Result<(), ApiError> {
    let start = machine.now();
    while !ready(machine)? {
        if machine.now().saturating_sub(start) > options.bound {
            return Err(ApiError::Timeout { waiting, cycles: options.bound });
        }
        machine.wait(options.poll.max(1))?;
    }
    Ok(())
}

/// Switches a queue on: base, the index that software owns, enable, and the wait until it is active.
pub(super) fn enable_queue(
    machine: &mut dyn Machine,
    options: &Options,
    registers: [u16; 3],
    base: Spa,
    log2: u8,
    enable: u64,
) -> Result<(), ApiError> {
    let [base_register, index, csr] = registers;
    machine.write_register(base_register, 8, ppn_at_10(base.0) | u64::from(log2 - 1))?;
    machine.write_register(index, 4, 0)?;
    machine.write_register(csr, 4, enable)?;
    wait_for(machine, options, "queue to be active", |m| {
        let csr = m.read_register(csr, 4)?;
        Ok(csr & reg::QUEUE_BUSY == 0 && csr & reg::QUEUE_ON != 0)
    })
}

/// Switches a queue off and waits until it has let go of its memory.
pub(super) fn disable_queue(machine: &mut dyn Machine, options: &Options, csr: u16) -> Result<(), ApiError> {
    machine.write_register(csr, 4, 0)?;
    wait_for(machine, options, "queue to be off", |m| {
        Ok(m.read_register(csr, 4)? & (reg::QUEUE_BUSY | reg::QUEUE_ON) == 0)
    })
}

/// What stopped the command queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandFault {
    /// `cqcsr`
    pub cqcsr: u64,
    /// Index of the command
    pub head: u64,
    /// The command
    pub command: Command,
}

#[derive(Clone, Debug)]
pub(super) struct CommandQueue {
    base: Spa,
    log2: u8,
    /// What `cqcsr` was enabled with
    enable: u64,
    /// Where fences store their number
    flag: Spa,
    sequence: u32,
    tail: u64,
    /// The true one may be further on, but not behind
    head: u64,
    sent: u64,
    /// What no fence has completed yet, and has to be sent again if the queue stops
    unfenced: Vec<Command>,
}

impl CommandQueue {
    /// Both indices are 0: the queue was switched on anew.
    pub fn restarted(&mut self) {
        (self.head, self.tail) = (0, 0);
        self.unfenced.clear();
    }

    pub(super) fn pages(log2: u8) -> u64 {
        (COMMAND_BYTES << log2).div_ceil(PAGE)
    }

    pub(super) fn enable(
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        options: &Options,
        log2: u8,
        enable: u64,
    ) -> Result<CommandQueue, ApiError> {
        let pages = CommandQueue::pages(log2);
        let base = alloc.pages(machine, pages, pages * PAGE)?;
        let flag = match alloc.pages(machine, 1, PAGE) {
            Ok(flag) => flag,
            Err(error) => {
                alloc.free_pages(machine, base, pages)?;
                return Err(error);
            }
        };
        // A queue that does not come up may still be reading: its memory is not given back then.
        enable_queue(machine, options, [reg::CQB, reg::CQT, reg::CQCSR], base, log2, enable)?;
        Ok(CommandQueue { base, log2, flag, enable, sequence: 0, tail: 0, head: 0, sent: 0, unfenced: Vec::new() })
    }

    pub(super) fn disable(
        self,
        machine: &mut dyn Machine,
        alloc: &mut Allocator,
        options: &Options,
    ) -> Result<(), ApiError> {
        disable_queue(machine, options, reg::CQCSR)?;
        alloc.free_pages(machine, self.base, CommandQueue::pages(self.log2))?;
        alloc.free_pages(machine, self.flag, 1)
    }

    /// Commands sent so far, fences included.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether an address lies in the queue, or is where fences store their numbers.
    pub(super) fn owns(&self, addr: Spa) -> bool {
        let queue = self.base.0..self.base.0 + (COMMAND_BYTES << self.log2);
        queue.contains(&addr.0) || addr.0 & !7 == self.flag.0
    }

    fn mask(&self) -> u64 {
        (1 << self.log2) - 1
    }

    fn entry(&self, index: u64) -> Spa {
        Spa(self.base.0 + index * COMMAND_BYTES)
    }

    /// Puts commands into the queue, and rings. They may be carried out in any order, at any time from now.
    pub(super) fn send(
        &mut self,
        machine: &mut dyn Machine,
        options: &Options,
        commands: &[Command],
    ) -> Result<(), ApiError> {
        for command in commands {
            if (self.tail + 1) & self.mask() == self.head {
                self.head = machine.read_register(reg::CQH, 4)?;
            }
            if (self.tail + 1) & self.mask() == self.head {
                machine.write_register(reg::CQT, 4, self.tail)?;
                let (tail, mask) = (self.tail, self.mask());
                let head = &mut self.head;
                wait_for(machine, options, "room in the command queue", |m| {
                    check(m)?;
                    *head = m.read_register(reg::CQH, 4)?;
                    Ok((tail + 1) & mask != *head)
                })?;
            }
            let entry = self.entry(self.tail);
            machine.store(entry, command.0[0])?;
            machine.store(Spa(entry.0 + 8), command.0[1])?;
            self.tail = (self.tail + 1) & self.mask();
            self.sent += 1;
        }
        machine.write_register(reg::CQT, 4, self.tail)?;
        Ok(())
    }

    /// Sends commands and a fence, and waits for it: on success all of them have been completed.
    pub(super) fn complete(
        &mut self,
        machine: &mut dyn Machine,
        options: &Options,
        commands: &[Command],
    ) -> Result<(), ApiError> {
        let result = self.complete_strictly(machine, options, commands);
        match result {
            Err(ApiError::Timeout { .. } | ApiError::CommandFailed { .. })
                if options.quirks.has(Quirk::IgnoreCommandErrors) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    fn complete_strictly(
        &mut self,
        machine: &mut dyn Machine,
        options: &Options,
        commands: &[Command],
    ) -> Result<(), ApiError> {
        let ordered = !options.quirks.has(Quirk::UnorderedFence);
        self.sequence = self.sequence.wrapping_add(1);
        let flag = match options.completion {
            Completion::Memory => Some((self.flag.0, self.sequence)),
            Completion::Head => None,
        };
        let mut batch = Vec::with_capacity(commands.len() + 1);
        batch.extend_from_slice(commands);
        self.unfenced.extend_from_slice(commands);
        batch.push(Command::fence(ordered, flag));
        self.send(machine, options, &batch)?;
        let (tail, flag_at, sequence) = (self.tail, self.flag, u64::from(self.sequence));
        let fence = tail.wrapping_sub(1) & self.mask();
        let mut polls = 0;
        wait_for(machine, options, "IOFENCE.C", |m| {
            let done = match options.completion {
                Completion::Memory => m.load(flag_at)? & 0xffff_ffff == sequence,
                Completion::Head => m.read_register(reg::CQH, 4)? == tail,
            };
            polls += 1;
            if !done && polls % POLLS_PER_CHECK == 0 {
                check(m)?;
            }
            Ok(done)
        })?;
        // The number of a fence may show in memory before `cqh` has passed the fence. A full queue whose head is taken
        // to be further than it is looks like an empty one as soon as the head is read.
        self.head = match options.completion {
            Completion::Memory => fence,
            Completion::Head => tail,
        };
        self.unfenced.clear();
        Ok(())
    }

    /// Sets a stopped queue going again. The command that stopped it is replaced by a fence without effect: whoever
    /// sent it has been told of the error. `None` if the queue was not stopped.
    ///
    /// "Software should resubmit the commands submitted since the last IOFENCE.C that successfully completed" (section
    /// "Command-queue CSR"): those of the driver itself are sent again. Whoever sends raw commands has to do so too.
    pub(super) fn recover(
        &mut self,
        machine: &mut dyn Machine,
        options: &Options,
    ) -> Result<Option<CommandFault>, ApiError> {
        let cqcsr = machine.read_register(reg::CQCSR, 4)?;
        let errors = cqcsr & reg::CQCSR_ERRORS;
        if errors == 0 {
            return Ok(None);
        }
        let head = machine.read_register(reg::CQH, 4)? & self.mask();
        let entry = self.entry(head);
        let command = Command([machine.load(entry)?, machine.load(Spa(entry.0 + 8))?]);
        if errors & reg::CQCSR_CMD_TO == 0 {
            let nothing = Command::fence(false, None);
            machine.store(entry, nothing.0[0])?;
            machine.store(Spa(entry.0 + 8), nothing.0[1])?;
        }
        wait_for(machine, options, "cqcsr.busy", |m| Ok(m.read_register(reg::CQCSR, 4)? & reg::QUEUE_BUSY == 0))?;
        machine.write_register(reg::CQCSR, 4, self.enable | errors)?;
        machine.write_register(reg::IPSR, 4, reg::IPSR_CIP)?;
        let tail = self.tail;
        wait_for(machine, options, "the command queue to run again", |m| Ok(m.read_register(reg::CQH, 4)? == tail))?;
        self.head = tail;
        let mut again = std::mem::take(&mut self.unfenced);
        again.retain(|sent| *sent != command);
        if !again.is_empty() {
            self.complete(machine, options, &again)?;
        }
        Ok(Some(CommandFault { cqcsr, head, command }))
    }
}

/// Fails if the queue has stopped.
fn check(machine: &mut dyn Machine) -> Result<(), ApiError> {
    let cqcsr = machine.read_register(reg::CQCSR, 4)?;
    if cqcsr & reg::CQCSR_ERRORS == 0 {
        return Ok(());
    }
    Err(ApiError::CommandFailed { cqcsr, head: machine.read_register(reg::CQH, 4)? })
}
