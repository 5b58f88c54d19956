//! Locating the device context and the process context.

use crate::walk::{Miss, Need, Stop, Walk};
use crate::{
    Cause, Decision, DeviceContext, DirectoryEntry, Fsc, Iohgatp, Pointer, ProcessContext, ProcessId, Purpose, Role,
    Spa, Trace, Words,
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
    #[inline]
    pub(crate) fn locate_device_context(&mut self, levels: u8) -> Result<DeviceContext, Stop> {
        let config = self.config;
        let extended = config.caps.msi_flat();
        let device = u64::from(self.request.device.0);
        if device >> config.ddtp.device_id_bits(extended) != 0 {
            return Err(Cause::TypeDisallowed.into());
        }
        let be = config.fctl.be();
        let leaf_bits = if extended { 6 } else { 7 };
        let mut table = config.ddtp.ppn() << 12;
        for level in (1..levels).rev() {
            let index = (device >> (leaf_bits + 9 * (u32::from(level) - 1))) & 0x1ff;
            let entry = DirectoryEntry(self.load(table + index * 8, Role::DdtEntry { level }, be).map_err(ddt_miss)?);
            if !entry.v() {
                return Err(Cause::DdtInvalid.into());
            }
            if entry.0 & DirectoryEntry::RESERVED != 0 {
                return Err(Cause::DdtMisconfigured.into());
            }
            table = entry.ppn() << 12;
            self.decide(Decision::Descend(Spa(table)));
        }
        let index = device & ((1 << leaf_bits) - 1);
        let words = if extended {
            self.load_device_context::<8>(table + index * 64)
        } else {
            self.load_device_context::<4>(table + index * 32)
        }?;
        let dc = DeviceContext::from_words(words);
        if !dc.tc.v() {
            return Err(Cause::DdtInvalid.into());
        }
        if dc.misconfiguration(config).is_some() {
            return Err(Cause::DdtMisconfigured.into());
        }
        self.tc = dc.tc;
        self.tags.gscid = dc.iohgatp.gscid();
        Ok(dc)
    }

    /// Reads the `N` doublewords of a device context; those that are not there are 0.
    #[inline(always)]
    fn load_device_context<const N: usize>(&mut self, addr: u64) -> Result<[u64; 8], Stop> {
        let be = self.config.fctl.be();
        let mut words = [0; 8];
        let mut miss = None;
        for index in 0..N {
            let role = Role::DeviceContext { index: index as u8 };
            match self.load(addr + index as u64 * 8, role, be) {
                Ok(word) => words[index] = word,
                // With V = 0 the rest is don't-care: a source that has not seen it does not keep the walk from its end.
                Err(Miss::Unavailable) if index > 0 && words[0] & 1 == 0 => break,
                Err(found) => miss = worse(miss, found),
            }
        }
        match miss {
            None => Ok(words),
            Some(miss) => Err(ddt_miss(miss)),
        }
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
            let purpose = Purpose::ProcessDirectory { level, pointer };
            let addr = self.second_stage(iohgatp, table + index * 8, purpose, Need::READ)?.addr;
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
        let purpose = Purpose::ProcessDirectory { level: 0, pointer };
        let addr = self.second_stage(iohgatp, table + (process & 0xff) * 16, purpose, Need::READ)?.addr;
        let ta = self.load(addr, Role::ProcessContext { index: 0 }, be);
        let fsc = self.load(addr + 8, Role::ProcessContext { index: 1 }, be);
        let words = match (ta, fsc) {
            (Ok(ta), Ok(fsc)) => [ta, fsc],
            // As in a device context: with V = 0 the rest is don't-care.
            (Ok(ta), Err(Miss::Unavailable)) if ta & 1 == 0 => [ta, 0],
            (Err(ta), Err(fsc)) => return Err(pdt_miss(worse(Some(ta), fsc).unwrap_or(ta))),
            (Err(miss), _) | (_, Err(miss)) => return Err(pdt_miss(miss)),
        };
        let pc = ProcessContext::from_words(words);
        if !pc.ta.v() {
            return Err(Cause::PdtInvalid.into());
        }
        if pc.misconfiguration(self.config.caps, self.tc.sxl()).is_some() {
            return Err(Cause::PdtMisconfigured.into());
        }
        Ok(pc)
    }
}

/// Of two misses within one entry, the one to report: an unknown word hides everything, an access fault hides
/// corruption.
#[cold]
pub(crate) fn worse(a: Option<Miss>, b: Miss) -> Option<Miss> {
    let rank = |miss: Miss| match miss {
        Miss::Unavailable => 0,
        Miss::AccessFault => 1,
        Miss::Corrupt => 2,
    };
    match a {
        Some(a) if rank(a) <= rank(b) => Some(a),
        _ => Some(b),
    }
}
