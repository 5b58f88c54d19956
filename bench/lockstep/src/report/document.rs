// SPDX-License-Identifier: Apache-2.0
//! What the JSON of results holds, as it is written and as it is read back. `docs/results.schema.json` is made of these
//! types, and `docs/results.md` says what of them is stable.

use std::borrow::Cow;
use std::collections::BTreeMap;

use oracle::Kind;
use scenario::Requirement;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::result::{Part, Report};
use super::since::Since;
use super::table::rate;
use crate::runner::{RunReport, Verdict};
use crate::waivers::WaiverUse;

/// The number of this format: another one where a reader of this one would go wrong.
pub(super) const FORMAT: u32 = 1;

/// What the schema of this format is called. It is a name and leads nowhere, so that no program looks for it.
pub(super) const SCHEMA: &str = "urn:lockstep:results:1";

/// What `lockstep run --json` writes. Without `times`, two regressions with the same seed and device give the same
/// document, whatever `-j` was. A reader should go past keys that it does not know: new ones may come
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Results")]
pub(super) struct Document<'a> {
    /// The number of the format; a program should refuse one that it does not know
    #[schemars(extend("const" = FORMAT))]
    pub format: u32,
    /// The name of the schema
    #[serde(default)]
    #[schemars(extend("const" = SCHEMA))]
    pub schema: String,
    /// Version of lockstep that wrote it
    #[serde(default)]
    pub lockstep: String,
    /// The device under test: `model`, or the name of the description of an RTL
    pub device: Cow<'a, str>,
    /// What the seeds of runs are made of
    pub base_seed: u64,
    /// What it came of
    #[serde(default)]
    pub origin: Cow<'a, Origin>,
    /// What is new since other results; null if there were none to compare with
    pub since: Option<Cow<'a, Since>>,
    /// How it went
    #[serde(default)]
    pub summary: Summary,
    /// Kinds of failure, those of most runs first
    #[serde(skip_deserializing)]
    pub kinds: Vec<KindOfFailure>,
    /// The file of waivers, if one was used
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waivers_file: Option<Cow<'a, str>>,
    /// What became of each waiver
    #[serde(default)]
    pub waivers: Cow<'a, [WaiverUse]>,
    /// Runs in order: scenario, variant, seed
    pub runs: Cow<'a, [RunReport]>,
    /// Which part of a regression it is, if it is one
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<Cow<'a, Part>>,
    /// All that depends on the machine or the day
    #[serde(default)]
    pub times: WallTimes,
}

/// How it went
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Summary {
    /// Runs that were played, or that could not be
    #[serde(skip_deserializing)]
    runs: usize,
    /// How many of them passed
    #[serde(skip_deserializing)]
    passed: usize,
    /// How many of them did not
    #[serde(skip_deserializing)]
    failed: usize,
    /// Runs that were not finished, since the user interrupted
    #[serde(default)]
    pub interrupted: usize,
    /// Runs that did not show what they need not show on every device
    #[serde(skip_deserializing)]
    not_shown: usize,
    /// Runs that were not played since the device lacks this, and nothing is left that it could play
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "$ref": "#/$defs/Requirement" }))]
    pub left_out: BTreeMap<Requirement, usize>,
    /// Runs that the model played in place of the device
    #[serde(skip_deserializing)]
    stood_in_by_model: StandIns,
    /// What `lockstep` exited with; README.md says what it means
    #[serde(skip_deserializing)]
    exit_code: u8,
    /// Runs by verdict
    #[serde(skip_deserializing)]
    #[schemars(extend("propertyNames" = { "$ref": "#/$defs/Verdict" }))]
    verdicts: BTreeMap<Verdict, usize>,
}

/// Runs that the model played in place of the device
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct StandIns {
    /// How many
    runs: usize,
    /// How many of them passed
    passed: usize,
    /// How many there are for each feature that the device lacks
    #[schemars(extend("propertyNames" = { "$ref": "#/$defs/Requirement" }))]
    lacking: BTreeMap<Requirement, usize>,
}

/// Failures of one kind
#[derive(Serialize, JsonSchema)]
pub(super) struct KindOfFailure {
    /// In words, without addresses, names and numbers
    pub what: String,
    /// How its runs are judged
    pub verdict: Verdict,
    /// The kind of what was found; null if nothing was found but that the run failed
    pub kind: Option<Kind>,
    /// Section of the specification that says what is right
    pub section: Option<String>,
    /// In how many runs it is
    pub runs: usize,
    /// In how many scenarios
    pub scenarios: usize,
    /// The run that showed it soonest
    pub smallest: Smallest,
}

/// The run that showed a kind of failure soonest
#[derive(Serialize, JsonSchema)]
pub(super) struct Smallest {
    /// Its name
    pub id: String,
    /// In which cycle
    pub cycle: u64,
    /// The command that plays it again
    pub reproduce: String,
}

/// All that depends on the machine or the day, in seconds on the wall clock
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct WallTimes {
    /// Building and loading the device
    #[serde(default)]
    pub build_seconds: f64,
    /// Playing all runs
    #[serde(default)]
    pub play_seconds: f64,
    /// In the order of `runs`
    #[serde(default)]
    pub runs: Vec<RunTime>,
}

/// What a run took
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct RunTime {
    /// Its name
    #[serde(skip_deserializing)]
    id: String,
    /// How long the machine ran
    pub seconds: f64,
    /// Cycles of the device in a second
    #[serde(skip_deserializing)]
    cycles_per_second: f64,
}

impl<'a> Document<'a> {
    /// A report as a document, with what failed by its kinds.
    pub(super) fn of(report: &'a Report, kinds: Vec<KindOfFailure>) -> Document<'a> {
        Document {
            format: FORMAT,
            schema: SCHEMA.to_owned(),
            lockstep: env!("CARGO_PKG_VERSION").to_owned(),
            device: Cow::Borrowed(&report.device),
            base_seed: report.base_seed,
            origin: Cow::Borrowed(&report.origin),
            since: report.since.as_ref().map(Cow::Borrowed),
            summary: Summary::of(report),
            kinds,
            waivers_file: report.waivers_file.as_deref().map(Cow::Borrowed),
            waivers: Cow::Borrowed(&report.waivers),
            runs: Cow::Borrowed(&report.runs),
            shard: report.part.as_ref().map(Cow::Borrowed),
            times: WallTimes::of(report),
        }
    }
}

impl Summary {
    fn of(report: &Report) -> Summary {
        let count = |verdict| report.runs.iter().filter(|run| run.verdict == verdict).count();
        let stand_ins = report.stand_ins();
        Summary {
            runs: report.runs.len(),
            passed: report.passed(),
            failed: report.runs.len() - report.passed(),
            interrupted: report.interrupted,
            not_shown: report.runs.iter().filter(|run| run.not_shown.is_some()).count(),
            left_out: report.left_out.clone(),
            stood_in_by_model: StandIns {
                runs: stand_ins.len(),
                passed: stand_ins.iter().filter(|run| run.passed).count(),
                lacking: report.lacking(),
            },
            exit_code: report.exit_code() as u8,
            verdicts: Verdict::ALL.into_iter().map(|verdict| (verdict, count(verdict))).collect(),
        }
    }
}

impl WallTimes {
    fn of(report: &Report) -> WallTimes {
        let time = |run: &RunReport| RunTime {
            id: run.id.clone(),
            seconds: run.seconds,
            cycles_per_second: rate(run.figures.cycles, run.seconds),
        };
        WallTimes {
            build_seconds: report.times.build.as_secs_f64(),
            play_seconds: report.times.play.as_secs_f64(),
            runs: report.runs.iter().map(time).collect(),
        }
    }
}
