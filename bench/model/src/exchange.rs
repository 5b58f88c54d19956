// SPDX-License-Identifier: Apache-2.0
//! AtomicCompare on `ptw_*` (AXI5): how the model changes a word that it has read, if nobody else has changed it since.

use events::QosIds;

use super::write::{Write, Writer};

/// A word of 4 or 8 bytes and what it is to become. Values are little-endian images of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exchange {
    /// Address, aligned to the word
    pub addr: u64,
    /// 4 or 8
    pub bytes: u8,
    /// What memory has to hold
    pub old: u64,
    /// What it holds then
    pub new: u64,
}

/// An exchange that memory has answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exchanged {
    /// Who asked for it
    pub tag: u8,
    /// What was asked
    pub exchange: Exchange,
    /// The doubleword that memory held, and the response
    pub found: (u64, u8),
    /// Invalidations that had been executed when it was sent
    pub epoch: u64,
}

impl Exchange {
    /// The burst: whichever half of the block the address points to is the word. There the lower half has the compare
    /// value first, the upper half the swap value (IHI 0022H E1.1).
    pub(super) fn write(&self, tag: u8, ids: QosIds) -> Write {
        let mut beats = [(0, 0xff); 4];
        let upper = self.addr & u64::from(self.bytes) != 0;
        let (first, second) = if upper { (self.new, self.old) } else { (self.old, self.new) };
        let len = if self.bytes == 4 {
            beats[0].0 = first & 0xffff_ffff | second << 32;
            1
        } else {
            (beats[0].0, beats[1].0) = (first, second);
            2
        };
        Write { writer: Writer::Exchange(tag), addr: self.addr, size: 3, beats, len, ids: Some(ids) }
    }

    /// `AWBURST`: WRAP to the upper half of the block, INCR to the lower one.
    pub(super) fn burst(write: &Write) -> u8 {
        let bytes = if write.len == 1 { 4 } else { 8 };
        if write.addr & bytes != 0 { 2 } else { 1 }
    }
}

impl Exchanged {
    /// Memory held what it had to hold, and holds the new value now.
    pub(super) fn is_done(&self) -> bool {
        self.found.1 <= 1 && self.narrow(self.found.0) == self.narrow_value(self.exchange.old)
    }

    /// The doubleword as memory held it after the exchange.
    pub(super) fn doubleword(&self) -> u64 {
        if !self.is_done() {
            return self.found.0;
        }
        let Exchange { addr, bytes, new, .. } = self.exchange;
        if bytes == 8 {
            return new;
        }
        let shift = 8 * (addr & 4);
        self.found.0 & !(0xffff_ffff << shift) | (new & 0xffff_ffff) << shift
    }

    fn narrow(&self, doubleword: u64) -> u64 {
        self.narrow_value(if self.exchange.bytes == 4 {
            doubleword >> (8 * (self.exchange.addr & 4))
        } else {
            doubleword
        })
    }

    fn narrow_value(&self, value: u64) -> u64 {
        if self.exchange.bytes == 4 { value & 0xffff_ffff } else { value }
    }
}
