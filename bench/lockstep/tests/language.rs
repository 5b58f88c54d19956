// SPDX-License-Identifier: Apache-2.0
//! The scenario language is shown by scenarios: each key of the schema, and each value that has a name, stands in one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lockstep::runner::files;
use serde_json::Value;

/// Most of these follow from what a scenario does, so that no scenario has to name them.
const NAMED_BY_NOBODY: &str = "Requirement";

/// Faults of a driver that no scenario shows as a hazard yet. The driver's own tests and the small programs show them.
const SHOWN_ELSEWHERE: [&str; 2] = ["DriverFault = unordered-fence", "DriverFault = valid-first"];

/// What the schema offers, or what a scenario uses of it: `Dma.read`, `Rights = rwx`.
type Words = BTreeSet<String>;

/// A part of the schema, and the definition that it belongs to.
#[derive(Clone, Copy)]
struct Part<'a> {
    root: &'a Value,
    name: &'a str,
    schema: &'a Value,
}

impl<'a> Part<'a> {
    fn whole(root: &'a Value) -> Self {
        Part { root, name: "Scenario", schema: root }
    }

    /// Another part of the same definition, or the definition that it refers to.
    fn at(self, schema: &'a Value) -> Self {
        match schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => Part { name, schema: &self.root["$defs"][name], ..self },
            None => Part { schema, ..self },
        }
    }

    /// The forms that a value may have.
    fn forms(self) -> impl Iterator<Item = Part<'a>> {
        let of = move |word: &str| self.schema[word].as_array().into_iter().flatten();
        ["anyOf", "oneOf"].into_iter().flat_map(of).map(move |form| self.at(form))
    }

    /// The values that have names here.
    fn values(self) -> impl Iterator<Item = &'a str> {
        let listed = self.schema["enum"].as_array().into_iter().flatten();
        listed.chain(self.schema.get("const")).filter_map(Value::as_str)
    }

    fn keys(self) -> impl Iterator<Item = (&'a String, Part<'a>)> {
        let keys = self.schema["properties"].as_object().into_iter().flatten();
        keys.map(move |(key, schema)| (key, self.at(schema)))
    }

    fn key(self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn value(self, value: &str) -> String {
        format!("{} = {value}", self.name)
    }

    /// All that this part offers by itself; what it refers to is a part of its own.
    fn offers(self, words: &mut Words) {
        words.extend(self.keys().map(|(key, _)| self.key(key)));
        words.extend(self.values().map(|value| self.value(value)));
        for form in self.forms().filter(|form| form.name == self.name) {
            form.offers(words);
        }
    }

    /// What a scenario uses of it.
    fn is_used(self, by: &Value, words: &mut Words) {
        self.forms().for_each(|form| form.is_used(by, words));
        match by {
            Value::Object(entries) => {
                for (key, value) in entries {
                    if let Some((_, part)) = self.keys().find(|(known, _)| *known == key) {
                        words.insert(self.key(key));
                        part.is_used(value, words);
                    } else if self.schema["additionalProperties"].is_object() {
                        self.at(&self.schema["additionalProperties"]).is_used(value, words);
                    }
                }
            }
            Value::Array(items) => {
                let part = self.at(&self.schema["items"]);
                items.iter().for_each(|item| part.is_used(item, words));
            }
            Value::String(text) => {
                // `drain` is short for `drain: {}`.
                words.extend(self.values().filter(|value| value == text).flat_map(|v| [self.value(v), self.key(v)]));
            }
            _ => {}
        }
    }
}

fn scenarios() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let read = |path: PathBuf| serde_yaml::from_str(&std::fs::read_to_string(path).expect("readable")).expect("YAML");
    files(&folder).expect("scenarios/ is there").into_iter().map(read).collect()
}

/// The settings of a matrix, wherever they belong.
fn settings(scenario: &Value) -> impl Iterator<Item = &str> {
    let axes = scenario["matrix"].as_object().into_iter().flat_map(|axes| axes.values());
    axes.filter_map(Value::as_array).flatten().flat_map(|setting| match setting {
        // An entry of `include`
        Value::Object(entries) => entries.values().filter_map(Value::as_str).collect(),
        one => Vec::from_iter(one.as_str()),
    })
}

#[test]
fn each_word_of_the_language_stands_in_a_scenario() {
    let schema: Value = serde_json::from_str(&scenario::schema()).expect("JSON");
    let whole = Part::whole(&schema);
    let mut offered = Words::new();
    whole.offers(&mut offered);
    for (name, schema) in schema["$defs"].as_object().expect("definitions") {
        if name != NAMED_BY_NOBODY {
            Part { name, schema, ..whole }.offers(&mut offered);
        }
    }
    assert!(offered.contains("Dma.read") && offered.contains("Rights = rwx") && offered.contains("Step.drain"));

    let (mut used, mut set) = (Words::new(), Words::new());
    for scenario in &scenarios() {
        whole.is_used(scenario, &mut used);
        set.extend(settings(scenario).map(str::to_owned));
    }
    let is_set = |word: &str| word.split_once(" = ").is_some_and(|(_, value)| set.contains(value));
    let is_elsewhere = |word: &str| SHOWN_ELSEWHERE.contains(&word);
    let missing: Vec<_> = offered.difference(&used).filter(|word| !is_set(word) && !is_elsewhere(word)).collect();
    assert!(missing.is_empty(), "no scenario uses {missing:#?}");
}
