// SPDX-License-Identifier: Apache-2.0
//! AXI5 AtomicCompare on `ptw_*`.

use boundary::{Address, WriteData};
use events::{ATOMIC_COMPARE, Agent, Cycle, DECERR, Event, WRAP};
use golden::Spa;

use super::{Machine, address, plain};
use crate::{BusConfig, FaultKind, FaultOn, FaultPort, FaultRange};

const OLD: u64 = 0x8877_6655_4433_2211;

fn run(config: BusConfig, aw: Address, data: &[u64], strb: u8) -> Machine {
    let mut machine = Machine::new(config, 0);
    machine.bus.memory_mut().write_u64(Spa(0x1000), OLD);
    machine.bus.memory_mut().write_u64(Spa(0x1008), OLD);
    machine.dut.ptw_aw.push_back(Address { atop: ATOMIC_COMPARE, ..aw });
    let beat = |(at, &data)| WriteData { valid: true, data, strb, last: at + 1 == data_len(aw) };
    machine.dut.ptw_w.extend(data.iter().enumerate().map(beat));
    machine.settle().expect("a legal atomic");
    machine
}

fn data_len(aw: Address) -> usize {
    usize::from(aw.len) + 1
}

/// Old value and response on R; response on B; address, old and new value of the store.
type Outcome = (Vec<(u64, u8)>, Vec<u8>, Vec<(u64, u64, u64)>);

fn outcome(machine: &Machine) -> Outcome {
    let (mut reads, mut responses, mut stores) = (Vec::new(), Vec::new(), Vec::new());
    for (_, event) in &machine.log {
        match event {
            Event::PtwReadBeat { data, resp, last: true, id: 5, .. } => reads.push((*data, *resp)),
            Event::PtwWriteResponse { id: 5, resp } => responses.push(*resp),
            Event::Store { agent: Agent::Iommu, addr, old, new } => stores.push((addr.0, *old, *new)),
            _ => {}
        }
    }
    (reads, responses, stores)
}

#[test]
fn eight_bytes_in_the_lower_half_compare_first() {
    let aw = address(5, 0x1000, 2);
    let machine = run(plain(), aw, &[OLD, 99], 0xff);
    assert_eq!(outcome(&machine), (vec![(OLD, 0)], vec![0], vec![(0x1000, OLD, 99)]));
    let machine = run(plain(), aw, &[OLD + 1, 99], 0xff);
    assert_eq!(outcome(&machine), (vec![(OLD, 0)], vec![0], vec![]));
    assert_eq!(machine.bus.memory().read_u64(Spa(0x1000)), OLD);
}

#[test]
fn eight_bytes_in_the_upper_half_swap_first() {
    let aw = Address { burst: WRAP, ..address(5, 0x1008, 2) };
    let machine = run(plain(), aw, &[99, OLD], 0xff);
    assert_eq!(outcome(&machine), (vec![(OLD, 0)], vec![0], vec![(0x1008, OLD, 99)]));
    let machine = run(plain(), aw, &[OLD, 99], 0xff);
    assert_eq!(outcome(&machine), (vec![(OLD, 0)], vec![0], vec![]));
}

/// Four-byte values share one beat: the halves of the doubleword.
#[test]
fn four_bytes() {
    let lower = address(5, 0x1000, 1);
    let machine = run(plain(), lower, &[0xaaaa_bbbb_4433_2211], 0xff);
    assert_eq!(outcome(&machine), (vec![(OLD, 0)], vec![0], vec![(0x1000, OLD, 0x8877_6655_aaaa_bbbb)]));
    let upper = Address { burst: WRAP, ..address(5, 0x1004, 1) };
    let machine = run(plain(), upper, &[0x8877_6655_aaaa_bbbb], 0xff);
    assert_eq!(outcome(&machine), (vec![(OLD, 0)], vec![0], vec![(0x1000, OLD, 0xaaaa_bbbb_4433_2211)]));
    let miss = run(plain(), upper, &[0x8877_6656_aaaa_bbbb], 0xff);
    assert_eq!(outcome(&miss), (vec![(OLD, 0)], vec![0], vec![]));
}

/// Narrow blocks use their lanes of the bus.
#[test]
fn one_byte() {
    let upper = Address { burst: WRAP, size: 1, ..address(5, 0x1005, 1) };
    let machine = run(plain(), upper, &[0x0000_66ee_0000_0000], 0x30);
    assert_eq!(outcome(&machine), (vec![(OLD, 0)], vec![0], vec![(0x1000, OLD, 0x8877_ee55_4433_2211)]));
}

/// The old value is the one before all stores of the cycle in which the atomic is performed.
#[test]
fn the_old_value_is_from_its_cycle() {
    let mut swapped = [0; 2];
    for cycle in 0..20 {
        let mut machine = Machine::new(plain(), 0);
        machine.bus.memory_mut().write_u64(Spa(0x1000), OLD);
        machine.bus.store_at(cycle, Spa(0x1000), 1);
        machine.dut.ptw_aw.push_back(Address { atop: ATOMIC_COMPARE, ..address(5, 0x1000, 2) });
        machine.dut.ptw_w.extend(super::words(&[OLD, 99]));
        (0..40).for_each(|_| machine.cycle().expect("no violation"));
        let sampled: Vec<(Cycle, u64)> = machine
            .log
            .iter()
            .filter_map(|(_, event)| match event {
                Event::PtwReadBeat { sampled, data, .. } => Some((*sampled, *data)),
                _ => None,
            })
            .collect();
        let old = if cycle < sampled[0].0 { 1 } else { OLD };
        assert_eq!(sampled, [(sampled[0].0, old)]);
        assert_eq!(machine.bus.memory().read_u64(Spa(0x1000)), if cycle < sampled[0].0 { 1 } else { machine.last() });
        swapped[usize::from(old == OLD)] += 1;
    }
    assert!(swapped.iter().all(|&times| times > 1), "{swapped:?}");
}

/// A DMA store to the same doubleword in the same cycle comes after the atomic.
#[test]
fn an_atomic_goes_before_dma() {
    let mut together = 0;
    for delay in 0..16 {
        let mut machine = Machine::new(plain(), 0);
        machine.bus.memory_mut().write_u64(Spa(0x1000), OLD);
        machine.dut.sabotage = Some(Box::new(move |now, _, out| {
            out.ptw.aw.valid &= now >= 8;
            out.ptw.w.valid &= now >= 8;
        }));
        machine.dut.ptw_aw.push_back(Address { atop: ATOMIC_COMPARE, ..address(5, 0x1000, 2) });
        machine.dut.ptw_w.extend(super::words(&[OLD, 99]));
        (0..delay).for_each(|_| machine.cycle().expect("no violation"));
        machine.enqueue(super::write(1, 0x1000, &[7]));
        machine.settle().expect("no violation");
        let at = |wanted| {
            let store = |(cycle, event): &(Cycle, Event)| match event {
                Event::Store { agent, old, .. } if *agent == wanted => Some((*cycle, *old)),
                _ => None,
            };
            machine.log.iter().find_map(store)
        };
        let (dma, old) = at(Agent::Dma).expect("a store");
        match at(Agent::Iommu) {
            Some((swap, seen)) => {
                assert!(swap <= dma);
                assert_eq!((seen, old, machine.bus.memory().read_u64(Spa(0x1000))), (OLD, 99, 7));
                together += usize::from(swap == dma);
            }
            None => assert_eq!((old, machine.bus.memory().read_u64(Spa(0x1000))), (OLD, 7)),
        }
    }
    assert_eq!(together, 1, "the sweep passes over the cycle of the atomic");
}

impl Machine {
    /// What the last store left.
    fn last(&self) -> u64 {
        let new = |(_, event): &_| match event {
            Event::Store { new, .. } => Some(*new),
            _ => None,
        };
        self.log.iter().rev().find_map(new).expect("a store")
    }
}

#[test]
fn refused() {
    let range =
        FaultRange { start: Spa(0x1000), bytes: 8, kind: FaultKind::DecErr, on: FaultOn::Write, port: FaultPort::Ptw };
    let machine = run(BusConfig { faults: vec![range], ..plain() }, address(5, 0x1000, 2), &[OLD, 99], 0xff);
    assert_eq!(outcome(&machine), (vec![(OLD, DECERR)], vec![DECERR], vec![]));
}
