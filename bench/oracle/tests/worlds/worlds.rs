// SPDX-License-Identifier: Apache-2.0
//! The toy worlds, each around one thing that can change.

mod contexts;
mod leaf;
mod msi;
mod nested;
mod operations;
mod processes;
mod second;
mod tables;

use crate::trace::{Cmd, FenceKind, Promise};
use crate::world::{A, B, C, PAS, World, guest_vma, gvma, leaf, nl, range, root, table, vma};

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
        leaf::first_leaf(),
        leaf::first_unread(),
        leaf::first_fences(),
        leaf::first_rights(),
        leaf::first_split_fences(),
        leaf::first_wide(),
        leaf::first_offers(),
        leaf::first_stop(),
        tables::first_pointer(),
        tables::first_superpage(),
        tables::first_range(),
        tables::first_global(),
        tables::first_global_processes(),
        contexts::first_context(),
        contexts::old_root(),
        contexts::bare_unread(),
        contexts::first_tags(),
        contexts::first_two_devices(),
        contexts::first_rounds(),
        second::second_leaf(),
        second::second_pointer(),
        second::second_context(),
        second::second_superpage(),
        nested::nested_leaf(),
        nested::nested_context(),
        nested::nested_pointer(),
        nested::nested_directory(),
        nested::nested_operations(),
        contexts::first_by_tags(),
        second::second_by_tags(),
        msi::msi_table(),
        msi::msi_context(),
        msi::msi_by_tags(),
        msi::msi_switched(),
        msi::msi_never_told(),
        processes::process_context(),
        processes::process_directory(),
        operations::effective_leaf(),
        operations::hitless_leaf(),
        operations::hitless_context(),
        operations::hitless_tags(),
        operations::hitless_pair(),
        operations::hitless_high_pointer(),
        operations::hitless_offers(),
        operations::hitless_off(),
        operations::hitless_beside_stores(),
        operations::given_up(),
        operations::never_told(),
        operations::pointer_never_told(),
        operations::root_never_told(),
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

/// A second tree, from R1 over M1 to T1, beside the first one.
fn other_tree(world: World) -> World {
    world.fixed("R1[0]", R1, table(M1)).fixed("M1[0]", M1, table(T1)).word("T1[1]", T1 + 8, &[("C", leaf(C)), ("0", 0)])
}

/// Guest addresses: of data; of a page table; both in a gigabyte of their own.
const DATA: u64 = 0x4000_0000;
const TABLES: u64 = 0;

/// A device with a second stage alone.
fn second(world: World, iohgatp: &[(&'static str, u64)]) -> World {
    world.context(1, [&[("V", V)], iohgatp, &[], &[], &[], &[], &[]])
}

/// Where the second stage puts the tables of the guest.
const HERE: u64 = 0x30_0000_0000;
const THERE: u64 = 0x30_4000_0000;
