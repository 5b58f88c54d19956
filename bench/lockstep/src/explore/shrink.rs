// SPDX-License-Identifier: Apache-2.0
//! Making a scenario small: whatever can be left out or made simpler, so that it still shows what it showed.

mod edit;
mod simpler;

use std::collections::HashSet;

use super::tree::{Tree, yaml};
use edit::{edits, weight};

/// Seeds that are tried in place of one that was drawn.
const SEEDS: std::ops::RangeInclusive<u32> = 1..=8;

/// A scenario that was made small.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The scenario
    pub tree: Tree,
    /// The seed with which it shows it
    pub seed: u32,
    /// How many smaller ones were played
    pub played: u64,
    /// Nothing more can be left out; otherwise the number of runs was over
    pub is_smallest: bool,
}

impl Shrunk {
    /// How many steps it has, those of operations and repetitions included.
    pub fn steps(&self) -> usize {
        self.tree.get("steps").map_or(0, count)
    }
}

/// Steps of a list, and of the lists in it.
fn count(steps: &Tree) -> usize {
    let inner = |step: &Tree| {
        let [(key, value)] = step.entries() else { return 1 };
        match key.as_str() {
            "operation" | "repeat" => value.get("steps").map_or(1, count),
            "parallel" => value.list().iter().map(count).sum(),
            _ => 1,
        }
    };
    steps.list().iter().map(inner).sum()
}

/// What tells whether a scenario still shows it.
pub trait Judge {
    /// It can be played: it has no mistakes, and the device has what it needs.
    fn can(&self, tree: &Tree) -> bool;
    /// Which of these show it. None: the user wants to stop.
    fn shows(&self, candidates: &[(Tree, u32)]) -> Option<Vec<bool>>;
}

/// Makes a scenario small that shows something with this seed. At most `most` runs are played, `width` at a time; the result
/// does not depend on `width`.
pub fn shrink(tree: Tree, seed: u32, most: u64, width: usize, judge: &impl Judge) -> Shrunk {
    let mut now = Shrunk { tree, seed, played: 0, is_smallest: false };
    let mut tried: HashSet<String> = HashSet::new();
    loop {
        let before = weight(&now.tree);
        if !pass(&mut now, &mut tried, most, width, judge) {
            return now;
        }
        if weight(&now.tree) == before {
            break;
        }
    }
    now.is_smallest = true;
    if !SEEDS.contains(&now.seed) {
        let others: Vec<(Tree, u32)> = SEEDS.map(|seed| (now.tree.clone(), seed)).collect();
        now.played += others.len() as u64;
        if let Some(shows) = judge.shows(&others)
            && let Some(at) = shows.iter().position(|shows| *shows)
        {
            now.seed = others[at].1;
        }
    }
    now
}

/// Tries each way to make it smaller once. False if the runs are used up, or the user wants to stop.
fn pass(now: &mut Shrunk, tried: &mut HashSet<String>, most: u64, width: usize, judge: &impl Judge) -> bool {
    let mut at = 0;
    let mut all = edits(&now.tree);
    while at < all.len() {
        let heavy = weight(&now.tree);
        let mut batch: Vec<(usize, Tree)> = Vec::new();
        let mut next = at;
        while next < all.len() && batch.len() < width.max(1) {
            if let Some(smaller) = all[next].apply(&now.tree)
                && weight(&smaller) < heavy
                && tried.insert(yaml(&smaller))
                && judge.can(&smaller)
            {
                batch.push((next, smaller));
            }
            next += 1;
        }
        if batch.is_empty() {
            return true;
        }
        let candidates: Vec<(Tree, u32)> = batch.iter().map(|(_, tree)| (tree.clone(), now.seed)).collect();
        let Some(shows) = judge.shows(&candidates) else { return false };
        match shows.iter().position(|shows| *shows) {
            Some(first) => {
                // What was tried beside it is a candidate again: the tree is another one.
                now.played += first as u64 + 1;
                let (place, smaller) = batch.swap_remove(first);
                now.tree = smaller;
                all = edits(&now.tree);
                at = place.min(all.len());
            }
            None => {
                now.played += batch.len() as u64;
                at = next;
            }
        }
        if now.played >= most {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Judge, Shrunk, shrink};
    use crate::explore::{Tree, yaml};

    /// A scenario shows it if it detaches `nic` and reads behind that.
    struct Detaches;

    impl Judge for Detaches {
        fn can(&self, tree: &Tree) -> bool {
            scenario::parse("a.yaml", &yaml(tree)).is_ok()
        }
        fn shows(&self, candidates: &[(Tree, u32)]) -> Option<Vec<bool>> {
            let shows = |(tree, _): &(Tree, u32)| {
                let text = yaml(tree);
                text.find("detach").is_some_and(|at| text[at..].contains("read:"))
            };
            Some(candidates.iter().map(shows).collect())
        }
    }

    fn shrunk(width: usize) -> Shrunk {
        let text = "name: a.b\nmemory: { page-tables: { latency: 5..60, stall: 60 } }\n\
            domains:\n  red: { kind: paging, mode: sv48, map: [{ iova: 0x1000_0000, pages: 8 }] }\n  \
            host: { kind: paging, nest-parent: true, map: [] }\n\
            devices:\n  nic: { id: 0x12, domain: red }\n  gpu: { id: 0x13, domain: red }\n\
            steps:\n  - stream: { name: s1, device: gpu, range: { iova: 0x1000_0000, size: 32K } }\n  \
            - repeat: { times: 3, steps: [{ wait: 10..60 }, { detach: { device: nic } }, { attach: { device: nic, domain: red } }] }\n  \
            - operation: { name: own, steps: [{ set-pte: { domain: red, iova: 0x1000_0000, valid: false } }, fence] }\n  \
            - dma: { device: gpu, read: 0x1000_0040, bytes: 64 }\n  - stop: s1\n";
        let tree: Tree = serde_yaml::from_str(text).expect("YAML");
        shrink(tree, 77, 10_000, width, &Detaches)
    }

    #[test]
    fn what_is_not_needed_goes() {
        let small = shrunk(4);
        assert!(small.is_smallest);
        assert_eq!((small.steps(), small.seed), (2, 1));
        insta::assert_snapshot!(yaml(&small.tree));
    }

    #[test]
    fn how_many_are_tried_at_a_time_does_not_matter() {
        let (one, many) = (shrunk(1), shrunk(16));
        assert_eq!(yaml(&one.tree), yaml(&many.tree));
    }
}
