// SPDX-License-Identifier: Apache-2.0
//! What the device writes to memory on its own account: records, stores of fences, messages, notices.

use events::{Burst, Cycle, QosIds};
use golden::{Cause, DeviceId, Fault, Response, Spa, Ttyp};

use super::Oracle;
use super::coverage;
use super::dma::lanes;
use super::faults::{Origin, Owed};
use super::rule::{Rule, Violation};
use super::updates::Exchange;
use super::window::Window;

/// What a write of the device on `ptw_*` was for: it decides what an error response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    /// Into this entry of the fault queue
    FaultRecord(u32),
    Fence,
    /// An interrupt, to this address
    Message(Spa),
    /// The notice of an MSI
    Notice,
    /// The pending bit of an MSI, without an atomic: what was changed
    Pending(Exchange),
    /// Into this entry of the page-request queue
    PageRequest(u32),
    /// For nothing, and the run went past it
    Nothing,
}

/// A queue that the device writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// The fault queue
    Faults,
    /// The page-request queue
    Pages,
}

/// Writes that memory has not answered, with their IDs, oldest first.
#[derive(Debug, Default)]
pub struct DeviceWrites(Vec<(u8, Write)>);

/// An entry of a queue that has been switched off meanwhile.
const NOWHERE: u32 = u32::MAX;

impl DeviceWrites {
    fn sent(&mut self, id: u8, write: Write) {
        self.0.push((id, write));
    }

    /// A write that was for nothing: memory answers it all the same.
    pub fn adopt(&mut self, id: u8) {
        self.sent(id, Write::Nothing);
    }

    fn answered(&mut self, id: u8) -> Option<Write> {
        let at = self.0.iter().position(|(of, _)| *of == id)?;
        Some(self.0.remove(at).1)
    }

    /// The oldest entry of a queue whose write memory has not answered.
    pub fn unanswered(&self, queue: Queue) -> Option<u32> {
        self.0.iter().find_map(|(_, write)| match (write, queue) {
            (Write::FaultRecord(index), Queue::Faults) | (Write::PageRequest(index), Queue::Pages) => {
                Some(*index).filter(|index| *index != NOWHERE)
            }
            _ => None,
        })
    }

    /// A queue begins anew: writes of before that are under way are no entries of it.
    pub fn forget_entries(&mut self, queue: Queue) {
        for (_, write) in &mut self.0 {
            match (write, queue) {
                (Write::FaultRecord(index), Queue::Faults) | (Write::PageRequest(index), Queue::Pages) => {
                    *index = NOWHERE;
                }
                _ => {}
            }
        }
    }
}

impl Oracle {
    /// The device wrote to memory on its own account: a fault record, a page request, or the store of a fence.
    pub(super) fn device_write(
        &mut self,
        id: u8,
        addr: Spa,
        burst: Burst,
        beats: &[(u64, u8)],
        ids: QosIds,
        now: Cycle,
    ) -> Result<(), Violation> {
        if let Some((index, words)) = self.faults.ring().written(addr, burst, beats) {
            self.writes.sent(id, Write::FaultRecord(index));
            let paid = self.faults.paid();
            if self.faults.written(index, words, now)?.is_some() {
                self.interrupts.faults.record(now);
                self.records_came(paid);
            }
            self.faults.update(false, now);
            self.name_refusals()?;
            return self.write_with_ids("fault-queue", ids, now);
        }
        if let Some((index, words)) = self.page_queue.ring().written(addr, burst, beats) {
            self.writes.sent(id, Write::PageRequest(index));
            let written = self.page_queue.written(index, words);
            self.cover_ats(coverage::PAGE, coverage::RECORD);
            let whole = match &written {
                Ok(whole) => *whole,
                Err(_) => {
                    let again = self.page_queue.ring().written(addr, burst, beats);
                    again.and_then(|(index, words)| self.page_queue.adopt(index, words))
                }
            };
            let queued = match whole {
                Some(words) => {
                    self.interrupts.pages.queue.record(now);
                    self.page_request_queued(words, now)
                }
                None => Ok(()),
            };
            self.page_queue.update(None, now);
            return written.and(queued).and_then(|()| self.write_with_ids("page-queue", ids, now));
        }
        let unowed = |oracle: &Oracle| {
            if let &[(value, strobes)] = beats
                && let Some(wrong) = oracle.wrong_store_of_fence(addr, value, strobes)
            {
                return wrong;
            }
            let right = match oracle.commands.unstored().map(|fence| fence.operands.store) {
                Some(Some((addr, data))) => {
                    format!("the store of a fence, {data:#x} at {addr:#x}, or a record that is owed")
                }
                _ => "no write, or a record that is owed".to_owned(),
            };
            let wrong = match beats {
                [(value, strobes)] => format!("a write, {value:#018x} with strobes {strobes:#010b} at {addr:#x}"),
                beats => format!("a write of {} beats at {addr:#x}", beats.len()),
            };
            Violation::new(Rule::UnowedWrite, "ptw", right, wrong)
        };
        let &[(value, strobes)] = beats else { return Err(unowed(self)) };
        if let Some(exchange) = self.plain_store_of_msi(addr, value, strobes, now) {
            self.writes.sent(id, Write::Pending(exchange));
            return Ok(());
        }
        let lane = strobes.trailing_zeros().min(7);
        let target = Spa((addr.0 & !7) + u64::from(lane));
        if !matches!(strobes, 0x0F | 0xF0) {
            return Err(unowed(self));
        }
        let data = ((value & lanes(strobes)) >> (8 * lane)) as u32;
        while self.commands.fence_for_store(target, data).is_none()
            && self.commands.goes_on_by(target, data)
            && self.commands_go_on()
        {}
        let Some(fence) = self.commands.fence_for_store(target, data) else {
            let is_notice = |oracle: &mut Oracle| oracle.is_notice(id, target, data, now);
            if is_notice(self) {
                self.writes.sent(id, Write::Notice);
                return Ok(());
            }
            let pending = self.interrupts.pending(&self.open(now), now);
            if self.messages.written(target, data, &pending, &self.routing(), now)? {
                self.writes.sent(id, Write::Message(target));
                return self.write_with_ids("message", ids, now);
            }
            return match self.by_any_choice(|oracle| is_notice(oracle).then_some(())) {
                Some(()) => {
                    self.writes.sent(id, Write::Notice);
                    Ok(())
                }
                None => Err(unowed(self)),
            };
        };
        fence.stored = true;
        let sequence = fence.sequence;
        self.writes.sent(id, Write::Fence);
        if let Some(earlier) = self.commands.unstored_before(sequence) {
            let right = format!("first the store of the fence that was fetched in cycle {}", earlier.fetched);
            return Err(Violation::new(Rule::FenceOrder, "store", right, "the store of a later fence"));
        }
        self.fence_order(sequence, now)
    }

    /// A write is where a fence stores, and not what it stores.
    fn wrong_store_of_fence(&self, addr: Spa, value: u64, strobes: u8) -> Option<Violation> {
        let (at, data) = self.commands.unstored_at(addr, strobes)?.operands.store?;
        let own = 0x0F << (at.0 & 4);
        let detail = if strobes == own { "data" } else { "strobes" };
        let right = format!("the store of a fence: {data:#x} at {at:#x}, strobes {own:#010b}");
        let wrong = format!("{:#x} at {:#x}, strobes {strobes:#010b}", value & lanes(strobes), addr.0 & !7);
        Some(Violation::new(Rule::FenceWrite, detail, right, wrong))
    }

    /// A wrong store counts as that of the fence, and the run goes on.
    pub(super) fn adopt_store_of_fence(&mut self, id: u8, addr: Spa, beats: &[(u64, u8)]) {
        let strobes = beats.first().map_or(0, |(_, strobes)| *strobes);
        if let Some(sequence) = self.commands.unstored_at(addr, strobes).map(|fence| fence.sequence) {
            self.commands.stored(sequence);
            self.writes.sent(id, Write::Fence);
        }
    }

    /// "If an access fault is detected on a MSI write using msi_addr_x, then the IOMMU reports a 'IOMMU MSI write access
    /// fault' (cause 273) fault, with TTYP set to 0 and iotval set to the value of msi_addr_x."
    pub(super) fn message_failed(&mut self, addr: Spa, now: Cycle) {
        let fault = Fault {
            cause: Cause::MsiWriteAccessFault,
            iotval: addr.0,
            iotval2: 0,
            ttyp: Ttyp::None,
            device: DeviceId(0),
            process: None,
            privileged: false,
            reported: true,
            response: Response::UnsupportedRequest,
        };
        let (origin, window) = (Origin::Message, Window::new(now, now));
        let possible = vec![fault];
        self.faults.refused(Owed { origin, request: None, window, possible, may_be_lost: false, optional: false });
    }

    /// Memory answered a write of the device.
    pub(super) fn device_write_response(&mut self, id: u8, resp: u8, now: Cycle) {
        let Some(write) = self.writes.answered(id) else { return };
        if write == Write::Notice {
            self.notice_answered(id, resp, now);
        }
        if let Write::Pending(exchange) = write {
            // What memory held it overwrites.
            self.file_answered(&exchange, exchange.old, resp, now);
        }
        if matches!(write, Write::PageRequest(_)) {
            self.page_requests.confirmed(resp > 1);
        }
        if resp > 1 {
            match write {
                Write::FaultRecord(_) => {
                    self.faults.write_failed(now);
                    self.interrupts.faults.record_error(now);
                }
                Write::Notice | Write::Pending(_) | Write::Nothing => {}
                Write::Message(addr) => self.message_failed(addr, now),
                Write::Fence => {
                    self.cover_stop(coverage::FENCE_STORE);
                    if let Some(sequence) = self.commands.fence_failed() {
                        self.device_commands.rewound(sequence);
                    }
                    self.commands_aborted();
                    self.interrupts.command_error(now);
                    self.interrupts.memory_fault(now);
                }
                Write::PageRequest(_) => {
                    self.page_queue.write_failed(now);
                    self.interrupts.pages.queue.record_error(now);
                }
            }
        }
    }
}
