// SPDX-License-Identifier: Apache-2.0
//! Regressions over time, for people.

use comfy_table::Cell;

use super::history::Entry;
use super::table::{bold, number, short, table};

/// So many regressions are shown: the last ones.
const SHOWN: usize = 30;

/// A line for each regression, the newest one last.
pub fn history_text(entries: &[Entry]) -> String {
    let mut table = table(false);
    table.set_header(
        ["", "label", "device", "runs", "failed", "kinds", "new kinds", "cycles/s"].map(|title| bold(title, false)),
    );
    let left_out = entries.len().saturating_sub(SHOWN);
    for entry in &entries[left_out..] {
        let count = |count: i64| number(count.max(0) as u64);
        let rate = if entry.seconds > 0.0 { short(entry.cycles as f64 / entry.seconds) } else { String::new() };
        table.add_row(vec![
            count(entry.id),
            Cell::new(&entry.label),
            Cell::new(&entry.device),
            count(entry.runs),
            count(entry.runs - entry.passed),
            count(entry.kinds),
            count(entry.new_kinds),
            Cell::new(rate),
        ]);
    }
    let more = if left_out > 0 { format!("{left_out} earlier ones are not shown\n") } else { String::new() };
    format!("{more}{table}\n")
}
