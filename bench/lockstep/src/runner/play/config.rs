// SPDX-License-Identifier: Apache-2.0
//! A scenario's words as settings of bus, test bench and driver.

use bus::{BusConfig, FaultKind, FaultOn, FaultPort, FaultRange, PortTiming};
use driver::{FlushPolicy, Quirks, Resources};
use golden::{Capabilities, Spa, SpecVersion};
use oracle::{Bound, Settings};
use scenario::{Access, Answer, DriverFault, Flush, Policy, Port, Scenario, Timing};
use testbench::{Bounds, Config};

/// Memory of the driver: queues, directory, page tables.
pub(super) const POOL: std::ops::Range<u64> = 0x8000_0000..0x9000_0000;

/// First address of the pages that a scenario maps without saying where.
pub(super) const BACKING: u64 = 0x9000_0000;

/// What freed page tables are overwritten with: V is 0, and nothing looks like an address.
pub(super) const POISON: u64 = 0x5a5a_5a5a_5a5a_5a5a;

/// So much longer than the test bench does the driver wait: the test bench knows who is to blame.
const PATIENCE: u64 = 1000;

pub(super) fn testbench(scenario: &Scenario, choices: Bound) -> Config {
    let bounds = &scenario.iommu.bounds;
    let version = SpecVersion::default();
    Config {
        capabilities: scenario.capabilities(),
        bus: BusConfig {
            mem: timing(&scenario.memory.dma),
            ptw: timing(&scenario.memory.page_tables),
            faults: scenario.memory.faults.iter().map(fault_range).collect(),
            ..BusConfig::default()
        },
        bounds: Bounds {
            request: bounds.request.into(),
            command: bounds.command.into(),
            register: bounds.register.into(),
            ..Bounds::default()
        },
        oracle: Some(Settings { capabilities: Capabilities(scenario.capabilities()), version, choices }),
    }
}

fn timing(timing: &Timing) -> PortTiming {
    PortTiming {
        latency: timing.latency.min.max(1)..=timing.latency.max.max(1),
        reorder: timing.reorder,
        stall_percent: timing.stall.value,
        ..PortTiming::default()
    }
}

fn fault_range(range: &scenario::FaultRange) -> FaultRange {
    FaultRange {
        start: Spa(range.address.0),
        bytes: range.size.0,
        kind: match range.answer {
            Answer::Slverr => FaultKind::SlvErr,
            Answer::Decerr => FaultKind::DecErr,
            Answer::Poison => FaultKind::Poison,
        },
        on: match range.on {
            Access::Read => FaultOn::Read,
            Access::Write => FaultOn::Write,
            Access::Any => FaultOn::Both,
        },
        port: match range.port {
            Port::Mem => FaultPort::Mem,
            Port::Ptw => FaultPort::Ptw,
            Port::Any => FaultPort::Both,
        },
    }
}

pub(super) fn resources(scenario: &Scenario) -> Resources {
    Resources {
        directory_levels: scenario.iommu.directory.levels(),
        pscids: 1..=scenario.driver.pscids.as_ref().map_or(0xf_ffff, |count| count.value),
        gscids: 1..=scenario.driver.gscids.as_ref().map_or(0xffff, |count| count.value),
        ..Resources::with_pool(Spa(POOL.start)..Spa(POOL.end))
    }
}

pub(super) fn options(scenario: &Scenario) -> driver::Options {
    driver::Options {
        policy: match scenario.driver.policy.value {
            Policy::Sequenced => driver::Policy::Sequenced,
            Policy::Upstream => driver::Policy::Upstream,
            Policy::Rfc => driver::Policy::Rfc,
        },
        flush: match scenario.driver.flush.value {
            Flush::Spec => FlushPolicy::Spec,
            Flush::Tags => FlushPolicy::Tags,
        },
        bound: u64::from(scenario.iommu.bounds.command) + PATIENCE,
        handler_pause: scenario.driver.handler_pause.into(),
        poison: Some(POISON),
        quirks: quirks(scenario),
        ..driver::Options::default()
    }
}

fn quirks(scenario: &Scenario) -> Quirks {
    let mut quirks = Quirks::default();
    for fault in &scenario.driver.faults {
        *match fault.value {
            DriverFault::SkipAttachSync => &mut quirks.skip_attach_sync,
            DriverFault::SkipAttachFlush => &mut quirks.skip_attach_flush,
            DriverFault::SkipUnmapFlush => &mut quirks.skip_unmap_flush,
            DriverFault::SkipNestedUnmapFlush => &mut quirks.skip_nested_unmap_flush,
            DriverFault::SkipRootIodir => &mut quirks.skip_root_iodir,
            DriverFault::FlushWithoutGv => &mut quirks.flush_without_gv,
            DriverFault::SkipGvma => &mut quirks.skip_gvma,
            DriverFault::SkipReleaseFlush => &mut quirks.skip_release_flush,
            DriverFault::FreeBeforeFlush => &mut quirks.free_before_flush,
            DriverFault::IgnoreCommandErrors => &mut quirks.ignore_command_errors,
            DriverFault::UnorderedFence => &mut quirks.unordered_fence,
            DriverFault::ValidFirst => &mut quirks.valid_first,
            DriverFault::UnlinkFirst => &mut quirks.unlink_first,
            DriverFault::SnapshotSecondStage => &mut quirks.snapshot_second_stage,
            DriverFault::UncheckedContext => &mut quirks.unchecked_context,
            DriverFault::UncheckedInvalidations => &mut quirks.unchecked_invalidations,
            DriverFault::LeakPscid => &mut quirks.leak_pscid,
            DriverFault::KeepReference => &mut quirks.keep_reference,
            DriverFault::NestedAllocates => &mut quirks.nested_allocates,
            DriverFault::SecondFree => &mut quirks.second_free,
            DriverFault::MapOnNested => &mut quirks.map_on_nested,
            DriverFault::LateFlags => &mut quirks.late_flags,
            DriverFault::AcceptDirtyTracking => &mut quirks.accept_dirty_tracking,
            DriverFault::IgnoreNestParent => &mut quirks.ignore_nest_parent,
            DriverFault::ForeignCapabilities => &mut quirks.foreign_capabilities,
            DriverFault::UserSecondStage => &mut quirks.user_second_stage,
            DriverFault::RootTwice => &mut quirks.root_twice,
            DriverFault::UncheckedLength => &mut quirks.unchecked_length,
            DriverFault::EventPointer => &mut quirks.event_pointer,
            DriverFault::ContextPerParent => &mut quirks.context_per_parent,
            DriverFault::SkipProcessSync => &mut quirks.skip_process_sync,
            DriverFault::SkipMsiFlush => &mut quirks.skip_msi_flush,
        } = true;
    }
    quirks
}
