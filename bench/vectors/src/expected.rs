// SPDX-License-Identifier: Apache-2.0
//! The answer that a case expects to an operation.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::number::{self, Number};

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is translated.
    Ok,
    /// Unsupported Request
    Ur,
    /// Completer Abort
    Ca,
}

/// What an operation is to bring about. A field that is absent is not looked at; a list that is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Expected {
    /// How the request ends
    #[serde(rename = "st")]
    pub status: Option<Status>,
    /// Cause of its fault
    #[serde(deserialize_with = "number::optional")]
    pub cause: Option<u16>,
    /// Translated address
    #[serde(deserialize_with = "number::optional")]
    pub pa: Option<u64>,
    /// Largest legal size of the translation in bytes; 2^48 and more: unconstrained
    #[serde(rename = "sz", deserialize_with = "number::optional")]
    pub size: Option<u64>,
    /// Memory type
    #[serde(deserialize_with = "number::optional")]
    pub pbmt: Option<u64>,
    /// It leads to an interrupt file
    #[serde(deserialize_with = "number::optional")]
    pub msi: Option<u64>,
    /// The interrupt file is in memory
    #[serde(deserialize_with = "number::optional")]
    pub mrif: Option<u64>,
    /// Address of the MRIF
    #[serde(deserialize_with = "number::optional")]
    pub mrif_addr: Option<u64>,
    /// Address of the notice MSI
    #[serde(deserialize_with = "number::optional")]
    pub notice_pa: Option<u64>,
    /// Data of the notice MSI
    #[serde(deserialize_with = "number::optional")]
    pub nid: Option<u64>,
    /// ATS completion: R
    #[serde(deserialize_with = "number::optional")]
    pub r: Option<u64>,
    /// ATS completion: W
    #[serde(deserialize_with = "number::optional")]
    pub w: Option<u64>,
    /// ATS completion: Exe
    #[serde(deserialize_with = "number::optional")]
    pub x: Option<u64>,
    /// ATS completion: untranslated access only
    #[serde(deserialize_with = "number::optional")]
    pub u: Option<u64>,
    /// ATS completion: Global
    #[serde(deserialize_with = "number::optional")]
    pub g: Option<u64>,
    /// ATS completion: Priv
    #[serde(rename = "priv", deserialize_with = "number::optional")]
    pub privileged: Option<u64>,
    /// ATS completion without permissions: why
    #[serde(deserialize_with = "number::optional")]
    pub denied_by: Option<u64>,
    /// New fault records, four doublewords each
    #[serde(rename = "fq", deserialize_with = "number::rows")]
    pub fault_records: Vec<Vec<u64>>,
    /// New page requests, two doublewords each
    #[serde(rename = "pq", deserialize_with = "number::rows")]
    pub page_requests: Vec<Vec<u64>>,
    /// Other writes of the IOMMU, in any order: address, bytes, value
    #[serde(rename = "mw", deserialize_with = "number::rows")]
    pub writes: Vec<Vec<u64>>,
    /// Messages that it sends
    #[serde(rename = "msg")]
    pub messages: Vec<Message>,
    /// What a fence orders: `r`, `w` or `rw`
    pub sync: Option<String>,
    /// Registers with a new value, by offset
    #[serde(rename = "regs", deserialize_with = "registers")]
    pub registers: BTreeMap<u16, u64>,
    /// Value that a read brings back
    #[serde(rename = "val", deserialize_with = "number::optional")]
    pub value: Option<u64>,
    /// What the debug interface answers
    #[serde(rename = "dbg")]
    pub debug: Option<Debug>,
}

fn registers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u16, u64>, D::Error> {
    let registers = BTreeMap::<u16, Number<u64>>::deserialize(deserializer)?;
    Ok(registers.into_iter().map(|(offset, value)| (offset, value.0)).collect())
}

/// A PCIe message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Message {
    /// Message code: 1 Invalidation Request, 5 Page Request Group Response
    #[serde(deserialize_with = "number::plain")]
    pub code: u64,
    /// ITAG
    #[serde(deserialize_with = "number::plain")]
    pub tag: u64,
    /// Destination
    #[serde(deserialize_with = "number::plain")]
    pub rid: u64,
    /// There is a PASID.
    #[serde(deserialize_with = "number::plain")]
    pub pv: u64,
    /// PASID
    #[serde(deserialize_with = "number::plain")]
    pub pid: u64,
    /// There is a segment.
    #[serde(deserialize_with = "number::plain")]
    pub dsv: u64,
    /// Segment
    #[serde(deserialize_with = "number::plain")]
    pub dseg: u64,
    /// Bytes 8 to 15
    #[serde(deserialize_with = "number::plain")]
    pub payload: u64,
}

impl Message {
    /// As a row for comparison.
    #[must_use]
    pub fn row(&self) -> Vec<u64> {
        vec![self.code, self.tag, self.rid, self.pv, self.pid, self.dsv, self.dseg, self.payload]
    }
}

/// `tr_response`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Debug {
    /// It faulted.
    #[serde(deserialize_with = "number::plain")]
    pub fault: u64,
    /// Memory type
    #[serde(default, deserialize_with = "number::optional")]
    pub pbmt: Option<u64>,
    /// Translated address
    #[serde(default, deserialize_with = "number::optional")]
    pub pa: Option<u64>,
    /// Largest legal size in bytes
    #[serde(default, rename = "sz", deserialize_with = "number::optional")]
    pub size: Option<u64>,
}
