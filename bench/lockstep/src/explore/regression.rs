// SPDX-License-Identifier: Apache-2.0
//! What was found, as a scenario for a regression: named, with what it showed, and the command that plays it.

use super::bucket::Bucket;
use super::shrink::Shrunk;
use super::tree::{Tree, yaml};
use crate::runner::seed;

/// Seeds of its name that a scenario may have.
const SEEDS: u32 = 8;

/// A scenario that shows something, as a file.
pub struct Regression {
    /// Its text
    pub text: String,
    /// Seeds with which it is played so that it shows it; none: only with the seed in its head
    pub seeds: Option<u32>,
}

/// Writes a scenario that was made small. `command` plays a file with a seed, or as it is; `shows` tells whether a text
/// with a seed still shows it.
pub fn regression(
    shrunk: &Shrunk,
    name: &str,
    bucket: &Bucket,
    section: Option<&str>,
    command: impl Fn(Option<u32>) -> String,
    shows: impl Fn(&str, u32) -> bool,
) -> Regression {
    let section = section.map(|section| format!(" ({section})")).unwrap_or_default();
    let mut tree = Tree::map([("name", name.into())]);
    tree.set("description", Tree::Word(format!("Found by exploration, and made small. It shows: {bucket}{section}.")));
    for (key, value) in shrunk.tree.entries().iter().filter(|(key, _)| key != "name" && key != "description") {
        tree.set(key, value.clone());
    }
    if tree.get("expect").is_none() {
        tree.set("expect", Tree::List(vec![Tree::map([("verdict", "pass".into())])]));
    }
    let plain = yaml(&tree);
    // With seeds that follow from its name it needs no seed of its own.
    let seeds = (0..SEEDS).find(|index| shows(&plain, seed(1, name, *index))).map(|index| index + 1);
    if let Some(seeds) = seeds.filter(|seeds| *seeds > 1) {
        let mut entries = tree.entries().to_vec();
        entries.insert(2, ("seeds".to_owned(), u64::from(seeds).into()));
        tree = Tree::Map(entries);
    }
    let command = command(if seeds.is_some() { None } else { Some(shrunk.seed) });
    Regression { text: format!("# {command}\n{}", yaml(&tree)), seeds }
}
