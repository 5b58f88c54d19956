// SPDX-License-Identifier: Apache-2.0
//! Golden model of the RISC-V IOMMU, written from the specification: no C++, no I/O, no clock, no caches.
//!
//! The reference is the RISC-V IOMMU Architecture Specification, version 20260222 (1.0.0 can be chosen), the Privileged
//! specification for page tables, and the Advanced Interrupt Architecture for MSI page tables. Each item names the section
//! that it is written from.
//!
//! # Where to look
//!
//! | to … | use |
//! |---|---|
//! | translate a request over words from anywhere | [`translate`] with a source of [`Words`] |
//! | see why | [`translate_traced`] |
//! | have a whole IOMMU with registers and queues | [`Iommu`] over a [`Platform`] |
//! | encode and decode structures | [`DeviceContext`], [`ProcessContext`], [`Pte`], [`Command`], [`FaultRecord`] … |
//!
//! # What is absent, on purpose
//!
//! - **Caches.** A walk reads every word anew. What an implementation may cache, and until when, is for an oracle to judge;
//!   the tags of each [`WordRef`] are what it needs for that.
//! - **Panics.** No content of memory and no sequence of register writes ends the process.
//! - **Allocation** in a walk.
//!
//! # What the specification leaves open
//!
//! It is a field of [`Choices`] (or, for sizes of the device, of [`Parameters`]) with a name and a reason. Where the
//! specification says UNSPECIFIED and nothing can observe a difference, the simplest legal behaviour is taken.
//!
//! # Example
//!
//! ```
//! use golden::{
//!     Access, Capabilities, Config, DdtMode, Ddtp, DeviceContext, DeviceId, Fctl, Fsc, Iova, Outcome, Pte, Read, Request, Tc,
//!     Update, WordRef, Words, translate,
//! };
//!
//! /// Memory of a few doublewords.
//! struct Memory(std::collections::BTreeMap<u64, u64>);
//!
//! impl Words for Memory {
//!     fn read(&mut self, word: &WordRef) -> Read {
//!         Read::Value(self.0.get(&word.addr.0).copied().unwrap_or(0))
//!     }
//!     fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
//!         match self.0.get_mut(&word.addr.0) {
//!             Some(value) if *value == old => {
//!                 *value = new;
//!                 Update::Done
//!             }
//!             _ => Update::Changed,
//!         }
//!     }
//! }
//!
//! // A directory page at 0x1000 with the context of device 2, and an Sv39 table at 0x2000 that maps the lowest GiB.
//! let caps = Capabilities(0x10).with_sv39(true).with_pas(56);
//! let config = Config::new(caps, Fctl(0), Ddtp(0).with_mode(DdtMode::Levels(1)).with_ppn(1));
//! let dc = DeviceContext { tc: Tc(0).with_v(true), fsc: Fsc(0).with_mode(8).with_ppn(2), ..Default::default() };
//! let mut memory = Memory(dc.to_words().into_iter().take(4).zip(0..).map(|(w, n)| (0x1040 + 8 * n, w)).collect());
//! let leaf = Pte(0).with_v(true).with_r(true).with_u(true).with_a(true).with_ppn(0x4_0000);
//! memory.0.insert(0x2000, leaf.0);
//!
//! let request = Request::untranslated(DeviceId(2), Access::Read, Iova(0x1234_5678));
//! let Outcome::Translated(translation) = translate(&config, &mut memory, &request) else { panic!() };
//! assert_eq!(translation.spa.0, 0x5234_5678);
//! assert_eq!(translation.size_log2, 30);
//! ```

mod addr;
mod bits;
mod caps;
mod checks;
mod command;
mod config;
mod context;
mod debug;
mod device;
mod directory;
mod fault;
mod fields;
mod first;
mod msi;
mod outcome;
mod process;
mod pte;
mod registers;
mod request;
mod second;
mod table;
mod trace;
mod translate;
mod walk;
mod words;

pub use addr::{DeviceId, Gpa, Gscid, Iova, ProcessId, Pscid, Spa};
pub use caps::{Capabilities, Fctl};
pub use command::{AtsMessage, Command, Illegal, Iofence, Iotinval};
pub use config::{Choices, Config, SpecVersion};
pub use context::{DeviceContext, DirectoryEntry, Fsc, Iohgatp, Msiptp, Ta, Tc};
pub use device::{
    InvalidationCompletion, Iommu, Memory, MemoryError, MemoryWords, Message, MessageKind, MrifStore, PageRequest,
    PageRequestPayload, PageRequestRecord, Parameters, Platform,
};
pub use fault::{Cause, Fault, FaultHead, FaultRecord, Response};
pub use fields::Fields;
pub use outcome::{Mrif, Outcome, Pbmt, Permissions, Target, Translation};
pub use process::{ProcessContext, ProcessTa};
pub use pte::{MsiPte0, MsiPte1, Pte};
pub use registers::{
    Cqcsr, DdtMode, Ddtp, EventSelector, Fqcsr, Icvec, Ipsr, Pqcsr, QueueBase, TrReqCtl, TrResponse, offset,
};
pub use request::{Access, Kind, Request, Ttyp};
pub use trace::{Decision, Step, Trace};
pub use translate::{locate_device_context, translate, translate_traced};
pub use words::{MsiTable, Pointer, Purpose, Read, Role, Stage, Tags, Update, WordRef, Words};
