// SPDX-License-Identifier: Apache-2.0
//! SLVERR, DECERR and poison by address.

use events::{DECERR, Event, OKAY, SLVERR};
use golden::Spa;

use super::{Machine, address, plain, read, words, write};
use crate::{BusConfig, FaultKind, FaultOn, FaultPort, FaultRange};

const OLD: u64 = 0x1234;

fn fault(kind: FaultKind, on: FaultOn, port: FaultPort) -> FaultRange {
    // The second and third doubleword of the block, the third only in part.
    FaultRange { start: Spa(0x1008), bytes: 9, kind, on, port }
}

fn machine(range: FaultRange) -> Machine {
    let mut machine = Machine::new(BusConfig { faults: vec![range], ..plain() }, 0);
    (0..4).for_each(|word| machine.bus.memory_mut().write_u64(Spa(0x1000 + 8 * word), OLD));
    machine
}

/// (data, response) of the four beats that ptw reads.
fn ptw_read(machine: &mut Machine) -> Vec<(u64, u8)> {
    machine.log.clear();
    machine.dut.ptw_ar.push_back(address(0, 0x1000, 4));
    machine.settle().expect("no violation");
    let beat = |(_, event): &_| match event {
        Event::PtwReadBeat { data, resp, .. } => Some((*data, *resp)),
        _ => None,
    };
    machine.log.iter().filter_map(beat).collect()
}

fn ptw_write(machine: &mut Machine) -> u8 {
    machine.log.clear();
    machine.dut.ptw_aw.push_back(address(0, 0x1000, 4));
    machine.dut.ptw_w.extend(words(&[1, 2, 3, 4]));
    machine.settle().expect("no violation");
    let response = |(_, event): &_| match event {
        Event::PtwWriteResponse { resp, .. } => Some(*resp),
        _ => None,
    };
    machine.log.iter().find_map(response).expect("a response")
}

fn held(machine: &Machine) -> [u64; 4] {
    [0, 1, 2, 3].map(|word| machine.bus.memory().read_u64(Spa(0x1000 + 8 * word)))
}

#[test]
fn reads_fail_beat_by_beat() {
    let good = (OLD, OKAY);
    let slv = fault(FaultKind::SlvErr, FaultOn::Read, FaultPort::Ptw);
    assert_eq!(ptw_read(&mut machine(slv)), [good, (OLD, SLVERR), (OLD, SLVERR), good]);
    let dec = fault(FaultKind::DecErr, FaultOn::Both, FaultPort::Both);
    assert_eq!(ptw_read(&mut machine(dec)), [good, (u64::MAX, DECERR), (u64::MAX, DECERR), good]);
    let other = fault(FaultKind::SlvErr, FaultOn::Both, FaultPort::Mem);
    assert_eq!(ptw_read(&mut machine(other)), [good; 4]);
    let writes = fault(FaultKind::SlvErr, FaultOn::Write, FaultPort::Both);
    assert_eq!(ptw_read(&mut machine(writes)), [good; 4]);
}

#[test]
fn writes_fail_and_change_nothing() {
    for (kind, resp) in [(FaultKind::SlvErr, SLVERR), (FaultKind::DecErr, DECERR)] {
        let mut refused = machine(fault(kind, FaultOn::Write, FaultPort::Ptw));
        assert_eq!(ptw_write(&mut refused), resp);
        assert_eq!(held(&refused), [1, OLD, OLD, 4]);
        let mut readable = machine(fault(kind, FaultOn::Read, FaultPort::Ptw));
        assert_eq!(ptw_write(&mut readable), OKAY);
        assert_eq!(held(&readable), [1, 2, 3, 4]);
    }
}

#[test]
fn poison_is_healed_by_a_whole_store() {
    let mut machine = machine(fault(FaultKind::Poison, FaultOn::Both, FaultPort::Both));
    let (good, bad) = ((OLD, OKAY), (!OLD, SLVERR));
    assert_eq!(ptw_read(&mut machine), [good, bad, bad, good]);
    machine.bus.store_masked(Spa(0x1008), OLD, 0x0f);
    machine.bus.store(Spa(0x1010), OLD);
    machine.cycle().expect("no violation");
    assert_eq!(ptw_read(&mut machine), [good, bad, good, good]);
    assert_eq!(ptw_write(&mut machine), OKAY);
    assert_eq!(ptw_read(&mut machine), [(1, OKAY), (2, OKAY), (3, OKAY), (4, OKAY)]);
    machine.bus.add_fault(fault(FaultKind::Poison, FaultOn::Both, FaultPort::Both));
    assert_eq!(ptw_read(&mut machine)[1], (!2, SLVERR), "poisoned anew");
    machine.bus.clear_faults();
    assert_eq!(ptw_read(&mut machine)[1], (2, OKAY));
}

/// A device sees the worst response of its beats.
#[test]
fn dma_errors_reach_the_device() {
    let mut machine = machine(fault(FaultKind::DecErr, FaultOn::Both, FaultPort::Mem));
    machine.bus.add_fault(FaultRange {
        start: Spa(0x1000),
        kind: FaultKind::SlvErr,
        ..fault(FaultKind::SlvErr, FaultOn::Both, FaultPort::Mem)
    });
    machine.enqueue(read(1, 0x1000, 4));
    machine.enqueue(write(2, 0x1000, &[1, 2, 3, 4]));
    machine.enqueue(write(3, 0x1018, &[9]));
    machine.settle().expect("no violation");
    let done = |(_, event): &_| match event {
        Event::DmaDone { resp, data, .. } => Some((*resp, data.len())),
        _ => None,
    };
    let mut done: Vec<_> = machine.log.iter().filter_map(done).collect();
    done.sort_unstable();
    assert_eq!(done, [(OKAY, 0), (DECERR, 0), (DECERR, 4)]);
    assert_eq!(held(&machine), [OLD, OLD, OLD, 9]);
}

/// Ranges at the very end of the address space do not wrap around.
#[test]
fn the_last_range_ends() {
    let range =
        FaultRange { start: Spa(u64::MAX - 15), bytes: 16, ..fault(FaultKind::SlvErr, FaultOn::Both, FaultPort::Both) };
    assert!(range.touches(u64::MAX - 8) && !range.touches(0) && !range.touches(u64::MAX - 23));
    let empty = FaultRange { bytes: 0, ..range };
    assert!(!empty.touches(u64::MAX - 15));
}
