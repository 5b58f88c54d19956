// SPDX-License-Identifier: Apache-2.0
//! Scores, for people and for programs.

use std::fmt::Write;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json as object};
use vectors::{Score, Scores};

/// A table by class, why operations were skipped, and the first mismatch of each class, field by field.
#[must_use]
pub fn text(scores: &Scores) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    table.set_header(["class", "cases", "operations", "scored", "agreed", "skipped"]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let total = scores.total();
    let rows = scores.classes.iter().map(|(name, score)| (name.as_str(), score)).chain([("all", &total)]);
    for (name, Score { cases, operations, scored, agreed, skipped, .. }) in rows {
        table.add_row([
            name.to_owned(),
            cases.to_string(),
            operations.to_string(),
            scored.to_string(),
            agreed.to_string(),
            skipped.to_string(),
        ]);
    }
    let mut text = format!("{table}\n");
    if !scores.skipped.is_empty() {
        let _ = writeln!(text, "\nskipped operations:");
        let mut reasons: Vec<_> = scores.skipped.iter().collect();
        reasons.sort_by_key(|&(reason, count)| (std::cmp::Reverse(*count), reason));
        for (reason, count) in reasons {
            let _ = writeln!(text, "{count:>7}  {reason}");
        }
    }
    for (class, mismatches) in &scores.mismatches {
        let Some(first) = mismatches.first() else { continue };
        let more = match mismatches.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let _ = writeln!(text, "\n{class}{more}: case {}, operation {}: {}", first.case, first.operation, first.action);
        for difference in &first.differences {
            let _ = writeln!(text, "  {}", difference.field);
            let _ = writeln!(text, "    expected  {}", difference.expected);
            let _ = writeln!(text, "    came      {}", difference.came);
        }
    }
    let Score { scored, translations, agreed, .. } = total;
    let _ = writeln!(text, "\n{agreed} of {scored} operations agree ({translations} of them translations)");
    text
}

/// The scores as a JSON document with a newline at its end: every mismatch, not only the first ones. `on` says what the
/// cases ran on.
#[must_use]
pub fn json(scores: &Scores, on: &str) -> String {
    let document: Value = object!({
        "format": 1,
        "lockstep": env!("CARGO_PKG_VERSION"),
        "on": on,
        "total": scores.total(),
        "classes": scores.classes,
        "skipped": scores.skipped,
        "mismatches": scores.mismatches,
    });
    format!("{document:#}\n")
}
