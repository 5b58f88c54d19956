// SPDX-License-Identifier: Apache-2.0
//! How the driver programs the IOMMU: policies, bounds, and the bugs that can be switched on.

use std::ops::{Range, RangeInclusive};

use golden::Spa;
use serde::{Deserialize, Serialize};

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

/// Bugs, to be switched on for negative controls. Each is one that was made in earnest, in the reviewed patch or
/// elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Quirks {
    /// A change of a device context is not synchronised at all
    pub skip_attach_sync: bool,
    /// A change of a device context is synchronised, but no translation is flushed, whatever the policy
    pub skip_attach_flush: bool,
    /// `unmap` clears the entries and flushes nothing
    pub skip_unmap_flush: bool,
    /// `unmap` on a nest parent flushes only where a device is attached to the parent itself
    pub skip_nested_unmap_flush: bool,
    /// `unmap` on a nest parent leaves device contexts cached that hold the translated root of a guest
    pub skip_root_iodir: bool,
    /// First-stage invalidations of guests lack `GV` and reach only host entries
    pub flush_without_gv: bool,
    /// No `IOTINVAL.GVMA` is ever sent
    pub skip_gvma: bool,
    /// PSCID and GSCID go back into their pools without a flush
    pub skip_release_flush: bool,
    /// Tables are freed before their flush
    pub free_before_flush: bool,
    /// A command queue that fails or does not finish counts as done
    pub ignore_command_errors: bool,
    /// Fences lack `PR` and `PW`
    pub unordered_fence: bool,
    /// A new context is written with V in the first store
    pub valid_first: bool,
    /// The old bond is unlinked before the new one is there: if that fails, the device still translates, but gets no
    /// invalidations
    pub unlink_first: bool,
    /// A nested domain takes the second stage from the live context of a device at allocation
    pub snapshot_second_stage: bool,
    /// The context that a guest gives is not checked
    pub unchecked_context: bool,
    /// Commands of a guest are passed on as they are
    pub unchecked_invalidations: bool,
    /// A PSCID is lost when an allocation fails after it
    pub leak_pscid: bool,
    /// Detaching leaves the domain referenced
    pub keep_reference: bool,
    /// A nested domain gets a root and a PSCID of its own, which nothing uses
    pub nested_allocates: bool,
    /// Domains of user space are freed by a function of their own, which forgets the identifiers
    pub second_free: bool,
    /// `map` on a nested domain is accepted, and maps in the parent
    pub map_on_nested: bool,
    /// Flags are looked at after everything else
    pub late_flags: bool,
    /// Dirty tracking is accepted, though nothing tracks
    pub accept_dirty_tracking: bool,
    /// [`super::NEST_PARENT`] is accepted and has no effect
    pub ignore_nest_parent: bool,
    /// Domains are allocated by what some other IOMMU can do
    pub foreign_capabilities: bool,
    /// Each domain that user space asks for is a second stage
    pub user_second_stage: bool,
    /// The root is allocated with one page, freed, and allocated again with as many as it needs, wherever they lie
    pub root_twice: bool,
    /// The context of a guest may have any length: what lacks is zero, what is too much is left out
    pub unchecked_length: bool,
    /// The allocation of a nested domain writes to where user space wants events
    pub event_pointer: bool,
    /// A change of a process context is not synchronised
    pub skip_process_sync: bool,
    /// A change of an MSI page table is not flushed
    pub skip_msi_flush: bool,
    /// The context of a guest is kept once for all nested domains on a parent: the last one counts
    pub context_per_parent: bool,
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
