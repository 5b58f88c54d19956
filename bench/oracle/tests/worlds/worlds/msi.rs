// SPDX-License-Identifier: Apache-2.0
//! MSI page tables.

use super::*;

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

pub fn msi_table() -> World {
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

pub fn msi_context() -> World {
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

/// One device whose MSI page table is on or off.
fn switched(name: &'static str) -> World {
    let tables = [("F0", root(FLAT, 0, F0)), ("Off", 0)];
    guest_with_files(name, &[("G0", root(SV39, 0, G0))], &tables, &[("file", FILE >> 12)])
        .fixed("F0[0]", F0, msi(A))
        .fixed("F0[0] high", F0 + 8, 0)
        .commands(&[Cmd::Ddt(Some(1)), gvma(Some(0), Some(FILE >> 12)), gvma(Some(0), Some((FILE >> 12) + 1))])
        .pages(&[A, C])
        .depth(4, 6)
}

/// The table goes out of the context, and what was translated by it is found under the GSCID.
pub fn msi_switched() -> World {
    let mut world = switched("MSI page table switched off and on");
    world.promises = vec![Promise::Hitless];
    world
}

/// The same beside no operation, until the scenario ends.
pub fn msi_never_told() -> World {
    let mut world = switched("MSI page table switched, and never told");
    world.rests = true;
    world
}

/// An interrupt file behind a first stage: two pages lead to it, one of them later.
pub fn msi_by_tags() -> World {
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
        .depth(4, 5)
}
