// SPDX-License-Identifier: Apache-2.0
//! How the driver programs the IOMMU: policies and bounds, and what the platform gives it.

use std::ops::{Range, RangeInclusive};

use golden::Spa;
use serde::{Deserialize, Serialize};

use super::quirk::Quirks;

/// How a device context is rewritten while traffic runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// In an order in which each fetch sees the old or the new context, whenever there is such an order
    #[default]
    Sequenced,
    /// As upstream Linux: V cleared, synchronised, rewritten, V set, synchronised
    Upstream,
    /// As the reviewed patch: everything flushed first, V cleared, synchronised, rewritten, V set
    Rfc,
}

/// When translations are flushed around a change of a device context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlushPolicy {
    /// At each change, keyed on the old context, as the specification's software guidelines say
    #[default]
    Spec,
    /// Not at attach. A tag is clean when it is handed out, since it is flushed when it is given back.
    Tags,
}

/// How the driver learns that a fence has completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completion {
    /// The fence stores a number (`AV`), which is polled in memory
    #[default]
    Memory,
    /// `cqh` is polled
    Head,
}

/// What the platform gives to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Memory that is the driver's alone: queues, directories, page tables, guest memory. It reads zero at the start.
    pub pool: Range<Spa>,
    /// log2 of the entries of the command queue, 1 to 16
    pub command_queue_log2: u8,
    /// log2 of the entries of the fault queue, 1 to 16
    pub fault_queue_log2: u8,
    /// log2 of the entries of the page-request queue, 1 to 16; there is none where the IOMMU has no ATS
    pub page_queue_log2: u8,
    /// Levels of the device directory, 1 to 3
    pub directory_levels: u8,
    /// PSCIDs that may be used
    pub pscids: RangeInclusive<u32>,
    /// GSCIDs that may be used
    pub gscids: RangeInclusive<u16>,
}

impl Resources {
    /// Usual sizes over a pool.
    pub fn with_pool(pool: Range<Spa>) -> Resources {
        Resources {
            pool,
            command_queue_log2: 6,
            fault_queue_log2: 7,
            page_queue_log2: 6,
            directory_levels: 3,
            pscids: 1..=0xf_ffff,
            gscids: 1..=0xffff,
        }
    }
}

/// How the driver goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Rewriting of contexts
    pub policy: Policy,
    /// Flushing around it
    pub flush: FlushPolicy,
    /// Completion of fences
    pub completion: Completion,
    /// Bound for a register or the command queue to do its part, in cycles
    pub bound: u64,
    /// Cycles between two polls
    pub poll: u64,
    /// Cycles that the handler of faults takes for itself once it has made room in the queue
    pub handler_pause: u64,
    /// Leaf entries up to which an unmap flushes page by page, and not the whole tag
    pub page_flushes: usize,
    /// What freed pages are overwritten with
    pub poison: Option<u64>,
    /// The allocation that fails, once: 1 is the first one of the driver, even before it runs
    pub fail_allocation: Option<u64>,
    /// Bugs
    pub quirks: Quirks,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            policy: Policy::default(),
            flush: FlushPolicy::default(),
            completion: Completion::default(),
            bound: 100_000,
            poll: 4,
            handler_pause: 0,
            page_flushes: 16,
            poison: None,
            fail_allocation: None,
            quirks: Quirks::default(),
        }
    }
}
