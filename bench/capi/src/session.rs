//! An oracle that is told lines. (A judge of traces in the crate `oracle` can take the place of this one.)

use events::trace::{BadLine, HEADER, Record};
use events::{Cycle, Device, Event};
use oracle::{Blame, Bound, Figures, Finding, Oracle, Settings, Violation};

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
                self.violation = Some(finding(violation, self.cycle));
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
    let mut choices = Bound::FREE;
    for (name, value) in &device.choices {
        if !choices.bind(name, *value) {
            let known = Bound::NAMES.join(", ");
            return Err(Refused::Sense(format!("there is no choice {name:?}; there are {known}")));
        }
    }
    Ok(Settings { capabilities: device.capabilities, version: device.version, choices })
}

fn finding(violation: Violation, cycle: Cycle) -> Finding {
    Finding {
        blame: Blame::DutViolation,
        rule: violation.rule.key().to_owned(),
        detail: violation.detail,
        section: violation.rule.section().to_owned(),
        right: violation.right,
        wrong: violation.wrong,
        cycle,
        evidence: violation.evidence,
    }
}
