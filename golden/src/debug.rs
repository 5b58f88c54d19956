// SPDX-License-Identifier: Apache-2.0
//! Translation requests by software: what the registers ask for and how they answer (chapter "Debug support").

use crate::{Access, DeviceId, Iova, Kind, ProcessId, Request, Spa, TrReqCtl, TrResponse, Translation};

/// Largest range that the response shows, as log2: it leaves some page-number bits to read.
const LARGEST: u8 = 48;
/// All bits of `PPN`: they encode no size.
const PPN: u64 = (1 << 44) - 1;

impl TrReqCtl {
    /// What is asked for together with `tr_req_iova`. With neither NW nor Exe both read and write permission are asked
    /// for, as an atomic does: a page that may be written may be read.
    #[must_use]
    pub const fn request(self, tr_req_iova: u64) -> Request {
        let access = match (self.exe(), self.nw()) {
            (true, _) => Access::Execute,
            (false, true) => Access::Read,
            (false, false) => Access::Write,
        };
        let process = if self.pv() { Some(ProcessId(self.pid())) } else { None };
        let (device, iova) = (DeviceId(self.did()), Iova(tr_req_iova & !0xfff));
        Request { device, process, privileged: self.privileged(), access, kind: Kind::Debug, iova }
    }

    /// "If `Exe` is set to 1, then `NW` must be also be set to 1; otherwise the behavior is UNSPECIFIED."
    #[must_use]
    pub const fn is_unspecified(self) -> bool {
        self.exe() && !self.nw()
    }
}

impl TrResponse {
    /// The response for a translation, with a range of at most 2^`most` bytes.
    #[must_use]
    pub fn of(translation: &Translation, most: u8) -> Self {
        let size_log2 = translation.size_log2.min(most).min(LARGEST);
        let ppn = translation.spa.0 >> 12;
        let (s, ppn) = if size_log2 > 12 {
            // The lowest 0 bit, at X, stands for 2^(X+1) pages.
            let low = (1 << (size_log2 - 12)) - 1;
            (true, ppn & !low | low >> 1)
        } else {
            (false, ppn)
        };
        TrResponse(0).with_pbmt(translation.pbmt as u8).with_s(s).with_ppn(ppn)
    }

    /// Where the range begins that it shows, and log2 of its bytes; none if its PPN encodes no size.
    #[must_use]
    pub const fn range(self) -> Option<(Spa, u32)> {
        match (self.s(), self.ppn()) {
            (false, ppn) => Some((Spa(ppn << 12), 12)),
            (true, PPN) => None,
            (true, ppn) => {
                let pages_log2 = ppn.trailing_ones() + 1;
                Some((Spa((ppn >> pages_log2 << pages_log2) << 12), 12 + pages_log2))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification, and both ends.
    #[test]
    fn ranges_are_encoded_as_in_the_specification() {
        for (ppn, s, range) in [
            (0xabc_d123, false, Some((0xab_cd12_3000, 12))),
            (0xabc_d127, true, Some((0xab_cd12_0000, 16))),
            (0xabc_d0ff, true, Some((0xab_cd00_0000, 21))),
            (0xabc_d1ff, true, Some((0xab_cd00_0000, 22))),
            (0xabc_d000, true, Some((0xab_cd00_0000, 13))),
            (PPN >> 1, true, Some((0, 56))),
            (PPN, true, None),
        ] {
            let came = TrResponse(0).with_ppn(ppn).with_s(s).range();
            assert_eq!(came.map(|(base, size)| (base.0, size)), range, "{ppn:#x}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for size_log2 in [12, 13, 14, 16, 21, 30, 39, 48, 57, 64] {
            let translation = Translation { size_log2, ..Translation::identity(0x00ab_cdef_1234_5678) };
            for most in [12, 21, 64] {
                let size = size_log2.min(most).min(LARGEST);
                let base = translation.spa.0 >> size << size;
                assert_eq!(TrResponse::of(&translation, most).range(), Some((Spa(base), size.into())), "{size_log2}");
            }
        }
    }
}
