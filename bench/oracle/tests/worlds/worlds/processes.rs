// SPDX-License-Identifier: Apache-2.0
//! Process directories.

use super::*;

/// A device with a process directory in D0, and two processes.
fn with_processes(name: &'static str, directories: &[(&'static str, u64)]) -> World {
    World::new(name).context(1, [&[("V PDTV", V | PDTV)], &[], &[], directories, &[], &[], &[]])
}

pub fn process_context() -> World {
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

pub fn process_directory() -> World {
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
