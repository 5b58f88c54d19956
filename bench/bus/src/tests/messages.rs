// SPDX-License-Identifier: Apache-2.0
//! The devices on `ats_*`: what they ask for, keep and drop, and the rules of the channels.

use boundary::{InvalidationRequest, Outputs, TranslationCompletion};
use events::{DmaRequest, Event, PageRequest, TranslationRequest, range_log2};
use golden::{DeviceId, Iova, ProcessId};

use super::checker::{Caught, puppet};
use super::{Machine, plain, read};
use crate::messages::completed;
use crate::{Answering, AtsTiming, BusConfig, Cached, Channel, Port, Rule};

const ASKED: TranslationRequest = TranslationRequest {
    tag: 0,
    device: DeviceId(5),
    process: Some(ProcessId(7)),
    privileged: false,
    exec: false,
    no_write: false,
    addr: Iova(0x40_3000),
};
const GRANTED: TranslationCompletion = TranslationCompletion {
    valid: true,
    tag: 0,
    status: 0,
    addr: 0x8000_0000,
    s: false,
    r: true,
    w: true,
    x: false,
    privileged: false,
    n: false,
    u: false,
    global: false,
    ama: 0,
};
const DROPPED: InvalidationRequest =
    InvalidationRequest { valid: true, did: 5, pv: true, pid: 7, addr: 0x40_3000, s: false, global: false, itag: 3 };

/// One who breaks each rule.
pub fn faults() -> Vec<(Caught, Machine)> {
    let at = |channel, rule| (Port::Ats, channel, rule);
    let still = AtsTiming { ready_percent: 0, ..AtsTiming::default() };
    let slow = |drive: fn(u64, &mut Outputs)| {
        let mut machine = puppet(move |now, _, out| drive(now, out));
        machine.bus = crate::Bus::new(BusConfig { ats: still.clone(), ..plain() }, 0);
        machine
    };
    vec![
        (
            at(Channel::Invalidation, Rule::AtsDropped),
            slow(|now, out| out.ats.invalidation = InvalidationRequest { valid: now != 3, ..DROPPED }),
        ),
        (
            at(Channel::Response, Rule::AtsStable),
            slow(|now, out| {
                out.ats.response.valid = true;
                out.ats.response.prgi = now as u16;
            }),
        ),
        (at(Channel::Completion, Rule::AtsTag), puppet(|_, _, out| out.ats.completion = GRANTED)),
        (at(Channel::Completion, Rule::AtsStatus), {
            let mut asked = None;
            let mut machine = puppet(move |_, inputs, out| {
                out.ats.request_ready = true;
                if let Some(tag) = asked {
                    out.ats.completion = TranslationCompletion { tag, status: 3, ..GRANTED };
                }
                asked = inputs.ats.request.valid.then_some(inputs.ats.request.tag);
            });
            machine.bus.ask_translation(ASKED);
            machine
        }),
        (at(Channel::Completion, Rule::Reset), {
            let mut machine = puppet(|_, _, _| {});
            machine.dut.sabotage = Some(Box::new(|_, _, out| out.ats.completion.valid = true));
            machine
        }),
    ]
}

#[test]
fn sizes_are_encoded_as_pcie_does() {
    assert_eq!(range_log2(0x1000, false), 12);
    assert_eq!(range_log2(0x2000, true), 13);
    assert_eq!(range_log2(0x1000, true), 14);
    assert_eq!(range_log2(0xf_f000, true), 21);
    assert_eq!(range_log2(0x7fff_ffff_ffff_f000, true), 64);
    let completion = completed(&TranslationCompletion { s: true, addr: 0x9000_1000, ..GRANTED });
    let entry = Cached { request: ASKED, completion };
    assert_eq!(entry.size_log2(), 14);
    assert_eq!(entry.translate(0x40_0123), Some(0x9000_0123));
    assert_eq!(entry.translate(0x40_3fff), Some(0x9000_3fff));
    assert_eq!(entry.translate(0x40_4000), None);
}

/// Answers each translation request after a while, and then sends these invalidation requests.
fn served(timing: AtsTiming, invalidations: Vec<InvalidationRequest>) -> Machine {
    let mut machine = Machine::new(BusConfig { ats: timing, ..plain() }, 1);
    let mut asked = None;
    let mut invalidations = invalidations.into_iter();
    machine.dut.sabotage = Some(Box::new(move |now, inputs, out| {
        *out = Outputs::default();
        if now == 0 {
            return;
        }
        out.ats.request_ready = true;
        out.ats.done_ready = true;
        out.ats.page_ready = true;
        if let Some(tag) = asked.take() {
            out.ats.completion = TranslationCompletion { tag, ..GRANTED };
        }
        if inputs.ats.request.valid {
            asked = Some(inputs.ats.request.tag);
        }
        if now >= 50 && inputs.ats.invalidation_ready {
            out.ats.invalidation = invalidations.next().unwrap_or_default();
        }
    }));
    machine
}

fn quick() -> AtsTiming {
    AtsTiming { ready_percent: 100, gap_percent: 0, answer: 3..=3, ..AtsTiming::default() }
}

#[test]
fn a_translation_is_kept_until_it_is_invalidated() {
    let others = [
        InvalidationRequest { did: 6, ..DROPPED },
        InvalidationRequest { pid: 8, ..DROPPED },
        InvalidationRequest { pv: false, pid: 0, ..DROPPED },
        InvalidationRequest { addr: 0x40_4000, ..DROPPED },
    ];
    let hits = [
        DROPPED,
        InvalidationRequest { pid: 8, global: true, ..DROPPED },
        InvalidationRequest { addr: 0x40_1000, s: true, ..DROPPED },
        InvalidationRequest { addr: 0x7fff_ffff_ffff_f000, s: true, ..DROPPED },
    ];
    for (invalidations, kept) in others.map(|o| (o, 1)).into_iter().chain(hits.map(|h| (h, 0))) {
        let mut machine = served(quick(), vec![invalidations]);
        machine.bus.ask_translation(ASKED);
        (0..40).for_each(|_| machine.cycle().expect("legal"));
        assert_eq!(machine.bus.cached().len(), 1);
        (0..40).for_each(|_| machine.cycle().expect("legal"));
        assert_eq!(machine.bus.cached().len(), kept, "{invalidations:?}");
        let done = machine.log.iter().filter(|(_, event)| matches!(event, Event::InvalidationDone { .. })).count();
        assert_eq!((done, machine.bus.ports_idle()), (1, true));
    }
}

/// What the devices complete when the device with ways of its own is asked twice: by whom, ITags, and when.
fn own(own: Answering) -> Vec<(u64, u32, u32)> {
    let timing = AtsTiming { own: vec![(golden::DeviceId(DROPPED.did), own)], ..quick() };
    let second = InvalidationRequest { itag: 4, ..DROPPED };
    let mut machine = served(timing, vec![DROPPED, second]);
    (0..300).for_each(|_| machine.cycle().expect("legal"));
    let all = machine.log.iter().filter_map(|(now, event)| match event {
        Event::InvalidationDone { completion } => Some((*now, completion.device.0, completion.itags)),
        _ => None,
    });
    all.collect()
}

#[test]
fn a_device_answers_invalidations_in_its_own_way() {
    let plain = Answering { after: 20..=20, splits: false, silent: 0, strays: false };
    let itags = |done: &[(u64, u32, u32)]| done.iter().fold(0, |bits, (_, _, itags)| bits | itags);
    assert_eq!(itags(&own(plain.clone())), 0b1_1000);
    assert_eq!(itags(&own(Answering { silent: 1, ..plain.clone() })), 0b1_0000, "the first one is left open");
    assert_eq!(own(Answering { silent: 2, ..plain.clone() }), []);
    let apart = own(Answering { splits: true, ..plain.clone() });
    let of_one: Vec<u64> = apart.iter().filter(|(_, _, itags)| itags >> 3 & 1 == 1).map(|(now, ..)| *now).collect();
    assert!(of_one.len() > 1 && of_one.windows(2).all(|pair| pair[1] - pair[0] > 20), "{apart:?}");
    let strays = own(Answering { strays: true, ..plain });
    let of_others: Vec<u32> =
        strays.iter().filter(|(_, did, _)| *did != DROPPED.did).map(|(_, _, bits)| *bits).collect();
    assert_eq!(of_others.iter().fold(0, |all, bits| all | bits), 0b1_1000, "these ITags by another device: {strays:?}");
    let own: Vec<_> = strays.iter().filter(|(_, did, _)| *did == DROPPED.did).copied().collect();
    assert_eq!(itags(&own), 0b1_1000, "and by itself in the end");
    assert!(strays.first().is_some_and(|first| first.1 != DROPPED.did && own.iter().all(|own| own.0 > first.0)));
}

#[test]
fn completions_may_be_several_or_none() {
    let both = || vec![DROPPED, InvalidationRequest { itag: 4, ..DROPPED }];
    let completions = |timing| {
        let mut machine = served(timing, both());
        (0..200).for_each(|_| machine.cycle().expect("legal"));
        let all = machine.log.iter().filter_map(|(_, event)| match event {
            Event::InvalidationDone { completion } => Some((completion.itags, completion.count)),
            _ => None,
        });
        all.collect::<Vec<_>>()
    };
    assert_eq!(completions(AtsTiming { silent_percent: 100, ..quick() }), []);
    let several = completions(AtsTiming { split_percent: 100, ..quick() });
    for itag in [3, 4] {
        let mine: Vec<_> = several.iter().filter(|(itags, _)| itags >> itag & 1 == 1).collect();
        assert!(mine.len() > 1, "{several:?}");
        let count = if mine[0].1 == 0 { 8 } else { mine[0].1 };
        assert!(mine.iter().all(|(_, count)| *count == mine[0].1) && mine.len() == usize::from(count), "{several:?}");
    }
}

#[test]
fn a_completion_waits_for_dma_by_the_old_translation() {
    let mut machine = served(quick(), vec![DROPPED]);
    let request = DmaRequest { device: golden::DeviceId(5), translated: true, ..read(1, 0x1000, 1) };
    machine.enqueue(request);
    (0..100).for_each(|_| machine.cycle().expect("legal"));
    assert!(machine.log.iter().any(|(_, event)| matches!(event, Event::InvalidationRequested { .. })));
    assert!(!machine.log.iter().any(|(_, event)| matches!(event, Event::InvalidationDone { .. })), "it is under way");
}

#[test]
fn page_requests_are_sent() {
    let mut machine = served(quick(), Vec::new());
    machine.bus.ask_page(PageRequest { device: DeviceId(5), r: true, last: true, prgi: 9, ..PageRequest::default() });
    (0..10).for_each(|_| machine.cycle().expect("legal"));
    let sent = |(_, event): &(u64, Event)| matches!(event, Event::PageRequested { request } if request.prgi == 9);
    assert_eq!(machine.log.iter().filter(|event| sent(event)).count(), 1);
}
