// SPDX-License-Identifier: Apache-2.0
//! What a run has tried: cells of a table, counted from events alone, so that it is the same for every device and from a
//! trace. Nothing is judged by it.

mod count;
mod seen;
mod table;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use count::Counted;
pub use table::{Axis, FENCE_STORE, GROUPS, Group, ILLEGAL, MEMORY, PAGE, RECORD, RESPONSE};

/// How often each cell of [`GROUPS`] was reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Coverage(Box<[u32]>);

/// A cell, by its place among those of all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(pub u32);

impl Default for Coverage {
    fn default() -> Self {
        Coverage(vec![0; table::CELLS].into())
    }
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.reached().map(|(cell, count)| (cell.to_string(), count))).finish()
    }
}

impl Coverage {
    /// Nothing has been reached.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// Every cell that was reached, and how often.
    pub fn reached(&self) -> impl Iterator<Item = (Cell, u32)> + '_ {
        let cells = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        cells.map(|(at, count)| (Cell(at as u32), *count))
    }

    /// How often a cell was reached.
    pub fn count(&self, cell: Cell) -> u32 {
        self.0.get(cell.0 as usize).copied().unwrap_or(0)
    }

    /// Adds what another run has reached. Returns how many cells are new by that.
    pub fn add(&mut self, other: &Coverage) -> usize {
        let mut new = 0;
        for (own, count) in self.0.iter_mut().zip(&other.0) {
            new += usize::from(*own == 0 && *count > 0);
            *own = own.saturating_add(*count);
        }
        new
    }

    fn hit(&mut self, group: usize, at: &[usize]) {
        if let Some(count) = GROUPS[group].place(at).and_then(|place| self.0.get_mut(table::FIRST[group] + place)) {
            *count = count.saturating_add(1);
        }
    }
}

impl Cell {
    /// All that there are, in the order of the table.
    pub fn all() -> impl Iterator<Item = Cell> {
        (0..table::CELLS as u32).map(Cell)
    }

    /// The group that it is in, and its values there.
    pub fn place(self) -> (&'static Group, Vec<usize>) {
        let at = self.0 as usize;
        let group = table::FIRST.iter().rposition(|first| *first <= at).unwrap_or(0);
        let mut rest = at - table::FIRST[group];
        let mut values = vec![0; GROUPS[group].axes.len()];
        for (value, axis) in values.iter_mut().zip(GROUPS[group].axes).rev() {
            *value = rest % axis.values.len();
            rest /= axis.values.len();
        }
        (&GROUPS[group], values)
    }

    /// Why no device can ever reach it, if that is so.
    pub fn never(self) -> Option<&'static str> {
        let (group, values) = self.place();
        (group.never)(&values)
    }

    /// The cell with this name.
    pub fn named(name: &str) -> Option<Cell> {
        let mut parts = name.split('/');
        let wanted = parts.next()?;
        let group = GROUPS.iter().position(|group| group.name == wanted)?;
        let mut at = 0;
        for axis in GROUPS[group].axes {
            let value = parts.next()?;
            at = at * axis.values.len() + axis.values.iter().position(|own| *own == value)?;
        }
        parts.next().is_none().then_some(Cell((table::FIRST[group] + at) as u32))
    }
}

/// `walk/read/first/4K`
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (group, values) = self.place();
        f.write_str(group.name)?;
        for (axis, value) in group.axes.iter().zip(values) {
            write!(f, "/{}", axis.values[value])?;
        }
        Ok(())
    }
}

impl Serialize for Coverage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.reached().map(|(cell, count)| (cell.to_string(), count)))
    }
}

impl<'de> Deserialize<'de> for Coverage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells;
        impl<'de> Visitor<'de> for Cells {
            type Value = Coverage;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("counts by the names of cells")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Coverage, A::Error> {
                let mut coverage = Coverage::default();
                while let Some((name, count)) = map.next_entry::<String, u32>()? {
                    // What another version counted and this one does not is no part of its table.
                    if let Some(cell) = Cell::named(&name) {
                        coverage.0[cell.0 as usize] = count;
                    }
                }
                Ok(coverage)
            }
        }
        deserializer.deserialize_map(Cells)
    }
}

/// Cells of each group that can be reached, and those of them that were: by the names of groups, in the order of the table.
pub fn by_group(coverage: &Coverage) -> Vec<(&'static Group, usize, usize)> {
    let mut counts: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for cell in Cell::all().filter(|cell| cell.never().is_none()) {
        let group = table::FIRST.iter().rposition(|first| *first <= cell.0 as usize).unwrap_or(0);
        let (all, reached) = counts.entry(group).or_default();
        *all += 1;
        *reached += usize::from(coverage.count(cell) > 0);
    }
    counts.into_iter().map(|(group, (all, reached))| (&GROUPS[group], all, reached)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Cell, Coverage, GROUPS, by_group};

    #[test]
    fn every_cell_has_a_name_of_its_own_and_is_found_by_it() {
        for cell in Cell::all() {
            assert_eq!(Cell::named(&cell.to_string()), Some(cell));
        }
        assert_eq!(Cell::named("walk/read"), None);
        assert_eq!(Cell::named("walk/read/none/none/more"), None);
    }

    #[test]
    fn counts_are_added_and_new_cells_told() {
        let mut one = Coverage::default();
        one.hit(0, &[0, 0, 0]);
        let mut sum = Coverage::default();
        assert_eq!((sum.add(&one), sum.add(&one)), (1, 0));
        assert_eq!(sum.count(Cell(0)), 2);
        assert!(!sum.is_empty() && Coverage::default().is_empty());
        let text = format!("{sum:?}");
        assert!(text.contains(&Cell(0).to_string()), "{text}");
    }

    #[test]
    fn groups_add_up() {
        let none = by_group(&Coverage::default());
        assert_eq!(none.len(), GROUPS.len());
        assert!(none.iter().all(|(_, all, reached)| *all > 0 && *reached == 0));
    }
}
