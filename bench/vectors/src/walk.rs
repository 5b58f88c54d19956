// SPDX-License-Identifier: Apache-2.0
//! A translation of a case, step by step (`lockstep walk`).

use std::fmt::Write;
use std::path::PathBuf;
use std::str::FromStr;

use golden::{Decision, Fields, Request, Step};
use serde_json::{Value, json as object};

use super::case::{Action, Case, describe};
use super::model::Model;
use super::subject::{Lost, Subject};

/// Which translation: `FILE:ID` or `FILE:ID:OP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Which {
    /// File of cases
    pub file: PathBuf,
    /// Case
    pub case: u64,
    /// Operation, from 0; by default the first translation of the case
    pub op: Option<usize>,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "needs FILE:ID or FILE:ID:OP".to_owned();
        // A file name may hold colons, so that the numbers are taken from the end.
        let (rest, last) = text.rsplit_once(':').ok_or_else(wrong)?;
        let last: u64 = last.parse().map_err(|_| wrong())?;
        let (file, case, op) = match rest.rsplit_once(':').map(|(file, id)| (file, id.parse())) {
            Some((file, Ok(id))) => (file, id, Some(usize::try_from(last).map_err(|_| wrong())?)),
            _ => (rest, last, None),
        };
        if file.is_empty() { Err(wrong()) } else { Ok(Self { file: file.into(), case, op }) }
    }
}

/// There is no such translation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWalk {
    /// No such case
    #[error("no case {0} in this file")]
    Case(u64),
    /// No such operation
    #[error("case {case} has operations 0 to {last}", last = .operations.saturating_sub(1))]
    Operation {
        /// The case
        case: u64,
        /// How many operations it has
        operations: usize,
    },
    /// The operation translates nothing
    #[error("operation {op} of case {case} is no translation: {action}")]
    Other {
        /// The case
        case: u64,
        /// The operation
        op: usize,
        /// What it is
        action: String,
    },
    /// The case has no translation
    #[error("case {0} has no translation")]
    None(u64),
}

/// A translation, step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Case
    pub case: u64,
    /// Class of the case
    pub class: String,
    /// Operation
    pub op: usize,
    /// What was asked
    pub request: Request,
    /// What was read and decided
    pub steps: Vec<Step>,
}

impl Walk {
    /// Runs a case on the model up to an operation and takes the steps of its translation.
    ///
    /// # Errors
    /// [`NoWalk`]
    pub fn of(cases: &[Case], id: u64, op: Option<usize>) -> Result<Self, NoWalk> {
        let case = cases.iter().find(|case| case.id == id).ok_or(NoWalk::Case(id))?;
        let first = || case.ops.iter().position(|op| op.action.is_translation()).ok_or(NoWalk::None(id));
        let at = op.map_or_else(first, Ok)?;
        let request = match case.ops.get(at).map(|op| &op.action) {
            None => return Err(NoWalk::Operation { case: id, operations: case.ops.len() }),
            Some(Action::Translate(request)) => *request,
            Some(other) => return Err(NoWalk::Other { case: id, op: at, action: other.to_string() }),
        };
        let mut model = Model::new(case);
        for op in &case.ops[..at] {
            // The model is never lost.
            let _: Result<_, Lost> = model.act(&op.action);
        }
        Ok(Self { case: id, class: case.class.clone(), op: at, request, steps: model.trace(&request) })
    }

    /// For people: a line for each step.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { case, class, op, request, steps } = self;
        let mut text = format!("case {case} ({class}), operation {op}: {}\n", describe(request));
        for step in steps {
            let _ = writeln!(text, "{step}");
        }
        text
    }

    /// For programs: one JSON document with a newline at its end. Addresses and values are hex strings.
    #[must_use]
    pub fn json(&self) -> String {
        let request = &self.request;
        let document = object!({
            "format": 1,
            "case": self.case,
            "class": self.class,
            "operation": self.op,
            "request": {
                "text": describe(request),
                "device": hex(request.device.0.into()),
                "process": request.process.map(|process| hex(process.0.into())),
                "privileged": request.privileged,
                "iova": hex(request.iova.0),
                "ttyp": request.ttyp() as u8,
            },
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        });
        format!("{document:#}\n")
    }
}

fn hex(value: u64) -> String {
    format!("{value:#x}")
}

fn step(step: &Step) -> Value {
    match step {
        Step::Read { word, value } => object!({
            "step": "read",
            "what": word.role.to_string(),
            "address": hex(word.addr.0),
            "bytes": word.bytes,
            "value": hex(*value),
            "gpa": word.tags.gpa.map(|gpa| hex(gpa.0)),
            "fields": Fields { role: word.role, value: *value }.to_string().split(' ').collect::<Vec<_>>(),
        }),
        Step::Decide(Decision::Descend(addr)) => object!({ "step": "descend", "address": hex(addr.0) }),
        Step::Decide(Decision::Take(addr)) => object!({ "step": "take", "address": hex(addr.0) }),
        Step::Decide(Decision::Update(old, new)) => object!({ "step": "update", "old": hex(*old), "new": hex(*new) }),
        Step::Decide(Decision::Refuse(cause)) => {
            object!({ "step": "refuse", "cause": cause.code(), "name": cause.name() })
        }
        Step::Translated(t) => object!({
            "step": "translated",
            "address": hex(t.spa.0),
            "size_log2": t.size_log2,
            "pbmt": t.pbmt as u8,
            "read": t.permissions.read,
            "write": t.permissions.write,
            "execute": t.permissions.execute,
            "denied_by": t.denied_by.map(golden::Cause::code),
        }),
        Step::Fault(fault) => object!({
            "step": "fault",
            "cause": fault.cause.code(),
            "name": fault.cause.name(),
            "iotval": hex(fault.iotval),
            "iotval2": hex(fault.iotval2),
            "reported": fault.reported,
        }),
    }
}
