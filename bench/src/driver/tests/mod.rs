//! The driver on a machine made of a map: no RTL, no golden model.

mod api;
mod mock;
