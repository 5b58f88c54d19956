// SPDX-License-Identifier: Apache-2.0
//! Playing the steps.

use driver::format::{Command, Invalidation, PageSize, Pte};
use driver::{ApiError, Machine, Slot};
use events::{Direction, DmaRequest, OKAY, Operation, Promise};
use golden::{DeviceId, Iova, Spa};
use rand::RngExt;
use scenario::{
    At, Causes, Dma, DmaResult, Errno, Fence, Invalidate, Iotinval, Number, Place, SetPte, Span, Step, StepPromise,
    Stream, StreamKind,
};
use testbench::{DmaError, Kind, Shapes, StreamSpec};

use super::{DomainHandle, Fault, Player, process_of};

/// How long a step waits for the record of a fault that it expects, in cycles.
const RECORD_BOUND: u64 = 5_000;

/// How long a step that was refused against expectation waits for its record, in cycles: for the message only.
const RECORD_DELAY: u64 = 500;

impl<'a> Player<'a> {
    /// Plays all steps.
    pub(super) fn play(&mut self) -> Result<(), Fault> {
        let scenario = self.scenario;
        self.list(&scenario.steps)
    }

    pub(super) fn list(&mut self, steps: &'a [At<Step>]) -> Result<(), Fault> {
        for step in steps {
            self.step(step).map_err(|fault| fault.at(step.place))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &'a At<Step>) -> Result<(), Fault> {
        match &step.value {
            Step::Stream(stream) => self.stream(step.place, stream)?,
            Step::Stop(name) => self.bench.stop_streams(Some(name))?,
            Step::Drain(_) => self.bench.stop_streams(None)?,
            Step::Dma(dma) => self.dma(step.place, dma)?,
            Step::DebugTranslate(debug) => self.debug_translate(step.place, debug)?,
            Step::Wait(span) => {
                let cycles = self.draw(*span);
                self.bench.wait(cycles.into())?;
            }
            Step::Repeat(repeat) => {
                for _ in 0..repeat.times.value {
                    self.list(&repeat.steps)?;
                }
                return Ok(());
            }
            Step::Operation(own) => {
                let name = own.name.value.clone();
                let promise = match own.promise {
                    StepPromise::Hitless => Promise::Hitless,
                    StepPromise::Effective => Promise::Whole,
                    StepPromise::Nothing => Promise::Nothing,
                };
                self.bench.begin(Operation { name, promise, reconfiguration: false });
                let result = self.list(&own.steps);
                self.bench.end(result.is_ok());
                return result;
            }
            Step::Parallel(lists) => self.parallel(lists)?,
            Step::Attach(attachment) => {
                let result = self.attach(attachment);
                demand(step.place, result, attachment.fails.as_ref())?;
            }
            Step::Replace(attachment) => {
                let result = self.replace(attachment);
                demand(step.place, result, attachment.fails.as_ref())?;
            }
            Step::Detach(detachment) => {
                let result = self.detach(detachment);
                demand(step.place, result, detachment.fails.as_ref())?;
            }
            Step::MsiMap(map) => demand(step.place, self.msi_map(map), map.fails.as_ref())?,
            Step::MsiMove(map) => demand(step.place, self.msi_move(map), map.fails.as_ref())?,
            Step::MsiUnmap(unmap) => demand(step.place, self.msi_unmap(unmap), unmap.fails.as_ref())?,
            Step::MsiSwitch(switch) => demand(step.place, self.msi_switch(switch), switch.fails.as_ref())?,
            Step::Map(map) => {
                let result = self.made(&map.domain).and_then(|made| {
                    let made = if map.host { made.of_host() } else { made };
                    self.map(&map.domain, made, &map.range)
                });
                demand(step.place, result, map.fails.as_ref())?;
            }
            Step::Unmap(unmap) => {
                let (iova, bytes) = (unmap.range.iova.0, unmap.range.size.0);
                let result = self.made(&unmap.domain).and_then(|made| match made.guest {
                    Some((_, table)) if !unmap.host => Ok(self.driver.guest_unmap(self.bench, table, iova, bytes)?),
                    _ => {
                        // The API unmaps mappings whole; software that wants a part cuts them first.
                        let ends = [Some(iova), iova.checked_add(bytes)];
                        for end in ends.into_iter().flatten().filter(|_| unmap.fails.is_none()) {
                            self.driver.cut_mapping(made.domain, end)?;
                        }
                        Ok(self.driver.unmap(self.bench, made.domain, iova, bytes).map(drop)?)
                    }
                });
                demand(step.place, result, unmap.fails.as_ref())?;
            }
            Step::Create(name) => {
                let scenario = self.scenario;
                if self.domains.contains_key(name.as_str()) {
                    return Err(Fault::At(step.place, format!("domain `{name}` is there already")));
                }
                if let Some((name, domain)) = scenario.domains.iter().find(|(own, _)| *own == name) {
                    self.make(name, domain)?;
                }
            }
            Step::Free(free) => {
                let result = self.free(&free.domain);
                demand(step.place, result, free.fails.as_ref())?;
            }
            Step::SetPte(pte) => self.set_pte(step.place, pte)?,
            Step::Store(store) => self.bench.store(Spa(store.address.0), store.value.0)?,
            Step::Invalidate(invalidate) => {
                let command = self.invalidation(invalidate)?;
                self.driver.invalidate(self.bench, command)?;
            }
            Step::Fence(fence) => self.fence(*fence)?,
            Step::Poison(poison) => {
                self.bench.freed(Spa(poison.address.0), poison.size.0);
                for word in 0..poison.size.0 / 8 {
                    self.bench.store(Spa(poison.address.0 + word * 8), 0x5a5a_5a5a_5a5a_5a5a)?;
                }
            }
            Step::BreakMemory(broken) => self.break_memory(broken)?,
            Step::MendMemory(_) => self.bench.mend_memory(),
            Step::SetMsi(set) => {
                let at = self.driver.msi_entry_at(self.made(&set.domain)?.domain, set.file.value)?;
                let at = Spa(at.0 + 8 * u64::from(set.word.value));
                let old = self.bench.load(at)?;
                self.bench.store(at, old ^ set.flip.0)?;
            }
            Step::Mark(name) => self.mark(name),
            Step::Alloc(alloc) => {
                let result = self.alloc(step.place, alloc);
                demand(step.place, result, alloc.fails.as_ref())?;
            }
            Step::ExpectContext(expected) => self.expect_context(step.place, expected)?,
            Step::SetContext(set) => self.set_context(step.place, set)?,
            Step::UserInvalidate(user) => self.user_invalidate(step.place, user)?,
            Step::Command([low, high]) => self.driver.command(self.bench, Command([low.0, high.0]))?,
            Step::Recover(recover) => {
                if self.driver.recover(self.bench)?.is_none() && !recover.if_stopped {
                    return Err(Fault::At(step.place, "the command queue was not stopped".into()));
                }
            }
            Step::TranslationRequest(ask) => self.translation_request(step.place, ask)?,
            Step::PageRequest(ask) => self.page_request(step.place, ask)?,
            Step::StopMarker(stop) => self.stop_marker(stop)?,
            Step::PageResponse(response) => self.page_response(step.place, response)?,
            Step::PageQueue(queue) => self.page_queue(step.place, queue)?,
            Step::FailAllocation(nth) => self.driver.fail_allocation(Some(nth.value.into())),
            Step::Since(since) => self.since(step.place, since)?,
            Step::ExpectMemory(memory) => self.expect_memory(step.place, memory)?,
            Step::WriteRegister(write) => self.write_register(write)?,
            Step::ExpectRegister(expected) => {
                self.expect_register(step.place, expected)?;
                // Who looks whether a queue is on need not want its records.
                return Ok(());
            }
        }
        self.service()
    }

    /// What an interrupt handler does: takes records out of the fault queue before it overflows. A scenario that wants
    /// an overflow provokes more faults in one step than the queue holds.
    fn service(&mut self) -> Result<(), Fault> {
        let faults = self.driver.drain_faults(self.bench)?;
        self.records = faults.records;
        Ok(())
    }

    pub(super) fn draw(&mut self, span: Span) -> u32 {
        if span.min == span.max { span.min } else { self.rng.random_range(span.min..=span.max) }
    }

    pub(super) fn device(&self, name: &str) -> Result<driver::Device, Fault> {
        let gone = ApiError::NoSuchObject { kind: "device", id: 0 };
        self.devices.get(name).copied().ok_or(Fault::Api(gone))
    }

    pub(super) fn device_id(&self, name: &str) -> DeviceId {
        DeviceId(self.scenario.devices.get(name).map_or(0, |device| device.id.0 as u32))
    }

    /// The device of a step that names one, or gives a number.
    pub(super) fn asker(&self, name: Option<&At<String>>, id: Option<&At<Number>>) -> DeviceId {
        match name {
            Some(name) => self.device_id(name),
            None => DeviceId(id.map_or(0, |id| id.0 as u32)),
        }
    }

    fn stream(&mut self, place: Place, stream: &Stream) -> Result<(), Fault> {
        let spec = StreamSpec {
            name: stream.name.value.clone(),
            device: self.device_id(&stream.device),
            process: process_of(&stream.process),
            privileged: stream.privileged,
            instruction: false,
            kind: match stream.kind {
                StreamKind::Read => Kind::Read,
                StreamKind::Write => Kind::Write,
                StreamKind::Mixed => Kind::Mixed,
            },
            start: Iova(stream.range.iova.0),
            bytes: stream.range.size.0,
            outstanding: stream.outstanding.value.into(),
            gap: stream.gap.min..=stream.gap.max,
            beats: stream.bursts.min..=stream.bursts.max,
            shapes: match stream.shapes {
                scenario::Shapes::Doublewords => Shapes::Doublewords,
                scenario::Shapes::Any => Shapes::Any,
            },
            ids: stream.outstanding.value.min(4),
            translated: stream.translated,
        };
        if self.bench.start_stream(spec) { Ok(()) } else { Err(Fault::At(place, "too many streams at a time".into())) }
    }

    fn dma(&mut self, place: Place, dma: &Dma) -> Result<(), Fault> {
        let Some(iova) = dma.address() else { return Ok(()) };
        let direction = if dma.write.is_some() { Direction::Write } else { Direction::Read };
        let device = self.asker(dma.device.as_ref(), dma.device_id.as_ref());
        let burst = dma.burst();
        let mut data: Vec<(u64, u8)> = match direction {
            Direction::Write => (0..burst.beats()).map(|beat| (self.rng.random(), dma.strobes(beat))).collect(),
            Direction::Read => Vec::new(),
        };
        if let (Some(first), Some(word)) = (data.first_mut(), &dma.data) {
            // It begins in the lane of its address.
            first.0 = word.0 << (8 * (iova.0 & 7));
        }
        let request = DmaRequest {
            process: process_of(&dma.process),
            privileged: dma.privileged,
            instruction: dma.fetch.is_some(),
            data,
            ..DmaRequest::new(direction, device, Iova(iova.0), burst)
        };
        let Some(request) = self.translated(request, dma.translated) else {
            if dma.expect == DmaResult::NotKept {
                return Ok(());
            }
            return Err(Fault::At(place, format!("the device keeps no translation for {:#x}", iova.0)));
        };
        if dma.expect == DmaResult::NotKept {
            let what = format!("the device keeps a translation for {:#x}, and should not", iova.0);
            return Err(Fault::At(place, what));
        }
        let answer = match self.bench.dma(request, dma.attributes()) {
            Ok(answer) => answer,
            Err(DmaError::Halted(halted)) => return Err(halted.into()),
            Err(illegal @ DmaError::Illegal(_)) => return Err(Fault::At(place, illegal.to_string())),
        };
        match (dma.expect, answer.resp == OKAY) {
            (DmaResult::Ok, false) => {
                let why = self.recorded_cause(device)?;
                Err(Fault::At(place, format!("the transaction was refused{why}, and should be done")))
            }
            (DmaResult::Fault, true) => Err(Fault::At(place, "the transaction was done, and should be refused".into())),
            (DmaResult::Fault, false) => match &dma.cause {
                Some(causes) => self.demand_cause(place, device, causes),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// For which cause something of a device was refused against expectation, as far as there is a record.
    pub(super) fn recorded_cause(&mut self, device: DeviceId) -> Result<String, Fault> {
        // The record may come after the response.
        self.bench.wait(RECORD_DELAY)?;
        self.service()?;
        let why = self.records.iter().rev().find(|record| record.device == device.0);
        Ok(why.map(|record| format!(" with cause {}", record.cause)).unwrap_or_default())
    }

    /// Waits for the fault record of a transaction that was refused: it may come after the response.
    pub(super) fn demand_cause(&mut self, place: Place, device: DeviceId, wanted: &Causes) -> Result<(), Fault> {
        let begun = self.bench.now();
        let mut seen = Vec::new();
        loop {
            self.service()?;
            let causes = self.records.iter().filter(|record| record.device == device.0).map(|record| record.cause);
            seen.extend(causes);
            if wanted.0.iter().any(|cause| seen.contains(cause)) {
                return Ok(());
            }
            if self.bench.now() - begun > RECORD_BOUND {
                let what = format!("no fault record with cause {wanted} for {device}; there were {seen:?}");
                return Err(Fault::At(place, what));
            }
            self.bench.wait(50)?;
        }
    }

    fn free(&mut self, name: &str) -> Result<(), Fault> {
        let made = self.made(name)?;
        self.driver.hwpt_free(self.bench, made.domain)?;
        self.domains.remove(name);
        self.free_guest(made)
    }

    /// Frees what the guest of a nested domain has, once the domain is gone.
    pub(super) fn free_guest(&mut self, made: DomainHandle) -> Result<(), Fault> {
        if let Some((guest, table)) = made.guest {
            self.driver.guest_table_free(self.bench, table)?;
            self.driver.guest_free(self.bench, guest)?;
        }
        if let Some((guest, directory)) = made.directory {
            self.driver.guest_directory_free(self.bench, directory)?;
            self.driver.guest_free(self.bench, guest)?;
        }
        Ok(())
    }

    fn set_pte(&mut self, place: Place, step: &SetPte) -> Result<(), Fault> {
        let made = self.made(&step.domain)?;
        let (size, at, old) = self.entry(place, made, step)?;
        let new = self.changed(old, made, step)?;
        if step.level.is_none() {
            self.changed.insert((step.domain.value.clone(), step.iova.0 & !0xfff), (size, at, new));
        }
        Ok(self.bench.store(at, new)?)
    }

    /// The entry that a step means: its size, where it lies, and what it holds.
    pub(super) fn entry(
        &mut self,
        place: Place,
        made: DomainHandle,
        step: &SetPte,
    ) -> Result<(PageSize, Spa, u64), Fault> {
        let iova = step.iova.0;
        if let Some(level) = &step.level {
            let at = self.slot(made, iova, level)?.at;
            let size = PageSize::from_level(level.value).unwrap_or(PageSize::SIZE_4K);
            return Ok((size, at, self.bench.load(at)?));
        }
        let leaf = match made.guest {
            Some((_, table)) => self.driver.guest_walk(self.bench, table, iova)?,
            None => self.driver.walk(self.bench, made.domain, iova)?,
        };
        // An entry that an earlier step made invalid is found no more by a walk.
        let key = (step.domain.value.clone(), iova & !0xfff);
        let found = leaf.map(|leaf| (leaf.size, leaf.at, leaf.pte.0)).or_else(|| self.changed.get(&key).copied());
        found.ok_or_else(|| Fault::At(place, format!("nothing is mapped at {iova:#x}")))
    }

    /// The place of the entry of a level for an address.
    pub(super) fn slot(&mut self, made: DomainHandle, iova: u64, level: &At<u8>) -> Result<Slot, Fault> {
        let missing = || Fault::At(level.place, format!("there is no level {level} on the way to {iova:#x}"));
        let size = PageSize::from_level(level.value).ok_or_else(missing)?;
        let slot = match made.guest {
            Some((_, table)) => self.driver.guest_slot(table, iova, size),
            None => self.driver.slot(made.domain, iova, size),
        };
        slot.map_err(|_| missing())
    }

    /// An entry as a step wants it.
    pub(super) fn changed(&mut self, old: u64, made: DomainHandle, step: &SetPte) -> Result<u64, Fault> {
        if let Some(value) = &step.value {
            return Ok(value.0);
        }
        let to = match &step.to_table {
            Some(level) => Some(self.slot(made, step.iova.0, level)?.table),
            None => step.to.as_ref().map(|to| to.0),
        };
        let pte = Pte(changed(old, step));
        Ok(to.map_or(pte, |to| pte.with_addr(to)).0 ^ step.flip.as_ref().map_or(0, |bits| bits.0))
    }

    fn invalidation(&self, step: &Invalidate) -> Result<Invalidation, Fault> {
        Ok(match step {
            Invalidate::Vma(operands) => Invalidation::Vma {
                gscid: self.gscid(operands)?,
                pscid: self.pscid(operands)?,
                addr: operands.address.as_ref().map(|address| address.0),
            },
            Invalidate::Gvma(operands) => Invalidation::Gvma {
                gscid: self.gscid(operands)?,
                addr: operands.address.as_ref().map(|address| address.0),
            },
            Invalidate::Pdt(operands) => {
                Invalidation::Pdt { device: self.device_id(&operands.device).0, process: operands.process.0 as u32 }
            }
            Invalidate::Ats(operands) => self.ats_invalidation(operands),
            Invalidate::Ddt(operands) => Invalidation::Ddt {
                device: match (&operands.device, &operands.device_id) {
                    (Some(name), _) => Some(self.device_id(name).0),
                    (None, id) => id.as_ref().map(|id| id.0 as u32),
                },
            },
        })
    }

    fn gscid(&self, operands: &Iotinval) -> Result<Option<u16>, Fault> {
        match &operands.gscid_of {
            Some(name) => Ok(self.driver.tags(self.made(name)?.domain)?.0),
            None => Ok(operands.gscid.as_ref().map(|gscid| gscid.0 as u16)),
        }
    }

    pub(super) fn pscid(&self, operands: &Iotinval) -> Result<Option<u32>, Fault> {
        match &operands.pscid_of {
            Some(name) => Ok(self.driver.tags(self.made(name)?.domain)?.1),
            None => Ok(operands.pscid.as_ref().map(|pscid| pscid.0 as u32)),
        }
    }

    /// A plain fence is the driver's own. Its operands go ahead of it in a fence of their own, which is complete
    /// when the driver's is.
    fn fence(&mut self, fence: Fence) -> Result<(), Fault> {
        const WSI: u64 = 1 << 11;
        const PR: u64 = 1 << 12;
        const PW: u64 = 1 << 13;
        let bits = [(fence.interrupt, WSI), (fence.reads, PR), (fence.writes, PW)];
        let operands = bits.into_iter().filter(|(on, _)| *on).fold(0, |all, (_, bit)| all | bit);
        if operands != 0 {
            let Command([low, high]) = Command::fence(false, None);
            self.driver.command(self.bench, Command([low | operands, high]))?;
        }
        Ok(self.driver.fence(self.bench)?)
    }
}

/// An entry with some bits changed.
fn changed(old: u64, step: &SetPte) -> u64 {
    let mut pte = old;
    let mut set = |bit: u32, value: Option<bool>| {
        if let Some(value) = value {
            pte = pte & !(1 << bit) | u64::from(value) << bit;
        }
    };
    set(0, step.valid);
    set(1, step.access.map(|access| access.read()));
    set(2, step.access.map(|access| access.write()));
    set(3, step.access.map(|access| access.execute()));
    set(4, step.user);
    set(6, step.accessed);
    set(7, step.dirty);
    pte
}

/// A call of the driver must have failed with this error, or must have succeeded.
pub(super) fn demand(place: Place, result: Result<(), Fault>, fails: Option<&At<Errno>>) -> Result<(), Fault> {
    let Some(wanted) = fails else { return result };
    match result {
        Err(Fault::Api(error)) if error.errno().is_some_and(|errno| errno.to_string() == wanted.name()) => Ok(()),
        Err(Fault::Api(error @ ApiError::Halted(_))) => Err(error.into()),
        Err(fault) => Err(fault),
        Ok(()) => Err(Fault::At(place, format!("the call succeeded, and should fail with {}", wanted.name()))),
    }
}
