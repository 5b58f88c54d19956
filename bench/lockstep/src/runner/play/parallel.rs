// SPDX-License-Identifier: Apache-2.0
//! Lists of steps at the same time: the first is played as ever, the stores of the others go beside it.

use driver::Machine;
use golden::Spa;
use scenario::{At, Step};
use testbench::OtherStore;

use super::{Fault, Player};

/// Stores of one processor at most; more are a mistake.
const MOST_STORES: usize = 1 << 20;

/// The stores of a processor as they are put together.
#[derive(Default)]
struct Script {
    stores: Vec<OtherStore>,
    /// Cycles since the last one
    pause: u32,
}

impl Script {
    fn store(&mut self, addr: Spa, keep: u64, flip: u64) {
        let after = std::mem::take(&mut self.pause);
        self.stores.push(OtherStore { after, addr, keep, flip });
    }
}

impl<'a> Player<'a> {
    pub(super) fn parallel(&mut self, lists: &'a [Vec<At<Step>>]) -> Result<(), Fault> {
        let Some((own, others)) = lists.split_first() else { return Ok(()) };
        let mut scripts = Vec::new();
        for list in others {
            let mut script = Script::default();
            self.script(list, &mut script)?;
            scripts.push(script.stores);
        }
        for stores in scripts {
            self.bench.start_cpu(stores);
        }
        self.list(own)?;
        while !self.bench.cpus_are_done() {
            self.bench.wait(1)?;
        }
        Ok(())
    }

    fn script(&mut self, steps: &'a [At<Step>], script: &mut Script) -> Result<(), Fault> {
        for step in steps {
            self.add_to(script, step).map_err(|fault| fault.at(step.place))?;
            if script.stores.len() > MOST_STORES {
                return Err(Fault::At(step.place, format!("more than {MOST_STORES} stores of one processor")));
            }
        }
        Ok(())
    }

    /// That the step only stores was checked before the run.
    fn add_to(&mut self, script: &mut Script, step: &'a At<Step>) -> Result<(), Fault> {
        match &step.value {
            Step::Wait(span) => script.pause = script.pause.saturating_add(self.draw(*span)),
            Step::Repeat(repeat) => {
                for _ in 0..repeat.times.value {
                    self.script(&repeat.steps, script)?;
                }
            }
            Step::Store(store) => script.store(Spa(store.address.0), 0, store.value.0),
            Step::SetPte(pte) => {
                let made = self.made(&pte.domain)?;
                let (_, at, _) = self.entry(step.place, made, pte)?;
                // Each bit of the new entry follows from that bit of the old one.
                let (zeros, ones) = (self.changed(0, made, pte)?, self.changed(!0, made, pte)?);
                script.store(at, zeros ^ ones, zeros);
            }
            Step::SetContext(set) => {
                let at = self.context_word(step.place, set)?;
                script.store(at, !0, set.flip.0);
            }
            Step::SetMsi(set) => {
                let at = self.driver.msi_entry_at(self.made(&set.domain)?.domain, set.file.value)?;
                script.store(Spa(at.0 + 8 * u64::from(set.word.value)), !0, set.flip.0);
            }
            _ => return Err(Fault::At(step.place, "another processor does nothing but store".into())),
        }
        Ok(())
    }
}
