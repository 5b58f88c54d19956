// SPDX-License-Identifier: Apache-2.0
//! Features that the strap may offer: updates of A and D, interrupts as messages, interrupt files in memory, counters.

use events::{ATOMIC_COMPARE, Burst, Direction, DmaRequest, Event};
use golden::{Capabilities, Command, EventSelector, Iofence, MsiPte0, MsiPte1, Spa, Tc, offset};

use super::rig::*;
use crate::{CacheConfig, Habit, ModelConfig};

const A_D: u64 = 0xc0;

fn rig(offer: impl Fn(Capabilities) -> Capabilities) -> Rig {
    Rig::with_capabilities(ModelConfig::plain(1), 2..=9, offer(caps()))
}

/// Writes of the model to this doubleword: the atomics among them, and the others.
fn writes(rig: &Rig, at: u64) -> (usize, usize) {
    let here = |event: &&Event| matches!(event, Event::PtwWrite { addr, .. } if addr.0 & !7 == at);
    let all = rig.log.iter().map(|(_, event)| event).filter(here);
    let atomic = |event: &&Event| matches!(event, Event::PtwWrite { atop: ATOMIC_COMPARE, .. });
    let (atomics, others): (Vec<_>, Vec<_>) = all.partition(atomic);
    (atomics.len(), others.len())
}

#[test]
fn a_write_marks_the_pages_of_both_stages_and_the_table_between() {
    let mut rig = rig(|caps| caps.with_amo_hwad(true));
    let second = |gpa: u64| S2_L0 + (gpa - 0x20_0000) / 0x1000 * 8;
    let first = S1_L0 + SHIFT + 5 * 8;
    rig.store(DDT_LEAF + (u64::from(DEVICE.0) & 0x3f) * 64, Tc(0).with_v(true).with_pdtv(true).0 | 3 << 7);
    rig.store(first, leaf(DATA_A, LEAF & !A_D));
    rig.store(second(DATA_A), leaf(DATA_A + SHIFT, LEAF & !A_D));
    rig.store(second(S1_L0), leaf(S1_L0 + SHIFT, LEAF & !0x80));
    assert_eq!(rig.dma(Rig::request(IOVA, Direction::Read, 1)).resp, 0);
    assert_eq!(rig.load(first), leaf(DATA_A, LEAF & !0x80), "a read sets A");
    assert_eq!(rig.load(second(DATA_A)), leaf(DATA_A + SHIFT, LEAF & !0x80));
    assert_eq!(rig.load(second(S1_L0)), leaf(S1_L0 + SHIFT, LEAF), "the page of the entry was written");
    assert_eq!(rig.dma(Rig::request(IOVA, Direction::Write, 1)).resp, 0);
    assert_eq!(rig.load(first), leaf(DATA_A, LEAF), "a write sets D");
    for at in [first, second(DATA_A)] {
        assert_eq!(writes(&rig, at), (2, 0));
    }
    assert_eq!(writes(&rig, second(S1_L0)), (1, 0));
}

#[test]
fn a_pending_bit_that_is_set_sends_its_message_unless_it_is_masked() {
    let mut rig = rig(|caps| caps.with_igs(2));
    let entry = offset::MSI_CFG_TBL + 2 * 16;
    rig.write(entry, 8, 0x5_0000);
    rig.write(entry + 8, 4, 0x77);
    rig.write(offset::FCTL, 4, 0);
    assert_eq!(rig.peek(0x7000_0000), None);
    rig.settle();
    assert_eq!(rig.load(0x5_0000) as u32, 0x77);
    rig.write(entry + 12, 4, 1);
    rig.write(offset::IPSR, 4, 2);
    assert_eq!(rig.peek(0x7000_0000), None);
    rig.settle();
    assert_eq!((rig.read(offset::IPSR, 4), writes(&rig, 0x5_0000)), (2, (0, 1)), "pending and masked");
    rig.write(entry + 12, 4, 0);
    rig.settle();
    assert_eq!(writes(&rig, 0x5_0000), (0, 2));
}

#[test]
fn an_msi_for_a_file_in_memory_sets_its_bit_and_sends_the_notice() {
    let (file, notice) = (0x8_1000, 0x8_2000);
    let mut rig = rig(|caps| caps.with_msi_mrif(true).with_amo_mrif(true));
    rig.store(MSI_TABLE, MsiPte0(0).with_v(true).with_m(1).with_mrif(file >> 9).0);
    rig.store(MSI_TABLE + 8, MsiPte1(0).with_nppn(notice >> 12).with_nid9t0(0x123).0);
    rig.store(file + 2 * 16, 1);
    let burst = Burst { len: 0, size: 2, kind: 1 };
    let msi =
        |identity| DmaRequest { burst, data: vec![(identity, 0x0f)], ..Rig::request(IOVA_MSI, Direction::Write, 1) };
    assert_eq!(rig.dma(msi(130)).resp, 0);
    rig.settle();
    assert_eq!((rig.load(file + 2 * 16), rig.load(notice) as u32), (1 | 1 << 2, 0x123));
    rig.store(notice, 0);
    assert_eq!(rig.dma(msi(2048)).resp, 0, "accepted but discarded");
    rig.settle();
    assert_eq!(rig.load(notice), 0);
    assert_eq!(rig.dma(Rig::request(IOVA_MSI, Direction::Write, 1)).resp, 2, "eight bytes are no MSI");
    let to_memory = |(_, event): &(_, Event)| matches!(event, Event::MemAddress { .. });
    assert!(!rig.log.iter().any(to_memory));
    assert_eq!(rig.bus.memory().read_u64(Spa(file)), 0);
}

#[test]
fn a_fence_waits_for_msis_that_were_answered_before_they_were_stored() {
    let (file, notice) = (0x8_1000, 0x8_2000);
    let model = ModelConfig::plain(1);
    let stored_by = |habit: Option<Habit>| {
        let caches = CacheConfig { post_msis: true, ..model.caches };
        let offer = caps().with_msi_mrif(true).with_amo_mrif(true);
        let mut rig = Rig::with_capabilities(ModelConfig { caches, habit, ..model }, 60..=60, offer);
        rig.store(MSI_TABLE, MsiPte0(0).with_v(true).with_m(1).with_mrif(file >> 9).0);
        rig.store(MSI_TABLE + 8, MsiPte1(0).with_nppn(notice >> 12).with_nid9t0(0x123).0);
        // The first atomic finds something else, and a second one has to be made.
        rig.store(file, 1);
        let burst = Burst { len: 0, size: 2, kind: 1 };
        let msi = DmaRequest { burst, data: vec![(5, 0x0f)], ..Rig::request(IOVA_MSI, Direction::Write, 1) };
        assert_eq!(rig.dma(msi).resp, 0);
        assert_eq!(rig.load(file), 1, "answered, and not stored");
        rig.submit(&[Command::Fence(Iofence { pw: true, ..Iofence::default() }).encode()]);
        let passed = (0..200).any(|_| rig.read(offset::CQH, 4) == 1);
        assert!(passed, "the fence completes");
        rig.load(file)
    };
    assert_eq!(stored_by(None), 1 | 1 << 5);
    assert_eq!(stored_by(Some(Habit::MrifPassedByFence)), 1);
}

#[test]
fn counters_count_until_they_are_inhibited_and_say_when_they_go_over() {
    let mut rig = rig(|caps| caps.with_hpm(true));
    rig.write(offset::IOCOUNTINH, 4, 3);
    rig.write(offset::IOHPMEVT, 8, EventSelector(0).with_event(1).with_dv_gscv(true).with_did_gscid(DEVICE.0).0);
    rig.write(offset::IOHPMCTR, 8, u64::MAX);
    rig.write(offset::IOHPMCYCLES, 8, 0);
    assert!(rig.peek(IOVA).is_some());
    assert_eq!((rig.read(offset::IOHPMCTR, 8), rig.read(offset::IOHPMCYCLES, 8)), (u64::MAX, 0));
    rig.write(offset::IOCOUNTINH, 4, 0);
    assert!(rig.peek(IOVA).is_some());
    assert!(rig.peek(IOVA).is_some());
    assert_eq!((rig.read(offset::IOHPMCTR, 8), rig.read(offset::IOCOUNTOVF, 4)), (1, 2));
    assert_eq!(rig.read(offset::IPSR, 4), 4);
    assert!(rig.read(offset::IOHPMCYCLES, 8) > 20);
}
