// SPDX-License-Identifier: Apache-2.0
//! Pointers, superpages, ranges and global mappings of a first stage.

use super::*;

pub fn first_pointer() -> World {
    first(World::new("first-stage pointer"), 1, R0)
        .fixed("R0[0]", R0, table(M0))
        .word("M0[0]", M0, &[("T0", table(T0)), ("0", 0), ("T1", table(T1))])
        .fixed("T0[1]", T0 + 8, leaf(A))
        .word("T1[1]", T1 + 8, &[("B", leaf(B)), ("C", leaf(C))])
        .request(1, None, 1, false)
        .commands(&[
            vma(None, None),
            vma(None, Some(1)),
            nl(vma(None, Some(1))),
            nl(vma(None, Some(2))),
            nl(vma(None, Some(0x201))),
        ])
        .pages(&[A, B, C])
        .depth(4, 6)
}

/// A superpage of 2 MiB over a table.
pub fn first_superpage() -> World {
    first(World::new("first-stage superpage"), 1, R0)
        .fixed("R0[0]", R0, table(M0))
        .word("M0[0]", M0, &[("2M", leaf(B)), ("T0", table(T0)), ("0", 0)])
        .fixed("T0[1]", T0 + 8, leaf(A))
        .request(1, None, 1, false)
        .commands(&[vma(None, Some(1)), vma(None, Some(0x1FF)), vma(None, Some(0x200)), nl(vma(None, Some(0x1FF)))])
        .pages(&[A, B + 0x1000])
        .depth(4, 6)
}

/// Ranges: 2 pages around page 1, and 4 pages that end before it.
pub fn first_range() -> World {
    tables(first(World::new("ranges"), 1, R0))
        .word("T0[1]", T0 + 8, LEAVES)
        .request(1, None, 1, false)
        .commands(&[
            range(vma(None, Some(0))),
            range(vma(None, Some(0b1))),
            range(vma(None, Some(0b101))),
            range(vma(None, Some(0b11))),
        ])
        .pages(&[A, B])
        .depth(4, 6)
}

pub fn first_global() -> World {
    tables(first(World::new("global mappings"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A|G", leaf(A) | G), ("0", 0), ("B", leaf(B)), ("B|G", leaf(B) | G)])
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(Some(0), None), vma(Some(0), Some(1)), vma(None, Some(1))])
        .pages(&[A, B])
        .depth(4, 6)
}

/// Two processes, for both of which a global mapping counts.
pub fn first_global_processes() -> World {
    let world = tables(first(World::new("global mappings of two processes"), 1, R0));
    let fsc = root(SV39, 0, R1);
    world
        .context(2, [&[("V", V)], &[], &[("P1", pscid(1))], &[("R1", fsc)], &[], &[], &[]])
        .word("T0[1]", T0 + 8, &[("A|G", leaf(A) | G), ("0", 0), ("B", leaf(B))])
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .request(2, None, 1, false)
        .commands(&[vma(None, None), vma(Some(0), None), vma(Some(1), None)])
        .pages(&[A, B, C])
        .depth(4, 6)
}
