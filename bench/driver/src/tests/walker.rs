// SPDX-License-Identifier: Apache-2.0
//! A page-table walk of its own, for checking what the driver built.

use super::mock::Mock;

/// Translates through one table; `base` is where the root lies, `levels` 3 to 5, `wide` for the second stage, and
/// `at` says where a table address is found in memory.
fn stage(m: &Mock, root: u64, levels: u32, wide: bool, addr: u64, at: &dyn Fn(u64) -> Option<u64>) -> Option<u64> {
    let bits = 12 + 9 * levels + if wide { 2 } else { 0 };
    if wide && addr >> bits != 0 {
        return None;
    }
    if !wide && ((addr as i64) << (64 - bits) >> (64 - bits)) as u64 != addr {
        return None;
    }
    let mut table = root;
    for level in (0..levels).rev() {
        let shift = 12 + 9 * level;
        let width = if wide && level == levels - 1 { 11 } else { 9 };
        let index = addr >> shift & ((1 << width) - 1);
        let pte = m.read(at(table + index * 8)?);
        let page = (pte >> 10 & 0xfff_ffff_ffff) << 12;
        if pte & 1 == 0 {
            return None;
        }
        if pte & 0b1110 != 0 {
            // Readable, user, accessed; and a superpage must be aligned.
            let fine = pte & 0b101_0010 == 0b101_0010 && page & ((1 << shift) - 1) == 0;
            return fine.then_some(page | addr & ((1 << shift) - 1));
        }
        assert_eq!(pte & !(0xfff_ffff_ffff << 10), 1, "pointer with stray bits: {pte:#x}");
        table = page;
    }
    None
}

/// Translates as the IOMMU would with this device context.
pub fn translate(m: &Mock, context: &[u64], iova: u64) -> Option<u64> {
    if context[0] & 1 == 0 {
        return None;
    }
    let root = |word: u64| (word & 0xfff_ffff_ffff) << 12;
    let levels = |word: u64| (word >> 60) as u32 - 5;
    let (hgatp, fsc) = (context[1], context[3]);
    let second = |addr: u64| match hgatp >> 60 {
        0 => Some(addr),
        _ => {
            assert_eq!(root(hgatp) % 0x4000, 0, "root not aligned to 16 KiB");
            stage(m, root(hgatp), levels(hgatp), true, addr, &Some)
        }
    };
    let guest = match fsc >> 60 {
        0 => iova,
        _ => stage(m, root(fsc), levels(fsc), false, iova, &second)?,
    };
    second(guest)
}
