// SPDX-License-Identifier: Apache-2.0
//! Cases and their operations.

use std::fmt;

use golden::{Access, Command, InvalidationCompletion, Kind, PageRequest, Parameters, Request, Spa};

use super::expected::Expected;

/// A case: a device in a state, operations, and the answers to them. It depends on no other one.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Number in the file
    pub id: u64,
    /// What it is about: `s1_only`, `nested_mut` …
    pub class: String,
    /// Where it came from
    pub note: Option<String>,
    /// The device that gave the answers
    pub parameters: Parameters,
    /// Fault and page-request queue are not to be emptied after each operation
    pub manual_queues: bool,
    /// Register writes before the operations
    pub setup: Vec<RegisterWrite>,
    /// Memory before the operations: address, and doublewords as a little-endian image. All else is 0.
    pub memory: Vec<(Spa, Vec<u64>)>,
    /// Memory that does not answer as it should
    pub bad: Vec<BadRange>,
    /// The specification leaves a choice that concerns the whole case: it is run, not scored
    pub ambiguous: bool,
    /// What happens, in this order
    pub ops: Vec<Op>,
}

/// A register write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterWrite {
    /// Byte offset, a multiple of `bytes`
    pub offset: u16,
    /// 4 or 8
    pub bytes: u8,
    /// Value
    pub value: u64,
}

/// Memory that does not answer as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRange {
    /// First byte
    pub start: Spa,
    /// Length in bytes
    pub bytes: u64,
    /// Reads bring poison. If not, they are access faults; writes are so in any case.
    pub poison: bool,
}

/// An operation and the answers to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// What is done
    pub action: Action,
    /// The answer of a device without caches
    pub expected: Expected,
    /// What a cache may answer instead
    pub alternative: Option<Expected>,
    /// The specification leaves a choice: it is run, not scored
    pub ambiguous: bool,
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A register is written.
    Write(RegisterWrite),
    /// A register is read.
    Read {
        /// Byte offset, a multiple of `bytes`
        offset: u16,
        /// 4 or 8
        bytes: u8,
    },
    /// A CPU stores words.
    Store {
        /// Address of the first
        addr: Spa,
        /// Bytes of each: 4 or 8
        bytes: u8,
        /// The words, as little-endian images
        words: Vec<u64>,
    },
    /// A command is put on the command queue and carried out.
    Command([u64; 2]),
    /// A device makes a request.
    Translate(Request),
    /// A device sends a page request.
    PageRequest(PageRequest),
    /// A device sends an Invalidation Completion.
    Completion(InvalidationCompletion),
    /// Completions do not come.
    Timeout {
        /// A bit for each ITAG
        itags: u32,
    },
}

impl Action {
    /// A translation, as opposed to all else.
    #[must_use]
    pub const fn is_translation(&self) -> bool {
        matches!(self, Self::Translate(_))
    }

    /// A message of PCIe ATS: a translation request, a page request, a completion or the lack of one.
    #[must_use]
    pub const fn is_ats_message(&self) -> bool {
        match self {
            Self::Translate(request) => request.is_ats(),
            Self::PageRequest(_) | Self::Completion(_) | Self::Timeout { .. } => true,
            _ => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(RegisterWrite { offset, bytes, value }) => {
                write!(f, "write {value:#x} to the register at {offset} ({bytes} bytes)")
            }
            Self::Read { offset, bytes } => write!(f, "read the register at {offset} ({bytes} bytes)"),
            Self::Store { addr, bytes, words } => write!(f, "store {words:#x?} at {addr} ({bytes} bytes each)"),
            Self::Command([w0, w1]) => match Command::decode(*w0, *w1) {
                Ok(command) => write!(f, "command {w0:#x} {w1:#x}: {command:x?}"),
                Err(illegal) => write!(f, "command {w0:#x} {w1:#x}: {illegal}"),
            },
            Self::Translate(request) => f.write_str(&describe(request)),
            Self::PageRequest(request) => write!(f, "page request {request:x?}"),
            Self::Completion(completion) => write!(f, "invalidation completion {completion:x?}"),
            Self::Timeout { itags } => write!(f, "time-out of ITAGs {itags:#x}"),
        }
    }
}

/// A request in words.
pub(super) fn describe(request: &Request) -> String {
    let access = match request.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Execute => "execute",
    };
    let what = match request.kind {
        Kind::Untranslated => format!("untranslated {access}"),
        Kind::Translated => format!("translated {access}"),
        Kind::Debug => format!("debug request, {access}"),
        Kind::Ats { no_write, execute } => {
            let flags = [(no_write, " NW"), (execute, " Exe")].map(|(set, name)| if set { name } else { "" });
            format!("ATS translation request{}{}", flags[0], flags[1])
        }
    };
    let process = request.process.map_or(String::new(), |process| format!(", process {process}"));
    let privileged = if request.privileged { ", privileged" } else { "" };
    format!("{what} at {} by device {}{process}{privileged}", request.iova, request.device)
}
