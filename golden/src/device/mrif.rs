// SPDX-License-Identifier: Apache-2.0
//! Storing an MSI into a memory-resident interrupt file (AIA, "Memory-resident interrupt files"; the specification lets
//! the IOMMU or the IO bridge do it).

use super::{Iommu, MemoryError, Platform};
use crate::{Cause, Mrif, Spa};

/// What came of an MSI for a memory-resident interrupt file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MrifStore {
    /// The pending bit is set, and the notice MSI has been sent.
    Stored,
    /// It is no MSI that an interrupt file takes: "the incoming write is accepted but discarded".
    Dropped,
    /// The interrupt file, or the notice, could not be accessed.
    Refused(Cause),
}

impl Iommu {
    /// Stores an MSI: a write of 4 bytes, `data`, at `offset` of the interrupt file's page.
    ///
    /// Offset 0 takes the interrupt identity in little-endian byte order, offset 4 in big-endian order (as the
    /// `seteipnum` registers of an IMSIC do). A refused store is for the IO bridge to report.
    pub fn store_msi<P: Platform>(&mut self, platform: &mut P, mrif: &Mrif, offset: u16, data: u32) -> MrifStore {
        let identity = match offset {
            0 => data,
            4 => data.swap_bytes(),
            _ => return MrifStore::Dropped,
        };
        // Identity 0 has a bit like any other: "the IOMMU acts as though zero were a valid interrupt identity".
        if identity >= 2048 {
            return MrifStore::Dropped;
        }
        // 64 identities have 8 bytes of pending bits and then 8 bytes of enable bits, little-endian always.
        let pending = Spa(mrif.addr.0 + u64::from(identity / 64) * 16);
        let bit = 1 << (identity % 64);
        match self.store_pending(platform, mrif, pending, bit) {
            Ok(()) => MrifStore::Stored,
            Err(error) => MrifStore::Refused(cause(error)),
        }
    }

    /// Sets the pending bit, and sends the notice: "an IOMMU is required always to send a notice MSI after storing an MSI
    /// to an MRIF, even when the corresponding enable bit for the interrupt identity is zero".
    fn store_pending<P: Platform>(
        &self,
        platform: &mut P,
        mrif: &Mrif,
        pending: Spa,
        bit: u64,
    ) -> Result<(), MemoryError> {
        self.set_bit(platform, pending, bit)?;
        self.store(platform, mrif.notice.0, 4, u64::from(mrif.nid))
    }

    fn set_bit<P: Platform>(&self, platform: &mut P, addr: Spa, bit: u64) -> Result<(), MemoryError> {
        // Somebody may clear bits meanwhile; memory that never agrees is as good as broken.
        for _ in 0..64 {
            let old = self.load(platform, addr.0, 8)?;
            if old & bit != 0 || platform.compare_exchange(addr, 8, old, old | bit)? {
                return Ok(());
            }
        }
        Err(MemoryError::AccessFault)
    }
}

const fn cause(error: MemoryError) -> Cause {
    match error {
        MemoryError::AccessFault => Cause::MrifAccessFault,
        MemoryError::Corrupt => Cause::MrifCorrupt,
    }
}
