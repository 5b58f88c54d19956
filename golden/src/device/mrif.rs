//! Storing an MSI into a memory-resident interrupt file (AIA, "Memory-resident interrupt files"; the specification lets
//! the IOMMU or the IO bridge do it).

use super::{Iommu, Memory, MemoryError, Platform};
use crate::{Cause, Mrif, Spa};

/// What came of an MSI for a memory-resident interrupt file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MrifStore {
    /// The pending bit is set, and the notice MSI has been sent where the interrupt is enabled.
    Stored {
        /// The notice was sent
        notice: bool,
    },
    /// It is no MSI that an interrupt file takes: dropped.
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
        if identity == 0 || identity >= 2048 {
            return MrifStore::Dropped;
        }
        // 64 identities have 8 bytes of pending bits and then 8 bytes of enable bits, little-endian always.
        let pending = Spa(mrif.addr.0 + u64::from(identity / 64) * 16);
        let bit = 1 << (identity % 64);
        let enabled = match set_bit(platform, pending, bit) {
            Ok(()) => platform.read(Spa(pending.0 + 8), 8).map(|enable| enable & bit != 0),
            Err(error) => Err(error),
        };
        match enabled {
            Ok(false) => MrifStore::Stored { notice: false },
            Ok(true) => match platform.write(mrif.notice, 4, u64::from(mrif.nid)) {
                Ok(()) => MrifStore::Stored { notice: true },
                Err(error) => MrifStore::Refused(cause(error)),
            },
            Err(error) => MrifStore::Refused(cause(error)),
        }
    }
}

const fn cause(error: MemoryError) -> Cause {
    match error {
        MemoryError::AccessFault => Cause::MrifAccessFault,
        MemoryError::Corrupt => Cause::MrifCorrupt,
    }
}

fn set_bit<M: Memory>(memory: &mut M, addr: Spa, bit: u64) -> Result<(), MemoryError> {
    // Somebody may clear bits meanwhile; memory that never agrees is as good as broken.
    for _ in 0..64 {
        let old = memory.read(addr, 8)?;
        if old & bit != 0 || memory.compare_exchange(addr, 8, old, old | bit)? {
            return Ok(());
        }
    }
    Err(MemoryError::AccessFault)
}
