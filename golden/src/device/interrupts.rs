// SPDX-License-Identifier: Apache-2.0
//! Interrupts, by wire and by message (sections "Interrupt pending status register", "MSI configuration table").

use super::{Iommu, Platform};
use crate::{FaultHead, FaultRecord};

/// An entry of `msi_cfg_tbl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MsiEntry {
    pub addr: u64,
    pub data: u32,
    pub masked: bool,
    /// A message was due while masked
    pub pending: bool,
}

/// A source of interrupts: its number is its bit in `ipsr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    CommandQueue = 0,
    FaultQueue = 1,
    Hpm = 2,
    PageQueue = 3,
}

impl Source {
    const ALL: [Self; 4] = [Self::CommandQueue, Self::FaultQueue, Self::Hpm, Self::PageQueue];

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl Iommu {
    /// Wires that are driven: bit n is the wire of vector n.
    #[must_use]
    pub fn wires(&self) -> u16 {
        if !self.config.fctl.wsi() {
            return 0;
        }
        let pending = Source::ALL.into_iter().filter(|source| self.ipsr.0 & source.bit() != 0);
        pending.fold(0, |wires, source| wires | 1 << self.vector(source))
    }

    const fn vector(&self, source: Source) -> u8 {
        match source {
            Source::CommandQueue => self.icvec.civ(),
            Source::FaultQueue => self.icvec.fiv(),
            Source::Hpm => self.icvec.pmiv(),
            Source::PageQueue => self.icvec.piv(),
        }
    }

    /// Sets the pending bits whose conditions hold: conditions are levels, but for a new record and an overflow.
    pub(super) fn update_interrupts<P: Platform>(&mut self, platform: &mut P) {
        let cq = self.cqcsr;
        if cq.cie() && (cq.fence_w_ip() || cq.cmd_ill() || cq.cmd_to() || cq.cqmf()) {
            self.raise(platform, Source::CommandQueue);
        }
        if self.fqcsr.fie() && (self.fqcsr.fqof() || self.fqcsr.fqmf()) {
            self.raise(platform, Source::FaultQueue);
        }
        if self.pqcsr.pie() && (self.pqcsr.pqof() || self.pqcsr.pqmf()) {
            self.raise(platform, Source::PageQueue);
        }
    }

    /// Sets a pending bit; the transition from 0 to 1 sends a message where there are no wires.
    pub(super) fn raise<P: Platform>(&mut self, platform: &mut P, source: Source) {
        if self.ipsr.0 & source.bit() != 0 {
            return;
        }
        self.ipsr.0 |= source.bit();
        if !self.config.fctl.wsi() {
            self.send_msi(platform, self.vector(source));
        }
    }

    /// Sends the message of a vector, or keeps it pending while the vector is masked.
    fn send_msi<P: Platform>(&mut self, platform: &mut P, vector: u8) {
        let entry = &mut self.msi[usize::from(vector & 0xf)];
        if entry.masked {
            entry.pending = true;
            return;
        }
        entry.pending = false;
        let (addr, data) = (entry.addr, entry.data);
        if self.store(platform, addr, 4, self.image4(data)).is_err() {
            let head = FaultHead(0).with_cause(crate::Cause::MsiWriteAccessFault.code());
            self.report(platform, FaultRecord { head, iotval: addr, iotval2: 0 });
        }
    }

    /// Writes a vector control register; unmasking sends what is pending.
    pub(super) fn write_vector_control<P: Platform>(&mut self, platform: &mut P, vector: u8, value: u32) {
        let entry = &mut self.msi[usize::from(vector & 0xf)];
        entry.masked = value & 1 == 1;
        if !entry.masked && entry.pending {
            self.send_msi(platform, vector);
        }
    }
}
