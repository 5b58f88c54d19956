// SPDX-License-Identifier: Apache-2.0
//! Where a queue lies in memory, and how its indices wrap.

use events::Burst;
use golden::{QueueBase, Spa};

/// Where a queue lies in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    /// Address of entry 0
    pub base: Spa,
    /// Number of entries, up to 2^32; 0 before software has set it up
    pub entries: u64,
    /// Bytes of an entry
    pub entry_bytes: u32,
}

impl Ring {
    /// As its base register says.
    pub fn new(base: QueueBase, entry_bytes: u32) -> Self {
        Ring { base: Spa(base.base()), entries: base.entries(), entry_bytes }
    }

    /// The entry that contains this address, and the doubleword in it.
    pub fn locate(&self, addr: Spa) -> Option<(u32, usize)> {
        let offset = addr.0.checked_sub(self.base.0)?;
        let index = offset / u64::from(self.entry_bytes.max(1));
        (index < self.entries).then(|| (index as u32, (offset % u64::from(self.entry_bytes.max(1)) / 8) as usize))
    }

    /// The entry that a write of the device goes to, and what it writes there: doubleword, value and strobes of each beat.
    pub fn written<'b>(
        &self,
        addr: Spa,
        burst: Burst,
        beats: &'b [(u64, u8)],
    ) -> Option<(u32, impl Iterator<Item = (usize, u64, u8)> + use<'b>)> {
        let (index, first) = self.locate(addr)?;
        let word = move |beat: usize| first + ((addr.0 & 7) as usize + (beat << burst.size)) / 8;
        Some((index, beats.iter().enumerate().map(move |(beat, &(value, strobes))| (word(beat), value, strobes))))
    }

    /// The index behind this one.
    pub fn after(&self, index: u32) -> u32 {
        self.wrap(index.wrapping_add(1))
    }

    /// An index as the register keeps it.
    pub fn wrap(&self, index: u32) -> u32 {
        index & self.entries.saturating_sub(1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_wraps_behind_the_last_entry_of_a_queue_of_any_size() {
        for log2sz_minus1 in 0..32 {
            let ring = Ring::new(QueueBase(0).with_log2sz_minus1(log2sz_minus1).with_ppn(0x10), 16);
            let last = ((2_u64 << log2sz_minus1) - 1) as u32;
            assert_eq!((ring.after(last), ring.after(last - 1)), (0, last), "{log2sz_minus1}");
            assert_eq!((ring.wrap(last), ring.wrap(last.wrapping_add(1)), ring.wrap(u32::MAX)), (last, 0, last));
            let entry = |index: u64| ring.base.0 + index * 16;
            assert_eq!(ring.locate(Spa(entry(last.into()) + 8)), Some((last, 1)), "{log2sz_minus1}");
            assert_eq!(ring.locate(Spa(entry(u64::from(last) + 1))), None, "{log2sz_minus1}");
        }
    }
}
