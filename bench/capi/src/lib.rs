// SPDX-License-Identifier: Apache-2.0

//! The oracle and the golden walk of lockstep as a C library, for a test bench that is not ours: SystemVerilog by
//! DPI-C, Python by ctypes, C, C++, Rust. `include/lockstep.h` is made from this crate, and `docs/embedding.md` shows
//! how to use it.
//!
//! A bench opens an oracle with what it knows of the device, and tells it what it sees, a line of text an event, in the
//! format of `docs/trace.md`. The oracle says who broke which rule.
//!
//! No panic leaves this library, no pointer is believed that is null, and nothing is global but the last error of a
//! thread.

mod calls;
mod guard;
mod handle;
mod session;
#[cfg(test)]
mod tests;
mod text;
mod waived;
mod waiving;
mod walk;

pub use calls::*;
pub use handle::*;
pub use waiving::*;
pub use walk::*;
