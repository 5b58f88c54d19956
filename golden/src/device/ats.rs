// SPDX-License-Identifier: Apache-2.0
//! Outstanding ATS invalidation requests (section "IOMMU PCIe ATS commands").

use super::{Iommu, Platform};
use crate::AtsMessage;

/// An Invalidation Completion message from a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidationCompletion {
    /// Routing identifier of the device
    pub rid: u16,
    /// Segment of the device
    pub segment: Option<u8>,
    /// ITAGs that are completed, one bit each
    pub itags: u32,
    /// Completions that the device sends for the request; 0 means 8
    pub count: u8,
}

/// What a fence has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Nothing,
    Outstanding,
    TimedOut,
}

#[derive(Clone, Copy, Debug, Default)]
struct Outstanding {
    rid: u16,
    segment: Option<u8>,
    received: u8,
}

/// ITAGs of invalidation requests.
#[derive(Clone, Debug)]
pub(super) struct Itags {
    slots: [Option<Outstanding>; 32],
    limit: u8,
    timed_out: bool,
}

impl Itags {
    pub(super) fn new(limit: u8) -> Self {
        Self { slots: [None; 32], limit: limit.clamp(1, 32), timed_out: false }
    }

    /// The lowest free ITAG, for a new request.
    pub(super) fn allocate(&mut self, operands: &AtsMessage) -> Option<u8> {
        let slots = &mut self.slots[..usize::from(self.limit)];
        let itag = slots.iter().position(Option::is_none)?;
        slots[itag] = Some(Outstanding { rid: operands.rid, segment: operands.segment, received: 0 });
        Some(itag as u8)
    }

    /// What a fence has to wait for. A time-out is told once.
    pub(super) fn wait(&mut self) -> Wait {
        if self.slots.iter().any(Option::is_some) {
            Wait::Outstanding
        } else if core::mem::take(&mut self.timed_out) {
            Wait::TimedOut
        } else {
            Wait::Nothing
        }
    }

    fn complete(&mut self, completion: &InvalidationCompletion) {
        let count = if completion.count == 0 { 8 } else { completion.count };
        for (itag, slot) in self.slots.iter_mut().enumerate() {
            if completion.itags >> itag & 1 == 0 {
                continue;
            }
            // A completion that nobody waits for, or from another device, is dropped.
            if let Some(outstanding) = slot
                && outstanding.rid == completion.rid
                && outstanding.segment == completion.segment
            {
                outstanding.received += 1;
                if outstanding.received >= count {
                    *slot = None;
                }
            }
        }
    }

    fn time_out(&mut self, itags: u32) {
        for (itag, slot) in self.slots.iter_mut().enumerate() {
            if itags >> itag & 1 == 1 && slot.take().is_some() {
                self.timed_out = true;
            }
        }
    }
}

impl Iommu {
    /// Takes an Invalidation Completion message from a device.
    pub fn invalidation_completion<P: Platform>(&mut self, platform: &mut P, completion: &InvalidationCompletion) {
        self.itags.complete(completion);
        self.run_commands(platform);
    }

    /// The time for these ITAGs (one bit each) has run out. The next fence reports it by `cqcsr.cmd_to`.
    pub fn invalidation_timeout<P: Platform>(&mut self, platform: &mut P, itags: u32) {
        self.itags.time_out(itags);
        self.run_commands(platform);
    }
}
