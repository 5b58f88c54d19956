// SPDX-License-Identifier: Apache-2.0
//! Device, bus, driver and oracle on one clock.
//!
//! Begin with [`Testbench`]: [`Testbench::tick`] is a cycle. It is the [`driver::Machine`] that software runs on, it tells the
//! oracle what was seen, and [`Testbench::finish`] says what came of it. It knows no scenarios and builds no RTL.

mod asking;
mod ats;
mod clock;
mod ending;
mod other_cpu;
mod outcome;
mod recording;
mod sequence;
mod series;
mod software;
mod stream;
mod timing;

pub use clock::{Bounds, Config, DmaAnswer, DmaError, RESET_CYCLES, Testbench, Watch};
pub use other_cpu::OtherStore;
pub use outcome::{End, RunOutcome};
pub use sequence::{MAX_SEQUENCES, Sequence};
pub use series::{DeviceSeries, Reconfiguration, SETTLING, Series};
pub use stream::{IDS_PER_STREAM, Kind, MAX_STREAMS, Shapes, StreamSpec};
pub use timing::{ImplicitRead, TimedRequest, Timing};
