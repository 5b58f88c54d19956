// SPDX-License-Identifier: Apache-2.0
//! Steps that look closely: calls in the API's own words, device contexts, and what happened since a mark.

use std::collections::BTreeMap;

use driver::format::{Command, Context, Invalidation};
use driver::{HwptRequest, Ledger, Machine, NEST_PARENT, Partial};
use events::Cycle;
use golden::{DeviceId, Spa};
use scenario::{
    Alloc, DomainKind, ExpectContext, ExpectMemory, ExpectRegister, Limit, Place, Register, SetContext, Since,
    UserCommand, UserInvalidate, WriteRegister,
};
use testbench::Watch;

use super::config::POISON;
use super::domains::scheme;
use super::{DomainHandle, Fault, Player};

/// The state of the books at a mark.
#[derive(Clone, Debug)]
pub(super) struct Marked {
    ledger: Ledger,
    allocations: u64,
    commands: BTreeMap<String, u64>,
    stores: usize,
    reads: usize,
    /// The allocation that was to fail had done so
    failed: bool,
}

impl<'a> Player<'a> {
    pub(super) fn mark(&mut self, name: &'a str) {
        let watch = self.bench.watch();
        let (stores, reads) = (watch.stores.len(), watch.reads.len());
        let marked = Marked {
            ledger: self.driver.ledger(),
            allocations: self.driver.allocations(),
            commands: self.bench.figures().commands,
            stores,
            reads,
            failed: self.driver.allocation_failed(),
        };
        self.marks.insert(name, marked);
    }

    /// Asks for a domain as the step says it. A guest's memory is given back if the domain is refused.
    pub(super) fn alloc(&mut self, place: Place, alloc: &Alloc) -> Result<(), Fault> {
        let scenario = self.scenario;
        let Some((name, domain)) = scenario.domains.iter().find(|(own, _)| **own == alloc.domain) else {
            return Err(Fault::At(place, format!("domain `{}` has no entry", alloc.domain)));
        };
        if self.domains.contains_key(name.as_str()) {
            return Err(Fault::At(place, format!("domain `{name}` is there already")));
        }
        let nested = domain.kind.value == DomainKind::Nested;
        let mut over = None;
        let mut request = if nested {
            let (made, data) = self.make_guest(name, domain)?;
            over = Some(made);
            HwptRequest::nested(name, made.domain, data)
        } else {
            let flags = if domain.nest_parent { NEST_PARENT } else { 0 };
            let request = HwptRequest { name: name.value.clone(), flags, ..HwptRequest::default() };
            let request = HwptRequest { msi: Self::window(domain), ..request };
            if alloc.largest { request } else { request.scheme(scheme(domain.paging_mode())) }
        };
        request.user = true;
        if let Some(flags) = &alloc.flags {
            request.flags = flags.0 as u32;
        }
        if let Some(parent) = &alloc.parent {
            request.parent = Some(self.made(parent)?.domain);
        }
        if let Some(data_type) = &alloc.data_type {
            request.data_type = data_type.value;
        }
        for (word, value) in &alloc.words {
            let at = 8 * word.index();
            request.data.resize(request.data.len().max(at + 8), 0);
            request.data[at..at + 8].copy_from_slice(&value.0.to_le_bytes());
        }
        if let Some(bytes) = &alloc.bytes {
            request.data.resize(bytes.0.min(1 << 16) as usize, 0);
        }
        if let (Some(value), Some(last)) = (&alloc.last_byte, request.data.last_mut()) {
            *last = value.value;
        }
        request.event = alloc.event.as_ref().map(|event| Spa(event.0));
        let made = self.call(|driver, bench| driver.hwpt_alloc(bench, &request));
        let made = match (made, over) {
            (Ok(domain), Some(over)) => DomainHandle { domain, ..over },
            (Ok(domain), None) => DomainHandle { domain, guest: None, directory: None },
            (Err(error), Some(over)) => {
                self.free_guest(over)?;
                return Err(error);
            }
            (Err(error), None) => return Err(error),
        };
        self.domains.insert(name, made);
        self.map_files(name, domain)?;
        for mapping in &domain.map {
            self.map(name, made, mapping).map_err(|fault| fault.at(mapping.place))?;
        }
        Ok(())
    }

    pub(super) fn expect_context(&mut self, place: Place, expected: &ExpectContext) -> Result<(), Fault> {
        let context = self.context(&expected.device)?;
        let mode = |word: usize| context.0[word] >> 60;
        let name = |bits: u64| match bits {
            0 => "bare".to_owned(),
            8 => "sv39".to_owned(),
            9 => "sv48".to_owned(),
            10 => "sv57".to_owned(),
            other => format!("reserved mode {other}"),
        };
        let mut wrong = Vec::new();
        let mut compare = |what: &str, wanted: String, got: String| {
            if wanted != got {
                wrong.push(format!("{what}: wanted {wanted}, got {got}"));
            }
        };
        if let Some(valid) = expected.valid {
            compare("tc.V", valid.to_string(), context.valid().to_string());
        }
        if let Some(wanted) = &expected.first_stage {
            compare("first stage", name(wanted.bits()), name(mode(Context::FSC)));
        }
        if let Some(wanted) = &expected.second_stage {
            compare("second stage", name(wanted.bits()), name(mode(Context::IOHGATP)));
        }
        if let Some(domain) = &expected.second_stage_of {
            let wanted = self.driver.context_of(self.made(domain)?.domain)?.0[Context::IOHGATP];
            compare("iohgatp", format!("{wanted:#x}"), format!("{:#x}", context.0[Context::IOHGATP]));
        }
        if let Some(domain) = &expected.first_stage_of {
            let Some((_, table)) = self.made(domain)?.guest else {
                return Err(Fault::At(place, format!("domain `{domain}` has no guest")));
            };
            let wanted = self.driver.nested_data(table)?.fsc;
            compare("fsc", format!("{wanted:#x}"), format!("{:#x}", context.0[Context::FSC]));
        }
        if let Some(alignment) = &expected.root_alignment {
            let root = (context.0[Context::IOHGATP] & ((1 << 44) - 1)) << 12;
            compare("root of the second stage modulo alignment", "0x0".into(), format!("{:#x}", root % alignment.0));
        }
        if let Some(other) = &expected.like {
            // All but tags and roots.
            const KEPT: [u64; 8] = [!0, 0xf << 60, !(0xf_ffff << 12), 0xf << 60, !0, !0, !0, !0];
            let kept = |context: Context| -> Vec<u64> { context.0.iter().zip(KEPT).map(|(w, k)| w & k).collect() };
            let wanted = kept(self.context(other)?);
            compare("context without tags and roots", format!("{wanted:x?}"), format!("{:x?}", kept(context)));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Fault::At(place, wrong.join("; "))) }
    }

    fn context(&mut self, device: &str) -> Result<Context, Fault> {
        let id = self.scenario.devices.get(device).map_or(0, |device| device.id.0 as u32);
        Ok(self.driver.read_context(self.bench, DeviceId(id))?)
    }

    /// Where a word of a context lies.
    pub(super) fn context_word(&self, place: Place, set: &SetContext) -> Result<Spa, Fault> {
        let (context, index) = match &set.process {
            None => (self.driver.context_at(self.device_id(&set.device))?, Some(set.word.index())),
            Some(process) => {
                let device = self.device(&set.device)?;
                (self.driver.process_context_at(device, process.0 as u32)?, set.word.of_process())
            }
        };
        match index.filter(|&index| set.process.is_some() || 8 * (index as u64) < self.driver.context_bytes()) {
            Some(index) => Ok(Spa(context.0 + 8 * index as u64)),
            None => Err(Fault::At(place, "a context of this format has no such word".into())),
        }
    }

    pub(super) fn set_context(&mut self, place: Place, set: &SetContext) -> Result<(), Fault> {
        let at = self.context_word(place, set)?;
        let old = self.bench.load(at)?;
        Ok(self.bench.store(at, old ^ set.flip.0)?)
    }

    pub(super) fn user_invalidate(&mut self, place: Place, user: &UserInvalidate) -> Result<(), Fault> {
        let made = self.made(&user.domain)?;
        let mut commands = Vec::new();
        for command in &user.commands {
            commands.push(match &command.value {
                UserCommand::Words([low, high]) => Command([low.0, high.0]),
                UserCommand::Vma(operands) => Invalidation::Vma {
                    gscid: None,
                    pscid: self.pscid(operands)?,
                    addr: operands.address.as_ref().map(|address| address.0),
                }
                .command(),
            });
        }
        let result = self.driver.cache_invalidate(self.bench, made.domain, &commands);
        let (done, result) = match result {
            Ok(done) => (done, Ok(())),
            Err(Partial { done, error }) => (done, Err(Fault::from(error))),
        };
        super::steps::demand(place, result, user.fails.as_ref())?;
        let wanted = user.done.as_ref().map_or(commands.len(), |done| done.value as usize);
        if done == wanted {
            return Ok(());
        }
        Err(Fault::At(place, format!("{done} invalidations were done, and should be {wanted}")))
    }

    pub(super) fn since(&mut self, place: Place, since: &Since) -> Result<(), Fault> {
        let Some(marked) = self.marks.get(since.mark.as_str()).cloned() else {
            return Err(Fault::At(place, format!("no mark `{}` was passed", since.mark)));
        };
        let mut wrong = Vec::new();
        // A call that was made a second time has sent, stored and asked for more than the scenario reckons with.
        let twice = self.driver.allocation_failed() && !marked.failed;
        let mut limit = |what: &str, limit: Option<&Limit>, got: u64| {
            if let Some(limit) = limit.filter(|limit| !twice && !limit.holds(got)) {
                wrong.push(format!("{what}: wanted {limit}, got {got}"));
            }
        };
        let commands = self.bench.figures().commands;
        for (name, wanted) in since.commands.iter() {
            let count = |of: &BTreeMap<String, u64>| of.get(&name.value).copied().unwrap_or(0);
            limit(name, Some(wanted), count(&commands) - count(&marked.commands));
        }
        limit("allocations", since.allocations.as_ref(), self.driver.allocations() - marked.allocations);
        let contexts: Vec<Spa> = self
            .scenario
            .devices
            .iter()
            .filter_map(|(_, device)| self.driver.context_at(DeviceId(device.id.0 as u32)).ok())
            .collect();
        let known = |at: &Spa| {
            self.driver.is_command_queue(*at)
                || contexts.iter().any(|context| (context.0..context.0 + 64).contains(&at.0))
        };
        let Some(watch) = self.bench.watched() else { return Ok(()) };
        let stores = watch.stores[marked.stores..].iter().filter(|(_, at, _)| !known(at)).count();
        limit("stores outside device contexts", since.stores.as_ref(), stores as u64);
        let reads = watch.reads[marked.reads..].iter().filter(|(at, page)| self.freed_by(watch, *page, *at)).count();
        if let Some(wanted) = since.reads_of_freed.filter(|wanted| !wanted.holds(reads as u64)) {
            wrong.push(format!("implicit reads of free pages: wanted {wanted}, got {reads}"));
        }
        let (now, then) = (self.driver.ledger(), marked.ledger);
        for (what, wanted, got) in [
            ("pages", since.pages, now.pages as i64 - then.pages as i64),
            ("guest pages", since.guest_pages, now.guest_pages as i64 - then.guest_pages as i64),
            ("PSCIDs", since.pscids, i64::from(now.pscids) - i64::from(then.pscids)),
            ("GSCIDs", since.gscids, i64::from(now.gscids) - i64::from(then.gscids)),
            ("objects", since.objects, now.objects as i64 - then.objects as i64),
        ] {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != got) {
                wrong.push(format!("{what} outstanding: wanted {wanted:+}, got {got:+}"));
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Fault::At(place, format!("since `{}`: {}", since.mark, wrong.join("; "))))
    }

    /// Whether a page is free and was so in a cycle: its first word was last overwritten with poison, not cleared for
    /// another owner.
    fn freed_by(&self, watch: &Watch, page: Spa, cycle: Cycle) -> bool {
        let first = Spa(page.0 & !0xfff);
        let last = watch.stores.iter().rev().find(|&&(at, word, _)| word == first && at < cycle);
        self.driver.is_free(page) && last.is_some_and(|&(_, _, value)| value == POISON)
    }

    pub(super) fn expect_memory(&mut self, place: Place, expected: &ExpectMemory) -> Result<(), Fault> {
        for word in 0..expected.size.0 / 8 {
            let at = Spa(expected.address.0 + 8 * word);
            let got = self.bench.memory().read_u64(at);
            if got != expected.value.0 {
                let what = format!("memory at {:#x}: wanted {:#x}, got {got:#x}", at.0, expected.value.0);
                return Err(Fault::At(place, what));
            }
        }
        Ok(())
    }

    /// Writes a register as it is named, or what it holds with other fields.
    pub(super) fn write_register(&mut self, write: &WriteRegister) -> Result<(), Fault> {
        let Some(register) = Register::named(&write.register) else { return Ok(()) };
        let Register { offset, bytes, .. } = register;
        let held = self.bench.read_register(offset, bytes)?;
        let base = write.value.as_ref().map_or(held, |value| value.0);
        let value = if write.fields.is_empty() { base } else { register.with(base, &write.fields) };
        self.bench.write_register(offset, bytes, value)?;
        // The driver goes on with its queues where they begin now.
        match register.name {
            "cqcsr" if held & 1 == 0 && value & 1 == 1 => self.driver.commands_restarted(),
            "pqcsr" if held & 1 == 0 && value & 1 == 1 => self.driver.page_requests_restarted(),
            "fqcsr" if held & 1 == 0 && value & 1 == 1 => self.driver.faults_restarted(),
            _ => {}
        }
        Ok(())
    }

    /// Reads a register until it holds what it must, or the bound is over.
    pub(super) fn expect_register(&mut self, place: Place, expected: &ExpectRegister) -> Result<(), Fault> {
        let ExpectRegister { register: name, value, fields, within } = expected;
        let Some(register) = Register::named(name) else { return Ok(()) };
        let begun = self.bench.now();
        loop {
            let got = self.bench.read_register(register.offset, register.bytes)?;
            if value.as_ref().is_none_or(|value| got == value.0) && register.holds(got, fields) {
                return Ok(());
            }
            if self.bench.now() - begun >= u64::from(*within) {
                let (wanted, got) = match value {
                    Some(value) => (format!("{:#x}", value.0), format!("{got:#x}")),
                    None => {
                        let each = fields.iter().map(|(name, value)| format!("{name} = {:#x}", value.0));
                        (each.collect::<Vec<_>>().join(", "), register.show(got, fields))
                    }
                };
                let bound = if *within == 0 { String::new() } else { format!(" within {within} cycles") };
                return Err(Fault::At(place, format!("{name}: wanted {wanted}{bound}, got {got}")));
            }
        }
    }
}
