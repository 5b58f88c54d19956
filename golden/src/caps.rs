// SPDX-License-Identifier: Apache-2.0
//! `capabilities` and `fctl`: what the IOMMU has, and which of it is switched on.

use crate::bits::bits;

bits! {
    /// `capabilities` register (section "IOMMU capabilities").
    Capabilities(u64) {
        /// Version of the specification: 0x10 for 1.0.
        version / with_version: u8 @ 7:0,
        /// Sv32 first stage.
        sv32 / with_sv32: bool @ 8:8,
        /// Sv39 first stage.
        sv39 / with_sv39: bool @ 9:9,
        /// Sv48 first stage.
        sv48 / with_sv48: bool @ 10:10,
        /// Sv57 first stage.
        sv57 / with_sv57: bool @ 11:11,
        /// PTE bits 60:59 are for software.
        svrsw60t59b / with_svrsw60t59b: bool @ 14:14,
        /// Page-based memory types.
        svpbmt / with_svpbmt: bool @ 15:15,
        /// Sv32x4 second stage.
        sv32x4 / with_sv32x4: bool @ 16:16,
        /// Sv39x4 second stage.
        sv39x4 / with_sv39x4: bool @ 17:17,
        /// Sv48x4 second stage.
        sv48x4 / with_sv48x4: bool @ 18:18,
        /// Sv57x4 second stage.
        sv57x4 / with_sv57x4: bool @ 19:19,
        /// Atomic updates of an MRIF.
        amo_mrif / with_amo_mrif: bool @ 21:21,
        /// MSI page tables in basic mode; device contexts have the extended format.
        msi_flat / with_msi_flat: bool @ 22:22,
        /// MSI page tables in MRIF mode.
        msi_mrif / with_msi_mrif: bool @ 23:23,
        /// Atomic updates of A and D bits in PTEs.
        amo_hwad / with_amo_hwad: bool @ 24:24,
        /// PCIe ATS and page requests.
        ats / with_ats: bool @ 25:25,
        /// A translation request may be answered with a guest physical address.
        t2gpa / with_t2gpa: bool @ 26:26,
        /// Both endiannesses.
        end / with_end: bool @ 27:27,
        /// Interrupt generation: 0 MSI, 1 wires, 2 both.
        igs / with_igs: u8 @ 29:28,
        /// Performance monitor.
        hpm / with_hpm: bool @ 30:30,
        /// Translation-request interface for debug.
        dbg / with_dbg: bool @ 31:31,
        /// Physical address size in bits.
        pas / with_pas: u8 @ 37:32,
        /// One-level process directory.
        pd8 / with_pd8: bool @ 38:38,
        /// Two-level process directory.
        pd17 / with_pd17: bool @ 39:39,
        /// Three-level process directory.
        pd20 / with_pd20: bool @ 40:40,
        /// Quality-of-service IDs.
        qosid / with_qosid: bool @ 41:41,
        /// Non-leaf PTE invalidation.
        nl / with_nl: bool @ 42:42,
        /// Address range invalidation.
        s / with_s: bool @ 43:43,
    }
}

impl Capabilities {
    /// Width of the widest guest physical address that the second stage can translate: MGPAW of section
    /// "MSI address mask and pattern".
    #[must_use]
    pub const fn mgpaw(self) -> u32 {
        if self.sv57x4() {
            59
        } else if self.sv48x4() {
            50
        } else if self.sv39x4() {
            41
        } else if self.sv32x4() {
            34
        } else {
            self.pas() as u32
        }
    }

    /// Highest physical address: `2^PAS - 1`.
    #[must_use]
    #[inline]
    pub const fn spa_max(self) -> u64 {
        (1 << self.pas()) - 1
    }

    /// Bytes of a device context: 64 in extended format, 32 in base format.
    #[must_use]
    #[inline]
    pub const fn dc_bytes(self) -> u64 {
        if self.msi_flat() { 64 } else { 32 }
    }

    /// Widest `process_id` in bits that any process directory can hold; 0 without one.
    #[must_use]
    pub const fn process_id_bits(self) -> u32 {
        if self.pd20() {
            20
        } else if self.pd17() {
            17
        } else if self.pd8() {
            8
        } else {
            0
        }
    }
}

bits! {
    /// `fctl` register (section "Features-control register").
    Fctl(u32) {
        /// Big-endian DDT, second-stage tables, MSI tables and queues.
        be / with_be: bool @ 0:0,
        /// Interrupts are signalled by wires.
        wsi / with_wsi: bool @ 1:1,
        /// Guest addresses are translated by the RV32 schemes.
        gxl / with_gxl: bool @ 2:2,
    }
}
