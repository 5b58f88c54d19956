// SPDX-License-Identifier: Apache-2.0
//! Policies compared: what a reconfiguration costs, in cycles, commands and lost DMA.

use std::collections::BTreeMap;

use comfy_table::{Cell, CellAlignment};
use oracle::Figures;
use serde::Serialize;
use testbench::{Reconfiguration, Series};

use super::result::ExitCode;
use super::table::{bold, grouped, table};
use super::terminal::{sum, verdicts};
use crate::runner::{RunReport, Verdict};

/// Cycles of a profile before the beginning of a reconfiguration.
const BEFORE: u64 = 200;

/// Cycles of a profile after the end of the slowest, and in all at most.
const AFTER: u64 = 300;
const MOST: u64 = 4000;

/// Several policies side by side, for one or more variants of one or more scenarios.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The device under test: `model`, or the name of the RTL description
    pub device: String,
    /// Base seed
    pub base_seed: u64,
    /// By scenario and variant
    pub groups: Vec<Group>,
}

/// One scenario, in one variant if the policy is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    /// Name of the scenario
    pub scenario: String,
    /// The variant without the policy: `[flush=spec]`, or nothing
    pub variant: String,
    /// A column for each policy
    pub columns: Vec<Column>,
}

/// What came of one policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Column {
    /// The policy
    pub policy: String,
    /// The flush policy
    pub flush: String,
    /// Each run
    pub runs: Vec<RunReport>,
    /// Figures of all runs together
    pub figures: Figures,
    /// What the reconfigurations cost
    pub measures: Measures,
    /// DMA over time, by run; not part of the JSON document, which has [`Measures::profile`]
    #[serde(skip)]
    pub series: Vec<Series>,
}

/// What reconfigurations under traffic cost. A reconfiguration is under traffic if its device has completed a
/// transaction before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measures {
    /// How many there were
    pub reconfigurations: u64,
    /// From the call to its return, in cycles: mean
    pub latency_mean: f64,
    /// … and worst
    pub latency_worst: u64,
    /// What the traffic of the devices under reconfiguration suffered
    pub stall: Option<Stall>,
    /// Mean traffic of the devices around the beginning of their reconfigurations
    pub profile: Profile,
}

/// How traffic suffered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stall {
    /// Undisturbed traffic: transactions completed in 1000 cycles. Measured between reconfigurations, after they have
    /// settled; with a single one, before it.
    pub undisturbed_rate: f64,
    /// The longest gap between two completions in undisturbed traffic, in cycles
    pub undisturbed_gap: u64,
    /// The longest gap between two completions that overlaps a reconfiguration, in cycles: worst
    pub gap_worst: u64,
    /// … and mean of the reconfigurations
    pub gap_mean: f64,
    /// What one reconfiguration cost: cycles in which undisturbed traffic would have completed what is missing
    pub lost_mean: f64,
    /// All of them
    pub lost_total: f64,
}

/// Mean traffic around the beginning of reconfigurations.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Profile {
    /// Cycles of a bucket
    pub bucket: u64,
    /// Cycle of the first bucket, counted from the beginning of the reconfiguration
    pub start: i64,
    /// Transactions completed in a cycle, by bucket
    pub done: Vec<f64>,
    /// Transactions refused in a cycle, by bucket
    pub refused: Vec<f64>,
}

impl Comparison {
    /// Adds a run to the column that it belongs to. `variant` is the variant without the policy.
    pub fn add(&mut self, run: RunReport, variant: String, series: Option<Series>) {
        let at = self.groups.iter().position(|own| own.scenario == run.scenario && own.variant == variant);
        let at = at.unwrap_or_else(|| {
            self.groups.push(Group { scenario: run.scenario.clone(), variant, columns: Vec::new() });
            self.groups.len() - 1
        });
        let columns = &mut self.groups[at].columns;
        let at = columns.iter().position(|own| own.policy == run.policy).unwrap_or_else(|| {
            columns.push(Column { policy: run.policy.clone(), flush: run.flush.clone(), ..Column::default() });
            columns.len() - 1
        });
        columns[at].runs.push(run);
        columns[at].series.extend(series);
    }

    /// Works out the figures and measures of each column, once all runs are there.
    pub fn measure(&mut self) {
        for column in self.groups.iter_mut().flat_map(|group| &mut group.columns) {
            column.figures = sum(&column.runs);
            column.measures = Measures::of(&column.series);
        }
    }

    /// What the process exits with. A software hazard is a finding here, and no failure; the rest counts as always.
    pub fn exit_code(&self) -> ExitCode {
        let mut code = ExitCode::Nothing;
        for run in self.groups.iter().flat_map(|group| &group.columns).flat_map(|column| &column.runs) {
            match run.verdict {
                Verdict::Hung | Verdict::Crashed => return ExitCode::Crashed,
                Verdict::Pass | Verdict::SoftwareHazard if code == ExitCode::Nothing => code = ExitCode::Passed,
                Verdict::Pass | Verdict::SoftwareHazard => {}
                Verdict::TimedOut | Verdict::Killed if code == ExitCode::Failed => {}
                Verdict::TimedOut | Verdict::Killed => code = ExitCode::Stopped,
                Verdict::DutViolation | Verdict::SoftwareError | Verdict::NotPlayed => code = ExitCode::Failed,
            }
        }
        code
    }
}

/// Reconfigurations that found traffic.
pub(super) fn under_traffic(series: &Series) -> impl Iterator<Item = &Reconfiguration> {
    series.reconfigurations.iter().filter(|one| one.succeeded && one.done_before > 0)
}

impl Measures {
    /// What the reconfigurations of some runs cost.
    pub fn of(runs: &[Series]) -> Measures {
        let all: Vec<&Reconfiguration> = runs.iter().flat_map(under_traffic).collect();
        let latencies = || all.iter().map(|one| one.ended - one.began);
        Measures {
            reconfigurations: all.len() as u64,
            latency_mean: mean(latencies().map(|cycles| cycles as f64)),
            latency_worst: latencies().max().unwrap_or(0),
            stall: Stall::of(runs),
            profile: Profile::of(runs),
        }
    }
}

impl Stall {
    fn of(runs: &[Series]) -> Option<Stall> {
        let mut stall = Stall::default();
        let (mut quiet, mut done, mut gaps, mut lost) = (0, 0, Vec::new(), Vec::new());
        for series in runs {
            let mut by_device: BTreeMap<u32, Vec<&Reconfiguration>> = BTreeMap::new();
            for one in under_traffic(series) {
                by_device.entry(one.device).or_default().push(one);
            }
            for (device, ones) in by_device {
                let own = series.device(device)?;
                stall.undisturbed_gap = stall.undisturbed_gap.max(own.quiet_gap);
                let (cycles, completed) = match ones[..] {
                    [one] => (one.began - own.first.unwrap_or(one.began), one.done_before),
                    _ => ones.windows(2).fold((0, 0), |(cycles, completed), pair| {
                        let between = pair[1].began.saturating_sub(pair[0].settled);
                        (cycles + between, completed + pair[1].done_before.saturating_sub(pair[0].done_settled))
                    }),
                };
                quiet += cycles;
                done += completed;
                gaps.extend(ones.iter().map(|one| one.longest_gap));
                if cycles > 0 && completed > 0 {
                    let cost = cycles as f64 / completed as f64;
                    lost.extend(ones.iter().map(|one| {
                        let moved = (one.done_settled - one.done_before) as f64;
                        (one.settled - one.began) as f64 - moved * cost
                    }));
                }
            }
        }
        if gaps.is_empty() || lost.is_empty() {
            return None;
        }
        stall.undisturbed_rate = 1000.0 * done as f64 / quiet as f64;
        stall.gap_worst = gaps.iter().copied().max().unwrap_or(0);
        stall.gap_mean = mean(gaps.iter().map(|&gap| gap as f64));
        stall.lost_mean = mean(lost.iter().copied());
        stall.lost_total = lost.iter().sum();
        Some(stall)
    }
}

impl Profile {
    fn of(runs: &[Series]) -> Profile {
        // Runs of different lengths may have buckets of different sizes.
        let Some(bucket) = runs.iter().map(|series| series.bucket).max() else { return Profile::default() };
        let slowest = runs.iter().flat_map(under_traffic).map(|one| one.ended - one.began).max().unwrap_or(0);
        let (before, after) = (BEFORE.div_ceil(bucket), (slowest + AFTER).min(MOST).div_ceil(bucket));
        let mut sums = vec![(0.0, 0.0, 0_u32); (before + after) as usize];
        for series in runs {
            for one in under_traffic(series) {
                let Some(own) = series.device(one.device) else { continue };
                let begin = one.began / series.bucket;
                let fine = bucket / series.bucket;
                for (at, sum) in sums.iter_mut().enumerate() {
                    let Some(first) = (begin + at as u64 * fine).checked_sub(before * fine) else { continue };
                    let first = first as usize;
                    let Some(done) = own.done.get(first..first + fine as usize) else { continue };
                    sum.0 += f64::from(done.iter().sum::<u32>());
                    sum.1 += f64::from(own.refused[first..first + fine as usize].iter().sum::<u32>());
                    sum.2 += 1;
                }
            }
        }
        let rate = |sum: f64, count: u32| if count == 0 { 0.0 } else { sum / f64::from(count) / bucket as f64 };
        Profile {
            bucket,
            start: -((before * bucket) as i64),
            done: sums.iter().map(|&(done, _, count)| rate(done, count)).collect(),
            refused: sums.iter().map(|&(_, refused, count)| rate(refused, count)).collect(),
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// The comparison as a JSON document with a newline at its end: a function of scenario, seed and device.
pub fn comparison_json(comparison: &Comparison) -> String {
    let document = serde_json::json!({
        "format": 1,
        "lockstep": env!("CARGO_PKG_VERSION"),
        "device": comparison.device,
        "base_seed": comparison.base_seed,
        "comparisons": comparison.groups,
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// A table with a column for each policy, for each scenario and variant.
pub fn comparison_table(comparison: &Comparison, colour: bool) -> String {
    let mut text = String::new();
    for group in &comparison.groups {
        let seeds = group.columns.first().map_or(0, |column| column.runs.len());
        let seeds = if seeds == 1 { "one seed".to_owned() } else { format!("{seeds} seeds each") };
        text.push_str(&format!("{}{}, {seeds} on {}\n", group.scenario, group.variant, comparison.device));
        text.push_str(&side_by_side(&group.columns, colour));
        text.push('\n');
    }
    text
}

fn side_by_side(columns: &[Column], colour: bool) -> String {
    let mut table = table(colour);
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let titles = columns.iter().map(|own| bold(&own.policy, colour).set_alignment(CellAlignment::Right));
    table.set_header(std::iter::once(bold("policy", colour)).chain(titles));
    let mut row = |name: &str, value: &dyn Fn(&Column) -> String| {
        let values = columns.iter().map(|column| right(value(column)));
        table.add_row(std::iter::once(Cell::new(name)).chain(values));
    };
    row("verdict", &|own| verdicts(&own.runs));
    row("reconfigurations under traffic", &|own| grouped(own.measures.reconfigurations));
    row("latency, mean (cycles)", &|own| format!("{:.1}", own.measures.latency_mean));
    row("latency, worst (cycles)", &|own| grouped(own.measures.latency_worst));
    let stall = |own: &Column, value: fn(&Stall) -> String| own.measures.stall.as_ref().map_or("-".to_owned(), value);
    row("longest gap in DMA, worst (cycles)", &|own| stall(own, |stall| grouped(stall.gap_worst)));
    row("longest gap in DMA, mean (cycles)", &|own| stall(own, |stall| format!("{:.1}", stall.gap_mean)));
    row("longest gap undisturbed (cycles)", &|own| stall(own, |stall| grouped(stall.undisturbed_gap)));
    row("DMA undisturbed (per 1000 cycles)", &|own| stall(own, |stall| format!("{:.1}", stall.undisturbed_rate)));
    row("DMA lost by one (cycles)", &|own| stall(own, |stall| format!("{:.1}", stall.lost_mean)));
    row("DMA lost in all (cycles)", &|own| stall(own, |stall| grouped(stall.lost_total.max(0.0).round() as u64)));
    row("DMA transactions", &|own| grouped(own.figures.dma_transactions));
    row("refused", &|own| grouped(own.figures.device_faults));
    for cause in keys(columns.iter().flat_map(|own| own.figures.fault_records.keys())) {
        row(&format!("  records with cause {cause}"), &|own| {
            grouped(own.figures.fault_records.get(cause).copied().unwrap_or(0))
        });
    }
    row("software hazards", &|own| grouped(own.figures.hazards));
    row("  values used that memory no longer held", &|own| grouped(own.figures.stale_used.values().sum()));
    row("  longest, cycles after the change", &|own| grouped(own.figures.longest_stale));
    row("commands", &|own| grouped(own.figures.commands.values().sum()));
    for command in keys(columns.iter().flat_map(|own| own.figures.commands.keys())) {
        let name = if command == "IOFENCE.C" { format!("  {command} (syncs)") } else { format!("  {command}") };
        row(&name, &|own| grouped(own.figures.commands.get(command).copied().unwrap_or(0)));
    }
    row("cycles", &|own| grouped(own.figures.cycles));
    format!("{table}\n")
}

fn keys<'a, K: Ord + 'a>(all: impl Iterator<Item = &'a K>) -> Vec<&'a K> {
    let mut all: Vec<&K> = all.collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
