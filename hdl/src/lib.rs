//! The device boundary of a RISC-V IOMMU: ports in, ports out, one clock cycle a call.
//!
//! Nothing here knows what an IOMMU does; it knows which wires one has. `DEVICE.md` documents them.
//!
//! ```no_run
//! use hdl::{BuildOptions, Description, Dut, Inputs, Outputs, Rtl};
//!
//! let description = Description::read("hdl/iommu.yaml".as_ref())?;
//! let library = Rtl::build(&description, &BuildOptions::new("target"))?;
//! let mut device = library.instance(1)?;
//! let mut outputs = Outputs::default();
//! device.cycle(&Inputs { rst_n: false, ..Inputs::default() }, &mut outputs)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ats;
mod boundary;
mod description;
mod ports;
mod rtl;

pub use ats::{
    AtsDevices, AtsIommu, GroupResponse, InvalidationCompletion, InvalidationRequest, PageRequest,
    TranslationCompletion, TranslationRequest,
};
pub use boundary::{
    Address, Inputs, LiteManager, LiteSubordinate, Manager, Outputs, ReadData, Subordinate, WriteData, WriteResponse,
};
pub use description::{Description, DescriptionError};
pub use ports::names as port_names;
pub use rtl::{BuildOptions, Library, Rtl};
pub use verilated::{BuildError, Coverage, LintReport, LoadError, Optimisation, Options};

/// A device under test: Verilated RTL, or a model behind the same wires.
pub trait Dut {
    /// Runs one clock cycle: `inputs` are applied, combinational logic settles, `outputs` are sampled, and then
    /// the rising edge happens. A handshake in this cycle is `valid && ready` over `inputs` and `outputs`.
    ///
    /// # Errors
    /// [`Stopped`] if the device stopped itself: an assertion, `$error`, `$fatal` or `$finish` in the RTL.
    fn cycle(&mut self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Stopped>;
}

/// The device stopped itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct Stopped {
    /// Source file of the assertion or system task
    pub file: String,
    /// Line in it
    pub line: u32,
    /// What it said
    pub message: String,
}
