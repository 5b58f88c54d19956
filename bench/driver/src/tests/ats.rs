// SPDX-License-Identifier: Apache-2.0
//! Devices that keep translations, and page requests.

use golden::DeviceId;

use super::api::{Bench, GUEST_RAM, NIC, mapping, resources};
use super::mock::{ATS, Action, CAPS, Mock, PDT, Seen};
use crate::format::{Context, PageRequestRecord, ProcessMode, Scheme, TC_EN_ATS, TC_EN_PRI, TC_PRPR, TC_T2GPA, TC_V};
use crate::{Ats, Driver, Errno, HwptRequest, Options, Policy, Quirk, Resources, Target};

const FULL: Ats = Ats { page_requests: true, response_pasid: true, guest_addresses: true };
const ALL: u64 = 0x7fff_ffff_ffff_f000 | 1 << 11;

/// A device with ATS, on the guest's domain.
fn bench(ats: Ats, options: Options) -> Bench {
    let mut b = Bench::new(CAPS | ATS, options);
    b.driver.set_ats(b.nic, Some(ats)).unwrap();
    b.attach(b.guest);
    b
}

/// Commands since the log was cleared, fences included.
fn commands(b: &Bench) -> Vec<Seen> {
    let seen = b.machine.log.iter().filter_map(|action| match action {
        Action::Command(seen) => Some(*seen),
        _ => None,
    });
    seen.collect()
}

#[test]
fn contexts_keep_what_is_enabled_through_every_change() {
    for policy in [Policy::Sequenced, Policy::Upstream, Policy::Rfc] {
        let mut b = bench(FULL, Options { policy, ..Options::default() });
        let full = TC_V | TC_EN_ATS | TC_EN_PRI | TC_PRPR;
        assert_eq!(b.context()[Context::TC], full | TC_T2GPA, "{policy:?}");
        b.replace(Target::Domain(b.host));
        assert_eq!(b.context()[Context::TC], full | TC_T2GPA);
        b.replace(Target::Identity);
        assert_eq!(b.context()[Context::TC], full, "T2GPA without a second stage would be misconfigured");
        let red = b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::paging("red").scheme(Scheme::Sv39)).unwrap();
        b.replace(Target::Domain(red));
        assert_eq!(b.context()[Context::TC], full);
        b.replace(Target::Blocked);
        assert_eq!(b.context()[Context::TC] & TC_V, 0);
        b.replace(Target::Domain(b.guest));
        assert_eq!(b.context()[Context::TC], full | TC_T2GPA);
        b.driver.detach(&mut b.machine, b.nic).unwrap();
        b.driver.set_ats(b.nic, None).unwrap();
        b.attach(b.guest);
        assert_eq!(b.context()[Context::TC], TC_V, "and it can be taken back");
        b.replace(Target::Identity);
        b.driver.hwpt_free(&mut b.machine, red).unwrap();
        b.tear_down();
    }
}

#[test]
fn devices_are_told_last_with_a_fence_before_and_behind() {
    let mut b = bench(Ats::default(), Options::default());
    b.driver.detach(&mut b.machine, b.nic).unwrap();
    let seen = commands(&b);
    let [.., fence, Seen::Ats(NIC, None, ALL), Seen::Fence] = seen[..] else { panic!("{seen:?}") };
    assert_eq!(fence, Seen::Fence);
    assert_eq!(seen.iter().filter(|seen| matches!(seen, Seen::Ats(..))).count(), 1);
    b.tear_down();
}

#[test]
fn an_unmap_tells_each_device_of_its_range() {
    let mut b = Bench::new(CAPS | ATS, Options::default());
    let m = &mut b.machine;
    let disk = b.driver.add_device(m, "disk", &[DeviceId(0x2_0005), DeviceId(9)]).unwrap();
    for device in [b.nic, disk] {
        b.driver.set_ats(device, Some(Ats::default())).unwrap();
    }
    let red = b.driver.hwpt_alloc(m, &HwptRequest::paging("red").scheme(Scheme::Sv39)).unwrap();
    b.driver.map(m, red, mapping(0x4000_0000, 0x9000_0000, 0x4000)).unwrap();
    for device in [b.nic, disk] {
        b.driver.attach(m, device, Target::Domain(red)).unwrap();
    }
    m.log.clear();
    b.driver.unmap(m, red, 0x4000_0000, 0x4000).unwrap();
    let told: Vec<Seen> = m.invalidations().into_iter().filter(|seen| matches!(seen, Seen::Ats(..))).collect();
    let range = 0x4000_1000 | 1 << 11;
    assert_eq!(told, [NIC, 0x2_0005, 9].map(|device| Seen::Ats(device, None, range)));
    assert_eq!(m.fences(), 2);
}

#[test]
fn a_second_stage_that_changes_is_told_to_the_devices_of_its_guests() {
    let mut b = bench(Ats::default(), Options::default());
    b.driver.unmap(&mut b.machine, b.host, GUEST_RAM, 0x20_0000).unwrap();
    assert_eq!(b.machine.invalidations().last(), Some(&Seen::Ats(NIC, None, ALL)), "at any address");
    b.machine.log.clear();
    b.driver.guest_unmap(&mut b.machine, b.table, 0x1000, 0x2000).unwrap();
    assert_eq!(b.machine.invalidations().last(), Some(&Seen::Ats(NIC, None, ALL)), "a guest cannot send it");
    b.tear_down();
}

#[test]
fn the_forgetful_driver_tells_no_device() {
    let mut b = bench(FULL, Options { quirks: Quirk::SkipAtsInvalidation.into(), ..Options::default() });
    b.replace(Target::Domain(b.host));
    b.driver.unmap(&mut b.machine, b.host, GUEST_RAM, 0x20_0000).unwrap();
    b.driver.detach(&mut b.machine, b.nic).unwrap();
    assert!(!b.machine.invalidations().iter().any(|seen| matches!(seen, Seen::Ats(..))));
    assert!(b.machine.invalidations().len() > 3, "all else is sent");
}

#[test]
fn processes_are_told_by_their_pasids() {
    let mut b = Bench::new(CAPS | ATS | PDT, Options::default());
    let m = &mut b.machine;
    b.driver.set_ats(b.nic, Some(Ats::default())).unwrap();
    let red = b.driver.hwpt_alloc(m, &HwptRequest::paging("red").scheme(Scheme::Sv39)).unwrap();
    b.driver.map(m, red, mapping(0x4000_0000, 0x9000_0000, 0x1000)).unwrap();
    b.driver.enable_processes(m, b.nic, ProcessMode::Pd17).unwrap();
    b.driver.attach_process(m, b.nic, 5, Target::Domain(red)).unwrap();
    b.driver.attach(m, b.nic, Target::Domain(red)).unwrap();
    assert!(b.driver.read_context(m, DeviceId(NIC)).unwrap().has_ats());
    m.log.clear();
    b.driver.unmap(m, red, 0x4000_0000, 0x1000).unwrap();
    let told = |m: &Mock| -> Vec<Seen> {
        m.invalidations().into_iter().filter(|seen| matches!(seen, Seen::Ats(..))).collect()
    };
    let of = |process| Seen::Ats(NIC, process, 0x4000_0000);
    assert_eq!(told(m), [of(None), of(Some(0)), of(Some(5))], "the device itself uses process 0");
    m.log.clear();
    b.driver.detach_process(m, b.nic, 5).unwrap();
    assert_eq!(told(m), [Seen::Ats(NIC, Some(5), ALL)]);
    m.log.clear();
    b.driver.detach(m, b.nic).unwrap();
    assert_eq!(told(m), [Seen::Ats(NIC, None, ALL), Seen::Ats(NIC, Some(0), ALL)]);
}

#[test]
fn what_cannot_be_enabled_is_refused() {
    let errno = |caps: u64, ats: Ats| {
        let mut b = Bench::new(caps, Options::default());
        b.driver.set_ats(b.nic, Some(ats)).unwrap_err().errno()
    };
    assert_eq!(errno(CAPS, Ats::default()), Some(Errno::EOPNOTSUPP));
    assert_eq!(errno(CAPS | 1 << 25, FULL), Some(Errno::EOPNOTSUPP), "T2GPA");
    let response_pasid = Ats { response_pasid: true, ..Ats::default() };
    assert_eq!(errno(CAPS | ATS, response_pasid), Some(Errno::EINVAL));
    let mut b = bench(FULL, Options::default());
    assert_eq!(b.driver.set_ats(b.nic, None).unwrap_err().errno(), Some(Errno::EBUSY), "while it is attached");
}

#[test]
fn page_requests_are_taken_out_and_answered() {
    let small = Resources { page_queue_log2: 2, ..resources() };
    let mut b = Bench::with(CAPS | ATS, &small, Options::default());
    let m = &mut b.machine;
    let base = (m.register(56) >> 10) << 12;
    assert_eq!(m.register(56) & 0x1f, 1, "four entries");
    assert_eq!(m.register(80) & 0x1_0003, 0x1_0003);
    m.memory.insert(base, 0x12 << 12 | 1 << 32 | u64::from(NIC) << 40);
    m.memory.insert(base + 8, 0x4000_3000 | 7 << 3 | 0b101);
    m.registers.insert(68, 1);
    *m.registers.get_mut(&80).unwrap() |= 1 << 9;
    m.registers.insert(84, 0b1010);
    let found = b.driver.drain_page_requests(m).unwrap();
    let right = PageRequestRecord {
        device: NIC,
        process: Some(0x12),
        privileged: false,
        execute: false,
        address: 0x4000_3000,
        read: true,
        write: false,
        last: true,
        group: 7,
    };
    assert_eq!((found.records, found.overflow, found.memory_fault), (vec![right], true, false));
    assert_eq!((m.register(64), m.register(80) & 0x303, m.register(84)), (1, 3, 0b10), "only pip is ours to clear");
    m.log.clear();
    b.driver.page_response(m, DeviceId(0x3_0005), Some(0x12), 7, 1).unwrap();
    assert_eq!(m.invalidations(), [Seen::Response(0x3_0005, Some(0x12), 7 << 32 | 1 << 44)]);
    b.tear_down();
    let mut plain = Bench::new(CAPS, Options::default());
    let refused = plain.driver.drain_page_requests(&mut plain.machine).unwrap_err();
    assert_eq!(refused.errno(), Some(Errno::EOPNOTSUPP));
    assert_eq!(plain.machine.register(80), 0, "there is no queue without ATS");
}

#[test]
fn nothing_is_left_of_a_start_without_memory() {
    for nth in 1..8 {
        let mut machine = Mock::new(CAPS | ATS);
        let options = Options { fail_allocation: Some(nth), ..Options::default() };
        match Driver::probe_or_leave(&mut machine, &resources(), options) {
            Ok(_) => return assert!(nth > 4, "queues, flag and directory"),
            Err((_, left)) => assert_eq!(left, Default::default(), "allocation {nth}"),
        }
    }
    panic!("it never starts");
}
