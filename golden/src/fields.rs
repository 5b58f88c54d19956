// SPDX-License-Identifier: Apache-2.0
//! The fields of a word in words, for traces.

use core::fmt;

use crate::{DirectoryEntry, Fsc, Iohgatp, MsiPte0, MsiPte1, Msiptp, Pointer, ProcessTa, Pte, Purpose, Role, Ta, Tc};

/// Shows the fields of a word of this role: flags that are set by their names, numbers in hexadecimal.
///
/// ```
/// use golden::{Fields, Role};
/// let fields = Fields { role: Role::FirstStage { level: 0 }, value: 0x4d7 };
/// assert_eq!(fields.to_string(), "V R W U A D ppn=0x1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// What the word is
    pub role: Role,
    /// Its value in host order
    pub value: u64,
}

/// Writes names and values with single spaces between them.
struct Line<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    first: bool,
}

impl Line<'_, '_> {
    fn item(&mut self, item: fmt::Arguments<'_>) -> fmt::Result {
        if !core::mem::take(&mut self.first) {
            self.f.write_str(" ")?;
        }
        self.f.write_fmt(item)
    }

    fn flags(&mut self, flags: &[(bool, &str)]) -> fmt::Result {
        flags.iter().filter(|flag| flag.0).try_for_each(|flag| self.item(format_args!("{}", flag.1)))
    }

    fn number(&mut self, name: &str, value: u64) -> fmt::Result {
        self.item(format_args!("{name}={value:#x}"))
    }

    /// A number that is shown only where it is not 0.
    fn rare(&mut self, name: &str, value: u64) -> fmt::Result {
        if value == 0 { Ok(()) } else { self.number(name, value) }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line { f, first: true };
        let value = self.value;
        match self.role {
            Role::DdtEntry { .. } | Role::PdtEntry { .. } => {
                let entry = DirectoryEntry(value);
                line.flags(&[(entry.v(), "V")])?;
                line.number("ppn", entry.ppn())?;
                line.rare("reserved", value & DirectoryEntry::RESERVED)
            }
            Role::DeviceContext { index } => device_context(&mut line, index, value),
            Role::ProcessContext { index: 0 } => {
                let ta = ProcessTa(value);
                line.flags(&[(ta.v(), "V"), (ta.ens(), "ENS"), (ta.sum(), "SUM")])?;
                line.number("pscid", ta.pscid_bits().into())?;
                line.rare("reserved", value & ProcessTa::RESERVED)
            }
            Role::ProcessContext { .. } => first_stage_context(&mut line, value),
            Role::FirstStage { .. } | Role::SecondStage { .. } => pte(&mut line, Pte(value)),
            Role::MsiPte { index: 0 } => {
                let low = MsiPte0(value);
                line.flags(&[(low.v(), "V"), (low.c(), "C")])?;
                line.number("m", low.m().into())?;
                if low.m() == 1 { line.number("mrif", low.mrif() << 9) } else { line.number("ppn", low.ppn()) }
            }
            Role::MsiPte { .. } => {
                line.number("nid", MsiPte1(value).nid().into())?;
                line.number("nppn", MsiPte1(value).nppn())
            }
            Role::Mrif => line.number("bits", value),
        }
    }
}

fn device_context(line: &mut Line<'_, '_>, index: u8, value: u64) -> fmt::Result {
    match index {
        0 => {
            let tc = Tc(value);
            line.flags(&[
                (tc.v(), "V"),
                (tc.en_ats(), "EN_ATS"),
                (tc.en_pri(), "EN_PRI"),
                (tc.t2gpa(), "T2GPA"),
                (tc.dtf(), "DTF"),
                (tc.pdtv(), "PDTV"),
                (tc.prpr(), "PRPR"),
                (tc.gade(), "GADE"),
                (tc.sade(), "SADE"),
                (tc.dpe(), "DPE"),
                (tc.sbe(), "SBE"),
                (tc.sxl(), "SXL"),
            ])?;
            line.rare("reserved", value & Tc::RESERVED)
        }
        1 => {
            let iohgatp = Iohgatp(value);
            line.number("mode", iohgatp.mode().into())?;
            line.number("gscid", iohgatp.gscid_bits().into())?;
            line.number("ppn", iohgatp.ppn())
        }
        2 => {
            let ta = Ta(value);
            line.number("pscid", ta.pscid_bits().into())?;
            line.rare("rcid", ta.rcid().into())?;
            line.rare("mcid", ta.mcid().into())?;
            line.rare("reserved", value & Ta::RESERVED)
        }
        3 => first_stage_context(line, value),
        4 => {
            line.number("mode", Msiptp(value).mode().into())?;
            line.number("ppn", Msiptp(value).ppn())?;
            line.rare("reserved", value & Msiptp::RESERVED)
        }
        5 => line.number("mask", value),
        6 => line.number("pattern", value),
        _ => line.rare("reserved", value),
    }
}

fn first_stage_context(line: &mut Line<'_, '_>, value: u64) -> fmt::Result {
    line.number("mode", Fsc(value).mode().into())?;
    line.number("ppn", Fsc(value).ppn())?;
    line.rare("reserved", value & Fsc::RESERVED)
}

fn pte(line: &mut Line<'_, '_>, pte: Pte) -> fmt::Result {
    line.flags(&[
        (pte.v(), "V"),
        (pte.r(), "R"),
        (pte.w(), "W"),
        (pte.x(), "X"),
        (pte.u(), "U"),
        (pte.g(), "G"),
        (pte.a(), "A"),
        (pte.d(), "D"),
        (pte.n(), "N"),
    ])?;
    line.number("ppn", pte.ppn())?;
    line.rare("pbmt", pte.pbmt().into())?;
    line.rare("reserved", pte.0 & crate::bits::mask(60, 54))
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeviceContext => "dc",
            Self::ProcessContext => "pc",
            Self::ProcessDirectory => "pdte",
            Self::Pte => "pte",
        })
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Final => f.write_str("the access"),
            Self::FirstStage { level, pointer } => write!(f, "pte[{level}], table from {pointer}"),
            Self::ProcessDirectory { level: 0, pointer } => write!(f, "pc, table from {pointer}"),
            Self::ProcessDirectory { level, pointer } => write!(f, "pdte[{level}], table from {pointer}"),
        }
    }
}
