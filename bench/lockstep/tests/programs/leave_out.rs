// SPDX-License-Identifier: Apache-2.0
//! The same programs with one owed step left out. Whether what that left behind was used is decided by the watcher; then
//! software must be blamed, and the text of the hazard must name the step.

use std::collections::BTreeMap;

use boundary::Dut;
use model::{CacheConfig, Model, ModelConfig};

use super::dice::Dice;
use super::generate::{Limits, program};
use super::play::{Played, Twist, play};
use super::program::{Op, Program};
use super::step::{CommandKind, How, Left, Sent};
use super::verdict::Verdict;

/// So long does software wait behind the operation that lacks a step: what is stale has time to be used.
pub const WAIT: u64 = 400;

/// A device that keeps what it may: where something stale can show, it does.
pub fn model(seed: u64) -> Box<dyn Dut> {
    let base = if seed.is_multiple_of(2) { CacheConfig::large() } else { CacheConfig::combined() };
    let caches =
        CacheConfig { tagged: seed % 4 < 2, eager_percent: if seed.is_multiple_of(3) { 30 } else { 100 }, ..base };
    let caches = CacheConfig { strict_fence: false, ..caches };
    Box::new(Model::new(ModelConfig { caches, ..ModelConfig::plain(seed) }))
}

/// The program of a seed without one step; none if it owes none.
pub fn leave_out(seed: u64) -> Option<Verdict> {
    let (program, left, op) = choose(seed)?;
    let mut verdict = judge(&program, left, op);
    if verdict.wrong.is_some() {
        let whole = play(&program, model(seed), Twist::default()).blame();
        verdict.wrong = verdict.wrong.map(|wrong| format!("{wrong}; with the step: {whole:?}"));
    }
    Some(verdict)
}

/// A program, and one of the commands that it sends.
pub fn choose(seed: u64) -> Option<(Program, Left, usize)> {
    let mut program = program(seed, Limits { hot: true, ..Limits::default() });
    program.machine.command_queue_log2 = 6;
    let whole = play(&program, model(seed), Twist::default());
    let mut dice = Dice::new(seed, 2);
    // Neither what the driver does when it starts, nor what it does when it gives everything back.
    let first = whole.started;
    let mut candidates: BTreeMap<CommandKind, Vec<usize>> = BTreeMap::new();
    for (number, sent) in whole.sent.iter().enumerate().skip(first) {
        if let Some((op, _)) = program.ops.get(sent.op)
            && owes(op)
            && !ways(sent, op).is_empty()
        {
            candidates.entry(sent.kind).or_default().push(number);
        }
    }
    let kinds: Vec<CommandKind> = candidates.keys().copied().collect();
    if kinds.is_empty() {
        return None;
    }
    let kind = dice.one(&kinds);
    let number = dice.one(&candidates[&kind]);
    let sent = whole.sent[number];
    let how = dice.one(&ways(&sent, &program.ops[sent.op].0));
    Some((program, Left { number, how }, sent.op))
}

/// Where V goes from 0 to 1, nothing is owed.
fn owes(op: &Op) -> bool {
    !matches!(
        op,
        Op::Attach { .. } | Op::AttachProcess { .. } | Op::Create { .. } | Op::Map { .. } | Op::OwnInvalidation { .. }
    )
}

/// How a command can be left out: PR and PW are owed only where memory is given up.
fn ways(sent: &Sent, op: &Op) -> Vec<How> {
    let gives_up = match op {
        Op::Unmap { give_up, .. } | Op::MsiMove { give_up, .. } | Op::MsiUnmap { give_up, .. } => *give_up,
        _ => false,
    };
    let mut ways = How::of(sent);
    ways.retain(|how| gives_up || !matches!(how, How::NoReads | How::NoWrites));
    ways
}

/// Plays a program without a step of this operation.
pub fn play_without(program: &Program, left: Left, op: usize) -> Played {
    let twist = Twist { left: Some(left), wait: Some((op, WAIT)), ..Twist::default() };
    play(program, model(program.seed), twist)
}

fn judge(program: &Program, left: Left, op: usize) -> Verdict {
    let played = play_without(program, left, op);
    let kind = played.sent.get(left.number).map_or(CommandKind::Other, |sent| sent.kind);
    let what = format!("{kind:?} {:?}", left.how);
    let name = program.ops.get(op).map(|(op, _)| format!("{op:x?}")).unwrap_or_default();
    Verdict::of(program.seed, what, name, &played, |text| left.how.is_named(kind, text))
}
