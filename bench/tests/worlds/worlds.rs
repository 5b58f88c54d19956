//! The toy worlds, each around one thing that can change.

use crate::trace::{Cmd, FenceKind, Promise};
use crate::world::{A, B, C, World, guest_vma, gvma, leaf, nl, range, root, table, vma};

/// First-stage root tables.
const R0: u64 = 0x12_0000_0000;
const R1: u64 = 0x12_0000_1000;
/// Tables of the level below.
const M0: u64 = 0x12_0000_2000;
const M1: u64 = 0x12_0000_3000;
/// Tables of the last level.
const T0: u64 = 0x12_0000_4000;
const T1: u64 = 0x12_0000_5000;
/// Second-stage root tables, 16 KiB each.
const G0: u64 = 0x13_0000_0000;
const G1: u64 = 0x13_0000_4000;
/// Tables of the levels below.
const H0: u64 = 0x13_0000_8000;
const H1: u64 = 0x13_0000_9000;
const K0: u64 = 0x13_0000_A000;
const K1: u64 = 0x13_0000_B000;
/// MSI page tables.
const F0: u64 = 0x14_0000_0000;
const F1: u64 = 0x14_0000_1000;
/// Process directories.
const D0: u64 = 0x15_0000_0000;
const D1: u64 = 0x15_0000_1000;

const SV39: u64 = 8;
const V: u64 = 1;
const PDTV: u64 = 1 << 5;
const G: u64 = 1 << 5;

/// PSCID as `ta` has it; in a process context with V.
const fn pscid(pscid: u64) -> u64 {
    pscid << 12
}

/// All worlds.
pub fn all() -> Vec<World> {
    vec![
        first_leaf(),
        first_unread(),
        first_fences(),
        first_rights(),
        first_split_fences(),
        first_offers(),
        first_stop(),
        first_pointer(),
        first_superpage(),
        first_range(),
        first_global(),
        first_global_processes(),
        first_context(),
        bare_unread(),
        first_tags(),
        first_two_devices(),
        first_rounds(),
        second_leaf(),
        second_pointer(),
        second_context(),
        second_superpage(),
        nested_leaf(),
        nested_context(),
        nested_pointer(),
        nested_directory(),
        first_by_tags(),
        second_by_tags(),
        msi_table(),
        msi_context(),
        msi_by_tags(),
        process_context(),
        process_directory(),
        effective_leaf(),
        hitless_leaf(),
        hitless_context(),
        hitless_pair(),
    ]
}

/// A host device with a first stage that never changes above the last level.
fn first(world: World, device: u32, root_table: u64) -> World {
    let fsc = root(SV39, 0, root_table);
    world.context(device, [&[("V", V)], &[], &[("P0", pscid(0))], &[("R0", fsc)], &[], &[], &[]])
}

/// Root R0, then M0, then T0.
fn tables(world: World) -> World {
    world.fixed("R0[0]", R0, table(M0)).fixed("M0[0]", M0, table(T0))
}

const LEAVES: &[(&str, u64)] = &[("A", leaf(A)), ("0", 0), ("B", leaf(B))];

fn first_leaf() -> World {
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
fn first_unread() -> World {
    let mut world = tables(first(World::new("first-stage leaf, unread"), 1, R0))
        .word("T0[1]", T0 + 8, LEAVES)
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A, B])
        .depth(4, 7);
    world.warm = false;
    world
}

fn first_fences() -> World {
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
fn first_rights() -> World {
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

fn first_split_fences() -> World {
    let mut world = tables(first(World::new("fences that take their time"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("0", 0)])
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(Some(0), None)])
        .pages(&[A])
        .depth(4, 8);
    world.prompt = false;
    world
}

fn first_offers() -> World {
    let mut world = tables(first(World::new("offers"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("0", 0)])
        .request(1, None, 1, false)
        .commands(&[vma(None, None)])
        .pages(&[A])
        .depth(4, 8);
    world.offers = true;
    world
}

fn first_stop() -> World {
    let mut world = tables(first(World::new("a stop of the queue"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A", leaf(A)), ("0", 0)])
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(Some(1), None)])
        .pages(&[A])
        .depth(4, 8);
    world.stops = true;
    world
}

fn first_pointer() -> World {
    first(World::new("first-stage pointer"), 1, R0)
        .fixed("R0[0]", R0, table(M0))
        .word("M0[0]", M0, &[("T0", table(T0)), ("0", 0), ("T1", table(T1))])
        .fixed("T0[1]", T0 + 8, leaf(A))
        .word("T1[1]", T1 + 8, &[("B", leaf(B)), ("C", leaf(C))])
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(None, Some(1)), nl(vma(None, Some(1))), nl(vma(None, Some(0x201)))])
        .pages(&[A, B, C])
        .depth(4, 6)
}

/// A superpage of 2 MiB over a table.
fn first_superpage() -> World {
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
fn first_range() -> World {
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

fn first_global() -> World {
    tables(first(World::new("global mappings"), 1, R0))
        .word("T0[1]", T0 + 8, &[("A|G", leaf(A) | G), ("0", 0), ("B", leaf(B)), ("B|G", leaf(B) | G)])
        .request(1, None, 1, false)
        .commands(&[vma(None, None), vma(Some(0), None), vma(Some(0), Some(1)), vma(None, Some(1))])
        .pages(&[A, B])
        .depth(4, 6)
}

/// Two processes, for both of which a global mapping counts.
fn first_global_processes() -> World {
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

/// A second tree, from R1 over M1 to T1, beside the first one.
fn other_tree(world: World) -> World {
    world.fixed("R1[0]", R1, table(M1)).fixed("M1[0]", M1, table(T1)).word("T1[1]", T1 + 8, &[("C", leaf(C)), ("0", 0)])
}

fn first_context() -> World {
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

/// A context without tags, of which the device has read nothing.
fn bare_unread() -> World {
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

fn first_tags() -> World {
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
fn first_two_devices() -> World {
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
fn first_rounds() -> World {
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

/// Guest addresses: of data; of a page table; both in a gigabyte of their own.
const DATA: u64 = 0x4000_0000;
const TABLES: u64 = 0;

/// A device with a second stage alone.
fn second(world: World, iohgatp: &[(&'static str, u64)]) -> World {
    world.context(1, [&[("V", V)], iohgatp, &[], &[], &[], &[], &[]])
}

fn second_leaf() -> World {
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

fn second_pointer() -> World {
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

fn second_context() -> World {
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

fn second_superpage() -> World {
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

/// A guest whose tables lie in its first gigabyte, which the second stage maps as a whole.
fn nested(world: World, fsc: &[(&'static str, u64)]) -> World {
    world
        .context(1, [&[("V", V)], &[("G0", root(SV39, 0, G0))], &[("P0", pscid(0))], fsc, &[], &[], &[]])
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("H0[0]", H0, table(K0))
}

/// Where the second stage puts the tables of the guest.
const HERE: u64 = 0x30_0000_0000;
const THERE: u64 = 0x30_4000_0000;

fn nested_leaf() -> World {
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
fn nested_context() -> World {
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
fn nested_pointer() -> World {
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
fn nested_directory() -> World {
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

/// A root that goes out of the context, and a page that comes in below it afterwards.
fn first_by_tags() -> World {
    let fsc = [("R0", root(SV39, 0, R0)), ("R1", root(SV39, 0, R1))];
    let world = World::new("first-stage entries by their tags, unread");
    let world = world.context(1, [&[("V", V)], &[], &[("P0", pscid(0))], &fsc, &[], &[], &[]]);
    let mut world = other_tree(tables(world))
        .word("T0[1]", T0 + 8, &[("0", 0), ("A", leaf(A))])
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), vma(None, None), vma(None, Some(1))])
        .pages(&[A, C])
        .depth(4, 7);
    world.warm = false;
    world
}

/// The same for a second stage.
fn second_by_tags() -> World {
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
        .depth(4, 7);
    world.warm = false;
    world
}

const FLAT: u64 = 1;
/// Where the interrupt file of the guest is, for it.
const FILE: u64 = DATA + 0x5000;

fn msi(path: u64) -> u64 {
    path >> 2 | 7
}

fn guest_with_files(
    name: &'static str,
    iohgatp: &[(&'static str, u64)],
    tables: &[(&'static str, u64)],
    pattern: &[(&'static str, u64)],
) -> World {
    let mut world = World::new(name);
    world.extended = true;
    world
        .context(1, [&[("V", V)], iohgatp, &[], &[], tables, &[("0", 0)], pattern])
        .fixed("G0[1]", G0 + 8, table(H0))
        .fixed("H0[0]", H0, table(K0))
        .fixed("K0[5]", K0 + 40, leaf(C))
        .request(1, None, FILE >> 12, true)
}

fn msi_table() -> World {
    let guests = [("G0", root(SV39, 0, G0)), ("G0 tag 1", root(SV39, 1, G0))];
    guest_with_files("MSI page table", &guests, &[("F0", root(FLAT, 0, F0))], &[("file", FILE >> 12)])
        .word("F0[0]", F0, &[("A", msi(A)), ("0", 0), ("B", msi(B))])
        .fixed("F0[0] high", F0 + 8, 0)
        .commands(&[
            gvma(None, None),
            gvma(Some(0), None),
            gvma(Some(0), Some(FILE >> 12)),
            gvma(Some(0), Some((FILE >> 12) + 1)),
            guest_vma(0, None, None),
            Cmd::Ddt(Some(1)),
        ])
        .pages(&[A, B, C])
        .depth(4, 5)
}

fn msi_context() -> World {
    let tables = [("F0", root(FLAT, 0, F0)), ("F1", root(FLAT, 0, F1)), ("Off", 0)];
    let patterns = [("file", FILE >> 12), ("elsewhere", (FILE >> 12) + 1)];
    guest_with_files("MSI window and table", &[("G0", root(SV39, 0, G0))], &tables, &patterns)
        .fixed("F0[0]", F0, msi(A))
        .fixed("F0[0] high", F0 + 8, 0)
        .fixed("F1[0]", F1, msi(B))
        .fixed("F1[0] high", F1 + 8, 0)
        .commands(&[Cmd::Ddt(Some(1)), gvma(Some(0), None)])
        .pages(&[A, B, C])
        .depth(5, 6)
}

/// An interrupt file behind a first stage: two pages lead to it, one of them later.
fn msi_by_tags() -> World {
    let mut world = World::new("MSI entries by their tags, unread");
    (world.extended, world.warm) = (true, false);
    let (fsc, tables) =
        ([("R0", root(SV39, 0, TABLES + 0x1000))], [("F0", root(FLAT, 0, F0)), ("F1", root(FLAT, 0, F1))]);
    let file = [("file", FILE >> 12)];
    world
        .context(1, [&[("V", V)], &[("G0", root(SV39, 0, G0))], &[], &fsc, &tables, &[("0", 0)], &file])
        .fixed("G0[0]", G0, leaf(HERE))
        .fixed("r0[0]", HERE + 0x1000, table(TABLES + 0x2000))
        .fixed("m0[0]", HERE + 0x2000, table(TABLES + 0x3000))
        .word("t0[1]", HERE + 0x3008, &[("0", 0), ("file", leaf(FILE))])
        .fixed("t0[2]", HERE + 0x3010, leaf(FILE))
        .fixed("F0[0]", F0, msi(A))
        .fixed("F0[0] high", F0 + 8, 0)
        .fixed("F1[0]", F1, msi(B))
        .fixed("F1[0] high", F1 + 8, 0)
        .request(1, None, 1, true)
        .request(1, None, 2, true)
        .commands(&[Cmd::Ddt(Some(1)), gvma(Some(0), None), guest_vma(0, None, None)])
        .pages(&[A, B])
        .depth(4, 6)
}

/// A device with a process directory in D0, and two processes.
fn with_processes(name: &'static str, directories: &[(&'static str, u64)]) -> World {
    World::new(name).context(1, [&[("V PDTV", V | PDTV)], &[], &[], directories, &[], &[], &[]])
}

fn process_context() -> World {
    let world = with_processes("process context", &[("D0", root(1, 0, D0))]);
    tables(world)
        .word("pc0.ta", D0, &[("P0", V | pscid(0)), ("0", 0), ("P1", V | pscid(1))])
        .word("pc0.fsc", D0 + 8, &[("R0", root(SV39, 0, R0)), ("R1", root(SV39, 0, R1))])
        .fixed("T0[1]", T0 + 8, leaf(A))
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, Some(0), 1, false)
        .commands(&[Cmd::Pdt(1, 0), Cmd::Pdt(1, 1), Cmd::Pdt(2, 0), Cmd::Ddt(Some(1)), vma(Some(0), None)])
        .pages(&[A, C])
        .depth(4, 6)
}

fn process_directory() -> World {
    let directories = [("D0", root(1, 0, D0)), ("D1", root(1, 0, D1))];
    let world = with_processes("process directory", &directories);
    tables(world)
        .word("D0.pc0.ta", D0, &[("P0", V | pscid(0)), ("0", 0)])
        .fixed("D0.pc0.fsc", D0 + 8, root(SV39, 0, R0))
        .fixed("D1.pc0.ta", D1, V | pscid(0))
        .fixed("D1.pc0.fsc", D1 + 8, root(SV39, 0, R1))
        .fixed("T0[1]", T0 + 8, leaf(A))
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, Some(0), 1, false)
        .commands(&[Cmd::Pdt(1, 0), Cmd::Ddt(Some(1)), vma(Some(0), None)])
        .pages(&[A, C])
        .depth(4, 6)
}

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

fn effective_leaf() -> World {
    changed_leaf("effective change of a leaf", Promise::Effective)
}

fn hitless_leaf() -> World {
    changed_leaf("hitless change of a leaf", Promise::Hitless)
}

fn hitless_context() -> World {
    let fsc = [("R0", root(SV39, 0, R0)), ("R1", root(SV39, 0, R1))];
    let world = World::new("hitless change of a root");
    let world = world.context(1, [&[("V", V), ("0", 0)], &[], &[("P0", pscid(0))], &fsc, &[], &[], &[]]);
    let mut world = tables(world)
        .fixed("T0[1]", T0 + 8, leaf(A))
        .fixed("R1[0]", R1, table(M1))
        .fixed("M1[0]", M1, table(T1))
        .fixed("T1[1]", T1 + 8, leaf(C))
        .request(1, None, 1, false)
        .commands(&[Cmd::Ddt(Some(1)), vma(Some(0), None)])
        .pages(&[A, C])
        .depth(4, 7);
    world.promises = vec![Promise::Effective, Promise::Hitless];
    world
}

/// Two words that only together make sense.
fn hitless_pair() -> World {
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
