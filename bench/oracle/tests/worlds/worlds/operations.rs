// SPDX-License-Identifier: Apache-2.0
//! Software that changes something in operations, with promises.

use super::*;

/// An operation that changes a page.
fn changed_leaf(name: &'static str, promise: Promise) -> World {
    let mut world = tables(first(World::new(name), 1, R0))
        .word("T0[1]", T0 + 8, LEAVES)
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A, B])
        .depth(4, 7);
    world.promises = vec![promise];
    world
}

pub fn effective_leaf() -> World {
    changed_leaf("effective change of a leaf", Promise::Effective)
}

pub fn hitless_leaf() -> World {
    changed_leaf("hitless change of a leaf", Promise::Hitless)
}

/// A request may be there long before an operation begins.
pub fn hitless_offers() -> World {
    let mut world = changed_leaf("hitless change of a leaf, offers", Promise::Hitless);
    world.offers = true;
    world
}

/// A hitless change of a pointer beside stores that belong to no operation: what these left stale is not its business.
pub fn hitless_beside_stores() -> World {
    let mut world = first(World::new("hitless change beside stores"), 1, R0)
        .fixed("R0[0]", R0, table(M0))
        .word("M0[0]", M0, &[("T0", table(T0)), ("T1", table(T1))])
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("B", leaf(B))])
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A, B, C])
        .depth(4, 6);
    world.promises = vec![Promise::Hitless];
    world.loose = true;
    world
}

/// Pages that software gives up.
pub fn given_up() -> World {
    let mut world = tables(first(World::new("memory given up"), 1, R0))
        .word("T0[1]", T0 + 8, &LEAVES[..2])
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A])
        .depth(4, 7);
    world.frees = vec![A];
    world
}

/// The scenario ends.
pub fn never_told() -> World {
    let mut world = tables(first(World::new("a change that is never invalidated"), 1, R0))
        .word("T0[1]", T0 + 8, LEAVES)
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(Some(1), None)])
        .pages(&[A, B])
        .depth(4, 6);
    world.rests = true;
    world
}

/// Root R0 leads to page A, root R1 to page C. Which of them counts, the context says.
fn between_roots(world: World) -> World {
    tables(world)
        .fixed("T0[1]", T0 + 8, leaf(A))
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
}

/// What `fsc` may be for these.
const ROOTS: [(&str, u64); 2] = [("R0", root(SV39, 0, R0)), ("R1", root(SV39, 0, R1))];

pub fn hitless_context() -> World {
    let world = World::new("hitless change of a root");
    let world = world.context(1, [&[("V", V), ("0", 0)], &[], &[("P0", pscid(0))], &ROOTS, &[], &[], &[]]);
    let mut world = between_roots(world).commands(&[Cmd::Ddt(Some(1)), vma(Some(0), None)]).pages(&[A, C]).depth(4, 6);
    world.promises = vec![Promise::Effective, Promise::Hitless];
    world
}

/// A tag and a root: with one of them changed requests still come out as before.
pub fn hitless_tags() -> World {
    let world = World::new("hitless change of a tag and a root");
    let world = world.context(1, [&[("V", V)], &[], &[("P0", pscid(0)), ("P1", pscid(1))], &ROOTS, &[], &[], &[]]);
    let mut world = between_roots(world).commands(&[Cmd::Ddt(Some(1)), vma(None, None)]).pages(&[A, C]).depth(3, 5);
    world.promises = vec![Promise::Hitless];
    world
}

/// The same, and the directory may be off by the time at which a request is judged.
pub fn hitless_off() -> World {
    let mut world = hitless_tags().depth(4, 5);
    world.name = "hitless change, the directory off";
    world.turns_off = true;
    world
}

/// Two words that only together make sense.
pub fn hitless_pair() -> World {
    let mut world = first(World::new("hitless change of two words"), 1, R0)
        .fixed("R0[0]", R0, table(M0))
        .word("M0[0]", M0, &[("T0", table(T0)), ("T1", table(T1))])
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("B", leaf(B))])
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A, B, C])
        .depth(4, 7);
    world.promises = vec![Promise::Hitless];
    world
}

/// A pointer two levels above the leaf.
pub fn hitless_high_pointer() -> World {
    let world = first(World::new("hitless change of a high pointer"), 1, R0);
    let mut world = world
        .word("R0[0]", R0, &[("M0", table(M0)), ("M1", table(M1))])
        .fixed("M0[0]", M0, table(T0))
        .fixed("T0[1]", T0 + 8, leaf(A))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(None, Some(1))])
        .pages(&[A, C])
        .depth(4, 6);
    world.promises = vec![Promise::Effective];
    world
}

/// The scenario ends, and a pointer was changed.
pub fn pointer_never_told() -> World {
    let mut world = first(World::new("a pointer that is never invalidated"), 1, R0)
        .fixed("R0[0]", R0, table(M0))
        .word("M0[0]", M0, &[("T0", table(T0)), ("T1", table(T1))])
        .fixed("T0[1]", T0 + 8, leaf(A))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(None, Some(1)), nl(vma(None, Some(1)))])
        .pages(&[A, C])
        .depth(4, 6);
    world.rests = true;
    world
}

/// The scenario ends, and a root was changed.
pub fn root_never_told() -> World {
    let world = World::new("a root that is never invalidated");
    let world = world.context(1, [&[("V", V)], &[], &[("P0", pscid(0))], &ROOTS, &[], &[], &[]]);
    let mut world = between_roots(world).commands(&[Cmd::Ddt(Some(1)), vma(Some(0), None)]).pages(&[A, C]).depth(4, 6);
    world.rests = true;
    world
}
