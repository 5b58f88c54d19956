// SPDX-License-Identifier: Apache-2.0
//! Atomics of the device, and those that memory refused (section "IOMMU updating of PTE accessed (A) and dirty (D)
//! updates").

use events::{ATOMIC_COMPARE, Burst, Cycle};
use golden::{Role, Spa, Tc, WordRef};

use super::choice::Choice;
use super::window::Window;

/// A word that is to change from one value to another, if memory holds the first. Values are images of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Address, aligned to the word
    pub addr: Spa,
    /// 4 or 8
    pub bytes: u8,
    /// Compare value
    pub old: u64,
    /// Swap value
    pub new: u64,
}

impl Exchange {
    /// What an AtomicCompare asks for (IHI 0022H E1.1): whichever half of the block the address points to is the word.
    /// In the lower half the compare value comes first; in the upper half the swap value does. None for a size that no
    /// structure in memory has.
    pub fn of(addr: Spa, burst: Burst, atop: u8, beats: &[(u64, u8)]) -> Option<Exchange> {
        let (bytes, first, second) = match (atop, burst.size, beats) {
            (ATOMIC_COMPARE, 3, &[(pair, _)]) => (4, pair & 0xFFFF_FFFF, pair >> 32),
            (ATOMIC_COMPARE, 3, &[(first, _), (second, _)]) => (8, first, second),
            _ => return None,
        };
        let upper = addr.0 & u64::from(bytes) != 0;
        let (old, new) = if upper { (second, first) } else { (first, second) };
        Some(Exchange { addr, bytes, old, new })
    }

    /// The doubleword after it, where memory held this one; none: the compare fails.
    pub fn applied(&self, found: u64) -> Option<u64> {
        if self.bytes == 8 {
            return (found == self.old).then_some(self.new);
        }
        let shift = 8 * (self.addr.0 & 4);
        let mask = 0xFFFF_FFFF << shift;
        (found & mask == self.old << shift).then_some(found & !mask | self.new << shift)
    }
}

/// An atomic that memory refused.
#[derive(Clone, Copy, Debug)]
struct Refused {
    exchange: Exchange,
    /// With which response
    resp: u8,
    /// When memory last did
    sampled: Cycle,
}

/// Atomics of the device.
#[derive(Debug, Default)]
pub struct Updates {
    open: Vec<(u8, Exchange)>,
    refused: Vec<Refused>,
    /// Some request went through a context that lets the device update A and D bits
    enabled: bool,
}

impl Updates {
    /// The device handed an atomic over.
    pub fn sent(&mut self, id: u8, exchange: Exchange) {
        self.open.push((id, exchange));
    }

    /// A read beat with this ID: the atomic that it answers, if it does.
    pub fn answered(&mut self, id: u8) -> Option<Exchange> {
        let at = self.open.iter().position(|(of, _)| *of == id)?;
        Some(self.open.swap_remove(at).1)
    }

    /// Memory refused it.
    pub fn refused(&mut self, exchange: Exchange, resp: u8, sampled: Cycle) {
        match self.refused.iter_mut().find(|known| known.exchange == exchange && known.resp == resp) {
            Some(known) => known.sampled = known.sampled.max(sampled),
            None => self.refused.push(Refused { exchange, resp, sampled }),
        }
    }

    /// A walk of some request made these reads.
    pub fn note(&mut self, choices: &[Choice]) {
        let enables = |value: u64| Tc(value).sade() || Tc(value).gade();
        let mut contexts = choices.iter().filter(|c| c.word.role == Role::DeviceContext { index: 0 });
        // Whatever the byte order is.
        self.enabled |= contexts.any(|context| enables(context.value) || enables(context.value.swap_bytes()));
    }

    /// Some request went through a context that lets the device update A and D bits.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Memory has refused an update of this word before.
    pub fn has_refused(&self, addr: Spa) -> bool {
        self.refused.iter().any(|known| known.exchange.addr == addr)
    }

    /// The response by which memory refused an update, if a request in this window may have met that. Like any answer with
    /// an error it is of no use to requests that come later.
    pub fn refusal(&self, word: &WordRef, old: u64, new: u64, window: Window) -> Option<u8> {
        let met = |known: &&Refused| {
            let Exchange { addr, old: compare, new: swap, .. } = known.exchange;
            (addr, compare, swap) == (word.addr, old, new) && known.sampled >= window.offered
        };
        self.refused.iter().find(met).map(|known| known.resp)
    }
}

#[cfg(test)]
mod tests {
    use events::SLVERR;
    use golden::{DeviceId, Iova, Tags};

    use super::*;

    const A: u64 = 1 << 6;
    const D: u64 = 1 << 7;
    const PTE: Spa = Spa(0x8000_0018);
    /// V, R, W, U; a page number
    const LEAF: u64 = 0x0408_0017;

    fn exchange(old: u64, new: u64) -> Exchange {
        Exchange { addr: PTE, bytes: 8, old, new }
    }

    fn word() -> WordRef {
        let tags = Tags { device: DeviceId(1), process: None, gscid: None, pscid: None, iova: Iova(0x1000), gpa: None };
        WordRef { addr: PTE, bytes: 8, role: Role::FirstStage { level: 0 }, tags }
    }

    #[test]
    fn the_half_of_the_block_tells_which_value_comes_first() {
        let burst = |len| Burst { len, size: 3, kind: 1 };
        let of =
            |addr, beats: &[(u64, u8)]| Exchange::of(Spa(addr), burst(beats.len() as u8 - 1), ATOMIC_COMPARE, beats);
        let lower = of(0x1000, &[(1, 0xFF), (2, 0xFF)]);
        assert_eq!(lower, Some(Exchange { addr: Spa(0x1000), bytes: 8, old: 1, new: 2 }));
        let upper = of(0x1008, &[(2, 0xFF), (1, 0xFF)]);
        assert_eq!(upper, Some(Exchange { addr: Spa(0x1008), bytes: 8, old: 1, new: 2 }));
        let narrow = of(0x1004, &[(2 | 1 << 32, 0xFF)]);
        assert_eq!(narrow, Some(Exchange { addr: Spa(0x1004), bytes: 4, old: 1, new: 2 }));
        assert_eq!(Exchange::of(Spa(0x1000), Burst { size: 1, ..burst(0) }, ATOMIC_COMPARE, &[(0, 3)]), None);
    }

    #[test]
    fn an_exchange_changes_its_word_where_the_compare_holds() {
        assert_eq!(exchange(1, 2).applied(1), Some(2));
        assert_eq!(exchange(1, 2).applied(3), None);
        let upper = Exchange { addr: Spa(0x1004), bytes: 4, old: 1, new: 2 };
        assert_eq!(upper.applied(0x1_0000_0007), Some(0x2_0000_0007));
        assert_eq!(upper.applied(0x2_0000_0001), None);
    }

    #[test]
    fn a_refusal_counts_for_the_requests_that_were_there() {
        let mut updates = Updates::default();
        updates.refused(exchange(LEAF, LEAF | A), SLVERR, 100);
        // One that had left memory before may come back later.
        updates.refused(exchange(LEAF, LEAF | A), SLVERR, 90);
        let met = |new, start| updates.refusal(&word(), LEAF, new, Window::new(start, 200)).is_some();
        assert!(met(LEAF | A, 50));
        assert!(met(LEAF | A, 100));
        assert!(!met(LEAF | A, 101), "it is no entry that could be cached");
        assert!(!met(LEAF | A | D, 50), "another update");
    }

    #[test]
    fn an_answer_belongs_to_the_atomic_with_its_id() {
        let mut updates = Updates::default();
        updates.sent(0x80, exchange(1, 2));
        assert_eq!(updates.answered(0x81), None);
        assert_eq!(updates.answered(0x80), Some(exchange(1, 2)));
        assert_eq!(updates.answered(0x80), None);
    }
}
