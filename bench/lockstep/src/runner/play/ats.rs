// SPDX-License-Identifier: Apache-2.0
//! Steps of devices that keep translations and ask for pages, and of software that answers them.

use driver::Machine;
use driver::format::{Invalidation, PageRequestRecord, Untranslated};
use events::{DmaRequest, GroupResponse, TranslationCompletion, range_log2};
use golden::{DeviceId, Iova, ProcessId};
use scenario::{
    At, AtsInval, CompletionStatus, PageQueue, PageRecord, PageRequest, PageResponse, Place, StopMarker, Translated,
    TranslationRequest,
};

use super::{Fault, Player, process_of};

/// How long a step waits for page requests to come into their queue, and for responses, in cycles.
const PAGE_BOUND: u64 = 5_000;

/// A completion as it is told where another one was wanted.
fn line(came: &TranslationCompletion) -> String {
    match came.status {
        0 => {
            let letters = [(came.r, 'r'), (came.w, 'w'), (came.x, 'x')];
            let access: String = letters.into_iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect();
            let access = if access.is_empty() { "nothing".to_owned() } else { access };
            let size = range_log2(came.addr.0, came.s);
            let flags = [(came.global, ", global"), (came.u, ", untranslated only")];
            let flags: String = flags.into_iter().filter(|(on, _)| *on).map(|(_, text)| text).collect();
            format!("success: {access} at {:#x}, 2^{size} bytes{flags}", came.addr.0 & !0xfff)
        }
        1 => "unsupported-request".to_owned(),
        _ => "completer-abort".to_owned(),
    }
}

impl Player<'_> {
    pub(super) fn translation_request(&mut self, place: Place, ask: &TranslationRequest) -> Result<(), Fault> {
        let device = self.device_id(&ask.device);
        let request = events::TranslationRequest {
            device,
            process: process_of(&ask.process),
            privileged: ask.privileged,
            exec: ask.execute,
            no_write: ask.no_write,
            addr: Iova(ask.address.0),
            ..events::TranslationRequest::default()
        };
        let came = self.bench.translate(request)?;
        let wrong = |wanted: String| Err(Fault::At(place, format!("wanted {wanted}; came {}", line(&came))));
        let (status, name) = match ask.expect {
            CompletionStatus::Any => return Ok(()),
            CompletionStatus::Success => (0, "success"),
            CompletionStatus::UnsupportedRequest => (1, "unsupported-request"),
            CompletionStatus::CompleterAbort => (2, "completer-abort"),
        };
        if came.status != status {
            return wrong(name.to_owned());
        }
        if let Some(cause) = &ask.cause {
            return self.demand_cause(place, device, cause);
        }
        if let Some(access) = ask.access.as_ref().filter(|access| access.bits() != [came.r, came.w, came.x]) {
            return wrong(format!("{:?} to be granted", access.value).to_lowercase());
        }
        let size = range_log2(came.addr.0, came.s);
        if let Some(most) = ask.at_most.as_ref().filter(|most| u64::from(size) > most.0.ilog2().into()) {
            return wrong(format!("a range of at most {most}"));
        }
        if let Some(to) = &ask.to {
            let within = 1u64.checked_shl(size).map_or(u64::MAX, |bytes| bytes - 1);
            let led = came.addr.0 & !within | ask.address.0 & within;
            if led & !0xfff != to.0 & !0xfff {
                return wrong(format!("an address that leads to {to}"));
            }
        }
        match (&ask.global, &ask.untranslated_only) {
            (Some(global), _) if global.value != came.global => wrong(format!("Global {}", global.value)),
            (_, Some(only)) if only.value != came.u => wrong(format!("U {}", only.value)),
            _ => Ok(()),
        }
    }

    /// A transaction with a translated address. None: the device keeps no translation for it.
    pub(super) fn translated(&self, request: DmaRequest, how: Option<Translated>) -> Option<DmaRequest> {
        let iova = match how {
            None => return Some(request),
            Some(Translated::Raw) => request.iova,
            Some(Translated::Kept) => Iova(self.bench.cached().iter().find_map(|kept| kept.serves(&request))?),
        };
        Some(DmaRequest { iova, translated: true, ..request })
    }

    pub(super) fn page_request(&mut self, place: Place, ask: &PageRequest) -> Result<(), Fault> {
        let device = self.device_id(&ask.device);
        self.bench.ask_page(events::PageRequest {
            device,
            process: process_of(&ask.process),
            privileged: ask.privileged,
            exec: ask.execute,
            addr: Iova(ask.address.0),
            r: ask.read,
            w: ask.write,
            last: ask.last,
            prgi: ask.group.value,
        });
        self.bench.pages_taken()?;
        if let Some(cause) = &ask.cause {
            self.demand_cause(place, device, cause)?;
        }
        let Some(code) = &ask.response else { return Ok(()) };
        // "the IOMMU itself may generate a Page Request Group Response": it need not.
        let Some(came) = self.bench.page_response(device, ask.group.value, PAGE_BOUND)? else { return Ok(()) };
        let wanted = code.value;
        if came.status != wanted.code() {
            let what = format!("wanted the response {}, got code {}", wanted.name(), came.status);
            return Err(Fault::At(place, what));
        }
        let has_pasid = came.process.is_some();
        if let Some(pasid) = ask.response_pasid.as_ref().filter(|pasid| pasid.value != has_pasid) {
            let with = |has: bool| if has { "with a PASID" } else { "without a PASID" };
            let what = format!("wanted a response {}, got one {}", with(pasid.value), with(has_pasid));
            return Err(Fault::At(place, what));
        }
        Ok(())
    }

    pub(super) fn stop_marker(&mut self, stop: &StopMarker) -> Result<(), Fault> {
        self.bench.ask_page(events::PageRequest {
            device: self.device_id(&stop.device),
            process: Some(ProcessId(stop.process.0 as u32)),
            last: true,
            ..events::PageRequest::default()
        });
        Ok(self.bench.pages_taken()?)
    }

    pub(super) fn page_response(&mut self, place: Place, response: &PageResponse) -> Result<(), Fault> {
        let (device, group) = (self.device_id(&response.device), response.group.value);
        let process = process_of(&response.process);
        let code = response.code.code();
        self.driver.page_response(self.bench, device, process.map(|process| process.0), group, code)?;
        self.driver.fence(self.bench)?;
        let right = GroupResponse { device, process, prgi: group, status: code };
        match self.bench.page_response(device, group, PAGE_BOUND)? {
            Some(came) if came == right => Ok(()),
            Some(came) => {
                let what = format!("the device got code {} for group {group:#x}", came.status);
                Err(Fault::At(place, format!("{what}, and should get {}", response.code.name())))
            }
            None => Err(Fault::At(place, format!("the device got no response within {PAGE_BOUND} cycles"))),
        }
    }

    /// Software's handler. What has been asked for may still be on its way to the queue.
    pub(super) fn page_queue(&mut self, place: Place, queue: &PageQueue) -> Result<(), Fault> {
        let begun = self.bench.now();
        let found = self.driver.drain_page_requests(self.bench)?;
        let (mut records, mut overflow, mut fault) = (found.records, found.overflow, found.memory_fault);
        let is_due = |flag: &Option<At<bool>>, seen: bool| flag.as_ref().is_some_and(|flag| flag.value && !seen);
        while records.len() < queue.holds.len()
            || is_due(&queue.overflow, overflow)
            || is_due(&queue.memory_fault, fault)
        {
            if self.bench.now() - begun > PAGE_BOUND {
                break;
            }
            let more = self.driver.drain_page_requests(self.bench)?;
            records.extend(more.records);
            overflow |= more.overflow;
            fault |= more.memory_fault;
        }
        let mut wrong = Vec::new();
        for (number, pair) in zip_longest(&queue.holds, &records).enumerate() {
            match pair {
                (Some(wanted), Some(got)) if self.is_record(wanted, got) => {}
                (Some(wanted), Some(got)) => {
                    wrong.push(format!("record {number}: wanted {:?}, got {got:?}", wanted.value));
                }
                (Some(wanted), None) => wrong.push(format!("record {number}: wanted {:?}, got none", wanted.value)),
                (None, Some(got)) => wrong.push(format!("record {number}: wanted none, got {got:?}")),
                (None, None) => {}
            }
        }
        for (name, wanted, got) in [("pqof", &queue.overflow, overflow), ("pqmf", &queue.memory_fault, fault)] {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.value != got) {
                wrong.push(format!("{name}: wanted {}, got {}", u8::from(wanted.value), u8::from(got)));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Fault::At(place, wrong.join("; "))) }
    }

    fn is_record(&self, wanted: &PageRecord, got: &PageRequestRecord) -> bool {
        let address = wanted.address.as_ref().map_or(got.address, |address| address.0);
        let right = PageRequestRecord {
            device: self.device_id(&wanted.device).0,
            process: process_of(&wanted.process).map(|process| process.0),
            privileged: wanted.privileged,
            execute: wanted.execute,
            address,
            read: wanted.read,
            write: wanted.write,
            last: wanted.last,
            group: wanted.group.value,
        };
        right == *got
    }

    pub(super) fn ats_invalidation(&self, operands: &AtsInval) -> Invalidation {
        let range = match &operands.address {
            None => Untranslated::ALL,
            Some(address) => {
                let bytes = operands.size.as_ref().map_or(4096, |size| size.0);
                Untranslated::covering(address.0, address.0.saturating_add(bytes - 1))
            }
        };
        let DeviceId(device) = self.device_id(&operands.device);
        let process = process_of(&operands.process).map(|process| process.0);
        Invalidation::Ats { device, process, global: operands.global, range }
    }
}

fn zip_longest<'a, A, B>(one: &'a [A], two: &'a [B]) -> impl Iterator<Item = (Option<&'a A>, Option<&'a B>)> {
    (0..one.len().max(two.len())).map(move |at| (one.get(at), two.get(at)))
}
