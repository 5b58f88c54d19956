// SPDX-License-Identifier: Apache-2.0
//! Scenarios: what they say, what is wrong with them, which variants they have.
//!
//! [`parse`] turns text into a [`Scenario`] in which everything fits together, or into diagnostics that point into
//! the text. [`Scenario::variants`] expands the matrix. Nothing here plays anything.

mod at;
mod ats;
mod axes;
mod broken;
mod burst;
mod causes;
mod check;
mod debug;
mod diagnostic;
mod dma;
mod domain;
mod errno;
mod expect;
mod file;
mod invalidate;
mod litmus;
mod machine;
mod matrix;
mod msi;
mod needs;
mod parse;
mod place;
mod probe;
mod register;
mod requirement;
mod scalar;
mod schema;
mod step;
mod syntax;
mod variables;

pub use at::{At, Named};
pub use ats::{
    Answers, Ats, CompletionStatus, DeviceAts, Granted, PageQueue, PageRecord, PageRequest, PageResponse, ResponseCode,
    StopMarker, Translated, TranslationRequest,
};
pub use axes::{Matrix, Variant};
pub use broken::{BreakMemory, MendMemory, SetMsi};
pub use burst::{BurstKind, Shapes};
pub use causes::Causes;
pub use check::DRIVER_MEMORY;
pub use debug::{Answered, DebugTranslate};
pub use diagnostic::{Diagnostics, Problem, did_you_mean};
pub use dma::{Dma, Result as DmaResult};
pub use domain::{
    BUILT_IN_DOMAINS, Device, Devices, Domain, DomainKind, Domains, Driver, DriverFault, Flush, Mapping, Mode,
    PageSize, Policy, ProcessDirectory, Qos, Rights,
};
pub use errno::Errno;
pub use expect::{Expectation, ExpectedVerdict, Limit, Values};
pub use file::Scenario;
pub use invalidate::{AtsInval, Invalidate, Iodir, Iotinval, Process};
pub use litmus::{Litmus, LitmusAnswer};
pub use machine::{
    Access, Answer, Bounds, ContextFormat, DEFAULT_PHYSICAL_BITS, Directory, FaultRange, Feature, Iommu, Memory, Port,
    Timing,
};
pub use msi::{Mrif, MsiMap, MsiSwitch, MsiUnmap, MsiWindow};
pub use needs::Offer;
pub use parse::{from_yaml, parse};
pub use place::Place;
pub use probe::{
    Alloc, ContextWord, ExpectContext, ExpectMemory, SetContext, Since, StageMode, UserCommand, UserInvalidate,
};
pub use register::{ExpectRegister, Register, WriteRegister};
pub use requirement::Requirement;
pub use scalar::{Number, NumberError, Size, Span, parse_u64};
pub use schema::{schema, schema_of};
pub use step::{
    Attachment, Detachment, Drain, Fence, Free, Map, OwnOperation, Poison, Range, Recover, Repeat, SetPte, Step,
    StepPromise, Store, Stream, StreamKind, Unmap,
};
