// SPDX-License-Identifier: Apache-2.0
//! The functional device: registers, queues, commands, faults, interrupts, performance monitor, debug and ATS around the
//! walk. It has no clock and no caches: each call runs to its end, and an invalidation has nothing to drop.

mod ats;
mod command_queue;
mod debug;
mod fault_queue;
mod hpm;
mod interrupts;
mod memory;
mod mrif;
mod page_request;
mod registers;

pub use ats::InvalidationCompletion;
pub use memory::{Memory, MemoryError, MemoryWords, Message, MessageKind, Platform};
pub use mrif::MrifStore;
pub use page_request::{PageRequest, PageRequestPayload, PageRequestRecord};

use crate::{
    Capabilities, Choices, Config, Cqcsr, Ddtp, Fctl, Fqcsr, Icvec, Ipsr, Kind, Outcome, Pqcsr, QueueBase, Request,
    Spa, SpecVersion, TrReqCtl, TrResponse, translate,
};
use ats::Itags;
use hpm::{Counting, Hpm};
use interrupts::MsiEntry;

/// What an IOMMU is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// `capabilities`
    pub caps: Capabilities,
    /// Reset value of `fctl`; fields that are not writable keep it
    pub fctl_reset: Fctl,
    /// Reset value of `ddtp`: mode Off or Bare
    pub ddtp_reset: Ddtp,
    /// Version of the specification
    pub version: SpecVersion,
    /// What the specification leaves open in a translation
    pub choices: Choices,
    /// Event counters, 1 to 31, where `capabilities.HPM`
    pub event_counters: u8,
    /// Width of the counters in bits, 32 to 64; the cycles counter has at most 63
    pub counter_bits: u8,
    /// Writable bits in each field of `icvec`, 0 to 4
    pub vector_bits: u8,
    /// ATS invalidation requests that may be outstanding, 1 to 32
    pub itags: u8,
}

impl Parameters {
    /// Full-size parameters for these capabilities.
    #[must_use]
    pub const fn new(caps: Capabilities) -> Self {
        let version = SpecVersion::V20260222;
        Self {
            caps,
            fctl_reset: Fctl(0).with_wsi(caps.igs() == 1),
            ddtp_reset: Ddtp(0),
            version,
            choices: Choices { be_writable: caps.end(), ..Choices::recommended(version) },
            event_counters: 31,
            counter_bits: 64,
            vector_bits: 4,
            itags: 32,
        }
    }
}

/// An IOMMU.
///
/// Software reaches it by [`Iommu::write_register`] and [`Iommu::read_register`], devices by [`Iommu::translate`],
/// [`Iommu::page_request`] and [`Iommu::invalidation_completion`]. What it does by itself goes to the [`Platform`] that
/// each call is given.
///
/// ```
/// use golden::{
///     Access, Capabilities, Cause, DeviceId, Iommu, Iova, Memory, MemoryError, Outcome, Parameters, Platform, Request, Spa,
///     offset,
/// };
///
/// struct Nothing;
/// impl Memory for Nothing {
///     fn read(&mut self, _: Spa, _: u8) -> Result<u64, MemoryError> {
///         Err(MemoryError::AccessFault)
///     }
///     fn write(&mut self, _: Spa, _: u8, _: u64) -> Result<(), MemoryError> {
///         Err(MemoryError::AccessFault)
///     }
/// }
/// impl Platform for Nothing {}
///
/// let mut iommu = Iommu::new(&Parameters::new(Capabilities(0x10).with_pas(56)));
/// let request = Request::untranslated(DeviceId(1), Access::Read, Iova(0x1000));
/// let Outcome::Fault(fault) = iommu.translate(&mut Nothing, &request) else { panic!("ddtp is Off after reset") };
/// assert_eq!(fault.cause, Cause::AllInboundDisallowed);
///
/// iommu.write_register(&mut Nothing, offset::DDTP, 8, 1);
/// assert!(matches!(iommu.translate(&mut Nothing, &request), Outcome::Translated(_)));
/// ```
#[derive(Clone, Debug)]
pub struct Iommu {
    parameters: Parameters,
    config: Config,
    cqb: QueueBase,
    cqh: u32,
    cqt: u32,
    cqcsr: Cqcsr,
    fqb: QueueBase,
    fqh: u32,
    fqt: u32,
    fqcsr: Fqcsr,
    pqb: QueueBase,
    pqh: u32,
    pqt: u32,
    pqcsr: Pqcsr,
    ipsr: Ipsr,
    icvec: Icvec,
    msi: [MsiEntry; 16],
    hpm: Hpm,
    itags: Itags,
    tr_req_iova: u64,
    tr_req_ctl: TrReqCtl,
    tr_response: TrResponse,
    qosid: u32,
}

impl Iommu {
    /// An IOMMU after reset.
    #[must_use]
    pub fn new(parameters: &Parameters) -> Self {
        let config = Config {
            caps: parameters.caps,
            fctl: parameters.fctl_reset,
            ddtp: parameters.ddtp_reset,
            version: parameters.version,
            choices: parameters.choices,
        };
        Self {
            parameters: *parameters,
            config,
            cqb: QueueBase(0),
            cqh: 0,
            cqt: 0,
            cqcsr: Cqcsr(0),
            fqb: QueueBase(0),
            fqh: 0,
            fqt: 0,
            fqcsr: Fqcsr(0),
            pqb: QueueBase(0),
            pqh: 0,
            pqt: 0,
            pqcsr: Pqcsr(0),
            ipsr: Ipsr(0),
            icvec: Icvec(0),
            msi: [MsiEntry::default(); 16],
            hpm: Hpm::new(parameters),
            itags: Itags::new(parameters.itags),
            tr_req_iova: 0,
            tr_req_ctl: TrReqCtl(0),
            tr_response: TrResponse(0),
            qosid: 0,
        }
    }

    /// What a walk depends on, as the registers stand.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Translates a request, reports its fault and counts its events.
    pub fn translate<P: Platform>(&mut self, platform: &mut P, request: &Request) -> Outcome {
        let mut outcome = self.walk(platform, request);
        if let Outcome::Translated(translation) = &mut outcome
            && self.config.ddtp.mode_bits() == 1
        {
            // Section "IOMMU QoS ID": in Bare mode the IDs of the register go with the requests of devices.
            translation.rcid = (self.qosid & 0xfff) as u16;
            translation.mcid = (self.qosid >> 16 & 0xfff) as u16;
        }
        if let Outcome::Fault(fault) = &outcome
            && fault.reported
        {
            self.report(platform, fault.record());
        }
        outcome
    }

    /// The walk of a request with its events counted; its fault is not reported yet.
    fn walk<P: Platform>(&mut self, platform: &mut P, request: &Request) -> Outcome {
        if !self.config.caps.hpm() {
            return translate(&self.config, &mut MemoryWords(platform), request);
        }
        let event = match request.kind {
            Kind::Untranslated | Kind::Debug => hpm::UNTRANSLATED,
            Kind::Translated => hpm::TRANSLATED,
            Kind::Ats { .. } => hpm::ATS,
        };
        let (outcome, overflowed) = {
            let mut words = Counting::new(platform, &mut self.hpm, request);
            words.count_request(event);
            let outcome = translate(&self.config, &mut words, request);
            words.count_miss();
            (outcome, self.hpm.take_overflowed())
        };
        if overflowed {
            self.raise(platform, interrupts::Source::Hpm);
        }
        outcome
    }

    /// Reads memory on behalf of the device itself. What does not fit `capabilities.PAS` cannot be addressed.
    fn load<P: Platform>(&self, platform: &mut P, addr: u64, bytes: u8) -> Result<u64, MemoryError> {
        if addr > self.config.caps.spa_max() {
            return Err(MemoryError::AccessFault);
        }
        platform.read(Spa(addr), bytes)
    }

    /// Writes memory on behalf of the device itself; see [`Self::load`].
    fn store<P: Platform>(&self, platform: &mut P, addr: u64, bytes: u8, value: u64) -> Result<(), MemoryError> {
        if addr > self.config.caps.spa_max() {
            return Err(MemoryError::AccessFault);
        }
        platform.write(Spa(addr), bytes, value)
    }

    /// A value in the byte order that `fctl.BE` asks for, as a little-endian image of 8 bytes.
    const fn image8(&self, value: u64) -> u64 {
        if self.config.fctl.be() { value.swap_bytes() } else { value }
    }

    /// As [`Self::image8`], for 4 bytes.
    const fn image4(&self, value: u32) -> u64 {
        (if self.config.fctl.be() { value.swap_bytes() } else { value }) as u64
    }
}
