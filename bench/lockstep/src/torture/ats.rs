// SPDX-License-Identifier: Apache-2.0
//! ATS and page requests in a world: devices that ask for translations and use them, that ask for pages, and software
//! that invalidates what they keep and answers them.

use bus::{Answering, AtsTiming, Cached};
use driver::{Halted, Machine};
use events::{Burst, Direction, DmaRequest, PageRequest, TranslationRequest};
use golden::{AtsMessage, Command, DeviceId, Iova, ProcessId, offset};
use testbench::Testbench;

use super::dice::Dice;
use super::requesters::{NESTED_TOO, REQUESTERS, Requester, SECOND_ONLY};
use super::{map, send};

/// Queue on, and its interrupt.
const QUEUE_ON: u64 = 3;
/// pqmf and pqof
const ERRORS: u64 = 3 << 8;

/// How the devices behave: most of them answer, a few keep silent.
pub fn timing(dice: &mut Dice) -> AtsTiming {
    AtsTiming {
        ready_percent: 50 + dice.below(51) as u8,
        answer: 1..=20 + dice.below(200) as u32,
        silent_percent: if dice.percent(30) { 3 } else { 0 },
        split_percent: if dice.percent(50) { 40 } else { 0 },
        ..AtsTiming::default()
    }
}

/// Each device completes what nobody has asked it for, too.
pub fn strays(timing: &AtsTiming) -> Vec<(DeviceId, Answering)> {
    let own = Answering { after: timing.answer.clone(), splits: false, silent: 0, strays: true };
    REQUESTERS.iter().map(|requester| (DeviceId(requester.id), own.clone())).collect()
}

/// What software remembers of the page-request queue.
#[derive(Debug, Default)]
pub struct PageQueue {
    head: u64,
}

impl PageQueue {
    /// Switches the queue on.
    pub fn start(bench: &mut Testbench) -> Result<(), Halted> {
        let base = golden::QueueBase(0).with_ppn(map::PAGE_REQUESTS >> 12);
        let base = base.with_log2sz_minus1(map::PAGE_REQUESTS_LOG2 - 1);
        bench.write_register(offset::PQB, 8, base.0)?;
        bench.write_register(offset::PQCSR, 4, QUEUE_ON)?;
        bench.read_register(offset::PQCSR, 4)?;
        Ok(())
    }

    /// Takes out what devices asked for, and now and then leaves it, or switches the queue off and on.
    pub fn look(&mut self, bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
        let tail = bench.read_register(offset::PQT, 4)?;
        let csr = bench.read_register(offset::PQCSR, 4)?;
        if csr & ERRORS != 0 && dice.percent(80) {
            bench.write_register(offset::PQCSR, 4, csr & ERRORS | QUEUE_ON)?;
        }
        if tail != self.head && dice.percent(70) {
            self.head = tail;
            bench.write_register(offset::PQH, 4, tail)?;
        }
        if dice.percent(4) {
            bench.write_register(offset::PQCSR, 4, 0)?;
            bench.wait(dice.below(200))?;
            while golden::Pqcsr(bench.read_register(offset::PQCSR, 4)? as u32).pqon() {}
            self.head = 0;
            bench.write_register(offset::PQH, 4, 0)?;
            bench.write_register(offset::PQCSR, 4, QUEUE_ON)?;
        }
        Ok(())
    }
}

/// Somebody who makes requests.
pub fn any_requester(dice: &mut Dice) -> Requester {
    REQUESTERS[dice.index(REQUESTERS.len())]
}

/// A page of the windows that a requester streams through; now and then one that nobody maps.
pub fn any_page(requester: &Requester, dice: &mut Dice) -> u64 {
    let (pages, superpages) = match requester.id {
        SECOND_ONLY => (map::GUEST_DATA, map::GUEST_SUPERPAGES),
        _ => (map::PAGES, map::SUPERPAGE),
    };
    match dice.below(10) {
        0..=5 => pages + 0x1000 * dice.below(8),
        6..=8 => superpages + 0x1000 * dice.below(0x1f0),
        _ => pages + 0x1000 * dice.below(0x10_0000),
    }
}

/// Devices ask for translations and for pages.
pub fn ask(bench: &mut Testbench, dice: &mut Dice) {
    for _ in 0..1 + dice.below(8) {
        let requester = any_requester(dice);
        let with_process = requester.process.filter(|_| dice.percent(95));
        bench.ask_translation(TranslationRequest {
            device: DeviceId(requester.id),
            process: with_process.map(ProcessId),
            privileged: with_process.is_some() && requester.privileged != dice.percent(10),
            exec: with_process.is_some() && dice.percent(40),
            no_write: dice.percent(30),
            addr: Iova(any_page(&requester, dice) | dice.below(0x1000)),
            ..TranslationRequest::default()
        });
    }
    for _ in 0..dice.below(3) {
        let requester = any_requester(dice);
        bench.ask_page(PageRequest {
            device: DeviceId(requester.id),
            process: requester.process.map(ProcessId),
            privileged: requester.privileged,
            exec: dice.percent(30),
            addr: Iova(any_page(&requester, dice)),
            r: dice.percent(70),
            w: dice.percent(40),
            last: dice.percent(60),
            prgi: dice.below(0x200) as u16,
        });
    }
}

/// A device uses a translation that it keeps, or a guest address where the second stage protects memory from it.
pub fn use_translation(bench: &mut Testbench, dice: &mut Dice) -> Result<(), Halted> {
    let cached = bench.cached();
    let pick = cached.get(dice.index(cached.len())).copied();
    let request = match pick {
        Some(entry) if dice.percent(75) => translated(&entry, dice),
        _ => guest(dice),
    };
    send(bench, request)
}

fn translated(entry: &Cached, dice: &mut Dice) -> DmaRequest {
    let asked = entry.request;
    let pages = 1u64 << (entry.size_log2().min(21) - 12);
    let first = asked.addr.0 & !(pages * 0x1000 - 1);
    let within = first + 0x1000 * dice.below(pages) + 8 * dice.below(256);
    let write = entry.completion.w && dice.percent(50);
    let iova = Iova(entry.translate(within).unwrap_or(entry.completion.addr.0 & !0xfff));
    let data = write.then(|| dice.below(u64::MAX));
    DmaRequest {
        id: 1,
        process: asked.process,
        privileged: asked.privileged,
        instruction: !write && entry.completion.x,
        ..word(asked.device, iova, data)
    }
}

fn guest(dice: &mut Dice) -> DmaRequest {
    let write = dice.percent(30);
    let iova = Iova(map::GUEST_DATA + 0x1000 * dice.below(16));
    DmaRequest { id: 2, ..word(DeviceId(NESTED_TOO), iova, write.then_some(7)) }
}

/// One doubleword at an address that is translated already.
fn word(device: DeviceId, iova: Iova, written: Option<u64>) -> DmaRequest {
    let direction = if written.is_some() { Direction::Write } else { Direction::Read };
    let data = written.map(|word| (word, 0xff)).into_iter().collect();
    DmaRequest { translated: true, data, ..DmaRequest::new(direction, device, iova, Burst::incr(1)) }
}

/// Commands for the devices: what they keep is invalidated, in whatever breadth, and groups are answered.
pub fn commands(dice: &mut Dice) -> Vec<Command> {
    let mut commands = Vec::new();
    if dice.percent(50) {
        let requester = any_requester(dice);
        for _ in 0..1 + dice.below(5) {
            let page = any_page(&requester, dice) >> 12;
            // NAPOT, as PCIe has it: 2 pages, 4 pages, 512 pages, everything
            let (page, s) = match dice.below(8) {
                0 => (page & !1, 1),
                1 => (page & !3 | 1, 1),
                2 => (page & !0x1ff | 0xff, 1),
                3 => (u64::MAX >> 13, 1),
                _ => (page, 0),
            };
            let payload = page << 12 | s << 11 | u64::from(dice.percent(20));
            commands.push(Command::AtsInval(message(&requester, payload, dice)));
        }
    }
    if dice.percent(30) {
        let requester = any_requester(dice);
        let code = [0, 1, 15][dice.index(3)];
        let payload = dice.below(0x200) << 32 | code << 44;
        commands.push(Command::AtsPrgr(message(&requester, payload, dice)));
    }
    commands
}

fn message(requester: &Requester, payload: u64, dice: &mut Dice) -> AtsMessage {
    AtsMessage {
        process: requester.process.filter(|_| dice.percent(80)).map(ProcessId),
        segment: dice.percent(20).then(|| dice.below(2) as u8),
        rid: requester.id as u16,
        payload,
    }
}
