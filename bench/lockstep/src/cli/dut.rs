// SPDX-License-Identifier: Apache-2.0
//! Kinds of device under test, as they are typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::home::ours;

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

/// What stands behind the wires.
#[derive(Debug, ClapArgs)]
pub struct DeviceArgs {
    /// The device under test
    #[arg(long, value_enum, default_value_t = Dut::Rtl)]
    pub dut: Dut,
    /// Description of the RTL: sources, top, parameters, defines
    #[arg(long, value_name = "DESCRIPTION", default_value_os_t = ours(OUR_RTL))]
    pub rtl: PathBuf,
}
