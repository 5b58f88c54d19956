// SPDX-License-Identifier: Apache-2.0
//! The shape of a burst: addresses and byte lanes of its beats.

/// `AxBURST` of a FIXED burst: all beats at one address.
pub const FIXED: u8 = 0;
/// `AxBURST` of an INCR burst: ascending addresses.
pub const INCR: u8 = 1;
/// `AxBURST` of a WRAP burst: ascending within an aligned block.
pub const WRAP: u8 = 2;

/// The shape of an AXI burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Burst {
    /// Beats minus one
    pub len: u8,
    /// log2 of bytes in a beat
    pub size: u8,
    /// 0 FIXED, 1 INCR, 2 WRAP
    pub kind: u8,
}

impl Burst {
    /// An INCR burst of this many 8-byte beats, 1 to 256; a number outside counts as the nearest.
    #[must_use]
    pub const fn incr(beats: u16) -> Self {
        let len = match beats {
            0 => 0,
            1..=256 => (beats - 1) as u8,
            _ => 255,
        };
        Self { len, size: 3, kind: INCR }
    }

    /// Number of beats, 1 to 256.
    #[must_use]
    pub const fn beats(self) -> u16 {
        self.len as u16 + 1
    }

    /// Bytes in a beat: 1, 2, 4, … 128. Sizes over 7 do not exist on the wires, and count as 7.
    #[must_use]
    pub const fn beat_bytes(self) -> u64 {
        1 << if self.size > 7 { 7 } else { self.size }
    }

    /// Bytes in the whole burst, as if its start were aligned.
    #[must_use]
    pub const fn total_bytes(self) -> u64 {
        self.beat_bytes() * self.beats() as u64
    }

    /// Address of beat `beat` of a burst that starts at `start` (IHI 0022H A3.4.1). The first beat of an unaligned
    /// burst has the unaligned address.
    #[must_use]
    pub const fn beat_address(self, start: u64, beat: u16) -> u64 {
        let bytes = self.beat_bytes();
        if beat == 0 || self.kind == FIXED {
            return start;
        }
        let linear = (start & !(bytes - 1)).wrapping_add(beat as u64 * bytes);
        if self.kind != WRAP {
            return linear;
        }
        // A legal WRAP burst has a power of two of bytes; anything else was refused before.
        let block = self.total_bytes().next_power_of_two();
        (start & !(block - 1)) | (linear & (block - 1))
    }

    /// The byte lanes of beat `beat` on a 64-bit bus (IHI 0022H A3.4.3).
    #[must_use]
    pub const fn lanes(self, start: u64, beat: u16) -> u8 {
        let bytes = self.beat_bytes();
        let addr = self.beat_address(start, beat);
        if bytes >= 8 {
            return 0xff << (addr & 7);
        }
        let first = addr & 7;
        let end = (addr & !(bytes - 1) & 7) + bytes;
        ((0xff_u16 << first) as u8) & ((1_u16 << end) - 1) as u8
    }
}
