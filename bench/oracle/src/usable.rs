// SPDX-License-Identifier: Apache-2.0
//! Whether the device may have used a value that it has read: rules D1 to D3 of MODEL.md.

use events::Cycle;
use golden::{Fsc, Gpa, Pointer, Pte, Purpose, Role, Stage, Tags, WordRef};

use super::choice::{Parent, Place};
use super::history::{Histories, Sighting, Word};
use super::invalidation::{Globality, Invalidation, Invalidations, covers};
use super::requesters::Requesters;
use super::roots::Roots;
use super::slips::{Slip, Slips};
use super::tagged::{NAPOT, Tagged, entry};
use super::updates::Updates;
use super::value::{bits_below, is_invalid, narrow, narrow_at};
use super::window::Window;

/// What is known of the device's reads and of the commands that it has carried out.
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    /// What it read, and what memory held
    pub histories: &'a Histories,
    /// What was invalidated
    pub invalidations: &'a Invalidations,
    /// Under which roots it translated
    pub roots: &'a Roots,
    /// By which entries it translated
    pub tagged: &'a Tagged,
    /// Which words it tried to update
    pub updates: &'a Updates,
    /// Who has asked for anything
    pub requesters: &'a Requesters,
    /// It takes an error answer for corrupt data
    pub errors_corrupt: bool,
    /// For tests of the oracle
    pub(super) slips: Slips,
}

/// What is known of memory, of commands, and of the ways by which entries were found.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// What memory held, and what the device read
    pub histories: &'a Histories,
    /// What was invalidated
    pub invalidations: &'a Invalidations,
    /// By which entries the device translated
    pub tagged: &'a Tagged,
}

impl<'a> Knowledge<'a> {
    /// The same without what is known of the device alone.
    pub const fn facts(&self) -> Facts<'a> {
        Facts { histories: self.histories, invalidations: self.invalidations, tagged: self.tagged }
    }
}

/// Why a sighting cannot explain a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Struck {
    /// It came after the request had ended.
    Later,
    /// Memory held it no longer when this command was fetched, and the command had completed before the request.
    Invalidated {
        /// When the command was fetched
        fetched: Cycle,
        /// Its name
        command: &'static str,
    },
    /// V = 0 may not be cached, and memory did not hold it during the request.
    Invalid,
}

/// Judges one sighting for one use: rules D1 and D3 of MODEL.md.
pub fn judge(
    word: &Word,
    use_: &WordRef,
    seen: &Sighting,
    invalidations: &Invalidations,
    path: Globality,
    window: Window,
) -> Result<(), Struck> {
    if seen.first > window.end {
        return Err(Struck::Later);
    }
    if seen.resp != 0 {
        // An answer with an error is no entry, so nothing that could be cached.
        let fresh = seen.last_sampled >= window.offered || word.only_errors();
        return if fresh { Ok(()) } else { Err(Struck::Invalid) };
    }
    judge_value(word, use_, seen.value, invalidations, path, window)
}

/// Judges a value that the device has come by before the request ended.
pub fn judge_value(
    word: &Word,
    use_: &WordRef,
    held: u64,
    invalidations: &Invalidations,
    path: Globality,
    window: Window,
) -> Result<(), Struck> {
    if word.held_between(held, window.end, window.end) {
        return Ok(());
    }
    let value = narrow(use_, held);
    let slips = invalidations.slips;
    let invalid_since = slips.invalid_since(&use_.role, window);
    if is_invalid(&use_.role, value) && !word.held_between(held, invalid_since, window.end) {
        return Err(Struck::Invalid);
    }
    match invalidations.cutoff(use_, value, path, window) {
        // What was read after the request had been accepted is used by it, whatever is invalidated meanwhile, unless a
        // fence with PR or PW had to wait for it.
        Some(cutoff) if !word.held_between(held, slips.cutoff(cutoff), window.end) => {
            Err(Struck::Invalidated { fetched: cutoff.fetched, command: cutoff.command.mnemonic() })
        }
        _ => Ok(()),
    }
}

impl Knowledge<'_> {
    /// Whether a cache may still have an entry that it finds by its tags, for a request in this window.
    /// What a command dropped is there only if a walk has led to it since, whether memory still holds it or not.
    pub fn kept(
        &self,
        word: &WordRef,
        place: &Place,
        history: &Word,
        seen: &Sighting,
        path: Globality,
        within: Window,
    ) -> bool {
        let start = within.start;
        let cutoff = self.invalidations.cutoff(word, narrow(word, seen.value), path, within);
        if cutoff.is_none() && place.reached.is_some() || self.slips.has(Slip::KeptForEver) {
            return true;
        }
        let since = cutoff.map_or(0, |command| command.fetched);
        let obtained_by = |cycle: Cycle| since <= cycle && history.held_between(seen.value, since, cycle);
        // A read that no request is known to have used counts where it was on the way of some walk: one that is still
        // going on, one that was refused, or one that nobody asked for. An entry is there in spite of the command only if
        // that had taken effect before the read: then it had dropped what led there as well (rule D6 of MODEL.md).
        let led = |cycle: Cycle| {
            let window = Window::new(start.min(cycle), cycle);
            obtained_by(cycle)
                && self.led(word, place.parent, path, window, cutoff)
                && self.is_found_there(word, place, window)
                && entry(word).is_some_and(|(stage, ..)| {
                    self.roots.may_have_led(stage, &word.tags, place.root, path.global, since)
                })
        };
        place.reached.is_some_and(obtained_by) || led(seen.last_sampled) || place.reached.is_none() && led(seen.first)
    }

    /// Whether the table of an entry of a guest's first stage could be found where the entry lies, by a walk in this window:
    /// a leaf of the second stage that leads there could be used, or may have been held by a context as its pointer. Where
    /// nothing is known of the second stage there, it counts as found.
    fn is_found_there(&self, word: &WordRef, place: &Place, window: Window) -> bool {
        let Role::FirstStage { level } = word.role else { return true };
        if word.tags.gscid.is_none() {
            return true;
        }
        let tables = match place.parent {
            Parent::Root => [Fsc(place.root).ppn(); 2],
            // Tables of guests may be big-endian.
            Parent::Pointer { value, .. } => [Pte(value).ppn(), Pte(value.swap_bytes()).ppn()],
        };
        let mut is_known = false;
        for table in tables {
            let gpa = table << 12 | place.addr.0 & 0xFFF;
            let tags = Tags { gpa: Some(Gpa(gpa)), ..word.tags };
            for (at, leaf) in self.tagged.places(Stage::Second, &tags, gpa, false) {
                let Some(history) = self.histories.word(leaf.addr) else { continue };
                for seen in history.sightings().iter().filter(|seen| seen.resp == 0) {
                    let pte = Pte(narrow_at(leaf.addr, leaf.bytes, seen.value));
                    if !pte.v() || !pte.is_leaf() {
                        continue;
                    }
                    is_known = true;
                    let leads_to = pte.ppn() << 12 | gpa & 0xFFF;
                    let bits = if pte.is_napot() { NAPOT } else { 12 + bits_below(at, leaf.bytes) };
                    let differs = (leads_to ^ place.addr.0) >> bits != 0;
                    let inside = (gpa ^ place.addr.0) & ((1 << bits) - 1) != 0;
                    if differs || inside {
                        continue;
                    }
                    if self.leads_to_table(&leaf, at, level, &tags, place.parent, history, seen, window) {
                        return true;
                    }
                }
            }
        }
        !is_known
    }

    /// Whether this leaf of the second stage could be used for a table of the first, by anybody whose context may hold it.
    #[expect(clippy::too_many_arguments, reason = "one leaf, one table, one walk")]
    fn leads_to_table(
        &self,
        leaf: &Place,
        at: u8,
        level: u8,
        tags: &Tags,
        parent: Parent,
        history: &Word,
        seen: &Sighting,
        window: Window,
    ) -> bool {
        let usable = |pointer: Pointer, tags: Tags| {
            let role = Role::SecondStage { level: at, purpose: Purpose::FirstStage { level, pointer } };
            let word = WordRef { addr: leaf.addr, bytes: leaf.bytes, role, tags };
            judge(history, &word, seen, self.invalidations, Globality::default(), window).is_ok()
        };
        match parent {
            Parent::Pointer { .. } => usable(Pointer::Pte, *tags),
            Parent::Root => self.requesters.all().any(|(device, process, _)| {
                let tags = Tags { device, process, ..*tags };
                usable(Pointer::DeviceContext, tags) || usable(Pointer::ProcessContext, tags)
            }),
        }
    }

    /// Whether an entry may have led a walk in this window on to the next, once this command had taken effect.
    fn led(
        &self,
        below: &WordRef,
        parent: Parent,
        path: Globality,
        window: Window,
        behind: Option<&Invalidation>,
    ) -> bool {
        let Parent::Pointer { addr, level, value } = parent else { return true };
        let role = match below.role {
            Role::SecondStage { purpose, .. } => Role::SecondStage { level, purpose },
            _ => Role::FirstStage { level },
        };
        let word = WordRef { addr, role, ..*below };
        let (Some(history), Some((stage, _, address))) = (self.histories.word(addr), entry(&word)) else {
            return false;
        };
        let is_behind = |seen: &Sighting| {
            behind.is_none_or(|command| {
                !covers(&command.command, &word, value, path)
                    || history.held_between(seen.value, command.fetched, window.end)
            })
        };
        let mut seen = history.sightings().iter().filter(|seen| narrow(&word, seen.value) == value);
        seen.any(|seen| is_behind(seen) && judge(history, &word, seen, self.invalidations, path, window).is_ok())
            && self
                .tagged
                .places(stage, &word.tags, address, path.global)
                .filter(|(at, place)| *at == level && place.addr == addr)
                .any(|(_, place)| {
                    self.led(&word, place.parent, path, window, behind) && self.is_found_there(&word, &place, window)
                })
    }

    /// Whether a walk under this root that reads memory as it was in `cycle` comes to an entry with this value. Where a
    /// guest's tables have to be found by the second stage, that depends on more than the entries themselves.
    pub fn stands(&self, word: &WordRef, place: &Place, value: u64, root: u64, cycle: Cycle) -> bool {
        let Some((stage, _, address)) = entry(word) else { return false };
        if stage == Stage::First && word.tags.gscid.is_some() || place.napot {
            return false;
        }
        let held = self.histories.word(place.addr).is_some_and(|history| {
            let mut seen = history.sightings().iter().filter(|seen| seen.resp == 0 && seen.first <= cycle);
            seen.any(|seen| narrow(word, seen.value) == value && history.held_between(seen.value, cycle, cycle))
        });
        held && match place.parent {
            Parent::Root => place.root == root,
            Parent::Pointer { addr, level, value } => self
                .tagged
                .places(stage, &word.tags, address, false)
                .filter(|(at, above)| *at == level && above.addr == addr)
                .any(|(_, above)| self.stands(&WordRef { addr, ..*word }, &above, value, root, cycle)),
        }
    }
}
