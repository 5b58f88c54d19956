// SPDX-License-Identifier: Apache-2.0
//! Configuration checks of device and process contexts.

use crate::{Capabilities, Config, DeviceContext, Fsc, Msiptp, ProcessContext, ProcessTa, Ta, Tc};

/// A scheme that `rv32` (SXL or GXL) allows and the capabilities have. `caps` holds the bit of the RV32 scheme lowest,
/// and those of the others above it, as `capabilities` does at bits 8 and 16.
#[inline(always)]
const fn mode_supported(caps: u64, rv32: bool, mode: u8) -> bool {
    match (mode, rv32) {
        (0, _) => true,
        (8, true) => caps & 1 == 1,
        (8..=10, false) => (caps >> (mode - 7)) & 1 == 1,
        _ => false,
    }
}

#[inline(always)]
const fn iosatp_mode_supported(caps: Capabilities, sxl: bool, mode: u8) -> bool {
    mode_supported(caps.0 >> 8, sxl, mode)
}

#[inline(always)]
const fn iohgatp_mode_supported(caps: Capabilities, gxl: bool, mode: u8) -> bool {
    mode_supported(caps.0 >> 16, gxl, mode)
}

/// RCID and MCID are as wide as they may be; without QoS IDs they must be 0.
const fn qos_ids_fit(config: &Config, ta: Ta) -> bool {
    let (rcid_bits, mcid_bits) =
        if config.caps.qosid() { (config.choices.rcid_bits, config.choices.mcid_bits) } else { (0, 0) };
    (rcid_bits >= 12 || ta.rcid() >> rcid_bits == 0) && (mcid_bits >= 12 || ta.mcid() >> mcid_bits == 0)
}

/// EN_ATS, EN_PRI, T2GPA and PRPR of `tc`.
const ATS_BITS: u64 = 0b100_1110;

impl DeviceContext {
    /// Why a valid context is misconfigured (section "Device-context configuration checks"); none when it is fine.
    #[must_use]
    #[inline(always)]
    pub fn misconfiguration(&self, config: &Config) -> Option<&'static str> {
        let (caps, choices, tc) = (config.caps, &config.choices, self.tc);
        let second_stage = !self.iohgatp.is_bare();

        if tc.0 & Tc::RESERVED != 0 {
            return Some("reserved bits of tc");
        }
        if self.ta.0 & Ta::RESERVED != 0 {
            return Some("reserved bits of ta");
        }
        if (self.ta.rcid() != 0 || self.ta.mcid() != 0) && !qos_ids_fit(config, self.ta) {
            return Some("RCID or MCID too wide");
        }
        if self.fsc.0 & Fsc::RESERVED != 0 {
            return Some("reserved bits of fsc");
        }
        if tc.0 & ATS_BITS != 0 {
            if !caps.ats() && (tc.en_ats() || tc.en_pri() || tc.prpr()) {
                return Some("EN_ATS, EN_PRI or PRPR without ATS");
            }
            if !tc.en_ats() && (tc.t2gpa() || tc.en_pri()) {
                return Some("T2GPA or EN_PRI without EN_ATS");
            }
            if !tc.en_pri() && tc.prpr() {
                return Some("PRPR without EN_PRI");
            }
            if tc.t2gpa() && (!caps.t2gpa() || !second_stage) {
                return Some("T2GPA without the capability or without second stage");
            }
        }
        if tc.pdtv() {
            let supported = match self.fsc.mode() {
                0 => true,
                1 => caps.pd8(),
                2 => caps.pd17(),
                3 => caps.pd20(),
                _ => false,
            };
            if !supported {
                return Some("pdtp.MODE");
            }
        } else {
            if !iosatp_mode_supported(caps, tc.sxl(), self.fsc.mode()) {
                return Some("iosatp.MODE");
            }
            if tc.dpe() {
                return Some("DPE without PDTV");
            }
        }
        if !iohgatp_mode_supported(caps, config.fctl.gxl(), self.iohgatp.mode()) {
            return Some("iohgatp.MODE");
        }
        if second_stage && self.iohgatp.ppn() & 3 != 0 {
            return Some("iohgatp.PPN is not aligned to 16 KiB");
        }
        if !caps.amo_hwad() && (tc.sade() || tc.gade()) {
            return Some("SADE or GADE without AMO_HWAD");
        }
        // RV32 schemes and big-endian tables: neither is there nearly always.
        if tc.sxl() || tc.sbe() || config.fctl.gxl() || config.fctl.be() {
            if tc.sxl() != config.fctl.gxl() && (config.fctl.gxl() || !choices.gxl_writable) {
                return Some("SXL");
            }
            if tc.sbe() != config.fctl.be() && (!caps.end() || !choices.be_writable) {
                return Some("SBE");
            }
        }
        if choices.check_context_addresses && self.has_wide_address(config) {
            return Some("an address that is too wide");
        }
        if caps.msi_flat() { self.msi_misconfiguration(config) } else { None }
    }

    /// An address that the tables or the memory it leads to do not have.
    #[cold]
    fn has_wide_address(&self, config: &Config) -> bool {
        let physical = |ppn: u64| is_wide(ppn, config.caps.pas());
        let second_stage = !self.iohgatp.is_bare() && physical(self.iohgatp.ppn());
        let msi = config.caps.msi_flat() && self.msiptp.mode() != 0 && physical(self.msiptp.ppn());
        second_stage || msi || self.fsc.mode() != 0 && is_wide(self.fsc.ppn(), self.address_bits(config))
    }

    /// Width of the addresses by which tables of the first stage and process directories are found.
    fn address_bits(&self, config: &Config) -> u8 {
        match self.iohgatp.mode() {
            0 => config.caps.pas(),
            8 if config.fctl.gxl() => 34,
            8 => 41,
            9 => 50,
            _ => 59,
        }
    }

    /// The part of [`Self::misconfiguration`] that only the extended format has.
    fn msi_misconfiguration(self, config: &Config) -> Option<&'static str> {
        if self.msiptp.0 & Msiptp::RESERVED != 0 || self.reserved != 0 {
            return Some("reserved bits of msiptp or of the last doubleword");
        }
        if self.msiptp.mode() > 1 {
            return Some("msiptp.MODE");
        }
        let page_bits =
            if config.choices.reject_wide_msi_address { config.caps.mgpaw().saturating_sub(12).min(52) } else { 52 };
        if (self.msi_addr_mask | self.msi_addr_pattern) >> page_bits != 0 {
            return Some("reserved bits of msi_addr_mask or msi_addr_pattern");
        }
        if config.choices.reject_msi_without_second_stage && self.iohgatp.is_bare() && self.msiptp.mode() != 0 {
            return Some("msiptp.MODE is not Off, but iohgatp.MODE is Bare");
        }
        None
    }
}

/// The page lies beyond an address space of so many bits.
const fn is_wide(ppn: u64, bits: u8) -> bool {
    let page_bits = bits.saturating_sub(12);
    page_bits < 64 && ppn >> page_bits != 0
}

impl ProcessContext {
    /// Its table lies where `dc`, in which it was found, leads to no memory: see
    /// [`crate::Choices::check_context_addresses`].
    #[must_use]
    pub(crate) fn has_wide_address(&self, config: &Config, dc: &DeviceContext) -> bool {
        self.fsc.mode() != 0 && is_wide(self.fsc.ppn(), dc.address_bits(config))
    }

    /// Why a valid context is misconfigured (section "Process-context configuration checks"); none when it is fine.
    /// `sxl` is `DC.tc.SXL`.
    #[must_use]
    pub const fn misconfiguration(&self, caps: Capabilities, sxl: bool) -> Option<&'static str> {
        if self.ta.0 & ProcessTa::RESERVED != 0 {
            Some("reserved bits of ta")
        } else if self.fsc.0 & Fsc::RESERVED != 0 {
            Some("reserved bits of fsc")
        } else if !iosatp_mode_supported(caps, sxl, self.fsc.mode()) {
            Some("fsc.MODE")
        } else {
            None
        }
    }
}
