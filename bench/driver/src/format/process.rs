// SPDX-License-Identifier: Apache-2.0
//! Process contexts (section "Process-Directory-Table") and the bits of them that the hardware looks at.

use super::pte::{Scheme, Stage};

const V: u64 = 1;
const PSCID: u64 = 0xf_ffff << 12;
const MODE_SHIFT: u32 = 60;
const MODE: u64 = 0xf << MODE_SHIFT;
const PPN: u64 = (1 << 44) - 1;

/// Width of a `process_id` that a process directory looks up: `pdtp.MODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessMode {
    /// 8 bits, one level
    Pd8,
    /// 17 bits, two levels
    Pd17,
    /// 20 bits, three levels
    Pd20,
}

impl ProcessMode {
    /// All of them, from the narrowest to the widest.
    pub const ALL: [ProcessMode; 3] = [ProcessMode::Pd8, ProcessMode::Pd17, ProcessMode::Pd20];

    /// Levels of the directory, and the encoding in `pdtp.MODE`.
    pub const fn levels(self) -> u8 {
        match self {
            ProcessMode::Pd8 => 1,
            ProcessMode::Pd17 => 2,
            ProcessMode::Pd20 => 3,
        }
    }

    /// How many bits of a `process_id` it holds.
    pub const fn bits(self) -> u32 {
        match self {
            ProcessMode::Pd8 => 8,
            ProcessMode::Pd17 => 17,
            ProcessMode::Pd20 => 20,
        }
    }

    /// `pdtp`, which stands in `fsc` where `tc.PDTV` is set.
    pub const fn pdtp(self, root: u64) -> u64 {
        (self.levels() as u64) << MODE_SHIFT | root >> 12 & PPN
    }
}

/// A process context as two doublewords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProcessContext(pub [u64; 2]);

impl ProcessContext {
    /// Index of `ta`
    pub const TA: usize = 0;
    /// Index of `fsc`
    pub const FSC: usize = 1;

    /// All traffic refused with cause 266.
    pub const BLOCKED: ProcessContext = ProcessContext([0; 2]);

    /// Valid, the first stage Bare.
    pub const IDENTITY: ProcessContext = ProcessContext([V, 0]);

    /// The same context with a first stage.
    #[must_use]
    pub const fn with_first_stage(self, scheme: Scheme, root: u64, pscid: u32) -> ProcessContext {
        let [ta, _] = self.with_pscid(pscid).0;
        ProcessContext([ta, scheme.mode() << MODE_SHIFT | root >> 12 & PPN])
    }

    /// The same context with another PSCID.
    #[must_use]
    pub const fn with_pscid(self, pscid: u32) -> ProcessContext {
        let [ta, fsc] = self.0;
        ProcessContext([ta & !PSCID | (pscid as u64) << 12 & PSCID, fsc])
    }

    /// `ta.V`
    pub const fn valid(&self) -> bool {
        self.0[ProcessContext::TA] & V != 0
    }

    /// `fsc.MODE` is not Bare.
    pub const fn has_first_stage(&self) -> bool {
        self.0[ProcessContext::FSC] & MODE != 0
    }

    /// `ta.PSCID`
    pub const fn pscid(&self) -> u32 {
        ((self.0[ProcessContext::TA] & PSCID) >> 12) as u32
    }

    /// Address of the first-stage root.
    pub const fn first_root(&self) -> u64 {
        (self.0[ProcessContext::FSC] & PPN) << 12
    }

    /// The first-stage scheme; `None` for Bare and for reserved encodings.
    pub fn first_scheme(&self) -> Option<Scheme> {
        Scheme::from_mode(Stage::First, self.0[ProcessContext::FSC] >> MODE_SHIFT)
    }

    /// The bits that the hardware looks at, word by word; a reserved bit counts as looked at.
    pub const fn used(&self) -> [u64; 2] {
        match (self.valid(), self.has_first_stage()) {
            (false, _) => [V, 0],
            (true, false) => [!PSCID, MODE | 0xffff << 44],
            (true, true) => [!0, !0],
        }
    }

    /// The context with the bits that the hardware does not look at cleared: equal results mean equal behaviour.
    #[must_use]
    pub const fn masked(&self) -> ProcessContext {
        let used = self.used();
        ProcessContext([self.0[0] & used[0], self.0[1] & used[1]])
    }
}
