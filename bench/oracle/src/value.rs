// SPDX-License-Identifier: Apache-2.0
//! Values of words, by the kind of the word.

use golden::{DirectoryEntry, MsiPte0, Pte, Role, Spa, WordRef};

/// Whether a value of this kind of word has V = 0, and so may not be cached ("This specification does not allow the
/// caching of … whose V bit is clear"). For an entry of several words, the word that holds V.
pub fn is_invalid(role: &Role, value: u64) -> bool {
    match role {
        Role::DdtEntry { .. } | Role::PdtEntry { .. } => !DirectoryEntry(value).v(),
        Role::DeviceContext { index: 0 } | Role::ProcessContext { index: 0 } => value & 1 == 0,
        Role::DeviceContext { .. } | Role::ProcessContext { .. } | Role::Mrif => false,
        Role::FirstStage { .. } | Role::SecondStage { .. } => !Pte(value).v(),
        Role::MsiPte { index: 0 } => !MsiPte0(value).v(),
        Role::MsiPte { .. } => false,
    }
}

/// A word of the device directory or of a process directory, the contexts included.
pub fn is_of_directories(role: &Role) -> bool {
    matches!(
        role,
        Role::DdtEntry { .. } | Role::DeviceContext { .. } | Role::PdtEntry { .. } | Role::ProcessContext { .. }
    )
}

/// The part of a doubleword that a word of 4 bytes is.
pub fn narrow(word: &WordRef, doubleword: u64) -> u64 {
    narrow_at(word.addr, word.bytes, doubleword)
}

/// The same by address and size.
pub fn narrow_at(addr: Spa, bytes: u8, doubleword: u64) -> u64 {
    match bytes {
        4 => doubleword >> (8 * (addr.0 & 4)) & 0xFFFF_FFFF,
        _ => doubleword,
    }
}

/// How many bits of a page number the levels below this one resolve: 9 each, 10 where entries have 4 bytes (Sv32).
pub fn bits_below(level: u8, bytes: u8) -> u32 {
    u32::from(level) * if bytes == 4 { 10 } else { 9 }
}

/// Structures by name, as figures and buckets show them.
pub fn structure(role: &Role) -> &'static str {
    match role {
        Role::DdtEntry { .. } => "ddt-entry",
        Role::DeviceContext { .. } => "device-context",
        Role::PdtEntry { .. } => "pdt-entry",
        Role::ProcessContext { .. } => "process-context",
        Role::FirstStage { .. } => "first-stage-pte",
        Role::SecondStage { .. } => "second-stage-pte",
        Role::MsiPte { .. } => "msi-pte",
        Role::Mrif => "mrif",
    }
}
