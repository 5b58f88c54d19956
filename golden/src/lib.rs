//! Golden model of the RISC-V IOMMU, written from the specification: no C++, no I/O, no clock, no caches.

mod addr;
mod bits;
mod caps;
mod checks;
mod command;
mod config;
mod context;
mod device;
mod directory;
mod fault;
mod first;
mod msi;
mod outcome;
mod process;
mod pte;
mod registers;
mod request;
mod second;
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
pub use fault::{Cause, Fault, FaultHead, FaultRecord, Response, Ttyp};
pub use outcome::{Mrif, Outcome, Pbmt, Permissions, Target, Translation};
pub use process::{ProcessContext, ProcessTa};
pub use pte::{MsiPte0, MsiPte1, Pte};
pub use registers::{
    Cqcsr, DdtMode, Ddtp, EventSelector, Fqcsr, Icvec, Ipsr, Pqcsr, QueueBase, TrReqCtl, TrResponse, offset,
};
pub use request::{Access, Kind, Request};
pub use trace::{Decision, Step, Trace};
pub use translate::{locate_device_context, translate, translate_traced};
pub use words::{Pointer, Purpose, Read, Role, Tags, Update, WordRef, Words};
