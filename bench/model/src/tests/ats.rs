// SPDX-License-Identifier: Apache-2.0
//! ATS and page requests on the wires.

use bus::{Answering, AtsTiming, FaultKind, FaultOn, FaultPort, FaultRange};
use events::{Event, PageRequest, TranslationRequest};
use golden::{AtsMessage, Command, Cqcsr, Iova, Pqcsr, Spa, offset};

use super::rig::*;
use crate::{Habit, ModelConfig};

fn quick() -> AtsTiming {
    AtsTiming { answer: 20..=20, ..AtsTiming::default() }
}

fn asked(iova: u64) -> TranslationRequest {
    TranslationRequest { device: DEVICE, process: Some(PROCESS), addr: Iova(iova), ..TranslationRequest::default() }
}

fn inval() -> Command {
    let rid = DEVICE.0 as u16;
    Command::AtsInval(AtsMessage { process: Some(PROCESS), segment: None, rid, payload: IOVA & !0xfff })
}

#[test]
fn a_translation_is_kept_until_software_invalidates_it() {
    let mut rig = Rig::with_ats(ModelConfig::plain(1), quick());
    rig.bus.ask_translation(asked(IOVA));
    rig.until("a translation", |rig| !rig.bus.cached().is_empty());
    let entry = rig.bus.cached()[0];
    assert_eq!(entry.translate(IOVA), Some(DATA_A + SHIFT));
    assert!(entry.completion.r && entry.completion.w && !entry.completion.x, "execution was not asked for");
    rig.commands(&[inval()]);
    assert!(rig.bus.cached().is_empty(), "the fence has waited for the device");
    let done = rig.log.iter().position(|(_, event)| matches!(event, Event::InvalidationDone { .. }));
    let stored = rig.log.iter().position(|(_, event)| matches!(event, Event::Store { addr: Spa(0x4_0000), .. }));
    assert!(done.is_some() && done < stored);
}

#[test]
fn only_the_device_that_was_asked_completes_an_invalidation() {
    // Whether the fence had waited for it, and not for another one that completes the same ITag at once.
    let waits = |habit: Option<Habit>| {
        let own = Answering { after: 300..=300, splits: false, silent: 0, strays: true };
        let devices = AtsTiming { own: vec![(DEVICE, own)], ..quick() };
        let mut rig = Rig::with_ats(ModelConfig { habit, ..ModelConfig::plain(1) }, devices);
        rig.commands(&[inval()]);
        let own = |event: &Event| matches!(event, Event::InvalidationDone { completion } if completion.device == DEVICE && completion.itags == 1);
        rig.log.iter().any(|(_, event)| own(event))
    };
    assert_eq!((waits(None), waits(Some(Habit::AtsDoneByAnyone))), (true, false));
}

#[test]
fn a_device_that_keeps_silent_is_a_time_out_of_the_fence() {
    let mut rig = Rig::with_ats(ModelConfig::plain(1), AtsTiming { silent_percent: 100, ..quick() });
    let fence = Command::Fence(golden::Iofence { store: Some((Spa(DONE), 9)), ..golden::Iofence::default() });
    rig.submit(&[inval().encode(), fence.encode()]);
    rig.cycles(9500);
    let csr = Cqcsr(rig.read(offset::CQCSR, 4) as u32);
    assert!(csr.cmd_to() && rig.load(DONE) >> 32 == 0, "{csr:?}");
    assert_eq!(rig.read(offset::CQH, 4), 1, "at the fence");
    rig.write(offset::CQCSR, 4, u64::from(csr.0));
    rig.until("the fence", |rig| rig.load(DONE) >> 32 == 9);
}

const PAGE: PageRequest = PageRequest {
    device: DEVICE,
    process: Some(PROCESS),
    privileged: false,
    exec: false,
    addr: Iova(0x5000),
    r: false,
    w: true,
    last: true,
    prgi: 0x41,
};

/// The device asks for a page, and it is dealt with.
fn ask(rig: &mut Rig) {
    rig.bus.ask_page(PAGE);
    rig.cycles(300);
}

#[test]
fn page_requests_are_queued_until_the_queue_is_full() {
    let mut rig = Rig::with_ats(ModelConfig::plain(1), quick());
    ask(&mut rig);
    assert_eq!(rig.load(PQ), u64::from(PROCESS.0) << 12 | 1 << 32 | u64::from(DEVICE.0) << 40);
    assert_eq!(rig.load(PQ + 8), 0x5000 | 0x41 << 3 | 0b110);
    assert_eq!((rig.read(offset::PQT, 4), rig.read(offset::IPSR, 4)), (1, 8));
    ask(&mut rig);
    assert!(Pqcsr(rig.read(offset::PQCSR, 4) as u32).pqof());
    let answers = rig.log.iter().filter_map(|(_, event)| match event {
        Event::PageResponded { response } => Some((response.prgi, response.status, response.process.is_some())),
        _ => None,
    });
    assert_eq!(answers.collect::<Vec<_>>(), [(0x41, 0, true)], "Success, with a PASID since PRPR is 1");
}

#[test]
fn habits_of_a_page_request_queue_in_error() {
    // One more record when software has made room and left pqof: where the tail is.
    let tail = |habit: Option<Habit>| {
        let mut rig = Rig::with_ats(ModelConfig { habit, ..ModelConfig::plain(1) }, quick());
        ask(&mut rig);
        ask(&mut rig);
        assert!(Pqcsr(rig.read(offset::PQCSR, 4) as u32).pqof());
        rig.write(offset::PQH, 4, 1);
        ask(&mut rig);
        rig.read(offset::PQT, 4)
    };
    assert_eq!((tail(None), tail(Some(Habit::PqRecordsDespiteOverflow))), (1, 0));
    // One more record where memory refuses the first entry: how many writes of it there were.
    let writes = |habit: Option<Habit>| {
        let mut rig = Rig::with_ats(ModelConfig { habit, ..ModelConfig::plain(1) }, quick());
        let (kind, on, port) = (FaultKind::SlvErr, FaultOn::Write, FaultPort::Ptw);
        rig.bus.add_fault(FaultRange { start: Spa(PQ), bytes: 16, kind, on, port });
        ask(&mut rig);
        ask(&mut rig);
        assert!(Pqcsr(rig.read(offset::PQCSR, 4) as u32).pqmf());
        rig.log.iter().filter(|(_, event)| matches!(event, Event::PtwWrite { addr: Spa(PQ), .. })).count()
    };
    assert_eq!((writes(None), writes(Some(Habit::PqRecordsDespiteMemoryFault))), (1, 2));
}

#[test]
fn without_the_strap_there_is_nothing() {
    let mut rig = Rig::new(ModelConfig::plain(1));
    assert!(!golden::Capabilities(rig.read(offset::CAPABILITIES, 8)).ats());
    rig.write(offset::PQCSR, 4, 3);
    rig.write(offset::PQB, 8, 0x1c04);
    assert_eq!((rig.read(offset::PQCSR, 4), rig.read(offset::PQB, 8)), (0, 0));
    rig.submit(&[inval().encode()]);
    rig.cycles(200);
    assert!(Cqcsr(rig.read(offset::CQCSR, 4) as u32).cmd_ill());
}
