// SPDX-License-Identifier: Apache-2.0
//! The parts of the search one by one, on one small tree.

mod attributing;
mod choosing;
mod debugging;
mod explaining;
mod qos_ids;
mod refusals;
mod tree;
mod usability;
