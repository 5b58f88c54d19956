// SPDX-License-Identifier: Apache-2.0
//! A second stage alone.

use super::*;

pub fn second_leaf() -> World {
    second(World::new("second-stage leaf"), &[("G0", root(SV39, 0, G0))])
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("H0[0]", H0, table(K0))
        .word("K0[1]", K0 + 8, LEAVES)
        .request(1, None, (DATA >> 12) + 1, false)
        .commands(&[
            gvma(None, None),
            gvma(Some(0), None),
            gvma(Some(1), None),
            gvma(Some(0), Some((DATA >> 12) + 1)),
            gvma(Some(0), Some((DATA >> 12) + 2)),
            guest_vma(0, None, None),
            vma(None, None),
            Cmd::Ddt(None),
        ])
        .pages(&[A, B])
        .depth(4, 6)
}

pub fn second_pointer() -> World {
    second(World::new("second-stage pointer"), &[("G0", root(SV39, 0, G0))])
        .fixed("G0[1]", G0 + 8, table(H0))
        .word("H0[0]", H0, &[("K0", table(K0)), ("0", 0), ("K1", table(K1))])
        .fixed("K0[1]", K0 + 8, leaf(A))
        .word("K1[1]", K1 + 8, &[("B", leaf(B)), ("C", leaf(C))])
        .request(1, None, (DATA >> 12) + 1, false)
        .commands(&[
            gvma(Some(0), None),
            gvma(Some(0), Some((DATA >> 12) + 1)),
            nl(gvma(Some(0), Some((DATA >> 12) + 1))),
            nl(gvma(Some(0), Some((DATA >> 12) + 0x201))),
        ])
        .pages(&[A, B, C])
        .depth(4, 6)
}

pub fn second_context() -> World {
    let roots = [("G0", root(SV39, 0, G0)), ("G1", root(SV39, 0, G1)), ("G1 tag 1", root(SV39, 1, G1)), ("Bare", 0)];
    second(World::new("root and tag of a second stage"), &roots)
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("H0[0]", H0, table(K0))
        .fixed("K0[1]", K0 + 8, leaf(A))
        .fixed("G1[1]", G1 + 8, table(H1))
        .fixed("H1[0]", H1, table(K1))
        .fixed("K1[1]", K1 + 8, leaf(C))
        .request(1, None, (DATA >> 12) + 1, false)
        .commands(&[Cmd::Ddt(Some(1)), gvma(None, None), gvma(Some(0), None), gvma(Some(1), None)])
        .pages(&[A, C, DATA + 0x1000])
        .depth(4, 6)
}

pub fn second_superpage() -> World {
    second(World::new("second-stage superpage"), &[("G0", root(SV39, 0, G0))])
        .fixed("G0[1]", G0 + 8, table(H0))
        .word("H0[0]", H0, &[("2M", leaf(B)), ("K0", table(K0)), ("0", 0)])
        .fixed("K0[1]", K0 + 8, leaf(A))
        .request(1, None, (DATA >> 12) + 1, false)
        .commands(&[
            gvma(Some(0), Some((DATA >> 12) + 1)),
            gvma(Some(0), Some((DATA >> 12) + 0x1FF)),
            gvma(Some(0), Some((DATA >> 12) + 0x200)),
        ])
        .pages(&[A, B + 0x1000])
        .depth(4, 6)
}

/// The same for a second stage.
pub fn second_by_tags() -> World {
    let roots = [("G0", root(SV39, 0, G0)), ("G1", root(SV39, 0, G1))];
    let mut world = second(World::new("second-stage entries by their tags, unread"), &roots)
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("H0[0]", H0, table(K0))
        .word("K0[1]", K0 + 8, &[("0", 0), ("A", leaf(A))])
        .fixed("G1[1]", G1 + 8, table(H1))
        .fixed("H1[0]", H1, table(K1))
        .fixed("K1[1]", K1 + 8, leaf(C))
        .request(1, None, (DATA >> 12) + 1, false)
        .commands(&[Cmd::Ddt(Some(1)), gvma(Some(0), None)])
        .pages(&[A, C])
        .depth(4, 6);
    world.warm = false;
    world
}
