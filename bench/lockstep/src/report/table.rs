// SPDX-License-Identifier: Apache-2.0
//! Tables and numbers as people read them.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Attribute, Cell, CellAlignment, Table};

pub(super) fn table(colour: bool) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

pub(super) fn bold(title: &str, colour: bool) -> Cell {
    if colour { Cell::new(title).add_attribute(Attribute::Bold) } else { Cell::new(title) }
}

pub(super) fn number(value: u64) -> Cell {
    Cell::new(grouped(value)).set_alignment(CellAlignment::Right)
}

/// `1,234,567`
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.23 M`
pub(super) fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.2} M", value / 1e6),
        value if value >= 1e3 => format!("{:.0} k", value / 1e3),
        value => format!("{value:.0} "),
    }
}

/// Cycles per second; 0 where no time passed.
pub(super) fn rate(cycles: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { cycles as f64 / seconds } else { 0.0 }
}
