// SPDX-License-Identifier: Apache-2.0
//! The register file (chapter "Memory-mapped register interface").

use golden::{Capabilities, Choices, Config, Cqcsr, DdtMode, Ddtp, Fctl, Icvec, Ipsr, QueueBase, SpecVersion, offset};

use super::config::ModelConfig;
use super::debug::Debug;
use super::dice::Dice;
use super::faults::FaultQueue;
use super::habit::{Habit, Nature};
use super::hpm::Hpm;
use super::messages::Messages;
use super::ptw::Ptw;
use super::qos::{Qos, REGISTER};
use super::record_queue::{RecordQueue, wrap};

/// What the model has of `capabilities`, where the strap offers it. Interrupts are wires unless the strap offers both
/// ways, and there are QoS IDs only where there are ports for them.
pub const CAPABILITIES: u64 = u64::MAX;

/// `capabilities.IGS`: by message and by wire
const BOTH: u8 = 2;
/// `cqmf`, `fqmf`, `pqmf`
const MEMORY_FAULT: u32 = 1 << 8;
/// `cmd_ill`
const ILLEGAL: u32 = 1 << 10;
/// Behind the registers
const END: u16 = 1024;
/// Bits 53:10: where a PPN sits.
const PPN: u64 = 0x003f_ffff_ffff_fc00;

/// The registers, and what follows from a write at once. Queues and directory take notice in their own time.
#[derive(Clone, Debug)]
pub(super) struct Registers {
    pub caps: Capabilities,
    pub fctl: Fctl,
    /// In force
    pub ddtp: Ddtp,
    /// Written, and not in force yet
    pub ddtp_next: Option<Ddtp>,
    pub cqb: QueueBase,
    pub cqh: u32,
    pub cqt: u32,
    pub cqcsr: Cqcsr,
    pub fq: RecordQueue,
    pub pq: RecordQueue,
    ipsr: Ipsr,
    icvec: Icvec,
    version: SpecVersion,
    choices: Choices,
    nature: Nature,
    /// Wires that were high in the last cycle
    high: u16,
    pub messages: Messages,
    pub hpm: Hpm,
    pub debug: Debug,
    pub qos: Qos,
}

impl Registers {
    /// After reset.
    pub(super) fn new(strap: Capabilities, config: &ModelConfig) -> Self {
        let &ModelConfig { seed, version, choices, habit, .. } = config;
        let nature = Nature(habit);
        // AXI carries 56 address bits.
        let igs = if strap.igs() == BOTH { BOTH } else { 1 };
        let caps = Capabilities(strap.0 & CAPABILITIES).with_amo_mrif(strap.msi_mrif() && strap.amo_mrif());
        let caps = caps.with_igs(igs).with_pas(strap.pas().min(56));
        let caps = caps.with_qosid(caps.qosid() && config.groups.qos_ids);
        Self {
            caps,
            fctl: Fctl(0).with_wsi(true),
            ddtp: Ddtp(0).with_mode(DdtMode::Off),
            ddtp_next: None,
            cqb: QueueBase(0),
            cqh: 0,
            cqt: 0,
            cqcsr: Cqcsr(0),
            fq: RecordQueue::new(),
            pq: RecordQueue::new(),
            ipsr: Ipsr(0),
            icvec: Icvec(0),
            version,
            choices,
            nature,
            high: 0,
            messages: Messages::new(nature),
            hpm: Hpm::new(nature),
            debug: Debug::new(nature, Dice::new(seed, 6)),
            qos: Qos::new(nature, caps.qosid()),
        }
    }

    /// What a walk that begins now depends on.
    pub(super) fn config(&self) -> Config {
        Config { caps: self.caps, fctl: self.fctl, ddtp: self.ddtp, version: self.version, choices: self.choices }
    }

    /// The aligned doubleword at `at`. What does not exist reads 0.
    pub(super) fn read(&self, at: u16) -> u64 {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        match at {
            offset::CAPABILITIES => self.caps.0,
            offset::FCTL => u64::from(self.fctl.0),
            offset::DDTP => match self.ddtp_next {
                Some(next) => next.with_busy(true).0,
                None => self.ddtp.0,
            },
            offset::CQB => self.cqb.0,
            offset::CQH => pair(self.cqh, self.cqt),
            offset::FQB => self.fq.base.0,
            offset::FQH => pair(self.fq.head, self.fq.tail),
            offset::CQCSR => {
                let hidden = self.hides(MEMORY_FAULT, Habit::CommandFaultHidden)
                    | self.hides(ILLEGAL, Habit::CommandIllegalHidden);
                let faults = self.fq.csr.0 & !self.hides(MEMORY_FAULT, Habit::FaultMemoryHidden);
                pair(self.cqcsr.0 & !hidden, faults)
            }
            offset::PQB => self.pq.base.0,
            offset::PQH => pair(self.pq.head, self.pq.tail),
            offset::PQCSR => pair(self.pq.csr.0 & !self.hides(MEMORY_FAULT, Habit::PqFaultHidden), self.ipsr.0),
            offset::ICVEC => self.icvec.0,
            offset::IOCOUNTOVF..offset::TR_REQ_IOVA if self.caps.hpm() => self.hpm.read(at),
            offset::TR_REQ_IOVA | offset::TR_REQ_CTL | offset::TR_RESPONSE if self.caps.dbg() => self.debug.read(at),
            offset::IOMMU_QOSID => u64::from(self.qos.register),
            offset::MSI_CFG_TBL..END if self.caps.igs() == BOTH => self.messages.read(at - offset::MSI_CFG_TBL),
            _ => 0,
        }
    }

    /// The bit of a status register, if a habit hides it.
    fn hides(&self, bit: u32, habit: Habit) -> u32 {
        if self.nature.has(habit) { bit } else { 0 }
    }

    /// Writes the lanes that `strobes` select of the aligned doubleword at `at`.
    pub(super) fn write(&mut self, at: u16, data: u64, strobes: u8) {
        let mask = (0..8).filter(|lane| strobes >> lane & 1 == 1).fold(0, |mask, lane| mask | 0xff_u64 << (8 * lane));
        let merge = |old: u64| old & !mask | data & mask;
        let (low, high) = (mask & 0xffff_ffff != 0, mask >> 32 != 0);
        match at {
            offset::FCTL if low => self.write_fctl(Fctl(merge(u64::from(self.fctl.0)) as u32)),
            offset::DDTP => self.write_ddtp(Ddtp(merge(self.ddtp.0) & (PPN | 0xf))),
            offset::CQB => {
                self.cqb = QueueBase(merge(self.cqb.0) & (PPN | 0x1f));
                self.cqt = wrap(self.cqb, self.cqt);
                self.cqh = wrap(self.cqb, self.cqh);
            }
            offset::CQH if high => self.cqt = wrap(self.cqb, (data >> 32) as u32),
            offset::FQB => self.fq.write_base(merge(self.fq.base.0) & (PPN | 0x1f)),
            offset::FQH if low => self.fq.write_head(data as u32),
            offset::CQCSR => {
                if low {
                    self.write_cqcsr(Cqcsr((data & mask) as u32));
                }
                if high {
                    self.fq.write_csr(((data & mask) >> 32) as u32);
                }
            }
            offset::PQB if self.caps.ats() => self.pq.write_base(merge(self.pq.base.0) & (PPN | 0x1f)),
            offset::PQH if low && self.caps.ats() => self.pq.write_head(data as u32),
            offset::PQCSR => {
                if low && self.caps.ats() {
                    self.pq.write_csr((data & mask) as u32);
                }
                if high && !self.nature.has(Habit::InterruptNotCleared) {
                    self.ipsr.0 &= !(((data & mask) >> 32) as u32);
                    self.messages.cleared(((data & mask) >> 32) as u32);
                }
            }
            offset::ICVEC => self.icvec = Icvec(merge(self.icvec.0) & 0xffff),
            offset::IOCOUNTOVF..offset::TR_REQ_IOVA if self.caps.hpm() => self.hpm.write(at, data, mask),
            offset::TR_REQ_IOVA | offset::TR_REQ_CTL if self.caps.dbg() => self.debug.write(at, data, mask),
            offset::IOMMU_QOSID if low && self.caps.qosid() => {
                self.qos.register = merge(self.qos.register.into()) as u32 & REGISTER;
            }
            offset::MSI_CFG_TBL..END if self.caps.igs() == BOTH => {
                self.messages.write(at - offset::MSI_CFG_TBL, data, mask);
            }
            _ => {}
        }
    }

    fn write_fctl(&mut self, new: Fctl) {
        let be = self.caps.end() && self.choices.be_writable && new.be();
        let gxl = self.caps.sv32x4() && self.choices.gxl_writable && new.gxl();
        let wsi = self.caps.igs() != BOTH || new.wsi();
        self.fctl = self.fctl.with_be(be).with_gxl(gxl).with_wsi(wsi);
    }

    fn write_ddtp(&mut self, new: Ddtp) {
        // A second write while busy is ignored; a mode that does not exist leaves the register as it is.
        if self.ddtp_next.is_none() && !matches!(new.mode(), DdtMode::Reserved(_)) {
            self.ddtp_next = Some(new);
        }
    }

    fn write_cqcsr(&mut self, new: Cqcsr) {
        let was = self.cqcsr;
        let mut csr = was
            .with_cqen(new.cqen())
            .with_cie(new.cie())
            .with_cqmf(was.cqmf() && !new.cqmf())
            .with_cmd_to(was.cmd_to() && !new.cmd_to())
            .with_cmd_ill(was.cmd_ill() && !new.cmd_ill())
            .with_fence_w_ip(was.fence_w_ip() && (!new.fence_w_ip() || self.nature.has(Habit::StatusNotCleared)));
        if new.cqen() && !was.cqen() {
            self.cqh = 0;
            csr = csr.with_cqmf(false).with_cmd_to(false).with_cmd_ill(false).with_fence_w_ip(false);
        }
        self.cqcsr = csr.with_busy(csr.cqen() != csr.cqon());
    }

    /// Sets the pending bits whose condition holds. A bit that software clears is set again while it does.
    pub(super) fn update_pending(&mut self, new_fault_record: bool, new_page_request: bool) {
        let cq = self.cqcsr;
        if cq.cie() && (cq.cqmf() || cq.cmd_to() || cq.cmd_ill() || cq.fence_w_ip()) {
            self.ipsr = self.ipsr.with_cip(!self.nature.has(Habit::CommandInterruptLost));
        } else if self.nature.has(Habit::InterruptForgotten) {
            self.ipsr = self.ipsr.with_cip(false);
        }
        if self.hpm.take_overflow() && self.caps.hpm() {
            self.ipsr = self.ipsr.with_pmip(true);
        }
        if self.fq.interrupts(new_fault_record && !self.nature.has(Habit::FaultInterruptLost)) {
            self.ipsr = self.ipsr.with_fip(true);
        }
        if self.pq.interrupts(new_page_request) && !self.nature.has(Habit::PageInterruptLost) {
            self.ipsr = self.ipsr.with_pip(true);
        }
    }

    /// A fence is complete.
    pub(super) fn fence_done(&mut self, wsi: bool) {
        // "This bit is reserved if … wire-signaled-interrupts are not enabled."
        if wsi && self.fctl.wsi() && !self.nature.has(Habit::FenceInterruptLost) {
            self.cqcsr = self.cqcsr.with_fence_w_ip(true);
        }
        if self.nature.has(Habit::FaultInterruptInvented) {
            self.ipsr = self.ipsr.with_fip(true);
        }
    }

    /// Sends what interrupts there are as messages.
    pub(super) fn announce(&mut self, ptw: &mut Ptw, faults: &mut FaultQueue) {
        let (wires, highest) = (self.fctl.wsi(), self.caps.spa_max());
        self.messages.step(self.ipsr, self.icvec, wires, highest, ptw, faults);
    }

    /// The interrupt wires.
    pub(super) fn wires(&mut self) -> u16 {
        if !self.fctl.wsi() && !self.nature.has(Habit::WiresDespiteMessages) || self.nature.has(Habit::WiresDead) {
            return 0;
        }
        let (pending, mut vector) = (self.ipsr, self.icvec);
        if self.nature.has(Habit::WiresSwapped) {
            vector = vector.with_civ(vector.fiv()).with_fiv(vector.civ());
        }
        let civ = if self.nature.has(Habit::WireWrongVector) { vector.fiv() } else { vector.civ() };
        let piv = if self.nature.has(Habit::PageWireWrongVector) { vector.fiv() } else { vector.piv() };
        let wires = u16::from(pending.cip()) << civ
            | u16::from(pending.fip()) << vector.fiv()
            | u16::from(pending.pmip()) << vector.pmiv()
            | u16::from(pending.pip()) << piv;
        let wires = match self.nature.has(Habit::WireOfLastSource) {
            true => self.of_last_sources(),
            false => wires,
        };
        self.high = if self.nature.has(Habit::WireStuck) { wires | self.high } else { wires };
        self.high
    }

    /// The wires as [`Habit::WireOfLastSource`] drives them.
    fn of_last_sources(&self) -> u16 {
        let (pending, vector) = (self.ipsr, self.icvec);
        let sources = [
            (pending.cip(), vector.civ()),
            (pending.fip(), vector.fiv()),
            (pending.pmip(), vector.pmiv()),
            (pending.pip(), vector.piv()),
        ];
        sources.into_iter().fold(0, |wires, (high, vector)| wires & !(1 << vector) | u16::from(high) << vector)
    }

    /// A command error has stopped the queue.
    pub(super) fn commands_stalled(&self) -> bool {
        self.cqcsr.cqmf() || self.cqcsr.cmd_ill() || self.cqcsr.cmd_to()
    }
}
