// SPDX-License-Identifier: Apache-2.0
//! ATS and page requests: what devices ask for, and what software answers.

use super::steps::{aligned, check_process_id, fits};
use crate::at::At;
use crate::ats::{CompletionStatus, DeviceAts, PageQueue, PageRequest, PageResponse, TranslationRequest};
use crate::diagnostic::Problem;
use crate::file::Scenario;
use crate::invalidate::AtsInval;
use crate::place::Place;
use crate::scalar::Number;

impl Scenario {
    pub(super) fn check_ats(&self, ats: &At<DeviceAts>, problems: &mut Vec<Problem>) {
        let ats = &ats.value.0;
        if ats.prpr.value && !ats.page_requests {
            problems.push(
                Problem::new(ats.prpr.place, "PRPR without page requests", "a misconfigured context")
                    .help("add `page-requests: true`"),
            );
        }
    }

    /// Who asks, and in whose name: only with a PASID are there privilege and execution.
    fn check_requester(
        &self,
        device: &At<String>,
        process: Option<&At<Number>>,
        [privileged, execute]: [bool; 2],
        problems: &mut Vec<Problem>,
    ) {
        self.known_device(device, problems);
        check_process_id(process, problems);
        if (privileged || execute) && process.is_none() {
            let which = if execute { "Execute" } else { "Privileged Mode" };
            problems.push(
                Problem::new(device.place, format!("{which} Requested goes with a PASID"), "this step")
                    .help("add `process: <number>`"),
            );
        }
    }

    pub(super) fn check_translation_request(&self, ask: &TranslationRequest, problems: &mut Vec<Problem>) {
        self.check_requester(&ask.device, ask.process.as_ref(), [ask.privileged, ask.execute], problems);
        let granted = [
            ask.access.as_ref().map(|own| own.place),
            ask.to.as_ref().map(|own| own.place),
            ask.at_most.as_ref().map(|own| own.place),
            ask.global.as_ref().map(|own| own.place),
            ask.untranslated_only.as_ref().map(|own| own.place),
        ];
        if let (Some(&place), true) = (granted.iter().flatten().next(), ask.expect != CompletionStatus::Success) {
            problems.push(
                Problem::new(place, "only Success says something of a translation", "never the case")
                    .help("add `expect: success`"),
            );
        }
        let refused = matches!(ask.expect, CompletionStatus::UnsupportedRequest | CompletionStatus::CompleterAbort);
        if let (Some(cause), false) = (&ask.cause, refused) {
            problems.push(
                Problem::new(cause.place, "a cause without a refusal", "never the case")
                    .help("add `expect: unsupported-request` or `expect: completer-abort`"),
            );
        }
        if let Some(size) = ask.at_most.as_ref().filter(|size| !size.0.is_power_of_two() || size.0 < 4096) {
            let message = format!("a range of {size}");
            problems.push(Problem::new(size.place, message, "a power of two, 4K or more"));
        }
    }

    pub(super) fn check_page_request(&self, ask: &PageRequest, problems: &mut Vec<Problem>) {
        // Without a PASID a record shows neither privilege nor execution, whatever the message says.
        self.check_requester(&ask.device, ask.process.as_ref(), [false; 2], problems);
        check_group(&ask.group, problems);
        aligned(&ask.address, 4096, problems);
        if !ask.read && !ask.write {
            problems.push(
                Problem::new(ask.device.place, "a page request asks for reads or for writes", "neither")
                    .help("add `read: true` or `write: true`; `stop-marker` is a step of its own"),
            );
        }
        if let (Some(response), false) = (&ask.response, ask.last) {
            problems.push(
                Problem::new(response.place, "only the last request of a group is answered", "never the case")
                    .help("leave `last: false` out"),
            );
        }
        if let Some(pasid) = ask.response_pasid.as_ref().filter(|_| ask.response.is_none() || ask.process.is_none()) {
            problems.push(
                Problem::new(pasid.place, "the PASID of which response?", "not here")
                    .help("it goes with `response`, and with the `process` of the request"),
            );
        }
    }

    pub(super) fn check_page_response(&self, response: &PageResponse, problems: &mut Vec<Problem>) {
        self.check_requester(&response.device, response.process.as_ref(), [false; 2], problems);
        check_group(&response.group, problems);
    }

    pub(super) fn check_page_queue(&self, queue: &PageQueue, problems: &mut Vec<Problem>) {
        for record in &queue.holds {
            let flags = [record.privileged, record.execute];
            self.check_requester(&record.device, record.process.as_ref(), flags, problems);
            check_group(&record.group, problems);
            if let Some(address) = &record.address {
                aligned(address, 4096, problems);
            }
        }
    }

    pub(super) fn check_ats_inval(&self, operands: &AtsInval, problems: &mut Vec<Problem>) {
        self.check_requester(&operands.device, operands.process.as_ref(), [false; 2], problems);
        if operands.global && operands.process.is_none() {
            problems.push(
                Problem::new(operands.device.place, "Global Invalidate goes with a PASID", "this step")
                    .help("add `process: <number>`"),
            );
        }
        let bytes = operands.size.as_ref().map_or(4096, |size| size.0);
        let size_place: Option<Place> = operands.size.as_ref().map(|size| size.place);
        match (&operands.address, size_place) {
            (_, Some(place)) if !bytes.is_power_of_two() || bytes < 4096 => {
                let message = format!("a range of {bytes} bytes");
                problems.push(Problem::new(place, message, "a power of two, 4K or more"));
            }
            (Some(address), _) => aligned(address, bytes, problems),
            (None, Some(place)) => problems
                .push(Problem::new(place, "a size without an address", "from where on?").help("add `address: …`")),
            (None, None) => {}
        }
    }
}

fn check_group(group: &At<u16>, problems: &mut Vec<Problem>) {
    fits(&At::new(Number(group.value.into()), group.place), 9, "page request group", problems);
}
