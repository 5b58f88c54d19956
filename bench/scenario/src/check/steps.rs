// SPDX-License-Identifier: Apache-2.0
//! Steps: names that exist, operands that fit, streams that are running.

use super::domains::check_span;
use crate::Number;
use crate::at::{At, Place};
use crate::ats::Translated;
use crate::diagnostic::Problem;
use crate::domain::{DomainKind, PageSize};
use crate::file::Scenario;
use crate::invalidate::{Invalidate, Iotinval};
use crate::probe::UserCommand;
use crate::register;
use crate::step::{Dma, Range, Result, SetPte, Step, Stream};

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
            Step::Attach(attachment) | Step::Replace(attachment) => {
                self.check_process(&attachment.device, &attachment.process, attachment.fails.is_some(), problems);
                self.known_domain(&attachment.domain, problems);
            }
            Step::Detach(detachment) => {
                self.check_process(&detachment.device, &detachment.process, detachment.fails.is_some(), problems);
            }
            Step::MsiMap(map) | Step::MsiMove(map) => {
                self.check_msi(&map.domain, Some(&map.file), map.fails.is_some(), problems);
                super::check_physical(self, &map.to, 4096, map.to.place, problems);
                if map.fails.is_none() {
                    aligned(&map.to, 4096, problems);
                }
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
            Step::SetContext(set) => self.known_device(&set.device, problems),
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
                super::check_commands(since.commands.keys(), since.mark.place, problems);
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
            Step::TranslationRequest(ask) => self.check_translation_request(ask, problems),
            Step::PageRequest(ask) => self.check_page_request(ask, problems),
            Step::StopMarker(stop) => {
                self.known_device(&stop.device, problems);
                fits(&stop.process, 20, "process ID", problems);
            }
            Step::PageResponse(response) => self.check_page_response(response, problems),
            Step::PageQueue(queue) => self.check_page_queue(queue, problems),
            Step::Invalidate(Invalidate::Ats(operands)) => self.check_ats_inval(operands, problems),
            Step::Wait(_) | Step::Fence(_) | Step::Command(_) | Step::Recover(_) | Step::FailAllocation(_) => {}
        }
    }

    fn check_stream(&self, stream: &Stream, played: &mut Played, problems: &mut Vec<Problem>) {
        self.known_device(&stream.device, problems);
        self.check_request(stream.device.place, stream.process.as_ref(), stream.privileged, problems);
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
        match (&dma.device, &dma.device_id) {
            (Some(device), None) => self.known_device(device, problems),
            (None, Some(id)) => fits(id, 24, "device ID", problems),
            _ => problems.push(
                Problem::new(place, "which device asks?", "this step")
                    .help("either `device: <name>` or `device-id: <number>`"),
            ),
        }
        let targets: Vec<_> = [&dma.read, &dma.write, &dma.fetch].into_iter().flatten().collect();
        if let [address] = targets[..] {
            aligned(address, 8, problems);
            let bytes = dma.bytes.0;
            if bytes == 0 || !bytes.is_multiple_of(8) || bytes > 2048 {
                problems.push(Problem::new(
                    dma.bytes.place,
                    format!("a burst of {bytes} bytes"),
                    "a multiple of 8, at most 2048",
                ));
            } else if (address.0 & 0xfff) + bytes > 0x1000 {
                problems.push(
                    Problem::new(address.place, "the burst crosses a 4 KiB boundary, which AXI forbids", "begins here")
                        .help("make two `dma` steps of it"),
                );
            }
        } else {
            problems.push(Problem::new(place, "one of `read`, `write` and `fetch`, with an address", "this step"));
        }
        self.check_request(place, dma.process.as_ref(), dma.privileged, problems);
        let asker = dma.device.as_ref().map_or(place, |device| device.place);
        if dma.expect == Result::NotKept && dma.translated != Some(Translated::Kept) {
            problems.push(
                Problem::new(asker, "only what a device keeps can be missing there", "this step")
                    .help("add `translated: kept`"),
            );
        }
        if let (Some(cause), true) = (&dma.cause, dma.expect != Result::Fault) {
            problems.push(
                Problem::new(cause.place, "a cause without a fault", "never the case").help("add `expect: fault`"),
            );
        }
    }

    pub(super) fn check_request(
        &self,
        place: Place,
        process: Option<&At<Number>>,
        privileged: bool,
        problems: &mut Vec<Problem>,
    ) {
        if let Some(process) = process {
            fits(process, 20, "process ID", problems);
        } else if privileged {
            problems.push(
                Problem::new(place, "a privileged access has a process ID", "this step")
                    .help("add `process: <number>`"),
            );
        }
    }

    /// A device and one of its processes. A call that must fail may name any.
    fn check_process(&self, device: &At<String>, process: &Option<At<Number>>, any: bool, problems: &mut Vec<Problem>) {
        self.known_device(device, problems);
        let Some(process) = process else { return };
        fits(process, 20, "process ID", problems);
        let Some(own) = self.devices.get(device).filter(|_| !any) else { return };
        match &own.process_directory {
            None => problems.push(
                Problem::new(process.place, format!("device `{device}` has no process directory"), "no processes")
                    .help("add `process-directory: pd20` to the device"),
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
            || pte.to.is_some();
        if fields == pte.value.is_some() {
            problems.push(
                Problem::new(place, "what becomes of the entry?", "this step")
                    .help("either fields (`valid`, `access`, `user`, `accessed`, `dirty`, `to`) or the whole `value`"),
            );
        }
        if let Some(to) = &pte.to {
            aligned(to, 4096, problems);
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

pub(super) fn fits(number: &At<crate::Number>, bits: u32, what: &str, problems: &mut Vec<Problem>) {
    if number.0 >> bits != 0 {
        problems.push(
            Problem::new(number.place, format!("{what} {number} does not fit in {bits} bits"), "too wide")
                .help(format!("at most {:#x}", (1_u64 << bits) - 1)),
        );
    }
}
