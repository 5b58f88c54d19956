// SPDX-License-Identifier: Apache-2.0
//! QoS IDs of accesses to memory (section "Quality-of-Service (QoS) Identifiers Extension").

use events::QosIds;
use golden::{Role, Ta, WordRef};

use super::habit::{Habit, Nature};
use super::path::PathWord;

/// Bits of `iommu_qosid` that are there.
pub(super) const REGISTER: u32 = 0x0fff_0fff;

/// `iommu_qosid`, and what the model makes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Qos {
    nature: Nature,
    /// Its accesses carry IDs
    is_there: bool,
    /// `iommu_qosid`
    pub register: u32,
}

impl Qos {
    pub(super) const fn new(nature: Nature, is_there: bool) -> Self {
        Self { nature, is_there, register: 0 }
    }

    fn of_register(self) -> QosIds {
        QosIds { rcid: (self.register & 0xfff) as u16, mcid: (self.register >> 16 & 0xfff) as u16 }
    }

    /// Those of an access for a queue, for the device directory, or of an interrupt message.
    pub(super) fn own(self) -> QosIds {
        match self.nature.has(Habit::QosIdsOfQueuesLost) || !self.is_there {
            true => QosIds::default(),
            false => self.of_register(),
        }
    }

    /// Those of a walk that has come this far, for a read of this word.
    pub(super) fn of_read(self, word: &WordRef, path: &[PathWord]) -> QosIds {
        let is_directory = matches!(word.role, Role::DdtEntry { .. } | Role::DeviceContext { .. });
        match is_directory && !self.nature.has(Habit::QosIdsOfDirectoryLost) {
            true if self.is_there => self.of_register(),
            _ => self.of_walk(path),
        }
    }

    /// Those of a walk that has read this much, but for its reads of the device directory.
    pub(super) fn of_walk(self, path: &[PathWord]) -> QosIds {
        match self.nature.has(Habit::QosIdsOfTablesLost) {
            true => QosIds::default(),
            false => self.of_context(path),
        }
    }

    /// Those of what a whole walk leads to. In Bare mode "all device-originated requests are associated with the QoS IDs
    /// configured in the `iommu_qosid` register".
    pub(super) fn of_result(self, path: &[PathWord]) -> QosIds {
        match self.nature.0 {
            Some(Habit::QosIdsDropped) => QosIds::default(),
            Some(Habit::QosIdsOfRegister) if self.is_there => self.of_register(),
            _ if path.is_empty() && self.is_there => self.of_register(),
            _ => self.of_context(path),
        }
    }

    /// Those of the device context.
    fn of_context(self, path: &[PathWord]) -> QosIds {
        let ta = path.iter().rev().find(|step| step.word.role == Role::DeviceContext { index: 2 });
        match ta {
            Some(step) if self.is_there => QosIds { rcid: Ta(step.value).rcid(), mcid: Ta(step.value).mcid() },
            _ => QosIds::default(),
        }
    }
}
