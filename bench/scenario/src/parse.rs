// SPDX-License-Identifier: Apache-2.0
//! Text to scenario.

use serde_yaml::Error;

use super::axes::Variant;
use super::diagnostic::{Diagnostics, Problem};
use super::file::Scenario;
use super::place::Place;
use super::syntax;
use super::variables::Source;

/// Reads a scenario and checks that everything in it fits together, in each of its variants.
///
/// # Errors
/// [`Diagnostics`] that point into the text. `path` is only used to name the file in them.
pub fn parse(path: &str, text: &str) -> Result<Scenario, Diagnostics> {
    let scenario = read_variant(text, Source::of(text).as_ref(), &Variant::default());
    let scenario = scenario.map_err(|problem| Diagnostics::new(path, text, vec![problem]))?;
    let mut problems = scenario.check();
    if problems.is_empty() {
        return Ok(scenario);
    }
    problems.sort_by_key(|problem| problem.place);
    problems.dedup();
    Err(Diagnostics::new(path, text, problems))
}

/// Reads another file in YAML.
///
/// # Errors
/// [`Diagnostics`] that point into the text.
pub fn from_yaml<T: serde::de::DeserializeOwned>(path: &str, text: &str) -> Result<T, Diagnostics> {
    read(text).map_err(|problem| Diagnostics::new(path, text, vec![problem]))
}

/// A scenario with the values that its variables have in a variant.
pub(super) fn read_variant(text: &str, source: Option<&Source>, variant: &Variant) -> Result<Scenario, Problem> {
    let Some(source) = source else { return read(text) };
    let (filled, shifts) = source.filled(variant);
    let read: Result<Scenario, Problem> = shifts.clone().while_reading(|| read(&filled));
    match read {
        Ok(scenario) => Ok(Scenario { source: Some(source.clone()), ..scenario }),
        Err(mut problem) => {
            problem.place = shifts.back(problem.place);
            problem.other = problem.other.map(|other| Box::new((shifts.back(other.0), other.1)));
            Err(source.unknown(&problem).unwrap_or(problem))
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let options = || serde_yaml::options! { with_snippet: false };
    let scenario = serde_yaml::from_str_with_options(text, options());
    scenario.map_err(|error| {
        // The reader takes values as they come: what looks like a wrong value may be no YAML at all further on.
        let whole = serde_yaml::from_str_with_options::<serde::de::IgnoredAny>(text, options());
        problem(text, whole.as_ref().err().filter(|error| is_syntax(error)).unwrap_or(&error))
    })
}

const fn is_syntax(error: &Error) -> bool {
    matches!(error, Error::ExternalMessage { .. })
}

/// Says what the YAML reader found in the words of this vocabulary.
fn problem(text: &str, error: &Error) -> Problem {
    let place = error.location().map_or_else(Place::default, |location| place_of(text, location));
    let mut place = clamp(text, place);
    if matches!(error, Error::SerdeInvalidType { .. } | Error::SerdeInvalidValue { .. } | Error::Message { .. }) {
        place = value_behind(text, place);
    }
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            Problem::new(place, format!("unknown key `{field}`"), "not a key here")
                .suggest(field, expected.iter().copied())
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            Problem::new(place, format!("unknown word `{variant}`"), "not known here")
                .suggest(variant, expected.iter().copied())
        }
        Error::SerdeMissingField { field, .. } => Problem::new(place, format!("`{field}` is missing"), "in here"),
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("?");
            Problem::new(place, format!("key `{key}` stands here twice"), "the second one")
        }
        Error::Message { msg, .. } => Problem::new(place, msg.clone(), "here"),
        Error::AliasError { error, .. } => problem(text, error),
        Error::ExternalMessage { msg, .. } => syntax::explain(text, msg, place),
        Error::UnknownAnchor { .. } => syntax::explain(text, "unknown anchor", place),
        Error::MultipleDocuments { .. } => {
            let line = text[..place.offset].rfind("\n---");
            let place = line.map_or(place, |line| Place { offset: line + 1, len: 3 });
            Problem::new(place, "a second document after `---`", "not in this file").help("a file has one document")
        }
        Error::Eof { .. } if text.trim().is_empty() => Problem::new(place, "the file is empty", "nothing here"),
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } | Error::Unexpected { expected: "mapping end", .. } => {
            Problem::new(place, "a second key where there can be only one", "the second one")
                .help("begin each step with `- `")
        }
        other => wrong_kind(other, place),
    }
}

/// A value of another kind than the one that belongs here.
fn wrong_kind(error: &Error, place: Place) -> Problem {
    const ONE: (&str, &str) = ("one value", "a word, a number, or a text in quotes");
    const MAPPING: (&str, &str) = ("a mapping", "lines `key: value`, or `{ key: value }`");
    const LIST: (&str, &str) = ("a list", "lines that begin with `- `, or `[a, b]`");
    const NUMBER: (&str, &str) = ("a number", "decimal or 0x hexadecimal, `_` between digits as you like");
    const BOOLEAN: (&str, &str) = ("a yes or no", "`true` or `false`");
    let (wanted, help) = match error {
        Error::InvalidScalar { ty: "boolean" | "bool", .. } | Error::InvalidBooleanStrict { .. } => BOOLEAN,
        Error::InvalidScalar { .. } => NUMBER,
        Error::Unexpected { expected, .. } if expected.contains("mapping") => MAPPING,
        Error::Unexpected { expected, .. } if expected.contains("sequence") => LIST,
        Error::Unexpected { .. } => ONE,
        Error::SerdeInvalidLength { len, .. } => {
            return Problem::new(place, format!("a list of {len} values has the wrong length here"), "wrong length");
        }
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            match expected.split(' ').next().unwrap_or_default() {
                "struct" | "map" => MAPPING,
                "sequence" => LIST,
                "tuple" | "enum" | "unit" | "variant" | "string" => ONE,
                "boolean" => BOOLEAN,
                "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => NUMBER,
                // In words of our own.
                _ => return Problem::new(place, format!("{expected} is expected here"), "something else"),
            }
        }
        Error::Eof { .. } => return Problem::new(place, "the file ends where a value is expected", "the end"),
        _ => return Problem::new(place, "this value is not understood", "here"),
    };
    Problem::new(place, format!("{wanted} is expected here"), "something else").help(help)
}

/// The reader counts bytes where it knows them, else lines and columns.
fn place_of(text: &str, location: serde_yaml::Location) -> Place {
    if location.span().byte_offset().is_some() || location.line() == 0 {
        return Place::from(location);
    }
    let lines = text.split_inclusive('\n').take(location.line() as usize - 1);
    let line: usize = lines.map(str::len).sum();
    let column = location.column().saturating_sub(1) as usize;
    let within: usize = text[line..].chars().take_while(|&c| c != '\n').take(column).map(char::len_utf8).sum();
    Place { offset: line + within, len: 1 }
}

/// What is told of a value that may be of several kinds, the reader places at its key. Where the value begins on the line
/// of the key, that is where its author looks.
fn value_behind(text: &str, key: Place) -> Place {
    let rest = &text[key.offset + key.len..];
    let Some(value) = rest.strip_prefix(':').filter(|value| key.len > 0 && value.starts_with(' ')) else { return key };
    let begin = value.len() - value.trim_start_matches(' ').len();
    let value = &value[begin..];
    let len = match value.chars().next() {
        None | Some('\n' | '\r' | '#') => return key,
        Some('{' | '[') => 1,
        Some(_) => value.find([',', '}', ']', '\n', '\r']).unwrap_or(value.len()),
    };
    let len = value[..len].find(" #").unwrap_or(len);
    Place { offset: key.offset + key.len + 1 + begin, len: value[..len].trim_end().len() }
}

/// Keeps a place inside the text, and on one line, whatever the reader said.
fn clamp(text: &str, place: Place) -> Place {
    let mut offset = place.offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let line = text[offset..].find('\n').unwrap_or(text.len() - offset);
    let mut len = place.len.min(line);
    while !text.is_char_boundary(offset + len) {
        len -= 1;
    }
    Place { offset, len }
}
