// SPDX-License-Identifier: Apache-2.0
//! Memory that breaks: which bytes a step means.

use golden::Spa;
use scenario::BreakMemory;

use super::config::faults;
use super::{Fault, Player};

/// Bytes of an entry of a page table, of a process context, and of an entry of an MSI page table.
const ENTRY: u64 = 8;
const PROCESS_CONTEXT: u64 = 16;
const MSI_ENTRY: u64 = 16;

impl Player<'_> {
    pub(super) fn break_memory(&mut self, broken: &BreakMemory) -> Result<(), Fault> {
        let (start, bytes) = self.meant(broken)?;
        self.bench.break_memory(faults(start, bytes, broken.answer, broken.on, broken.port));
        Ok(())
    }

    /// First address and length. That the operands fit together was checked before the run.
    fn meant(&mut self, broken: &BreakMemory) -> Result<(Spa, u64), Fault> {
        if let Some(name) = &broken.context_of {
            let device = self.device(name)?;
            return match &broken.process {
                Some(process) => Ok((self.driver.process_context_at(device, process.0 as u32)?, PROCESS_CONTEXT)),
                None => Ok((self.driver.context_at(self.device_id(name))?, self.driver.context_bytes())),
            };
        }
        if let (Some(name), Some(iova), Some(level)) = (&broken.entry_of, &broken.iova, &broken.level) {
            return Ok((self.slot(self.made(name)?, iova.0, level)?.at, ENTRY));
        }
        if let (Some(name), Some(file)) = (&broken.msi_entry_of, &broken.file) {
            return Ok((self.driver.msi_entry_at(self.made(name)?.domain, file.value)?, MSI_ENTRY));
        }
        let start = broken.address.as_ref().map_or(0, |address| address.0);
        Ok((Spa(start), broken.size.as_ref().map_or(0, |size| size.0)))
    }
}
