// SPDX-License-Identifier: Apache-2.0
//! The scenarios of ATS find what a device may do wrong in it: each habit of the model that needs ATS is caught by one.

use std::path::Path;

use lockstep::runner::{Loaded, RunOptions, load, play};
use model::{CacheConfig, Habit, Model, ModelConfig};
use testbench::End;

/// Seeds within which a habit must show.
const SEEDS: u32 = 6;

/// A supervisor needs `ta.ENS`, which no process of the driver has. The torture worlds show it.
const SHOWN_ELSEWHERE: [Habit; 1] = [Habit::AtsPrivilegeDropped];

/// Which scenario is there for what.
const FINDS: [(&str, &[Habit]); 11] = [
    (
        "translate-and-use",
        &[
            Habit::AtsGrantsWrite,
            Habit::AtsGrantsExecute,
            Habit::AtsDeniedGranted,
            Habit::AtsDeniedAsUnsupported,
            Habit::AtsDeniedRecorded,
            Habit::AtsSizeTooLarge,
            Habit::AtsWrongAddress,
            Habit::AtsUntranslatedOnly,
            Habit::AtsAnswerLost,
            Habit::AtsAnswersTwice,
        ],
    ),
    ("pasid", &[Habit::AtsGlobalInvented, Habit::AtsInvalNoProcess, Habit::AtsItagReused]),
    ("nested", &[Habit::AtsGivesSpa, Habit::TranslatedUnchecked]),
    (
        "refusals",
        &[
            Habit::AtsFaultUnrecorded,
            Habit::AtsUnsupportedAsAbort,
            Habit::AtsAbortAsUnsupported,
            Habit::AtsRefusalAsDenied,
        ],
    ),
    ("updates", &[Habit::AtsUpdateSkipped, Habit::AtsDirtyDespiteNoWrite]),
    (
        "off",
        &[
            Habit::AtsIgnoresEnable,
            Habit::TranslatedIgnoresEnable,
            Habit::PageRequestIgnoresEnable,
            Habit::ResponseInvalidAsFailure,
            Habit::PageFaultUnrecorded,
        ],
    ),
    (
        "invalidations",
        &[
            Habit::AtsInvalLost,
            Habit::AtsInvalTwice,
            Habit::AtsInvalWrongDevice,
            Habit::AtsInvalWrongAddress,
            Habit::AtsInvalRangeAsPage,
            Habit::AtsInvalGlobalDropped,
            Habit::AtsCountIgnored,
            Habit::AtsDoneByAnyone,
            Habit::AtsFenceEarly,
            Habit::AtsTimeoutInvented,
        ],
    ),
    ("silent", &[Habit::AtsTimeoutUnreported]),
    (
        "page-requests",
        &[
            Habit::PrgrLost,
            Habit::PrgrWrongDevice,
            Habit::PrgrWrongGroup,
            Habit::PrgrWrongStatus,
            Habit::PrgrNoProcess,
            Habit::PrgrUnowed,
            Habit::PageRequestLost,
            Habit::PageRequestWrongDevice,
            Habit::PageRequestWrongAddress,
            Habit::PageRequestNoProcess,
            Habit::PageRequestNoPrivilege,
            Habit::PageRequestExecuteAlways,
            Habit::PageRequestNotLast,
            Habit::PqTailEarly,
            Habit::PageInterruptLost,
            Habit::PageWireWrongVector,
        ],
    ),
    (
        "page-queue-full",
        &[
            Habit::ResponseUnwanted,
            Habit::ResponseFullAsFailure,
            Habit::ResponsePrprInverted,
            Habit::PqOverflowIgnored,
            Habit::PqOverflowHidden,
            Habit::PqRecordsDespiteOverflow,
        ],
    ),
    (
        "page-queue-off",
        &[
            Habit::ResponseFailureAsSuccess,
            Habit::PqFaultHidden,
            Habit::PqWriteErrorHidden,
            Habit::PqRecordsDespiteMemoryFault,
        ],
    ),
];

fn scenario(name: &str) -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/ats");
    load(&folder.join(name).with_extension("yaml")).expect("a good scenario")
}

/// The first variant of a scenario, on a model with this habit: it is blamed, or it hangs.
fn is_caught(loaded: &Loaded, habit: Habit) -> bool {
    let first = loaded.scenario.variants().swap_remove(0);
    let scenario = loaded.scenario.with(&first).expect("a good variant");
    let caches = CacheConfig { tagged: true, ..CacheConfig::large() };
    (1..=SEEDS).any(|seed| {
        let model = ModelConfig { habit: Some(habit), caches, ..ModelConfig::plain(u64::from(seed)) };
        let options = RunOptions { seed, ..RunOptions::default() };
        let outcome = play(&scenario, &loaded.text, Box::new(Model::new(model)), options).expect("it runs");
        outcome.violation.is_some() || matches!(outcome.end, End::Hung { .. })
    })
}

#[test]
fn each_scenario_finds_the_wrong_devices_that_it_is_for() {
    for (name, habits) in &FINDS {
        let loaded = scenario(name);
        let missed: Vec<_> = habits.iter().filter(|habit| !is_caught(&loaded, **habit)).collect();
        assert!(missed.is_empty(), "{name} does not find {missed:?}");
    }
}

#[test]
fn each_wrong_device_of_ats_is_found_by_a_scenario() {
    let found: Vec<Habit> = FINDS.iter().flat_map(|(_, habits)| habits.iter().copied()).collect();
    let all = Habit::ALL.iter().filter(|habit| habit.needs_ats());
    let left: Vec<_> = all.filter(|habit| !found.contains(habit) && !SHOWN_ELSEWHERE.contains(habit)).collect();
    assert!(left.is_empty(), "no scenario is there for {left:?}");
}
