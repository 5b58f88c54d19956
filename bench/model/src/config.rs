// SPDX-License-Identifier: Apache-2.0
//! What a model is like: which caches it has, which liberties it takes, which habit.

use boundary::Groups;
use golden::{Choices, SpecVersion};

use super::Habit;
use super::dice::Dice;

/// Sizes of the caches in entries, 0 for none, and the liberties that an implementation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// Non-leaf entries of the device directory
    pub ddt_entries: usize,
    /// Device contexts
    pub device_contexts: usize,
    /// Non-leaf entries of process directories
    pub pdt_entries: usize,
    /// Process contexts
    pub process_contexts: usize,
    /// First-stage leaf PTEs
    pub first_leaves: usize,
    /// First-stage non-leaf PTEs
    pub first_pointers: usize,
    /// Second-stage leaf PTEs
    pub second_leaves: usize,
    /// Second-stage non-leaf PTEs
    pub second_pointers: usize,
    /// MSI PTEs
    pub msi: usize,
    /// Whole translations, from IOVA to SPA
    pub results: usize,
    /// Contexts hold their guest addresses translated: IODIR drops those translations, IOTINVAL does not
    pub held_pointers: bool,
    /// Entries are found by their tags alone, as in a TLB: whoever changes a root under the same tags without an
    /// invalidation may still see what was below the old one. Otherwise the address of the entry counts too.
    pub tagged: bool,
    /// How often a walk is followed by a speculative one for a page nearby, in percent
    pub prefetch_percent: u8,
    /// How often filling a cache throws out another entry for no reason, in percent
    pub evict_percent: u8,
    /// How often an invalidation drops an entry that it does not cover, in percent
    pub overkill_percent: u8,
    /// A walk waits for a read of the same entry that is on its way instead of sending its own
    pub merge: bool,
    /// How often, in percent of the cycles, a fetched command is executed; below 100 in any order between two fences
    pub eager_percent: u8,
    /// Commands read in one burst, 1 to 4
    pub command_burst: u8,
    /// A fence without PR and PW waits as one with both
    pub strict_fence: bool,
    /// An MSI for an interrupt file in memory is answered before it is stored
    pub post_msis: bool,
    /// Walks at a time, 1 to 64
    pub walkers: usize,
    /// Whole translations found by GSCID, PSCID and page alone: they outlive the context by which they were come to, and
    /// answer before MSI page table and roots are looked at
    pub keyed: usize,
    /// Whole translations in front of `results`, filled from there and dropped with them
    pub front: usize,
    /// An error answer on `ptw_*` is taken for corrupt data, not for an access fault
    pub errors_corrupt: bool,
    /// Commands that are not executed yet are aborted when the queue stops at an error
    pub abort_pending: bool,
    /// IODIR commands are not executed before a fence asks for it
    pub late_directory: bool,
    /// The last doubleword of an extended device context, which is reserved, is never read
    pub lazy_context: bool,
    /// A walk begins when its request is offered; the request is accepted up to so many cycles later. 0: it begins when
    /// the request was accepted, which is at once.
    pub early_cycles: u8,
    /// A and D bits of the first stage are set once the second stage has let the access through
    pub late_updates: bool,
    /// Where a read of a first-stage table sets A in a second-stage entry, it sets D as well
    pub dirty_tables: bool,
    /// Translation requests by software update neither A nor D
    pub debug_spares_updates: bool,
}

impl CacheConfig {
    /// No caches and no liberties: each request is walked from the root.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            ddt_entries: 0,
            device_contexts: 0,
            pdt_entries: 0,
            process_contexts: 0,
            first_leaves: 0,
            first_pointers: 0,
            second_leaves: 0,
            second_pointers: 0,
            msi: 0,
            results: 0,
            held_pointers: false,
            tagged: false,
            prefetch_percent: 0,
            evict_percent: 0,
            overkill_percent: 0,
            merge: false,
            eager_percent: 100,
            command_burst: 1,
            strict_fence: true,
            post_msis: false,
            walkers: 4,
            keyed: 0,
            front: 0,
            errors_corrupt: false,
            abort_pending: false,
            late_directory: false,
            lazy_context: false,
            early_cycles: 0,
            late_updates: false,
            dirty_tables: false,
            debug_spares_updates: false,
        }
    }

    /// The same caches, without the liberties that have nothing to do with their size.
    #[must_use]
    pub const fn strict(self) -> Self {
        Self {
            keyed: 0,
            front: 0,
            errors_corrupt: false,
            abort_pending: false,
            late_directory: false,
            lazy_context: false,
            early_cycles: 0,
            late_updates: false,
            dirty_tables: false,
            debug_spares_updates: false,
            ..self
        }
    }

    /// Everything is cached, and nothing is dropped without need: where a stale entry can show, it does.
    #[must_use]
    pub const fn large() -> Self {
        Self {
            ddt_entries: 64,
            device_contexts: 64,
            pdt_entries: 64,
            process_contexts: 64,
            first_leaves: 64,
            first_pointers: 64,
            second_leaves: 64,
            second_pointers: 64,
            msi: 16,
            results: 0,
            held_pointers: false,
            tagged: false,
            walkers: 8,
            ..Self::none()
        }
    }

    /// As [`Self::large`], with whole translations and translated pointers as well.
    #[must_use]
    pub const fn combined() -> Self {
        Self { results: 128, held_pointers: true, ..Self::large() }
    }

    /// Sizes and liberties at random. Entries are found by address and tags (`tagged` is off): turn it on to have the
    /// whole freedom of a TLB.
    #[must_use]
    pub fn happy(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0x6861_7070);
        let mut size = |most: usize| match dice.below(4) {
            0 => 0,
            1 => 1 + dice.below(3),
            _ => 1 + dice.below(most),
        };
        let mut config = Self {
            ddt_entries: size(8),
            device_contexts: size(8),
            pdt_entries: size(8),
            process_contexts: size(8),
            first_leaves: size(64),
            first_pointers: size(16),
            second_leaves: size(64),
            second_pointers: size(16),
            msi: size(8),
            results: size(64),
            ..Self::none()
        };
        config.held_pointers = dice.percent(50);
        config.prefetch_percent = if dice.percent(50) { dice.below(60) as u8 } else { 0 };
        config.evict_percent = if dice.percent(50) { dice.below(40) as u8 } else { 0 };
        config.overkill_percent = if dice.percent(50) { dice.below(40) as u8 } else { 0 };
        config.merge = dice.percent(50);
        config.eager_percent = if dice.percent(50) { 100 } else { 5 + dice.below(90) as u8 };
        config.command_burst = 1 + dice.below(4) as u8;
        config.strict_fence = dice.percent(30);
        config.walkers = 1 + dice.below(8);
        config.post_msis = dice.percent(50);
        // New draws come last, so that a seed keeps what it has.
        config.keyed = if dice.percent(40) { 1 + dice.below(64) } else { 0 };
        config.front = if dice.percent(40) { 1 + dice.below(8) } else { 0 };
        config.errors_corrupt = dice.percent(40);
        config.abort_pending = dice.percent(40);
        config.late_directory = dice.percent(40);
        config.lazy_context = dice.percent(40);
        config.early_cycles = if dice.percent(40) { 1 + dice.below(40) as u8 } else { 0 };
        config.late_updates = dice.percent(40);
        config.dirty_tables = dice.percent(40);
        config.debug_spares_updates = dice.percent(40);
        config
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self::none()
    }
}

/// What a model is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// Of everything that is left to chance
    pub seed: u64,
    /// Version of the specification
    pub version: SpecVersion,
    /// What the specification leaves to the implementation
    pub choices: Choices,
    /// Caches and liberties
    pub caches: CacheConfig,
    /// Optional ports that it has
    pub groups: Groups,
    /// What it does wrong
    pub habit: Option<Habit>,
}

impl ModelConfig {
    /// Newest specification, recommended choices, no caches, no habit.
    #[must_use]
    pub const fn plain(seed: u64) -> Self {
        let version = SpecVersion::V20260222;
        let choices = Choices::recommended(version);
        let groups = Groups { ats: true, poison: true, qos_ids: true };
        Self { seed, version, choices, caches: CacheConfig::none(), groups, habit: None }
    }

    /// Legal by construction: as much of a cache as the seed makes it, and what the specification leaves to the
    /// implementation as the seed chooses.
    #[must_use]
    pub fn happy(seed: u64) -> Self {
        let mut config = Self { caches: CacheConfig::happy(seed), ..Self::plain(seed) };
        let mut dice = Dice::new(seed, 0x6368_6f6f);
        config.choices.check_output_width = dice.percent(50);
        config.choices.check_context_addresses = dice.percent(50);
        config.choices.reject_msi_without_second_stage = dice.percent(50);
        config.groups.poison = dice.percent(50);
        config.groups.qos_ids = dice.percent(80);
        config
    }
}
