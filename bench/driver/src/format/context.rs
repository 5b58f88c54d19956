// SPDX-License-Identifier: Apache-2.0
//! Device contexts (section "Device-context fields") and the bits of them that the hardware looks at.

use events::QosIds;

use super::process::ProcessMode;
use super::pte::{Scheme, Stage};

/// `tc.V`
pub const TC_V: u64 = 1;
/// `tc.EN_ATS`
pub const TC_EN_ATS: u64 = 1 << 1;
/// `tc.EN_PRI`
pub const TC_EN_PRI: u64 = 1 << 2;
/// `tc.T2GPA`
pub const TC_T2GPA: u64 = 1 << 3;
/// `tc.DTF`
pub const TC_DTF: u64 = 1 << 4;
/// `tc.PDTV`
pub const TC_PDTV: u64 = 1 << 5;
/// `tc.PRPR`
pub const TC_PRPR: u64 = 1 << 6;
/// `tc.GADE`
pub const TC_GADE: u64 = 1 << 7;
/// `tc.SADE`
pub const TC_SADE: u64 = 1 << 8;
/// `tc.DPE`
pub const TC_DPE: u64 = 1 << 9;
const TC_SBE: u64 = 1 << 10;

const MODE_SHIFT: u32 = 60;
const PPN: u64 = (1 << 44) - 1;
const GSCID: u64 = 0xffff << 44;
const PSCID: u64 = 0xf_ffff << 12;
const MODE: u64 = 0xf << MODE_SHIFT;
/// `ta.RCID` and `ta.MCID`: 12 bits each
const RCID_SHIFT: u32 = 40;
const MCID_SHIFT: u32 = 52;

/// A device context as eight doublewords. In the base format the last four do not exist in memory and are zero here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Context(pub [u64; 8]);

impl Context {
    /// Index of `tc`
    pub const TC: usize = 0;
    /// Index of `iohgatp`
    pub const IOHGATP: usize = 1;
    /// Index of `ta`
    pub const TA: usize = 2;
    /// Index of `fsc`
    pub const FSC: usize = 3;
    /// Index of `msiptp`
    pub const MSIPTP: usize = 4;
    /// Index of `msi_addr_mask`
    pub const MSI_MASK: usize = 5;
    /// Index of `msi_addr_pattern`
    pub const MSI_PATTERN: usize = 6;

    /// All traffic refused with cause 258.
    pub const BLOCKED: Context = Context([0; 8]);

    /// Valid, both stages Bare: addresses pass as they are.
    pub const IDENTITY: Context = Context([TC_V, 0, 0, 0, 0, 0, 0, 0]);

    /// The same context with a first stage.
    #[must_use]
    pub const fn with_first_stage(mut self, scheme: Scheme, root: u64, pscid: u32) -> Context {
        self.0[Context::FSC] = scheme.mode() << MODE_SHIFT | root >> 12 & PPN;
        self.0[Context::TA] = self.0[Context::TA] & !PSCID | (pscid as u64) << 12 & PSCID;
        self
    }

    /// The same context with a second stage.
    #[must_use]
    pub const fn with_second_stage(mut self, scheme: Scheme, root: u64, gscid: u16) -> Context {
        self.0[Context::IOHGATP] = scheme.mode() << MODE_SHIFT | (gscid as u64) << 44 | root >> 12 & PPN;
        self
    }

    /// The same context with a process directory in the place of a first stage; `default` lets requests without a
    /// process ID use process 0.
    #[must_use]
    pub const fn with_process_directory(mut self, pdtp: u64, default: bool) -> Context {
        self.0[Context::TC] |= TC_PDTV | if default { TC_DPE } else { 0 };
        self.0[Context::TA] &= !PSCID;
        self.0[Context::FSC] = pdtp;
        self
    }

    /// The same context with an MSI page table for the pages whose number is `pattern`, but for the bits of `mask`.
    #[must_use]
    pub const fn with_msi_table(mut self, table: u64, mask: u64, pattern: u64) -> Context {
        self.0[Context::MSIPTP] = 1 << MODE_SHIFT | table >> 12 & PPN;
        self.0[Context::MSI_MASK] = mask;
        self.0[Context::MSI_PATTERN] = pattern;
        self
    }

    /// The same context with another second stage's: that and its MSI page table.
    #[must_use]
    pub const fn with_second_stage_of(mut self, other: &Context) -> Context {
        self.0[Context::IOHGATP] = other.0[Context::IOHGATP];
        self.0[Context::MSIPTP] = other.0[Context::MSIPTP];
        self.0[Context::MSI_MASK] = other.0[Context::MSI_MASK];
        self.0[Context::MSI_PATTERN] = other.0[Context::MSI_PATTERN];
        self
    }

    /// The same context with these bits of `tc` besides, if it is a valid one. `T2GPA` is left out where there is no second
    /// stage: it would be misconfigured.
    #[must_use]
    pub const fn with_control(mut self, bits: u64) -> Context {
        if self.valid() {
            self.0[Context::TC] |= if self.has_second_stage() { bits } else { bits & !TC_T2GPA };
        }
        self
    }

    /// The same context with these QoS IDs, if it is a valid one.
    #[must_use]
    pub const fn with_qos_ids(mut self, ids: QosIds) -> Context {
        if self.valid() {
            let ids = (ids.mcid as u64) << MCID_SHIFT | (ids.rcid as u64) << RCID_SHIFT;
            self.0[Context::TA] = self.0[Context::TA] & !(!0 << RCID_SHIFT) | ids;
        }
        self
    }

    /// The same context with another PSCID.
    #[must_use]
    pub const fn with_pscid(mut self, pscid: u32) -> Context {
        self.0[Context::TA] = self.0[Context::TA] & !PSCID | (pscid as u64) << 12 & PSCID;
        self
    }

    /// `tc.V`
    pub const fn valid(&self) -> bool {
        self.0[Context::TC] & TC_V != 0
    }

    /// `tc.EN_ATS`
    pub const fn has_ats(&self) -> bool {
        self.0[Context::TC] & TC_EN_ATS != 0
    }

    /// `tc.PDTV`
    pub const fn has_process_directory(&self) -> bool {
        self.0[Context::TC] & TC_PDTV != 0
    }

    /// `tc.DPE`
    pub const fn has_default_process(&self) -> bool {
        self.0[Context::TC] & TC_DPE != 0
    }

    /// `fsc.MODE` is not Bare.
    pub const fn has_first_stage(&self) -> bool {
        self.0[Context::FSC] & MODE != 0
    }

    /// `iohgatp.MODE` is not Bare.
    pub const fn has_second_stage(&self) -> bool {
        self.0[Context::IOHGATP] & MODE != 0
    }

    /// `msiptp.MODE` is not Off.
    pub const fn has_msi_table(&self) -> bool {
        self.0[Context::MSIPTP] & MODE != 0
    }

    /// `ta.PSCID`
    pub const fn pscid(&self) -> u32 {
        ((self.0[Context::TA] & PSCID) >> 12) as u32
    }

    /// `iohgatp.GSCID`
    pub const fn gscid(&self) -> u16 {
        ((self.0[Context::IOHGATP] & GSCID) >> 44) as u16
    }

    /// Address of the first-stage root (or of the process directory): guest physical where there is a second stage.
    pub const fn first_root(&self) -> u64 {
        (self.0[Context::FSC] & PPN) << 12
    }

    /// The first-stage scheme; `None` for Bare, reserved encodings and process directories.
    pub fn first_scheme(&self) -> Option<Scheme> {
        if self.has_process_directory() {
            return None;
        }
        Scheme::from_mode(Stage::First, self.0[Context::FSC] >> MODE_SHIFT)
    }

    /// The width of the process directory; `None` for Bare, reserved encodings and page tables.
    pub fn directory_mode(&self) -> Option<ProcessMode> {
        let mode = self.0[Context::FSC] >> MODE_SHIFT;
        ProcessMode::ALL.into_iter().find(|own| self.has_process_directory() && u64::from(own.levels()) == mode)
    }

    /// The context with the bits that the hardware does not look at cleared: equal results mean equal behaviour.
    #[must_use]
    pub const fn masked(&self) -> Context {
        let bits = used(self);
        let mut words = self.0;
        let mut i = 0;
        while i < 8 {
            words[i] &= bits[i];
            i += 1;
        }
        Context(words)
    }
}

/// The bits that the hardware looks at, word by word. A reserved bit counts as looked at: if it is set, the context
/// is misconfigured.
pub const fn used(context: &Context) -> [u64; 8] {
    let mut bits = [0; 8];
    bits[Context::TC] = TC_V;
    if !context.valid() {
        return bits;
    }
    bits[Context::TC] = !(TC_SADE | TC_SBE | TC_GADE);
    bits[Context::IOHGATP] = MODE;
    bits[Context::TA] = !PSCID;
    bits[Context::FSC] = MODE | 0xffff << 44;
    bits[Context::MSIPTP] = MODE | 0xffff << 44;
    if context.has_first_stage() {
        bits[Context::TC] |= TC_SADE | TC_SBE;
        bits[Context::FSC] = !0;
        if !context.has_process_directory() {
            bits[Context::TA] = !0;
        }
    }
    if context.has_second_stage() {
        bits[Context::TC] |= TC_GADE;
        bits[Context::IOHGATP] = !0;
    }
    if context.has_msi_table() {
        bits[Context::MSIPTP] = !0;
        bits[Context::MSI_MASK] = !0;
        bits[Context::MSI_PATTERN] = !0;
    }
    bits
}
