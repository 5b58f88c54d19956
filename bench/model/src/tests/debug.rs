// SPDX-License-Identifier: Apache-2.0
//! Translation requests by software, and what the habits make of them.

use golden::{Command, MsiPte0, TrReqCtl, TrResponse, offset};

use super::rig::*;
use crate::{CacheConfig, Habit, ModelConfig};

/// For a read by the process.
const READ: TrReqCtl = TrReqCtl(1 | 1 << 3 | (PROCESS.0 as u64) << 12 | 1 << 32 | (DEVICE.0 as u64) << 40);

fn rig(config: ModelConfig) -> Rig {
    Rig::with_capabilities(config, 2..=9, caps().with_dbg(true).with_msi_mrif(true).with_amo_mrif(true))
}

fn has(habit: Habit) -> ModelConfig {
    ModelConfig { habit: Some(habit), ..ModelConfig::plain(1) }
}

/// Asks, and waits for the answer; none: it never comes.
fn asked(rig: &mut Rig, iova: u64, control: TrReqCtl) -> Option<TrResponse> {
    rig.write(offset::TR_REQ_IOVA, 8, iova);
    rig.write(offset::TR_REQ_CTL, 8, control.0);
    let begun = rig.now;
    while rig.read(offset::TR_REQ_CTL, 8) & 1 == 1 {
        if rig.now - begun > 5000 {
            return None;
        }
    }
    Some(TrResponse(rig.read(offset::TR_RESPONSE, 8)))
}

fn page(addr: u64) -> TrResponse {
    TrResponse(0).with_ppn(addr >> 12)
}

const FAULT: TrResponse = TrResponse(1);

#[test]
fn software_is_told_where_a_device_would_get() {
    let mut rig = rig(ModelConfig::plain(1));
    assert_eq!(asked(&mut rig, IOVA, READ), Some(page(DATA_A + SHIFT)));
    assert_eq!((rig.read(offset::TR_REQ_IOVA, 8), rig.read(offset::TR_REQ_CTL, 8)), (IOVA & !0xfff, READ.0 & !1));
    assert_eq!(rig.read(offset::FQT, 4), 0);
    assert_eq!(asked(&mut rig, IOVA + 0x4000, READ), Some(FAULT));
    rig.settle();
    let record = rig.record(0);
    assert_eq!((record.head.cause(), record.head.ttyp(), record.iotval), (13, 2, (IOVA + 0x4000) & !0xfff));
}

#[test]
fn what_is_written_while_a_request_is_under_way_is_ignored() {
    let mut rig = rig(ModelConfig::plain(1));
    rig.write(offset::TR_REQ_IOVA, 8, IOVA);
    rig.write(offset::TR_REQ_CTL, 8, READ.0);
    rig.write(offset::TR_REQ_IOVA, 8, 0x1000);
    assert_eq!(rig.read(offset::TR_REQ_CTL, 8), READ.0, "under way");
    rig.cycles(2000);
    assert_eq!(rig.read(offset::TR_RESPONSE, 8), page(DATA_A + SHIFT).0);
}

#[test]
fn a_device_without_the_interface_has_no_such_registers() {
    let mut rig = Rig::new(ModelConfig::plain(1));
    rig.write(offset::TR_REQ_IOVA, 8, IOVA);
    rig.write(offset::TR_REQ_CTL, 8, READ.0);
    for register in [offset::TR_REQ_IOVA, offset::TR_REQ_CTL, offset::TR_RESPONSE] {
        assert_eq!(rig.read(register, 8), 0);
    }
}

/// Whole translations of devices serve software as well, and hers serve devices.
#[test]
fn a_kept_translation_answers() {
    let caches = CacheConfig { results: 8, ..CacheConfig::none() };
    let mut rig = rig(ModelConfig { caches, ..ModelConfig::plain(1) });
    rig.peek(IOVA);
    let from = rig.log.len();
    assert_eq!(asked(&mut rig, IOVA, READ), Some(page(DATA_A + SHIFT)));
    assert_eq!(rig.walked(from), 0);
}

/// What comes of a request that a habit gets wrong, and what is right.
fn answers(habit: Habit, set_up: impl Fn(&mut Rig), iova: u64, control: TrReqCtl) -> [Option<TrResponse>; 2] {
    [ModelConfig::plain(1), has(habit)].map(|config| {
        let mut rig = rig(config);
        set_up(&mut rig);
        asked(&mut rig, iova, control)
    })
}

#[test]
fn habits_of_requests_by_software_give_another_answer() {
    let right = Some(page(DATA_A + SHIFT));
    let entry = S1_L0 + SHIFT + 5 * 8;
    let put = |value: u64| move |rig: &mut Rig| rig.store(entry, value);
    let nothing = |_: &mut Rig| {};
    let beside = Some(page((DATA_A + SHIFT) ^ 0x1000));
    assert_eq!(answers(Habit::DebugWrongAddress, nothing, IOVA, READ), [right, beside]);
    let [plain, large] = answers(Habit::DebugSizeTooLarge, nothing, IOVA, READ);
    assert_eq!((plain, large.map(TrResponse::s)), (right, Some(true)), "8 KiB of a page");
    let typed = right.map(|right| right.with_pbmt(1));
    assert_eq!(answers(Habit::DebugMemoryTypeDropped, put(leaf(DATA_A, LEAF) | 1 << 61), IOVA, READ), [typed, right]);
    let own = Some(TrResponse(0).with_ppn(0x7_7000));
    assert_eq!(answers(Habit::DebugFaultHidden, nothing, 0x7700_0000, READ), [Some(FAULT), own]);
    let privileged = READ.with_privileged(true);
    assert_eq!(answers(Habit::DebugPrivilegeDropped, nothing, IOVA, privileged), [Some(FAULT), right], "ENS is 0");
    assert_eq!(answers(Habit::DebugProcessDropped, nothing, IOVA, READ), [right, Some(FAULT)]);
    let read_only = put(leaf(DATA_A, LEAF & !4));
    assert_eq!(answers(Habit::DebugWriteNotAsked, read_only, IOVA, READ.with_nw(false)), [Some(FAULT), right]);
    let file = |rig: &mut Rig| rig.store(MSI_TABLE, MsiPte0(0).with_v(true).with_m(1).with_mrif(0x9000_0000 >> 9).0);
    assert_eq!(answers(Habit::DebugMrifPassed, file, IOVA_MSI, READ), [Some(FAULT), Some(page(0x9000_0000))]);
}

#[test]
fn habits_of_requests_by_software_lose_something() {
    let mut unrecorded = rig(has(Habit::DebugFaultUnrecorded));
    assert_eq!(asked(&mut unrecorded, 0x7700_0000, READ), Some(FAULT));
    unrecorded.settle();
    assert_eq!(unrecorded.read(offset::FQT, 4), 0);
    let mut lost = rig(has(Habit::DebugControlLost));
    asked(&mut lost, IOVA, READ);
    assert_eq!(lost.read(offset::TR_REQ_CTL, 8), 0);
    let mut stuck = rig(has(Habit::DebugNeverEnds));
    assert!((0..100).any(|_| asked(&mut stuck, IOVA, READ).is_none()));
    for (config, answer) in [(ModelConfig::plain(1), DATA_B), (has(Habit::DebugKeepsLast), DATA_A)] {
        let mut rig = rig(config);
        asked(&mut rig, IOVA, READ);
        rig.store(S1_L0 + SHIFT + 5 * 8, leaf(DATA_B, LEAF));
        rig.commands(&[Command::InvalVma(golden::Iotinval::default())]);
        assert_eq!(asked(&mut rig, IOVA, READ), Some(page(answer + SHIFT)));
    }
}
