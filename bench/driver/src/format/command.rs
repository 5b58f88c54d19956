// SPDX-License-Identifier: Apache-2.0
//! Commands (section "Command-Queue (CQ)").

use core::fmt;

const IOTINVAL: u64 = 1;
const IOFENCE: u64 = 2;
const IODIR: u64 = 3;
const ATS: u64 = 4;

/// A command as it stands in the queue: two doublewords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Command(pub [u64; 2]);

/// An invalidation with its operands. An operand that is absent has its valid bit clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invalidation {
    /// `IOTINVAL.VMA`: first-stage translations
    Vma {
        /// Without it: host address spaces
        gscid: Option<u16>,
        /// Without it: all address spaces, and global mappings too
        pscid: Option<u32>,
        /// An address in the page; without it: all addresses and all levels
        addr: Option<u64>,
    },
    /// `IOTINVAL.GVMA`: second-stage translations
    Gvma {
        /// Without it: all guests
        gscid: Option<u16>,
        /// A guest physical address in the page
        addr: Option<u64>,
    },
    /// `IODIR.INVAL_DDT`
    Ddt {
        /// Without it: all devices and all levels
        device: Option<u32>,
    },
    /// `IODIR.INVAL_PDT`
    Pdt {
        /// Device
        device: u32,
        /// Process
        process: u32,
    },
    /// `ATS.INVAL`: what a device itself keeps
    Ats {
        /// Device
        device: u32,
        /// PASID; without it: translations of requests that have none
        process: Option<u32>,
        /// Global Invalidate: of all PASIDs
        global: bool,
        /// Untranslated addresses
        range: Untranslated,
    },
}

/// A range of untranslated addresses as PCIe has them: a power of two in size and aligned to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Untranslated {
    /// First address
    start: u64,
    /// log2 of the bytes, from 12 on
    log2: u32,
}

impl Untranslated {
    /// All addresses.
    pub const ALL: Untranslated = Untranslated { start: 0, log2: 64 };

    /// The smallest range that has both addresses.
    pub const fn covering(first: u64, last: u64) -> Untranslated {
        let differing = 64 - (first ^ last).leading_zeros();
        let log2 = if differing < 12 { 12 } else { differing };
        let start = match u64::MAX.checked_shl(log2) {
            Some(mask) => first & mask,
            None => 0,
        };
        Untranslated { start, log2 }
    }

    /// Address and S of a message: where S is 1, the lowest 0 from bit 12 on is the highest bit within the range.
    const fn encoded(self) -> u64 {
        if self.log2 == 12 {
            return self.start & !0xfff;
        }
        self.start | ((1 << (self.log2 - 1)) - 1) & !0xfff | 1 << 11
    }
}

impl Invalidation {
    /// The command that asks for it.
    pub const fn command(self) -> Command {
        match self {
            Invalidation::Ats { device, process, global, range } => {
                Command([ATS | destination(device, process), range.encoded() | global as u64])
            }
            Invalidation::Vma { gscid, pscid, addr } => {
                let (gv, gscid) = match gscid {
                    Some(gscid) => (1 << 33, (gscid as u64) << 44),
                    None => (0, 0),
                };
                let (pscv, pscid) = match pscid {
                    Some(pscid) => (1 << 32, (pscid as u64 & 0xf_ffff) << 12),
                    None => (0, 0),
                };
                let (av, addr) = address(addr);
                Command([IOTINVAL | av | pscid | pscv | gv | gscid, addr])
            }
            Invalidation::Gvma { gscid, addr } => {
                let (gv, gscid) = match gscid {
                    Some(gscid) => (1 << 33, (gscid as u64) << 44),
                    None => (0, 0),
                };
                let (av, addr) = address(addr);
                Command([IOTINVAL | 1 << 7 | av | gv | gscid, addr])
            }
            Invalidation::Ddt { device } => {
                let operand = match device {
                    Some(device) => 1 << 33 | (device as u64 & 0xff_ffff) << 40,
                    None => 0,
                };
                Command([IODIR | operand, 0])
            }
            Invalidation::Pdt { device, process } => Command([
                IODIR | 1 << 7 | (process as u64 & 0xf_ffff) << 12 | 1 << 33 | (device as u64 & 0xff_ffff) << 40,
                0,
            ]),
        }
    }
}

/// `PID` and `PV`, `RID`, and `DSEG` and `DSV` where the device is not in segment 0.
const fn destination(device: u32, process: Option<u32>) -> u64 {
    let pasid = match process {
        Some(process) => 1 << 32 | (process as u64 & 0xf_ffff) << 12,
        None => 0,
    };
    let segment = device as u64 >> 16 & 0xff;
    let segment = if segment == 0 { 0 } else { 1 << 33 | segment << 56 };
    pasid | segment | (device as u64 & 0xffff) << 40
}

/// `AV` and `ADDR[63:12]`, which stands at bit 10 of the second doubleword.
const fn address(addr: Option<u64>) -> (u64, u64) {
    match addr {
        Some(addr) => (1 << 10, addr >> 12 << 10),
        None => (0, 0),
    }
}

impl fmt::Display for Invalidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalidation::Vma { gscid, pscid, addr } => {
                f.write_str("IOTINVAL.VMA")?;
                operand(f, "GSCID", gscid.map(u64::from))?;
                operand(f, "PSCID", pscid.map(u64::from))?;
                operand(f, "ADDR", *addr)
            }
            Invalidation::Gvma { gscid, addr } => {
                f.write_str("IOTINVAL.GVMA")?;
                operand(f, "GSCID", gscid.map(u64::from))?;
                operand(f, "ADDR", *addr)
            }
            Invalidation::Ddt { device } => {
                f.write_str("IODIR.INVAL_DDT")?;
                operand(f, "DID", device.map(u64::from))
            }
            Invalidation::Pdt { device, process } => {
                write!(f, "IODIR.INVAL_PDT DID={device:#x} PID={process:#x}")
            }
            Invalidation::Ats { device, process, global, range } => {
                write!(f, "ATS.INVAL device={device:#x}")?;
                operand(f, "PID", process.map(u64::from))?;
                write!(f, " {:#x}+2^{} G={}", range.start, range.log2, u8::from(*global))
            }
        }
    }
}

fn operand(f: &mut fmt::Formatter<'_>, name: &str, value: Option<u64>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {name}={value:#x}"),
        None => Ok(()),
    }
}

impl Command {
    /// `IOFENCE.C` with `PR` and `PW` as given; with `flag`, 32 bits of data are stored at an address, aligned to
    /// four bytes, when it completes.
    pub const fn fence(ordered: bool, flag: Option<(u64, u32)>) -> Command {
        let order = if ordered { 1 << 12 | 1 << 13 } else { 0 };
        match flag {
            Some((addr, data)) => Command([IOFENCE | 1 << 10 | order | (data as u64) << 32, addr >> 2]),
            None => Command([IOFENCE | order, 0]),
        }
    }

    /// `ATS.PRGR`: a Page Request Group Response to a device, with a PASID if there is one. The group has 9 bits, the
    /// response code 4.
    pub const fn page_response(device: u32, process: Option<u32>, group: u16, code: u8) -> Command {
        let payload = (group as u64 & 0x1ff) << 32 | (code as u64 & 0xf) << 44;
        Command([ATS | 1 << 7 | destination(device, process), payload])
    }

    /// Opcode and func3 together.
    pub const fn function(self) -> u64 {
        self.0[0] & 0x3ff
    }

    /// Whether this is `IOTINVAL.VMA` with no reserved bit set, as an IOMMU without the extensions NL and S defines
    /// it.
    pub const fn is_plain_vma(self) -> bool {
        const LOW: u64 = 0x3ff | 1 << 10 | 0xf_ffff << 12 | 1 << 32 | 1 << 33 | 0xffff << 44;
        const HIGH: u64 = ((1 << 52) - 1) << 10;
        self.function() == IOTINVAL && self.0[0] & !LOW == 0 && self.0[1] & !HIGH == 0
    }

    /// The process of an `IODIR.INVAL_PDT` with no reserved bit set.
    pub fn process_to_sync(self) -> Option<u32> {
        let (device, process) = ((self.0[0] >> 40) as u32, (self.0[0] >> 12 & 0xf_ffff) as u32);
        (self == Invalidation::Pdt { device, process }.command()).then_some(process)
    }

    /// The operands of an `IOTINVAL.VMA`.
    pub fn vma_operands(self) -> Option<Invalidation> {
        if self.function() != IOTINVAL {
            return None;
        }
        let [low, high] = self.0;
        let bit = |n: u32| low >> n & 1 != 0;
        Some(Invalidation::Vma {
            gscid: bit(33).then_some((low >> 44) as u16),
            pscid: bit(32).then_some((low >> 12 & 0xf_ffff) as u32),
            addr: bit(10).then_some(high >> 10 << 12),
        })
    }
}

impl From<Invalidation> for Command {
    fn from(invalidation: Invalidation) -> Command {
        invalidation.command()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(range: Untranslated) -> u64 {
        Invalidation::Ats { device: 5, process: None, global: false, range }.command().0[1]
    }

    #[test]
    fn an_untranslated_range_is_encoded_as_pcie_has_it() {
        assert_eq!(words(Untranslated::covering(0x4000_3000, 0x4000_3fff)), 0x4000_3000);
        assert_eq!(words(Untranslated::covering(0x4000_3123, 0x4000_3123)), 0x4000_3000);
        assert_eq!(words(Untranslated::covering(0x4000_2000, 0x4000_3fff)), 0x4000_2000 | 1 << 11, "8 KiB");
        assert_eq!(words(Untranslated::covering(0x4000_1000, 0x4000_2fff)), 0x4000_1000 | 1 << 11, "16 KiB around");
        assert_eq!(words(Untranslated::covering(0x4020_0000, 0x403f_ffff)), 0x402f_f000 | 1 << 11, "2 MiB");
        assert_eq!(words(Untranslated::ALL), 0x7fff_ffff_ffff_f000 | 1 << 11);
        assert_eq!(Untranslated::covering(0, u64::MAX), Untranslated::ALL);
    }

    #[test]
    fn messages_to_devices_name_segment_and_pasid() {
        let range = Untranslated::covering(0x5000, 0x5fff);
        let of = |device, process, global| Invalidation::Ats { device, process, global, range }.command();
        assert_eq!(of(0x1234, None, false), Command([4 | 0x1234 << 40, 0x5000]));
        let all = 4 | 0x7_ffff << 12 | 1 << 32 | 1 << 33 | 0x0005 << 40 | 0x21 << 56;
        assert_eq!(of(0x21_0005, Some(0x7_ffff), true), Command([all, 0x5001]));
        let response = Command::page_response(0x5, Some(3), 0x155, 15);
        assert_eq!(response, Command([4 | 1 << 7 | 3 << 12 | 1 << 32 | 5 << 40, 0x155 << 32 | 15 << 44]));
        assert_eq!(Command::page_response(0x5, None, 0, 0), Command([4 | 1 << 7 | 5 << 40, 0]));
    }
}
