// SPDX-License-Identifier: Apache-2.0
//! Commands (section "Command-Queue (CQ)").

use core::fmt;

const IOTINVAL: u64 = 1;
const IOFENCE: u64 = 2;
const IODIR: u64 = 3;

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
}

impl Invalidation {
    /// The command that asks for it.
    pub const fn command(self) -> Command {
        match self {
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
