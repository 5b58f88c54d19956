// SPDX-License-Identifier: Apache-2.0
//! Where everything lies.

/// Memory of the driver.
pub(super) const POOL: std::ops::Range<u64> = 0x8000_0000..0xa000_0000;

/// The pages that devices reach, by physical address.
pub(super) const DATA: u64 = 0x1_0000_0000;

/// The same as a guest sees them, and as devices do.
pub(super) const GUEST_DATA: u64 = 0x8000_0000;
pub(super) const IOVA: u64 = 0x4000_0000;

/// Page tables of a guest, by guest physical address. They lie apart from the data: no table of the second stage is
/// shared but the root.
pub(super) const GUEST_TABLES: u64 = 0x2000_0000;

/// Interrupt files of a guest.
pub(super) const FILES: u64 = 0x2800_0000;

/// The first device; the others follow. The one that is refused comes behind all of them.
pub(super) const DEVICE: u32 = 0x10;
pub(super) const NEIGHBOUR: u32 = 0x30;
