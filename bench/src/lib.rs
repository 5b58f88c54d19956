//! lockstep: a golden-model RISC-V IOMMU in lockstep with an RTL IOMMU.

pub mod bus;
pub mod cli;
pub mod driver;
pub mod model;
pub mod oracle;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod testbench;
pub mod torture;
pub mod vectors;
