// SPDX-License-Identifier: Apache-2.0
//! Devices side by side as a picture: a row for each case, a panel for each memory latency, cycles on a logarithmic scale.
//! The text is left to the viewer's own fonts.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::perf::{Perf, Row, title};
use super::plot::PlotError;
use crate::perf::{Measured, Setting};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Pixels
const NAMES: i32 = 170;
const PANEL: i32 = 430;
const GAP: i32 = 24;
const BAR: i32 = 11;
const PAD: i32 = 9;
const HEAD: i32 = 74;
const TITLE: i32 = 46;
const FOOT: i32 = 22;

/// Cycles at the left edge of a panel.
const LEAST: f64 = 0.5;

/// Panels in a line of them.
const MOST_PANELS: usize = 3;

const DEVICES: [RGBColor; 6] = [
    RGBColor(0x1f, 0x6f, 0xb4),
    RGBColor(0xe0, 0x8a, 0x1e),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0x94, 0x50, 0xbd),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0xd6, 0x5d, 0x9b),
];
const WALK: RGBColor = RGBColor(0xd6, 0x27, 0x28);
const IDEAL: RGBColor = RGBColor(0x20, 0x20, 0x20);

/// The measurements as an SVG document.
///
/// # Errors
/// [`PlotError`]: the drawing library failed.
pub fn perf_plot(perf: &Perf) -> Result<String, PlotError> {
    let settings = perf.settings();
    let mut cases: Vec<&str> = Vec::new();
    for row in &perf.rows {
        if !cases.contains(&row.case.as_str()) {
            cases.push(&row.case);
        }
    }
    let row = PAD + BAR * perf.devices.len().max(1) as i32;
    let block = TITLE + row * cases.len() as i32 + FOOT;
    let lines = blocks(&settings);
    let panels = lines.iter().map(Vec::len).max().unwrap_or(1) as i32;
    let width = (NAMES + panels * (PANEL + GAP)).max(entries(perf).iter().map(|name| entry_width(name)).sum());
    let height = HEAD + block * lines.len() as i32;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width.max(1) as u32, height.max(1) as u32)).into_drawing_area();
        root.fill(&WHITE)?;
        legend(&root, perf)?;
        for (line, settings) in (0..).zip(&lines) {
            let top = HEAD + line * block + TITLE;
            for (at, case) in (0..).zip(&cases) {
                root.draw(&Text::new((*case).to_owned(), (12, top + at * row + 2), ("sans-serif", 14)))?;
            }
            for (at, setting) in (0..).zip(settings) {
                let place = Place { left: NAMES + at * (PANEL + GAP), top, row, rows: cases.len() as i32 };
                panel(&root, perf, setting, &cases, &place)?;
            }
        }
        root.present()?;
    }
    Ok(svg)
}

/// Settings that differ in the latency alone stand beside each other.
fn blocks(settings: &[Setting]) -> Vec<Vec<Setting>> {
    let mut lines: Vec<Vec<Setting>> = Vec::new();
    for setting in settings {
        let open = lines.iter_mut().find(|line| line[0].streams == setting.streams && line.len() < MOST_PANELS);
        match open {
            Some(line) => line.push(*setting),
            None => lines.push(vec![*setting]),
        }
    }
    lines
}

/// Where a panel is.
struct Place {
    left: i32,
    top: i32,
    row: i32,
    rows: i32,
}

impl Place {
    /// Where a number of cycles is, of so many at most: logarithmic. The panel begins below 1, so that 1 shows.
    fn x(&self, cycles: f64, most: f64) -> i32 {
        let part = (cycles.max(LEAST) / LEAST).ln() / (most / LEAST).ln();
        self.left + (part * f64::from(PANEL)).round() as i32
    }
}

/// What the legend says: the devices, then the walk, then the cache.
fn entries(perf: &Perf) -> Vec<String> {
    let devices = perf.devices.iter().map(|device| format!("{device}: median, and to 99 %"));
    devices.chain(["golden walk".to_owned(), "ideal cache".to_owned()]).collect()
}

fn entry_width(name: &str) -> i32 {
    48 + 8 * name.chars().count() as i32
}

fn legend(root: &Area<'_>, perf: &Perf) -> Result<(), PlotError> {
    let head = "cycles from the acceptance of a request to its VALID on mem_*";
    root.draw(&Text::new(head, (12, 10), ("sans-serif", 20)))?;
    let mut x = 12;
    for (at, name) in entries(perf).into_iter().enumerate() {
        match at.checked_sub(perf.devices.len()) {
            None => bar(root, (x, x + 14, x + 22), 46, DEVICES[at % DEVICES.len()])?,
            Some(0) => tick(root, x + 12, 43, 16, WALK)?,
            Some(_) => dot(root, x + 12, 51)?,
        }
        root.draw(&Text::new(name.clone(), (x + 26, 44), ("sans-serif", 14)))?;
        x += entry_width(&name);
    }
    Ok(())
}

fn panel(root: &Area<'_>, perf: &Perf, setting: &Setting, cases: &[&str], place: &Place) -> Result<(), PlotError> {
    let most = perf.rows_of(setting).map(longest).fold(10.0, f64::max) * 1.1;
    let bottom = place.top + place.row * place.rows;
    root.draw(&Text::new(title(setting), (place.left, place.top - 36), ("sans-serif", 15)))?;
    let mut mark = 1.0;
    while mark <= most {
        let x = place.x(mark, most);
        root.draw(&PathElement::new([(x, place.top - 4), (x, bottom)], BLACK.mix(0.12)))?;
        root.draw(&Text::new(format!("{mark}"), (x - 3, bottom + 3), ("sans-serif", 12)))?;
        mark *= 10.0;
    }
    for row in perf.rows_of(setting) {
        let Some(at) = cases.iter().position(|case| *case == row.case) else { continue };
        let top = place.top + at as i32 * place.row;
        for (number, cell) in row.cells.iter().enumerate() {
            let y = top + number as i32 * BAR;
            let Some(own) = cell.measured() else {
                root.draw(&Text::new("-", (place.left + 2, y - 2), ("sans-serif", 12)))?;
                continue;
            };
            let x = |cycles: f64| place.x(cycles, most);
            let ends = (place.left, x(own.latency.median as f64), x(own.latency.p99 as f64));
            bar(root, ends, y, DEVICES[number % DEVICES.len()])?;
            dot(root, x(own.ideal.cycles), y + BAR / 2 - 1)?;
        }
        if let Some(own) = row.cells.iter().find_map(super::perf::Cell::measured) {
            tick(root, place.x(own.walk.cycles, most), top - 2, place.row - PAD + 3, WALK)?;
        }
    }
    Ok(())
}

fn longest(row: &Row) -> f64 {
    let of = |own: &Measured| own.walk.cycles.max(own.latency.p99 as f64).max(own.ideal.cycles);
    row.cells.iter().filter_map(|cell| cell.measured()).map(of).fold(1.0, f64::max)
}

/// From the left end to the median, and on to the 99th percentile as a line.
fn bar(root: &Area<'_>, (left, median, p99): (i32, i32, i32), y: i32, colour: RGBColor) -> Result<(), PlotError> {
    let (top, bottom) = (y, y + BAR - 3);
    root.draw(&Rectangle::new([(left, top), (median, bottom)], colour.filled()))?;
    let middle = y + (BAR - 3) / 2;
    root.draw(&PathElement::new([(median, middle), (p99, middle)], colour.stroke_width(2)))?;
    Ok(root.draw(&PathElement::new([(p99, top + 1), (p99, bottom - 1)], colour.stroke_width(2)))?)
}

fn tick(root: &Area<'_>, x: i32, top: i32, height: i32, colour: RGBColor) -> Result<(), PlotError> {
    Ok(root.draw(&PathElement::new([(x, top), (x, top + height)], colour.stroke_width(2)))?)
}

fn dot(root: &Area<'_>, x: i32, y: i32) -> Result<(), PlotError> {
    root.draw(&Circle::new((x, y), 4, WHITE.filled()))?;
    Ok(root.draw(&Circle::new((x, y), 3, IDEAL.filled()))?)
}
