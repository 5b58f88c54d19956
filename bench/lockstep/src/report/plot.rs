// SPDX-License-Identifier: Apache-2.0
//! The comparison as a picture: DMA over time, with the steps of the reconfigurations.
//!
//! A row for each policy. On the left, the first run through some reconfigurations in a row; on the right, the mean
//! of all reconfigurations, laid over each other at their beginning. The text is left to the viewer's own fonts.

use driver::StepKind;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use testbench::{Reconfiguration, Series};

use super::compare::{Column, Comparison, under_traffic};

/// A picture that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw: {0}")]
pub struct PlotError(String);

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for PlotError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        PlotError(error.to_string())
    }
}

/// Pixels
const WIDTH: u32 = 1500;
const LEFT: u32 = 900;
const ROW: u32 = 270;
const HEAD: u32 = 92;

/// Reconfigurations in a row on the left.
const SHOWN: usize = 4;

/// Cycles of a point on the left: as fine as it is readable.
const POINT: u64 = 64;

const DONE: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const REFUSED: RGBColor = RGBColor(0xd6, 0x27, 0x28);
const OTHERS: RGBColor = RGBColor(0xa0, 0xa0, 0xa0);
const BAND: RGBColor = RGBColor(0xff, 0xd9, 0x66);
const STORE: RGBColor = RGBColor(0x40, 0x40, 0x40);
const SYNC: RGBColor = RGBColor(0x2c, 0xa0, 0x2c);
const FLUSH: RGBColor = RGBColor(0x94, 0x50, 0xbd);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Points of a curve: cycle, and transactions in 100 cycles.
type Curve = Vec<(f64, f64)>;

/// The comparison as an SVG document.
///
/// # Errors
/// [`PlotError`]: the drawing library failed.
pub fn plot(comparison: &Comparison) -> Result<String, PlotError> {
    let rows = comparison.groups.iter().map(|group| group.columns.len()).sum::<usize>() as u32;
    let heads = comparison.groups.len() as u32;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, heads * HEAD + rows * ROW)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut rest = root.clone();
        for group in &comparison.groups {
            let (head, below) = rest.split_vertically(HEAD);
            rest = below;
            let title = format!("{}{} on {}", group.scenario, group.variant, comparison.device);
            heading(&head, &title)?;
            let most = group.columns.iter().map(peak).fold(0.0, f64::max);
            for column in &group.columns {
                let (row, below) = rest.split_vertically(ROW);
                rest = below;
                let (left, right) = row.split_horizontally(LEFT);
                timeline(&left, column, most)?;
                profile(&right, column, most)?;
            }
        }
        root.present()?;
    }
    Ok(svg)
}

/// Title and legend.
fn heading(area: &Area<'_>, title: &str) -> Result<(), PlotError> {
    area.draw(&Text::new(title.to_owned(), (14, 10), ("sans-serif", 24)))?;
    area.draw(&Text::new(
        "left: the first run over time; right: the mean of all reconfigurations, laid over each other",
        (14, 40),
        ("sans-serif", 15),
    ))?;
    let entries = [
        ("completed", DONE),
        ("refused", REFUSED),
        ("other devices", OTHERS),
        ("reconfiguration", BAND),
        ("store", STORE),
        ("sync", SYNC),
        ("flush", FLUSH),
    ];
    for (at, (name, colour)) in (0..).zip(entries) {
        let x = 14 + at * 140;
        area.draw(&Rectangle::new([(x, 67), (x + 18, 79)], colour.filled()))?;
        area.draw(&Text::new(name, (x + 24, 66), ("sans-serif", 15)))?;
    }
    Ok(())
}

/// The highest point that a column needs room for.
fn peak(column: &Column) -> f64 {
    let profile = &column.measures.profile;
    let right = profile.done.iter().chain(&profile.refused).map(|rate| 100.0 * rate);
    let left = column.series.first().map(shown).map(|shown| {
        let curves = shown.curves.iter().flat_map(|(curve, _)| curve.iter().map(|point| point.1));
        curves.fold(0.0, f64::max)
    });
    right.fold(left.unwrap_or(0.0), f64::max).max(1.0)
}

/// What the left side shows of a run.
struct Shown<'a> {
    from: u64,
    to: u64,
    reconfigurations: Vec<&'a Reconfiguration>,
    /// Other devices, then completed and refused of the device
    curves: Vec<(Curve, RGBColor)>,
}

fn shown(series: &Series) -> Shown<'_> {
    let all: Vec<&Reconfiguration> = under_traffic(series).collect();
    let device = all.first().map(|one| one.device);
    let reconfigurations: Vec<&Reconfiguration> = all.into_iter().take(SHOWN).collect();
    let end = series.devices.iter().map(|own| own.done.len() as u64 * series.bucket).max().unwrap_or(0);
    let from = reconfigurations.first().map_or(0, |one| one.began.saturating_sub(150)) / POINT * POINT;
    let to = reconfigurations.last().map_or(end, |one| one.settled.saturating_add(100)).min(end.max(from + POINT));
    let mut curves = Vec::new();
    for own in series.devices.iter().filter(|own| Some(own.device) != device) {
        curves.push((curve(&own.done, series.bucket, from, to), OTHERS));
    }
    for own in series.devices.iter().filter(|own| Some(own.device) == device) {
        curves.push((curve(&own.done, series.bucket, from, to), DONE));
        curves.push((curve(&own.refused, series.bucket, from, to), REFUSED));
    }
    Shown { from, to, reconfigurations, curves }
}

/// Transactions in 100 cycles, a point each [`POINT`] cycles or a bucket if that is coarser.
fn curve(counts: &[u32], bucket: u64, from: u64, to: u64) -> Curve {
    let step = POINT.max(bucket);
    let buckets = (step / bucket) as usize;
    let first = (from / bucket) as usize / buckets;
    let last = (to / bucket) as usize / buckets;
    (first..last)
        .map(|point| {
            let part = counts.iter().skip(point * buckets).take(buckets).sum::<u32>();
            let cycle = (point as u64 * step + step / 2) as f64;
            (cycle, 100.0 * f64::from(part) / step as f64)
        })
        .collect()
}

fn timeline(area: &Area<'_>, column: &Column, most: f64) -> Result<(), PlotError> {
    let Some(series) = column.series.first() else {
        return Ok(area.draw(&Text::new(
            format!("{}: nothing was recorded", column.policy),
            (20, 20),
            ("sans-serif", 18),
        ))?);
    };
    let shown = shown(series);
    let mut chart = ChartBuilder::on(area)
        .caption(&column.policy, ("sans-serif", 19))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(shown.from as f64..shown.to as f64, 0.0..most * 1.08)?;
    for one in &shown.reconfigurations {
        band(&mut chart, one.began as f64, one.ended as f64, most * 1.08)?;
        for &(cycle, kind) in &one.steps {
            mark(&mut chart, cycle as f64, kind, most * 1.08)?;
        }
    }
    axes(&mut chart, "cycle")?;
    for (curve, colour) in shown.curves {
        chart.draw_series(LineSeries::new(curve, colour.stroke_width(2)))?;
    }
    Ok(())
}

fn profile(area: &Area<'_>, column: &Column, most: f64) -> Result<(), PlotError> {
    let profile = &column.measures.profile;
    let from = profile.start as f64;
    let to = from + (profile.bucket * profile.done.len() as u64).max(1) as f64;
    let count = column.measures.reconfigurations;
    let caption = match &column.measures.stall {
        Some(stall) => format!(
            "{count} reconfigurations: gap {:.0} on average, {} at worst; {:.0} cycles lost",
            stall.gap_mean, stall.gap_worst, stall.lost_mean
        ),
        None => format!("{count} reconfigurations"),
    };
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(50)
        .build_cartesian_2d(from..to, 0.0..most * 1.08)?;
    // One stands for all: that of median latency.
    let mut all: Vec<&Reconfiguration> = column.series.iter().flat_map(under_traffic).collect();
    all.sort_by_key(|one| (one.ended - one.began, one.began));
    if let Some(one) = all.get(all.len() / 2) {
        band(&mut chart, 0.0, (one.ended - one.began) as f64, most * 1.08)?;
        for &(cycle, kind) in &one.steps {
            mark(&mut chart, (cycle - one.began) as f64, kind, most * 1.08)?;
        }
    }
    axes(&mut chart, "cycles since the call")?;
    for (rates, colour) in [(&profile.done, DONE), (&profile.refused, REFUSED)] {
        let middle = profile.bucket as f64 / 2.0;
        let points = rates
            .iter()
            .enumerate()
            .map(|(at, rate)| (from + (at as u64 * profile.bucket) as f64 + middle, 100.0 * rate));
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    Ok(())
}

fn axes(chart: &mut Chart<'_, '_>, below: &str) -> Result<(), PlotError> {
    chart
        .configure_mesh()
        .x_desc(below)
        .y_desc("DMA in 100 cycles")
        .x_label_formatter(&|cycle| format!("{cycle:.0}"))
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .y_labels(6)
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.08))
        .draw()?;
    Ok(())
}

fn band(chart: &mut Chart<'_, '_>, from: f64, to: f64, top: f64) -> Result<(), PlotError> {
    chart.draw_series([Rectangle::new([(from, 0.0), (to, top)], BAND.mix(0.35).filled())])?;
    Ok(())
}

fn mark(chart: &mut Chart<'_, '_>, cycle: f64, kind: StepKind, top: f64) -> Result<(), PlotError> {
    let colour = match kind {
        StepKind::Store => STORE,
        StepKind::Sync => SYNC,
        StepKind::Flush => FLUSH,
    };
    chart.draw_series([PathElement::new([(cycle, 0.0), (cycle, top)], colour.stroke_width(1))])?;
    Ok(())
}
