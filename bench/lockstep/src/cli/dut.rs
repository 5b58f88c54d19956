// SPDX-License-Identifier: Apache-2.0
//! Kinds of device under test, as they are typed.

use clap::ValueEnum;

/// The description of our RTL.
pub const OUR_RTL: &str = "hdl/iommu.yaml";

/// Kinds of device under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dut {
    /// Verilated RTL
    Rtl,
    /// The golden model behind the same wires: an answer in milliseconds
    Model,
}
