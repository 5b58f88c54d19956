// SPDX-License-Identifier: Apache-2.0
//! Nothing leaks, whichever allocation fails, and nothing panics, wherever the machine stops.

use golden::DeviceId;

use super::api::{Bench, GUEST_RAM, HOST_RAM, NIC, mapping, resources};
use super::mock::{CAPS, Mock};
use super::walker::translate;
use crate::format::Scheme;
use crate::{ApiError, Driver, Errno, FlushPolicy, HwptRequest, Ledger, Options, Policy, Quirk, Target};

/// A whole life: every call that allocates. On an error it stops where it is.
fn live(driver: &mut Driver, m: &mut Mock) -> Result<(), ApiError> {
    let nic = driver.add_device(m, "nic", &[DeviceId(NIC)])?;
    let host = driver.hwpt_alloc(m, &HwptRequest::nest_parent("host"))?;
    driver.map(m, host, mapping(GUEST_RAM, HOST_RAM, 0x3000))?;
    let memory = driver.guest_alloc(m, host, 0x4000_0000, 0x1_0000)?;
    let table = driver.guest_table(m, memory, Some(Scheme::Sv39), 7)?;
    driver.guest_map(m, table, mapping(0x1000, GUEST_RAM, 0x2000))?;
    let data = driver.nested_data(table)?;
    let guest = driver.hwpt_alloc(m, &HwptRequest::nested("guest", host, data))?;
    let kernel = driver.hwpt_alloc(m, &HwptRequest::paging("kernel"))?;
    let other = driver.hwpt_alloc(m, &HwptRequest::paging("other"))?;
    for target in [host, guest, kernel, other] {
        match driver.target(nic)? {
            None => driver.attach(m, nic, Target::Domain(target))?,
            Some(_) => driver.replace(m, nic, Target::Domain(target))?,
        }
    }
    driver.map(m, kernel, mapping(0x20_0000, 0x4000_0000, 0x40_0000))?;
    driver.split_page(m, kernel, 0x20_0000)?;
    driver.unmap(m, kernel, 0x20_0000, 0x40_0000)?;
    driver.detach(m, nic)?;
    for domain in [other, kernel, guest] {
        driver.hwpt_free(m, domain)?;
    }
    driver.guest_table_free(m, table)?;
    driver.guest_free(m, memory)?;
    driver.hwpt_free(m, host)?;
    driver.remove_device(nic)
}

fn variants() -> Vec<Options> {
    let mut all = Vec::new();
    for policy in [Policy::Sequenced, Policy::Upstream, Policy::Rfc] {
        for flush in [FlushPolicy::Spec, FlushPolicy::Tags] {
            all.push(Options { policy, flush, ..Options::default() });
        }
    }
    all
}

#[test]
fn a_whole_life_leaves_nothing() {
    for options in variants() {
        let mut m = Mock::new(CAPS);
        let mut driver = Driver::probe(&mut m, &resources(), options).unwrap();
        live(&mut driver, &mut m).unwrap();
        assert_eq!(driver.shutdown(&mut m).unwrap(), Ledger::default(), "{options:?}");
    }
}

#[test]
fn each_allocation_can_fail_and_a_second_try_balances() {
    let mut m = Mock::new(CAPS);
    let mut driver = Driver::probe(&mut m, &resources(), Options::default()).unwrap();
    let start = driver.allocations();
    live(&mut driver, &mut m).unwrap();
    let total = driver.allocations() - start;
    assert!(total > 30, "{total}");
    for nth in 1..=total {
        let mut b = Retry::new();
        b.fail_once(nth);
        b.finish(nth);
    }
}

/// Lives call by call, trying each call again after a failure: a failed call must have changed nothing.
struct Retry {
    m: Mock,
    driver: Driver,
    failures: u32,
}

impl Retry {
    fn new() -> Retry {
        let mut m = Mock::new(CAPS);
        let driver = Driver::probe(&mut m, &resources(), Options::default()).unwrap();
        Retry { m, driver, failures: 0 }
    }

    fn call<T>(&mut self, call: impl Fn(&mut Driver, &mut Mock) -> Result<T, ApiError>) -> T {
        let before = self.driver.ledger();
        match call(&mut self.driver, &mut self.m) {
            Ok(value) => value,
            Err(error) => {
                assert_eq!(error.errno(), Some(Errno::ENOMEM));
                assert_eq!(self.driver.ledger(), before, "a failed call leaked");
                self.failures += 1;
                call(&mut self.driver, &mut self.m).expect("the second try")
            }
        }
    }

    fn fail_once(&mut self, nth: u64) {
        self.driver.fail_allocation(Some(nth));
        let nic = self.call(|d, m| d.add_device(m, "nic", &[DeviceId(NIC)]));
        let host = self.call(|d, m| d.hwpt_alloc(m, &HwptRequest::nest_parent("host")));
        self.call(|d, m| d.map(m, host, mapping(GUEST_RAM, HOST_RAM, 0x3000)));
        let memory = self.call(|d, m| d.guest_alloc(m, host, 0x4000_0000, 0x1_0000));
        let table = self.call(|d, m| d.guest_table(m, memory, Some(Scheme::Sv39), 7));
        // Across two leaf tables, so that the second may fail with pages of the first in place.
        self.call(|d, m| d.guest_map(m, table, mapping(0x1f_f000, GUEST_RAM, 0x2000)));
        let data = self.driver.nested_data(table).unwrap();
        let guest = self.call(|d, m| d.hwpt_alloc(m, &HwptRequest::nested("guest", host, data)));
        let kernel = self.call(|d, m| d.hwpt_alloc(m, &HwptRequest::paging("kernel")));
        let other = self.call(|d, m| d.hwpt_alloc(m, &HwptRequest::paging("other")));
        self.call(|d, m| d.attach(m, nic, Target::Domain(host)));
        for target in [guest, kernel, other] {
            let context = self.driver.read_context(&mut self.m, DeviceId(NIC)).unwrap();
            let old = self.driver.target(nic).unwrap();
            self.call(|d, m| {
                d.replace(m, nic, Target::Domain(target)).inspect_err(|_| {
                    assert_eq!(d.target(nic), Ok(old), "a failed replace changed the target");
                    assert_eq!(d.read_context(m, DeviceId(NIC)), Ok(context), "and the context");
                })
            });
        }
        self.call(|d, m| d.map(m, kernel, mapping(0x3fff_f000, 0x5000_0000, 0x2000)));
        self.call(|d, m| d.map(m, kernel, mapping(0x20_0000, 0x4000_0000, 0x40_0000)));
        self.call(|d, m| d.split_page(m, kernel, 0x20_0000));
        self.call(|d, m| d.unmap(m, kernel, 0x20_0000, 0x40_0000));
        self.call(|d, m| d.detach(m, nic));
        for domain in [other, kernel, guest] {
            self.call(|d, m| d.hwpt_free(m, domain));
        }
        self.call(|d, m| d.guest_table_free(m, table));
        self.call(|d, m| d.guest_free(m, memory));
        self.call(|d, m| d.hwpt_free(m, host));
        self.driver.remove_device(nic).unwrap();
    }

    fn finish(mut self, nth: u64) {
        assert_eq!(self.failures, 1, "allocation {nth} did not fail");
        assert_eq!(self.driver.shutdown(&mut self.m).unwrap(), Ledger::default(), "allocation {nth}");
    }
}

#[test]
fn a_halt_anywhere_unwinds() {
    let accesses = {
        let mut m = Mock::new(CAPS);
        let mut driver = Driver::probe(&mut m, &resources(), Options::default()).unwrap();
        m.halt_in = Some(u64::MAX);
        live(&mut driver, &mut m).unwrap();
        u64::MAX - m.halt_in.unwrap()
    };
    for n in (0..accesses).step_by(7) {
        let mut m = Mock::new(CAPS);
        let mut driver = Driver::probe(&mut m, &resources(), Options::default()).unwrap();
        m.halt_in = Some(n);
        let error = live(&mut driver, &mut m).unwrap_err();
        assert_eq!(error.errno(), None, "{error}");
    }
}

#[test]
fn a_lost_pscid_is_in_the_ledger() {
    let quirks = Quirk::LeakPscid.into();
    let mut m = Mock::new(CAPS);
    let mut driver = Driver::probe(&mut m, &resources(), Options { quirks, ..Options::default() }).unwrap();
    driver.fail_allocation(Some(3));
    assert_eq!(driver.hwpt_alloc(&mut m, &HwptRequest::paging("x")), Err(ApiError::NoMemory));
    assert_eq!(driver.ledger().pscids, 1);
}

#[test]
fn unlinking_first_loses_the_device_when_the_bond_fails() {
    let quirks = Quirk::UnlinkFirst.into();
    let mut b = Bench::new(CAPS, Options { quirks, ..Options::default() });
    b.attach(b.host);
    b.driver.fail_allocation(Some(1));
    b.driver.replace(&mut b.machine, b.nic, Target::Domain(b.guest)).unwrap_err();
    // The device still translates by the domain, which can be freed under it.
    let context = b.context();
    assert!(translate(&b.machine, &context, GUEST_RAM).is_some());
    b.driver.hwpt_free(&mut b.machine, b.guest).unwrap();
    b.driver.guest_table_free(&mut b.machine, b.table).unwrap();
    b.driver.guest_free(&mut b.machine, b.memory).unwrap();
    b.driver.hwpt_free(&mut b.machine, b.host).unwrap();
}
