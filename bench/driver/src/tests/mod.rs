// SPDX-License-Identifier: Apache-2.0
//! The driver on a machine made of a map: no RTL, no golden model.

mod api;
mod ats;
mod errno;
mod guest_processes;
mod hoarder;
mod ledger;
mod mock;
mod msi;
mod planner;
mod processes;
mod queues;
mod tables;
mod traffic;
mod walker;

pub(super) use api::resources;
pub(super) use mock::{CAPS, Mock};
