// SPDX-License-Identifier: Apache-2.0
//! The life of domains and devices: what reaches memory, what is sent, what is left.

use events::{Operation, Promise};
use golden::{DeviceId, Spa};

use super::mock::{Action, CAPS, MSI_FLAT, Mock, Seen};
use super::walker::translate;
use crate::format::{PageSize, Prot, Scheme};
use crate::{
    Device, Domain, Driver, FlushPolicy, Guest, GuestTable, HwptRequest, Mapping, Options, Policy, Quirk, Quirks,
    Resources, Target,
};

/// A driver on a mock, with a device, a nest parent that maps guest memory, and a nested domain.
pub struct Bench {
    pub machine: Mock,
    pub driver: Driver,
    pub nic: Device,
    pub host: Domain,
    pub memory: Guest,
    pub table: GuestTable,
    pub guest: Domain,
}

pub const NIC: u32 = 0x1_2345;
pub const GUEST_RAM: u64 = 0x8000_0000;
pub const GUEST_TABLES: u64 = 0x4000_0000;
pub const HOST_RAM: u64 = 0x9000_0000;

pub fn mapping(iova: u64, output: u64, bytes: u64) -> Mapping {
    Mapping { iova, output, bytes, prot: Prot::RW, page: None }
}

pub fn resources() -> Resources {
    Resources::with_pool(Spa(0x10_0000)..Spa(0x100_0000))
}

impl Bench {
    pub fn new(caps: u64, options: Options) -> Bench {
        Bench::with(caps, &resources(), options)
    }

    pub fn with(caps: u64, resources: &Resources, options: Options) -> Bench {
        let mut machine = Mock::new(caps);
        let mut driver = Driver::probe(&mut machine, resources, options).unwrap();
        let m = &mut machine;
        let nic = driver.add_device(m, "nic", &[DeviceId(NIC)]).unwrap();
        let host = driver.hwpt_alloc(m, &HwptRequest::nest_parent("host").scheme(Scheme::Sv48x4)).unwrap();
        driver.map(m, host, mapping(GUEST_RAM, HOST_RAM, 0x20_0000)).unwrap();
        driver.map(m, host, mapping(GUEST_RAM + 0x100_0000, HOST_RAM, 0x1000)).unwrap();
        let memory = driver.guest_alloc(m, host, GUEST_TABLES, 0x1_0000).unwrap();
        let table = driver.guest_table(m, memory, Some(Scheme::Sv39), 7).unwrap();
        driver.guest_map(m, table, mapping(0x1000, GUEST_RAM + 0x3000, 0x2000)).unwrap();
        let data = driver.nested_data(table).unwrap();
        let guest = driver.hwpt_alloc(m, &HwptRequest::nested("guest", host, data)).unwrap();
        machine.log.clear();
        Bench { machine, driver, nic, host, memory, table, guest }
    }

    pub fn attach(&mut self, domain: Domain) {
        self.driver.attach(&mut self.machine, self.nic, Target::Domain(domain)).unwrap();
        self.machine.log.clear();
    }

    pub fn replace(&mut self, target: Target) {
        self.driver.replace(&mut self.machine, self.nic, target).unwrap();
    }

    pub fn context(&mut self) -> [u64; 8] {
        self.driver.read_context(&mut self.machine, DeviceId(NIC)).unwrap().0
    }

    /// Words of the device context stored since the log was cleared.
    pub fn words(&self) -> Vec<u64> {
        let at = self.driver.context_at(DeviceId(NIC)).unwrap().0;
        let inside = |addr: &u64| (at..at + 64).contains(addr);
        self.machine.stores().iter().map(|s| s.0).filter(inside).map(|addr| (addr - at) / 8).collect()
    }

    pub fn tear_down(mut self) {
        let m = &mut self.machine;
        if self.driver.target(self.nic).unwrap().is_some() {
            self.driver.detach(m, self.nic).unwrap();
        }
        self.driver.hwpt_free(m, self.guest).unwrap();
        self.driver.guest_table_free(m, self.table).unwrap();
        self.driver.guest_free(m, self.memory).unwrap();
        self.driver.hwpt_free(m, self.host).unwrap();
        self.driver.remove_device(self.nic).unwrap();
        assert_eq!(self.driver.shutdown(m).unwrap(), Default::default());
    }
}

fn vma(gscid: Option<u16>, pscid: Option<u32>, addr: Option<u64>) -> Seen {
    Seen::Vma { gscid, pscid, addr }
}

fn gvma(addr: Option<u64>) -> Seen {
    Seen::Gvma { gscid: Some(1), addr }
}

const DDT: Seen = Seen::Ddt(Some(NIC));

#[test]
fn nested_and_back_is_two_syncs_each_way_and_the_specified_flush() {
    let mut b = Bench::new(CAPS, Options::default());
    b.attach(b.host);
    b.replace(Target::Domain(b.guest));
    assert_eq!(b.words(), [2, 3]);
    let flush = [vma(Some(1), None, None), gvma(None)];
    assert_eq!(b.machine.invalidations(), [&[DDT, DDT], &flush[..]].concat());
    assert_eq!(b.machine.fences(), 3);
    b.machine.log.clear();
    b.replace(Target::Domain(b.host));
    assert_eq!(b.words(), [3, 2]);
    b.tear_down();
}

#[test]
fn contexts_hold_the_stages_that_the_flags_ask_for() {
    for (caps, stride) in [(CAPS, 32), (CAPS | MSI_FLAT, 64)] {
        let mut b = Bench::new(caps, Options::default());
        let at = |b: &Bench, id| b.driver.context_at(DeviceId(id)).map(|a| a.0);
        let other = b.driver.add_device(&mut b.machine, "disk", &[DeviceId(NIC + 1)]).unwrap();
        assert_eq!(at(&b, NIC + 1).unwrap() - at(&b, NIC).unwrap(), stride);
        b.driver.remove_device(other).unwrap();
        b.attach(b.host);
        let [tc, iohgatp, ta, fsc, ..] = b.context();
        assert_eq!((tc, iohgatp >> 60, iohgatp >> 44 & 0xffff, ta, fsc), (1, 9, 1, 0, 0));
        assert_eq!(translate(&b.machine, &[tc, iohgatp, ta, fsc], GUEST_RAM + 0x1238), Some(HOST_RAM + 0x1238));
        b.replace(Target::Domain(b.guest));
        let nested = b.context();
        assert_eq!((nested[1], nested[2], nested[3] >> 60), (iohgatp, 7 << 12, 8));
        assert_eq!(nested[3] & 0xfff_ffff_ffff, GUEST_TABLES >> 12, "root in guest memory");
        assert_eq!(translate(&b.machine, &nested, 0x1008), Some(HOST_RAM + 0x3008));
        assert_eq!(translate(&b.machine, &nested, 0x3000), None);
        let kernel = b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::paging("kernel")).unwrap();
        b.driver.map(&mut b.machine, kernel, mapping(0x7000, 0xa000_0000, 0x1000)).unwrap();
        b.replace(Target::Domain(kernel));
        let [tc, iohgatp, ta, fsc, ..] = b.context();
        assert_eq!((tc, iohgatp, ta, fsc >> 60), (1, 0, 1 << 12, 10));
        assert_eq!(translate(&b.machine, &[tc, iohgatp, ta, fsc], 0x7010), Some(0xa000_0010));
        b.replace(Target::Identity);
        assert_eq!(b.context(), [1, 0, 0, 0, 0, 0, 0, 0]);
        b.replace(Target::Blocked);
        assert_eq!(b.context(), [0; 8]);
        b.driver.hwpt_free(&mut b.machine, kernel).unwrap();
        b.tear_down();
    }
}

#[test]
fn a_nested_domain_allocates_and_stores_nothing() {
    let mut b = Bench::new(CAPS, Options::default());
    let data = b.driver.nested_data(b.table).unwrap();
    let before = b.driver.ledger();
    let second = b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::nested("second", b.host, data)).unwrap();
    assert_eq!(b.machine.log, []);
    let after = b.driver.ledger();
    assert_eq!((after.pages, after.pscids, after.gscids), (before.pages, before.pscids, before.gscids));
    b.driver.hwpt_free(&mut b.machine, second).unwrap();
    assert_eq!((b.machine.stores(), b.machine.invalidations()), (vec![], vec![]), "never attached: nothing to flush");
    b.machine.log.clear();
    b.attach(b.host);
    b.replace(Target::Domain(b.guest));
    assert_eq!(b.machine.stores().len(), b.words().len(), "a store outside the context");
}

#[test]
fn operations_are_named_and_promise_what_the_transition_allows() {
    let mut b = Bench::new(CAPS, Options { policy: Policy::Rfc, ..Options::default() });
    let kernel = b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::paging("kernel")).unwrap();
    let m = &mut b.machine;
    b.driver.attach(m, b.nic, Target::Domain(b.host)).unwrap();
    b.driver.replace(m, b.nic, Target::Domain(b.guest)).unwrap();
    b.driver.replace(m, b.nic, Target::Domain(kernel)).unwrap();
    b.driver.attach(m, b.nic, Target::Identity).unwrap_err();
    b.driver.detach(m, b.nic).unwrap();
    let operations: Vec<_> = m
        .log
        .iter()
        .filter_map(|a| match a {
            Action::Begin(o) => Some((o.name.as_str(), o.promise, o.reconfiguration)),
            _ => None,
        })
        .collect();
    assert_eq!(
        operations,
        [
            ("attach nic: host", Promise::Whole, true),
            ("replace nic: host -> guest", Promise::Hitless, true),
            ("replace nic: guest -> kernel", Promise::Effective, true),
            ("attach nic: identity", Promise::Whole, true),
            ("detach nic: kernel", Promise::Whole, true),
        ]
    );
    let ends: Vec<_> = m.log.iter().filter(|a| matches!(a, Action::End(_))).collect();
    assert_eq!(ends, [true, true, true, false, true].map(Action::End).iter().collect::<Vec<_>>());
}

#[test]
fn under_tags_nothing_is_flushed_at_attach_and_everything_at_release() {
    let mut b = Bench::new(CAPS, Options { flush: FlushPolicy::Tags, ..Options::default() });
    b.attach(b.host);
    b.replace(Target::Domain(b.guest));
    b.replace(Target::Domain(b.host));
    b.driver.detach(&mut b.machine, b.nic).unwrap();
    assert!(b.machine.invalidations().iter().all(|&c| c == DDT), "{:?}", b.machine.invalidations());
    b.machine.log.clear();
    b.driver.hwpt_free(&mut b.machine, b.guest).unwrap();
    assert_eq!(b.machine.invalidations(), [vma(Some(1), None, None)]);
    b.driver.guest_table_free(&mut b.machine, b.table).unwrap();
    b.driver.guest_free(&mut b.machine, b.memory).unwrap();
    b.machine.log.clear();
    b.driver.hwpt_free(&mut b.machine, b.host).unwrap();
    assert_eq!(b.machine.invalidations(), [vma(Some(1), None, None), gvma(None)]);
    b.machine.log.clear();
    let next = b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::nest_parent("next")).unwrap();
    b.attach(next);
    assert_eq!(b.context()[1] >> 44 & 0xffff, 1, "the GSCID is in use again at once");
}

#[test]
fn under_tags_one_psid_with_another_root_is_flushed() {
    let mut b = Bench::new(CAPS, Options { flush: FlushPolicy::Tags, ..Options::default() });
    let table = b.driver.guest_table(&mut b.machine, b.memory, Some(Scheme::Sv39), 7).unwrap();
    let data = b.driver.nested_data(table).unwrap();
    let other = b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::nested("other", b.host, data)).unwrap();
    b.attach(b.guest);
    b.replace(Target::Domain(other));
    assert_eq!(b.machine.invalidations(), [DDT, vma(Some(1), None, None)]);
    // And where it lies fallow in between.
    b.replace(Target::Identity);
    b.machine.log.clear();
    b.replace(Target::Domain(b.guest));
    assert_eq!(b.machine.invalidations()[0], vma(Some(1), None, None), "before the context changes");
}

#[test]
fn the_first_attach_needs_no_flush_and_detach_flushes_the_old_tag() {
    let mut b = Bench::new(CAPS, Options::default());
    b.driver.attach(&mut b.machine, b.nic, Target::Domain(b.guest)).unwrap();
    assert_eq!(b.words(), [1, 2, 3, 0], "V last");
    assert_eq!(b.machine.invalidations(), [DDT]);
    b.machine.log.clear();
    b.driver.detach(&mut b.machine, b.nic).unwrap();
    assert_eq!(b.words(), [0, 1, 2, 3], "V first");
    assert_eq!(b.machine.invalidations(), [DDT, DDT, vma(Some(1), None, None), gvma(None)]);
}

#[test]
fn several_ids_share_each_fence() {
    let mut b = Bench::new(CAPS, Options::default());
    let ids = [DeviceId(5), DeviceId(6), DeviceId(0xff_ffff)];
    let gpu = b.driver.add_device(&mut b.machine, "gpu", &ids).unwrap();
    b.machine.log.clear();
    b.driver.attach(&mut b.machine, gpu, Target::Domain(b.guest)).unwrap();
    assert_eq!(b.machine.invalidations(), ids.map(|id| Seen::Ddt(Some(id.0))));
    assert_eq!(b.machine.fences(), 1);
    for id in ids {
        let context = b.driver.read_context(&mut b.machine, id).unwrap();
        assert_eq!(translate(&b.machine, &context.0, 0x2000), Some(HOST_RAM + 0x4000));
    }
}

#[test]
fn policies_send_what_they_are_known_for() {
    for (policy, words, commands) in [
        (Policy::Upstream, vec![0, 3, 2, 1, 0], vec![DDT, DDT, vma(Some(1), None, None), gvma(None)]),
        (Policy::Rfc, vec![0, 3, 2, 1, 0], vec![vma(None, None, None), DDT]),
    ] {
        let mut b = Bench::new(CAPS, Options { policy, ..Options::default() });
        b.attach(b.host);
        b.replace(Target::Domain(b.guest));
        assert_eq!(b.words(), words, "{policy:?}");
        assert_eq!(b.machine.invalidations(), commands, "{policy:?}");
        b.tear_down();
    }
}

#[test]
fn unmapping_is_flushed_by_page_or_whole_and_memory_comes_back_after_it() {
    let mut b = Bench::new(CAPS, Options { poison: Some(0xdead), ..Options::default() });
    let kernel = b.driver.hwpt_alloc(&mut b.machine, &HwptRequest::paging("kernel")).unwrap();
    b.driver.map(&mut b.machine, kernel, mapping(0x20_0000, 0xa000_0000, 0x20_0000)).unwrap();
    b.driver.map(&mut b.machine, kernel, mapping(0x40_0000, 0xb000_1000, 0x2000)).unwrap();
    b.driver.map(&mut b.machine, kernel, mapping(0x40_2000, 0xc000_0000, 0x1000)).unwrap();
    b.machine.log.clear();
    b.driver.unmap(&mut b.machine, kernel, 0x40_2000, 0x1000).unwrap();
    assert_eq!(b.machine.invalidations(), [], "nothing was ever attached");
    b.attach(kernel);
    let before = b.driver.ledger().pages;
    assert_eq!(b.driver.unmap(&mut b.machine, kernel, 0x20_0000, 0x20_0000), Ok(0x20_0000));
    assert_eq!(b.machine.invalidations(), [vma(None, Some(1), Some(0x20_0000))]);
    assert_eq!(b.machine.fences(), 1);
    assert_eq!(b.driver.ledger().pages, before);
    b.machine.log.clear();
    assert_eq!(b.driver.unmap(&mut b.machine, kernel, 0, 0x100_0000), Ok(0x2000));
    assert_eq!(b.machine.invalidations(), [vma(None, Some(1), None)], "tables went, so no address");
    assert_eq!(b.driver.ledger().pages, before - 4);
    let fence = b.machine.log.iter().position(|a| *a == Action::Command(Seen::Fence)).unwrap();
    let poison = b.machine.log.iter().position(|a| matches!(a, Action::Store(_, 0xdead))).unwrap();
    assert!(fence < poison, "a table was freed before its flush");
    // What comes back is cleared.
    b.driver.map(&mut b.machine, kernel, mapping(0x40_0000, 0xb000_0000, 0x1000)).unwrap();
    let context = b.context();
    assert_eq!(translate(&b.machine, &context, 0x40_0000), Some(0xb000_0000));
    assert_eq!(translate(&b.machine, &context, 0x40_1000), None);
}

#[test]
fn unmapping_under_a_guest_reaches_nested_users_and_their_contexts() {
    let mut b = Bench::new(CAPS, Options::default());
    b.attach(b.guest);
    b.driver.unmap(&mut b.machine, b.host, GUEST_RAM, 0x20_0000).unwrap();
    assert_eq!(b.machine.invalidations(), [gvma(Some(GUEST_RAM))], "no root of a guest there");
    b.machine.log.clear();
    b.driver.unmap(&mut b.machine, b.host, GUEST_TABLES, 0x1_0000).unwrap();
    let commands: Vec<_> = b.machine.log.iter().filter(|a| matches!(a, Action::Command(_))).collect();
    let expected = [gvma(None), Seen::Fence, DDT, Seen::Fence].map(Action::Command);
    assert_eq!(commands, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_guest_unmaps_under_its_gscid() {
    let mut b = Bench::new(CAPS, Options::default());
    b.attach(b.guest);
    b.driver.guest_map(&mut b.machine, b.table, mapping(0x9000, GUEST_RAM, 0x1000)).unwrap();
    b.machine.log.clear();
    b.driver.guest_unmap(&mut b.machine, b.table, 0x9000, 0x1000).unwrap();
    assert_eq!(b.machine.invalidations(), [vma(Some(1), Some(7), Some(0x9000))]);
    let context = b.context();
    assert_eq!(translate(&b.machine, &context, 0x9000), None);
    assert_eq!(translate(&b.machine, &context, 0x1000), Some(HOST_RAM + 0x3000));
}

#[test]
fn permissions_change_by_way_of_an_invalid_entry() {
    let mut b = Bench::new(CAPS, Options::default());
    b.attach(b.host);
    b.driver.protect(&mut b.machine, b.host, GUEST_RAM, 0x20_0000, Prot::R).unwrap();
    let stores: Vec<u64> = b.machine.stores().iter().map(|s| s.1 & 0b111).collect();
    let steps: Vec<bool> = b
        .machine
        .log
        .iter()
        .filter_map(|a| match a {
            Action::Store(..) => None,
            Action::Command(c) => Some(*c == gvma(Some(GUEST_RAM))),
            _ => None,
        })
        .collect();
    assert_eq!((stores.first(), stores.last()), (Some(&0b110), Some(&0b011)));
    assert_eq!(steps, [true, false]);
}

#[test]
fn pages_are_split_and_merged_with_one_store_each() {
    let mut b = Bench::new(CAPS, Options::default());
    b.attach(b.host);
    let context = b.context();
    let before = b.driver.ledger();
    let (m, d) = (&mut b.machine, &mut b.driver);
    d.split_page(m, b.host, GUEST_RAM + 0x1_2345).unwrap();
    assert_eq!(m.invalidations(), [gvma(Some(GUEST_RAM))]);
    let small = d.walk(m, b.host, GUEST_RAM + 0x1_2345).unwrap().unwrap();
    assert_eq!((small.size, small.output), (PageSize::SIZE_4K, HOST_RAM + 0x1_2345));
    assert_eq!(translate(m, &context, GUEST_RAM + 0x1f_fff8), Some(HOST_RAM + 0x1f_fff8));
    m.log.clear();
    d.merge_pages(m, b.host, GUEST_RAM, PageSize::SIZE_2M).unwrap();
    assert_eq!(m.invalidations(), [gvma(None)]);
    assert_eq!(translate(m, &context, GUEST_RAM + 0x1f_fff8), Some(HOST_RAM + 0x1f_fff8));
    assert_eq!(d.walk(m, b.host, GUEST_RAM).unwrap().unwrap().size, PageSize::SIZE_2M);
    assert_eq!(d.ledger(), before);
    b.tear_down();
}

#[test]
fn bugs_do_what_they_say() {
    let run = |quirks: Quirks, act: &dyn Fn(&mut Bench)| {
        let mut b = Bench::new(CAPS, Options::default());
        b.attach(b.host);
        b.driver.options_mut().quirks = quirks;
        act(&mut b);
        b.machine.invalidations()
    };
    let nest = |b: &mut Bench| b.replace(Target::Domain(b.guest));
    let unmap = |b: &mut Bench| {
        b.driver.unmap(&mut b.machine, b.host, GUEST_RAM, 0x20_0000).unwrap();
    };
    let full = vma(Some(1), None, None);
    let q = Quirks::default();
    assert_eq!(run(q, &nest), [DDT, DDT, full, gvma(None)]);
    assert_eq!(run(Quirk::SkipAttachSync.into(), &nest), [full, gvma(None)]);
    assert_eq!(run(Quirk::SkipAttachFlush.into(), &nest), [DDT, DDT]);
    assert_eq!(run(Quirk::FlushWithoutGv.into(), &nest), [DDT, DDT, vma(None, None, None), gvma(None)]);
    assert_eq!(run(Quirk::SkipGvma.into(), &nest), [DDT, DDT, full]);
    assert_eq!(run(q, &unmap), [gvma(Some(GUEST_RAM))]);
    assert_eq!(run(Quirk::SkipUnmapFlush.into(), &unmap), []);
    let nested_unmap = |b: &mut Bench| {
        nest(b);
        b.machine.log.clear();
        unmap(b);
    };
    assert_eq!(run(Quirk::SkipNestedUnmapFlush.into(), &nested_unmap), []);
    let keep = |b: &mut Bench| {
        b.driver.detach(&mut b.machine, b.nic).unwrap();
        b.machine.log.clear();
        b.driver.guest_table_free(&mut b.machine, b.table).unwrap_err();
        b.driver.hwpt_free(&mut b.machine, b.guest).unwrap();
        b.driver.guest_table_free(&mut b.machine, b.table).unwrap();
        b.driver.guest_free(&mut b.machine, b.memory).unwrap();
        b.driver.hwpt_free(&mut b.machine, b.host).unwrap_err();
    };
    run(Quirk::KeepReference.into(), &keep);
    let valid_first = |b: &mut Bench| {
        b.driver.detach(&mut b.machine, b.nic).unwrap();
        b.machine.log.clear();
        b.driver.attach(&mut b.machine, b.nic, Target::Domain(b.guest)).unwrap();
        assert_eq!(b.words(), [0, 1, 2, 3]);
    };
    run(Quirk::ValidFirst.into(), &valid_first);
}

#[test]
fn probing_sets_registers_up_in_the_order_of_the_guidelines() {
    let mut machine = Mock::new(CAPS);
    let driver = Driver::probe(&mut machine, &resources(), Options::default()).unwrap();
    assert_eq!(machine.register(8), 2, "fctl.WSI");
    assert_eq!(machine.register(760), 0x3210, "each cause a vector of its own");
    assert_eq!(machine.register(72) & 0x1_0003, 0x1_0003);
    assert_eq!(machine.register(76) & 0x1_0003, 0x1_0003);
    assert_eq!(machine.register(16) & 0xf, 4, "three levels");
    assert_eq!((machine.register(24) & 0x1f, machine.register(40) & 0x1f), (5, 6));
    let all = [Seen::Ddt(None), vma(None, None, None), Seen::Gvma { gscid: None, addr: None }];
    assert_eq!(machine.invalidations(), all);
    assert_eq!(driver.hw_info(&mut machine).unwrap().context_bytes, 32);
    assert_eq!(driver.shutdown(&mut machine).unwrap(), Default::default());
    assert_eq!(machine.register(16) & 0xf, 0);
    let begun = Operation { name: "probe".into(), promise: Promise::Nothing, reconfiguration: false };
    assert_eq!(machine.log[0], Action::Begin(begun));
}
