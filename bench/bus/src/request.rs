// SPDX-License-Identifier: Apache-2.0
//! Which bursts AXI allows, and which DMA requests a device may make.

use boundary::Address;
use events::{Attributes, Burst, Direction, DmaRequest, IllegalBurst};

use super::violation::Rule;

/// A DMA request that no AXI device can make. Driving it would blame the device under test for our fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalRequest {
    /// The burst breaks a rule of AXI.
    #[error("burst breaks {rule}: needs {right}")]
    Shape {
        /// The rule
        rule: Rule,
        /// What would be right
        right: IllegalBurst,
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
    /// `AxCACHE` has a reserved value.
    #[error("AxCACHE {0:#06b} allocates, and is not modifiable")]
    Cache(u8),
    /// The `device_id` has more than 24 bits.
    #[error("device_id {0:#x} has more than 24 bits")]
    Device(u32),
    /// The `process_id` has more than 20 bits.
    #[error("process_id {0:#x} has more than 20 bits")]
    Process(u32),
}

/// The first rule that a burst of this shape at `start` breaks on a 64-bit bus, with what is right.
///
/// # Errors
/// The rule, and what would have been right.
pub fn check_shape(burst: Burst, start: u64) -> Result<(), (Rule, IllegalBurst)> {
    burst.check(start).map_err(|wrong| (rule_of(wrong), wrong))
}

const fn rule_of(wrong: IllegalBurst) -> Rule {
    match wrong {
        IllegalBurst::Kind => Rule::BurstKind,
        IllegalBurst::Size => Rule::Size,
        IllegalBurst::FixedLength | IllegalBurst::WrapLength => Rule::Length,
        IllegalBurst::WrapAlignment => Rule::WrapAlignment,
        IllegalBurst::Boundary => Rule::Boundary,
        IllegalBurst::ExclusiveSize | IllegalBurst::ExclusiveAlignment => Rule::Exclusive,
    }
}

/// Checks that a device can make this request.
///
/// # Errors
/// [`IllegalRequest`]: the first thing that is wrong.
pub fn check_request(request: &DmaRequest) -> Result<(), IllegalRequest> {
    let illegal = |(rule, right)| IllegalRequest::Shape { rule, right };
    check_shape(request.burst, request.iova.0).map_err(illegal)?;
    if request.attributes.lock {
        let legal = request.burst.check_exclusive(request.iova.0);
        legal.map_err(|wrong| illegal((rule_of(wrong), wrong)))?;
    }
    if !Attributes::is_cache(request.attributes.cache) {
        return Err(IllegalRequest::Cache(request.attributes.cache));
    }
    if request.device.0 >> 24 != 0 {
        return Err(IllegalRequest::Device(request.device.0));
    }
    if let Some(process) = request.process.filter(|process| process.0 >> 20 != 0) {
        return Err(IllegalRequest::Process(process.0));
    }
    let right = if request.direction == Direction::Write { usize::from(request.burst.beats()) } else { 0 };
    if request.data.len() != right {
        return Err(IllegalRequest::Data { right, wrong: request.data.len() });
    }
    for (beat, &(_, strobes)) in request.data.iter().enumerate() {
        let lanes = request.burst.lanes(request.iova.0, beat as u16);
        if strobes & !lanes != 0 {
            return Err(IllegalRequest::Strobes { beat, strobes, lanes });
        }
    }
    Ok(())
}

/// Attributes that a device gives to a request where nobody says which. They are not drawn but follow from what is asked: all
/// kinds of memory that reads and writes have in common, and any quality of service, but no exclusive access.
#[must_use]
pub fn usual_attributes(request: &DmaRequest) -> Attributes {
    const CACHE: [u8; 6] = [0b0011, 0b0010, 0b0001, 0b0000, 0b1110, 0b1111];
    let mixed = ((request.iova.0 & 0xFFF) >> 3 ^ u64::from(request.id)) as usize;
    Attributes { lock: false, cache: CACHE[mixed % CACHE.len()], qos: (mixed / CACHE.len() % 16) as u8 }
}

/// The payload of its AW or AR.
pub(super) fn address(request: &DmaRequest) -> Address {
    let attributes = request.attributes;
    Address {
        valid: true,
        id: request.id,
        addr: request.iova.0,
        len: request.burst.len,
        size: request.burst.size,
        burst: request.burst.kind,
        lock: attributes.lock,
        cache: attributes.cache,
        qos: attributes.qos,
        prot: u8::from(request.privileged) | (u8::from(request.instruction) << 2),
        mmusid: request.device.0,
        mmussidv: request.process.is_some(),
        mmussid: request.process.map_or(0, |process| process.0),
        mmuatst: request.translated,
        ..Address::default()
    }
}
