// SPDX-License-Identifier: Apache-2.0
//! Whose is a wrong address? It is looked up backwards: which request, or which entry, leads or has led there.

use events::Cycle;
use golden::{Gscid, Outcome, Pscid, Pte, Request, Spa, Stage};

use super::super::Oracle;
use super::names::Names;
use super::past::{Past, Walk};

/// So many ways to an address are shown.
const SHOWN: usize = 3;

/// An entry that leads to an address, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hit {
    stage: Stage,
    gscid: Option<Gscid>,
    pscid: Option<Pscid>,
    root: u64,
    /// The address that it translates
    from: u64,
    /// The last cycle in which memory held it; `Cycle::MAX` while it does
    until: Cycle,
}

impl Hit {
    fn is_like(&self, other: &Hit) -> bool {
        let key = |hit: &Hit| (hit.stage, hit.gscid, hit.pscid, hit.from);
        key(self) == key(other)
    }

    fn line(&self, addr: Spa, names: &Names) -> String {
        let Hit { stage, gscid, pscid, root, from, until } = *self;
        let whose = names.tags(stage, gscid, pscid, Some(root));
        let what = if stage == Stage::First { "IOVA" } else { "guest physical address" };
        format!("{addr:#x} is where {what} {from:#x} of {whose} {}\n", leads(until))
    }
}

fn leads(until: Cycle) -> String {
    match until {
        Cycle::MAX => "leads".to_owned(),
        until => format!("led until cycle {until}"),
    }
}

/// The walk comes to this address.
fn comes_to(walk: &Walk, addr: Spa) -> Option<(Option<Gscid>, Option<Pscid>)> {
    match walk.outcome {
        Outcome::Translated(t) if t.spa == addr => Some((t.gscid, t.pscid)),
        _ => None,
    }
}

impl Oracle {
    /// The lines that say where an address is from.
    pub(super) fn look_up(&self, past: &Past<'_>, addr: Spa) -> String {
        if addr.0 == past.request.iova.0 {
            return format!("{addr:#x} is what was asked for: nothing has translated it\n");
        }
        let mut lines = self.asked_by(past, addr);
        if lines.is_empty() {
            lines = self.entries_to(addr).iter().map(|hit| hit.line(addr, &self.names)).collect();
        }
        if lines.is_empty() {
            lines = self.words_to(addr);
        }
        if lines.is_empty() {
            lines.push(format!("{addr:#x}: no table that was stored or read leads there\n"));
        }
        lines.truncate(SHOWN);
        lines.concat()
    }

    /// The request itself, earlier; others with the same IOVA, now or earlier.
    fn asked_by(&self, past: &Past<'_>, addr: Spa) -> Vec<String> {
        let own = past.request;
        let mut ways: Vec<(bool, Cycle, String)> = Vec::new();
        let mut look = |request: &Request| {
            let now = past.walk_at(request, past.window.end);
            let mut moments = past.moments(&now.reads);
            moments.sort_unstable_by_key(|cycle| Cycle::MAX - cycle);
            moments.dedup();
            let later = moments.into_iter().map(|moment| (moment, past.walk_at(request, moment)));
            let mut all = std::iter::once((Cycle::MAX, now.clone())).chain(later);
            let found = all.find_map(|(until, walk)| comes_to(&walk, addr).map(|tags| (until, tags)));
            let Some((until, (gscid, pscid))) = found else { return };
            let who = super::say::whose_line(request, &self.names);
            let whose = self.names.translation(gscid, pscid);
            ways.push((
                request != own,
                Cycle::MAX - until,
                format!("{addr:#x} is where {:#x} of {who} {}: {whose}\n", own.iova, leads(until)),
            ));
        };
        look(own);
        for (device, process, privileged) in self.search.requesters.all() {
            if (device, process) != (own.device, own.process) {
                look(&Request { device, process, privileged, ..*own });
            }
        }
        // Its own way explains more than that of others.
        ways.sort_by_key(|(is_other, age, _)| (*is_other, *age));
        let mut lines: Vec<String> = ways.into_iter().map(|(.., line)| line).collect();
        lines.dedup();
        lines
    }

    /// Entries that requests were translated by, or that walks nobody asked for came to: through both stages.
    fn entries_to(&self, addr: Spa) -> Vec<Hit> {
        let mut hits = self.leaves_to(addr.0, Stage::Second, None);
        let behind: Vec<Hit> = hits.iter().flat_map(|hit| self.leaves_to(hit.from, Stage::First, hit.gscid)).collect();
        hits.splice(0..0, behind);
        hits.splice(0..0, self.leaves_to(addr.0, Stage::First, None));
        hits.sort_by_key(|hit| Cycle::MAX - hit.until);
        hits
    }

    /// Leaves of a stage that lead to an address; those of a first stage below this second one.
    fn leaves_to(&self, addr: u64, stage: Stage, gscid: Option<Gscid>) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        for (found, from, log2, place) in self.search.tagged.all() {
            if found.stage != stage || stage == Stage::First && found.gscid != gscid {
                continue;
            }
            let Some(history) = self.search.histories.word(place.addr) else { continue };
            for whole in history.values() {
                let pte = Pte(super::super::value::narrow_at(place.addr, place.bytes, whole));
                let mask = (1u64 << log2) - 1;
                if !pte.v() || !pte.is_leaf() || (pte.ppn() << 12 ^ addr) & !mask != 0 || place.napot && !pte.is_napot()
                {
                    continue;
                }
                let until = history.last_held(whole).unwrap_or(0);
                let from = from | addr & mask;
                let hit = Hit { stage, gscid: found.gscid, pscid: place.pscid, root: place.root, from, until };
                match hits.iter_mut().find(|known| known.is_like(&hit)) {
                    Some(known) if known.until < until => *known = hit,
                    Some(_) => {}
                    None => hits.push(hit),
                }
            }
        }
        hits.sort_by_key(|hit| (Cycle::MAX - hit.until, hit.from, hit.pscid));
        hits
    }

    /// Words of memory that look like leaves which lead to an address, by which nobody has come.
    fn words_to(&self, addr: Spa) -> Vec<String> {
        let mut words: Vec<(Cycle, u64)> = Vec::new();
        for (at, history) in self.search.histories.all() {
            let leads = |whole: &u64| Pte(*whole).v() && Pte(*whole).is_leaf() && Pte(*whole).ppn() == addr.0 >> 12;
            let until = history.values().filter(leads).filter_map(|whole| history.last_held(whole)).max();
            words.extend(until.map(|until| (until, at)));
        }
        words.sort_unstable_by_key(|(until, at)| (Cycle::MAX - until, *at));
        let line = |(until, at): &(Cycle, u64)| match *until {
            Cycle::MAX => format!("{addr:#x} is where the word at {at:#x} leads; no request has come by it\n"),
            until => {
                format!("{addr:#x} is where the word at {at:#x} led until cycle {until}; no request has come by it\n")
            }
        };
        words.iter().map(line).collect()
    }
}
