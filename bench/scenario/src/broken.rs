// SPDX-License-Identifier: Apache-2.0
//! Memory that breaks while a scenario runs, and the causes that may come of it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::at::At;
use super::machine::{Access, Answer, Port};
use super::scalar::{Number, Size};

/// Memory that answers with an error from now on: a context, an entry of a page table or of an MSI page table, or any range.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BreakMemory {
    /// The context of this device
    pub context_of: Option<At<String>>,
    /// … or of this process of it, which has been attached
    pub process: Option<At<Number>>,
    /// Or an entry of the page table of this domain
    pub entry_of: Option<At<String>>,
    /// … for this address
    pub iova: Option<At<Number>>,
    /// … of this level: 0 stands for 4 KiB
    #[schemars(with = "Option<u8>", range(max = 4))]
    pub level: Option<At<u8>>,
    /// Or an entry of the MSI page table of this nest parent
    pub msi_entry_of: Option<At<String>>,
    /// … for this interrupt file, from 0
    pub file: Option<At<u32>>,
    /// Or what lies at this physical address
    pub address: Option<At<Number>>,
    /// … so many bytes
    pub size: Option<At<Size>>,
    /// Which accesses
    #[serde(default)]
    pub on: Access,
    /// What comes back
    #[serde(default)]
    pub answer: Answer,
    /// Which port
    #[serde(default)]
    pub port: Port,
}

/// All memory answers as it should, also where the scenario's `memory` has faults; it has no operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MendMemory {}

/// Changes bits of an entry of an MSI page table in memory, behind the driver's back; no invalidation.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SetMsi {
    /// The nest parent
    pub domain: At<String>,
    /// Which file, from 0
    pub file: At<u32>,
    /// The doubleword: 0 or 1
    #[serde(default)]
    #[schemars(with = "u8", range(max = 1))]
    pub word: At<u8>,
    /// Bits that change
    pub flip: At<Number>,
}

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
