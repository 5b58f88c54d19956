// SPDX-License-Identifier: Apache-2.0
//! Software that takes its interrupts as messages, and masks them now and then.

use driver::{Halted, Machine};
use golden::{Fctl, offset};
use testbench::Testbench;

use super::dice::Dice;
use super::map;

/// Entries that are set up: the two that `icvec` names, and their neighbours.
const VECTORS: u16 = 4;

/// What software remembers of vectors.
#[derive(Debug, Default)]
pub struct Messages {
    masked: [bool; VECTORS as usize],
}

fn entry(vector: u16) -> u16 {
    offset::MSI_CFG_TBL + 16 * vector
}

impl Messages {
    /// Sets the table up, and asks for messages; in some worlds interrupts stay wires.
    pub fn start(&self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        for vector in 0..VECTORS {
            bench.write_register(entry(vector), 8, map::MESSAGES + 0x14 * u64::from(vector))?;
            bench.write_register(entry(vector) + 8, 4, 0x1234_5600 + u64::from(vector))?;
            bench.write_register(entry(vector) + 12, 4, 0)?;
        }
        let by_wire = dice.percent(20);
        bench.write_register(offset::FCTL, 4, Fctl(0).with_wsi(by_wire).0.into())?;
        bench.read_register(offset::FCTL, 4)?;
        Ok(())
    }

    /// Masks a vector, or unmasks it.
    pub fn step(&mut self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        let vector = 1 + dice.index(2);
        let masked = &mut self.masked[vector];
        // Seldom masked, and not for long: it hides what is to be seen.
        if *masked && dice.percent(40) || !*masked && dice.percent(10) {
            *masked = !*masked;
            if dice.percent(70) {
                bench.read_register(offset::IPSR, 4)?;
            }
            bench.write_register(entry(vector as u16) + 12, 4, u64::from(*masked))?;
        }
        Ok(())
    }
}
