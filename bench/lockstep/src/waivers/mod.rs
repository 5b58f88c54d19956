// SPDX-License-Identifier: Apache-2.0
//! Waivers: divergences of a device that its people know of. A run goes past them; each use is counted.
//!
//! [`Waivers::read`] reads a file of them, [`Waivers::for_run`] says which of them a run may use, [`uses`] what became of
//! each, and [`proposal`] writes entries for what was found.

mod file;
mod propose;
mod uses;

pub use file::{Waiver, Waivers, schema, today};
pub use propose::{NoResults, proposal};
pub use uses::{State, WaiverUse, uses};
