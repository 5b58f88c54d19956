// SPDX-License-Identifier: Apache-2.0
//! The trace: the stream of events as text, a line each, which a program in any language can write. `docs/trace.md`
//! describes it for who does not read Rust.
//!
//! A line is the name of an event and its fields as `key=value`, in any order. A field that is 0, false or empty may be
//! left out. `@120` says in which cycle the lines below it were seen.

mod field;
mod line;
mod names;

use std::fmt::Write as _;
use std::io::{BufRead, Write};

use field::Field;
use line::Line;

use crate::{Cycle, Device, Event};
pub use names::NAMES;

/// The first line of a trace, with the version of the format.
pub const HEADER: &str = "lockstep-trace 1";

/// A line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// `device`: what is known of the device beforehand. It comes first.
    Device(Device),
    /// `@`: the lines below are of this cycle
    Cycle(Cycle),
    /// An event
    Event(Event),
    /// `end`: how it ended, by a word and in a sentence. For people.
    End {
        /// `finished`, `violation`, `hung` …
        how: String,
        /// Anything
        text: String,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// No event has this name.
    #[error("there is no event {name:?}{}", suggestion(.like))]
    Name {
        /// What the line says
        name: String,
        /// The name that is most like it
        like: Option<&'static str>,
    },
    /// The event has no such field.
    #[error("{event} has no field {key:?}")]
    Key {
        /// The event
        event: String,
        /// What the line says
        key: String,
    },
    /// A field does not hold what it should.
    #[error("{key}={value}: not {right}")]
    Value {
        /// The field
        key: String,
        /// What the line says
        value: String,
        /// What it has to be
        right: &'static str,
    },
    /// It is not a name and fields.
    #[error("{0}")]
    Shape(&'static str),
}

fn suggestion(like: &Option<&'static str>) -> String {
    like.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

impl Record {
    /// Reads a line; none if it is empty or a comment.
    ///
    /// # Errors
    /// [`BadLine`]
    pub fn parse(text: &str) -> Result<Option<Record>, BadLine> {
        let text = text.trim_end();
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        if let Some(cycle) = text.strip_prefix('@') {
            return field::number(cycle, "@").map(|cycle| Some(Record::Cycle(cycle)));
        }
        let mut line = Line::split(text)?;
        let record = match line.name {
            "device" => Record::Device(Device::read("", &mut line)?),
            "end" => Record::End { how: String::read("how", &mut line)?, text: String::read("text", &mut line)? },
            _ => Record::Event(names::read(&mut line)?),
        };
        line.finished()?;
        Ok(Some(record))
    }

    /// Appends the line, with its end.
    pub fn write(&self, out: &mut String) {
        match self {
            Record::Device(device) => {
                out.push_str("device");
                device.write("", out);
            }
            Record::Cycle(cycle) => {
                let _ = write!(out, "@{cycle}");
            }
            Record::Event(event) => names::write(event, out),
            Record::End { how, text } => {
                out.push_str("end");
                how.write("how", out);
                text.write("text", out);
            }
        }
        out.push('\n');
    }
}

/// Writes a trace.
pub struct Writer<W: Write> {
    to: W,
    line: String,
    cycle: Option<Cycle>,
}

impl<W: Write> Writer<W> {
    /// Begins a trace of this device.
    ///
    /// # Errors
    /// Those of `to`; so for every call.
    pub fn new(mut to: W, device: &Device) -> std::io::Result<Self> {
        let mut line = format!("{HEADER}\n");
        Record::Device(device.clone()).write(&mut line);
        to.write_all(line.as_bytes())?;
        Ok(Writer { to, line, cycle: None })
    }

    /// Events that were seen in a cycle, in their order.
    pub fn events(&mut self, events: &[Event], cycle: Cycle) -> std::io::Result<()> {
        self.line.clear();
        if self.cycle != Some(cycle) && !events.is_empty() {
            Record::Cycle(cycle).write(&mut self.line);
            self.cycle = Some(cycle);
        }
        for event in events {
            names::write(event, &mut self.line);
            self.line.push('\n');
        }
        self.to.write_all(self.line.as_bytes())
    }

    /// The last lines: the cycle in which the run ended, and how. Gives back what was written to.
    pub fn end(mut self, cycle: Cycle, how: &str, text: &str) -> std::io::Result<W> {
        self.line.clear();
        if self.cycle != Some(cycle) {
            Record::Cycle(cycle).write(&mut self.line);
        }
        Record::End { how: how.to_owned(), text: text.to_owned() }.write(&mut self.line);
        self.to.write_all(self.line.as_bytes())?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Why a trace cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line
    #[error("line {number}: {what}")]
    Line {
        /// Its number, from 1
        number: u64,
        /// What is wrong with it
        what: BadLine,
    },
    /// It is no trace, or one of a version that this program does not know.
    #[error("line 1: {wrong:?} instead of {HEADER:?}: not a trace that this version can read")]
    Header {
        /// The first line
        wrong: String,
    },
}

/// Reads a trace, line by line.
pub struct Reader<R: BufRead> {
    from: R,
    line: String,
    number: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`ReadError`]; so for every call.
    pub fn new(from: R) -> Result<Self, ReadError> {
        let mut reader = Reader { from, line: String::new(), number: 0 };
        reader.next_line()?;
        if reader.line.trim_end() != HEADER {
            return Err(ReadError::Header { wrong: reader.line.trim_end().chars().take(80).collect() });
        }
        Ok(reader)
    }

    /// The number of the line that was read last.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next record; none at the end of the file.
    pub fn record(&mut self) -> Result<Option<Record>, ReadError> {
        while self.next_line()? {
            let parsed = Record::parse(&self.line);
            match parsed.map_err(|what| ReadError::Line { number: self.number, what })? {
                Some(record) => return Ok(Some(record)),
                None => continue,
            }
        }
        Ok(None)
    }

    fn next_line(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        self.number += 1;
        Ok(self.from.read_line(&mut self.line)? > 0)
    }
}

#[cfg(test)]
mod tests;
