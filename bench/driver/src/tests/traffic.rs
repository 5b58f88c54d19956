// SPDX-License-Identifier: Apache-2.0
//! Random lives under traffic, on an IOMMU that forgets nothing by itself. After each call the device must see what
//! memory says; during a hitless one, the old or the new translation and nothing else.

use std::collections::BTreeSet;

use events::Promise;
use golden::DeviceId;

use super::api::{GUEST_RAM, HOST_RAM, NIC, mapping, resources};
use super::hoarder::Hoarder;
use super::mock::{Action, CAPS, Mock};
use super::walker::translate;
use crate::format::{PageSize, Prot, Scheme};
use crate::plan::Class;
use crate::{
    Device, Domain, Driver, FlushPolicy, Guest, GuestTable, HwptRequest, Options, Policy, Quirk, Quirks, Target,
};

const DISK: u32 = 0x77;
/// A leaf to nowhere: whoever still reads a freed table ends up there.
const POISON: u64 = 0x123_4567_80df;
/// Where first-stage mappings come and go, and where guest memory lies.
const SPOTS: [u64; 5] = [0x1000, 0x2000, 0x20_0000, 0x40_1000, 0x4000_0000];

struct Life {
    machine: Hoarder,
    driver: Driver,
    nic: Device,
    disk: Device,
    hosts: Vec<Domain>,
    kernels: Vec<Domain>,
    guests: Vec<(usize, Guest, GuestTable, Domain)>,
    /// What went wrong, for lives with a bug
    wrong: Vec<String>,
}

impl Life {
    fn new(seed: u64, options: Options) -> Life {
        let mut machine = Hoarder::new(Mock::new(CAPS), seed);
        let mut driver = Driver::probe(&mut machine, &resources(), options).unwrap();
        let m = &mut machine;
        let nic = driver.add_device(m, "nic", &[DeviceId(NIC), DeviceId(NIC + 1)]).unwrap();
        let disk = driver.add_device(m, "disk", &[DeviceId(DISK)]).unwrap();
        let mut life = Life {
            machine,
            driver,
            nic,
            disk,
            hosts: Vec::new(),
            kernels: Vec::new(),
            guests: Vec::new(),
            wrong: Vec::new(),
        };
        for n in 0..2 {
            let (host, kernel) = (life.host(n), life.kernel(n));
            life.hosts.push(host);
            life.kernels.push(kernel);
        }
        // Three guests on the first host, two of them under one PSCID, and one on the second.
        for (n, (host, pscid)) in [(0, 7), (0, 7), (0, 9), (1, 7)].into_iter().enumerate() {
            life.guest(n as u64, host, pscid);
        }
        life.machine.probes = [NIC, NIC + 1, DISK]
            .into_iter()
            .flat_map(|d| SPOTS.iter().chain(&[GUEST_RAM, GUEST_RAM + 0x20_3000]).map(move |&iova| (d, iova)))
            .collect();
        life
    }

    fn host(&mut self, n: u64) -> Domain {
        let m = &mut self.machine;
        let request = HwptRequest::nest_parent("host").scheme(Scheme::Sv39x4);
        let host = self.driver.hwpt_alloc(m, &request).unwrap();
        for half in [0, 0x20_0000] {
            let output = HOST_RAM + n * 0x1000_0000 + half;
            self.driver.map(m, host, mapping(GUEST_RAM + half, output, 0x20_0000)).unwrap();
        }
        host
    }

    fn kernel(&mut self, n: u64) -> Domain {
        let m = &mut self.machine;
        let kernel = self.driver.hwpt_alloc(m, &HwptRequest::paging("kernel").scheme(Scheme::Sv39)).unwrap();
        self.driver.map(m, kernel, mapping(0x1000, 0xc000_0000 + n * 0x10_0000, 0x1000)).unwrap();
        kernel
    }

    fn guest(&mut self, n: u64, host: usize, pscid: u32) {
        let m = &mut self.machine;
        let parent = self.hosts[host];
        let memory = self.driver.guest_alloc(m, parent, 0x1_0000_0000 + n * 0x10_0000, 0x8000).unwrap();
        let table = self.driver.guest_table(m, memory, Some(Scheme::Sv39), pscid).unwrap();
        self.driver.guest_map(m, table, mapping(0x1000, GUEST_RAM + n * 0x1_0000, 0x1000)).unwrap();
        let data = self.driver.nested_data(table).unwrap();
        let domain = self.driver.hwpt_alloc(m, &HwptRequest::nested("guest", parent, data)).unwrap();
        self.guests.push((host, memory, table, domain));
    }

    /// What memory says about all probes.
    fn truth(&mut self) -> Vec<Option<u64>> {
        let probes = self.machine.probes.clone();
        let quiet = std::mem::take(&mut self.machine.probes);
        let truth = probes
            .iter()
            .map(|&(device, iova)| {
                let context = self.driver.read_context(&mut self.machine, DeviceId(device)).unwrap();
                translate(&self.machine.mock, &context.0, iova)
            })
            .collect();
        self.machine.probes = quiet;
        truth
    }

    /// One random call, with the checks around it.
    fn step(&mut self, n: usize) {
        let before = self.truth();
        self.machine.drain();
        self.machine.answers.clear();
        let begun = self.machine.mock.log.len();
        let (name, refusals, anything) = self.act();
        let hitless = |a: &Action| matches!(a, Action::Begin(o) if o.promise == Promise::Hitless);
        let refusals = refusals && !self.machine.mock.log[begun..].iter().any(hitless);
        let answers: BTreeSet<_> = std::mem::take(&mut self.machine.answers).into_iter().collect();
        // What was asked before the call ended may still be answered by the old state.
        self.machine.drain();
        let after = self.truth();
        for (i, (device, iova)) in self.machine.probes.clone().into_iter().enumerate() {
            for &(d, a, answer) in &answers {
                let known = answer == before[i] || answer == after[i] || refusals && answer.is_none();
                if (d, a) == (device, iova) && !known && !anything {
                    let (old, new) = (before[i], after[i]);
                    self.wrong.push(format!("{n} {name}: {d:#x} {a:#x}: {answer:x?}, was {old:x?}, is {new:x?}"));
                }
            }
            let now = self.machine.ask(device, iova);
            if now != after[i] {
                let right = after[i];
                self.wrong.push(format!("{n} {name}: afterwards {device:#x} {iova:#x}: {now:x?}, is {right:x?}"));
            }
        }
    }

    /// What was done, whether requests may be refused meanwhile, and whether they may go anywhere.
    fn act(&mut self) -> (String, bool, bool) {
        match self.machine.roll(8) {
            0..3 => self.reconfigure(),
            3 => {
                let domain = self.pick_paging();
                let iova = self.spot();
                let output = 0xd000_0000 + (self.machine.roll(16) << 21) as u64 + (iova & 0x1f_ffff);
                let bytes = if iova.is_multiple_of(0x20_0000) { 0x20_0000 } else { 0x1000 };
                let result = self.driver.map(&mut self.machine, domain, mapping(iova, output, bytes));
                (format!("map {domain:?} {iova:#x}: {result:?}"), false, false)
            }
            4 => {
                let domain = self.pick_paging();
                let iova = self.spot();
                let result = match self.machine.roll(2) {
                    0 => self.driver.unmap(&mut self.machine, domain, iova, 0x20_0000),
                    _ => self.driver.unmap(&mut self.machine, domain, 0, 0x8000_0000),
                };
                (format!("unmap {domain:?} {iova:#x}: {result:?}"), true, false)
            }
            5 => {
                let (_, _, table, _) = self.guests[self.machine.roll(self.guests.len())];
                let iova = SPOTS[self.machine.roll(SPOTS.len())];
                let gpa = GUEST_RAM + (self.machine.roll(16) << 12) as u64;
                let result = match self.machine.roll(2) {
                    0 => self.driver.guest_map(&mut self.machine, table, mapping(iova, gpa, 0x1000)),
                    _ => self.driver.guest_unmap(&mut self.machine, table, iova, 0x1000),
                };
                (format!("guest {table:?} {iova:#x}: {result:?}"), true, false)
            }
            6 => {
                let domain = self.pick_paging();
                let m = &mut self.machine;
                let result = match m.roll(3) {
                    0 => self.driver.split_page(m, domain, GUEST_RAM + 0x20_0000),
                    1 => self.driver.merge_pages(m, domain, GUEST_RAM + 0x20_0000, PageSize::SIZE_2M),
                    _ => self.driver.protect(m, domain, 0x1000, 0x2000, Prot::RW),
                };
                (format!("pages of {domain:?}: {result:?}"), true, false)
            }
            _ => self.renew(),
        }
    }

    fn spot(&mut self) -> u64 {
        let n = self.machine.roll(SPOTS.len() + 2);
        SPOTS.get(n).copied().unwrap_or(GUEST_RAM + if n == SPOTS.len() { 0 } else { 0x20_0000 })
    }

    fn pick_paging(&mut self) -> Domain {
        let all: Vec<Domain> = self.hosts.iter().chain(&self.kernels).copied().collect();
        all[self.machine.roll(all.len())]
    }

    fn reconfigure(&mut self) -> (String, bool, bool) {
        let device = if self.machine.roll(2) == 0 { self.nic } else { self.disk };
        let mut targets = vec![Target::Identity, Target::Blocked];
        targets.extend(self.hosts.iter().chain(&self.kernels).map(|&d| Target::Domain(d)));
        // Two roots at a time under one PSCID are a guest's own mistake, and then anything goes within the guest.
        let other = self.driver.target(if device == self.nic { self.disk } else { self.nic }).unwrap();
        let clash = |n: usize| n < 2 && other == Some(Target::Domain(self.guests[1 - n].3));
        targets.extend((0..self.guests.len()).filter(|&n| !clash(n)).map(|n| Target::Domain(self.guests[n].3)));
        let target = targets[self.machine.roll(targets.len())];
        let current = self.driver.target(device).unwrap();
        let m = &mut self.machine;
        let hops = self.driver.plan(device, target).is_ok_and(|p| p.class == Class::Hops);
        let result = match current {
            None => self.driver.attach(m, device, target),
            Some(_) if m.roll(6) == 0 => self.driver.detach(m, device),
            Some(_) => self.driver.replace(m, device, target),
        };
        result.unwrap();
        (format!("{device:?} {current:?} -> {target:?}"), true, hops)
    }

    /// Frees a kernel domain and allocates another: the same pages, the same tag.
    fn renew(&mut self) -> (String, bool, bool) {
        let n = self.machine.roll(self.kernels.len());
        let old = self.kernels[n];
        if self.driver.hwpt_free(&mut self.machine, old).is_err() {
            return ("busy".into(), false, false);
        }
        let output = self.machine.roll(8) as u64;
        self.kernels[n] = self.kernel(output);
        (format!("renew {old:?}"), false, false)
    }

    fn run(seed: u64, steps: usize, options: Options) -> Vec<String> {
        let mut life = Life::new(seed, options);
        for n in 0..steps {
            life.step(n);
            // A bug that was seen is seen.
            if options.quirks != Quirks::default() && !life.wrong.is_empty() {
                break;
            }
        }
        life.wrong
    }
}

#[test]
fn sequenced_lives_are_right_at_every_moment() {
    for flush in [FlushPolicy::Spec, FlushPolicy::Tags] {
        for seed in 0..12 {
            let options = Options { flush, poison: Some(POISON), ..Options::default() };
            let wrong = Life::run(seed, 60, options);
            assert!(wrong.is_empty(), "{flush:?}, seed {seed}: {:#?}", &wrong[..wrong.len().min(3)]);
        }
    }
}

#[test]
fn the_other_policies_refuse_requests_and_the_patch_leaves_stale_translations() {
    let caught = |policy| {
        let wrong: Vec<String> =
            (0..12).flat_map(|seed| Life::run(seed, 40, Options { policy, ..Options::default() })).collect();
        (wrong.iter().any(|w| w.contains(": None, was Some")), wrong.iter().any(|w| w.contains("afterwards")))
    };
    assert!(caught(Policy::Upstream).0);
    assert_eq!(caught(Policy::Rfc), (true, true));
}

/// Upstream stores all words and V in one window. A device that reads the old root, then all else when V is set again,
/// keeps translations of the old root under the new tag; and the flush afterwards goes by the old tag.
#[test]
fn upstream_can_leave_the_old_root_under_the_new_tag() {
    let stale = |policy| {
        (0..300).any(|seed| {
            let mut life = Life::new(seed, Options { policy, ..Options::default() });
            let (one, two) = (Target::Domain(life.kernels[0]), Target::Domain(life.kernels[1]));
            life.machine.probes = vec![(DISK, 0x1000)];
            life.driver.attach(&mut life.machine, life.disk, one).unwrap();
            life.driver.replace(&mut life.machine, life.disk, two).unwrap();
            let now = life.truth()[0];
            life.machine.ask(DISK, 0x1000) != now
        })
    };
    assert!(!stale(Policy::Sequenced));
    assert!(stale(Policy::Upstream));
}

#[test]
fn a_context_that_holds_the_translated_root_of_a_guest_is_forgotten_with_it() {
    let reached = |quirks| {
        let mut life = Life::new(1, Options { quirks, ..Options::default() });
        let (_, _, table, guest) = life.guests[0];
        life.machine.probes.clear();
        let (d, m) = (&mut life.driver, &mut life.machine);
        d.guest_map(m, table, mapping(0x4000_0000, GUEST_RAM, 0x1000)).unwrap();
        d.attach(m, life.disk, Target::Domain(guest)).unwrap();
        assert!(m.ask(DISK, 0x1000).is_some());
        d.unmap(m, life.hosts[0], 0x1_0000_0000, 0x8000).unwrap();
        // The guest puts a large page into its root by way of the host, where the device has no business any more.
        let leaf = crate::format::Pte::leaf(GUEST_RAM & !0x3fff_ffff, Prot::RW);
        d.set_guest_pte(m, table, 0xc000_0000, PageSize::SIZE_1G, leaf).unwrap();
        m.ask(DISK, 0xc000_0000).is_some()
    };
    assert!(!reached(Quirks::default()));
    assert!(reached(Quirk::SkipRootIodir.into()));
}

#[test]
fn every_bug_of_invalidation_shows() {
    for (quirk, flush) in [
        (Quirk::SkipAttachSync, FlushPolicy::Spec),
        (Quirk::SkipAttachFlush, FlushPolicy::Spec),
        (Quirk::SkipUnmapFlush, FlushPolicy::Spec),
        (Quirk::SkipNestedUnmapFlush, FlushPolicy::Spec),
        (Quirk::FlushWithoutGv, FlushPolicy::Spec),
        (Quirk::SkipGvma, FlushPolicy::Spec),
        (Quirk::SkipReleaseFlush, FlushPolicy::Tags),
        (Quirk::ValidFirst, FlushPolicy::Spec),
        (Quirk::FreeBeforeFlush, FlushPolicy::Spec),
    ] {
        let options = Options { flush, quirks: quirk.into(), poison: Some(POISON), ..Options::default() };
        let caught = (0..60).any(|seed| !Life::run(seed, 60, options).is_empty());
        assert!(caught, "{quirk:?} is never seen");
    }
}
