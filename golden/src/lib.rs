//! Golden model of the RISC-V IOMMU, written from the specification: no C++, no I/O, no clock, no caches.

mod addr;

pub use addr::{DeviceId, Gpa, Gscid, Iova, ProcessId, Pscid, Spa};
