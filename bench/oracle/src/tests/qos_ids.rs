// SPDX-License-Identifier: Apache-2.0
//! D8.13: whose QoS IDs reads of tables may carry.

use events::{Burst, Cycle, QosIds};
use golden::{Capabilities, Spa, SpecVersion, Ta};

use super::tree::{LEAF, POINTER, TA, TC, Tree, WORDS, shown};
use crate::rule::Violation;
use crate::{Bound, Ports, Rule, Settings};

/// Of the context, of the register, and of nobody.
const CONTEXT: QosIds = QosIds { rcid: 5, mcid: 9 };
const REGISTER: QosIds = QosIds { rcid: 0x123, mcid: 0xedc };
const NOBODY: QosIds = QosIds { rcid: 0, mcid: 0 };

const WORD: Burst = Burst { len: 0, size: 3, kind: 1 };

/// `ta` with the IDs of the context.
fn attributes() -> u64 {
    Ta(3 << 12 | 5 << 40 | 9 << 52).0
}

/// Software writes the register, and reads it back.
fn register_is(tree: &mut Tree, value: u64, now: Cycle) {
    tree.oracle.qos.write_begins(now);
    tree.oracle.qos.write_ends(now + 1);
    tree.oracle.qos.register_read(value);
}

/// The tree, behind a device that shows QoS IDs. Software has set the register, and read it back.
fn tree() -> Tree {
    let capabilities = Capabilities(0x10).with_sv39(true).with_pas(46).with_qosid(true);
    let settings = Settings::new(capabilities, SpecVersion::default(), Bound::FREE);
    let mut tree = Tree::unread_by(Settings { ports: Ports { qos_ids: true, ..Ports::default() }, ..settings });
    register_is(&mut tree, 0x0edc_0123, 1);
    tree.store(TA, attributes(), 2);
    tree
}

/// The device walks for a request by reads with these IDs, by word, and the request is explained. The verdict at rest.
fn walked(tree: &mut Tree, ids: impl Fn(Spa) -> QosIds) -> Result<(), Violation> {
    for (at, value) in WORDS {
        let (at, value) = (Spa(at), if at == TA.0 { attributes() } else { value });
        tree.oracle.read_with_ids(at, WORD, ids(at), 30_000)?;
        tree.read(at.0, value, 30_020);
    }
    let explained = tree.leads_to(0x9000, shown(30_000, 30_100)).expect("an explanation");
    tree.oracle.qos.learn(&explained.choices);
    tree.oracle.ids_at_rest(30_200)
}

/// As the specification says.
fn right(at: Spa) -> QosIds {
    if at.0 < 0x2000 { REGISTER } else { CONTEXT }
}

#[test]
fn contexts_are_read_with_the_ids_of_the_register_and_tables_with_those_of_the_context() {
    walked(&mut tree(), right).unwrap();
}

#[test]
fn any_other_ids_are_a_violation() {
    let wrong = [(TC, CONTEXT), (TC, NOBODY), (TA, NOBODY), (POINTER, REGISTER), (POINTER, NOBODY), (LEAF, NOBODY)];
    for (at, ids) in wrong {
        let violation = walked(&mut tree(), |word| if word == at { ids } else { right(word) }).unwrap_err();
        assert_eq!(violation.rule, Rule::QosIds, "{ids} at {:#x}", at.0);
    }
}

/// Words of memory that look like attributes of a context, and values of `ta` that the device never read, excuse nothing.
#[test]
fn only_contexts_that_were_read_lend_their_ids() {
    let other = QosIds { rcid: 7, mcid: 7 };
    let of_other = Ta(3 << 12 | 7 << 40 | 7 << 52).0;
    let all_but_leaf = |word| if word == LEAF { other } else { right(word) };
    let mut elsewhere = tree();
    elsewhere.store(Spa(0x7010), of_other, 3);
    elsewhere.read(0x7010, of_other, 29_000);
    assert_eq!(walked(&mut elsewhere, all_but_leaf).unwrap_err().rule, Rule::QosIds);
    let mut unread = tree();
    unread.store(Spa(0x1050), of_other, 3);
    assert_eq!(walked(&mut unread, all_but_leaf).unwrap_err().rule, Rule::QosIds);
    // The context of device 2: the walk may have been for that device.
    let mut beside = tree();
    beside.store(Spa(0x1050), of_other, 3);
    beside.read(0x1040, 1, 29_000);
    beside.read(0x1050, of_other, 29_000);
    walked(&mut beside, all_but_leaf).unwrap();
}

#[test]
fn an_old_value_of_the_register_may_show_for_a_while() {
    let fresh = QosIds { rcid: 1, mcid: 2 };
    let mut tree = tree();
    register_is(&mut tree, 0x0002_0001, 40_000);
    let mut message = |ids, now| tree.oracle.write_with_ids("message", ids, now).map_err(|violation| violation.rule);
    assert_eq!(message(fresh, 40_010), Ok(()));
    assert_eq!(message(REGISTER, 59_999), Ok(()));
    assert_eq!(message(REGISTER, 60_011), Err(Rule::QosIds));
    assert_eq!(message(fresh, 60_011), Ok(()));
}

#[test]
fn a_device_without_the_ports_is_not_asked() {
    let mut tree = Tree::unread();
    assert!(tree.oracle.read_with_ids(TC, WORD, NOBODY, 30).is_ok());
    assert!(tree.oracle.write_with_ids("message", CONTEXT, 30).is_ok());
}
