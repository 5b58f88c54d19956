// SPDX-License-Identifier: Apache-2.0
//! Commands of the command queue (section "Command-Queue").

use core::ops::RangeInclusive;

use crate::bits::mask;
use crate::{Capabilities, Config, DeviceId, Gscid, ProcessId, Pscid, Spa};

/// Operands of `IOTINVAL.VMA` and `IOTINVAL.GVMA`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Iotinval {
    /// GSCID where GV
    pub gscid: Option<Gscid>,
    /// PSCID where PSCV
    pub pscid: Option<Pscid>,
    /// `ADDR[63:12]`, a page number, where AV
    pub page: Option<u64>,
    /// Non-leaf entries as well; ignored without an address
    pub nl: bool,
    /// The address is a NAPOT range; ignored without an address
    pub s: bool,
}

impl Iotinval {
    /// Page numbers that the address operand covers; none without an address (all are covered then).
    ///
    /// ```
    /// use golden::Iotinval;
    /// let range = Iotinval { page: Some(0b1011), s: true, ..Default::default() };
    /// assert_eq!(range.pages(), Some(8..=15));
    /// ```
    #[must_use]
    pub const fn pages(&self) -> Option<RangeInclusive<u64>> {
        match self.page {
            None => None,
            Some(page) if self.s => {
                // The lowest 0 bit at X encodes 2^(X+1) pages. All 52 bits 1 is UNSPECIFIED; the whole space covers it.
                let low = page ^ (page + 1);
                Some((page & !low)..=((page | low) & mask(51, 0)))
            }
            Some(page) => Some(page..=page),
        }
    }
}

/// Operands of `IOFENCE.C`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Iofence {
    /// Address and data of the completion store, where AV
    pub store: Option<(Spa, u32)>,
    /// A wired interrupt on completion
    pub wsi: bool,
    /// Order previous reads of devices
    pub pr: bool,
    /// Order previous writes of devices
    pub pw: bool,
}

/// Operands of `ATS.INVAL` and `ATS.PRGR`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AtsMessage {
    /// PASID where PV
    pub process: Option<ProcessId>,
    /// Destination segment where DSV
    pub segment: Option<u8>,
    /// PCIe routing identifier
    pub rid: u16,
    /// Body of the message
    pub payload: u64,
}

/// A command of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// `IOTINVAL.VMA`: first-stage entries
    InvalVma(Iotinval),
    /// `IOTINVAL.GVMA`: second-stage entries
    InvalGvma(Iotinval),
    /// `IOFENCE.C`
    Fence(Iofence),
    /// `IODIR.INVAL_DDT`; without a device: everything
    InvalDdt {
        /// DID where DV
        device: Option<DeviceId>,
    },
    /// `IODIR.INVAL_PDT`
    InvalPdt {
        /// DID
        device: DeviceId,
        /// PID
        process: ProcessId,
    },
    /// `ATS.INVAL`: an Invalidation Request to a device
    AtsInval(AtsMessage),
    /// `ATS.PRGR`: a Page Request Group Response to a device
    AtsPrgr(AtsMessage),
}

/// Why the command queue refuses a command (`cqcsr.cmd_ill`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Illegal {
    /// An opcode that is reserved, or custom
    #[error("opcode {0:#x} is not defined")]
    Opcode(u8),
    /// A function of a defined opcode that is reserved
    #[error("function {func3} of opcode {opcode} is not defined")]
    Function {
        /// Opcode
        opcode: u8,
        /// `func3`
        func3: u8,
    },
    /// A reserved bit is 1
    #[error("reserved bits {bits:#x} of doubleword {word} are set")]
    Reserved {
        /// Doubleword 0 or 1
        word: u8,
        /// Which bits
        bits: u64,
    },
    /// `IOTINVAL.GVMA` with PSCV
    #[error("PSCV is set in IOTINVAL.GVMA")]
    PscvInGvma,
    /// `IODIR.INVAL_PDT` without DV
    #[error("DV is clear in IODIR.INVAL_PDT")]
    PdtWithoutDevice,
    /// The command, or an operand, needs a capability that is not there
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// DID is wider than `ddtp.iommu_mode` supports
    #[error("device_id {0} is too wide for the directory")]
    DeviceTooWide(DeviceId),
    /// PID is wider than the capabilities support
    #[error("process_id {0} is too wide for any process directory")]
    ProcessTooWide(ProcessId),
}

const IOTINVAL: u8 = 1;
const IOFENCE: u8 = 2;
const IODIR: u8 = 3;
const ATS: u8 = 4;

const IOTINVAL_RESERVED: [u64; 2] = [mask(11, 11) | mask(43, 35) | mask(63, 60), mask(8, 0) | mask(63, 62)];
const IOFENCE_RESERVED: [u64; 2] = [mask(31, 14), mask(63, 62)];
const IODIR_RESERVED: [u64; 2] = [mask(11, 10) | mask(32, 32) | mask(39, 34), u64::MAX];
const ATS_RESERVED: [u64; 2] = [mask(11, 10) | mask(39, 34), 0];

const fn reserved(w: [u64; 2], reserved: [u64; 2]) -> Result<(), Illegal> {
    if w[0] & reserved[0] != 0 {
        Err(Illegal::Reserved { word: 0, bits: w[0] & reserved[0] })
    } else if w[1] & reserved[1] != 0 {
        Err(Illegal::Reserved { word: 1, bits: w[1] & reserved[1] })
    } else {
        Ok(())
    }
}

const fn bit(w: u64, at: u32) -> bool {
    (w >> at) & 1 == 1
}

impl Command {
    /// Decodes the two doublewords, in host order. Only the encoding is judged here: what the capabilities and the
    /// registers forbid, [`Command::check`] finds.
    ///
    /// # Errors
    /// [`Illegal`]: reserved encodings and reserved bits.
    pub fn decode(w0: u64, w1: u64) -> Result<Self, Illegal> {
        let (opcode, func3) = ((w0 & 0x7f) as u8, (w0 >> 7 & 7) as u8);
        let undefined = Illegal::Function { opcode, func3 };
        match opcode {
            IOTINVAL => {
                if func3 > 1 {
                    return Err(undefined);
                }
                reserved([w0, w1], IOTINVAL_RESERVED)?;
                let operands = Iotinval {
                    gscid: bit(w0, 33).then_some(Gscid((w0 >> 44) as u16)),
                    pscid: bit(w0, 32).then_some(Pscid((w0 >> 12) as u32 & 0xf_ffff)),
                    page: bit(w0, 10).then_some(w1 >> 10 & mask(51, 0)),
                    nl: bit(w0, 34),
                    s: bit(w1, 9),
                };
                match func3 {
                    0 => Ok(Self::InvalVma(operands)),
                    _ if operands.pscid.is_some() => Err(Illegal::PscvInGvma),
                    _ => Ok(Self::InvalGvma(operands)),
                }
            }
            IOFENCE => {
                if func3 != 0 {
                    return Err(undefined);
                }
                reserved([w0, w1], IOFENCE_RESERVED)?;
                Ok(Self::Fence(Iofence {
                    store: bit(w0, 10).then_some((Spa(w1 << 2), (w0 >> 32) as u32)),
                    wsi: bit(w0, 11),
                    pr: bit(w0, 12),
                    pw: bit(w0, 13),
                }))
            }
            IODIR => {
                if func3 > 1 {
                    return Err(undefined);
                }
                reserved([w0, w1], IODIR_RESERVED)?;
                let device = bit(w0, 33).then_some(DeviceId((w0 >> 40) as u32));
                let process = ProcessId((w0 >> 12) as u32 & 0xf_ffff);
                match (func3, device) {
                    (0, _) if process.0 != 0 => Err(Illegal::Reserved { word: 0, bits: w0 & mask(31, 12) }),
                    (0, device) => Ok(Self::InvalDdt { device }),
                    (_, Some(device)) => Ok(Self::InvalPdt { device, process }),
                    (_, None) => Err(Illegal::PdtWithoutDevice),
                }
            }
            ATS => {
                if func3 > 1 {
                    return Err(undefined);
                }
                reserved([w0, w1], ATS_RESERVED)?;
                let operands = AtsMessage {
                    process: bit(w0, 32).then_some(ProcessId((w0 >> 12) as u32 & 0xf_ffff)),
                    segment: bit(w0, 33).then_some((w0 >> 56) as u8),
                    rid: (w0 >> 40) as u16,
                    payload: w1,
                };
                Ok(if func3 == 0 { Self::AtsInval(operands) } else { Self::AtsPrgr(operands) })
            }
            _ => Err(Illegal::Opcode(opcode)),
        }
    }

    /// Encodes the command as two doublewords in host order. Operands that are absent are 0.
    ///
    /// ```
    /// use golden::{Command, DeviceId};
    /// let command = Command::InvalDdt { device: Some(DeviceId(0x10)) };
    /// let [w0, w1] = command.encode();
    /// assert_eq!(Command::decode(w0, w1), Ok(command));
    /// ```
    #[must_use]
    pub const fn encode(&self) -> [u64; 2] {
        const fn head(opcode: u8, func3: u8) -> u64 {
            opcode as u64 | (func3 as u64) << 7
        }
        match *self {
            Self::InvalVma(o) => o.encode(head(IOTINVAL, 0)),
            Self::InvalGvma(o) => o.encode(head(IOTINVAL, 1)),
            Self::Fence(o) => {
                let w0 = head(IOFENCE, 0) | (o.wsi as u64) << 11 | (o.pr as u64) << 12 | (o.pw as u64) << 13;
                match o.store {
                    Some((addr, data)) => [w0 | 1 << 10 | (data as u64) << 32, addr.0 >> 2],
                    None => [w0, 0],
                }
            }
            Self::InvalDdt { device: None } => [head(IODIR, 0), 0],
            Self::InvalDdt { device: Some(device) } => [head(IODIR, 0) | 1 << 33 | (device.0 as u64) << 40, 0],
            Self::InvalPdt { device, process } => {
                [head(IODIR, 1) | (process.0 as u64 & 0xf_ffff) << 12 | 1 << 33 | (device.0 as u64) << 40, 0]
            }
            Self::AtsInval(o) => o.encode(head(ATS, 0)),
            Self::AtsPrgr(o) => o.encode(head(ATS, 1)),
        }
    }

    /// What the capabilities and the registers say about a command that is well encoded.
    ///
    /// # Errors
    /// [`Illegal`]: the command or one of its operands is unsupported, or an ID is too wide.
    pub fn check(&self, config: &Config) -> Result<(), Illegal> {
        let caps = config.caps;
        match *self {
            Self::InvalVma(o) | Self::InvalGvma(o) => o.check(caps),
            Self::Fence(o) if o.wsi && !config.fctl.wsi() => Err(Illegal::Unsupported("a wired interrupt")),
            Self::Fence(_) | Self::InvalDdt { device: None } => Ok(()),
            Self::InvalDdt { device: Some(device) } => config.check_device(device),
            Self::InvalPdt { device, process } => {
                if process.0 >> caps.process_id_bits() != 0 {
                    return Err(Illegal::ProcessTooWide(process));
                }
                config.check_device(device)
            }
            Self::AtsInval(_) | Self::AtsPrgr(_) if !caps.ats() => Err(Illegal::Unsupported("ATS")),
            Self::AtsInval(_) | Self::AtsPrgr(_) => Ok(()),
        }
    }

    /// The name that the specification gives to the command.
    #[must_use]
    pub const fn mnemonic(&self) -> &'static str {
        match self {
            Self::InvalVma(_) => "IOTINVAL.VMA",
            Self::InvalGvma(_) => "IOTINVAL.GVMA",
            Self::Fence(_) => "IOFENCE.C",
            Self::InvalDdt { .. } => "IODIR.INVAL_DDT",
            Self::InvalPdt { .. } => "IODIR.INVAL_PDT",
            Self::AtsInval(_) => "ATS.INVAL",
            Self::AtsPrgr(_) => "ATS.PRGR",
        }
    }
}

impl Iotinval {
    const fn encode(&self, head: u64) -> [u64; 2] {
        let mut w = [head | (self.nl as u64) << 34, (self.s as u64) << 9];
        if let Some(gscid) = self.gscid {
            w[0] |= 1 << 33 | (gscid.0 as u64) << 44;
        }
        if let Some(pscid) = self.pscid {
            w[0] |= 1 << 32 | (pscid.0 as u64 & 0xf_ffff) << 12;
        }
        if let Some(page) = self.page {
            w[0] |= 1 << 10;
            w[1] |= (page & mask(51, 0)) << 10;
        }
        w
    }

    const fn check(&self, caps: Capabilities) -> Result<(), Illegal> {
        if self.nl && !caps.nl() {
            Err(Illegal::Unsupported("NL"))
        } else if self.s && !caps.s() {
            Err(Illegal::Unsupported("S"))
        } else {
            Ok(())
        }
    }
}

impl AtsMessage {
    const fn encode(&self, head: u64) -> [u64; 2] {
        let mut w0 = head | (self.rid as u64) << 40;
        if let Some(process) = self.process {
            w0 |= 1 << 32 | (process.0 as u64 & 0xf_ffff) << 12;
        }
        if let Some(segment) = self.segment {
            w0 |= 1 << 33 | (segment as u64) << 56;
        }
        [w0, self.payload]
    }
}

impl Config {
    const fn check_device(&self, device: DeviceId) -> Result<(), Illegal> {
        if device.0 as u64 >> self.ddtp.device_id_bits(self.caps.msi_flat()) != 0 {
            Err(Illegal::DeviceTooWide(device))
        } else {
            Ok(())
        }
    }
}
