// SPDX-License-Identifier: Apache-2.0
//! The device boundary of a RISC-V IOMMU: ports in, ports out, one clock cycle a call.
//!
//! Nothing here knows what an IOMMU does; it knows which wires one has. `hdl/DEVICE.md` documents them. Begin with
//! [`Dut`]: whatever implements it can be put to the test. There is no C++ here, and nothing that builds or loads RTL.

mod ats;
mod axi;

pub use ats::{
    AtsDevices, AtsIommu, GroupResponse, InvalidationCompletion, InvalidationRequest, PageRequest,
    TranslationCompletion, TranslationRequest,
};
pub use axi::{
    Address, Inputs, LiteManager, LiteSubordinate, Manager, Outputs, ReadData, Subordinate, WriteData, WriteResponse,
};

/// Groups of ports that not every device has. One that it lacks is left out as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// `ats_*`: messages of ATS and of page requests
    pub ats: bool,
    /// `*_rpoison_*`: damaged read data are told from refused reads
    pub poison: bool,
    /// `*_rcid_o` and `*_mcid_o`: QoS IDs of all accesses to memory
    pub qos_ids: bool,
}

/// A device under test: Verilated RTL, or a model behind the same wires.
pub trait Dut {
    /// Runs one clock cycle: `inputs` are applied, combinational logic settles, `outputs` are sampled, and then
    /// the rising edge happens. A handshake in this cycle is `valid && ready` over `inputs` and `outputs`.
    ///
    /// # Errors
    /// [`Stopped`] if the device stopped itself: an assertion, `$error`, `$fatal` or `$finish` in the RTL.
    fn cycle(&mut self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Stopped>;

    /// Which optional groups of ports it has.
    fn groups(&self) -> Groups;
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
