// SPDX-License-Identifier: Apache-2.0
//! The memory of the machine: sparse 4 KiB pages, looked up once or twice a cycle.

use std::cell::Cell;

use golden::Spa;
use rustc_hash::FxHashMap;

use super::Fill;
use super::dice::mix;

/// Doublewords in a page.
const WORDS: usize = 512;

type Page = [u64; WORDS];

/// Sparse little-endian memory. It holds what was written; all else reads as its [`Fill`].
///
/// Access through [`Memory`] itself is invisible: no event, no time. It is for setting up and for looking; a store
/// that the device under test may see goes through [`super::Bus::store`].
#[derive(Clone, Debug)]
pub struct Memory {
    index: FxHashMap<u64, usize>,
    pages: Vec<Box<Page>>,
    /// The page found last. Walks and bursts stay on a page for some accesses.
    last: Cell<(u64, usize)>,
    fill: Fill,
}

impl Memory {
    /// Empty memory.
    #[must_use]
    pub fn new(fill: Fill) -> Self {
        // No address has page number u64::MAX, so that the cache starts empty.
        Self { index: FxHashMap::default(), pages: Vec::new(), last: Cell::new((u64::MAX, 0)), fill }
    }

    /// The aligned doubleword that contains `addr`.
    #[must_use]
    pub fn read_u64(&self, addr: Spa) -> u64 {
        let word = addr.0 & !7;
        match self.find(word >> 12) {
            Some(page) => self.pages[page][offset(word)],
            None => self.unwritten(word),
        }
    }

    /// Writes the aligned doubleword that contains `addr`.
    pub fn write_u64(&mut self, addr: Spa, value: u64) {
        self.write_masked(addr, value, 0xff);
    }

    /// Writes the byte lanes in `strobes` of the aligned doubleword that contains `addr`. Returns the doubleword
    /// before and after.
    pub fn write_masked(&mut self, addr: Spa, value: u64, strobes: u8) -> (u64, u64) {
        let word = addr.0 & !7;
        let page = self.touch(word >> 12);
        let slot = &mut self.pages[page][offset(word)];
        let old = *slot;
        let mask = lane_mask(strobes);
        *slot = (old & !mask) | (value & mask);
        (old, *slot)
    }

    /// Writes the whole page that contains `addr`, the doublewords in order.
    pub fn write_page(&mut self, addr: Spa, words: &[u64; 512]) {
        let page = self.touch(addr.0 >> 12);
        *self.pages[page] = *words;
    }

    /// Copies bytes from memory. Addresses wrap at the end of the 64-bit space.
    pub fn read(&self, addr: Spa, bytes: &mut [u8]) {
        for (at, byte) in bytes.iter_mut().enumerate() {
            let addr = addr.0.wrapping_add(at as u64);
            *byte = self.read_u64(Spa(addr)).to_le_bytes()[(addr & 7) as usize];
        }
    }

    /// Copies bytes to memory. Addresses wrap at the end of the 64-bit space.
    pub fn write(&mut self, addr: Spa, bytes: &[u8]) {
        for (at, &byte) in bytes.iter().enumerate() {
            let addr = addr.0.wrapping_add(at as u64);
            let lane = addr & 7;
            self.write_masked(Spa(addr), u64::from(byte) << (8 * lane), 1 << lane);
        }
    }

    /// Pages that were written, for figures.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    fn find(&self, number: u64) -> Option<usize> {
        let (last, page) = self.last.get();
        if last == number {
            return Some(page);
        }
        let page = *self.index.get(&number)?;
        self.last.set((number, page));
        Some(page)
    }

    fn touch(&mut self, number: u64) -> usize {
        if let Some(page) = self.find(number) {
            return page;
        }
        let mut page = Box::new([0; WORDS]);
        if self.fill != Fill::Zero {
            for (at, word) in page.iter_mut().enumerate() {
                *word = self.unwritten((number << 12) | ((at as u64) << 3));
            }
        }
        let at = self.pages.len();
        self.pages.push(page);
        self.index.insert(number, at);
        self.last.set((number, at));
        at
    }

    fn unwritten(&self, word: u64) -> u64 {
        match self.fill {
            Fill::Zero => 0,
            Fill::Seeded(seed) => mix(seed ^ mix(word)),
        }
    }
}

fn offset(word: u64) -> usize {
    ((word >> 3) & (WORDS as u64 - 1)) as usize
}

/// The bits of the byte lanes in each set of strobes.
const LANE_MASKS: [u64; 256] = {
    let mut masks = [0; 256];
    let mut strobes = 0;
    while strobes < 256 {
        let mut lane = 0;
        while lane < 8 {
            if strobes & (1 << lane) != 0 {
                masks[strobes] |= 0xff << (8 * lane);
            }
            lane += 1;
        }
        strobes += 1;
    }
    masks
};

/// The bits of the byte lanes in `strobes`.
pub(super) const fn lane_mask(strobes: u8) -> u64 {
    LANE_MASKS[strobes as usize]
}
