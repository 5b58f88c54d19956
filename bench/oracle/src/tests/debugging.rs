// SPDX-License-Identifier: Apache-2.0
//! Translation requests by software, on the small tree.

use events::{Cycle, Event};
use golden::{Capabilities, TrReqCtl, TrResponse, offset};

use super::tree::{DEVICE, IOVA, LEAF, Tree, leaf};
use crate::{Rule, Violation};

const READ: TrReqCtl = TrReqCtl(1 | 1 << 3 | (DEVICE.0 as u64) << 40);

/// A device with the registers. It has read all of its tree.
fn tree() -> Tree {
    let mut tree = Tree::new();
    let caps = Capabilities(0x10).with_sv39(true).with_pas(46).with_dbg(true);
    tree.oracle.search.configuration.caps = caps;
    tree
}

/// Software writes a register, and the write is answered.
fn write(tree: &mut Tree, offset: u16, bytes: u8, value: u64, now: Cycle) {
    tree.oracle.observe(&[Event::RegWriteBegun { offset, bytes, value }], now).unwrap();
    tree.oracle.observe(&[Event::RegWrite { offset, bytes, value, accepted: now }], now + 2).unwrap();
}

fn read(tree: &mut Tree, offset: u16, bytes: u8, value: u64, now: Cycle) -> Result<(), Violation> {
    tree.oracle.observe(&[Event::RegRead { offset, bytes, value, accepted: now }], now + 2)
}

/// Asks for the page in cycle 100; a read in cycle 140 shows that it has ended.
fn ask(tree: &mut Tree) {
    write(tree, offset::TR_REQ_IOVA, 8, IOVA.0, 90);
    write(tree, offset::TR_REQ_CTL, 8, READ.0, 100);
    read(tree, offset::TR_REQ_CTL, 8, READ.0, 120).unwrap();
    read(tree, offset::TR_REQ_CTL, 8, READ.with_go(false).0, 140).unwrap();
}

/// The rule that an answer breaks; none: it is right.
fn answered(tree: &mut Tree, response: TrResponse) -> Option<Rule> {
    read(tree, offset::TR_RESPONSE, 8, response.0, 150).err().map(|violation| violation.rule)
}

fn page(to: u64) -> TrResponse {
    TrResponse(0).with_ppn(to >> 12)
}

#[test]
fn a_response_is_what_the_walk_comes_to() {
    for (response, wrong) in [
        (page(0x9000), None),
        (TrResponse(page(0x9000).0 | 0b111_1110), None),
        (page(0xA000), Some(Rule::DebugTranslation)),
        (page(0x9000).with_pbmt(1), Some(Rule::DebugTranslation)),
        (page(0x8000).with_s(true), Some(Rule::DebugTranslation)),
        (TrResponse(0).with_fault(true), Some(Rule::DebugTranslation)),
    ] {
        let mut tree = tree();
        ask(&mut tree);
        assert_eq!(answered(&mut tree, response), wrong, "{response:?}");
    }
}

#[test]
fn a_value_may_be_kept_until_it_is_invalidated() {
    for (completed, stale) in [(95, Some(Rule::DebugTranslation)), (130, None)] {
        let mut tree = tree();
        tree.store(LEAF, leaf(0xA000), 40);
        tree.vma(50, completed);
        ask(&mut tree);
        assert_eq!(answered(&mut tree, page(0x9000)), stale, "the fence was seen complete in cycle {completed}");
    }
}

#[test]
fn a_response_says_no_more_than_once() {
    let mut tree = tree();
    ask(&mut tree);
    assert_eq!(answered(&mut tree, page(0x9000)), None);
    assert_eq!(answered(&mut tree, page(0x9000)), None);
    assert_eq!(answered(&mut tree, page(0xA000)), Some(Rule::Register), "it holds until the next request");
}

#[test]
fn halves_are_put_together() {
    for (high, wrong) in [(0, None), (1, Some(Rule::DebugTranslation))] {
        let mut tree = tree();
        write(&mut tree, offset::TR_REQ_IOVA, 4, IOVA.0, 80);
        write(&mut tree, offset::TR_REQ_IOVA + 4, 4, 0, 85);
        write(&mut tree, offset::TR_REQ_CTL + 4, 4, READ.0 >> 32, 90);
        write(&mut tree, offset::TR_REQ_CTL, 4, READ.0 & 0xffff_ffff, 100);
        read(&mut tree, offset::TR_REQ_CTL, 4, READ.with_go(false).0 & 0xffff_ffff, 140).unwrap();
        let response = page(0x9000).0;
        read(&mut tree, offset::TR_RESPONSE, 4, response & 0xffff_ffff, 142).unwrap();
        let judged = read(&mut tree, offset::TR_RESPONSE + 4, 4, response >> 32 | high, 146);
        assert_eq!(judged.err().map(|violation| violation.rule), wrong);
    }
}

#[test]
fn the_registers_hold_what_was_written() {
    let rule = |tree: &mut Tree, offset, value| read(tree, offset, 8, value, 200).err().map(|violation| violation.rule);
    let mut tree = tree();
    assert_eq!(rule(&mut tree, offset::TR_REQ_IOVA, 0x123_4000), None, "its reset value is UNSPECIFIED");
    assert_eq!(rule(&mut tree, offset::TR_REQ_CTL, 1), Some(Rule::Register), "but Go is 0");
    ask(&mut tree);
    assert_eq!(rule(&mut tree, offset::TR_REQ_IOVA, IOVA.0 & !0xfff), None);
    assert_eq!(rule(&mut tree, offset::TR_REQ_IOVA, IOVA.0 ^ 0x1000), Some(Rule::Register));
    let ended = READ.with_go(false);
    assert_eq!(rule(&mut tree, offset::TR_REQ_CTL, ended.with_nw(false).0), Some(Rule::Register));
    assert_eq!(rule(&mut tree, offset::TR_REQ_CTL, ended.0 | 0xff0), None, "reserved bits");
    assert_eq!(rule(&mut tree, offset::TR_REQ_CTL, READ.0), Some(Rule::Register), "Go does not come again");
}

/// Without processes PV, PID and Priv may be hardwired: what was kept is translated.
#[test]
fn what_a_device_lacks_may_read_0() {
    for (kept, wrong) in [(READ.with_go(false), None), (READ.with_go(false).with_did(2), Some(Rule::Register))] {
        let mut tree = tree();
        write(&mut tree, offset::TR_REQ_IOVA, 8, IOVA.0, 90);
        write(&mut tree, offset::TR_REQ_CTL, 8, READ.with_pv(true).with_pid(5).with_privileged(true).0, 100);
        let judged = read(&mut tree, offset::TR_REQ_CTL, 8, kept.0, 140);
        assert_eq!(judged.err().map(|violation| violation.rule), wrong);
        if wrong.is_none() {
            assert_eq!(answered(&mut tree, page(0x9000)), None);
        }
    }
}

#[test]
fn what_is_unspecified_is_not_judged() {
    let mut tree = tree();
    write(&mut tree, offset::TR_REQ_IOVA, 8, IOVA.0, 90);
    write(&mut tree, offset::TR_REQ_CTL, 8, READ.0, 100);
    write(&mut tree, offset::TR_REQ_IOVA, 8, 0x1000, 110);
    read(&mut tree, offset::TR_REQ_CTL, 8, READ.with_go(false).0, 140).unwrap();
    assert_eq!(answered(&mut tree, page(0xA000)), None, "changed while it was busy");
    write(&mut tree, offset::TR_REQ_IOVA, 8, IOVA.0, 190);
    write(&mut tree, offset::TR_REQ_CTL, 8, READ.with_nw(false).with_exe(true).0, 200);
    read(&mut tree, offset::TR_REQ_CTL, 8, READ.with_go(false).with_nw(false).with_exe(true).0, 240).unwrap();
    assert!(read(&mut tree, offset::TR_RESPONSE, 8, page(0xA000).0, 250).is_ok(), "Exe without NW");
}

/// Only reads tell that a request is still under way.
#[test]
fn time_counts_up_to_the_last_look() {
    let mut tree = tree();
    write(&mut tree, offset::TR_REQ_IOVA, 8, IOVA.0, 90);
    write(&mut tree, offset::TR_REQ_CTL, 8, READ.0, 100);
    assert_eq!(tree.oracle.oldest_debug(5000), None);
    read(&mut tree, offset::TR_REQ_CTL, 8, READ.0, 120).unwrap();
    assert_eq!(tree.oracle.oldest_debug(5000), Some(4980), "20 cycles, as far as anybody knows");
    read(&mut tree, offset::TR_REQ_CTL, 8, READ.with_go(false).0, 140).unwrap();
    assert_eq!(tree.oracle.oldest_debug(5000), None);
}
