// SPDX-License-Identifier: Apache-2.0
//! Page requests (sections "PCIe ATS Page Request handling" and "Page-Request-Queue").

use super::interrupts::Source;
use super::{Iommu, MemoryWords, Message, MessageKind, Platform};
use crate::bits::bits;
use crate::{Access, Cause, DeviceId, Fault, Iova, Outcome, ProcessId, Request, Response, Ttyp, locate_device_context};

/// PCIe message code of a Page Request.
const PAGE_REQUEST: u64 = 4;

/// A Page Request or Stop Marker message from a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// Routing identifier
    pub rid: u16,
    /// Segment; the device identifier is `segment << 16 | rid`
    pub segment: Option<u8>,
    /// PASID
    pub process: Option<ProcessId>,
    /// Privileged Mode Requested
    pub privileged: bool,
    /// Execute Requested
    pub execute: bool,
    /// Bytes 8 to 15: R, W, L, group index, page address
    pub payload: u64,
}

bits! {
    /// Doubleword 0 of a page-request-queue record; doubleword 1 is the payload.
    PageRequestRecord(u64) {
        /// PASID, valid where [`Self::pv`].
        pid / with_pid: u32 @ 31:12,
        /// There is a PASID.
        pv / with_pv: bool @ 32:32,
        /// Privileged Mode Requested.
        privileged / with_privileged: bool @ 33:33,
        /// Execute Requested.
        exec / with_exec: bool @ 34:34,
        /// Requester.
        did / with_did: u32 @ 63:40,
    }
}

bits! {
    /// Payload of a Page Request.
    PageRequestPayload(u64) {
        /// Read access.
        r / with_r: bool @ 0:0,
        /// Write access.
        w / with_w: bool @ 1:1,
        /// Last request in its group.
        l / with_l: bool @ 2:2,
        /// Page request group index.
        group / with_group: u64 @ 11:3,
    }
}

/// Response code of a Page Request Group Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Success = 0,
    InvalidRequest = 1,
    ResponseFailure = 15,
}

impl PageRequest {
    /// The requester, as fault and page-request records show it.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        DeviceId(u32::from(self.segment.unwrap_or(0)) << 16 | u32::from(self.rid))
    }

    const fn needs_response(&self) -> bool {
        let payload = PageRequestPayload(self.payload);
        // L alone, with neither R nor W, is a Stop Marker.
        payload.l() && (payload.r() || payload.w())
    }
}

impl Iommu {
    /// Takes a Page Request or Stop Marker message from a device.
    pub fn page_request<P: Platform>(&mut self, platform: &mut P, message: &PageRequest) {
        if let Err((status, prpr)) = self.queue_page_request(platform, message)
            && message.needs_response()
        {
            let with_process = prpr || status == Status::ResponseFailure;
            platform.send(Message {
                kind: MessageKind::PageGroupResponse,
                process: message.process.filter(|_| with_process),
                segment: message.segment,
                rid: message.rid,
                payload: PageRequestPayload(message.payload).group() << 32
                    | (status as u64) << 44
                    // A message routed by ID names its destination.
                    | u64::from(message.rid) << 48,
            });
        }
    }

    /// Queues the message. The error is the status of the response, and whether `PRPR` asks for a PASID in it.
    fn queue_page_request<P: Platform>(
        &mut self,
        platform: &mut P,
        message: &PageRequest,
    ) -> Result<(), (Status, bool)> {
        let request = Request {
            device: message.device(),
            process: message.process,
            privileged: message.privileged,
            access: Access::Read,
            kind: crate::Kind::Untranslated,
            iova: Iova(PAGE_REQUEST),
        };
        let context = match locate_device_context(&self.config, &mut MemoryWords(platform), &request) {
            Ok(dc) if dc.tc.en_ats() && dc.tc.en_pri() => Ok(dc),
            Ok(dc) => Err((Cause::TypeDisallowed, dc.tc.prpr(), dc.tc.dtf())),
            Err(Outcome::Fault(fault)) => Err((fault.cause, false, false)),
            // Memory always has an answer.
            Err(_) => return Err((Status::ResponseFailure, false)),
        };
        let dc = context.map_err(|(cause, prpr, dtf)| {
            if !dtf || cause.reported_despite_dtf() {
                let fault = Fault {
                    cause,
                    iotval: PAGE_REQUEST,
                    iotval2: 0,
                    ttyp: Ttyp::Message,
                    device: request.device,
                    process: request.process,
                    privileged: request.is_privileged(),
                    reported: true,
                    response: Response::UnsupportedRequest,
                };
                self.report(platform, fault.record());
            }
            let invalid = cause == Cause::TypeDisallowed;
            (if invalid { Status::InvalidRequest } else { Status::ResponseFailure }, prpr)
        })?;
        let prpr = dc.tc.prpr();
        self.write_page_request(platform, message).map_err(|status| (status, prpr))
    }

    fn write_page_request<P: Platform>(&mut self, platform: &mut P, message: &PageRequest) -> Result<(), Status> {
        if !self.pqcsr.pqon() || self.pqcsr.pqmf() {
            return Err(Status::ResponseFailure);
        }
        if self.pqcsr.pqof() {
            return Err(Status::Success);
        }
        let next = self.pqt.wrapping_add(1) & (self.pqb.entries() - 1) as u32;
        if next == self.pqh {
            self.pqcsr = self.pqcsr.with_pqof(true);
            self.update_interrupts(platform);
            return Err(Status::Success);
        }
        let with_process = message.process.is_some();
        let head = PageRequestRecord(0)
            .with_pid(message.process.map_or(0, |process| process.0))
            .with_pv(with_process)
            .with_privileged(with_process && message.privileged)
            .with_exec(with_process && message.execute)
            .with_did(message.device().0);
        let addr = self.pqb.base() + u64::from(self.pqt) * 16;
        for (word, at) in [head.0, message.payload].into_iter().zip([addr, addr + 8]) {
            if self.store(platform, at, 8, self.image8(word)).is_err() {
                self.pqcsr = self.pqcsr.with_pqmf(true);
                self.update_interrupts(platform);
                return Err(Status::ResponseFailure);
            }
        }
        self.pqt = next;
        if self.pqcsr.pie() {
            self.raise(platform, Source::PageQueue);
        }
        Ok(())
    }
}
