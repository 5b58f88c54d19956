// SPDX-License-Identifier: Apache-2.0
//! One entry of a first stage, and when it may be used.

use super::*;

pub fn first_leaf() -> World {
    tables(first(World::new("first-stage leaf"), 1, R0))
        .word("T0[1]", T0 + 8, LEAVES)
        .request(1, None, 1, false)
        .commands(&[
            vma(None, None),
            vma(Some(0), None),
            vma(Some(1), None),
            vma(None, Some(1)),
            vma(None, Some(2)),
            vma(Some(0), Some(1)),
            guest_vma(0, None, None),
            gvma(None, None),
            Cmd::Ddt(None),
        ])
        .pages(&[A, B])
        .depth(4, 6)
}

/// The device has read nothing that can change.
pub fn first_unread() -> World {
    let mut world = tables(first(World::new("first-stage leaf, unread"), 1, R0))
        .word("T0[1]", T0 + 8, LEAVES)
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A, B])
        .depth(4, 7);
    world.warm = false;
    world
}

pub fn first_fences() -> World {
    let mut world = tables(first(World::new("kinds of fences"), 1, R0))
        .word("T0[1]", T0 + 8, LEAVES)
        .request(1, None, 1, false)
        .request(1, None, 1, true)
        .commands(&[vma(None, None)])
        .pages(&[A, B])
        .depth(4, 7);
    let kind = |pr, pw| FenceKind { pr, pw };
    world.fences = vec![kind(false, false), kind(true, false), kind(false, true)];
    world
}

/// Entries that allow only reads: a write is refused by a valid entry, which may be stale.
pub fn first_rights() -> World {
    let mut world = tables(first(World::new("rights"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A read-only", leaf(A) & !4), ("B", leaf(B))])
        .request(1, None, 1, true)
        .commands(&[vma(None, None)])
        .pages(&[A, B])
        .depth(4, 7);
    let kind = |pr, pw| FenceKind { pr, pw };
    world.fences = vec![kind(false, false), kind(true, false), kind(false, true)];
    world
}

pub fn first_split_fences() -> World {
    let mut world = tables(first(World::new("fences that take their time"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("0", 0)])
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(Some(0), None)])
        .pages(&[A])
        .depth(4, 8);
    world.prompt = false;
    world
}

/// A page that lies beyond physical addresses.
pub fn first_wide() -> World {
    const WIDE: u64 = 1 << PAS;
    tables(first(World::new("wide address"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("wide", leaf(WIDE))])
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A, WIDE])
        .depth(4, 7)
}

pub fn first_offers() -> World {
    let mut world = tables(first(World::new("offers"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("0", 0)])
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A])
        .depth(4, 8);
    world.offers = true;
    world
}

pub fn first_stop() -> World {
    let mut world = tables(first(World::new("a stop of the queue"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("0", 0)])
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(Some(1), None)])
        .pages(&[A])
        .depth(4, 8);
    world.stops = true;
    world
}
