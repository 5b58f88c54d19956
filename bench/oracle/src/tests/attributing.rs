// SPDX-License-Identifier: Apache-2.0
//! To which transaction an address on `mem_*` belongs.

use events::{Attributes, Burst, Direction, DmaRequest, Event, QosIds, Ticket};
use golden::{DeviceId, Iova, Spa};

use super::tree::{DEVICE, Tree, leaf};
use crate::Rule;

const BURST: Burst = Burst { len: 0, size: 3, kind: 1 };

fn asks(device: DeviceId, iova: u64) -> DmaRequest {
    DmaRequest { id: 4, ..DmaRequest::new(Direction::Read, device, Iova(iova), BURST) }
}

fn accepted(ticket: u64, iova: u64) -> Event {
    Event::DmaAccepted { ticket: Ticket(ticket), request: asks(DEVICE, iova) }
}

fn shows(addr: u64) -> Event {
    let (direction, attributes) = (Direction::Read, Attributes::default());
    Event::MemAddress {
        direction,
        id: 4,
        addr: Spa(addr),
        burst: BURST,
        pbmt: 0,
        prot: 0,
        attributes,
        ids: QosIds::default(),
    }
}

/// Two pages, 0x5000 at 0x9000 and 0x6000 at 0xA000, and both have been read.
fn two_pages() -> Tree {
    let mut tree = Tree::new();
    tree.read(0x4030, leaf(0xA000), 20);
    tree
}

/// Whether each of these transactions has been translated.
fn translated(tree: &Tree) -> Vec<(u64, bool)> {
    let live = tree.oracle.transactions.live().iter();
    live.map(|transaction| (transaction.ticket.0, transaction.translated().is_some())).collect()
}

#[test]
fn an_address_belongs_to_the_oldest_transaction_that_explains_it() {
    let mut tree = two_pages();
    for (ticket, iova) in [(1, 0x5008), (2, 0x5008), (3, 0x6008)] {
        tree.oracle.observe(&[accepted(ticket, iova)], 30 + ticket).unwrap();
    }
    tree.oracle.observe(&[shows(0x9008)], 40).unwrap();
    assert_eq!(translated(&tree), [(1, true), (2, false), (3, false)]);
    tree.oracle.observe(&[shows(0xA008)], 41).unwrap();
    assert_eq!(translated(&tree), [(1, true), (2, false), (3, true)], "the second one leads elsewhere");
}

#[test]
fn an_address_that_belongs_to_nobody_is_a_violation() {
    let mut tree = two_pages();
    tree.oracle.observe(&[accepted(1, 0x5008)], 30).unwrap();
    let violation = tree.oracle.observe(&[shows(0xB008)], 40).unwrap_err();
    assert_eq!(violation.rule, Rule::Translation);
    let mut tree = two_pages();
    tree.oracle.observe(&[accepted(1, 0x5010)], 30).unwrap();
    let violation = tree.oracle.observe(&[shows(0x9008)], 40).unwrap_err();
    assert_eq!(violation.rule, Rule::DmaShape, "the offset within the page is not translated");
}

#[test]
fn what_was_taken_for_an_older_one_goes_on_to_a_younger_one_where_the_answer_says_so() {
    let mut tree = two_pages();
    for ticket in [1, 2] {
        tree.oracle.observe(&[accepted(ticket, 0x5008)], 30 + ticket).unwrap();
    }
    tree.oracle.observe(&[shows(0x9008)], 40).unwrap();
    // The first one is refused: nothing of it can have shown. A page that is not there explains it.
    tree.store(super::tree::LEAF, 0, 33);
    tree.read(super::tree::LEAF.0, 0, 45);
    let done = Event::DmaDone { ticket: Ticket(1), resp: 2, data: Vec::new() };
    tree.oracle.observe(&[done], 50).unwrap();
    assert_eq!(translated(&tree), [(2, true)]);
}
