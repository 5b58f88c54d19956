// SPDX-License-Identifier: Apache-2.0
//! Causes of faults that a step expects.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The causes that a fault record may have: one, or a list of them where a device has the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Causes(pub Vec<u16>);

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(u16::to_string).collect();
        f.write_str(&all.join(" or "))
    }
}

impl<'de> Deserialize<'de> for Causes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Causes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cause, or a list of causes")
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Causes, E> {
                let cause =
                    u16::try_from(value).map_err(|_| E::custom(format!("{value} is no cause: it has 12 bits")))?;
                Ok(Causes(vec![cause]))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Causes, E> {
                self.visit_u64(u64::try_from(value).map_err(|_| E::custom("a cause is never negative"))?)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Causes, A::Error> {
                let mut causes = Vec::new();
                while let Some(cause) = seq.next_element()? {
                    causes.push(cause);
                }
                Ok(Causes(causes))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Causes {
    fn schema_name() -> Cow<'static, str> {
        "Causes".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let cause = serde_json::json!({ "type": "integer", "minimum": 0, "maximum": 4095 });
        json_schema!({
            "description": "The cause that a fault record must have; a list where a device has the choice",
            "anyOf": [cause, { "type": "array", "items": cause, "minItems": 1 }]
        })
    }
}
