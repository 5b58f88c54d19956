// SPDX-License-Identifier: Apache-2.0
//! What a device offers, by its own word: `capabilities` as it reads after reset, with all that it may have on its strap
//! and with nothing.

use std::path::Path;

use bus::BusConfig;
use driver::Machine;
use golden::offset;
use scenario::Offer;
use testbench::{Bounds, Config, Testbench};

use super::dut;
use super::job::Device;

/// Version, how interrupts come, and the width of addresses: no features that one has or lacks.
const NO_FEATURES: u64 = 0xFF | 0b11 << 28 | 0x3F << 32;

/// A strap with every feature of the specification: 56 bits of physical address, interrupts as wires.
pub const EVERYTHING: u64 = 0x10
    | 0b111 << 9
    | 0b11 << 14
    | 0b111 << 17
    | 0b111_1111 << 21
    | 0b01 << 28
    | 0b11 << 30
    | 56 << 32
    | 0b11_1111 << 38;

/// Asks a device what it offers of `strap`.
///
/// # Errors
/// It cannot be loaded, stops itself, or does not answer.
pub fn probe(library: &Path, strap: u64) -> Result<Offer, String> {
    let capabilities = read(library, strap)?;
    let least = strap & NO_FEATURES;
    let follows_strap = read(library, least)? & !least & !NO_FEATURES == 0;
    Ok(Offer { capabilities, follows_strap })
}

/// `capabilities` as it reads behind this strap.
fn read(library: &Path, strap: u64) -> Result<u64, String> {
    let device = Device::Rtl {
        library: library.to_owned(),
        capabilities: strap,
        follows_strap: true,
        choices: oracle::Bound::FREE,
    };
    let dut = dut::open(&device, 1, None)?;
    let config = Config { capabilities: strap, bus: BusConfig::default(), bounds: Bounds::default(), oracle: None };
    let stopped = |stopped: boundary::Stopped| format!("{}:{}: {}", stopped.file, stopped.line, stopped.message);
    let mut bench = Testbench::new(config, dut, 1).map_err(stopped)?;
    match bench.read_register(offset::CAPABILITIES, 8) {
        Ok(value) => Ok(value),
        Err(_) => Err(bench.finish(None).end.said().1),
    }
}
