//! Page-table entries by their tags: a cache finds an entry by GSCID, PSCID and address, wherever its table lies by now.
//! So an entry that a request was translated by may serve later ones although its table has moved, or the pointer to it
//! has gone, until a command covers the entry itself.

use golden::{Gscid, Pscid, Pte, Role, Spa, Stage, Tags, WordRef};
use rustc_hash::FxHashMap;

/// The table "Identifiers used to tag IOATC entries", for one level of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    stage: Stage,
    gscid: Option<Gscid>,
    level: u8,
    /// The address, without what the entry itself resolves
    prefix: u64,
}

/// Where an entry with these tags was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Address of the entry
    pub addr: Spa,
    /// Its size
    pub bytes: u8,
    /// PSCID, for a first stage
    pub pscid: Option<Pscid>,
    /// It was part of a global mapping
    pub global: bool,
}

/// Every entry that requests were translated by.
#[derive(Debug, Default)]
pub struct Tagged {
    places: FxHashMap<Key, Vec<Place>>,
}

/// Levels that a tree can have.
const LEVELS: u8 = 5;

fn prefix(addr: u64, level: u8, bytes: u8) -> u64 {
    addr >> (12 + u32::from(level) * if bytes == 4 { 10 } else { 9 })
}

impl Tagged {
    /// A request was translated by these entries, in the order in which they were read.
    pub fn used<'a>(&mut self, words: impl Iterator<Item = (&'a WordRef, u64)>) {
        let mut global = false;
        for (word, value) in words {
            let (stage, level, addr) = match (word.role, word.tags.gpa) {
                (Role::FirstStage { level }, _) => (Stage::First, level, word.tags.iova.0),
                (Role::SecondStage { level, .. }, Some(gpa)) => (Stage::Second, level, gpa.0),
                _ => continue,
            };
            global |= stage == Stage::First && Pte(value).is_global();
            let key = Key { stage, gscid: word.tags.gscid, level, prefix: prefix(addr, level, word.bytes) };
            let pscid = if stage == Stage::First { word.tags.pscid } else { None };
            let place = Place { addr: word.addr, bytes: word.bytes, pscid, global: global && stage == Stage::First };
            let places = self.places.entry(key).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }

    /// Entries of any level that translate `addr` under these tags; with `global`, global ones of other processes too.
    pub fn places<'a>(
        &'a self,
        stage: Stage,
        tags: &'a Tags,
        addr: u64,
        global: bool,
    ) -> impl Iterator<Item = (u8, Place)> + 'a {
        (0..LEVELS).flat_map(move |level| {
            // Entries of 4 bytes resolve other bits; where both agree, they are in one list.
            let keys = [8, 4].map(|bytes| Key { stage, gscid: tags.gscid, level, prefix: prefix(addr, level, bytes) });
            let count = if keys[0] == keys[1] { 1 } else { 2 };
            keys.into_iter().take(count).flat_map(move |key| {
                let wanted = move |place: &&Place| {
                    stage == Stage::Second || place.pscid == tags.pscid || (global && place.global)
                };
                self.places.get(&key).into_iter().flatten().filter(wanted).map(move |place| (level, *place))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use golden::{DeviceId, Iova};

    use super::*;

    fn word(level: u8, pscid: u32, iova: u64, addr: u64) -> WordRef {
        let tags = Tags {
            device: DeviceId(1),
            process: None,
            gscid: None,
            pscid: Some(Pscid(pscid)),
            iova: Iova(iova),
            gpa: None,
        };
        WordRef { addr: Spa(addr), bytes: 8, role: Role::FirstStage { level }, tags }
    }

    fn found(tagged: &Tagged, pscid: u32, iova: u64, global: bool) -> Vec<(u8, u64)> {
        let tags = word(0, pscid, iova, 0).tags;
        tagged.places(Stage::First, &tags, iova, global).map(|(level, place)| (level, place.addr.0)).collect()
    }

    #[test]
    fn an_entry_is_found_by_tags_and_by_every_address_that_it_translates() {
        let mut tagged = Tagged::default();
        tagged.used([(&word(1, 3, 0x40_1000, 0x9000), 0xDF)].into_iter());
        tagged.used([(&word(0, 3, 0x40_1000, 0xA000), 0xDF)].into_iter());
        assert_eq!(found(&tagged, 3, 0x40_1FF8, false), [(0, 0xA000), (1, 0x9000)]);
        assert_eq!(found(&tagged, 3, 0x5F_F000, false), [(1, 0x9000)], "the same 2 MiB");
        assert!(found(&tagged, 3, 0x60_0000, false).is_empty());
        assert!(found(&tagged, 4, 0x40_1000, false).is_empty());
    }

    #[test]
    fn a_leaf_below_a_global_pointer_belongs_to_all_processes() {
        let mut tagged = Tagged::default();
        tagged.used([(&word(1, 3, 0, 0x9000), 0x21), (&word(0, 3, 0, 0xA000), 0xDF)].into_iter());
        assert!(found(&tagged, 4, 0, false).is_empty());
        assert_eq!(found(&tagged, 4, 0, true), [(0, 0xA000), (1, 0x9000)]);
    }
}
