// SPDX-License-Identifier: Apache-2.0
//! Regressions over time as a picture: runs that failed, kinds of failure, and what scenarios cost beside the first time.

use std::collections::BTreeMap;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::history::{Entry, Point};
use super::plot::PlotError;

/// Pixels
const WIDTH: u32 = 1100;
const ROW: u32 = 240;

const PASSED: RGBColor = RGBColor(0x2c, 0x8a, 0x4b);
const FAILED: RGBColor = RGBColor(0xd6, 0x27, 0x28);
const NEW: RGBColor = RGBColor(0x8c, 0x1a, 0x1b);
const LINES: [RGBColor; 3] = [RGBColor(0x1f, 0x6f, 0xb4), RGBColor(0x94, 0x50, 0xbd), RGBColor(0xc9, 0x7b, 0x12)];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The history as an SVG document. `figures`: name of each figure, and its points.
///
/// # Errors
/// [`PlotError`]: the drawing library failed.
pub fn history_plot(entries: &[Entry], figures: &[(&str, Vec<Point>)]) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, 3 * ROW)).into_drawing_area();
        root.fill(&WHITE)?;
        let rows = root.split_evenly((3, 1));
        let bars = |of: fn(&Entry) -> i64| entries.iter().map(of).collect::<Vec<_>>();
        let failed = bars(|entry| entry.runs - entry.passed);
        stacked(
            &rows[0],
            "runs: passed and failed",
            entries,
            &[(bars(|entry| entry.passed), PASSED), (failed, FAILED)],
        )?;
        let kinds = [(bars(|entry| entry.kinds - entry.new_kinds), FAILED), (bars(|entry| entry.new_kinds), NEW)];
        stacked(&rows[1], "kinds of failure: known and new (dark)", entries, &kinds)?;
        let curves: Vec<(&str, Vec<(usize, f64)>)> =
            figures.iter().map(|(name, points)| (*name, beside_the_first(entries, points))).collect();
        lines(&rows[2], entries, &curves)?;
        root.present()?;
    }
    Ok(svg)
}

/// A row with its axes: a place for each regression, and numbers with so many digits behind the point.
fn row<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    entries: &[Entry],
    height: Range<f64>,
    digits: usize,
) -> Result<Chart<'a, 'b>, PlotError> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 17))
        .margin(10)
        .x_label_area_size(28)
        .y_label_area_size(64)
        .build_cartesian_2d(-0.6..entries.len() as f64 - 0.4, height)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(entries.len().min(16))
        .x_label_formatter(&|at| label(entries, *at))
        .y_label_formatter(&|value| format!("{value:.digits$}"))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.08))
        .draw()?;
    Ok(chart)
}

/// Bars that stand on each other, one stack for each regression.
fn stacked(area: &Area<'_>, title: &str, entries: &[Entry], bars: &[(Vec<i64>, RGBColor)]) -> Result<(), PlotError> {
    let height = |at: usize| bars.iter().map(|(values, _)| values[at]).sum::<i64>();
    let most = (0..entries.len()).map(height).max().unwrap_or(0).max(1) as f64;
    let mut chart = row(area, title, entries, 0.0..most * 1.05, 0)?;
    let mut below = vec![0.0; entries.len()];
    for (values, colour) in bars {
        let drawn = values.iter().zip(&mut below).enumerate().filter(|(_, (value, _))| **value > 0);
        chart.draw_series(drawn.map(|(at, (value, below))| {
            let (from, to) = (*below, *below + *value as f64);
            *below = to;
            Rectangle::new([(at as f64 - 0.4, from), (at as f64 + 0.4, to)], colour.filled())
        }))?;
    }
    Ok(())
}

fn lines(area: &Area<'_>, entries: &[Entry], curves: &[(&str, Vec<(usize, f64)>)]) -> Result<(), PlotError> {
    let values = || curves.iter().flat_map(|(_, curve)| curve.iter().map(|point| point.1));
    let (least, most) = (values().fold(0.95, f64::min), values().fold(1.05, f64::max));
    let title = "figures of runs that passed, beside the first time (geometric mean of scenarios)";
    let mut chart = row(area, title, entries, least * 0.98..most * 1.02, 2)?;
    for ((name, curve), colour) in curves.iter().zip(LINES) {
        let points: Vec<(f64, f64)> = curve.iter().map(|(at, ratio)| (*at as f64, *ratio)).collect();
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled()));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).label_font(("sans-serif", 14)).draw()?;
    Ok(())
}

/// What stands below a bar.
fn label(entries: &[Entry], at: f64) -> String {
    let whole = (at - at.round()).abs() < 1e-6 && at >= 0.0;
    entries.get(at.round().max(0.0) as usize).filter(|_| whole).map(|entry| entry.label.clone()).unwrap_or_default()
}

/// How far scenarios have moved since they were first measured: the geometric mean of their ratios, for each regression.
fn beside_the_first(entries: &[Entry], points: &[Point]) -> Vec<(usize, f64)> {
    let mut logs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for own in points.chunk_by(|a, b| a.scenario == b.scenario) {
        let known = own.iter().filter_map(|point| {
            let at = entries.iter().position(|entry| entry.id == point.id)?;
            (point.mean > 0.0).then_some((at, point.mean))
        });
        let known: Vec<(usize, f64)> = known.collect();
        let Some(&(_, first)) = known.first() else { continue };
        for (at, mean) in known {
            logs.entry(at).or_default().push((mean / first).ln());
        }
    }
    logs.into_iter().map(|(at, logs)| (at, (logs.iter().sum::<f64>() / logs.len() as f64).exp())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_measured_against_their_own_first_time() {
        let entry = |id| Entry {
            id,
            recorded: 0,
            label: String::new(),
            device: String::new(),
            runs: 1,
            passed: 1,
            kinds: 0,
            new_kinds: 0,
            cycles: 1,
            seconds: 1.0,
        };
        let point = |id, scenario: &str, mean| Point { id, scenario: scenario.to_owned(), mean };
        let points = [
            point(4, "a", 100.0),
            point(7, "a", 200.0),
            point(9, "a", 200.0),
            point(7, "b", 10.0),
            point(9, "b", 40.0),
        ];
        let curve = beside_the_first(&[entry(4), entry(7), entry(9)], &points);
        let expected = [(0, 1.0), (1, 2f64.sqrt()), (2, 8f64.sqrt())];
        assert_eq!(curve.len(), 3);
        for ((at, ratio), (right_at, right)) in curve.into_iter().zip(expected) {
            assert!(at == right_at && (ratio - right).abs() < 1e-9, "{at}: {ratio}");
        }
    }
}
