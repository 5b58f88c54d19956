// SPDX-License-Identifier: Apache-2.0
//! The model, situation by situation, over small worlds of tables. `../CHECKLIST.md` says which situations of the public
//! reference model's test program each module stands for.

mod directory;
mod msi;
mod process;
mod queues;
mod stages;
#[path = "../support/mod.rs"]
mod support;
mod trace;
