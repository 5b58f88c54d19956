// SPDX-License-Identifier: Apache-2.0
//! Messages of PCIe ATS and of page requests.

use golden::{DeviceId, Iova, ProcessId, Spa};

/// A Translation Request of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TranslationRequest {
    /// By which its completion is told
    pub tag: u8,
    /// device_id, 24 bits
    pub device: DeviceId,
    /// PASID: the process_id, 20 bits
    pub process: Option<ProcessId>,
    /// Privileged Mode Requested
    pub privileged: bool,
    /// Execute Requested
    pub exec: bool,
    /// No Write
    pub no_write: bool,
    /// Untranslated address; the lowest 12 bits mean nothing
    pub addr: Iova,
}

/// A Translation Completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TranslationCompletion {
    /// That of the request
    pub tag: u8,
    /// 0 Success, 1 Unsupported Request, 2 Completer Abort; the fields below mean something with 0 only
    pub status: u8,
    /// Translated address; bits 63:12 encode the size where `s` is set
    pub addr: Spa,
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

/// An Invalidation Request to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvalidationRequest {
    /// To which: segment and routing identifier
    pub device: DeviceId,
    /// PASID
    pub process: Option<ProcessId>,
    /// Untranslated address; bits 63:12 encode the size where `s` is set
    pub addr: Iova,
    /// The range is larger than 4 KiB
    pub s: bool,
    /// Global Invalidate
    pub global: bool,
    /// ITag, 5 bits
    pub itag: u8,
}

/// An Invalidation Completion of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvalidationCompletion {
    /// From which
    pub device: DeviceId,
    /// ITag vector: a bit for each request that it completes
    pub itags: u32,
    /// Completions that the device sends for each of these requests; 0 is 8
    pub count: u8,
}

/// A Page Request or Stop Marker of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// device_id, 24 bits
    pub device: DeviceId,
    /// PASID
    pub process: Option<ProcessId>,
    /// Privileged Mode Requested
    pub privileged: bool,
    /// Execute Requested
    pub exec: bool,
    /// Page address; the lowest 12 bits mean nothing
    pub addr: Iova,
    /// Read access
    pub r: bool,
    /// Write access
    pub w: bool,
    /// Last request in its group; alone, with neither `r` nor `w`, it marks a stop
    pub last: bool,
    /// Page request group index, 9 bits
    pub prgi: u16,
}

/// A Page Request Group Response to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupResponse {
    /// To which: segment and routing identifier
    pub device: DeviceId,
    /// PASID
    pub process: Option<ProcessId>,
    /// Page request group index, 9 bits
    pub prgi: u16,
    /// Response code, 4 bits: 0 Success, 1 Invalid Request, 15 Response Failure
    pub status: u8,
}

/// log2 of the bytes of a range as PCIe encodes it: with S the lowest 0 bit from bit 12 on ends the size.
#[must_use]
pub fn range_log2(addr: u64, s: bool) -> u32 {
    if s { 13 + (addr >> 12).trailing_ones() } else { 12 }
}
