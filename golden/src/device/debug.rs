// SPDX-License-Identifier: Apache-2.0
//! Translation requests by software (chapter "Debug support").

use super::{Iommu, Platform};
use crate::{Outcome, TrResponse};

impl Iommu {
    /// Carries out the request in `tr_req_iova` and `tr_req_ctl`.
    pub(super) fn run_debug_request<P: Platform>(&mut self, platform: &mut P) {
        let request = self.tr_req_ctl.request(self.tr_req_iova);
        self.tr_response = match self.walk(platform, &request) {
            Outcome::Translated(translation) => TrResponse::of(&translation, u8::MAX),
            Outcome::Fault(fault) => {
                if fault.reported {
                    self.report(platform, fault.record());
                }
                TrResponse(0).with_fault(true)
            }
            Outcome::Unavailable => TrResponse(0).with_fault(true),
        };
        self.tr_req_ctl = self.tr_req_ctl.with_go(false);
    }
}
