// SPDX-License-Identifier: Apache-2.0
//! For which fault a request was refused, its record says; software is judged by that.

use events::{Agent, Burst, Direction, DmaRequest, Event, Operation, Promise, Ticket};
use golden::{Cause, Fault, Fqcsr, QueueBase, Spa, offset};

use super::tree::{DEVICE, IOVA, LEAF, TC, Tree, leaf, request};
use crate::Lenience;
use crate::rule::Violation;
use crate::window::Window;

const QUEUE: u64 = 0x1_0000;
const BURST: Burst = Burst { len: 0, size: 3, kind: 1 };

/// The fault queue is on, and software has seen that.
fn with_queue() -> Tree {
    let mut tree = Tree::new();
    let base = QueueBase(0).with_ppn(QUEUE >> 12).with_log2sz_minus1(3);
    let on = Fqcsr(0).with_fqen(true);
    let write = |offset, bytes, value| Event::RegWriteBegun { offset, bytes, value };
    tree.oracle.observe(&[write(offset::FQB, 8, base.0)], 6).unwrap();
    tree.oracle.observe(&[write(offset::FQCSR, 4, on.0.into())], 7).unwrap();
    let seen = Event::RegRead { offset: offset::FQCSR, bytes: 4, value: on.with_fqon(true).0.into(), accepted: 9 };
    tree.oracle.observe(&[seen], 10).unwrap();
    tree
}

/// The request is accepted in this cycle and refused ten cycles later.
fn refuse(tree: &mut Tree, ticket: u64, now: u64) {
    let request = DmaRequest { id: 4, ..DmaRequest::new(Direction::Read, DEVICE, IOVA, BURST) };
    tree.oracle.observe(&[Event::DmaAccepted { ticket: Ticket(ticket), request }], now).unwrap();
    let done = Event::DmaDone { ticket: Ticket(ticket), resp: 2, data: Vec::new() };
    tree.oracle.observe(&[done], now + 10).unwrap();
}

/// The record of a fault comes into this entry.
fn record(tree: &mut Tree, index: u64, fault: &Fault, now: u64) {
    try_record(tree, index, fault, now).unwrap();
}

/// The same, where it may be more than the run goes past.
fn try_record(tree: &mut Tree, index: u64, fault: &Fault, now: u64) -> Result<(), Violation> {
    let beats: Vec<(u64, u8)> = fault.record().encode().iter().map(|word| (*word, 0xFF)).collect();
    let burst = Burst { len: 3, ..BURST };
    let write =
        Event::PtwWrite { id: 1, addr: Spa(QUEUE + 32 * index), burst, atop: 0, beats, ids: Default::default() };
    tree.oracle.observe(&[write], now)?;
    tree.oracle.observe(&[Event::PtwWriteResponse { id: 1, resp: 0 }], now + 1)
}

/// The run goes past what the device must not do, and the device has read that the page is not there.
fn unmapped() -> Tree {
    let mut tree = with_queue();
    tree.oracle = tree.oracle.lenient(Lenience { waived: Vec::new(), keep_going: 9 });
    tree.store(LEAF, 0, 21);
    tree.read(LEAF.0, 0, 25);
    tree
}

/// An operation puts another value in the place of the entry, and invalidates nothing.
fn change(tree: &mut Tree, to: u64, now: u64) {
    let operation = Operation { name: "change".to_owned(), promise: Promise::Effective, reconfiguration: false };
    tree.oracle.observe(&[Event::OperationBegun { operation }], now).unwrap();
    let old = tree.oracle.search.histories.word(LEAF).and_then(|word| word.current()).unwrap();
    tree.oracle.observe(&[Event::Store { agent: Agent::Cpu, addr: LEAF, old, new: to }], now + 1).unwrap();
    tree.oracle.observe(&[Event::OperationEnded { done: true }], now + 5).unwrap();
}

/// The fault of the request by this value of the last entry.
fn fault_by(tree: &mut Tree, value: u64, window: Window) -> Fault {
    let found = tree.oracle.search.explain_refusal(&request(), window, |_| true);
    let by = |found: &&(Fault, crate::explain::Explanation)| {
        found.1.choices.last().is_some_and(|choice| choice.value == value)
    };
    found.iter().find(by).unwrap_or_else(|| panic!("{value:#x} explains no refusal")).0
}

/// The page is for supervisors only, and the device has read that. Then an operation opens it for users, and nothing is
/// invalidated.
fn stale_refusal() -> (Tree, u64) {
    let mut tree = with_queue();
    let old = leaf(0x9000) & !0x10;
    tree.store(LEAF, old, 21);
    tree.read(LEAF.0, old, 25);
    change(&mut tree, leaf(0xA000), 100);
    (tree, old)
}

fn accused(tree: &Tree) -> Option<&str> {
    tree.oracle.first_hazard().map(|found| found.rule.as_str())
}

#[test]
fn a_refusal_that_only_a_retired_value_explains_accuses_software_when_its_record_has_come() {
    let (mut tree, old) = stale_refusal();
    refuse(&mut tree, 1, 200);
    assert_eq!(accused(&tree), None, "its record has not come");
    let fault = fault_by(&mut tree, old, Window::new(200, 210));
    record(&mut tree, 0, &fault, 220);
    assert_eq!(accused(&tree), Some("stale-after-operation"));
    assert_eq!(tree.oracle.figures().hazards, 1);
    tree.oracle.observe(&[Event::Rest], 300).unwrap();
    assert_eq!(accused(&tree), Some("stale-after-operation"), "nobody else can have left the record");
    // At rest it turns out as well that nobody ever invalidated the page.
    assert_eq!(tree.oracle.figures().hazards, 2, "an accusation counts as one, however often it is heard");
}

#[test]
fn a_record_of_another_fault_clears_software() {
    let (mut tree, old) = stale_refusal();
    let stale = fault_by(&mut tree, old, Window::new(200, 210));
    refuse(&mut tree, 1, 200);
    // The device read the context with an error while it had the request.
    tree.oracle.search.histories.sighted(TC, 0, 2, 205, 206);
    let fresh =
        tree.oracle.search.explain_refusal(&request(), Window::new(200, 210), |fault| fault.cause != stale.cause);
    let Some((fresh, _)) = fresh.first() else { panic!("an error answer explains a refusal") };
    record(&mut tree, 0, fresh, 220);
    tree.oracle.observe(&[Event::Rest], 300).unwrap();
    assert_eq!(accused(&tree), None);
}

#[test]
fn without_a_record_any_fault_counts() {
    for (error, wanted) in [(true, None), (false, Some("stale-after-operation"))] {
        let (mut tree, _) = stale_refusal();
        if error {
            tree.oracle.search.histories.sighted(TC, 0, 2, 205, 206);
        }
        let off = Event::RegWriteBegun { offset: offset::FQCSR, bytes: 4, value: 0 };
        tree.oracle.observe(&[off], 195).unwrap();
        refuse(&mut tree, 1, 200);
        tree.oracle.observe(&[Event::Rest], 300).unwrap();
        assert_eq!(accused(&tree), wanted, "an error: {error}");
    }
}

#[test]
fn a_record_that_may_be_of_another_request_accuses_nobody_who_has_another_excuse() {
    // The first request was refused by an error, and the second by a page that is for supervisors anew. Their records
    // come in the other order, and each is like what the other one might have left.
    let (mut tree, old) = stale_refusal();
    let stale = fault_by(&mut tree, old, Window::new(200, 210));
    tree.oracle.search.histories.sighted(TC, 0, 2, 205, 206);
    refuse(&mut tree, 1, 200);
    let fresh =
        tree.oracle.search.explain_refusal(&request(), Window::new(200, 210), |fault| fault.cause != stale.cause);
    let fresh = fresh.first().expect("an error answer explains a refusal").0;
    record(&mut tree, 0, &stale, 230);
    assert_eq!(accused(&tree), Some("stale-after-operation"), "so far it is the only one");
    tree.store(LEAF, old, 215);
    refuse(&mut tree, 2, 220);
    record(&mut tree, 1, &fresh, 250);
    tree.oracle.observe(&[Event::Rest], 300).unwrap();
    assert_eq!(accused(&tree), None);
}

#[test]
fn behind_a_record_that_is_gone_past_the_next_one_may_be_of_another_choice() {
    let mut tree = with_queue();
    tree.oracle = tree.oracle.lenient(Lenience { waived: Vec::new(), keep_going: 9 });
    let fault = |tree: &mut Tree, window: Window| tree.oracle.search.explain_refusal(&request(), window, |_| true)[0].0;
    // The context is read with an error by both requests.
    tree.oracle.search.histories.sighted(TC, 0, 2, 205, 206);
    let first = fault(&mut tree, Window::new(200, 210));
    assert_eq!(first.cause, Cause::DdtAccessFault);
    refuse(&mut tree, 1, 200);
    record(&mut tree, 0, &Fault { cause: Cause::ReadPageFault, ..first }, 220);
    tree.oracle.search.histories.sighted(TC, 0, 2, 405, 406);
    refuse(&mut tree, 2, 400);
    record(&mut tree, 1, &Fault { cause: Cause::DdtCorrupt, ..first }, 420);
    tree.oracle.observe(&[Event::Rest], 500).unwrap();
    let past: Vec<&str> = tree.oracle.divergences.all().iter().map(|seen| seen.first.detail.as_str()).collect();
    assert_eq!(past, ["cause 13, right 257"], "an error answer may be taken for corrupt data");
}

/// It finds the fault, records it, and translates all the same: that is one divergence.
#[test]
fn a_request_that_is_translated_despite_its_fault_may_leave_its_record() {
    let mut tree = unmapped();
    let asked = DmaRequest { id: 4, ..DmaRequest::new(Direction::Read, DEVICE, IOVA, BURST) };
    tree.oracle.observe(&[Event::DmaAccepted { ticket: Ticket(1), request: asked }], 200).unwrap();
    let fault = fault_by(&mut tree, 0, Window::new(200, 210));
    let (direction, addr, attributes, ids) = (Direction::Read, Spa(0xB008), Default::default(), Default::default());
    let shown = Event::MemAddress { direction, id: 4, addr, burst: BURST, pbmt: 0, prot: 0, attributes, ids };
    tree.oracle.observe(&[shown], 210).unwrap();
    record(&mut tree, 0, &fault, 220);
    let beat = Event::MemReadBeat { id: 4, data: 7, resp: 0, last: true };
    tree.oracle.observe(&[beat], 225).unwrap();
    let done = Event::DmaDone { ticket: Ticket(1), resp: 0, data: vec![7] };
    tree.oracle.observe(&[done], 230).unwrap();
    tree.oracle.observe(&[Event::Rest], 500).unwrap();
    let past: Vec<&str> = tree.oracle.divergences.all().iter().map(|seen| seen.first.detail.as_str()).collect();
    assert_eq!(past, ["translated despite cause 13"]);
}

/// A record that came before a request was made is not of it, however like it is.
#[test]
fn no_record_is_shown_beside_a_request_that_came_later() {
    let mut tree = unmapped();
    let fault = fault_by(&mut tree, 0, Window::new(400, 410));
    record(&mut tree, 0, &Fault { cause: Cause::ReadGuestPageFault, ..fault }, 220);
    refuse(&mut tree, 1, 400);
    record(&mut tree, 1, &fault, 420);
    tree.oracle.observe(&[Event::Rest], 700).unwrap();
    let all = tree.oracle.divergences.all();
    assert_eq!((all.len(), all[0].first.detail.as_str()), (1, "cause 21"), "nobody was refused before");
    assert!(all[0].first.evidence.contains("no refused request is of"), "{}", all[0].first.evidence);
}

/// Two refusals that nothing explains, the first by a device that records cause 13 behind it, the second without a record.
fn wrong_refusals(tree: &mut Tree) -> Result<(), Violation> {
    let fault = some_fault();
    assert_eq!(fault.cause, Cause::ReadPageFault);
    refuse(tree, 1, 200);
    try_record(tree, 0, &fault, 220)?;
    refuse(tree, 2, 300);
    Ok(())
}

/// A fault that the request might have met.
fn some_fault() -> Fault {
    fault_by(&mut unmapped(), 0, Window::new(200, 210))
}

fn details(all: &[crate::Divergence]) -> Vec<(&str, u64, Option<usize>)> {
    all.iter().map(|seen| (seen.first.detail.as_str(), seen.count, seen.waiver)).collect()
}

#[test]
fn a_refusal_has_its_name_from_the_record_behind_it() {
    let mut tree = with_queue();
    tree.oracle = tree.oracle.lenient(Lenience { waived: Vec::new(), keep_going: 9 });
    wrong_refusals(&mut tree).unwrap();
    let all = tree.oracle.divergences();
    assert_eq!(details(&all), [("refused, with cause 13", 1, None), ("refused", 1, None)]);
    assert_eq!(all[0].first.cycle, 210, "when it was answered");
    tree.oracle.observe(&[Event::Rest], 900).unwrap();
    assert_eq!(details(&tree.oracle.divergences()), [("refused, with cause 13", 1, None), ("refused", 1, None)]);
}

#[test]
fn a_waiver_for_one_cause_hides_no_other() {
    let waiver = |detail: &str| Lenience {
        waived: vec![crate::Pattern {
            rule: "refusal".to_owned(),
            detail: Some(detail.to_owned()),
            ..crate::Pattern::default()
        }],
        keep_going: 0,
    };
    // That one: the record tells, and what has none is in doubt until rest.
    let mut tree = with_queue();
    tree.oracle = tree.oracle.lenient(waiver("refused, with cause 13"));
    wrong_refusals(&mut tree).unwrap();
    let so_far = tree.oracle.divergences();
    assert_eq!(details(&so_far), [("refused, with cause 13", 1, Some(0)), ("refused", 1, Some(0))]);
    assert_eq!(tree.oracle.observe(&[Event::Rest], 900).unwrap_err().detail, "refused");
    // Another one: the record shows that it does not fit.
    let mut tree = with_queue();
    tree.oracle = tree.oracle.lenient(waiver("refused, with cause 21"));
    assert_eq!(wrong_refusals(&mut tree).unwrap_err().detail, "refused, with cause 13");
    // One without a cause is for what has no record.
    let mut tree = with_queue();
    tree.oracle = tree.oracle.lenient(waiver("refused"));
    assert_eq!(wrong_refusals(&mut tree).unwrap_err().detail, "refused, with cause 13");
}
