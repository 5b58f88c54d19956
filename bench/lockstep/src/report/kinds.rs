// SPDX-License-Identifier: Apache-2.0
//! Failures by their kind, whatever scenario showed them: one cause is one line.

use std::collections::BTreeSet;

use oracle::{Blame, Finding, Kind};
use testbench::End;

use super::document::{KindOfFailure, Smallest};
use super::result::Report;
use super::table::{bold, number, table};
use crate::runner::{RunReport, Verdict};

/// Failures of one kind.
pub(super) struct Bucket<'a> {
    /// How these runs are judged
    pub verdict: Verdict,
    /// The kind of what was found, if something was
    pub kind: Option<Kind>,
    /// In words, without addresses, names and numbers
    pub what: String,
    /// Every run that showed it
    pub runs: Vec<&'a RunReport>,
    /// The one that showed it soonest
    pub smallest: &'a RunReport,
    /// What was found in that run, if something was
    pub finding: Option<&'a Finding>,
}

impl Bucket<'_> {
    /// In how many scenarios it is.
    pub(super) fn scenarios(&self) -> usize {
        self.runs.iter().map(|run| &run.scenario).collect::<BTreeSet<_>>().len()
    }

    /// When it was found in the smallest example.
    pub(super) fn cycle(&self) -> u64 {
        self.finding.map_or(self.smallest.figures.cycles, |finding| finding.cycle)
    }
}

/// What a failed run showed, each kind once.
pub(super) fn shown(run: &RunReport) -> Vec<(Option<&Finding>, String)> {
    let mut all: Vec<(Option<&Finding>, String)> = Vec::new();
    for finding in run.violations() {
        let what = finding.kind().to_string();
        if !all.iter().any(|(_, known)| *known == what) {
            all.push((Some(finding), what));
        }
    }
    let hazard = run.hazard.as_ref().filter(|_| all.is_empty() && run.verdict == Verdict::SoftwareHazard);
    if let Some(hazard) = hazard {
        all.push((Some(hazard), hazard.kind().to_string()));
    }
    // A hang behind something that was gone past is a kind of its own.
    if all.is_empty() || is_cut(run) {
        all.push((None, otherwise(run)));
    }
    all
}

/// The device ended it, by something else than what a finding tells.
fn is_cut(run: &RunReport) -> bool {
    run.crash.is_some() || matches!(run.end, Some(End::Hung { .. } | End::Stopped { .. }))
}

/// What a finding says of device and software, whatever ended its run.
fn verdict_of(run: &RunReport, finding: Option<&Finding>) -> Verdict {
    match finding.map(|finding| finding.blame) {
        Some(Blame::DutViolation) => Verdict::DutViolation,
        Some(Blame::SoftwareHazard) => Verdict::SoftwareHazard,
        None => run.verdict,
    }
}

/// Why a run failed in which nothing was found.
fn otherwise(run: &RunReport) -> String {
    let first = |text: &str| normalized(text.lines().next().unwrap_or_default());
    if let Some(mistake) = run.mistakes.first() {
        return format!("a mistake in a scenario: {}", first(&mistake.message));
    }
    match (&run.end, &run.crash) {
        (_, Some(crash)) => first(&crash.reason),
        (Some(End::Stopped { file, line, message }), _) => format!("{file}:{line}: {}", first(message)),
        (Some(End::Hung { waiting }), _) => first(waiting),
        (Some(End::Software { error }), _) => first(error),
        (Some(End::OutOfTime { .. }), _) => "no end within the time on the wall clock".to_owned(),
        (Some(End::Finished | End::Violation) | None, _) => {
            run.unmet.iter().map(|unmet| unmet.what.as_str()).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A text without what differs from run to run: numbers, and names in back quotes.
fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            out.push_str("`…`");
            continue;
        }
        let mut in_number = false;
        for c in part.chars() {
            // 0x1f is one number.
            let goes_on = in_number && (c.is_ascii_hexdigit() || c == 'x' || c == '_');
            if c.is_ascii_digit() || goes_on {
                if !in_number {
                    out.push('#');
                }
                in_number = true;
            } else {
                in_number = false;
                out.push(c);
            }
        }
    }
    out
}

/// The kinds of failure in a report, those of most runs first.
pub(super) fn buckets(report: &Report) -> Vec<Bucket<'_>> {
    let mut all: Vec<Bucket<'_>> = Vec::new();
    for run in report.runs.iter().filter(|run| !run.passed) {
        for (finding, what) in shown(run) {
            let (kind, verdict) = (finding.map(Finding::kind), verdict_of(run, finding));
            match all
                .iter_mut()
                .find(|own| own.what == what && own.kind == kind && (kind.is_some() || own.verdict == verdict))
            {
                Some(own) => {
                    own.runs.push(run);
                    let cycle = finding.map_or(run.figures.cycles, |finding| finding.cycle);
                    if cycle < own.cycle() {
                        (own.smallest, own.finding) = (run, finding);
                    }
                }
                None => {
                    all.push(Bucket { verdict, kind, what, runs: vec![run], smallest: run, finding });
                }
            }
        }
    }
    // The order in which they came decides where the counts are equal.
    all.sort_by_key(|bucket| std::cmp::Reverse(bucket.runs.len()));
    all
}

/// For people: a line for each kind, if there are several.
pub(super) fn overview(buckets: &[Bucket<'_>], colour: bool) -> String {
    if buckets.len() < 2 {
        return String::new();
    }
    let mut table = table(colour);
    table.set_header(
        ["kind of failure", "runs", "scenarios", "smallest example", "cycle"].map(|title| bold(title, colour)),
    );
    for bucket in buckets {
        let what = match bucket.kind {
            Some(_) => bucket.what.clone(),
            None => format!("{}: {}", bucket.verdict, bucket.what),
        };
        table.add_row(vec![
            what.into(),
            number(bucket.runs.len() as u64),
            number(bucket.scenarios() as u64),
            bucket.smallest.id.clone().into(),
            number(bucket.cycle()),
        ]);
    }
    format!("{table}\n")
}

/// For programs.
pub(super) fn documents(report: &Report) -> Vec<KindOfFailure> {
    let document = |bucket: &Bucket<'_>| KindOfFailure {
        what: bucket.what.clone(),
        verdict: bucket.verdict,
        kind: bucket.kind.clone(),
        section: bucket.finding.map(|finding| finding.section.clone()),
        runs: bucket.runs.len(),
        scenarios: bucket.scenarios(),
        smallest: Smallest {
            id: bucket.smallest.id.clone(),
            cycle: bucket.cycle(),
            reproduce: bucket.smallest.reproduce.clone(),
        },
    };
    buckets(report).iter().map(document).collect()
}

/// What a run that did not pass shows, and whose doing it is.
pub fn kinds_of(run: &RunReport) -> Vec<(Verdict, String)> {
    if run.passed {
        return Vec::new();
    }
    shown(run).into_iter().map(|(finding, what)| (verdict_of(run, finding), what)).collect()
}

/// What a failed run showed, for a property of it.
pub(super) fn of_run(run: &RunReport) -> String {
    shown(run).into_iter().map(|(_, what)| what).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn numbers_and_names_make_no_kind_of_its_own() {
        assert_eq!(normalized("step 3: `red` is gone at 0x8000_1f00, 12 times"), "step #: `…` is gone at #, # times");
        assert_eq!(normalized("no answer within 50000 cycles"), "no answer within # cycles");
        assert_eq!(normalized("a bad face"), "a bad face");
    }
}
