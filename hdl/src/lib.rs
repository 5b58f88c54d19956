// SPDX-License-Identifier: Apache-2.0
//! A Verilated RISC-V IOMMU behind the boundary: described in YAML, built, loaded, and run a clock cycle a call.
//!
//! Begin with [`Rtl::build`]. The wires are those of the crate `boundary`; what builds and loads RTL is the crate
//! `verilated`. Nothing here knows what an IOMMU does.
//!
//! ```no_run
//! use boundary::{Dut, Inputs, Outputs};
//! use hdl::{BuildOptions, Description, Rtl};
//!
//! let description = Description::read("hdl/iommu.yaml".as_ref())?;
//! let library = Rtl::build(&description, &BuildOptions::new("target"))?;
//! let mut device = library.instance(1)?;
//! let mut outputs = Outputs::default();
//! device.cycle(&Inputs { rst_n: false, ..Inputs::default() }, &mut outputs)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod description;
mod ports;
mod rtl;

pub use description::{Description, DescriptionError};
pub use ports::names as port_names;
pub use rtl::{BuildOptions, Library, Rtl};
pub use verilated::{
    BuildError, Coverage, LintReport, LoadError, Optimisation, Options, Phase, VERILATOR_VERSION, Watch,
};
