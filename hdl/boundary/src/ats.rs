// SPDX-License-Identifier: Apache-2.0
//! The `ats_*` group as plain structs: messages of PCIe ATS and of page requests, each on a channel of its own.
//!
//! The names follow `hdl/DEVICE.md`: `inputs.ats.request.addr` is the port `ats_reqaddr_i`, `outputs.ats.completion.s` is
//! `ats_cpls_o`. A device without ATS has none of these ports: its outputs stay as [`Default`] makes them.

/// `ats_req*`: a Translation Request of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TranslationRequest {
    /// There is one
    pub valid: bool,
    /// By which its completion is told: not in use
    pub tag: u8,
    /// device_id, 24 bits
    pub did: u32,
    /// There is a PASID
    pub pv: bool,
    /// PASID: the process_id, 20 bits
    pub pid: u32,
    /// Privileged Mode Requested
    pub privileged: bool,
    /// Execute Requested
    pub exec: bool,
    /// No Write
    pub no_write: bool,
    /// Untranslated address; the lowest 12 bits mean nothing
    pub addr: u64,
}

/// `ats_cpl*`: a Translation Completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TranslationCompletion {
    /// There is one
    pub valid: bool,
    /// That of the request
    pub tag: u8,
    /// 0 Success, 1 Unsupported Request, 2 Completer Abort; the fields below mean something with 0 only
    pub status: u8,
    /// Translated address; bits 63:12 encode the size where `s` is set
    pub addr: u64,
    /// The range is larger than 4 KiB
    pub s: bool,
    /// Read permission
    pub r: bool,
    /// Write permission
    pub w: bool,
    /// Execute permission
    pub x: bool,
    /// Priv
    pub privileged: bool,
    /// Non-snooped accesses
    pub n: bool,
    /// Untranslated access only
    pub u: bool,
    /// Global mapping
    pub global: bool,
    /// AMA, 3 bits
    pub ama: u8,
}

/// `ats_inv*`: an Invalidation Request to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvalidationRequest {
    /// There is one
    pub valid: bool,
    /// To which: segment and routing identifier
    pub did: u32,
    /// There is a PASID
    pub pv: bool,
    /// PASID
    pub pid: u32,
    /// Untranslated address; bits 63:12 encode the size where `s` is set
    pub addr: u64,
    /// The range is larger than 4 KiB
    pub s: bool,
    /// Global Invalidate
    pub global: bool,
    /// ITag, 5 bits
    pub itag: u8,
}

/// `ats_done*`: an Invalidation Completion of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvalidationCompletion {
    /// There is one
    pub valid: bool,
    /// From which
    pub did: u32,
    /// ITag vector: a bit for each request that it completes
    pub itags: u32,
    /// Completions that the device sends for each of these requests; 0 is 8
    pub count: u8,
}

/// `ats_page*`: a Page Request or Stop Marker of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// There is one
    pub valid: bool,
    /// device_id, 24 bits
    pub did: u32,
    /// There is a PASID
    pub pv: bool,
    /// PASID
    pub pid: u32,
    /// Privileged Mode Requested
    pub privileged: bool,
    /// Execute Requested
    pub exec: bool,
    /// Page address; the lowest 12 bits mean nothing
    pub addr: u64,
    /// Read access
    pub r: bool,
    /// Write access
    pub w: bool,
    /// Last request in its group; alone, with neither `r` nor `w`, it marks a stop
    pub last: bool,
    /// Page request group index, 9 bits
    pub prgi: u16,
}

/// `ats_rsp*`: a Page Request Group Response to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupResponse {
    /// There is one
    pub valid: bool,
    /// To which: segment and routing identifier
    pub did: u32,
    /// There is a PASID
    pub pv: bool,
    /// PASID
    pub pid: u32,
    /// Page request group index, 9 bits
    pub prgi: u16,
    /// Response code, 4 bits: 0 Success, 1 Invalid Request, 15 Response Failure
    pub status: u8,
}

/// What the devices drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtsDevices {
    /// `ats_req*`
    pub request: TranslationRequest,
    /// `ats_cplready_i`
    pub completion_ready: bool,
    /// `ats_invready_i`
    pub invalidation_ready: bool,
    /// `ats_done*`
    pub done: InvalidationCompletion,
    /// `ats_page*`
    pub page: PageRequest,
    /// `ats_rspready_i`
    pub response_ready: bool,
}

/// What the IOMMU drives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtsIommu {
    /// `ats_reqready_o`
    pub request_ready: bool,
    /// `ats_cpl*`
    pub completion: TranslationCompletion,
    /// `ats_inv*`
    pub invalidation: InvalidationRequest,
    /// `ats_doneready_o`
    pub done_ready: bool,
    /// `ats_pageready_o`
    pub page_ready: bool,
    /// `ats_rsp*`
    pub response: GroupResponse,
}
