// SPDX-License-Identifier: Apache-2.0
//! The registers that a translation depends on, as far as software's accesses tell them.

use events::Cycle;
use golden::{Capabilities, Ddtp, Fctl, SpecVersion, offset};

use super::ddtp::{self, Setting};
use super::rule::Violation;

/// What software has written and read.
#[derive(Debug)]
pub struct Configuration {
    /// Version of the specification
    pub version: SpecVersion,
    /// `capabilities`, as the strap gives them
    pub caps: Capabilities,
    ddtp: ddtp::Register,
    fctl: Vec<Setting<Fctl>>,
    fctl_known: bool,
}

impl Configuration {
    /// After reset.
    pub fn new(version: SpecVersion, caps: Capabilities) -> Self {
        Configuration {
            version,
            caps,
            ddtp: ddtp::Register::new(),
            fctl: vec![Setting { value: Fctl(0), from: 0, until: Cycle::MAX }],
            fctl_known: false,
        }
    }

    /// Software begins to write a register in this cycle.
    pub fn written(&mut self, register: u16, value: u64, now: Cycle) {
        match register {
            offset::DDTP => self.ddtp.written(Ddtp(value), now),
            offset::FCTL => {
                let fctl = Fctl(value as u32);
                self.fctl_known = false;
                if self.fctl().0 != fctl.0 {
                    self.fctl.push(Setting { value: fctl, from: now, until: Cycle::MAX });
                }
            }
            _ => {}
        }
    }

    /// Software read `ddtp` back, `accepted` being the cycle of the request: with `busy` clear, the newest value rules
    /// alone from then on.
    pub fn ddtp_read(&mut self, value: Ddtp, accepted: Cycle) -> Result<(), Violation> {
        self.ddtp.read(value, accepted, self.caps.pas())
    }

    /// Software read back a `ddtp` that the device must not hold, and yet does.
    pub fn ddtp_is(&mut self, value: Ddtp, accepted: Cycle) {
        self.ddtp.adopt(value, accepted);
    }

    /// Software read `fctl`: what it holds is a choice of the device where its fields are read-only.
    pub fn fctl_read(&mut self, value: Fctl) {
        if let Some(newest) = self.fctl.last_mut() {
            newest.value = value;
            self.fctl_known = true;
        }
    }

    /// `fctl`, if software has read what it holds.
    pub fn fctl_known(&self) -> Option<Fctl> {
        self.fctl_known.then(|| self.fctl())
    }

    /// `ddtp` as software last wrote it.
    pub fn ddtp(&self) -> Ddtp {
        self.ddtp.newest()
    }

    /// `fctl` as software last wrote it.
    pub fn fctl(&self) -> Fctl {
        self.fctl.last().map_or(Fctl(0), |setting| setting.value)
    }

    /// `fctl` as software had last written it by this cycle.
    pub fn fctl_at(&self, cycle: Cycle) -> Fctl {
        let by_then = self.fctl.iter().rev().find(|setting| setting.from <= cycle);
        by_then.map_or(self.fctl(), |setting| setting.value)
    }

    /// Every value of `ddtp` under which a request between these cycles may have been translated, newest first.
    pub fn ddtp_choices(&self, start: Cycle, end: Cycle) -> impl Iterator<Item = Ddtp> + '_ {
        self.ddtp.choices(start, end)
    }
}
