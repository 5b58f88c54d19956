//! The fabric and the memory around the device under test.

mod event;

pub use event::{Agent, Burst, Cycle, Direction, DmaRequest, Event, Ticket};
