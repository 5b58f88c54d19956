// SPDX-License-Identifier: Apache-2.0
//! Where things lie in a world. Guest pages lie [`GUEST`] above their guest address to begin with.

/// From a guest address below 0x40_0000 to where it lies
pub const GUEST: u64 = 0x1000_0000;
/// From a guest's page of tables to its copy
pub const COPY: u64 = 0x80_0000;
/// Device directory
pub const DIRECTORY: u64 = 0x1_0000;
/// Command queue
pub const COMMANDS: u64 = 0x2_0000;
/// Its size
pub const COMMANDS_LOG2: u8 = 6;
/// Fault queue
pub const FAULTS: u64 = 0x3_0000;
/// Its size
pub const FAULTS_LOG2: u8 = 5;
/// Page-request queue: small, so that it fills up
pub const PAGE_REQUESTS: u64 = 0x7_0000;
/// Its size
pub const PAGE_REQUESTS_LOG2: u8 = 3;
/// Where fences store
pub const FENCES: u64 = 0x4_0000;
/// Where a fence cannot store
pub const BROKEN: u64 = 0x4_0800;
/// Where interrupts as messages go
pub const MESSAGES: u64 = 0x4_1000;
/// MSI page table
pub const MSI_TABLE: u64 = 0x5_0000;
/// Memory-resident interrupt files
pub const FILES: u64 = 0x5_1000;
/// Pages for the notices of MSIs that were stored there
pub const NOTICES: u64 = 0x5_2000;
/// The guest page that is an interrupt file
pub const MSI_PAGE: u64 = 0x303;

/// `capabilities.PAS` of a device with narrow addresses
pub const NARROW: u8 = 46;
/// A bit of an address that is too wide then
pub const WIDE: u64 = 1 << 50;

/// GSCID and second-stage root of the two guests
pub const GUESTS: [(u16, u64); 2] = [(7, 0x10_0000), (6, 0x14_0000)];

/// Roots of the first stages of the first guest, in guest addresses
pub const GUEST_ROOTS: [u64; 2] = [0x21_0000, 0x21_8000];
/// Where the roots of the guest's first stages lead once they have moved, in guest addresses
pub const MOVED_TREES: [u64; 2] = [0x24_0000, 0x24_8000];
/// Roots of the first stages of the host
pub const HOST_ROOTS: [u64; 2] = [0x60_0000, 0x60_8000];
/// Process directory: its root and two alternatives below, guest addresses
pub const PROCESSES: [u64; 3] = [0x20_0000, 0x20_1000, 0x20_2000];

/// Window of pages that every first stage maps
pub const PAGES: u64 = 0x4000_0000;
/// Superpage that every first stage maps
pub const SUPERPAGE: u64 = 0x4020_0000;
/// Guest pages of data
pub const GUEST_DATA: u64 = 0x30_0000;
/// Guest superpages of data
pub const GUEST_SUPERPAGES: u64 = 0x40_0000;
