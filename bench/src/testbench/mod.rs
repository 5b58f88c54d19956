//! Device, bus, driver and oracle on one clock.

mod outcome;

pub use outcome::{Blame, End, Figures, Finding, RunOutcome};
