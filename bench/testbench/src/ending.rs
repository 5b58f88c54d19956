// SPDX-License-Identifier: Apache-2.0
//! How a run ends: the machine comes to rest, software takes a last look, and the verdict is drawn.

use driver::{Halted, Machine};
use events::{Cycle, Event};
use golden::offset;
use oracle::{Divergence, Oracle};

use super::clock::{Bounds, Halt, Testbench};
use super::outcome::{End, RunOutcome};

/// What the last look reads, with the width of each register.
const LAST_LOOK: [(&str, u16, u8); 7] = [
    ("pqt", offset::PQT, 4),
    ("pqcsr", offset::PQCSR, 4),
    ("cqh", offset::CQH, 4),
    ("fqt", offset::FQT, 4),
    ("cqcsr", offset::CQCSR, 4),
    ("fqcsr", offset::FQCSR, 4),
    ("ipsr", offset::IPSR, 4),
];

impl Testbench {
    /// Stops the traffic, lets the machine come to rest, and checks that nothing is owed.
    pub fn rest(&mut self) -> Result<(), Halted> {
        self.stop_streams(None)?;
        let begun = self.now;
        // The fault queue may still be writing when the last response is out.
        let mut quiet = 0;
        while quiet < 256 {
            self.tick()?;
            quiet = if self.bus.ports_idle() { quiet + 1 } else { 0 };
            if self.now - begun > self.bounds.rest {
                self.hung(format!("the machine did not come to rest within {} cycles", self.bounds.rest))?;
            }
        }
        self.look()?;
        self.tell(&Event::Rest)
    }

    /// A last look at the registers, so that what is pending is compared even if software never asks.
    fn look(&mut self) -> Result<Vec<String>, Halted> {
        let ats = self.oracle.as_ref().is_some_and(Oracle::has_ats);
        let read = |(name, register, bytes)| self.read_register(register, bytes).map(|v| format!("{name} {v:#x}"));
        let there = LAST_LOOK.into_iter().filter(|(_, at, _)| ats || ![offset::PQT, offset::PQCSR].contains(at));
        there.map(read).collect()
    }

    /// Registers often tell why a machine hangs: a status bit that is wrong is the device's fault, and better evidence
    /// than the wait that came of it. Returns the wait where that is so.
    fn look_after_hang(&mut self) -> Option<String> {
        let Some(Halt::Hung(waiting)) = &self.halt else { return None };
        let waiting = waiting.clone();
        self.halt = None;
        self.bounds = Bounds { register: self.bounds.register, ..Bounds::ENDLESS };
        let looked = self.look();
        match (looked, &mut self.halt) {
            (_, Some(Halt::Violation(_))) => return Some(format!("the device had hung: {waiting}")),
            (_, Some(Halt::Stopped(_))) => {}
            (Ok(values), _) => self.halt = Some(Halt::Hung(format!("{waiting}\n{}", values.join(", ")))),
            (Err(_), _) => self.halt = Some(Halt::Hung(waiting)),
        }
        None
    }

    /// After a violation the device is to run on until this cycle: nothing is judged then, but waves show it.
    pub fn run_on_until(&mut self, cycle: Cycle) {
        self.run_on_until = cycle;
    }

    fn run_on(&mut self) {
        let begun = self.now;
        while matches!(self.halt, Some(Halt::Violation(_))) && self.now < self.run_on_until {
            self.now += 1;
            self.bus.drive(self.now, &mut self.inputs);
            let stopped = self.dut.cycle(&self.inputs, &mut self.outputs).is_err();
            self.bus.recycle(&mut self.events);
            if stopped || self.bus.observe(self.now, &self.inputs, &self.outputs, &mut self.events).is_err() {
                break;
            }
        }
        self.now = begun;
    }

    /// What came of the run. `software` is the error with which the scenario gave up, if it did. It may have noticed
    /// first what the device did wrong, so the machine comes to rest and is looked at in any case.
    pub fn finish(mut self, software: Option<String>) -> RunOutcome {
        if self.halt.is_none() {
            let _ = self.rest();
        }
        let mut noticed = self.look_after_hang();
        if let (Some(Halt::Violation(_)), Some(error)) = (&self.halt, &software) {
            noticed = Some(format!("software had given up: {error}"));
        }
        self.run_on();
        let mut figures = self.oracle.as_ref().map(Oracle::figures).unwrap_or_default();
        figures.cycles = self.now;
        let ended_by = match &self.halt {
            Some(Halt::Violation(finding)) => Some(finding),
            _ => None,
        };
        let past = self.oracle.as_ref().map(Oracle::divergences).unwrap_or_default();
        let divergences = Divergence::all(&past, ended_by);
        let coverage = self.oracle.as_ref().map(|oracle| oracle.coverage().clone()).unwrap_or_default();
        let hazard = self.oracle.as_ref().and_then(|oracle| oracle.first_hazard().cloned());
        let (end, violation) = match self.halt {
            Some(Halt::Violation(finding)) => (End::Violation, Some(finding)),
            Some(Halt::Stopped(s)) => (End::Stopped { file: s.file, line: s.line, message: s.message }, None),
            Some(Halt::Hung(waiting)) => (End::Hung { waiting }, None),
            Some(Halt::OutOfTime(length)) => (End::OutOfTime { seconds: length.as_secs(), cycle: self.now }, None),
            None => match software {
                Some(error) => (End::Software { error }, None),
                None => (End::Finished, None),
            },
        };
        let unwaived = divergences.iter().find(|divergence| divergence.waiver.is_none());
        let violation = unwaived.map(|divergence| divergence.first.clone()).or(violation);
        let (how, text) = end.said();
        let unrecorded = self.recording.end(figures.cycles, how, &text);
        let series = self.recorder.map(|recorder| Box::new(recorder.finish(self.now)));
        RunOutcome { end, figures, violation, divergences, hazard, noticed, unrecorded, coverage, series }
    }
}
