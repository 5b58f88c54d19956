// SPDX-License-Identifier: Apache-2.0
//! A text that is no YAML: what is wrong and where, in the words of those who write scenarios.

mod scan;

use scan::{Bracket, Quote, Scan, closing, indentation};

use super::diagnostic::Problem;
use super::place::Place;

/// Says what is wrong at a place, from what the reader complains of.
pub(super) fn explain(text: &str, complaint: &str, place: Place) -> Problem {
    let scan = Scan::new(text);
    let is = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
    if is(&["tab"]) && !is(&["tabl"]) {
        return tab(text, place);
    }
    if let Some(problem) = quote(text, &scan, place) {
        return problem;
    }
    if is(&["after single-quoted", "after double-quoted"]) {
        return Problem::new(place, "something follows a closing quote", "not expected here")
            .help("a quote within single quotes is written twice, one within double quotes as `\\\"`");
    }
    if let Some(problem) = bracket(text, &scan, place) {
        return problem;
    }
    let within = scan.within(place.offset);
    if is(&["escape", "surrogate", "hexadecimal"]) {
        let place = text[place.offset..].find('\\').map_or(place, |at| Place { offset: place.offset + at, len: 1 });
        return Problem::new(place, "`\\` does not go with what follows it", "unknown")
            .help("between single quotes `\\` stands for itself");
    }
    if is(&["unexpected character"]) {
        let character = text[place.offset..].chars().next().unwrap_or('?');
        return Problem::new(place, format!("a text cannot begin with `{character}`"), "has a meaning of its own")
            .help("put the text in quotes");
    }
    if is(&["unknown anchor"]) {
        let name = text[place.offset..].find(|c: char| c.is_whitespace() || ",}]".contains(c));
        let place = Place { len: name.unwrap_or(text.len() - place.offset), ..place };
        return Problem::new(place, "`*` refers to a value with `&` above it, and there is none", "no such name")
            .help("put a text that begins with `*` in quotes");
    }
    if is(&["comments must be separated", "comment intercepting"]) {
        return Problem::new(place, "a comment in the middle of a value", "here").help("write a space before `#`");
    }
    if let Some(open) = within {
        let close = closing(open);
        let (what, help) = if is(&["\"-\" is only valid", "'-'"]) {
            ("`-` within brackets".to_owned(), "within brackets, values are separated by `,`")
        } else {
            (format!("`,` or `{close}` is missing before this"), "is there a comma between all keys and values?")
        };
        return Problem::new(place, what, "not expected here").help(help);
    }
    if is(&["block sequence entries are not allowed"]) {
        return Problem::new(place, "a list begins in the middle of a line", "`- ` belongs at the start of a line")
            .help("begin the list on a line of its own, or write it as `[a, b]`");
    }
    if is(&["'-' must be followed"]) {
        return Problem::new(place, "`-` without a space behind it", "here").help("write `- ` before each item");
    }
    if is(&["simple key", "unexpected end of plain scalar"]) {
        let place = whole_line(text, place);
        return Problem::new(place, "a line without a key and a value", "no `: ` in it").help("write `key: value`");
    }
    if is(&["mapping values are not allowed", "':'", "mapping keys are not allowed"]) && !at_start(text, place) {
        return Problem::new(place, "a second `:` in one line", "the value went on to here")
            .help("put a text with `: ` in quotes; begin each key on a line of its own");
    }
    if is(&["block mapping", "block collection", "indent", "mapping values", "':'"]) && at_start(text, place) {
        return misplaced(text, place);
    }
    Problem::new(place, "this does not fit what stands before it", "not expected here")
        .help("put a text with special characters in quotes")
}

/// Tabs are no indentation.
fn tab(text: &str, place: Place) -> Problem {
    let line = line_of(text, place.offset);
    let found = text[line.clone()].find('\t').map(|at| line.start + at).or_else(|| text.find('\t'));
    let place = found.map_or(place, |offset| Place { offset, len: 1 });
    let line = line_of(text, place.offset);
    let leading = text[line.start..place.offset].trim().is_empty();
    let what = if leading { "a tab in the indentation" } else { "a tab in the middle of a value" };
    Problem::new(place, what, "a tab").help("write spaces")
}

/// A quote that is missing: one that never closes, or that closes only where the reader stumbles.
fn quote(text: &str, scan: &Scan, place: Place) -> Option<Problem> {
    let line = |offset: usize| text[..offset].matches('\n').count() + 1;
    let Quote { mark, open, close } = *scan.quotes.iter().find(|quote| match quote.close {
        None => true,
        Some(close) => {
            let stumbled = line(place.offset);
            line(quote.open) < line(close) && (line(quote.open)..=line(close) + 1).contains(&stumbled)
        }
    })?;
    let place = Place { offset: open, len: 1 };
    let help = format!("write `{mark}` at the end of the text");
    Some(match close {
        None => Problem::new(place, format!("the quote `{mark}` is never closed"), "opens here").help(help),
        Some(close) => {
            let message = format!("the quote `{mark}` is not closed before line {}", line(close));
            let closes = Place { offset: close, len: 1 };
            Problem::new(place, message, "opens here").and(closes, "closes here").help(help)
        }
    })
}

fn bracket(text: &str, scan: &Scan, place: Place) -> Option<Problem> {
    let line = |offset: usize| text[..offset].matches('\n').count() + 1;
    let what = |open: char| if open == '{' { "mapping" } else { "list" };
    let at = |offset: usize| Place { offset, len: 1 };
    Some(match scan.bracket? {
        // Where the reader stumbled before, something else is wrong.
        Bracket::Mismatched { open: from, .. } | Bracket::Stray { close: from }
            if line(place.offset) < line(from.1) =>
        {
            return None;
        }
        Bracket::Mismatched { open, close } => {
            let message =
                format!("the {} that opened in line {} is closed by `{}`", what(open.0), line(open.1), close.0);
            Problem::new(at(close.1), message, format!("`{}` belongs here", closing(open.0)))
                .and(at(open.1), "opens here")
        }
        Bracket::Stray { close } => {
            let open = if close.0 == '}' { '{' } else { '[' };
            Problem::new(at(close.1), format!("`{}` closes nothing", close.0), format!("no `{open}` is open"))
        }
        Bracket::Unclosed { open } => {
            let message = format!("the {} that opens here is never closed", what(open.0));
            Problem::new(at(open.1), message, "opens here").help(format!("write `{}` at its end", closing(open.0)))
        }
    })
}

/// A line that is indented as nothing above it, or as something of another kind.
fn misplaced(text: &str, place: Place) -> Problem {
    let line = line_of(text, place.offset);
    let own = indentation(&text[line.clone()]);
    let mut levels: Vec<usize> = Vec::new();
    for above in text[..line.start].lines().filter(|above| !above.trim().is_empty() && !above.trim().starts_with('#')) {
        let mut level = indentation(above);
        levels.retain(|&other| other < level);
        levels.push(level);
        // The key behind `- ` is a level of its own.
        while let Some(rest) = above.get(level..).filter(|rest| rest.starts_with("- ")) {
            level += 2 + indentation(&rest[2..]);
            levels.push(level);
        }
    }
    let spaces = |count: usize| if count == 1 { "1 space".to_owned() } else { format!("{count} spaces") };
    let place = Place { offset: line.start + own, len: text[line.start + own..line.end].trim_end().len() };
    let message = if levels.contains(&own) {
        let item = text[place.offset..].starts_with('-');
        let (this, other) = if item { ("an item of a list", "keys") } else { ("a key", "items of a list") };
        format!("{this} where {other} belong")
    } else {
        format!("{} of indentation: no line above that this could go with has as many", spaces(own))
    };
    let levels: Vec<String> = levels.iter().map(ToString::to_string).collect();
    let problem = Problem::new(place, message, format!("indented by {}", spaces(own)));
    if levels.is_empty() {
        problem
    } else {
        problem.help(format!("what it could go with is indented by {}", levels.join(", ")))
    }
}

/// The line in which an offset lies, without its end.
fn line_of(text: &str, offset: usize) -> std::ops::Range<usize> {
    let offset = offset.min(text.len());
    let start = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    start..text[offset..].find('\n').map_or(text.len(), |end| offset + end)
}

/// Nothing but spaces, and the `-` of an item, stands before it in its line.
fn at_start(text: &str, place: Place) -> bool {
    text[line_of(text, place.offset).start..place.offset].trim_matches([' ', '-']).is_empty()
}

/// What is written in a line.
fn whole_line(text: &str, place: Place) -> Place {
    let line = line_of(text, place.offset);
    let own = text[line.clone()].trim();
    Place { offset: line.end - text[line].trim_start().len(), len: own.len() }
}

#[cfg(test)]
#[path = "syntax_tests.rs"]
mod tests;
