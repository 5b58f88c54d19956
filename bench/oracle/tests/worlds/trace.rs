// SPDX-License-Identifier: Apache-2.0
//! What happens in a toy world, one event after the other. The place of an event in the trace is its time.

use std::fmt;

/// An invalidation command, with the operands that the page speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cmd {
    /// IODIR.INVAL_DDT; no device: all of them
    Ddt(Option<u32>),
    /// IODIR.INVAL_PDT for a device and a process
    Pdt(u32, u32),
    /// IOTINVAL.VMA
    Vma(Operands),
    /// IOTINVAL.GVMA
    Gvma(Operands),
}

/// Operands of IOTINVAL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operands {
    /// GSCID where GV
    pub gscid: Option<u16>,
    /// PSCID where PSCV
    pub pscid: Option<u32>,
    /// ADDR[63:12] where AV
    pub page: Option<u64>,
    /// Non-leaf entries as well
    pub nl: bool,
    /// The address is a range: the lowest 0 bit of `page` tells how long it is
    pub range: bool,
}

/// What a device asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// `device_id`
    pub device: u32,
    /// `process_id`
    pub process: Option<u32>,
    /// Page number
    pub page: u64,
    /// Write, not read
    pub write: bool,
}

/// What the device under test makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Memory is asked at this page
    Page(u64),
    /// The request is refused, for whatever cause
    Refused,
}

/// One event. Words, requests, commands and pages are numbers in the lists of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// `R`: the device reads what memory holds
    Read(usize),
    /// `W`: software stores
    Store(usize, u64),
    /// `C`: the device fetches a command
    Fetch(usize),
    /// The device fetches a fence of this kind
    Fence(usize),
    /// `F`: software sees that all fences so far have completed
    Done,
    /// The device fetches an illegal command; software clears the error and goes on behind it
    Stop,
    /// `Q+`: a request is offered
    Offer(usize),
    /// `Q=`: it is accepted
    Accept(usize),
    /// `Q-`: the request in hand is answered
    Answer(Answer),
    /// `O+`: software begins an operation
    Begin(Promise),
    /// `O-`: it ends
    End,
    /// `M-`: software frees a page
    Free(usize),
    /// `M+`: somebody owns it again
    Take(usize),
    /// Software switches the directory off, and sees that it is
    Off,
    /// The scenario ends
    Rest,
}

/// What an operation of software promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// What it replaced is used no more once it has returned
    Effective,
    /// And meanwhile every request is served by the old state or by the new one
    Hitless,
}

/// What software is to blame for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hazard {
    /// Only what an operation had retired explains an answer
    Stale,
    /// No moment of rest around the hitless operations beside a request explains its answer
    NotHitless,
    /// The same where some of these operations may refuse, and it was not refused
    Mixed,
    /// A request led to memory that had been given up
    Freed,
    /// Only what was changed and never invalidated explains an answer
    Untold,
}

/// Operands of IOFENCE.C.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FenceKind {
    /// Previous reads are ordered
    pub pr: bool,
    /// Previous writes are ordered
    pub pw: bool,
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cmd::Ddt(None) => write!(f, "INVAL_DDT all"),
            Cmd::Ddt(Some(device)) => write!(f, "INVAL_DDT device {device}"),
            Cmd::Pdt(device, process) => write!(f, "INVAL_PDT device {device} process {process}"),
            Cmd::Vma(operands) => write!(f, "VMA{operands}"),
            Cmd::Gvma(operands) => write!(f, "GVMA{operands}"),
        }
    }
}

impl fmt::Display for Operands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(gscid) = self.gscid {
            write!(f, " G{gscid}")?;
        }
        if let Some(pscid) = self.pscid {
            write!(f, " P{pscid}")?;
        }
        if let Some(page) = self.page {
            write!(f, " page {page:#x}")?;
        }
        if self.nl {
            write!(f, " NL")?;
        }
        if self.range {
            write!(f, " S")?;
        }
        Ok(())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Page(page) => write!(f, "{page:#x}"),
            Answer::Refused => write!(f, "refused"),
        }
    }
}
