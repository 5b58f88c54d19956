// SPDX-License-Identifier: Apache-2.0
//! Processes of a guest: what is refused, what is sent, and what stands in the context of its device.

use golden::DeviceId;

use super::api::{Bench, GUEST_TABLES, NIC};
use super::mock::{ATS, Action, CAPS, PDT, Seen};
use crate::format::ProcessMode;
use crate::{ApiError, Ats, Errno, Guest, HwptRequest, NestedData, Options, Target};

#[test]
fn a_guest_with_a_directory_of_its_own_has_its_processes_invalidated_by_the_hosts_number_of_the_device() {
    let mut b = Bench::new(CAPS | PDT, Options::default());
    let m = &mut b.machine;
    assert!(matches!(b.driver.guest_directory(m, Guest(99), ProcessMode::Pd17), Err(ApiError::NoSuchObject { .. })));
    let directory = b.driver.guest_directory(m, b.memory, ProcessMode::Pd17).unwrap();
    let data = b.driver.directory_data(directory, true).unwrap();
    let own = b.driver.hwpt_alloc(m, &HwptRequest::nested("own", b.host, data)).unwrap();
    b.driver.attach(m, b.nic, Target::Domain(own)).unwrap();
    let context = b.driver.read_context(m, DeviceId(NIC)).unwrap();
    assert!(context.has_process_directory() && context.has_default_process() && context.has_second_stage());
    assert_eq!(b.driver.directory_of(own), Ok(Some(directory)));
    assert_eq!(b.driver.directory_of(b.guest), Ok(None), "it has a page table");
    assert_eq!(b.driver.tags(own), Ok((Some(1), None)), "PSCIDs are in the guest's contexts");

    let errno = |result: Result<(), ApiError>| result.unwrap_err().errno().unwrap();
    m.log.clear();
    b.driver.guest_attach_process(m, directory, 0x1_2345, b.table).unwrap();
    assert_eq!(m.invalidations(), [], "V was 0");
    assert_eq!(errno(b.driver.guest_attach_process(m, directory, 0x1_2345, b.table)), Errno::EBUSY);
    assert_eq!(errno(b.driver.guest_attach_process(m, directory, 0x2_0000, b.table)), Errno::EINVAL);
    assert_eq!(errno(b.driver.guest_detach_process(m, directory, 5)), Errno::EINVAL);
    assert_eq!(errno(b.driver.guest_directory_free(m, directory)), Errno::EBUSY, "a domain is rooted in it");
    m.log.clear();
    b.driver.guest_detach_process(m, directory, 0x1_2345).unwrap();
    let flush = Seen::Vma { gscid: Some(1), pscid: None, addr: None };
    assert_eq!(m.invalidations(), [Seen::Pdt { device: NIC, process: 0x1_2345 }, flush]);

    b.driver.detach(m, b.nic).unwrap();
    b.driver.hwpt_free(m, own).unwrap();
    assert_eq!(errno(b.driver.guest_free(m, b.memory)), Errno::EBUSY, "it holds the directory");
    b.driver.guest_directory_free(m, directory).unwrap();
    b.tear_down();
}

#[test]
fn what_a_device_keeps_of_a_guests_processes_goes_with_their_pages() {
    const EVERYTHING: u64 = 0x7fff_ffff_ffff_f000 | 1 << 11;
    let mut b = Bench::new(CAPS | PDT | ATS, Options::default());
    b.driver.set_ats(b.nic, Some(Ats::default())).unwrap();
    let m = &mut b.machine;
    let directory = b.driver.guest_directory(m, b.memory, ProcessMode::Pd8).unwrap();
    let data = b.driver.directory_data(directory, false).unwrap();
    let own = b.driver.hwpt_alloc(m, &HwptRequest::nested("own", b.host, data)).unwrap();
    b.driver.attach(m, b.nic, Target::Domain(own)).unwrap();
    b.driver.guest_attach_process(m, directory, 7, b.table).unwrap();
    let all_processes = Seen::Ats(NIC, Some(0), EVERYTHING | 1);
    for what in ["a page", "a process", "the guest"] {
        m.log.clear();
        match what {
            "a page" => b.driver.guest_unmap(m, b.table, 0x1000, 0x1000).unwrap(),
            "a process" => b.driver.guest_detach_process(m, directory, 7).unwrap(),
            _ => b.driver.replace(m, b.nic, Target::Domain(b.host)).unwrap(),
        }
        let told = m.log.iter().any(|action| matches!(action, Action::Command(seen) if *seen == all_processes));
        assert!(told, "{what}: {:?}", m.log);
    }
    b.driver.hwpt_free(m, own).unwrap();
    b.driver.guest_directory_free(m, directory).unwrap();
    b.tear_down();
}

#[test]
fn a_guest_cannot_ask_for_a_directory_that_the_iommu_lacks() {
    let mut b = Bench::new(CAPS, Options::default());
    let m = &mut b.machine;
    let refused = b.driver.guest_directory(m, b.memory, ProcessMode::Pd8).unwrap_err();
    assert_eq!(refused.errno(), Some(Errno::EOPNOTSUPP));
    let data = NestedData { fsc: ProcessMode::Pd8.pdtp(GUEST_TABLES), directory: true, ..NestedData::default() };
    let refused = b.driver.hwpt_alloc(m, &HwptRequest::nested("own", b.host, data)).unwrap_err();
    assert_eq!(refused.errno(), Some(Errno::EOPNOTSUPP));
    b.tear_down();
}
