// SPDX-License-Identifier: Apache-2.0
//! What became of each waiver.

use chrono::NaiveDate;
use oracle::Pattern;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::file::{Waiver, Waivers};

/// What became of a waiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Something fell under it.
    Used,
    /// Nothing did, although it held.
    Unused,
    /// Its last day is over: it did not hold.
    Expired,
}

/// A waiver, and how often it was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverUse {
    /// What it says
    #[serde(serialize_with = "shown", deserialize_with = "read_back")]
    #[schemars(with = "Shown")]
    pub waiver: Waiver,
    /// What became of it
    pub state: State,
    /// In how many runs something fell under it
    pub runs: usize,
    /// How often, over all runs
    pub count: u64,
}

impl WaiverUse {
    /// A line for people: what became of it, what it waives, why, and where it stands. Of one that was used, `used` says
    /// how often.
    pub fn line(&self, used: &str) -> String {
        let WaiverUse { waiver, state, .. } = self;
        let pattern = &waiver.pattern;
        let parts = [&pattern.detail, &pattern.structure, &pattern.command].into_iter().flatten();
        let what = parts.fold(pattern.rule.clone(), |text, part| text + ", " + part);
        let became = match state {
            State::Used => used.to_owned(),
            State::Unused => "unused waiver: nothing falls under it any more".to_owned(),
            State::Expired => {
                let until = waiver.until.map(|day| format!(" ({day} was its last day)")).unwrap_or_default();
                format!("expired waiver{until}: it did not hold")
            }
        };
        let link = waiver.link.as_ref().map(|link| format!(", {link}")).unwrap_or_default();
        format!("{became}: {what}: {}{link} (line {})", waiver.reason, waiver.line)
    }
}

/// A waiver as reports have it. What is null fits anything.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Waiver")]
struct Shown {
    /// Where it stands in its file, from 1
    line: usize,
    /// Which rule was broken; `*` stands for any text, here and in the next three
    rule: String,
    /// What differs
    detail: Option<String>,
    /// The structure whose value led to it
    structure: Option<String>,
    /// The command that had struck that value
    command: Option<String>,
    /// Names of scenarios, or beginnings of names up to a dot; none: all
    scenarios: Vec<String>,
    /// Seeds of runs; none: all
    seeds: Vec<u32>,
    /// Why it is waived
    reason: String,
    /// Where more is said
    link: Option<String>,
    /// The last day on which it holds, as `2027-03-31`
    until: Option<String>,
}

fn shown<S: Serializer>(waiver: &Waiver, serializer: S) -> Result<S::Ok, S::Error> {
    let Waiver { pattern, scenarios, seeds, reason, link, until, line } = waiver.clone();
    let Pattern { rule, detail, structure, command } = pattern;
    let until = until.map(|day| day.to_string());
    Shown { line, rule, detail, structure, command, scenarios, seeds, reason, link, until }.serialize(serializer)
}

fn read_back<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Waiver, D::Error> {
    let Shown { line, rule, detail, structure, command, scenarios, seeds, reason, link, until } =
        Shown::deserialize(deserializer)?;
    let until = until.map(|day| day.parse()).transpose().map_err(D::Error::custom)?;
    Ok(Waiver { pattern: Pattern { rule, detail, structure, command }, scenarios, seeds, reason, link, until, line })
}

/// A waiver was used in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Its place in [`Waivers::all`]
    pub waiver: usize,
    /// How often
    pub count: u64,
}

impl Waivers {
    /// What became of each waiver on this day, by what each run used of them.
    pub fn uses(&self, runs: &[Vec<Use>], day: NaiveDate) -> Vec<WaiverUse> {
        let of = |at: usize, waiver: &Waiver| {
            let mine = |used: &&Use| used.waiver == at;
            let in_runs = runs.iter().filter(|run| run.iter().any(|used| mine(&used))).count();
            let count = runs.iter().flatten().filter(mine).map(|used| used.count).sum();
            let state = match () {
                () if in_runs > 0 => State::Used,
                () if waiver.is_expired(day) => State::Expired,
                () => State::Unused,
            };
            WaiverUse { waiver: waiver.clone(), state, runs: in_runs, count }
        };
        self.all.iter().enumerate().map(|(at, waiver)| of(at, waiver)).collect()
    }
}
