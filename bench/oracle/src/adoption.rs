// SPDX-License-Identifier: Apache-2.0
//! What the oracle holds for true behind a divergence that the run goes past: what the device did is adopted, so that one
//! wrong act is reported once and not again as each of its consequences.

use events::{Cycle, Event};

use super::Oracle;
use super::dma::Shown;
use super::explain::request_of;
use super::rule::{Rule, Violation};

impl Oracle {
    /// The device did what it must not do. If the run may go past it, it is noted, and `adopt` makes the best of it.
    ///
    /// # Errors
    /// The violation, with its evidence: the run ends.
    pub(super) fn past(
        &mut self,
        violation: Violation,
        now: Cycle,
        adopt: impl FnOnce(&mut Oracle, &Violation) -> Result<(), &'static str>,
    ) -> Result<(), Violation> {
        let violation = self.with_evidence(violation, now);
        if self.divergences.is_strict() || !self.divergences.note(&violation.clone().found(now)) {
            return Err(violation);
        }
        match adopt(self, &violation) {
            Ok(()) => Ok(()),
            Err(why) => {
                let evidence = format!("the run cannot go past it: {why}\n{}", violation.evidence);
                Err(Violation { evidence, ..violation })
            }
        }
    }

    /// Adopts what this event showed.
    ///
    /// # Errors
    /// Why nothing that follows could be judged.
    pub(super) fn adopt(&mut self, event: &Event, violation: &Violation, now: Cycle) -> Result<(), &'static str> {
        match event {
            &Event::MemAddress { direction, id, addr, burst, pbmt, prot, attributes, ids } => {
                let shown = Shown { direction, id, addr, burst, pbmt, prot, attributes, ids };
                let owner = self.transactions.likeliest(&shown).ok_or("no transaction on dev_* goes with it")?;
                self.transactions.at_memory(owner, &shown, now);
                let transaction = &self.transactions.live()[owner];
                self.counters.finished(&request_of(transaction), transaction.accepted, now);
                Ok(())
            }
            Event::MemWriteBeat { .. } => match self.transactions.skip_beat() {
                true => Ok(()),
                false => Err("no write on mem_* takes these data"),
            },
            Event::DmaDone { ticket, .. } => {
                self.transactions.answered_wrongly(*ticket);
                Ok(())
            }
            Event::PtwWrite { id, addr, burst, atop: 0, beats, .. } => {
                match (self.faults.ring().written(*addr, *burst, beats), violation.rule) {
                    (Some((index, words)), Rule::FaultRecord) => {
                        self.faults.adopt(index, words, now);
                        self.interrupts.faults.record(now);
                        self.faults.update(false, now);
                    }
                    (_, Rule::FenceWrite) => self.adopt_store_of_fence(*id, *addr, beats),
                    (_, Rule::UnowedWrite | Rule::Message) => self.writes.adopt(*id),
                    _ => {}
                }
                Ok(())
            }
            Event::RegRead { offset: golden::offset::DDTP, value, accepted, .. } => {
                self.search.configuration.ddtp_is(golden::Ddtp(*value), *accepted);
                Ok(())
            }
            Event::RegRead { offset: golden::offset::CQH, value, .. } => {
                self.commands.adopt_head(*value as u32);
                self.decode_commands();
                if let Ok(Some(sequence)) = self.commands.head_read(*value as u32) {
                    self.fences_complete(sequence, now);
                }
                Ok(())
            }
            Event::RegRead { offset: golden::offset::IPSR, .. } => {
                self.interrupts.adopt(&violation.detail);
                Ok(())
            }
            Event::InvalidationRequested { request } => {
                self.device_commands.adopt(request, now);
                Ok(())
            }
            Event::PageResponded { response } => {
                self.page_requests.answered(response);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adopts that what is missing at rest does not come.
    pub(super) fn adopt_at_rest(&mut self, violation: &Violation) -> Result<(), &'static str> {
        match violation.rule {
            Rule::FaultRecord => self.faults.adopt_unowed(),
            Rule::FaultLost => self.faults.adopt_lost(self.interrupts.excused()),
            _ => {}
        }
        Ok(())
    }
}
