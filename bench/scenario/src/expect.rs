// SPDX-License-Identifier: Apache-2.0
//! What a run must show to pass.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::at::{At, Named};

/// What a run must show. Where several entries match a variant, the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expectation {
    /// For which variants: `{ policy: [upstream, rfc] }`; default: all
    pub when: Named<Values>,
    /// How the oracle must judge. A DUT violation can never be expected
    pub verdict: ExpectedVerdict,
    /// What the finding must speak of: text that stands in the hazard, or in the error with which software gave up.
    /// It shows that a negative control fails for the stated reason
    pub because: Option<String>,
    /// DMA transactions that devices saw refused
    pub device_faults: Option<Limit>,
    /// Fault records, by cause
    pub faults: BTreeMap<u16, Limit>,
    /// Causes that fault records may have; default: any
    pub only_faults: Option<Vec<u16>>,
    /// Commands, by mnemonic
    #[schemars(with = "BTreeMap<String, Limit>")]
    pub commands: Named<Limit>,
    /// DMA transactions
    pub dma_transactions: Option<Limit>,
    /// Completions of ATS translation requests
    pub translation_completions: Option<Limit>,
    /// Records in the page-request queue
    pub page_requests: Option<Limit>,
    /// Reconfigurations of a device
    pub reconfigurations: Option<Limit>,
    /// Requests during a hitless change that the old state explains
    pub explained_old: Option<Limit>,
    /// … and that the new state explains
    pub explained_new: Option<Limit>,
    /// How often a value that memory no longer held was the only explanation, over all structures
    pub stale_used: Option<Limit>,
    /// The longest time, in cycles, from a change by software to the acceptance of a request that still used what was before:
    /// how soon the device has it out of its caches
    pub stale_cycles: Option<Limit>,
}

/// A verdict that a scenario may expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedVerdict {
    /// Neither device nor software did wrong
    #[default]
    Pass,
    /// The programming let a stale or torn value through
    SoftwareHazard,
    /// A call of the driver, or a check of a step, did not come out as the scenario demands: a negative control
    SoftwareError,
}

/// A list of values, as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Values(pub Vec<At<String>>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Values;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values: [a, b]")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl JsonSchema for Values {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Values".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "array", "items": { "type": ["string", "number", "boolean"] } })
    }
}

/// A number that a figure must have, or bounds for it: `0`, `{ min: 1 }`, `{ min: 1, max: 100 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Smallest
    pub min: u64,
    /// Largest
    pub max: u64,
}

impl Limit {
    /// The figure is as demanded.
    pub const fn holds(self, figure: u64) -> bool {
        self.min <= figure && figure <= self.max
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "{min}"),
            (min, u64::MAX) => write!(f, "at least {min}"),
            (0, max) => write!(f, "at most {max}"),
            (min, max) => write!(f, "{min} to {max}"),
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounds;
        impl<'de> Visitor<'de> for Bounds {
            type Value = Limit;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or { min: …, max: … }")
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Limit, E> {
                Ok(Limit { min: value, max: value })
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Limit, E> {
                let value = u64::try_from(value).map_err(|_| E::custom("a figure is never negative"))?;
                self.visit_u64(value)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Limit, A::Error> {
                let mut limit = Limit { min: 0, max: u64::MAX };
                let mut any = false;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "min" => limit.min = map.next_value()?,
                        "max" => limit.max = map.next_value()?,
                        other => return Err(serde::de::Error::unknown_field(other, &["min", "max"])),
                    }
                    any = true;
                }
                if !any || limit.min > limit.max {
                    return Err(serde::de::Error::custom("bounds must have a `min` or a `max`, and min <= max"));
                }
                Ok(limit)
            }
        }
        deserializer.deserialize_any(Bounds)
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "A number, or bounds with both ends included",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                {
                    "type": "object",
                    "properties": { "min": { "type": "integer" }, "max": { "type": "integer" } },
                    "additionalProperties": false,
                    "minProperties": 1
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_a_number_or_bounds() {
        let limit = |text: &str| serde_yaml::from_str::<Limit>(text);
        assert_eq!(limit("0").expect("number"), Limit { min: 0, max: 0 });
        assert_eq!(limit("{ min: 1 }").expect("min"), Limit { min: 1, max: u64::MAX });
        assert_eq!(limit("{ max: 3 }").expect("max"), Limit { min: 0, max: 3 });
        for bad in ["-1", "{}", "{ min: 2, max: 1 }", "{ least: 1 }", "many"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }
}
