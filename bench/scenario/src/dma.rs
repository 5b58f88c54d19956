// SPDX-License-Identifier: Apache-2.0
//! Single DMA transactions.

use events::{Attributes, Burst, FIXED, INCR, WRAP};
use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::ats::Translated;
use super::burst::BurstKind;
use super::causes::Causes;
use super::scalar::{Number, Size};

/// A single DMA transaction that the next step waits for.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dma {
    /// The device that asks
    pub device: Option<At<String>>,
    /// Or a device_id that no device of the scenario has
    pub device_id: Option<At<Number>>,
    /// Reads here
    pub read: Option<At<Number>>,
    /// Or writes here
    pub write: Option<At<Number>>,
    /// Or fetches instructions here
    pub fetch: Option<At<Number>>,
    /// How many bytes, at most 2048: of all beats
    #[serde(default = "eight")]
    pub bytes: At<Size>,
    /// How the addresses of its beats go on
    #[serde(default)]
    pub burst: BurstKind,
    /// Bytes in a beat: 1, 2, 4 or 8
    #[serde(default = "whole_beats")]
    #[schemars(with = "u8", extend("enum" = [1, 2, 4, 8]))]
    pub beat_bytes: At<u8>,
    /// It is an exclusive access: AxLOCK
    #[serde(default)]
    pub exclusive: bool,
    /// AxCACHE, 0 to 15; default: any
    #[schemars(with = "Option<u8>", range(max = 15))]
    pub cache: Option<At<u8>>,
    /// AxQOS, 0 to 15; default: any
    #[schemars(with = "Option<u8>", range(max = 15))]
    pub qos: Option<At<u8>>,
    /// What a write holds from its address on, 8 bytes at most; default: anything
    pub data: Option<At<Number>>,
    /// The process_id, if the transaction has one
    pub process: Option<At<Number>>,
    /// A supervisor-privilege access: AxPROT[0], which means something only with a process_id
    #[serde(default)]
    pub privileged: bool,
    /// A translated request (PCIe ATS), and how it comes by its address; default: an untranslated one
    pub translated: Option<Translated>,
    /// What the device must see
    #[serde(default)]
    pub expect: Result,
    /// The cause that the fault record must have, or a list of those that it may have
    pub cause: Option<At<Causes>>,
}

fn eight() -> At<Size> {
    At::from(Size(8))
}

fn whole_beats() -> At<u8> {
    At::from(8)
}

/// What a device sees of its transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// Either; the oracle judges it all the same
    #[default]
    Any,
    /// It is done
    Ok,
    /// It is refused
    Fault,
    /// The device keeps no translation for it, and so does not make it (`translated: kept`)
    NotKept,
}

impl Dma {
    /// Where it reads, writes or fetches.
    pub fn address(&self) -> Option<&At<Number>> {
        [&self.read, &self.write, &self.fetch].into_iter().flatten().next()
    }

    /// How many beats its bytes need.
    pub fn beats(&self) -> u64 {
        let unit = u64::from(self.beat_bytes.value).max(1);
        let start = self.address().map_or(0, |address| address.0);
        // The first beat of an ascending burst ends where the second one begins: at a multiple of its size.
        let unaligned = if self.burst == BurstKind::Incr { start % unit } else { 0 };
        self.bytes.0.saturating_add(unaligned).div_ceil(unit)
    }

    /// The shape of its burst, of 1 to 256 beats. Whether AXI allows it at its address, [`Burst::check`] tells.
    pub fn burst(&self) -> Burst {
        let kind = match self.burst {
            BurstKind::Incr => INCR,
            BurstKind::Fixed => FIXED,
            BurstKind::Wrap => WRAP,
        };
        let size = self.beat_bytes.value.max(1).trailing_zeros() as u8;
        Burst { len: (self.beats().clamp(1, 256) - 1) as u8, size, kind }
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
