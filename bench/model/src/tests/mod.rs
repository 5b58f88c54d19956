// SPDX-License-Identifier: Apache-2.0
//! Tests of the model on the bus, which checks the protocol in each cycle.

mod ats;
mod caches;
mod commands;
mod debug;
mod faults;
mod features;
mod habits;
mod rig;
mod traffic;
