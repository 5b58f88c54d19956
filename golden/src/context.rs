// SPDX-License-Identifier: Apache-2.0
//! The device context and the non-leaf entry of the directories (section "Device-Directory-Table").

use crate::bits::bits;
use crate::{Gscid, Pscid};

bits! {
    /// Translation control, doubleword 0 of a device context.
    Tc(u64) {
        /// The context is valid; if not, everything else is don't-care.
        v / with_v: bool @ 0:0,
        /// ATS transactions are enabled.
        en_ats / with_en_ats: bool @ 1:1,
        /// Page requests are enabled.
        en_pri / with_en_pri: bool @ 2:2,
        /// Translation requests are answered with guest physical addresses.
        t2gpa / with_t2gpa: bool @ 3:3,
        /// Translation faults are not reported.
        dtf / with_dtf: bool @ 4:4,
        /// `fsc` points to a process directory.
        pdtv / with_pdtv: bool @ 5:5,
        /// A page-request group response carries a PASID.
        prpr / with_prpr: bool @ 6:6,
        /// A and D of second-stage PTEs are updated by hardware.
        gade / with_gade: bool @ 7:7,
        /// A and D of first-stage PTEs are updated by hardware.
        sade / with_sade: bool @ 8:8,
        /// Requests without `process_id` use process 0.
        dpe / with_dpe: bool @ 9:9,
        /// Process directory and first-stage tables are big-endian.
        sbe / with_sbe: bool @ 10:10,
        /// The first stage uses the RV32 schemes.
        sxl / with_sxl: bool @ 11:11,
    }
}

impl Tc {
    /// Bits reserved for future standard use: 23:12 and 63:32; bits 31:24 are custom.
    pub const RESERVED: u64 = 0xffff_ffff_00ff_f000;
}

bits! {
    /// Second-stage root, doubleword 1 of a device context.
    Iohgatp(u64) {
        /// Page number of the 16 KiB root table.
        ppn / with_ppn: u64 @ 43:0,
        /// Tag of second-stage translations.
        gscid_bits / with_gscid_bits: u16 @ 59:44,
        /// Scheme: 0 Bare, 8 Sv39x4 (Sv32x4 where GXL), 9 Sv48x4, 10 Sv57x4.
        mode / with_mode: u8 @ 63:60,
    }
}

impl Iohgatp {
    /// The second stage is Bare.
    #[must_use]
    #[inline]
    pub const fn is_bare(self) -> bool {
        self.mode() == 0
    }

    /// The tag of second-stage translations; none when the second stage is Bare.
    #[must_use]
    #[inline]
    pub const fn gscid(self) -> Option<Gscid> {
        if self.is_bare() { None } else { Some(Gscid(self.gscid_bits())) }
    }
}

bits! {
    /// Translation attributes, doubleword 2 of a device context.
    Ta(u64) {
        /// Tag of first-stage translations, where `tc.PDTV` is 0.
        pscid_bits / with_pscid_bits: u32 @ 31:12,
        /// Resource control ID.
        rcid / with_rcid: u16 @ 51:40,
        /// Monitoring counter ID.
        mcid / with_mcid: u16 @ 63:52,
    }
}

impl Ta {
    /// Bits reserved for future standard use: 11:0 and 39:32.
    pub const RESERVED: u64 = 0xff_0000_0fff;

    /// The tag of first-stage translations.
    #[must_use]
    #[inline]
    pub const fn pscid(self) -> Pscid {
        Pscid(self.pscid_bits())
    }
}

bits! {
    /// First-stage context: `iosatp`, or `pdtp` where `tc.PDTV` is 1. Also doubleword 1 of a process context.
    Fsc(u64) {
        /// Page number of the root: a guest page number unless the second stage is Bare.
        ppn / with_ppn: u64 @ 43:0,
        /// Scheme. `iosatp`: 0 Bare, 8 Sv39 (Sv32 where SXL), 9 Sv48, 10 Sv57. `pdtp`: 0 Bare, 1 PD8, 2 PD17, 3 PD20.
        mode / with_mode: u8 @ 63:60,
    }
}

impl Fsc {
    /// Bits reserved for future standard use: 59:44.
    pub const RESERVED: u64 = 0x0fff_f000_0000_0000;
}

bits! {
    /// MSI page table pointer, doubleword 4 of an extended device context.
    Msiptp(u64) {
        /// Page number of the MSI page table.
        ppn / with_ppn: u64 @ 43:0,
        /// 0 Off, 1 Flat.
        mode / with_mode: u8 @ 63:60,
    }
}

impl Msiptp {
    /// Bits reserved for future standard use: 59:44.
    pub const RESERVED: u64 = 0x0fff_f000_0000_0000;
}

/// A device context; the last four doublewords are 0 in base format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeviceContext {
    /// Translation control
    pub tc: Tc,
    /// Second-stage root
    pub iohgatp: Iohgatp,
    /// Translation attributes
    pub ta: Ta,
    /// First-stage root or process directory root
    pub fsc: Fsc,
    /// MSI page table
    pub msiptp: Msiptp,
    /// MSI address mask, in pages
    pub msi_addr_mask: u64,
    /// MSI address pattern, in pages
    pub msi_addr_pattern: u64,
    /// Reserved doubleword
    pub reserved: u64,
}

impl DeviceContext {
    /// From its doublewords in host order; base format leaves the last four 0.
    #[must_use]
    #[inline]
    pub const fn from_words(w: [u64; 8]) -> Self {
        Self {
            tc: Tc(w[0]),
            iohgatp: Iohgatp(w[1]),
            ta: Ta(w[2]),
            fsc: Fsc(w[3]),
            msiptp: Msiptp(w[4]),
            msi_addr_mask: w[5],
            msi_addr_pattern: w[6],
            reserved: w[7],
        }
    }

    /// Its doublewords in host order.
    ///
    /// ```
    /// use golden::{DeviceContext, Iohgatp, Tc};
    /// let dc = DeviceContext { tc: Tc(0).with_v(true), iohgatp: Iohgatp(0).with_mode(8), ..Default::default() };
    /// assert_eq!(DeviceContext::from_words(dc.to_words()), dc);
    /// ```
    #[must_use]
    pub const fn to_words(&self) -> [u64; 8] {
        [
            self.tc.0,
            self.iohgatp.0,
            self.ta.0,
            self.fsc.0,
            self.msiptp.0,
            self.msi_addr_mask,
            self.msi_addr_pattern,
            self.reserved,
        ]
    }
}

bits! {
    /// A non-leaf entry of the device directory or of a process directory.
    DirectoryEntry(u64) {
        /// Valid.
        v / with_v: bool @ 0:0,
        /// Page number of the next level.
        ppn / with_ppn: u64 @ 53:10,
    }
}

impl DirectoryEntry {
    /// Bits reserved for future standard use: 9:1 and 63:54.
    pub const RESERVED: u64 = 0xffc0_0000_0000_03fe;
}
