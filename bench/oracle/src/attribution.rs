// SPDX-License-Identifier: Apache-2.0
//! Which transaction an address on `mem_*` belongs to.
//!
//! AXI tells only ID and shape. It is given to the oldest transaction that explains it, and goes to a younger one when
//! what follows shows that it cannot have been that: an answer that memory did not give, data of another, or the store of
//! an MSI that memory was not to see.

use events::{Cycle, Ticket};
use golden::{Outcome, Target};

use super::Oracle;
use super::chooser::Chooser;
use super::dma::{Finished, Shown};
use super::evidence::{Answer, translated_line};
use super::explain::{Explanation, request_of};
use super::rule::{Rule, Violation};
use super::window::Window;

/// The outcome leads to what memory was shown.
fn is_shown(outcome: &Outcome, shown: &Shown) -> bool {
    matches!(outcome, Outcome::Translated(t)
        if t.spa == shown.addr && t.pbmt as u8 == shown.pbmt && !matches!(t.target, Target::Mrif(_)))
}

impl Oracle {
    /// An address showed on `mem_*`: a request was translated. It belongs to the oldest transaction that explains it.
    pub(super) fn translated(&mut self, shown: &Shown, now: Cycle) -> Result<(), Violation> {
        self.figures.translations_compared += 1;
        loop {
            match self.attribute(shown, now) {
                // What nobody has touched may be a word that the device left out.
                Err(_) if self.search.look_up_unknown() => {}
                judged => return judged,
            }
        }
    }

    fn attribute(&mut self, shown: &Shown, now: Cycle) -> Result<(), Violation> {
        let mut oldest = None;
        for place in 0..self.transactions.live().len() {
            let Some(transaction) = self.transactions.candidate(place, shown) else { continue };
            let request = request_of(transaction);
            let window = Window::until_shown(transaction, now);
            if let Some(explanation) = self.leads_to_shown(place, shown, now) {
                self.transactions.at_memory(place, shown, now);
                self.counters.finished(&request, window.start, now);
                self.explained(&request, &explanation, window);
                return Ok(());
            }
            oldest.get_or_insert((request, window));
        }
        let Some((request, window)) = oldest else { return Err(self.transactions.misshapen(shown)) };
        if let Some(right) = self.ids_that_lead_there(shown, now) {
            return Err(Violation::new(Rule::QosIds, "translated", right, shown.ids.to_string()));
        }
        let line = translated_line(shown.addr, shown.pbmt);
        let is_it = |outcome: &Outcome| is_shown(outcome, shown);
        let came = Answer { line, is_it: &is_it, to: Some(shown.addr), burst: Some(shown.burst) };
        let (violation, fault) = self.unexplained_with(Rule::Translation, &request, window, &came);
        if fault.is_some() {
            // It may have found the fault all the same, and left its record.
            self.faults.excuse(&request, window.offered);
        }
        Err(violation)
    }

    /// How the transaction at this place leads to an address that was shown in this cycle.
    fn leads_to_shown(&mut self, place: usize, shown: &Shown, cycle: Cycle) -> Option<Explanation> {
        let transaction = self.transactions.live().get(place)?;
        let request = request_of(transaction);
        let window = Window::until_shown(transaction, cycle);
        let (judges_ids, qos) = (self.judges_ids(), &self.qos);
        let ids_fit = |outcome: &Outcome, chooser: &Chooser<'_>| {
            !judges_ids
                || qos.ids_of(outcome, chooser.choices()).is_none_or(|ids| ids == shown.ids)
                    && (!chooser.choices().is_empty() || qos.register_may_be(shown.ids, window.offered, cycle))
        };
        let accept = |outcome: &Outcome, chooser: &Chooser<'_>| is_shown(outcome, shown) && ids_fit(outcome, chooser);
        self.search.explain(&request, window, accept)
    }

    /// The QoS IDs with which some transaction would lead to this address, where it does not with those that were shown.
    fn ids_that_lead_there(&mut self, shown: &Shown, cycle: Cycle) -> Option<String> {
        if !self.judges_ids() {
            return None;
        }
        (0..self.transactions.live().len()).find_map(|place| {
            let transaction = self.transactions.candidate(place, shown)?;
            let (request, window) = (request_of(transaction), Window::until_shown(transaction, cycle));
            let found = self.search.explain(&request, window, |outcome, _| is_shown(outcome, shown))?;
            Some(match self.qos.ids_of(&found.outcome, &found.choices) {
                Some(ids) => format!("{ids}, as in ta of the device context"),
                None => self.qos.register_line(),
            })
        })
    }

    /// A beat of write data on `mem_*`.
    pub(super) fn write_beat(&mut self, data: u64, strb: u8) -> Result<(), Violation> {
        let Err(violation) = self.transactions.write_beat(data, strb) else { return Ok(()) };
        match self.transactions.next_write() {
            Some(owner) if self.give_to_younger(owner, Some((data, strb))) => self.transactions.write_beat(data, strb),
            _ => Err(violation),
        }
    }

    /// The device answered a transaction.
    pub(super) fn answered(&mut self, ticket: Ticket, resp: u8, data: &[u64]) -> Result<Finished, Violation> {
        let violation = match self.transactions.done(ticket, resp, data) {
            Ok(finished) => return Ok(finished),
            Err(violation) => violation,
        };
        match self.transactions.live().iter().position(|t| t.ticket == ticket) {
            Some(owner) if self.give_to_younger(owner, None) => self.transactions.done(ticket, resp, data),
            _ => Err(violation),
        }
    }

    /// What memory was asked does not belong to the transaction at this place, but to a younger one that explains it as
    /// well; what had been thought to belong to that one goes on to the next. False if there is none: nothing has changed.
    pub(super) fn give_to_younger(&mut self, owner: usize, beat: Option<(u64, u8)>) -> bool {
        let mut from = owner + 1;
        while let Some(rival) = self.transactions.rival(owner, from, beat) {
            from = rival + 1;
            if self.give(owner, rival) {
                return true;
            }
        }
        false
    }

    fn give(&mut self, owner: usize, rival: usize) -> bool {
        let live = self.transactions.live();
        let Some((shown, cycle)) = live.get(owner).and_then(|t| t.shown()) else { return false };
        let Some(explanation) = self.leads_to_shown(rival, &shown, cycle) else { return false };
        let is_taken = self.transactions.live()[rival].translated().is_some();
        if is_taken && !self.give_to_younger(rival, None) {
            return false;
        }
        let given = self.transactions.exchange(owner, None);
        self.transactions.exchange(rival, given);
        let transaction = &self.transactions.live()[rival];
        let (request, window) = (request_of(transaction), Window::until_shown(transaction, cycle));
        self.explained(&request, &explanation, window);
        true
    }
}
