// SPDX-License-Identifier: Apache-2.0
//! Each illegal habit does what its sentence says: it shows on the wires or in memory, and without it the same
//! steps end well.

use bus::{FaultKind, FaultOn, FaultPort, FaultRange};
use events::{Direction, DmaRequest, Event};
use golden::{Command, FaultRecord, Fqcsr, Gscid, Iofence, Iotinval, Spa, offset};

use super::caches::*;
use super::rig::*;
use crate::{CacheConfig, Habit, ModelConfig};

fn has(habit: Habit, caches: CacheConfig) -> ModelConfig {
    ModelConfig { habit: Some(habit), ..with(caches) }
}

const RESULTS: CacheConfig = CacheConfig { results: 16, ..CacheConfig::none() };

fn vma(pscid: bool, page: Option<u64>, s: bool, nl: bool) -> Command {
    Command::InvalVma(Iotinval { gscid: Some(GSCID), pscid: pscid.then_some(PSCID), page, s, nl })
}

fn gvma(gscid: Option<Gscid>, page: Option<u64>, s: bool, nl: bool) -> Command {
    Command::InvalGvma(Iotinval { gscid, pscid: None, page, s, nl })
}

#[test]
fn habits_of_invalidations_leave_a_stale_entry() {
    let (iova, gpa) = (IOVA >> 12, DATA_A >> 12);
    let (all, one) = (Command::InvalDdt { device: None }, Command::InvalDdt { device: Some(DEVICE) });
    let pdt = Command::InvalPdt { device: DEVICE, process: PROCESS };
    let cases = [
        (Habit::VmaIgnored, FirstLeaf, vma(false, None, false, false)),
        (Habit::VmaGuestIgnored, FirstLeaf, vma(false, None, false, false)),
        (Habit::VmaGscidOffByOne, FirstLeaf, vma(false, None, false, false)),
        (Habit::VmaPscidAlways, FirstLeaf, vma(false, Some(iova), false, false)),
        (Habit::VmaPscidNever, FirstLeaf, vma(true, None, false, false)),
        (Habit::VmaAddressAlways, FirstLeaf, vma(true, None, false, false)),
        (Habit::VmaAddressIgnored, FirstLeaf, vma(false, Some(iova), false, false)),
        (Habit::VmaRangeAsPage, FirstLeaf, vma(false, Some(iova & !15 | 7), true, false)),
        (Habit::VmaLeafOnly, FirstPointer, vma(false, None, false, false)),
        (Habit::VmaNlIgnored, FirstPointer, vma(false, Some(iova), false, true)),
        (Habit::GvmaIgnored, SecondLeaf, gvma(None, None, false, false)),
        (Habit::GvmaAllIgnored, SecondLeaf, gvma(None, None, false, false)),
        (Habit::GvmaOneIgnored, SecondLeaf, gvma(Some(GSCID), None, false, false)),
        (Habit::GvmaGscidOffByOne, SecondLeaf, gvma(Some(GSCID), None, false, false)),
        (Habit::GvmaAllByAddress, SecondLeaf, gvma(None, Some(1), false, false)),
        (Habit::GvmaAddressAlways, SecondLeaf, gvma(Some(GSCID), None, false, false)),
        (Habit::GvmaRangeAsPage, SecondLeaf, gvma(Some(GSCID), Some(gpa & !15 | 7), true, false)),
        (Habit::GvmaLeafOnly, SecondPointer, gvma(Some(GSCID), None, false, false)),
        (Habit::GvmaNlIgnored, SecondPointer, gvma(Some(GSCID), Some(gpa), false, true)),
        (Habit::GvmaSparesMsi, Msi, gvma(Some(GSCID), None, false, false)),
        (Habit::DdtIgnored, DeviceContext, all),
        (Habit::DdtAllIgnored, DeviceContext, all),
        (Habit::DdtOneIgnored, DeviceContext, one),
        (Habit::DdtSparesEntries, DdtEntry, all),
        (Habit::DdtSparesPdt, PdtEntry, one),
        (Habit::DdtSparesPdt, ProcessContext, all),
        (Habit::DdtNarrowId, DeviceContext, one),
        (Habit::PdtIgnored, ProcessContext, pdt),
        (Habit::CommandSkipped, DeviceContext, one),
    ];
    for (habit, structure, command) in cases {
        // Every other command is skipped: let it be the one that counts.
        let commands = match habit {
            Habit::CommandSkipped => vec![gvma(None, None, false, false), command],
            _ => vec![command],
        };
        assert_eq!(change(with(structure.alone()), structure, &commands).1, Some(B), "{structure:?} {command:?}");
        assert_eq!(change(has(habit, structure.alone()), structure, &commands).1, Some(A), "{habit:?}");
    }
    let whole = [
        (Habit::VmaSparesResults, FirstLeaf, vma(false, None, false, false)),
        (Habit::GvmaSparesResults, SecondLeaf, gvma(None, None, false, false)),
        (Habit::DdtSparesResults, DeviceContext, all),
        (Habit::PdtSparesResults, ProcessContext, pdt),
    ];
    for (habit, structure, command) in whole {
        assert_eq!(change(has(habit, RESULTS), structure, &[command]).1, Some(A), "{habit:?}");
    }
}

/// Reads at `iova`, changes a word, executes a command, reads again.
fn after(config: ModelConfig, iova: u64, word: (u64, u64), command: Command) -> Option<u64> {
    let mut rig = Rig::new(config);
    assert!(rig.peek(iova).is_some());
    rig.store(word.0, word.1);
    rig.commands(&[command]);
    rig.peek(iova)
}

#[test]
fn habits_about_superpages_globals_tables_and_hosts() {
    // The first-stage superpage leads to the data through the second stage; afterwards to nothing.
    let (iova, first) = (IOVA_SUPER + 0x10_0000, (S1_L1 + SHIFT + 2 * 8, 0));
    let inside = vma(false, Some((iova >> 12) + 5), false, false);
    assert_eq!(after(with(FirstLeaf.alone()), iova, first, inside), None);
    assert_eq!(after(has(Habit::VmaSuperpageMissed, FirstLeaf.alone()), iova, first, inside), Some(A));

    let mut rig = Rig::new(has(Habit::VmaSparesGlobal, FirstLeaf.alone()));
    rig.store(S1_L0 + SHIFT + 5 * 8, leaf(DATA_A, LEAF | 0x20));
    assert_eq!(rig.peek(IOVA), Some(A));
    rig.store(S1_L0 + SHIFT + 5 * 8, leaf(DATA_B, LEAF));
    rig.commands(&[vma(false, None, false, false)]);
    assert_eq!(rig.peek(IOVA), Some(A));

    // The page of the first-stage leaf table moves.
    let moved = (S2_L0 + ((S1_L0 - 0x20_0000) >> 12) * 8, leaf(S1_L0_B + SHIFT, LEAF));
    let command = gvma(Some(GSCID), None, false, false);
    assert_eq!(after(with(SecondLeaf.alone()), IOVA, moved, command), Some(B));
    assert_eq!(after(has(Habit::GvmaSparesTables, SecondLeaf.alone()), IOVA, moved, command), Some(A));

    let host = |config: ModelConfig| {
        let mut rig = Rig::new(config);
        let peek = |rig: &mut Rig| {
            let request = DmaRequest { device: HOST, process: None, ..Rig::request(IOVA, Direction::Read, 1) };
            rig.dma(request).data[0]
        };
        assert_eq!(peek(&mut rig), A);
        rig.store(HOST_ROOT + 0x2000 + 5 * 8, leaf(DATA_B + SHIFT, LEAF));
        rig.commands(&[vma(false, None, false, false)]);
        assert_eq!(peek(&mut rig), A, "a guest's command does not reach it");
        rig.commands(&[Command::InvalVma(Iotinval::default())]);
        peek(&mut rig)
    };
    assert_eq!(host(with(FirstLeaf.alone())), B);
    assert_eq!(host(has(Habit::VmaHostIgnored, FirstLeaf.alone())), A);
}

#[test]
fn a_superpage_of_the_second_stage_can_be_missed() {
    let big = |config: ModelConfig| {
        let mut rig = Rig::new(config);
        rig.store(S2_L1 + 16, leaf(0x2000_0000, LEAF));
        rig.store(S1_L0 + SHIFT + 5 * 8, leaf(0x41_3000, LEAF));
        rig.store(0x2001_3000, A);
        rig.store(0x2021_3000, B);
        assert_eq!(rig.peek(IOVA), Some(A));
        rig.store(S2_L1 + 16, leaf(0x2020_0000, LEAF));
        rig.commands(&[gvma(Some(GSCID), Some(0x413), false, false)]);
        rig.peek(IOVA)
    };
    assert_eq!(big(with(SecondLeaf.alone())), Some(B));
    assert_eq!(big(has(Habit::GvmaSuperpageMissed, SecondLeaf.alone())), Some(A));
}

#[test]
fn entries_that_are_not_valid_can_be_kept() {
    let dc = DDT_LEAF + (u64::from(DEVICE.0) & 0x3f) * 64;
    let pc = PC_PAGE + SHIFT + u64::from(PROCESS.0 & 0xff) * 16;
    let cases = [
        (Habit::CachesInvalidDdtEntry, DdtEntry, DdtEntry.change().0),
        (Habit::CachesInvalidDeviceContext, DeviceContext, dc),
        (Habit::CachesInvalidProcessContext, PdtEntry, PdtEntry.change().0),
        (Habit::CachesInvalidProcessContext, ProcessContext, pc),
        (Habit::CachesInvalidFirstStage, FirstPointer, FirstLeaf.change().0),
        (Habit::CachesInvalidSecondStage, SecondPointer, SecondLeaf.change().0),
    ];
    for (habit, structure, addr) in cases {
        let revived = |config: ModelConfig| {
            let mut rig = Rig::new(config);
            let right = rig.load(addr);
            rig.store(addr, 0);
            assert_eq!(rig.peek(IOVA), None);
            rig.store(addr, right);
            rig.peek(IOVA)
        };
        assert_eq!(revived(with(structure.alone())), Some(A), "{structure:?}");
        assert_eq!(revived(has(habit, structure.alone())), None, "{habit:?}");
    }
}

/// The store of a fence as `ptw_*` shows it: address, data of the lanes, strobes; and how many there were.
fn fence_store(habit: Option<Habit>) -> Vec<(u64, u64, u8)> {
    let mut rig = Rig::new(ModelConfig { habit, ..ModelConfig::plain(1) });
    let fence = Iofence { store: Some((Spa(DONE & !7), 0x1234_5678)), ..Iofence::default() };
    rig.submit(&[Command::Fence(fence).encode()]);
    rig.settle();
    let stores = rig.log.iter().filter_map(|(_, event)| match event {
        Event::PtwWrite { addr, beats, .. } => Some((addr.0, beats[0].0, beats[0].1)),
        _ => None,
    });
    stores.collect()
}

#[test]
fn habits_of_fences() {
    let right = (DONE & !7, 0x1234_5678, 0x0f);
    assert_eq!(fence_store(None), [right]);
    assert_eq!(fence_store(Some(Habit::FenceStoreLost)), []);
    assert_eq!(fence_store(Some(Habit::FenceStoreWrongData))[0].1, 0xedcb_a987);
    assert_eq!(fence_store(Some(Habit::FenceStoreWrongAddress))[0].0, DONE);
    assert_eq!(fence_store(Some(Habit::FenceStoreTwice)), [right, right]);
    assert_eq!(fence_store(Some(Habit::FenceStoreWide))[0].2, 0xff);

    let early = |habit: Option<Habit>, direction: Direction| {
        let mut rig = Rig::with_latency(ModelConfig { habit, ..ModelConfig::plain(1) }, 1..=8);
        rig.bus.mem_timing_mut().latency = 900..=900;
        rig.bus.enqueue(Rig::request(IOVA, direction, 1)).expect("a legal request");
        rig.until("address", |rig| rig.log.iter().any(|(_, event)| matches!(event, Event::MemAddress { .. })));
        let fence = Iofence { store: Some((Spa(DONE), 1)), pr: true, pw: true, ..Iofence::default() };
        rig.submit(&[Command::Fence(fence).encode()]);
        rig.settle();
        let when = |wanted: &dyn Fn(&Event) -> bool| rig.log.iter().find(|(_, event)| wanted(event)).expect("seen").0;
        let answered = when(&|event| matches!(event, Event::MemWriteResponse { .. } | Event::MemReadBeat { .. }));
        when(&|event| matches!(event, Event::PtwWrite { .. })) < answered
    };
    assert!(!early(None, Direction::Read) && early(Some(Habit::FenceIgnoresPr), Direction::Read));
    assert!(!early(None, Direction::Write) && early(Some(Habit::FenceIgnoresPw), Direction::Write));

    // The fence is early by some time: the next request may come too late to see it.
    let stale = |habit: Option<Habit>| {
        (0..16).any(|seed| {
            let config = ModelConfig { habit, seed, ..with(DeviceContext.alone()) };
            change(config, DeviceContext, &[Command::InvalDdt { device: None }]).1 == Some(A)
        })
    };
    assert!(!stale(None) && stale(Some(Habit::FenceEarly)));
}

/// The record that a refused request leaves.
fn record(habit: Option<Habit>, request: DmaRequest, setup: impl Fn(&mut Rig)) -> FaultRecord {
    let mut rig = Rig::new(ModelConfig { habit, ..ModelConfig::plain(1) });
    setup(&mut rig);
    assert_eq!(rig.dma(request).resp, 2);
    rig.settle();
    rig.record(0)
}

#[test]
fn habits_of_fault_records() {
    let write = || Rig::request(0x7000_0000, Direction::Write, 1);
    let right = record(None, write(), |_| {});
    let wrong = |habit| record(Some(habit), write(), |_| {});
    assert_eq!(wrong(Habit::FaultLost), FaultRecord::default());
    assert_eq!(wrong(Habit::FaultCauseOfRead).head, right.head.with_cause(13));
    assert_eq!(wrong(Habit::FaultWrongIotval).iotval, right.iotval + 0x1000);
    assert_eq!(wrong(Habit::FaultTtypOfRead).head, right.head.with_ttyp(2));
    assert_eq!(wrong(Habit::FaultWrongDevice).head, right.head.with_did(DEVICE.0 ^ 1));
    assert_eq!(wrong(Habit::FaultNoProcess).head, right.head.with_pv(false).with_pid(0));

    let guest = |rig: &mut Rig| rig.store(S2_L0 + ((S1_L0 - 0x20_0000) >> 12) * 8, 0);
    let read = || Rig::request(IOVA, Direction::Read, 1);
    let right = record(None, read(), guest);
    assert_eq!((right.head.cause(), right.iotval2 & 1), (21, 1));
    assert_eq!(record(Some(Habit::FaultStageConfused), read(), guest).head.cause(), 13);
    assert_eq!(record(Some(Habit::FaultNoIotval2), read(), guest).iotval2, 0);
    assert_eq!(record(Some(Habit::FaultNotImplicit), read(), guest).iotval2, right.iotval2 & !1);

    let privileged = || DmaRequest { privileged: true, ..read() };
    let none = |_: &mut Rig| {};
    assert!(record(None, privileged(), none).head.privileged());
    assert!(!record(Some(Habit::FaultNoPrivilege), privileged(), none).head.privileged());

    let silent = |rig: &mut Rig| {
        let dc = DDT_LEAF + (u64::from(DEVICE.0) & 0x3f) * 64;
        let tc = rig.load(dc);
        rig.store(dc, tc | 1 << 4);
    };
    assert_eq!(record(None, write(), silent), FaultRecord::default());
    assert_ne!(record(Some(Habit::FaultDespiteDtf), write(), silent), FaultRecord::default());
}

#[test]
fn habits_of_the_fault_queue() {
    let queue = |habit: Option<Habit>, faults: u32| {
        let mut rig = Rig::new(ModelConfig { habit, ..ModelConfig::plain(1) });
        if habit == Some(Habit::FaultWriteErrorHidden) {
            let (kind, on, port) = (FaultKind::SlvErr, FaultOn::Write, FaultPort::Ptw);
            rig.bus.add_fault(FaultRange { start: Spa(FQ), bytes: 32, kind, on, port });
        }
        for _ in 0..faults {
            assert_eq!(rig.peek(0x7000_0000), None);
        }
        rig.settle();
        (rig.read(offset::FQT, 4), Fqcsr(rig.read(offset::FQCSR, 4) as u32))
    };
    assert_eq!(queue(None, 1).0, 1);
    assert_eq!(queue(Some(Habit::FaultTwice), 1).0, 2);
    assert_eq!(queue(Some(Habit::FaultWriteErrorHidden), 1), (1, Fqcsr(0x1_0003)));
    assert_eq!(queue(Some(Habit::OverflowIgnored), 9), (1, Fqcsr(0x1_0003)));
}

#[test]
fn habits_of_a_fault_queue_in_error() {
    // One more record where memory refuses the first entry: how many writes of it there were.
    let writes = |habit: Option<Habit>| {
        let mut rig = Rig::new(ModelConfig { habit, ..ModelConfig::plain(1) });
        let (kind, on, port) = (FaultKind::SlvErr, FaultOn::Write, FaultPort::Ptw);
        rig.bus.add_fault(FaultRange { start: Spa(FQ), bytes: 32, kind, on, port });
        for _ in 0..2 {
            assert_eq!(rig.peek(0x7000_0000), None);
            rig.settle();
        }
        assert!(Fqcsr(rig.read(offset::FQCSR, 4) as u32).fqmf());
        rig.log.iter().filter(|(_, event)| matches!(event, Event::PtwWrite { addr: Spa(FQ), .. })).count()
    };
    assert_eq!((writes(None), writes(Some(Habit::RecordsDespiteMemoryFault))), (1, 2));
    // One more record when software has made room and left fqof: where the tail is.
    let tail = |habit: Option<Habit>| {
        let mut rig = Rig::new(ModelConfig { habit, ..ModelConfig::plain(1) });
        for _ in 0..9 {
            assert_eq!(rig.peek(0x7000_0000), None);
        }
        rig.settle();
        assert!(Fqcsr(rig.read(offset::FQCSR, 4) as u32).fqof());
        rig.write(offset::FQH, 4, 7);
        assert_eq!(rig.peek(0x7000_0000), None);
        rig.settle();
        rig.read(offset::FQT, 4)
    };
    assert_eq!((tail(None), tail(Some(Habit::RecordsDespiteOverflow))), (7, 0));
}

#[test]
fn habits_of_walks() {
    let pte = S1_L0 + SHIFT + 5 * 8;
    let second = S2_L0 + ((DATA_A - 0x20_0000) >> 12) * 8;
    let (data, guest) = (DATA_A, DATA_A + SHIFT);
    let dc = DDT_LEAF + (u64::from(DEVICE.0) & 0x3f) * 64;
    let (read, write) = (Rig::request(IOVA, Direction::Read, 1), Rig::request(IOVA, Direction::Write, 1));
    let fetch = DmaRequest { instruction: true, ..read.clone() };
    let cases = [
        (Habit::UserIgnored, pte, leaf(data, LEAF & !0x10), &read),
        (Habit::AccessedIgnored, pte, leaf(data, LEAF & !0x40), &read),
        (Habit::DirtyIgnored, pte, leaf(data, LEAF & !0x80), &write),
        (Habit::ExecuteAsRead, pte, leaf(data, LEAF & !6), &read),
        (Habit::ReadAsExecute, pte, leaf(data, LEAF & !8), &fetch),
        (Habit::ReadAsWrite, pte, leaf(data, LEAF & !4), &write),
        (Habit::SecondReadAsWrite, second, leaf(guest, LEAF & !4), &write),
        (Habit::SecondUserIgnored, second, leaf(guest, LEAF & !0x10), &read),
        (Habit::ReservedIgnored, pte, leaf(data, LEAF) | 1 << 57, &read),
        (Habit::MisalignedAccepted, S1_L1 + SHIFT, leaf(0x20_1000, LEAF), &read),
        (Habit::InvalidPteUsed, pte, leaf(data, LEAF & !1), &read),
        (Habit::InvalidContextUsed, dc, 1 << 5, &read),
        (Habit::ContextReservedIgnored, dc, 1 << 5 | 1 | 1 << 12, &read),
    ];
    for (habit, addr, value, request) in cases {
        let resp = |habit: Option<Habit>| {
            let mut rig = Rig::new(ModelConfig { habit, ..ModelConfig::plain(1) });
            rig.store(addr, value);
            rig.dma(request.clone()).resp
        };
        assert_eq!((resp(None), resp(Some(habit))), (2, 0), "{habit:?}");
    }
}

#[test]
fn habits_of_supervisors() {
    let low = u64::from(PROCESS.0 & 0xff);
    let ta = |bits: u64| bits | 1 | u64::from(PSCID.0) << 12;
    let pte = S1_L0 + SHIFT + 5 * 8;
    // Users' pages without SUM; supervisors' pages without ENS.
    let cases = [(Habit::SumIgnored, ta(0b10), LEAF), (Habit::EnsIgnored, ta(0), LEAF & !0x10)];
    for (habit, context, flags) in cases {
        let resp = |habit: Option<Habit>| {
            let mut rig = Rig::new(ModelConfig { habit, ..ModelConfig::plain(1) });
            rig.store(PC_PAGE + SHIFT + low * 16, context);
            rig.store(pte, leaf(DATA_A, flags));
            rig.dma(DmaRequest { privileged: true, ..Rig::request(IOVA, Direction::Read, 1) }).resp
        };
        assert_eq!((resp(None), resp(Some(habit))), (2, 0), "{habit:?}");
    }
}

/// What the device shows on `mem_*` for a write of so many beats to a superpage with PBMT = NC, and its answer.
fn at_memory(habit: Option<Habit>, iova: u64, beats: u8) -> (Vec<Event>, u8) {
    let mut rig = Rig::new(ModelConfig { habit, ..ModelConfig::plain(1) });
    rig.store(S1_L1 + SHIFT + 2 * 8, leaf(0x40_0000, LEAF) | 1 << 61);
    rig.store(S2_L1 + 16, leaf(0x2000_0000, LEAF));
    let mut request = Rig::request(iova, Direction::Write, beats);
    request.data[0] = (0x1111, 0x0f);
    request.id = 6;
    let from = rig.log.len();
    let answer = rig.dma(request);
    let shown = |event: &Event| matches!(event, Event::MemAddress { .. } | Event::MemWriteBeat { .. });
    (rig.log.drain(from..).map(|(_, event)| event).filter(shown).collect(), answer.resp)
}

#[test]
fn habits_of_dma_show_at_memory() {
    let inside = IOVA_SUPER + 0x10_0048;
    let right = at_memory(None, inside, 2);
    assert_eq!((right.0.len(), right.1), (3, 0));
    let habits = [
        Habit::SuperpageOffsetDropped,
        Habit::WriteDataCorrupted,
        Habit::StrobesIgnored,
        Habit::BurstNarrowed,
        Habit::CacheChanged,
        Habit::QosDropped,
        Habit::OffsetDropped,
        Habit::PbmtDropped,
        Habit::PbmtInvented,
    ];
    for habit in habits {
        assert_ne!(at_memory(Some(habit), inside, 2).0, right.0, "{habit:?}");
    }
    // An exclusive access is one that AXI allows: its burst is aligned.
    let lock = |habit: Option<Habit>| match at_memory(habit, inside, 1).0[..] {
        [Event::MemAddress { attributes, .. }, Event::MemWriteBeat { .. }] => attributes.lock,
        ref shown => panic!("{shown:?}"),
    };
    assert_eq!((lock(None), lock(Some(Habit::LockInvented))), (false, true));
    let nowhere = 0x7000_0000;
    assert_eq!(at_memory(None, nowhere, 2), (vec![], 2));
    assert_eq!(at_memory(Some(Habit::RefusalOkay), nowhere, 2), (vec![], 0));
    assert_eq!(at_memory(Some(Habit::RefusalPassed), nowhere, 2).0.len(), 3);
}

#[test]
fn names_and_sentences_are_there_for_all() {
    for &habit in Habit::ALL {
        assert!(habit.sentence().ends_with('.') && habit.sentence().len() > 10, "{habit:?}");
        assert_eq!(Habit::from_name(habit.name()), Some(habit));
    }
    assert!(Habit::ALL.len() >= 80);
    assert_eq!(Habit::from_name("None"), None);
}
