// SPDX-License-Identifier: Apache-2.0
//! The errors that a step may expect of the driver's API.

use schemars::JsonSchema;
use serde::Deserialize;

/// Errors of the driver's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Errno {
    /// Invalid argument
    Einval,
    /// Not supported
    Eopnotsupp,
    /// No such object or mapping
    Enoent,
    /// In use
    Ebusy,
    /// Exists already
    Eexist,
    /// Out of memory
    Enomem,
    /// Out of identifiers
    Enospc,
    /// Too much data
    E2big,
    /// Address out of range
    Erange,
    /// The device failed
    Eio,
    /// Not done within its bound
    Etimedout,
}

impl Errno {
    /// Its name as C has it.
    pub const fn name(self) -> &'static str {
        match self {
            Errno::Einval => "EINVAL",
            Errno::Eopnotsupp => "EOPNOTSUPP",
            Errno::Enoent => "ENOENT",
            Errno::Ebusy => "EBUSY",
            Errno::Eexist => "EEXIST",
            Errno::Enomem => "ENOMEM",
            Errno::Enospc => "ENOSPC",
            Errno::E2big => "E2BIG",
            Errno::Erange => "ERANGE",
            Errno::Eio => "EIO",
            Errno::Etimedout => "ETIMEDOUT",
        }
    }
}
