// SPDX-License-Identifier: Apache-2.0
//! The queues: wrapping, filling up, stopping, recovering.

use golden::DeviceId;

use super::api::{Bench, NIC, mapping, resources};
use super::mock::{CAPS, Mock, Seen};
use crate::format::{Command, FaultRecord, Invalidation};
use crate::{ApiError, Completion, Driver, Errno, HwptRequest, Options, Quirk, Resources, Target};

fn probe(resources: &Resources, options: Options) -> (Mock, Driver) {
    let mut machine = Mock::new(CAPS);
    let driver = Driver::probe(&mut machine, resources, options).unwrap();
    machine.log.clear();
    (machine, driver)
}

#[test]
fn a_small_ring_wraps_and_waits_for_room() {
    for completion in [Completion::Memory, Completion::Head] {
        let small = Resources { command_queue_log2: 2, ..resources() };
        let (mut m, mut d) = probe(&small, Options { completion, ..Options::default() });
        let pages = Options { page_flushes: 16, ..*d.options() };
        *d.options_mut() = pages;
        let domain = d.hwpt_alloc(&mut m, &HwptRequest::paging("kernel")).unwrap();
        let nic = d.add_device(&mut m, "nic", &[DeviceId(1)]).unwrap();
        d.attach(&mut m, nic, Target::Domain(domain)).unwrap();
        d.map(&mut m, domain, mapping(0x40_0000, 0x1000, 0x1000)).unwrap();
        for round in 0..5 {
            m.log.clear();
            d.map(&mut m, domain, mapping(0x40_1000, 0x10_0000, 0x9000)).unwrap();
            d.unmap(&mut m, domain, 0x40_1000, 0x9000).unwrap();
            let expected: Vec<Seen> = (1..10)
                .map(|i| Seen::Vma { gscid: None, pscid: Some(1), addr: Some(0x40_0000 + i * 0x1000) })
                .collect();
            assert_eq!(m.invalidations(), expected, "round {round}");
            assert_eq!(m.fences(), 1);
        }
    }
}

#[test]
fn a_fence_that_never_completes_is_an_error_and_holds_everything_back() {
    let mut b = Bench::new(CAPS, Options { bound: 500, ..Options::default() });
    b.attach(b.host);
    b.machine.hung = true;
    let error = b.driver.detach(&mut b.machine, b.nic).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ETIMEDOUT));
    b.machine.hung = false;
    // The IOMMU may still use the domain.
    assert_eq!(b.driver.target(b.nic), Ok(None));
    assert_eq!(b.driver.remove_device(b.nic).unwrap_err().errno(), Some(Errno::EBUSY));
    let m = &mut b.machine;
    b.driver.hwpt_free(m, b.guest).unwrap();
    b.driver.guest_table_free(m, b.table).unwrap();
    b.driver.guest_free(m, b.memory).unwrap();
    assert_eq!(b.driver.hwpt_free(m, b.host).unwrap_err().errno(), Some(Errno::EBUSY));
    // The next change that succeeds lets go of it, flushed.
    m.log.clear();
    b.driver.attach(m, b.nic, Target::Identity).unwrap();
    let sent = m.invalidations();
    assert_eq!(sent[0], Seen::Ddt(Some(NIC)));
    assert!(sent.contains(&Seen::Gvma { gscid: Some(1), addr: None }), "{sent:?}");
    b.driver.hwpt_free(m, b.host).unwrap();
    b.driver.detach(m, b.nic).unwrap();
    b.driver.remove_device(b.nic).unwrap();
    assert_eq!(b.driver.shutdown(m).unwrap(), Default::default());
}

#[test]
fn tables_whose_flush_failed_stay_until_the_tag_is_flushed() {
    let mut b = Bench::new(CAPS, Options { bound: 500, poison: Some(0xdead), ..Options::default() });
    b.attach(b.host);
    b.driver.map(&mut b.machine, b.host, mapping(0x1_0000_0000, 0x1000, 0x1000)).unwrap();
    let before = b.driver.ledger().pages;
    b.machine.hung = true;
    b.machine.log.clear();
    let error = b.driver.unmap(&mut b.machine, b.host, 0x1_0000_0000, 0x1000).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ETIMEDOUT));
    assert_eq!(b.driver.ledger().pages, before);
    assert!(b.machine.stores().iter().all(|s| s.1 != 0xdead));
    b.machine.hung = false;
    b.tear_down();
}

#[test]
fn a_failure_taken_for_success_frees_at_once() {
    let quirks = Quirk::IgnoreCommandErrors.into();
    let mut b = Bench::new(CAPS, Options { bound: 500, quirks, ..Options::default() });
    b.attach(b.host);
    b.machine.hung = true;
    b.driver.detach(&mut b.machine, b.nic).unwrap();
    b.driver.remove_device(b.nic).unwrap();
}

#[test]
fn an_illegal_command_stops_the_queue_until_it_is_replaced() {
    let (mut m, mut d) = probe(&resources(), Options::default());
    assert_eq!(d.recover(&mut m), Ok(None));
    let illegal = Command([7, 0]);
    d.command(&mut m, illegal).unwrap();
    let error = d.fence(&mut m).unwrap_err();
    assert!(matches!(error, ApiError::CommandFailed { head: 4, .. }), "{error}");
    assert_eq!(error.errno(), Some(Errno::EIO));
    let fault = d.recover(&mut m).unwrap().unwrap();
    assert_eq!((fault.command, fault.head, fault.cqcsr & 0x400), (illegal, 4, 0x400));
    d.invalidate(&mut m, Invalidation::Ddt { device: Some(3) }).unwrap();
    d.fence(&mut m).unwrap();
    assert_eq!(m.invalidations(), [Seen::Ddt(Some(3))]);
}

fn put_fault(m: &mut Mock, index: u64, words: [u64; 4]) {
    let base = (m.register(40) >> 10) << 12;
    for (i, word) in words.into_iter().enumerate() {
        m.memory.insert(base + 32 * index + 8 * i as u64, word);
    }
}

#[test]
fn faults_are_taken_out_in_order_around_the_end_of_the_ring() {
    let small = Resources { fault_queue_log2: 2, ..resources() };
    let (mut m, mut d) = probe(&small, Options::default());
    assert_eq!(d.drain_faults(&mut m).unwrap().records, []);
    for tail in [3, 2, 1, 0] {
        let from = m.register(48);
        let count = (tail + 4 - from) % 4;
        for i in 0..count {
            let low = 258 | 5 << 12 | 1 << 32 | 1 << 33 | 2 << 34 | (0x1_0000 + i) << 40;
            put_fault(&mut m, (from + i) % 4, [low, 0, 0x4567_8000 + i, 0x1001]);
        }
        m.registers.insert(52, tail);
        m.registers.insert(84, 3);
        let faults = d.drain_faults(&mut m).unwrap();
        let expected: Vec<FaultRecord> = (0..count)
            .map(|i| FaultRecord {
                cause: 258,
                ttyp: 2,
                device: 0x1_0000 + i as u32,
                process: Some(5),
                privileged: true,
                iotval: 0x4567_8000 + i,
                iotval2: 0x1001,
            })
            .collect();
        assert_eq!(faults.records, expected);
        assert_eq!((m.register(48), m.register(84)), (tail, 1), "only fip is ours to clear");
    }
}

#[test]
fn lost_faults_are_reported_once_and_reporting_goes_on() {
    let (mut m, mut d) = probe(&resources(), Options::default());
    *m.registers.get_mut(&76).unwrap() |= 1 << 9;
    let faults = d.drain_faults(&mut m).unwrap();
    assert!(faults.overflow && !faults.memory_fault);
    assert_eq!(m.register(76) & 0x303, 3);
    assert_eq!(d.drain_faults(&mut m).unwrap(), Default::default());
}

#[test]
fn an_error_that_does_not_go_away_does_not_hold_software_up() {
    for error in [1 << 8, 1 << 9] {
        let (mut m, mut d) = probe(&resources(), Options::default());
        m.stuck = error;
        *m.registers.get_mut(&76).unwrap() |= error;
        let faults = d.drain_faults(&mut m).unwrap();
        assert_eq!((faults.memory_fault, faults.overflow), (error == 1 << 8, error == 1 << 9));
    }
}

#[test]
fn an_iommu_left_running_is_brought_to_rest_first() {
    let mut machine = Mock::new(CAPS);
    machine.registers.extend([(16, 0x1234 << 10 | 4), (72, 1 << 16 | 1), (76, 1 << 16 | 1), (32, 3), (36, 3)]);
    let driver = Driver::probe(&mut machine, &resources(), Options::default()).unwrap();
    assert_eq!(driver.shutdown(&mut machine).unwrap(), Default::default());
}
