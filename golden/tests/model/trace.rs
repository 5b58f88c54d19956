// SPDX-License-Identifier: Apache-2.0
//! What a trace looks like: it is evidence for people.

use golden::{Access, ProcessId, Request, Step, translate_traced};

use crate::support::{R, Scheme, U, W, World, all_capabilities, leaf};

#[test]
fn a_nested_walk_in_text() {
    let mut world = World::new(all_capabilities().with_msi_flat(false), Some(Scheme::SV39), Some(Scheme::SV39X4));
    world.map_second(0x4000_0000, leaf(0x8000_0000, R | W | U), 2);
    world.map_first(0x20_0000, leaf(0x4020_0000, R | U), 1);
    world.add_process(1, 3, 1 | 0x77 << 12);
    let process = Some(ProcessId(3));
    let mut text = |access| {
        let mut steps = Vec::new();
        let request = Request { process, ..world.request(access, 0x20_0123) };
        let _ = translate_traced(&world.config, &mut world.arena, &request, &mut steps);
        steps.iter().map(Step::to_string).collect::<Vec<_>>().join("\n")
    };
    let read = text(Access::Read);
    for line in [
        "dc.tc               @ 0x0000000010a0 = 0x0000000000000021  V PDTV",
        "dc.iohgatp          @ 0x0000000010a8 = 0x8000700000000004  mode=0x8 gscid=0x7 ppn=0x4",
        "(gpa 0x100000c030 of pc, table from dc)",
        "  V pscid=0x77",
        "of pte[2], table from pc)",
        "of pte[1], table from pte)",
        "V R U A D ppn=0x40200",
        "(gpa 0x40200123 of the access)",
    ] {
        assert!(read.contains(line), "{line}\nis not in\n{read}");
    }
    assert!(read.ends_with("translated to 0x80200123, 2^21 bytes"), "{read}");
    let write = text(Access::Write);
    assert!(write.ends_with("refused: Write/AMO page fault (cause 15), iotval 0x200123, iotval2 0x0"), "{write}");
}
