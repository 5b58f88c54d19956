// SPDX-License-Identifier: Apache-2.0
//! `icvec`: which interrupt vector each cause has. An IOMMU with 2^N vectors keeps the lowest N bits of each field, and
//! software may never read back how many these are.

use golden::Icvec;

/// More bits than a field has are not there.
const WIDEST: u8 = 4;

/// What `icvec` may hold.
#[derive(Clone, Debug)]
pub struct Vectors {
    /// What software wrote last. After reset nobody knows what it holds
    written: Option<u64>,
    /// What software read, if nothing was written since
    read: Option<u64>,
    /// Widths of a field that are not ruled out
    widths: Vec<u8>,
}

impl Default for Vectors {
    fn default() -> Self {
        Vectors { written: None, read: None, widths: (0..=WIDEST).rev().collect() }
    }
}

/// The lowest bits of each field.
fn narrowed(value: u64, bits: u8) -> u64 {
    let field = (1 << bits) - 1;
    value & (field | field << 4 | field << 8 | field << 12)
}

impl Vectors {
    /// Software begins to write it.
    pub fn written(&mut self, value: u64) {
        (self.written, self.read) = (Some(value), None);
    }

    /// Software read it. What reads as 1 is there; what was written as 1 in the field of the command queue, which every
    /// IOMMU has, and reads as 0 is not.
    pub fn read(&mut self, value: u64) {
        self.read = Some(value);
        let Some(written) = self.written else { return };
        let fits = |bits: &u8| (narrowed(written, *bits) ^ value) & 0xF == 0;
        if self.widths.iter().any(fits) {
            self.widths.retain(fits);
        }
    }

    /// An IOMMU whose fields have so many bits is not what is there.
    pub fn rule_out(&mut self, bits: u8) {
        if self.widths.len() > 1 {
            self.widths.retain(|known| *known != bits);
        }
    }

    /// Each value that it may hold, with the width of its fields; nothing if that is not known at all.
    pub fn possible(&self) -> Vec<(u8, Icvec)> {
        match (self.read, self.written) {
            (Some(value), _) => vec![(WIDEST, Icvec(value))],
            (None, Some(written)) => self.widths.iter().map(|&bits| (bits, Icvec(narrowed(written, bits)))).collect(),
            (None, None) => Vec::new(),
        }
    }

    /// What it holds, if that is known.
    pub fn known(&self) -> Option<Icvec> {
        let possible = self.possible();
        let (_, first) = *possible.first()?;
        possible.iter().all(|(_, icvec)| icvec.0 == first.0).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_back_tells_how_many_bits_there_are() {
        let mut vectors = Vectors::default();
        assert!(vectors.known().is_none(), "its reset value is unspecified");
        vectors.written(0xFFFF);
        assert_eq!(vectors.possible().len(), 5);
        assert!(vectors.known().is_none());
        vectors.read(0x0033);
        vectors.written(0x3210);
        assert_eq!(vectors.known().map(|icvec| icvec.0), Some(0x3210), "two bits a field");
        vectors.written(0x7654);
        assert_eq!(vectors.known().map(|icvec| icvec.0), Some(0x3210));
    }
}
