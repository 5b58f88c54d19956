// SPDX-License-Identifier: Apache-2.0
//! A type for each address space and each identifier, so that mixing them does not compile.

use core::fmt;

macro_rules! newtype {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }
    };
}

newtype! {
    /// I/O virtual address: what a device puts on the bus.
    Iova(u64)
}
newtype! {
    /// Guest physical address: the result of the first stage, the input of the second.
    Gpa(u64)
}
newtype! {
    /// Supervisor physical address: what memory sees.
    Spa(u64)
}
newtype! {
    /// `device_id`, up to 24 bits.
    DeviceId(u32)
}
newtype! {
    /// `process_id`, up to 20 bits.
    ProcessId(u32)
}
newtype! {
    /// Process soft-context ID, 20 bits: the tag of first-stage translations.
    Pscid(u32)
}
newtype! {
    /// Guest soft-context ID, 16 bits: the tag of second-stage translations.
    Gscid(u16)
}
