//! Text to scenario.

use serde_yaml::Error;

use super::at::Place;
use super::diagnostic::{Diagnostics, Problem};
use super::file::Scenario;

/// Reads a scenario and checks that everything in it fits together, in each of its variants.
///
/// # Errors
/// [`Diagnostics`] that point into the text. `path` is only used to name the file in them.
pub fn parse(path: &str, text: &str) -> Result<Scenario, Diagnostics> {
    let scenario = read(text).map_err(|problem| Diagnostics::new(path, text, vec![problem]))?;
    let mut problems = scenario.check();
    if problems.is_empty() {
        return Ok(scenario);
    }
    problems.sort_by_key(|problem| problem.place);
    problems.dedup();
    Err(Diagnostics::new(path, text, problems))
}

fn read(text: &str) -> Result<Scenario, Problem> {
    let options = serde_yaml::options! { with_snippet: false };
    let scenario = serde_yaml::from_str_with_options(text, options);
    scenario.map_err(|error| problem(text, &error))
}

/// Says what the YAML reader found in the words of this vocabulary.
fn problem(text: &str, error: &Error) -> Problem {
    let place = error.location().map_or_else(Place::default, Place::from);
    let place = clamp(text, place);
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
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } | Error::Unexpected { expected: "mapping end", .. } => {
            Problem::new(place, "a second key where there can be only one", "the second one")
                .help("begin each step with `- `")
        }
        other => {
            // The place is shown anyway.
            let message = other.to_string();
            let end = message.rfind(" at line ").unwrap_or(message.len());
            Problem::new(place, &message[..end], "here")
        }
    }
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
