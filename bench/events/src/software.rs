// SPDX-License-Identifier: Apache-2.0
//! What software does, and what it promises.

use golden::DeviceId;

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

/// What software calls the things that the IOMMU knows by numbers. For reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A device, by its IDs.
    Device(Vec<DeviceId>),
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
