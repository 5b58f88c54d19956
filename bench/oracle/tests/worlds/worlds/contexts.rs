// SPDX-License-Identifier: Apache-2.0
//! Device contexts that name a first stage.

use super::*;

pub fn first_context() -> World {
    let (zero, one) = (root(SV39, 0, R0), root(SV39, 0, R1));
    let fsc = [("R0", zero), ("R1", one), ("Bare", 0)];
    let world = World::new("root of a first stage");
    let world = world.context(1, [&[("V", V), ("0", 0)], &[], &[("P0", pscid(0))], &fsc, &[], &[], &[]]);
    other_tree(tables(world).fixed("T0[1]", T0 + 8, leaf(A)))
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), Cmd::Ddt(Some(2)), Cmd::Ddt(None), vma(Some(0), None), vma(None, Some(1))])
        .pages(&[A, C, 0x1000])
        .depth(4, 6)
}

/// The root alone changes, and few commands drop what hung below the old one.
pub fn old_root() -> World {
    let fsc = [("R0", root(SV39, 0, R0)), ("R1", root(SV39, 0, R1))];
    let world = World::new("old root");
    let world = world.context(1, [&[("V", V)], &[], &[("P0", pscid(0))], &fsc, &[], &[], &[]]);
    tables(world)
        .fixed("T0[1]", T0 + 8, leaf(A))
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), vma(Some(0), None), nl(vma(None, Some(1)))])
        .pages(&[A, C])
        .depth(4, 7)
}

/// A context without tags, of which the device has read nothing.
pub fn bare_unread() -> World {
    let world = World::new("Bare context, unread");
    let fsc = [("Bare", 0), ("R0", root(SV39, 0, R0))];
    let world = world.context(1, [&[("V", V), ("0", 0)], &[], &[("P0", pscid(0))], &fsc, &[], &[], &[]]);
    let mut world = tables(world)
        .fixed("T0[1]", T0 + 8, leaf(A))
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), vma(None, None)])
        .pages(&[A, 0x1000])
        .depth(4, 6);
    world.warm = false;
    world
}

pub fn first_tags() -> World {
    let fsc = [("R0", root(SV39, 0, R0)), ("R1", root(SV39, 0, R1))];
    let world = World::new("PSCID");
    let ta = [("P0", pscid(0)), ("P1", pscid(1))];
    let world = world.context(1, [&[("V", V)], &[], &ta, &fsc, &[], &[], &[]]);
    tables(world)
        .fixed("T0[1]", T0 + 8, leaf(A))
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), vma(Some(0), None), vma(Some(1), None)])
        .pages(&[A, C])
        .depth(4, 7)
}

/// Two devices with one PSCID, and different tables under it.
pub fn first_two_devices() -> World {
    let fsc = root(SV39, 0, R1);
    let ta = [("P0", pscid(0)), ("P1", pscid(1))];
    let world = first(World::new("two devices"), 1, R0);
    let world = world.context(2, [&[("V", V)], &[], &ta, &[("R1", fsc)], &[], &[], &[]]);
    tables(world)
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("0", 0)])
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .request(2, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), Cmd::Ddt(Some(2)), vma(Some(0), None), vma(Some(1), None)])
        .pages(&[A, C])
        .depth(4, 6)
}

/// Two requests, one after the other.
pub fn first_rounds() -> World {
    let fsc = [("R0", root(SV39, 0, R0)), ("R1", root(SV39, 0, R1))];
    let world = World::new("two requests");
    let world = world.context(1, [&[("V", V)], &[], &[("P0", pscid(0))], &fsc, &[], &[], &[]]);
    let mut world = tables(world)
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("0", 0)])
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), vma(None, None)])
        .pages(&[A, C])
        .depth(4, 7);
    world.rounds = 2;
    world
}

/// A root that goes out of the context, and a page that comes in below it afterwards.
pub fn first_by_tags() -> World {
    let fsc = [("R0", root(SV39, 0, R0)), ("R1", root(SV39, 0, R1))];
    let world = World::new("first-stage entries by their tags, unread");
    let world = world.context(1, [&[("V", V)], &[], &[("P0", pscid(0))], &fsc, &[], &[], &[]]);
    let mut world = other_tree(tables(world))
        .word("T0[1]", T0 + 8, &[("0", 0), ("A", leaf(A))])
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), vma(None, None), vma(None, Some(1))])
        .pages(&[A, C])
        .depth(4, 6);
    world.warm = false;
    world
}
