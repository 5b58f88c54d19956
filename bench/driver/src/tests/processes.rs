// SPDX-License-Identifier: Apache-2.0
//! Processes: what is refused, what reaches memory, what is sent, and that a call that failed has changed nothing.

use golden::{DeviceId, Spa};

use super::api::{mapping, resources};
use super::mock::{CAPS, Mock, PDT, Seen};
use crate::format::{ProcessContext, ProcessMode, Scheme};
use crate::plan::{self, Class, Entry, Window};
use crate::{ApiError, Device, Domain, Driver, Errno, FlushPolicy, HwptRequest, Ledger, Options, Policy, Target};

const GPU: u32 = 0x1234;

struct Bench {
    m: Mock,
    driver: Driver,
    gpu: Device,
    red: Domain,
    blue: Domain,
    host: Domain,
}

impl Bench {
    fn new(caps: u64, options: Options) -> Bench {
        let mut m = Mock::new(caps);
        let mut driver = Driver::probe(&mut m, &resources(), options).unwrap();
        let gpu = driver.add_device(&mut m, "gpu", &[DeviceId(GPU), DeviceId(GPU + 1)]).unwrap();
        let red = driver.hwpt_alloc(&mut m, &HwptRequest::paging("red").scheme(Scheme::Sv39)).unwrap();
        let blue = driver.hwpt_alloc(&mut m, &HwptRequest::paging("blue").scheme(Scheme::Sv48)).unwrap();
        let host = driver.hwpt_alloc(&mut m, &HwptRequest::nest_parent("host")).unwrap();
        Bench { m, driver, gpu, red, blue, host }
    }

    fn enabled(mode: ProcessMode, options: Options) -> Bench {
        let mut b = Bench::new(CAPS | PDT, options);
        b.driver.attach(&mut b.m, b.gpu, Target::Identity).unwrap();
        b.driver.enable_processes(&mut b.m, b.gpu, mode).unwrap();
        b.m.log.clear();
        b
    }

    fn attach(&mut self, process: u32, domain: Domain) {
        self.driver.attach_process(&mut self.m, self.gpu, process, Target::Domain(domain)).unwrap();
    }

    /// The context that hardware finds for a process, by a walk of its own.
    fn walk(&self, process: u32) -> Option<[u64; 2]> {
        let at = self.driver.context_at(DeviceId(GPU)).unwrap().0;
        let (tc, pdtp) = (self.m.read(at), self.m.read(at + 24));
        assert_eq!(tc >> 5 & 1, 1, "PDTV");
        let levels = pdtp >> 60;
        let mut table = (pdtp & 0xfff_ffff_ffff) << 12;
        for level in (1..levels).rev() {
            let index = u64::from(process) >> (8 + 9 * (level - 1)) & 0x1ff;
            let entry = self.m.read(table + 8 * index);
            if entry & 1 == 0 {
                return None;
            }
            table = (entry >> 10 & 0xfff_ffff_ffff) << 12;
        }
        let at = table + 16 * (u64::from(process) & 0xff);
        let words = [self.m.read(at), self.m.read(at + 8)];
        (words[0] & 1 != 0).then_some(words)
    }

    fn tear_down(mut self) {
        for process in self.driver.attached_processes(self.gpu).unwrap() {
            self.driver.detach_process(&mut self.m, self.gpu, process).unwrap();
        }
        if self.driver.target(self.gpu).unwrap().is_some() {
            self.driver.detach(&mut self.m, self.gpu).unwrap();
        }
        if self.driver.has_processes(self.gpu).unwrap() {
            self.driver.disable_processes(&mut self.m, self.gpu).unwrap();
        }
        assert!(!self.driver.read_context(&mut self.m, DeviceId(GPU)).unwrap().valid());
        for domain in [self.red, self.blue, self.host] {
            self.driver.hwpt_free(&mut self.m, domain).unwrap();
        }
        self.driver.remove_device(self.gpu).unwrap();
        assert_eq!(self.driver.shutdown(&mut self.m), Ok(Ledger::default()));
    }
}

type Call<'a> = &'a dyn Fn(&mut Bench) -> Result<(), ApiError>;

#[test]
fn every_refusal_has_its_errno_and_changes_nothing() {
    use Errno::{EBUSY, EINVAL, ENOENT, ENOMEM};
    let to = |b: &mut Bench, process, domain| b.driver.attach_process(&mut b.m, b.gpu, process, Target::Domain(domain));
    let rows: &[(&str, Errno, Call)] = &[
        ("second attach of a process", EBUSY, &|b| to(b, 5, b.red)),
        ("second attach, elsewhere", EBUSY, &|b| to(b, 5, b.blue)),
        ("second attach, identity", EBUSY, &|b| b.driver.attach_process(&mut b.m, b.gpu, 5, Target::Identity)),
        ("second attach, blocked", EBUSY, &|b| b.driver.attach_process(&mut b.m, b.gpu, 5, Target::Blocked)),
        ("process 0", EINVAL, &|b| to(b, 0, b.red)),
        ("process ID too wide", EINVAL, &|b| to(b, 1 << 17, b.red)),
        ("domain with a second stage", EINVAL, &|b| to(b, 6, b.host)),
        ("replace by a second stage", EINVAL, &|b| {
            b.driver.replace_process(&mut b.m, b.gpu, 5, Target::Domain(b.host))
        }),
        ("device to a second stage", EINVAL, &|b| b.driver.replace(&mut b.m, b.gpu, Target::Domain(b.host))),
        ("stale domain", ENOENT, &|b| to(b, 6, Domain(999))),
        ("replace by a stale domain", ENOENT, &|b| {
            b.driver.replace_process(&mut b.m, b.gpu, 5, Target::Domain(Domain(999)))
        }),
        ("stale device", ENOENT, &|b| b.driver.attach_process(&mut b.m, Device(999), 6, Target::Identity)),
        ("replace what is not attached", EINVAL, &|b| b.driver.replace_process(&mut b.m, b.gpu, 6, Target::Identity)),
        ("detach what is not attached", EINVAL, &|b| b.driver.detach_process(&mut b.m, b.gpu, 6)),
        ("second directory", EBUSY, &|b| b.driver.enable_processes(&mut b.m, b.gpu, ProcessMode::Pd8)),
        ("directory in use", EBUSY, &|b| b.driver.disable_processes(&mut b.m, b.gpu)),
        ("domain in use by a process", EBUSY, &|b| b.driver.hwpt_free(&mut b.m, b.red)),
        ("out of memory for the bond", ENOMEM, &|b| {
            b.driver.fail_allocation(Some(1));
            to(b, 0x1_0000, b.red)
        }),
        ("out of memory for a table", ENOMEM, &|b| {
            b.driver.fail_allocation(Some(2));
            to(b, 0x1_0000, b.red)
        }),
        ("out of memory for the bond of a replace", ENOMEM, &|b| {
            b.driver.fail_allocation(Some(1));
            b.driver.replace_process(&mut b.m, b.gpu, 5, Target::Domain(b.blue))
        }),
        ("out of memory for the scratch PSCID of a replace", ENOMEM, &|b| {
            b.driver.fail_allocation(Some(2));
            b.driver.replace_process(&mut b.m, b.gpu, 5, Target::Domain(b.blue))
        }),
    ];
    for (row, errno, call) in rows {
        let mut b = Bench::enabled(ProcessMode::Pd17, Options::default());
        b.attach(5, b.red);
        b.m.log.clear();
        let (before, bound) = (b.driver.books(), b.walk(5));
        let error = call(&mut b).expect_err(row);
        assert_eq!(error.errno(), Some(*errno), "{row}: {error}");
        assert_eq!(before.difference(&b.driver.books()), None, "{row}");
        assert_eq!(b.driver.process_target(b.gpu, 5), Ok(Some(Target::Domain(b.red))), "{row}");
        assert_eq!((b.walk(5), b.walk(6), b.walk(0x1_0000)), (bound, None, None), "{row}");
        assert_eq!(b.m.invalidations(), [], "{row}");
        b.tear_down();
    }
}

#[test]
fn what_has_no_directory_has_no_processes() {
    let mut b = Bench::new(CAPS | PDT, Options::default());
    for error in [
        b.driver.attach_process(&mut b.m, b.gpu, 5, Target::Identity).unwrap_err(),
        b.driver.detach_process(&mut b.m, b.gpu, 5).unwrap_err(),
        b.driver.disable_processes(&mut b.m, b.gpu).unwrap_err(),
    ] {
        assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
    }
    b.driver.attach(&mut b.m, b.gpu, Target::Domain(b.red)).unwrap();
    let error = b.driver.enable_processes(&mut b.m, b.gpu, ProcessMode::Pd8).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EBUSY), "a domain of its own is in the way: {error}");
    b.tear_down();
    // Each width by itself.
    for (bit, mode) in [(38, ProcessMode::Pd8), (39, ProcessMode::Pd17), (40, ProcessMode::Pd20)] {
        let mut b = Bench::new(CAPS | PDT & !(1 << bit), Options::default());
        let error = b.driver.enable_processes(&mut b.m, b.gpu, mode).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP), "{mode:?}");
        b.tear_down();
    }
}

#[test]
fn each_process_has_its_own_first_stage_in_directories_of_every_width() {
    for (mode, processes) in [
        (ProcessMode::Pd8, [1, 0xff]),
        (ProcessMode::Pd17, [0x1_ffff, 0x100]),
        (ProcessMode::Pd20, [0xf_ffff, 0x2_0000]),
    ] {
        let mut b = Bench::enabled(mode, Options::default());
        b.driver.map(&mut b.m, b.red, mapping(0x1000, 0x9000_0000, 0x1000)).unwrap();
        b.attach(processes[0], b.red);
        b.attach(processes[1], b.blue);
        for (process, domain, mode) in [(processes[0], b.red, 8), (processes[1], b.blue, 9)] {
            let [ta, fsc] = b.walk(process).expect("valid");
            let context = b.driver.context_of(domain).unwrap();
            assert_eq!((ta, fsc), (1 | u64::from(context.pscid()) << 12, context.0[3]));
            assert_eq!(fsc >> 60, mode);
        }
        assert_eq!(b.walk(0), None, "nobody has process 0");
        b.driver.detach_process(&mut b.m, b.gpu, processes[0]).unwrap();
        assert_eq!(b.walk(processes[0]), None);
        assert!(b.walk(processes[1]).is_some());
        b.tear_down();
    }
}

#[test]
fn a_change_is_synchronised_by_process_for_all_ids_and_flushes_the_old_tag() {
    let mut b = Bench::enabled(ProcessMode::Pd20, Options::default());
    let pdt = |process| [GPU, GPU + 1].map(|device| Seen::Pdt { device, process });
    let vma = |pscid| Seen::Vma { gscid: None, pscid: Some(pscid), addr: None };
    b.attach(5, b.red);
    // Valid last, after a synchronisation: in one window, V could be found beside an empty root.
    assert_eq!(b.m.invalidations(), pdt(5));
    b.m.log.clear();
    b.driver.replace_process(&mut b.m, b.gpu, 5, Target::Identity).unwrap();
    assert_eq!(b.m.invalidations(), [&pdt(5)[..], &pdt(5), &[vma(1)]].concat());
    b.m.log.clear();
    b.driver.detach_process(&mut b.m, b.gpu, 5).unwrap();
    assert_eq!(b.m.invalidations(), pdt(5), "identity leaves no translations");
    b.tear_down();
    let mut b = Bench::enabled(ProcessMode::Pd20, Options { flush: FlushPolicy::Tags, ..Options::default() });
    b.attach(5, b.red);
    b.driver.detach_process(&mut b.m, b.gpu, 5).unwrap();
    assert!(b.m.invalidations().iter().all(|seen| matches!(seen, Seen::Pdt { .. })), "{:?}", b.m.invalidations());
    b.m.log.clear();
    b.driver.hwpt_free(&mut b.m, b.red).unwrap();
    assert_eq!(b.m.invalidations(), [vma(1)], "the tag is flushed when it is given back");
}

#[test]
fn a_device_with_a_directory_is_process_0_but_for_identity() {
    let mut b = Bench::enabled(ProcessMode::Pd8, Options::default());
    let context = |b: &mut Bench| b.driver.read_context(&mut b.m, DeviceId(GPU)).unwrap();
    let default = |b: &mut Bench| context(b).has_default_process();
    assert!(!default(&mut b));
    b.driver.replace(&mut b.m, b.gpu, Target::Domain(b.red)).unwrap();
    assert!(default(&mut b) && b.walk(0).is_some());
    let before = context(&mut b);
    b.driver.replace(&mut b.m, b.gpu, Target::Domain(b.blue)).unwrap();
    assert_eq!(context(&mut b), before, "only process 0 has changed");
    assert_eq!(b.walk(0).map(|words| words[1] >> 60), Some(9));
    b.driver.replace(&mut b.m, b.gpu, Target::Identity).unwrap();
    assert!(!default(&mut b) && b.walk(0).is_none());
    b.driver.detach(&mut b.m, b.gpu).unwrap();
    assert!(default(&mut b) && b.walk(0).is_none(), "refused, as a process that is not there");
    b.tear_down();
}

#[test]
fn a_failed_change_keeps_both_domains_until_another_one_succeeds() {
    let mut b = Bench::enabled(ProcessMode::Pd8, Options { bound: 50, ..Options::default() });
    b.attach(5, b.red);
    b.m.hung = true;
    let error = b.driver.replace_process(&mut b.m, b.gpu, 5, Target::Domain(b.blue)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ETIMEDOUT));
    b.m.hung = false;
    for domain in [b.red, b.blue] {
        assert_eq!(b.driver.hwpt_free(&mut b.m, domain).unwrap_err().errno(), Some(Errno::EBUSY));
    }
    b.m.log.clear();
    b.driver.replace_process(&mut b.m, b.gpu, 5, Target::Identity).unwrap();
    let sent = b.m.invalidations();
    let old = Seen::Vma { gscid: None, pscid: Some(1), addr: None };
    assert!(sent.contains(&Seen::Ddt(Some(GPU))) && sent.contains(&old), "{sent:?}");
    b.driver.hwpt_free(&mut b.m, b.red).unwrap();
    b.driver.hwpt_free(&mut b.m, b.blue).unwrap();
}

/// Contexts that a fetch can put together in a window.
fn fetches(before: ProcessContext, window: &Window) -> Vec<ProcessContext> {
    let mut seen = vec![before];
    for &(word, value) in &window.0 {
        seen.extend(seen.clone().into_iter().map(|context| context.with_word(word, value)));
    }
    seen
}

#[test]
fn every_fetch_of_a_process_context_finds_old_or_new() {
    let first = |root, pscid| ProcessContext::IDENTITY.with_first_stage(Scheme::Sv39, root, pscid);
    let stale = ProcessContext([first(0x7000, 9).0[0] & !1, first(0x7000, 9).0[1]]);
    let states = [
        ProcessContext::BLOCKED,
        stale,
        ProcessContext::IDENTITY,
        first(0x1000, 1),
        first(0x2000, 1),
        first(0x1000, 2),
        first(0x2000, 2),
        ProcessContext::IDENTITY.with_first_stage(Scheme::Sv57, 0x2000, 2),
    ];
    // The scratch PSCID apart, which only the tag shows.
    let untagged = |context: &ProcessContext| context.masked().with_pscid(0);
    let mut scratches = 0;
    for from in states {
        for to in states {
            let plan = plan::sequenced_process(from, to, Some(0xf_ffff), None);
            let name = format!("{from:x?} -> {to:x?}: {plan}");
            assert!(plan.class.hitless(), "{name}");
            scratches += usize::from(plan.class == Class::Scratch);
            let mut context = from;
            for window in plan.windows() {
                for fetched in fetches(context, &window) {
                    let fine = [from, to].iter().any(|own| untagged(own) == untagged(&fetched));
                    assert!(fine, "{name}: {fetched:x?} can be fetched");
                    // The old root never stands beside the new tag, nor the new root beside the old one.
                    let mixed = fetched.has_first_stage() && fetched.valid() && fetched.pscid() != 0xf_ffff;
                    let whole = [from, to].iter().any(|own| own.masked() == fetched.masked());
                    assert!(!mixed || whole, "{name}: {fetched:x?}");
                }
                context = window.after(context);
            }
            assert_eq!(context.masked(), to.masked(), "{name}");
            let most = if plan.class == Class::Scratch { 3 } else { 2 };
            assert!(plan.syncs() <= most, "{name}");
            let without = plan::sequenced_process(from, to, None, None).class;
            assert_eq!(without == Class::Break, plan.class == Class::Scratch, "{name}: a break without need");
        }
    }
    assert!(scratches >= 4, "{scratches}");
}

#[test]
fn other_policies_clear_v_on_the_way() {
    for policy in [Policy::Upstream, Policy::Rfc] {
        let mut b = Bench::enabled(ProcessMode::Pd8, Options { policy, ..Options::default() });
        b.attach(5, b.red);
        let at = b.driver.process_context_at(b.gpu, 5).unwrap();
        b.m.log.clear();
        b.driver.replace_process(&mut b.m, b.gpu, 5, Target::Domain(b.blue)).unwrap();
        let cleared = b.m.stores().iter().any(|&(addr, value)| Spa(addr) == at && value & 1 == 0);
        assert!(cleared, "{policy:?}");
        b.tear_down();
    }
}
