// SPDX-License-Identifier: Apache-2.0
//! The software side of the machine: an iommufd-like API over page tables, device contexts and the command queue,
//! written as a kernel driver would be.
//!
//! Everything reaches the world through [`Machine`]. The order of stores and commands is the subject here, so it is
//! explicit in the code and never depends on a hash map or on the host.
//! Begin with [`Driver`]. It has encoders of its own ([`format`](mod@format)), so that a misreading of the golden model is seen.

mod alloc;
mod ats;
mod attach;
mod books;
mod carry_out;
mod contexts;
mod debug;
mod device_state;
mod directory;
mod domain;
mod domain_state;
mod driver;
mod error;
mod faults;
pub mod format;
mod guest;
mod guest_memory;
mod guest_processes;
mod handles;
mod host_memory;
mod machine;
mod mapping;
mod msi;
mod msi_table;
mod options;
mod page_requests;
pub mod plan;
mod process_directory;
mod processes;
mod queue;
mod quirk;
mod raw;
mod record_queue;
mod request;
mod setup;
mod switch;
mod table;
#[cfg(test)]
mod tests;

pub use alloc::Ledger;
pub use books::Books;
pub use debug::{DebugAnswer, DebugRequest};
pub use device_state::Ats;
pub use driver::Driver;
pub use error::{ApiError, Errno};
pub use faults::Faults;
pub use guest::Partial;
pub use handles::{Device, Domain, Guest, GuestDirectory, GuestTable, Target};
pub use machine::{Halted, Machine, StepKind};
pub use mapping::Mapping;
pub use msi_table::{MemoryFile, MsiTarget, MsiWindow};
pub use options::{Completion, FlushPolicy, Options, Policy, Resources};
pub use page_requests::PageRequests;
pub use queue::CommandFault;
pub use quirk::{Quirk, Quirks};
pub use request::{DATA_NONE, DATA_RISCV, DIRTY_TRACKING, HwptRequest, NEST_PARENT, NestedData};
pub use setup::HwInfo;
pub use table::{Leaf, Slot};
