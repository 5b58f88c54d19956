// SPDX-License-Identifier: Apache-2.0
//! ATS and page requests: devices that keep translations of their own, what they ask for, and what software answers.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::at::At;
use super::causes::Causes;
use super::scalar::{Number, Size, Span};

/// ATS of a device: `EN_ATS` is 1 in its context. `true`, or what more there is to it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default, remote = "Self")]
pub struct Ats {
    /// It has page requests: `EN_PRI` is 1
    pub page_requests: bool,
    /// `PRPR` is 1: responses that the IOMMU makes by itself have a PASID, if the page request had one
    pub prpr: At<bool>,
    /// `T2GPA` is 1 where the device has a second stage: it is given guest physical addresses, and what it asks for by
    /// them goes through the second stage
    pub t2gpa: bool,
    /// How it answers invalidation requests
    pub invalidations: Answers,
}

/// How a device answers invalidation requests. It drops what they name as soon as it takes them, and completes them once
/// its DMA has ended that used what it dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Answers {
    /// Cycles from a request to its completion, at least. The IOMMU may give a request up after 8192 cycles
    pub after: Span,
    /// Each request is completed by several messages, each as long after the one before; the last one counts
    pub splits: bool,
    /// So many requests, from the first one on, are never completed
    pub silent: u32,
    /// Before it completes a request, the same ITag is completed in the name of another device. The IOMMU must not take
    /// that for the completion
    pub strays: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Answers { after: Span::new(5, 100), splits: false, silent: 0, strays: false }
    }
}

impl<'de> Deserialize<'de> for Ats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TrueOrMap;
        impl<'de> Visitor<'de> for TrueOrMap {
            type Value = Ats;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, or { page-requests: …, t2gpa: …, invalidations: … }")
            }
            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Ats, E> {
                if on { Ok(Ats::default()) } else { Err(E::custom("a device without ATS has no key `ats`")) }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Ats, A::Error> {
                // The inherent function that `remote = "Self"` derives.
                Ats::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(TrueOrMap)
    }
}

/// [`Ats`] as a device has it, for the schema.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct DeviceAts(pub Ats);

impl JsonSchema for DeviceAts {
    fn schema_name() -> Cow<'static, str> {
        "DeviceAts".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, generator.subschema_for::<Ats>()] })
    }
}

/// A PCIe ATS Translation Request of a device, and its completion. What it is given the device keeps, until it is
/// invalidated.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TranslationRequest {
    /// The device that asks; it need not have ATS
    pub device: At<String>,
    /// PASID; default: there is none
    pub process: Option<At<Number>>,
    /// Privileged Mode Requested (needs a process)
    #[serde(default)]
    pub privileged: bool,
    /// Execute Requested (needs a process)
    #[serde(default)]
    pub execute: bool,
    /// No Write
    #[serde(default)]
    pub no_write: bool,
    /// Untranslated address
    pub address: At<Number>,
    /// The status that must come
    #[serde(default)]
    pub expect: CompletionStatus,
    /// What must be granted; with No Write, leave W open by not saying it
    pub access: Option<At<Granted>>,
    /// Where the address must lead: a physical address, or a guest physical one with T2GPA
    pub to: Option<At<Number>>,
    /// The range that comes is no larger; the IOMMU may always give a smaller one
    pub at_most: Option<At<Size>>,
    /// Global must have this value
    pub global: Option<At<bool>>,
    /// U must have this value: only untranslated requests may go there
    pub untranslated_only: Option<At<bool>>,
    /// The cause that the fault record of a UR or CA must have
    pub cause: Option<At<Causes>>,
}

/// Status of a Translation Completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CompletionStatus {
    /// Whatever; the oracle judges it all the same
    #[default]
    Any,
    /// Success, with permissions or without
    Success,
    /// Unsupported Request (UR)
    UnsupportedRequest,
    /// Completer Abort (CA)
    CompleterAbort,
}

/// What a Translation Completion grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Granted {
    /// Nothing: a page fault
    None,
    /// Reads
    R,
    /// Reads and writes
    Rw,
    /// Reads and execution
    Rx,
    /// All
    Rwx,
}

impl Granted {
    /// R, W and X of the completion.
    pub const fn bits(self) -> [bool; 3] {
        match self {
            Granted::None => [false; 3],
            Granted::R => [true, false, false],
            Granted::Rw => [true, true, false],
            Granted::Rx => [true, false, true],
            Granted::Rwx => [true; 3],
        }
    }
}

/// How a transaction comes by a translated address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Translated {
    /// The address is an untranslated one, which the device looks up in what it keeps
    Kept,
    /// The address is taken for a translated one as it is
    Raw,
}

/// A Page Request of a device. What becomes of it shows in `page-queue`, or in the response that comes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PageRequest {
    /// The device that asks; it need not have page requests
    pub device: At<String>,
    /// PASID; default: there is none
    pub process: Option<At<Number>>,
    /// Privileged Mode Requested; without a process its record does not show it
    #[serde(default)]
    pub privileged: bool,
    /// Execute Requested, likewise
    #[serde(default)]
    pub execute: bool,
    /// Page address
    pub address: At<Number>,
    /// R
    #[serde(default)]
    pub read: bool,
    /// W
    #[serde(default)]
    pub write: bool,
    /// L: Last Request in PRG. Default: true
    #[serde(default = "yes")]
    pub last: bool,
    /// Page Request Group Index
    #[serde(default)]
    pub group: At<u16>,
    /// The IOMMU itself answers with this code; it may leave the answer out
    pub response: Option<At<ResponseCode>>,
    /// What is said of the PASID of that response: it has the one of the request
    pub response_pasid: Option<At<bool>>,
    /// The cause that a fault record of it must have
    pub cause: Option<At<Causes>>,
}

fn yes() -> bool {
    true
}

/// A Stop Marker of a device: it has done with a PASID.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StopMarker {
    /// The device
    pub device: At<String>,
    /// PASID
    pub process: At<Number>,
}

/// Response code of a Page Request Group Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseCode {
    /// Success
    Success,
    /// Invalid Request
    InvalidRequest,
    /// Response Failure
    ResponseFailure,
}

impl ResponseCode {
    /// The code.
    pub const fn code(self) -> u8 {
        match self {
            ResponseCode::Success => 0,
            ResponseCode::InvalidRequest => 1,
            ResponseCode::ResponseFailure => 15,
        }
    }

    /// Its name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            ResponseCode::Success => "success",
            ResponseCode::InvalidRequest => "invalid-request",
            ResponseCode::ResponseFailure => "response-failure",
        }
    }
}

/// Software answers a group of page requests by ATS.PRGR; the step waits until the device has the response.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PageResponse {
    /// The device that had asked
    pub device: At<String>,
    /// PASID; default: there is none
    pub process: Option<At<Number>>,
    /// Page Request Group Index
    #[serde(default)]
    pub group: At<u16>,
    /// Response code
    pub code: ResponseCode,
}

/// Software takes all records out of the page-request queue, and clears its errors. Nothing else takes them out.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PageQueue {
    /// The records that must be there, in this order, and no others
    pub holds: Vec<At<PageRecord>>,
    /// `pqof` must have this value: requests were lost, since the queue was full
    pub overflow: Option<At<bool>>,
    /// `pqmf` must have this value: requests were lost, since memory refused a record
    pub memory_fault: Option<At<bool>>,
}

/// A page-request record.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PageRecord {
    /// Who asks
    pub device: At<String>,
    /// PASID; default: there is none
    pub process: Option<At<Number>>,
    /// PRIV
    #[serde(default)]
    pub privileged: bool,
    /// EXEC
    #[serde(default)]
    pub execute: bool,
    /// Page address; default: not looked at
    pub address: Option<At<Number>>,
    /// R
    #[serde(default)]
    pub read: bool,
    /// W
    #[serde(default)]
    pub write: bool,
    /// L. Default: true
    #[serde(default = "yes")]
    pub last: bool,
    /// Page Request Group Index
    #[serde(default)]
    pub group: At<u16>,
}
