// SPDX-License-Identifier: Apache-2.0
//! Messages on the wires of `ats_*`, and what the events say of them.

use boundary::{
    GroupResponse, InvalidationCompletion, InvalidationRequest, PageRequest, TranslationCompletion, TranslationRequest,
};
use golden::{DeviceId, Iova, ProcessId, Spa};

fn process(valid: bool, pid: u32) -> Option<ProcessId> {
    valid.then_some(ProcessId(pid))
}

fn pid(process: Option<ProcessId>) -> u32 {
    process.map_or(0, |process| process.0)
}

/// On the wires, without `valid`.
pub(super) fn translation_request(request: &events::TranslationRequest) -> TranslationRequest {
    let &events::TranslationRequest { tag, device, process, privileged, exec, no_write, addr } = request;
    TranslationRequest {
        valid: false,
        tag,
        did: device.0,
        pv: process.is_some(),
        pid: pid(process),
        privileged,
        exec,
        no_write,
        addr: addr.0,
    }
}

/// On the wires, without `valid`.
pub(super) fn page_request(request: &events::PageRequest) -> PageRequest {
    let &events::PageRequest { device, process, privileged, exec, addr, r, w, last, prgi } = request;
    PageRequest {
        valid: false,
        did: device.0,
        pv: process.is_some(),
        pid: pid(process),
        privileged,
        exec,
        addr: addr.0,
        r,
        w,
        last,
        prgi,
    }
}

pub(super) fn asked(wires: &TranslationRequest) -> events::TranslationRequest {
    let &TranslationRequest { tag, did, pv, pid, privileged, exec, no_write, addr, .. } = wires;
    let (device, process, addr) = (DeviceId(did), process(pv, pid), Iova(addr));
    events::TranslationRequest { tag, device, process, privileged, exec, no_write, addr }
}

pub(super) fn completed(wires: &TranslationCompletion) -> events::TranslationCompletion {
    let &TranslationCompletion { tag, status, addr, s, r, w, x, privileged, n, u, global, ama, .. } = wires;
    events::TranslationCompletion { tag, status, addr: Spa(addr), s, r, w, x, privileged, n, u, global, ama }
}

pub(super) fn invalidation(wires: &InvalidationRequest) -> events::InvalidationRequest {
    let &InvalidationRequest { did, pv, pid, addr, s, global, itag, .. } = wires;
    let (device, process, addr) = (DeviceId(did), process(pv, pid), Iova(addr));
    events::InvalidationRequest { device, process, addr, s, global, itag }
}

pub(super) fn done(wires: &InvalidationCompletion) -> events::InvalidationCompletion {
    let &InvalidationCompletion { did, itags, count, .. } = wires;
    events::InvalidationCompletion { device: DeviceId(did), itags, count }
}

pub(super) fn page_asked(wires: &PageRequest) -> events::PageRequest {
    let &PageRequest { did, pv, pid, privileged, exec, addr, r, w, last, prgi, .. } = wires;
    let (device, process, addr) = (DeviceId(did), process(pv, pid), Iova(addr));
    events::PageRequest { device, process, privileged, exec, addr, r, w, last, prgi }
}

pub(super) fn responded(wires: &GroupResponse) -> events::GroupResponse {
    let &GroupResponse { did, pv, pid, prgi, status, .. } = wires;
    events::GroupResponse { device: DeviceId(did), process: process(pv, pid), prgi, status }
}
