// SPDX-License-Identifier: Apache-2.0
//! The device's own performance counters, where it has them.

use driver::{Halted, Machine};
use golden::{EventSelector, offset};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use testbench::Testbench;

/// Events that are counted, in the order of the counters: requests, misses, walks of directory and both stages.
const EVENTS: [u16; 5] = [1, 4, 5, 7, 8];

/// Inhibits the counters that stand still.
const ALL: u64 = 0xffff_ffff;
/// Cycles after which whatever was under way is counted.
const QUIET: u64 = 100;

/// What the counters of the device say of the requests that were measured, and of those of a neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counters {
    /// Clock cycles
    pub cycles: u64,
    /// Untranslated requests
    pub requests: u64,
    /// TLB misses
    pub misses: u64,
    /// Walks of the device directory: an entry each, as the specification counts
    pub directory: u64,
    /// Of first-stage page tables
    pub first_stage: u64,
    /// Of second-stage page tables
    pub second_stage: u64,
}

/// Sets the counters to 0 and lets them count.
pub(super) fn start(bench: &mut Testbench) -> Result<(), Halted> {
    bench.write_register(offset::IOCOUNTINH, 4, ALL)?;
    bench.wait(QUIET)?;
    set(bench, offset::IOHPMCYCLES, 0)?;
    for (counter, event) in (0..).zip(EVENTS) {
        set(bench, offset::IOHPMEVT + 8 * counter, EventSelector(0).with_event(event).0)?;
        set(bench, offset::IOHPMCTR + 8 * counter, 0)?;
    }
    let in_use = (1 << (EVENTS.len() + 1)) - 1;
    bench.write_register(offset::IOCOUNTINH, 4, ALL & !in_use)
}

/// Stops and reads them.
pub(super) fn stop(bench: &mut Testbench) -> Result<Counters, Halted> {
    bench.wait(QUIET)?;
    bench.write_register(offset::IOCOUNTINH, 4, ALL)?;
    let cycles = bench.read_register(offset::IOHPMCYCLES, 8)? & !(1 << 63);
    let mut counts = [0; EVENTS.len()];
    for (counter, count) in (0..).zip(&mut counts) {
        *count = bench.read_register(offset::IOHPMCTR + 8 * counter, 8)?;
    }
    let [requests, misses, directory, first_stage, second_stage] = counts;
    Ok(Counters { cycles, requests, misses, directory, first_stage, second_stage })
}

/// Writes a register and reads it back.
fn set(bench: &mut Testbench, register: u16, value: u64) -> Result<(), Halted> {
    bench.write_register(register, 8, value)?;
    bench.read_register(register, 8).map(drop)
}
