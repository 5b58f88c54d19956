// SPDX-License-Identifier: Apache-2.0
//! Fields: how each kind of value is written and read.

use std::fmt::Write;

use golden::{Capabilities, DeviceId, Iova, ProcessId, Spa, SpecVersion};

use super::BadLine;
use super::line::Line;
use crate::{
    Agent, Attributes, Burst, Device, Direction, DmaRequest, GroupResponse, InvalidationCompletion,
    InvalidationRequest, Named, Operation, PageRequest, Promise, QosIds, Ticket, TranslationCompletion,
    TranslationRequest,
};

/// What a field holds. A value that is 0, false or empty is not written.
pub trait Field: Sized {
    fn write(&self, key: &str, out: &mut String);
    fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine>;
}

fn bad(key: &str, value: &str, right: &'static str) -> BadLine {
    BadLine::Value { key: key.to_owned(), value: value.to_owned(), right }
}

/// A number, decimal or with 0x.
pub fn number(text: &str, key: &str) -> Result<u64, BadLine> {
    let digits = |text: &str, radix| u64::from_str_radix(&text.replace('_', ""), radix);
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).or_else(|_| digits(hex, 16)),
        None => text.parse().or_else(|_| digits(text, 10)),
    };
    number.map_err(|_| bad(key, text, "a number of at most 64 bits, decimal or with 0x"))
}

macro_rules! numbers {
    ($($name:ty: $right:literal),*) => {$(
        impl Field for $name {
            fn write(&self, key: &str, out: &mut String) {
                if *self != 0 {
                    let _ = if *self < 10 { write!(out, " {key}={self}") } else { write!(out, " {key}={self:#x}") };
                }
            }

            fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
                let Some(text) = line.take(key) else { return Ok(0) };
                number(text, key)?.try_into().map_err(|_| bad(key, text, $right))
            }
        }
    )*};
}

numbers!(u8: "a number of 8 bits", u16: "a number of 16 bits", u32: "a number of 32 bits");

/// Cycles are read in decimal by people.
const CYCLES: [&str; 3] = ["sampled", "accepted", "before"];

impl Field for u64 {
    fn write(&self, key: &str, out: &mut String) {
        if *self != 0 {
            let is_decimal = *self < 10 || CYCLES.contains(&key);
            let _ = if is_decimal { write!(out, " {key}={self}") } else { write!(out, " {key}={self:#x}") };
        }
    }

    fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
        line.take(key).map_or(Ok(0), |text| number(text, key))
    }
}

macro_rules! wrapped {
    ($($name:ident),*) => {$(
        impl Field for $name {
            fn write(&self, key: &str, out: &mut String) {
                self.0.write(key, out);
            }

            fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
                Field::read(key, line).map($name)
            }
        }
    )*};
}

wrapped!(Capabilities, DeviceId, Iova, ProcessId, Spa, Ticket);

impl Field for bool {
    fn write(&self, key: &str, out: &mut String) {
        u8::from(*self).write(key, out);
    }

    fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
        match line.take(key) {
            None => Ok(false),
            Some(text) => match number(text, key) {
                Ok(0) => Ok(false),
                Ok(1) => Ok(true),
                _ => Err(bad(key, text, "0 or 1")),
            },
        }
    }
}

/// Written also where it is 0, since it may be missing.
impl Field for Option<ProcessId> {
    fn write(&self, key: &str, out: &mut String) {
        if let Some(process) = self {
            let _ = write!(out, " {key}={process:#x}");
        }
    }

    fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
        let Some(text) = line.take(key) else { return Ok(None) };
        let process = number(text, key)?.try_into().map_err(|_| bad(key, text, "a number of 20 bits"))?;
        Ok(Some(ProcessId(process)))
    }
}

impl Field for String {
    fn write(&self, key: &str, out: &mut String) {
        if self.is_empty() {
            return;
        }
        let _ = write!(out, " {key}=\"");
        for letter in self.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                _ => out.push(letter),
            }
        }
        out.push('"');
    }

    fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
        let Some(text) = line.take(key) else { return Ok(String::new()) };
        let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            return Ok(text.to_owned());
        };
        let (mut value, mut letters) = (String::with_capacity(inner.len()), inner.chars());
        while let Some(letter) = letters.next() {
            value.push(match (letter, letter == '\\') {
                (_, false) => letter,
                _ => match letters.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some(other) => other,
                    None => return Err(bad(key, text, "a string")),
                },
            });
        }
        Ok(value)
    }
}

/// Numbers with commas between them.
impl Field for Vec<u64> {
    fn write(&self, key: &str, out: &mut String) {
        for (at, word) in self.iter().enumerate() {
            let _ = if at == 0 { write!(out, " {key}={word:#x}") } else { write!(out, ",{word:#x}") };
        }
    }

    fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
        let Some(text) = line.take(key) else { return Ok(Vec::new()) };
        text.split(',').map(|word| number(word, key)).collect()
    }
}

/// Words and their strobes: `0x1234:0xff,…`. Without strobes all bytes are meant.
impl Field for Vec<(u64, u8)> {
    fn write(&self, key: &str, out: &mut String) {
        for (at, (word, strobes)) in self.iter().enumerate() {
            let _ = if at == 0 { write!(out, " {key}={word:#x}") } else { write!(out, ",{word:#x}") };
            if *strobes != 0xFF {
                let _ = write!(out, ":{strobes:#x}");
            }
        }
    }

    fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
        let Some(text) = line.take(key) else { return Ok(Vec::new()) };
        let word = |text: &str| {
            let (word, strobes) = text.split_once(':').unwrap_or((text, "0xff"));
            let strobes = u8::try_from(number(strobes, key)?).map_err(|_| bad(key, text, "strobes of 8 bits"))?;
            Ok((number(word, key)?, strobes))
        };
        text.split(',').map(word).collect()
    }
}

macro_rules! words {
    ($($name:ident: $right:literal { $($word:literal => $value:ident),* }),*) => {$(
        impl Field for $name {
            fn write(&self, key: &str, out: &mut String) {
                let word = match self {
                    $($name::$value => $word,)*
                };
                let _ = write!(out, " {key}={word}");
            }

            fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
                match line.take(key) {
                    $(Some($word) => Ok($name::$value),)*
                    other => Err(bad(key, other.unwrap_or("nothing"), $right)),
                }
            }
        }
    )*};
}

words! {
    Direction: "read or write" { "read" => Read, "write" => Write },
    Agent: "cpu, dma or iommu" { "cpu" => Cpu, "dma" => Dma, "iommu" => Iommu },
    Promise: "nothing, effective, whole or hitless" {
        "nothing" => Nothing, "effective" => Effective, "whole" => Whole, "hitless" => Hitless
    },
    SpecVersion: "1.0.0 or 20260222" { "1.0.0" => V1_0_0, "20260222" => V20260222 }
}

/// Structs whose fields stand among those of the event.
macro_rules! flat {
    ($($name:ident { $($field:ident: $key:literal),* }),*) => {$(
        impl Field for $name {
            fn write(&self, _: &str, out: &mut String) {
                $(self.$field.write($key, out);)*
            }

            fn read(_: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
                Ok($name { $($field: Field::read($key, line)?),* })
            }
        }
    )*};
}

flat! {
    Burst { len: "len", size: "size", kind: "burst" },
    Attributes { lock: "lock", cache: "cache", qos: "qos" },
    QosIds { rcid: "rcid", mcid: "mcid" },
    DmaRequest {
        direction: "dir", id: "id", iova: "iova", burst: "", device: "device", process: "process",
        privileged: "privileged", instruction: "instruction", translated: "translated", attributes: "", data: "data"
    },
    TranslationRequest {
        tag: "tag", device: "device", process: "process", privileged: "privileged", exec: "exec", no_write: "no-write",
        addr: "addr"
    },
    TranslationCompletion {
        tag: "tag", status: "status", addr: "addr", s: "s", r: "r", w: "w", x: "x", privileged: "privileged", n: "n",
        u: "u", global: "global", ama: "ama"
    },
    InvalidationRequest {
        device: "device", process: "process", addr: "addr", s: "s", global: "global", itag: "itag"
    },
    InvalidationCompletion { device: "device", itags: "itags", count: "count" },
    PageRequest {
        device: "device", process: "process", privileged: "privileged", exec: "exec", addr: "addr", r: "r", w: "w",
        last: "last", prgi: "prgi"
    },
    GroupResponse { device: "device", process: "process", prgi: "prgi", status: "status" },
    Operation { name: "name", promise: "promise", reconfiguration: "reconfiguration" },
    Device { capabilities: "caps", version: "version", choices: "choices", poison: "poison", qos_ids: "qos-ids" }
}

/// Names and what is bound: `gxl-writable:1,…`
impl Field for Vec<(String, bool)> {
    fn write(&self, key: &str, out: &mut String) {
        for (at, (name, value)) in self.iter().enumerate() {
            let _ = if at == 0 { write!(out, " {key}={name}") } else { write!(out, ",{name}") };
            let _ = write!(out, ":{}", u8::from(*value));
        }
    }

    fn read(key: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
        let Some(text) = line.take(key) else { return Ok(Vec::new()) };
        let one = |text: &str| match text.split_once(':') {
            Some((name, "0")) => Ok((name.to_owned(), false)),
            Some((name, "1")) => Ok((name.to_owned(), true)),
            _ => Err(bad(key, text, "a choice and 0 or 1, as in gxl-writable:1")),
        };
        text.split(',').map(one).collect()
    }
}

/// A device by its IDs, or a domain by what its contexts say.
impl Field for Named {
    fn write(&self, _: &str, out: &mut String) {
        match self {
            Named::Device(ids) => {
                ids.iter().map(|id| u64::from(id.0)).collect::<Vec<_>>().write("devices", out);
            }
            Named::Domain { iohgatp, pscid, fsc } => {
                let _ = write!(out, " iohgatp={iohgatp:#x}");
                pscid.write("pscid", out);
                fsc.write("fsc", out);
            }
        }
    }

    fn read(_: &str, line: &mut Line<'_>) -> Result<Self, BadLine> {
        let ids: Vec<u64> = Field::read("devices", line)?;
        if ids.is_empty() {
            let (iohgatp, pscid) = (Field::read("iohgatp", line)?, Field::read("pscid", line)?);
            return Ok(Named::Domain { iohgatp, pscid, fsc: Field::read("fsc", line)? });
        }
        let id =
            |id: u64| u32::try_from(id).map(DeviceId).map_err(|_| bad("devices", &id.to_string(), "IDs of 24 bits"));
        ids.into_iter().map(id).collect::<Result<_, _>>().map(Named::Device)
    }
}
