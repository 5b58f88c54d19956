//! Slips of the oracle: each of them has to be found out in some world.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bench::oracle::{Oracle, Slip};

use crate::enumerate::explore;
use crate::judge::{Judge, TheOracle};
use crate::trace::{Answer, Event, Hazard};
use crate::world::World;
use crate::worlds;

/// The whole oracle, with an eye on those with a slip that say something else.
struct Watch {
    open: Mutex<BTreeMap<Slip, Option<(Vec<Event>, String)>>>,
}

impl Watch {
    fn look<T: PartialEq + std::fmt::Debug>(&self, trace: &[Event], right: &T, says: impl Fn(Slip) -> T) {
        let open: Vec<Slip> =
            self.open.lock().unwrap().iter().filter(|(_, found)| found.is_none()).map(|(slip, _)| *slip).collect();
        for slip in open {
            let wrong = says(slip);
            if wrong != *right {
                let text = format!("right = {right:?}, wrong = {wrong:?}");
                self.open.lock().unwrap().insert(slip, Some((trace.to_vec(), text)));
            }
        }
    }
}

impl Judge for Watch {
    fn accepts(&self, world: &World, trace: &[Event]) -> Vec<Answer> {
        let right = TheOracle(Oracle::new).accepts(world, trace);
        self.look(trace, &right, |slip| TheOracle(move |s| Oracle::with_slip(s, slip)).accepts(world, trace));
        right
    }

    fn blames(&self, world: &World, trace: &[Event]) -> Option<Hazard> {
        let right = TheOracle(Oracle::new).blames(world, trace);
        self.look(trace, &right, |slip| TheOracle(move |s| Oracle::with_slip(s, slip)).blames(world, trace));
        right
    }
}

#[test]
#[ignore = "discovery"]
fn where_slips_show() {
    let only = std::env::var("WORLD").unwrap_or_default();
    let depths: usize = std::env::var("DEPTH").ok().and_then(|depth| depth.parse().ok()).unwrap_or(4);
    let wanted = std::env::var("SLIPS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    let mut open: Vec<Slip> = Slip::ALL
        .iter()
        .copied()
        .filter(|slip| wanted.is_empty() || wanted.contains(&format!("{slip:?}").as_str()))
        .collect();
    for depth in 1..=depths {
        for world in worlds::all().iter().filter(|world| world.name.contains(&only)) {
            let watch = Watch { open: Mutex::new(open.iter().map(|slip| (*slip, None)).collect()) };
            explore(world, depth, &TheOracle(Oracle::new), &watch);
            for (slip, found) in watch.open.into_inner().unwrap() {
                if let Some((trace, text)) = found {
                    open.retain(|of| *of != slip);
                    crate::say(&format!(
                        "(Slip::{slip:?}, {:?}, {depth}), // {text} {}",
                        world.name,
                        crate::difference::lines(world, &trace).replace('\n', ";")
                    ));
                }
            }
        }
    }
    crate::say(&format!("not found: {open:?}"));
}
