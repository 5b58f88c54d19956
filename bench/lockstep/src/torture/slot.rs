// SPDX-License-Identifier: Apache-2.0
//! A word of memory that changes under traffic, and the invalidations that it calls for.

use golden::{Command, DeviceId, Gscid, Iotinval, ProcessId, Pscid};

use super::dice::Dice;

/// What a change of a word has to be followed by, before software may rely on it.
#[derive(Clone, Copy, Debug)]
pub enum Cover {
    /// IOTINVAL.VMA
    First {
        /// Guest, or none for the host
        gscid: Option<u16>,
        /// Process
        pscid: u32,
        /// A page that the entry translates
        page: u64,
    },
    /// IOTINVAL.GVMA
    Second {
        /// Guest
        gscid: u16,
        /// A guest page that the entry translates
        page: u64,
    },
    /// IODIR.INVAL_DDT with DV = 0
    Directory,
    /// IODIR.INVAL_DDT of this device
    Device(u32),
    /// IODIR.INVAL_PDT of this process, or something that covers it
    Process(u32, u32),
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Entry of the device directory that leads to another table
    Directory,
    /// Word of a device context
    Context,
    /// Entry of a process directory, or word of a process context
    Process,
    /// First-stage entry that leads to another table
    FirstPointer,
    /// First-stage leaf
    FirstLeaf,
    /// First-stage leaf for 2 MiB
    FirstSuperpage,
    /// Second-stage entry that leads to another table
    SecondPointer,
    /// Second-stage leaf for a page with the guest's tables
    SecondTable,
    /// Second-stage leaf for a page of data
    SecondLeaf,
    /// Second-stage leaf for 2 MiB
    SecondSuperpage,
    /// MSI PTE
    Msi,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 11] = [
        Kind::Directory,
        Kind::Context,
        Kind::Process,
        Kind::FirstPointer,
        Kind::FirstLeaf,
        Kind::FirstSuperpage,
        Kind::SecondPointer,
        Kind::SecondTable,
        Kind::SecondLeaf,
        Kind::SecondSuperpage,
        Kind::Msi,
    ];
}

/// A word, what it may hold, and who may have cached it.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What it is
    pub kind: Kind,
    /// Its address
    pub addr: u64,
    /// What it may hold; the first value is the one it begins with
    pub values: Vec<u64>,
    /// Every use of it
    pub covers: Vec<Cover>,
}

impl Cover {
    /// A command that covers this use most of the time: in the breadth that software has the choice of, and sometimes
    /// beside the mark. What it covers in fact is for the oracle to know.
    pub fn command(self, dice: &mut Dice) -> Command {
        match self {
            Cover::First { gscid, pscid, page } => {
                Command::InvalVma(Iotinval { gscid: gscid.map(Gscid), ..operands(dice, page, Some(pscid)) })
            }
            Cover::Second { gscid, page } => {
                let mut one = operands(dice, page, None);
                if dice.percent(75) {
                    one.gscid = Some(Gscid(gscid));
                } else if dice.percent(50) {
                    // All guests: an address is ignored, so any will do.
                    one.page = one.page.map(|page| page ^ (1 + dice.below(0x400)));
                }
                Command::InvalGvma(one)
            }
            Cover::Directory => Command::InvalDdt { device: None },
            Cover::Device(id) => Command::InvalDdt { device: dice.percent(75).then_some(DeviceId(id)) },
            Cover::Process(device, process) if dice.percent(75) => {
                Command::InvalPdt { device: DeviceId(device), process: ProcessId(process) }
            }
            Cover::Process(device, _) => Command::InvalDdt { device: Some(DeviceId(device)) },
        }
    }
}

/// PSCID, address, NL and S at random.
fn operands(dice: &mut Dice, page: u64, pscid: Option<u32>) -> Iotinval {
    let mut iotinval = Iotinval { pscid: pscid.filter(|_| dice.percent(50)).map(Pscid), ..Iotinval::default() };
    if !dice.percent(60) {
        return iotinval;
    }
    iotinval.nl = dice.percent(50);
    iotinval.page = Some(page);
    if dice.percent(30) {
        // NAPOT: 2 pages, 16 pages, 512 pages
        iotinval.s = true;
        iotinval.page = Some(match dice.below(3) {
            0 => page & !1,
            1 => page & !15 | 7,
            _ => page & !0x1ff | 0xff,
        });
    }
    if dice.percent(20) {
        iotinval.page = Some(page + dice.below(4));
    } else if page & 0x1ff == 0 && dice.percent(50) {
        iotinval.page = Some(page + dice.below(512));
    }
    iotinval
}
