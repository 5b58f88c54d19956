// SPDX-License-Identifier: Apache-2.0
//! A step left out by a bug of the driver, for the length of one operation.

use driver::Quirks;

use super::dice::Dice;
use super::generate::{Limits, program};
use super::leave_out::{WAIT, model};
use super::play::{Twist, play};
use super::program::Op;
use super::verdict::Verdict;

/// A bug: its name, and the steps of which one must be named.
struct Bug {
    name: &'static str,
    set: fn(&mut Quirks),
    steps: &'static [&'static str],
}

const VMA: &str = "IOTINVAL.VMA";
const GVMA: &str = "IOTINVAL.GVMA";
const DDT: &str = "IODIR.INVAL_DDT";
const PDT: &str = "IODIR.INVAL_PDT";

const BUGS: [Bug; 10] = [
    Bug { name: "skip-attach-sync", set: |own| own.skip_attach_sync = true, steps: &[DDT] },
    Bug { name: "skip-attach-flush", set: |own| own.skip_attach_flush = true, steps: &[VMA, GVMA] },
    Bug { name: "skip-unmap-flush", set: |own| own.skip_unmap_flush = true, steps: &[VMA, GVMA, DDT] },
    Bug { name: "skip-nested-unmap-flush", set: |own| own.skip_nested_unmap_flush = true, steps: &[GVMA, DDT] },
    Bug { name: "flush-without-gv", set: |own| own.flush_without_gv = true, steps: &[VMA] },
    Bug { name: "skip-gvma", set: |own| own.skip_gvma = true, steps: &[GVMA] },
    Bug { name: "skip-release-flush", set: |own| own.skip_release_flush = true, steps: &[VMA, GVMA] },
    Bug { name: "unordered-fence", set: |own| own.unordered_fence = true, steps: &["a fence"] },
    Bug { name: "skip-process-sync", set: |own| own.skip_process_sync = true, steps: &[PDT] },
    Bug { name: "skip-msi-flush", set: |own| own.skip_msi_flush = true, steps: &[GVMA] },
];

/// Whether an operation takes the way on which the bug is.
fn concerns(op: &Op, name: &str) -> bool {
    match name {
        "skip-attach-sync" | "skip-attach-flush" => {
            matches!(op, Op::Replace { .. } | Op::Detach { .. } | Op::ReplaceProcess { .. } | Op::MsiSwitch { .. })
        }
        "skip-process-sync" => matches!(op, Op::ReplaceProcess { .. } | Op::DetachProcess { .. }),
        "skip-release-flush" => matches!(op, Op::Free { .. }),
        "skip-msi-flush" => matches!(op, Op::MsiMove { .. } | Op::MsiUnmap { .. }),
        "unordered-fence" => {
            matches!(op, Op::Unmap { give_up: true, .. } | Op::MsiMove { give_up: true, .. })
        }
        "flush-without-gv" | "skip-gvma" => {
            matches!(op, Op::Unmap { .. } | Op::Protect { .. } | Op::Replace { .. } | Op::MsiUnmap { .. })
        }
        _ => matches!(op, Op::Unmap { .. } | Op::Protect { .. }),
    }
}

/// The program of a seed with a bug of the driver in one operation; none if it has no such operation.
pub fn with_a_bug(seed: u64) -> Option<Verdict> {
    let mut program = program(seed, Limits { hot: true, ..Limits::default() });
    program.machine.command_queue_log2 = 6;
    let mut dice = Dice::new(seed, 3);
    let first = dice.below(BUGS.len() as u64) as usize;
    let order = (0..BUGS.len()).map(|at| &BUGS[(first + at) % BUGS.len()]);
    let (bug, ops) = order
        .map(|bug| {
            let ops: Vec<usize> = (0..program.ops.len()).filter(|&at| concerns(&program.ops[at].0, bug.name)).collect();
            (bug, ops)
        })
        .find(|(_, ops)| !ops.is_empty())?;
    let op = dice.one(&ops);
    let mut quirks = Quirks::default();
    (bug.set)(&mut quirks);
    let twist = Twist { quirks: Some((op, quirks)), wait: Some((op, WAIT)), ..Twist::default() };
    let played = play(&program, model(seed), twist);
    let is_named = |text: &str| {
        let missing = text.split_once("missing: ").map_or("", |(_, missing)| missing);
        bug.steps.iter().any(|step| missing.contains(step))
    };
    Some(Verdict::of(seed, bug.name.into(), format!("{:x?}", program.ops[op].0), &played, is_named))
}
