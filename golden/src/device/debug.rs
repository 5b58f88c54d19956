// SPDX-License-Identifier: Apache-2.0
//! Translation requests by software (chapter "Debug support").

use super::{Iommu, MemoryWords, Platform};
use crate::{
    Access, Cause, DeviceId, Fault, Iova, Kind, Outcome, ProcessId, Request, Response, Target, TrResponse,
    locate_device_context,
};

/// Largest range that the response shows, as log2: it leaves some page-number bits to read.
const MAX_SIZE_LOG2: u8 = 48;

impl Iommu {
    /// Carries out the request in `tr_req_iova` and `tr_req_ctl`.
    pub(super) fn run_debug_request<P: Platform>(&mut self, platform: &mut P) {
        let control = self.tr_req_ctl;
        let access = match (control.exe(), control.nw()) {
            (true, _) => Access::Execute,
            (false, true) => Access::Read,
            // Read and write are asked for; a page that may be written may be read.
            (false, false) => Access::Write,
        };
        let request = Request {
            device: DeviceId(control.did()),
            process: control.pv().then_some(ProcessId(control.pid())),
            privileged: control.privileged(),
            access,
            kind: Kind::Untranslated,
            iova: Iova(self.tr_req_iova),
        };
        let mut outcome = self.walk(platform, &request);
        if let Outcome::Translated(translation) = outcome
            && matches!(translation.target, Target::Mrif(_))
        {
            // DTF keeps this fault from the queue like any other of its cause.
            let dc = locate_device_context(&self.config, &mut MemoryWords(platform), &request);
            outcome = Outcome::Fault(Fault {
                cause: Cause::TypeDisallowed,
                iotval: request.iova.0,
                iotval2: 0,
                ttyp: request.ttyp(),
                device: request.device,
                process: request.process,
                privileged: request.is_privileged(),
                reported: !dc.is_ok_and(|dc| dc.tc.dtf()),
                response: Response::UnsupportedRequest,
            });
        }
        self.tr_response = match outcome {
            Outcome::Translated(translation) => {
                let size_log2 = translation.size_log2.min(MAX_SIZE_LOG2);
                let ppn = translation.spa.0 >> 12;
                let (s, ppn) = if size_log2 > 12 {
                    // Bit X is the lowest 0 bit for a range of 2^(X+1) pages.
                    let low = (1 << (size_log2 - 12)) - 1;
                    (true, ppn & !low | low >> 1)
                } else {
                    (false, ppn)
                };
                TrResponse(0).with_pbmt(translation.pbmt as u8).with_s(s).with_ppn(ppn)
            }
            Outcome::Fault(fault) => {
                if fault.reported {
                    self.report(platform, fault.record());
                }
                TrResponse(0).with_fault(true)
            }
            Outcome::Unavailable => TrResponse(0).with_fault(true),
        };
        self.tr_req_ctl = control.with_go(false);
    }
}
