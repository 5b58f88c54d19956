// SPDX-License-Identifier: Apache-2.0
//! What device contexts and process contexts have in common for the sequencer: some doublewords, V in the first one,
//! and the bits that the hardware looks at.

use core::fmt;

use super::super::format::{Context, ProcessContext, used};

/// An entry of a directory that is changed while the hardware may read it.
pub trait Entry: Copy + Default + PartialEq + fmt::Debug {
    /// The doublewords by name
    const NAMES: &'static [&'static str];
    /// A doubleword.
    fn word(&self, index: usize) -> u64;
    /// The same entry with another doubleword.
    #[must_use]
    fn with_word(self, index: usize, value: u64) -> Self;
    /// The bits of a doubleword that the hardware looks at.
    fn used_bits(&self, index: usize) -> u64;
    /// V is set.
    fn is_valid(&self) -> bool;

    /// The entry with the bits that the hardware does not look at cleared.
    #[must_use]
    fn seen(self) -> Self {
        (0..Self::NAMES.len()).fold(self, |entry, i| entry.with_word(i, self.word(i) & self.used_bits(i)))
    }
}

impl Entry for Context {
    const NAMES: &'static [&'static str] =
        &["tc", "iohgatp", "ta", "fsc", "msiptp", "msi_addr_mask", "msi_addr_pattern", "reserved"];

    fn word(&self, index: usize) -> u64 {
        self.0[index]
    }

    fn with_word(mut self, index: usize, value: u64) -> Self {
        self.0[index] = value;
        self
    }

    fn used_bits(&self, index: usize) -> u64 {
        used(self)[index]
    }

    fn is_valid(&self) -> bool {
        self.valid()
    }

    fn seen(self) -> Self {
        self.masked()
    }
}

impl Entry for ProcessContext {
    const NAMES: &'static [&'static str] = &["ta", "fsc"];

    fn word(&self, index: usize) -> u64 {
        self.0[index]
    }

    fn with_word(mut self, index: usize, value: u64) -> Self {
        self.0[index] = value;
        self
    }

    fn used_bits(&self, index: usize) -> u64 {
        self.used()[index]
    }

    fn is_valid(&self) -> bool {
        self.valid()
    }

    fn seen(self) -> Self {
        self.masked()
    }
}
