// SPDX-License-Identifier: Apache-2.0
//! In which order values are tried, and which are.

use golden::{Outcome, Stage};

use super::tree::{DEVICE, FSC, IOVA, LEAF, POINTER, PSCID, TA, Tree, WORDS, leaf, page_of, pointer, request};
use crate::chooser::Reach;
use crate::explain::walk;
use crate::window::Window;

/// The pages that a request may lead to within a reach, in the order in which they are tried; 0 for a refusal.
fn tried(tree: &mut Tree, reach: Reach, window: Window) -> Vec<u64> {
    let mut pages = Vec::new();
    tree.oracle.search.replay(window, reach, u32::MAX, walk(&request()), |outcome: &Outcome, _, _| {
        pages.push(page_of(outcome).unwrap_or(0));
        false
    });
    pages
}

#[test]
fn what_memory_holds_is_tried_first_and_then_what_was_read_last() {
    let mut tree = Tree::new();
    for (at, page) in [(100, 0xA000), (200, 0xB000)] {
        tree.store(LEAF, leaf(page), at);
        tree.read(LEAF.0, leaf(page), at + 50);
    }
    tree.store(LEAF, leaf(0xC000), 300);
    tree.read(LEAF.0, leaf(0xC000), 350);
    assert_eq!(tried(&mut tree, Reach::Plain, Window::new(400, 410)), [0xC000, 0xB000, 0xA000, 0x9000]);
}

#[test]
fn all_combinations_are_tried() {
    let mut tree = Tree::new();
    // Another last table, with another page.
    tree.read(0x6028, leaf(0xD000), 50);
    tree.store(POINTER, pointer(0x6000), 100);
    tree.read(POINTER.0, pointer(0x6000), 150);
    tree.store(LEAF, leaf(0xA000), 200);
    tree.read(LEAF.0, leaf(0xA000), 250);
    let mut pages = tried(&mut tree, Reach::Plain, Window::new(400, 410));
    pages.sort_unstable();
    assert_eq!(pages, [0x9000, 0xA000, 0xD000]);
}

#[test]
fn words_that_nobody_read_count_with_what_memory_held_during_the_request() {
    let mut tree = Tree::unread();
    assert!(tried(&mut tree, Reach::Plain, Window::new(400, 410)).is_empty());
    tree.store(LEAF, leaf(0xA000), 405);
    let mut pages = tried(&mut tree, Reach::Unread, Window::new(400, 410));
    pages.sort_unstable();
    assert_eq!(pages, [0x9000, 0xA000]);
    assert_eq!(tried(&mut tree, Reach::Unread, Window::new(500, 510)), [0xA000]);
}

#[test]
fn a_word_that_was_left_out_of_a_context_counts_since_the_invalidation() {
    let mut tree = Tree::unread();
    for (addr, value) in WORDS.into_iter().filter(|(addr, _)| *addr != TA.0) {
        tree.read(addr, value, 20);
    }
    // PSCID is of no account for where it leads; that the walk goes by both values shows in their tags.
    tree.store(TA, 9 << 12, 100);
    let mut tags = Vec::new();
    tree.oracle.search.replay(Window::new(400, 410), Reach::Unread, u32::MAX, walk(&request()), |_, chooser, _| {
        tags.extend(chooser.choices().iter().rev().find_map(|choice| choice.word.tags.pscid));
        false
    });
    tags.sort_unstable();
    assert_eq!(tags.iter().map(|pscid| pscid.0).collect::<Vec<_>>(), [PSCID, 9]);
}

#[test]
fn an_earlier_root_counts_where_entries_are_found_by_their_tags() {
    let mut tree = Tree::new();
    let window = Window::new(30, 40);
    let found = tree.leads_to(0x9000, window).expect("by what memory holds");
    tree.oracle.explained(&request(), &found, window);
    // Another tree: one superpage of 1 GiB.
    tree.store(FSC, 8 << 60 | 7, 100);
    tree.read(FSC.0, 8 << 60 | 7, 150);
    tree.read(0x7000, leaf(0x8000_0000), 150);
    tree.invalidate(golden::Command::InvalDdt { device: Some(DEVICE) }, 200, 220);
    let new = 0x8000_0000 + (IOVA.0 & !0xFFF);
    assert_eq!(tried(&mut tree, Reach::Plain, Window::new(400, 410)), [new]);
    assert!(tried(&mut tree, Reach::Tagged, Window::new(400, 410)).contains(&0x9000));
    tree.vma(500, 510);
    assert!(!tried(&mut tree, Reach::Tagged, Window::new(600, 610)).contains(&0x9000));
    assert_eq!(found.roots.first().map(|root| root.stage), Some(Stage::First));
}
