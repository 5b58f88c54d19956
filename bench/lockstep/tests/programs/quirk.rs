// SPDX-License-Identifier: Apache-2.0
//! A step left out by a bug of the driver, for the length of one operation.

use driver::Quirk;

use super::dice::Dice;
use super::generate::{Limits, program};
use super::leave_out::{WAIT, model};
use super::play::{Twist, play};
use super::program::Op;
use super::verdict::Verdict;

/// A bug, and the steps of which one must be named.
struct Bug {
    quirk: Quirk,
    steps: &'static [&'static str],
}

const VMA: &str = "IOTINVAL.VMA";
const GVMA: &str = "IOTINVAL.GVMA";
const DDT: &str = "IODIR.INVAL_DDT";
const PDT: &str = "IODIR.INVAL_PDT";

const BUGS: [Bug; 10] = [
    Bug { quirk: Quirk::SkipAttachSync, steps: &[DDT] },
    Bug { quirk: Quirk::SkipAttachFlush, steps: &[VMA, GVMA] },
    Bug { quirk: Quirk::SkipUnmapFlush, steps: &[VMA, GVMA, DDT] },
    Bug { quirk: Quirk::SkipNestedUnmapFlush, steps: &[GVMA, DDT] },
    Bug { quirk: Quirk::FlushWithoutGv, steps: &[VMA] },
    Bug { quirk: Quirk::SkipGvma, steps: &[GVMA] },
    Bug { quirk: Quirk::SkipReleaseFlush, steps: &[VMA, GVMA] },
    Bug { quirk: Quirk::UnorderedFence, steps: &["a fence"] },
    Bug { quirk: Quirk::SkipProcessSync, steps: &[PDT] },
    Bug { quirk: Quirk::SkipMsiFlush, steps: &[GVMA] },
];

/// Whether an operation takes the way on which the bug is.
fn concerns(op: &Op, quirk: Quirk) -> bool {
    match quirk {
        Quirk::SkipAttachSync | Quirk::SkipAttachFlush => {
            matches!(op, Op::Replace { .. } | Op::Detach { .. } | Op::ReplaceProcess { .. } | Op::MsiSwitch { .. })
        }
        Quirk::SkipProcessSync => matches!(op, Op::ReplaceProcess { .. } | Op::DetachProcess { .. }),
        Quirk::SkipReleaseFlush => matches!(op, Op::Free { .. }),
        Quirk::SkipMsiFlush => matches!(op, Op::MsiMove { .. } | Op::MsiUnmap { .. } | Op::MsiSwitch { .. }),
        Quirk::UnorderedFence => {
            matches!(op, Op::Unmap { give_up: true, .. } | Op::MsiMove { give_up: true, .. })
        }
        Quirk::FlushWithoutGv | Quirk::SkipGvma => {
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
            let ops: Vec<usize> =
                (0..program.ops.len()).filter(|&at| concerns(&program.ops[at].0, bug.quirk)).collect();
            (bug, ops)
        })
        .find(|(_, ops)| !ops.is_empty())?;
    let op = dice.one(&ops);
    let twist = Twist { quirk: Some((op, bug.quirk)), wait: Some((op, WAIT)), ..Twist::default() };
    let played = play(&program, model(seed), twist);
    let is_named = |text: &str| {
        let missing = text.split_once("missing: ").map_or("", |(_, missing)| missing);
        bug.steps.iter().any(|step| missing.contains(step))
    };
    Some(Verdict::of(seed, bug.quirk.name().into(), format!("{:x?}", program.ops[op].0), &played, is_named))
}
