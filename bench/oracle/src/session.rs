// SPDX-License-Identifier: Apache-2.0
//! Judging a whole stream: what was seen of a run, from its first event to its last.

use events::trace::Record;
use events::{Cycle, Device, Event};

use super::{Blame, Bound, Divergence, Figures, Finding, Lenience, Oracle, Ports, Rule, Settings, Violation};

/// The description of a device binds a choice that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no choice {0:?}; there are {choices}", choices = Bound::NAMES.join(", "))]
pub struct UnknownChoice(pub String);

/// A cycle comes after a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cycle {cycle} comes after cycle {now}")]
pub struct TimeRunsBack {
    /// The earlier one
    pub cycle: Cycle,
    /// The later one
    pub now: Cycle,
}

impl Settings {
    /// As a device is described.
    ///
    /// # Errors
    /// [`UnknownChoice`]
    pub fn of(device: &Device) -> Result<Settings, UnknownChoice> {
        let mut choices = Bound::FREE;
        for (name, value) in &device.choices {
            if !choices.bind(name, *value) {
                return Err(UnknownChoice(name.clone()));
            }
        }
        let ports = Ports { poison: device.poison, qos_ids: device.qos_ids };
        Ok(Settings { capabilities: device.capabilities, version: device.version, choices, ports })
    }

    /// The description that says the same.
    pub fn device(&self) -> Device {
        let Ports { poison, qos_ids } = self.ports;
        let choices = self.choices.bound();
        Device { capabilities: self.capabilities, version: self.version, choices, poison, qos_ids }
    }
}

impl Violation {
    /// A rule of a protocol was broken: what [`Event::ProtocolBroken`] says, and no other event.
    pub fn of_protocol(event: &Event) -> Option<Violation> {
        let Event::ProtocolBroken { rule, right, wrong, place } = event else { return None };
        let violation = Violation::new(Rule::Protocol, rule.as_str(), right.as_str(), wrong.as_str());
        Some(Violation { evidence: place.clone(), ..violation })
    }

    /// As it is reported.
    pub fn found(self, cycle: Cycle) -> Finding {
        Finding {
            blame: Blame::DutViolation,
            rule: self.rule.key().to_owned(),
            detail: self.detail,
            structure: self.follows_from.as_ref().map(|from| from.structure.to_owned()),
            command: self.follows_from.as_ref().map(|from| from.command.to_owned()),
            section: self.rule.section().to_owned(),
            right: self.right,
            wrong: self.wrong,
            cycle,
            evidence: self.evidence,
            picture: self.picture,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The first thing that the device must not have done, and that is not waived
    pub violation: Option<Finding>,
    /// What the stream was judged past, each kind once, and what ended it behind something unwaived
    pub divergences: Vec<Divergence>,
    /// The first thing that software let through
    pub hazard: Option<Finding>,
    /// Counts
    pub figures: Figures,
}

/// Judges a stream of events. Those of a cycle are judged together, once the next cycle has begun, and rest behind them.
pub struct Judge {
    oracle: Oracle,
    /// Events of this cycle so far
    seen: Vec<Event>,
    /// The machine came to rest in this cycle
    rest: bool,
    now: Cycle,
    violation: Option<Finding>,
}

impl Judge {
    /// A judge of this device, which has just been reset.
    ///
    /// # Errors
    /// [`UnknownChoice`]
    pub fn new(device: &Device) -> Result<Self, UnknownChoice> {
        Settings::of(device).map(Judge::of)
    }

    /// The same by settings.
    pub fn of(settings: Settings) -> Self {
        Judge { oracle: Oracle::new(settings), seen: Vec::new(), rest: false, now: 0, violation: None }
    }

    /// The same, and it goes on behind what the device must not do as far as `lenience` says. At the beginning only.
    #[must_use]
    pub fn lenient(self, lenience: Lenience) -> Self {
        Judge { oracle: self.oracle.lenient(lenience), ..self }
    }

    /// A line of a trace. The description of the device, and how it ended, say nothing.
    ///
    /// # Errors
    /// [`TimeRunsBack`]
    pub fn record(&mut self, record: Record) -> Result<(), TimeRunsBack> {
        match record {
            Record::Cycle(cycle) => self.cycle(cycle)?,
            Record::Event(event) => self.event(event),
            Record::Device(_) | Record::End { .. } => {}
        }
        Ok(())
    }

    /// What comes now is of this cycle.
    ///
    /// # Errors
    /// [`TimeRunsBack`]
    pub fn cycle(&mut self, cycle: Cycle) -> Result<(), TimeRunsBack> {
        if cycle < self.now {
            return Err(TimeRunsBack { cycle, now: self.now });
        }
        if cycle > self.now {
            self.judge();
            self.now = cycle;
        }
        Ok(())
    }

    /// Something was seen in this cycle.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Rest => self.rest = true,
            event => self.seen.push(event),
        }
    }

    /// What is wrong by now: the first thing that the device must not have done, else the first hazard of software. Behind
    /// a violation it is of use to go on only for figures.
    pub fn finding(&self) -> Option<&Finding> {
        self.first_violation().or_else(|| self.oracle.first_hazard())
    }

    /// The violation behind which nothing is judged any more: one that is not waived, and not gone past.
    pub fn ended_by(&self) -> Option<&Finding> {
        self.violation.as_ref()
    }

    fn first_violation(&self) -> Option<&Finding> {
        let unwaived = self.oracle.gone_past().iter().find(|divergence| divergence.waiver.is_none());
        let unwaived = unwaived.map(|divergence| &divergence.first).or(self.oracle.open_refusal());
        unwaived.or(self.violation.as_ref())
    }

    /// Counts, up to this cycle.
    pub fn figures(&self) -> Figures {
        Figures { cycles: self.now, ..self.oracle.figures() }
    }

    /// The cycle of what was seen last.
    pub fn now(&self) -> Cycle {
        self.now
    }

    /// The oracle that judges.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// Judges at once what was seen of this cycle so far.
    pub fn judge(&mut self) {
        let mut judged = self.oracle.observe(&self.seen, self.now);
        self.seen.clear();
        if std::mem::take(&mut self.rest) && judged.is_ok() {
            judged = self.oracle.observe(&[Event::Rest], self.now);
        }
        if let Err(violation) = judged {
            self.violation.get_or_insert(violation.found(self.now));
        }
    }

    /// Nothing comes any more.
    pub fn finish(mut self) -> Verdict {
        self.judge();
        Verdict {
            violation: self.first_violation().cloned(),
            divergences: Divergence::all(&self.oracle.divergences(), self.ended_by()),
            hazard: self.oracle.first_hazard().cloned(),
            figures: self.figures(),
        }
    }
}
