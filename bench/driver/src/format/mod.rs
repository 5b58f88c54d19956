// SPDX-License-Identifier: Apache-2.0
//! What software writes and reads: registers, contexts, page-table entries, commands, fault records.
//!
//! This is a reading of the specification of its own, apart from that of the golden model on purpose: a misreading
//! that both shared would be invisible.

mod command;
mod context;
mod fault;
mod page_request;
mod process;
mod pte;
pub mod register;

pub use command::{Command, Invalidation, Untranslated};
pub use context::{
    Context, TC_DPE, TC_DTF, TC_EN_ATS, TC_EN_PRI, TC_GADE, TC_PDTV, TC_PRPR, TC_SADE, TC_T2GPA, TC_V, used,
};
pub use fault::{FAULT_RECORD_BYTES, FaultRecord};
pub use page_request::{PAGE_REQUEST_BYTES, PageRequestRecord};
pub use process::{ProcessContext, ProcessMode};
pub use pte::{PageSize, Prot, Pte, Scheme, Stage};
pub use register::Capabilities;

/// Bytes in a page.
pub const PAGE: u64 = 4096;

/// Bits 53:10, where directory entries, base registers and page-table entries hold a page number.
pub(crate) const PPN_10: u64 = ((1 << 44) - 1) << 10;

/// Puts the page number of an address at bit 10.
pub(crate) const fn ppn_at_10(addr: u64) -> u64 {
    (addr >> 12 << 10) & PPN_10
}
