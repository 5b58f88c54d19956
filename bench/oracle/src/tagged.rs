// SPDX-License-Identifier: Apache-2.0
//! Page-table entries by their tags: a cache finds an entry by GSCID, PSCID and address, wherever its table lies by now.
//! So an entry that a request was translated by may serve later ones although its table has moved, or the pointer to it
//! has gone, until a command covers the entry itself. From then on the device has to come by it anew, and can do so only
//! where a walk leads to it.

use events::Cycle;
use golden::{Gscid, Pte, Role, Stage, Tags, WordRef};
use rustc_hash::FxHashMap;

use super::choice::{Choice, Parent, Place};
use super::value::bits_below;

/// The table "Identifiers used to tag IOATC entries", for one level of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    stage: Stage,
    gscid: Option<Gscid>,
    level: u8,
    /// The address, without what the entry itself resolves
    prefix: u64,
    /// For all pages of a NAPOT entry
    napot: bool,
}

/// Whose the entries of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Of which stage
    pub stage: Stage,
    /// Tag
    pub gscid: Option<Gscid>,
}

/// log2 of the bytes that a NAPOT entry maps.
pub(super) const NAPOT: u32 = 16;

/// Every entry that requests were translated by, and those to which other walks may have led.
#[derive(Debug, Default)]
pub struct Tagged {
    places: FxHashMap<Key, Vec<Place>>,
}

/// Levels that a tree can have.
const LEVELS: u8 = 5;

fn prefix(addr: u64, level: u8, bytes: u8) -> u64 {
    addr >> (12 + bits_below(level, bytes))
}

/// Stage, level, and the address that it translates, if the word is a page-table entry.
pub fn entry(word: &WordRef) -> Option<(Stage, u8, u64)> {
    match (word.role, word.tags.gpa) {
        (Role::FirstStage { level }, _) => Some((Stage::First, level, word.tags.iova.0)),
        (Role::SecondStage { level, .. }, Some(gpa)) => Some((Stage::Second, level, gpa.0)),
        _ => None,
    }
}

/// Which of the reads before it led to an entry.
fn parent(before: &[Choice], stage: Stage, level: u8, addr: u64) -> Parent {
    let above = Some((stage, level + 1, addr));
    before.iter().rev().find(|choice| entry(&choice.word) == above).map_or(Parent::Root, |choice| Parent::Pointer {
        addr: choice.word.addr,
        level: level + 1,
        value: choice.value,
    })
}

/// The place of an entry that was read after these.
fn place(before: &[Choice], choice: &Choice, reached: Option<Cycle>) -> Option<(Key, Place)> {
    let word = &choice.word;
    let (stage, level, addr) = entry(word)?;
    let is_global =
        |choice: &Choice| matches!(entry(&choice.word), Some((Stage::First, _, _))) && Pte(choice.value).is_global();
    let key = Key { stage, gscid: word.tags.gscid, level, prefix: prefix(addr, level, word.bytes), napot: false };
    let place = Place {
        addr: word.addr,
        bytes: word.bytes,
        pscid: if stage == Stage::First { word.tags.pscid } else { None },
        global: stage == Stage::First && before.iter().chain([choice]).any(is_global),
        napot: false,
        root: choice.root,
        parent: parent(before, stage, level, addr),
        reached,
    };
    Some((key, place))
}

impl Tagged {
    /// A request that ended in cycle `now` was translated by these reads, in the order in which they were made.
    pub fn used(&mut self, choices: &[Choice], now: Cycle) {
        self.note(choices, Some(now));
    }

    /// A walk may have come this way, whether anybody asked for it or not.
    pub fn possible(&mut self, choices: &[Choice]) {
        self.note(choices, None);
    }

    /// A walk that came by these reads may have read this NAPOT entry of the last level for another of its pages.
    pub fn possible_beside(&mut self, before: &[Choice], choice: &Choice) {
        if let Some((key, place)) = place(before, choice, None) {
            self.insert_for_all_pages(key, place, &choice.word);
        }
    }

    /// Takes in what was found apart. Whether there was anything new in that.
    pub fn merge(&mut self, found: Tagged) -> bool {
        let places =
            found.places.into_iter().flat_map(|(key, places)| places.into_iter().map(move |place| (key, place)));
        places.fold(false, |news, (key, place)| self.insert(key, place) || news)
    }

    fn note(&mut self, choices: &[Choice], reached: Option<Cycle>) {
        for (at, choice) in choices.iter().enumerate() {
            // To what is recalled no walk led now.
            let found = if choice.recalled.is_some() { None } else { place(&choices[..at], choice, reached) };
            let Some((key, place)) = found else { continue };
            self.insert(key, place);
            if key.level == 0 && place.bytes == 8 && Pte(choice.value).is_napot() {
                self.insert_for_all_pages(key, place, &choice.word);
            }
        }
    }

    fn insert_for_all_pages(&mut self, key: Key, place: Place, word: &WordRef) {
        if let Some((_, _, addr)) = entry(word) {
            self.insert(Key { prefix: addr >> NAPOT, napot: true, ..key }, Place { napot: true, ..place });
        }
    }

    /// Whether it was not there.
    fn insert(&mut self, key: Key, place: Place) -> bool {
        let places = self.places.entry(key).or_default();
        match places.iter_mut().find(|known| known.is(&place)) {
            Some(known) => {
                known.reached = place.reached.or(known.reached);
                false
            }
            None => {
                places.push(place);
                true
            }
        }
    }

    /// Every entry: whose it is, the first address that it translates, log2 of how many, and where it was read.
    pub fn all(&self) -> impl Iterator<Item = (Whose, u64, u32, Place)> + '_ {
        self.places.iter().flat_map(|(key, places)| {
            places.iter().map(move |place| {
                let log2 = if key.napot { NAPOT } else { 12 + bits_below(key.level, place.bytes) };
                (Whose { stage: key.stage, gscid: key.gscid }, key.prefix << log2, log2, *place)
            })
        })
    }

    /// What became of the pointers that led to an entry, as `became` says it: the most that has happened on the way on which
    /// the least has. None: on some way nothing has.
    pub fn on_the_way<T: Ord>(
        &self,
        word: &WordRef,
        place: &Place,
        became: &impl Fn(&WordRef, u64) -> Option<T>,
    ) -> Option<T> {
        let Parent::Pointer { addr, level, value } = place.parent else { return None };
        let role = match word.role {
            Role::SecondStage { purpose, .. } => Role::SecondStage { level, purpose },
            _ => Role::FirstStage { level },
        };
        let tags = Tags { pscid: place.pscid.or(word.tags.pscid), ..word.tags };
        let pointer = WordRef { addr, role, tags, ..*word };
        let (stage, _, address) = entry(&pointer)?;
        let is_it = |at: u8, above: &Place| at == level && above.addr == addr && above.root == place.root;
        let ways = self.places(stage, &tags, address, place.global).filter(|(at, above)| is_it(*at, above));
        let above = ways.map(|(_, above)| self.on_the_way(&pointer, &above, became)).min().flatten();
        became(&pointer, value).max(above)
    }

    /// Entries of any level that translate `addr` under these tags; with `global`, global ones of other processes too.
    pub fn places<'a>(
        &'a self,
        stage: Stage,
        tags: &'a Tags,
        addr: u64,
        global: bool,
    ) -> impl Iterator<Item = (u8, Place)> + 'a {
        let gscid = tags.gscid;
        let wanted =
            move |place: &&Place| stage == Stage::Second || place.pscid == tags.pscid || (global && place.global);
        let by_level = (0..LEVELS).flat_map(move |level| {
            // Entries of 4 bytes resolve other bits; where both agree, they are in one list.
            let keys =
                [8, 4].map(|bytes| Key { stage, gscid, level, prefix: prefix(addr, level, bytes), napot: false });
            keys.into_iter().take(if keys[0] == keys[1] { 1 } else { 2 })
        });
        let napot = Key { stage, gscid, level: 0, prefix: addr >> NAPOT, napot: true };
        by_level.chain([napot]).flat_map(move |key| {
            self.places.get(&key).into_iter().flatten().filter(wanted).map(move |place| (key.level, *place))
        })
    }
}

#[cfg(test)]
mod tests {
    use golden::{DeviceId, Iova, Pscid, Spa};

    use super::*;

    fn choice(level: u8, pscid: u32, iova: u64, addr: u64, value: u64) -> Choice {
        let tags = Tags {
            device: DeviceId(1),
            process: None,
            gscid: None,
            pscid: Some(Pscid(pscid)),
            iova: Iova(iova),
            gpa: None,
        };
        let word = WordRef { addr: Spa(addr), bytes: 8, role: Role::FirstStage { level }, tags };
        Choice { word, value, stale: false, root: 0x5, recalled: None }
    }

    fn places(tagged: &Tagged, pscid: u32, iova: u64, global: bool) -> Vec<(u8, Place)> {
        let tags = choice(0, pscid, iova, 0, 0).word.tags;
        tagged.places(Stage::First, &tags, iova, global).collect()
    }

    fn found(tagged: &Tagged, pscid: u32, iova: u64, global: bool) -> Vec<(u8, u64)> {
        places(tagged, pscid, iova, global).into_iter().map(|(level, place)| (level, place.addr.0)).collect()
    }

    #[test]
    fn an_entry_is_found_by_tags_and_by_every_address_that_it_translates() {
        let mut tagged = Tagged::default();
        tagged.used(&[choice(1, 3, 0x40_1000, 0x9000, 0xDF)], 100);
        tagged.used(&[choice(0, 3, 0x40_1000, 0xA000, 0xDF)], 100);
        assert_eq!(found(&tagged, 3, 0x40_1FF8, false), [(0, 0xA000), (1, 0x9000)]);
        assert_eq!(found(&tagged, 3, 0x5F_F000, false), [(1, 0x9000)], "the same 2 MiB");
        assert!(found(&tagged, 3, 0x60_0000, false).is_empty());
        assert!(found(&tagged, 4, 0x40_1000, false).is_empty());
    }

    #[test]
    fn a_leaf_below_a_global_pointer_belongs_to_all_processes() {
        let mut tagged = Tagged::default();
        tagged.used(&[choice(1, 3, 0, 0x9000, 0x21), choice(0, 3, 0, 0xA000, 0xDF)], 100);
        assert!(found(&tagged, 4, 0, false).is_empty());
        assert_eq!(found(&tagged, 4, 0, true), [(0, 0xA000), (1, 0x9000)]);
    }

    #[test]
    fn a_napot_entry_counts_for_all_its_pages() {
        const LEAF: u64 = 1 << 63 | 0b1000 << 10 | 0xDF;
        let mut tagged = Tagged::default();
        tagged.used(&[choice(0, 3, 0x43_1000, 0x9008, LEAF)], 100);
        assert_eq!(found(&tagged, 3, 0x43_F000, false), [(0, 0x9008)]);
        assert!(places(&tagged, 3, 0x43_0000, false)[0].1.napot);
        assert!(found(&tagged, 3, 0x44_0000, false).is_empty());
        tagged.used(&[choice(0, 3, 0x45_1000, 0x9018, 1 << 63 | 0b0100 << 10 | 0xDF)], 100);
        assert!(found(&tagged, 3, 0x45_0000, false).is_empty(), "a reserved encoding");
    }

    #[test]
    fn what_led_to_an_entry_is_kept_and_its_use_by_tags_is_no_way_to_it() {
        let mut tagged = Tagged::default();
        let walk = [choice(1, 3, 0, 0x9000, 0x2001), choice(0, 3, 0, 0xA000, 0xDF)];
        tagged.used(&walk, 100);
        let [(0, leaf), (1, pointer)] = places(&tagged, 3, 0, false)[..] else { panic!("two entries") };
        assert_eq!(leaf.parent, Parent::Pointer { addr: Spa(0x9000), level: 1, value: 0x2001 });
        assert_eq!((pointer.parent, pointer.root, leaf.reached), (Parent::Root, 0x5, Some(100)));
        tagged.used(&[Choice { recalled: Some(leaf), ..walk[1] }], 200);
        assert_eq!(places(&tagged, 3, 0, false)[0].1.reached, Some(100));
        tagged.used(&walk, 300);
        assert_eq!(places(&tagged, 3, 0, false)[0].1.reached, Some(300));
    }
}
