// SPDX-License-Identifier: Apache-2.0
//! A walk, step by step, for evidence.

use core::fmt;

use crate::{Cause, Fault, Fields, Role, Spa, Translation, WordRef};

/// What the walk decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Went on to the table at this address.
    Descend(Spa),
    /// Took this address from a leaf or a context.
    Take(Spa),
    /// Set A or D bits: old and new value.
    Update(u64, u64),
    /// Refused.
    Refuse(Cause),
}

/// A step of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A word was read; the value is in host order (after the byte swap that BE or SBE asks for).
    Read {
        /// Which
        word: WordRef,
        /// What it held
        value: u64,
    },
    /// What follows from the last word.
    Decide(Decision),
    /// The end: a translation.
    Translated(Translation),
    /// The end: a fault.
    Fault(Fault),
}

/// Sink of the steps of a walk. The unit type is the sink that compiles to nothing.
pub trait Trace {
    /// Steps are wanted.
    const ENABLED: bool;
    /// Takes a step.
    fn step(&mut self, step: Step);
}

impl Trace for () {
    const ENABLED: bool = false;
    #[inline]
    fn step(&mut self, _: Step) {}
}

impl Trace for Vec<Step> {
    const ENABLED: bool = true;
    fn step(&mut self, step: Step) {
        self.push(step);
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DdtEntry { level } => write!(f, "ddte[{level}]"),
            Self::DeviceContext { index } => {
                const NAMES: [&str; 8] =
                    ["tc", "iohgatp", "ta", "fsc", "msiptp", "msi_addr_mask", "msi_addr_pattern", "reserved"];
                write!(f, "dc.{}", NAMES[usize::from(*index & 7)])
            }
            Self::PdtEntry { level } => write!(f, "pdte[{level}]"),
            Self::ProcessContext { index } => write!(f, "pc.{}", if *index == 0 { "ta" } else { "fsc" }),
            Self::FirstStage { level } => write!(f, "pte[{level}]"),
            Self::SecondStage { level, .. } => write!(f, "gpte[{level}]"),
            Self::MsiPte { index } => write!(f, "msipte.{index}"),
            Self::Mrif => f.write_str("mrif"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { word, value } => {
                let fields = Fields { role: word.role, value: *value };
                write!(f, "{:<19} @ {:#014x} = {value:#018x}  {fields}", word.role.to_string(), word.addr)?;
                match (word.role, word.tags.gpa) {
                    (Role::SecondStage { purpose, .. }, Some(gpa)) => write!(f, "  (gpa {gpa:#x} of {purpose})"),
                    (_, Some(gpa)) => write!(f, "  (gpa {gpa:#x})"),
                    _ => Ok(()),
                }
            }
            Self::Decide(Decision::Descend(addr)) => write!(f, "  next table at {addr:#x}"),
            Self::Decide(Decision::Take(addr)) => write!(f, "  gives {addr:#x}"),
            Self::Decide(Decision::Update(old, new)) => write!(f, "  updates A/D: {old:#x} -> {new:#x}"),
            Self::Decide(Decision::Refuse(cause)) => write!(f, "  {} (cause {})", cause.name(), cause.code()),
            Self::Translated(t) => write!(f, "translated to {:#x}, 2^{} bytes", t.spa, t.size_log2),
            Self::Fault(fault) => write!(
                f,
                "refused: {} (cause {}), iotval {:#x}, iotval2 {:#x}",
                fault.cause.name(),
                fault.cause.code(),
                fault.iotval,
                fault.iotval2
            ),
        }
    }
}
