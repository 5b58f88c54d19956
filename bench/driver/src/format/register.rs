// SPDX-License-Identifier: Apache-2.0
//! Register offsets and fields ("Memory-mapped register interface").

use super::process::ProcessMode;
use super::pte::{Scheme, Stage};

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
/// `iocountinh`, 4 bytes
pub const IOCOUNTINH: u16 = 92;
/// `tr_req_iova`, 8 bytes
pub const TR_REQ_IOVA: u16 = 600;
/// `tr_req_ctl`, 8 bytes
pub const TR_REQ_CTL: u16 = 608;
/// `tr_response`, 8 bytes
pub const TR_RESPONSE: u16 = 616;
/// `icvec`, 8 bytes
pub const ICVEC: u16 = 760;
/// `iommu_qosid`, 4 bytes
pub const IOMMU_QOSID: u16 = 624;

/// `fctl.BE`: data structures and queues are big-endian
pub const FCTL_BE: u64 = 1;
/// `fctl.WSI`: interrupts are wires
pub const FCTL_WSI: u64 = 1 << 1;
/// `fctl.GXL`: the Sv32x4 family of second-stage schemes
pub const FCTL_GXL: u64 = 1 << 2;

/// `cqcsr.cqen`, `fqcsr.fqen`: switched on
pub const QUEUE_ENABLE: u64 = 1;
/// `cqcsr.cie`, `fqcsr.fie`: interrupts on
pub const QUEUE_INTERRUPT: u64 = 1 << 1;
/// `cqcsr.cqmf`, `fqcsr.fqmf`: access to the queue's memory failed
pub const QUEUE_MEMORY_FAULT: u64 = 1 << 8;
/// `cqcsr.cqon`, `fqcsr.fqon`: the queue is active
pub const QUEUE_ON: u64 = 1 << 16;
/// `cqcsr.busy`, `fqcsr.busy`: a write is still being carried out
pub const QUEUE_BUSY: u64 = 1 << 17;
/// `cqcsr.cmd_to`: a command timed out
pub const CQCSR_CMD_TO: u64 = 1 << 9;
/// `cqcsr.cmd_ill`: an illegal or unsupported command was fetched
pub const CQCSR_CMD_ILL: u64 = 1 << 10;
/// The bits of `cqcsr` that stop the command queue
pub const CQCSR_ERRORS: u64 = QUEUE_MEMORY_FAULT | CQCSR_CMD_TO | CQCSR_CMD_ILL;
/// `fqcsr.fqof`, `pqcsr.pqof`: a record was lost because the queue was full
pub const QUEUE_OVERFLOW: u64 = 1 << 9;

/// `tr_req_ctl.Go/Busy`: set, a request is under way
pub const TR_REQ_CTL_GO: u64 = 1;
/// `tr_req_ctl.PV`: the process_id is valid
pub const TR_REQ_CTL_PV: u64 = 1 << 32;

/// `ipsr.cip`
pub const IPSR_CIP: u64 = 1;
/// `ipsr.fip`
pub const IPSR_FIP: u64 = 1 << 1;
/// `ipsr.pip`
pub const IPSR_PIP: u64 = 1 << 3;

/// `ddtp.iommu_mode`: all traffic refused
pub const DDTP_OFF: u64 = 0;
/// `ddtp.iommu_mode`: a directory of one level; two and three levels follow
pub const DDTP_1LVL: u64 = 2;
/// `ddtp.iommu_mode`
pub const DDTP_MODE: u64 = 0xf;
/// `ddtp.busy`
pub const DDTP_BUSY: u64 = 1 << 4;

/// The `capabilities` register (section "IOMMU capabilities").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(pub u64);

impl Capabilities {
    const fn bit(self, bit: u32) -> bool {
        self.0 >> bit & 1 != 0
    }

    /// Version of the specification: major in the high nibble, minor in the low one.
    pub const fn version(self) -> u8 {
        (self.0 & 0xff) as u8
    }

    /// Is this paging scheme there?
    pub const fn supports(self, scheme: Scheme) -> bool {
        self.bit(match scheme {
            Scheme::Sv39 => 9,
            Scheme::Sv48 => 10,
            Scheme::Sv57 => 11,
            Scheme::Sv39x4 => 17,
            Scheme::Sv48x4 => 18,
            Scheme::Sv57x4 => 19,
        })
    }

    /// The largest scheme of a stage that is there.
    pub fn largest(self, stage: Stage) -> Option<Scheme> {
        Scheme::of(stage).into_iter().find(|&scheme| self.supports(scheme))
    }

    /// Svpbmt: memory types in page-table entries.
    pub const fn svpbmt(self) -> bool {
        self.bit(15)
    }

    /// Interrupt files may be in memory (`MSI_MRIF`).
    pub const fn msi_mrif(self) -> bool {
        self.bit(23)
    }

    /// Device contexts are 64 bytes, with MSI page tables.
    pub const fn msi_flat(self) -> bool {
        self.bit(22)
    }

    /// Process directories of this width.
    pub const fn process_directory(self, mode: ProcessMode) -> bool {
        self.bit(37 + mode.levels() as u32)
    }

    /// A and D bits can be updated by the IOMMU.
    pub const fn amo_hwad(self) -> bool {
        self.bit(24)
    }

    /// PCIe address translation services and page requests.
    pub const fn ats(self) -> bool {
        self.bit(25)
    }

    /// Guest physical addresses can be given for translations (`T2GPA`).
    pub const fn t2gpa(self) -> bool {
        self.bit(26)
    }

    /// There are counters of performance (`HPM`).
    pub const fn has_counters(self) -> bool {
        self.0 >> 30 & 1 == 1
    }

    /// Accesses to memory have QoS IDs (`QOSID`).
    pub const fn qos_ids(self) -> bool {
        self.bit(41)
    }

    /// Software can ask for translations by way of registers (`DBG`).
    pub const fn debug(self) -> bool {
        self.bit(31)
    }

    /// Interrupts can be wires (`IGS` is WSI or BOTH).
    pub const fn wired_interrupts(self) -> bool {
        matches!(self.0 >> 28 & 3, 1 | 2)
    }

    /// Interrupts can be only wires (`IGS` is WSI).
    pub const fn only_wired_interrupts(self) -> bool {
        self.0 >> 28 & 3 == 1
    }

    /// Width of a physical address in bits.
    pub const fn physical_bits(self) -> u32 {
        (self.0 >> 32 & 0x3f) as u32
    }

    /// Address-specific invalidation of non-leaf entries (extension NL).
    pub const fn non_leaf_invalidation(self) -> bool {
        self.bit(42)
    }

    /// Invalidation of an address range (extension S).
    pub const fn range_invalidation(self) -> bool {
        self.bit(43)
    }
}
