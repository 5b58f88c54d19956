// SPDX-License-Identifier: Apache-2.0
//! A judge that is told lines.

use events::trace::{BadLine, HEADER, Record};
use events::{Cycle, Device};
use oracle::{Figures, Finding, Judge, Oracle, Settings, TimeRunsBack};

use crate::waived::Waived;

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
    waived: Waived,
    /// An event was told: the device is settled, and what is waived
    begun: bool,
}

impl Session {
    /// A judge of the device of a line `device …`.
    pub fn open(line: &str) -> Result<Self, Refused> {
        match Record::parse(line).map_err(Refused::Line)? {
            Some(Record::Device(device)) => {
                let settings = settings(&device)?;
                Ok(Session { settings, judge: Judge::of(settings), waived: Waived::default(), begun: false })
            }
            _ => Err(Refused::Sense("this is no line \"device caps=… version=… choices=…\"".to_owned())),
        }
    }

    /// The judge begins anew with the same device and the same waivers: the device under test was reset.
    pub fn reset(&mut self) {
        self.judge = Judge::of(self.settings).lenient(self.waived.lenience());
        self.begun = false;
    }

    /// Changes how far judging goes on behind what the device must not do.
    ///
    /// # Errors
    /// An event was told already: what was judged by then cannot be judged otherwise any more.
    pub fn waive(&mut self, change: impl FnOnce(&mut Waived)) -> Result<(), Refused> {
        if self.begun {
            return Err(Refused::Sense("what is waived is told before the first event".to_owned()));
        }
        change(&mut self.waived);
        let now = self.now();
        self.reset();
        self.cycle(now)
    }

    /// What is waived.
    pub fn waived(&self) -> &Waived {
        &self.waived
    }

    /// The judge itself.
    pub fn judging(&self) -> &Judge {
        &self.judge
    }

    /// Takes a line. Once a rule is broken, and this is neither waived nor gone past, nothing more is judged.
    pub fn line(&mut self, line: &str) -> Result<(), Refused> {
        if self.is_over() || line.trim_end() == HEADER {
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
                self.settings = settings(&device)?;
                self.reset();
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

    /// Nothing more is judged.
    pub fn is_over(&self) -> bool {
        self.judge.ended_by().is_some()
    }

    /// What is wrong: the device's first violation that is not waived, else the first hazard of software.
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
