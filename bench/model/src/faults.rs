// SPDX-License-Identifier: Apache-2.0
//! The fault queue (section "Fault/Event-Queue").

use std::collections::VecDeque;

use golden::FaultRecord;

use super::habit::{Habit, Nature};
use super::ptw::Ptw;
use super::record_queue::{Errors, RecordQueue};
use super::write::{Write, Writer};

/// Records that wait for the queue at most; then refusals wait.
const ROOM: usize = 8;

/// The queue's engine.
#[derive(Clone, Debug)]
pub(super) struct FaultQueue {
    nature: Nature,
    waiting: VecDeque<FaultRecord>,
    /// Walkers that wait for room, in the order in which they came
    line: VecDeque<usize>,
    writing: bool,
    /// The tail has moved for the record that is being written: a habit
    counted: bool,
}

impl FaultQueue {
    pub(super) fn new(nature: Nature) -> Self {
        Self {
            nature,
            waiting: VecDeque::with_capacity(2 * ROOM),
            line: VecDeque::new(),
            writing: false,
            counted: false,
        }
    }

    /// Takes another record.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < ROOM
    }

    /// Takes another record of this walker. One that finds no room stands in line: where walkers came by their numbers, the
    /// last of them would find none for as long as the others fill it.
    pub(super) fn has_room_for(&mut self, walker: usize) -> bool {
        let ahead = self.line.iter().position(|other| *other == walker).unwrap_or_else(|| {
            self.line.push_back(walker);
            self.line.len() - 1
        });
        let has_room = self.waiting.len() + ahead < ROOM;
        if has_room {
            self.leave(walker);
        }
        has_room
    }

    /// A walker waits for no room.
    pub(super) fn leave(&mut self, walker: usize) {
        self.line.retain(|other| *other != walker);
    }

    /// A fault is to be reported.
    pub(super) fn report(&mut self, record: FaultRecord) {
        if self.nature.has(Habit::FaultLost) {
            return;
        }
        self.waiting.push_back(record);
        if self.nature.has(Habit::FaultTwice) {
            self.waiting.push_back(record);
        }
    }

    /// Nothing waits and nothing is being written.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.writing
    }

    /// The write of a record was answered. True when the record is in the queue.
    pub(super) fn written(&mut self, resp: u8, queue: &mut RecordQueue) -> bool {
        self.writing = false;
        if resp > 1 && !self.nature.has(Habit::FaultWriteErrorHidden) {
            self.counted = false;
            queue.refused();
            return false;
        }
        if !self.nature.has(Habit::FaultTailEarly) && !std::mem::take(&mut self.counted) {
            queue.advance();
        }
        true
    }

    /// One cycle. Addresses have `pas` bits; `be`: records are big-endian.
    pub(super) fn step(&mut self, queue: &mut RecordQueue, pas: u32, be: bool, ptw: &mut Ptw) {
        queue.switch(self.writing);
        if self.writing {
            if self.nature.has(Habit::FaultTailUnanswered) && !self.counted && ptw.has_sent(Writer::Fault) {
                self.counted = true;
                queue.advance();
            }
            return;
        }
        let Some(record) = self.waiting.pop_front() else { return };
        let has = |habit| self.nature.has(habit);
        let errors = Errors {
            full_ignored: has(Habit::OverflowIgnored),
            overflow_hidden: has(Habit::OverflowHidden),
            overflow_forgotten: has(Habit::RecordsDespiteOverflow),
            fault_forgotten: has(Habit::RecordsDespiteMemoryFault),
        };
        let Ok(addr) = queue.place(32, pas, errors) else { return };
        let beats = record.encode().map(|word| (if be { word.swap_bytes() } else { word }, 0xff));
        ptw.write(Write { writer: Writer::Fault, addr, size: 3, beats, len: 4, ids: None });
        self.writing = true;
        if self.nature.has(Habit::FaultTailEarly) {
            queue.advance();
        }
    }
}
