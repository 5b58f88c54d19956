// SPDX-License-Identifier: Apache-2.0
//! Stores between the beats of a burst, and where each value that a device sees comes from.

use std::collections::BTreeMap;

use events::{Agent, Cycle, Event};
use golden::Spa;
use proptest::prelude::*;

use super::traffic::config;
use super::{Machine, address, plain, words};
use crate::{BusConfig, PortTiming};

/// The beats of ptw reads: (sampled, address, data).
fn beats(machine: &Machine) -> Vec<(Cycle, u64, u64)> {
    let beat = |(_, event): &(Cycle, Event)| match event {
        Event::PtwReadBeat { sampled, addr, data, .. } => Some((*sampled, addr.0, *data)),
        _ => None,
    };
    machine.log.iter().filter_map(beat).collect()
}

/// Software rewrites a 64-byte context from the last word to the first in one cycle. Swept over all cycles of a
/// read, the read sees the old context, the new one, and each of the torn ones in between.
#[test]
fn a_store_lands_between_any_two_beats() {
    let mut torn = [false; 9];
    for cycle in 0..24 {
        let mut machine = Machine::new(plain(), 0);
        machine.dut.ptw_ar.push_back(address(1, 0x4000, 8));
        (0..8).for_each(|word| machine.bus.store_at(cycle, Spa(0x4000 + 8 * word), 1));
        machine.settle().expect("no violation");
        let seen = beats(&machine);
        assert_eq!(seen.len(), 8);
        for &(sampled, addr, data) in &seen {
            assert_eq!(data, u64::from(sampled > cycle), "beat at {addr:#x} sampled in {sampled}, stored in {cycle}");
        }
        torn[seen.iter().filter(|(.., data)| *data == 0).count()] = true;
    }
    assert_eq!(torn, [true; 9], "number of old beats in a context");
}

/// A plain store becomes visible in the coming cycle, and the event says what was there.
#[test]
fn a_store_shows_in_the_coming_cycle() {
    let mut machine = Machine::new(plain(), 0);
    machine.cycle().expect("no violation");
    machine.bus.store(Spa(0x1000), 5);
    machine.bus.store(Spa(0x1000), 5);
    assert_eq!(machine.bus.memory().read_u64(Spa(0x1000)), 0);
    machine.cycle().expect("no violation");
    assert_eq!(machine.bus.memory().read_u64(Spa(0x1000)), 5);
    let store = |old, new| (1, Event::Store { agent: Agent::Cpu, addr: Spa(0x1000), old, new });
    assert_eq!(machine.log, [store(0, 5), store(5, 5)], "also where nothing changes");
}

#[test]
fn stores_that_are_not_aligned_or_masked() {
    let mut machine = Machine::new(plain(), 0);
    machine.bus.store(Spa(0x1003), 0x8877_6655_4433_2211);
    machine.bus.store_masked(Spa(0x2004), 0xaaaa_bbbb_cccc_dddd, 0xf0);
    machine.cycle().expect("no violation");
    let mut bytes = [0; 12];
    machine.bus.memory().read(Spa(0x1002), &mut bytes);
    assert_eq!(bytes, [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0, 0]);
    assert_eq!(machine.bus.memory().read_u64(Spa(0x2000)), 0xaaaa_bbbb_0000_0000);
    assert_eq!(machine.log.len(), 3);
}

#[test]
fn scheduled_stores_keep_their_cycle_and_order() {
    let mut machine = Machine::new(plain(), 0);
    machine.bus.store_at(3, Spa(8), 30);
    machine.bus.store_at(2, Spa(8), 20);
    machine.bus.store_at(3, Spa(8), 31);
    machine.bus.store(Spa(8), 1);
    (0..5).for_each(|_| machine.cycle().expect("no violation"));
    machine.bus.store_at(1, Spa(8), 99);
    machine.cycle().expect("no violation");
    let seen: Vec<_> = machine
        .log
        .iter()
        .filter_map(|(cycle, event)| match event {
            Event::Store { old, new, .. } => Some((*cycle, *old, *new)),
            _ => None,
        })
        .collect();
    assert_eq!(seen, [(0, 0, 1), (2, 1, 20), (3, 20, 30), (3, 30, 31), (5, 31, 99)]);
}

/// A value is on its way for a while after it left memory: what comes back may be stale by then. A device that
/// takes an invalidation in this window must not keep the value.
#[test]
fn values_travel() {
    let mut config = plain();
    config.ptw = PortTiming { latency: 30..=30, reorder: true, ..config.ptw };
    let mut machine = Machine::new(config, 1);
    (0..16).for_each(|at| machine.dut.ptw_ar.push_back(address(at, 0x4000, 1)));
    machine.settle().expect("no violation");
    let travel: Vec<Cycle> = machine
        .log
        .iter()
        .filter_map(|(cycle, event)| match event {
            Event::PtwReadBeat { sampled, .. } => Some(cycle - sampled),
            _ => None,
        })
        .collect();
    assert_eq!(travel.len(), 16);
    assert!(travel.iter().any(|&cycles| cycles < 8) && travel.iter().any(|&cycles| cycles > 20), "{travel:?}");
}

/// Memory that stalls leaves gaps between the beats of a burst, wide enough for software to store twice.
#[test]
fn stalls_part_the_beats() {
    let gaps = |stall_percent| {
        let mut config = plain();
        config.ptw.stall_percent = stall_percent;
        let mut machine = Machine::new(config, 2);
        machine.dut.ptw_ar.push_back(address(1, 0x4000, 256));
        machine.settle().expect("no violation");
        let seen = beats(&machine);
        seen.windows(2).map(|pair| pair[1].0 - pair[0].0).max()
    };
    assert_eq!(gaps(0), Some(1));
    assert_eq!(gaps(30), Some(5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Each beat carries what memory held in the cycle in which it was sampled, before the stores of that cycle,
    /// whoever stores; it was sampled after its address was accepted, and in the order of the beats of its ID.
    #[test]
    fn every_value_comes_from_its_cycle(config in config(), seed in any::<u64>()) {
        let mut machine = Machine::new(BusConfig { fill: crate::Fill::Zero, ..config }, seed);
        let mut draw = seed;
        let mut below = |n: u64| { draw = crate::dice::mix(draw); draw % n };
        for at in 0..30 {
            machine.dut.ptw_ar.push_back(address(below(4) as u8, 0x4000 + 64 * below(2), 8));
            machine.bus.store_at(below(600), Spa(0x4000 + 8 * below(16)), 1000 + at);
            if at % 3 == 0 {
                machine.dut.ptw_aw.push_back(address(8, 0x4000 + 8 * below(12), 4));
                machine.dut.ptw_w.extend(words(&[2000 + at, 3000 + at, 4000 + at, 5000 + at]));
                machine.enqueue(super::write(1, 0x4000 + 8 * below(8), &[6000 + at; 8]));
            }
        }
        machine.settle().expect("no violation");
        let mut history: BTreeMap<u64, Vec<(Cycle, u64)>> = BTreeMap::new();
        for (cycle, event) in &machine.log {
            if let Event::Store { addr, old, new, .. } = event {
                let words = history.entry(addr.0).or_default();
                prop_assert_eq!(words.last().map_or(0, |&(_, value)| value), *old, "a store knows its predecessor");
                words.push((*cycle, *new));
            }
        }
        let mut accepted: BTreeMap<u8, Vec<Cycle>> = BTreeMap::new();
        let mut order: BTreeMap<u8, (Cycle, bool)> = BTreeMap::new();
        let mut seen = 0;
        for (cycle, event) in &machine.log {
            match event {
                Event::PtwReadAddress { id, .. } => accepted.entry(*id).or_default().push(*cycle),
                Event::PtwReadBeat { id, addr, data, sampled, last, bytes, resp } => {
                    let held = history.get(&addr.0).and_then(|words| words.iter().rev().find(|(at, _)| at < sampled));
                    prop_assert_eq!(held.map_or(0, |&(_, value)| value), *data);
                    prop_assert!(accepted[id][0] < *sampled && *sampled <= *cycle);
                    // One beat of a burst a cycle; the next burst may begin in the cycle in which this one ends.
                    let in_order = order.get(id).is_none_or(|&(before, last)| before + u64::from(!last) <= *sampled);
                    prop_assert!(in_order);
                    prop_assert_eq!((*bytes, *resp), (8, 0));
                    order.insert(*id, (*sampled, *last));
                    seen += 1;
                    if *last {
                        accepted.get_mut(id).expect("accepted").remove(0);
                    }
                }
                _ => {}
            }
        }
        prop_assert_eq!(seen, 240);
    }
}
