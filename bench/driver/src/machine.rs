// SPDX-License-Identifier: Apache-2.0
//! What software can do to the machine: the only way in which the driver touches the world.
//!
//! Each call takes simulated time; devices go on with their DMA meanwhile. The driver is written as straight-line
//! kernel code over this trait, so that it can be tested without RTL on a machine made of a hash map.

use events::{Named, Operation};
use golden::{DeviceId, Spa};
use serde::{Deserialize, Serialize};

/// What a step of a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// A word of the context is stored
    Store,
    /// The device is made to look at the context again, and the fence is waited for
    Sync,
    /// Translations are flushed, and the fence is waited for
    Flush,
}

/// The machine stopped before the call was done: the device hung or stopped itself, or a divergence was found. The
/// machine keeps the reason; the driver only unwinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the machine stopped")]
pub struct Halted;

/// A computer with an IOMMU, seen by software.
pub trait Machine {
    /// Stores an aligned doubleword; visible at once to the whole machine when the call returns.
    ///
    /// # Errors
    /// [`Halted`]; so for every call of this trait.
    fn store(&mut self, addr: Spa, value: u64) -> Result<(), Halted>;
    /// Loads an aligned doubleword.
    fn load(&mut self, addr: Spa) -> Result<u64, Halted>;
    /// Writes a register of 4 or 8 bytes, and waits for the response.
    fn write_register(&mut self, offset: u16, bytes: u8, value: u64) -> Result<(), Halted>;
    /// Reads a register of 4 or 8 bytes.
    fn read_register(&mut self, offset: u16, bytes: u8) -> Result<u64, Halted>;
    /// Lets this many clock cycles pass.
    fn wait(&mut self, cycles: u64) -> Result<(), Halted>;
    /// The current cycle.
    fn now(&self) -> u64;
    /// Software begins an operation; calls nest, and only the outermost promise counts.
    fn begin(&mut self, operation: Operation);
    /// Software ends the operation that it began last. `done` is false when the operation failed and changed
    /// nothing.
    fn end(&mut self, done: bool);
    /// Software gives up this memory: no device may reach it any more. For those who watch: it takes no time.
    fn freed(&mut self, _: Spa, _bytes: u64) {}
    /// This memory belongs to somebody from now on.
    fn taken(&mut self, _: Spa, _bytes: u64) {}
    /// Software gives something a name. For those who watch: it takes no time.
    fn named(&mut self, _name: &str, _: Named) {}
    /// The operation under way begins the next step of its plan for the context of a device, which has these IDs. For
    /// those who watch: it takes no time.
    fn step(&mut self, _: &[DeviceId], _: StepKind) {}
}
