// SPDX-License-Identifier: Apache-2.0
//! The oracle's counter-test: a legal device is never blamed, one with an illegal habit is.

use std::sync::atomic::AtomicBool;

use lockstep::torture::{Hunt, Scene, hunt, play_in, play_on};
use model::{CacheConfig, Habit, ModelConfig};
use oracle::{Divergence, Figures, Lenience};
use rayon::prelude::*;
use testbench::End;

/// How often software changes something in a run.
const STEPS: u32 = 60;

/// Worlds in which a habit is hunted for by the long test.
const WORLDS: u64 = 200;

/// A legal device, by the name of its kind.
fn device(kind: &str, seed: u64) -> ModelConfig {
    let happy = ModelConfig::happy(seed);
    let large = CacheConfig::large();
    let caches = match kind {
        "none" => CacheConfig::none(),
        "large" => large,
        "combined" => CacheConfig::combined(),
        "posting" => CacheConfig { post_msis: true, ..large },
        // Random sizes, found by address or by tags, and no liberties that have nothing to do with size.
        "sized" => happy.caches.strict(),
        "tagged" => CacheConfig { tagged: true, ..happy.caches.strict() },
        // One liberty each
        "keyed" => CacheConfig { keyed: 64, ..large },
        "keyed alone" => CacheConfig { keyed: 64, ..CacheConfig::none() },
        "front" => CacheConfig { front: 8, ..CacheConfig::combined() },
        "corrupt" => CacheConfig { errors_corrupt: true, ..large },
        "aborting" => CacheConfig { abort_pending: true, eager_percent: 1, ..large },
        "late" => CacheConfig { late_directory: true, ..CacheConfig::combined() },
        "lazy" => CacheConfig { lazy_context: true, ..large },
        "early" => CacheConfig { early_cycles: 30, ..large },
        "early alone" => CacheConfig { early_cycles: 60, ..CacheConfig::none() },
        "late updates" => CacheConfig { late_updates: true, ..large },
        "dirty tables" => CacheConfig { dirty_tables: true, ..large },
        // All of them at random
        "free" => return ModelConfig { caches: CacheConfig { tagged: true, ..happy.caches }, ..happy },
        _ => return happy,
    };
    ModelConfig { caches, ..ModelConfig::plain(seed) }
}

/// Plays plain worlds with legal devices; none may be blamed. Returns what they did altogether.
fn never_blamed(kind: &str, seeds: std::ops::Range<u64>) -> Figures {
    never_blamed_in(Scene::Plain, kind, seeds)
}

/// The same in worlds with a feature.
fn never_blamed_in(scene: Scene, kind: &str, seeds: std::ops::Range<u64>) -> Figures {
    let mut total = Figures::default();
    let mut blamed = Vec::new();
    for seed in seeds {
        let outcome = play_in(scene, device(kind, seed), seed, STEPS).expect("a model does not stop itself");
        total.translations_compared += outcome.figures.translations_compared;
        total.invalidations_compared += outcome.figures.invalidations_compared;
        total.device_faults += outcome.figures.device_faults;
        total.ats_completions += outcome.figures.ats_completions;
        total.page_requests += outcome.figures.page_requests;
        total.debug_translations += outcome.figures.debug_translations;
        for (what, count) in outcome.figures.stale_used {
            *total.stale_used.entry(what).or_default() += count;
        }
        if outcome.end != End::Finished {
            let finding = outcome.violation.map(|f| format!("{} {}: {} {}", f.rule, f.detail, f.right, f.wrong));
            blamed.push(format!("{scene:?}, {kind}, seed {seed}: {:?} {}", outcome.end, finding.unwrap_or_default()));
        }
    }
    assert!(blamed.is_empty(), "{} legal devices were blamed:\n{}", blamed.len(), blamed.join("\n"));
    total
}

/// So that a sample does not pass because nothing happened in it.
fn assert_busy(figures: &Figures) {
    assert!(figures.translations_compared > 1000, "{figures:?}");
    assert!(figures.invalidations_compared > 100, "{figures:?}");
    assert!(figures.device_faults > 100, "{figures:?}");
}

#[test]
fn a_legal_device_without_caches_is_never_blamed() {
    let figures = never_blamed("none", 0..6);
    assert_busy(&figures);
}

#[test]
fn a_legal_device_with_large_caches_is_never_blamed() {
    let figures = never_blamed("large", 0..6);
    assert_busy(&figures);
    assert!(!figures.stale_used.is_empty(), "a cache that never answers is none");
}

#[test]
fn a_legal_device_that_caches_whole_translations_is_never_blamed() {
    let figures = never_blamed("combined", 0..6);
    assert_busy(&figures);
    assert!(!figures.stale_used.is_empty(), "a cache that never answers is none");
}

#[test]
fn a_legal_device_with_random_caches_is_never_blamed() {
    let figures = never_blamed("happy", 0..10);
    assert_busy(&figures);
}

#[test]
fn a_legal_device_that_updates_page_tables_is_never_blamed() {
    for kind in ["none", "large", "happy"] {
        assert_busy(&never_blamed_in(Scene::Updates, kind, 0..4));
    }
}

#[test]
fn a_legal_device_that_sends_messages_is_never_blamed() {
    for kind in ["none", "large", "happy"] {
        assert_busy(&never_blamed_in(Scene::Messages, kind, 0..4));
    }
}

#[test]
fn a_legal_device_that_stores_msis_is_never_blamed() {
    for kind in ["none", "large", "happy", "posting"] {
        assert_busy(&never_blamed_in(Scene::Files, kind, 0..4));
    }
}

#[test]
fn a_legal_device_with_ats_is_never_blamed() {
    for kind in ["none", "large", "combined", "happy"] {
        let figures = never_blamed_in(Scene::Ats, kind, 0..4);
        assert_busy(&figures);
        assert!(figures.ats_completions > 500 && figures.page_requests > 50, "{figures:?}");
    }
}

#[test]
fn a_legal_device_that_counts_is_never_blamed() {
    for kind in ["none", "large", "happy"] {
        assert_busy(&never_blamed_in(Scene::Counters, kind, 0..4));
    }
}

#[test]
fn a_legal_device_that_translates_for_software_is_never_blamed() {
    for kind in ["none", "large", "combined", "happy"] {
        let figures = never_blamed_in(Scene::Debug, kind, 0..4);
        assert_busy(&figures);
        assert!(figures.debug_translations > 100, "{figures:?}");
    }
}

#[test]
fn a_legal_device_that_keeps_napot_entries_whole_is_never_blamed() {
    for kind in ["large", "happy", "tagged"] {
        assert_busy(&never_blamed_in(Scene::Ranges, kind, 0..4));
    }
}

#[test]
fn a_legal_device_whose_contexts_hold_moving_roots_is_never_blamed() {
    for kind in ["combined", "happy", "free"] {
        assert_busy(&never_blamed_in(Scene::Pointers, kind, 0..4));
    }
}

#[test]
fn a_legal_device_that_has_everything_is_never_blamed() {
    for kind in ["none", "large", "combined", "happy", "tagged"] {
        let figures = never_blamed_in(Scene::Everything, kind, 0..2);
        assert_busy(&figures);
        assert!(figures.ats_completions > 200 && figures.page_requests > 20, "{figures:?}");
    }
}

#[test]
fn a_legal_device_that_finds_entries_by_their_tags_alone_is_never_blamed() {
    let figures = never_blamed("tagged", 0..6);
    assert_busy(&figures);
}

#[test]
fn a_legal_device_that_walks_ahead_and_finds_entries_by_their_tags_alone_is_never_blamed() {
    // Entries that only walks led to which nobody asked for, which were refused, or which had not ended; then NAPOT
    // entries that were read for another of their pages, by such walks as well.
    for seed in [115, 230, 379, 717, 781, 938, 1071, 26, 47, 57, 193] {
        never_blamed("tagged", seed..seed + 1);
    }
    never_blamed_in(Scene::Updates, "tagged", 169..170);
}

#[test]
fn a_legal_device_that_keeps_results_by_tags_is_never_blamed() {
    for kind in ["keyed", "keyed alone"] {
        assert_busy(&never_blamed(kind, 0..6));
    }
}

#[test]
fn a_legal_device_with_results_in_front_of_results_is_never_blamed() {
    assert_busy(&never_blamed("front", 0..6));
}

#[test]
fn a_legal_device_that_takes_errors_for_corruption_is_never_blamed() {
    assert_busy(&never_blamed("corrupt", 0..8));
}

#[test]
fn a_legal_device_that_aborts_commands_is_never_blamed() {
    assert_busy(&never_blamed_in(Scene::Status, "aborting", 0..6));
}

#[test]
fn a_legal_device_that_executes_commands_for_directories_late_is_never_blamed() {
    assert_busy(&never_blamed("late", 0..6));
}

#[test]
fn a_legal_device_that_never_reads_what_is_reserved_is_never_blamed() {
    assert_busy(&never_blamed("lazy", 0..4));
}

#[test]
fn a_legal_device_that_never_reads_what_is_reserved_is_never_blamed_in_any_world() {
    never_blamed_in(Scene::Updates, "lazy", 0..4);
    never_blamed_in(Scene::Ats, "lazy", 0..4);
    never_blamed_in(Scene::Files, "lazy", 2..3);
}

#[test]
fn a_legal_device_with_ats_whose_devices_complete_what_nobody_asked_for_is_never_blamed() {
    never_blamed_in(Scene::Strays, "happy", 0..6);
}

#[test]
fn a_legal_device_with_ats_that_takes_errors_for_corruption_is_never_blamed() {
    // One that is answered CA may leave either of two records.
    never_blamed_in(Scene::Ats, "corrupt", 60..61);
}

#[test]
fn a_legal_device_with_ats_that_aborts_commands_is_never_blamed() {
    never_blamed_in(Scene::Everything, "aborting", 4..5);
}

#[test]
fn a_legal_device_that_walks_before_it_accepts_is_never_blamed() {
    for kind in ["early", "early alone"] {
        assert_busy(&never_blamed(kind, 0..6));
    }
}

#[test]
fn a_legal_device_that_updates_late_is_never_blamed() {
    assert_busy(&never_blamed_in(Scene::Updates, "late updates", 0..6));
}

#[test]
fn a_legal_device_that_marks_pages_of_tables_dirty_is_never_blamed() {
    assert_busy(&never_blamed_in(Scene::Updates, "dirty tables", 0..6));
}

#[test]
fn a_legal_device_whose_queues_stop_is_never_blamed() {
    for kind in ["large", "happy", "free"] {
        assert_busy(&never_blamed_in(Scene::Status, kind, 0..4));
    }
}

#[test]
fn a_legal_device_with_choices_of_its_own_is_never_blamed() {
    for kind in ["large", "happy", "free"] {
        assert_busy(&never_blamed_in(Scene::Choices, kind, 0..6));
    }
}

#[test]
fn a_legal_device_with_optional_ports_is_never_blamed() {
    for kind in ["large", "tagged", "happy", "free"] {
        assert_busy(&never_blamed_in(Scene::Ports, kind, 0..6));
    }
}

#[test]
fn a_legal_device_with_msis_under_way_together_is_never_blamed() {
    // Whose an atomic, a notice or a refusal was cannot be told there; in the last one, equal requests left records of
    // each other.
    for (kind, seed) in [
        ("none", 205),
        ("none", 262),
        ("sized", 3),
        ("sized", 106),
        ("sized", 149),
        ("sized", 183),
        ("posting", 34),
        ("tagged", 298),
        ("happy", 138),
    ] {
        never_blamed_in(Scene::Files, kind, seed..seed + 1);
    }
    // A table under a Bare second stage; and an MSI that was stored after its answer, when the next had come.
    never_blamed_in(Scene::Everything, "happy", 105..106);
    never_blamed_in(Scene::Everything, "free", 43..44);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn five_thousand_legal_devices_are_never_blamed() {
    std::thread::scope(|scope| {
        for kind in ["large", "combined", "sized", "tagged", "happy", "free"] {
            let seeds = if matches!(kind, "happy" | "free") { 0..1250 } else { 0..625 };
            scope.spawn(move || never_blamed(kind, seeds));
        }
    });
}

/// Three hundred worlds with a feature for devices of each kind.
fn three_hundred_of_each_kind(scene: Scene) {
    std::thread::scope(|scope| {
        for kind in ["none", "large", "combined", "sized", "posting", "tagged", "happy", "free"] {
            scope.spawn(move || never_blamed_in(scene, kind, 0..300));
        }
    });
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_that_updates_page_tables_is_blamed() {
    three_hundred_of_each_kind(Scene::Updates);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_that_sends_messages_is_blamed() {
    three_hundred_of_each_kind(Scene::Messages);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_that_stores_msis_is_blamed() {
    three_hundred_of_each_kind(Scene::Files);
}

#[test]
fn a_legal_device_that_stores_msis_without_atomics_is_never_blamed() {
    for kind in ["large", "posting", "free"] {
        assert_busy(&never_blamed_in(Scene::PlainFiles, kind, 0..5));
    }
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_that_stores_msis_without_atomics_is_blamed() {
    three_hundred_of_each_kind(Scene::PlainFiles);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_with_ats_is_blamed() {
    three_hundred_of_each_kind(Scene::Ats);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_with_optional_ports_is_blamed() {
    three_hundred_of_each_kind(Scene::Ports);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_that_counts_is_blamed() {
    three_hundred_of_each_kind(Scene::Counters);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_that_translates_for_software_is_blamed() {
    three_hundred_of_each_kind(Scene::Debug);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_that_keeps_napot_entries_whole_is_blamed() {
    three_hundred_of_each_kind(Scene::Ranges);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_whose_contexts_hold_moving_roots_is_blamed() {
    three_hundred_of_each_kind(Scene::Pointers);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_that_has_everything_is_blamed() {
    three_hundred_of_each_kind(Scene::Everything);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_whose_queues_stop_is_blamed() {
    three_hundred_of_each_kind(Scene::Status);
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn no_legal_device_of_many_with_choices_of_its_own_is_blamed() {
    three_hundred_of_each_kind(Scene::Choices);
}

/// Hunts a habit in this many worlds.
fn hunted(habit: Habit, worlds: u64) -> Hunt {
    hunt(habit, worlds, &AtomicBool::new(false)).expect("a model does not stop itself").expect("nobody stops it")
}

/// A habit of each family: a catch within a few runs, while the same device without the habit passes them.
#[test]
fn a_sample_of_illegal_habits_is_caught() {
    let sample = [
        Habit::VmaGuestIgnored,
        Habit::VmaPscidAlways,
        Habit::DdtOneIgnored,
        Habit::DdtSparesPointers,
        Habit::FenceIgnoresPr,
        Habit::FenceForgetsTranslated,
        Habit::FenceStoreTwice,
        Habit::FaultLost,
        Habit::OverflowIgnored,
        Habit::UserIgnored,
        Habit::StrobesIgnored,
        Habit::RefusalOkay,
        Habit::UpdateSkipped,
        Habit::UpdateDirtyOnRead,
        Habit::MessageTwice,
        Habit::MessageWrongData,
        Habit::MrifBitWrong,
        Habit::MrifNoticeTwice,
        Habit::MrifPassedByFence,
        Habit::NapotTooWide,
        Habit::AtsSizeTooLarge,
        Habit::AtsInvalLost,
        Habit::PrgrWrongStatus,
        Habit::PageRequestWrongDevice,
        Habit::TranslatedUnchecked,
        Habit::HpmCountsTwice,
        Habit::HpmSelectorClears,
        Habit::KeyedSparesInvalidations,
        Habit::InvalidReadEarly,
        Habit::WiresDead,
        Habit::CommandIllegalHidden,
        Habit::RecordsDespiteOverflow,
        Habit::RecordsDespiteMemoryFault,
        Habit::PqRecordsDespiteOverflow,
        Habit::PqRecordsDespiteMemoryFault,
        Habit::LockInvented,
        Habit::QosIdsOfRegister,
        Habit::PoisonAsAccessFault,
    ];
    for habit in sample {
        // Most are caught soon.
        let hunt = Some(hunted(habit, 24)).filter(Hunt::caught).unwrap_or_else(|| hunted(habit, WORLDS));
        assert!(hunt.caught(), "{}: {hunt:?}", habit.name());
        assert!(hunt.unsound.is_empty(), "{}: {hunt:?}", habit.name());
    }
}

#[test]
#[ignore = "takes long: part of `make proof`"]
fn every_illegal_habit_is_caught() {
    let missed: Vec<&str> = Habit::ALL
        .par_iter()
        .map(|&habit| hunted(habit, WORLDS))
        .filter(|hunt| !hunt.caught())
        .map(|hunt| hunt.habit)
        .collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// Which kinds of divergence each habit shows where runs go past them: `HABITS=WiresDead WORLDS=2`.
#[test]
#[ignore = "a tool"]
fn go_past() {
    let worlds = std::env::var("WORLDS").map_or(2, |worlds| worlds.parse().expect("a number"));
    let habits: Vec<Habit> = match std::env::var("HABITS") {
        Ok(names) => names.split(',').map(|name| Habit::from_name(name).expect("a habit")).collect(),
        Err(_) => Habit::ALL.to_vec(),
    };
    let told: Vec<String> = habits
        .par_iter()
        .map(|&habit| {
            let mut text = format!("{}\n", habit.name());
            for seed in 0..worlds {
                let model = ModelConfig { habit: Some(habit), ..device("large", seed) };
                let lenience = Lenience { keep_going: 1000, ..Lenience::default() };
                let outcome = play_on(Scene::of(habit), model, seed, STEPS, lenience).expect("a model does not stop");
                text += &format!("  {seed}: {:?}\n", outcome.end);
                for Divergence { first, count, .. } in &outcome.divergences {
                    text += &format!("    {count} {} @{}\n", first.kind(), first.cycle);
                }
                if outcome.end == End::Violation {
                    text += &format!("    ended by {}\n", outcome.violation.expect("one").kind());
                }
            }
            text
        })
        .collect();
    told.iter().for_each(|text| print!("{text}"));
}

/// A legal device with a liberty made otherwise, for a closer look: `walkers=1`.
fn otherwise(config: &mut ModelConfig, change: &str) {
    let (field, value) = change.split_once('=').expect("field=value");
    let value: usize = value.parse().expect("a number");
    let (small, on) = (value as u8, value != 0);
    let ModelConfig { caches, choices, .. } = config;
    match field {
        "check_output_width" => choices.check_output_width = on,
        "check_context_addresses" => choices.check_context_addresses = on,
        "reject_msi_without_second_stage" => choices.reject_msi_without_second_stage = on,
        "device_contexts" => caches.device_contexts = value,
        "process_contexts" => caches.process_contexts = value,
        "first_leaves" => caches.first_leaves = value,
        "second_leaves" => caches.second_leaves = value,
        "msi" => caches.msi = value,
        "results" => caches.results = value,
        "held_pointers" => caches.held_pointers = on,
        "tagged" => caches.tagged = on,
        "prefetch_percent" => caches.prefetch_percent = small,
        "merge" => caches.merge = on,
        "eager_percent" => caches.eager_percent = small,
        "strict_fence" => caches.strict_fence = on,
        "post_msis" => caches.post_msis = on,
        "walkers" => caches.walkers = value,
        "keyed" => caches.keyed = value,
        "front" => caches.front = value,
        "errors_corrupt" => caches.errors_corrupt = on,
        "abort_pending" => caches.abort_pending = on,
        "late_directory" => caches.late_directory = on,
        "lazy_context" => caches.lazy_context = on,
        "early_cycles" => caches.early_cycles = small,
        "late_updates" => caches.late_updates = on,
        "dirty_tables" => caches.dirty_tables = on,
        "debug_spares_updates" => caches.debug_spares_updates = on,
        "strict" => *caches = caches.strict(),
        _ => panic!("no field {field}"),
    }
}

/// For a closer look: `KIND=free SCENE=Plain SEEDS=0..100 STEPS=60 WITH=early_cycles=0,tagged=0`.
#[test]
#[ignore = "a tool"]
fn explore() {
    let var = |name: &str, otherwise: &str| std::env::var(name).unwrap_or(otherwise.to_owned());
    let scene = match var("SCENE", "Plain").as_str() {
        "Updates" => Scene::Updates,
        "Messages" => Scene::Messages,
        "Files" => Scene::Files,
        "PlainFiles" => Scene::PlainFiles,
        "Ats" => Scene::Ats,
        "Strays" => Scene::Strays,
        "Counters" => Scene::Counters,
        "Ranges" => Scene::Ranges,
        "Status" => Scene::Status,
        "Choices" => Scene::Choices,
        "Pointers" => Scene::Pointers,
        "Ports" => Scene::Ports,
        "Everything" => Scene::Everything,
        _ => Scene::Plain,
    };
    let seeds = var("SEEDS", "0..10");
    let (first, last) = seeds.split_once("..").expect("a range");
    let (kind, first, last) =
        (var("KIND", "happy"), first.parse::<u64>().expect("a seed"), last.parse::<u64>().expect("a seed"));
    let steps = var("STEPS", "60").parse().expect("a number");
    let changes = var("WITH", "");
    let blamed: Vec<u64> = (first..last)
        .filter(|&seed| {
            let mut config = device(&kind, seed);
            changes.split(',').filter(|change| !change.is_empty()).for_each(|change| otherwise(&mut config, change));
            let outcome = play_in(scene, config, seed, steps).expect("a model does not stop itself");
            if outcome.end != End::Finished {
                println!("{scene:?} {kind} {seed} {:?}", outcome.end);
                println!("  {config:?}");
                if let Some(f) = &outcome.violation {
                    println!("  {} {}\n  right {}\n  wrong {}", f.rule, f.detail, f.right, f.wrong);
                    if !var("EVIDENCE", "").is_empty() {
                        println!("{}", f.evidence);
                    }
                }
            }
            outcome.end != End::Finished
        })
        .collect();
    println!("{} of {} blamed: {blamed:?}", blamed.len(), last - first);
}

/// How soon some habits are caught, all of them by default: `HABITS=WiresDead,DeviceStarved WORLDS=200`. The table goes to
/// the file `TABLE`.
#[test]
#[ignore = "a tool"]
fn chase() {
    let worlds = std::env::var("WORLDS").map_or(WORLDS, |worlds| worlds.parse().expect("a number"));
    let habits: Vec<Habit> = match std::env::var("HABITS") {
        Ok(names) => names.split(',').map(|name| Habit::from_name(name).expect("a habit")).collect(),
        Err(_) => Habit::ALL.to_vec(),
    };
    let chased = |&habit: &Habit| {
        let hunt = hunted(habit, worlds);
        println!(
            "{}: caught {} in {} runs by {:?}, median {:?} of {} transactions, unsound {:?}",
            hunt.habit,
            hunt.catches.len(),
            hunt.runs,
            hunt.rules(),
            hunt.median(),
            hunt.transactions,
            hunt.unsound
        );
        hunt
    };
    let hunts: Vec<Hunt> = habits.par_iter().map(chased).collect();
    if let Ok(table) = std::env::var("TABLE") {
        std::fs::write(table, lockstep::torture::markdown(&hunts, worlds)).expect("the table is written");
    }
}
