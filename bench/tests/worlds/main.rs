//! Small worlds: every small program in them, judged twice.
//!
//! The oracle is the efficient implementation of what is permitted. Here is a second one, slow and obvious, that shares no
//! code with it; in toy worlds all programs of a few operations are enumerated, and both have to accept the same answers.

mod covers;
mod difference;
mod enumerate;
mod evaluator;
mod faults;
mod judge;
mod record;
mod trace;
mod walk;
mod world;
mod worlds;

use std::collections::BTreeMap;
use std::time::Instant;

use bench::oracle::Oracle;

use crate::difference::{render, rules};
use crate::enumerate::explore;
use crate::faults::Faults;
use crate::judge::{Page, TheOracle};

#[test]
fn look() {
    let only = std::env::var("WORLD").unwrap_or_default();
    let depth: Option<usize> = std::env::var("DEPTH").ok().and_then(|depth| depth.parse().ok());
    for world in worlds::all().iter().filter(|world| world.name.contains(&only)) {
        let begin = Instant::now();
        let tally = explore(world, depth.unwrap_or(world.depth.0), &Page(Faults::default()), &TheOracle(Oracle::new));
        println!(
            "{}: {} programs, {} traces, {} accepted, {} differences, {:.1} s",
            world.name,
            tally.programs,
            tally.traces,
            tally.accepted,
            tally.differences.len(),
            begin.elapsed().as_secs_f32()
        );
        let mut sorted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for difference in &tally.differences {
            sorted.entry((rules(world, difference), difference.first_accepts)).or_default().push(difference);
        }
        for ((rules, _), differences) in sorted {
            println!(" {} by {rules:?}:\n{}", differences.len(), render(world, differences[0]));
        }
    }
}
