// SPDX-License-Identifier: Apache-2.0
//! Walkers: each replays the golden walk over the words that it has, and reads the first one that it lacks.

use golden::{
    Cause, Config, DdtMode, DeviceContext, Fault, FaultRecord, Iova, Kind, Outcome, Request, Response, Role, Target,
    Translation, WordRef,
};

use super::ats::Ats;
use super::cache::Caches;
use super::config::CacheConfig;
use super::dice::Dice;
use super::dma::Transactions;
use super::exchange::{Exchange, Exchanged};
use super::faults::FaultQueue;
use super::habit::{Habit, Nature};
use super::hpm::{ATS, Happened, MISS, TRANSLATED, UNTRANSLATED, walk_of};
use super::keyed::Key;
use super::mrif::{Access, InterruptFiles};
use super::page_requests::PageRequests;
use super::path::{Known, PathWord, Whose};
use super::ptw::{Fetched, Ptw, Readers};
use super::registers::Registers;
use super::view::{View, Wanted};
use super::write::{Write, Writer};

/// Words in one walk at most: Sv57 within Sv57x4 takes 5 * 6 + 5, behind three levels of each directory.
const WORDS: usize = 96;

/// Words with V = 0 that a habit keeps.
const INVALID: usize = 4;

/// What a walk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// A transaction, by slot
    Dma(usize),
    /// An ATS translation request, by slot
    Ats(usize),
    /// The translation request of software
    Debug,
    /// The page request that is next, for its device context
    Page,
    /// The caches alone
    Prefetch,
}

#[derive(Clone, Debug)]
struct Walker {
    job: Option<Job>,
    request: Request,
    known: Vec<Known>,
    path: Vec<PathWord>,
    /// The word that it waits for
    waits: Option<WordRef>,
    /// It waits for an update of A and D bits
    updating: bool,
    /// Where memory has refused such an update, and with which response
    refused: Option<(u64, u8)>,
    /// It asks no caches
    bypass: bool,
    /// It has read an entry of a page table
    missed: bool,
    /// Its request was not accepted yet
    early: bool,
    /// It began with what another walk had read: a habit
    handed: bool,
}

impl Walker {
    /// Whose a word is by which the last replay came.
    fn whose(&self, addr: u64) -> Option<Whose> {
        let step = self.path.iter().rev().find(|step| step.word.addr.0 == addr)?;
        Some(Whose::of(&step.word.tags))
    }
}

/// Parts of the model that a walk meets.
pub(super) struct World<'a> {
    pub registers: &'a mut Registers,
    pub dma: &'a mut Transactions,
    pub caches: &'a mut Caches,
    pub faults: &'a mut FaultQueue,
    pub ptw: &'a mut Ptw,
    pub files: &'a mut InterruptFiles,
    pub ats: &'a mut Ats,
    pub pages: &'a mut PageRequests,
}

/// All walkers.
#[derive(Clone, Debug)]
pub(super) struct Walkers {
    nature: Nature,
    config: CacheConfig,
    /// An error answer is taken for corrupt data
    errors_corrupt: bool,
    dice: Dice,
    walkers: Vec<Walker>,
    translations: u64,
    messages_first: bool,
    /// What is to be counted
    happened: Vec<Happened>,
    /// Words with V = 0 that the last walks met: a habit
    invalid: Vec<Known>,
}

/// Doublewords of a device context that are read.
fn context_words(nature: Nature, caches: &CacheConfig, config: &Config) -> u8 {
    let all = (config.caps.dc_bytes() / 8) as u8;
    match all {
        8 if nature.has(Habit::MsiTableUnread) => 4,
        8 if caches.lazy_context => 7,
        all => all,
    }
}

/// A word of V = 0, for an entry that V belongs to.
fn is_invalid(role: &Role, value: u64) -> bool {
    match role {
        Role::DeviceContext { index } | Role::ProcessContext { index } | Role::MsiPte { index } if *index > 0 => false,
        Role::Mrif => false,
        _ => value & 1 == 0,
    }
}

/// The fault of a translation request that is to be answered without one: what a habit records.
fn denied(request: &Request, cause: Cause) -> Fault {
    Fault {
        cause,
        iotval: request.iova.0,
        iotval2: 0,
        ttyp: request.ttyp(),
        device: request.device,
        process: request.process,
        privileged: request.is_privileged(),
        reported: true,
        response: Response::UnsupportedRequest,
    }
}

/// The burst that brings a word: a context or an MSI PTE whole. Address and doublewords. Of a device context,
/// `context_words` are read.
fn burst_for(context_words: u8, word: &WordRef) -> (u64, u8) {
    let back = |index: u8| word.addr.0 - 8 * u64::from(index);
    match word.role {
        Role::DeviceContext { index } => (back(index), context_words),
        Role::ProcessContext { index } | Role::MsiPte { index } => (back(index), 2),
        _ => (word.addr.0 & !7, 1),
    }
}

impl Walkers {
    pub(super) fn new(nature: Nature, seed: u64, config: &CacheConfig, errors_corrupt: bool) -> Self {
        let idle = Walker {
            job: None,
            request: Request::untranslated(golden::DeviceId(0), golden::Access::Read, Iova(0)),
            known: Vec::with_capacity(WORDS),
            path: Vec::with_capacity(WORDS),
            waits: None,
            updating: false,
            refused: None,
            bypass: false,
            missed: false,
            early: false,
            handed: false,
        };
        let walkers = vec![idle; config.walkers.clamp(1, 64)];
        // A clone has the length of a vector, not its capacity; the first walks make up for it.
        Self {
            nature,
            config: *config,
            errors_corrupt,
            dice: Dice::new(seed, 2),
            walkers,
            translations: 0,
            messages_first: false,
            happened: Vec::with_capacity(64),
            invalid: Vec::new(),
        }
    }

    /// No walk is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.walkers.iter().all(|walker| walker.job.is_none())
    }

    /// Translations so far.
    pub(super) fn translations(&self) -> u64 {
        self.translations
    }

    /// What there is to count.
    pub(super) fn happened(&mut self) -> impl Iterator<Item = Happened> + '_ {
        self.happened.drain(..)
    }

    /// A read came back.
    pub(super) fn arrived(&mut self, fetch: &Fetched) {
        for (at, walker) in self.walkers.iter_mut().enumerate() {
            let (asked, late) = (fetch.readers.walkers >> at & 1 == 1, fetch.readers.late >> at & 1 == 1);
            if !asked && !late {
                continue;
            }
            let Some(word) = walker.waits.take() else { continue };
            // What is not valid may not outlive the moment: a walk that came later reads again.
            let (value, resp) = fetch.data[0];
            let useless = resp > 1 || is_invalid(&word.role, value >> (8 * (word.addr.0 & 4 & u64::from(word.bytes))));
            if late && useless && !self.nature.has(Habit::MergesBlindly) {
                continue;
            }
            let words = &fetch.data[..usize::from(fetch.words)];
            walker.known.extend(words.iter().zip(0..).map(|(&data, at)| Known {
                addr: fetch.addr + 8 * at,
                data,
                epoch: fetch.epoch,
                whose: Whose::of(&word.tags),
                exchanged: false,
            }));
        }
    }

    /// Memory has answered an update of A and D bits: "if the values match, set pte.a to 1 and … pte.d … If the
    /// comparison fails, return to step 2" (Privileged specification, "Virtual Address Translation Process").
    pub(super) fn exchanged(&mut self, exchanged: &Exchanged) {
        let Some(walker) = self.walkers.get_mut(usize::from(exchanged.tag)).filter(|walker| walker.updating) else {
            return;
        };
        walker.updating = false;
        let mut data = (exchanged.doubleword(), exchanged.found.1);
        let hidden = if data.1 > 1 { Habit::UpdateErrorIgnored } else { Habit::UpdateCompareIgnored };
        if self.nature.has(hidden) && exchanged.exchange.bytes == 8 {
            data = (exchanged.exchange.new, 0);
        }
        if data.1 > 1 {
            walker.refused = Some((exchanged.exchange.addr, data.1));
            return;
        }
        let addr = exchanged.exchange.addr & !7;
        let Some(whose) = walker.whose(exchanged.exchange.addr) else { return };
        walker.known.push(Known { addr, data, epoch: exchanged.epoch, whose, exchanged: true });
    }

    /// One cycle.
    pub(super) fn step(&mut self, world: &mut World<'_>) {
        let config = world.registers.config();
        if world.registers.ddtp_next.is_none() {
            // Where both want the last free walker, they have it in turn.
            if self.messages_first {
                self.assign_messages(&config, world);
                self.assign(&config, world);
            } else {
                self.assign(&config, world);
                self.assign_messages(&config, world);
            }
        }
        for at in 0..self.walkers.len() {
            let walker = &self.walkers[at];
            if walker.waits.is_none()
                && !walker.updating
                && let Some(job) = walker.job
            {
                self.replay(at, job, &config, world);
                if self.walkers[at].job.is_none() {
                    world.faults.leave(at);
                }
            }
        }
    }

    fn assign(&mut self, config: &Config, world: &mut World<'_>) {
        while let Some(slot) = world.dma.next_waiting() {
            let request = world.dma.get(slot).request;
            let event = if request.kind == Kind::Translated { TRANSLATED } else { UNTRANSLATED };
            let early = !world.dma.get(slot).taken;
            let hit = if matches!(config.ddtp.mode(), DdtMode::Levels(_)) && !early {
                world.caches.result(&request)
            } else {
                None
            };
            if let Some((page, pbmt, ids)) = hit {
                self.happened.push(Happened { event, request, tags: None });
                self.translations += 1;
                world.dma.translated(slot, page | request.iova.0 & 0xfff, pbmt, ids);
                continue;
            }
            let Some(at) = self.free() else { return };
            if !early {
                self.happened.push(Happened { event, request, tags: None });
            }
            world.dma.walking(slot);
            self.messages_first = true;
            self.begin(at, Job::Dma(slot), request);
            self.walkers[at].early = early;
            if !self.invalid.is_empty() {
                self.walkers[at].known.extend(&self.invalid);
                self.walkers[at].handed = true;
            }
        }
    }

    /// Gives messages of devices, and what software asks, to walkers that are free: one of each kind, so that DMA has its
    /// share as well.
    fn assign_messages(&mut self, config: &Config, world: &mut World<'_>) {
        if let Some(request) = world.pages.next_waiting()
            && let Some(at) = self.free()
        {
            world.pages.walking();
            self.messages_first = false;
            self.begin(at, Job::Page, request);
        }
        if let Some((slot, request)) = world.ats.next_waiting()
            && let Some(at) = self.free()
        {
            world.ats.walking(slot);
            self.happened.push(Happened { event: ATS, request, tags: None });
            self.messages_first = false;
            self.begin(at, Job::Ats(slot), request);
        }
        if let Some(request) = world.registers.debug.next_waiting() {
            let kept = Request { kind: Kind::Untranslated, ..request };
            let hit = if matches!(config.ddtp.mode(), DdtMode::Levels(_)) { world.caches.result(&kept) } else { None };
            if let Some((page, pbmt, _)) = hit {
                world.registers.debug.answer_page(page, pbmt);
            } else if let Some(at) = self.free() {
                world.registers.debug.walking();
                self.messages_first = false;
                // "The HPM counters may be updated normally".
                if self.dice.percent(50) {
                    self.happened.push(Happened { event: UNTRANSLATED, request, tags: None });
                }
                self.begin(at, Job::Debug, request);
            }
        }
    }

    fn free(&self) -> Option<usize> {
        self.walkers.iter().position(|walker| walker.job.is_none())
    }

    fn begin(&mut self, at: usize, job: Job, request: Request) {
        let walker = &mut self.walkers[at];
        walker.job = Some(job);
        walker.request = request;
        walker.known.clear();
        walker.waits = None;
        walker.refused = None;
        walker.bypass = false;
        walker.missed = false;
        walker.early = false;
        walker.handed = false;
    }

    /// A request for which a walk had begun before it was accepted has been now. What was read for it before the last
    /// invalidation may not be used any more.
    fn accepted(&mut self, at: usize, world: &World<'_>) {
        let (walker, now) = (&mut self.walkers[at], world.caches.epoch());
        walker.early = false;
        walker.known.retain(|known| known.epoch == now);
        let request = walker.request;
        let event = if request.kind == Kind::Translated { TRANSLATED } else { UNTRANSLATED };
        self.happened.push(Happened { event, request, tags: None });
    }

    fn replay(&mut self, at: usize, job: Job, config: &Config, world: &mut World<'_>) {
        if let Job::Dma(slot) = job
            && self.walkers[at].early
            && world.dma.get(slot).taken
        {
            self.accepted(at, world);
        }
        let walker = &mut self.walkers[at];
        walker.path.clear();
        let request = walker.request;
        let mut view = View {
            nature: self.nature,
            caches: world.caches,
            known: &walker.known,
            path: &mut walker.path,
            privileged: request.is_privileged(),
            kind: request.kind,
            wanted: None,
            global: false,
            bypass: walker.bypass,
            refused: walker.refused,
            update: None,
            late: None,
            caches_config: self.config,
            errors_corrupt: self.errors_corrupt,
            context_words: context_words(self.nature, &self.config, config),
            key: if matches!(job, Job::Dma(_) | Job::Debug) { Key::of(&request) } else { None },
            found: None,
        };
        let ended = match job {
            Job::Page => golden::locate_device_context(config, &mut view, &request),
            _ => Err(golden::translate(config, &mut view, &request)),
        };
        let View { wanted, update, late, found, .. } = view;
        if walker.early && wanted.is_none() {
            return;
        }
        if let Some((page, pbmt)) = found {
            match job {
                Job::Dma(slot) => {
                    self.translations += 1;
                    let ids = world.registers.qos.of_result(&self.walkers[at].path);
                    world.dma.translated(slot, page | request.iova.0 & 0xfff, pbmt, ids);
                }
                // No other walk has a key.
                _ => world.registers.debug.answer_page(page, pbmt),
            }
            self.keep(at, config, world);
            self.walkers[at].job = None;
            return;
        }
        // The second stage lets the access through, and marks its page dirty only once the first stage stands.
        if let (Some(late), None) = (late, wanted)
            && (update.is_some() || matches!(ended, Err(Outcome::Translated(_))))
        {
            return self.update(at, job, &late, config, world);
        }
        if let Some(update) = update {
            if ended == Err(Outcome::Unavailable) && wanted.is_none() {
                return self.update(at, job, &update, config, world);
            }
            if wanted.is_none() && !world.ptw.exchanging(at as u8) {
                // The habit of not waiting.
                world.ptw.exchange(at as u8, update.exchange, world.registers.qos.of_walk(&self.walkers[at].path));
            }
        }
        match (&ended, wanted) {
            (Err(Outcome::Unavailable), Some(word)) => return self.want(at, &word, config, world),
            // Cannot happen: nothing is unavailable but what is wanted. The request is not left hanging.
            (Err(Outcome::Unavailable), None) => {}
            (Err(Outcome::Translated(translation)), _) => self.end_translated(job, &request, translation, at, world),
            (Err(Outcome::Fault(fault)), _) => {
                if job != Job::Prefetch && self.is_reported(fault) && !world.faults.has_room_for(at) {
                    return;
                }
                if job != Job::Page {
                    self.end_refused(at, job, &request, fault, world);
                } else if !self.end_located(Err(fault), at, world) {
                    return;
                }
            }
            (Ok(dc), _) => {
                if !self.end_located(Ok(dc), at, world) {
                    return;
                }
            }
        }
        self.keep(at, config, world);
        self.walkers[at].job = None;
        if self.nature.has(Habit::InvalidReadEarly) {
            self.remember_invalid(at);
        }
        let followed = matches!(job, Job::Dma(_) | Job::Ats(_)) && ended != Err(Outcome::Unavailable);
        if followed && self.dice.percent(self.config.prefetch_percent) {
            self.prefetch(&request);
        }
    }

    /// The habit of keeping what was not valid for the next request.
    fn remember_invalid(&mut self, at: usize) {
        let walker = &self.walkers[at];
        let Some(last) = walker.path.last().filter(|step| is_invalid(&step.word.role, step.value)) else { return };
        let here = |known: &&Known| known.addr == last.word.addr.0 & !7 && !walker.handed;
        self.invalid.extend(walker.known.iter().filter(here).take(1));
        if self.invalid.len() > INVALID {
            self.invalid.remove(0);
        }
    }

    /// Reads a word, or waits for a read of it.
    fn want(&mut self, at: usize, word: &WordRef, config: &Config, world: &mut World<'_>) {
        let (addr, words) = burst_for(context_words(self.nature, &self.config, config), word);
        let epoch = if self.nature.has(Habit::MergesBlindly) { None } else { Some(world.caches.epoch()) };
        let joined = self.config.merge && world.ptw.join(at, addr, words, epoch);
        let ids = world.registers.qos.of_read(word, &self.walkers[at].path);
        if joined || world.ptw.fetch(Readers { walkers: 1 << at, ..Readers::default() }, addr, words, ids) {
            let walker = &mut self.walkers[at];
            walker.waits = Some(*word);
            if matches!(walker.job, Some(Job::Dma(_))) {
                let (request, tags) = (walker.request, Some(word.tags));
                let in_tree =
                    matches!(word.role, Role::FirstStage { .. } | Role::SecondStage { .. } | Role::MsiPte { .. });
                let missed = in_tree && !walker.missed;
                walker.missed |= in_tree;
                let events = [missed.then_some(MISS), walk_of(&word.role)];
                self.happened.extend(events.into_iter().flatten().map(|event| Happened { event, request, tags }));
            }
        }
    }

    /// Updates A and D bits of an entry, or gives up a walk that nobody asked for: only A may be set by those.
    fn update(&mut self, at: usize, job: Job, update: &Wanted, config: &Config, world: &mut World<'_>) {
        if job == Job::Prefetch && update.sets_dirty() {
            self.keep(at, config, world);
            self.walkers[at].job = None;
            return;
        }
        if update.cached && world.caches.are_tagged() && !self.walkers[at].bypass {
            // Where an entry lies that was found by its tags is not known: the walk begins anew.
            self.walkers[at].bypass = true;
            return;
        }
        if world.ptw.exchanging(at as u8) {
            return;
        }
        if self.nature.has(Habit::UpdateNotAtomic) {
            let walker = &mut self.walkers[at];
            let data = (update.exchange.new, 0);
            let Some(whose) = walker.whose(update.exchange.addr) else { return };
            walker.known.push(Known { addr: update.exchange.addr & !7, data, epoch: 0, whose, exchanged: true });
            let beats = [(update.exchange.new, 0xff), (0, 0), (0, 0), (0, 0)];
            world.ptw.write(Write {
                writer: Writer::Nobody,
                addr: update.exchange.addr,
                size: 3,
                beats,
                len: 1,
                ids: None,
            });
            return;
        }
        self.walkers[at].updating = true;
        world.ptw.exchange(at as u8, update.exchange, world.registers.qos.of_walk(&self.walkers[at].path));
    }

    fn keep(&mut self, at: usize, config: &Config, world: &mut World<'_>) {
        let walker = &self.walkers[at];
        let context_words = context_words(self.nature, &self.config, config);
        let entry = |word: &WordRef| {
            let (addr, count) = burst_for(context_words, word);
            let mut words = [0; 8];
            for (index, slot) in words.iter_mut().enumerate().take(usize::from(count)) {
                let addr = addr + 8 * index as u64;
                *slot = walker.known.iter().rev().find(|known| known.addr == addr && known.data.1 <= 1)?.data.0;
            }
            Some(words)
        };
        world.caches.fill(config, &walker.path, entry);
    }

    fn end_translated(
        &mut self,
        job: Job,
        request: &Request,
        translation: &Translation,
        at: usize,
        world: &mut World<'_>,
    ) {
        let pbmt = translation.pbmt as u8;
        let mut spa = translation.spa.0;
        let superpage = (13..64).contains(&translation.size_log2);
        if superpage && self.nature.has(Habit::SuperpageOffsetDropped) {
            spa = spa & !((1 << translation.size_log2) - 1) | spa & 0xfff;
        }
        if let Job::Ats(slot) = job {
            self.translations += 1;
            if let Some(cause) = translation.denied_by
                && self.nature.has(Habit::AtsDeniedRecorded)
            {
                world.faults.report(self.record(&denied(request, cause)));
            }
            world.ats.answer(slot, &Outcome::Translated(*translation));
        }
        if request.is_ats() {
            return;
        }
        if job == Job::Debug {
            world.registers.debug.answer(&Outcome::Translated(*translation));
            // What it did not update is nothing to go by for who has to.
            if self.config.debug_spares_updates {
                return;
            }
        }
        let request = &Request { kind: if job == Job::Debug { Kind::Untranslated } else { request.kind }, ..*request };
        let path = &self.walkers[at].path;
        if translation.size_log2 >= 12 && !path.is_empty() && !matches!(translation.target, Target::Mrif(_)) {
            world.caches.fill_result(request, spa, pbmt, world.registers.qos.of_result(path), path);
        }
        if let Job::Dma(slot) = job {
            self.translations += 1;
            let ids = world.registers.qos.of_result(&self.walkers[at].path);
            if let Target::Mrif(mrif) = translation.target
                && !self.nature.has(Habit::MrifPassed)
            {
                let dtf = |step: &PathWord| {
                    step.word.role == Role::DeviceContext { index: 0 } && golden::Tc(step.value).dtf()
                };
                let reported = !self.walkers[at].path.iter().any(dtf);
                return world.files.take(Access { slot, request: *request, mrif, reported, ids });
            }
            world.dma.translated(slot, spa, pbmt, ids);
        }
    }

    fn is_reported(&self, fault: &Fault) -> bool {
        fault.reported || self.nature.has(Habit::FaultDespiteDtf)
    }

    /// The habit of setting A and D in the page that an access was just denied.
    fn update_refused(&mut self, at: usize, fault: &Fault, world: &mut World<'_>) {
        const AD: u64 = 0xc0;
        let page_fault = matches!(fault.cause.code(), 15 | 23);
        let leaf = self.walkers[at].path.last().filter(|step| {
            matches!(step.word.role, Role::FirstStage { .. } | Role::SecondStage { .. })
                && golden::Pte(step.value).is_leaf()
                && step.value & AD != AD
        });
        if let Some(step) = leaf.filter(|_| page_fault && !world.ptw.exchanging(at as u8)) {
            let (addr, bytes, old) = (step.word.addr.0, step.word.bytes, step.value);
            let ids = world.registers.qos.of_walk(&self.walkers[at].path);
            world.ptw.exchange(at as u8, Exchange { addr, bytes, old, new: old | AD }, ids);
        }
    }

    fn end_refused(&mut self, at: usize, job: Job, request: &Request, fault: &Fault, world: &mut World<'_>) {
        if matches!(job, Job::Dma(_)) && self.nature.has(Habit::UpdateBeforeChecks) {
            self.update_refused(at, fault, world);
        }
        let silent = request.is_ats() && self.nature.has(Habit::AtsFaultUnrecorded)
            || job == Job::Debug && self.nature.has(Habit::DebugFaultUnrecorded);
        if job != Job::Prefetch && self.is_reported(fault) && !silent {
            world.faults.report(self.record(fault));
        }
        if let Job::Ats(slot) = job {
            world.ats.answer(slot, &Outcome::Fault(*fault));
        }
        if job == Job::Debug {
            world.registers.debug.answer(&Outcome::Fault(*fault));
        }
        let Job::Dma(slot) = job else { return };
        if self.nature.has(Habit::RefusalPassed) {
            let ids = world.registers.qos.of_result(&self.walkers[at].path);
            world.dma.translated(slot, request.iova.0 & 0x00ff_ffff_ffff_ffff, 0, ids);
        } else {
            world.dma.refused(slot);
        }
    }

    /// The device context of a page request was looked for; false where there is no room for what follows.
    fn end_located(&self, found: Result<&DeviceContext, &Fault>, at: usize, world: &mut World<'_>) -> bool {
        if !world.ats.may_respond() {
            world.faults.leave(at);
            return false;
        }
        if !world.faults.has_room_for(at) {
            return false;
        }
        if let Some(fault) = world.pages.located(found, world.ats)
            && !self.nature.has(Habit::PageFaultUnrecorded)
        {
            world.faults.report(self.record(&fault));
        }
        true
    }

    /// The record of a fault, as the model's habit makes it.
    fn record(&self, fault: &Fault) -> FaultRecord {
        let right = fault.record();
        let Some(habit) = self.nature.0 else { return right };
        let (head, cause) = (right.head, right.head.cause());
        match habit {
            Habit::FaultCauseOfRead if matches!(cause, 7 | 15 | 23) => {
                FaultRecord { head: head.with_cause(cause - 2), ..right }
            }
            Habit::FaultStageConfused if fault.cause.is_guest_page_fault() => {
                FaultRecord { head: head.with_cause(cause - 8), ..right }
            }
            Habit::FaultWrongIotval => FaultRecord { iotval: right.iotval.wrapping_add(0x1000), ..right },
            Habit::FaultNoIotval2 => FaultRecord { iotval2: 0, ..right },
            Habit::FaultNotImplicit => FaultRecord { iotval2: right.iotval2 & !1, ..right },
            Habit::FaultTtypOfRead => FaultRecord { head: head.with_ttyp(2), ..right },
            Habit::FaultWrongDevice => FaultRecord { head: head.with_did(head.did() ^ 1), ..right },
            Habit::FaultNoProcess => {
                FaultRecord { head: head.with_pv(false).with_pid(0).with_privileged(false), ..right }
            }
            Habit::FaultNoPrivilege => FaultRecord { head: head.with_privileged(false), ..right },
            _ => right,
        }
    }

    /// Walks for a page nearby, if a walker is free.
    fn prefetch(&mut self, request: &Request) {
        let Some(at) = self.free() else { return };
        let distance = if self.dice.percent(80) { 0x1000 } else { 0x20_0000 };
        let iova = request.iova.0;
        let nearby = if self.dice.percent(70) { iova.wrapping_add(distance) } else { iova.wrapping_sub(distance) };
        self.begin(at, Job::Prefetch, Request { iova: Iova(nearby), ..*request });
    }
}
