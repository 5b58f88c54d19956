//! lockstep: a golden-model RISC-V IOMMU in lockstep with an RTL IOMMU.

pub mod bus;
pub mod driver;
pub mod oracle;
pub mod scenario;
pub mod testbench;
