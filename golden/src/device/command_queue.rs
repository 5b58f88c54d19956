// SPDX-License-Identifier: Apache-2.0
//! The command queue (section "Command-Queue").

use super::ats::Wait;
use super::{Iommu, Message, MessageKind, Platform};
use crate::{AtsMessage, Command, Iofence};

/// What came of a command.
enum Done {
    /// It is complete; the queue goes on
    Next,
    /// It waits for a device; `cqh` stays
    Waits,
    /// It stopped the queue with an error bit; `cqh` stays
    Stopped,
}

impl Iommu {
    /// Runs the queue until it is empty, stops or waits.
    pub(super) fn run_commands<P: Platform>(&mut self, platform: &mut P) {
        while self.cqcsr.cqon() && !self.cqcsr.cqmf() && !self.cqcsr.cmd_ill() && !self.cqcsr.cmd_to() {
            let index_mask = (self.cqb.entries() - 1) as u32;
            if self.cqh == self.cqt & index_mask {
                break;
            }
            match self.run_command(platform) {
                Done::Next => self.cqh = self.cqh.wrapping_add(1) & index_mask,
                Done::Waits | Done::Stopped => break,
            }
        }
        self.update_interrupts(platform);
    }

    fn run_command<P: Platform>(&mut self, platform: &mut P) -> Done {
        let addr = self.cqb.base() + u64::from(self.cqh) * 16;
        let (Ok(w0), Ok(w1)) = (self.load(platform, addr, 8), self.load(platform, addr + 8, 8)) else {
            self.cqcsr = self.cqcsr.with_cqmf(true);
            return Done::Stopped;
        };
        let command = Command::decode(self.image8(w0), self.image8(w1))
            .and_then(|command| command.check(&self.config).map(|()| command));
        match command {
            // Nothing is cached, so nothing is dropped.
            Ok(Command::InvalVma(_) | Command::InvalGvma(_) | Command::InvalDdt { .. } | Command::InvalPdt { .. }) => {
                Done::Next
            }
            Ok(Command::Fence(operands)) => self.fence(platform, operands),
            Ok(Command::AtsInval(operands)) => self.ats_inval(platform, &operands),
            Ok(Command::AtsPrgr(operands)) => {
                platform.send(message(MessageKind::PageGroupResponse, &operands));
                Done::Next
            }
            Err(_) => {
                self.cqcsr = self.cqcsr.with_cmd_ill(true);
                Done::Stopped
            }
        }
    }

    /// `IOFENCE.C` (section "IOMMU Command-queue Fence commands").
    fn fence<P: Platform>(&mut self, platform: &mut P, operands: Iofence) -> Done {
        match self.itags.wait() {
            Wait::Outstanding => return Done::Waits,
            Wait::TimedOut => {
                self.cqcsr = self.cqcsr.with_cmd_to(true);
                return Done::Stopped;
            }
            Wait::Nothing => {}
        }
        if operands.pr || operands.pw {
            platform.order(operands.pr, operands.pw);
        }
        if let Some((addr, data)) = operands.store
            && self.store(platform, addr.0, 4, self.image4(data)).is_err()
        {
            self.cqcsr = self.cqcsr.with_cqmf(true);
            return Done::Stopped;
        }
        if operands.wsi {
            self.cqcsr = self.cqcsr.with_fence_w_ip(true);
        }
        Done::Next
    }

    /// `ATS.INVAL`: sends the request and goes on; waits only for a free ITAG.
    fn ats_inval<P: Platform>(&mut self, platform: &mut P, operands: &AtsMessage) -> Done {
        match self.itags.allocate(operands) {
            Some(itag) => {
                platform.send(message(MessageKind::InvalidationRequest { itag }, operands));
                Done::Next
            }
            None => Done::Waits,
        }
    }
}

const fn message(kind: MessageKind, operands: &AtsMessage) -> Message {
    Message { kind, process: operands.process, segment: operands.segment, rid: operands.rid, payload: operands.payload }
}
