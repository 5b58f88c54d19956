// SPDX-License-Identifier: Apache-2.0
//! DMA traffic through the pass-through: everything arrives, once, unchanged, in a reproducible order.

use std::collections::BTreeMap;

use events::{Agent, Burst, Direction, DmaRequest, Event, FIXED, INCR, OKAY, WRAP};
use golden::Spa;
use proptest::prelude::*;

use super::{Machine, plain, read, write};
use crate::{BusConfig, DeviceTiming, Fill, PortTiming};

fn timing() -> impl Strategy<Value = PortTiming> {
    (0..6_u32, 0..40_u32, any::<bool>(), any::<bool>(), 0..80_u8, any::<bool>(), 1..12_usize).prop_map(
        |(low, span, reorder, interleave, stall_percent, ready_after_valid, outstanding)| PortTiming {
            ready_after_valid,
            latency: low..=low + span,
            reorder,
            interleave,
            stall_percent,
            outstanding,
        },
    )
}

pub fn config() -> impl Strategy<Value = BusConfig> {
    let dev =
        (20..=100_u8, 0..80_u8, 0..8_u32, 1..12_usize).prop_map(|(ready_percent, gap_percent, lag, outstanding)| {
            DeviceTiming { ready_percent, gap_percent, write_lag: 0..=lag, outstanding }
        });
    (timing(), timing(), dev, 0..60_u8, any::<u64>()).prop_map(|(mem, ptw, dev, reg_stall_percent, fill)| BusConfig {
        mem,
        ptw,
        dev,
        reg_stall_percent,
        fill: Fill::Seeded(fill),
        ..BusConfig::default()
    })
}

/// A legal request in the page `page`, of any shape.
fn request(page: u64, id: u8, mut seed: u64) -> DmaRequest {
    let mut draw = |n: u64| {
        seed = crate::dice::mix(seed);
        seed % n
    };
    let kind = [INCR, INCR, WRAP, FIXED][draw(4) as usize];
    let size = draw(4) as u8;
    let len = match kind {
        WRAP => [1, 3, 7, 15][draw(4) as usize],
        _ => draw(16) as u8,
    };
    let burst = Burst { len, size, kind };
    let mut start = (page << 12) | draw(4096 - 128);
    if kind == WRAP {
        start &= !(burst.beat_bytes() - 1);
    }
    if draw(2) == 0 {
        return DmaRequest { burst, ..read(id, start, 1) };
    }
    let beat = |beat| (draw(u64::MAX), burst.lanes(start, beat) & (draw(256) | draw(256)) as u8);
    let data = (0..burst.beats()).map(beat).collect();
    DmaRequest { burst, data, direction: Direction::Write, ..read(id, start, 1) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Each request has a page of its own, so that the end does not depend on the order between IDs.
    #[test]
    fn everything_arrives_once(config in config(), seed in any::<u64>(), ids in prop::collection::vec(0..4_u8, 1..40)) {
        let mut machine = Machine::new(config, seed);
        let requests: Vec<_> =
            ids.iter().enumerate().map(|(at, &id)| request(1 + at as u64, id, seed ^ at as u64)).collect();
        let mut expected = machine.bus.memory().clone();
        for request in &requests {
            machine.enqueue(request.clone());
            for (beat, &(data, strobes)) in request.data.iter().enumerate() {
                expected.write_masked(Spa(request.burst.beat_address(request.iova.0, beat as u16)), data, strobes);
            }
        }
        machine.settle().expect("the pass-through breaks no rule");
        let mut accepted = BTreeMap::new();
        let mut done = 0;
        for (_, event) in &machine.log {
            match event {
                Event::DmaAccepted { ticket, request } => {
                    prop_assert!(accepted.insert(*ticket, request.clone()).is_none());
                }
                Event::DmaDone { ticket, resp, data } => {
                    let request = accepted.remove(ticket).expect("accepted before it is done");
                    prop_assert_eq!(*resp, OKAY);
                    done += 1;
                    let beats = if request.direction == Direction::Read { request.burst.beats() } else { 0 };
                    let right: Vec<u64> = (0..beats)
                        .map(|beat| expected.read_u64(Spa(request.burst.beat_address(request.iova.0, beat))))
                        .collect();
                    prop_assert_eq!(data, &right);
                }
                Event::Store { agent, .. } => prop_assert_eq!(*agent, Agent::Dma),
                _ => {}
            }
        }
        prop_assert_eq!(done, requests.len());
        prop_assert!(accepted.is_empty());
        for page in 0..=requests.len() as u64 {
            for word in 0..512 {
                let addr = Spa((page << 12) | (word << 3));
                prop_assert_eq!(machine.bus.memory().read_u64(addr), expected.read_u64(addr), "at {:#x}", addr.0);
            }
        }
    }

    /// Same configuration, seed and calls: same events in the same cycles.
    #[test]
    fn a_run_is_reproducible(config in config(), seed in any::<u64>()) {
        let run = |seed: u64| {
            let mut machine = Machine::new(config.clone(), seed);
            for at in 0..12 {
                machine.enqueue(request(1 + at, (at % 3) as u8, at));
            }
            for at in 0..6 {
                machine.dut.ptw_ar.push_back(super::address(at as u8, 0x1000 * at, 4));
                machine.bus.store_at(20 * at, Spa(0x1008 * at), at);
            }
            machine.settle().expect("no violation");
            machine.log
        };
        prop_assert_eq!(run(seed), run(seed));
    }
}

#[test]
fn another_seed_is_another_run() {
    let run = |seed| {
        let mut machine = Machine::new(BusConfig::default(), seed);
        (0..8).for_each(|at| machine.enqueue(read(at, 0x1000, 4)));
        machine.settle().expect("no violation");
        machine.log
    };
    assert_ne!(run(1), run(2));
}

/// Without chance the bus adds no cycle of its own: one beat a cycle in both directions.
#[test]
fn a_plain_bus_moves_a_beat_a_cycle() {
    let mut machine = Machine::new(plain(), 0);
    for at in 0..64 {
        machine.enqueue(read(at as u8, 0x1000 + 0x800 * at, 256));
        machine.enqueue(write(at as u8, 0x10_0000 + 0x800 * at, &[at; 256]));
    }
    machine.settle().expect("no violation");
    let beats = 64 * 256;
    assert!(machine.now < beats + beats / 10, "{} cycles for {beats} beats a direction", machine.now);
}

#[test]
fn requests_of_one_direction_go_out_in_order_and_know_their_origin() {
    let mut machine = Machine::new(BusConfig::default(), 3);
    let queued: Vec<_> =
        (0..20).map(|at| machine.bus.enqueue(read((at % 5) as u8, 0x1000 + 8 * at, 1)).expect("legal")).collect();
    assert_eq!(machine.bus.queued(Direction::Read), 20);
    assert_eq!(machine.bus.queued(Direction::Write), 0);
    let mut next = 0;
    while next < queued.len() {
        let seen = machine.log.len();
        machine.cycle().expect("no violation");
        for (_, event) in &machine.log[seen..] {
            if let Event::DmaAccepted { ticket, request } = event {
                assert_eq!(request.iova.0, 0x1000 + 8 * next as u64);
                assert_eq!(ticket.0, next as u64);
                assert_eq!(machine.bus.origin(*ticket), Some(queued[next]));
                next += 1;
            }
        }
    }
    assert!(machine.bus.outstanding(Direction::Read) > 0);
    machine.settle().expect("no violation");
    assert_eq!(machine.bus.outstanding(Direction::Read), 0);
    assert_eq!(machine.bus.origin(events::Ticket(0)), None);
}

/// A reset in the middle drops what is on the bus, and the rest of the queue goes out afterwards.
#[test]
fn reset_drops_what_is_on_the_bus() {
    let mut machine = Machine::new(BusConfig::default(), 5);
    (0..40).for_each(|at| machine.enqueue(read(at % 4, 0x1000, 8)));
    (0..40).for_each(|at| machine.enqueue(write(at % 4, 0x2000 + 64 * u64::from(at), &[7; 8])));
    (0..40).for_each(|_| machine.cycle().expect("no violation"));
    assert!(machine.bus.outstanding(Direction::Read) > 0 && machine.bus.outstanding(Direction::Write) > 0);
    machine.dut.sabotage = Some(Box::new(|_, _, out| out.reg = boundary::LiteSubordinate::default()));
    machine.bus.start_register_write(0, 8, 0).expect("idle");
    machine.bus.start_register_read(0, 8).expect("idle");
    machine.inputs.rst_n = false;
    (0..3).for_each(|_| machine.cycle().expect("no violation"));
    assert_eq!(machine.bus.outstanding(Direction::Read) + machine.bus.outstanding(Direction::Write), 0);
    assert!(machine.bus.register_idle());
    let left = machine.bus.queued(Direction::Read) + machine.bus.queued(Direction::Write);
    let before = machine.log.len();
    machine.inputs.rst_n = true;
    machine.settle().expect("no violation");
    let done = machine.log[before..].iter().filter(|(_, event)| matches!(event, Event::DmaDone { .. })).count();
    assert_eq!(done, left);
    assert!(left > 10);
}

#[test]
fn wires_are_told_when_they_change() {
    let mut machine = Machine::new(plain(), 0);
    machine.cycle().expect("no violation");
    machine.dut.wsi = 0x8001;
    machine.cycle().expect("no violation");
    machine.cycle().expect("no violation");
    assert_eq!(machine.log, [(1, Event::Wires { wsi: 0x8001 })]);
}
