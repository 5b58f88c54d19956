// SPDX-License-Identifier: Apache-2.0
//! Translation of MSIs by MSI page tables (section "Process to translate addresses of MSIs", and AIA).

use crate::directory::worse;
use crate::walk::{Miss, Stop, Walk};
use crate::{
    Access, Cause, Decision, DeviceContext, Gpa, Kind, Mrif, MsiPte0, MsiPte1, MsiTable, Role, Spa, Target, Trace,
    Words,
};

impl DeviceContext {
    /// Where its virtual interrupt files are, and the table for them.
    #[must_use]
    #[inline]
    pub const fn msi_table(&self) -> MsiTable {
        MsiTable { msiptp: self.msiptp, mask: self.msi_addr_mask, pattern: self.msi_addr_pattern }
    }

    /// See [`MsiTable::is_msi`].
    #[must_use]
    #[inline]
    pub const fn is_msi(&self, gpa: Gpa) -> bool {
        self.msi_table().is_msi(gpa)
    }
}

impl MsiTable {
    /// Bits in which the page of `gpa` differs from the pattern, outside the mask; 0: it is a virtual interrupt file
    /// (section "MSI address mask and pattern").
    #[inline]
    const fn msi_difference(&self, gpa: u64) -> u64 {
        ((gpa >> 12) ^ self.pattern) & !self.mask & ((1 << 52) - 1)
    }

    /// `gpa` is the address of a virtual interrupt file, and MSI page tables are on.
    #[must_use]
    #[inline]
    pub const fn is_msi(&self, gpa: Gpa) -> bool {
        self.msiptp.mode() != 0 && self.msi_difference(gpa.0) == 0
    }

    /// log2 of the largest naturally aligned range around `gpa` that holds no virtual interrupt file; 64 when there is
    /// none anywhere. `gpa` must not be in one itself.
    #[must_use]
    #[inline]
    pub const fn msi_free_size_log2(&self, gpa: Gpa) -> u8 {
        if self.msiptp.mode() == 0 {
            return 64;
        }
        // A range of 2^k pages holds one unless a bit at k or above differs.
        let difference = self.msi_difference(gpa.0);
        if difference == 0 { 12 } else { 12 + difference.ilog2() as u8 }
    }
}

/// Packs the bits of `value` that `mask` selects at the low end: `extract(x, y)` of the specification.
#[inline]
pub(crate) const fn extract(value: u64, mask: u64) -> u64 {
    let (mut rest, mut out, mut at) = (mask, 0, 0);
    while rest != 0 {
        let bit = rest & rest.wrapping_neg();
        if value & bit != 0 {
            out |= 1 << at;
        }
        at += 1;
        rest ^= bit;
    }
    out
}

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// Translates the address of a virtual interrupt file.
    pub(crate) fn msi(&mut self, table: &MsiTable, gpa: u64) -> Result<(Spa, Target), Stop> {
        let be = self.config.fctl.be();
        let file = extract(gpa >> 12, table.mask);
        // `m | (I x 16)`, in as many bits as an address has here.
        let addr = (table.msiptp.ppn() << 12) | (file << 4);
        let low = self.load_word(addr, 8, Role::MsiPte { index: 0 }, Some(Gpa(gpa)), be);
        let high = self.load_word(addr | 8, 8, Role::MsiPte { index: 1 }, Some(Gpa(gpa)), be);
        let (low, high) = match (low, high) {
            (Ok(low), Ok(high)) => (MsiPte0(low), MsiPte1(high)),
            // Only an MSI PTE in MRIF mode has a second doubleword that counts.
            (Ok(low), Err(Miss::Unavailable)) if low & 0b111 != 0b011 => (MsiPte0(low), MsiPte1(0)),
            (Err(low), Err(high)) => return Err(msi_miss(worse(low, high))),
            (Err(miss), _) | (_, Err(miss)) => return Err(msi_miss(miss)),
        };
        if !low.v() {
            return Err(Cause::MsiPteInvalid.into());
        }
        // C hands the entry to a custom interpretation. There is none here.
        if low.c() {
            return Err(Cause::MsiPteMisconfigured.into());
        }
        let (spa, target) = match low.m() {
            3 if low.0 & MsiPte0::RESERVED_BASIC == 0 => (Spa((low.ppn() << 12) | (gpa & 0xfff)), Target::Msi),
            1 if self.config.caps.msi_mrif()
                && low.0 & MsiPte0::RESERVED_MRIF == 0
                && high.0 & MsiPte1::RESERVED == 0 =>
            {
                let mrif = Mrif { addr: Spa(low.mrif() << 9), notice: Spa(high.nppn() << 12), nid: high.nid() };
                (mrif.addr, Target::Mrif(mrif))
            }
            _ => return Err(Cause::MsiPteMisconfigured.into()),
        };
        // "If the IOVA is determined to be that of a virtual interrupt file and the corresponding MSI PTE is in MRIF mode,
        // then the process stops" (chapter "Debug support").
        if self.request.kind == Kind::Debug && matches!(target, Target::Mrif(_)) {
            return Err(Cause::TypeDisallowed.into());
        }
        self.decide(Decision::Take(spa));
        // The permissions are those of a PTE with R = W = U = 1 and X = 0.
        if !self.request.is_ats() && self.access() == Access::Execute {
            return Err(Cause::InstructionAccessFault.into());
        }
        Ok((spa, target))
    }
}

#[cold]
fn msi_miss(miss: Miss) -> Stop {
    miss.stop(Cause::MsiPteAccessFault, Cause::MsiPtCorrupt)
}

#[cfg(test)]
mod tests {
    use super::extract;

    /// The example of the specification: x = a b c d e f g h, y = 1 0 1 0 0 1 1 0 gives 0 0 0 0 a c f g.
    #[test]
    fn extract_packs_selected_bits() {
        for x in 0..=0xffu64 {
            let bit = |at: u32| (x >> at) & 1;
            assert_eq!(extract(x, 0b1010_0110), bit(7) << 3 | bit(5) << 2 | bit(2) << 1 | bit(1), "{x:#x}");
        }
    }

    #[test]
    fn extract_of_everything_is_the_value() {
        assert_eq!(extract(0xdead_beef, u64::MAX), 0xdead_beef);
        assert_eq!(extract(0xdead_beef, 0), 0);
    }
}
