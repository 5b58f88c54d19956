// SPDX-License-Identifier: Apache-2.0
//! Playing the steps.

use driver::format::{Command, Invalidation, Pte};
use driver::{ApiError, Machine};
use events::{Burst, Direction, DmaRequest, OKAY, Operation, Promise};
use golden::{DeviceId, Iova, ProcessId, Spa};
use rand::RngExt;
use scenario::{
    At, Dma, DmaResult, Errno, Fence, Invalidate, Iotinval, Place, SetPte, Span, Step, StepPromise, Stream, StreamKind,
};
use testbench::{DmaError, Kind, StreamSpec};

use super::{Fault, Player};

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

    fn list(&mut self, steps: &'a [At<Step>]) -> Result<(), Fault> {
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
            Step::Mark(name) => self.mark(name),
            Step::Alloc(alloc) => {
                let result = self.alloc(step.place, alloc);
                demand(step.place, result, alloc.fails.as_ref())?;
            }
            Step::ExpectContext(expected) => self.expect_context(step.place, expected)?,
            Step::SetContext(set) => self.set_context(set)?,
            Step::UserInvalidate(user) => self.user_invalidate(step.place, user)?,
            Step::Command([low, high]) => self.driver.command(self.bench, Command([low.0, high.0]))?,
            Step::Recover(_) => {
                if self.driver.recover(self.bench)?.is_none() {
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

    fn draw(&mut self, span: Span) -> u32 {
        if span.min == span.max { span.min } else { self.rng.random_range(span.min..=span.max) }
    }

    pub(super) fn device(&self, name: &str) -> Result<driver::Device, Fault> {
        let gone = ApiError::NoSuchObject { kind: "device", id: 0 };
        self.devices.get(name).copied().ok_or(Fault::Api(gone))
    }

    pub(super) fn device_id(&self, name: &str) -> DeviceId {
        DeviceId(self.scenario.devices.get(name).map_or(0, |device| device.id.0 as u32))
    }

    fn stream(&mut self, place: Place, stream: &Stream) -> Result<(), Fault> {
        let spec = StreamSpec {
            name: stream.name.value.clone(),
            device: self.device_id(&stream.device),
            process: stream.process.as_ref().map(|process| ProcessId(process.0 as u32)),
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
            ids: stream.outstanding.value.min(4),
            translated: stream.translated,
        };
        if self.bench.start_stream(spec) { Ok(()) } else { Err(Fault::At(place, "too many streams at a time".into())) }
    }

    fn dma(&mut self, place: Place, dma: &Dma) -> Result<(), Fault> {
        let (direction, iova) = match (&dma.read, &dma.write, &dma.fetch) {
            (_, Some(iova), _) => (Direction::Write, iova.0),
            (Some(iova), ..) | (_, _, Some(iova)) => (Direction::Read, iova.0),
            (None, None, None) => return Ok(()),
        };
        let device = match (&dma.device, &dma.device_id) {
            (Some(name), _) => self.device_id(name),
            (None, id) => DeviceId(id.as_ref().map_or(0, |id| id.0 as u32)),
        };
        let beats = (dma.bytes.0 / 8).clamp(1, 256);
        let data = match direction {
            Direction::Write => (0..beats).map(|_| (self.rng.random(), 0xff)).collect(),
            Direction::Read => Vec::new(),
        };
        let request = DmaRequest {
            process: dma.process.as_ref().map(|process| ProcessId(process.0 as u32)),
            privileged: dma.privileged,
            instruction: dma.fetch.is_some(),
            data,
            ..DmaRequest::new(direction, device, Iova(iova), Burst::incr(beats as u16))
        };
        let Some(request) = self.translated(request, dma.translated) else {
            if dma.expect == DmaResult::NotKept {
                return Ok(());
            }
            return Err(Fault::At(place, format!("the device keeps no translation for {iova:#x}")));
        };
        if dma.expect == DmaResult::NotKept {
            let what = format!("the device keeps a translation for {iova:#x}, and should not");
            return Err(Fault::At(place, what));
        }
        let answer = match self.bench.dma(request) {
            Ok(answer) => answer,
            Err(DmaError::Halted(halted)) => return Err(halted.into()),
            Err(illegal @ DmaError::Illegal(_)) => return Err(Fault::At(place, illegal.to_string())),
        };
        match (dma.expect, answer.resp == OKAY) {
            (DmaResult::Ok, false) => {
                // The record may come after the response.
                self.bench.wait(RECORD_DELAY)?;
                self.service()?;
                let why = self.records.iter().rev().find(|record| record.device == device.0);
                let why = why.map(|record| format!(" with cause {}", record.cause)).unwrap_or_default();
                Err(Fault::At(place, format!("the transaction was refused{why}, and should be done")))
            }
            (DmaResult::Fault, true) => Err(Fault::At(place, "the transaction was done, and should be refused".into())),
            (DmaResult::Fault, false) => match &dma.cause {
                Some(cause) => self.demand_cause(place, device, cause.value),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Waits for the fault record of a transaction that was refused: it may come after the response.
    pub(super) fn demand_cause(&mut self, place: Place, device: DeviceId, cause: u16) -> Result<(), Fault> {
        let begun = self.bench.now();
        let mut seen = Vec::new();
        loop {
            self.service()?;
            let causes = self.records.iter().filter(|record| record.device == device.0).map(|record| record.cause);
            seen.extend(causes);
            if seen.contains(&cause) {
                return Ok(());
            }
            if self.bench.now() - begun > RECORD_BOUND {
                let what = format!("no fault record with cause {cause} for {device}; there were {seen:?}");
                return Err(Fault::At(place, what));
            }
            self.bench.wait(50)?;
        }
    }

    fn free(&mut self, name: &str) -> Result<(), Fault> {
        let made = self.made(name)?;
        self.driver.hwpt_free(self.bench, made.domain)?;
        self.domains.remove(name);
        if let Some((guest, table)) = made.guest {
            self.driver.guest_table_free(self.bench, table)?;
            self.driver.guest_free(self.bench, guest)?;
        }
        Ok(())
    }

    fn set_pte(&mut self, place: Place, step: &SetPte) -> Result<(), Fault> {
        let made = self.made(&step.domain)?;
        let iova = step.iova.0;
        let leaf = match made.guest {
            Some((_, table)) => self.driver.guest_walk(self.bench, table, iova)?,
            None => self.driver.walk(self.bench, made.domain, iova)?,
        };
        let key = (step.domain.value.clone(), iova & !0xfff);
        // An entry that an earlier step made invalid is found no more by a walk.
        let found = leaf.map(|leaf| (leaf.size, leaf.at, leaf.pte.0)).or_else(|| self.changed.get(&key).copied());
        let Some((size, at, old)) = found else {
            return Err(Fault::At(place, format!("nothing is mapped at {iova:#x}")));
        };
        let new = step.value.as_ref().map_or_else(|| changed(old, step), |value| value.0);
        self.changed.insert(key, (size, at, new));
        match made.guest {
            Some((_, table)) => self.driver.set_guest_pte(self.bench, table, iova, size, Pte(new))?,
            None => self.driver.set_pte(self.bench, made.domain, iova, size, Pte(new))?,
        }
        Ok(())
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

/// A leaf entry with some fields changed.
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
    step.to.as_ref().map_or(pte, |to| Pte(pte).with_addr(to.0).0)
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
