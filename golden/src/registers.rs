// SPDX-License-Identifier: Apache-2.0
//! The memory-mapped registers: offsets and bit fields (chapter "Memory-mapped register interface").

use crate::bits::bits;

/// Byte offsets of the registers.
pub mod offset {
    /// `capabilities`, 8 bytes
    pub const CAPABILITIES: u16 = 0;
    /// `fctl`, 4 bytes
    pub const FCTL: u16 = 8;
    /// `ddtp`, 8 bytes
    pub const DDTP: u16 = 16;
    /// `cqb`, 8 bytes
    pub const CQB: u16 = 24;
    /// `cqh`, 4 bytes
    pub const CQH: u16 = 32;
    /// `cqt`, 4 bytes
    pub const CQT: u16 = 36;
    /// `fqb`, 8 bytes
    pub const FQB: u16 = 40;
    /// `fqh`, 4 bytes
    pub const FQH: u16 = 48;
    /// `fqt`, 4 bytes
    pub const FQT: u16 = 52;
    /// `pqb`, 8 bytes
    pub const PQB: u16 = 56;
    /// `pqh`, 4 bytes
    pub const PQH: u16 = 64;
    /// `pqt`, 4 bytes
    pub const PQT: u16 = 68;
    /// `cqcsr`, 4 bytes
    pub const CQCSR: u16 = 72;
    /// `fqcsr`, 4 bytes
    pub const FQCSR: u16 = 76;
    /// `pqcsr`, 4 bytes
    pub const PQCSR: u16 = 80;
    /// `ipsr`, 4 bytes
    pub const IPSR: u16 = 84;
    /// `iocountovf`, 4 bytes
    pub const IOCOUNTOVF: u16 = 88;
    /// `iocountinh`, 4 bytes
    pub const IOCOUNTINH: u16 = 92;
    /// `iohpmcycles`, 8 bytes
    pub const IOHPMCYCLES: u16 = 96;
    /// `iohpmctr1` to `iohpmctr31`, 8 bytes each
    pub const IOHPMCTR: u16 = 104;
    /// `iohpmevt1` to `iohpmevt31`, 8 bytes each
    pub const IOHPMEVT: u16 = 352;
    /// `tr_req_iova`, 8 bytes
    pub const TR_REQ_IOVA: u16 = 600;
    /// `tr_req_ctl`, 8 bytes
    pub const TR_REQ_CTL: u16 = 608;
    /// `tr_response`, 8 bytes
    pub const TR_RESPONSE: u16 = 616;
    /// `iommu_qosid`, 4 bytes
    pub const IOMMU_QOSID: u16 = 624;
    /// `icvec`, 8 bytes
    pub const ICVEC: u16 = 760;
    /// `msi_cfg_tbl`, 16 entries of 16 bytes
    pub const MSI_CFG_TBL: u16 = 768;
    /// Bytes of the register page
    pub const PAGE: u16 = 4096;
}

/// `ddtp.iommu_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DdtMode {
    /// No inbound transaction is allowed.
    Off,
    /// No translation, no protection.
    Bare,
    /// A directory of this many levels (1 to 3).
    Levels(u8),
    /// A reserved or custom encoding.
    Reserved(u8),
}

bits! {
    /// `ddtp` register (section "Device-directory-table pointer").
    Ddtp(u64) {
        /// `iommu_mode` as it is encoded.
        mode_bits / with_mode_bits: u8 @ 3:0,
        /// A write of `iommu_mode` is still being carried out.
        busy / with_busy: bool @ 4:4,
        /// Page number of the root directory page.
        ppn / with_ppn: u64 @ 53:10,
    }
}

impl Ddtp {
    /// `iommu_mode`.
    #[must_use]
    #[inline]
    pub const fn mode(self) -> DdtMode {
        match self.mode_bits() {
            0 => DdtMode::Off,
            1 => DdtMode::Bare,
            n @ 2..=4 => DdtMode::Levels(n - 1),
            n => DdtMode::Reserved(n),
        }
    }

    /// With `iommu_mode` set to `mode`.
    #[must_use]
    pub const fn with_mode(self, mode: DdtMode) -> Self {
        self.with_mode_bits(match mode {
            DdtMode::Off => 0,
            DdtMode::Bare => 1,
            DdtMode::Levels(n) => n + 1,
            DdtMode::Reserved(n) => n,
        })
    }

    /// Bits of `device_id` that the directory can look up: 0 when there is none.
    #[must_use]
    #[inline]
    pub const fn device_id_bits(self, extended_format: bool) -> u32 {
        match (self.mode_bits(), extended_format) {
            (2, true) => 6,
            (2, false) => 7,
            (3, true) => 15,
            (3, false) => 16,
            (4, _) => 24,
            _ => 0,
        }
    }
}

bits! {
    /// `cqb`, `fqb` or `pqb`: base and size of a queue.
    QueueBase(u64) {
        /// log2 of the number of entries, minus one.
        log2sz_minus1 / with_log2sz_minus1: u8 @ 4:0,
        /// Page number of the queue.
        ppn / with_ppn: u64 @ 53:10,
    }
}

impl QueueBase {
    /// Number of entries, 2 to 2^32.
    #[must_use]
    #[inline]
    pub const fn entries(self) -> u64 {
        2u64 << self.log2sz_minus1()
    }

    /// Address of entry 0.
    #[must_use]
    #[inline]
    pub const fn base(self) -> u64 {
        self.ppn() << 12
    }
}

bits! {
    /// `cqcsr` (section "Command-queue CSR").
    Cqcsr(u32) {
        /// Enable.
        cqen / with_cqen: bool @ 0:0,
        /// Interrupt enable.
        cie / with_cie: bool @ 1:1,
        /// Memory fault, write 1 to clear.
        cqmf / with_cqmf: bool @ 8:8,
        /// A command timed out, write 1 to clear.
        cmd_to / with_cmd_to: bool @ 9:9,
        /// Illegal or unsupported command, write 1 to clear.
        cmd_ill / with_cmd_ill: bool @ 10:10,
        /// A fence with WSI completed, write 1 to clear.
        fence_w_ip / with_fence_w_ip: bool @ 11:11,
        /// The queue is active.
        cqon / with_cqon: bool @ 16:16,
        /// A write of this register is still being carried out.
        busy / with_busy: bool @ 17:17,
    }
}

bits! {
    /// `fqcsr` (section "Fault queue CSR"); `pqcsr` has the same layout.
    Fqcsr(u32) {
        /// Enable.
        fqen / with_fqen: bool @ 0:0,
        /// Interrupt enable.
        fie / with_fie: bool @ 1:1,
        /// Memory fault, write 1 to clear.
        fqmf / with_fqmf: bool @ 8:8,
        /// Overflow, write 1 to clear.
        fqof / with_fqof: bool @ 9:9,
        /// The queue is active.
        fqon / with_fqon: bool @ 16:16,
        /// A write of this register is still being carried out.
        busy / with_busy: bool @ 17:17,
    }
}

bits! {
    /// `pqcsr` (section "Page-request-queue CSR").
    Pqcsr(u32) {
        /// Enable.
        pqen / with_pqen: bool @ 0:0,
        /// Interrupt enable.
        pie / with_pie: bool @ 1:1,
        /// Memory fault, write 1 to clear.
        pqmf / with_pqmf: bool @ 8:8,
        /// Overflow, write 1 to clear.
        pqof / with_pqof: bool @ 9:9,
        /// The queue is active.
        pqon / with_pqon: bool @ 16:16,
        /// A write of this register is still being carried out.
        busy / with_busy: bool @ 17:17,
    }
}

bits! {
    /// `ipsr` (section "Interrupt pending status register"); every bit is write 1 to clear.
    Ipsr(u32) {
        /// Command queue.
        cip / with_cip: bool @ 0:0,
        /// Fault queue.
        fip / with_fip: bool @ 1:1,
        /// Performance monitor.
        pmip / with_pmip: bool @ 2:2,
        /// Page-request queue.
        pip / with_pip: bool @ 3:3,
    }
}

bits! {
    /// `icvec` (section "Interrupt-cause-to-vector register").
    Icvec(u64) {
        /// Vector of the command queue.
        civ / with_civ: u8 @ 3:0,
        /// Vector of the fault queue.
        fiv / with_fiv: u8 @ 7:4,
        /// Vector of the performance monitor.
        pmiv / with_pmiv: u8 @ 11:8,
        /// Vector of the page-request queue.
        piv / with_piv: u8 @ 15:12,
    }
}

bits! {
    /// `tr_req_ctl` (section "Translation-request control").
    TrReqCtl(u64) {
        /// Go/Busy: write 1 to start; 1 until the translation is done.
        go / with_go: bool @ 0:0,
        /// Privileged access.
        privileged / with_privileged: bool @ 1:1,
        /// Execute permission is asked for.
        exe / with_exe: bool @ 2:2,
        /// Write permission is not asked for.
        nw / with_nw: bool @ 3:3,
        /// `process_id`, valid where [`Self::pv`].
        pid / with_pid: u32 @ 31:12,
        /// There is a `process_id`.
        pv / with_pv: bool @ 32:32,
        /// `device_id`.
        did / with_did: u32 @ 63:40,
    }
}

bits! {
    /// `tr_response` (section "Translation-response").
    TrResponse(u64) {
        /// The translation faulted; all other fields are unspecified.
        fault / with_fault: bool @ 0:0,
        /// Memory type.
        pbmt / with_pbmt: u8 @ 8:7,
        /// The size is larger than 4 KiB and encoded in the PPN.
        s / with_s: bool @ 9:9,
        /// Physical page number.
        ppn / with_ppn: u64 @ 53:10,
    }
}

bits! {
    /// `iohpmevt1-31` (section "Performance-monitoring event selectors").
    EventSelector(u64) {
        /// Event to count, 0 none.
        event / with_event: u16 @ 14:0,
        /// Partial match of `did_gscid`.
        dmask / with_dmask: bool @ 15:15,
        /// `process_id` or PSCID.
        pid_pscid / with_pid_pscid: u32 @ 35:16,
        /// `device_id` or GSCID.
        did_gscid / with_did_gscid: u32 @ 59:36,
        /// Filter by `pid_pscid`.
        pv_pscv / with_pv_pscv: bool @ 60:60,
        /// Filter by `did_gscid`.
        dv_gscv / with_dv_gscv: bool @ 61:61,
        /// The filters are GSCID and PSCID.
        idt / with_idt: bool @ 62:62,
        /// Overflow.
        of / with_of: bool @ 63:63,
    }
}
