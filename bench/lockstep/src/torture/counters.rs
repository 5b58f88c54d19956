// SPDX-License-Identifier: Apache-2.0
//! Software that counts: it inhibits counters, sets them up, lets them run, and reads them.

use driver::{Halted, Machine};
use golden::{EventSelector, offset};
use testbench::Testbench;

use super::dice::Dice;
use super::requesters::REQUESTERS;

/// Event counters in use.
const EVENTS: u16 = 4;
/// Cycles after which whatever was under way is counted.
const QUIET: u64 = 100;

/// Sets all counters up while they stand still, and lets them run.
pub fn start(bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
    bench.write_register(offset::IOCOUNTINH, 4, 0xFFFF_FFFF)?;
    bench.wait(QUIET)?;
    let value = |dice: &mut Dice| if dice.percent(50) { dice.below(100) } else { u64::MAX - dice.below(3000) };
    let cycles = value(dice) & !(1 << 63);
    set(bench, offset::IOHPMCYCLES, cycles)?;
    for counter in 0..EVENTS {
        let requester = REQUESTERS[dice.index(REQUESTERS.len())];
        let device = requester.id;
        let mut selector = EventSelector(0).with_event(1);
        match dice.below(5) {
            0 => selector = selector.with_event(4 + dice.below(5) as u16),
            1 => selector = selector.with_dv_gscv(true).with_did_gscid(device),
            // All devices that differ in the lower seven bits
            2 => selector = selector.with_dv_gscv(true).with_dmask(true).with_did_gscid(device & !0x7F | 0x3F),
            3 => {
                let process = requester.process.unwrap_or(0x112);
                selector = selector.with_pv_pscv(true).with_pid_pscid(process);
            }
            _ => {}
        }
        set(bench, offset::IOHPMEVT + 8 * counter, selector.0)?;
        let count = value(dice);
        set(bench, offset::IOHPMCTR + 8 * counter, count)?;
        if dice.percent(30) {
            // "When eventID is changed, including to 0, the counter retains its value."
            set(bench, offset::IOHPMEVT + 8 * counter, selector.0)?;
            bench.read_register(offset::IOHPMCTR + 8 * counter, 8)?;
        }
    }
    run(bench)
}

/// Lets the counters in use run. What the others hold from reset on is nobody's business.
fn run(bench: &mut Testbench) -> Result<(), Halted> {
    bench.write_register(offset::IOCOUNTINH, 4, u64::MAX << (EVENTS + 1) & 0xFFFF_FFFF)
}

/// Writes a register and reads it back.
fn set(bench: &mut Testbench, register: u16, value: u64) -> Result<(), Halted> {
    bench.write_register(register, 8, value)?;
    bench.read_register(register, 8)?;
    Ok(())
}

/// Reads some counters; now and then stops them all, and reads them twice, writes one that runs, or begins anew.
pub fn step(bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
    match dice.below(10) {
        0..=4 => read(bench, dice),
        5..=6 => {
            bench.write_register(offset::IOCOUNTINH, 4, 0xFFFF_FFFF)?;
            bench.wait(QUIET)?;
            for _ in 0..2 {
                for counter in 0..=EVENTS {
                    bench.read_register(offset::IOHPMCYCLES + 8 * counter, 8)?;
                }
                bench.wait(QUIET)?;
            }
            run(bench)
        }
        7 => start(bench, dice),
        // A counter is written while it runs: it may go over at once.
        8 => {
            let counter = dice.below(1 + u64::from(EVENTS)) as u16;
            let value = u64::MAX - dice.below(20);
            let value = if counter == 0 { value & !(1 << 63) } else { value };
            bench.write_register(offset::IOHPMCYCLES + 8 * counter, 8, value)
        }
        _ => Ok(()),
    }
}

fn read(bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
    let counter = dice.below(1 + u64::from(EVENTS)) as u16;
    bench.read_register(offset::IOHPMCYCLES + 8 * counter, 8)?;
    if counter > 0 {
        bench.read_register(offset::IOHPMEVT + 8 * (counter - 1), 8)?;
    }
    Ok(())
}
