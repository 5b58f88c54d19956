// SPDX-License-Identifier: Apache-2.0
use golden::{DeviceId, Iova, ProcessId, Spa};
use proptest::prelude::*;

use super::*;
use crate::{
    Agent, Attributes, Burst, Direction, DmaRequest, GroupResponse, InvalidationRequest, Named, Operation, PageRequest,
    Promise, QosIds, Ticket, TranslationCompletion,
};

fn back(event: &Event) -> Event {
    let mut line = String::new();
    Record::Event(event.clone()).write(&mut line);
    match Record::parse(&line) {
        Ok(Some(Record::Event(event))) => event,
        other => panic!("{line} {other:?}"),
    }
}

fn request() -> impl Strategy<Value = DmaRequest> {
    let data = proptest::collection::vec(any::<(u64, u8)>(), 0..4);
    let ids = (any::<u8>(), any::<u32>(), proptest::option::of(any::<u32>()));
    (ids, any::<u64>(), any::<(u8, u8, u8)>(), any::<[bool; 4]>(), data).prop_map(|(ids, iova, burst, flags, data)| {
        let ((id, device, process), [write, privileged, instruction, translated]) = (ids, flags);
        DmaRequest {
            id,
            direction: if write { Direction::Write } else { Direction::Read },
            iova: Iova(iova),
            burst: Burst { len: burst.0, size: burst.1, kind: burst.2 },
            device: DeviceId(device),
            process: process.map(ProcessId),
            privileged,
            instruction,
            translated,
            attributes: Attributes { lock: translated, cache: id, qos: burst.0 },
            data,
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let name = "[ -~\\n\"\\\\é=]{0,12}";
    let numbers = || (any::<u64>(), any::<u64>(), any::<u64>(), any::<u8>());
    let small = || (any::<u16>(), any::<u8>(), any::<bool>());
    prop_oneof![
        request().prop_map(|request| Event::DmaOffered { request }),
        (any::<u64>(), request()).prop_map(|(ticket, request)| Event::DmaAccepted { ticket: Ticket(ticket), request }),
        (numbers(), small()).prop_map(|((addr, ..), (_, id, lock))| Event::MemAddress {
            direction: Direction::Write,
            id,
            addr: Spa(addr),
            burst: Burst::incr(4),
            pbmt: 2,
            prot: 5,
            attributes: Attributes { lock, cache: id, qos: 0 },
            ids: QosIds { rcid: 0xfff, mcid: id.into() },
        }),
        (numbers(), small()).prop_map(|((addr, data, sampled, id), (_, bytes, last))| Event::PtwReadBeat {
            id,
            addr: Spa(addr),
            bytes,
            data,
            resp: 2,
            sampled,
            last,
        }),
        (numbers(), proptest::collection::vec(any::<(u64, u8)>(), 1..3)).prop_map(|((addr, .., id), beats)| {
            Event::PtwWrite { id, addr: Spa(addr), burst: Burst::default(), atop: 0x31, beats, ids: QosIds::default() }
        }),
        (numbers(), proptest::collection::vec(any::<u64>(), 0..3)).prop_map(|((ticket, ..), data)| Event::DmaDone {
            ticket: Ticket(ticket),
            resp: 0,
            data
        }),
        numbers().prop_map(|(addr, old, new, _)| Event::Store { agent: Agent::Iommu, addr: Spa(addr), old, new }),
        (numbers(), small()).prop_map(|((addr, ..), (_, tag, s))| Event::AtsCompleted {
            completion: TranslationCompletion { tag, addr: Spa(addr), s, global: !s, ..Default::default() },
        }),
        (any::<u32>(), small()).prop_map(|(device, (_, itag, s))| Event::InvalidationRequested {
            request: InvalidationRequest { device: DeviceId(device), s, itag, ..Default::default() },
        }),
        (any::<u32>(), small()).prop_map(|(device, (prgi, _, last))| Event::PageRequested {
            request: PageRequest { device: DeviceId(device), prgi, last, ..Default::default() },
        }),
        (any::<u32>(), small()).prop_map(|(process, (prgi, status, _))| Event::PageResponded {
            response: GroupResponse { process: Some(ProcessId(process)), prgi, status, ..Default::default() },
        }),
        (name, any::<bool>()).prop_map(|(name, reconfiguration)| Event::OperationBegun {
            operation: Operation { name, promise: Promise::Hitless, reconfiguration },
        }),
        (name, proptest::collection::vec(any::<u32>(), 1..3)).prop_map(|(name, ids)| Event::Named {
            name,
            what: Named::Device(ids.into_iter().map(DeviceId).collect()),
        }),
        (name, numbers()).prop_map(|(name, (iohgatp, fsc, ..))| Event::Named {
            name,
            what: Named::Domain { iohgatp, pscid: 0, fsc },
        }),
        (name, name, name).prop_map(|(rule, right, wrong)| {
            Event::ProtocolBroken { rule, right, wrong, place: "a\nb".to_owned() }
        }),
        small().prop_map(|(offset, bytes, _)| Event::RegWriteBegun { offset, bytes, value: 0 }),
        Just(Event::Rest),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(event in event()) {
        prop_assert_eq!(back(&event), event);
    }

    #[test]
    fn no_line_makes_it_panic(line in "\\PC{0,60}") {
        let _ = Record::parse(&line);
    }
}

#[test]
fn what_is_wrong_with_a_line_is_said() {
    let wrong = |line: &str| Record::parse(line).expect_err(line).to_string();
    assert_eq!(
        wrong("ptw-read-beet addr=0x10"),
        "there is no event \"ptw-read-beet\"; did you mean \"ptw-read-beat\"?"
    );
    assert_eq!(wrong("wires wsi=1 what=2"), "wires has no field \"what\"");
    assert_eq!(wrong("wires wsi=0x10000"), "wsi=0x10000: not a number of 16 bits");
    assert_eq!(wrong("store agent=me"), "agent=me: not cpu, dma or iommu");
    assert_eq!(wrong("rest now"), "a field is written key=value");
    assert_eq!(wrong("named name=\"nic"), "a string has no end");
    assert_eq!(wrong("@ten"), "@=ten: not a number of at most 64 bits, decimal or with 0x");
}

#[test]
fn a_trace_can_be_written_by_hand() {
    let text = "lockstep-trace 1\n# my bench\ndevice caps=0x0010 version=20260222 choices=gxl-writable:1\n@12\n\
                held addr=0x1000 value=7\n\nwires wsi=0b\n";
    let mut reader = Reader::new(text.as_bytes()).expect("a trace");
    assert!(
        matches!(reader.record(), Ok(Some(Record::Device(device))) if device.choices == [("gxl-writable".to_owned(), true)])
    );
    assert!(matches!(reader.record(), Ok(Some(Record::Cycle(12)))));
    let held = Event::Held { addr: Spa(0x1000), value: 7 };
    assert!(matches!(reader.record(), Ok(Some(Record::Event(event))) if event == held));
    let error = reader.record().expect_err("0b is no number").to_string();
    assert_eq!(error, "line 7: wsi=0b: not a number of at most 64 bits, decimal or with 0x");
    assert!(Reader::new("lockstep-trace 9\n".as_bytes()).is_err());
}

#[test]
fn a_cycle_is_named_once() {
    let mut writer = Writer::new(Vec::new(), &Device::default()).expect("memory");
    writer.events(&[Event::Rest], 3).expect("memory");
    writer.events(&[], 4).expect("memory");
    writer.events(&[Event::Wires { wsi: 1 }], 3).expect("memory");
    let text = String::from_utf8(writer.end(5, "finished", "").expect("memory")).expect("text");
    assert_eq!(text, "lockstep-trace 1\ndevice version=20260222\n@3\nrest\nwires wsi=1\n@5\nend how=\"finished\"\n");
}
