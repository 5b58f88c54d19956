// SPDX-License-Identifier: Apache-2.0
//! Windows: runs of stores without a synchronisation in between, what a fetch can make of them, and how they are put in
//! order.

use super::super::format::Invalidation;
use super::entry::Entry;
use super::{Class, Plan, Step};

/// Stores without a synchronisation in between: word and value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window(pub Vec<(usize, u64)>);

impl Window {
    /// The entry after the stores.
    pub fn after<E: Entry>(&self, entry: E) -> E {
        self.0.iter().fold(entry, |entry, &(word, value)| entry.with_word(word, value))
    }

    /// Whether each entry that a fetch can put together during this window, starting from `before`, means one that is
    /// allowed.
    pub fn safe<E: Entry>(&self, before: E, allowed: &[E]) -> bool {
        let mut values: Vec<Vec<u64>> = (0..E::NAMES.len()).map(|word| vec![before.word(word)]).collect();
        for &(word, value) in &self.0 {
            if !values[word].contains(&value) {
                values[word].push(value);
            }
        }
        let combinations: usize = values.iter().map(Vec::len).product();
        (0..combinations).all(|mut n| {
            let mut seen = E::default();
            for (word, values) in values.iter().enumerate() {
                seen = seen.with_word(word, values[n % values.len()]);
                n /= values.len();
            }
            allowed.iter().any(|a| a.seen() == seen.seen())
        })
    }
}

/// Stores that bring the chosen words to their target.
pub(super) fn stores<E: Entry>(from: E, to: E, chosen: impl Fn(usize) -> bool) -> Window {
    let changed = (0..E::NAMES.len()).filter(|&w| chosen(w) && from.word(w) != to.word(w));
    Window(changed.map(|w| (w, to.word(w))).collect())
}

/// At most one word cannot reach its target unseen: everything unseen first, then that word, then what it used.
pub(super) fn direct<E: Entry>(from: E, to: E) -> Option<Vec<Window>> {
    let ready = (0..E::NAMES.len()).fold(from, |ready, i| {
        let used = from.used_bits(i);
        ready.with_word(i, from.word(i) & used | to.word(i) & !used)
    });
    let mut critical = (0..E::NAMES.len()).filter(|&i| ready.word(i) & to.used_bits(i) != to.word(i));
    let Some(word) = critical.next() else {
        return Some(vec![stores(from, to, |_| true)]);
    };
    if critical.next().is_some() {
        return None;
    }
    let ready = ready.with_word(word, from.word(word));
    let switched = ready.with_word(word, to.word(word));
    Some(vec![stores(from, ready, |_| true), stores(ready, switched, |_| true), stores(switched, to, |_| true)])
}

/// From one entry to another by way of two that carry a PSCID which nothing uses; what was cached under it is flushed in
/// the end. `gscid` is that of the second stage, if there is one.
pub(super) fn by_way_of<E: Entry>(from: E, via: [E; 2], to: E, gscid: Option<u16>, pscid: u32) -> Option<Plan<E>> {
    let [first, second] = via;
    let mut windows = direct(from, first)?;
    windows.extend(direct(first, second)?);
    windows.extend(direct(second, to)?);
    let mut plan = build(Class::Scratch, from, windows, vec![from, first, second, to]);
    plan.steps.push(Step::Flush(vec![Invalidation::Vma { gscid, pscid: Some(pscid), addr: None }]));
    Some(plan)
}

/// Moves each store into the earliest window that stays safe with it, drops what became empty, and puts a
/// synchronisation after each window. A break has nothing to gain from it.
pub(super) fn build<E: Entry>(class: Class, from: E, mut windows: Vec<Window>, allowed: Vec<E>) -> Plan<E> {
    // A store that is overtaken by a later one to the same word, as a hop leaves them, must keep its place.
    let last = if class == Class::Break { 0 } else { windows.len() };
    for late in 1..last {
        let mut i = 0;
        while i < windows[late].0.len() {
            let store = windows[late].0[i];
            let earliest = (0..late)
                .rev()
                .take_while(|&w| windows[w].0.iter().all(|s| s.0 != store.0))
                .filter(|&w| all_safe_with(&windows, from, &allowed, late, i, w))
                .last();
            match earliest {
                Some(w) => {
                    windows[late].0.remove(i);
                    windows[w].0.push(store);
                }
                None => i += 1,
            }
        }
    }
    windows.retain(|w| !w.0.is_empty());
    let mut steps = Vec::new();
    let mut entry = from;
    for window in &windows {
        let after = window.after(entry);
        steps.extend(window.0.iter().map(|&(word, value)| Step::Store { word, value }));
        // Setting V needs no synchronisation: an invalid entry may not be cached.
        if entry.is_valid() || !after.is_valid() {
            steps.push(Step::Sync);
        }
        entry = after;
    }
    Plan { class, steps, allowed }
}

fn all_safe_with<E: Entry>(windows: &[Window], from: E, allowed: &[E], late: usize, i: usize, early: usize) -> bool {
    let mut windows = windows.to_vec();
    let store = windows[late].0.remove(i);
    windows[early].0.push(store);
    let mut entry = from;
    windows.iter().all(|window| {
        let safe = window.safe(entry, allowed);
        entry = window.after(entry);
        safe
    })
}
