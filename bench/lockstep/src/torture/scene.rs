// SPDX-License-Identifier: Apache-2.0
//! What a world is about: the features that its device offers beyond translation, and that its software uses.

use golden::Capabilities;
use model::Habit;

use super::{capabilities, map};

/// `capabilities.IGS`: interrupts as wires and as messages
const BOTH: u8 = 2;

/// A feature that worlds play with. Each has worlds of its own, so that what one is hunted by does not change with the
/// next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scene {
    /// Translation, invalidation, faults, interrupts by wire
    #[default]
    Plain,
    /// Hardware updates of A and D bits
    Updates,
    /// Interrupts as messages
    Messages,
    /// Memory-resident interrupt files
    Files,
    /// The same without atomics
    PlainFiles,
    /// Devices with address translation caches, and page requests
    Ats,
    /// The same, and the devices complete invalidations that nobody has asked them for
    Strays,
    /// The performance monitor
    Counters,
    /// Translation requests by software
    Debug,
    /// Many NAPOT entries, and traffic over more than one range of them
    Ranges,
    /// Status bits and wires: queues that stop and fill up, and vectors that are never read back
    Status,
    /// What the specification leaves to the implementation: addresses beyond the width of the machine, an MSI page table
    /// without a second stage
    Choices,
    /// Second stages that move the pages of the guest's roots, whose addresses a context may hold translated
    Pointers,
    /// Devices with optional ports: QoS IDs, and poison
    Ports,
    /// All of it at once, but for moving roots, which would leave little traffic for the rest, and for ports
    Everything,
}

impl Scene {
    /// Worlds play with this feature, be it among others.
    #[must_use]
    pub fn has(self, feature: Scene) -> bool {
        match self {
            Scene::Everything => !matches!(feature, Scene::Pointers | Scene::Strays | Scene::PlainFiles | Scene::Ports),
            Scene::PlainFiles => matches!(feature, Scene::PlainFiles | Scene::Files),
            Scene::Strays => matches!(feature, Scene::Strays | Scene::Ats),
            one => one == feature,
        }
    }

    /// What the device offers.
    #[must_use]
    pub fn capabilities(self) -> Capabilities {
        let plain = capabilities();
        plain
            .with_amo_hwad(self.has(Scene::Updates))
            .with_igs(if self.has(Scene::Messages) { BOTH } else { plain.igs() })
            .with_hpm(self.has(Scene::Counters))
            .with_msi_mrif(self.has(Scene::Files))
            .with_amo_mrif(self.has(Scene::Files) && !self.has(Scene::PlainFiles))
            .with_pas(if self.has(Scene::Choices) { map::NARROW } else { plain.pas() })
            .with_dbg(self.has(Scene::Debug))
            .with_ats(self.has(Scene::Ats))
            .with_t2gpa(self.has(Scene::Ats))
            .with_qosid(self.has(Scene::Ports))
    }

    /// Where a habit shows.
    #[must_use]
    pub const fn of(habit: Habit) -> Self {
        match habit {
            Habit::UpdateSkipped
            | Habit::UpdateOfTablesSkipped
            | Habit::UpdateNotAtomic
            | Habit::UpdateCompareIgnored
            | Habit::UpdateErrorIgnored
            | Habit::UpdateNotAwaited
            | Habit::UpdateDirtyOnRead
            | Habit::UpdateWrongBit
            | Habit::UpdateClearsSoftwareBits
            | Habit::UpdateBeforeChecks
            | Habit::UpdateUnasked
            | Habit::UpdateRefused => Scene::Updates,
            Habit::MessageLost
            | Habit::MessageTwice
            | Habit::MessageWrongData
            | Habit::MessageWrongVector
            | Habit::MessageIgnoresMask
            | Habit::MessagePendingLost
            | Habit::MessageWide
            | Habit::MessageFaultLost
            | Habit::MessageDespiteWires
            | Habit::WiresDespiteMessages => Scene::Messages,
            Habit::MrifBitWrong
            | Habit::MrifEnableSet
            | Habit::MrifOthersCleared
            | Habit::MrifNotAtomic
            | Habit::MrifUpdateLost
            | Habit::MrifNoticeLost
            | Habit::MrifNoticeTwice
            | Habit::MrifNoticeWrongData
            | Habit::MrifNoticeEarly
            | Habit::MrifZeroDropped
            | Habit::MrifPassedByFence
            | Habit::MrifPostedFaultLost
            | Habit::MrifBigEndianIgnored
            | Habit::MrifOffsetIgnored
            | Habit::MrifFaultLost
            | Habit::MrifPassed => Scene::Files,
            Habit::HpmRunsInhibited
            | Habit::HpmCyclesLost
            | Habit::HpmCountsTwice
            | Habit::HpmRequestsLost
            | Habit::HpmFilterIgnored
            | Habit::HpmMaskIgnored
            | Habit::HpmSelectorClears
            | Habit::HpmOverflowHidden
            | Habit::HpmInterruptLost => Scene::Counters,
            Habit::DebugKeepsLast
            | Habit::DebugSizeTooLarge
            | Habit::DebugWrongAddress
            | Habit::DebugMemoryTypeDropped
            | Habit::DebugFaultUnrecorded
            | Habit::DebugFaultHidden
            | Habit::DebugPrivilegeDropped
            | Habit::DebugProcessDropped
            | Habit::DebugWriteNotAsked
            | Habit::DebugNeverEnds
            | Habit::DebugControlLost => Scene::Debug,
            Habit::QosIdsDropped
            | Habit::QosIdsOfRegister
            | Habit::QosIdsOfTablesLost
            | Habit::QosIdsOfDirectoryLost
            | Habit::QosIdsOfQueuesLost
            | Habit::PoisonUsed
            | Habit::PoisonAsAccessFault
            | Habit::ErrorAsCorruption
            | Habit::PoisonHidden => Scene::Ports,
            Habit::NapotTooWide => Scene::Ranges,
            Habit::DdtSparesPointers => Scene::Pointers,
            Habit::CommandIllegalHidden
            | Habit::CommandFaultHidden
            | Habit::AbortsFenced
            | Habit::FaultMemoryHidden
            | Habit::FenceForgetsTranslated
            | Habit::RecordsDespiteOverflow
            | Habit::RecordsDespiteMemoryFault
            | Habit::WiresDead
            | Habit::WiresSwapped
            | Habit::WireOfLastSource => Scene::Status,
            Habit::AtsUpdateSkipped | Habit::AtsDirtyDespiteNoWrite | Habit::DebugMrifPassed => Scene::Everything,
            Habit::AtsDoneByAnyone => Scene::Strays,
            habit if habit.needs_ats() => Scene::Ats,
            _ => Scene::Plain,
        }
    }
}
