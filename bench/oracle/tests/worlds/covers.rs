// SPDX-License-Identifier: Apache-2.0
//! Rule 4: which command covers which use.

use crate::faults::{Fault, Faults};
use crate::trace::{Cmd, Operands};

/// What a value is used as, with everything that a command can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A word of a device context
    Device(u32),
    /// A word of a process context
    Process(u32, u32),
    /// A first-stage entry for a page
    First {
        /// GSCID, where there is a second stage
        gscid: Option<u16>,
        /// PSCID
        pscid: u32,
        /// Page that is translated
        page: u64,
        /// 0 for the last level
        level: u32,
        /// It maps a page
        leaf: bool,
        /// It, or a pointer that led to it, has G set
        global: bool,
    },
    /// A second-stage entry for a guest page
    Second {
        /// GSCID
        gscid: u16,
        /// Page that is translated
        page: u64,
        /// 0 for the last level
        level: u32,
        /// It maps a page
        leaf: bool,
    },
    /// An MSI page-table entry for a guest page
    Msi {
        /// GSCID, where there is a second stage
        gscid: Option<u16>,
        /// Page of the interrupt file
        page: u64,
    },
}

impl Use {
    /// A page-table entry that lies above the last level.
    pub fn is_above_last_level(&self) -> bool {
        matches!(self, Use::First { level: 1.., .. } | Use::Second { level: 1.., .. })
    }
}

/// Whether a command, once it has taken effect, has dropped this use.
pub fn covers(cmd: Cmd, used: &Use, faults: Faults) -> bool {
    match (cmd, *used) {
        (Cmd::Ddt(named), Use::Device(device)) => {
            named.is_none_or(|named| named == device || faults.has(Fault::DdtTakesEveryDevice))
        }
        // "The cached leaf-level DDT entry for the device and all associated PDT entries."
        (Cmd::Ddt(named), Use::Process(device, _)) => {
            !faults.has(Fault::DdtSparesProcesses) && named.is_none_or(|named| named == device)
        }
        (Cmd::Ddt(_), Use::First { .. } | Use::Second { .. }) => faults.has(Fault::DdtTakesPages),
        (Cmd::Ddt(_), Use::Msi { .. }) => faults.has(Fault::DdtTakesMsi),
        (Cmd::Pdt(of, named), Use::Process(device, process)) => {
            of == device && (named == process || faults.has(Fault::PdtTakesEveryProcess))
        }
        (Cmd::Pdt(of, _), Use::Device(device)) => faults.has(Fault::PdtTakesDevice) && of == device,
        (Cmd::Vma(o), Use::First { gscid, pscid, page, level, leaf, global }) => {
            let guest = match (o.gscid, gscid) {
                (None, Some(_)) => faults.has(Fault::HostTakesGuests),
                (Some(named), Some(gscid)) => named == gscid || faults.has(Fault::VmaTakesEveryGuest),
                (named, gscid) => named == gscid,
            };
            let process = match o.pscid {
                None => !(global && faults.has(Fault::GlobalSparedByAll)),
                Some(_) if global && !faults.has(Fault::GlobalTaken) => false,
                Some(named) => {
                    (named == pscid || faults.has(Fault::VmaTakesEveryProcess)) && !faults.has(Fault::PscidTakesNone)
                }
            };
            guest && process && address(&o, page, level, leaf, faults)
        }
        (Cmd::Vma(_), Use::Second { .. }) => faults.has(Fault::VmaTakesSecond),
        (Cmd::Vma(_), Use::Msi { .. }) => faults.has(Fault::VmaTakesMsi),
        (Cmd::Gvma(o), Use::Second { gscid, page, level, leaf }) => match o.gscid {
            // "GV = 0: AV is ignored."
            None => !faults.has(Fault::GvmaWithoutGvTakesNone),
            Some(named) => {
                (named == gscid || faults.has(Fault::GvmaTakesEveryGuest)) && address(&o, page, level, leaf, faults)
            }
        },
        (Cmd::Gvma(o), Use::Msi { gscid: Some(gscid), page }) => {
            !faults.has(Fault::GvmaSparesMsi)
                && match o.gscid {
                    None => true,
                    Some(named) => named == gscid && address(&o, page, 0, true, faults),
                }
        }
        (Cmd::Gvma(_), Use::First { gscid, .. }) => faults.has(Fault::GvmaTakesFirst) && gscid.is_some(),
        _ => false,
    }
}

/// With an address, leaf entries that translate a page of it are covered; pointers only with NL.
fn address(o: &Operands, page: u64, level: u32, leaf: bool, faults: Faults) -> bool {
    let Some(named) = o.page else { return true };
    if faults.has(Fault::AddressIgnored) {
        return true;
    }
    let pointers = (o.nl && !faults.has(Fault::NlIgnored)) || faults.has(Fault::NlAlways);
    if !leaf && !pointers {
        return false;
    }
    // An entry of this level translates so many pages, and a range is so many pages long: both are aligned.
    let of_entry = if faults.has(Fault::SuperpageByFirstPage) { 0 } else { 9 * level };
    let of_range = if o.range && !faults.has(Fault::RangeIgnored) { named.trailing_ones() + 1 } else { 0 };
    let bits = of_entry.max(of_range);
    named >> bits == page >> bits
}
