// SPDX-License-Identifier: Apache-2.0
//! Slips of the oracle: each of its rules wrong, one at a time. The small worlds have to find each of them out.

use std::time::Instant;

use oracle::{Oracle, Settings, Slip};

use crate::difference::{render, render_blame};
use crate::enumerate::explore_until;
use crate::judge::{Judge, TheOracle};
use crate::trace::{Answer, Event, Hazard};
use crate::world::World;
use crate::{PAGE, say, worlds};

/// Every slip: the world that shows it, and how many operations that takes.
const SHOWN: &[(Slip, &str, usize)] = &[
    (Slip::NothingStruck, "first-stage leaf", 4),
    (Slip::CutoffAtCompletion, "first-stage leaf", 4),
    (Slip::NoFenceNeeded, "first-stage leaf", 3),
    (Slip::FenceWhileInHand, "first-stage leaf", 4),
    (Slip::PrPwIgnored, "kinds of fences", 4),
    (Slip::PrForWrites, "kinds of fences", 4),
    (Slip::PwForReads, "kinds of fences", 4),
    (Slip::PrForRefusals, "kinds of fences", 4),
    (Slip::OldestCounts, "first-stage leaf", 5),
    (Slip::FenceForLater, "fences that take their time", 6),
    (Slip::StoreSeenLate, "first-stage leaf, unread", 2),
    (Slip::UnreadCounts, "first-stage leaf", 2),
    (Slip::UnreadExplainsNothing, "first-stage leaf, unread", 1),
    (Slip::UnreadNeverStruck, "first-stage leaf, unread", 2),
    (Slip::UnreadOnlyNow, "first-stage leaf, unread", 2),
    (Slip::PartsNotLeftOut, "root of a first stage", 2),
    (Slip::LeftOutOfBefore, "Bare context, unread", 3),
    (Slip::LeftOutOfLater, "hitless change, the directory off", 4),
    (Slip::InvalidCached, "first-stage leaf", 4),
    (Slip::InvalidContextCached, "hitless change of a root", 3),
    (Slip::InvalidPointerCached, "first-stage pointer", 4),
    (Slip::InvalidFromAcceptance, "offers", 5),
    (Slip::InvalidOnlyAtEnd, "first-stage entries by their tags, unread", 2),
    (Slip::DdtTakesEveryDevice, "root of a first stage", 4),
    (Slip::DdtOfAllTakesNone, "root of a first stage", 4),
    (Slip::DdtSparesProcesses, "process context", 4),
    (Slip::DdtTakesPages, "first-stage leaf", 4),
    (Slip::DdtTakesMsi, "MSI page table", 4),
    (Slip::PdtTakesEveryProcess, "process context", 4),
    (Slip::PdtTakesEveryDevice, "process context", 4),
    (Slip::PdtTakesDevice, "process directory", 5),
    (Slip::HostTakesGuests, "both stages, leaves", 4),
    (Slip::VmaTakesEveryGuest, "both stages, leaves", 4),
    (Slip::PscidIgnored, "first-stage leaf", 4),
    (Slip::PscidTakesNone, "first-stage leaf", 4),
    (Slip::GlobalTaken, "global mappings", 4),
    (Slip::GlobalSparedByAll, "global mappings", 4),
    (Slip::VmaTakesSecond, "second-stage leaf", 4),
    (Slip::VmaTakesMsi, "MSI page table", 4),
    (Slip::VmaAddressIgnored, "first-stage leaf", 4),
    (Slip::GvmaTakesFirst, "both stages, leaves", 4),
    (Slip::GvmaTakesEveryGuest, "second-stage leaf", 4),
    (Slip::GvmaOfAllTakesNone, "second-stage leaf", 4),
    (Slip::GvmaSparesMsi, "MSI page table", 4),
    (Slip::GvmaAddressIgnored, "second-stage leaf", 4),
    (Slip::GvmaTakesEveryMsi, "MSI page table", 4),
    (Slip::NlIgnored, "first-stage pointer", 4),
    (Slip::NlAlways, "first-stage pointer", 4),
    (Slip::SuperpageByFirstPage, "first-stage superpage", 4),
    (Slip::RangeIgnored, "ranges", 4),
    (Slip::PointerNotHeld, "pointer held in a context", 6),
    (Slip::PointerHeldForEver, "pointer held in a context", 7),
    (Slip::RootsIgnored, "global mappings of two processes", 1),
    (Slip::RootsForEver, "old root", 6),
    (Slip::RootsOfAnyProcess, "global mappings of two processes", 1),
    (Slip::RootsSurviveNl, "old root", 6),
    (Slip::RootsSurvivePscid, "old root", 6),
    (Slip::TablesIgnored, "MSI window and table", 4),
    (Slip::TablesForEver, "MSI window and table", 6),
    (Slip::TagsIgnored, "first-stage pointer", 4),
    (Slip::KeptForEver, "global mappings of two processes", 3),
    (Slip::GlobalOfOneProcess, "global mappings of two processes", 1),
    (Slip::NoWalksAhead, "two devices", 1),
    (Slip::AheadForAskersOnly, "two devices", 1),
    (Slip::AheadByAnyContext, "old root", 6),
    (Slip::AheadByNewContext, "two devices", 4),
    (Slip::StopCompletes, "a stop of the queue", 6),
    (Slip::StopUndoes, "a stop of the queue", 6),
    (Slip::ContextDroppedLast, "pointer held in a context", 7),
    (Slip::ChoicesBound, "wide address", 3),
    (Slip::FirstIsKindest, "hitless change of a root", 4),
    (Slip::TornIsFine, "hitless change of a root", 3),
    (Slip::OnlyOldState, "hitless change of a root", 2),
    (Slip::OnlyNewState, "effective change of a leaf", 2),
    (Slip::MomentsMixed, "hitless change of a root", 3),
    (Slip::OverlapFromAcceptance, "hitless change of a leaf, offers", 3),
    (Slip::WaysMixed, "hitless change of a root", 3),
    (Slip::NothingOfBefore, "hitless change beside stores", 4),
    (Slip::JudgedTooEarly, "hitless change of a root", 2),
    (Slip::RestIsNow, "hitless change of a tag and a root", 4),
    (Slip::RegistersAreNow, "hitless change, the directory off", 5),
    (Slip::RefusalIsTorn, "hitless change of a root", 3),
    (Slip::RefusalIsFine, "hitless change of a root", 3),
    (Slip::HitlessIfAny, "hitless change of a root", 4),
    (Slip::StaleIsFine, "effective change of a leaf", 2),
    (Slip::RetiredWhileInHand, "effective change of a leaf", 2),
    (Slip::InvalidRetiredEarly, "hitless change of a leaf, offers", 5),
    (Slip::RootNotRetired, "hitless change of a root", 2),
    (Slip::TableNotRetired, "MSI page table switched off and on", 2),
    (Slip::PointerNotRetired, "hitless change of two words", 2),
    (Slip::FreedIsFine, "memory given up", 2),
    (Slip::FreedForLater, "memory given up", 2),
    (Slip::TakenIsFreed, "memory given up", 3),
    (Slip::UntoldIsFine, "a change that is never invalidated", 2),
    (Slip::AnyCommandTells, "a change that is never invalidated", 3),
    (Slip::EarlyCommandTells, "a change that is never invalidated", 3),
];

/// Those that take longer to find are left to the long run.
const SAMPLE: usize = 4;

/// The oracle with a slip, but where the whole one does not say what the page says: what that has wrong is no slip.
struct Slipped(Slip);

impl Slipped {
    fn oracle(&self) -> TheOracle<impl Fn(Settings) -> Oracle + Sync> {
        let slip = self.0;
        TheOracle(move |settings| Oracle::with_slip(settings, slip))
    }
}

fn unless_unsure<T: PartialEq>(slipped: T, whole: T, page: impl FnOnce() -> T) -> T {
    if slipped != whole && whole != page() { whole } else { slipped }
}

impl Judge for Slipped {
    fn accepts(&self, world: &World, trace: &[Event]) -> Vec<Answer> {
        let (slipped, whole) = (self.oracle().accepts(world, trace), TheOracle(Oracle::new).accepts(world, trace));
        unless_unsure(slipped, whole, || PAGE.accepts(world, trace))
    }

    fn blames(&self, world: &World, trace: &[Event]) -> Option<Hazard> {
        let (slipped, whole) = (self.oracle().blames(world, trace), TheOracle(Oracle::new).blames(world, trace));
        unless_unsure(slipped, whole, || PAGE.blames(world, trace))
    }
}

/// A trace of so many operations after which an oracle with this slip says something else than the page.
fn shown(world: &World, depth: usize, slip: Slip) -> Option<String> {
    // Most slips show with one sort of command, and programs with one are few.
    let alone = world.commands.iter().map(|cmd| world.with_one(*cmd));
    alone.chain([world.clone()]).find_map(|world| {
        let tally = explore_until(&world, depth, &TheOracle(Oracle::new), &Slipped(slip), 1);
        let difference = tally.differences.first().map(|difference| render(&world, difference));
        difference.or_else(|| tally.blames.first().map(|blame| render_blame(&world, blame)))
    })
}

fn world(name: &str) -> World {
    worlds::all().into_iter().find(|world| world.name == name).unwrap_or_else(|| panic!("no world {name}"))
}

#[test]
fn every_slip_has_its_world() {
    let listed: Vec<Slip> = SHOWN.iter().map(|(slip, ..)| *slip).collect();
    assert_eq!(listed, Slip::ALL);
}

#[test]
fn an_oracle_with_a_slip_is_found_out() {
    let sample = SHOWN.iter().filter(|(.., depth)| *depth <= SAMPLE);
    let missed: Vec<_> = sample.filter(|(slip, name, depth)| shown(&world(name), *depth, *slip).is_none()).collect();
    assert!(missed.is_empty(), "not found out: {missed:?}");
}

/// How early each shows: `SLIP` of the environment chooses one.
#[test]
#[ignore = "takes minutes"]
fn an_oracle_with_a_slip_is_found_out_further_down() {
    let only = std::env::var("SLIP").unwrap_or_default();
    let mut missed = Vec::new();
    for (slip, name, most) in SHOWN.iter().filter(|(slip, ..)| format!("{slip:?}").contains(&only)) {
        let (world, begin) = (world(name), Instant::now());
        match (1..=*most).find_map(|depth| Some((depth, shown(&world, depth, *slip)?))) {
            Some((depth, text)) => {
                let seconds = begin.elapsed().as_secs_f32();
                say(&format!("{slip:?} in {name}: {depth} operations, {seconds:.1} s\n{}", text.trim_end()));
            }
            None => {
                say(&format!("{slip:?} in {name}: not found"));
                missed.push(*slip);
            }
        }
    }
    assert!(missed.is_empty(), "not found out: {missed:?}");
}
