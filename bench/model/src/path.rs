// SPDX-License-Identifier: Apache-2.0
//! The words of one walk: those that it has read, and those that its last replay went through.

use golden::{Gscid, Pscid, Tags, WordRef};

/// Where a value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This walk read it.
    Memory,
    /// A cache entry
    Cache,
    /// A pointer that a context holds translated
    Pointer,
    /// Nowhere: it stands for entries that a hit makes unnecessary
    Made,
}

/// A doubleword that this walk has read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Aligned address
    pub addr: u64,
    /// As memory has it, and the response
    pub data: (u64, u8),
    /// Invalidations that had been executed when the read was sent
    pub epoch: u64,
    /// Whose it was taken for when it was read
    pub whose: Whose,
    /// It is from an atomic of this walk, and counts more than what a cache says
    pub exchanged: bool,
}

/// The tags that commands find a word by. A walk that waits long may come back to a word under other ones, when its
/// context has changed meanwhile: then it has to read the word anew, since no command for these tags speaks of that read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whose(Option<Gscid>, Option<Pscid>);

impl Whose {
    /// Those of a walk.
    pub(super) const fn of(tags: &Tags) -> Self {
        Self(tags.gscid, tags.pscid)
    }
}

/// A step of the last replay.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathWord {
    /// Which
    pub word: WordRef,
    /// As memory has it
    pub value: u64,
    /// Part of a global mapping
    pub global: bool,
    /// Where it is from
    pub origin: Origin,
    /// Invalidations that had been executed when it was read, or found
    pub epoch: u64,
}
