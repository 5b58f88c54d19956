// SPDX-License-Identifier: Apache-2.0
//! Making findings small: whatever still shows the same on the same device counts.

use std::sync::atomic::Ordering;

use oracle::Finding;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::bucket::Bucket;
use super::play::{Playable, Player};
use super::regression::{Regression, regression};
use super::shrink::{Judge, Shrunk, shrink};
use super::tree::{Tree, yaml};
use crate::runner::{Device, RunReport};

/// Looks for one thing in runs on a device.
pub struct Looking<'a> {
    /// What plays them
    pub player: &'a Player<'a>,
    /// On which device
    pub device: &'a Device,
    /// What is looked for
    pub bucket: &'a Bucket,
    /// Runs at a time
    pub threads: &'a ThreadPool,
}

impl Looking<'_> {
    fn run(&self, text: &str, seed: u32) -> Option<RunReport> {
        let playable = Playable::new(text.to_owned(), seed, self.device)?;
        self.player.play(&playable, self.device)
    }

    /// A scenario with this seed shows it.
    pub fn is_in(&self, text: &str, seed: u32) -> bool {
        self.run(text, seed).is_some_and(|run| Bucket::all_of(&run).contains(self.bucket))
    }
}

impl Judge for Looking<'_> {
    fn can(&self, tree: &Tree) -> bool {
        Playable::new(yaml(tree), 1, self.device).is_some()
    }

    fn shows(&self, candidates: &[(Tree, u32)]) -> Option<Vec<bool>> {
        let shows: Vec<bool> = self.threads.install(|| {
            candidates.par_iter().with_max_len(1).map(|(tree, seed)| self.is_in(&yaml(tree), *seed)).collect()
        });
        (!self.player.stop.load(Ordering::Relaxed)).then_some(shows)
    }
}

/// A finding that was made small.
pub struct Small {
    /// As a file
    pub regression: Regression,
    /// How it came to be so small
    pub shrunk: Shrunk,
}

impl Small {
    /// The seed that the file needs, if those that follow from its name do not show it.
    pub fn seed(&self) -> Option<u32> {
        self.regression.seeds.is_none().then_some(self.shrunk.seed)
    }
}

/// Makes a scenario small that shows it with this seed, in at most so many runs.
pub fn make_small(
    looking: &Looking<'_>,
    tree: Tree,
    seed: u32,
    most: u64,
    name: &str,
    finding: Option<&Finding>,
    command: impl Fn(Option<u32>) -> String,
) -> Small {
    let mut tree = tree;
    tree.set("name", name);
    let width = looking.threads.current_num_threads();
    let shrunk = shrink(tree, seed, most, width, looking);
    let section = finding.map(|finding| finding.section.as_str());
    let shows = |text: &str, seed: u32| looking.is_in(text, seed);
    let regression = regression(&shrunk, name, looking.bucket, section, command, shows);
    Small { regression, shrunk }
}
