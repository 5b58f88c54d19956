// SPDX-License-Identifier: Apache-2.0
//! Why the driver refuses or fails, each with its errno.

use core::fmt;

use super::machine::Halted;

/// The error numbers of the API, as Linux names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errno {
    /// No such object, or nothing there
    ENOENT = 2,
    /// The device or its memory failed
    EIO = 5,
    /// Too much data
    E2BIG = 7,
    /// Out of memory
    ENOMEM = 12,
    /// In use
    EBUSY = 16,
    /// Already there
    EEXIST = 17,
    /// No such device, or one that cannot be driven
    ENODEV = 19,
    /// Wrong argument
    EINVAL = 22,
    /// Out of identifiers
    ENOSPC = 28,
    /// Address out of range
    ERANGE = 34,
    /// Not supported
    EOPNOTSUPP = 95,
    /// Not done within its bound
    ETIMEDOUT = 110,
}

impl Errno {
    /// All of them.
    pub const ALL: [Errno; 12] = [
        Errno::ENOENT,
        Errno::EIO,
        Errno::E2BIG,
        Errno::ENOMEM,
        Errno::EBUSY,
        Errno::EEXIST,
        Errno::ENODEV,
        Errno::EINVAL,
        Errno::ENOSPC,
        Errno::ERANGE,
        Errno::EOPNOTSUPP,
        Errno::ETIMEDOUT,
    ];

    /// The errno of this name.
    pub fn from_name(name: &str) -> Option<Errno> {
        Errno::ALL.into_iter().find(|e| e.to_string() == name)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a call of the driver did not do what it was asked for. A refusal has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The machine stopped; there is no errno, since no caller would live to see it.
    #[error(transparent)]
    Halted(#[from] Halted),
    /// The structure is shorter than its first version.
    #[error("structure of {bytes} bytes, at least {needed} needed")]
    ShortStruct {
        /// Given
        bytes: usize,
        /// Smallest
        needed: usize,
    },
    /// The structure is longer than what is known here, and the rest is not zero.
    #[error("structure of {bytes} bytes has data beyond byte {known}")]
    TrailingData {
        /// Given
        bytes: usize,
        /// Known here
        known: usize,
    },
    /// A flag that does not exist, or not in this combination.
    #[error("flags {0:#x} not supported")]
    UnsupportedFlags(u32),
    /// A type of user data that does not exist here.
    #[error("data type {0} not supported")]
    UnsupportedData(u32),
    /// A field that must be zero is not, or asks for what is not there.
    #[error("{field} = {value:#x} not supported")]
    Reserved {
        /// Which
        field: &'static str,
        /// What it held
        value: u64,
    },
    /// The IOMMU has no such feature.
    #[error("{0} not supported by the IOMMU")]
    Unsupported(&'static str),
    /// The IOMMU cannot be driven.
    #[error("no usable IOMMU: {0}")]
    NoDevice(&'static str),
    /// No object has this number, or it is of another kind.
    #[error("no {kind} with id {id}")]
    NoSuchObject {
        /// Kind that was asked for
        kind: &'static str,
        /// Number
        id: u32,
    },
    /// The object is attached, has children, or is used in some other way.
    #[error("busy: {0}")]
    Busy(&'static str),
    /// The range overlaps a mapping.
    #[error("{iova:#x}+{bytes:#x} overlaps a mapping")]
    Exists {
        /// Start
        iova: u64,
        /// Length
        bytes: u64,
    },
    /// Nothing is mapped there.
    #[error("nothing mapped at {iova:#x}+{bytes:#x}")]
    NotMapped {
        /// Start
        iova: u64,
        /// Length
        bytes: u64,
    },
    /// The range would cut a mapping in two.
    #[error("{iova:#x}+{bytes:#x} splits a mapping")]
    Splits {
        /// Start
        iova: u64,
        /// Length
        bytes: u64,
    },
    /// An argument makes no sense.
    #[error("invalid argument: {0}")]
    Invalid(&'static str),
    /// An address lies outside what the domain or the machine can address.
    #[error("address {addr:#x}+{bytes:#x} out of range")]
    OutOfRange {
        /// Start
        addr: u64,
        /// Length
        bytes: u64,
    },
    /// An allocation failed.
    #[error("out of memory")]
    NoMemory,
    /// An identifier space is used up.
    #[error("no free {0}")]
    NoIds(&'static str),
    /// A register or a queue did not do its part within the bound.
    #[error("{waiting} not done within {cycles} cycles")]
    Timeout {
        /// What was waited for
        waiting: &'static str,
        /// Bound
        cycles: u64,
    },
    /// The command queue stopped with an error.
    #[error("command queue stopped at entry {head}: cqcsr = {cqcsr:#x}")]
    CommandFailed {
        /// `cqcsr`
        cqcsr: u64,
        /// `cqh`
        head: u64,
    },
    /// `tr_response` holds what is no response.
    #[error("tr_response = {0:#x} encodes no size")]
    BadResponse(u64),
    /// A table in memory is not what the driver made.
    #[error("page table does not hold what the driver wrote")]
    CorruptTable,
}

impl ApiError {
    /// The errno that a caller sees; `None` when the machine stopped.
    pub const fn errno(&self) -> Option<Errno> {
        Some(match self {
            ApiError::Halted(_) => return None,
            ApiError::ShortStruct { .. } | ApiError::Invalid(_) => Errno::EINVAL,
            ApiError::TrailingData { .. } => Errno::E2BIG,
            ApiError::UnsupportedFlags(_)
            | ApiError::UnsupportedData(_)
            | ApiError::Reserved { .. }
            | ApiError::Unsupported(_) => Errno::EOPNOTSUPP,
            ApiError::NoDevice(_) => Errno::ENODEV,
            ApiError::NoSuchObject { .. } | ApiError::NotMapped { .. } | ApiError::Splits { .. } => Errno::ENOENT,
            ApiError::Busy(_) => Errno::EBUSY,
            ApiError::Exists { .. } => Errno::EEXIST,
            ApiError::OutOfRange { .. } => Errno::ERANGE,
            ApiError::NoMemory => Errno::ENOMEM,
            ApiError::NoIds(_) => Errno::ENOSPC,
            ApiError::Timeout { .. } => Errno::ETIMEDOUT,
            ApiError::CommandFailed { .. } | ApiError::BadResponse(_) | ApiError::CorruptTable => Errno::EIO,
        })
    }
}
