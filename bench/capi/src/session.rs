// SPDX-License-Identifier: Apache-2.0
//! A judge that is told lines.

use events::trace::{BadLine, HEADER, Record};
use events::{Cycle, Device};
use oracle::{Blame, Figures, Finding, Judge, Oracle, Settings, TimeRunsBack};

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

/// A judge of one device, which may be reset.
pub struct Session {
    settings: Settings,
    judge: Judge,
    /// An event was told: the device is settled
    begun: bool,
}

impl Session {
    /// A judge of the device of a line `device …`.
    pub fn open(line: &str) -> Result<Self, Refused> {
        match Record::parse(line).map_err(Refused::Line)? {
            Some(Record::Device(device)) => Ok(Session::of(settings(&device)?)),
            _ => Err(Refused::Sense("this is no line \"device caps=… version=… choices=…\"".to_owned())),
        }
    }

    fn of(settings: Settings) -> Self {
        Session { settings, judge: Judge::of(settings), begun: false }
    }

    /// The judge begins anew with the same device: the device under test was reset.
    pub fn reset(&mut self) {
        *self = Session::of(self.settings);
    }

    /// Takes a line. Once a rule is broken nothing more is judged.
    pub fn line(&mut self, line: &str) -> Result<(), Refused> {
        if self.is_violated() || line.trim_end() == HEADER {
            return Ok(());
        }
        match Record::parse(line).map_err(Refused::Line)? {
            Some(Record::Cycle(cycle)) => return self.cycle(cycle),
            Some(Record::Event(event)) => {
                self.begun = true;
                self.judge.event(event);
            }
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

    fn cycle(&mut self, cycle: Cycle) -> Result<(), Refused> {
        let runs_back =
            |TimeRunsBack { cycle, now }| format!("cycle {cycle} after cycle {now}: time does not run back");
        self.judge.cycle(cycle).map_err(|error| Refused::Sense(runs_back(error)))
    }

    /// Judges what was told of this cycle.
    pub fn judge(&mut self) {
        self.judge.judge();
    }

    fn is_violated(&self) -> bool {
        self.judge.finding().is_some_and(|finding| finding.blame == Blame::DutViolation)
    }

    /// What is wrong: the device's violation, else the first hazard of software.
    pub fn finding(&self) -> Option<&Finding> {
        self.judge.finding()
    }

    /// The oracle.
    pub fn oracle(&self) -> &Oracle {
        self.judge.oracle()
    }

    /// What was counted, up to the cycle of the last line.
    pub fn figures(&self) -> Figures {
        self.judge.figures()
    }

    /// The cycle of the last line.
    pub fn now(&self) -> Cycle {
        self.judge.now()
    }
}

/// What the oracle has to know, from what the line says.
fn settings(device: &Device) -> Result<Settings, Refused> {
    Settings::of(device).map_err(|unknown| Refused::Sense(unknown.to_string()))
}
