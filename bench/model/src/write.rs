// SPDX-License-Identifier: Apache-2.0
//! Writes on `ptw_*`: who asks for one, and its beats.

use boundary::WriteData;
use events::QosIds;

/// Doublewords in a write burst at most: a fault record.
const MAX_BEATS: usize = 4;
/// First ID of atomics: none of them may be in use by anything else (IHI 0022H E1.1).
pub(super) const EXCHANGES: u8 = 0x80;

/// Who asked for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// The fault queue
    Fault,
    /// A fence
    Fence,
    /// An interrupt as a message
    Message,
    /// The pending bit of an MSI, without an atomic
    Pending,
    /// The notice of an MSI that was stored
    Notice,
    /// Whoever this tag stands for: an AtomicCompare
    Exchange(u8),
    /// The page-request queue
    Page,
    /// Nobody: an illegal habit
    Nobody,
}

/// A write burst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    /// Who asked
    pub writer: Writer,
    /// Address of the first beat
    pub addr: u64,
    /// `AWSIZE`
    pub size: u8,
    /// Data and strobes by beat
    pub beats: [(u64, u8); MAX_BEATS],
    /// How many of them
    pub len: u8,
    /// Its QoS IDs; none: those of the register
    pub ids: Option<QosIds>,
}

impl Writer {
    /// `AWID`.
    pub(super) const fn id(self) -> u8 {
        match self {
            Self::Fault => 0x40,
            Self::Fence => 0x41,
            Self::Nobody => 0x42,
            Self::Message => 0x43,
            Self::Notice => 0x44,
            Self::Page => 0x45,
            Self::Pending => 0x46,
            Self::Exchange(tag) => EXCHANGES + tag,
        }
    }
}

impl Write {
    /// Its beat with this number.
    pub(super) fn beat(&self, at: u8) -> WriteData {
        let (data, strb) = self.beats[usize::from(at)];
        WriteData { valid: true, data, strb, last: at + 1 == self.len }
    }
}
