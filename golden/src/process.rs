// SPDX-License-Identifier: Apache-2.0
//! The process context (section "Process-Directory-Table").

use crate::bits::bits;
use crate::{Fsc, Pscid};

bits! {
    /// Translation attributes, doubleword 0 of a process context.
    ProcessTa(u64) {
        /// The context is valid; if not, everything else is don't-care.
        v / with_v: bool @ 0:0,
        /// Requests with supervisor privilege are allowed.
        ens / with_ens: bool @ 1:1,
        /// Requests with supervisor privilege may access user pages.
        sum / with_sum: bool @ 2:2,
        /// Tag of first-stage translations.
        pscid_bits / with_pscid_bits: u32 @ 31:12,
    }
}

impl ProcessTa {
    /// Bits reserved for future standard use: 11:3 and 63:32.
    pub const RESERVED: u64 = 0xffff_ffff_0000_0ff8;

    /// The tag of first-stage translations.
    #[must_use]
    #[inline]
    pub const fn pscid(self) -> Pscid {
        Pscid(self.pscid_bits())
    }
}

/// A process context, 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProcessContext {
    /// Translation attributes
    pub ta: ProcessTa,
    /// First-stage root
    pub fsc: Fsc,
}

impl ProcessContext {
    /// From its doublewords in host order.
    #[must_use]
    #[inline]
    pub const fn from_words(w: [u64; 2]) -> Self {
        Self { ta: ProcessTa(w[0]), fsc: Fsc(w[1]) }
    }

    /// Its doublewords in host order.
    #[must_use]
    pub const fn to_words(&self) -> [u64; 2] {
        [self.ta.0, self.fsc.0]
    }
}
