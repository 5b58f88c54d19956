// SPDX-License-Identifier: Apache-2.0
//! Scenarios about a feature fail on a device that gets it wrong: which illegal habits each of them finds.

use std::path::Path;

use lockstep::runner::{Loaded, RunOptions, load, play};
use model::{CacheConfig, Habit, Model, ModelConfig};
use scenario::Variant;
use testbench::{End, RunOutcome};

/// Seeds within which a habit must show.
const SEEDS: u32 = 6;

/// A scenario, and the habits that it finds.
const FINDS: &[(&str, &[Habit])] = &[
    (
        "ats/translate-and-use",
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
    ("ats/pasid", &[Habit::AtsGlobalInvented, Habit::AtsInvalNoProcess, Habit::AtsItagReused]),
    ("ats/nested", &[Habit::AtsGivesSpa, Habit::TranslatedUnchecked]),
    (
        "ats/refusals",
        &[
            Habit::AtsFaultUnrecorded,
            Habit::AtsUnsupportedAsAbort,
            Habit::AtsAbortAsUnsupported,
            Habit::AtsRefusalAsDenied,
        ],
    ),
    ("ats/updates", &[Habit::AtsUpdateSkipped, Habit::AtsDirtyDespiteNoWrite]),
    (
        "ats/off",
        &[
            Habit::AtsIgnoresEnable,
            Habit::TranslatedIgnoresEnable,
            Habit::PageRequestIgnoresEnable,
            Habit::ResponseInvalidAsFailure,
            Habit::PageFaultUnrecorded,
        ],
    ),
    (
        "ats/invalidations",
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
    ("ats/silent", &[Habit::AtsTimeoutUnreported]),
    (
        "ats/page-requests",
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
        "ats/page-queue-full",
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
        "ats/page-queue-off",
        &[
            Habit::ResponseFailureAsSuccess,
            Habit::PqFaultHidden,
            Habit::PqWriteErrorHidden,
            Habit::PqRecordsDespiteMemoryFault,
        ],
    ),
    ("ats/supervisor", &[Habit::AtsPrivilegeDropped, Habit::SumIgnored]),
    (
        "debug/two-stages",
        &[Habit::DebugSizeTooLarge, Habit::DebugWrongAddress, Habit::DebugProcessDropped, Habit::DebugControlLost],
    ),
    (
        "debug/refused",
        &[
            Habit::DebugFaultHidden,
            Habit::DebugFaultUnrecorded,
            Habit::DebugPrivilegeDropped,
            Habit::DebugWriteNotAsked,
        ],
    ),
    ("debug/under-load", &[Habit::DebugKeepsLast, Habit::DebugNeverEnds]),
    ("debug/interrupt-files", &[Habit::DebugMrifPassed]),
    (
        "msi/mrif-store",
        &[
            Habit::MrifBitWrong,
            Habit::MrifEnableSet,
            Habit::MrifNotAtomic,
            Habit::MrifNoticeLost,
            Habit::MrifNoticeWrongData,
            Habit::MrifZeroDropped,
            Habit::MrifOffsetIgnored,
            Habit::MrifPassed,
        ],
    ),
    ("msi/mrif-faults", &[Habit::MrifFaultLost]),
    ("msi/mrif-move", &[Habit::MrifNoticeTwice, Habit::GvmaSparesMsi]),
    ("process/supervisor", &[Habit::SumIgnored, Habit::EnsIgnored, Habit::PdtIgnored]),
    ("process/guest", &[Habit::PdtIgnored]),
    ("process/structures", &[Habit::WalkErrorIgnored]),
    ("msi/structures", &[Habit::WalkErrorIgnored]),
    ("faults/structures", &[Habit::WalkErrorIgnored]),
    ("faults/pointers", &[Habit::ReservedIgnored]),
    (
        "registers/messages",
        &[
            Habit::MessageTwice,
            Habit::MessageWrongData,
            Habit::MessageWrongVector,
            Habit::MessageWide,
            Habit::MessageFaultLost,
            Habit::WiresDespiteMessages,
        ],
    ),
    (
        "registers/counters",
        &[
            Habit::HpmRunsInhibited,
            Habit::HpmCountsTwice,
            Habit::HpmRequestsLost,
            Habit::HpmFilterIgnored,
            Habit::HpmOverflowHidden,
            Habit::HpmInterruptLost,
        ],
    ),
    ("registers/small-queues", &[Habit::OverflowIgnored, Habit::OverflowHidden, Habit::CommandSkipped]),
    (
        "translate/bursts",
        &[
            Habit::StrobesIgnored,
            Habit::BurstNarrowed,
            Habit::OffsetDropped,
            Habit::CacheChanged,
            Habit::QosDropped,
            Habit::LockInvented,
            Habit::ReadDataCorrupted,
        ],
    ),
    ("nested/shared-page", &[Habit::GvmaIgnored]),
    ("nested/page-sizes", &[Habit::GvmaOneIgnored, Habit::VmaSparesGlobal, Habit::VmaGuestIgnored]),
    ("invalidate/other-processors", &[Habit::VmaIgnored, Habit::GvmaIgnored]),
];

fn loaded(name: &str) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../scenarios/{name}.yaml"));
    load(&path).expect("a good scenario")
}

/// A variant of a scenario, on a model that keeps what it may keep, and puts off what it may put off.
fn played(loaded: &Loaded, variant: &Variant, habit: Option<Habit>, seed: u32) -> RunOutcome {
    // MSIs for files in memory are answered before they are stored.
    let caches = CacheConfig { tagged: true, post_msis: true, ..CacheConfig::large() };
    played_with(caches, loaded, variant, habit, seed)
}

fn played_with(caches: CacheConfig, loaded: &Loaded, variant: &Variant, habit: Option<Habit>, seed: u32) -> RunOutcome {
    let scenario = loaded.scenario.with(variant).expect("a good variant");
    let model = Model::new(ModelConfig { habit, caches, ..ModelConfig::plain(seed.into()) });
    play(&scenario, &loaded.text, Box::new(model), RunOptions { seed, ..RunOptions::default() }).expect("it runs")
}

/// Something was found wrong with the device: a rule was broken, or a bound was passed.
fn is_found(outcome: &RunOutcome) -> bool {
    outcome.violation.is_some() || matches!(outcome.end, End::Hung { .. })
}

#[test]
fn each_scenario_finds_the_wrong_devices_that_it_is_for() {
    let mut missed = Vec::new();
    for (name, habits) in FINDS {
        let loaded = loaded(name);
        let variants = loaded.scenario.variants();
        let right = played(&loaded, &variants[0], None, 1);
        assert_eq!(right.end, End::Finished, "{name} on a legal device: {:?}", right.violation);
        let finds = |habit: Habit, seed: u32| {
            variants.iter().any(|variant| is_found(&played(&loaded, variant, Some(habit), seed)))
        };
        let escapes = |habit: &&Habit| !(1..=SEEDS).any(|seed| finds(**habit, seed));
        missed.extend(habits.iter().filter(escapes).map(|habit| format!("{name} does not find {}", habit.name())));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn each_wrong_device_of_ats_is_found_by_a_scenario() {
    let found: Vec<Habit> = FINDS.iter().flat_map(|(_, habits)| habits.iter().copied()).collect();
    let all = Habit::ALL.iter().filter(|habit| habit.needs_ats());
    let left: Vec<_> = all.filter(|habit| !found.contains(habit)).collect();
    assert!(left.is_empty(), "no scenario is there for {left:?}");
}

/// Scenarios in which memory answers with errors.
const WITH_ERRORS: &[&str] = &[
    "ats/refusals",
    "faults/memory",
    "faults/page-tables",
    "faults/structures",
    "msi/mrif-faults",
    "msi/structures",
    "process/structures",
];

#[test]
fn a_device_may_take_an_error_for_corrupt_data() {
    for name in WITH_ERRORS {
        let loaded = loaded(name);
        for variant in loaded.scenario.variants() {
            for post_msis in [false, true] {
                let caches = CacheConfig { errors_corrupt: true, post_msis, ..CacheConfig::large() };
                let outcome = played_with(caches, &loaded, &variant, None, 1);
                assert_eq!(outcome.end, End::Finished, "{name}{variant}: {:?}", outcome.violation);
                assert!(outcome.violation.is_none() && outcome.hazard.is_none(), "{name}{variant}");
            }
        }
    }
}
