// SPDX-License-Identifier: Apache-2.0
//! The name of each event in a trace, and of its fields.

use super::BadLine;
use super::field::Field;
use super::line::Line;
use crate::Event;

macro_rules! events {
    ($($name:literal => $variant:ident { $($field:ident: $key:literal),* }),* $(,)?) => {
        /// The names of all events.
        pub const NAMES: &[&str] = &[$($name),*];

        /// The line of an event, without its end.
        pub fn write(event: &Event, out: &mut String) {
            match event {
                $(Event::$variant { $($field),* } => {
                    out.push_str($name);
                    $($field.write($key, out);)*
                })*
            }
        }

        /// The event of a line.
        pub fn read(line: &mut Line<'_>) -> Result<Event, BadLine> {
            match line.name {
                $($name => Ok(Event::$variant { $($field: Field::read($key, line)?),* }),)*
                name => Err(BadLine::Name { name: name.to_owned(), like: most_like(name) }),
            }
        }
    };
}

events! {
    "dma-offered" => DmaOffered { request: "" },
    "dma-accepted" => DmaAccepted { ticket: "ticket", request: "" },
    "dma-write-beat" => DmaWriteBeat { data: "data", strb: "strb", last: "last" },
    "mem-address" => MemAddress { direction: "dir", id: "id", addr: "addr", burst: "", pbmt: "pbmt", prot: "prot", attributes: "", ids: "" },
    "mem-write-beat" => MemWriteBeat { data: "data", strb: "strb", last: "last" },
    "mem-read-beat" => MemReadBeat { id: "id", data: "data", resp: "resp", last: "last" },
    "mem-write-response" => MemWriteResponse { id: "id", resp: "resp" },
    "dma-done" => DmaDone { ticket: "ticket", resp: "resp", data: "data" },
    "ptw-read-address" => PtwReadAddress { id: "id", addr: "addr", burst: "", ids: "" },
    "ptw-read-beat" => PtwReadBeat { id: "id", addr: "addr", bytes: "bytes", data: "data", resp: "resp", sampled: "sampled", last: "last" },
    "ptw-write" => PtwWrite { id: "id", addr: "addr", burst: "", atop: "atop", beats: "data", ids: "" },
    "ptw-write-response" => PtwWriteResponse { id: "id", resp: "resp" },
    "reg-write" => RegWrite { offset: "offset", bytes: "bytes", value: "value", accepted: "accepted" },
    "reg-read" => RegRead { offset: "offset", bytes: "bytes", value: "value", accepted: "accepted" },
    "store" => Store { agent: "agent", addr: "addr", old: "old", new: "new" },
    "ats-offered" => AtsOffered { request: "" },
    "ats-requested" => AtsRequested { request: "" },
    "ats-completed" => AtsCompleted { completion: "" },
    "invalidation-requested" => InvalidationRequested { request: "" },
    "invalidation-done" => InvalidationDone { completion: "" },
    "page-offered" => PageOffered { request: "" },
    "page-requested" => PageRequested { request: "" },
    "page-responded" => PageResponded { response: "" },
    "wires" => Wires { wsi: "wsi" },
    "protocol-broken" => ProtocolBroken { rule: "rule", right: "right", wrong: "wrong", place: "place" },
    "held" => Held { addr: "addr", value: "value" },
    "reg-write-begun" => RegWriteBegun { offset: "offset", bytes: "bytes", value: "value" },
    "operation-begun" => OperationBegun { operation: "" },
    "operation-ended" => OperationEnded { done: "done" },
    "freed" => Freed { start: "start", bytes: "bytes" },
    "taken" => Taken { start: "start", bytes: "bytes" },
    "named" => Named { name: "name", what: "" },
    "due" => Due { before: "before" },
    "rest" => Rest {  },
}

/// The name that is nearest to this one, unless more than a third of the letters differ.
fn most_like(name: &str) -> Option<&'static str> {
    let near = NAMES.iter().map(|known| (strsim::damerau_levenshtein(name, known), *known));
    near.filter(|(distance, known)| *distance <= (name.len().max(known.len()) / 3).max(1)).min().map(|(_, known)| known)
}
