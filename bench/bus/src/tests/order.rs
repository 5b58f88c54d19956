// SPDX-License-Identifier: Apache-2.0
//! Order of responses: in order within an ID, free between IDs, and only as configured.

use events::{Agent, Event, SLVERR};
use golden::Spa;

use super::{Machine, address, plain, words};
use crate::{BusConfig, FaultKind, FaultOn, FaultPort, FaultRange, PortTiming};

fn timing(reorder: bool, interleave: bool) -> PortTiming {
    PortTiming { latency: 1..=40, reorder, interleave, stall_percent: 20, ready_after_valid: false, outstanding: 32 }
}

/// The (ID, address) of the ptw read beats of 24 bursts with 4 IDs, each burst at its own address.
fn read_beats(reorder: bool, interleave: bool) -> Vec<(u8, u64)> {
    let mut machine = Machine::new(BusConfig { ptw: timing(reorder, interleave), ..plain() }, 7);
    (0..24).for_each(|at| machine.dut.ptw_ar.push_back(address((at % 4) as u8, 0x1000 * (at + 1), 8)));
    machine.settle().expect("no violation");
    let beat = |(_, event): &_| match event {
        Event::PtwReadBeat { id, addr, .. } => Some((*id, addr.0)),
        _ => None,
    };
    machine.log.iter().filter_map(beat).collect()
}

/// Whether each sequence is what one ID must see, bursts and beats ascending.
fn ascending_within_ids(beats: &[(u8, u64)]) -> bool {
    (0..4).all(|id| beats.iter().filter(|beat| beat.0 == id).is_sorted_by_key(|beat| beat.1))
}

fn contiguous(beats: &[(u8, u64)]) -> bool {
    beats.chunks(8).all(|burst| burst.iter().all(|beat| beat.1 >> 12 == burst[0].1 >> 12))
}

#[test]
fn reads_in_order() {
    let beats = read_beats(false, true);
    assert_eq!(beats.len(), 192);
    assert!(beats.is_sorted_by_key(|beat| beat.1));
}

#[test]
fn reads_out_of_order_between_ids() {
    let beats = read_beats(true, false);
    assert_eq!(beats.len(), 192);
    assert!(!beats.is_sorted_by_key(|beat| beat.1), "somebody overtakes");
    assert!(ascending_within_ids(&beats) && contiguous(&beats));
}

#[test]
fn reads_interleaved() {
    let beats = read_beats(true, true);
    assert_eq!(beats.len(), 192);
    assert!(ascending_within_ids(&beats));
    assert!(!contiguous(&beats), "bursts alternate");
}

/// The IDs of the ptw write responses of 24 bursts with 4 IDs, and their order of becoming visible.
fn write_run(reorder: bool) -> Machine {
    let mut machine = Machine::new(BusConfig { ptw: timing(reorder, false), ..plain() }, 9);
    for at in 0..24 {
        machine.dut.ptw_aw.push_back(address((at % 4) as u8, 0x1000 * (at + 1), 4));
        machine.dut.ptw_w.extend(words(&[at; 4]));
    }
    machine.settle().expect("no violation");
    machine
}

#[test]
fn writes_answer_in_order_within_an_id() {
    let ids = |machine: &Machine| -> Vec<u8> {
        let id = |(_, event): &_| match event {
            Event::PtwWriteResponse { id, resp: 0 } => Some(*id),
            _ => None,
        };
        machine.log.iter().filter_map(id).collect()
    };
    let round: Vec<u8> = (0..24).map(|at| at % 4).collect();
    assert_eq!(ids(&write_run(false)), round);
    let free = ids(&write_run(true));
    assert_eq!(free.len(), 24);
    assert_ne!(free, round, "somebody overtakes");
}

/// Responses with one ID belong to the writes in their order: every third is refused, and its answer stays in place.
#[test]
fn each_write_gets_its_own_response() {
    let refused = FaultRange {
        start: Spa(0x8000),
        bytes: 0x1000,
        kind: FaultKind::SlvErr,
        on: FaultOn::Write,
        port: FaultPort::Ptw,
    };
    let mut machine = Machine::new(BusConfig { ptw: timing(true, false), faults: vec![refused], ..plain() }, 9);
    for at in 0..60 {
        let page = if at % 3 == 0 { 0x8000 } else { 0x1000 };
        machine.dut.ptw_aw.push_back(address((at / 3 % 2) as u8, page, 1));
        machine.dut.ptw_w.extend(words(&[at]));
    }
    machine.settle().expect("no violation");
    for wanted in 0..2 {
        let resp = |(_, event): &_| match event {
            Event::PtwWriteResponse { id, resp } if *id == wanted => Some(*resp),
            _ => None,
        };
        let responses: Vec<u8> = machine.log.iter().filter_map(resp).collect();
        assert_eq!(responses, [SLVERR, 0, 0].repeat(10));
    }
}

/// A write is handed over, then becomes visible beat by beat, one a cycle, and only then is it answered.
#[test]
fn a_write_is_visible_before_its_response() {
    for reorder in [false, true] {
        let machine = write_run(reorder);
        let mut handed = Vec::new();
        let mut visible: Vec<(u64, u64)> = Vec::new();
        let mut answered = [0; 4];
        for (cycle, event) in &machine.log {
            match event {
                Event::PtwWrite { addr, beats, .. } => {
                    assert_eq!(beats.len(), 4);
                    handed.push(addr.0);
                }
                Event::Store { agent, addr, .. } => {
                    assert_eq!(*agent, Agent::Iommu);
                    assert!(handed.contains(&(addr.0 & !0xfff)));
                    assert!(visible.last().is_none_or(|(before, _)| before < cycle), "one beat a cycle");
                    let id = (addr.0 / 0x1000 - 1) % 4;
                    let mut same = visible.iter().rev().filter(|(_, other)| (other / 0x1000 - 1) % 4 == id);
                    assert!(same.next().is_none_or(|(_, other)| *other < addr.0), "in order within an ID");
                    visible.push((*cycle, addr.0));
                }
                Event::PtwWriteResponse { id, .. } => {
                    answered[usize::from(*id)] += 1;
                    let beats = visible.iter().filter(|(_, addr)| (addr / 0x1000 - 1) % 4 == u64::from(*id)).count();
                    assert!(beats >= 4 * answered[usize::from(*id)]);
                }
                _ => {}
            }
        }
        assert_eq!((handed.len(), visible.len(), answered), (24, 96, [6; 4]));
    }
}

/// W may go ahead of AW: the beats find their burst later.
#[test]
fn data_ahead_of_its_address() {
    let mut machine = Machine::new(plain(), 0);
    machine.dut.ptw_w.extend(words(&[11, 12]));
    machine.dut.ptw_w.extend(words(&[13]));
    (0..10).for_each(|_| machine.cycle().expect("no violation"));
    assert!(machine.dut.ptw_w.is_empty(), "taken ahead");
    assert!(!machine.bus.ports_idle());
    machine.dut.ptw_aw.push_back(address(1, 0x1000, 2));
    machine.dut.ptw_aw.push_back(address(2, 0x2000, 1));
    machine.settle().expect("no violation");
    let held = [0x1000, 0x1008, 0x2000].map(|addr| machine.bus.memory().read_u64(Spa(addr)));
    assert_eq!(held, [11, 12, 13]);
}

/// Full slots and full data buffers hold READY low, and no more is taken than configured.
#[test]
fn the_port_holds_no_more_than_configured() {
    let ptw = PortTiming { latency: 50..=50, outstanding: 3, ..plain().ptw };
    let mut machine = Machine::new(BusConfig { ptw, ..plain() }, 0);
    (0..9).for_each(|at| machine.dut.ptw_ar.push_back(address(at, 0x1000, 1)));
    (0..30).for_each(|_| machine.cycle().expect("no violation"));
    assert_eq!(machine.bus.memory_outstanding()[1].1, 3);
    assert_eq!(machine.dut.ptw_ar.len(), 6);
    machine.settle().expect("no violation");
}

/// On `mem_*` too, and whoever listens sees the address first.
#[test]
fn data_ahead_on_mem_are_told_after_their_address() {
    let mut machine = Machine::new(plain(), 0);
    machine.dut.sabotage = Some(Box::new(|now, _, out| {
        let beats = words(&[11, 12]);
        out.mem.w = beats.get(now.wrapping_sub(1) as usize).copied().unwrap_or_default();
        out.mem.aw = if now == 6 { address(1, 0x1000, 2) } else { Default::default() };
        // Nobody on `dev_*` asked for this write.
        out.dev.b.valid = false;
    }));
    (0..12).for_each(|_| machine.cycle().expect("no violation"));
    let kinds: Vec<_> = machine.log.iter().map(|(cycle, event)| (*cycle, std::mem::discriminant(event))).collect();
    let beat = std::mem::discriminant(&Event::MemWriteBeat { data: 0, strb: 0, last: false });
    assert!(matches!(machine.log[0], (6, Event::MemAddress { .. })));
    assert_eq!(kinds[1..3], [(6, beat), (6, beat)]);
    assert_eq!(machine.bus.memory().read_u64(Spa(0x1008)), 12);
}

/// A device may pass responses from `mem_*` to `dev_*` without a register: cause comes before effect all the same.
#[test]
fn memory_answers_before_the_device_hears() {
    let mut machine = Machine::new(plain(), 0);
    machine.enqueue(super::read(1, 0x1000, 1));
    machine.enqueue(super::write(1, 0x2000, &[1]));
    machine.dut.sabotage = Some(Box::new(|now, inputs, out| {
        *out = Default::default();
        if now > 0 {
            (out.mem.aw, out.mem.w, out.mem.ar) = (inputs.dev.aw, inputs.dev.w, inputs.dev.ar);
            out.dev.aw_ready = inputs.mem.aw_ready;
            out.dev.w_ready = inputs.mem.w_ready;
            out.dev.ar_ready = inputs.mem.ar_ready;
            (out.dev.b, out.dev.r) = (inputs.mem.b, inputs.mem.r);
            out.mem.b_ready = inputs.dev.b_ready;
            out.mem.r_ready = inputs.dev.r_ready;
        }
    }));
    machine.settle().expect("wires break no rule");
    let at = |wanted: fn(&Event) -> bool| machine.log.iter().position(|(_, event)| wanted(event)).expect("happened");
    let read = [
        at(|event| matches!(event, Event::MemReadBeat { .. })),
        at(|event| matches!(event, Event::DmaDone { data, .. } if data.len() == 1)),
    ];
    let write = [
        at(|event| matches!(event, Event::MemWriteResponse { .. })),
        at(|event| matches!(event, Event::DmaDone { data, .. } if data.is_empty())),
    ];
    for [cause, effect] in [read, write] {
        assert_eq!(machine.log[cause].0, machine.log[effect].0, "in one cycle");
        assert!(cause < effect);
    }
}
