// SPDX-License-Identifier: Apache-2.0
//! The sequencer, exhaustively: every transition between the states of a table, every order in which the hardware
//! may read the words, and a search that proves the number of synchronisations minimal.

use std::collections::BTreeMap;

use crate::format::{Context, Invalidation, Scheme, TC_DTF, TC_GADE, TC_PDTV, TC_SADE};
use crate::plan::{self, Class, Plan, Step, Window};

/// What a context means to a device, read from the specification for this test alone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Blocked,
    Valid { controls: u64, first: First, second: Option<(u64, bool)>, msi: Option<[u64; 3]> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum First {
    Bare { directory: bool },
    Table { atp: u64, pscid: u64, updates: bool },
    Directory { ptr: u64, updates: bool },
}

fn meaning(c: &Context) -> Meaning {
    let [tc, iohgatp, ta, fsc, msiptp, mask, pattern, _] = c.0;
    if tc & 1 == 0 {
        return Meaning::Blocked;
    }
    let directory = tc >> 5 & 1 != 0;
    let first = if fsc >> 60 == 0 {
        First::Bare { directory }
    } else if directory {
        First::Directory { ptr: fsc, updates: tc >> 8 & 1 != 0 }
    } else {
        First::Table { atp: fsc, pscid: ta >> 12 & 0xf_ffff, updates: tc >> 8 & 1 != 0 }
    };
    Meaning::Valid {
        controls: tc & 0b1010_0101_1111,
        first,
        second: (iohgatp >> 60 != 0).then_some((iohgatp, tc >> 7 & 1 != 0)),
        msi: (msiptp >> 60 != 0).then_some([msiptp, mask, pattern]),
    }
}

/// The same, with the tag of the first stage left out.
fn untagged(c: &Context) -> Meaning {
    meaning(&c.with_pscid(0))
}

fn with_tc(mut c: Context, bits: u64) -> Context {
    c.0[Context::TC] |= bits;
    c
}

fn with_msi(mut c: Context, ptr: u64, mask: u64) -> Context {
    c.0[Context::MSIPTP] = 1 << 60 | ptr;
    c.0[Context::MSI_MASK] = mask;
    c.0[Context::MSI_PATTERN] = 0x2_8000;
    c
}

fn states() -> BTreeMap<&'static str, Context> {
    let id = Context::IDENTITY;
    let first = |root, pscid| id.with_first_stage(Scheme::Sv39, root, pscid);
    let second = |root, gscid| id.with_second_stage(Scheme::Sv48x4, root, gscid);
    let s2 = second(0x4_0000, 3);
    let nested = |root, pscid| s2.with_first_stage(Scheme::Sv39, root, pscid);
    let mut pattern = with_msi(s2, 0x100, 0xf);
    pattern.0[Context::MSI_PATTERN] = 0x3_0000;
    let mut stale = nested(0x7000, 9);
    stale.0[Context::TC] = 0;
    BTreeMap::from([
        ("blocked", Context::BLOCKED),
        ("blocked, stale words", stale),
        ("identity", id),
        ("identity, silent", with_tc(id, TC_DTF)),
        ("S1a", first(0x1000, 1)),
        ("S1a, other root", first(0x2000, 1)),
        ("S1a, other mode", id.with_first_stage(Scheme::Sv48, 0x1000, 1)),
        ("S1a, other PSCID", first(0x1000, 2)),
        ("S1b", first(0x2000, 2)),
        ("S1, updates", with_tc(first(0x3000, 3), TC_SADE)),
        ("S1, directory", with_tc(first(0x5000, 0), TC_PDTV)),
        ("S2", s2),
        ("S2, updates", with_tc(s2, TC_GADE)),
        ("S2'", second(0x8_0000, 4)),
        ("nested a", nested(0x1000, 0)),
        ("nested a, PSCID", nested(0x1000, 5)),
        ("nested b", nested(0x2000, 6)),
        ("nested, updates", with_tc(nested(0x2000, 6), TC_GADE | TC_SADE)),
        ("nested, directory", with_tc(nested(0x3000, 0), TC_PDTV)),
        ("nested'", second(0x8_0000, 4).with_first_stage(Scheme::Sv57, 0x1000, 7)),
        ("S2, MSI", with_msi(s2, 0x100, 0xff)),
        ("S2, MSI pointer", with_msi(s2, 0x200, 0xff)),
        ("S2, MSI mask", with_msi(s2, 0x100, 0xf)),
        ("S2, MSI mask and pattern", pattern),
        ("nested, MSI", with_msi(nested(0x1000, 5), 0x100, 0xff)),
    ])
}

const SCRATCH: u32 = 0xf_ffff;

fn pairs() -> impl Iterator<Item = (String, Context, Context)> {
    let states = states();
    let all: Vec<_> = states.into_iter().collect();
    let copy = all.clone();
    all.into_iter()
        .flat_map(move |(a, from)| copy.clone().into_iter().map(move |(b, to)| (format!("{a} -> {b}"), from, to)))
}

/// All contexts that a fetch can put together in a window.
fn fetches(before: Context, window: &Window) -> Vec<Context> {
    let mut seen = vec![before];
    for &(word, value) in &window.0 {
        let mut more = seen.clone();
        for c in &mut more {
            c.0[word] = value;
        }
        seen.extend(more);
    }
    seen
}

#[test]
fn every_fetch_finds_what_the_class_of_the_plan_promises() {
    let mut classes = BTreeMap::<Class, usize>::new();
    for (name, from, to) in pairs() {
        let plan = plan::sequenced(from, to, Some(SCRATCH));
        *classes.entry(plan.class).or_default() += 1;
        let mut context = from;
        for window in plan.windows() {
            for seen in fetches(context, &window) {
                let ends = [meaning(&from), meaning(&to)].contains(&meaning(&seen));
                let fine = match plan.class {
                    Class::Nothing | Class::Hitless => ends,
                    Class::Scratch => [untagged(&from), untagged(&to)].contains(&untagged(&seen)),
                    Class::Hops => {
                        // Confined by the second stage of whichever end has one, and never refused.
                        let second = if from.has_second_stage() { from } else { to };
                        ends || seen.valid() && seen.0[1] == second.0[1]
                    }
                    Class::Break => ends || meaning(&seen) == Meaning::Blocked,
                };
                assert!(fine, "{name}: {plan}: a fetch may find {seen:x?}");
            }
            context = window.after(context);
        }
        let target = if to.valid() { to } else { Context::BLOCKED };
        assert_eq!(context, target, "{name}: {plan}");
    }
    // Each class is reached, or the test would say nothing about it.
    assert_eq!(classes.len(), 5, "{classes:?}");
}

#[test]
fn a_root_is_never_paired_with_the_tag_of_another() {
    for (name, from, to) in pairs() {
        let plan = plan::sequenced(from, to, Some(SCRATCH));
        if !plan.class.hitless() {
            continue;
        }
        let tagged = |c: &Context| (c.has_first_stage() && c.valid()).then(|| (c.pscid(), c.0[Context::FSC]));
        let mut context = from;
        for window in plan.windows() {
            for seen in fetches(context, &window) {
                let Some((pscid, root)) = tagged(&seen) else { continue };
                let known = [tagged(&from), tagged(&to)].contains(&Some((pscid, root)));
                assert!(known || pscid == SCRATCH || seen.has_process_directory(), "{name}: {plan}: {seen:x?}");
            }
            context = window.after(context);
        }
    }
}

#[test]
fn each_window_is_closed_by_a_sync_unless_it_sets_v() {
    for (name, from, to) in pairs() {
        let plan = plan::sequenced(from, to, Some(SCRATCH));
        let mut context = from;
        let mut open = false;
        for step in &plan.steps {
            match *step {
                Step::Store { word, value } => {
                    let sets_v = word == 0 && !context.valid() && value & 1 != 0;
                    assert_ne!(context.0[word], value, "{name}: {plan}: a store that changes nothing");
                    context.0[word] = value;
                    open = !sets_v;
                }
                Step::Sync => {
                    assert!(open, "{name}: {plan}: a sync for nothing");
                    open = false;
                }
                Step::Flush(_) => assert!(!open, "{name}: {plan}"),
            }
        }
        assert!(!open, "{name}: {plan}: unsynchronised at the end");
    }
}

/// The fewest windows from one context to another, over all ways to store old, new and in-between values, if only
/// `allowed` may be found on the way.
fn fewest_windows(from: Context, to: Context, allowed: &[Meaning], extra: &[Context]) -> Option<usize> {
    let used = crate::format::used(&from);
    let values: Vec<Vec<u64>> = (0..8)
        .map(|i| {
            let mut values = vec![from.0[i], to.0[i], from.0[i] & used[i] | to.0[i] & !used[i]];
            values.extend(extra.iter().map(|c| c.0[i]));
            values.sort_unstable();
            values.dedup();
            values
        })
        .collect();
    let mut states = vec![Context::default()];
    for (i, values) in values.iter().enumerate() {
        states = states
            .iter()
            .flat_map(|s| {
                values.iter().map(move |&v| {
                    let mut s = *s;
                    s.0[i] = v;
                    s
                })
            })
            .collect();
    }
    // Only contexts that may themselves be found can stand between two windows.
    states.retain(|s| allowed.contains(&meaning(s)));
    let (mut reached, mut windows) = (vec![from], 0);
    loop {
        if reached.contains(&to) {
            return Some(windows);
        }
        let next: Vec<Context> = states
            .iter()
            .filter(|t| !reached.contains(t))
            .filter(|t| {
                reached.iter().any(|s| {
                    let stores = (0..8).filter(|&w| s.0[w] != t.0[w]).map(|w| (w, t.0[w])).collect();
                    fetches(*s, &Window(stores)).iter().all(|c| allowed.contains(&meaning(c)))
                })
            })
            .copied()
            .collect();
        if next.is_empty() {
            return None;
        }
        reached.extend(next);
        windows += 1;
    }
}

#[test]
fn no_plan_has_a_window_too_many_and_none_breaks_without_need() {
    for (name, from, to) in pairs() {
        let plan = plan::sequenced(from, to, Some(SCRATCH));
        let target = to.masked();
        let ends = [meaning(&from), meaning(&target)];
        let hitless = fewest_windows(from, target, &ends, &[]);
        match plan.class {
            Class::Nothing | Class::Hitless => {
                assert_eq!(hitless, Some(plan.windows().len()), "{name}: {plan}");
            }
            Class::Scratch | Class::Hops => {
                assert_eq!(hitless, None, "{name}: {plan}: possible without a detour");
                let allowed: Vec<Meaning> = plan.allowed.iter().map(meaning).collect();
                let fewest = fewest_windows(from, target, &allowed, &plan.allowed);
                assert_eq!(fewest, Some(plan.windows().len()), "{name}: {plan}");
            }
            Class::Break => {
                assert_eq!(hitless, None, "{name}: {plan}: possible without a break");
                let allowed = [ends.to_vec(), vec![Meaning::Blocked]].concat();
                let fewest = fewest_windows(from, target, &allowed, &[Context::BLOCKED]);
                assert_eq!(fewest, Some(plan.windows().len()), "{name}: {plan}");
            }
        }
    }
}

fn between(from: &str, to: &str) -> Plan {
    let states = states();
    plan::sequenced(states[from], states[to], Some(SCRATCH))
}

fn words(plan: &Plan) -> Vec<Vec<usize>> {
    plan.windows().iter().map(|w| w.0.iter().map(|s| s.0).collect()).collect()
}

#[test]
fn the_table_of_transitions() {
    let (tc, hgatp, ta, fsc) = (Context::TC, Context::IOHGATP, Context::TA, Context::FSC);
    for (from, to, class, order, syncs) in [
        ("S2", "blocked", Class::Hitless, vec![vec![tc], vec![hgatp]], 2),
        ("blocked", "S1a", Class::Hitless, vec![vec![ta, fsc], vec![tc]], 1),
        ("identity", "S1a", Class::Hitless, vec![vec![ta], vec![fsc]], 2),
        ("S1a", "identity", Class::Hitless, vec![vec![fsc], vec![ta]], 2),
        ("identity", "S2", Class::Hitless, vec![vec![hgatp]], 1),
        ("identity", "S2, updates", Class::Hitless, vec![vec![tc], vec![hgatp]], 2),
        ("S2", "nested b", Class::Hitless, vec![vec![ta], vec![fsc]], 2),
        ("nested b", "S2", Class::Hitless, vec![vec![fsc], vec![ta]], 2),
        ("S2", "S2'", Class::Hitless, vec![vec![hgatp]], 1),
        ("S1a", "S1a, other root", Class::Hitless, vec![vec![fsc]], 1),
        ("S1a", "S1a, other mode", Class::Hitless, vec![vec![fsc]], 1),
        ("S1a", "S1a, other PSCID", Class::Hitless, vec![vec![ta]], 1),
        ("S1a", "S1b", Class::Scratch, vec![vec![ta], vec![fsc], vec![ta]], 3),
        ("nested a, PSCID", "nested b", Class::Scratch, vec![vec![ta], vec![fsc], vec![ta]], 3),
        ("S1a", "S2", Class::Break, vec![vec![tc], vec![hgatp, ta, fsc], vec![tc]], 2),
        ("S2", "S1a", Class::Break, vec![vec![tc], vec![hgatp, ta, fsc], vec![tc]], 2),
        ("identity", "nested b", Class::Hops, vec![vec![hgatp, ta], vec![fsc]], 2),
        ("nested b", "identity", Class::Hops, vec![vec![fsc], vec![ta, hgatp]], 2),
        ("S2", "S2, MSI", Class::Hitless, vec![vec![5, 6], vec![4]], 2),
        ("S2, MSI", "S2", Class::Hitless, vec![vec![4], vec![5, 6]], 2),
        ("S2, MSI", "S2, MSI pointer", Class::Hitless, vec![vec![4]], 1),
        ("S2, MSI", "S2, MSI mask", Class::Hitless, vec![vec![5]], 1),
        ("S2, MSI", "S2, MSI mask and pattern", Class::Break, vec![vec![tc], vec![5, 6], vec![tc]], 2),
        ("S2", "nested, MSI", Class::Hops, vec![vec![5, 6, ta], vec![4], vec![fsc]], 3),
    ] {
        let plan = between(from, to);
        assert_eq!(plan.class, class, "{from} -> {to}: {plan}");
        assert_eq!(words(&plan), order, "{from} -> {to}: {plan}");
        assert_eq!(plan.syncs(), syncs, "{from} -> {to}: {plan}");
    }
}

#[test]
fn the_scratch_tag_is_flushed_where_it_was_used() {
    let plan = between("nested a, PSCID", "nested b");
    let flushes: Vec<_> = plan.flushes().copied().collect();
    assert_eq!(flushes, [Invalidation::Vma { gscid: Some(3), pscid: Some(SCRATCH), addr: None }]);
    let states = states();
    let without = plan::sequenced(states["nested a, PSCID"], states["nested b"], None);
    assert_eq!(without.class, Class::Break);
}

#[test]
fn the_other_policies_open_the_window_that_they_are_known_for() {
    for plan in [plan::upstream, plan::rfc].map(|p| p(states()["S2"], states()["nested b"])) {
        let window = &plan.windows()[0];
        assert_eq!(meaning(&window.after(states()["S2"])), Meaning::Blocked, "{plan}");
        assert_eq!(plan.class, Class::Break);
        let last = plan.windows().iter().fold(states()["S2"], |c, w| w.after(c));
        assert_eq!(last, states()["nested b"]);
    }
    assert!(matches!(plan::rfc(states()["S2"], states()["nested b"]).steps[0], Step::Flush(_)));
    assert_eq!(plan::upstream(states()["S2"], states()["nested b"]).syncs(), 2);
}

#[test]
fn a_change_flushes_what_the_old_context_had_tagged() {
    let states = states();
    let vma = |gscid, pscid| Invalidation::Vma { gscid, pscid, addr: None };
    let gvma = Invalidation::Gvma { gscid: Some(3), addr: None };
    for (state, list) in [
        ("blocked, stale words", vec![]),
        ("identity", vec![]),
        ("S1b", vec![vma(None, Some(2))]),
        ("S1, directory", vec![vma(None, None)]),
        ("S2", vec![vma(Some(3), None), gvma]),
        ("nested, directory", vec![vma(Some(3), None), gvma]),
    ] {
        assert_eq!(plan::flush_after_change(&states[state]), list, "{state}");
    }
}
