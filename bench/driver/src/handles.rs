// SPDX-License-Identifier: Apache-2.0
//! What things are called: devices, domains and guests, what can be attached, and to what.

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
    };
}

handle! {
    /// A device that was added to a driver.
    Device
}
handle! {
    /// A domain of a driver, paging or nested.
    Domain
}
handle! {
    /// Guest memory in which a guest keeps its page tables.
    Guest
}
handle! {
    /// A first-stage page table that a guest made.
    GuestTable
}
handle! {
    /// A process directory that a guest made.
    GuestDirectory
}

/// What a device can be attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// All traffic refused
    Blocked,
    /// Addresses pass as they are
    Identity,
    /// A domain
    Domain(Domain),
}

impl Target {
    pub(super) fn domain(self) -> Option<u32> {
        match self {
            Target::Domain(Domain(id)) => Some(id),
            Target::Blocked | Target::Identity => None,
        }
    }
}

/// Who is attached to something: a device, or one of its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seat {
    pub(super) device: u32,
    pub(super) process: Option<u32>,
}

impl Seat {
    pub(super) const fn of(device: Device) -> Seat {
        Seat { device: device.0, process: None }
    }
}
