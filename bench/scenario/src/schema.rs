// SPDX-License-Identifier: Apache-2.0
//! JSON schemas, from which editors complete files in YAML.

use schemars::JsonSchema;

use super::file::Scenario;

/// The schema of a scenario file as JSON text, with a newline at its end.
pub fn schema() -> String {
    schema_of::<Scenario>("lockstep scenario")
}

/// The schema of another file, likewise.
pub fn schema_of<T: JsonSchema>(title: &str) -> String {
    let mut schema = schemars::schema_for!(T);
    schema.insert("title".to_owned(), title.into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
