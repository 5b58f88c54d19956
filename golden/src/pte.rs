// SPDX-License-Identifier: Apache-2.0
//! Page-table entries of both stages, and of MSI page tables.

use crate::bits::bits;

bits! {
    /// A page-table entry of the Privileged specification. An Sv32 entry is its 32 bits, zero-extended: the fields that
    /// it does not have (N, PBMT) read 0.
    Pte(u64) {
        /// Valid.
        v / with_v: bool @ 0:0,
        /// Readable.
        r / with_r: bool @ 1:1,
        /// Writable.
        w / with_w: bool @ 2:2,
        /// Executable.
        x / with_x: bool @ 3:3,
        /// Accessible to user mode.
        u / with_u: bool @ 4:4,
        /// Global: exists in all address spaces.
        g / with_g: bool @ 5:5,
        /// Accessed.
        a / with_a: bool @ 6:6,
        /// Dirty.
        d / with_d: bool @ 7:7,
        /// For software.
        rsw / with_rsw: u8 @ 9:8,
        /// Page number.
        ppn / with_ppn: u64 @ 53:10,
        /// For software where Svrsw60t59b, otherwise reserved.
        rsw60t59 / with_rsw60t59: u8 @ 60:59,
        /// Memory type: 0 PMA, 1 NC, 2 IO, 3 reserved.
        pbmt / with_pbmt: u8 @ 62:61,
        /// NAPOT translation contiguity.
        n / with_n: bool @ 63:63,
    }
}

impl Pte {
    /// A leaf that maps the 64 KiB around its page: the one NAPOT encoding that is not reserved, which counts only in the
    /// last level (Privileged specification, "Svnapot").
    #[must_use]
    #[inline]
    pub const fn is_napot(self) -> bool {
        self.n() && self.is_leaf() && self.ppn() & 0xf == 0b1000
    }

    /// The entry maps a page (it is not a pointer to the next table): R or X is set.
    #[must_use]
    #[inline]
    pub const fn is_leaf(self) -> bool {
        self.0 & 0b1010 != 0
    }

    /// G is set. A non-leaf entry that is global makes all below it global.
    #[must_use]
    #[inline]
    pub const fn is_global(self) -> bool {
        self.g()
    }
}

bits! {
    /// Doubleword 0 of an MSI page-table entry (AIA, chapter "IOMMU Support for MSIs to Virtual Machines").
    MsiPte0(u64) {
        /// Valid.
        v / with_v: bool @ 0:0,
        /// 3 basic translate mode, 1 MRIF mode; 0 and 2 are reserved.
        m / with_m: u8 @ 2:1,
        /// MRIF mode: bits 55:9 of the address of the MRIF.
        mrif / with_mrif: u64 @ 53:7,
        /// Basic mode: page number.
        ppn / with_ppn: u64 @ 53:10,
        /// The rest is to be interpreted in a custom way.
        c / with_c: bool @ 63:63,
    }
}

impl MsiPte0 {
    /// Bits reserved in basic mode: 9:3 and 62:54.
    pub const RESERVED_BASIC: u64 = 0x7fc0_0000_0000_03f8;
    /// Bits reserved in MRIF mode: 6:3 and 62:54.
    pub const RESERVED_MRIF: u64 = 0x7fc0_0000_0000_0078;
}

bits! {
    /// Doubleword 1 of an MSI page-table entry in MRIF mode. In basic mode it is ignored.
    MsiPte1(u64) {
        /// Bits 9:0 of the notice identity.
        nid9t0 / with_nid9t0: u16 @ 9:0,
        /// Page number of the notice MSI.
        nppn / with_nppn: u64 @ 53:10,
        /// Bit 10 of the notice identity.
        nid10 / with_nid10: bool @ 60:60,
    }
}

impl MsiPte1 {
    /// Bits reserved in MRIF mode: 59:54 and 63:61.
    pub const RESERVED: u64 = 0xefc0_0000_0000_0000;

    /// The notice identity, 11 bits.
    #[must_use]
    pub const fn nid(self) -> u16 {
        self.nid9t0() | ((self.nid10() as u16) << 10)
    }
}
