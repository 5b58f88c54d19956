// SPDX-License-Identifier: Apache-2.0
//! The shape of a burst: addresses and byte lanes of its beats.

/// `AxBURST` of a FIXED burst: all beats at one address.
pub const FIXED: u8 = 0;
/// `AxBURST` of an INCR burst: ascending addresses.
pub const INCR: u8 = 1;
/// `AxBURST` of a WRAP burst: ascending within an aligned block.
pub const WRAP: u8 = 2;

/// What AXI forbids of a burst on a 64-bit bus: each says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalBurst {
    /// Reserved `AxBURST`
    #[error("FIXED, INCR or WRAP")]
    Kind,
    /// `AxSIZE` over the width of the bus
    #[error("at most 8 bytes in a beat")]
    Size,
    /// Long FIXED burst
    #[error("at most 16 beats in a FIXED burst")]
    FixedLength,
    /// Odd WRAP burst
    #[error("2, 4, 8 or 16 beats in a WRAP burst")]
    WrapLength,
    /// WRAP burst from an unaligned start
    #[error("a start that is aligned to the beat")]
    WrapAlignment,
    /// INCR burst over the edge of a page
    #[error("a burst within one 4 KiB page")]
    Boundary,
    /// Exclusive access of a number of bytes that is no power of two, or too large
    #[error("an exclusive access of a power of two of bytes, 128 at most, in 16 beats at most")]
    ExclusiveSize,
    /// Exclusive access from an unaligned start
    #[error("an exclusive access from a multiple of its bytes")]
    ExclusiveAlignment,
}

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

    /// Whether AXI allows this burst at `start` (IHI 0022H A3.4.1).
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub const fn check(self, start: u64) -> Result<(), IllegalBurst> {
        match self.kind {
            _ if self.size > 3 => Err(IllegalBurst::Size),
            FIXED if self.len > 15 => Err(IllegalBurst::FixedLength),
            WRAP if !matches!(self.len, 1 | 3 | 7 | 15) => Err(IllegalBurst::WrapLength),
            WRAP if start & (self.beat_bytes() - 1) != 0 => Err(IllegalBurst::WrapAlignment),
            INCR if (self.beat_address(start, self.len as u16) | (self.beat_bytes() - 1)) >> 12 != start >> 12 => {
                Err(IllegalBurst::Boundary)
            }
            FIXED | INCR | WRAP => Ok(()),
            _ => Err(IllegalBurst::Kind),
        }
    }

    /// Whether AXI allows it as an exclusive access (IHI 0022H A7.2.4).
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub const fn check_exclusive(self, start: u64) -> Result<(), IllegalBurst> {
        let bytes = self.total_bytes();
        if !bytes.is_power_of_two() || bytes > 128 || self.len > 15 {
            return Err(IllegalBurst::ExclusiveSize);
        }
        if start & (bytes - 1) == 0 { Ok(()) } else { Err(IllegalBurst::ExclusiveAlignment) }
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
