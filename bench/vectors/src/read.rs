// SPDX-License-Identifier: Apache-2.0
//! Files of cases: one JSON object a line, gzipped or not.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use golden::{
    Access, Capabilities, Choices, DeviceId, Fctl, InvalidationCompletion, Iova, Kind, PageRequest, Parameters,
    ProcessId, Request, Spa, offset,
};
use serde::Deserialize;
use serde_json::Value;

use super::case::{Action, BadRange, Case, Op, RegisterWrite};
use super::expected::{Expected, Status};
use super::number::{self, Number};

/// A file that holds no cases, or not only cases.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// It cannot be read.
    #[error("cannot read {path}: {error}", path = .path.display())]
    Io {
        /// Which
        path: PathBuf,
        /// Why
        error: std::io::Error,
    },
    /// A line is no case.
    #[error("{path}:{line}: {reason}", path = .path.display())]
    Line {
        /// Which file
        path: PathBuf,
        /// Which line, from 1
        line: usize,
        /// Why
        reason: String,
    },
}

/// Reads all cases of a file. Empty lines are passed over.
///
/// # Errors
/// [`BadFile`], with the first line that is wrong.
pub fn read(path: &Path) -> Result<Vec<Case>, BadFile> {
    let io = |error| BadFile::Io { path: path.to_owned(), error };
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let gzipped = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn BufRead> =
        if gzipped { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) };
    let mut cases = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let wrong = |reason| BadFile::Line { path: path.to_owned(), line: at + 1, reason };
        let line = line.map_err(|error| wrong(error.to_string()))?;
        if !line.trim().is_empty() {
            cases.push(parse(&line).map_err(wrong)?);
        }
    }
    Ok(cases)
}

/// Reads the case on one line.
///
/// # Errors
/// Why it is none, for people.
pub fn parse(line: &str) -> Result<Case, String> {
    let raw: RawCase = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let mut ops = Vec::with_capacity(raw.ops.len());
    for (at, op) in raw.ops.iter().enumerate() {
        ops.push(parse_op(op).map_err(|reason| format!("operation {at}: {reason}"))?);
    }
    let mut memory = Vec::with_capacity(raw.mem.len());
    for run in raw.mem {
        let Some((addr, words)) = run.split_first() else { return Err("mem: a run without an address".to_owned()) };
        aligned("mem", *addr, 8)?;
        memory.push((Spa(*addr), words.to_vec()));
    }
    let mut bad = Vec::with_capacity(raw.bad.len());
    for (start, bytes, kind) in raw.bad {
        let poison = match kind.as_str() {
            "access" => false,
            "corrupt" => true,
            other => return Err(format!("bad: neither access nor corrupt: {other}")),
        };
        bad.push(BadRange { start: Spa(start.0), bytes: bytes.0, poison });
    }
    let mut setup = Vec::with_capacity(raw.setup.len());
    for (offset, bytes, value) in raw.setup {
        setup.push(register_write(offset.0, bytes.0, value.0).map_err(|reason| format!("setup: {reason}"))?);
    }
    Ok(Case {
        id: raw.id,
        class: raw.cls,
        note: raw.note,
        parameters: raw.p.with(Capabilities(raw.caps)),
        manual_queues: raw.manual_q,
        setup,
        memory,
        bad,
        ambiguous: !raw.amb.is_empty(),
        ops,
    })
}

/// A line as it stands.
#[derive(Deserialize)]
struct RawCase {
    #[serde(deserialize_with = "number::plain")]
    id: u64,
    cls: String,
    note: Option<String>,
    #[serde(deserialize_with = "number::plain")]
    caps: u64,
    p: RawParameters,
    #[serde(deserialize_with = "number::flag")]
    manual_q: bool,
    setup: Vec<(Number<u16>, Number<u8>, Number<u64>)>,
    #[serde(deserialize_with = "number::rows")]
    mem: Vec<Vec<u64>>,
    #[serde(default)]
    bad: Vec<(Number<u64>, Number<u64>, String)>,
    #[serde(default)]
    amb: Vec<String>,
    ops: Vec<Value>,
}

#[derive(Deserialize)]
struct RawParameters {
    #[serde(deserialize_with = "number::plain")]
    fctl_reset: u32,
    #[serde(deserialize_with = "number::flag")]
    gxl_writable: bool,
    #[serde(deserialize_with = "number::flag")]
    be_writable: bool,
    #[serde(deserialize_with = "number::plain")]
    rcid_bits: u8,
    #[serde(deserialize_with = "number::plain")]
    mcid_bits: u8,
    #[serde(deserialize_with = "number::plain")]
    hpm_counters: u8,
    #[serde(deserialize_with = "number::plain")]
    hpm_bits: u8,
    #[serde(deserialize_with = "number::plain")]
    icvec_bits: u8,
}

impl RawParameters {
    fn with(&self, caps: Capabilities) -> Parameters {
        let full = Parameters::new(caps);
        Parameters {
            fctl_reset: Fctl(self.fctl_reset),
            choices: Choices {
                gxl_writable: self.gxl_writable,
                be_writable: self.be_writable,
                rcid_bits: self.rcid_bits,
                mcid_bits: self.mcid_bits,
                // The text is silent here; the model that gave the answers says 1.
                bare_first_stage_is_global: true,
                ..full.choices
            },
            // The cycles counter is one of them.
            event_counters: self.hpm_counters.saturating_sub(1),
            counter_bits: self.hpm_bits,
            vector_bits: self.icvec_bits,
            ..full
        }
    }
}

/// An operation as it stands, without its answers.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum RawAction {
    Wr {
        off: Number<u16>,
        sz: Number<u8>,
        val: Number<u64>,
    },
    Rd {
        off: Number<u16>,
        sz: Number<u8>,
    },
    Mem {
        addr: Number<u64>,
        n: Number<u8>,
        #[serde(deserialize_with = "number::list")]
        w: Vec<u64>,
    },
    Cmd {
        w: [Number<u64>; 2],
    },
    Tr(RawRequest),
    Pagereq(RawMessage),
    InvalCc(RawMessage),
    AtsTimeout {
        itags: Number<u32>,
    },
}

#[derive(Deserialize)]
struct RawRequest {
    #[serde(deserialize_with = "number::plain")]
    did: u32,
    #[serde(deserialize_with = "number::flag")]
    pv: bool,
    #[serde(deserialize_with = "number::plain")]
    pid: u32,
    #[serde(rename = "priv", deserialize_with = "number::flag")]
    privileged: bool,
    at: String,
    acc: String,
    #[serde(default, deserialize_with = "number::flag")]
    nw: bool,
    #[serde(default, deserialize_with = "number::flag")]
    exe: bool,
    #[serde(deserialize_with = "number::plain")]
    iova: u64,
}

/// `pagereq` and `inval_cc`: what one of them lacks reads 0.
#[derive(Deserialize)]
struct RawMessage {
    #[serde(deserialize_with = "number::plain")]
    rid: u16,
    #[serde(default, deserialize_with = "number::flag")]
    dsv: bool,
    #[serde(default, deserialize_with = "number::plain")]
    dseg: u8,
    #[serde(default, deserialize_with = "number::flag")]
    pv: bool,
    #[serde(default, deserialize_with = "number::plain")]
    pid: u32,
    #[serde(default, rename = "priv", deserialize_with = "number::flag")]
    privileged: bool,
    #[serde(default, deserialize_with = "number::flag")]
    exe: bool,
    #[serde(default, deserialize_with = "number::plain")]
    payload: u64,
    #[serde(default, deserialize_with = "number::plain")]
    itags: u32,
    #[serde(default, deserialize_with = "number::plain")]
    cc: u8,
}

/// The answers to an operation as they stand.
#[derive(Deserialize)]
struct RawAnswers {
    exp: Expected,
    or: Option<Expected>,
    #[serde(default)]
    amb: Vec<String>,
}

fn parse_op(op: &Value) -> Result<Op, String> {
    let action = parse_action(RawAction::deserialize(op).map_err(|error| error.to_string())?)?;
    let RawAnswers { exp, or, amb } = RawAnswers::deserialize(op).map_err(|error| error.to_string())?;
    for answer in std::iter::once(&exp).chain(&or) {
        check_answer(&action, answer)?;
    }
    Ok(Op { action, expected: exp, alternative: or, ambiguous: !amb.is_empty() })
}

fn parse_action(raw: RawAction) -> Result<Action, String> {
    Ok(match raw {
        RawAction::Wr { off, sz, val } => Action::Write(register_write(off.0, sz.0, val.0)?),
        RawAction::Rd { off, sz } => {
            let RegisterWrite { offset, bytes, .. } = register_write(off.0, sz.0, 0)?;
            Action::Read { offset, bytes }
        }
        RawAction::Mem { addr, n, w } => {
            width(n.0)?;
            aligned("addr", addr.0, n.0.into())?;
            Action::Store { addr: Spa(addr.0), bytes: n.0, words: w }
        }
        RawAction::Cmd { w } => Action::Command(w.map(|word| word.0)),
        RawAction::Tr(raw) => Action::Translate(request(&raw)?),
        RawAction::Pagereq(raw) => Action::PageRequest(PageRequest {
            rid: raw.rid,
            segment: raw.dsv.then_some(raw.dseg),
            process: process(raw.pv, raw.pid)?,
            privileged: raw.privileged,
            execute: raw.exe,
            payload: raw.payload,
        }),
        RawAction::InvalCc(raw) => Action::Completion(InvalidationCompletion {
            rid: raw.rid,
            segment: raw.dsv.then_some(raw.dseg),
            itags: raw.itags,
            count: raw.cc,
        }),
        RawAction::AtsTimeout { itags } => Action::Timeout { itags: itags.0 },
    })
}

fn request(raw: &RawRequest) -> Result<Request, String> {
    let kind = match raw.at.as_str() {
        "untranslated" => Kind::Untranslated,
        "translated" => Kind::Translated,
        "ats" => Kind::Ats { no_write: raw.nw, execute: raw.exe },
        other => return Err(format!("at: none of untranslated, translated, ats: {other}")),
    };
    let access = match raw.acc.as_str() {
        // An ATS translation request is a read as far as faults go.
        "r" | "ats" => Access::Read,
        "w" => Access::Write,
        "x" => Access::Execute,
        other => return Err(format!("acc: none of r, w, x, ats: {other}")),
    };
    if raw.did >> 24 != 0 {
        return Err(format!("did: {:#x} has more than 24 bits", raw.did));
    }
    let process = process(raw.pv, raw.pid)?;
    Ok(Request { device: DeviceId(raw.did), process, privileged: raw.privileged, access, kind, iova: Iova(raw.iova) })
}

fn process(valid: bool, id: u32) -> Result<Option<ProcessId>, String> {
    if valid && id >> 20 != 0 {
        return Err(format!("pid: {id:#x} has more than 20 bits"));
    }
    Ok(valid.then_some(ProcessId(id)))
}

fn register_write(offset: u16, bytes: u8, value: u64) -> Result<RegisterWrite, String> {
    width(bytes)?;
    aligned("off", offset.into(), bytes.into())?;
    if offset >= offset::PAGE {
        return Err(format!("off: {offset} is beyond the registers"));
    }
    Ok(RegisterWrite { offset, bytes, value })
}

fn width(bytes: u8) -> Result<(), String> {
    if matches!(bytes, 4 | 8) { Ok(()) } else { Err(format!("an access has 4 or 8 bytes, not {bytes}")) }
}

fn aligned(what: &str, addr: u64, bytes: u64) -> Result<(), String> {
    if addr.is_multiple_of(bytes) { Ok(()) } else { Err(format!("{what}: {addr:#x} is no multiple of {bytes}")) }
}

/// What the comparison relies on.
fn check_answer(action: &Action, answer: &Expected) -> Result<(), String> {
    match (action, answer.status) {
        (Action::Translate(_), None) => return Err("exp: a translation needs st".to_owned()),
        (Action::Translate(_), Some(Status::Ur | Status::Ca)) if answer.cause.is_none() => {
            return Err("exp: a refusal needs cause".to_owned());
        }
        _ => {}
    }
    let rows = [("fq", &answer.fault_records, 4), ("pq", &answer.page_requests, 2), ("mw", &answer.writes, 3)];
    for (name, rows, width) in rows {
        if rows.iter().any(|row| row.len() != width) {
            return Err(format!("exp: each row of {name} has {width} numbers"));
        }
    }
    Ok(())
}
