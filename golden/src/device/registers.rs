// SPDX-License-Identifier: Apache-2.0
//! Register reads and writes (chapter "Memory-mapped register interface").

use super::{Iommu, Platform};
use crate::bits::mask;
use crate::registers::offset as at;
use crate::{Cqcsr, DdtMode, Ddtp, Fctl, Fqcsr, Icvec, Pqcsr, QueueBase, TrReqCtl};

const QUEUE_BASE: u64 = mask(4, 0) | mask(53, 10);
const TR_REQ_CTL: u64 = mask(3, 0) | mask(32, 12) | mask(63, 40);
const QOSID: u32 = 0x0fff_0fff;

/// Where a doubleword of registers belongs.
enum Half {
    Low,
    High,
}

impl Iommu {
    /// Reads a register of 4 or 8 bytes. Anything else, and what is not there, reads 0.
    #[must_use]
    pub fn read_register(&self, offset: u16, bytes: u8) -> u64 {
        match bytes {
            4 if offset.is_multiple_of(4) => {
                let doubleword = self.doubleword(offset & !7);
                if offset & 4 == 0 { doubleword & 0xffff_ffff } else { doubleword >> 32 }
            }
            8 if offset.is_multiple_of(8) => self.doubleword(offset),
            _ => 0,
        }
    }

    /// The registers in an aligned doubleword.
    fn doubleword(&self, offset: u16) -> u64 {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let caps = self.config.caps;
        match offset {
            at::CAPABILITIES => caps.0,
            at::FCTL => pair(self.config.fctl.0, 0),
            at::DDTP => self.config.ddtp.0,
            at::CQB => self.cqb.0,
            at::CQH => pair(self.cqh, self.cqt),
            at::FQB => self.fqb.0,
            at::FQH => pair(self.fqh, self.fqt),
            at::PQB => self.pqb.0,
            at::PQH => pair(self.pqh, self.pqt),
            at::CQCSR => pair(self.cqcsr.0, self.fqcsr.0),
            at::PQCSR => pair(self.pqcsr.0, self.ipsr.0),
            at::IOCOUNTOVF if caps.hpm() => pair(self.hpm.overflow_status(), self.hpm.inhibit()),
            at::IOHPMCYCLES..at::IOHPMEVT if caps.hpm() => self.hpm.counter(index(offset, at::IOHPMCYCLES)),
            at::IOHPMEVT..at::TR_REQ_IOVA if caps.hpm() => self.hpm.selector(index(offset, at::IOHPMEVT) + 1),
            at::TR_REQ_IOVA => self.tr_req_iova,
            at::TR_REQ_CTL => self.tr_req_ctl.0,
            at::TR_RESPONSE => self.tr_response.0,
            at::IOMMU_QOSID => u64::from(self.qosid),
            at::ICVEC => self.icvec.0,
            at::MSI_CFG_TBL..1024 => {
                let entry = &self.msi[index(offset, at::MSI_CFG_TBL) / 2];
                if offset & 8 == 0 { entry.addr } else { pair(entry.data, u32::from(entry.masked)) }
            }
            _ => 0,
        }
    }

    /// Writes a register of 4 or 8 bytes, and does all that follows from it. Anything else is ignored.
    ///
    /// An access of 8 bytes to two registers of 4 bytes counts as two writes, the high half first.
    pub fn write_register<P: Platform>(&mut self, platform: &mut P, offset: u16, bytes: u8, value: u64) {
        match bytes {
            4 if offset.is_multiple_of(4) => {
                let (half, value) =
                    if offset & 4 == 0 { (Half::Low, value & 0xffff_ffff) } else { (Half::High, value << 32) };
                self.write_half(platform, offset & !7, &half, value);
            }
            8 if offset.is_multiple_of(8) => match offset {
                at::FCTL | at::CQH | at::FQH | at::PQH | at::CQCSR | at::PQCSR | at::IOCOUNTOVF | at::IOMMU_QOSID => {
                    self.write_half(platform, offset, &Half::High, value);
                    self.write_half(platform, offset, &Half::Low, value);
                }
                at::MSI_CFG_TBL..1024 if offset & 8 != 0 => {
                    self.write_half(platform, offset, &Half::High, value);
                    self.write_half(platform, offset, &Half::Low, value);
                }
                _ => self.write_doubleword(platform, offset, value, true),
            },
            _ => return,
        }
        self.run_commands(platform);
    }

    /// Writes a register of 4 bytes, or half of one of 8 bytes; `value` is in place in its doubleword.
    fn write_half<P: Platform>(&mut self, platform: &mut P, offset: u16, half: &Half, value: u64) {
        let (low, high) = (value as u32, (value >> 32) as u32);
        match (offset, half) {
            (at::FCTL, Half::Low) => self.write_fctl(low),
            (at::CQH, Half::High) => self.cqt = high & index_mask(self.cqb),
            (at::FQH, Half::Low) => self.fqh = low & index_mask(self.fqb),
            (at::PQH, Half::Low) if self.config.caps.ats() => self.pqh = low & index_mask(self.pqb),
            (at::CQCSR, Half::Low) => self.write_cqcsr(low),
            (at::CQCSR, Half::High) => self.write_fqcsr(high),
            (at::PQCSR, Half::Low) if self.config.caps.ats() => self.write_pqcsr(low),
            // Conditions that still hold set the bit again, and that is a new transition: `run_commands` looks.
            (at::PQCSR, Half::High) => self.ipsr.0 &= !high,
            (at::IOCOUNTOVF, Half::High) => self.hpm.set_inhibit(high),
            (at::IOMMU_QOSID, Half::Low) if self.config.caps.qosid() => self.write_qosid(low),
            (at::MSI_CFG_TBL..1024, half) if offset & 8 != 0 && self.config.caps.igs() != 1 => {
                let vector = index(offset, at::MSI_CFG_TBL) / 2;
                match half {
                    Half::Low => self.msi[vector].data = low,
                    Half::High => self.write_vector_control(platform, vector as u8, high),
                }
            }
            (at::FCTL | at::CQH | at::FQH | at::PQH | at::PQCSR | at::IOCOUNTOVF | at::IOMMU_QOSID, _) => {}
            (at::MSI_CFG_TBL..1024, _) if offset & 8 != 0 => {}
            (_, Half::Low) => {
                let merged = self.doubleword(offset) & !mask(31, 0) | value & mask(31, 0);
                self.write_doubleword(platform, offset, merged, true);
            }
            (_, Half::High) => {
                let merged = self.doubleword(offset) & mask(31, 0) | value & !mask(31, 0);
                self.write_doubleword(platform, offset, merged, false);
            }
        }
    }

    /// Writes a register of 8 bytes. `with_low`: its low half is written, too.
    fn write_doubleword<P: Platform>(&mut self, platform: &mut P, offset: u16, value: u64, with_low: bool) {
        let caps = self.config.caps;
        match offset {
            at::DDTP => self.write_ddtp(Ddtp(value)),
            at::CQB => {
                self.cqb = QueueBase(value & QUEUE_BASE);
                self.cqt &= index_mask(self.cqb);
            }
            at::FQB => {
                self.fqb = QueueBase(value & QUEUE_BASE);
                self.fqh &= index_mask(self.fqb);
            }
            at::PQB if caps.ats() => {
                self.pqb = QueueBase(value & QUEUE_BASE);
                self.pqh &= index_mask(self.pqb);
            }
            at::IOHPMCYCLES..at::IOHPMEVT => self.hpm.set_counter(index(offset, at::IOHPMCYCLES), value),
            at::IOHPMEVT..at::TR_REQ_IOVA => self.hpm.set_selector(index(offset, at::IOHPMEVT) + 1, value),
            at::TR_REQ_IOVA if caps.dbg() => self.tr_req_iova = value & !0xfff,
            at::TR_REQ_CTL if caps.dbg() => {
                self.tr_req_ctl = TrReqCtl(value & TR_REQ_CTL);
                if with_low && self.tr_req_ctl.go() {
                    self.run_debug_request(platform);
                }
            }
            at::ICVEC => {
                let field = (1u64 << self.parameters.vector_bits.min(4)) - 1;
                self.icvec = Icvec(value & (field * 0x1111));
            }
            at::MSI_CFG_TBL..1024 if offset & 8 == 0 && caps.igs() != 1 => {
                self.msi[index(offset, at::MSI_CFG_TBL) / 2].addr = value & mask(55, 2);
            }
            _ => {}
        }
    }

    fn write_fctl(&mut self, value: u32) {
        let (wanted, mut fctl) = (Fctl(value), self.config.fctl);
        if self.parameters.choices.be_writable {
            fctl = fctl.with_be(wanted.be());
        }
        if self.config.caps.igs() == 2 {
            fctl = fctl.with_wsi(wanted.wsi());
        }
        if self.parameters.choices.gxl_writable {
            fctl = fctl.with_gxl(wanted.gxl());
        }
        self.config.fctl = fctl;
    }

    fn write_ddtp(&mut self, value: Ddtp) {
        // WARL: an encoding that is not defined leaves the mode as it is.
        let mode = match value.mode() {
            DdtMode::Reserved(_) => self.config.ddtp.mode(),
            mode => mode,
        };
        self.config.ddtp = Ddtp(0).with_ppn(value.ppn()).with_mode(mode);
    }

    fn write_cqcsr(&mut self, value: u32) {
        let (old, new) = (self.cqcsr, Cqcsr(value));
        let clear = value & 0xf00;
        let mut next = Cqcsr(old.0 & !clear).with_cqen(new.cqen()).with_cie(new.cie()).with_cqon(new.cqen());
        if new.cqen() && !old.cqen() {
            next.0 &= !0xf00;
            self.cqh = 0;
        }
        self.cqcsr = next;
    }

    fn write_fqcsr(&mut self, value: u32) {
        let (old, new) = (self.fqcsr, Fqcsr(value));
        let mut next = Fqcsr(old.0 & !(value & 0x300)).with_fqen(new.fqen()).with_fie(new.fie()).with_fqon(new.fqen());
        if new.fqen() && !old.fqen() {
            next.0 &= !0x300;
            self.fqt = 0;
        }
        self.fqcsr = next;
    }

    fn write_pqcsr(&mut self, value: u32) {
        let (old, new) = (self.pqcsr, Pqcsr(value));
        let mut next = Pqcsr(old.0 & !(value & 0x300)).with_pqen(new.pqen()).with_pie(new.pie()).with_pqon(new.pqen());
        if new.pqen() && !old.pqen() {
            next.0 &= !0x300;
            self.pqt = 0;
        }
        self.pqcsr = next;
    }

    fn write_qosid(&mut self, value: u32) {
        let field = |bits: u8| (1u32 << bits.min(12)) - 1;
        let choices = &self.parameters.choices;
        self.qosid = value & QOSID & (field(choices.rcid_bits) | field(choices.mcid_bits) << 16);
    }
}

const fn index(offset: u16, first: u16) -> usize {
    (offset as usize - first as usize) / 8
}

const fn index_mask(base: QueueBase) -> u32 {
    (base.entries() - 1) as u32
}
