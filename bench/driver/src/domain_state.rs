// SPDX-License-Identifier: Apache-2.0
//! What the driver notes of each domain.

use std::collections::{BTreeMap, BTreeSet};

use super::format::Context;
use super::handles::Seat;
use super::msi_table::MsiTable;
use super::table::PageTable;

/// The tag of a domain's translations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Pscid(u32),
    Gscid(u16),
}

/// A domain with tables of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Paging {
    pub(super) table: PageTable,
    pub(super) tag: Tag,
    /// Mappings as they were asked for, start and length: each is unmapped whole
    pub(super) areas: BTreeMap<u64, u64>,
    pub(super) children: BTreeSet<u32>,
    /// Guests whose memory is mapped here
    pub(super) guests: u32,
    /// A global mapping was made: a flush by PSCID does not reach it
    pub(super) global: bool,
    /// Tables that were unlinked, but whose flush failed: they stay until the tag has been flushed
    pub(super) quarantine: Vec<u64>,
    /// Interrupt files of the guest
    pub(super) msi: Option<MsiTable>,
    /// Whoever frees it forgets the tag: a bug
    pub(super) forgotten: bool,
}

/// A domain that puts a guest's first stage on a parent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Nested {
    pub(super) parent: u32,
    /// The guest's words, as far as they are taken over
    pub(super) user: Context,
    /// Second stage as a device had it at allocation: a bug
    pub(super) snapshot: Option<u64>,
}

/// What a domain is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Paging(Box<Paging>),
    Nested(Nested),
}

/// A domain, as the driver notes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DomainState {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Devices and processes attached
    pub(super) bonds: BTreeSet<Seat>,
    /// The IOMMU may hold translations under this domain's tag
    pub(super) tagged: bool,
}
