// SPDX-License-Identifier: Apache-2.0
//! Memory as a walk of software's sees it: as it is now, or as it was at one moment, every word of it.

use events::Cycle;
use golden::{Read, Spa, Update, WordRef, Words};

use super::history::Histories;
use super::value::narrow;

/// Memory as it is, by doubleword.
pub trait Peek {
    /// The aligned doubleword at `addr`.
    fn peek(&self, addr: Spa) -> u64;
}

/// The words of a walk, all of one moment.
pub struct View<'a> {
    memory: &'a dyn Peek,
    moment: Option<(&'a Histories, Cycle)>,
    /// The doublewords that the walk has looked at
    pub looked_at: Vec<u64>,
}

impl<'a> View<'a> {
    /// As memory is now.
    pub fn now(memory: &'a dyn Peek) -> Self {
        View { memory, moment: None, looked_at: Vec::new() }
    }

    /// As memory was at the beginning of this cycle. What neither software nor the device has stored to is as it is now.
    pub fn at(memory: &'a dyn Peek, histories: &'a Histories, cycle: Cycle) -> Self {
        View { moment: Some((histories, cycle)), ..View::now(memory) }
    }
}

impl Words for View<'_> {
    fn read(&mut self, word: &WordRef) -> Read {
        let addr = Spa(word.addr.0 & !7);
        self.looked_at.push(addr.0);
        let then = self.moment.and_then(|(histories, cycle)| histories.word(addr)?.at(cycle));
        Read::Value(narrow(word, then.unwrap_or_else(|| self.memory.peek(addr))))
    }

    fn compare_exchange(&mut self, _: &WordRef, _: u64, _: u64) -> Update {
        Update::Done
    }
}
