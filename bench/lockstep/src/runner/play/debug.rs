// SPDX-License-Identifier: Apache-2.0
//! Translations that software asks for itself.

use driver::{DebugAnswer, DebugRequest};
use scenario::{Answered, DebugTranslate, Place, Size};

use super::steps::demand;
use super::{Fault, Player, process_of};

impl Player<'_> {
    /// Asks for a translation, and looks at the answer.
    pub(super) fn debug_translate(&mut self, place: Place, debug: &DebugTranslate) -> Result<(), Fault> {
        let device = self.asker(debug.device.as_ref(), debug.device_id.as_ref());
        let request = DebugRequest {
            device,
            process: process_of(&debug.process),
            privileged: debug.privileged,
            execute: debug.execute,
            no_write: debug.no_write,
            address: debug.address.0,
        };
        let answer = match self.driver.debug_translate(self.bench, &request) {
            Ok(answer) => answer,
            Err(error) => return demand(place, Err(error.into()), debug.fails.as_ref()),
        };
        demand(place, Ok(()), debug.fails.as_ref())?;
        match (debug.expect, answer) {
            (Answered::Any, _) => Ok(()),
            (Answered::Ok, DebugAnswer::Fault) => {
                let what = format!("tr_response shows a fault{}", self.recorded_cause(device)?);
                Err(Fault::At(place, format!("{what}, and should show a translation")))
            }
            (Answered::Fault, DebugAnswer::Translated { to, .. }) => {
                Err(Fault::At(place, format!("tr_response leads to {to:#x}, and should show a fault")))
            }
            (Answered::Fault, DebugAnswer::Fault) => match &debug.cause {
                Some(causes) => self.demand_cause(place, device, causes),
                None => Ok(()),
            },
            (Answered::Ok, DebugAnswer::Translated { to, size_log2, .. }) => {
                if let Some(wanted) = debug.to.as_ref().filter(|wanted| wanted.0 != to) {
                    return Err(Fault::At(place, format!("tr_response leads to {to:#x}, and should to {wanted}")));
                }
                if let Some(most) = debug.size.as_ref().filter(|most| most.0 >> size_log2 == 0) {
                    let shown = Size(1 << size_log2);
                    return Err(Fault::At(place, format!("tr_response shows a range of {shown}, more than {most}")));
                }
                Ok(())
            }
        }
    }
}
