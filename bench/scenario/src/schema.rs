// SPDX-License-Identifier: Apache-2.0
//! The JSON schema that editors complete scenarios from.

use super::file::Scenario;

/// The schema of a scenario file as JSON text, with a newline at its end.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(Scenario);
    schema.insert("title".to_owned(), "lockstep scenario".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
