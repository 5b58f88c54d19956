// SPDX-License-Identifier: Apache-2.0
//! How the fabric behaves: latency, order, stalls, errors.

use std::ops::RangeInclusive;

use golden::{DeviceId, Spa};

/// Behaviour of everything around the device under test. The same configuration and the same seed give the same
/// run, to the beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusConfig {
    /// Memory behind `mem_*`
    pub mem: PortTiming,
    /// Memory behind `ptw_*`
    pub ptw: PortTiming,
    /// Devices on `dev_*`
    pub dev: DeviceTiming,
    /// Devices on `ats_*`
    pub ats: AtsTiming,
    /// How often software holds a ready low, or delays AW against W, on `reg_*`, in percent of the cycles
    pub reg_stall_percent: u8,
    /// Addresses that answer with an error
    pub faults: Vec<FaultRange>,
    /// What unwritten memory reads as
    pub fill: Fill,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            mem: PortTiming::default(),
            ptw: PortTiming::default(),
            dev: DeviceTiming::default(),
            ats: AtsTiming::default(),
            reg_stall_percent: 10,
            faults: Vec::new(),
            fill: Fill::Zero,
        }
    }
}

/// Timing of one memory port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortTiming {
    /// Cycles from the acceptance of a read to its first beat, and from the last W beat to B; drawn for each
    /// transaction, and at least 1. The value leaves memory at some cycle within: the rest is its way back.
    pub latency: RangeInclusive<u32>,
    /// Transactions with different IDs may overtake each other
    pub reorder: bool,
    /// R beats of bursts with different IDs may alternate
    pub interleave: bool,
    /// How often a ready is low, or a response that is due waits, in percent of the cycles. 100 stops the port.
    pub stall_percent: u8,
    /// A ready waits for its valid, as AXI allows (IHI 0022H A3.2.1)
    pub ready_after_valid: bool,
    /// Transactions that the port holds at a time, for each direction
    pub outstanding: usize,
}

impl Default for PortTiming {
    fn default() -> Self {
        Self {
            latency: 4..=20,
            reorder: true,
            interleave: false,
            stall_percent: 10,
            ready_after_valid: false,
            outstanding: 32,
        }
    }
}

/// Timing of the devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTiming {
    /// How often `bready` and `rready` are high, in percent of the cycles. 0 never takes a response.
    pub ready_percent: u8,
    /// How often a device that has something to send lets a cycle pass, in percent of the cycles
    pub gap_percent: u8,
    /// Cycles from the first cycle of AW to the first W beat of the same burst. Counted from AWVALID and not from
    /// the handshake: a manager may not wait for AWREADY before it drives W (A3.3.1).
    pub write_lag: RangeInclusive<u32>,
    /// Transactions under way at a time, for each direction
    pub outstanding: usize,
}

impl Default for DeviceTiming {
    fn default() -> Self {
        Self { ready_percent: 90, gap_percent: 10, write_lag: 0..=3, outstanding: 32 }
    }
}

/// Timing of the devices that have an address translation cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtsTiming {
    /// How often a device takes a message that it is shown, in percent of the cycles
    pub ready_percent: u8,
    /// How often a device that has a message to send lets a cycle pass, in percent of the cycles
    pub gap_percent: u8,
    /// Translation requests under way at a time
    pub outstanding: usize,
    /// Cycles from an invalidation request to its completion, at least; those of a device come in any order
    pub answer: RangeInclusive<u32>,
    /// How often an invalidation request is never completed, in percent
    pub silent_percent: u8,
    /// How often an invalidation request is completed by several messages, in percent
    pub split_percent: u8,
    /// Devices that answer invalidation requests in ways of their own
    pub own: Vec<(DeviceId, Answering)>,
}

/// How a device answers invalidation requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// Cycles from a request to its completion, at least; the completions of a device come in any order
    pub after: RangeInclusive<u32>,
    /// Each request is completed by several messages
    pub splits: bool,
    /// So many requests, from the first one on, are never completed
    pub silent: u32,
    /// Before it completes what it was asked for, the same ITag is completed in the name of another device
    pub strays: bool,
}

impl Default for AtsTiming {
    fn default() -> Self {
        Self {
            ready_percent: 90,
            gap_percent: 10,
            outstanding: 16,
            answer: 5..=100,
            silent_percent: 0,
            split_percent: 0,
            own: Vec::new(),
        }
    }
}

/// What memory holds that nobody has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// Zeros
    #[default]
    Zero,
    /// A hash of seed and address: what a walk into unwritten memory finds looks like data
    Seeded(u64),
}

/// Which error an address range answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// SLVERR. A read beat carries what memory holds, so that a device that ignores the response goes on with
    /// plausible data; a write beat is dropped.
    SlvErr,
    /// DECERR: nobody is there. A read beat carries all ones, a write beat is dropped.
    DecErr,
    /// The data are damaged: a read brings the complement of what memory holds, with `RPOISON` where the device under
    /// test has ports for that, and with SLVERR where not. Writing a whole aligned doubleword heals it.
    Poison,
}

/// Which accesses an address range refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultOn {
    /// Reads
    Read,
    /// Writes
    Write,
    /// Both
    Both,
}

/// On which ports an address range refuses accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultPort {
    /// Translated DMA
    Mem,
    /// Implicit accesses
    Ptw,
    /// Both
    Both,
}

/// Addresses that answer with an error, beat by beat: a beat fails if its doubleword overlaps the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultRange {
    /// First byte
    pub start: Spa,
    /// Length in bytes
    pub bytes: u64,
    /// The error
    pub kind: FaultKind,
    /// Refused accesses. [`FaultKind::Poison`] never refuses writes.
    pub on: FaultOn,
    /// Ports concerned
    pub port: FaultPort,
}

impl FaultRange {
    /// Whether the range touches the aligned doubleword at `addr`.
    pub(super) fn touches(&self, addr: u64) -> bool {
        let first = addr & !7;
        let end = self.start.0.saturating_add(self.bytes);
        self.bytes != 0 && first < end && (first | 7) >= self.start.0
    }
}
