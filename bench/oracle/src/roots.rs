// SPDX-License-Identifier: Apache-2.0
//! Translations are tagged, not rooted: under one GSCID and PSCID a cached translation may stem from any root that was
//! configured with these tags since the covering invalidation, so the root of a walk is a choice like any word.

use std::ops::RangeInclusive;

use events::Cycle;
use golden::{Command, Gscid, Iotinval, MsiTable, Pscid, Stage, Tags};

use super::invalidation::{Invalidation, Invalidations};
use super::slips::Slip;
use super::window::Window;

/// A root under which a request was translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Of which stage
    pub stage: Stage,
    /// Its tags; a second stage has no PSCID
    pub gscid: Option<Gscid>,
    /// See `gscid`
    pub pscid: Option<Pscid>,
    /// `fsc` or `iohgatp`
    pub value: u64,
}

impl Root {
    /// The root of a walk.
    pub fn of(stage: Stage, tags: &Tags, value: u64) -> Self {
        let pscid = if stage == Stage::First { tags.pscid } else { None };
        Root { stage, gscid: tags.gscid, pscid, value }
    }
}

/// Every root that requests were translated under, and when last.
#[derive(Debug, Default)]
pub struct Roots {
    seen: Vec<(Root, Cycle)>,
    tables: Vec<(Gscid, MsiTable, Cycle)>,
    /// Those that only walks nobody asked for may have been made under, and until when
    speculative: Speculative,
}

/// Roots and MSI page tables that contexts named, and until when a walk may have gone by them.
#[derive(Debug, Default)]
pub struct Speculative {
    roots: Vec<(Root, Cycle)>,
    tables: Vec<(Gscid, MsiTable, Cycle)>,
}

impl Speculative {
    /// A walk may have gone under these roots, and by this table, until this cycle.
    pub fn note(&mut self, roots: &[Root], table: Option<(Tags, MsiTable)>, until: Cycle) {
        for root in roots {
            match self.roots.iter_mut().find(|(known, _)| known == root) {
                Some((_, last)) => *last = until.max(*last),
                None => self.roots.push((*root, until)),
            }
        }
        let Some((Tags { gscid: Some(gscid), .. }, table)) = table else { return };
        match self.tables.iter_mut().find(|(of, known, _)| (*of, *known) == (gscid, table)) {
            Some((.., last)) => *last = until.max(*last),
            None => self.tables.push((gscid, table, until)),
        }
    }
}

impl Roots {
    /// A request was translated under this root in cycle `now`.
    pub fn used(&mut self, root: Root, now: Cycle) {
        match self.seen.iter_mut().find(|(known, _)| *known == root) {
            Some((_, last)) => *last = now,
            None => self.seen.push((root, now)),
        }
    }

    /// Roots that were ever configured under these tags, of walks that requests or nobody asked for.
    pub fn ever<'a>(&'a self, stage: Stage, tags: &Tags) -> impl Iterator<Item = u64> + 'a {
        let wanted = Root::of(stage, tags, 0);
        self.seen.iter().chain(&self.speculative.roots).map(|(root, _)| *root).filter_map(move |root| {
            let is_it = (root.stage, root.gscid, root.pscid) == (wanted.stage, wanted.gscid, wanted.pscid);
            is_it.then_some(root.value)
        })
    }

    /// When a root was last used, and the command that has dropped all that hangs below it since; none if none has.
    pub fn dropped<'a>(
        &self,
        stage: Stage,
        tags: &Tags,
        value: u64,
        invalidations: &'a Invalidations,
        window: Window,
    ) -> Option<(Cycle, &'a Invalidation)> {
        let wanted = Root::of(stage, tags, value);
        let (root, last) = self.seen.iter().chain(&self.speculative.roots).find(|(root, _)| *root == wanted)?;
        let addr = (stage == Stage::First).then_some(tags.iova.0);
        let dropped = invalidations.newest_command(window, |command| covers(command, root, addr, false))?;
        (dropped.fetched > *last).then_some((*last, dropped))
    }

    /// Takes in what was found of walks that nobody asked for. Whether there was anything new in that.
    pub fn merge(&mut self, found: Speculative) -> bool {
        let known = &self.speculative;
        let is_news = found.roots.iter().any(|new| !known.roots.contains(new))
            || found.tables.iter().any(|new| !known.tables.contains(new));
        self.speculative = found;
        is_news
    }

    /// A request was translated in cycle `now` by a context that names this MSI page table.
    pub fn table_used(&mut self, tags: &Tags, table: MsiTable, now: Cycle) {
        let Some(gscid) = tags.gscid else { return };
        match self.tables.iter_mut().find(|(of, known, _)| (*of, *known) == (gscid, table)) {
            Some((.., last)) => *last = now,
            None => self.tables.push((gscid, table, now)),
        }
    }

    /// Whether a walk may have begun at a root, under these tags, in cycle `since` or later. With `global` also under those of
    /// another process.
    pub fn may_have_led(&self, stage: Stage, tags: &Tags, value: u64, global: bool, since: Cycle) -> bool {
        let wanted = Root::of(stage, tags, value);
        let is_it =
            |root: &Root| Root { pscid: wanted.pscid, ..*root } == wanted && (global || root.pscid == wanted.pscid);
        self.seen.iter().chain(&self.speculative.roots).any(|(root, last)| *last >= since && is_it(root))
    }

    /// MSI page tables other than the configured one by which the result for a guest physical address may have been come
    /// to, and kept under its tags (rule D5 of MODEL.md).
    pub fn other_tables<'a>(
        &'a self,
        tags: &'a Tags,
        configured: MsiTable,
        invalidations: &'a Invalidations,
        window: Window,
    ) -> impl Iterator<Item = MsiTable> + 'a {
        let drops = |command: &Command| match command {
            Command::InvalGvma(o) if o.gscid.is_none() || o.gscid == tags.gscid => {
                let at = |gpa: golden::Gpa| o.pages().is_none_or(|pages| pages.contains(&(gpa.0 >> 12)));
                o.gscid.is_none() || tags.gpa.is_none_or(at)
            }
            _ => false,
        };
        let dropped = invalidations.newest(window, drops).filter(|_| !invalidations.slips.has(Slip::TablesForEver));
        self.tables
            .iter()
            .chain(&self.speculative.tables)
            .filter(move |(gscid, table, last)| {
                Some(*gscid) == tags.gscid && *table != configured && dropped.is_none_or(|fetched| fetched <= *last)
            })
            .map(|(_, table, _)| *table)
    }

    /// Roots other than the configured one that a request may still be translated under. With
    /// `global`, those of other processes of the same guest (or of the host) as well: a global mapping belongs to all.
    /// `addr` is what is translated, where that is known.
    pub fn others<'a>(
        &'a self,
        configured: Root,
        addr: Option<u64>,
        global: bool,
        invalidations: &'a Invalidations,
        window: Window,
    ) -> impl Iterator<Item = u64> + 'a {
        let slips = invalidations.slips;
        let of_any_process = global || slips.has(Slip::RootsOfAnyProcess);
        let covers = move |command: &Command, root: &Root| {
            slips.covers_root(command).unwrap_or_else(|| covers(command, root, addr, global))
        };
        self.seen
            .iter()
            .chain(&self.speculative.roots)
            .filter(move |(root, _)| {
                root.stage == configured.stage
                    && root.gscid == configured.gscid
                    && root.value != configured.value
                    && (of_any_process || root.pscid == configured.pscid)
            })
            .filter(move |(root, last)| {
                invalidations.newest(window, |command| covers(command, root)).is_none_or(|fetched| fetched <= *last)
            })
            .map(|(root, _)| root.value)
    }
}

/// Whether a command drops everything that hangs below a root and may translate `addr`. With an address it does so only
/// with NL: pointers above leaves stay otherwise.
fn covers(command: &Command, root: &Root, addr: Option<u64>, global: bool) -> bool {
    let is_all = |o: &Iotinval| {
        let leads_there = |pages: RangeInclusive<u64>| addr.is_some_and(|addr| pages.contains(&(addr >> 12)));
        o.pages().is_none_or(|pages| o.nl && leads_there(pages))
    };
    match (command, root.stage) {
        (Command::InvalVma(o), Stage::First) => {
            is_all(o) && o.gscid == root.gscid && o.pscid.is_none_or(|pscid| !global && root.pscid == Some(pscid))
        }
        (Command::InvalGvma(o), Stage::Second) => match o.gscid {
            None => true,
            gscid => gscid == root.gscid && is_all(o),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use golden::Iofence;

    use super::*;

    fn first(pscid: u32, value: u64) -> Root {
        Root { stage: Stage::First, gscid: Some(Gscid(1)), pscid: Some(Pscid(pscid)), value }
    }

    fn others(roots: &Roots, root: Root, global: bool, log: &Invalidations) -> Vec<u64> {
        roots.others(root, Some(0x5000), global, log, Window::new(1000, 1000)).collect()
    }

    #[test]
    fn an_old_root_counts_until_its_tags_are_invalidated() {
        let (mut roots, mut log) = (Roots::default(), Invalidations::default());
        roots.used(first(3, 0xA), 100);
        roots.used(first(4, 0xC), 100);
        assert_eq!(others(&roots, first(3, 0xB), false, &log), [0xA]);
        let vma = |page| {
            Command::InvalVma(Iotinval { gscid: Some(Gscid(1)), pscid: Some(Pscid(3)), page, ..Iotinval::default() })
        };
        log.fetched(vma(Some(5)), 200);
        log.completed(1, &Iofence::default(), 0, 210);
        assert_eq!(others(&roots, first(3, 0xB), false, &log), [0xA], "an address drops leaves only");
        log.fetched(vma(None), 300);
        assert_eq!(others(&roots, first(3, 0xB), false, &log), [0xA], "not completed");
        log.completed(2, &Iofence::default(), 0, 310);
        assert!(others(&roots, first(3, 0xB), false, &log).is_empty());
    }

    #[test]
    fn an_address_with_nl_leaves_nothing_that_led_there() {
        let (mut roots, mut log) = (Roots::default(), Invalidations::default());
        roots.used(first(3, 0xA), 100);
        let nl = |page| {
            let page = Some(page);
            Command::InvalVma(Iotinval { gscid: Some(Gscid(1)), page, nl: true, ..Iotinval::default() })
        };
        for (count, page, left) in [(1, 6, vec![0xA]), (2, 5, vec![])] {
            log.fetched(nl(page), 200);
            log.completed(count, &Iofence::default(), 0, 210);
            assert_eq!(others(&roots, first(3, 0xB), false, &log), left, "page {page}");
        }
    }

    #[test]
    fn global_mappings_belong_to_all_processes_of_a_guest() {
        let (mut roots, log) = (Roots::default(), Invalidations::default());
        roots.used(first(3, 0xA), 100);
        assert!(others(&roots, first(4, 0xB), false, &log).is_empty());
        assert_eq!(others(&roots, first(4, 0xB), true, &log), [0xA]);
        let host = Root { gscid: None, ..first(4, 0xB) };
        assert!(others(&roots, host, true, &log).is_empty());
    }
}
