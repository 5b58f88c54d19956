// SPDX-License-Identifier: Apache-2.0
//! Memory as the events tell of it.

use golden::Spa;
use rustc_hash::FxHashMap;

use super::view::Peek;

/// Doublewords in a page.
const WORDS: usize = 512;

/// What memory holds by now, by doubleword. What no event has told of holds 0.
#[derive(Debug, Default)]
pub struct Memory {
    index: FxHashMap<u64, usize>,
    pages: Vec<Box<[u64; WORDS]>>,
}

impl Peek for Memory {
    fn peek(&self, addr: Spa) -> u64 {
        self.index.get(&(addr.0 >> 12)).map_or(0, |page| self.pages[*page][place(addr)])
    }
}

impl Memory {
    /// It holds this.
    pub fn held(&mut self, addr: Spa, value: u64) {
        self.page(addr)[place(addr)] = value;
    }

    /// Its page at this address holds these.
    pub fn held_page(&mut self, addr: Spa, words: &[u64; WORDS]) {
        *self.page(addr) = *words;
    }

    fn page(&mut self, addr: Spa) -> &mut [u64; WORDS] {
        let pages = &mut self.pages;
        let page = *self.index.entry(addr.0 >> 12).or_insert_with(|| {
            pages.push(Box::new([0; WORDS]));
            pages.len() - 1
        });
        &mut self.pages[page]
    }
}

fn place(addr: Spa) -> usize {
    (addr.0 >> 3) as usize % WORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_holds_what_was_stored_last_and_0_elsewhere() {
        let mut memory = Memory::default();
        memory.held(Spa(0x1008), 7);
        memory.held(Spa(0x2FF8), 1);
        memory.held(Spa(0x2FF8), 2);
        memory.held_page(Spa(0x4000), &std::array::from_fn(|at| at as u64));
        let read = [0x1000, 0x1008, 0x2FF8, 0x3000, 0x4FF8].map(|addr| memory.peek(Spa(addr)));
        assert_eq!(read, [0, 7, 2, 0, 511]);
    }
}
