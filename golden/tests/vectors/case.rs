//! Cases in the vector format, parsed.

use std::io::{BufRead, BufReader, Read};

use golden::{
    Access, Capabilities, Choices, Command, DeviceId, Fctl, InvalidationCompletion, Iova, Kind, PageRequest,
    Parameters, ProcessId, Request, Spa,
};
use serde_json::Value;

/// A self-contained case.
pub struct Case {
    pub id: u64,
    pub class: String,
    pub parameters: Parameters,
    /// Software empties the fault and page-request queues itself
    pub manual_queues: bool,
    /// Register writes: offset, bytes, value
    pub setup: Vec<(u16, u8, u64)>,
    /// Memory: address and doublewords as little-endian images
    pub memory: Vec<(u64, Vec<u64>)>,
    /// Ranges that refuse accesses (true) or hold poison (false)
    pub bad: Vec<(u64, u64, bool)>,
    pub ambiguous: bool,
    pub ops: Vec<Op>,
}

/// An operation and the answers to it.
pub struct Op {
    pub action: Action,
    pub expected: Value,
    pub alternative: Option<Value>,
    pub ambiguous: bool,
}

/// What happens.
pub enum Action {
    Write { offset: u16, bytes: u8, value: u64 },
    Read { offset: u16, bytes: u8 },
    Store { addr: Spa, words: Vec<u64>, bytes: u8 },
    Command([u64; 2]),
    Translate(Request),
    PageRequest(PageRequest),
    Completion(InvalidationCompletion),
    Timeout { itags: u32 },
}

/// Reads cases, one JSON object a line, gzipped or not.
pub fn parse(bytes: &[u8]) -> Vec<Case> {
    let mut plain = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).expect("gzip");
    } else {
        plain.extend_from_slice(bytes);
    }
    let lines = BufReader::new(plain.as_slice()).lines().map(|line| line.expect("text"));
    lines.filter(|line| !line.is_empty()).map(|line| case(&serde_json::from_str(&line).expect("JSON"))).collect()
}

/// A number: JSON number, or hex string with or without `0x`.
pub fn number(value: &Value) -> u64 {
    match value {
        Value::Number(number) => number.as_u64().expect("unsigned number"),
        Value::String(text) => {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("not a hex number: {text}"))
        }
        _ => panic!("not a number: {value}"),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn flag(value: &Value) -> bool {
    !value.is_null() && number(value) != 0
}

fn tagged(value: &Value) -> bool {
    !array(&value["amb"]).is_empty()
}

fn case(json: &Value) -> Case {
    let p = &json["p"];
    let caps = Capabilities(number(&json["caps"]));
    let counters = number(&p["hpm_counters"]) as u8;
    let parameters = Parameters {
        fctl_reset: Fctl(number(&p["fctl_reset"]) as u32),
        choices: Choices {
            gxl_writable: flag(&p["gxl_writable"]),
            be_writable: flag(&p["be_writable"]),
            rcid_bits: number(&p["rcid_bits"]) as u8,
            mcid_bits: number(&p["mcid_bits"]) as u8,
            // The text is silent here; the model that gave the answers says 1.
            bare_first_stage_is_global: true,
            ..Parameters::new(caps).choices
        },
        event_counters: counters.saturating_sub(1),
        counter_bits: number(&p["hpm_bits"]) as u8,
        vector_bits: number(&p["icvec_bits"]) as u8,
        ..Parameters::new(caps)
    };
    Case {
        id: number(&json["id"]),
        class: json["cls"].as_str().expect("class").to_owned(),
        parameters,
        manual_queues: flag(&json["manual_q"]),
        setup: array(&json["setup"])
            .iter()
            .map(|write| (number(&write[0]) as u16, number(&write[1]) as u8, number(&write[2])))
            .collect(),
        memory: array(&json["mem"])
            .iter()
            .map(|run| (number(&run[0]), array(run)[1..].iter().map(number).collect()))
            .collect(),
        bad: array(&json["bad"])
            .iter()
            .map(|bad| (number(&bad[0]), number(&bad[1]), bad[2].as_str() == Some("access")))
            .collect(),
        ambiguous: tagged(json),
        ops: array(&json["ops"]).iter().map(op).collect(),
    }
}

fn op(json: &Value) -> Op {
    let field = |name: &str| number(&json[name]);
    let process = flag(&json["pv"]).then(|| ProcessId(field("pid") as u32));
    let segment = flag(&json["dsv"]).then(|| field("dseg") as u8);
    let action = match json["op"].as_str().expect("op") {
        "wr" => Action::Write { offset: field("off") as u16, bytes: field("sz") as u8, value: field("val") },
        "rd" => Action::Read { offset: field("off") as u16, bytes: field("sz") as u8 },
        "mem" => Action::Store {
            addr: Spa(field("addr")),
            words: array(&json["w"]).iter().map(number).collect(),
            bytes: field("n") as u8,
        },
        "cmd" => Action::Command([number(&json["w"][0]), number(&json["w"][1])]),
        "tr" => Action::Translate(Request {
            device: DeviceId(field("did") as u32),
            process,
            privileged: flag(&json["priv"]),
            access: match json["acc"].as_str() {
                Some("w") => Access::Write,
                Some("x") => Access::Execute,
                _ => Access::Read,
            },
            kind: match json["at"].as_str().expect("kind") {
                "untranslated" => Kind::Untranslated,
                "translated" => Kind::Translated,
                _ => Kind::Ats { no_write: flag(&json["nw"]), execute: flag(&json["exe"]) },
            },
            iova: Iova(field("iova")),
        }),
        "pagereq" => Action::PageRequest(PageRequest {
            rid: field("rid") as u16,
            segment,
            process,
            privileged: flag(&json["priv"]),
            execute: flag(&json["exe"]),
            payload: field("payload"),
        }),
        "inval_cc" => Action::Completion(InvalidationCompletion {
            rid: field("rid") as u16,
            segment,
            itags: field("itags") as u32,
            count: field("cc") as u8,
        }),
        "ats_timeout" => Action::Timeout { itags: field("itags") as u32 },
        other => panic!("unknown operation {other}"),
    };
    let alternative = json.get("or").cloned();
    Op { action, expected: json["exp"].clone(), alternative, ambiguous: tagged(json) }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Write { offset, bytes, value } => write!(f, "write {value:#x} to register {offset} ({bytes} bytes)"),
            Self::Read { offset, bytes } => write!(f, "read register {offset} ({bytes} bytes)"),
            Self::Store { addr, words, bytes } => write!(f, "store {words:x?} at {addr} ({bytes} bytes)"),
            Self::Command([w0, w1]) => match Command::decode(*w0, *w1) {
                Ok(command) => write!(f, "command {w0:#x} {w1:#x}: {command:?}"),
                Err(illegal) => write!(f, "command {w0:#x} {w1:#x}: {illegal}"),
            },
            Self::Translate(request) => write!(f, "translate {request:x?}"),
            Self::PageRequest(request) => write!(f, "page request {request:x?}"),
            Self::Completion(completion) => write!(f, "invalidation completion {completion:x?}"),
            Self::Timeout { itags } => write!(f, "time-out of ITAGs {itags:#x}"),
        }
    }
}
