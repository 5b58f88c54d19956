//! The search for an explanation: the golden walk, replayed over what the device may have used (rules 2 and 6).

use golden::{Access, Fault, Kind, Outcome, Request};

use super::Oracle;
use super::chooser::{Choice, Chooser, Window};
use super::dma::Transaction;
use crate::bus::Direction;

/// Once an explanation by stale values is found, this many further combinations are tried for one without.
const TRIES_FOR_FRESH: u32 = 4096;

/// An outcome that the device may have come to, and what it must have used.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The outcome
    pub outcome: Outcome,
    /// The reads that gave it
    pub choices: Vec<Choice>,
    /// One of them took a value that memory no longer held
    pub stale: bool,
}

/// A DMA transaction as the golden model wants it.
pub fn request_of(transaction: &Transaction) -> Request {
    let dma = &transaction.request;
    Request {
        device: dma.device,
        process: dma.process,
        privileged: dma.privileged,
        access: match (dma.direction, dma.instruction) {
            (Direction::Write, _) => Access::Write,
            (Direction::Read, true) => Access::Execute,
            (Direction::Read, false) => Access::Read,
        },
        kind: if dma.translated { Kind::Translated } else { Kind::Untranslated },
        iova: dma.iova,
    }
}

impl Oracle {
    /// The first explanation of an outcome that `accept` takes; one without stale values where there is one.
    pub(super) fn explain(
        &mut self,
        request: &Request,
        window: Window,
        accept: impl Fn(&Outcome) -> bool,
    ) -> Option<Explanation> {
        let mut found = None;
        self.replay(request, window, |outcome, chooser, tries| {
            if !accept(outcome) {
                return found.is_some() && tries > TRIES_FOR_FRESH;
            }
            let stale = chooser.is_stale();
            if found.is_none() || !stale {
                found = Some(Explanation { outcome: *outcome, choices: chooser.choices().to_vec(), stale });
            }
            !stale || tries > TRIES_FOR_FRESH
        });
        found
    }

    /// Every fault that explains a refusal, each with its freshest explanation first found.
    pub(super) fn explain_refusal(&mut self, request: &Request, window: Window) -> Vec<(Fault, Explanation)> {
        let mut found: Vec<(Fault, Explanation)> = Vec::new();
        self.replay(request, window, |outcome, chooser, _| {
            let Outcome::Fault(fault) = outcome else { return false };
            let stale = chooser.is_stale();
            let explanation = || Explanation { outcome: *outcome, choices: chooser.choices().to_vec(), stale };
            match found.iter_mut().find(|(known, _)| known == fault) {
                None => found.push((*fault, explanation())),
                Some((_, known)) if known.stale && !stale => *known = explanation(),
                Some(_) => {}
            }
            false
        });
        found.sort_by_key(|(_, explanation)| explanation.stale);
        found
    }

    /// Replays the walk over every combination, until `visit` says that it has seen enough.
    fn replay(
        &mut self,
        request: &Request,
        window: Window,
        mut visit: impl FnMut(&Outcome, &Chooser<'_>, u32) -> bool,
    ) {
        let mut config = self.config();
        let mut tries = 0;
        // Globality is assumed only when nothing else explains: `PSCV = 1` spares global mappings.
        for assume_global in [false, true] {
            for ddtp in self.registers.ddtp_choices(window.start, window.end) {
                config.ddtp = ddtp;
                let mut chooser =
                    Chooser::new(&self.histories, &self.invalidations, window, assume_global, &mut self.buffers);
                while chooser.next() {
                    tries += 1;
                    let outcome = golden::translate(&config, &mut chooser, request);
                    if outcome == Outcome::Unavailable || !chooser.is_consistent() {
                        continue;
                    }
                    if visit(&outcome, &chooser, tries) {
                        return;
                    }
                }
            }
        }
    }
}
