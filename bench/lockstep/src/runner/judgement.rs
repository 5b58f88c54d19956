// SPDX-License-Identifier: Apache-2.0
//! How a run is judged: what it came to, beside what its scenario demands.

use std::fmt;

use oracle::{Blame, Coverage, Divergence, Figures, Finding};
use scenario::{Expectation, ExpectedVerdict, Limit, Requirement};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use testbench::{End, RunOutcome};

use super::broken::Mistake;
use super::job::{Planned, Reply};
use super::pool::Played;

/// How a run is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Neither device nor software did wrong.
    Pass,
    /// The device behaved, but the programming let a stale or torn value through.
    SoftwareHazard,
    /// The device did what the specification forbids, or an assertion in it failed.
    DutViolation,
    /// Software gave up: a call failed that was not expected to fail.
    SoftwareError,
    /// The device did not answer within a bound, in cycles.
    Hung,
    /// The device's own code ended the worker process.
    Crashed,
    /// The run did not end within its time on the wall clock: stopped from outside.
    TimedOut,
    /// The worker process was killed by somebody else: stopped from outside.
    Killed,
    /// The run could not be played.
    NotPlayed,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Verdict; 9] = [
        Verdict::Pass,
        Verdict::SoftwareHazard,
        Verdict::DutViolation,
        Verdict::SoftwareError,
        Verdict::Hung,
        Verdict::Crashed,
        Verdict::TimedOut,
        Verdict::Killed,
        Verdict::NotPlayed,
    ];

    /// The run was stopped from outside: nothing is known of the device.
    pub const fn is_stopped(self) -> bool {
        matches!(self, Verdict::TimedOut | Verdict::Killed)
    }

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::SoftwareHazard => "software hazard",
            Verdict::DutViolation => "DUT violation",
            Verdict::SoftwareError => "software error",
            Verdict::Hung => "hung",
            Verdict::Crashed => "crashed",
            Verdict::TimedOut => "timed out",
            Verdict::Killed => "killed",
            Verdict::NotPlayed => "not played",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something that the scenario demanded and the run did not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unmet {
    /// Which figure
    pub what: String,
    /// What was demanded
    pub wanted: String,
    /// What came
    pub got: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, got {}", self.what, self.wanted, self.got)
    }
}

/// A worker that did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crash {
    /// How it ended
    pub reason: String,
    /// What it said last
    pub stderr: String,
}

/// What a run went past, since it is waived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waived {
    /// Which waiver, as its place in the file
    pub waiver: usize,
    /// How often
    pub count: u64,
    /// The first of its kind
    pub first: Finding,
}

/// One run. All of it but `seconds` is a function of scenario, seed and device under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// `nested.s2-to-nested[policy=rfc]#2`: unique in a report
    pub id: String,
    /// Name of the scenario
    pub scenario: String,
    /// The file that the scenario is in
    #[serde(default)]
    pub file: String,
    /// The line on which it is named there, from 1; 0 in results of before that did not tell
    #[serde(default)]
    pub line: u32,
    /// `[policy=rfc]`, or nothing
    pub variant: String,
    /// Which of the seeds; nothing if the seed was given
    pub index: Option<u32>,
    /// Seed
    pub seed: u32,
    /// The driver's allocation that failed; 0: none, and the books were balanced
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_alloc: Option<u64>,
    /// What the device under test lacks: the model played in its place
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stands_in_for: Vec<Requirement>,
    /// Programming policy in force
    pub policy: String,
    /// Flush policy in force
    pub flush: String,
    /// How it is judged
    pub verdict: Verdict,
    /// It showed what the scenario demands
    pub passed: bool,
    /// What it did not show
    pub unmet: Vec<Unmet>,
    /// What a device that keeps less than others need not show: no value was used that memory no longer held
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_shown: Option<Unmet>,
    /// How it ended, if it was played
    pub end: Option<End>,
    /// Counts
    pub figures: Figures,
    /// The violation that stopped it, or the first one that it went past and that is not waived
    pub violation: Option<Finding>,
    /// What the device must not have done and the run went past, unwaived, each kind once
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub divergences: Vec<Divergence>,
    /// What it went past since it is waived
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// Figures that it did not show, which may well come of what is waived
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excused: Vec<Unmet>,
    /// The first software hazard
    pub hazard: Option<Finding>,
    /// What is wrong with the file, if it is no scenario: then nothing was played
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<Mistake>,
    /// What became of the worker, if it did not answer
    pub crash: Option<Crash>,
    /// What had ended the run before its violation was found
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed: Option<String>,
    /// What it has tried; results have it of all runs together
    #[serde(skip)]
    pub coverage: Coverage,
    /// Why its trace is not whole, if it was asked for and is not
    #[serde(skip)]
    pub unrecorded: Option<String>,
    /// The command that plays this run again
    pub reproduce: String,
    /// How long the machine ran; of no meaning for the result
    #[serde(skip)]
    pub seconds: f64,
}

impl RunReport {
    /// What the device did wrong: first what the verdict names, then the rest of what the run went past.
    pub fn violations(&self) -> impl Iterator<Item = &Finding> {
        let further = self.divergences.iter().map(|divergence| &divergence.first);
        self.violation.iter().chain(further.filter(|first| self.violation.as_ref() != Some(*first)))
    }

    /// For a device that is known to keep what it reads: what it need not show counts as not shown.
    pub fn must_show(&mut self) {
        if let Some(unmet) = self.not_shown.take() {
            self.unmet.push(unmet);
            self.passed = false;
        }
    }
}

/// What an unmet verdict is called.
const VERDICT: &str = "verdict";

/// Judges what became of a job. `reproduce` is the command that plays it again.
pub fn judge(planned: &Planned, played: Played, reproduce: String) -> RunReport {
    let job = &planned.job;
    let number = job.index.map_or_else(|| format!("@{:#010x}", job.seed), |index| format!("#{index}"));
    let failing = match job.fail_alloc {
        None => String::new(),
        Some(0) => "/balance".to_owned(),
        Some(nth) => format!("/alloc-{nth}"),
    };
    let mut report = RunReport {
        id: match planned.is_broken() {
            true => job.path.clone(),
            false => format!("{}{}{number}{failing}", job.scenario, job.variant),
        },
        scenario: job.scenario.clone(),
        file: job.path.clone(),
        line: planned.line,
        variant: job.variant.to_string(),
        index: job.index,
        seed: job.seed,
        fail_alloc: job.fail_alloc,
        stands_in_for: planned.stands_in_for.clone(),
        policy: planned.policy.name().to_owned(),
        flush: planned.flush.name().to_owned(),
        verdict: Verdict::NotPlayed,
        passed: false,
        unmet: Vec::new(),
        not_shown: None,
        end: None,
        figures: Figures::default(),
        violation: None,
        divergences: Vec::new(),
        waived: Vec::new(),
        excused: Vec::new(),
        hazard: None,
        mistakes: planned.mistakes.clone(),
        crash: None,
        noticed: None,
        coverage: Coverage::default(),
        unrecorded: None,
        reproduce,
        seconds: 0.0,
    };
    if planned.is_broken() {
        return report;
    }
    let outcome = match played {
        Played::Replied(Reply::Played { outcome, seconds }) => {
            report.seconds = seconds;
            *outcome
        }
        Played::Replied(Reply::Failed { reason }) => {
            report.crash = Some(Crash { reason, stderr: String::new() });
            return report;
        }
        Played::Crashed { reason, stderr } => {
            report.verdict = Verdict::Crashed;
            report.crash = Some(Crash { reason, stderr });
            return report;
        }
        Played::Killed { reason, stderr } => {
            report.verdict = Verdict::Killed;
            report.crash = Some(Crash { reason, stderr });
            return report;
        }
        Played::TimedOut { seconds, stderr } => {
            report.verdict = Verdict::TimedOut;
            let reason =
                format!("no result within {seconds} s on the wall clock, and no answer: the worker was killed");
            report.crash = Some(Crash { reason, stderr });
            return report;
        }
    };
    report.verdict = match (&outcome.end, &outcome.violation, &outcome.hazard) {
        (End::Hung { .. }, ..) => Verdict::Hung,
        (End::OutOfTime { .. }, ..) => Verdict::TimedOut,
        (End::Violation | End::Stopped { .. }, ..) | (_, Some(_), _) => Verdict::DutViolation,
        (End::Software { .. }, ..) => Verdict::SoftwareError,
        (End::Finished, None, Some(_)) => Verdict::SoftwareHazard,
        (End::Finished, None, None) if outcome.figures.hazards > 0 => Verdict::SoftwareHazard,
        (End::Finished, None, None) => Verdict::Pass,
    };
    report.not_shown = not_shown(&planned.expectation, report.verdict, &outcome.figures);
    let expectation = match report.not_shown {
        Some(_) => Expectation {
            verdict: ExpectedVerdict::Pass,
            because: None,
            stale_used: None,
            stale_cycles: None,
            ..planned.expectation.clone()
        },
        None => planned.expectation.clone(),
    };
    report.unmet = unmet(&expectation, report.verdict, &outcome.figures);
    if !planned.faults_are_expected {
        report.unmet.extend(all_refused(report.verdict, &outcome.figures));
    }
    report.unmet.extend(wrong_reason(&expectation, &outcome));
    report.unmet.extend(nothing_failed(job.fail_alloc, &outcome));
    for divergence in outcome.divergences {
        match divergence.waiver.and_then(|at| planned.waivers.get(at)) {
            Some(&waiver) => {
                let Divergence { first, count, .. } = divergence;
                report.waived.push(Waived { waiver, count, first });
            }
            None => report.divergences.push(divergence),
        }
    }
    if !report.waived.is_empty() {
        // A figure speaks of a device that does right, and so does a step that says what comes of it. Nor can software be
        // blamed for what follows from a device that does wrong.
        let says_nothing = matches!(report.verdict, Verdict::Pass | Verdict::SoftwareHazard | Verdict::SoftwareError);
        let stays = |unmet: &Unmet| unmet.what == VERDICT && !says_nothing;
        (report.unmet, report.excused) = report.unmet.into_iter().partition(stays);
    }
    report.passed = report.unmet.is_empty();
    report.noticed = outcome.noticed;
    report.unrecorded = outcome.unrecorded;
    report.end = Some(outcome.end);
    report.figures = outcome.figures;
    report.coverage = outcome.coverage;
    report.violation = outcome.violation;
    report.hazard = outcome.hazard;
    debug_assert!(report.violation.as_ref().is_none_or(|finding| finding.blame == Blame::DutViolation));
    report
}

/// A scenario may need a value that is used although memory no longer holds it. No device has to keep one: it may drop
/// more than it has to, and its caches may be small. Then the run shows nothing of what it is for, and nothing wrong either.
fn not_shown(expectation: &Expectation, verdict: Verdict, figures: &Figures) -> Option<Unmet> {
    let limit = expectation.stale_used.filter(|limit| limit.min > 0)?;
    let stale: u64 = figures.stale_used.values().sum();
    let is_none = match expectation.verdict {
        ExpectedVerdict::Pass => stale == 0,
        // It may have kept something else: whatever breaks a promise is a hazard.
        ExpectedVerdict::SoftwareHazard => true,
        ExpectedVerdict::SoftwareError => false,
    };
    let unmet = || Unmet { what: "stale values used".into(), wanted: limit.to_string(), got: stale.to_string() };
    (is_none && verdict == Verdict::Pass).then(unmet)
}

/// A run in which every transaction was refused shows nothing, unless that is what it is for.
fn all_refused(verdict: Verdict, figures: &Figures) -> Option<Unmet> {
    let all = figures.dma_transactions;
    let played = matches!(verdict, Verdict::Pass | Verdict::SoftwareHazard);
    let unmet = || Unmet {
        what: "DMA transactions that are done".into(),
        wanted: "at least 1, since no entry of `expect` and no step speaks of faults".into(),
        got: format!("0 of {all}"),
    };
    (played && all > 0 && figures.device_faults >= all).then(unmet)
}

/// An allocation that was to fail, and was never tried: the run shows nothing.
fn nothing_failed(fail_alloc: Option<u64>, outcome: &RunOutcome) -> Option<Unmet> {
    let nth = fail_alloc.filter(|&nth| nth > 0)?;
    let unmet = || Unmet { what: format!("failures of allocation {nth}"), wanted: "1".into(), got: "0".into() };
    (outcome.end == End::Finished && outcome.figures.failed_allocations == 0).then(unmet)
}

/// A finding that does not speak of what it should.
fn wrong_reason(expectation: &Expectation, outcome: &RunOutcome) -> Option<Unmet> {
    let wanted = expectation.because.as_ref()?;
    let got = match (&outcome.end, &outcome.hazard) {
        (End::Software { error }, _) => error.clone(),
        (_, Some(hazard)) => {
            let Finding { rule, detail, right, wrong, evidence, .. } = hazard;
            format!("{rule}, {detail}: right {right}, wrong {wrong}\n{evidence}")
        }
        _ => "nothing".to_owned(),
    };
    let unmet = Unmet { what: "reason".into(), wanted: wanted.clone(), got: got.lines().next().unwrap_or("").into() };
    (!got.contains(wanted.as_str())).then_some(unmet)
}

/// What a run does not show of what it must show.
fn unmet(expectation: &Expectation, verdict: Verdict, figures: &Figures) -> Vec<Unmet> {
    let mut unmet = Vec::new();
    let wanted = match expectation.verdict {
        ExpectedVerdict::Pass => Verdict::Pass,
        ExpectedVerdict::SoftwareHazard => Verdict::SoftwareHazard,
        ExpectedVerdict::SoftwareError => Verdict::SoftwareError,
    };
    if verdict != wanted {
        unmet.push(Unmet { what: VERDICT.into(), wanted: wanted.to_string(), got: verdict.to_string() });
    }
    if !matches!(verdict, Verdict::Pass | Verdict::SoftwareHazard) {
        // The run did not get to its end: its counts say nothing.
        return unmet;
    }
    let mut check = |what: &str, limit: Option<Limit>, figure: u64| {
        if let Some(limit) = limit.filter(|limit| !limit.holds(figure)) {
            unmet.push(Unmet { what: what.to_owned(), wanted: limit.to_string(), got: figure.to_string() });
        }
    };
    check("translations compared", Some(Limit { min: 1, max: u64::MAX }), figures.translations_compared);
    check("device faults", expectation.device_faults, figures.device_faults);
    check("DMA transactions", expectation.dma_transactions, figures.dma_transactions);
    check("translation completions", expectation.translation_completions, figures.ats_completions);
    check("page requests", expectation.page_requests, figures.page_requests);
    check("reconfigurations", expectation.reconfigurations, figures.reconfigurations);
    check("explained by the old state", expectation.explained_old, figures.explained_old);
    check("explained by the new state", expectation.explained_new, figures.explained_new);
    check("stale values used", expectation.stale_used, figures.stale_used.values().sum());
    check("cycles in which a value was used stale", expectation.stale_cycles, figures.longest_stale);
    for (cause, limit) in &expectation.faults {
        let count = figures.fault_records.get(cause).copied().unwrap_or(0);
        check(&format!("fault records with cause {cause}"), Some(*limit), count);
    }
    if let Some(allowed) = &expectation.only_faults {
        for (cause, count) in figures.fault_records.iter().filter(|(cause, _)| !allowed.contains(cause)) {
            check(&format!("fault records with cause {cause}"), Some(Limit { min: 0, max: 0 }), *count);
        }
    }
    for (command, limit) in expectation.commands.iter() {
        check(command, Some(*limit), figures.commands.get(&command.value).copied().unwrap_or(0));
    }
    unmet
}
