// SPDX-License-Identifier: Apache-2.0
//! What stands at the top: how it went, on what, and how to run it again. And at the end: what it came of.

use maud::{Markup, html};

use super::super::result::{ExitCode, Report};
use super::super::table::{grouped, rate, short};
use super::words::{class, command, count, link};
use crate::runner::Verdict;

/// In the browser's tab.
pub(super) fn title(report: &Report) -> String {
    let (failed, all) = (report.runs.len() - report.passed(), report.runs.len());
    match failed {
        0 => format!("{all} passed on {} – lockstep", report.device),
        _ => format!("{failed} of {all} failed on {} – lockstep", report.device),
    }
}

/// What the exit code of the command said.
fn fate(report: &Report) -> (&'static str, &'static str) {
    match report.exit_code() {
        ExitCode::Passed => ("good", "All runs passed"),
        ExitCode::Failed => ("bad", "Runs failed"),
        ExitCode::Crashed => ("broken", "The device crashed or hung"),
        ExitCode::Nothing => ("unknown", "Nothing ran"),
        ExitCode::Stopped => ("unknown", "Runs were stopped from outside"),
        ExitCode::Interrupted => ("unknown", "Interrupted"),
        ExitCode::Usage => ("bad", "Scenarios have mistakes"),
        ExitCode::Internal => ("broken", "No result"),
    }
}

/// The first that is read.
pub(super) fn header(report: &Report) -> Markup {
    let (class, words) = fate(report);
    html! {
        header class=(class) {
            p.brand { "lockstep" }
            h1 { (words) }
            p.lead {
                (grouped(report.passed() as u64)) " of " (count(report.runs.len(), "run")) " passed on "
                b { (report.device) } ", base seed " (report.base_seed) "."
            }
        }
    }
}

/// The parts of the page.
pub(super) fn navigation(report: &Report, kinds: usize) -> Markup {
    html! {
        nav aria-label="Parts of this page" {
            ul {
                li { a href="#summary" { "Summary" } }
                li { a href="#failures" { "Failures (" (kinds) ")" } }
                li { a href="#scenarios" { "Scenarios" } }
                li { a href="#runs" { "Runs" } }
                li { a href="#performance" { "Performance" } }
                @if !report.waivers.is_empty() { li { a href="#waivers" { "Waivers" } } }
                li { a href="#origin" { "Versions" } }
            }
        }
    }
}

/// How many runs came to what.
pub(super) fn summary(report: &Report) -> Markup {
    let of = |verdict: Verdict| report.runs.iter().filter(|run| run.verdict == verdict).count();
    let verdicts = Verdict::ALL.map(|verdict| (verdict, of(verdict)));
    let failed = report.runs.len() - report.passed();
    html! {
        section id="summary" aria-labelledby="summary-title" {
            h2 id="summary-title" { "Summary" }
            ul.tiles {
                li.good { a href=(link("result", "passed")) { b { (grouped(report.passed() as u64)) } " passed" } }
                li class=(if failed > 0 { "bad" } else { "none" }) {
                    a href=(link("result", "failed")) { b { (grouped(failed as u64)) } " failed" }
                }
            }
            p { "By verdict. A run passes if it shows what its scenario expects, which may be a hazard:" }
            ul.tiles.small {
                @for (verdict, runs) in verdicts.into_iter().filter(|(_, runs)| *runs > 0) {
                    li class=(class(verdict)) {
                        a href=(link("verdict", verdict.name())) { b { (grouped(runs as u64)) } " " (verdict.name()) }
                    }
                }
            }
            (remarks(report))
            (totals(report))
        }
    }
}

/// What is easily overlooked.
fn remarks(report: &Report) -> Markup {
    let others = report.stand_ins();
    let passed = others.iter().filter(|run| run.passed).count();
    let not_shown = report.runs.iter().filter(|run| run.not_shown.is_some()).count();
    let waived = report.runs.iter().filter(|run| !run.waived.is_empty()).count();
    let lacking = |counts: &std::collections::BTreeMap<scenario::Requirement, usize>| {
        let all: Vec<String> =
            counts.iter().map(|(needed, runs)| format!("{needed} ({})", count(*runs, "run"))).collect();
        all.join(", ")
    };
    html! {
        ul.remarks {
            @if !others.is_empty() {
                li {
                    b { "Not applicable: " } a href=(link("result", "stand-in")) { (count(others.len(), "run")) }
                    " say nothing of the device, since it lacks " (lacking(&report.lacking()))
                    ". The model played them in its place, and " (grouped(passed as u64)) " passed."
                }
            }
            @if !report.left_out.is_empty() {
                li { b { "Not played: " } "the device lacks " (lacking(&report.left_out)) "." }
            }
            @if let Some(since) = &report.since {
                li {
                    a href="#since" { (count(since.new.len(), "new kind")) " of failure" } " since " (since.results) ", "
                    (since.gone.len()) " gone; " (count(since.newly_failed.len(), "run")) " passed and fail now."
                }
            }
            @if waived > 0 {
                li { a href=(link("result", "waived")) { (count(waived, "run")) } " went past what is waived: see " a href="#waivers" { "waivers" } "." }
            }
            @if not_shown > 0 {
                li { a href=(link("result", "not-shown")) { (count(not_shown, "run")) } " show nothing, since the device kept no stale value that they need." }
            }
            @if report.interrupted > 0 {
                li { b { "Interrupted: " } (count(report.interrupted, "run")) " were not played or not finished." }
            }
        }
    }
}

fn totals(report: &Report) -> Markup {
    let sum = super::super::terminal::sum(&report.runs);
    let seconds: f64 = report.runs.iter().map(|run| run.seconds).sum();
    let figures = [
        ("DMA transactions", sum.dma_transactions),
        ("translations compared", sum.translations_compared),
        ("invalidations compared", sum.invalidations_compared),
        ("reconfigurations", sum.reconfigurations),
        ("cycles", sum.cycles),
    ];
    html! {
        dl.figures {
            @for (name, value) in figures {
                div { dt { (name) } dd { (grouped(value)) } }
            }
            @if seconds > 0.0 {
                div { dt { "cycles per second and worker" } dd { (short(rate(sum.cycles, seconds)).trim()) } }
            }
            @if !report.times.play.is_zero() {
                div { dt { "time" } dd { (format!("{:.1} s", report.times.play.as_secs_f64())) } }
            }
        }
    }
}

/// What the results came of, and how they are had again.
pub(super) fn origin(report: &Report) -> Markup {
    html! {
        section id="origin" aria-labelledby="origin-title" {
            h2 id="origin-title" { "Versions and commands" }
            dl.origin {
                dt { "Device" } dd { (report.device) }
                @if let Some(rtl) = &report.origin.rtl {
                    dt { "RTL" } dd { (rtl.name) @for option in &rtl.options { " " code { (option) } } }
                    dt { "Hash of its sources" } dd { code { (rtl.sources) } }
                    dt { "Verilator" } dd { (rtl.verilator) }
                }
                @if !report.origin.lockstep.is_empty() { dt { "lockstep" } dd { (report.origin.lockstep) } }
                dt { "Base seed" } dd { (report.base_seed) }
                dt { "Exit code" } dd { (report.exit_code() as u8) }
                @if !report.times.build.is_zero() {
                    dt { "Time to build" } dd { (format!("{:.1} s", report.times.build.as_secs_f64())) }
                }
            }
            @if !report.origin.command.is_empty() {
                h3 { "To run all of it again" }
                (command(&report.origin.command))
            }
            h3 { "To compare with another regression" }
            p {
                "Each kind of failure that is new, each that is gone, and each figure that moved by more than its noise. A page \
                 says what is new where " code { "--since OLD.json" } " was given."
            }
            (command("lockstep diff OLD.json NEW.json"))
            h3 { "To run again what failed, with traces and waves" }
            (command("lockstep run --rerun-failed RESULTS.json"))
        }
    }
}
