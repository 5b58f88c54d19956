// SPDX-License-Identifier: Apache-2.0
//! The JSON schemas of what lockstep writes for programs.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};

use super::diff::Diff;
use super::document::{Document, SCHEMA};
use super::perf_document::{self, PerfDocument};

/// The schema of what `lockstep run --json` writes.
pub fn results_schema() -> String {
    written::<Document<'_>>("lockstep results", SCHEMA)
}

/// The schema of what `lockstep diff --json` writes.
pub fn diff_schema() -> String {
    written::<Diff>("lockstep diff", "urn:lockstep:diff:1")
}

/// The schema of what `lockstep perf --json` writes.
pub fn perf_schema() -> String {
    written::<PerfDocument>("lockstep perf", perf_document::SCHEMA)
}

/// The schema of a document that lockstep writes, as JSON text with a newline at its end: what is always there is
/// required. `id` names it, with the number of its format.
pub fn written<T: JsonSchema>(title: &str, id: &str) -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    // What a reader of ours takes where a key is missing is no affair of others.
    let settings = settings.with_transform(RecursiveTransform(|schema: &mut Schema| {
        for key in ["default", "readOnly"] {
            schema.remove(key);
        }
    }));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), id.into());
    schema.insert("title".to_owned(), title.into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
