// SPDX-License-Identifier: Apache-2.0
//! A scenario's words as settings of bus, test bench and driver.

use bus::{Answering, AtsTiming, BusConfig, FaultKind, FaultOn, FaultPort, FaultRange, PortTiming};
use driver::{FlushPolicy, Quirk, Resources};
use golden::{Capabilities, DeviceId, Spa, SpecVersion};
use oracle::{Bound, Settings};
use scenario::{Access, Answer, At, DRIVER_MEMORY, DriverFault, Flush, Offer, Policy, Port, Scenario, Timing};
use testbench::{Bounds, Config};

/// Where the memory of the driver is, if the scenario does not say: queues, directory, page tables.
const POOL: u64 = 0x8000_0000;

/// First address of the pages that a scenario maps without saying where.
pub(super) const BACKING: u64 = 0x9000_0000;

/// What freed page tables are overwritten with: V is 0, and nothing looks like an address.
pub(super) const POISON: u64 = 0x5a5a_5a5a_5a5a_5a5a;

/// So much longer than the test bench does the driver wait: the test bench knows who is to blame.
const PATIENCE: u64 = 1000;

/// For a device that offers this, and of which these choices are known.
pub(super) fn testbench(scenario: &Scenario, offer: &Offer, choices: Bound) -> Config {
    let strap = scenario.strap_for(offer);
    let bounds = &scenario.iommu.bounds;
    let version = SpecVersion::default();
    Config {
        capabilities: strap,
        bus: BusConfig {
            mem: timing(&scenario.memory.dma),
            ptw: timing(&scenario.memory.page_tables),
            ats: AtsTiming { own: answering(scenario), ..AtsTiming::default() },
            faults: scenario.memory.faults.iter().map(fault_range).collect(),
            ..BusConfig::default()
        },
        bounds: Bounds {
            request: bounds.request.into(),
            command: bounds.command.into(),
            register: bounds.register.into(),
            ..Bounds::default()
        },
        oracle: Some(Settings::new(Capabilities(strap), version, choices)),
    }
}

/// How devices with ATS answer invalidation requests.
fn answering(scenario: &Scenario) -> Vec<(DeviceId, Answering)> {
    let own = |ats: &scenario::Ats| {
        let scenario::Answers { after, splits, silent, strays } = ats.invalidations;
        Answering { after: after.min..=after.max, splits, silent, strays }
    };
    let devices = scenario.devices.iter();
    devices.filter_map(|(_, device)| Some((DeviceId(device.id.0 as u32), own(&device.ats.as_ref()?.0)))).collect()
}

fn timing(timing: &Timing) -> PortTiming {
    PortTiming {
        latency: timing.latency.min.max(1)..=timing.latency.max.max(1),
        reorder: timing.reorder,
        stall_percent: timing.stall.value,
        ready_after_valid: timing.ready_after_valid,
        ..PortTiming::default()
    }
}

fn fault_range(range: &scenario::FaultRange) -> FaultRange {
    faults(Spa(range.address.0), range.size.0, range.answer, range.on, range.port)
}

/// Memory that answers with an error.
pub(super) fn faults(start: Spa, bytes: u64, answer: Answer, on: Access, port: Port) -> FaultRange {
    FaultRange {
        start,
        bytes,
        kind: match answer {
            Answer::Slverr => FaultKind::SlvErr,
            Answer::Decerr => FaultKind::DecErr,
            Answer::Poison => FaultKind::Poison,
        },
        on: match on {
            Access::Read => FaultOn::Read,
            Access::Write => FaultOn::Write,
            Access::Any => FaultOn::Both,
        },
        port: match port {
            Port::Mem => FaultPort::Mem,
            Port::Ptw => FaultPort::Ptw,
            Port::Any => FaultPort::Both,
        },
    }
}

pub(super) fn resources(scenario: &Scenario) -> Resources {
    let driver = &scenario.driver;
    let pool = driver.memory.as_ref().map_or(POOL, |memory| memory.0);
    let usual = Resources::with_pool(Spa(pool)..Spa(pool + DRIVER_MEMORY));
    let log2 =
        |entries: &Option<At<u32>>, usual: u8| entries.as_ref().map_or(usual, |n| n.value.trailing_zeros() as u8);
    Resources {
        command_queue_log2: log2(&driver.command_queue, usual.command_queue_log2),
        fault_queue_log2: log2(&driver.fault_queue, usual.fault_queue_log2),
        directory_levels: scenario.iommu.directory.levels(),
        pscids: 1..=driver.pscids.as_ref().map_or(0xf_ffff, |count| count.value),
        page_queue_log2: driver.page_queue.as_ref().map_or(6, |entries| entries.value.ilog2() as u8),
        gscids: 1..=driver.gscids.as_ref().map_or(0xffff, |count| count.value),
        ..usual
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
        quirks: scenario.driver.faults.iter().map(|fault| quirk(fault.value)).collect(),
        ..driver::Options::default()
    }
}

/// The bug of the driver that a scenario asks for.
fn quirk(fault: DriverFault) -> Quirk {
    match fault {
        DriverFault::SkipAttachSync => Quirk::SkipAttachSync,
        DriverFault::SkipAttachFlush => Quirk::SkipAttachFlush,
        DriverFault::SkipUnmapFlush => Quirk::SkipUnmapFlush,
        DriverFault::SkipNestedUnmapFlush => Quirk::SkipNestedUnmapFlush,
        DriverFault::SkipRootIodir => Quirk::SkipRootIodir,
        DriverFault::FlushWithoutGv => Quirk::FlushWithoutGv,
        DriverFault::SkipGvma => Quirk::SkipGvma,
        DriverFault::SkipAtsInvalidation => Quirk::SkipAtsInvalidation,
        DriverFault::SkipReleaseFlush => Quirk::SkipReleaseFlush,
        DriverFault::FreeBeforeFlush => Quirk::FreeBeforeFlush,
        DriverFault::IgnoreCommandErrors => Quirk::IgnoreCommandErrors,
        DriverFault::UnorderedFence => Quirk::UnorderedFence,
        DriverFault::ValidFirst => Quirk::ValidFirst,
        DriverFault::UnlinkFirst => Quirk::UnlinkFirst,
        DriverFault::SnapshotSecondStage => Quirk::SnapshotSecondStage,
        DriverFault::UncheckedContext => Quirk::UncheckedContext,
        DriverFault::UncheckedInvalidations => Quirk::UncheckedInvalidations,
        DriverFault::LeakPscid => Quirk::LeakPscid,
        DriverFault::KeepReference => Quirk::KeepReference,
        DriverFault::NestedAllocates => Quirk::NestedAllocates,
        DriverFault::SecondFree => Quirk::SecondFree,
        DriverFault::MapOnNested => Quirk::MapOnNested,
        DriverFault::LateFlags => Quirk::LateFlags,
        DriverFault::AcceptDirtyTracking => Quirk::AcceptDirtyTracking,
        DriverFault::IgnoreNestParent => Quirk::IgnoreNestParent,
        DriverFault::ForeignCapabilities => Quirk::ForeignCapabilities,
        DriverFault::UserSecondStage => Quirk::UserSecondStage,
        DriverFault::RootTwice => Quirk::RootTwice,
        DriverFault::UncheckedLength => Quirk::UncheckedLength,
        DriverFault::EventPointer => Quirk::EventPointer,
        DriverFault::ContextPerParent => Quirk::ContextPerParent,
        DriverFault::SkipProcessSync => Quirk::SkipProcessSync,
        DriverFault::SkipMsiFlush => Quirk::SkipMsiFlush,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    /// The bugs that scenarios can ask for, by the schema: the name of each, and its sentence.
    fn in_the_schema() -> Vec<(String, String)> {
        let schema: Value = serde_json::from_str(&scenario::schema()).unwrap();
        let all = schema["$defs"]["DriverFault"]["oneOf"].as_array().unwrap();
        let text = |of: &Value| of.as_str().unwrap().to_owned();
        all.iter().map(|one| (text(&one["const"]), text(&one["description"]))).collect()
    }

    #[test]
    fn each_bug_of_the_driver_is_one_that_scenarios_can_ask_for_and_the_other_way_round() {
        let mut left: Vec<Quirk> = Quirk::ALL.to_vec();
        for (name, sentence) in in_the_schema() {
            let own = quirk(DriverFault::deserialize(Value::from(name.as_str())).unwrap());
            assert_eq!(own.name().to_lowercase(), name.replace('-', ""));
            assert_eq!(own.sentence(), sentence, "{name}");
            left.retain(|&other| other != own);
        }
        assert!(left.is_empty(), "no scenario can ask for {left:?}");
    }
}
