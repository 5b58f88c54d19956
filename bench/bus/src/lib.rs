// SPDX-License-Identifier: Apache-2.0
//! The fabric and the memory around the device under test: devices that make DMA requests and keep translations, memory
//! that answers with seeded latency and order, software that stores and reads registers, and a check of the protocol.
//!
//! Begin with [`Bus`]: [`Bus::drive`] and [`Bus::observe`] are the two halves of a cycle, and the second one makes the events
//! that everybody else lives on. It knows AXI and nothing of tables and commands.

mod ats;
mod complaints;
mod config;
mod device;
mod dice;
mod fabric;
mod faults;
mod flights;
mod held;
mod ids;
mod lite;
mod memory;
mod messages;
mod pool;
mod port;
mod reads;
mod request;
mod violation;
mod writes;

#[cfg(test)]
mod tests;

pub use ats::Cached;
pub use config::{
    Answering, AtsTiming, BusConfig, DeviceTiming, FaultKind, FaultOn, FaultPort, FaultRange, Fill, PortTiming,
};
pub use fabric::Bus;
pub use flights::Queued;
pub use lite::RegisterError;
pub use memory::Memory;
pub use request::{IllegalRequest, check_request, check_shape, usual_attributes};
pub use violation::{Channel, Port, ProtocolViolation, Rule};
