// SPDX-License-Identifier: Apache-2.0
//! Which explanation is found.

use golden::{Cause, Fault, Outcome};

use super::tree::{LEAF, POINTER, Tree, leaf, page_of, pointer, request};
use crate::window::Window;

fn causes(found: &[(Fault, crate::explain::Explanation)]) -> Vec<(Cause, bool)> {
    found.iter().map(|(fault, explanation)| (fault.cause, explanation.stale)).collect()
}

#[test]
fn an_explanation_says_whether_it_needs_what_memory_holds_no_more() {
    let mut tree = Tree::new();
    tree.store(LEAF, leaf(0xA000), 100);
    tree.read(LEAF.0, leaf(0xA000), 150);
    let window = Window::new(400, 410);
    assert!(!tree.leads_to(0xA000, window).expect("memory holds it").stale);
    let old = tree.leads_to(0x9000, window).expect("it was never invalidated");
    assert!(old.stale);
    let stale: Vec<_> = old.choices.iter().filter(|choice| choice.stale).map(|choice| choice.word.addr).collect();
    assert_eq!(stale, [LEAF]);
    assert!(tree.leads_to(0xB000, window).is_none());
}

#[test]
fn a_fresh_explanation_is_preferred_to_a_stale_one_of_the_same_outcome() {
    let mut tree = Tree::new();
    // Two tables with the same page: the old pointer and the new one lead to it.
    tree.read(0x6028, leaf(0x9000), 50);
    tree.store(POINTER, pointer(0x6000), 100);
    tree.read(POINTER.0, pointer(0x6000), 150);
    let found = tree.leads_to(0x9000, Window::new(400, 410)).expect("both ways");
    assert!(!found.stale);
    assert!(found.choices.iter().any(|choice| choice.value == pointer(0x6000)));
}

#[test]
fn what_an_invalidation_has_struck_explains_nothing() {
    let mut tree = Tree::new();
    tree.store(LEAF, leaf(0xA000), 100);
    tree.read(LEAF.0, leaf(0xA000), 250);
    tree.vma(200, 300);
    assert!(tree.leads_to(0x9000, Window::new(400, 410)).is_none());
    assert!(tree.leads_to(0x9000, Window::new(250, 410)).is_some(), "the request was there before");
}

#[test]
fn every_fault_that_explains_a_refusal_is_found_the_fresh_ones_first() {
    let mut tree = Tree::new();
    // Supervisor pages are refused; so is what is not valid.
    tree.store(LEAF, leaf(0x9000) & !0x10, 100);
    tree.read(LEAF.0, leaf(0x9000) & !0x10, 110);
    tree.store(LEAF, 0, 200);
    tree.read(LEAF.0, 0, 210);
    let found = tree.oracle.search.explain_refusal(&request(), Window::new(400, 410), |_| true);
    assert_eq!(causes(&found), [(Cause::ReadPageFault, false)], "one fault, and memory holds what leads to it");
    let none = tree
        .oracle
        .search
        .explain_refusal(&request(), Window::new(400, 410), |fault| fault.cause != Cause::ReadPageFault);
    assert!(none.is_empty());
}

#[test]
fn by_tags_an_entry_explains_what_no_pointer_leads_to_any_more() {
    let mut tree = Tree::new();
    let window = Window::new(30, 40);
    let first = tree.leads_to(0x9000, window).expect("by what memory holds");
    tree.oracle.explained(&request(), &first, window);
    tree.store(POINTER, 0, 100);
    tree.read(POINTER.0, 0, 150);
    let found = tree.explain(Window::new(400, 410), |outcome, chooser| {
        let by_tag = chooser.choices().iter().any(|choice| choice.recalled.is_some());
        page_of(outcome) == Some(0x9000) && by_tag
    });
    let found = found.expect("the leaf was never invalidated");
    assert!(found.choices.iter().any(|choice| choice.recalled.is_some_and(|place| place.addr == LEAF)));
    assert!(matches!(found.outcome, Outcome::Translated(_)));
    tree.vma(500, 510);
    assert!(tree.leads_to(0x9000, Window::new(600, 610)).is_none());
}
