// SPDX-License-Identifier: Apache-2.0
//! Both stages: the second one translates the tables of the first.

use super::*;

/// A guest whose tables lie in its first gigabyte, which the second stage maps as a whole.
fn nested(world: World, fsc: &[(&'static str, u64)]) -> World {
    world
        .context(1, [&[("V", V)], &[("G0", root(SV39, 0, G0))], &[("P0", pscid(0))], fsc, &[], &[], &[]])
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("H0[0]", H0, table(K0))
}

pub fn nested_leaf() -> World {
    nested(World::new("both stages, leaves"), &[("R0", root(SV39, 0, TABLES + 0x1000))])
        .fixed("G0[0]", G0, leaf(HERE))
        .fixed("r0[0]", HERE + 0x1000, table(TABLES + 0x2000))
        .fixed("m0[0]", HERE + 0x2000, table(TABLES + 0x3000))
        .word("t0[1]", HERE + 0x3008, &[("first", leaf(DATA + 0x1000)), ("0", 0), ("other", leaf(DATA + 0x2000))])
        .word("K0[1]", K0 + 8, &[("A", leaf(A)), ("0", 0)])
        .fixed("K0[2]", K0 + 16, leaf(B))
        .request(1, None, 1, false)
        .commands(&[
            guest_vma(0, None, None),
            guest_vma(1, None, None),
            vma(None, None),
            gvma(Some(0), None),
            gvma(Some(0), Some((DATA >> 12) + 1)),
            gvma(Some(0), Some((DATA >> 12) + 2)),
        ])
        .pages(&[A, B])
        .depth(4, 6)
}

/// The context of a guest changes its root: both roots lead through tables of their own.
pub fn nested_context() -> World {
    let fsc = [("R0", root(SV39, 0, TABLES + 0x1000)), ("R1", root(SV39, 0, TABLES + 0x4000)), ("Bare", 0)];
    let world = World::new("both stages, context");
    let ta = [("P0", pscid(0)), ("P1", pscid(1))];
    world
        .context(1, [&[("V", V)], &[("G0", root(SV39, 0, G0))], &ta, &fsc, &[], &[], &[]])
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("H0[0]", H0, table(K0))
        .fixed("G0[0]", G0, leaf(HERE))
        .fixed("r0[0]", HERE + 0x1000, table(TABLES + 0x2000))
        .fixed("m0[0]", HERE + 0x2000, table(TABLES + 0x3000))
        .fixed("t0[1]", HERE + 0x3008, leaf(DATA + 0x1000))
        .fixed("r1[0]", HERE + 0x4000, table(TABLES + 0x5000))
        .fixed("m1[0]", HERE + 0x5000, table(TABLES + 0x6000))
        .fixed("t1[1]", HERE + 0x6008, leaf(DATA + 0x2000))
        .fixed("K0[1]", K0 + 8, leaf(A))
        .fixed("K0[2]", K0 + 16, leaf(B))
        .fixed("second page of the first gigabyte", HERE + 0x1008, 0)
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), guest_vma(0, None, None), guest_vma(0, Some(0), None), gvma(Some(0), None)])
        .pages(&[A, B, HERE + 0x1000])
        .depth(4, 6)
}

/// The second stage moves the guest's tables, and with them what the context may hold translated. Where they lay there is
/// nothing.
pub fn nested_pointer() -> World {
    let mut world = nested(World::new("pointer held in a context"), &[("R0", root(SV39, 0, TABLES + 0x1000))])
        .word("G0[0]", G0, &[("here", leaf(HERE)), ("there", leaf(THERE))])
        .fixed("here r0[0]", HERE + 0x1000, 0)
        .fixed("there r0[0]", THERE + 0x1000, table(TABLES + 0x2000))
        .fixed("here m0[0]", HERE + 0x2000, 0)
        .fixed("there m0[0]", THERE + 0x2000, table(TABLES + 0x3000))
        .fixed("here t0[1]", HERE + 0x3008, 0)
        .fixed("there t0[1]", THERE + 0x3008, leaf(DATA + 0x2000))
        .fixed("K0[2]", K0 + 16, leaf(B))
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), gvma(Some(0), None), guest_vma(0, None, None)])
        .pages(&[B])
        .depth(4, 7);
    world.warm = false;
    world
}

/// The same for the process directory, and for the root that a process context names.
pub fn nested_directory() -> World {
    let directory = [("D0", root(1, 0, TABLES + 0x4000))];
    let mut world = World::new("pointer to a process directory")
        .context(1, [&[("V PDTV", V | PDTV)], &[("G0", root(SV39, 0, G0))], &[], &directory, &[], &[], &[]])
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("H0[0]", H0, table(K0))
        .word("G0[0]", G0, &[("here", leaf(HERE)), ("there", leaf(THERE))])
        .fixed("here pc0.ta", HERE + 0x4000, V)
        .fixed("here pc0.fsc", HERE + 0x4008, 0)
        .fixed("there pc0.ta", THERE + 0x4000, V)
        .fixed("there pc0.fsc", THERE + 0x4008, root(SV39, 0, TABLES + 0x1000))
        .fixed("here r0[0]", HERE + 0x1000, 0)
        .fixed("there r0[0]", THERE + 0x1000, table(TABLES + 0x2000))
        .fixed("here m0[0]", HERE + 0x2000, 0)
        .fixed("there m0[0]", THERE + 0x2000, table(TABLES + 0x3000))
        .fixed("here t0[1]", HERE + 0x3008, 0)
        .fixed("there t0[1]", THERE + 0x3008, leaf(DATA + 0x2000))
        .fixed("K0[2]", K0 + 16, leaf(B))
        .request(1, Some(0), 1, false)
        .commands(&[Cmd::Ddt(Some(1)), Cmd::Pdt(1, 0), gvma(Some(0), None), guest_vma(0, None, None)])
        .pages(&[B, HERE + 0x1000, THERE + 0x1000])
        .depth(4, 6);
    world.warm = false;
    world
}

/// Leaves of both stages change in operations, and so does a pointer of the second stage.
pub fn nested_operations() -> World {
    let fsc = [("R0", root(SV39, 0, TABLES + 0x1000))];
    let guest = [("G0", root(SV39, 0, G0))];
    let mut world = World::new("operations on both stages")
        .context(1, [&[("V", V)], &guest, &[("P0", pscid(0))], &fsc, &[], &[], &[]])
        .fixed("G0[0]", G0, leaf(HERE))
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("r0[0]", HERE + 0x1000, table(TABLES + 0x2000))
        .fixed("m0[0]", HERE + 0x2000, table(TABLES + 0x3000))
        .word("t0[1]", HERE + 0x3008, &[("first", leaf(DATA + 0x1000)), ("other", leaf(DATA + 0x2000))])
        .word("H0[0]", H0, &[("K0", table(K0)), ("K1", table(K1))])
        .fixed("K0[1]", K0 + 8, leaf(A))
        .fixed("K0[2]", K0 + 16, leaf(B))
        .fixed("K1[1]", K1 + 8, leaf(C))
        .fixed("K1[2]", K1 + 16, leaf(B))
        .request(1, None, 1, false)
        .commands(&[guest_vma(0, None, None), gvma(Some(0), None), gvma(Some(0), Some((DATA >> 12) + 1))])
        .pages(&[A, B, C])
        .depth(4, 6);
    world.promises = vec![Promise::Effective];
    world
}
