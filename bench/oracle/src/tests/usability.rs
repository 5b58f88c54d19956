// SPDX-License-Identifier: Apache-2.0
//! Whether one value of one word may be used: rules D1 and D3.

use events::Direction;
use golden::{Command, Iofence, Iotinval, Role};

use super::tree::{LEAF, TC, Tree, leaf, shown, word};
use crate::invalidation::Globality;
use crate::usable::{Struck, judge, judge_value};
use crate::window::Window;

const ENTRY: Role = Role::FirstStage { level: 0 };

/// What is said of a value of the last entry.
fn of_leaf(tree: &Tree, value: u64, window: Window) -> Result<(), Struck> {
    let search = &tree.oracle.search;
    let history = search.histories.word(LEAF).expect("it has a history");
    judge_value(history, &word(LEAF, ENTRY), value, &search.invalidations, Globality::default(), window)
}

#[test]
fn what_was_overwritten_counts_until_an_invalidation_behind_the_change_is_complete() {
    let mut tree = Tree::new();
    tree.store(LEAF, leaf(0xA000), 100);
    assert_eq!(of_leaf(&tree, leaf(0x9000), Window::new(500, 510)), Ok(()), "nobody has told the device");
    tree.vma(90, 150);
    assert_eq!(
        of_leaf(&tree, leaf(0x9000), Window::new(500, 510)),
        Ok(()),
        "the command was fetched before the change"
    );
    tree.vma(200, 300);
    let struck = of_leaf(&tree, leaf(0x9000), Window::new(500, 510));
    assert_eq!(struck, Err(Struck::Invalidated { fetched: 200, command: "IOTINVAL.VMA" }));
    assert_eq!(of_leaf(&tree, leaf(0xA000), Window::new(500, 510)), Ok(()));
}

#[test]
fn a_fence_counts_for_requests_that_are_accepted_after_it() {
    let mut tree = Tree::new();
    tree.store(LEAF, leaf(0xA000), 100);
    tree.vma(200, 300);
    assert_eq!(of_leaf(&tree, leaf(0x9000), Window::new(300, 400)), Ok(()), "it was there already");
    assert!(of_leaf(&tree, leaf(0x9000), Window::new(301, 400)).is_err());
}

#[test]
fn a_fence_with_pr_counts_for_reads_that_show_after_it() {
    let mut tree = Tree::new();
    tree.store(LEAF, leaf(0xA000), 100);
    tree.oracle.search.invalidations.fetched(Command::InvalVma(Iotinval::default()), 200);
    let fence = Iofence { pr: true, ..Iofence::default() };
    tree.oracle.search.invalidations.completed(1, &fence, 210, 300);
    assert!(of_leaf(&tree, leaf(0x9000), shown(250, 301)).is_err());
    assert_eq!(of_leaf(&tree, leaf(0x9000), Window::new(250, 301)), Ok(()), "it was refused");
    let write = Window { shown: Some(Direction::Write), ..shown(250, 301) };
    assert_eq!(of_leaf(&tree, leaf(0x9000), write), Ok(()), "PR is for reads");
}

#[test]
fn an_invalid_value_counts_while_memory_holds_it_from_the_offer_on() {
    let mut tree = Tree::new();
    tree.store(LEAF, 0, 100);
    tree.store(LEAF, leaf(0xA000), 200);
    assert_eq!(of_leaf(&tree, 0, Window { offered: 200, ..Window::new(210, 220) }), Ok(()));
    assert_eq!(of_leaf(&tree, 0, Window { offered: 201, ..Window::new(210, 220) }), Err(Struck::Invalid));
}

#[test]
fn other_words_of_a_context_may_be_kept_although_they_are_zero() {
    let mut tree = Tree::new();
    let ta = super::tree::TA;
    tree.store(ta, 0, 100);
    tree.store(ta, 7 << 12, 200);
    let search = &tree.oracle.search;
    let of = |addr, index, value| {
        let word = word(addr, Role::DeviceContext { index });
        let history = search.histories.word(addr).expect("it has a history");
        judge_value(history, &word, value, &search.invalidations, Globality::default(), Window::new(500, 510))
    };
    assert_eq!(of(ta, 2, 0), Ok(()));
    assert_eq!(of(TC, 0, 1), Ok(()));
    assert_eq!(of(TC, 0, 0), Err(Struck::Invalid), "this one holds V");
}

#[test]
fn a_read_that_came_too_late_explains_nothing_and_an_error_is_not_kept() {
    let mut tree = Tree::new();
    tree.store(LEAF, leaf(0xA000), 100);
    tree.read(LEAF.0, leaf(0xA000), 400);
    tree.oracle.search.histories.sighted(LEAF, 0, 2, 450, 460);
    let search = &tree.oracle.search;
    let history = search.histories.word(LEAF).expect("it has a history");
    let said = |value: u64, resp: u8, window: Window| {
        let seen =
            history.sightings().iter().find(|seen| (seen.value, seen.resp) == (value, resp)).expect("it was read");
        judge(history, &word(LEAF, ENTRY), seen, &search.invalidations, Globality::default(), window)
    };
    assert_eq!(said(leaf(0xA000), 0, Window::new(300, 399)), Err(Struck::Later));
    assert_eq!(said(leaf(0xA000), 0, Window::new(300, 400)), Ok(()));
    assert_eq!(said(0, 2, Window::new(440, 470)), Ok(()));
    assert_eq!(said(0, 2, Window::new(451, 470)), Err(Struck::Invalid), "it had come before the request");
}
