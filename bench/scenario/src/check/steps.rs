// SPDX-License-Identifier: Apache-2.0
//! Steps: names that exist, operands that fit, streams that are running.

use events::{Attributes, INCR, IllegalBurst};

use super::domains::check_span;
use crate::Number;
use crate::at::At;
use crate::ats::Translated;
use crate::broken::BreakMemory;
use crate::causes::Causes;
use crate::debug::{Answered, DebugTranslate};
use crate::diagnostic::Problem;
use crate::dma::{Dma, Result};
use crate::domain::{Domain, DomainKind, PageSize};
use crate::file::Scenario;
use crate::invalidate::{Invalidate, Iotinval};
use crate::msi::MsiMap;
use crate::place::Place;
use crate::probe::UserCommand;
use crate::register;
use crate::step::{Range, SetPte, Step, Stream};

/// What is known at a step from those before it.
#[derive(Default)]
struct Played {
    running: Vec<At<String>>,
    freed: Vec<String>,
    marks: Vec<String>,
    dma: bool,
    /// The operation that these steps are in
    operation: Option<At<String>>,
}

impl Scenario {
    pub(super) fn check_steps(&self, problems: &mut Vec<Problem>) {
        let mut played = Played::default();
        self.check_list(&self.steps, &mut played, problems);
        if !played.dma {
            let place = self.steps.first().map_or(self.name.place, |step| step.place);
            problems.push(
                Problem::new(place, "no step makes DMA: nothing would be compared", "these steps")
                    .help("add a `stream` or a `dma`"),
            );
        }
    }

    fn check_list(&self, steps: &[At<Step>], played: &mut Played, problems: &mut Vec<Problem>) {
        for step in steps {
            self.check_step(step, played, problems);
        }
    }

    fn check_step(&self, step: &At<Step>, played: &mut Played, problems: &mut Vec<Problem>) {
        match &step.value {
            Step::Stream(stream) => {
                played.dma = true;
                self.check_stream(stream, played, problems);
            }
            Step::Stop(name) => match played.running.iter().position(|own| own == name) {
                Some(index) => drop(played.running.remove(index)),
                None => problems.push(
                    Problem::new(name.place, format!("no stream `{name}` is running"), "cannot be stopped")
                        .suggest(name, played.running.iter().map(|own| own.as_str())),
                ),
            },
            Step::Drain(_) => played.running.clear(),
            Step::Dma(dma) => {
                played.dma = true;
                self.check_dma(step.place, dma, problems);
            }
            Step::DebugTranslate(debug) => self.check_debug(step.place, debug, problems),
            Step::Repeat(repeat) => {
                if repeat.times.value == 0 {
                    problems.push(Problem::new(repeat.times.place, "steps that are never played", "at least 1"));
                }
                let before = played.running.clone();
                self.check_list(&repeat.steps, played, problems);
                let left = played.running.iter().find(|own| !before.contains(own));
                if let (true, Some(stream)) = (repeat.times.value > 1, left) {
                    problems.push(
                        Problem::new(
                            stream.place,
                            format!("stream `{stream}` would be started again"),
                            "still running",
                        )
                        .help("stop it at the end of the repeated steps, or start it before them"),
                    );
                }
                let gone = before.iter().find(|own| !played.running.contains(own));
                if let (true, Some(stream)) = (repeat.times.value > 1, gone) {
                    problems.push(
                        Problem::new(step.place, format!("stream `{stream}` would be stopped twice"), "in here")
                            .and(stream.place, "started before the repeated steps"),
                    );
                }
            }
            Step::Operation(operation) => {
                if let Some(outer) = &played.operation {
                    problems.push(
                        Problem::new(
                            operation.name.place,
                            "an operation within another one",
                            "what it promises would not count",
                        )
                        .and(outer.place, "the outer one"),
                    );
                }
                if operation.steps.is_empty() {
                    problems.push(Problem::new(operation.name.place, "an operation without steps", "does nothing"));
                }
                let outer = played.operation.replace(operation.name.clone());
                self.check_list(&operation.steps, played, problems);
                played.operation = outer;
            }
            Step::Parallel(lists) => self.check_parallel(step.place, lists, played, problems),
            Step::Attach(attachment) | Step::Replace(attachment) => {
                self.check_process(&attachment.device, &attachment.process, attachment.fails.is_some(), problems);
                self.known_domain(&attachment.domain, problems);
            }
            Step::Detach(detachment) => {
                self.check_process(&detachment.device, &detachment.process, detachment.fails.is_some(), problems);
            }
            Step::MsiMap(map) | Step::MsiMove(map) => {
                self.check_msi(&map.domain, Some(&map.file), map.fails.is_some(), problems);
                self.check_msi_target(step.place, map, problems);
            }
            Step::MsiUnmap(unmap) => {
                self.check_msi(&unmap.domain, Some(&unmap.file), unmap.fails.is_some(), problems);
            }
            Step::MsiSwitch(switch) => self.check_msi(&switch.domain, None, switch.fails.is_some(), problems),
            Step::Map(map) => {
                if self.has_tables(&map.domain, map.fails.is_some(), problems)
                    && let Some(domain) = self.domains.get(&map.domain)
                {
                    self.check_mapping(domain, &At::new(map.range.clone(), map.domain.place), problems);
                }
            }
            Step::Unmap(unmap) => {
                self.has_tables(&unmap.domain, unmap.fails.is_some(), problems);
                check_range(&unmap.range, PageSize::K4.bytes(), problems);
                let Range { iova, size } = &unmap.range;
                let wraps = iova.0.checked_add(size.0.saturating_sub(1)).is_none();
                if let (Some(domain), None, false) = (self.domains.get(&unmap.domain), &unmap.fails, wraps) {
                    check_span(domain.paging_mode(), iova, size.0, "range", problems);
                }
            }
            Step::Free(free) => {
                self.known_domain(&free.domain, problems);
                played.freed.push(free.domain.value.clone());
            }
            Step::SetPte(pte) => self.check_pte(step.place, pte, problems),
            Step::Store(store) => {
                super::check_physical(self, &store.address, 8, store.address.place, problems);
                aligned(&store.address, 8, problems);
            }
            Step::Invalidate(Invalidate::Vma(operands) | Invalidate::Gvma(operands)) => {
                let second_stage = matches!(step.value, Step::Invalidate(Invalidate::Gvma(_)));
                self.check_iotinval(operands, second_stage, problems);
            }
            Step::Invalidate(Invalidate::Ddt(operands)) => {
                if let (Some(_), Some(id)) = (&operands.device, &operands.device_id) {
                    problems.push(Problem::new(id.place, "either `device` or `device-id`", "one too many"));
                }
                if let Some(device) = &operands.device {
                    self.known_device(device, problems);
                }
                if let Some(id) = &operands.device_id {
                    fits(id, 24, "device ID", problems);
                }
            }
            Step::Invalidate(Invalidate::Pdt(operands)) => {
                self.known_device(&operands.device, problems);
                fits(&operands.process, 20, "process ID", problems);
            }
            Step::Poison(poison) => {
                super::check_physical(self, &poison.address, poison.size.0, poison.size.place, problems);
                aligned(&poison.address, 8, problems);
            }
            Step::Create(name) => {
                if self.known_domain(name, problems).is_some()
                    && self.domains.get(name).is_none_or(|domain| !domain.late)
                    && !played.freed.contains(name)
                {
                    problems.push(
                        Problem::new(name.place, format!("domain `{name}` is there from the start"), "made already")
                            .help("write `late: true` into the domain, or free it first"),
                    );
                }
            }
            Step::BreakMemory(broken) => self.check_broken(step.place, broken, problems),
            Step::SetMsi(set) => {
                self.check_msi(&set.domain, Some(&set.file), false, problems);
                if set.word.value > 1 {
                    problems.push(Problem::new(set.word.place, format!("doubleword {}", set.word), "0 or 1"));
                }
            }
            Step::Mark(name) => played.marks.push(name.value.clone()),
            Step::Alloc(alloc) => {
                if let Some(parent) = &alloc.parent {
                    self.known_domain(parent, problems);
                }
                if self.known_domain(&alloc.domain, problems).is_some()
                    && self.domains.get(&alloc.domain).is_none_or(|domain| !domain.late)
                    && !played.freed.contains(&alloc.domain.value)
                {
                    let name = &alloc.domain;
                    problems.push(
                        Problem::new(name.place, format!("domain `{name}` is there from the start"), "made already")
                            .help("write `late: true` into the domain, or free it first"),
                    );
                }
            }
            Step::ExpectContext(context) => {
                for device in std::iter::once(&context.device).chain(&context.like) {
                    self.known_device(device, problems);
                }
                for domain in context.second_stage_of.iter().chain(&context.first_stage_of) {
                    self.known_domain(domain, problems);
                }
            }
            Step::SetContext(set) => {
                self.check_process(&set.device, &set.process, false, problems);
                if let Some(process) = set.process.as_ref().filter(|_| set.word.of_process().is_none()) {
                    let what = "a process context has no such word";
                    problems.push(Problem::new(process.place, what, "not of a process").help("it has `ta` and `fsc`"));
                }
            }
            Step::UserInvalidate(user) => {
                self.known_domain(&user.domain, problems);
                for command in &user.commands {
                    if let UserCommand::Vma(operands) = &command.value {
                        self.check_iotinval(operands, false, problems);
                    }
                }
            }
            Step::Since(since) => {
                if !played.marks.contains(&since.mark.value) {
                    let mark = &since.mark;
                    problems.push(
                        Problem::new(mark.place, format!("no mark `{mark}` before this step"), "since when?")
                            .suggest(mark, played.marks.iter().map(String::as_str)),
                    );
                }
                super::check_commands(&since.commands, problems);
            }
            Step::ExpectMemory(memory) => {
                super::check_physical(self, &memory.address, memory.size.0, memory.size.place, problems);
                aligned(&memory.address, 8, problems);
            }
            Step::WriteRegister(write) => {
                register::check(&write.register, write.value.as_ref(), &write.fields, step.place, problems);
            }
            Step::ExpectRegister(expected) => {
                register::check(&expected.register, expected.value.as_ref(), &expected.fields, step.place, problems);
            }
            Step::Wait(_)
            | Step::Fence(_)
            | Step::Command(_)
            | Step::Recover(_)
            | Step::FailAllocation(_)
            | Step::MendMemory(_) => {}
            Step::TranslationRequest(ask) => self.check_translation_request(ask, problems),
            Step::PageRequest(ask) => self.check_page_request(ask, problems),
            Step::StopMarker(stop) => {
                self.known_device(&stop.device, problems);
                fits(&stop.process, 20, "process ID", problems);
            }
            Step::PageResponse(response) => self.check_page_response(response, problems),
            Step::PageQueue(queue) => self.check_page_queue(queue, problems),
            Step::Invalidate(Invalidate::Ats(operands)) => self.check_ats_inval(operands, problems),
        }
    }

    fn check_stream(&self, stream: &Stream, played: &mut Played, problems: &mut Vec<Problem>) {
        self.known_device(&stream.device, problems);
        check_process_id(stream.process.as_ref(), problems);
        check_range(&stream.range, 8, problems);
        if let Some(first) = played.running.iter().find(|own| **own == stream.name) {
            problems.push(
                Problem::new(
                    stream.name.place,
                    format!("stream `{}` is running already", stream.name),
                    "the second one",
                )
                .and(first.place, "started here"),
            );
        }
        if !(1..=64).contains(&stream.outstanding.value) {
            let count = &stream.outstanding;
            problems.push(Problem::new(count.place, format!("{count} outstanding transactions"), "1 to 64"));
        }
        if stream.bursts.min < 1 || stream.bursts.max > 256 {
            let beats = &stream.bursts;
            problems.push(Problem::new(beats.place, format!("bursts of {beats} beats"), "an AXI burst has 1 to 256"));
        }
        played.running.push(stream.name.clone());
    }

    fn check_dma(&self, place: Place, dma: &Dma, problems: &mut Vec<Problem>) {
        self.check_asker(place, dma.device.as_ref(), dma.device_id.as_ref(), problems);
        let targets: Vec<_> = [&dma.read, &dma.write, &dma.fetch].into_iter().flatten().collect();
        if let [address] = targets[..] {
            check_shape(dma, address, problems);
        } else {
            problems.push(Problem::new(place, "one of `read`, `write` and `fetch`, with an address", "this step"));
        }
        check_process_id(dma.process.as_ref(), problems);
        check_cause(dma.cause.as_ref(), dma.expect == Result::Fault, problems);
        if dma.expect == Result::NotKept && dma.translated != Some(Translated::Kept) {
            let asker = dma.device.as_ref().map_or(place, |device| device.place);
            problems.push(
                Problem::new(asker, "only what a device keeps can be missing there", "this step")
                    .help("add `translated: kept`"),
            );
        }
        let Some(data) = &dma.data else { return };
        if dma.write.is_none() {
            problems.push(Problem::new(data.place, "only a write has data", "not here").help("leave `data` out"));
        } else if let 1..8 = dma.bytes.0 {
            fits(data, 8 * dma.bytes.0 as u32, "data", problems);
        }
    }

    fn check_debug(&self, place: Place, debug: &DebugTranslate, problems: &mut Vec<Problem>) {
        self.check_asker(place, debug.device.as_ref(), debug.device_id.as_ref(), problems);
        check_process_id(debug.process.as_ref(), problems);
        check_cause(debug.cause.as_ref(), debug.expect == Answered::Fault, problems);
        if debug.execute && debug.no_write {
            problems.push(
                Problem::new(place, "`execute` and `no-write`", "NW goes with `execute`").help("leave `no-write` out"),
            );
        }
        let of_answer = [debug.to.as_ref().map(|to| to.place), debug.size.as_ref().map(|size| size.place)];
        if let (Some(place), true) = (of_answer.into_iter().flatten().next(), debug.expect != Answered::Ok) {
            problems.push(
                Problem::new(place, "where it leads is known only if it is translated", "of which answer?")
                    .help("add `expect: ok`"),
            );
        }
        if let Some(size) = debug.size.as_ref().filter(|size| !size.0.is_power_of_two() || size.0 < 0x1000) {
            problems.push(
                Problem::new(size.place, format!("a range of {size} bytes"), "a power of two, at least 4K")
                    .help("4K, 64K, 2M, 1G …"),
            );
        }
        if let (Some(to), true) = (&debug.to, debug.to.as_ref().is_some_and(|to| (to.0 ^ debug.address.0) & 0xfff != 0))
        {
            problems.push(
                Problem::new(to.place, "a page is translated, and not what lies within it", "another page offset")
                    .and(debug.address.place, "the offset of this address"),
            );
        }
        if let (Some(fails), true) = (&debug.fails, debug.expect != Answered::Any) {
            problems.push(Problem::new(fails.place, "a call that fails has no answer", "either `fails` or `expect`"));
        }
    }

    /// A device that asks for something: one of the scenario, or a number.
    fn check_asker(
        &self,
        place: Place,
        device: Option<&At<String>>,
        id: Option<&At<Number>>,
        problems: &mut Vec<Problem>,
    ) {
        match (device, id) {
            (Some(device), None) => self.known_device(device, problems),
            (None, Some(id)) => fits(id, 24, "device ID", problems),
            _ => problems.push(
                Problem::new(place, "which device asks?", "this step")
                    .help("either `device: <name>` or `device-id: <number>`"),
            ),
        }
    }

    /// A device and one of its processes. A call that must fail may name any.
    fn check_process(&self, device: &At<String>, process: &Option<At<Number>>, any: bool, problems: &mut Vec<Problem>) {
        self.known_device(device, problems);
        let Some(process) = process else { return };
        fits(process, 20, "process ID", problems);
        let Some(own) = self.devices.get(device).filter(|_| !any) else { return };
        let of_guest = self.domains.iter().any(|(_, domain)| domain.process_directory.is_some());
        match &own.process_directory {
            None if of_guest => {}
            None => problems.push(
                Problem::new(process.place, format!("device `{device}` has no process directory"), "no processes")
                    .help("add `process-directory: pd20` to the device, or to a nested domain"),
            ),
            Some(directory) => fits(process, directory.bits(), "process ID", problems),
        }
    }

    /// A domain with interrupt files, and one of them. A call that must fail may name any.
    fn check_msi(&self, name: &At<String>, file: Option<&At<u32>>, any: bool, problems: &mut Vec<Problem>) {
        if self.known_domain(name, problems).is_none() || any {
            return;
        }
        let Some(window) = self.domains.get(name).and_then(|domain| domain.msi.as_ref()) else {
            problems.push(
                Problem::new(name.place, format!("domain `{name}` has no interrupt files"), "no `msi` there")
                    .help("add `msi: { address: …, files: … }` to a nest parent"),
            );
            return;
        };
        if let Some(file) = file.filter(|file| file.value >= window.files.value) {
            let last = window.files.value.saturating_sub(1);
            problems.push(
                Problem::new(file.place, format!("domain `{name}` has no interrupt file {file}"), "too high")
                    .help(format!("from 0 to {last}")),
            );
        }
    }

    /// Where an interrupt file is led. A call that must fail may name any place that the machine has.
    fn check_msi_target(&self, place: Place, map: &MsiMap, problems: &mut Vec<Problem>) {
        let mut check = |address: &At<Number>, unit: u64, bytes: u64| {
            super::check_physical(self, address, bytes, address.place, problems);
            if map.fails.is_none() {
                aligned(address, unit, problems);
            }
        };
        match (&map.to, &map.mrif) {
            (Some(to), None) => check(to, 4096, 4096),
            (None, Some(mrif)) => {
                check(&mrif.address, 512, 512);
                check(&mrif.notice, 4096, 4096);
                if map.fails.is_none() {
                    fits(&mrif.nid, 11, "interrupt identity", problems);
                }
            }
            _ => problems.push(
                Problem::new(place, "where does the interrupt file lead?", "this step")
                    .help("either `to: <page>` or `mrif: { address: …, notice: …, nid: … }`"),
            ),
        }
    }

    fn check_pte(&self, place: Place, pte: &SetPte, problems: &mut Vec<Problem>) {
        if self.has_tables(&pte.domain, false, problems)
            && let Some(domain) = self.domains.get(&pte.domain)
        {
            check_span(domain.paging_mode(), &pte.iova, 1, "entry", problems);
        }
        let fields = pte.valid.is_some()
            || pte.access.is_some()
            || pte.user.is_some()
            || pte.accessed.is_some()
            || pte.dirty.is_some()
            || pte.to.is_some()
            || pte.to_table.is_some()
            || pte.flip.is_some();
        if fields == pte.value.is_some() {
            problems.push(Problem::new(place, "what becomes of the entry?", "this step").help(
                "either fields (`valid`, `access`, `user`, `accessed`, `dirty`, `to`, `to-table`, `flip`) or the \
                         whole `value`",
            ));
        }
        if let Some(to) = &pte.to {
            aligned(to, 4096, problems);
        }
        if let (Some(_), Some(table)) = (&pte.to, &pte.to_table) {
            problems.push(Problem::new(table.place, "either `to` or `to-table`", "one too many"));
        }
        if let Some(domain) = self.domains.get(&pte.domain) {
            for level in [&pte.level, &pte.to_table].into_iter().flatten() {
                check_level(domain, level, problems);
            }
        }
    }

    fn check_parallel(&self, place: Place, lists: &[Vec<At<Step>>], played: &mut Played, problems: &mut Vec<Problem>) {
        let Some((own, others)) = lists.split_first().filter(|(_, others)| !others.is_empty()) else {
            let problem = Problem::new(place, "lists at the same time: at least two", "this step");
            problems.push(problem.help("`parallel: [[…], […]]`"));
            return;
        };
        if let Some(outer) = &played.operation {
            problems.push(
                Problem::new(place, "other processors within an operation", "their stores would count as its own")
                    .and(outer.place, "the operation"),
            );
        }
        for step in own.iter().filter(|step| step.promises()) {
            problems.push(
                Problem::new(step.place, "what it promises would be held against other processors", "in parallel")
                    .help("steps without a promise: stores, invalidations, fences, DMA, registers"),
            );
        }
        for step in others.iter().flatten().filter(|step| !step.only_stores()) {
            problems.push(
                Problem::new(step.place, "another processor does nothing but store", "in the second list or later")
                    .help("`store`, `set-pte`, `set-context`, `set-msi`, `wait`, and `repeat` of these"),
            );
        }
        for list in lists {
            self.check_list(list, played, problems);
        }
    }

    fn check_broken(&self, place: Place, broken: &BreakMemory, problems: &mut Vec<Problem>) {
        let BreakMemory { context_of, process, entry_of, iova, level, msi_entry_of, file, address, size, .. } = broken;
        if let Some(device) = context_of {
            self.check_process(device, process, false, problems);
        }
        if let Some(domain) = entry_of
            && self.has_tables(domain, false, problems)
            && let (Some(own), Some(iova), Some(level)) = (self.domains.get(domain), iova, level)
        {
            check_span(own.paging_mode(), iova, 1, "entry", problems);
            check_level(own, level, problems);
        }
        if let Some(domain) = msi_entry_of {
            self.check_msi(domain, file.as_ref(), false, problems);
        }
        if let (Some(address), Some(size)) = (address, size) {
            super::check_physical(self, address, size.0, size.place, problems);
        }
        // Operands that belong to each of the four ways to say which memory.
        let context = (context_of.is_some(), true, process.is_some());
        let entry = (entry_of.is_some(), iova.is_some() && level.is_some(), iova.is_some() || level.is_some());
        let msi = (msi_entry_of.is_some(), file.is_some(), file.is_some());
        let range = (address.is_some(), size.is_some(), size.is_some());
        let ways = [context, entry, msi, range];
        let complete = ways.iter().filter(|(named, all, _)| *named && *all).count() == 1;
        let stray = ways.iter().any(|(named, all, any)| (*named && !*all) || (!*named && *any));
        if !complete || stray {
            problems.push(Problem::new(place, "which memory?", "this step").help(
                "one of `context-of` (with `process` or without), `entry-of` with `iova` and `level`, `msi-entry-of` with \
                 `file`, and `address` with `size`",
            ));
        }
    }

    fn check_iotinval(&self, operands: &Iotinval, second_stage: bool, problems: &mut Vec<Problem>) {
        for (name, number) in [(&operands.gscid_of, &operands.gscid), (&operands.pscid_of, &operands.pscid)] {
            if let Some(name) = name {
                self.known_domain(name, problems);
            }
            if let (Some(_), Some(number)) = (name, number) {
                problems.push(Problem::new(number.place, "either a domain's tag or a number", "one too many"));
            }
        }
        if let Some(gscid) = &operands.gscid {
            fits(gscid, 16, "GSCID", problems);
        }
        if let Some(pscid) = &operands.pscid {
            fits(pscid, 20, "PSCID", problems);
        }
        let pscid = operands.pscid_of.as_ref().map(|own| own.place).or(operands.pscid.as_ref().map(|own| own.place));
        if let (true, Some(place)) = (second_stage, pscid) {
            problems.push(Problem::new(place, "IOTINVAL.GVMA has no PSCID", "not here"));
        }
        if let Some(name) = &operands.gscid_of
            && let Some(domain) = self.domains.get(name)
            && !(domain.nest_parent || domain.kind.value == DomainKind::Nested)
        {
            problems.push(
                Problem::new(name.place, format!("domain `{name}` has no GSCID"), "a first-stage domain")
                    .help("a nest parent and its nested domains have one"),
            );
        }
        if let (Some(address), true) = (&operands.address, operands.address.as_ref().is_some_and(|a| a.0 % 4096 != 0)) {
            problems.push(Problem::new(address.place, "only the page number goes into the command", "not on a page"));
        }
    }

    /// Complains unless the domain has a page table that the scenario may touch. A call that must fail may name any.
    fn has_tables(&self, name: &At<String>, any: bool, problems: &mut Vec<Problem>) -> bool {
        let Some(kind) = self.known_domain(name, problems) else { return false };
        let has = matches!(kind, DomainKind::Paging | DomainKind::Nested);
        if !has && !any {
            problems.push(Problem::new(name.place, format!("domain `{name}` has no page table"), "nothing to change"));
        }
        has
    }
}

/// The burst is one that AXI allows on a bus of 8 bytes, with these attributes.
fn check_shape(dma: &Dma, address: &At<crate::Number>, problems: &mut Vec<Problem>) {
    let Dma { bytes, beat_bytes, .. } = dma;
    if !matches!(beat_bytes.value, 1 | 2 | 4 | 8) {
        problems.push(Problem::new(beat_bytes.place, format!("beats of {beat_bytes} bytes"), "1, 2, 4 or 8"));
        return;
    }
    let unit = u64::from(beat_bytes.value);
    if !(1..=256).contains(&dma.beats()) {
        problems.push(
            Problem::new(bytes.place, format!("a burst of {bytes} bytes"), "1 to 256 beats")
                .help(format!("beats of {unit} bytes: at most {}", 256 * unit)),
        );
        return;
    }
    let burst = dma.burst();
    if burst.kind != INCR && !bytes.0.is_multiple_of(unit) {
        problems.push(Problem::new(bytes.place, format!("a burst of {bytes} bytes"), format!("a multiple of {unit}")));
    } else if let Err(right) = burst.check(address.0) {
        let problem = Problem::new(address.place, format!("AXI forbids this burst: needs {right}"), "begins here");
        problems.push(match right {
            IllegalBurst::Boundary => problem.help("make two `dma` steps of it"),
            _ => problem,
        });
    }
    let exclusive = if dma.exclusive { burst.check_exclusive(address.0) } else { Ok(()) };
    if let Err(right) = exclusive {
        let what = format!("AXI forbids this burst: needs {right}");
        problems.push(Problem::new(bytes.place, what, "`exclusive`, with these bytes"));
    }
    if let Some(cache) = dma.cache.filter(|cache| cache.value > 15 || !Attributes::is_cache(cache.value)) {
        problems.push(
            Problem::new(cache.place, format!("AXI has no AxCACHE {cache}"), "reserved")
                .help("0 to 3, 6, 7, 10, 11, 14 and 15: what is not modifiable does not allocate"),
        );
    }
    if let Some(qos) = dma.qos.filter(|qos| qos.value > 15) {
        problems.push(Problem::new(qos.place, format!("AxQOS {qos} does not fit in 4 bits"), "at most 15"));
    }
}

fn check_level(domain: &Domain, level: &At<u8>, problems: &mut Vec<Problem>) {
    let levels = domain.paging_mode().levels();
    if level.value >= levels {
        let what = format!("a page table of `{}` has no level {level}", domain.paging_mode().name());
        problems.push(Problem::new(level.place, what, "too high").help(format!("0 to {}", levels - 1)));
    }
}

fn check_cause(cause: Option<&At<Causes>>, refused: bool, problems: &mut Vec<Problem>) {
    if let (Some(cause), false) = (cause, refused) {
        problems
            .push(Problem::new(cause.place, "a cause without a fault", "never the case").help("add `expect: fault`"));
    }
}

fn check_range(range: &Range, unit: u64, problems: &mut Vec<Problem>) {
    aligned(&range.iova, unit, problems);
    if range.size.0 == 0 || !range.size.0.is_multiple_of(unit) {
        problems.push(Problem::new(
            range.size.place,
            format!("a range of {} bytes", range.size),
            format!("a multiple of {unit}, not 0"),
        ));
    } else if range.iova.0.checked_add(range.size.0 - 1).is_none() {
        problems.push(
            Problem::new(range.iova.place, "the range wraps around", "too high")
                .help(format!("the last address of all is {:#x}", u64::MAX)),
        );
    }
}

pub(super) fn aligned(address: &At<crate::Number>, unit: u64, problems: &mut Vec<Problem>) {
    if !address.0.is_multiple_of(unit) {
        problems.push(
            Problem::new(address.place, format!("{address} is not aligned"), format!("a multiple of {unit}"))
                .help(format!("{:#x} is", address.0 - address.0 % unit)),
        );
    }
}

pub(super) fn check_process_id(process: Option<&At<crate::Number>>, problems: &mut Vec<Problem>) {
    if let Some(process) = process {
        fits(process, 20, "process ID", problems);
    }
}

pub(super) fn fits(number: &At<crate::Number>, bits: u32, what: &str, problems: &mut Vec<Problem>) {
    if number.0 >> bits != 0 {
        problems.push(
            Problem::new(number.place, format!("{what} {number} does not fit in {bits} bits"), "too wide")
                .help(format!("at most {:#x}", (1_u64 << bits) - 1)),
        );
    }
}
