// SPDX-License-Identifier: Apache-2.0
//! Locating the device context and the process context.

use crate::table::Need;
use crate::walk::{Miss, Stop, Walk};
use crate::{
    Cause, Decision, DeviceContext, DirectoryEntry, Fsc, Iohgatp, Msiptp, Pointer, ProcessContext, ProcessId, Purpose,
    Role, Spa, Ta, Tc, Trace, Words,
};

#[cold]
fn ddt_miss(miss: Miss) -> Stop {
    miss.stop(Cause::DdtAccessFault, Cause::DdtCorrupt)
}

#[cold]
fn pdt_miss(miss: Miss) -> Stop {
    miss.stop(Cause::PdtAccessFault, Cause::PdtCorrupt)
}

/// Bits of `process_id` that a `pdtp.MODE` looks up, none when it is Bare.
#[inline]
pub(crate) const fn pdtp_bits(mode: u8) -> Option<u32> {
    match mode {
        1 => Some(8),
        2 => Some(17),
        3 => Some(20),
        _ => None,
    }
}

impl<W: Words, T: Trace> Walk<'_, W, T> {
    /// Locates the device context (section "Process to locate the Device-context"), after the width check of the
    /// translation process (step 5). `levels` is that of `ddtp.iommu_mode`.
    #[inline(always)]
    pub(crate) fn locate_device_context(&mut self, levels: u8) -> Result<DeviceContext, Stop> {
        let extended = self.config.caps.msi_flat();
        if self.request.device.0 >> self.config.ddtp.device_id_bits(extended) != 0 {
            return Err(Cause::TypeDisallowed.into());
        }
        let dc = if extended {
            self.find_device_context::<true>(levels)
        } else {
            self.find_device_context::<false>(levels)
        }?;
        if !dc.tc.v() {
            return Err(Cause::DdtInvalid.into());
        }
        if dc.misconfiguration(self.config).is_some() {
            return Err(Cause::DdtMisconfigured.into());
        }
        self.tc = dc.tc;
        self.tags.gscid = dc.iohgatp.gscid();
        Ok(dc)
    }

    /// Finds and reads the device context in its format; in base format its last four doublewords are 0.
    #[inline(always)]
    fn find_device_context<const EXTENDED: bool>(&mut self, levels: u8) -> Result<DeviceContext, Stop> {
        let (leaf_bits, bytes) = if EXTENDED { (6, 64) } else { (7, 32) };
        let mut table = self.config.ddtp.ppn() << 12;
        if levels > 1 {
            table = self.walk_device_directory(table, levels, leaf_bits)?;
        }
        let addr = table + u64::from(self.request.device.0 & ((1 << leaf_bits) - 1)) * bytes;
        let be = self.fctl.be();
        let tc = self.load_of_device_context(addr, 0, be, 0)?;
        let mut dc = DeviceContext {
            tc: Tc(tc),
            iohgatp: Iohgatp(self.load_of_device_context(addr, 1, be, tc)?),
            ta: Ta(self.load_of_device_context(addr, 2, be, tc)?),
            fsc: Fsc(self.load_of_device_context(addr, 3, be, tc)?),
            ..DeviceContext::default()
        };
        if EXTENDED {
            dc.msiptp = Msiptp(self.load_of_device_context(addr, 4, be, tc)?);
            dc.msi_addr_mask = self.load_of_device_context(addr, 5, be, tc)?;
            dc.msi_addr_pattern = self.load_of_device_context(addr, 6, be, tc)?;
            dc.reserved = self.load_of_device_context(addr, 7, be, tc)?;
        }
        Ok(dc)
    }

    /// Through the non-leaf levels of the device directory, to the page of the context.
    #[inline(never)]
    fn walk_device_directory(&mut self, root: u64, levels: u8, leaf_bits: u32) -> Result<u64, Stop> {
        let device = u64::from(self.request.device.0);
        let mut table = root;
        for level in (1..levels).rev() {
            let index = (device >> (leaf_bits + 9 * (u32::from(level) - 1))) & 0x1ff;
            let role = Role::DdtEntry { level };
            let entry = DirectoryEntry(self.load(table + index * 8, role, self.fctl.be()).map_err(ddt_miss)?);
            if !entry.v() {
                return Err(Cause::DdtInvalid.into());
            }
            if entry.0 & DirectoryEntry::RESERVED != 0 {
                return Err(Cause::DdtMisconfigured.into());
            }
            table = entry.ppn() << 12;
            self.decide(Decision::Descend(Spa(table)));
        }
        Ok(table)
    }

    #[inline(always)]
    fn load_of_device_context(&mut self, addr: u64, index: u8, be: bool, tc: u64) -> Result<u64, Stop> {
        let role = Role::DeviceContext { index };
        match self.load(addr + u64::from(index) * 8, role, be) {
            Ok(word) => Ok(word),
            Err(miss) => Err(self.device_context_miss(addr, index, tc, miss)),
        }
    }

    /// What a miss at `index` comes to. The rest is read as well: a miss there may be the one to report.
    #[cold]
    #[inline(never)]
    fn device_context_miss(&mut self, addr: u64, index: u8, tc: u64, miss: Miss) -> Stop {
        // With V = 0 the rest is don't-care: a source that has not seen it does not keep the walk from its end.
        let invalid = !Tc(tc).v();
        if miss == Miss::Unavailable && invalid && index > 0 {
            return Cause::DdtInvalid.into();
        }
        let (be, words) = (self.fctl.be(), if self.config.caps.msi_flat() { 8 } else { 4 });
        let mut worst = miss;
        for index in index + 1..words {
            match self.load(addr + u64::from(index) * 8, Role::DeviceContext { index }, be) {
                Ok(_) => {}
                Err(Miss::Unavailable) if invalid => break,
                Err(miss) => worst = worse(worst, miss),
            }
        }
        ddt_miss(worst)
    }

    /// Locates the process context (section "Process to locate the Process-context"). `bits` is the width of
    /// `process_id` that `pdtp.MODE` supports; wider ones have been refused.
    pub(crate) fn locate_process_context(
        &mut self,
        pdtp: Fsc,
        bits: u32,
        iohgatp: Iohgatp,
        process: ProcessId,
    ) -> Result<ProcessContext, Stop> {
        let be = self.tc.sbe();
        let levels = match bits {
            8 => 1,
            17 => 2,
            _ => 3,
        };
        self.tags.process = Some(process);
        let process = u64::from(process.0);
        let mut table = pdtp.ppn() << 12;
        let mut pointer = Pointer::DeviceContext;
        for level in (1..levels).rev() {
            let index = (process >> (8 + 9 * (u32::from(level) - 1))) & 0x1ff;
            self.purpose = Purpose::ProcessDirectory { level, pointer };
            let addr = self.second_stage_again(iohgatp, table + index * 8, Need::READ)?.addr;
            let entry = DirectoryEntry(self.load(addr, Role::PdtEntry { level }, be).map_err(pdt_miss)?);
            if !entry.v() {
                return Err(Cause::PdtInvalid.into());
            }
            if entry.0 & DirectoryEntry::RESERVED != 0 {
                return Err(Cause::PdtMisconfigured.into());
            }
            table = entry.ppn() << 12;
            pointer = Pointer::ProcessDirectory;
            self.decide(Decision::Descend(Spa(table)));
        }
        self.purpose = Purpose::ProcessDirectory { level: 0, pointer };
        let addr = self.second_stage_again(iohgatp, table + (process & 0xff) * 16, Need::READ)?.addr;
        let ta = self.load(addr, Role::ProcessContext { index: 0 }, be);
        let fsc = self.load(addr + 8, Role::ProcessContext { index: 1 }, be);
        let words = match (ta, fsc) {
            (Ok(ta), Ok(fsc)) => [ta, fsc],
            // As in a device context: with V = 0 the rest is don't-care.
            (Ok(ta), Err(Miss::Unavailable)) if ta & 1 == 0 => [ta, 0],
            (Err(ta), Err(fsc)) => return Err(pdt_miss(worse(ta, fsc))),
            (Err(miss), _) | (_, Err(miss)) => return Err(pdt_miss(miss)),
        };
        let pc = ProcessContext::from_words(words);
        if !pc.ta.v() {
            return Err(Cause::PdtInvalid.into());
        }
        if pc.misconfiguration(self.config.caps, self.tc.sxl()).is_some() {
            return Err(Cause::PdtMisconfigured.into());
        }
        let holder = DeviceContext { iohgatp, ..DeviceContext::default() };
        if self.config.choices.check_context_addresses && pc.has_wide_address(self.config, &holder) {
            return Err(Cause::PdtMisconfigured.into());
        }
        Ok(pc)
    }
}

/// Of two misses within one entry, the one to report: an unknown word hides everything, an access fault hides
/// corruption.
#[cold]
pub(crate) fn worse(a: Miss, b: Miss) -> Miss {
    let rank = |miss: Miss| match miss {
        Miss::Unavailable => 0,
        Miss::AccessFault => 1,
        Miss::Corrupt => 2,
    };
    if rank(a) <= rank(b) { a } else { b }
}
