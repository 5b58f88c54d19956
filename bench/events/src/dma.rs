// SPDX-License-Identifier: Apache-2.0
//! DMA transactions, as devices ask for them.

use golden::{DeviceId, Iova, ProcessId};

use crate::burst::Burst;

/// Number of a DMA transaction, in the order of acceptance on `dev_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// AR, R
    Read,
    /// AW, W, B
    Write,
}

/// A DMA transaction as the device asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmaRequest {
    /// AXI ID on `dev_*`; the device under test keeps it on `mem_*`
    pub id: u8,
    /// Read or write
    pub direction: Direction,
    /// Start address, untranslated
    pub iova: Iova,
    /// Shape
    pub burst: Burst,
    /// `AxMMUSID`
    pub device: DeviceId,
    /// `AxMMUSSID` where `AxMMUSSIDV`
    pub process: Option<ProcessId>,
    /// `AxPROT[0]`
    pub privileged: bool,
    /// `AxPROT[2]`
    pub instruction: bool,
    /// `AxMMUATST`: the address is the answer to an ATS translation request
    pub translated: bool,
    /// `AxLOCK`, `AxCACHE`, `AxQOS`
    pub attributes: Attributes,
    /// Write data, a word and its strobes a beat; empty for reads
    pub data: Vec<(u64, u8)>,
}

impl DmaRequest {
    /// As an ordinary device asks: with ID 0, without a process and privilege, and without data, which a write still needs.
    pub fn new(direction: Direction, device: DeviceId, iova: Iova, burst: Burst) -> Self {
        DmaRequest {
            id: 0,
            direction,
            iova,
            burst,
            device,
            process: None,
            privileged: false,
            instruction: false,
            translated: false,
            attributes: Attributes::default(),
            data: Vec::new(),
        }
    }
}

/// The QoS IDs of an access, where the device has ports for them (section "Quality-of-Service (QoS) Identifiers Extension").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QosIds {
    /// Resource control ID, 12 bits
    pub rcid: u16,
    /// Monitoring counter ID, 12 bits
    pub mcid: u16,
}

impl std::fmt::Display for QosIds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RCID {:#x}, MCID {:#x}", self.rcid, self.mcid)
    }
}

/// What AXI says of a transaction besides its shape, and a device under test passes on (`hdl/DEVICE.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `AxLOCK`
    pub lock: bool,
    /// `AxCACHE`
    pub cache: u8,
    /// `AxQOS`
    pub qos: u8,
}

impl Attributes {
    /// Whether `AxCACHE` may have this value: what is not Modifiable does not allocate (IHI 0022H A4.4).
    #[must_use]
    pub const fn is_cache(cache: u8) -> bool {
        cache & 0b0010 != 0 || cache & 0b1100 == 0
    }
}

impl std::fmt::Display for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "lock {}, cache {:#06b}, qos {}", u8::from(self.lock), self.cache, self.qos)
    }
}
