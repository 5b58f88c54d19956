//! The life of domains and devices: what reaches memory, what is sent, what is left.

use golden::{DeviceId, Spa};

use super::mock::{CAPS, Mock, Seen};
use crate::driver::format::{Prot, Scheme};
use crate::driver::{Device, Domain, Driver, HwptRequest, Mapping, Options, Resources, Target};

/// A driver on a mock, with a device, a nest parent that maps guest memory, and a nested domain.
pub struct Bench {
    pub machine: Mock,
    pub driver: Driver,
    pub nic: Device,
    pub host: Domain,
    pub guest: Domain,
}

pub const NIC: u32 = 0x1_2345;
pub const GUEST_RAM: u64 = 0x8000_0000;

pub fn mapping(iova: u64, output: u64, bytes: u64) -> Mapping {
    Mapping { iova, output, bytes, prot: Prot::RW, page: None }
}

impl Bench {
    pub fn new(caps: u64, options: Options) -> Bench {
        let mut machine = Mock::new(caps);
        let resources = Resources::with_pool(Spa(0x10_0000)..Spa(0x100_0000));
        let mut driver = Driver::probe(&mut machine, &resources, options).unwrap();
        let m = &mut machine;
        let nic = driver.add_device(m, "nic", &[DeviceId(NIC)]).unwrap();
        let host = driver.hwpt_alloc(m, &HwptRequest::nest_parent("host").scheme(Scheme::Sv48x4)).unwrap();
        driver.map(m, host, mapping(GUEST_RAM, 0x9000_0000, 0x20_0000)).unwrap();
        let memory = driver.guest_alloc(m, host, 0x4000_0000, 0x1_0000).unwrap();
        let table = driver.guest_table(m, memory, Some(Scheme::Sv39), 7).unwrap();
        driver.guest_map(m, table, mapping(0x1000, GUEST_RAM + 0x3000, 0x2000)).unwrap();
        let data = driver.nested_data(table).unwrap();
        let guest = driver.hwpt_alloc(m, &HwptRequest::nested("guest", host, data)).unwrap();
        machine.log.clear();
        Bench { machine, driver, nic, host, guest }
    }
}

#[test]
fn nested_and_back_is_two_syncs_each_way_and_the_specified_flush() {
    let mut b = Bench::new(CAPS, Options::default());
    b.driver.attach(&mut b.machine, b.nic, Target::Domain(b.host)).unwrap();
    let at = b.driver.context_at(DeviceId(NIC)).unwrap().0;
    b.machine.log.clear();
    b.driver.replace(&mut b.machine, b.nic, Target::Domain(b.guest)).unwrap();
    let words: Vec<u64> = b.machine.stores().iter().map(|(addr, _)| (addr - at) / 8).collect();
    assert_eq!(words, [2, 3]);
    let gscid = Some(1);
    let flush = [Seen::Vma { gscid, pscid: None, addr: None }, Seen::Gvma { gscid, addr: None }];
    let ddt = Seen::Ddt(Some(NIC));
    assert_eq!(b.machine.invalidations(), [vec![ddt, ddt], flush.to_vec()].concat());
    assert_eq!(b.machine.fences(), 3);
    b.machine.log.clear();
    b.driver.replace(&mut b.machine, b.nic, Target::Domain(b.host)).unwrap();
    let words: Vec<u64> = b.machine.stores().iter().map(|(addr, _)| (addr - at) / 8).collect();
    assert_eq!(words, [3, 2]);
}
