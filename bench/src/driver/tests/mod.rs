//! The driver on a machine made of a map: no RTL, no golden model.

mod api;
mod errno;
mod ledger;
mod mock;
mod planner;
mod queues;
mod tables;
mod walker;
