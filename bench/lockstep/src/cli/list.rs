// SPDX-License-Identifier: Apache-2.0
//! `lockstep list`: what there is, and what would run.

use std::path::PathBuf;

use scenario::{Policy, Requirement, Variant};
use schemars::JsonSchema;
use serde::Serialize;

use super::output;
use crate::report::{self, ExitCode};
use crate::runner::Selected;

/// How scenarios are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A line for each variant
    Lines,
    /// And a description for each scenario
    Long,
    /// One JSON document
    Json,
}

/// Lists scenarios. `policy`: without the variants of another one; `seeds`: of each scenario, instead of its own.
pub fn scenarios(selected: &[Selected], policy: Option<Policy>, seeds: Option<u32>, how: How) -> ExitCode {
    let is_wanted = |variant: &&Variant| {
        let own = variant.get("policy");
        policy.zip(own).is_none_or(|(wanted, own)| wanted.name() == own)
    };
    let (mut text, mut all) = (String::new(), Vec::new());
    for one in selected {
        for (number, variant) in one.variants.iter().filter(is_wanted).enumerate() {
            match how {
                How::Json => all.push(document(one, variant, seeds)),
                How::Lines | How::Long => text += &line(one, variant, seeds),
            }
            if how == How::Long && number == 0 {
                let description = one.loaded.scenario.description.as_str();
                text.extend(description.lines().map(|line| format!("    {}\n", line.trim())));
            }
        }
    }
    let is_empty = text.is_empty() && all.is_empty();
    if how == How::Json {
        // By way of a value, whose keys stand in alphabetical order.
        let all = serde_json::to_value(&all).unwrap_or_default();
        text = serde_json::to_string_pretty(&all).unwrap_or_default() + "\n";
    }
    output::stdout(&text);
    if is_empty { ExitCode::Nothing } else { ExitCode::Passed }
}

fn line(one: &Selected, variant: &Variant, seeds: Option<u32>) -> String {
    let scenario = &one.loaded.scenario;
    let tags: String = scenario.tags.iter().map(|tag| format!(" @{tag}")).collect();
    let needs: Vec<&str> = scenario.requires.iter().map(|needed| needed.name()).collect();
    let needs = if needs.is_empty() { String::new() } else { format!("  requires {}", needs.join(", ")) };
    let seeds = seeds.unwrap_or(scenario.seeds.value);
    let noun = if seeds == 1 { "seed" } else { "seeds" };
    format!("{}{variant}  {seeds} {noun}{tags}{needs}\n", scenario.name)
}

/// A variant of a scenario
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Variant")]
struct Listed {
    /// What selects it: `name[axis=value]`
    selector: String,
    /// Name of the scenario
    scenario: String,
    /// `[axis=value]`, or nothing
    variant: String,
    /// Description of the scenario
    description: String,
    /// The file that the scenario is in
    file: PathBuf,
    /// Its tags
    tags: Vec<String>,
    /// With how many seeds it is played
    seeds: u32,
    /// What an IOMMU must have, as the scenario says
    requires: Vec<Requirement>,
}

/// The schema of what `lockstep list --json` writes.
pub fn schema() -> String {
    report::schema_of_written::<Vec<Listed>>("lockstep list", "urn:lockstep:list:1")
}

fn document(one: &Selected, variant: &Variant, seeds: Option<u32>) -> Listed {
    let scenario = &one.loaded.scenario;
    Listed {
        selector: format!("{}{variant}", scenario.name),
        scenario: scenario.name.value.clone(),
        variant: variant.to_string(),
        description: scenario.description.clone(),
        file: one.loaded.path.clone(),
        tags: scenario.tags.iter().map(|tag| tag.value.clone()).collect(),
        seeds: seeds.unwrap_or(scenario.seeds.value),
        requires: scenario.requires.iter().map(|needed| needed.value).collect(),
    }
}
