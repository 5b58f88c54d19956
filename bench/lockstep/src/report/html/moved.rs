// SPDX-License-Identifier: Apache-2.0
//! Figures that moved, each drawn beside its noise.

use maud::{Markup, html};

use super::super::diff::Moved;
use super::super::table::grouped;

/// So many figures are shown, those that moved most by their noise first.
const MOST: usize = 200;

/// Half of the width of a drawing.
const HALF: f64 = 100.0;

/// What is beyond this part of a figure is drawn at the edge.
const EDGE: f64 = 1.0;

/// A line for each figure: its means, by what part it moved, and how far chance may move it.
pub(super) fn table(moved: &[Moved]) -> Markup {
    let mut all: Vec<&Moved> = moved.iter().collect();
    all.sort_by(|a, b| part(b).abs().total_cmp(&part(a).abs()));
    // One scale for all of them, so that bars can be compared.
    let widest = all.iter().map(|one| part(one).abs().max(noise(one))).fold(0.0, f64::max).clamp(0.01, EDGE);
    html! {
        p {
            "The mean over the runs of a variant that passed. Noise is how far two such means may lie apart by chance: twice \
             the standard error of their difference. In the drawing, the band is the noise around no change, and the line \
             goes from no change to what was measured; its ends are at " (percent(widest)) "."
        }
        div.scroll.runs-table tabindex="0" role="region" aria-labelledby="moved-title" {
            table {
                thead {
                    tr {
                        th scope="col" { "Scenario" }
                        th scope="col" { "Figure" }
                        @for title in ["Before", "Now", "Change", "Noise"] { th.number scope="col" { (title) } }
                        th scope="col" { "Change and noise" }
                    }
                }
                tbody {
                    @for one in all.iter().take(MOST) {
                        tr {
                            th scope="row" { (one.scenario) }
                            td { (one.figure) }
                            td.number data-name="before" { (rounded(one.old)) }
                            td.number data-name="now" { (rounded(one.new)) }
                            td.number data-name="change" { (change(one)) }
                            td.number data-name="noise" { "± " (rounded(one.noise)) }
                            td { (drawing(one, widest)) }
                        }
                    }
                }
            }
        }
        @if all.len() > MOST { p.quiet { "And " (grouped((all.len() - MOST) as u64)) " more: the JSON has all." } }
    }
}

/// By which part of what was it moved. What comes from nothing moved by all of it.
fn part(moved: &Moved) -> f64 {
    if moved.old == 0.0 { EDGE.copysign(moved.new) } else { (moved.new - moved.old) / moved.old.abs() }
}

fn noise(moved: &Moved) -> f64 {
    if moved.old == 0.0 { 0.0 } else { moved.noise / moved.old.abs() }
}

fn change(moved: &Moved) -> String {
    if moved.old == 0.0 { "from nothing".to_owned() } else { format!("{:+.1} %", part(moved) * 100.0) }
}

fn percent(part: f64) -> String {
    format!("±{:.0} %", (part * 100.0).ceil())
}

fn rounded(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 || value >= 1000.0 => grouped(value.round() as u64),
        value => format!("{value:.2}"),
    }
}

fn drawing(moved: &Moved, widest: f64) -> Markup {
    let at = |part: f64| HALF + (part / widest).clamp(-1.0, 1.0) * HALF;
    let place = |value: f64| format!("{value:.1}");
    let (left, right, end) = (at(-noise(moved)), at(noise(moved)), at(part(moved)));
    let words = format!("{} of {}; noise {}", change(moved), moved.figure, percent(noise(moved)));
    html! {
        svg.moved viewBox="-4 0 208 16" role="img" aria-label=(words) {
            rect.noise x=(place(left)) y="1" width=(place((right - left).max(1.0))) height="14" {}
            line.none x1=(place(HALF)) y1="0" x2=(place(HALF)) y2="16" {}
            line.change x1=(place(HALF)) y1="8" x2=(place(end)) y2="8" {}
            circle.change cx=(place(end)) cy="8" r="4" {}
        }
    }
}
