// SPDX-License-Identifier: Apache-2.0
//! Software that asks for translations itself, through the registers for that (chapter "Debug support").

use driver::{Halted, Machine};
use golden::{TrReqCtl, offset};
use testbench::Testbench;

use super::ats::{any_page, any_requester};
use super::dice::Dice;
use super::map;

/// What software remembers of its requests.
#[derive(Debug, Default)]
pub struct Requests {
    /// One is under way, for all that software has seen
    open: bool,
    /// What was asked last: `tr_req_iova` and `tr_req_ctl`
    last: Option<(u64, TrReqCtl)>,
}

impl Requests {
    /// Asks, or looks what has come of it; while a request is under way, other things go on.
    pub fn step(&mut self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        for _ in 0..1 + dice.below(3) {
            if !self.open {
                let again = self.last.filter(|_| dice.percent(40));
                let asked = again.unwrap_or_else(|| anything(dice));
                ask(bench, dice, asked)?;
                (self.open, self.last) = (true, Some(asked));
            }
            if dice.percent(30) {
                return Ok(());
            }
            self.look(bench, dice)?;
        }
        Ok(())
    }

    /// Waits for the end of the request that is under way, and mostly reads what came of it.
    pub fn look(&mut self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        let bytes = if dice.percent(80) { 8 } else { 4 };
        while bench.read_register(offset::TR_REQ_CTL, bytes)? & 1 == 1 {
            bench.wait(dice.below(20))?;
        }
        match dice.below(10) {
            0 => {}
            1 => {
                bench.read_register(offset::TR_RESPONSE + 4, 4)?;
                bench.read_register(offset::TR_RESPONSE, 4)?;
            }
            2 => {
                for _ in 0..2 {
                    bench.read_register(offset::TR_RESPONSE, 8)?;
                    bench.read_register(offset::TR_REQ_IOVA, 8)?;
                    bench.read_register(offset::TR_REQ_CTL, 8)?;
                }
            }
            _ => {
                bench.read_register(offset::TR_RESPONSE, 8)?;
            }
        }
        Ok(())
    }
}

/// Anything that somebody may want to know.
fn anything(dice: &mut Dice) -> (u64, TrReqCtl) {
    let requester = any_requester(dice);
    let process = requester.process.filter(|_| dice.percent(90));
    let page = match dice.below(10) {
        // Where a device with an MSI page table has its interrupt files
        0 => map::MSI_PAGE << 12,
        _ => any_page(&requester, dice),
    };
    let exe = dice.percent(20);
    let control = TrReqCtl(0)
        .with_go(true)
        .with_did(requester.id)
        .with_pv(process.is_some())
        .with_pid(process.unwrap_or(0))
        .with_privileged(requester.privileged != dice.percent(10))
        .with_exe(exe)
        .with_nw(exe || dice.percent(50));
    (page | dice.below(0x1000), control)
}

/// Writes both registers, the one with Go last.
fn ask(bench: &mut Testbench, dice: &mut Dice, (iova, control): (u64, TrReqCtl)) -> Result<(), Halted> {
    bench.write_register(offset::TR_REQ_IOVA, 8, iova)?;
    if dice.percent(20) {
        // "In RV32, the high half of the register should be written first".
        bench.write_register(offset::TR_REQ_CTL + 4, 4, control.0 >> 32)?;
        return bench.write_register(offset::TR_REQ_CTL, 4, control.0 & 0xffff_ffff);
    }
    bench.write_register(offset::TR_REQ_CTL, 8, control.0)
}
