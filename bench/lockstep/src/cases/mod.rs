// SPDX-License-Identifier: Apache-2.0
//! Cases with known answers on a device behind its wires (`lockstep vectors`).

mod render;
mod rtl;
#[cfg(test)]
mod tests;
mod traffic;

pub use render::{json, text};
pub use rtl::Rtl;
