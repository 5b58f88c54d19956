// SPDX-License-Identifier: Apache-2.0
//! What was seen of a RISC-V IOMMU and of the software around it: one stream of events.
//!
//! Begin with [`Event`]. The bus makes these events, the oracle judges them, and neither knows the other. Events of one
//! cycle come in a fixed order: handshakes first (requests on dev, then mem, ptw, reg, then responses on dev), then the
//! stores that became visible in memory in that cycle, then wires. So a device may pass requests and responses through
//! without a register, and cause still comes before effect; and a value sampled from memory in a cycle is the value before
//! the stores of that cycle.
//!
//! Nothing here judges, drives or keeps anything.

mod ats;
mod burst;
mod device;
mod dma;
mod event;
mod response;
mod software;
pub mod trace;

pub use ats::{
    GroupResponse, InvalidationCompletion, InvalidationRequest, PageRequest, TranslationCompletion, TranslationRequest,
    range_log2,
};
pub use burst::{Burst, FIXED, INCR, IllegalBurst, WRAP};
pub use device::Device;
pub use dma::{Attributes, Direction, DmaRequest, QosIds, Ticket};
pub use event::{Agent, Cycle, Event};
pub use response::{ATOMIC_COMPARE, DECERR, EXOKAY, OKAY, POISONED, SLVERR, answer, on_wires};
pub use software::{Named, Operation, Promise};
