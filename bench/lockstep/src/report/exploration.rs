// SPDX-License-Identifier: Apache-2.0
//! What an exploration came to, for people and for programs.

use std::path::PathBuf;

use oracle::{Coverage, by_group};
use serde_json::json as object;

use super::table::{bold, number, table};
use crate::explore::Count;

/// Something that was found.
#[derive(Clone, Debug)]
pub struct Explored {
    /// What
    pub what: String,
    /// Section of the specification
    pub section: Option<String>,
    /// The scenario that shows it
    pub file: PathBuf,
    /// The command that plays it
    pub command: String,
    /// How many programs showed it
    pub programs: u64,
    /// How many had been played on that device when the first one did
    pub after: u64,
    /// Steps of the scenario, if it was made small
    pub steps: Option<usize>,
    /// Runs that making it small took
    pub shrink_runs: u64,
    /// … and seconds
    pub shrink_seconds: f64,
}

/// What an exploration came to.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// The device under test
    pub device: String,
    /// Base seed
    pub seed: u64,
    /// How many programs
    pub count: Count,
    /// How many of them are kept
    pub corpus: usize,
    /// What was reached on the model
    pub on_model: Coverage,
    /// … on the device
    pub on_device: Coverage,
    /// What was found
    pub found: Vec<Explored>,
    /// How long the hunt took; of no meaning for the result
    pub seconds: f64,
}

/// For people.
pub fn exploration_table(exploration: &Exploration, colours: bool) -> String {
    let mut text = String::new();
    let Count { drawn, dropped, gave_up, on_model, on_device } = exploration.count;
    text.push_str(&format!(
        "{drawn} programs in {:.0} s: {on_model} runs on the model (software gave up in {gave_up}), {on_device} on {}; \
         {dropped} were not played; {} are kept\n",
        exploration.seconds, exploration.device, exploration.corpus
    ));
    let mut cells = table(colours);
    cells.set_header(["coverage", "cells", "on the model", "on the device"].map(|title| bold(title, colours)));
    for ((group, all, model), (_, _, device)) in
        by_group(&exploration.on_model).iter().zip(by_group(&exploration.on_device))
    {
        let row = vec![group.name.into(), number(*all as u64), number(*model as u64), number(device as u64)];
        cells.add_row(row);
    }
    text.push_str(&format!("{cells}\n"));
    if exploration.found.is_empty() {
        text.push_str("nothing was found\n");
        return text;
    }
    let mut found = table(colours);
    let titles = ["found", "programs", "first after", "steps", "runs for it", "scenario"];
    found.set_header(titles.map(|title| bold(title, colours)));
    for one in &exploration.found {
        found.add_row(vec![
            one.what.clone().into(),
            number(one.programs),
            number(one.after),
            one.steps.map_or_else(|| "not small".into(), |steps| number(steps as u64)),
            number(one.shrink_runs),
            one.file.display().to_string().into(),
        ]);
    }
    text + &format!("{found}\n")
}

/// For programs. Everything that depends on the machine is in `times`.
pub fn exploration_json(exploration: &Exploration) -> String {
    let one = |one: &Explored| {
        object!({
            "what": one.what,
            "section": one.section,
            "file": one.file,
            "reproduce": one.command,
            "programs": one.programs,
            "after": one.after,
            "steps": one.steps,
            "shrink_runs": one.shrink_runs,
        })
    };
    let document = object!({
        "device": exploration.device,
        "seed": exploration.seed,
        "count": exploration.count,
        "corpus": exploration.corpus,
        "coverage": { "model": exploration.on_model, "device": exploration.on_device },
        "found": exploration.found.iter().map(one).collect::<Vec<_>>(),
        "times": {
            "hunt_seconds": exploration.seconds,
            "shrink_seconds": exploration.found.iter().map(|one| one.shrink_seconds).collect::<Vec<_>>(),
        },
    });
    format!("{document:#}\n")
}
