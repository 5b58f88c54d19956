//! lockstep: a golden-model RISC-V IOMMU in lockstep with an RTL IOMMU.
//!
//! What is above the test bench: [`runner`] plays scenarios in worker processes, [`report`] holds and renders results,
//! [`torture`] tests the oracle, [`vectors`] scores outside cases, [`cli`] is the command line. Begin with [`runner::play`]
//! for one run, with [`runner::Pool`] for many. Nothing here judges: the oracle has done that.

pub mod cli;
pub mod report;
pub mod runner;
pub mod torture;
pub mod vectors;
