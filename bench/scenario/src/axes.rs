// SPDX-License-Identifier: Apache-2.0
//! What a matrix is written as, and the variants that come of it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::at::{At, Named};
use super::expect::Values;

/// Settings that may be an axis of a matrix. `<name>` is the name of a domain.
pub const SETTINGS: [&str; 15] = [
    "policy",
    "flush",
    "driver-fault",
    "directory",
    "context",
    "physical-bits",
    "features",
    "ptw-latency",
    "dma-latency",
    "ptw-reorder",
    "dma-reorder",
    "process-directory",
    "requires",
    "mode.<domain>",
    "page.<domain>",
];

/// One combination of the matrix: the values of its axes, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Variant(pub Vec<(String, String)>);

impl Variant {
    /// The value of an axis.
    pub fn get(&self, axis: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == axis).map(|(_, value)| value.as_str())
    }
}

/// `[policy=sequenced,context=base]`; nothing for a scenario without matrix.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (axis, value)) in self.0.iter().enumerate() {
            write!(f, "{}{axis}={value}", if index == 0 { "[" } else { "," })?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_str("]") }
    }
}

/// As in GitHub Actions: every combination of the axes, less `exclude`, plus `include`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// Axes in the order of the file
    pub axes: Vec<(At<String>, Values)>,
    /// Combinations to leave out: those that have all of an entry's values
    pub exclude: Vec<Named<At<String>>>,
    /// Combinations to add
    pub include: Vec<Named<At<String>>>,
}

impl<'de> Deserialize<'de> for Matrix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Axes;
        impl<'de> Visitor<'de> for Axes {
            type Value = Matrix;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("axes: { policy: [sequenced, upstream] }")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Matrix, A::Error> {
                let mut matrix = Matrix::default();
                while let Some(key) = map.next_key::<At<String>>()? {
                    match key.as_str() {
                        "include" => matrix.include = map.next_value()?,
                        "exclude" => matrix.exclude = map.next_value()?,
                        _ => matrix.axes.push((key, map.next_value()?)),
                    }
                }
                Ok(matrix)
            }
        }
        deserializer.deserialize_map(Axes)
    }
}

impl JsonSchema for Matrix {
    fn schema_name() -> Cow<'static, str> {
        "Matrix".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<Values>();
        let entry = serde_json::json!({
            "type": "array",
            "items": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } }
        });
        schemars::json_schema!({
            "description": "Every combination of the axes, less `exclude`, plus `include`",
            "type": "object",
            "properties": {
                "policy": { "type": "array", "items": { "enum": ["sequenced", "upstream", "rfc"] } },
                "flush": { "type": "array", "items": { "enum": ["spec", "tags"] } },
                "directory": { "type": "array", "items": { "enum": ["1-level", "2-level", "3-level"] } },
                "context": { "type": "array", "items": { "enum": ["base", "extended"] } },
                "include": entry,
                "exclude": entry
            },
            "additionalProperties": values
        })
    }
}
