//! The software side of the machine.

mod machine;

pub use machine::{Halted, Machine, Operation, Promise};
