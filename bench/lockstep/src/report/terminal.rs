// SPDX-License-Identifier: Apache-2.0
//! For people: a table of what ran, and for each failure its evidence and the command that reproduces it.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{Cell, CellAlignment, Color, Table};
use oracle::{Figures, Finding};
use testbench::End;

use super::kinds::{buckets, overview, shown};
use super::result::Report;
use super::table::{bold, grouped, number, rate, short, table};
use crate::runner::{RunReport, Verdict, Waived};

/// This many failures are shown with their evidence, one of each kind first.
const MOST_FAILURES: usize = 10;

/// The failures: of each kind the smallest example, with its evidence; the others as a count. What most runs show comes
/// first.
pub fn failures(report: &Report, colour: bool) -> String {
    let kinds = buckets(report);
    let mut text = String::new();
    // A run that shows several kinds is explained once.
    let mut explained: Vec<&str> = Vec::new();
    for bucket in kinds.iter().take(MOST_FAILURES) {
        if !explained.contains(&bucket.smallest.id.as_str()) {
            explained.push(&bucket.smallest.id);
            let _ = write!(text, "\n{}", explain(bucket.smallest));
        }
        if let Some(other) = bucket.runs.iter().find(|run| run.id != bucket.smallest.id) {
            let more = bucket.runs.len() - 1;
            // Where the run above shows several kinds, it is said which is meant.
            let which = if shown(bucket.smallest).len() == 1 { "and".to_owned() } else { format!("{}:", bucket.what) };
            let _ = writeln!(text, "  {which} {more} more of this kind, the first of them {}", other.id);
        }
    }
    if kinds.len() > MOST_FAILURES {
        let _ = writeln!(text, "\nand {} more kinds of failure: see --json", kinds.len() - MOST_FAILURES);
    }
    let overview = overview(&kinds, colour);
    if overview.is_empty() { text } else { format!("{text}\n{overview}") }
}

/// One run: verdict, what is missing, right and wrong, evidence, and the command that plays it again.
pub(super) fn explain(run: &RunReport) -> String {
    let mut text = format!("{} {}: {}\n", if run.passed { "ok  " } else { "FAIL" }, run.id, run.verdict);
    for unmet in &run.unmet {
        let _ = writeln!(text, "  {unmet}");
    }
    for line in ended(run) {
        let _ = writeln!(text, "  {line}");
    }
    for finding in run.violations().chain(&run.hazard) {
        text.push_str(&self::finding(finding));
    }
    for Waived { count, first, .. } in &run.waived {
        let _ = writeln!(text, "  waived, {count} times from cycle {} on: {}", first.cycle, first.kind());
    }
    for unmet in &run.excused {
        let _ = writeln!(text, "  not shown, perhaps since something is waived: {unmet}");
    }
    for line in run.noticed.iter().flat_map(|noticed| noticed.lines()) {
        let _ = writeln!(text, "    {line}");
    }
    let _ = writeln!(text, "  reproduce: {}", run.reproduce);
    text
}

/// How a run ended that did not end by itself, line by line.
pub(super) fn ended(run: &RunReport) -> Vec<String> {
    let mut lines = match &run.end {
        Some(End::Stopped { file, line, message }) => {
            vec![format!("the device stopped itself at {file}:{line}: {message}")]
        }
        Some(End::Hung { waiting }) => waiting.lines().map(str::to_owned).collect(),
        Some(End::OutOfTime { seconds, cycle }) => {
            vec![format!("given up in cycle {cycle}: {seconds} s on the wall clock were over (--timeout)")]
        }
        Some(End::Software { error }) => vec![error.clone()],
        Some(End::Finished | End::Violation) | None => Vec::new(),
    };
    lines.extend(run.mistakes.iter().map(|mistake| mistake.said(&run.file)));
    if let Some(crash) = &run.crash {
        lines.push(crash.reason.clone());
        let said = crash.stderr.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev();
        lines.extend(said.map(|line| format!("| {line}")));
    }
    lines
}

/// What was found, with its evidence.
pub fn finding(finding: &Finding) -> String {
    let mut text = String::new();
    let who = match finding.blame {
        oracle::Blame::DutViolation => "DUT violation",
        oracle::Blame::SoftwareHazard => "software hazard",
    };
    let _ = writeln!(text, "  {who} in cycle {}: {}; {}", finding.cycle, finding.kind(), finding.section);
    let _ = writeln!(text, "    right = {}", finding.right);
    let _ = writeln!(text, "    wrong = {}", finding.wrong);
    for line in finding.evidence.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}

/// A table with a line for each variant of a scenario, and a line below that says how it went. What the model played in
/// place of the device under test has a table of its own.
pub fn summary(report: &Report, colour: bool) -> String {
    let stand_in = |run: &&RunReport| !run.stands_in_for.is_empty();
    let own: Vec<&RunReport> = report.runs.iter().filter(|run| !stand_in(run)).collect();
    let others = report.stand_ins();
    let mut text = String::new();
    if !own.is_empty() || others.is_empty() {
        let _ = writeln!(text, "{}", rows(&own, colour));
    }
    if !others.is_empty() {
        let lacking: Vec<String> =
            report.lacking().iter().map(|(needed, count)| format!("{needed} ({count} runs)")).collect();
        let _ = writeln!(text, "\non the model, since {} lacks {}:", report.device, lacking.join(", "));
        let _ = writeln!(text, "{}", rows(&others, colour));
    }
    text + &super::waived::lines(report) + &closing(report) + "\n"
}

fn rows(runs: &[&RunReport], colour: bool) -> Table {
    let mut table = table(colour);
    table.set_header(
        [
            "scenario",
            "runs",
            "passed",
            "verdicts",
            "DMA",
            "compared",
            "invalidations",
            "reconf.",
            "dev. faults",
            "stale",
            "cycles",
        ]
        .map(|title| bold(title, colour)),
    );
    for runs in runs.chunk_by(|a, b| a.scenario == b.scenario && a.variant == b.variant) {
        let total = sum(runs.iter().copied());
        let passed = runs.iter().filter(|run| run.passed).count();
        let fate = if passed == runs.len() { Color::Green } else { Color::Red };
        let mut passed = Cell::new(passed).set_alignment(CellAlignment::Right);
        if colour {
            passed = passed.fg(fate);
        }
        let mut row = vec![
            Cell::new(format!("{}{}", runs[0].scenario, runs[0].variant)),
            number(runs.len() as u64),
            passed,
            Cell::new(verdicts(runs.iter().copied())),
        ];
        row.extend(
            [
                total.dma_transactions,
                total.translations_compared,
                total.invalidations_compared,
                total.reconfigurations,
                total.device_faults,
                total.stale_used.values().sum(),
                total.cycles,
            ]
            .map(number),
        );
        table.add_row(row);
    }
    table
}

fn closing(report: &Report) -> String {
    let others = report.stand_ins();
    let all = report.runs.len() - others.len();
    let passed = report.passed() - others.iter().filter(|run| run.passed).count();
    let mut text = match (all, others.len()) {
        (0, _) => "nothing ran".to_owned(),
        _ => format!("{passed} of {all} runs passed"),
    };
    let _ = write!(text, " on {}", report.device);
    if let Some(part) = &report.part {
        let _ = write!(text, " (part {}: {} of {} runs)", part.shard, part.own, part.all);
    }
    if !report.left_out.is_empty() {
        let lacking: Vec<String> =
            report.left_out.iter().map(|(needed, count)| format!("{needed} ({count} runs)")).collect();
        return text + &format!(", which lacks {}; --stand-in plays them on the model", lacking.join(", "));
    }
    if !others.is_empty() {
        let passed = others.iter().filter(|run| run.passed).count();
        let _ = write!(text, ", {passed} of {} on the model in its place", others.len());
    }
    let is_cut = |run: &&RunReport| {
        run.passed && !run.waived.is_empty() && run.end.as_ref().is_some_and(|end| *end != End::Finished)
    };
    let cut = report.runs.iter().filter(is_cut).count();
    if cut > 0 {
        let _ = write!(text, "; {cut} that passed ended early, at a step that a waived divergence had upset");
    }
    let not_shown = report.runs.iter().filter(|run| run.not_shown.is_some()).count();
    if not_shown > 0 {
        let _ = write!(text, "; {not_shown} show nothing, since the device kept no stale value that they need");
    }
    if report.interrupted > 0 {
        let _ = write!(text, ", {} interrupted", report.interrupted);
    }
    let failed: u64 = report.runs.iter().map(|run| run.figures.failed_allocations).sum();
    if report.runs.iter().any(|run| run.fail_alloc.is_some()) {
        let _ = write!(text, "; {} allocations failed in their turn", grouped(failed));
    }
    let cycles: u64 = report.runs.iter().map(|run| run.figures.cycles).sum();
    let seconds: f64 = report.runs.iter().map(|run| run.seconds).sum();
    let _ = write!(
        text,
        " in {:.1} s; {} cycles at {}/s per worker; base seed {}",
        report.times.play.as_secs_f64(),
        grouped(cycles),
        short(rate(cycles, seconds)),
        report.base_seed
    );
    text
}

/// `pass`, or `pass 3, software hazard 1`.
pub(super) fn verdicts<'a>(runs: impl IntoIterator<Item = &'a RunReport>) -> String {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for run in runs {
        *counts.entry(run.verdict).or_default() += 1;
    }
    if counts.len() == 1 {
        return counts.keys().map(ToString::to_string).collect();
    }
    counts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect::<Vec<_>>().join(", ")
}

/// The figures of several runs together.
pub(super) fn sum<'a>(runs: impl IntoIterator<Item = &'a RunReport>) -> Figures {
    let mut total = Figures::default();
    for figures in runs.into_iter().map(|run| &run.figures) {
        total.dma_transactions += figures.dma_transactions;
        total.translations_compared += figures.translations_compared;
        total.invalidations_compared += figures.invalidations_compared;
        total.reconfigurations += figures.reconfigurations;
        total.device_faults += figures.device_faults;
        total.explained_old += figures.explained_old;
        total.explained_new += figures.explained_new;
        total.longest_stale = total.longest_stale.max(figures.longest_stale);
        total.hazards += figures.hazards;
        total.cycles += figures.cycles;
        for (cause, count) in &figures.fault_records {
            *total.fault_records.entry(*cause).or_default() += count;
        }
        for (command, count) in &figures.commands {
            *total.commands.entry(command.clone()).or_default() += count;
        }
        for (structure, count) in &figures.stale_used {
            *total.stale_used.entry(structure.clone()).or_default() += count;
        }
    }
    total
}
