// SPDX-License-Identifier: Apache-2.0
//! Waivers in a regression: [`uses`] says what became of each, and [`proposal`] writes entries for what was found. What a
//! file of them says is the affair of the crate `waivers`.

mod propose;
mod uses;

pub use ::waivers::{ReadError, State, Waiver, WaiverUse, Waivers, schema, today};
pub use propose::proposal;
pub use uses::uses;
