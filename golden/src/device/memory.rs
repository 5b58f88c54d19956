// SPDX-License-Identifier: Apache-2.0
//! What the functional device is connected to: memory, and the messages of PCIe.

use crate::{Read, Spa, Update, WordRef, Words};

/// Why memory did not do what it was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MemoryError {
    /// PMA or PMP forbids the access
    #[error("access fault")]
    AccessFault,
    /// The data is poisoned
    #[error("data corruption")]
    Corrupt,
}

/// Memory as the IOMMU sees it. Values are little-endian images: byte 0 of a value is the byte at the lowest address.
pub trait Memory {
    /// Reads an aligned word of 4 or 8 bytes.
    ///
    /// # Errors
    /// [`MemoryError`]
    fn read(&mut self, addr: Spa, bytes: u8) -> Result<u64, MemoryError>;

    /// Writes an aligned word of 4 or 8 bytes.
    ///
    /// # Errors
    /// [`MemoryError`]
    fn write(&mut self, addr: Spa, bytes: u8, value: u64) -> Result<(), MemoryError>;

    /// Writes `new` if memory holds `old`, atomically; says whether it did.
    ///
    /// # Errors
    /// [`MemoryError`]
    fn compare_exchange(&mut self, addr: Spa, bytes: u8, old: u64, new: u64) -> Result<bool, MemoryError> {
        if self.read(addr, bytes)? != old {
            return Ok(false);
        }
        self.write(addr, bytes, new)?;
        Ok(true)
    }
}

/// A PCIe message that the IOMMU sends (section "IOMMU PCIe ATS commands").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// Which message
    pub kind: MessageKind,
    /// PASID
    pub process: Option<crate::ProcessId>,
    /// Destination segment
    pub segment: Option<u8>,
    /// Destination routing identifier
    pub rid: u16,
    /// Bytes 8 to 15 of the message
    pub payload: u64,
}

/// Kind of a [`Message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Invalidation Request (code 1) with its ITAG
    InvalidationRequest {
        /// 0 to 31
        itag: u8,
    },
    /// Page Request Group Response (code 5)
    PageGroupResponse,
}

/// Everything around the IOMMU that it acts on by itself.
pub trait Platform: Memory {
    /// Sends a message to a device.
    fn send(&mut self, message: Message) {
        let _ = message;
    }

    /// Commits all device reads and/or writes that the IOMMU has processed to a global ordering point (`IOFENCE.C` with
    /// PR, PW).
    fn order(&mut self, reads: bool, writes: bool) {
        let _ = (reads, writes);
    }
}

/// Memory as the source of the words of a walk.
#[derive(Debug)]
pub struct MemoryWords<'a, M>(pub &'a mut M);

impl<M: Memory> Words for MemoryWords<'_, M> {
    #[inline]
    fn read(&mut self, word: &WordRef) -> Read {
        match self.0.read(word.addr, word.bytes) {
            Ok(value) => Read::Value(value),
            Err(MemoryError::AccessFault) => Read::AccessFault,
            Err(MemoryError::Corrupt) => Read::Corrupt,
        }
    }

    #[inline]
    fn compare_exchange(&mut self, word: &WordRef, old: u64, new: u64) -> Update {
        match self.0.compare_exchange(word.addr, word.bytes, old, new) {
            Ok(true) => Update::Done,
            Ok(false) => Update::Changed,
            Err(MemoryError::AccessFault) => Update::AccessFault,
            Err(MemoryError::Corrupt) => Update::Corrupt,
        }
    }
}
