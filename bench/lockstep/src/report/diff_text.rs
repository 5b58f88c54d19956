// SPDX-License-Identifier: Apache-2.0
//! What differs between two regressions, for people: on a terminal, and as Markdown for a pull request.

use std::fmt::Write as _;

use super::diff::{Diff, KindChange, Moved, RunChange};

/// More than this of one sort is not told; the JSON has all.
const MOST: usize = 20;

/// For a terminal.
pub fn diff_text(diff: &Diff) -> String {
    let mut text = String::new();
    if diff.is_empty() {
        return format!("no difference: {} runs in both\n", diff.compared);
    }
    let runs = |count: usize| if count == 1 { "1 run".to_owned() } else { format!("{count} runs") };
    let kind = |change: &KindChange| {
        let counts = match (change.old, change.new) {
            (0, new) => runs(new),
            (old, 0) => format!("was in {}", runs(old)),
            (old, new) => format!("{}, was in {}", runs(new), runs(old)),
        };
        let play = if change.new > 0 { format!("\n    {}", change.reproduce) } else { String::new() };
        format!("{}: {} ({counts})  {}{play}", change.verdict, change.what, change.example)
    };
    let run =
        |change: &RunChange| format!("{}: {}, was {}\n    {}", change.id, change.new, change.old, change.reproduce);
    section(&mut text, "new kinds of failure", &diff.new, kind);
    section(&mut text, "runs that passed and fail", &diff.newly_failed, run);
    section(&mut text, "kinds in another number of runs", &diff.changed, kind);
    section(&mut text, "fixed kinds", &diff.fixed, kind);
    section(&mut text, "runs that failed and pass", &diff.newly_passed, |change| change.id.clone());
    section(&mut text, "figures that moved", &diff.moved, moved);
    section(&mut text, "runs that were not there", &diff.only_new, Clone::clone);
    section(&mut text, "runs that are not there any more", &diff.only_old, Clone::clone);
    let _ = writeln!(text, "{} in both", runs(diff.compared));
    text
}

fn section<T>(text: &mut String, title: &str, all: &[T], line: impl Fn(&T) -> String) {
    if all.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{title}: {}", all.len());
    for one in all.iter().take(MOST) {
        let _ = writeln!(text, "  {}", line(one));
    }
    if all.len() > MOST {
        let _ = writeln!(text, "  and {} more: see --json", all.len() - MOST);
    }
}

fn moved(moved: &Moved) -> String {
    let Moved { scenario, figure, old, new, noise } = moved;
    let percent = if *old == 0.0 { String::new() } else { format!(", {:+.1} %", (new - old) / old * 100.0) };
    format!("{scenario}: {figure} {} -> {}{percent}; noise {}", rounded(*old), rounded(*new), rounded(*noise))
}

fn rounded(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// For a pull request.
pub fn diff_markdown(diff: &Diff) -> String {
    let verdict = match (diff.is_worse(), diff.is_empty()) {
        (true, _) => "**Something fails that did not.**",
        (false, true) => "No difference.",
        (false, false) => "Nothing fails that did not.",
    };
    let mut text = format!("### lockstep\n\n{verdict} {} runs in both.\n", diff.compared);
    let kinds = [("new", &diff.new), ("other number of runs", &diff.changed), ("fixed", &diff.fixed)];
    if kinds.iter().any(|(_, all)| !all.is_empty()) {
        text.push_str("\n| | kind of failure | runs before | runs now | smallest example |\n|---|---|---|---|---|\n");
        for (what, change) in
            kinds.iter().flat_map(|(what, all)| all.iter().take(MOST).map(move |change| (what, change)))
        {
            let KindChange { what: kind, verdict, old, new, example, .. } = change;
            let _ = writeln!(text, "| {what} | {verdict}: {} | {old} | {new} | `{example}` |", cell(kind));
        }
    }
    if !diff.newly_failed.is_empty() {
        text.push_str("\n<details><summary>Runs that passed and fail</summary>\n\n```\n");
        for change in diff.newly_failed.iter().take(MOST) {
            let _ = writeln!(text, "{}", change.reproduce);
        }
        text.push_str("```\n\n</details>\n");
    }
    if !diff.moved.is_empty() {
        text.push_str("\n| figure that moved | before | now | noise |\n|---|---|---|---|\n");
        for Moved { scenario, figure, old, new, noise } in diff.moved.iter().take(MOST) {
            let [old, new, noise] = [old, new, noise].map(|value| rounded(*value));
            let _ = writeln!(text, "| `{scenario}`: {figure} | {old} | {new} | {noise} |");
        }
    }
    text
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
