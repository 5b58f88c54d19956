// SPDX-License-Identifier: Apache-2.0
//! Translations by way of registers: software asks the IOMMU where an address of a device leads ("Debug support").

use golden::{DeviceId, ProcessId};

use super::driver::Driver;
use super::error::ApiError;
use super::format::register as reg;
use super::machine::Machine;
use super::queue::wait_for;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebugRequest {
    /// In the name of this device
    pub device: DeviceId,
    /// And of this process
    pub process: Option<ProcessId>,
    /// Supervisor privilege; it counts only with a process
    pub privileged: bool,
    /// To execute; write permission is not asked for then
    pub execute: bool,
    /// Write permission is not asked for
    pub no_write: bool,
    /// Where
    pub address: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugAnswer {
    /// A fault; the record of it is in the fault queue
    Fault,
    /// A translation
    Translated {
        /// Physical address
        to: u64,
        /// log2 of the bytes of the naturally aligned range for which it holds
        size_log2: u32,
        /// Memory type: 0 PMA, 1 NC, 2 IO
        pbmt: u8,
    },
}

impl DebugRequest {
    /// `tr_req_ctl`, with Go.
    const fn control(&self) -> u64 {
        let process = match self.process {
            Some(process) => reg::TR_REQ_CTL_PV | (process.0 as u64) << 12,
            None => 0,
        };
        let no_write = self.no_write || self.execute;
        (self.device.0 as u64) << 40
            | process
            | (self.privileged as u64) << 1
            | (self.execute as u64) << 2
            | (no_write as u64) << 3
            | reg::TR_REQ_CTL_GO
    }
}

impl DebugAnswer {
    /// `tr_response` for this address; none if its page number encodes no size.
    const fn decode(response: u64, address: u64) -> Option<DebugAnswer> {
        if response & 1 != 0 {
            return Some(DebugAnswer::Fault);
        }
        let page = response >> 10 & ((1 << 44) - 1);
        let ones = if response >> 9 & 1 != 0 { page.trailing_ones() + 1 } else { 0 };
        if ones > 44 {
            return None;
        }
        let size_log2 = 12 + ones;
        let within = (1 << size_log2) - 1;
        Some(DebugAnswer::Translated {
            to: page << 12 & !within | address & within,
            size_log2,
            pbmt: (response >> 7 & 3) as u8,
        })
    }
}

impl Driver {
    /// Asks the IOMMU for a translation and waits for it. Who takes records out of the fault queue meanwhile is the
    /// caller's matter.
    ///
    /// # Errors
    /// EOPNOTSUPP if there is no such interface; EINVAL for an ID that the register has no room for, ETIMEDOUT if the
    /// translation does not end; EIO if the answer is none.
    pub fn debug_translate(
        &mut self,
        machine: &mut dyn Machine,
        request: &DebugRequest,
    ) -> Result<DebugAnswer, ApiError> {
        if !self.caps.debug() {
            return Err(ApiError::Unsupported("translation by way of registers"));
        }
        if request.device.0 >> 24 != 0 || request.process.is_some_and(|process| process.0 >> 20 != 0) {
            return Err(ApiError::Invalid("device ID or process ID"));
        }
        // The address first: with Go the request is complete.
        machine.write_register(reg::TR_REQ_IOVA, 8, request.address & !0xfff)?;
        machine.write_register(reg::TR_REQ_CTL, 8, request.control())?;
        wait_for(machine, &self.options, "tr_req_ctl.Go/Busy", |machine| {
            Ok(machine.read_register(reg::TR_REQ_CTL, 8)? & reg::TR_REQ_CTL_GO == 0)
        })?;
        let response = machine.read_register(reg::TR_RESPONSE, 8)?;
        DebugAnswer::decode(response, request.address).ok_or(ApiError::BadResponse(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_the_specification_has_them() {
        let plain = DebugRequest {
            device: DeviceId(0x12_3456),
            process: None,
            privileged: false,
            execute: false,
            no_write: false,
            address: 0,
        };
        assert_eq!(plain.control(), 0x1234_5600_0000_0001);
        let reads = DebugRequest { process: Some(ProcessId(0xabcde)), privileged: true, no_write: true, ..plain };
        assert_eq!(reads.control(), 0x1234_5601_abcd_e00b);
        let execute = DebugRequest { execute: true, ..plain };
        assert_eq!(execute.control() & 0xfff, 0b1101, "NW goes with Exe");
    }

    #[test]
    fn sizes_are_as_in_the_table_of_examples() {
        let answer = |ppn: u64, s: u64| DebugAnswer::decode(ppn << 10 | s << 9 | 1 << 7, 0x7654_3210);
        let to = |to, size_log2| Some(DebugAnswer::Translated { to, size_log2, pbmt: 1 });
        assert_eq!(answer(0xabcd7, 0), to(0xabcd_7210, 12));
        assert_eq!(answer(0xabcd7, 1), to(0xabcd_3210, 16));
        assert_eq!(answer(0xab0ff, 1), to(0xab14_3210, 21));
        assert_eq!(answer(0xab1ff, 1), to(0xab14_3210, 22));
        assert_eq!(answer((1 << 44) - 1, 1), None);
        assert_eq!(DebugAnswer::decode(u64::MAX, 0), Some(DebugAnswer::Fault));
    }
}
