// SPDX-License-Identifier: Apache-2.0
//! What an update should have been: whose walk comes by the word, and what it needs there.

use std::fmt::Write as _;

use events::Cycle;
use golden::{Decision, Outcome, Request, Spa, Step, Target, Translation};

use super::super::Oracle;
use super::super::view::View;
use super::super::window::Window;
use super::say::{answer_line, outcome_line, request_line};

/// So many requests are shown that come by a word.
const SHOWN: usize = 3;

impl Oracle {
    /// What walks of requests that wait for their translation need of a word: the update that the first of them needs, in
    /// the words of what came; and a line for each walk that comes by it.
    pub(in super::super) fn needed_of(&self, addr: Spa, now: Cycle) -> (Option<String>, String) {
        let (mut right, mut text) = (None, String::new());
        for (request, _) in self.waiting_requests(now) {
            let mut steps: Vec<Step> = Vec::new();
            golden::translate_traced(
                &self.search.config(),
                &mut View::at(&self.search.memory, &self.search.histories, now),
                &request,
                &mut steps,
            );
            if let Some(Step::Translated(Translation { target: Target::Mrif(mrif), .. })) = steps.last()
                && addr.0 & !0x1FF == mrif.addr.0
            {
                let request = request_line(&request, &self.names);
                let _ = writeln!(
                    text,
                    "{addr:#x} is in the interrupt file at {:#x}, to which a {request} leads",
                    mrif.addr
                );
            }
            let is_read = |step: &Step| matches!(step, Step::Read { word, .. } if word.addr == addr);
            let Some(at) = steps.iter().position(is_read) else { continue };
            let Step::Read { word, .. } = steps[at] else { continue };
            let later = steps[at + 1..].iter().take_while(|step| !matches!(step, Step::Read { .. }));
            let needed = later.filter_map(|step| match step {
                Step::Decide(Decision::Update(old, new)) => Some(update_line(addr, *old, *new)),
                _ => None,
            });
            let needed = needed.last();
            if text.lines().count() < SHOWN {
                let needs = if needed.is_some() { "needs an update" } else { "needs no update" };
                let request = request_line(&request, &self.names);
                let _ = writeln!(text, "{} @ {addr:#x} is on the way of a {request}, which {needs} there", word.role);
            }
            right = right.or(needed);
        }
        if text.is_empty() {
            let _ = writeln!(text, "no request that waits for its translation comes by {addr:#x}");
        }
        (right, text)
    }

    /// What a request comes to for which there is no answer yet: one that the device has to update A and D bits for first.
    pub(super) fn after_updates(&self, request: &Request, window: Window) -> String {
        let mut steps: Vec<Step> = Vec::new();
        let mut view = View::at(&self.search.memory, &self.search.histories, window.end);
        let outcome = golden::translate_traced(&self.search.config(), &mut view, request, &mut steps);
        let mut word = None;
        let mut updates = Vec::new();
        for step in &steps {
            match step {
                Step::Read { word: read, .. } => word = Some(read),
                Step::Decide(Decision::Update(old, new)) => {
                    updates.extend(word.map(|word| format!("{} @ {}", word.role, update_line(word.addr, *old, *new))));
                }
                _ => {}
            }
        }
        if updates.is_empty() {
            return outcome_line(&Outcome::Unavailable);
        }
        format!("{}, after the update of {}", answer_line(request, &outcome), updates.join(" and of "))
    }
}

/// An update in words.
pub fn update_line(addr: Spa, old: u64, new: u64) -> String {
    format!("{addr:#x}: {old:#018x} -> {new:#018x}")
}
