// SPDX-License-Identifier: Apache-2.0
//! `ddtp`: software writes it, the device keeps what it supports of it (WARL), and a request may be translated by the old
//! value until software has seen the new one at rest.

use events::Cycle;
use golden::{DdtMode, Ddtp};

use super::rule::{Rule, Violation};

/// A value of a register, and when a request could have been translated under it.
#[derive(Clone, Copy, Debug)]
pub struct Setting<T> {
    /// The value
    pub value: T,
    /// From this cycle on
    pub from: Cycle,
    /// Until this one
    pub until: Cycle,
}

/// See the module.
#[derive(Debug)]
pub struct Register {
    /// The newest last
    settings: Vec<Setting<Ddtp>>,
    /// Software has not written or read it since reset
    untouched: bool,
    /// Software wrote a mode that does not exist: the register then holds any that does
    reserved: bool,
    /// Which modes the device has been seen to keep, or not to
    keeps: [Option<bool>; 5],
}

impl Register {
    /// After reset: "either Off or Bare"; the rest is unspecified.
    pub fn new() -> Self {
        let setting = |mode| Setting { value: Ddtp(0).with_mode(mode), from: 0, until: Cycle::MAX };
        Register {
            settings: vec![setting(DdtMode::Bare), setting(DdtMode::Off)],
            untouched: true,
            reserved: false,
            keeps: [None; 5],
        }
    }

    /// As software last wrote it.
    pub fn newest(&self) -> Ddtp {
        self.settings.last().map_or(Ddtp(0), |setting| setting.value)
    }

    /// Software wrote it.
    pub fn written(&mut self, value: Ddtp, accepted: Cycle) {
        let value = value.with_busy(false);
        self.untouched = false;
        self.reserved = value.mode_bits() > 4;
        if !self.reserved && self.newest().0 != value.0 {
            self.settings.push(Setting { value, from: accepted, until: Cycle::MAX });
        }
    }

    /// Software read it back by an access that was accepted in this cycle: with `busy` clear, the newest value rules alone
    /// from then on.
    ///
    /// # Errors
    /// The device does not keep what software wrote, although it has been seen to have that mode, or holds no legal value.
    pub fn read(&mut self, value: Ddtp, accepted: Cycle, pas: u8) -> Result<(), Violation> {
        if value.busy() {
            return Ok(());
        }
        let (newest, value) = (self.newest(), value.with_busy(false));
        let is_levels = |ddtp: Ddtp| matches!(ddtp.mode(), DdtMode::Levels(_));
        let within = |ddtp: Ddtp| ddtp.ppn() & (1u64 << pas.saturating_sub(12).min(52)).wrapping_sub(1);
        let is_legal = value.mode_bits() <= 4;
        let kept = value.mode() == newest.mode() && (!is_levels(newest) || within(value) == within(newest));
        // Off and Bare are there in every device, and so is a mode that it has kept before.
        let may_lack = is_levels(newest) && self.keeps[usize::from(newest.mode_bits().min(4))] != Some(true);
        let is_right = if self.untouched {
            matches!(value.mode(), DdtMode::Off | DdtMode::Bare)
        } else {
            is_legal && (kept || self.reserved || may_lack && value.mode() != newest.mode())
        };
        if !is_right {
            let (right, wrong) = (format!("{:#x}", newest.0), format!("{:#x}", value.0));
            return Err(Violation::new(Rule::Register, "ddtp", right, wrong));
        }
        if !self.untouched && !self.reserved {
            self.keeps[usize::from(newest.mode_bits().min(4))] = Some(kept);
        }
        if value.0 != newest.0 {
            // It has held this since software wrote something else.
            let from = self.settings.last().map_or(0, |setting| setting.from);
            self.settings.push(Setting { value, from, until: Cycle::MAX });
        }
        (self.untouched, self.reserved) = (false, false);
        let count = self.settings.len();
        for setting in &mut self.settings[..count - 1] {
            setting.until = setting.until.min(accepted);
        }
        Ok(())
    }

    /// Software read back what the device must not hold, and yet does.
    pub fn adopt(&mut self, value: Ddtp, accepted: Cycle) {
        let value = value.with_busy(false);
        (self.untouched, self.reserved) = (false, false);
        self.settings.push(Setting { value, from: accepted, until: Cycle::MAX });
    }

    /// Every value under which a request between these cycles may have been translated, newest first.
    pub fn choices(&self, start: Cycle, end: Cycle) -> impl Iterator<Item = Ddtp> + '_ {
        let during = move |s: &&Setting<Ddtp>| s.from <= end && s.until >= start;
        self.settings.iter().rev().filter(during).map(|setting| setting.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: u64 = 1 << 4;

    fn levels(levels: u8, ppn: u64) -> Ddtp {
        Ddtp(0).with_mode(DdtMode::Levels(levels)).with_ppn(ppn)
    }

    #[test]
    fn after_reset_it_is_off_or_bare() {
        assert!(Register::new().read(Ddtp(0), 10, 56).is_ok());
        let mut bare = Register::new();
        assert!(bare.read(Ddtp(0).with_mode(DdtMode::Bare).with_ppn(5), 10, 56).is_ok());
        assert_eq!(bare.choices(20, 30).count(), 1);
        assert_eq!(bare.newest().mode(), DdtMode::Bare);
        assert!(Register::new().read(levels(1, 0), 10, 56).is_err());
        assert_eq!(Register::new().choices(0, 10).count(), 2);
    }

    #[test]
    fn a_mode_that_a_device_lacks_is_not_kept_and_one_that_it_has_is() {
        let mut register = Register::new();
        register.written(levels(3, 0x80), 10);
        assert!(register.read(levels(2, 0x80), 20, 56).is_ok(), "it has two levels at most");
        register.written(levels(2, 0x90), 30);
        assert!(register.read(Ddtp(levels(2, 0x80).0 | BUSY), 40, 56).is_ok(), "not at rest");
        assert!(register.read(levels(2, 0x80), 50, 56).is_err(), "the write was lost");
        assert!(register.read(levels(2, 0x90), 60, 56).is_ok());
        register.written(levels(1, 0x90), 70);
        register.written(levels(2, 0x90), 80);
        assert!(register.read(levels(1, 0x90), 90, 56).is_err(), "it has this mode");
        register.written(Ddtp(0), 100);
        assert!(register.read(levels(2, 0x90), 110, 56).is_err(), "every device can be switched off");
        register.written(Ddtp(9), 120);
        assert!(register.read(levels(1, 0x90), 130, 56).is_ok(), "whatever is legal");
    }
}
