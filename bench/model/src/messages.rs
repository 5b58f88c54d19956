// SPDX-License-Identifier: Apache-2.0
//! Interrupts as messages (sections "Interrupt pending status register" and "MSI configuration table").

use golden::{Cause, FaultHead, FaultRecord, Icvec, Ipsr};

use super::faults::FaultQueue;
use super::habit::{Habit, Nature};
use super::ptw::Ptw;
use super::write::{Write, Writer};

/// Vectors, and so entries of `msi_cfg_tbl`
const VECTORS: usize = 16;
/// Bits 55:2 of `msi_addr`
const ADDR: u64 = 0x00ff_ffff_ffff_fffc;

/// An entry of `msi_cfg_tbl`.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    addr: u64,
    data: u32,
    masked: bool,
    /// A message was due while masked
    pending: bool,
}

/// The table, and what was announced.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    nature: Nature,
    entries: [Entry; VECTORS],
    /// Bits of `ipsr` whose transition to 1 has been taken notice of
    announced: u32,
    /// Messages on their way: their addresses
    sent: std::collections::VecDeque<u64>,
    /// Messages since reset
    count: u64,
}

impl Messages {
    pub(super) fn new(nature: Nature) -> Self {
        let sent = std::collections::VecDeque::with_capacity(VECTORS);
        Self { nature, entries: [Entry::default(); VECTORS], announced: 0, sent, count: 0 }
    }

    /// No message is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.sent.is_empty()
    }

    /// The doubleword at this offset into the table.
    pub(super) fn read(&self, at: u16) -> u64 {
        let entry = &self.entries[usize::from(at / 16) % VECTORS];
        if at & 8 == 0 { entry.addr } else { u64::from(entry.data) | u64::from(entry.masked) << 32 }
    }

    /// Writes the bits of `mask` in the doubleword at this offset.
    pub(super) fn write(&mut self, at: u16, data: u64, mask: u64) {
        let new = self.read(at) & !mask | data & mask;
        let entry = &mut self.entries[usize::from(at / 16) % VECTORS];
        if at & 8 == 0 {
            entry.addr = new & ADDR;
        } else {
            entry.data = new as u32;
            entry.masked = new >> 32 & 1 == 1;
        }
    }

    /// Software cleared these bits of `ipsr`: where the condition holds, the next transition follows at once.
    pub(super) fn cleared(&mut self, bits: u32) {
        self.announced &= !bits;
    }

    /// One cycle: each transition of a pending bit is a message, unless interrupts are wires.
    pub(super) fn step(
        &mut self,
        ipsr: Ipsr,
        icvec: Icvec,
        wires: bool,
        highest: u64,
        ptw: &mut Ptw,
        faults: &mut FaultQueue,
    ) {
        let news = ipsr.0 & !self.announced;
        self.announced = ipsr.0;
        if wires && !self.nature.has(Habit::MessageDespiteWires) {
            return;
        }
        for (bit, vector) in [icvec.civ(), icvec.fiv(), icvec.pmiv(), icvec.piv()].into_iter().enumerate() {
            if news >> bit & 1 == 1 {
                self.raise(usize::from(vector), highest, ptw, faults);
            }
        }
        for vector in 0..VECTORS {
            if self.entries[vector].pending && !self.entries[vector].masked {
                self.entries[vector].pending = false;
                if !self.nature.has(Habit::MessagePendingLost) {
                    self.send(vector, highest, ptw, faults);
                }
            }
        }
    }

    fn raise(&mut self, vector: usize, highest: u64, ptw: &mut Ptw, faults: &mut FaultQueue) {
        self.count += 1;
        let entry = &mut self.entries[vector];
        if entry.masked && !self.nature.has(Habit::MessageIgnoresMask) {
            entry.pending = true;
            return;
        }
        if self.nature.has(Habit::MessageLost) && self.count.is_multiple_of(2) {
            return;
        }
        self.send(vector, highest, ptw, faults);
        if self.nature.has(Habit::MessageTwice) {
            self.send(vector, highest, ptw, faults);
        }
    }

    fn send(&mut self, vector: usize, highest: u64, ptw: &mut Ptw, faults: &mut FaultQueue) {
        let vector = if self.nature.has(Habit::MessageWrongVector) { vector ^ 1 } else { vector };
        let Entry { addr, mut data, .. } = self.entries[vector];
        if addr > highest {
            faults.report(access_fault(addr));
            return;
        }
        if self.nature.has(Habit::MessageWrongData) {
            data = data.swap_bytes();
        }
        let (mut lanes, mut size) = if addr & 4 == 0 { (0x0f, 2) } else { (0xf0, 2) };
        if self.nature.has(Habit::MessageWide) {
            (lanes, size) = (0xff, 3);
        }
        let mut beats = [(0, 0); 4];
        beats[0] = (u64::from(data) << (8 * (addr & 4)), lanes);
        let start = if size == 3 { addr & !7 } else { addr };
        ptw.write(Write { writer: Writer::Message, addr: start, size, beats, len: 1, ids: None });
        self.sent.push_back(addr);
    }

    /// Memory has answered the oldest message.
    pub(super) fn answered(&mut self, resp: u8, faults: &mut FaultQueue) {
        let Some(addr) = self.sent.pop_front() else { return };
        if resp > 1 && !self.nature.has(Habit::MessageFaultLost) {
            faults.report(access_fault(addr));
        }
    }
}

/// "Cause 273 … with TTYP set to 0 and iotval set to the value of `msi_addr_x`".
fn access_fault(addr: u64) -> FaultRecord {
    FaultRecord { head: FaultHead(0).with_cause(Cause::MsiWriteAccessFault.code()), iotval: addr, iotval2: 0 }
}
