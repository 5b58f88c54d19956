// SPDX-License-Identifier: Apache-2.0
//! A line for each variant of a scenario: how its runs went, and what they cost.

use maud::{Markup, html};
use oracle::Figures;

use super::super::measured::per_thousand;
use super::super::result::Report;
use super::super::table::grouped;
use super::super::terminal::{sum, verdicts};
use super::words::link;
use crate::runner::RunReport;

/// Beyond so many variants a line is a whole scenario.
const MOST: usize = 1_500;

/// Runs of one line, with its name.
fn lines(report: &Report) -> Vec<(String, &[RunReport])> {
    let variants: Vec<&[RunReport]> =
        report.runs.chunk_by(|a, b| a.scenario == b.scenario && a.variant == b.variant).collect();
    if variants.len() <= MOST {
        return variants.into_iter().map(|runs| (format!("{}{}", runs[0].scenario, runs[0].variant), runs)).collect();
    }
    let scenarios = report.runs.chunk_by(|a, b| a.scenario == b.scenario);
    scenarios.map(|runs| (runs[0].scenario.clone(), runs)).collect()
}

/// How the runs of each went.
pub(super) fn section(report: &Report) -> Markup {
    let titles = ["Runs", "Passed", "DMA", "Compared", "Invalidations", "Reconfigurations", "Refused", "Stale"];
    html! {
        section id="scenarios" aria-labelledby="scenarios-title" {
            h2 id="scenarios-title" { "Scenarios" }
            div.scroll tabindex="0" role="region" aria-labelledby="scenarios-title" {
                table.wide {
                    caption { "Each variant of a scenario; figures are summed over its runs" }
                    thead {
                        tr {
                            th scope="col" { "Scenario" }
                            th scope="col" { "Verdicts" }
                            @for title in titles { th.number scope="col" { (title) } }
                        }
                    }
                    tbody { @for (name, runs) in lines(report) { (row(&name, runs)) } }
                }
            }
        }
    }
}

fn row(name: &str, runs: &[RunReport]) -> Markup {
    let total = sum(runs);
    let passed = runs.iter().filter(|run| run.passed).count();
    let figures = [
        total.dma_transactions,
        total.translations_compared,
        total.invalidations_compared,
        total.reconfigurations,
        total.device_faults,
        total.stale_used.values().sum(),
    ];
    let on_model = runs.iter().any(|run| !run.stands_in_for.is_empty());
    html! {
        tr.failed[passed < runs.len()] {
            th scope="row" {
                a href=(link("scenario", name)) { (name) }
                @if on_model { " " span.badge.none { "not applicable" } }
            }
            td { (verdicts(runs)) }
            td.number { (grouped(runs.len() as u64)) }
            td.number { (grouped(passed as u64)) @if passed < runs.len() { " " span.badge.bad { "failed" } } }
            @for figure in figures { td.number { (grouped(figure)) } }
        }
    }
}

/// A figure of a run.
type Figure = fn(&Figures) -> f64;

const FIGURES: [(&str, Figure); 5] = [
    ("Cycles", |figures| figures.cycles as f64),
    ("DMA", |figures| figures.dma_transactions as f64),
    ("DMA per 1,000 cycles", |figures| per_thousand(figures.dma_transactions, figures.cycles)),
    ("Refused DMA", |figures| figures.device_faults as f64),
    ("Longest stale, cycles", |figures| figures.longest_stale as f64),
];

/// What the runs of each cost: the mean, and from where to where it goes from seed to seed.
pub(super) fn performance(report: &Report) -> Markup {
    html! {
        section id="performance" aria-labelledby="performance-title" {
            h2 id="performance-title" { "Performance" }
            p {
                "Figures of a run: the mean over the seeds, and below it the smallest and the largest where they differ. A \
                 figure is the same whatever machine it was counted on."
            }
            details {
                summary { "Cycles, DMA and refusals of each scenario" }
                div.scroll tabindex="0" role="region" aria-labelledby="performance-title" {
                    table.wide {
                        caption { "Performance by variant of a scenario" }
                        thead {
                            tr {
                                th scope="col" { "Scenario" }
                                th.number scope="col" { "Runs" }
                                @for (title, _) in FIGURES { th.number scope="col" { (title) } }
                            }
                        }
                        tbody {
                            @for (name, runs) in lines(report) {
                                tr {
                                    th scope="row" { (name) }
                                    td.number { (grouped(runs.len() as u64)) }
                                    @for (_, of) in FIGURES { (spread(runs, of)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn spread(runs: &[RunReport], of: Figure) -> Markup {
    let values: Vec<f64> = runs.iter().map(|run| of(&run.figures)).collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (least, most) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    html! {
        td.number {
            (number(mean))
            @if least < most { br; span.quiet { (number(least)) " – " (number(most)) } }
        }
    }
}

/// Large ones whole, small ones with one digit behind the point, where that says something.
fn number(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 { grouped(value.round() as u64) } else { format!("{value:.1}") }
}
