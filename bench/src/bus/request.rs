//! Which DMA requests a device may make.

use super::violation::Rule;
use super::{Direction, DmaRequest};
use hdl::Address;

/// A DMA request that no AXI device can make. Driving it would blame the device under test for our fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalRequest {
    /// The burst breaks a rule of AXI.
    #[error("burst breaks {rule}: needs {right}")]
    Shape {
        /// The rule
        rule: Rule,
        /// What would be right
        right: &'static str,
    },
    /// A write needs a word for each beat, a read needs none.
    #[error("needs {right} words of data, has {wrong}")]
    Data {
        /// Words needed
        right: usize,
        /// Words given
        wrong: usize,
    },
    /// A strobe lies outside the byte lanes of its beat.
    #[error("strobes {strobes:#04x} of beat {beat} exceed its lanes {lanes:#04x}")]
    Strobes {
        /// Number of the beat, from 0
        beat: usize,
        /// What was asked
        strobes: u8,
        /// What the beat has
        lanes: u8,
    },
    /// The `device_id` has more than 24 bits.
    #[error("device_id {0:#x} has more than 24 bits")]
    Device(u32),
    /// The `process_id` has more than 20 bits.
    #[error("process_id {0:#x} has more than 20 bits")]
    Process(u32),
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

impl std::fmt::Display for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "lock {}, cache {:#06b}, qos {}", u8::from(self.lock), self.cache, self.qos)
    }
}

impl DmaRequest {
    /// Checks that a device can make this request.
    ///
    /// # Errors
    /// [`IllegalRequest`]: the first thing that is wrong.
    pub fn check(&self) -> Result<(), IllegalRequest> {
        self.burst.check(self.iova.0).map_err(|(rule, right)| IllegalRequest::Shape { rule, right })?;
        if self.device.0 >> 24 != 0 {
            return Err(IllegalRequest::Device(self.device.0));
        }
        if let Some(process) = self.process.filter(|process| process.0 >> 20 != 0) {
            return Err(IllegalRequest::Process(process.0));
        }
        let right = if self.direction == Direction::Write { usize::from(self.burst.beats()) } else { 0 };
        if self.data.len() != right {
            return Err(IllegalRequest::Data { right, wrong: self.data.len() });
        }
        for (beat, &(_, strobes)) in self.data.iter().enumerate() {
            let lanes = self.burst.lanes(self.iova.0, beat as u16);
            if strobes & !lanes != 0 {
                return Err(IllegalRequest::Strobes { beat, strobes, lanes });
            }
        }
        Ok(())
    }

    /// Attributes that the device gives to it. They are not drawn but follow from what is asked: all kinds of memory that
    /// reads and writes have in common, and any quality of service. No device asks for exclusive access.
    pub fn attributes(&self) -> Attributes {
        const CACHE: [u8; 6] = [0b0011, 0b0010, 0b0001, 0b0000, 0b1110, 0b1111];
        let mixed = ((self.iova.0 & 0xFFF) >> 3 ^ u64::from(self.id)) as usize;
        Attributes { lock: false, cache: CACHE[mixed % CACHE.len()], qos: (mixed / CACHE.len() % 16) as u8 }
    }

    /// The payload of its AW or AR.
    pub(super) fn address(&self) -> Address {
        let attributes = self.attributes();
        Address {
            valid: true,
            id: self.id,
            addr: self.iova.0,
            len: self.burst.len,
            size: self.burst.size,
            burst: self.burst.kind,
            lock: attributes.lock,
            cache: attributes.cache,
            qos: attributes.qos,
            prot: u8::from(self.privileged) | (u8::from(self.instruction) << 2),
            mmusid: self.device.0,
            mmussidv: self.process.is_some(),
            mmussid: self.process.map_or(0, |process| process.0),
            mmuatst: self.translated,
            ..Address::default()
        }
    }
}
