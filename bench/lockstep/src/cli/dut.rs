// SPDX-License-Identifier: Apache-2.0
//! Kinds of device under test, as they are typed.

use clap::ValueEnum;

/// The description of our RTL.
pub const OUR_RTL: &str = "hdl/iommu.yaml";

impl Dut {
    /// It is the model, in some form.
    pub const fn is_model(self) -> bool {
        matches!(self, Dut::Model | Dut::Liberties)
    }
}

/// Kinds of device under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dut {
    /// Verilated RTL
    Rtl,
    /// The golden model behind the same wires: an answer in milliseconds
    Model,
    /// The model as another legal device for each seed: caches of any size, any liberty that the specification leaves
    Liberties,
}
