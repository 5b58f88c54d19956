//! What software can do to the machine: the only way in which the driver touches the world.
//!
//! Each call takes simulated time; devices go on with their DMA meanwhile. The driver is written as straight-line
//! kernel code over this trait, so that it can be tested without RTL on a machine made of a hash map.

use golden::{DeviceId, Spa};
use serde::{Deserialize, Serialize};

/// What an operation of the driver promises to its caller once it has returned. The oracle holds the software to
/// this, and only to this: breaking it is a software hazard, never a fault of the device under test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promise {
    /// Nothing: a raw store by a scenario, a step in the middle of something larger.
    #[default]
    Nothing,
    /// Once the operation has returned, what it replaced is used no more. On its way it may show states in between.
    Effective,
    /// As `Effective`, and while it runs every request is translated by the old state or by the new one, whole, or refused.
    Whole,
    /// As `Effective`, and while it runs every request is translated by the old state or by the new one, whole.
    Hitless,
}

impl Promise {
    /// What a request shows that runs beside the operation is promised.
    pub const fn is_kept_meanwhile(self) -> bool {
        matches!(self, Promise::Whole | Promise::Hitless)
    }
}

/// An operation of the driver, as the report names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// For people: `replace nic: host -> guest`
    pub name: String,
    /// What it promises
    pub promise: Promise,
    /// It changed the configuration of a device: counted as a reconfiguration
    pub reconfiguration: bool,
}

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

/// What software calls the things that the IOMMU knows by numbers. For reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// A device, by its IDs.
    Device(&'a [DeviceId]),
    /// A domain, by what the context of a device that is attached to it says.
    Domain {
        /// `iohgatp`, 0 without a second stage
        iohgatp: u64,
        /// PSCID, 0 without a first stage
        pscid: u32,
        /// `fsc`, 0 without a first stage
        fsc: u64,
    },
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
    fn named(&mut self, _name: &str, _: Named<'_>) {}
    /// The operation under way begins the next step of its plan for the context of a device, which has these IDs. For
    /// those who watch: it takes no time.
    fn step(&mut self, _: &[DeviceId], _: StepKind) {}
}
