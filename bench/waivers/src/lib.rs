// SPDX-License-Identifier: Apache-2.0
//! Waivers: divergences of a device that its people know of. A run goes past them; each use is counted.
//!
//! [`Waivers::read`] reads a file of them, [`Waivers::parse`] a text. [`Waivers::for_run`] says which of them a run may use,
//! [`Waivers::for_trace`] which the judgement of a trace, [`Waivers::lenience`] what that is to an oracle, and
//! [`Waivers::uses`] what became of each.

mod file;
mod uses;

pub use chrono::NaiveDate;
pub use file::{ReadError, Waiver, Waivers, schema, today};
pub use uses::{State, Use, WaiverUse};
