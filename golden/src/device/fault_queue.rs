// SPDX-License-Identifier: Apache-2.0
//! The fault queue (section "Fault/Event-Queue").

use super::interrupts::Source;
use super::{Iommu, Platform};
use crate::FaultRecord;

impl Iommu {
    /// Reports a fault: puts its record into the queue, unless the queue is off or in error.
    pub(super) fn report<P: Platform>(&mut self, platform: &mut P, record: FaultRecord) {
        if !self.fqcsr.fqon() || self.fqcsr.fqof() || self.fqcsr.fqmf() {
            return;
        }
        let index_mask = (self.fqb.entries() - 1) as u32;
        let next = self.fqt.wrapping_add(1) & index_mask;
        if next == self.fqh {
            self.fqcsr = self.fqcsr.with_fqof(true);
            self.update_interrupts(platform);
            return;
        }
        let addr = self.fqb.base() + u64::from(self.fqt) * 32;
        for (word, at) in record.encode().into_iter().zip((addr..).step_by(8)) {
            if self.store(platform, at, 8, self.image8(word)).is_err() {
                self.fqcsr = self.fqcsr.with_fqmf(true);
                self.update_interrupts(platform);
                return;
            }
        }
        self.fqt = next;
        if self.fqcsr.fie() {
            self.raise(platform, Source::FaultQueue);
        }
    }
}
