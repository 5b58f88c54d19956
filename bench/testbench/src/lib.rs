//! Device, bus, driver and oracle on one clock.

mod clock;
mod ending;
mod outcome;
mod recording;
mod series;
mod software;
mod stream;

pub use clock::{Bounds, Config, DmaAnswer, DmaError, RESET_CYCLES, Testbench, Watch};
pub use outcome::{End, RunOutcome};
pub use series::{DeviceSeries, Reconfiguration, SETTLING, Series};
pub use stream::{IDS_PER_STREAM, Kind, MAX_STREAMS, StreamSpec};
