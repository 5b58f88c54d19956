// SPDX-License-Identifier: Apache-2.0
//! Small worlds: every small program in them, judged twice.
//!
//! The oracle is the efficient implementation of what is permitted. Here is a second one, slow and obvious, that shares no
//! code with it; in toy worlds all programs of a few operations are enumerated, and both have to accept the same answers.
//!
//! `WORLD=… DEPTH=… cargo test --release --test worlds deep -- --ignored --nocapture` goes into one world as deep as asked.

mod covers;
mod difference;
mod enumerate;
mod evaluator;
mod faults;
mod judge;
mod litmus;
mod moment;
mod record;
mod slips;
mod software;
mod trace;
mod walk;
mod world;
mod worlds;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use oracle::Oracle;

use crate::difference::{by_rule, render, render_blame};
use crate::enumerate::{Blame, Tally, explore, explore_until};
use crate::faults::{Fault, Faults};
use crate::judge::{Page, TheOracle};
use crate::trace::Hazard;
use crate::world::World;

const PAGE: Page = Page(Faults(None));

/// The rules on which the page and the oracle differ in a world, with the shortest trace for each, and whether the page
/// accepts it.
fn compared(world: &World, depth: usize) -> (Tally, Vec<(Option<Fault>, bool, String)>) {
    let tally = explore(world, depth, &PAGE, &TheOracle(Oracle::new));
    let mut found = Vec::new();
    for accepts in [true, false] {
        let those = tally.differences.iter().filter(|difference| difference.first_accepts == accepts);
        for (rule, differences) in by_rule(world, those) {
            let text = format!("  {} like this:\n{}", differences.len(), render(world, differences[0]));
            found.push((rule, accepts, text));
        }
    }
    (tally, found)
}

/// Differences about software by what each judge says, the shortest first.
fn sorts_of_blame(tally: &Tally) -> BTreeMap<(Option<Hazard>, Option<Hazard>), Vec<&Blame>> {
    let mut sorts: BTreeMap<_, Vec<&Blame>> = BTreeMap::new();
    for blame in &tally.blames {
        sorts.entry((blame.first, blame.second)).or_default().push(blame);
    }
    sorts
}

#[test]
fn the_oracle_and_the_page_accept_the_same() {
    let mut wrong = String::new();
    for world in worlds::all() {
        let (tally, found) = compared(&world, world.depth.0);
        assert!(tally.accepted > 0 && tally.accepted < tally.traces, "{}: nothing was compared", world.name);
        for (rule, accepts, text) in &found {
            let _ = writeln!(wrong, "{}: {rule:?}, page accepts: {accepts}\n{text}", world.name);
        }
        for (sort, blames) in &sorts_of_blame(&tally) {
            let text = render_blame(&world, blames[0]);
            let _ = writeln!(wrong, "{}: {} times, {sort:?}, like this:\n{text}", world.name, blames.len());
        }
    }
    assert!(wrong.is_empty(), "the first judge is the page, the second one the oracle\n{wrong}");
}

/// The depth at which a judge with this fault is found, and how.
fn found(fault: Fault, name: &str, depths: impl Iterator<Item = usize>) -> Option<(usize, String)> {
    let worlds = worlds::all();
    let world = worlds.iter().find(|world| world.name == name).expect("a world of this name");
    depths.into_iter().find_map(|depth| {
        let tally = explore_until(world, depth, &PAGE, &Page(Faults(Some(fault))), 1);
        let about_device = tally.differences.first().map(|difference| render(world, difference));
        let about_software = || tally.blames.first().map(|blame| render_blame(world, blame));
        about_device.or_else(about_software).map(|text| (depth, text))
    })
}

#[test]
fn a_judge_with_a_fault_is_found() {
    let sample = Fault::ALL.iter().filter(|(.., depth)| *depth <= 4);
    let missed: Vec<_> =
        sample.filter(|(fault, name, depth)| found(*fault, name, std::iter::once(*depth)).is_none()).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
#[ignore = "takes minutes"]
fn a_judge_with_a_fault_is_found_further_down() {
    let mut missed = Vec::new();
    for (fault, name, _) in Fault::ALL {
        match found(*fault, name, 1..=7) {
            Some((depth, text)) => println!("{fault:?} in {name}: {depth} operations\n{text}"),
            None => missed.push(fault),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// A line that shows although the test passes.
fn say(line: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
}

/// How deep the worlds are explored: `WORLD` and `DEPTH` of the environment choose.
#[test]
#[ignore = "takes an hour"]
fn deep() {
    let only = std::env::var("WORLD").unwrap_or_default();
    let depth: Option<usize> = std::env::var("DEPTH").ok().and_then(|depth| depth.parse().ok());
    let mut sum = Tally::default();
    for world in worlds::all().iter().filter(|world| world.name.contains(&only)) {
        let (begin, depth) = (Instant::now(), depth.unwrap_or(world.depth.1));
        let (tally, found) = compared(world, depth);
        let mut text =
            format!("{}: {depth} operations, {} programs, {} traces", world.name, tally.programs, tally.traces);
        let _ = write!(text, ", {} accepted, {} differences", tally.accepted, tally.differences.len());
        if !world.promises.is_empty() {
            let _ = write!(text, ", software blamed {} times, {} differences", tally.blamed, tally.blames.len());
        }
        let _ = writeln!(text, ", {:.1} s", begin.elapsed().as_secs_f32());
        for (rule, accepts, example) in found {
            let _ = writeln!(text, " {rule:?}, page accepts: {accepts}\n{example}");
        }
        for (sort, blames) in sorts_of_blame(&tally) {
            let _ = writeln!(text, " {sort:?}: {} like this:\n{}", blames.len(), render_blame(world, blames[0]));
        }
        say(text.trim_end());
        sum.programs += tally.programs;
        sum.traces += tally.traces;
        sum.accepted += tally.accepted;
    }
    say(&format!("{} programs, {} traces, {} accepted", sum.programs, sum.traces, sum.accepted));
}
