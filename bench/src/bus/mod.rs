//! The fabric and the memory around the device under test: devices that make DMA requests and keep translations, memory
//! that answers with seeded latency and order, software that stores and reads registers, and a check of the protocol.

mod ats;
mod burst;
mod config;
mod device;
mod dice;
mod event;
mod fabric;
mod faults;
mod flights;
mod held;
mod ids;
mod lite;
mod memory;
mod pool;
mod port;
mod reads;
mod request;
mod violation;
mod writes;

#[cfg(test)]
mod tests;

pub use ats::{Cached, range_log2};
pub use burst::{FIXED, INCR, WRAP};
pub use config::{AtsTiming, BusConfig, DeviceTiming, FaultKind, FaultOn, FaultPort, FaultRange, Fill, PortTiming};
pub use event::{Agent, Burst, Cycle, Direction, DmaRequest, Event, Ticket};
pub use fabric::{Bus, Queued};
pub use faults::{DECERR, EXOKAY, OKAY, SLVERR};
pub use lite::RegisterError;
pub use memory::Memory;
pub use port::ATOMIC_COMPARE;
pub use request::{Attributes, IllegalRequest};
pub use violation::{Channel, Port, ProtocolViolation, Rule};
