// SPDX-License-Identifier: Apache-2.0
//! A file of waivers.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use oracle::{Lenience, Pattern, Rule};
use scenario::{At, Diagnostics, Problem, from_yaml};
use schemars::JsonSchema;
use serde::Deserialize;

/// A known divergence, and where it is waived.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiver {
    /// What it is recognized by
    pub pattern: Pattern,
    /// Names of scenarios, or beginnings of names up to a dot; none: all
    pub scenarios: Vec<String>,
    /// Seeds of runs; none: all
    pub seeds: Vec<u32>,
    /// Why it is waived
    pub reason: String,
    /// Where more is said
    pub link: Option<String>,
    /// The last day on which it holds
    pub until: Option<NaiveDate>,
    /// Where it stands in its file, from 1
    pub line: usize,
}

/// A file of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waivers {
    /// The file
    pub path: PathBuf,
    /// In its order
    pub all: Vec<Waiver>,
}

/// Why waivers cannot be had from a file or a text.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It has mistakes
    #[error("{0}")]
    Wrong(Box<Diagnostics>),
    /// It cannot be read
    #[error("cannot read {path}: {error}", path = .path.display())]
    Unreadable {
        /// Which
        path: PathBuf,
        /// Why
        error: std::io::Error,
    },
}

impl ReadError {
    /// A line for each mistake, with its file, line and column: for logs that have no room for a picture of the place.
    pub fn lines(&self) -> String {
        let ReadError::Wrong(diagnostics) = self else { return self.to_string() };
        diagnostics.lines()
    }
}

/// What is known to be wrong with a device: runs go past it
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Waivers")]
struct File {
    /// Known divergences
    #[serde(default)]
    waivers: Vec<Entry>,
}

/// A known divergence. `*` in `rule`, `detail`, `structure` and `command` stands for any text; a key that is not there fits
/// anything
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Waiver")]
struct Entry {
    /// Which rule was broken, as reports name it: `translation`, `fault-record`, `register` …
    rule: At<String>,
    /// What differs, without addresses and names
    detail: Option<String>,
    /// The structure whose value led to it, where one is known: `first-stage-pte`, `device-context`, `table-root`
    structure: Option<String>,
    /// The command that had struck that value, or `V=0` where it may not be kept at all
    command: Option<String>,
    /// Where it is waived: names of scenarios, or their beginnings up to a dot; default: everywhere
    #[serde(default)]
    scenarios: Vec<String>,
    /// In which runs; default: in all
    #[serde(default)]
    seeds: Vec<scenario::Number>,
    /// Why
    reason: At<String>,
    /// Where more is said
    link: Option<String>,
    /// The last day on which it holds: `2027-03-31`
    until: Option<At<String>>,
}

/// The JSON schema of a file of waivers, with a newline at its end.
pub fn schema() -> String {
    scenario::schema_of::<File>("lockstep waivers")
}

/// Today, by the clock of this machine.
pub fn today() -> NaiveDate {
    chrono::Local::now().date_naive()
}

impl Waiver {
    /// It holds no longer on this day.
    pub fn is_expired(&self, day: NaiveDate) -> bool {
        self.until.is_some_and(|until| day > until)
    }

    fn concerns(&self, scenario: &str, seed: u32) -> bool {
        let is_it = |name: &String| {
            scenario.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        (self.scenarios.is_empty() || self.scenarios.iter().any(is_it))
            && (self.seeds.is_empty() || self.seeds.contains(&seed))
    }
}

impl Waivers {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ReadError`]: it cannot be read, or has mistakes, each with its place.
    pub fn read(path: &Path) -> Result<Waivers, ReadError> {
        let unreadable = |error| ReadError::Unreadable { path: path.to_owned(), error };
        Waivers::parse(path, &std::fs::read_to_string(path).map_err(unreadable)?)
    }

    /// The same from the text of a file; `path` is only used to name it.
    ///
    /// # Errors
    /// [`ReadError::Wrong`]
    pub fn parse(path: &Path, text: &str) -> Result<Waivers, ReadError> {
        let all = parse(&path.display().to_string(), text).map_err(|wrong| ReadError::Wrong(Box::new(wrong)))?;
        Ok(Waivers { path: path.to_owned(), all })
    }

    /// Those that a run of a scenario with a seed may use on this day, by their places.
    pub fn for_run(&self, scenario: &str, seed: u32, day: NaiveDate) -> Vec<usize> {
        self.places(|waiver| !waiver.is_expired(day) && waiver.concerns(scenario, seed))
    }

    /// Those that the judgement of a trace may use on this day, by their places. A trace is of no scenario and of no seed,
    /// so it does not matter which of them a waiver names.
    pub fn for_trace(&self, day: NaiveDate) -> Vec<usize> {
        self.places(|waiver| !waiver.is_expired(day))
    }

    fn places(&self, holds: impl Fn(&Waiver) -> bool) -> Vec<usize> {
        self.all.iter().enumerate().filter(|(_, waiver)| holds(waiver)).map(|(at, _)| at).collect()
    }

    /// How far an oracle goes on with the waivers at these places, and past so many other kinds. The oracle names a waiver
    /// by its place among these.
    pub fn lenience(&self, places: &[usize], keep_going: usize) -> Lenience {
        let waived = places.iter().filter_map(|&at| self.all.get(at)).map(|waiver| waiver.pattern.clone()).collect();
        Lenience { waived, keep_going }
    }
}

fn parse(path: &str, text: &str) -> Result<Vec<Waiver>, Diagnostics> {
    let file: File = from_yaml(path, text)?;
    let mut problems = Vec::new();
    let (mut all, mut unreasoned) = (Vec::new(), Vec::new());
    for entry in file.waivers {
        let Entry { rule, detail, structure, command, scenarios, seeds, reason, link, until } = entry;
        let is_rule = |key: &str| Rule::OF_DEVICES.iter().any(|rule| rule.key() == key);
        if !rule.contains('*') && !is_rule(&rule.value) {
            let message = format!("there is no rule `{rule}`");
            let known = Rule::OF_DEVICES.iter().map(|rule| rule.key());
            problems.push(Problem::new(rule.place, message, "not a rule").suggest(&rule.value, known));
        }
        if reason.trim().is_empty() {
            unreasoned.push(reason.place);
        }
        let until = until.and_then(|until| match until.value.parse::<NaiveDate>() {
            Ok(day) => Some(day),
            Err(_) => {
                let message = format!("`{until}` is no day");
                problems.push(Problem::new(until.place, message, "not a day").help("write it as 2027-01-31"));
                None
            }
        });
        let seeds = seeds.iter().filter_map(|seed| match u32::try_from(seed.0) {
            Ok(seed) => Some(seed),
            Err(_) => {
                let message = format!("{:#x} is no seed of a run", seed.0);
                problems.push(Problem::new(rule.place, message, "in this waiver").help("a seed has 32 bits"));
                None
            }
        });
        let seeds = seeds.collect();
        let line = text[..rule.place.offset.min(text.len())].lines().count().max(1);
        let pattern = Pattern { rule: rule.value, detail, structure, command };
        all.push(Waiver { pattern, scenarios, seeds, reason: reason.value, link, until, line });
    }
    // A file that `lockstep waive` has just written has none at all: that is one thing to say.
    let count = unreasoned.len();
    if let Some(place) = unreasoned.into_iter().next() {
        let what = match count {
            1 => "a waiver without a reason".to_owned(),
            _ => format!("{count} waivers without a reason, this one first"),
        };
        let help = "say why each is waived, so that somebody can take the waiver away again";
        problems.push(Problem::new(place, what, "nothing here").help(help));
    }
    if problems.is_empty() { Ok(all) } else { Err(Diagnostics::new(path, text, problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse("w.yaml", text).expect_err("a mistake").render(false)
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_waiver_says_what_where_why_and_until_when() {
        let text = "waivers:\n  - rule: translation\n    structure: first-*\n    command: IOTINVAL.VMA\n    \
                    scenarios: [nested]\n    seeds: [0x12]\n    reason: known\n    link: https://example.org/7\n    \
                    until: 2027-01-31\n  - { rule: register, detail: cqh, reason: \"see 8\" }\n";
        let all = parse("w.yaml", text).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert_eq!((all.len(), all[0].line, all[1].line), (2, 2, 10));
        assert_eq!(all[0].pattern.structure.as_deref(), Some("first-*"));
        assert_eq!((all[0].seeds.as_slice(), all[0].until), (&[0x12][..], Some(day("2027-01-31"))));
        assert!(!all[0].is_expired(day("2027-01-31")) && all[0].is_expired(day("2027-02-01")));
        assert!(!all[1].is_expired(day("2099-01-01")));
        assert!(parse("w.yaml", "waivers: []\n").is_ok());
    }

    #[test]
    fn mistakes_have_a_place_and_a_suggestion() {
        let told = wrong("waivers:\n  - rule: transaltion\n    reason: x\n");
        assert!(
            told.contains("there is no rule `transaltion`") && told.contains("did you mean `translation`?"),
            "{told}"
        );
        let told = wrong("waivers:\n  - rule: register\n    reason: \" \"\n    until: soon\n");
        assert!(told.contains("without a reason") && told.contains("`soon` is no day"), "{told}");
        let told = wrong("waivers:\n  - rule: register\n");
        assert!(told.contains("`reason` is missing"), "{told}");
        let told = wrong("waivers:\n  - rule: register\n    reason: ''\n  - rule: fence-*\n    reason: ''\n");
        assert!(told.contains("2 waivers without a reason, this one first") && told.contains("w.yaml:3:13"), "{told}");
        let told = wrong("waivers:\n  - rule: register\n    reson: x\n");
        assert!(told.contains("did you mean `reason`?"), "{told}");
    }

    #[test]
    fn a_mistake_is_a_line_where_there_is_no_room_for_more() {
        let wrong = Waivers::parse(Path::new("w.yaml"), "waivers:\n  - rule: transaltion\n    reason: x\n");
        let said = wrong.expect_err("a mistake").lines();
        assert_eq!(said, "w.yaml:2:11: there is no rule `transaltion`; did you mean `translation`?");
        let missing = Waivers::read(Path::new("no/such.yaml")).expect_err("it is not there").lines();
        assert!(missing.starts_with("cannot read no/such.yaml: "), "{missing}");
    }

    #[test]
    fn a_trace_is_of_no_scenario_so_any_waiver_may_be_used_in_it() {
        let text = "waivers:\n  - { rule: register, reason: x, until: 2020-01-01 }\n  \
                    - { rule: fence-write, reason: x, scenarios: [nested], seeds: [7] }\n";
        let waivers = Waivers::parse(Path::new("w.yaml"), text).unwrap_or_else(|wrong| panic!("{wrong}"));
        let day = day("2026-01-01");
        assert_eq!((waivers.for_trace(day), waivers.for_run("nested.a", 7, day)), (vec![1], vec![1]));
        assert_eq!((waivers.for_run("nested.a", 8, day), waivers.for_run("plain", 7, day)), (vec![], vec![]));
        let lenience = waivers.lenience(&[1], 3);
        assert_eq!((lenience.waived[0].rule.as_str(), lenience.keep_going), ("fence-write", 3));
    }
}
