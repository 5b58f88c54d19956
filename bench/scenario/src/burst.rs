// SPDX-License-Identifier: Apache-2.0
//! Shapes of DMA transactions: what AXI allows, in the words of scenarios.

use events::{Attributes, Burst, FIXED, INCR, WRAP};
use schemars::JsonSchema;
use serde::Deserialize;

use super::step::Dma;

/// How the addresses of a burst's beats go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BurstKind {
    /// They ascend
    #[default]
    Incr,
    /// All beats are at one address
    Fixed,
    /// They ascend to the end of an aligned block, and go on at its beginning
    Wrap,
}

/// Which bursts a stream makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shapes {
    /// Ascending bursts of whole doublewords
    #[default]
    Doublewords,
    /// All that AXI allows: INCR, FIXED and WRAP, beats of 1 to 8 bytes, from any address
    Any,
}

impl Dma {
    /// The shape of its burst. Whether AXI allows it at its address, [`Burst::check`] tells.
    pub fn burst(&self) -> Burst {
        let bytes = u64::from(self.beat_bytes.value).max(1);
        let size = bytes.trailing_zeros() as u8;
        let start = self.address().map_or(0, |address| address.0);
        let (kind, unaligned) = match self.burst {
            // The first beat ends where the second one begins: at a multiple of its size.
            BurstKind::Incr => (INCR, start % bytes),
            BurstKind::Fixed => (FIXED, 0),
            BurstKind::Wrap => (WRAP, 0),
        };
        let beats = self.bytes.0.saturating_add(unaligned).div_ceil(bytes).clamp(1, 256);
        Burst { len: (beats - 1) as u8, size, kind }
    }

    /// The byte lanes that a beat of a write uses: those of its shape, but none behind the last byte.
    pub fn strobes(&self, beat: u16) -> u8 {
        let (burst, start) = (self.burst(), self.address().map_or(0, |address| address.0));
        let lanes = burst.lanes(start, beat);
        let end = start.wrapping_add(self.bytes.0);
        let aligned = burst.beat_address(start, beat) & !7;
        match (burst.kind, end.wrapping_sub(aligned)) {
            (INCR, left @ 0..8) => lanes & ((1_u16 << left) - 1) as u8,
            _ => lanes,
        }
    }

    /// `AxLOCK`, `AxCACHE` and `AxQOS`, if the step says any of them.
    pub fn attributes(&self) -> Option<Attributes> {
        /// Normal, not cached, not bufferable
        const CACHE: u8 = 0b0010;
        let given = self.exclusive || self.cache.is_some() || self.qos.is_some();
        given.then(|| Attributes {
            lock: self.exclusive,
            cache: self.cache.map_or(CACHE, |cache| cache.value),
            qos: self.qos.map_or(0, |qos| qos.value),
        })
    }
}
