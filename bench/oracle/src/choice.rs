// SPDX-License-Identifier: Apache-2.0
//! The reads of a walk, and what was taken for each.

use events::Cycle;
use golden::{Pscid, Role, Spa, WordRef};

/// A read of the walk, and what was taken for it.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Which word
    pub word: WordRef,
    /// The value taken
    pub value: u64,
    /// Memory held another value throughout the request
    pub stale: bool,
    /// `fsc` or `iohgatp` of the tree, for a page-table entry
    pub root: u64,
    /// Found by its tags, not on the way from the root: where it had been read
    pub recalled: Option<Place>,
}

/// The word of a context that names the root of the tree which a page-table entry belongs to.
pub fn named_root<'a>(choices: &'a [Choice], entry: &Role) -> Option<&'a Choice> {
    let find = |role: Role| choices.iter().find(|choice| choice.word.role == role);
    match entry {
        Role::FirstStage { .. } => {
            find(Role::ProcessContext { index: 1 }).or_else(|| find(Role::DeviceContext { index: 3 }))
        }
        Role::SecondStage { .. } => find(Role::DeviceContext { index: 1 }),
        _ => None,
    }
}

/// A word of a device context that says where MSI page tables are, as the device has kept it: by tags, and not in the
/// context (rule D5 of MODEL.md).
pub fn is_kept_table(word: &WordRef) -> bool {
    matches!(word.role, Role::DeviceContext { index: 4.. }) && word.tags.gscid.is_some()
}

/// What led a walk to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// `fsc` or `iohgatp`: the entry is in the topmost table.
    Root,
    /// An entry that points to a table.
    Pointer {
        /// Its address
        addr: Spa,
        /// Its level
        level: u8,
        /// What it held
        value: u64,
    },
}

/// Where an entry with these tags was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Address of the entry
    pub addr: Spa,
    /// Its size
    pub bytes: u8,
    /// PSCID, for a first stage
    pub pscid: Option<Pscid>,
    /// It was part of a global mapping
    pub global: bool,
    /// It counts where it holds a NAPOT entry, for any page of that
    pub napot: bool,
    /// `fsc` or `iohgatp` under which it was found
    pub root: u64,
    /// What led to it
    pub parent: Parent,
    /// When a request was last translated by it; none: nobody asked for the walk that may have led to it
    pub reached: Option<Cycle>,
}

impl Place {
    /// The same, whenever it was reached.
    pub fn is(&self, other: &Place) -> bool {
        Place { reached: None, ..*self } == Place { reached: None, ..*other }
    }
}
