// SPDX-License-Identifier: Apache-2.0
//! What follows from an explanation: what it tells of the device, and then software is looked at.

use golden::{Outcome, Request};

use super::Oracle;
use super::explain::Explanation;
use super::software::StaleUse;
use super::value::structure;
use super::window::Window;

impl Oracle {
    /// The device is cleared; what about software?
    pub(super) fn explained(&mut self, request: &Request, explanation: &Explanation, window: Window) {
        self.learn(explanation, window);
        self.cover_explanation(request, explanation, window);
        self.look_at_software(request, explanation, window);
        self.judge_translated(request, window);
    }

    /// What an explanation tells of the device.
    pub(super) fn learn(&mut self, explanation: &Explanation, window: Window) {
        self.search.updates.note(&explanation.choices);
        self.qos.learn(&explanation.choices);
        for root in &explanation.roots {
            self.search.roots.used(*root, window.end);
        }
        if let Some((tags, table)) = &explanation.msi_table {
            self.search.roots.table_used(tags, *table, window.end);
        }
        if matches!(explanation.outcome, Outcome::Translated(_)) {
            self.search.tagged.used(&explanation.choices, window.end);
        }
        if explanation.stale {
            let changes = StaleUse::changes(&explanation.choices, self.search.facts(), |choice| choice.stale);
            let longest = changes.filter_map(|(_, changed)| window.start.checked_sub(changed)).max();
            self.figures.longest_stale = self.figures.longest_stale.max(longest.unwrap_or(0));
            if explanation.other_root {
                *self.figures.stale_used.entry("table-root".to_owned()).or_default() += 1;
            }
            let mut counted: [&str; 4] = [""; 4];
            for choice in explanation.choices.iter().filter(|choice| choice.stale) {
                let name = structure(&choice.word.role);
                if let Some(free) = counted.iter_mut().take_while(|seen| **seen != name).find(|seen| seen.is_empty()) {
                    *free = name;
                    *self.figures.stale_used.entry(name.to_owned()).or_default() += 1;
                }
            }
        }
    }
}
