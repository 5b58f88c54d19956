//! lockstep: a golden-model RISC-V IOMMU in lockstep with an RTL IOMMU.

pub mod cli;
pub mod report;
pub mod runner;
pub mod torture;
pub mod vectors;
