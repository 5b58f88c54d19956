// SPDX-License-Identifier: Apache-2.0
//! The evidence of a finding as data, for whoever draws it: the walk, what the device used, and what happened when. The
//! words are those of the text.

use golden::{Fields, WordRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a picture of a finding shows, as far as it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Picture {
    /// The request that it is about
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Asked>,
    /// The golden walk over memory as it is now
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<Entry>,
    /// What the golden walk comes to
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub right: String,
    /// The walk that gives the answer which came, where one is known
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Entry>,
    /// The answer that came
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub came: String,
    /// The last stores, commands and operations
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moments: Vec<Moment>,
}

/// A request, and when it was with the device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Who asks for what
    pub what: String,
    /// In which cycle it was offered
    pub offered: u64,
    /// In which cycle it was accepted
    pub accepted: u64,
    /// In which cycle it was answered
    pub answered: u64,
}

/// A word of a table or of a context, as a step of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// `dc.tc`, `pte[1]`
    pub word: String,
    /// Its address, hexadecimal
    pub address: String,
    /// What it held, hexadecimal
    pub value: String,
    /// The fields of that
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fields: String,
    /// What follows: the next table, the address that a leaf gives, a cause
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub then: String,
    /// Why the device must not have used it
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub struck: String,
    /// What the device read of it, where that is not just the value
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
}

impl Entry {
    /// A word that holds a value.
    pub(super) fn of(word: &WordRef, value: u64) -> Entry {
        Entry {
            word: word.role.to_string(),
            address: format!("{:#x}", word.addr),
            value: format!("{value:#018x}"),
            fields: Fields { role: word.role, value }.to_string().trim().to_owned(),
            ..Entry::default()
        }
    }
}

/// What the device read of a word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// The device may use it
    pub usable: bool,
    /// What it was, when it was read, until when memory held it, and why it may or may not be used
    pub what: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// When
    pub cycle: u64,
    /// What kind of thing it is
    pub kind: MomentKind,
    /// What it is, in words
    pub what: String,
    /// Of a store by software: its first and its last doubleword
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<[u64; 2]>,
    /// Of a fence: in which cycle it was fetched
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<u64>,
}

/// Kinds of things that happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MomentKind {
    /// Software or a device stores.
    Store,
    /// The device fetches a command.
    Command,
    /// Software can know that a fence is complete.
    Fence,
    /// An operation of software begins.
    Begin,
    /// An operation of software ends.
    End,
    /// Something else.
    Note,
}
