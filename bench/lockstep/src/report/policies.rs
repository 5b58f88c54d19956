// SPDX-License-Identifier: Apache-2.0
//! Policy by policy, side by side: what the demonstration shows.

use comfy_table::{Cell, CellAlignment};
use oracle::Figures;

use super::result::Report;
use super::table::{bold, grouped, rate, short, table};
use super::terminal::{sum, verdicts};
use crate::runner::RunReport;

/// A table with a column for each policy and a line for each figure, for each scenario of the report. Figures of
/// several seeds are summed.
pub fn policies(report: &Report, colour: bool) -> String {
    let mut text = String::new();
    for runs in report.runs.chunk_by(|a, b| a.scenario == b.scenario) {
        let columns: Vec<&[RunReport]> = runs.chunk_by(|a, b| a.variant == b.variant).collect();
        text.push_str(&format!("{}, {} on {}\n", runs[0].scenario, seeds(columns[0].len()), report.device));
        text.push_str(&side_by_side(&columns, colour));
        text.push('\n');
    }
    text
}

fn side_by_side(columns: &[&[RunReport]], colour: bool) -> String {
    let totals: Vec<Figures> = columns.iter().map(|runs| sum(*runs)).collect();
    let mut table = table(colour);
    let titles = columns.iter().map(|runs| bold(&title(&runs[0]), colour).set_alignment(CellAlignment::Right));
    table.set_header(std::iter::once(bold("policy", colour)).chain(titles));
    let mut row = |name: &str, values: Vec<String>| {
        let values = values.into_iter().map(|value| Cell::new(value).set_alignment(CellAlignment::Right));
        table.add_row(std::iter::once(Cell::new(name)).chain(values));
    };
    let each = |figure: fn(&Figures) -> u64| totals.iter().map(|total| grouped(figure(total))).collect::<Vec<_>>();
    row("DMA transactions", each(|total| total.dma_transactions));
    row("translations compared", each(|total| total.translations_compared));
    row("invalidations compared", each(|total| total.invalidations_compared));
    row("reconfigurations", each(|total| total.reconfigurations));
    row("explained by the old state", each(|total| total.explained_old));
    row("explained by the new state", each(|total| total.explained_new));
    row("faults seen by devices", each(|total| total.device_faults));
    row("fault records with cause 258", each(|total| total.fault_records.get(&258).copied().unwrap_or(0)));
    row("fault records in all", each(|total| total.fault_records.values().sum()));
    row("commands sent", each(|total| total.commands.values().sum()));
    let mut commands: Vec<&String> = totals.iter().flat_map(|total| total.commands.keys()).collect();
    commands.sort();
    commands.dedup();
    for command in commands {
        let counts = totals.iter().map(|total| grouped(total.commands.get(command).copied().unwrap_or(0)));
        row(&format!("  {command}"), counts.collect());
    }
    row("software hazards", each(|total| total.hazards));
    row("cycles", each(|total| total.cycles));
    let seconds = |runs: &[RunReport]| runs.iter().map(|run| run.seconds).sum::<f64>();
    let rates =
        columns.iter().zip(&totals).map(|(runs, total)| short(rate(total.cycles, seconds(runs))).trim().to_owned());
    row("cycles per second", rates.collect());
    row("verdict", columns.iter().map(|runs| verdicts(*runs)).collect());
    let wanted = |runs: &&[RunReport]| if runs.iter().all(|run| run.passed) { "yes" } else { "NO" }.to_owned();
    row("as the scenario expects", columns.iter().map(wanted).collect());
    format!("{table}\n")
}

fn title(run: &RunReport) -> String {
    if run.variant == format!("[policy={}]", run.policy) || run.variant.is_empty() {
        run.policy.clone()
    } else {
        run.variant.clone()
    }
}

fn seeds(count: usize) -> String {
    if count == 1 { "one seed".to_owned() } else { format!("{count} seeds each") }
}
