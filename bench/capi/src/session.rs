// SPDX-License-Identifier: Apache-2.0

//! An oracle that is told lines. It differs from `oracle::Judge` in what a bench needs that is still running: the
//! findings and figures of each moment, and an order within a cycle that does not depend on that of the lines.

use events::trace::{BadLine, HEADER, Record};
use events::{Cycle, Device, Event};
use oracle::{Figures, Finding, Oracle, Settings};

/// Why a line was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It cannot be read.
    Line(BadLine),
    /// It can be read, and makes no sense here.
    Sense(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Line(bad) => bad.fmt(f),
            Refused::Sense(text) => f.write_str(text),
        }
    }
}

/// An oracle, and the events of the cycle that is not judged yet.
pub struct Session {
    settings: Settings,
    oracle: Oracle,
    software: Vec<Event>,
    seen: Vec<Event>,
    rest: bool,
    cycle: Cycle,
    /// An event was told: the device is settled
    begun: bool,
    violation: Option<Finding>,
}

impl Session {
    /// An oracle for the device of a line `device …`.
    pub fn open(line: &str) -> Result<Self, Refused> {
        match Record::parse(line).map_err(Refused::Line)? {
            Some(Record::Device(device)) => Ok(Session::of(settings(&device)?)),
            _ => Err(Refused::Sense("this is no line \"device caps=… version=… choices=…\"".to_owned())),
        }
    }

    fn of(settings: Settings) -> Self {
        Session {
            settings,
            oracle: Oracle::new(settings),
            software: Vec::new(),
            seen: Vec::new(),
            rest: false,
            cycle: 0,
            begun: false,
            violation: None,
        }
    }

    /// The oracle begins anew with the same device: the device under test was reset.
    pub fn reset(&mut self) {
        *self = Session::of(self.settings);
    }

    /// Takes a line. Once a rule is broken nothing more is judged.
    pub fn line(&mut self, line: &str) -> Result<(), Refused> {
        if self.violation.is_some() || line.trim_end() == HEADER {
            return Ok(());
        }
        match Record::parse(line).map_err(Refused::Line)? {
            Some(Record::Cycle(cycle)) => return self.cycle(cycle),
            Some(Record::Event(event)) => self.event(event),
            Some(Record::Device(device)) => {
                if self.begun {
                    return Err(Refused::Sense("the device is told before the first event".to_owned()));
                }
                *self = Session::of(settings(&device)?);
            }
            Some(Record::End { .. }) | None => {}
        }
        Ok(())
    }

    fn event(&mut self, event: Event) {
        self.begun = true;
        match event {
            Event::Rest => self.rest = true,
            event if is_of_software(&event) => self.software.push(event),
            event => self.seen.push(event),
        }
    }

    fn cycle(&mut self, cycle: Cycle) -> Result<(), Refused> {
        if cycle < self.cycle {
            let text = format!("cycle {cycle} after cycle {}: time does not run back", self.cycle);
            return Err(Refused::Sense(text));
        }
        if cycle > self.cycle {
            self.judge();
            self.cycle = cycle;
        }
        Ok(())
    }

    /// Judges what was told of this cycle: software first, what was seen at once, and rest last.
    pub fn judge(&mut self) {
        let rest: &[Event] = if std::mem::take(&mut self.rest) { &[Event::Rest] } else { &[] };
        for events in [&self.software, &self.seen, rest] {
            if self.violation.is_none()
                && let Err(violation) = self.oracle.observe(events, self.cycle)
            {
                self.violation = Some(violation.found(self.cycle));
            }
        }
        self.software.clear();
        self.seen.clear();
    }

    /// What is wrong: the device's violation, else the first hazard of software.
    pub fn finding(&self) -> Option<&Finding> {
        self.violation.as_ref().or_else(|| self.oracle.first_hazard())
    }

    /// The oracle.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// What was counted, up to the cycle of the last line.
    pub fn figures(&self) -> Figures {
        Figures { cycles: self.cycle, ..self.oracle.figures() }
    }

    /// The cycle of the last line.
    pub fn now(&self) -> Cycle {
        self.cycle
    }
}

/// Software's events are judged before what was seen in the same cycle.
fn is_of_software(event: &Event) -> bool {
    matches!(
        event,
        Event::ProtocolBroken { .. }
            | Event::Held { .. }
            | Event::RegWriteBegun { .. }
            | Event::OperationBegun { .. }
            | Event::OperationEnded { .. }
            | Event::Freed { .. }
            | Event::Taken { .. }
            | Event::Named { .. }
            | Event::Due { .. }
    )
}

/// What the oracle has to know, from what the line says.
fn settings(device: &Device) -> Result<Settings, Refused> {
    Settings::of(device).map_err(|unknown| Refused::Sense(unknown.to_string()))
}
